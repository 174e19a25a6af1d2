"""How one export file of one system fills canonical feeds, as declared in `sources/<system>/*.yml`; reads no data."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass

from dagster_project.ingestion.contracts import Bounds, LoadMode
from dagster_project.ingestion.declarations import STRICT, Declaration, parse_declaration, read_declaration
from dagster_project.ingestion.file_patterns import FilePattern, check_time_format

FileType = Literal["csv", "json", "ndjson", "parquet", "excel"]
UnknownColumns = Literal["ignore", "keep", "reject"]

DEFAULT_TRUE = ("true", "t", "yes", "y", "1", "ja", "j", "wahr")
DEFAULT_FALSE = ("false", "f", "no", "n", "0", "nein", "falsch")


def _as_list(value: Any) -> Any:
    """One value stands for a list of one; an empty entry means the empty text."""
    values = value if isinstance(value, list | tuple) else [value]
    return ["" if one is None else one for one in values]


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]


def _checked_time_zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"unknown time zone {name!r}; use an IANA name such as Europe/Berlin") from error
    return name


def _checked_formats(formats: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
    for one in formats or ():
        check_time_format(one, needs_time=info.field_name == "timestamp_formats")
    return formats


@dataclass(frozen=True, config=STRICT)
class ValueFormat:
    """How values are written in a file; every part may be overridden for one column."""

    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", " ", "'", "_", "\u00a0", "\u202f", "\u2019"] | None = None
    date_formats: Texts = ("%Y-%m-%d",)
    timestamp_formats: Texts = ()
    time_zone: str = "UTC"
    null_values: Texts = ("",)
    true_values: Texts = DEFAULT_TRUE
    false_values: Texts = DEFAULT_FALSE
    latest_two_digit_year: int = Field(default=2068, ge=1999, le=2199)

    _zone = field_validator("time_zone")(_checked_time_zone)
    _formats = field_validator("date_formats", "timestamp_formats")(_checked_formats)


@dataclass(frozen=True, config=STRICT)
class FileFormat(ValueFormat):
    """The layout of a file, and how its values are written."""

    type: FileType = "csv"
    delimiter: str = ","
    quote: str | None = '"'
    encoding: str = "utf-8"
    skip_rows: int = Field(default=0, ge=0)
    sheet: str | None = None
    records: str | None = None

    @field_validator("delimiter", mode="before")
    @classmethod
    def _delimiter(cls, value: Any) -> str:
        named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
        text = named.get(str(value), str(value))
        if len(text) != 1 or not text.isascii() or text in '\r\n"':
            raise ValueError(f"{value!r} is not one plain character such as ';' or tab")
        return text

    @field_validator("quote", mode="after")
    @classmethod
    def _quote(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or not value.isascii()):
            raise ValueError(f"{value!r} is not one plain character; leave it empty for files without quoting")
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str) -> str:
        try:
            name = codecs.lookup(value).name
            "".encode(name)
        except (LookupError, TypeError) as error:
            raise ValueError(f"unknown encoding {value!r}; use utf-8, utf-16, cp1252, latin-1 …") from error
        return "utf-8" if name == "utf-8-sig" else name

    @property
    def values(self) -> ValueFormat:
        """Only the part that says how values are written."""
        return ValueFormat(**{field.name: getattr(self, field.name) for field in dataclasses.fields(ValueFormat)})


@dataclass(frozen=True, config=STRICT)
class ColumnMapping:
    """Where one contract column comes from: exactly one of from, constant, coalesce, sql and number_within."""

    source: str | None = Field(default=None, alias="from")
    constant: str | None = None
    coalesce: tuple[str, ...] | None = Field(default=None, min_length=1)
    sql: str | None = None
    number_within: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)] = Field(default=None)
    optional: bool = False
    values: dict[str, str | None] | None = None
    otherwise: Literal["keep", "null", "reject"] = "keep"
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ".", ",", " ", "'", "_", "\u00a0", "\u202f", "\u2019"] | None = None
    date_formats: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)] = Field(default=None)
    timestamp_formats: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)] = Field(default=None)
    time_zone: str | None = None
    null_values: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)] = Field(default=None)
    true_values: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)] = Field(default=None)
    false_values: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)] = Field(default=None)
    latest_two_digit_year: int | None = Field(default=None, ge=1999, le=2199)

    _zone = field_validator("time_zone")(_checked_time_zone)
    _formats = field_validator("date_formats", "timestamp_formats")(_checked_formats)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = [self.source, self.constant, self.coalesce, self.sql, self.number_within]
        given = sum(origin is not None for origin in origins)
        if given != 1:
            raise ValueError("give exactly one of from, constant, coalesce, sql and number_within")
        return self

    def value_format(self, base: ValueFormat) -> ValueFormat:
        """The format of the file with this column's overrides."""
        changes: dict[str, Any] = {}
        for field in dataclasses.fields(ValueFormat):
            override = getattr(self, field.name)
            if override is not None:
                changes[field.name] = override or None if field.name == "thousands" else override
        return dataclasses.replace(base, **changes) if changes else base


def _spelled_out(value: Any) -> Any:
    """`opportunity_id: Id` is short for `opportunity_id: {from: Id}`."""
    if not isinstance(value, dict):
        return value
    return {name: {"from": spec} if isinstance(spec, str) else spec for name, spec in value.items()}


@dataclass(frozen=True, config=STRICT)
class FeedMapping:
    """How one feed is filled from the file."""

    columns: Annotated[dict[str, ColumnMapping], BeforeValidator(_spelled_out)] = Field(min_length=1)
    feed: str = ""
    mode: LoadMode | None = None
    explode: str | None = None
    filter: str | None = None


def _with_feed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {feed: {**spec, "feed": feed} if isinstance(spec, dict) else spec for feed, spec in value.items()}


@dataclass(frozen=True, config=STRICT)
class BoundsOverride:
    """Bounds that differ from the contract's for this file."""

    max_bad_share: float | None = Field(default=None, ge=0, le=1)
    min_volume_ratio: float | None = Field(default=None, ge=0)
    max_volume_ratio: float | None = Field(default=None, gt=0)
    freshness_days: int | None = Field(default=None, ge=0)
    min_rows: int | None = Field(default=None, ge=0)
    min_bad_rows: int | None = Field(default=None, ge=1)

    def over(self, bounds: Bounds) -> Bounds:
        """The contract's bounds with what is given here put in their place."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return dataclasses.replace(bounds, **{name: value for name, value in given.items() if value is not None})


def _batch_date(value: Any) -> Any:
    if value is None or value == "file_time" or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is neither a date such as 2024-01-31 nor file_time") from error


@dataclass(frozen=True, config=STRICT)
class SourceMapping:
    """One mapping file: which exports it matches and which feeds they fill."""

    system: str
    files: Texts = Field(min_length=1)
    feeds: Annotated[dict[str, FeedMapping], BeforeValidator(_with_feed)] = Field(min_length=1)
    name: str = ""
    description: str = ""
    batch_date: Annotated[date | Literal["file_time"] | None, BeforeValidator(_batch_date)] = None
    format: FileFormat = FileFormat()
    unknown_columns: UnknownColumns = "ignore"
    bounds: BoundsOverride = BoundsOverride()

    @property
    def patterns(self) -> tuple[FilePattern, ...]:
        """The compiled file patterns."""
        return tuple(FilePattern.parse(text) for text in self.files)


def load_mapping(path: Path) -> tuple[SourceMapping, Declaration]:
    """Read one mapping file; what it says about feeds is checked by the catalog, which knows the contracts.

    Raises:
        CrmError: The file breaks the format; the sentence names file and line.
    """
    declaration = read_declaration(path)
    mapping = dataclasses.replace(parse_declaration(declaration, SourceMapping), name=path.stem)
    if mapping.system != path.parent.name:
        what = f"the mapping lies in the folder {path.parent.name!r} but declares the system {mapping.system!r}"
        raise declaration.error(what, loc=("system",))
    for what, loc in _inconsistencies(mapping):
        raise declaration.error(what, loc=loc)
    return mapping, declaration


def _inconsistencies(mapping: SourceMapping) -> Iterator[tuple[str, tuple[str, ...]]]:
    for text in mapping.files:
        try:
            pattern = FilePattern.parse(text)
        except ValueError as error:
            yield f"files: {error}", ("files",)
            return
        if pattern.has_date == (mapping.batch_date is not None):
            rule = (
                "gives the batch date twice: in {date:…} and in batch_date" if pattern.has_date else "has no batch date"
            )
            yield f"the file pattern {text!r} {rule}; use either {{date:…}} in the name or batch_date", ("files",)
    allowed = {"csv": {"delimiter", "quote", "encoding", "skip_rows"}, "excel": {"sheet", "skip_rows"}}
    allowed |= {"json": {"records", "encoding"}, "ndjson": {"encoding"}, "parquet": set()}
    layout, default = mapping.format, FileFormat()
    for name in ("delimiter", "quote", "encoding", "skip_rows", "sheet", "records"):
        if getattr(layout, name) != getattr(default, name) and name not in allowed[layout.type]:
            yield f"{name} has no meaning for files of the type {layout.type}", ("format", name)
    if layout.thousands is not None and layout.thousands == layout.decimal:
        yield f"decimal and thousands are both {layout.decimal!r}", ("format", "thousands")
