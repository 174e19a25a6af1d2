"""Brings one table of a published file to what the warehouse holds, at the cost of the rows that differ."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from dagster_project.publication.tables import ExistingColumns, PublicTable, copy_table
from dagster_project.transformation import RESTATED

FEW_ROWS = 20_000
"""So many are rather written again than compared."""

MOST_CHANGES = 4
"""If more than one row in so many differs, all are rather written again."""

VERSIONS = (RESTATED, "versions")


@dataclass(frozen=True)
class Version:
    """What the warehouse remembers of the content of a table.

    Attributes:
        content: Hash over its rows, the same for the same rows.
        previous: That of the content before.
        has_changes: Whether the rows between the two are kept.
    """

    content: str
    previous: str | None
    has_changes: bool


def known_versions(
    connection: duckdb.DuckDBPyConnection, *, source: str, existing: ExistingColumns
) -> dict[tuple[str, str], Version]:
    """Versions of the warehouse's tables by schema and name; DuckDB's views and what nobody keeps track of have none.

    Args:
        connection: A connection with the warehouse attached.
        source: Name under which it is attached.
        existing: Its tables.
    """
    if VERSIONS not in existing:
        return {}
    rows = connection.execute(
        f"""
        select schema_name, table_name, version, previous_version, has_changes
        from {source}.{RESTATED}.versions
        inner join (
            select distinct schema_name, table_name from duckdb_columns() where database_name = ?
        ) on relation = schema_name || '.' || table_name
        qualify row_number() over (partition by relation order by serial desc) = 1
        """,
        [source],
    ).fetchall()
    return {(schema, name): Version(*version) for schema, name, *version in rows}


def changes_of(table: PublicTable) -> tuple[str, str]:
    """Schema and name of the table in which the warehouse keeps the rows between two versions of a table."""
    return RESTATED, "__".join(table.key)


def are_equal(connection: duckdb.DuckDBPyConnection, table: PublicTable, *, source: str, held: str) -> bool:
    """Whether two databases hold the same rows of a table, in any order.

    Args:
        connection: A connection with both attached.
        table: Which table, and which columns.
        source: Name of the warehouse.
        held: Name of the published database.
    """
    one, other = (
        connection.execute(f"select count(*), sum(hash({table.columns})) from {name}.{table.relation}").fetchone()
        for name in (source, held)
    )
    return one == other


def bring(connection: duckdb.DuckDBPyConnection, table: PublicTable, *, source: str, came: str, are_kept: bool) -> bool:
    """Have a published table of the same definition hold the rows of the warehouse.

    Args:
        connection: The new database with the warehouse attached; it holds an earlier state of the table.
        table: Which table, and which columns.
        source: Name under which the warehouse is attached.
        came: Name of a temporary table to be made of the rows that are new.
        are_kept: Whether the warehouse kept the rows between the two states.

    Returns:
        Whether only rows that differ were written, and the new ones stand in `came`; else all were written again.
    """
    rows = _count(connection, f"{source}.{table.relation}")
    if rows > FEW_ROWS:
        if are_kept and _find_kept(connection, table, source=source, came=came, rows=rows):
            return _replace_rows(connection, table, came=came)
        if _find_differing(connection, table, source=source, came=came, rows=rows):
            return _replace_rows(connection, table, came=came)
        copy_table(connection, table, source=source)
        return False
    connection.execute(f"delete from {table.relation}")
    connection.execute(f"insert into {table.relation} select {table.columns} from {source}.{table.relation}")
    return False


def _replace_rows(connection: duckdb.DuckDBPyConnection, table: PublicTable, *, came: str) -> bool:
    connection.execute(f"delete from {table.relation} where rowid in (select row_id from gone)")
    connection.execute(f"insert into {table.relation} select {table.columns} from {came}")
    return True


def _find_kept(connection: duckdb.DuckDBPyConnection, table: PublicTable, *, source: str, came: str, rows: int) -> bool:
    """Fill `gone` and `came` from the changes that the warehouse kept; false if they do not lead to its rows."""
    schema, name = changes_of(table)
    connection.execute(
        f"create or replace temp table changed as select {table.columns}, sum(_sign) as _net"
        f' from {source}.{schema}."{name}" group by all having sum(_sign) <> 0'
    )
    connection.execute(
        f"create or replace temp table {came} as"
        f" select {table.columns} from (select *, unnest(range(cast(_net as bigint))) from changed where _net > 0)"
    )
    first = f'"{table.public.columns[0].name}"'
    is_found = _find_gone(connection, table, by=first) or _find_gone(connection, table, by=table.columns)
    return is_found and _leads_to(connection, table, came=came, rows=rows)


def _find_gone(connection: duckdb.DuckDBPyConnection, table: PublicTable, *, by: str) -> bool:
    """Fill `gone` with the rows that have what leaving rows have in some columns; false if others have it, too."""
    connection.execute(
        f"create or replace temp table leaving as select hash({by}) as content, -sum(_net) as times"
        " from changed where _net < 0 group by content"
    )
    connection.execute(
        "create or replace temp table gone as select held.row_id, held.content"
        f" from (select rowid as row_id, hash({by}) as content from {table.relation}) as held"
        " semi join leaving on held.content = leaving.content"
    )
    row = connection.execute(
        """
        select count(*) from leaving
        full join (select content, count(*) as times from gone group by content) as found
            on leaving.content = found.content
        where leaving.times is distinct from found.times
        """
    ).fetchone()
    return row == (0,)


def _find_differing(
    connection: duckdb.DuckDBPyConnection, table: PublicTable, *, source: str, came: str, rows: int
) -> bool:
    """Fill `gone` and `came` by hashes of rows; false if they are many, or equal rows differ in number."""
    content = f"hash({table.columns}) as content"
    connection.execute(f"create or replace temp table fresh as select {content} from {source}.{table.relation}")
    connection.execute(f"create or replace temp table held as select rowid as row_id, {content} from {table.relation}")
    connection.execute("create or replace temp table gone as from held anti join fresh using (content)")
    connection.execute("create or replace temp table coming as from fresh anti join held using (content)")
    row = connection.execute(
        """
        select (select coalesce(sum(content), 0) from held)
            - (select coalesce(sum(content), 0) from gone)
            + (select coalesce(sum(content), 0) from coming)
            - (select coalesce(sum(content), 0) from fresh)
        """
    ).fetchone()
    connection.execute("drop table fresh")
    connection.execute("drop table held")
    many = rows < MOST_CHANGES * max(_count(connection, "gone"), _count(connection, "coming"))
    if row != (0,) or many:
        return False
    connection.execute(
        f"create or replace temp table {came} as select {table.columns} from {source}.{table.relation}"
        f" where hash({table.columns}) in (select content from coming)"
    )
    return _leads_to(connection, table, came=came, rows=rows)


def _leads_to(connection: duckdb.DuckDBPyConnection, table: PublicTable, *, came: str, rows: int) -> bool:
    """Whether as many rows as the warehouse has are there in the end."""
    return _count(connection, table.relation) - _count(connection, "gone") + _count(connection, came) == rows


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(row[0]) if row else 0
