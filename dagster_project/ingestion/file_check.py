"""The dry run of one file: what would be loaded, what not and why; writes nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from dagster_project.errors import CrmError
from dagster_project.ingestion import gates
from dagster_project.ingestion.batches import Batch, Counts
from dagster_project.ingestion.candidates import Candidate, Reading, read_candidates, unused_columns
from dagster_project.ingestion.catalog import Catalog
from dagster_project.ingestion.contracts import Contract
from dagster_project.ingestion.declarations import did_you_mean
from dagster_project.ingestion.landing import LandingFile, match
from dagster_project.ingestion.ledger import LedgerRow, ledger_of
from dagster_project.ingestion.mappings import ColumnMapping, SourceMapping
from dagster_project.ingestion.profiles import profile_batch
from dagster_project.ingestion.quarantine import QuarantinedRow, quarantined_rows
from dagster_project.settings import Settings

SHOWN_BAD_ROWS = 10


@dataclass(frozen=True)
class ColumnCheck:
    """What a file holds for one contract column.

    Attributes:
        source: How the mapping fills it, in words; empty when it does not.
        filled_share: Share of the rows that would load in which it has a value.
        bad_count: Rows it sends to quarantine.
        sample_reason: Why, for the first of them.
    """

    column: str
    type: str
    required: bool
    source: str
    filled_share: float
    minimum: str | None
    maximum: str | None
    bad_count: int
    sample_reason: str


@dataclass(frozen=True)
class FileCheck:
    """What one feed would get from a file.

    Attributes:
        reason: Why the batch would be refused; empty when it would load.
        notes: What else is worth knowing, such as columns nobody uses.
        columns: The verdict per contract column, unfilled ones included.
        bad_rows: The first bad rows.
    """

    path: str
    source_system: str
    mapping: str
    feed: str
    mode: str
    batch_date: date
    counts: Counts
    reason: str
    notes: tuple[str, ...]
    columns: tuple[ColumnCheck, ...]
    bad_rows: tuple[QuarantinedRow, ...]

    @property
    def would_refuse(self) -> bool:
        """Whether the batch would be refused whole."""
        return bool(self.reason)


def check_file(
    path: Path, *, catalog: Catalog, settings: Settings, system: str | None = None, mapping: str | None = None
) -> tuple[FileCheck, ...]:
    """Say what would be loaded from a file, what not and why; nothing is written.

    Args:
        path: The file, in the landing folder or anywhere else.
        catalog: Contracts and mappings.
        settings: Where things are.
        system: Only mappings of this system.
        mapping: Only the mapping of this name, even if the file's name does not match its pattern.

    Returns:
        One check per feed that the file would fill.

    Raises:
        CrmError: The file does not exist, or no mapping takes it.
    """
    if not path.is_file():
        raise CrmError("there is no such file", where=str(path))
    chosen = _chosen_mappings(catalog, system=system, mapping=mapping)
    taken = [one for candidate in chosen if (one := _taken(path, candidate, settings, is_forced=mapping is not None))]
    if not taken:
        raise _no_mapping(path, chosen)
    ledger, note = _ledger_or_note(settings)
    with tempfile.TemporaryDirectory(prefix="crm_check_") as spill_dir:
        return tuple(
            check for file in taken for check in _checks(file, catalog, ledger, note, spill_dir=Path(spill_dir))
        )


def _ledger_or_note(settings: Settings) -> tuple[Mapping[str, LedgerRow], str]:
    try:
        return ledger_of(settings), ""
    except CrmError as error:
        return {}, f"The volume was not compared with earlier batches: {error.what}."


def _chosen_mappings(catalog: Catalog, *, system: str | None, mapping: str | None) -> list[SourceMapping]:
    chosen = [
        one
        for one in catalog.mappings
        if (system is None or one.system == system) and (mapping is None or one.name == mapping)
    ]
    if not chosen and catalog.mappings:
        wrong, known = (mapping, [one.name for one in catalog.mappings]) if mapping else (system, [])
        known = known or [one.system for one in catalog.mappings]
        raise CrmError(f"there is no mapping {wrong!r}", remedy=did_you_mean(str(wrong), known))
    return chosen


def _taken(path: Path, mapping: SourceMapping, settings: Settings, *, is_forced: bool) -> LandingFile | None:
    """The file as a mapping takes it; a file outside the landing folder is matched by the end of its path."""
    absolute = path.resolve()
    folder = settings.landing_dir / mapping.system
    if absolute.is_relative_to(folder):
        names = [absolute.relative_to(folder).as_posix()]
    elif absolute.is_relative_to(settings.landing_dir) and not is_forced:
        return None
    else:
        names = ["/".join(absolute.parts[-depth:]) for depth in range(1, min(4, len(absolute.parts)))]
    for name in names:
        if taken := match(mapping, path, name, settings.time_zone):
            return taken
    day = datetime.fromtimestamp(path.stat().st_mtime, tz=settings.time_zone).date()
    return LandingFile(mapping, path, path.name, day) if is_forced else None


def _no_mapping(path: Path, mappings: Sequence[SourceMapping]) -> CrmError:
    patterns = ", ".join(sorted({f"{one.system}/{text}" for one in mappings for text in one.files})[:8])
    remedy = f"Known patterns: {patterns}. Name one with --mapping." if patterns else "There are no mappings yet."
    return CrmError("no mapping takes this file", where=str(path), remedy=remedy)


def _checks(
    file: LandingFile, catalog: Catalog, ledger: Mapping[str, LedgerRow], note: str, *, spill_dir: Path
) -> Iterator[FileCheck]:
    mapping = file.mapping
    reading = Reading(catalog, spill_dir)
    candidates, source = read_candidates(file, feeds=tuple(mapping.feeds), reading=reading)
    unused = unused_columns(mapping, source) if source is not None else ()
    notes = [note, f"Columns nobody uses: {', '.join(unused)}." if unused else ""]
    for candidate in candidates:
        contract, mode = catalog.contract(candidate.feed), catalog.mode(mapping, candidate.feed)
        history = _history(ledger, file, candidate.feed)
        volume = gates.volume(candidate.counts.delivered_rows, history, catalog.bounds(mapping, candidate.feed))
        batch = Batch("", mapping.system, mapping.name, candidate.feed, mode, file.file, file.batch_date, "", "")
        yield FileCheck(
            path=str(file.path),
            source_system=mapping.system,
            mapping=mapping.name,
            feed=candidate.feed,
            mode=mode,
            batch_date=file.batch_date,
            counts=candidate.counts,
            reason=candidate.reason or volume,
            notes=tuple(one for one in notes if one),
            columns=_column_checks(candidate, batch, contract, mapping),
            bad_rows=tuple(quarantined_rows(candidate.bad.head(SHOWN_BAD_ROWS), batch)),
        )
        candidate.close()


def _history(ledger: Mapping[str, LedgerRow], file: LandingFile, feed: str) -> list[int]:
    rows = [
        row
        for row in ledger.values()
        if row.status == "loaded"
        and (row.batch.source_system, row.batch.mapping, row.batch.feed)
        == (file.mapping.system, file.mapping.name, feed)
        and (row.batch.batch_date, row.batch.file) < (file.batch_date, file.file)
    ]
    return [row.counts.delivered_rows for row in sorted(rows, key=lambda row: (row.batch.batch_date, row.batch.file))]


def _column_checks(
    candidate: Candidate, batch: Batch, contract: Contract, mapping: SourceMapping
) -> tuple[ColumnCheck, ...]:
    profile = profile_batch(
        candidate.rows.scan(), batch=batch, counts=candidate.counts, contract=contract, bad=candidate.bad_by_column()
    )
    reasons = candidate.bad.scan().group_by("column_name").agg(pl.col("reason").first())
    samples = dict(reasons.collect(engine="streaming").iter_rows())
    filled = mapping.feeds[candidate.feed].columns
    return tuple(
        ColumnCheck(
            column=one.column,
            type=one.type,
            required=one.required,
            source=_in_words(filled.get(one.column)),
            filled_share=1 - one.null_count / one.row_count if one.row_count else 0.0,
            minimum=one.minimum,
            maximum=one.maximum,
            bad_count=one.bad_count,
            sample_reason=samples.get(one.column) or "",
        )
        for one in profile.columns
    )


def _in_words(one: ColumnMapping | None) -> str:
    """How a column is filled."""
    if one is None:
        return ""
    if one.source is not None:
        return one.source
    if one.constant is not None:
        return f"always {one.constant!r}"
    if one.coalesce is not None:
        return f"first of {', '.join(one.coalesce)}"
    return f"SQL: {one.sql}" if one.sql is not None else f"number within {', '.join(one.number_within or ())}"
