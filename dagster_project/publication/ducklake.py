"""Shares the published tables among machines: a night is one snapshot of a DuckLake; what is in them is decided before.

The lake repeats `crm.duckdb`, table by table, in one transaction: readers see the night before or this one, whole. A
table whose rows and description are those of the night before is not written again. How each table looked is kept in
the lake itself, so that lake and memory of it cannot differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import duckdb

from dagster_project.errors import CrmError
from dagster_project.publication.ducklake_attaching import LAKE, attach, told
from dagster_project.publication.ducklake_settings import Lake
from dagster_project.publication.tables import META
from dagster_project.settings import Settings
from dagster_project.warehouse import open_memory, transaction

_PUBLISHED = "published"
_Table = tuple[str, str]
_FINGERPRINTS = f"{LAKE}.{META}.fingerprints"
_AUTHOR = "crm"
_WITH_VALUES = ("ducklake_file_column_stats", "ducklake_table_column_stats")
"""Tables of the catalog that hold values: the smallest and the greatest of each column."""

_FOR_READERS = ("publication", "tables")
"""What of `meta` is shared; the rest is what publication notes for itself."""

_DEFINITIONS = f"""
    select
        columns.schema_name,
        columns.table_name,
        md5(concat_ws(
            chr(30),
            any_value(tables.comment),
            string_agg(concat_ws(chr(31), column_name, data_type, columns.comment), chr(30) order by column_index)
        ))
    from duckdb_columns() as columns
    inner join duckdb_tables() as tables using (database_name, schema_name, table_name)
    where
        columns.database_name = '{_PUBLISHED}'
        and (columns.schema_name <> '{META}' or columns.table_name in {_FOR_READERS})
    group by columns.schema_name, columns.table_name
    order by all
"""
_COMMENTS = f"""
    select schema_name, table_name, null, comment
    from duckdb_tables() where database_name = '{_PUBLISHED}' and comment <> ''
    union all
    select schema_name, table_name, column_name, comment
    from duckdb_columns() where database_name = '{_PUBLISHED}' and comment <> ''
"""


@dataclass(frozen=True)
class Shared:
    """What readers on other machines find from now on."""

    as_of: date
    run_id: str
    written: int
    dropped: int
    kept: int

    @property
    def told(self) -> str:
        """As the step table says it."""
        return f"{self.written} tables written, {self.kept} unchanged" if self.written else "unchanged"


@dataclass(frozen=True)
class Snapshot:
    """A night in the lake; `as_of` and `run_id` are None if somebody else wrote it. `at` is the server's time, UTC."""

    snapshot: int
    at: datetime
    as_of: date | None
    run_id: str | None


@dataclass(frozen=True)
class State:
    """A lake as it stands: where its files are, how many bytes all its nights need, and the nights, newest first."""

    data: str
    files: int
    bytes: int
    snapshots: tuple[Snapshot, ...]


def share(lake: Lake, *, settings: Settings) -> Shared:
    """Bring a lake to what the published database holds, and let nights go that are too old.

    Files of nights that were let go stay until the next publication: somebody may be reading them.

    Args:
        lake: Which one; it is made if there is none.
        settings: Where the published database is.

    Raises:
        CrmError: There is no published database, or the lake cannot be used; it then holds what it held before.
    """
    with _opened(lake, settings=settings) as (connection, night):
        _delete_files(connection)
        shared = _bring(connection, night)
        _expire(connection, nights=lake.nights)
    return shared


def forget_past(lake: Lake, *, settings: Settings, nights: int = 1) -> Shared:
    """Bring a lake to what the published database holds, and delete older nights with their files at once.

    Whoever reads an older night meanwhile gets an error. An erasure calls this: what was erased is in no snapshot, no
    file and no statistics of the catalog afterwards.

    Args:
        lake: Which one.
        settings: Where the published database is.
        nights: How many nights may stay.

    Raises:
        CrmError: As for `share`.
    """
    with _opened(lake, settings=settings) as (connection, night):
        shared = _bring(connection, night)
        _expire(connection, nights=nights)
        _delete_files(connection)
        _vacuum(connection)
    return shared


def read_state(lake: Lake, *, settings: Settings) -> State:
    """Where a lake is and which nights it holds.

    Args:
        lake: Which one.
        settings: Memory and threads.

    Raises:
        CrmError: There is no lake, or it cannot be used.
    """
    with open_memory(settings=settings) as connection, told(lake):
        attach(connection, replace(lake, data=None), read_only=True)
        data = _fetched(connection, f"select value from {LAKE}.options() where option_name = 'data_path'")
        size = _fetched(
            connection,
            "select count(*), cast(coalesce(sum(file_size_bytes), 0) as bigint)"
            f" from __ducklake_metadata_{LAKE}.ducklake_data_file",
        )
        return State(data=data[0][0], files=size[0][0], bytes=size[0][1], snapshots=_snapshots(connection))


@contextmanager
def opened_lake(lake: Lake, *, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which `kpi.kpi_scoreboard` is the lake's; nothing can be written.

    Args:
        lake: Which one.
        settings: Memory and threads.

    Raises:
        CrmError: There is no lake, or it cannot be used.
    """
    with open_memory(settings=settings) as connection:
        attach(connection, lake, read_only=True)
        connection.execute(f"use {LAKE}")
        yield connection


# One night ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Night:
    """The published database: which night, what each table looks like, and the comments on it and its columns."""

    as_of: date
    run_id: str
    fingerprints: dict[_Table, str]
    comments: dict[_Table, list[tuple[str | None, str]]]


@contextmanager
def _opened(lake: Lake, *, settings: Settings) -> Iterator[tuple[duckdb.DuckDBPyConnection, _Night]]:
    path = settings.published_path
    if not path.exists():
        raise CrmError("there is no published database yet", where=str(path), remedy="Run `crm nightly` first.")
    with open_memory(settings=settings) as connection, told(lake):
        connection.execute(f"attach {_literal(str(path))} as {_PUBLISHED} (read_only)")
        night = _read_night(connection)  # before the lake is there: DuckDB lists the tables of all databases or of none
        attach(connection, lake, read_only=False)
        yield connection, night


def _read_night(connection: duckdb.DuckDBPyConnection) -> _Night:
    as_of, run_id = _fetched(connection, f"select as_of_date, run_id from {_PUBLISHED}.{META}.publication")[0]
    comments: dict[_Table, list[tuple[str | None, str]]] = {}
    for schema, table, column, text in _fetched(connection, _COMMENTS):
        comments.setdefault((schema, table), []).append((column, text))
    return _Night(as_of=as_of, run_id=run_id, fingerprints=_fingerprints(connection), comments=comments)


def _fingerprints(connection: duckdb.DuckDBPyConnection) -> dict[_Table, str]:
    """What each published table is: its definition, and the version of its rows.

    Where publication kept no version, it is their number and two sums over their hashes, in any order.
    """
    versions = _versions(connection)
    known, unknown = {}, []
    for schema, table, definition in _fetched(connection, _DEFINITIONS):
        if (schema, table) in versions:
            known[schema, table] = f"{definition}:{versions[schema, table]}"
        else:
            unknown.append(
                f"select {_literal(schema)}, {_literal(table)}, {_literal(definition)} || format(':{{}}:{{}}:{{}}',"
                " count(*), coalesce(sum(hash(rows)), 0), coalesce(bit_xor(hash(rows)), 0))"
                f' from {_PUBLISHED}.{schema}."{table}" as rows'
            )
    computed = _fetched(connection, " union all ".join(unknown)) if unknown else []
    return known | {(schema, table): fingerprint for schema, table, fingerprint in computed}


def _versions(connection: duckdb.DuckDBPyConnection) -> dict[_Table, str]:
    """Versions that publication noted; it is nothing but faster to have them."""
    try:
        rows = _fetched(
            connection,
            f"select schema_name, table_name, version from {_PUBLISHED}.{META}.contents where version is not null",
        )
    except duckdb.CatalogException:
        return {}
    return {(schema, table): version for schema, table, version in rows}


def _bring(connection: duckdb.DuckDBPyConnection, night: _Night) -> Shared:
    wanted, held = night.fingerprints, _held(connection)
    changed = [table for table, fingerprint in wanted.items() if held.get(table) != fingerprint]
    gone = [table for table in held if table not in wanted]
    if changed or gone:
        with transaction(connection):
            about = json.dumps({"as_of": night.as_of.isoformat(), "run_id": night.run_id})
            said = (_AUTHOR, f"{night.as_of} by run {night.run_id}")
            connection.execute(
                f"call {LAKE}.set_commit_message({', '.join(map(_literal, said))}, extra_info => {_literal(about)})"
            )
            _write(connection, changed, comments=night.comments)
            for schema, table in gone:
                connection.execute(f'drop table if exists {LAKE}.{schema}."{table}"')
            _remember(connection, wanted)
    return Shared(
        as_of=night.as_of,
        run_id=night.run_id,
        written=len(changed),
        dropped=len(gone),
        kept=len(wanted) - len(changed),
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[_Table],
    *,
    comments: Mapping[_Table, Sequence[tuple[str | None, str]]],
) -> None:
    """Write tables anew, as new tables: statistics of one that is only emptied would remember its old values."""
    for schema in sorted({schema for schema, _ in tables}):
        connection.execute(f"create schema if not exists {LAKE}.{schema}")
    for schema, table in tables:
        name = f'{schema}."{table}"'
        connection.execute(f"create or replace table {LAKE}.{name} as from {_PUBLISHED}.{name}")
        for column, text in comments.get((schema, table), ()):
            target = f'column {LAKE}.{name}."{column}"' if column else f"table {LAKE}.{name}"
            connection.execute(f"comment on {target} is {_literal(text)}")


def _held(connection: duckdb.DuckDBPyConnection) -> dict[_Table, str]:
    """The fingerprints of what the lake holds; empty for a new lake."""
    try:
        rows = _fetched(connection, f"from {_FINGERPRINTS}")
    except duckdb.CatalogException:
        return {}
    return {(schema, table): fingerprint for schema, table, fingerprint in rows}


def _remember(connection: duckdb.DuckDBPyConnection, fingerprints: Mapping[_Table, str]) -> None:
    values = ", ".join(
        f"({_literal(schema)}, {_literal(table)}, {_literal(fingerprint)})"
        for (schema, table), fingerprint in fingerprints.items()
    )
    connection.execute(f"create schema if not exists {LAKE}.{META}")
    connection.execute(
        f"create or replace table {_FINGERPRINTS} as from (values {values})"
        " as rows (schema_name, table_name, fingerprint)"
    )


# Nights before --------------------------------------------------------------------------------------------------------


def _snapshots(connection: duckdb.DuckDBPyConnection) -> tuple[Snapshot, ...]:
    rows = _fetched(
        connection,
        f"""
        select
            snapshot_id,
            snapshot_time,
            cast(json_extract_string(commit_extra_info, 'as_of') as date),
            json_extract_string(commit_extra_info, 'run_id')
        from {LAKE}.snapshots()
        order by snapshot_id desc
        """,
    )
    return tuple(Snapshot(*row) for row in rows)


def _expire(connection: duckdb.DuckDBPyConnection, *, nights: int) -> None:
    """Keep the newest snapshot of each of the last nights: one that was repeated replaces itself."""
    snapshots = _snapshots(connection)
    newest: dict[date | None, int] = {}
    for one in snapshots:
        if one.as_of is None and one is not snapshots[0]:
            continue
        newest.setdefault(one.as_of, one.snapshot)
    kept = list(newest.values())[:nights]
    expired = [one.snapshot for one in snapshots if one.snapshot not in kept]
    if expired:
        connection.execute(f"call ducklake_expire_snapshots('{LAKE}', versions => {expired})")


def _delete_files(connection: duckdb.DuckDBPyConnection) -> None:
    """Delete files of nights that were let go, and those that a killed run left behind."""
    connection.execute(f"call ducklake_cleanup_old_files('{LAKE}', cleanup_all => true)")
    connection.execute(f"call ducklake_delete_orphaned_files('{LAKE}', cleanup_all => true)")


def _vacuum(connection: duckdb.DuckDBPyConnection) -> None:
    """Have PostgreSQL let go of deleted rows now, which it otherwise does some time later."""
    for table in _WITH_VALUES:
        connection.execute(
            f"call postgres_execute('__ducklake_metadata_{LAKE}', 'vacuum {table}', use_transaction => false)"
        )


def _fetched(connection: duckdb.DuckDBPyConnection, sql: str, *parameters: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql, list(parameters)).fetchall()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
