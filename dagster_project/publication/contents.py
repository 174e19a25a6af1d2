"""Knows what a published file holds, by what it says in `meta`, and whether the next one may go on from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from dagster_project.publication.privacy import SCHEMAS
from dagster_project.publication.tables import META, ExistingColumns, PublicTable, existing_columns

FORMAT = 1
"""Goes up with every change of what is searched or noted: the next file is then built and searched anew."""

LONGEST = timedelta(days=28)
"""A file that goes on from another still holds the bytes of rows that were deleted; after four weeks none of them."""

MOST_FREE = 1 / 3
"""More of a file than this must not lie idle."""


@dataclass(frozen=True)
class Held:
    """What a published table holds.

    Attributes:
        version: The version of the table in the warehouse, where one is kept.
        definition: The fingerprint of its columns.
        text_columns: Columns with texts in which somebody could stand; the values of all others are keys and words.
    """

    version: str | None
    definition: str
    text_columns: tuple[str, ...]


@dataclass(frozen=True)
class Contents:
    """What a published file holds.

    Attributes:
        as_of: The date it stands on.
        built_anew_on: The date of the last file in the line that was built from nothing.
        tables: Its tables by schema and name.
    """

    as_of: date
    built_anew_on: date
    tables: Mapping[tuple[str, str], Held]


def write_contents(connection: duckdb.DuckDBPyConnection, contents: Contents) -> None:
    """Note in a new file what it holds.

    Args:
        connection: The new database.
        contents: What is in it.
    """
    connection.execute(f"create or replace table {META}.origin (format integer, built_anew_on date)")
    connection.execute(f"insert into {META}.origin values (?, ?)", [FORMAT, contents.built_anew_on])
    connection.execute(
        f"create or replace table {META}.contents"
        " (schema_name varchar, table_name varchar, version varchar, definition varchar, text_columns varchar[])"
    )
    for (schema, name), held in sorted(contents.tables.items()):
        connection.execute(
            f"insert into {META}.contents values (?, ?, ?, ?, ?)",
            [schema, name, held.version, held.definition, list(held.text_columns)],
        )


def contents_to_go_on_from(
    connection: duckdb.DuckDBPyConnection, *, database: str, wanted: Sequence[PublicTable], as_of: date
) -> Contents | None:
    """What an earlier published file holds; None if the next one must be built from nothing.

    It must if the file does not say what it holds, is the last of four weeks, lies idle to a third, stands on a later
    date, or shows a table or column that must not be shown any more: its bytes would stay in the file.

    Args:
        connection: A connection with the file attached.
        database: Name under which it is attached.
        wanted: The tables that are to be published now.
        as_of: The date the warehouse stands on.
    """
    try:
        contents = _read(connection, database)
    except duckdb.Error:
        return None
    if contents is None or not contents.built_anew_on <= contents.as_of <= as_of < contents.built_anew_on + LONGEST:
        return None
    if _is_idle(connection, database) or _shows_more(existing_columns(connection, database), wanted):
        return None
    return contents


def _read(connection: duckdb.DuckDBPyConnection, database: str) -> Contents | None:
    row = connection.execute(
        f"select as_of_date, built_anew_on from {database}.{META}.publication, {database}.{META}.origin"
        " where format = ?",
        [FORMAT],
    ).fetchone()
    if row is None:
        return None
    rows = connection.execute(
        f"select schema_name, table_name, version, definition, text_columns from {database}.{META}.contents"
    ).fetchall()
    tables = {
        (schema, name): Held(version, definition, tuple(texts)) for schema, name, version, definition, texts in rows
    }
    return Contents(as_of=row[0], built_anew_on=row[1], tables=tables)


def _is_idle(connection: duckdb.DuckDBPyConnection, database: str) -> bool:
    row = connection.execute(
        "select free_blocks, total_blocks from pragma_database_size() where database_name = ?", [database]
    ).fetchone()
    return row is None or row[0] > MOST_FREE * row[1]


def _shows_more(held: ExistingColumns, wanted: Sequence[PublicTable]) -> bool:
    public = {table.key: {column.name for column in table.public.columns} for table in wanted}
    return any(not set(columns) <= public.get(key, set()) for key, columns in held.items() if key[0] in SCHEMAS)
