"""Fills the new file, table by table, and lets it pass only if nobody is found in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import duckdb

from dagster_project.errors import CrmError
from dagster_project.publication.changes import bring
from dagster_project.publication.contents import Contents, Held, write_contents
from dagster_project.publication.files import copy_file
from dagster_project.publication.plan import HELD, Former, Night, attach
from dagster_project.publication.privacy import SCHEMAS
from dagster_project.publication.scan import Cells, Findings, Hit, find_people, may_hold_text
from dagster_project.publication.tables import (
    META,
    PublicTable,
    PublishedTable,
    copy_table,
    existing_columns,
    write_meta,
)
from dagster_project.warehouse import open_database, open_memory, transaction

_NAMED_HITS = 3


def confirm(night: Night, former: Former) -> tuple[PublishedTable, ...]:
    """Search the published file for people who are known only now; it stays as it is.

    Args:
        night: What is to be published.
        former: The published file, which holds just that.

    Raises:
        CrmError: Somebody was found.
    """
    with open_memory(settings=night.settings) as connection:
        attach(connection, night.settings.warehouse_path, night.source)
        attach(connection, night.settings.published_path, HELD)
        cells = (_known_cells(table, former, f"{HELD}.{table.relation}") for table in night.tables)
        _demand_nobody(_search(connection, night, cells).hits)
        return tuple(_counted(connection, table, database=HELD) for table in night.tables)


def build(path: Path, night: Night, former: Former | None) -> tuple[PublishedTable, ...]:
    """Make the new file, from nothing or from a copy of the former one.

    Args:
        path: Where no file is yet.
        night: What is to be published.
        former: The published file, if the new one may go on from it.

    Raises:
        CrmError: Somebody was found.
        OSError: The file cannot be written.
    """
    if former is not None:
        copy_file(night.settings.published_path, path)
    with open_database(path, settings=night.settings) as connection:
        attach(connection, night.settings.warehouse_path, night.source)
        database = _name(connection)
        with transaction(connection):  # one transaction: thousands of small ones cost seconds
            for schema in SCHEMAS:
                connection.execute(f"create schema if not exists {schema}")
            filled = chain.from_iterable(
                _fill(connection, table, night=night, former=former, came=f"came_{number}")
                for number, table in enumerate(night.tables)
            )
            cells = list(filled)
        with transaction(connection):
            tables = tuple(_counted(connection, table, database=f'"{database}"') for table in night.tables)
            write_meta(connection, tables=tables, as_of=night.as_of, run_id=night.run_id)
            findings = _search(connection, night, [*cells, *_meta_cells(connection, database)])
            _demand_nobody(findings.hits)
            write_contents(connection, _contents(night, former, findings, searched=cells))
    return tables


def _fill(
    connection: duckdb.DuckDBPyConnection, table: PublicTable, *, night: Night, former: Former | None, came: str
) -> tuple[Cells, ...]:
    """Have a table hold the rows of the warehouse; what of it is to be searched."""
    held = former.contents.tables.get(table.key) if former else None
    if former is None or held is None or held.definition != table.definition:
        copy_table(connection, table, source=night.source)
        return (_cells(table, table.relation),)
    if table.key in former.unchanged:
        return (_known_cells(table, former, table.relation),)
    are_kept = night.keeps_changes(table, since=held.version)
    if bring(connection, table, source=night.source, came=came, are_kept=are_kept):
        return _known_cells(table, former, table.relation), _cells(table, came)
    return (_cells(table, table.relation),)


def _contents(night: Night, former: Former | None, findings: Findings, searched: Sequence[Cells]) -> Contents:
    """What the new file holds; a column that once held texts is searched until the file is built from nothing."""
    remembered: dict[tuple[str, str], set[str]] = {}
    for cells in searched:
        names = remembered.setdefault((cells.schema, cells.table), set())
        names.update(cells.columns if cells.are_known else ())
    for key, columns in findings.text_columns.items():
        remembered.setdefault(key, set()).update(columns)
    return Contents(
        as_of=night.as_of,
        built_anew_on=former.contents.built_anew_on if former else night.as_of,
        tables={
            table.key: Held(
                version=night.versions[table.key].content if table.key in night.versions else None,
                definition=table.definition,
                text_columns=tuple(sorted(remembered.get(table.key, ()))),
            )
            for table in night.tables
        },
    )


def _search(connection: duckdb.DuckDBPyConnection, night: Night, cells: Iterable[Cells]) -> Findings:
    return find_people(
        connection,
        cells=cells,
        source=night.source,
        contracts=night.contracts,
        models=night.models,
        existing=night.existing,
    )


def _cells(table: PublicTable, relation: str) -> Cells:
    """All columns of a relation with rows of a table that can hold a text."""
    columns = zip(table.public.columns, table.types, strict=True)
    return Cells(*table.key, relation, tuple(column.name for column, kind in columns if may_hold_text(kind)))


def _known_cells(table: PublicTable, former: Former, relation: str) -> Cells:
    """Columns that hold texts in rows that were searched before: somebody may be known now who was not known then."""
    return Cells(*table.key, relation, former.contents.tables[table.key].text_columns, are_known=True)


def _meta_cells(connection: duckdb.DuckDBPyConnection, database: str) -> Iterator[Cells]:
    for (schema, name), columns in existing_columns(connection, database).items():
        if schema == META:
            texts = tuple(column for column, kind in columns.items() if may_hold_text(kind))
            yield Cells(schema, name, f"{schema}.{name}", texts)


def _name(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute("select current_database()").fetchone()
    return str(row[0]) if row else ""


def _counted(connection: duckdb.DuckDBPyConnection, table: PublicTable, *, database: str) -> PublishedTable:
    row = connection.execute(f"select count(*) from {database}.{table.relation}").fetchone()
    return table.published(int(row[0]) if row else 0)


def _demand_nobody(hits: Sequence[Hit]) -> None:
    if not hits:
        return
    named = "; ".join(f"{hit.schema}.{hit.table}.{hit.column} holds {hit.kind}" for hit in hits[:_NAMED_HITS])
    more = f"; and {len(hits) - _NAMED_HITS} more" if len(hits) > _NAMED_HITS else ""
    raise CrmError(
        f"the new analysts' database was not published, because it would show people: {named}{more}",
        where="the old one stays",
        remedy="Keep the text out of the column, or mark it `personal: direct` in its YAML; if it only reads like a "
        "name, `names_may_match: true`.",
    )
