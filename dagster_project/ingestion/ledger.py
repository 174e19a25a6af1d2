"""The ledger: `journal.batches`, one row per batch decided on, and `journal.batch_columns`; decides nothing itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import duckdb
import polars as pl

from dagster_project.errors import CrmError
from dagster_project.ingestion.batches import Batch, ColumnCount, Counts
from dagster_project.settings import Settings
from dagster_project.warehouse import open_database

_COLUMNS = {
    "batch_id": "varchar not null",
    "source_system": "varchar not null",
    "mapping": "varchar not null",
    "feed": "varchar not null",
    "mode": "varchar not null",
    "file": "varchar not null",
    "content_sha256": "varchar not null",
    "fingerprint": "varchar not null",
    "batch_date": "date not null",
    "status": "varchar not null",
    "reason": "varchar",
    "source_rows": "bigint not null",
    "filtered_rows": "bigint not null",
    "delivered_rows": "bigint not null",
    "loaded_rows": "bigint not null",
    "quarantined_rows": "bigint not null",
    "duplicate_rows": "bigint not null",
    "loaded_as_of": "date not null",
}
_COLUMN_COUNTS = {
    "batch_id": "varchar not null",
    "column_name": "varchar not null",
    "is_required": "boolean not null",
    "is_key": "boolean not null",
    "null_count": "bigint not null",
    "bad_count": "bigint not null",
}

_ERASURES = {"as_of_date": "date", "identifier_sha256": "varchar"}
"""What the subjects room writes when somebody is erased."""


@dataclass(frozen=True)
class LedgerRow:
    """One decision of the warehouse: a batch was loaded, refused, or recognised as a duplicate."""

    batch: Batch
    status: str
    reason: str
    counts: Counts
    loaded_as_of: date


def create_ledger(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the ledger if it is not there yet, and, empty, the table of people who were erased."""
    connection.execute("create schema if not exists journal")
    for table, kinds in (("batches", _COLUMNS), ("batch_columns", _COLUMN_COUNTS), ("erasures", _ERASURES)):
        columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        connection.execute(f"create table if not exists journal.{table} ({columns})")


def read_ledger(connection: duckdb.DuckDBPyConnection) -> dict[str, LedgerRow]:
    """All decisions by batch id."""
    rows = connection.execute(f"select {', '.join(_COLUMNS)} from journal.batches").fetchall()
    return {str(row[0]): _from_values(dict(zip(_COLUMNS, row, strict=True))) for row in rows}


def ledger_of(settings: Settings) -> Mapping[str, LedgerRow]:
    """All decisions of a warehouse that is not open yet; none when there is no warehouse.

    Raises:
        CrmError: A run has the warehouse open.
    """
    if not settings.warehouse_path.exists():
        return {}
    with open_database(settings.warehouse_path, settings=settings, read_only=True) as connection:
        known = connection.execute(
            "select count(*) from duckdb_tables() where schema_name = 'journal' and table_name = 'batches'"
        ).fetchone()
        return read_ledger(connection) if known and known[0] else {}


def chosen_batches(ledger: Mapping[str, LedgerRow], *, batch_id: str | None, feed: str | None) -> list[LedgerRow]:
    """Batches in quarantine (refused, or loaded with bad rows) that a user means.

    Raises:
        CrmError: A batch is asked for that is not in quarantine.
    """
    held = [row for row in ledger.values() if row.status == "refused" or row.counts.quarantined_rows]
    chosen = [
        row
        for row in sorted(held, key=lambda row: (row.batch.batch_date, row.batch.source_system, row.batch.file))
        if (feed is None or row.batch.feed == feed) and (batch_id is None or row.batch.batch_id.startswith(batch_id))
    ]
    if batch_id is not None and not chosen:
        what = f"no batch in quarantine has an id that starts with {batch_id!r}"
        raise CrmError(what, remedy="See `crm quarantine list`.")
    return chosen


def forget(connection: duckdb.DuckDBPyConnection, batch_ids: Sequence[str]) -> None:
    """Delete decisions."""
    if batch_ids:
        for table in ("batches", "batch_columns"):
            connection.execute(f"delete from journal.{table} where batch_id in (select unnest($1))", [list(batch_ids)])


def record(connection: duckdb.DuckDBPyConnection, rows: Iterable[LedgerRow]) -> None:
    """Write decisions; the caller has deleted what they replace."""
    values = [_values(row) for row in rows]
    _append(connection, "batches", pl.DataFrame(values, schema=list(_COLUMNS), orient="row", infer_schema_length=None))


def record_columns(connection: duckdb.DuckDBPyConnection, counted: Iterable[tuple[str, Sequence[ColumnCount]]]) -> None:
    """Write how the columns of loaded batches were filled, by batch id."""
    rows = [(batch_id, *vars(column).values()) for batch_id, columns in counted for column in columns]
    _append(connection, "batch_columns", pl.DataFrame(rows, schema=list(_COLUMN_COUNTS), orient="row"))


def _append(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    if frame.height:
        connection.register("journal_rows", frame.to_arrow())
        connection.execute(f"insert into journal.{table} select * from journal_rows")
        connection.unregister("journal_rows")


def _from_values(values: dict[str, object]) -> LedgerRow:
    batch = Batch(**{field.name: values[field.name] for field in dataclasses.fields(Batch)})  # type: ignore[arg-type]
    counts = Counts(**{field.name: values[field.name] for field in dataclasses.fields(Counts)})  # type: ignore[arg-type]
    reason = str(values["reason"] or "")
    return LedgerRow(batch, str(values["status"]), reason, counts, cast("date", values["loaded_as_of"]))


def _values(row: LedgerRow) -> list[object]:
    flat: dict[str, object] = {**vars(row.batch), **vars(row.counts)}
    flat |= {"status": row.status, "reason": row.reason or None, "loaded_as_of": row.loaded_as_of}
    return [flat[name] for name in _COLUMNS]
