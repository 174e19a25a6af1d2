"""Applies one feed of a mapping to chunks of source rows: explode, filter, fill, type, check; knows no file and no table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import polars as pl

from dagster_project.ingestion.contracts import Contract
from dagster_project.ingestion.mappings import ColumnMapping, FeedMapping, SourceMapping, ValueFormat
from dagster_project.ingestion.parsing import Parsed, as_text, convert_value, parse_text
from dagster_project.ingestion.readers.source import LINE, ROW, Chunk
from dagster_project.ingestion.rules import ColumnRules, rules_of
from dagster_project.ingestion.sql import columns_of, failing_rows, parse_expression

EXTRA = "_extra"
OUT_LINE = "_line"
BAD_SCHEMA = {"line": pl.Int64, "column_name": pl.String, "reason": pl.String, "original_text": pl.String}
_RAW, _PASSES, _ELEMENT, _NUMBER = "raw:", "__passes", "__element", "number:"


@dataclass(frozen=True)
class Transformed:
    """What one chunk became.

    Attributes:
        accepted: Contract columns, `_line` and `_extra` of the rows that keep every rule.
        bad: One row per bad row: line, column_name, reason, original_text.
        source_rows: Rows before the filter (after exploding), unreadable records included.
        filtered_rows: Rows the filter left out.
    """

    accepted: pl.DataFrame
    bad: pl.DataFrame
    source_rows: int
    filtered_rows: int


@dataclass(frozen=True)
class _Plan:
    """Expressions for source rows of one schema."""

    raw: tuple[pl.Expr, ...]
    steps: tuple[tuple[pl.Expr, ...], ...]
    values: tuple[pl.Expr, ...]
    rules: tuple[ColumnRules, ...]


class FeedTransform:
    """One feed of one mapping, applied to the chunks of one file in order.

    Args:
        mapping: The mapping file.
        feed_mapping: Its part for this feed.
        contract: The feed's contract.
        unknown: Tells the columns to keep in `_extra`; None when none are kept.
    """

    def __init__(
        self,
        *,
        mapping: SourceMapping,
        feed_mapping: FeedMapping,
        contract: Contract,
        unknown: Callable[[], Sequence[str]] | None,
    ) -> None:
        """Prepare; expressions are built when the first chunk shows the types."""
        self._mapping, self._feed, self._contract = mapping, feed_mapping, contract
        self._unknown = unknown
        self._style = mapping.format.values
        self._inputs = tuple(inputs_of(feed_mapping))
        self._plans: dict[tuple[tuple[str, pl.DataType], ...], _Plan] = {}
        self._counts: dict[str, pl.DataFrame] = {}

    def apply(self, chunk: Chunk) -> Transformed:
        """Transform one chunk."""
        source = self._source(chunk.frame)
        kept, broken = self._filtered(source)
        plan = self._plan_for(kept.schema)
        kept, failed = self._without_failures(kept, plan)
        typed = self._typed(self._numbered(kept), plan)
        passing = typed.filter(pl.col(_PASSES))
        bad = [broken, failed]
        if passing.height < typed.height:
            bad.append(_reasons(typed.filter(~pl.col(_PASSES)), plan.rules))
        rows = pl.concat(bad)
        texts = chunk.original.take(rows[ROW].to_list()) if rows.height else []
        told = rows.select("line", "column_name", "reason").with_columns(
            pl.Series("original_text", texts, dtype=pl.String)
        )
        unreadable = pl.DataFrame(
            [(record.line, None, record.reason, record.original_text) for record in chunk.bad],
            schema=BAD_SCHEMA,
            orient="row",
        )
        names = [column.name for column in self._contract.columns]
        return Transformed(
            accepted=passing.select(*names, OUT_LINE, EXTRA),
            bad=pl.concat([unreadable, told.select(list(BAD_SCHEMA))]),
            source_rows=source.height + len(chunk.bad),
            filtered_rows=source.height - kept.height - broken.height - failed.height,
        )

    # Source side ------------------------------------------------------------------------------------------------------

    def _source(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows and columns as the mapping addresses them: exploded, flat, with null for what means nothing."""
        extra = self._extra(frame)
        path = self._feed.explode
        if path is not None:
            frame = _exploded(frame, path)
        columns = [_addressed(name, frame.schema, path).alias(name) for name in self._inputs]
        flat = frame.select(pl.col(ROW), pl.col(LINE), extra.alias(EXTRA), *columns)
        raw_texts = [name for name in self._inputs if flat.schema[name] == pl.String]
        overridden = [
            pl.col(one.source).alias(f"{_RAW}{one.source}:{column}")
            for column, one in self._feed.columns.items()
            if one.source in raw_texts and one.null_values is not None
        ]
        return flat.with_columns(overridden).with_columns(
            _nullified(pl.col(name), self._style.null_values) for name in raw_texts
        )

    def _extra(self, frame: pl.DataFrame) -> pl.Expr:
        if self._unknown is None:
            return pl.lit(None, dtype=pl.String)
        unknown = set(self._unknown())
        names = [name for name in frame.columns if name in unknown]
        return pl.struct(names).struct.json_encode() if names else pl.lit(None, dtype=pl.String)

    def _filtered(self, source: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows that pass the filter, and those it cannot be evaluated on."""
        if self._feed.filter is None:
            return source, _no_reasons()
        condition = parse_expression(self._feed.filter)
        try:
            return source.filter(condition), _no_reasons()
        except pl.exceptions.PolarsError:
            failures = failing_rows(source, condition)
        rest = source.filter(~pl.Series(failures)).filter(condition)
        return rest, _failed(source.filter(pl.Series(failures)), None, "the filter cannot be evaluated on this row")

    def _without_failures(self, source: pl.DataFrame, plan: _Plan) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Take out rows on which a SQL expression fails, so that the others load."""
        failed = [_no_reasons()]
        for column, one in self._feed.columns.items():
            if one.sql is None:
                continue
            expression = parse_expression(one.sql)
            try:
                source.select(expression.alias(column))
            except pl.exceptions.PolarsError:
                failures = pl.Series(failing_rows(source, expression))
                reason = "the SQL expression cannot be evaluated on this row"
                failed.append(_failed(source.filter(failures), column, reason))
                source = source.filter(~failures)
        return source, pl.concat(failed)

    def _numbered(self, source: pl.DataFrame) -> pl.DataFrame:
        """Add the running numbers of `number_within`, going on where the chunk before ended."""
        for column, one in self._feed.columns.items():
            if one.number_within is None:
                continue
            name, keys = f"{_NUMBER}{column}", list(one.number_within)
            before = self._counts.get(column)
            numbered = source.with_columns(pl.int_range(1, pl.len() + 1).over(keys).alias(name))
            if before is not None:
                joined = numbered.join(before, on=keys, how="left", nulls_equal=True, maintain_order="left")
                numbered = joined.with_columns(pl.col(name) + pl.col("__before").fill_null(0)).drop("__before")
            counts = numbered.group_by(keys).agg(pl.col(name).max().alias("__before"))
            merged = counts if before is None else pl.concat([before, counts])
            self._counts[column] = merged.group_by(keys).agg(pl.col("__before").max())
            source = numbered
        return source

    # Contract side ----------------------------------------------------------------------------------------------------

    def _typed(self, source: pl.DataFrame, plan: _Plan) -> pl.DataFrame:
        passes = pl.all_horizontal([rules.passes for rules in plan.rules]).alias(_PASSES)
        line = pl.col(LINE).alias(OUT_LINE)
        lazy = source.lazy().select(ROW, line, EXTRA, *plan.raw)
        for together in zip_longest(*plan.steps):
            lazy = lazy.with_columns(step for step in together if step is not None)
        return lazy.with_columns(plan.values).with_columns(passes).collect()

    def _plan_for(self, schema: Mapping[str, pl.DataType]) -> _Plan:
        key = tuple(schema.items())
        if key not in self._plans:
            self._plans[key] = self._build_plan(schema)
        return self._plans[key]

    def _build_plan(self, schema: Mapping[str, pl.DataType]) -> _Plan:
        raw, steps, values, rules = [], [], [], []
        empty = pl.DataFrame(schema=schema)
        for column in self._contract.columns:
            one = self._feed.columns.get(column.name)
            expression = self._raw(column.name, one)
            if one is None or one.number_within is not None:
                raw.append(expression.alias(f"{_RAW}{column.name}"))
                values.append(pl.col(f"{_RAW}{column.name}").cast(column.polars_type).alias(column.name))
                continue
            kind = empty.select(expression.alias("value")).schema["value"]
            raw.append(_translated(expression, kind, one).alias(f"{_RAW}{column.name}"))
            mapped = pl.col(f"{_RAW}{column.name}")
            given = pl.String() if one.values is not None else kind
            parsed = self._parsed(mapped, given, column.type, one, name=f"step:{column.name}")
            steps.append(parsed.steps)
            values.append(parsed.value.cast(column.polars_type).alias(column.name))
            rules.append(rules_of(column, raw=mapped, value=pl.col(column.name), type_reason=parsed.reason))
            if one.values is not None and one.otherwise == "reject":
                rules.append(_translation_rule(column.name, mapped, one.values))
        return _Plan(raw=tuple(raw), steps=tuple(steps), values=tuple(values), rules=tuple(rules))

    def _raw(self, column: str, one: ColumnMapping | None) -> pl.Expr:
        """The value of a contract column before it is typed."""
        if one is None:
            return pl.lit(None, dtype=pl.String)
        if one.number_within is not None:
            return pl.col(f"{_NUMBER}{column}")
        if one.constant is not None:
            return pl.lit(one.constant, dtype=pl.String)
        if one.sql is not None:
            return parse_expression(one.sql)
        if one.coalesce is not None:
            return pl.coalesce([pl.col(name) for name in one.coalesce])
        if one.null_values is not None:
            return _nullified(pl.col(f"{_RAW}{one.source}:{column}"), one.null_values)
        return pl.col(one.source or "")

    def _parsed(self, value: pl.Expr, source: pl.DataType, kind: str, one: ColumnMapping, *, name: str) -> Parsed:
        if one.constant is not None:
            return parse_text(value, kind, ValueFormat(), name=name)
        style = one.value_format(self._style)
        if source == pl.String:
            return parse_text(value, kind, style, name=name)
        return convert_value(value, source, kind, style, name=name)


def inputs_of(feed_mapping: FeedMapping) -> Iterable[str]:
    """Source columns a feed reads, each once."""
    names: dict[str, None] = dict.fromkeys(columns_of(feed_mapping.filter) if feed_mapping.filter else ())
    for one in feed_mapping.columns.values():
        names.update(dict.fromkeys(column_inputs(one)))
    return names


def column_inputs(one: ColumnMapping) -> tuple[str, ...]:
    """Source columns one contract column is made of."""
    if one.sql is not None:
        return tuple(columns_of(one.sql))
    return (*((one.source,) if one.source else ()), *(one.coalesce or ()), *(one.number_within or ()))


def _exploded(frame: pl.DataFrame, path: str) -> pl.DataFrame:
    """One row per element of the list at a path; no row where there is no element."""
    lists = _addressed(path, frame.schema, None)
    with_list = frame.with_columns(lists.alias(_ELEMENT))
    if not isinstance(with_list.schema[_ELEMENT], pl.List):
        return with_list.clear()
    filled = with_list.filter(pl.col(_ELEMENT).list.len() > 0)
    return filled.explode(_ELEMENT)


def _addressed(name: str, schema: Mapping[str, pl.DataType], exploded: str | None) -> pl.Expr:
    """The value a mapping means by a name: a column, a dotted path, or a path into the exploded element."""
    if exploded is not None and (name == exploded or name.startswith(f"{exploded}.")):
        rest = name[len(exploded) + 1 :]
        return _descend(pl.col(_ELEMENT), schema[_ELEMENT], rest.split(".") if rest else [])
    if name in schema:
        return pl.col(name)
    top, *rest_of_path = name.split(".")
    if top not in schema:
        return pl.lit(None, dtype=pl.String)
    return _descend(pl.col(top), schema[top], rest_of_path)


def _descend(value: pl.Expr, dtype: pl.DataType, parts: Sequence[str]) -> pl.Expr:
    for part in parts:
        fields = {field.name: field.dtype for field in dtype.fields} if isinstance(dtype, pl.Struct) else {}
        if part not in fields:
            return pl.lit(None, dtype=pl.String)
        value, dtype = value.struct.field(part), fields[part]  # type: ignore[assignment]
    return value


def _nullified(value: pl.Expr, null_values: Sequence[str]) -> pl.Expr:
    if not null_values:
        return value
    means_nothing = value == null_values[0] if len(null_values) == 1 else value.is_in(list(null_values))
    return pl.when(~means_nothing).then(value).name.keep()


def _translated(value: pl.Expr, kind: pl.DataType, one: ColumnMapping) -> pl.Expr:
    """Apply the value map; the empty key stands for no value."""
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


def _reasons(rows: pl.DataFrame, rules: Sequence[ColumnRules]) -> pl.DataFrame:
    """Name the first column that breaks a rule, its reason, and the other columns after it."""
    broken = rows.with_columns(rule.reason.alias(f"__reason{index}") for index, rule in enumerate(rules))
    reasons = [pl.col(f"__reason{index}") for index in range(len(rules))]
    names = [
        pl.when(reason.is_not_null()).then(pl.lit(rule.column)) for reason, rule in zip(reasons, rules, strict=True)
    ]
    first = pl.coalesce(names)
    others = [
        pl.when(reason.is_not_null() & (first != rule.column)).then(pl.format(f"{rule.column}: {{}}", reason))
        for reason, rule in zip(reasons, rules, strict=True)
    ]
    more = pl.concat_str(others, separator="; ", ignore_nulls=True)
    told = pl.coalesce(reasons) + pl.when(more.str.len_bytes() > 0).then("; " + more).otherwise(pl.lit(""))
    return broken.select(ROW, pl.col(OUT_LINE).alias("line"), first.alias("column_name"), told.alias("reason"))


def _failed(rows: pl.DataFrame, column: str | None, reason: str) -> pl.DataFrame:
    name = pl.lit(column, dtype=pl.String).alias("column_name")
    return rows.select(ROW, pl.col(LINE).alias("line"), name, pl.lit(reason).alias("reason"))


def _no_reasons() -> pl.DataFrame:
    return pl.DataFrame(schema={ROW: pl.UInt32, "line": pl.Int64, "column_name": pl.String, "reason": pl.String})
