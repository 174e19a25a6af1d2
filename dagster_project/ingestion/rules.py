"""Row-level rules of a contract as Polars expressions: whether a value passes, and the sentence when it does not."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from dagster_project.ingestion.contracts import ContractColumn


@dataclass(frozen=True)
class ColumnRules:
    """The verdict on one column.

    Attributes:
        column: Its name in the contract.
        passes: Whether the row's value keeps every rule; never null.
        reason: Why it does not; null when it does. Evaluated on bad rows only.
    """

    column: str
    passes: pl.Expr
    reason: pl.Expr


def rules_of(column: ContractColumn, *, raw: pl.Expr, value: pl.Expr, type_reason: pl.Expr) -> ColumnRules:
    """All rules of one contract column.

    Args:
        column: The contract's side.
        raw: The source value, null where there is none.
        value: The typed value, null where there is none or it could not be understood.
        type_reason: Why it could not be understood.
    """
    quoted = pl.format("{}: '{}'", type_reason, raw.cast(pl.String, strict=False).fill_null("").str.slice(0, 80))
    steps = [(raw.is_not_null() & value.is_null(), quoted)]
    steps += [(fails.fill_null(value=False), reason) for fails, reason in _contract_steps(column, value)]
    verdict = pl.lit(None, dtype=pl.String)
    for fails, reason in reversed(steps):
        verdict = pl.when(fails).then(reason).otherwise(verdict)
    relevant = steps if column.type != "string" else steps[1:]
    passes = ~pl.any_horizontal([fails for fails, _ in relevant]) if relevant else pl.lit(value=True)
    return ColumnRules(column=column.name, passes=passes, reason=verdict)


def _contract_steps(column: ContractColumn, value: pl.Expr) -> list[tuple[pl.Expr, pl.Expr]]:
    steps: list[tuple[pl.Expr, pl.Expr]] = []
    if column.required:
        empty = value.is_null() if column.type != "string" else value.is_null() | (value.str.len_bytes() == 0)
        steps.append((empty, pl.lit("required, but empty")))
    if column.allowed:
        allowed = ", ".join(column.allowed)
        told = pl.format(f"'{{}}' is not one of {_braces(allowed)}", value.str.slice(0, 80))
        steps.append((~value.is_in(list(column.allowed)), told))
    if column.minimum is not None:
        steps.append((value < column.minimum, pl.lit(f"below the minimum {column.minimum}")))
    if column.maximum is not None:
        steps.append((value > column.maximum, pl.lit(f"above the maximum {column.maximum}")))
    if column.max_length is not None:
        too_long = value.str.len_chars() > column.max_length
        steps.append((too_long, pl.lit(f"longer than {column.max_length} characters")))
    if column.pattern is not None:
        told = pl.format("'{}' does not have the declared shape", value.str.slice(0, 80))
        steps.append((~value.str.contains(column.pattern), told))
    return steps


def _braces(text: str) -> str:
    return text.replace("{", "").replace("}", "")
