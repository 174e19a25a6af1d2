"""Raw rows as Parquet for Spark: one file per feed and month of delivery, written anew when a batch of it changes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.warehouse.spark_store import copy_rows, declared_columns

if TYPE_CHECKING:
    import duckdb

RAW = "raw"


def write_raw(connection: duckdb.DuckDBPyConnection, *, root: Path) -> dict[str, Path]:
    """Write what was loaded since the last time.

    A file is named after all that is in it: columns, batches and how many rows each has. Whoever changes raw rows in
    another way (an erasure) removes the files.

    Args:
        connection: An open warehouse.
        root: Where the feeds' folders lie.

    Returns:
        The folder of each feed.
    """
    feeds = connection.execute(
        "select table_name from duckdb_columns()"
        " where database_name = current_database() and schema_name = ? and column_name = '_batch_date'",
        [RAW],
    ).fetchall()
    return {feed: _write_feed(connection, feed, folder=root / feed) for (feed,) in sorted(feeds)}


def _write_feed(connection: duckdb.DuckDBPyConnection, feed: str, *, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    columns = declared_columns(connection, (RAW, feed))
    months = connection.execute(
        f"""
        select month, string_agg(concat_ws(':', _batch_id, row_count), ',' order by _batch_id)
        from (
            select strftime(_batch_date, '%Y-%m') as month, _batch_id, count(*) as row_count
            from "{RAW}"."{feed}"
            group by all
        )
        group by all
        """
    ).fetchall()
    wanted = {f"{month}-{_digest(columns, batches)}.parquet": month for month, batches in months}
    if not wanted:
        wanted = {f"none-{_digest(columns, '')}.parquet": "none"}
    for name, month in wanted.items():
        if not (folder / name).exists():
            query = f"select * from \"{RAW}\".\"{feed}\" where strftime(_batch_date, '%Y-%m') = '{month}'"
            copy_rows(connection, query, folder / name)
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    return folder


def _digest(columns: str, batches: str) -> str:
    return hashlib.sha256(f"{columns}\n{batches}".encode()).hexdigest()[:16]
