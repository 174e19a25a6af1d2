"""Lets the demo company act on the lists that have left: reads them, writes what came back, keeps the truth apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.errors import CrmError
from dagster_project.simulation.activity import busier
from dagster_project.simulation.branches import Branch, branches_of, told
from dagster_project.simulation.company import BOHNENWERK, Company, ReactionLaw
from dagster_project.simulation.drafts import Drafts
from dagster_project.simulation.exports import Export, Format
from dagster_project.simulation.horizon import DAY, Horizon
from dagster_project.simulation.identifiers import Staff
from dagster_project.simulation.reaction import EPOCH, Mailing, Reaction, react
from dagster_project.simulation.truth import identities
from dagster_project.simulation.world import World, make_branch
from dagster_project.simulation.writers.mailchimp import list_exports
from dagster_project.simulation.writers.navision import order_exports
from dagster_project.simulation.writers.shopify import order_export, shop_accounts

CONTACT_CHANNELS = ("email", "phone", "letter")
DEFAULT_OUTCOME_DAYS = 30
REACTIONS = "reactions"


@dataclass(frozen=True)
class ActResult:
    """What the company did with its lists."""

    landing: Path
    truth: Path
    lists: int
    addressed: int
    converted: int
    unreachable: int
    files: tuple[str, ...]


def act(
    *,
    out: Path,
    effect: float | None = None,
    after: date | None = None,
    until: date | None = None,
    on_progress: Callable[[str], None] | None = None,
    company: Company = BOHNENWERK,
) -> ActResult:
    """Send every new member of every delivered contact list a message, and write the files of what people do then.

    The files arrive on the days after each list, beside those of the company's own history; the same lists give the
    same bytes, whichever part is written. Work lists are for the house and reach nobody.

    Args:
        out: Data directory of a simulated company: `landing`, `truth` and, once a night has run, `exports`.
        effect: Share of addressed, living customers that a message makes buy once more; None for what the argument
            and the list truly do.
        after: Write only files that arrive after this day.
        until: Write only files that arrive up to this day.
        on_progress: Told each step in a word or two.
        company: Parameters of the company.

    Raises:
        CrmError: There is no company or no list, or the company acted with another effect before.
    """
    report = on_progress or (lambda _step: None)
    law = ReactionLaw(effect=effect)
    _check_effect(out, effect)
    company, horizon, branches = _same_company(out, company=company)
    report("lists")
    mailings = read_mailings(out / "exports")
    if not mailings:
        raise CrmError(
            "no list has left yet that the company could act on",
            where=str(out / "exports"),
            remedy="Run `crm nightly`, then let lists out with `crm segments release`.",
        )
    answers = _Answers(out, branches=len(branches), after=after, until=until)
    for branch in branches:
        world = make_branch(company, horizon, branch, on_progress=told(on_progress, branch))
        answers.add(world, mailings, law=law)
        del world
    return answers.close(mailings, effect=effect)


class _Answers:
    """Collects how the people of each branch react, and writes it when all have."""

    def __init__(self, out: Path, *, branches: int, after: date | None, until: date | None) -> None:
        self.landing, self.truth, self.after, self.until = out / "landing", out / "truth", after, until
        self._drafts = Drafts(self.truth / "drafts" / REACTIONS, branches=branches)
        self._contacts: list[pl.DataFrame] = []
        self._written: dict[str, None] = {}
        self._owned = self._unreachable = 0

    def add(self, world: World, mailings: Sequence[Mailing], *, law: ReactionLaw) -> None:
        """Let the people of one branch react."""
        owners = _owners(world)
        own = [replace(one, people=one.people.join(owners, on="customer_key", how="inner")) for one in mailings]
        self._owned += sum(one.people.height for one in own)
        for night in sorted({mailing.night for mailing in mailings}):
            reaction = react(world, [one for one in own if one.night == night], law=law)
            self._contacts.append(reaction.contacts)
            self._unreachable += reaction.unreachable
            so_far = tuple(one.campaign for one in mailings if one.night <= night)
            for path, arrival, form, rows in _files(world, reaction, night=night, campaigns=so_far):
                if (self.after is None or arrival > self.after) and (self.until is None or arrival <= self.until):
                    self._drafts.add(path, rows, form=form)
                    self._written[path] = None

    def close(self, mailings: Sequence[Mailing], *, effect: float | None) -> ActResult:
        """Write the truth, then the files."""
        contacts = pl.concat(self._contacts).sort("night", "segment", "person")
        unreachable = self._unreachable + sum(one.people.height for one in mailings) - self._owned
        _write_truth(self.truth, contacts, effect=effect, unreachable=unreachable)
        for path in self._written:
            self._drafts.finish(path, self.landing / path)
        self._drafts.close()
        return ActResult(
            landing=self.landing,
            truth=self.truth,
            lists=len(mailings),
            addressed=contacts.height,
            converted=int(contacts["is_converted"].sum()),
            unreachable=unreachable,
            files=tuple(self._written),
        )


def read_mailings(exports: Path) -> tuple[Mailing, ...]:
    """Every contact list that left, with the keys that were not on the one before it.

    Args:
        exports: Folder of the lists.
    """
    found = []
    for folder in sorted(path for path in exports.glob("seg_*") if path.is_dir()):
        before = pl.Series("customer_key", [], dtype=pl.String)
        for night, place in _delivered(folder):
            settings = json.loads((place / "manifest.json").read_text(encoding="utf-8"))["definition"]["settings"]
            keys = pl.read_parquet(place / "members.parquet", columns=["customer_key"])["customer_key"].unique()
            fresh = keys.filter(~keys.is_in(before.implode())).to_frame()
            before = keys
            if settings["channel"] in CONTACT_CHANNELS and fresh.height:
                found.append(
                    Mailing(
                        segment=folder.name,
                        night=night,
                        channel=settings["channel"],
                        purpose=settings["purpose"],
                        outcome_days=settings.get("outcome_days") or DEFAULT_OUTCOME_DAYS,
                        people=fresh.sort("customer_key"),
                    )
                )
    return tuple(sorted(found, key=lambda one: (one.night, one.segment)))


def _delivered(folder: Path) -> Iterator[tuple[date, Path]]:
    for place in sorted(folder.iterdir()):
        try:
            yield date.fromisoformat(place.name), place
        except ValueError:  # `latest`, `held_back` and what a killed run left
            continue


def _check_effect(out: Path, effect: float | None) -> None:
    described = out / "truth" / f"{REACTIONS}.json"
    if described.exists() and json.loads(described.read_text(encoding="utf-8"))["effect"] != effect:
        raise CrmError(
            "the company acted with another effect before; what people did cannot change afterwards",
            where=str(described),
            remedy="Use the same --effect, or another data directory.",
        )


def _same_company(out: Path, *, company: Company) -> tuple[Company, Horizon, tuple[Branch, ...]]:
    """The company of this directory, to be drawn anew."""
    described = out / "truth" / "truth.json"
    if not described.exists():
        raise CrmError(
            "there is no demo company here", where=str(out), remedy=f"Write one with `crm simulate --out {out}`."
        )
    one: dict[str, Any] = json.loads(described.read_text(encoding="utf-8"))["simulation"]
    horizon = Horizon(date.fromisoformat(one["start"]), one["months"], one["nights"])
    company, count = busier(company, one.get("activity", 1)), one.get("branches", 1)
    return company, horizon, branches_of(company, customers=one["customers"], seed=one["seed"], count=count)


def _owners(world: World) -> pl.DataFrame:
    """Whose each key of the warehouse is: the md5 of one account of a source system."""
    accounts = identities(world).select(
        label=pl.col("source_system") + "|" + pl.col("account_id"),
        person=pl.col("person_id").str.slice(1).cast(pl.Int64),
    )
    keys = [md5(label.encode(), usedforsecurity=False).hexdigest() for label in accounts["label"]]
    owners = accounts.select("person", customer_key=pl.Series(keys, dtype=pl.String))
    return owners.unique("customer_key", keep="first", maintain_order=True).sort("customer_key")


def _files(
    world: World, reaction: Reaction, *, night: date, campaigns: Sequence[Any]
) -> Iterator[tuple[str, date, Format, pl.DataFrame]]:
    """Path, day of arrival, format and rows of each file that tells of the lists of one night."""
    acted = reaction.world
    staff = Staff(world.company, customers=world.branch.company_customers)
    exports = [
        *list_exports(acted),
        order_export(acted, shop_accounts(world)),
        *order_exports(acted, staff),
    ]
    for export in exports:
        yield from _by_day(export, night=night, end=world.horizon.end)
    listed = list_exports(replace(acted, marketing=replace(acted.marketing, campaigns=tuple(campaigns))))[0]
    day = night + timedelta(days=1)
    if day <= world.horizon.end and world.branch.is_first:
        yield _path(listed, day, night), day, listed.format, listed.layout(listed.rows)


def _by_day(export: Export, *, night: date, end: date) -> Iterator[tuple[str, date, Format, pl.DataFrame]]:
    if export.name == "list_campaigns":  # a complete list, not cut into days
        return
    rows = export.rows.with_columns(_day=pl.col("_at") // DAY).sort("_at", *export.key, maintain_order=True)
    if export.mode == "delta":
        rows = rows.unique([*export.key, "_day"], keep="last", maintain_order=True)
    for (day,), part in rows.partition_by("_day", as_dict=True, maintain_order=True).items():
        arrival = EPOCH + timedelta(days=int(str(day)))
        if arrival <= end:
            yield _path(export, arrival, night), arrival, export.format, export.layout(part.drop("_day"))


def _path(export: Export, arrival: date, night: date) -> str:
    return f"{export.system}/{export.stem}{arrival:%Y%m%d}_{REACTIONS}_{night:%Y%m%d}{export.suffix}"


def _write_truth(truth: Path, contacts: pl.DataFrame, *, effect: float | None, unreachable: int) -> None:
    """Who was addressed and what it truly moved, in rows and as shares per list and argument."""
    contacts.write_parquet(truth / f"{REACTIONS}.parquet", compression="zstd")
    described = {
        "effect": effect,
        "unreachable": unreachable,
        "segments": {
            str(segment): _moved(part)
            for (segment,), part in contacts.partition_by("segment", as_dict=True, maintain_order=True).items()
        },
    }
    text = json.dumps(described, indent=2, ensure_ascii=False, sort_keys=True)
    (truth / f"{REACTIONS}.json").write_text(text + "\n", encoding="utf-8")


def _moved(contacts: pl.DataFrame) -> dict[str, object]:
    by_argument = contacts.partition_by("argument", as_dict=True, maintain_order=True)
    return {"total": _shares(contacts), **{str(name): _shares(part) for (name,), part in sorted(by_argument.items())}}


def _shares(contacts: pl.DataFrame) -> dict[str, float | int]:
    """Lift is what a message adds to the share who order: somebody who orders anyway is no gain."""
    gained = contacts["probability"] * (~contacts["would_have_bought"]).cast(pl.Float64)
    return {
        "addressed": contacts.height,
        "converted_because": int(contacts["is_converted"].sum()),
        "would_have_bought": int(contacts["would_have_bought"].sum()),
        "probability": round(float(contacts["probability"].sum()) / contacts.height, 9),
        "lift": round(float(gained.sum()) / contacts.height, 9),
    }
