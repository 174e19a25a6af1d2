"""Applies one feed of a mapping to the chunks of a file: filter, number, type, check; knows no file and no table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from dagster_project.ingestion.column_plans import PASSES, RUNNING, ColumnPlan, ColumnPlans, raw_expression
from dagster_project.ingestion.readers.source import LINE, ROW, Chunk, RefusedFileError
from dagster_project.ingestion.source_rows import EXTRA, exploded, extra_columns, source_rows
from dagster_project.ingestion.sql import failing_rows, parse_expression, with_number_columns

OUT_LINE = "_line"
BAD_SCHEMA = {
    "line": pl.Int64(),
    "column_name": pl.String(),
    "reason": pl.String(),
    "original_text": pl.String(),
}
_REASON_SCHEMA = {ROW: pl.UInt32, "line": pl.Int64, "column_name": pl.String, "reason": pl.String}
_BEFORE = "__before"
_NO_BAD_ROWS = pl.DataFrame(schema=BAD_SCHEMA)
_NO_REASONS = pl.DataFrame(schema=_REASON_SCHEMA)


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


class FeedTransform:
    """One feed of one mapping, applied to the chunks of one file in order.

    Args:
        plans: Plans for the feed.
        unknown: Tells the columns to keep in `_extra`; None when none are kept.
    """

    def __init__(self, plans: ColumnPlans, *, unknown: Callable[[], Sequence[str]] | None) -> None:
        """Start at the beginning of a file."""
        self._plans, self._unknown = plans, unknown
        self._feed = plans.feed_mapping
        self._counts: dict[str, pl.DataFrame] = {}

    def apply(self, chunk: Chunk) -> Transformed:
        """Transform one chunk."""
        unknown = self._unknown() if self._unknown is not None else None
        frame = exploded(chunk.frame, self._feed.explode)
        source = source_rows(frame, self._plans.shape_for(frame.schema), extra=extra_columns(frame, unknown))
        kept, no_verdict = self._filtered(source)
        computable, failed = self._without_failures(kept)
        numbered = self._numbered(computable)
        plan = self._plans.plan_for(numbered.schema)
        line = pl.col(LINE).alias(OUT_LINE)
        typed = plan.apply(numbered.lazy(), pl.col(ROW), line, pl.col(EXTRA)).collect()
        passing, bad = typed, [no_verdict, failed]
        if not typed[PASSES].all():
            passing = typed.filter(PASSES)
            bad.append(_broken_rules(typed.filter(~pl.col(PASSES)), plan))
        return Transformed(
            accepted=passing.select(*(column.name for column in self._plans.contract.columns), OUT_LINE, EXTRA),
            bad=_with_text(pl.concat(bad), chunk),
            source_rows=source.height + len(chunk.bad),
            filtered_rows=source.height - kept.height - no_verdict.height,
        )

    def _filtered(self, source: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows that pass the filter, and those it cannot be evaluated on."""
        if self._feed.filter is None:
            return source, _NO_REASONS
        condition = parse_expression(with_number_columns(self._feed.filter))
        computable, failed = _split(source, condition, None, "the filter cannot be evaluated on this row")
        return computable.filter(condition), failed

    def _without_failures(self, source: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Take out rows on which a SQL expression fails, so that the others load."""
        failed = [_NO_REASONS]
        for column, one in self._feed.columns.items():
            if one.sql is not None:
                expression = raw_expression(column, one)
                reason = "the SQL expression cannot be evaluated on this row"
                source, out = _split(source, expression, column, reason)
                failed.append(out)
        return source, pl.concat(failed)

    def _numbered(self, source: pl.DataFrame) -> pl.DataFrame:
        """Add the running numbers of `number_within`, going on where the chunk before ended."""
        for column, one in self._feed.columns.items():
            if one.number_within is not None:
                source = self._with_running_number(source, column, list(one.number_within))
        return source

    def _with_running_number(self, source: pl.DataFrame, column: str, keys: Sequence[str]) -> pl.DataFrame:
        name = RUNNING + column
        numbered = source.with_columns(pl.int_range(1, pl.len() + 1).over(keys).alias(name))
        before = self._counts.get(column)
        if before is not None:
            joined = numbered.join(before, on=keys, how="left", nulls_equal=True, maintain_order="left")
            numbered = joined.with_columns(pl.col(name) + pl.col(_BEFORE).fill_null(0)).drop(_BEFORE)
        counts = numbered.group_by(keys).agg(pl.col(name).max().alias(_BEFORE))
        merged = counts if before is None else pl.concat([before, counts])
        self._counts[column] = merged.group_by(keys).agg(pl.col(_BEFORE).max())
        return numbered


def _split(
    source: pl.DataFrame, expression: pl.Expr, column: str | None, reason: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows an expression can be evaluated on, and the reasons for the others."""
    try:
        verdicts = pl.Series(failing_rows(source, expression), dtype=pl.Boolean)
    except ValueError as error:
        raise RefusedFileError(f"bad rows: the SQL expression of {column or 'the filter'} {error}") from error
    if not verdicts.any():
        return source, _NO_REASONS
    name = pl.lit(column, dtype=pl.String).alias("column_name")
    failed = source.filter(verdicts).select(ROW, pl.col(LINE).alias("line"), name, pl.lit(reason).alias("reason"))
    return source.filter(~verdicts), failed


def _broken_rules(rows: pl.DataFrame, plan: ColumnPlan) -> pl.DataFrame:
    """Name the first column that breaks a rule, its reason, and the other columns after it."""
    told = [rule.reason.alias(f"__reason{index}") for index, rule in enumerate(plan.rules)]
    broken = plan.with_steps(rows.lazy()).with_columns(told).collect()
    reasons = [(rule.column, pl.col(f"__reason{index}")) for index, rule in enumerate(plan.rules)]
    first = pl.coalesce([pl.when(reason.is_not_null()).then(pl.lit(column)) for column, reason in reasons])
    others = [
        pl.when(reason.is_not_null() & (first != column)).then(pl.format(f"; {column}: {{}}", reason))
        for column, reason in reasons
    ]
    text = pl.coalesce([reason for _, reason in reasons]) + pl.concat_str(others, ignore_nulls=True)
    return broken.select(ROW, pl.col(OUT_LINE).alias("line"), first.alias("column_name"), text.alias("reason"))


def _with_text(reasons: pl.DataFrame, chunk: Chunk) -> pl.DataFrame:
    """Bad rows with their original text, records that could not be cut into columns first."""
    if not reasons.height and not chunk.bad:
        return _NO_BAD_ROWS
    unreadable = [(record.line, None, record.reason, record.original_text) for record in chunk.bad]
    texts = chunk.original.take(reasons[ROW].to_list()) if reasons.height else []
    told = reasons.drop(ROW).with_columns(pl.Series("original_text", texts, dtype=pl.String))
    return pl.concat([pl.DataFrame(unreadable, schema=BAD_SCHEMA, orient="row"), told])
