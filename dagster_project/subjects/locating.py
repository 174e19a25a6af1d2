"""Locates everything that is held about a subject; `crm subject show` prints it, `crm subject erase` takes it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dagster_project.activation.destinations import Destination, read_destinations
from dagster_project.subjects.holdings import FileHeld, Holdings, OnList, Place, Sent, TableHeld
from dagster_project.subjects.identifiers import Identifier, Subject, sha256, sql_pattern
from dagster_project.subjects.rows import collect
from dagster_project.subjects.searching import needles_of, search

if TYPE_CHECKING:
    import duckdb

    from dagster_project.ingestion.contracts import Contract
    from dagster_project.settings import Settings

JOURNAL_KEYS = ("customer_key", "member_key")
"""Columns of journals that say whom a row is about."""

WORKING = ".erasing"
"""Folder of an erasure that is under way."""

_FOLDERS: Mapping[str, Place] = {
    "quarantine": "quarantine",
    "exports": "exports",
    "published": "published",
    "landing": "landing",
    "truth": "truth",
}
_LOCAL = "file://"
_UNSEARCHED = frozenset({"run.lock", "warehouse.duckdb", "warehouse.duckdb.wal"})


def locate(
    connection: duckdb.DuckDBPyConnection,
    subject: Subject,
    *,
    settings: Settings,
    contracts: Sequence[Contract],
    source: str,
) -> Holdings:
    """Everything that is held about a subject; `held_rows` and `held_cells` say which raw rows and cells.

    Args:
        connection: A connection with the warehouse; it needs no right to write.
        subject: Who.
        settings: Which data directory.
        contracts: All feeds.
        source: Name of the warehouse's catalog in the connection.

    Raises:
        OSError: A file cannot be read.
    """
    held = collect(connection, subject, contracts=contracts, source=source)
    raw = [TableHeld("raw", "raw", feed, *counts) for feed, counts in held.counts.items()]
    others = _tables_with(connection, subject, held.identifiers, source=source)
    return Holdings(
        subject=subject,
        identifiers=held.identifiers,
        shared=held.shared,
        tables=(*raw, *others),
        files=tuple(_with_origins(find_files(settings, held.identifiers), _origins(connection, source, settings))),
        consents=_statements(connection, "dim_consents", subject, source=source),
        suppressions=_statements(connection, "dim_suppressions", subject, source=source),
        lists=_lists(connection, subject, source=source),
        sent=_sent(connection, subject, source=source),
    )


# Tables ---------------------------------------------------------------------------------------------------------------


def text_columns(connection: duckdb.DuckDBPyConnection, *, source: str) -> dict[tuple[str, str], list[str]]:
    """The text columns of every table (not view) of a database.

    Args:
        connection: A connection with the database.
        source: Name of its catalog.
    """
    rows = connection.execute(
        """
        select columns.schema_name, columns.table_name, columns.column_name
        from duckdb_columns() as columns
        inner join duckdb_tables() as tables
            on columns.database_oid = tables.database_oid and columns.table_oid = tables.table_oid
        where columns.database_name = $1 and columns.data_type = 'VARCHAR' and not tables.temporary
        order by columns.schema_name, columns.table_name, columns.column_index
        """,
        [source],
    ).fetchall()
    tables: dict[tuple[str, str], list[str]] = {}
    for schema, table, column in rows:
        tables.setdefault((schema, table), []).append(column)
    return tables


def row_condition(columns: Iterable[str]) -> str:
    """SQL that is true for rows in which any of the columns matches the pattern `$1`."""
    names = ", ".join(f'"{name}"' for name in columns)
    return f"regexp_matches(concat_ws(chr(31), {names}), $1)"


def journal_condition(columns: Iterable[str]) -> str:
    """SQL that is true for rows of a journal that are about one of the keys `$1`; empty if it names nobody."""
    return " or ".join(f'"{name}" in (select unnest($1))' for name in JOURNAL_KEYS if name in columns)


def count_tables(
    connection: duckdb.DuckDBPyConnection, identifiers: Iterable[Identifier], *, source: str
) -> dict[tuple[str, str], int]:
    """Tables with rows in which an identifier stands, whatever the column, and how many.

    Args:
        connection: A connection with the database.
        identifiers: What to find.
        source: Name of its catalog.
    """
    pattern = sql_pattern(identifiers)
    if pattern is None:
        return {}
    tables = text_columns(connection, source=source)
    if not tables:
        return {}
    counts = " union all ".join(
        f"select '{schema}', '{table}', count(*) from {source}.\"{schema}\".\"{table}\" where {row_condition(columns)}"
        for (schema, table), columns in tables.items()
    )
    return {
        (schema, table): count for schema, table, count in connection.execute(counts, [pattern]).fetchall() if count
    }


def _tables_with(
    connection: duckdb.DuckDBPyConnection, subject: Subject, identifiers: Sequence[Identifier], *, source: str
) -> Iterator[TableHeld]:
    columns = text_columns(connection, source=source)
    for (schema, table), count in count_tables(connection, identifiers, source=source).items():
        if schema not in ("raw", "journal"):
            yield TableHeld("derived", schema, table, count)
    for (schema, table), names in columns.items():
        condition = journal_condition(names) if schema == "journal" else ""
        if condition:
            row = connection.execute(
                f'select count(*) from {source}.journal."{table}" where {condition}', [list(subject.keys)]
            ).fetchone()
            if row and row[0]:
                yield TableHeld("journal", schema, table, int(row[0]))


# Files ----------------------------------------------------------------------------------------------------------------


def find_files(settings: Settings, identifiers: Iterable[Identifier]) -> Iterator[FileHeld]:
    """Every file of the data directory, the landing directory and local destinations in which the subject is found.

    The warehouse itself is asked by query; a list for an advertiser holds hashes, so those are looked for, too.

    Args:
        settings: Which directories.
        identifiers: What to find.
    """
    plain = tuple(identifiers)
    hashes = [Identifier("hash", sha256(one.value)) for one in plain if one.kind in ("email", "phone")]
    needles, with_hashes = needles_of(plain), needles_of([*plain, *hashes])
    for place, path in walk(settings):
        is_list = place in ("exports", "destination")
        hits = search(path, with_hashes if is_list else needles)
        if hits:
            yield FileHeld(place, path, tuple(sorted(hits.kinds)), tuple(sorted(hits.lines)))


def walk(settings: Settings) -> Iterator[tuple[Place, Path]]:
    """All files to look into, with the place they belong to.

    Args:
        settings: Which directories.
    """
    landing = settings.landing_dir
    outside: list[tuple[Place, Path]] = [] if landing.is_relative_to(settings.data_dir) else [("landing", landing)]
    outside += [("destination", folder_of(one)) for one in local_destinations(settings).values()]
    roots = [path for _, path in outside]
    for path in _files(settings.data_dir):
        parts = path.relative_to(settings.data_dir).parts
        if parts[0] in _UNSEARCHED or parts[0] == WORKING or any(path.is_relative_to(root) for root in roots):
            continue
        place: Place = "landing" if path.is_relative_to(landing) else _FOLDERS.get(parts[0], "other")
        yield place, path
    for place, root in outside:
        for path in _files(root):
            yield place, path


def local_destinations(settings: Settings) -> dict[str, Destination]:
    """Destinations that are folders of this machine, by name.

    Args:
        settings: Says where destinations are declared.
    """
    return {name: one for name, one in read_destinations(settings).items() if one.url.startswith(_LOCAL)}


def folder_of(destination: Destination) -> Path:
    """The folder of a destination on this machine."""
    return Path(unquote(destination.url.removeprefix(_LOCAL)))


def _files(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink())


def _origins(connection: duckdb.DuckDBPyConnection, source: str, settings: Settings) -> dict[Path, set[int]]:
    """Lines of landing files that rows of the subject came from: not each of them names it."""
    origins: dict[Path, set[int]] = {}
    feeds = connection.execute("select feed from held_rows union select feed from held_cells order by all").fetchall()
    for (feed,) in feeds:
        rows = connection.execute(
            f"""
            select distinct source_system, _file, _line
            from {source}.raw."{feed}"
            where
                rowid in (select row_id from held_rows where feed = $1)
                or rowid in (select row_id from held_cells where feed = $1)
            """,
            [feed],
        ).fetchall()
        for system, file, line in rows:
            origins.setdefault(settings.landing_dir / system / file, set()).add(line)
    return origins


def _with_origins(files: Iterable[FileHeld], origins: Mapping[Path, set[int]]) -> Iterator[FileHeld]:
    waiting = dict(origins)
    for one in files:
        yield replace(one, lines=tuple(sorted({*one.lines, *waiting.pop(one.path, set())})))
    for path, lines in sorted(waiting.items()):
        if path.is_file():
            yield FileHeld("landing", path, ("row",), tuple(sorted(lines)))


# What was said --------------------------------------------------------------------------------------------------------


def _statements(
    connection: duckdb.DuckDBPyConnection, table: str, subject: Subject, *, source: str
) -> tuple[dict[str, Any], ...]:
    cursor = connection.execute(
        f"select * from {source}.core.{table} where customer_key = $1 order by all", [subject.customer_key]
    )
    names = [column[0] for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())


def _has_journal(connection: duckdb.DuckDBPyConnection, *, source: str) -> bool:
    """Whether a night has made lists yet."""
    return ("journal", "destination_deliveries") in text_columns(connection, source=source)


def _lists(connection: duckdb.DuckDBPyConnection, subject: Subject, *, source: str) -> tuple[OnList, ...]:
    if not _has_journal(connection, source=source):
        return ()
    rows = connection.execute(
        f"""
        select changes.as_of_date, changes.segment, changes.verdict, changes.reason, assignments.arm
        from {source}.journal.segment_changes as changes
        left join {source}.journal.segment_assignments as assignments
            on
                changes.as_of_date = assignments.as_of_date
                and changes.segment = assignments.segment
                and changes.member_key = assignments.member_key
        where changes.customer_key in (select unnest($1)) or changes.member_key in (select unnest($1))
        order by all
        """,
        [list(subject.keys)],
    ).fetchall()
    return tuple(OnList(*row) for row in rows)


def _sent(connection: duckdb.DuckDBPyConnection, subject: Subject, *, source: str) -> tuple[Sent, ...]:
    """Lists that left while the subject was a member: to destinations, and into people's hands."""
    if not _has_journal(connection, source=source):
        return ()
    rows = connection.execute(
        f"""
        with stays as (

            select
                segment,
                verdict,
                as_of_date as from_date,
                lead(as_of_date) over (partition by segment, member_key order by as_of_date) as until_date
            from {source}.journal.segment_changes
            where customer_key in (select unnest($1)) or member_key in (select unnest($1))

        ),

        left_house as (

            select as_of_date, segment, destination as taker, content
            from {source}.journal.destination_deliveries
            where status <> 'failed'

            union all

            select as_of_date, segment, pulled_by as taker, content
            from {source}.journal.pulls

        )

        select distinct left_house.as_of_date, left_house.segment, left_house.taker, left_house.content
        from left_house
        inner join stays
            on
                left_house.segment = stays.segment
                and stays.verdict = 'member'
                and left_house.as_of_date >= stays.from_date
                and (stays.until_date is null or left_house.as_of_date < stays.until_date)
        order by all
        """,
        [list(subject.keys)],
    ).fetchall()
    return tuple(Sent(*row) for row in rows)
