"""Writes decisions into the warehouse: rows, ledger and quarantine of a batch in one transaction or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

import duckdb

from dagster_project.errors import CrmError
from dagster_project.ingestion.batches import Batch, ColumnCount
from dagster_project.ingestion.catalog import Catalog
from dagster_project.ingestion.ledger import LedgerRow, forget, record, record_columns
from dagster_project.ingestion.quarantine_files import quarantine_path, write_quarantine
from dagster_project.ingestion.raw_tables import insert_rows, record_run, replace_rows
from dagster_project.ingestion.row_store import RowStore

REFUSED_SAMPLE = 10_000
"""So many bad rows of a refused batch are kept: the file is refused whole, and all of it still lies in landing."""
FLUSH_ROWS = 200_000
FLUSH_DECISIONS = 200


@dataclass(frozen=True)
class Decision:
    """What is to become of one batch.

    Attributes:
        batch: The batch; what is removed belongs to its system and feed.
        row: The ledger row to write; None for a batch that is withdrawn.
        rows: Rows to load, if it is loaded.
        bad: Bad rows to keep, if there are any.
        columns: How the columns of the rows are filled.
        replaced_rows: Batches whose rows in raw go.
        replaced_ledger: Ledger rows that go, with their quarantine files.
    """

    batch: Batch
    row: LedgerRow | None
    rows: RowStore | None = None
    bad: RowStore | None = None
    columns: tuple[ColumnCount, ...] = ()
    replaced_rows: tuple[str, ...] = ()
    replaced_ledger: tuple[str, ...] = ()


class Loader:
    """Collects decisions and commits them, in their order, in a thread of its own: the next files are read meanwhile.

    Args:
        connection: The warehouse; nobody else may use it until the loader is left.
        catalog: Contracts of the feeds.
        quarantine_dir: Where bad rows go.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, catalog: Catalog, quarantine_dir: Path) -> None:
        """Start with nothing to do."""
        self._connection, self._catalog, self._quarantine_dir = connection, catalog, quarantine_dir
        self._waiting: list[Decision] = []
        self._waiting_rows = 0
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        """Decisions are taken until it is left."""
        return self

    def __exit__(self, *_: object) -> None:
        """What is being committed ends; what waits is dropped."""
        self._writer.shutdown()

    def add(self, decision: Decision) -> None:
        """Take a decision; it is committed at the latest by `flush`."""
        self._waiting.append(decision)
        self._waiting_rows += decision.rows.height if decision.rows else 0
        if self._waiting_rows >= FLUSH_ROWS or len(self._waiting) >= FLUSH_DECISIONS:
            self._hand_over()

    def flush(self, *, as_of: date | None = None) -> None:
        """Commit all decisions taken so far.

        Args:
            as_of: Given at the end of a run: the date the models see.

        Raises:
            CrmError: The warehouse, or a quarantine file, cannot be written.
        """
        self._hand_over(as_of)
        self._wait()

    def _hand_over(self, as_of: date | None = None) -> None:
        """Let the writer go on with what waits, once it has done with what came before."""
        self._wait()
        self._writing = self._writer.submit(self._write, self._waiting, as_of)
        self._waiting, self._waiting_rows = [], 0

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _write(self, decisions: Sequence[Decision], as_of: date | None) -> None:
        try:
            obsolete = [path for decision in decisions for path in self._keep_bad_rows(decision)]
            self._commit(decisions, as_of)
        except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise CrmError(
                f"the warehouse cannot be written: {str(error).splitlines()[0]}",
                where=str(self._quarantine_dir.parent),
                remedy="Make room and run again; what was loaded before is untouched.",
            ) from error
        for path in obsolete:
            path.unlink(missing_ok=True)
        for decision in decisions:
            for store in (decision.rows, decision.bad):
                if store is not None:
                    store.close()

    def _commit(self, decisions: Sequence[Decision], as_of: date | None) -> None:
        self._connection.execute("begin transaction")
        try:
            self._apply(decisions)
            if as_of is not None:
                record_run(self._connection, as_of)
            self._connection.execute("commit")
        except BaseException:
            self._connection.execute("rollback")
            raise

    def _apply(self, decisions: Sequence[Decision]) -> None:
        for feed in sorted({decision.batch.feed for decision in decisions}):
            of_feed = [decision for decision in decisions if decision.batch.feed == feed]
            replace_rows(self._connection, feed, [one for decision in of_feed for one in decision.replaced_rows])
            self._insert(feed, of_feed)
        forget(self._connection, [one for decision in decisions for one in decision.replaced_ledger])
        record(self._connection, [decision.row for decision in decisions if decision.row is not None])
        record_columns(self._connection, [(decision.batch.batch_id, decision.columns) for decision in decisions])

    def _insert(self, feed: str, decisions: Sequence[Decision]) -> None:
        loaded = [(one.batch, one.rows) for one in decisions if one.rows is not None]
        expected = sum(one.row.counts.loaded_rows for one in decisions if one.rows is not None and one.row is not None)
        inserted = insert_rows(self._connection, self._catalog.contract(feed), loaded) if loaded else 0
        if inserted != expected:
            raise RuntimeError(f"row balance violated: {inserted} rows entered raw.{feed} instead of {expected}")

    def _keep_bad_rows(self, decision: Decision) -> list[Path]:
        """Write the quarantine file of a decision; returns the files that are obsolete once it is committed."""
        batch = decision.batch
        obsolete = {quarantine_path(self._quarantine_dir, batch, one) for one in decision.replaced_ledger}
        if decision.row is not None and decision.bad is not None and decision.bad.height:
            path = quarantine_path(self._quarantine_dir, batch, decision.row.batch.batch_id)
            kept = decision.bad.height if decision.row.status == "loaded" else REFUSED_SAMPLE
            write_quarantine(path, decision.bad.scan().head(kept), batch)
            obsolete.discard(path)
        return sorted(obsolete)
