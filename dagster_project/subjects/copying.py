"""Writes the warehouse anew without a subject: a DuckDB file keeps deleted rows in its free blocks, a copy does not.

What happens to a row that is the subject's:

- `raw`: it is left out. Cells that name the subject in rows of somebody else are empty in the copy.
- `journal.batches`, `journal.batch_columns`: counted as if the subject had never been in the file, so that the row
  balance holds. How many rows went is kept in `<data>/audit/erasures.jsonl`.
- Other journals (what was said on a night) keep the row under a tombstone, a random key that nobody can lead back: the
  counts of that night, the size of a list and the arms of its holdout stay what they were. Its reason becomes
  `erased`, since it may tell of purchases. No purchase is tied to the tombstone any more, so a measured effect changes
  by one person who bought nothing, in whichever arm that person was.
- All other tables are derived: rows with an identifier are left out, and the next build makes them as if the subject
  had never been there. Every published figure changes by one person; closed months do, too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.subjects.locating import WORKING, journal_condition, row_condition, text_columns
from dagster_project.transformation import RESTATED, forget_changes
from dagster_project.warehouse import open_database, transaction

if TYPE_CHECKING:
    import duckdb

    from dagster_project.settings import Settings

BEFORE = "before"
"""Name under which the present warehouse is attached to the new one."""

ERASED = "erased"
_LEDGERS = ("batches", "batch_columns")


@dataclass(frozen=True)
class BadRows:
    """Rows of a subject in one quarantine file: lines of the batch, and bad values by column."""

    batch_id: str
    lines: int
    by_column: Mapping[str, int]


def fresh_path(settings: Settings) -> Path:
    """Where the new warehouse is written before it takes the place of the old one."""
    return settings.data_dir / WORKING / settings.warehouse_path.name


def attach_before(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Attach the present warehouse, read-only, as `before`.

    Args:
        connection: The new warehouse.
        settings: Where the present one is.
    """
    quoted = str(settings.warehouse_path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as {BEFORE} (read_only)")


def copy_without(
    connection: duckdb.DuckDBPyConnection,
    *,
    target: str,
    keys: Sequence[str],
    pattern: str | None,
    bad_rows: Sequence[BadRows],
    tombstone: str,
) -> None:
    """Copy everything from `before` but the subject; needs the tables `held_rows` and `held_cells`.

    Args:
        connection: The new, empty warehouse with `before` attached.
        target: Name of the new warehouse's catalog.
        keys: Keys of the subject, for journals.
        pattern: Finds its identifiers, for derived tables.
        bad_rows: Rows of the subject in quarantine, for the ledger.
        tombstone: The random key that stands for the subject in journals.
    """
    connection.execute(f"copy from database {BEFORE} to {target} (schema)")
    forget_changes(connection)
    _count_batches(connection, bad_rows)
    _name_tombstones(connection, keys, tombstone=tombstone)
    columns = text_columns(connection, source=BEFORE)
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where database_name = $1 and schema_name <> $2 order by all",
        [BEFORE, RESTATED],
    ).fetchall()
    with transaction(connection):
        for schema, table in tables:
            texts = columns.get((schema, table), [])
            select = _select(connection, schema, table, texts, has_pattern=pattern is not None)
            values = list(keys) if "unnest($1)" in select else pattern
            connection.execute(
                f'insert into {target}."{schema}"."{table}" {select}', [values] if "$1" in select else []
            )


def swap(settings: Settings) -> None:
    """Put the new warehouse in the place of the old one; from here on the subject is gone."""
    fresh, target = fresh_path(settings), settings.warehouse_path
    fresh.chmod(0o600)
    _flush(fresh)
    fresh.replace(target)
    target.with_name(f"{target.name}.wal").unlink(missing_ok=True)
    _flush(target.parent)


def checkpoint(settings: Settings) -> None:
    """Bring what a killed run left in the write-ahead log into the warehouse: a read-only copy would miss it."""
    with open_database(settings.warehouse_path, settings=settings) as connection:
        connection.execute("force checkpoint")


def clear_working(settings: Settings) -> None:
    """Make an empty place for the new warehouse; what a killed erasure left half written goes."""
    fresh = fresh_path(settings)
    fresh.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in fresh.parent.glob(f"{fresh.name}*"):
        path.unlink()
    shutil.rmtree(settings.spill_dir, ignore_errors=True)


def _select(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, texts: Sequence[str], *, has_pattern: bool
) -> str:
    relation = f'{BEFORE}."{schema}"."{table}"'
    if schema == "raw":
        return _raw_select(connection, table, relation)
    if schema == "journal":
        return _journal_select(table, relation, texts)
    if not has_pattern or not texts or schema == "seeds":
        return f"select * from {relation}"
    return f"select * from {relation} where not {row_condition(texts)}"


def _raw_select(connection: duckdb.DuckDBPyConnection, feed: str, relation: str) -> str:
    emptied = [
        str(row[0])
        for row in connection.execute(
            "select distinct column_name from held_cells where feed = $1 order by all", [feed]
        ).fetchall()
    ]
    replaced = ", ".join(
        f"case when rowid not in (select row_id from held_cells where feed = '{feed}' and column_name = '{name}')"
        f' then "{name}" end as "{name}"'
        for name in emptied
    )
    chosen = f"* replace ({replaced})" if replaced else "*"
    return f"select {chosen} from {relation} where rowid not in (select row_id from held_rows where feed = '{feed}')"


def _journal_select(table: str, relation: str, texts: Sequence[str]) -> str:
    if table in _LEDGERS:
        return _LEDGER_SELECTS[table].format(relation=relation)
    condition = journal_condition(texts)
    if not condition:
        return f"select * from {relation}"
    named = [
        f'coalesce((select replacement from tombstones where tombstones.value = "{name}"), "{name}") as "{name}"'
        for name in ("customer_key", "member_key")
        if name in texts
    ]
    if "reason" in texts:
        named.append(f"case when {condition} then '{ERASED}' else reason end as reason")
    return f"select * replace ({', '.join(named)}) from {relation}"


# The ledger of batches ------------------------------------------------------------------------------------------------

_LEDGER_SELECTS = {
    "batches": """
        select ledger.* replace (
            ledger.source_rows - coalesce(gone.loaded + gone.quarantined, 0) as source_rows,
            ledger.delivered_rows - coalesce(gone.loaded + gone.quarantined, 0) as delivered_rows,
            ledger.loaded_rows - coalesce(gone.loaded, 0) as loaded_rows,
            ledger.quarantined_rows - coalesce(gone.quarantined, 0) as quarantined_rows
        )
        from {relation} as ledger
        left join erased_batches as gone on ledger.batch_id = gone.batch_id
    """,
    "batch_columns": """
        select ledger.* replace (
            ledger.null_count + coalesce(changed.nulls, 0) as null_count,
            greatest(ledger.bad_count - coalesce(changed.bad, 0), 0) as bad_count
        )
        from {relation} as ledger
        left join changed_columns as changed
            on ledger.batch_id = changed.batch_id and ledger.column_name = changed.column_name
    """,
}


def _count_batches(connection: duckdb.DuckDBPyConnection, bad_rows: Sequence[BadRows]) -> None:
    """The tables `erased_batches` and `changed_columns`: what the ledger must not count any more."""
    connection.execute("create or replace temp table erased_rows (batch_id varchar, loaded bigint, quarantined bigint)")
    connection.execute(
        "create or replace temp table changed_cells (batch_id varchar, column_name varchar, nulls bigint, bad bigint)"
    )
    for one in bad_rows:
        connection.execute("insert into erased_rows values (?, 0, ?)", [one.batch_id, one.lines])
        for column, count in one.by_column.items():
            connection.execute("insert into changed_cells values (?, ?, 0, ?)", [one.batch_id, column, count])
    for statement in _counting(connection):
        connection.execute(statement)
    connection.execute(
        "create or replace temp table erased_batches as select batch_id, sum(loaded)::bigint as loaded,"
        " sum(quarantined)::bigint as quarantined from erased_rows group by batch_id"
    )
    connection.execute(
        "create or replace temp table changed_columns as select batch_id, column_name, sum(nulls)::bigint as nulls,"
        " sum(bad)::bigint as bad from changed_cells group by all"
    )


def _counting(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    feeds = connection.execute("select distinct feed from held_rows order by all").fetchall()
    for (feed,) in feeds:
        gone = f"{BEFORE}.raw.\"{feed}\" where rowid in (select row_id from held_rows where feed = '{feed}')"
        yield f"insert into erased_rows select _batch_id, count(*), 0 from {gone} group by _batch_id"
        columns = connection.execute(
            "select column_name from duckdb_columns() where database_name = $1 and schema_name = 'raw'"
            " and table_name = $2 and column_name not like '\\_%' escape '\\' order by column_index",
            [BEFORE, feed],
        ).fetchall()
        nulls = ", ".join(f'count(*) filter (where "{column}" is null)' for (column,) in columns)
        names = ", ".join(f"'{column}'" for (column,) in columns)
        yield (
            "insert into changed_cells select _batch_id, unnest(names), -unnest(nulls), 0"
            f" from (select _batch_id, [{names}] as names, [{nulls}] as nulls from {gone} group by _batch_id)"
        )
    cells = connection.execute("select distinct feed, column_name from held_cells order by all").fetchall()
    for feed, column in cells:
        yield (
            f"insert into changed_cells select _batch_id, '{column}', count(*), 0 from {BEFORE}.raw.\"{feed}\""
            f" where rowid in (select row_id from held_cells where feed = '{feed}' and column_name = '{column}')"
            f' and "{column}" is not null group by _batch_id'
        )


# Journals -------------------------------------------------------------------------------------------------------------


def _name_tombstones(connection: duckdb.DuckDBPyConnection, keys: Sequence[str], *, tombstone: str) -> None:
    """The table `tombstones`: for each key of the subject, and of what was listed about it, what stands there instead.

    One person has one tombstone, whatever keys it had; a thing on a work list has one of its own.
    """
    connection.execute("create or replace temp table tombstones (value varchar, replacement varchar)")
    if keys:
        connection.executemany("insert into tombstones values (?, ?)", [(key, tombstone) for key in keys])
    tables = [
        (table, names)
        for (schema, table), names in text_columns(connection, source=BEFORE).items()
        if schema == "journal"
    ]
    members = " union ".join(
        f'select member_key from {BEFORE}.journal."{table}" where {journal_condition(names)}'
        for table, names in tables
        if "member_key" in names
    )
    if members:
        connection.execute(
            f"""
            insert into tombstones
            select member_key, '{tombstone}-' || row_number() over (order by member_key)
            from ({members})
            where member_key not in (select value from tombstones)
            """,
            [list(keys)],
        )


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
