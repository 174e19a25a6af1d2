"""The tables of the schema `raw`: one per contract, rebuilt when the contract's columns change; decides no batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from dagster_project.errors import CrmError
from dagster_project.ingestion.batches import Batch
from dagster_project.ingestion.contracts import Contract
from dagster_project.ingestion.row_store import RowStore

SYSTEM_COLUMNS = {
    "source_system": "VARCHAR",
    "_batch_id": "VARCHAR",
    "_batch_date": "DATE",
    "_file": "VARCHAR",
    "_line": "BIGINT",
    "_extra": "VARCHAR",
}

_INSERT_ROWS = 1_000_000


def prepare_raw(
    connection: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], *, reloadable: Collection[str]
) -> None:
    """Make every contract's table exist with exactly the contract's columns.

    Args:
        connection: The warehouse.
        contracts: All contracts, whether a system delivers them or not.
        reloadable: Batches whose file is still there, so that values a new type cannot hold come again from it.

    Raises:
        CrmError: A changed type would lose values of batches whose file is gone.
    """
    connection.execute("create schema if not exists raw")
    connection.execute("create table if not exists raw.runs (as_of_date date not null)")
    existing = _existing_columns(connection)
    for contract in contracts:
        wanted = _columns(contract)
        found = existing.get(contract.feed)
        if found is None:
            columns = ", ".join(f'"{name}" {kind}' for name, kind in wanted.items())
            connection.execute(f'create table raw."{contract.feed}" ({columns})')
        elif list(found.items()) != list(wanted.items()):
            _rebuild(connection, contract.feed, found=found, wanted=wanted, reloadable=reloadable)


def replace_rows(connection: duckdb.DuckDBPyConnection, feed: str, batch_ids: Sequence[str]) -> None:
    """Delete the rows of batches that are about to be loaded anew or withdrawn."""
    if batch_ids:
        statement = f'delete from raw."{feed}" where _batch_id in (select unnest($1))'
        connection.execute(statement, [list(batch_ids)])


def insert_rows(
    connection: duckdb.DuckDBPyConnection, contract: Contract, batches: Iterable[tuple[Batch, RowStore]]
) -> int:
    """Insert the kept rows of batches of one feed, in as few statements as memory allows.

    Returns:
        How many rows the engine took.
    """
    inserted, waiting = 0, list[pl.DataFrame]()
    for batch, rows in batches:
        if rows.is_spilled:
            inserted += _insert_files(connection, batch, contract, rows.files())
            continue
        waiting.extend(_stamped(frame, batch, contract) for frame in rows.frames())
        if sum(one.height for one in waiting) >= _INSERT_ROWS:
            inserted += _insert(connection, contract, waiting)
            waiting = []
    return inserted + _insert(connection, contract, waiting)


def _stamped(frame: pl.DataFrame, batch: Batch, contract: Contract) -> pl.DataFrame:
    """Rows with the columns that say which batch they came with, in the order of the table."""
    origin = [
        pl.lit(batch.source_system).alias("source_system"),
        pl.lit(batch.batch_id).alias("_batch_id"),
        pl.lit(batch.batch_date).alias("_batch_date"),
        pl.lit(batch.file).alias("_file"),
    ]
    return frame.select(*(column.name for column in contract.columns), *origin, "_line", "_extra")


def _insert(connection: duckdb.DuckDBPyConnection, contract: Contract, frames: Sequence[pl.DataFrame]) -> int:
    if not frames:
        return 0
    connection.register("incoming_rows", pl.concat(frames).to_arrow(compat_level=pl.CompatLevel.newest()))
    found = connection.execute(f'insert into raw."{contract.feed}" select * from incoming_rows').fetchone()
    connection.unregister("incoming_rows")
    return int(found[0]) if found else 0


def _insert_files(
    connection: duckdb.DuckDBPyConnection, batch: Batch, contract: Contract, files: Sequence[Path]
) -> int:
    """Insert a batch that did not fit into memory from the Parquet files it was written to."""
    columns = ", ".join(f'"{column.name}"' for column in contract.columns)
    origin = [batch.source_system, batch.batch_id, batch.batch_date, batch.file]
    found = connection.execute(
        f'insert into raw."{contract.feed}" select {columns}, $1, $2, $3, $4, _line, _extra from read_parquet($5)',
        [*origin, [str(file) for file in files]],
    ).fetchone()
    return int(found[0]) if found else 0


def record_run(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Tell the models the date of this run."""
    connection.execute("delete from raw.runs")
    connection.execute("insert into raw.runs values (?)", [as_of])


def _columns(contract: Contract) -> dict[str, str]:
    return {column.name: column.duckdb_type for column in contract.columns} | SYSTEM_COLUMNS


def _existing_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    rows = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where schema_name = 'raw' and database_name = current_database() order by table_name, column_index"
    ).fetchall()
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        tables.setdefault(table, {})[column] = kind
    return tables


def _rebuild(
    connection: duckdb.DuckDBPyConnection,
    feed: str,
    *,
    found: dict[str, str],
    wanted: dict[str, str],
    reloadable: Collection[str],
) -> None:
    """Give a table the contract's columns, carrying over what is there."""
    casts = [
        f'try_cast("{name}" as {kind}) as "{name}"' if name in found else f'cast(null as {kind}) as "{name}"'
        for name, kind in wanted.items()
    ]
    for name, kind in wanted.items():
        if name in found and found[name] != kind:
            _check_nothing_lost(connection, feed, column=name, kind=kind, reloadable=reloadable)
    connection.execute("begin transaction")
    connection.execute(f'create or replace table raw."{feed}__new" as select {", ".join(casts)} from raw."{feed}"')
    connection.execute(f'drop table raw."{feed}"')
    connection.execute(f'alter table raw."{feed}__new" rename to "{feed}"')
    connection.execute("commit")


def _check_nothing_lost(
    connection: duckdb.DuckDBPyConnection, feed: str, *, column: str, kind: str, reloadable: Collection[str]
) -> None:
    statement = (
        f'select count(*) from raw."{feed}" where "{column}" is not null and try_cast("{column}" as {kind}) is null '
        "and _batch_id not in (select unnest($1))"
    )
    row = connection.execute(statement, [list(reloadable)]).fetchone()
    if row and row[0]:
        what = f"the contract of {feed} gives {column!r} a type that {row[0]:,} loaded values do not fit"
        remedy = "Their files are gone from the landing folder: put them back, or keep the old type."
        raise CrmError(what, where=f"raw.{feed}.{column}", remedy=remedy)
