"""Compares a list with the one that was delivered last; which one that is, and who may leave, is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce

import polars as pl

from dagster_project.activation.segments import IDENTIFIERS, REASON

CHANGE = "change"
REMOVAL_REASON = "removal_reason"
VERDICT = "verdict"
ADDED, CHANGED, REMOVED = "added", "changed", "removed"
UNKNOWN_REASON = "left"

NO_CHANGE = frozenset({REASON, "rank_number"})
"""Columns that may move from night to night without anything new about the customer."""

_IDENTIFYING = frozenset(name for names in IDENTIFIERS.values() for name in names)


@dataclass(frozen=True)
class Delta:
    """What a list changes against the one that was delivered last.

    Args:
        added: Rows that are new, with the columns of the list and `change`.
        changed: Rows that were there with other values, as they are now; the same columns.
        removed: Rows that are gone, as they were delivered: the columns of the list and the identifiers of the former
            one, `change` and `removal_reason`.
        replaced: The rows of `changed` as they were delivered, with the columns of `removed` but for the reason: an
            address that is not in use any more has to leave a destination, too.
        kept_count: How many rows stay as they are.
    """

    added: pl.DataFrame
    changed: pl.DataFrame
    removed: pl.DataFrame
    replaced: pl.DataFrame
    kept_count: int


def compare(
    previous: pl.DataFrame | None, members: pl.DataFrame, *, keys: Sequence[str], removal_reasons: pl.DataFrame
) -> Delta:
    """Compare two lists, whatever their columns.

    A row is the one with the same value of the last of `keys` (null is a value). It is changed if a column differs that
    says something about the customer; a column that the former list lacks counts where it holds a value, one that is
    not exported any more does not count.

    Args:
        previous: The list as it was delivered last, None if it never was.
        members: The list as it is, in its order.
        keys: The columns that say which row is which: the customer, then the list's own key.
        removal_reasons: The list's own key and `verdict`, one row per key: why somebody is not on the list tonight.
    """
    key = keys[-1]
    former = _aligned(members.clear() if previous is None else previous, members=members)
    listed = former.with_row_index("_former").select(key, "_former").unique(key, keep="first")
    joined = members.join(listed, on=key, how="left", nulls_equal=True, maintain_order="left")
    is_new = pl.col("_former").is_null()
    stayed = joined.filter(~is_new)
    before = former[stayed["_former"]]
    differs = _differences(before, stayed, key=key)
    gone = former.join(members.select(key), on=key, how="anti", nulls_equal=True, maintain_order="left")
    return Delta(
        added=_marked(joined.filter(is_new).drop("_former"), ADDED),
        changed=_marked(stayed.filter(differs).drop("_former"), CHANGED),
        removed=_marked(gone, REMOVED).pipe(_with_reasons, reasons=removal_reasons, key=key),
        replaced=_marked(before.filter(differs), CHANGED),
        kept_count=stayed.height - int(differs.sum()),
    )


def delta_frame(delta: Delta) -> pl.DataFrame:
    """The changes as one frame: added and changed rows as they are now, then removed ones as they were delivered.

    Args:
        delta: What a list changes.
    """
    frame = pl.concat([delta.added, delta.changed, delta.removed], how="diagonal")
    said = [CHANGE, REMOVAL_REASON]
    return frame.select([name for name in frame.columns if name not in said] + said)


def _aligned(previous: pl.DataFrame, *, members: pl.DataFrame) -> pl.DataFrame:
    """The former list with the columns and types of this one, and the identifiers it had beside them."""
    beside = [name for name in previous.columns if name in _IDENTIFYING and name not in members.columns]
    columns = [_column(previous, name, kind=kind) for name, kind in members.schema.items()]
    return pl.DataFrame([*columns, *previous.select(beside)])


def _column(previous: pl.DataFrame, name: str, *, kind: pl.DataType) -> pl.Series:
    """A column as the list has it now; null where it was missing or held what its type of today cannot hold."""
    if name in previous.columns:
        with suppress(pl.exceptions.InvalidOperationError):
            return previous[name].cast(kind, strict=False)
    return pl.Series(name, [None], dtype=kind).new_from_index(0, previous.height)


def _differences(before: pl.DataFrame, after: pl.DataFrame, *, key: str) -> pl.Series:
    """Whether each row differs from the one in the same place."""
    telling = [name for name in before.columns if name in after.columns and name not in {key, *NO_CHANGE}]
    differences = [before[name].ne_missing(after[name]) for name in telling]
    none = pl.Series([], dtype=pl.Boolean).extend_constant(value=False, n=after.height)
    return reduce(lambda one, other: one | other, differences, none)


def _marked(frame: pl.DataFrame, change: str) -> pl.DataFrame:
    return frame.with_columns(pl.lit(change).alias(CHANGE))


def _with_reasons(gone: pl.DataFrame, *, reasons: pl.DataFrame, key: str) -> pl.DataFrame:
    why = reasons.select(pl.col(key).cast(gone.schema[key]), pl.col(VERDICT).alias(REMOVAL_REASON))
    return gone.join(why, on=key, how="left", maintain_order="left").with_columns(
        pl.col(REMOVAL_REASON).fill_null(UNKNOWN_REASON)
    )
