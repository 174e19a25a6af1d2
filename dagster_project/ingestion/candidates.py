"""Reads one file for all feeds it fills and weighs the result: rows that would load, bad rows, reasons to refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import polars as pl

from dagster_project.ingestion import gates
from dagster_project.ingestion.batches import ColumnCount, Counts
from dagster_project.ingestion.catalog import Catalog
from dagster_project.ingestion.column_plans import ColumnPlans
from dagster_project.ingestion.contracts import Contract
from dagster_project.ingestion.landing import LandingFile
from dagster_project.ingestion.mappings import FeedMapping, SourceMapping
from dagster_project.ingestion.readers import Needs, RefusedFileError, SourceFile, open_source
from dagster_project.ingestion.readers.ahead import ahead
from dagster_project.ingestion.row_store import RowStore, copied
from dagster_project.ingestion.source_rows import EXTRA, feed_inputs
from dagster_project.ingestion.transform import BAD_SCHEMA, OUT_LINE, FeedTransform


@dataclass
class Candidate:
    """One feed of one file, read and checked but not loaded.

    Attributes:
        feed: The feed.
        rows: Accepted rows.
        bad: Bad rows in file order: line, column_name, reason, original_text.
        counts: Where the rows would go.
        columns: How the columns that the mapping fills are filled.
        reason: Why the batch cannot be loaded, volume apart; empty when it can.
    """

    feed: str
    rows: RowStore
    bad: RowStore
    counts: Counts = field(default_factory=Counts)
    columns: tuple[ColumnCount, ...] = ()
    reason: str = ""

    def bad_by_column(self) -> Mapping[str, int]:
        """Number of bad rows by the first column that made them bad."""
        named = self.bad.scan().filter(pl.col("column_name").is_not_null())
        counted = named.group_by("column_name").len().collect(engine="streaming") if self.bad.height else None
        return dict(counted.iter_rows()) if counted is not None else {}

    def close(self) -> None:
        """Remove what was written for it."""
        self.rows.close()
        self.bad.close()


@dataclass
class _Work:
    candidate: Candidate
    transform: FeedTransform
    source_rows: int = 0
    filtered_rows: int = 0


class Reading:
    """What reading files of one catalog shares between files.

    Args:
        catalog: Contracts and mappings.
        spill_dir: Where rows go that do not fit into memory.
    """

    def __init__(self, catalog: Catalog, spill_dir: Path) -> None:
        """Start without plans."""
        self.catalog, self.spill_dir = catalog, spill_dir
        self._plans: dict[tuple[str, str, str], ColumnPlans] = {}

    def plans(self, mapping: SourceMapping, feed: str) -> ColumnPlans:
        """The plans for one feed of a mapping."""
        key = (mapping.system, mapping.name, feed)
        if key not in self._plans:
            contract = self.catalog.contract(feed)
            self._plans[key] = ColumnPlans(mapping.feeds[feed], contract, mapping.format.values)
        return self._plans[key]

    def candidate(self, feed: str, *, reason: str = "") -> Candidate:
        """A candidate without rows."""
        schema = {column.name: column.polars_type for column in self.catalog.contract(feed).columns}
        rows = RowStore(self.spill_dir, {**schema, OUT_LINE: pl.Int64(), EXTRA: pl.String()})
        return Candidate(feed=feed, rows=rows, bad=RowStore(self.spill_dir, BAD_SCHEMA), reason=reason)


def read_candidates(
    file: LandingFile, *, feeds: Sequence[str], reading: Reading
) -> tuple[tuple[Candidate, ...], SourceFile | None]:
    """Read a file once and work out what each feed would get from it.

    Args:
        file: The file and the mapping that takes it.
        feeds: The feeds wanted of those the mapping fills.
        reading: What is shared between files.

    Returns:
        One candidate per feed, and the file's reader (None when it could not be opened).
    """
    mapping = file.mapping
    source: SourceFile | None = None
    candidates = {feed: reading.candidate(feed) for feed in feeds}
    try:
        source = open_source(file.path, mapping.format, _needs(mapping))
        _read(source, mapping, reading, candidates)
    except RefusedFileError as error:
        _refuse_all(candidates, reading, f"{error}.")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        _refuse_all(candidates, reading, f"unreadable: the file cannot be worked on ({str(error).splitlines()[0]}).")
    for candidate in candidates.values():
        if not candidate.reason:
            _weigh(candidate, file, reading.catalog)
    return tuple(candidates.values()), source


def _refuse_all(candidates: dict[str, Candidate], reading: Reading, reason: str) -> None:
    for feed, candidate in candidates.items():
        candidate.close()
        candidates[feed] = reading.candidate(feed, reason=reason)


def mapping_inputs(mapping: SourceMapping) -> tuple[str, ...]:
    """Source columns that any feed of a mapping reads."""
    names: dict[str, None] = {}
    for feed_mapping in mapping.feeds.values():
        names.update(dict.fromkeys(feed_inputs(feed_mapping)))
    return tuple(names)


def unused_columns(mapping: SourceMapping, source: SourceFile) -> tuple[str, ...]:
    """Columns in the file that no feed of the mapping reads."""
    explodes = [one.explode for one in mapping.feeds.values() if one.explode]
    used = {name for path in (*mapping_inputs(mapping), *explodes) for name in (path, path.split(".")[0])}
    return tuple(name for name in source.columns if name not in used)


def _needs(mapping: SourceMapping) -> Needs:
    explodes = tuple(dict.fromkeys(one.explode for one in mapping.feeds.values() if one.explode))
    return Needs(
        columns=mapping_inputs(mapping),
        explodes=explodes,
        keeps_unknown=mapping.unknown_columns == "keep",
        names_unknown=mapping.unknown_columns != "ignore",
    )


def _read(source: SourceFile, mapping: SourceMapping, reading: Reading, candidates: Mapping[str, Candidate]) -> None:
    """Run all chunks through the transforms; columns of JSON files are known only afterwards."""
    knows_columns = bool(source.columns)
    if knows_columns:
        _check_columns(source, mapping, candidates)
    works = [_work(candidate, source, mapping, reading) for candidate in candidates.values() if not candidate.reason]
    if not works:
        return
    for chunk in ahead(source.chunks()):
        for work in works:
            done = work.transform.apply(chunk)
            is_small_part = done.accepted.height * 2 < chunk.frame.height
            work.candidate.rows.add(copied(done.accepted) if is_small_part else done.accepted)
            work.candidate.bad.add(done.bad.sort("line", maintain_order=True))
            work.source_rows += done.source_rows
            work.filtered_rows += done.filtered_rows
    for work in works:
        _count(work)
    if not knows_columns and any(work.source_rows for work in works):
        _check_columns(source, mapping, candidates)


def _work(candidate: Candidate, source: SourceFile, mapping: SourceMapping, reading: Reading) -> _Work:
    unknown = (lambda: unused_columns(mapping, source)) if mapping.unknown_columns == "keep" else None
    transform = FeedTransform(reading.plans(mapping, candidate.feed), unknown=unknown)
    return _Work(candidate=candidate, transform=transform)


def _check_columns(source: SourceFile, mapping: SourceMapping, candidates: Mapping[str, Candidate]) -> None:
    unknown = unused_columns(mapping, source) if mapping.unknown_columns == "reject" else ()
    for candidate in candidates.values():
        missing = gates.missing_columns(mapping.feeds[candidate.feed], source)
        candidate.reason = gates.joined([missing, gates.unknown_columns(unknown)])


def _count(work: _Work) -> None:
    candidate = work.candidate
    delivered = work.source_rows - work.filtered_rows
    candidate.counts = Counts(
        source_rows=work.source_rows,
        filtered_rows=work.filtered_rows,
        delivered_rows=delivered,
        loaded_rows=candidate.rows.height,
        quarantined_rows=candidate.bad.height,
    )


def _weigh(candidate: Candidate, file: LandingFile, catalog: Catalog) -> None:
    """Drop exact duplicates and apply the gates that need nothing but this batch."""
    contract = catalog.contract(candidate.feed)
    bounds, mode = catalog.bounds(file.mapping, candidate.feed), catalog.mode(file.mapping, candidate.feed)
    counts = candidate.counts
    duplicates = candidate.rows.drop_duplicates(contract.key) if counts.loaded_rows else 0
    candidate.counts = counts = Counts(
        source_rows=counts.source_rows,
        filtered_rows=counts.filtered_rows,
        delivered_rows=counts.delivered_rows,
        loaded_rows=counts.loaded_rows - duplicates,
        quarantined_rows=counts.quarantined_rows,
        duplicate_rows=duplicates,
    )
    candidate.columns = _column_counts(candidate, contract, file.mapping.feeds[candidate.feed])
    newest = _newest(candidate.rows, contract.event_at) if counts.loaded_rows else None
    candidate.reason = gates.joined(
        [
            gates.too_few_rows(counts.delivered_rows, bounds, mode=mode),
            gates.bad_share(counts, bounds),
            gates.future_events(newest, file.batch_date, contract.event_at),
        ]
    )


def _column_counts(candidate: Candidate, contract: Contract, feed_mapping: FeedMapping) -> tuple[ColumnCount, ...]:
    """Count the columns of the contract that the file can fill; what a system does not know is no gap in its export."""
    nulls, bad = candidate.rows.null_counts, candidate.bad_by_column()
    return tuple(
        ColumnCount(
            column=column.name,
            is_required=column.required,
            is_key=column.name in contract.key,
            null_count=nulls.get(column.name, 0),
            bad_count=bad.get(column.name, 0),
        )
        for column in contract.columns
        if column.name in feed_mapping.columns
    )


def _newest(rows: RowStore, column: str | None) -> date | datetime | None:
    if column is None:
        return None
    value: date | datetime | None = rows.scan().select(pl.col(column).max()).collect(engine="streaming").item()
    return value
