"""The ingestion step of a night: calls the ingestion room and compares tables with the ledger afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_project.errors import CrmError
from dagster_project.ingestion import ingest, list_unmapped, load_catalog
from dagster_project.nightly.notes import note_batches
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings
from dagster_project.subjects.ledger import record_erasures, returned
from dagster_project.warehouse import open_database

if TYPE_CHECKING:
    import duckdb

    from dagster_project.ingestion import BatchResult

_UNBALANCED = """
    select feed, count(*)
    from journal.batches
    where delivered_rows <> loaded_rows + quarantined_rows + duplicate_rows
       or source_rows <> filtered_rows + delivered_rows
    group by feed
"""
_LEDGER_ROWS = "select feed, sum(loaded_rows) from journal.batches where status = 'loaded' group by feed"


@dataclass(frozen=True)
class IngestionOutcome:
    """What the ingestion did tonight and how the tables stand afterwards."""

    batches: tuple[BatchResult, ...]
    table_rows: Mapping[str, int]
    balance_complaints: Mapping[str, str]

    @property
    def loaded_rows(self) -> int:
        """Rows loaded tonight."""
        return sum(batch.loaded_rows for batch in self.batches if batch.status == "loaded")

    @property
    def summary(self) -> str:
        """The night's files in a few words."""
        loaded = sum(batch.status == "loaded" for batch in self.batches)
        refused = sum(batch.status == "refused" for batch in self.batches)
        return f"{loaded} batches loaded, {refused} refused"

    def of_feed(self, feed: str) -> list[BatchResult]:
        """Tonight's loaded batches of one feed."""
        return [batch for batch in self.batches if batch.feed == feed and batch.status == "loaded"]

    def warned_of_feed(self, feed: str) -> list[BatchResult]:
        """Tonight's batches of one feed that deserve a look."""
        return [batch for batch in self.batches if batch.feed == feed and batch.is_warning]

    def demand_balance(self) -> None:
        """Stop the night when a table and the ledger disagree.

        Raises:
            CrmError: A row was lost or invented.
        """
        if self.balance_complaints:
            feed, complaint = sorted(self.balance_complaints.items())[0]
            raise CrmError(
                f"the row balance of {feed} is broken: {complaint}",
                where="journal.batches",
                remedy="Move warehouse.duckdb away and run again: it is rebuilt from the landing files.",
            )


def ingest_night(night: Night, *, feeds: Collection[str] | None) -> IngestionOutcome:
    """Load what lies in the landing directory up to the night's date.

    Args:
        night: The running night.
        feeds: Only these feeds; None means all.
    """
    settings = night.settings
    batches = ingest(
        catalog=load_catalog(settings.sources_dir),
        settings=settings,
        as_of=night.as_of,
        feeds=feeds,
        validate=night.gate.validate_batch,
        on_progress=_listener(night),
    )
    with open_database(settings.warehouse_path, settings=settings) as connection:
        record_erasures(connection, settings=settings)
    note_batches(night, batches)
    _note_unmapped(night)
    table_rows, complaints = _balance(settings)
    return IngestionOutcome(batches=batches, table_rows=table_rows, balance_complaints=complaints)


def warn_of_erased(night: Night) -> None:
    """Warn of people who were erased and have been delivered again; needs the staging models.

    Args:
        night: The running night.
    """
    with open_database(night.settings.warehouse_path, settings=night.settings, read_only=True) as connection:
        night.warnings.extend(one.warning for one in returned(connection))


def _listener(night: Night) -> Callable[[BatchResult, int, int], None]:
    def hear(result: BatchResult, _done: int, total: int) -> None:
        night.progress.expect("ingestion", total=total)
        night.progress.advance("ingestion", detail=f"{result.source_system}/{result.file}")

    return hear


def _note_unmapped(night: Night) -> None:
    files = list_unmapped(catalog=load_catalog(night.settings.sources_dir), settings=night.settings)
    if files:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        night.notes.append(f"no mapping takes {files[0]}{more} (crm sources list)")


def _balance(settings: Settings) -> tuple[dict[str, int], dict[str, str]]:
    with open_database(settings.warehouse_path, settings=settings) as connection:
        rows = _count_rows(connection)
        ledger = dict(connection.execute(_LEDGER_ROWS).fetchall())
        complaints = {
            feed: f"{batches} batches do not add up" for feed, batches in connection.execute(_UNBALANCED).fetchall()
        }
    for table, count in rows.items():
        schema, feed = table.split("/")
        if schema == "raw" and feed != "runs" and count != ledger.get(feed, 0):
            complaints[feed] = f"the table holds {count} rows, the ledger says {ledger.get(feed, 0)}"
    return rows, complaints


def _count_rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    tables = connection.execute(
        "select table_schema, table_name from information_schema.tables where table_schema in ('raw', 'journal')"
    ).fetchall()
    counts = " union all ".join(
        f'select \'{schema}/{table}\', count(*) from "{schema}"."{table}"' for schema, table in tables
    )
    return dict(connection.execute(counts).fetchall()) if tables else {}
