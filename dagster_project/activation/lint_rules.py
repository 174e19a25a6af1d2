"""What can be wrong with a segment, one function per rule; nothing is read and nothing is told here."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from dagster_project.activation.destination_settings import Destination
from dagster_project.activation.layouts import LAYOUTS
from dagster_project.activation.measuring import detectable_effect
from dagster_project.activation.segments import (
    ADDRESSES,
    CUSTOMER_KEY,
    REASON,
    SegmentSettings,
)
from dagster_project.ingestion.declarations import Declaration, Loc, did_you_mean

Severity = Literal["mistake", "warning"]

PERSONAL = ADDRESSES | {"name", "first_name", "last_name", "salutation", "employee_name"}
"""Columns that say who somebody is, or how to reach them: none of them belongs into a reason."""

ONLY_FOR_CONTACT = (
    "holdout_share",
    "cool_down_days",
    "contact_cap",
    "outcome_days",
    "double_opt_in",
    "min_record_score",
)
ASSUMED_RATE = 0.05
"""Share that orders unaddressed, where nothing is known yet."""

WORTHLESS_EFFECT = 0.10
"""A holdout that cannot even show that ten more of a hundred order measures nothing."""


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong with a segment, or may be.

    Args:
        segment: Its name.
        severity: A `mistake` stops the list or makes it wrong, a `warning` may be meant.
        rule: Name of the rule.
        what: The problem in one sentence, without a full stop.
        where: File and line.
        remedy: What to do, as a full sentence.
    """

    segment: str
    severity: Severity
    rule: str
    what: str
    where: str
    remedy: str


class _EachByItself(SegmentSettings):
    """The settings without the rules between them, so that all of those can be told."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        return self


_PLACEHOLDERS: Mapping[str, object] = {
    "title": "?",
    "owner": "?",
    "purpose": "service",
    "legal_basis": "?",
    "channel": "phone",
    "min_size": 0,
    "max_size": 1,
}


@dataclass(frozen=True)
class Surroundings:
    """What a segment is held against.

    Args:
        customer_columns: Columns of dim_customers.
        owners: Who owns something in this project.
        destinations: Where lists can be sent to; None if that could not be read.
        priorities: Which contact lists have which priority.
        today: The day of the reader.
    """

    customer_columns: frozenset[str]
    owners: frozenset[str]
    destinations: Mapping[str, Destination] | None
    priorities: Mapping[int, tuple[str, ...]]
    today: date


@dataclass(frozen=True)
class Subject:
    """One segment as it stands in its two files.

    Args:
        name: Its name.
        sql_file: Its model, as people call it.
        sql: The text of that file.
        description: As the YAML describes the model.
        owner: Who owns the model.
        head: Its settings as they were written, None without any.
        columns: Columns of the model by its YAML.
        yaml_file: The YAML beside it, as people call it.
        yaml: That file, None if it cannot be read.
    """

    name: str
    sql_file: str
    sql: str
    description: str
    owner: object
    head: Mapping[str, Any] | None
    columns: tuple[str, ...]
    yaml_file: str
    yaml: Declaration | None

    @cached_property
    def problems(self) -> tuple[Any, ...]:
        """What pydantic says of each setting by itself."""
        try:
            _EachByItself.model_validate(self.head or {})
        except ValidationError as error:
            return tuple(error.errors(include_url=False))
        return ()

    @cached_property
    def wrong(self) -> frozenset[str]:
        """Settings that are missing or cannot be used: nothing more can be said of them."""
        return frozenset(str(problem["loc"][0]) for problem in self.problems)

    @cached_property
    def settings(self) -> SegmentSettings:
        """The settings, with placeholders where they are wrong."""
        usable = {name: value for name, value in (self.head or {}).items() if name not in self.wrong}
        missing = {name: value for name, value in _PLACEHOLDERS.items() if name in self.wrong}
        return _EachByItself.model_validate({**missing, **usable})

    @cached_property
    def unit_tests(self) -> tuple[str, ...]:
        """Names of its dbt unit tests, by the YAML beside it."""
        data = self.yaml.data if self.yaml else {}
        tests = data.get("unit_tests") or []
        return tuple(str(one.get("name")) for one in tests if isinstance(one, dict) and one.get("model") == self.name)

    def knows(self, *names: str) -> bool:
        """All of these settings can be used."""
        return self.head is not None and not self.wrong & set(names)

    def at(self, *path: str | int) -> str:
        """File and line of a setting, or of what is nearest to it."""
        return self.line(("config", "meta", "segment", *path))

    def line(self, path: Loc = ()) -> str:
        """File and line of a key of the model in its YAML."""
        if self.yaml is None:
            return self.yaml_file
        models = self.yaml.data.get("models") or []
        names = [one.get("name") if isinstance(one, dict) else None for one in models]
        start: Loc = ("models", names.index(self.name)) if self.name in names else ()
        return f"{self.yaml_file}:{self.yaml.line((*start, *path))}"

    def complaint(
        self, rule: str, what: str, *, where: str, remedy: str = "", severity: Severity = "mistake"
    ) -> Complaint:
        """A complaint about this segment."""
        return Complaint(segment=self.name, severity=severity, rule=rule, what=what, where=where, remedy=remedy)


Rule = Callable[[Subject, Surroundings], Iterator[Complaint]]


def settings_by_themselves(one: Subject, _: Surroundings) -> Iterator[Complaint]:
    """Settings that are missing, misspelt or of the wrong kind."""
    if one.head is None:
        yield one.complaint(
            "no_settings",
            "the segment has no settings",
            where=one.line(),
            remedy=f"Write them under config.meta.segment: {', '.join(_PLACEHOLDERS)}.",
        )
        return
    for problem in one.problems:
        name = str(problem["loc"][0])
        match problem["type"]:
            case "missing":
                yield one.complaint(
                    "missing_setting", f"the setting {name} is missing", where=one.at(), remedy=_WHAT_IT_IS[name]
                )
            case "extra_forbidden":
                yield one.complaint(
                    "unknown_setting",
                    f"{name} is no known setting",
                    where=one.at(name),
                    remedy=did_you_mean(name, SegmentSettings.model_fields) or "Take it out.",
                )
            case _:
                text = problem["msg"].removeprefix("Input should be ").removeprefix("String should ")
                yield one.complaint(
                    "wrong_setting",
                    f"{name} should be {text} (it is {problem['input']!r})",
                    where=one.at(*problem["loc"]),
                    remedy=_choices(problem),
                )


def _choices(problem: Any) -> str:
    if problem["type"] != "literal_error":
        return "Correct it."
    known = re.findall(r"'(\w+)'", problem["ctx"]["expected"])
    return did_you_mean(str(problem["input"]), known)


_WHAT_IT_IS: Mapping[str, str] = {
    "title": "Say how people call the list.",
    "owner": "Say which team answers for it.",
    "purpose": "Say what consent is asked for: marketing, service, or none for a work list.",
    "legal_basis": "Say what allows it: consent, a contract, a legitimate interest.",
    "channel": "Say how people are contacted: email, phone or letter; internal for a work list.",
    "min_size": "Say how many members it has at least; 0 if it may be empty.",
    "max_size": "Say how many members it has at most.",
}


def work_lists_contact_nobody(one: Subject, _: Surroundings) -> Iterator[Complaint]:
    """What only makes sense for people who are contacted."""
    if not one.knows("channel") or one.settings.is_contact:
        return
    for name in ONLY_FOR_CONTACT:
        if name in (one.head or {}):
            yield one.complaint(
                "contact_setting_on_work_list",
                f"{name} is for lists that people are contacted with, and the channel is internal",
                where=one.at(name),
                remedy="Take it out, or name the channel.",
            )
    if one.knows("purpose") and one.settings.purpose != "none":
        yield one.complaint(
            "purpose_of_work_list",
            f"the channel is internal, and the purpose {one.settings.purpose}: no consent is asked for this list",
            where=one.at("purpose"),
            remedy="Write `purpose: none`, or name the channel on which people are contacted.",
            severity="warning",
        )


def contacts_have_a_purpose(one: Subject, _: Surroundings) -> Iterator[Complaint]:
    """What a list needs that people are contacted with."""
    if not one.knows("channel") or not one.settings.is_contact:
        return
    settings = one.settings
    if one.knows("purpose") and settings.purpose == "none":
        yield one.complaint(
            "contact_without_purpose",
            f"a list for the channel {settings.channel} needs a purpose that consent can be given for",
            where=one.at("purpose"),
            remedy="Write marketing or service, or make it a work list (`channel: internal`).",
        )
    if one.knows("key") and settings.key != CUSTOMER_KEY:
        yield one.complaint(
            "key_of_contact_list",
            f"a list for the channel {settings.channel} has one row per customer, so its key is {CUSTOMER_KEY}",
            where=one.at("key"),
            remedy="Take the key out, or make it a work list (`channel: internal`).",
        )


def consent_is_what_the_law_asks_for(one: Subject, _: Surroundings) -> Iterator[Complaint]:
    """Purpose, legal basis and opt-in that do not go together."""
    settings = one.settings
    if not one.knows("purpose", "channel") or not settings.is_contact or settings.purpose != "marketing":
        return
    if one.knows("double_opt_in") and settings.channel == "email" and not settings.needs_double_opt_in:
        yield one.complaint(
            "single_opt_in",
            "marketing by e-mail without double opt-in: nobody can prove that the address belongs to who agreed",
            where=one.at("double_opt_in"),
            remedy="Take `double_opt_in: false` out, or have it confirmed by who answers for data protection.",
            severity="warning",
        )
    if one.knows("legal_basis") and settings.channel != "letter" and "consent" not in settings.legal_basis.lower():
        yield one.complaint(
            "legal_basis",
            f"marketing by {settings.channel} takes consent (section 7 UWG), and the legal basis does not name it",
            where=one.at("legal_basis"),
            remedy='Write for example "consent (Art. 6(1)(a) GDPR, section 7 UWG)", or correct the purpose.',
            severity="warning",
        )


def sizes_leave_room(one: Subject, _: Surroundings) -> Iterator[Complaint]:
    """Bounds of the size that no list keeps."""
    if one.knows("min_size", "max_size") and one.settings.min_size > one.settings.max_size:
        yield one.complaint(
            "sizes",
            f"min_size {one.settings.min_size} is above max_size {one.settings.max_size}",
            where=one.at("min_size"),
            remedy="Lower min_size or raise max_size.",
        )


def holdout_can_measure(one: Subject, _: Surroundings) -> Iterator[Complaint]:
    """A holdout that takes people away and shows nothing."""
    settings = one.settings
    if not one.knows("holdout_share", "max_size", "channel") or not settings.is_contact or not settings.holdout_share:
        return
    effect = _effect(settings.max_size, share=settings.holdout_share)
    if effect is not None and effect <= WORTHLESS_EFFECT:
        return
    shares = [share / 100 for share in range(1, 51)]
    enough = next((s for s in shares if (_effect(settings.max_size, share=s) or 1) <= WORTHLESS_EFFECT), None)
    seen = "no effect at all" if effect is None else f"no effect below {effect * 100:.1f} points"
    yield one.complaint(
        "small_holdout",
        f"a list of at most {settings.max_size} with a holdout_share of {settings.holdout_share:g} shows {seen}",
        where=one.at("holdout_share"),
        remedy=f"Hold out {enough:g}, or nobody."
        if enough
        else "No share is enough for so few: hold out nobody, or raise max_size.",
        severity="warning",
    )


def _effect(size: int, *, share: float) -> float | None:
    holdout = round(size * share)
    return detectable_effect(ASSUMED_RATE, treated=size - holdout, holdout=holdout)


def priorities_differ(one: Subject, around: Surroundings) -> Iterator[Complaint]:
    """Two lists that would take a customer at the same time."""
    if not one.knows("priority", "channel") or not one.settings.is_contact:
        return
    others = [name for name in around.priorities.get(one.settings.priority, ()) if name != one.name]
    if others:
        said = "" if "priority" in (one.head or {}) else ", which is what counts if none is said"
        yield one.complaint(
            "same_priority",
            f"{', '.join(others)} has the priority {one.settings.priority}, too{said}: names decide who comes first",
            where=one.at("priority"),
            remedy=f"Choose another one; taken are {', '.join(map(str, sorted(around.priorities)))}.",
            severity="warning",
        )


def columns_exist(one: Subject, around: Surroundings) -> Iterator[Complaint]:
    """Columns that are exported, sorted by or used as a key, and are nowhere."""
    settings = one.settings
    known = {*one.columns, *around.customer_columns, REASON} - ADDRESSES  # whether there is a reason is asked below
    for number, name in enumerate(settings.export_columns if one.knows("export_columns") else ()):
        if name in ADDRESSES:
            yield one.complaint(
                "address_column",
                f"export_columns names {name}, but an address only comes with the channel",
                where=one.at("export_columns", number),
                remedy="Take it out.",
            )
        elif name not in known:
            yield one.complaint(
                "unknown_column",
                f"export_columns names {name}, which neither the model nor dim_customers has",
                where=one.at("export_columns", number),
                remedy=_nearest(name, known),
            )
    for number, name in enumerate(settings.sort_by if one.knows("sort_by") else ()):
        if name.removeprefix("-") not in one.columns:
            yield one.complaint(
                "unknown_order",
                f"sort_by names {name.removeprefix('-')}, which is no column of the model",
                where=one.at("sort_by", number),
                remedy=_nearest(name.removeprefix("-"), one.columns),
            )


def keys_and_reason_are_there(one: Subject, _: Surroundings) -> Iterator[Complaint]:
    """Columns that every list needs."""
    key = one.settings.key if one.knows("key") else CUSTOMER_KEY
    for name in dict.fromkeys((CUSTOMER_KEY, key, REASON)):
        if name not in one.columns:
            yield one.complaint(
                "reason" if name == REASON else "key",
                f"the model has no column {name}",
                where=one.line(("columns",)),
                remedy=_WHY_IT_IS_NEEDED.get(name, "It is the key of the list: add it, or correct the setting."),
            )


_WHY_IT_IS_NEEDED = {
    CUSTOMER_KEY: "Add it to the model and its YAML; `unknown` where a row belongs to nobody in particular.",
    REASON: "Add it to the model and its YAML: why this one is on the list, in plain words without personal data.",
}


def _nearest(name: str, known: Collection[str]) -> str:
    return did_you_mean(name, known) or "Add it to the model and its YAML, or take it out."


def nothing_personal_in_the_model(one: Subject, _: Surroundings) -> Iterator[Complaint]:
    """Personal data in a table that analysts read, or in reasons that the journals keep."""
    for name in sorted((PERSONAL - {"salutation"}) & set(one.columns)):
        yield one.complaint(
            "personal_column",
            f"the model has a column {name}: lists get personal data from the customer when they leave, not before",
            where=one.line(("columns",)),
            remedy="Take it out of the model; `name` and `salutation` can be named in export_columns.",
        )
    for line, words in _personal_reasons(one.sql):
        yield one.complaint(
            "personal_reason",
            f"the reason is made of {', '.join(words)}, and the journals keep it",
            where=f"{one.sql_file}:{line}",
            remedy="Say why with dates, numbers and names of products.",
        )


def _personal_reasons(sql: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line and personal columns of every expression that becomes the reason."""
    bare = re.sub(r"'(?:[^']|'')*'|--[^\n]*|\{#.*?#\}", lambda match: re.sub(r"[^\n]", " ", match[0]), sql, flags=re.S)
    for match in re.finditer(rf"\bas\s+{REASON}\b", bare):
        expression = bare[_start_of_expression(bare, match.start()) : match.start()]
        words = tuple(sorted(PERSONAL & set(re.findall(r"\w+", expression))))
        if words:
            yield bare.count("\n", 0, match.start()) + 1, words


def _start_of_expression(sql: str, end: int) -> int:
    """Where the expression that ends at `end` begins: after the comma, bracket or `select` before it."""
    depth = 0
    for position in range(end - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(sql[position], 0)
        if depth < 0 or (depth == 0 and (sql[position] == "," or sql.startswith("select", position))):
            return position
    return 0


def destinations_are_there(one: Subject, around: Surroundings) -> Iterator[Complaint]:
    """Destinations that nobody has declared, or that cannot take a list of this channel."""
    if around.destinations is None or not one.knows("destinations"):
        return
    for number, name in enumerate(one.settings.destinations):
        destination = around.destinations.get(name)
        if destination is None:
            yield one.complaint(
                "unknown_destination",
                f"there is no destination {name}",
                where=one.at("destinations", number),
                remedy=did_you_mean(name, around.destinations) or "Declare it in sources/destinations.yml.",
            )
        elif one.knows("channel") and one.settings.channel not in LAYOUTS[destination.layout].channels:
            takes = ", ".join(sorted(LAYOUTS[destination.layout].channels))
            yield one.complaint(
                "destination_of_another_channel",
                f"{name} has the layout {destination.layout}, which takes no list for {one.settings.channel}",
                where=one.at("destinations", number),
                remedy=f"It takes lists for {takes}.",
            )


def list_goes_on(one: Subject, around: Surroundings) -> Iterator[Complaint]:
    """A list past its last day."""
    expires = one.settings.expires if one.knows("expires") else None
    if expires and expires < around.today:
        yield one.complaint(
            "expired",
            f"the last day of the list was {expires}",
            where=one.at("expires"),
            remedy="Prolong it, or remove the segment.",
            severity="warning",
        )


def somebody_answers_for_it(one: Subject, around: Surroundings) -> Iterator[Complaint]:
    """An owner nobody else knows, or two of them."""
    if not one.knows("owner"):
        return
    owner = one.settings.owner
    if owner not in around.owners:
        yield one.complaint(
            "unknown_owner",
            f"nobody called {owner} owns anything else in this project",
            where=one.at("owner"),
            remedy=did_you_mean(owner, around.owners) or "Name a team that others can find.",
            severity="warning",
        )
    if one.owner != owner:
        yield one.complaint(
            "two_owners",
            f"the list belongs to {owner}, and its model to {one.owner}",
            where=one.line(("config", "meta", "owner")),
            remedy="Write the same owner under config.meta and in the settings.",
            severity="warning",
        )


def files_say_what_they_are(one: Subject, _: Surroundings) -> Iterator[Complaint]:
    """Grain, and a unit test named after the model."""
    if "Grain:" not in one.sql.partition("\n")[0]:
        yield one.complaint(
            "no_grain",
            "the model does not say what a row of it is",
            where=f"{one.sql_file}:1",
            remedy="Begin it with `{#- Grain: one row per …. -#}`.",
        )
    if "grain" not in one.description.lower():
        yield one.complaint(
            "no_grain",
            "the description does not say what a row is",
            where=one.line(("description",)),
            remedy="Begin it with `*Grain*: one row per ….`",
        )
    if not one.unit_tests:
        yield one.complaint(
            "no_unit_test",
            "the model has no unit test",
            where=one.yaml_file,
            remedy="Write one under unit_tests: somebody exactly on each bound, and somebody one step beside it.",
        )
    for name in one.unit_tests:
        if not name.startswith(f"{one.name}_"):
            yield one.complaint(
                "name_of_unit_test",
                f"the unit test {name} does not begin with the name of its model",
                where=one.yaml_file,
                remedy=f"Call it {one.name}_ and what the model does.",
            )


RULES: tuple[Rule, ...] = (
    settings_by_themselves,
    work_lists_contact_nobody,
    contacts_have_a_purpose,
    consent_is_what_the_law_asks_for,
    sizes_leave_room,
    holdout_can_measure,
    priorities_differ,
    columns_exist,
    keys_and_reason_are_there,
    nothing_personal_in_the_model,
    destinations_are_there,
    list_goes_on,
    somebody_answers_for_it,
    files_say_what_they_are,
)
