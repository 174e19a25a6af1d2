"""What a canonical feed promises: its columns, types, rules and bounds; nothing here knows a source system's file."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from dagster_project.ingestion.declarations import (
    STRICT,
    Declaration,
    did_you_mean,
    parse_declaration,
    read_declaration,
)

ColumnType = Literal["string", "integer", "decimal", "number", "boolean", "date", "timestamp"]
LoadMode = Literal["full", "delta", "append"]
Personal = Literal["direct", "indirect"]

DECIMAL_PRECISION = 18
DECIMAL_SCALE = 4
POLARS_TYPES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "decimal": pl.Decimal(DECIMAL_PRECISION, DECIMAL_SCALE),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "decimal": f"DECIMAL({DECIMAL_PRECISION},{DECIMAL_SCALE})",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
_RANGED = ("integer", "decimal", "number", "date")


def _limit(value: Any) -> Any:
    """A lower or upper limit: a number, or an ISO date."""
    if value is None or isinstance(value, Decimal | date):
        return value
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return date.fromisoformat(str(value))


Limit = Annotated[Decimal | date | None, BeforeValidator(_limit)]


@dataclass(frozen=True, config=STRICT)
class Bounds:
    """How far a batch may stray before it is refused whole (freshness: before a warning is given)."""

    max_bad_share: float = Field(default=0.05, ge=0, le=1)
    min_volume_ratio: float | None = Field(default=None, ge=0)
    max_volume_ratio: float | None = Field(default=None, gt=0)
    freshness_days: int | None = Field(default=None, ge=0)
    min_rows: int | None = Field(default=None, ge=0)
    min_bad_rows: int = Field(default=3, ge=1)


@dataclass(frozen=True, config=STRICT)
class ContractColumn:
    """One column of a feed and the rules each of its values must keep."""

    type: ColumnType
    description: str
    name: str = ""
    required: bool = False
    allowed: tuple[str, ...] = ()
    minimum: Limit = None
    maximum: Limit = None
    max_length: int | None = Field(default=None, ge=1)
    pattern: str | None = None
    personal: Personal | None = None

    @property
    def polars_type(self) -> pl.DataType:
        """Type of the checked value in a Polars frame."""
        return POLARS_TYPES[self.type]

    @property
    def duckdb_type(self) -> str:
        """Type of the column in `raw.<feed>`."""
        return DUCKDB_TYPES[self.type]


def _named(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: {**spec, "name": name} if isinstance(spec, dict) else spec for name, spec in value.items()}


@dataclass(frozen=True, config=STRICT)
class Contract:
    """The promise of one canonical feed."""

    feed: str
    description: str
    owner: str
    mode: LoadMode
    key: tuple[str, ...] = Field(min_length=1)
    by_name: Annotated[dict[str, ContractColumn], BeforeValidator(_named)] = Field(alias="columns", min_length=1)
    updated_at: str | None = None
    event_at: str | None = None
    bounds: Bounds = Bounds()

    @property
    def columns(self) -> tuple[ContractColumn, ...]:
        """The columns in the order of the file."""
        return tuple(self.by_name.values())


def load_contract(path: Path) -> Contract:
    """Read one contract file.

    Raises:
        CrmError: The file breaks the format; the sentence names file and line.
    """
    declaration = read_declaration(path)
    contract = parse_declaration(declaration, Contract)
    if contract.feed != path.stem:
        raise declaration.error(f"the file is named {path.name} but declares the feed {contract.feed!r}", loc=("feed",))
    _check_references(contract, declaration)
    for column in contract.columns:
        _check_column(column, declaration)
    return contract


def _check_references(contract: Contract, declaration: Declaration) -> None:
    for name in contract.key:
        if name not in contract.by_name:
            raise declaration.error(
                f"the key names the unknown column {name!r}", loc=("key",), remedy=did_you_mean(name, contract.by_name)
            )
    for role in ("updated_at", "event_at"):
        name = getattr(contract, role)
        if name is None:
            continue
        if name not in contract.by_name:
            hint = did_you_mean(name, contract.by_name)
            raise declaration.error(f"{role} names the unknown column {name!r}", loc=(role,), remedy=hint)
        if contract.by_name[name].type not in ("date", "timestamp"):
            raise declaration.error(f"{role} names {name!r}, which is no date or timestamp", loc=(role,))


def _check_column(column: ContractColumn, declaration: Declaration) -> None:
    loc = ("columns", column.name)
    if not column.name.isidentifier() or column.name != column.name.lower() or column.name == "source_system":
        raise declaration.error(f"{column.name!r} cannot be a column name", loc=loc, remedy="Use lower case words.")
    texts = {"allowed": column.allowed, "max_length": column.max_length, "pattern": column.pattern}
    for rule, value in texts.items():
        if value and column.type != "string":
            raise declaration.error(f"{rule} is for columns of the type string, not {column.type}", loc=(*loc, rule))
    for rule in ("minimum", "maximum"):
        _check_limit(column, rule, declaration)
    if column.pattern is not None:
        try:
            pl.Series([""]).str.contains(column.pattern)
        except pl.exceptions.ComputeError as error:
            raise declaration.error("pattern is no valid regular expression", loc=(*loc, "pattern")) from error


def _check_limit(column: ContractColumn, rule: str, declaration: Declaration) -> None:
    limit = getattr(column, rule)
    loc = ("columns", column.name, rule)
    if limit is None:
        return
    if column.type not in _RANGED:
        raise declaration.error(f"{rule} is for numbers and dates, not for {column.type}", loc=loc)
    if isinstance(limit, date) != (column.type == "date"):
        raise declaration.error(f"{rule} {limit} does not fit a column of the type {column.type}", loc=loc)
