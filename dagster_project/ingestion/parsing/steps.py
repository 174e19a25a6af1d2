"""How a column is understood: helper columns, value and reason; what a type means is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Parsed:
    """How one column is understood.

    Attributes:
        steps: Helper columns, to be added one after the other before `value` is evaluated.
        value: The typed value; null where the source value cannot be understood.
        reason: Why it cannot, as a sentence; only evaluated on rows where `value` is null and the source is not.
    """

    steps: tuple[pl.Expr, ...]
    value: pl.Expr
    reason: pl.Expr


class Steps:
    """Collects helper columns, so that an expression used twice is evaluated once.

    Args:
        name: Prefix of their names, unique to the column.
    """

    def __init__(self, name: str) -> None:
        """Start without helpers."""
        self._name = name
        self._columns: list[pl.Expr] = []

    def keep(self, expression: pl.Expr) -> pl.Expr:
        """Make a helper column of an expression."""
        name = f"{self._name}:{len(self._columns)}"
        self._columns.append(expression.alias(name))
        return pl.col(name)

    def parsed(self, value: pl.Expr, reason: pl.Expr) -> Parsed:
        """The finished column."""
        return Parsed(tuple(self._columns), value, reason)
