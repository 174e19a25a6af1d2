"""Reads what a list is for from the settings beside its SQL model; whether a member may go is decided elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from dagster_project.errors import CrmError
from dagster_project.manifest import Model, read_models

Purpose = Literal["marketing", "service", "none"]
Channel = Literal["email", "phone", "letter", "internal"]

SCHEMA = "segments"
CUSTOMER_KEY = "customer_key"
REASON = "reason"

IDENTIFIERS: dict[Channel, tuple[str, ...]] = {
    "email": ("name", "email"),
    "phone": ("name", "phone"),
    "letter": ("name", "street", "postal_code", "city", "country_code"),
    "internal": (),
}
"""What a list carries of a customer's identity, by channel: enough to address somebody, nothing more."""

ADDRESSES = frozenset({"email", "phone", "street", "postal_code", "birth_date"})
"""Columns of dim_customers that no settings can ask for: an address comes with the channel or not at all."""


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
Text = Annotated[str, Field(min_length=1)]
Day = Annotated[date, Field(strict=False)]

_ONLY_FOR_CONTACT = (
    "holdout_share",
    "cool_down_days",
    "contact_cap",
    "outcome_days",
    "double_opt_in",
    "min_record_score",
)


class SegmentSettings(BaseModel):
    """The small head of settings in a segment's YAML (`config.meta.segment`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: Text
    owner: Text
    purpose: Purpose
    legal_basis: Text
    channel: Channel
    min_size: int = Field(ge=0)
    max_size: int = Field(ge=1)
    priority: int = Field(default=50, ge=1, le=100)
    holdout_share: float = Field(default=0.0, ge=0, le=0.5, strict=False)
    cool_down_days: int = Field(default=30, ge=0)
    contact_cap: int | None = Field(default=None, ge=1)
    outcome_days: int | None = Field(default=None, ge=1)
    min_record_score: float = Field(default=0.0, ge=0, le=1, strict=False)
    double_opt_in: bool | None = None
    destinations: Names = ()
    expires: Day | None = None
    export_columns: Names = ()
    sort_by: Names = ()
    key: Text = CUSTOMER_KEY

    @property
    def is_contact(self) -> bool:
        """The list is meant for getting in touch, so consent and suppression decide."""
        return self.channel != "internal"

    @property
    def needs_double_opt_in(self) -> bool:
        """A single opt-in is not enough; unless said otherwise so for marketing by e-mail (section 7 UWG)."""
        if self.double_opt_in is None:
            return self.channel == "email" and self.purpose == "marketing"
        return self.double_opt_in

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name in _ONLY_FOR_CONTACT if not self.is_contact else ():
            if name in self.model_fields_set:
                raise ValueError(f"{name} is for lists that people are contacted with, and the channel is internal")
        if self.min_size > self.max_size:
            raise ValueError(f"min_size {self.min_size} is above max_size {self.max_size}")
        if self.is_contact and self.purpose == "none":
            raise ValueError(f"a list for the channel {self.channel} needs a purpose that consent can be given for")
        if self.is_contact and self.key != CUSTOMER_KEY:
            raise ValueError(
                f"a list for the channel {self.channel} has one row per customer, so its key is customer_key"
            )
        named = sorted(ADDRESSES & set(self.export_columns))
        if named:
            raise ValueError(f"export_columns names {named[0]}, but an address only comes with the channel")
        return self


@dataclass(frozen=True)
class SegmentDefinition:
    """One segment: its name, its settings and the SQL that decides who belongs to it."""

    name: str
    settings: SegmentSettings
    sql: str
    file: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that defines the list, SQL and settings."""
        return sha256_text(self.settings.model_dump_json() + self.sql)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that say which row is which: always the customer, then the list's own key."""
        return tuple(dict.fromkeys((CUSTOMER_KEY, self.settings.key)))

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The columns that say who the customer is and how to reach them."""
        return IDENTIFIERS[self.settings.channel]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the exported list, in order."""
        return tuple(dict.fromkeys((*self.keys, *self.identifiers, REASON, *self.settings.export_columns)))


def sha256_text(text: str) -> str:
    """Hex digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_segments(manifest_path: Path) -> tuple[SegmentDefinition, ...]:
    """Read every segment of the dbt project, sorted by name.

    Args:
        manifest_path: `manifest.json` as dbt wrote it.

    Raises:
        CrmError: A segment has no settings, or settings that cannot be used.
    """
    return tuple(
        SegmentDefinition(name=model.name, settings=_settings(model), sql=model.sql, file=model.file)
        for model in read_models(manifest_path)
        if model.schema == SCHEMA
    )


def _settings(model: Model) -> SegmentSettings:
    head = model.meta.get("segment")
    if not isinstance(head, dict):
        raise CrmError(
            f"the segment {model.name} has no settings",
            where=model.file,
            remedy="Write them under config.meta.segment in its YAML: title, owner, purpose, legal_basis, channel, "
            "min_size and max_size.",
        )
    try:
        return SegmentSettings.model_validate(head)
    except ValidationError as error:
        raise CrmError(
            f"the settings of the segment {model.name} cannot be used: {_sentence(error)}",
            where=model.file,
            remedy="Correct config.meta.segment in its YAML.",
        ) from error


def _sentence(error: ValidationError) -> str:
    parts = []
    for problem in error.errors(include_url=False):
        place = ".".join(str(step) for step in problem["loc"] if not isinstance(step, int))
        match problem["type"]:
            case "missing":
                parts.append(f"{place} is missing")
            case "extra_forbidden":
                parts.append(f"{place} is no known setting")
            case "value_error":
                parts.append(str(problem["ctx"]["error"]))
            case _:
                text = problem["msg"].removeprefix("Input should be ").removeprefix("String should ")
                parts.append(f"{place} should be {text} (it is {problem['input']!r})")
    return "; ".join(parts)
