"""Batch gates: reasons to refuse a batch whole, each one sentence that starts with the gate's name."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from dagster_project.ingestion.batches import Counts
from dagster_project.ingestion.contracts import Bounds
from dagster_project.ingestion.declarations import did_you_mean
from dagster_project.ingestion.mappings import FeedMapping
from dagster_project.ingestion.readers.source import SourceFile
from dagster_project.ingestion.source_rows import column_inputs
from dagster_project.ingestion.sql import columns_of

_ADDRESS_OR_NUMBER = re.compile(r"@|\d{5}")
_NO_HEADER = "What stands where its header should be reads like a row of data."

VOLUME = "volume"
VOLUME_BATCHES = 3
"""A batch is compared with the median of so many loaded batches before it: few, since companies grow."""
GROWTH_FROM = 100
"""Below so many rows growth by a multiple is ordinary and never refused."""
SHRINKING_FROM = 10
"""Below so many rows the loss of half of them is ordinary and never refused."""


def missing_columns(feed_mapping: FeedMapping, source: SourceFile) -> str:
    """The refusal when the file lacks a column the mapping needs; empty when it does not."""
    needed = dict.fromkeys(columns_of(feed_mapping.filter) if feed_mapping.filter else ())
    needed.update(dict.fromkeys([feed_mapping.explode] if feed_mapping.explode else ()))
    for one in feed_mapping.columns.values():
        if not one.optional:
            needed.update(dict.fromkeys(column_inputs(one)))
    missing = [name for name in needed if not source.has(name)]
    if not missing:
        return ""
    hint = _NO_HEADER if _reads_like_data(source.columns) else did_you_mean(missing[0], source.columns)
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return f"missing column: the file has no {missing[0]!r}{more}. {hint}".rstrip(". ") + "."


def _reads_like_data(names: Iterable[str]) -> bool:
    """Whether the line taken for a header holds an address or a long number: it is somebody's row then, no header."""
    return any(_ADDRESS_OR_NUMBER.search(name) for name in names)


def unknown_columns(unknown: Sequence[str]) -> str:
    """The refusal when the file brings columns that the mapping does not know and does not want."""
    if not unknown:
        return ""
    if _reads_like_data(unknown):
        return f"unknown column: {len(unknown)} of the file's are not in the mapping. {_NO_HEADER}"
    named = ", ".join(repr(name) for name in unknown[:5])
    return f"unknown column: the file brings {named}, and the mapping says `unknown_columns: reject`."


def bad_share(counts: Counts, bounds: Bounds) -> str:
    """The refusal when too many rows break the contract."""
    bad, delivered = counts.quarantined_rows, counts.delivered_rows
    if not bad or bad <= bounds.max_bad_share * delivered or (bad < bounds.min_bad_rows and bad < delivered):
        return ""
    share, allowed = bad / delivered, bounds.max_bad_share
    return f"bad rows: {bad:,} of {delivered:,} rows ({share:.1%}) break the contract, {allowed:.1%} are allowed."


def too_few_rows(delivered: int, bounds: Bounds, *, mode: str) -> str:
    """The refusal when a batch is empty that must not be: a full export without rows would delete everything."""
    least = bounds.min_rows if bounds.min_rows is not None else int(mode == "full")
    if delivered >= least:
        return ""
    return f"too few rows: the file delivers {delivered:,}, at least {least:,} are expected."


def volume(delivered: int, history: Sequence[int], bounds: Bounds) -> str:
    """The refusal when a batch is much smaller or larger than the ones before it.

    Args:
        delivered: Rows of this batch.
        history: Rows of the loaded batches before it, oldest first.
        bounds: Lowest and highest ratio to the median of the last of them.
    """
    usual = statistics.median(history[-VOLUME_BATCHES:]) if history else 0
    least, most = bounds.min_volume_ratio, bounds.max_volume_ratio
    if least is not None and usual >= SHRINKING_FROM and delivered < least * usual:
        expected = f"at least {least * usual:,.0f}"
    elif most is not None and usual >= GROWTH_FROM and delivered > most * usual:
        expected = f"at most {most * usual:,.0f}"
    else:
        return ""
    return (
        f"{VOLUME}: {delivered:,} rows, {expected} are expected after a median of {usual:,.0f} in the batches before;"
        " if this is right, widen the bounds in the mapping."
    )


def future_events(newest: date | datetime | None, batch_date: date, column: str | None) -> str:
    """The refusal when events lie after the batch they came with (one day of time zones is forgiven)."""
    if newest is None:
        return ""
    day = newest.date() if isinstance(newest, datetime) else newest
    if day <= batch_date + timedelta(days=1):
        return ""
    return f"future events: the newest {column} is {day}, after the batch date {batch_date}."


def joined(reasons: Iterable[str]) -> str:
    """All refusals of one batch in one text."""
    return " ".join(reason for reason in reasons if reason)
