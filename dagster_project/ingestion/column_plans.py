"""Builds the Polars expressions that fill, type and check the contract's columns from source rows of one schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

import polars as pl

from dagster_project.ingestion.contracts import Contract, ContractColumn
from dagster_project.ingestion.mappings import ColumnMapping, FeedMapping, ValueFormat
from dagster_project.ingestion.parsing import Parsed, as_text, convert_value, parse_text
from dagster_project.ingestion.rules import ColumnRules, rules_of
from dagster_project.ingestion.source_rows import UNTOUCHED, SourceShape, nullified, source_shape
from dagster_project.ingestion.sql import parse_expression, with_number_columns

RUNNING = "running:"
"""Prefix of a running number, added to the source rows before the plan is applied."""
PASSES = "__passes"
_RAW, _STEP = "raw:", "step:"
_Schema = tuple[tuple[str, pl.DataType], ...]


@dataclass(frozen=True)
class ColumnPlan:
    """Expressions for source rows of one schema.

    Attributes:
        raw: Source values, one per contract column.
        steps: Helper columns per contract column, to be added one after the other.
        values: Typed values, named like the contract's columns.
        rules: What each value must keep.
    """

    raw: tuple[pl.Expr, ...]
    steps: tuple[tuple[pl.Expr, ...], ...]
    values: tuple[pl.Expr, ...]
    rules: tuple[ColumnRules, ...]

    def apply(self, source: pl.LazyFrame, *kept: pl.Expr) -> pl.LazyFrame:
        """Typed values and source values of all rows, and whether each row passes every rule.

        Args:
            source: Source rows.
            kept: Columns to carry along.
        """
        passes = pl.all_horizontal([rule.passes for rule in self.rules]) if self.rules else pl.lit(value=True)
        typed = self.with_steps(source.select(*kept, *self.raw)).with_columns(self.values)
        return typed.with_columns(passes.alias(PASSES)).select(pl.exclude(f"^{_STEP}.*$"))

    def with_steps(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Add the helper columns to rows that hold the source values."""
        for together in zip_longest(*self.steps):
            rows = rows.with_columns(step for step in together if step is not None)
        return rows


class ColumnPlans:
    """Plans for one feed of one mapping, one for each schema its files come in.

    Args:
        feed_mapping: How the feed is filled.
        contract: What it promises.
        style: How values are written in the files.
    """

    def __init__(self, feed_mapping: FeedMapping, contract: Contract, style: ValueFormat) -> None:
        """Start without plans; `plan_for` builds them."""
        self.feed_mapping, self.contract, self.style = feed_mapping, contract, style
        self._plans: dict[_Schema, ColumnPlan] = {}
        self._shapes: dict[_Schema, SourceShape] = {}

    def shape_for(self, schema: Mapping[str, pl.DataType]) -> SourceShape:
        """The expressions that address source columns of a schema."""
        key = tuple(schema.items())
        if key not in self._shapes:
            self._shapes[key] = source_shape(schema, self.feed_mapping, self.style)
        return self._shapes[key]

    def plan_for(self, schema: Mapping[str, pl.DataType]) -> ColumnPlan:
        """The plan for source rows of a schema."""
        key = tuple(schema.items())
        if key not in self._plans:
            self._plans[key] = _PlanBuilder(self.feed_mapping, self.contract, self.style).build(schema)
        return self._plans[key]


class _PlanBuilder:
    """Collects the expressions of one plan, contract column by contract column."""

    def __init__(self, feed_mapping: FeedMapping, contract: Contract, style: ValueFormat) -> None:
        self._feed, self._contract, self._style = feed_mapping, contract, style
        self._raw: list[pl.Expr] = []
        self._steps: list[tuple[pl.Expr, ...]] = []
        self._values: list[pl.Expr] = []
        self._rules: list[ColumnRules] = []

    def build(self, schema: Mapping[str, pl.DataType]) -> ColumnPlan:
        empty = pl.DataFrame(schema=schema)
        for column in self._contract.columns:
            one = self._feed.columns.get(column.name)
            if one is None or one.number_within is not None:
                self._plain(column, one)
            else:
                expression = raw_expression(column.name, one)
                self._checked(column, one, expression, kind=empty.select(expression.alias("value")).schema["value"])
        return ColumnPlan(tuple(self._raw), tuple(self._steps), tuple(self._values), tuple(self._rules))

    def _plain(self, column: ContractColumn, one: ColumnMapping | None) -> None:
        """A column that stays empty, or holds a running number."""
        value = pl.lit(None) if one is None else pl.col(RUNNING + column.name)
        self._raw.append(value.cast(column.polars_type).alias(_RAW + column.name))
        self._values.append(pl.col(_RAW + column.name).alias(column.name))

    def _checked(self, column: ContractColumn, one: ColumnMapping, expression: pl.Expr, *, kind: pl.DataType) -> None:
        raw = pl.col(_RAW + column.name)
        parsed = self._parsed(raw, pl.String() if one.values is not None else kind, column, one)
        self._raw.append(_translated(expression, kind, one).alias(_RAW + column.name))
        self._steps.append(parsed.steps)
        self._values.append(parsed.value.cast(column.polars_type).alias(column.name))
        self._rules.append(rules_of(column, raw=raw, value=pl.col(column.name), type_reason=parsed.reason))
        if one.values is not None and one.otherwise == "reject":
            self._rules.append(_translation_rule(column.name, raw, one.values))

    def _parsed(self, raw: pl.Expr, kind: pl.DataType, column: ContractColumn, one: ColumnMapping) -> Parsed:
        style = ValueFormat() if one.constant is not None else one.value_format(self._style)
        name = _STEP + column.name
        if kind == pl.String:
            return parse_text(raw, column.type, style, name=name)
        return convert_value(raw, kind, column.type, style, name=name)


def raw_expression(column: str, one: ColumnMapping) -> pl.Expr:
    """The value of a contract column before it is typed.

    Args:
        column: Its name.
        one: How it is filled.
    """
    if one.number_within is not None:
        return pl.col(RUNNING + column)
    if one.constant is not None:
        return pl.lit(one.constant, dtype=pl.String)
    if one.sql is not None:
        return parse_expression(with_number_columns(one.sql))
    if one.coalesce is not None:
        return pl.coalesce([pl.col(name) for name in one.coalesce])
    source = one.source or ""
    return pl.col(source) if one.null_values is None else nullified(pl.col(UNTOUCHED + source), one.null_values)


def _translated(value: pl.Expr, kind: pl.DataType, one: ColumnMapping) -> pl.Expr:
    """Apply the value map; its empty key stands for no value."""
    if one.values is None:
        return value
    text = value if kind == pl.String else as_text(value, kind)
    table = {key: target for key, target in one.values.items() if key != ""}
    if one.otherwise == "null":
        text = text.replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String)
    elif table:
        text = text.replace(list(table), list(table.values()))
    return text.fill_null(one.values[""]) if one.values.get("") is not None else text


def _translation_rule(column: str, mapped: pl.Expr, values: Mapping[str, str | None]) -> ColumnRules:
    known = [target for target in values.values() if target is not None]
    fails = (mapped.is_not_null() & ~mapped.is_in(known)).fill_null(value=False)
    told = pl.format("'{}' is not in the value map", mapped.str.slice(0, 80))
    return ColumnRules(column=column, passes=~fails, reason=pl.when(fails).then(told))
