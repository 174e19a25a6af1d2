"""Copies the public columns of every described model into a new database, with descriptions; looks at no content."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from dagster_project.errors import CrmError
from dagster_project.manifest import Model
from dagster_project.publication.privacy import SCHEMAS, PublicModel, choose_columns

META = "meta"


@dataclass(frozen=True)
class PublishedTable:
    """One table of the analysts' database."""

    schema: str
    name: str
    row_count: int
    withheld_columns: tuple[str, ...]
    description: str


def copy_models(
    connection: duckdb.DuckDBPyConnection, *, source: str, models: Sequence[Model], personal_names: Collection[str]
) -> tuple[PublishedTable, ...]:
    """Fill the new database.

    Args:
        connection: The new database, with the warehouse attached.
        source: Name under which the warehouse is attached.
        models: The models of the manifest.
        personal_names: Names that feed contracts mark as personal.

    Raises:
        CrmError: A described model has no table.
    """
    existing = existing_columns(connection, source)
    tables = []
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    for model in models:
        if model.schema not in SCHEMAS or not model.description:
            continue
        if (model.schema, model.name) not in existing:
            raise CrmError(
                f"the model {model.schema}.{model.name} has no table",
                where=model.file,
                remedy="Run `crm nightly`, which builds it.",
            )
        public = choose_columns(model, existing=existing[model.schema, model.name], personal_names=personal_names)
        if public.columns:
            tables.append(_copy(connection, source=source, public=public))
    return tuple(tables)


def undescribed_tables(
    existing: Mapping[tuple[str, str], Sequence[str]], *, published: Collection[PublishedTable]
) -> tuple[str, ...]:
    """Tables of the published schemas that were left out, because no model describes them."""
    known = {(table.schema, table.name) for table in published}
    return tuple(
        f"{schema}.{name}" for schema, name in sorted(existing) if schema in SCHEMAS and (schema, name) not in known
    )


def existing_columns(connection: duckdb.DuckDBPyConnection, source: str) -> dict[tuple[str, str], list[str]]:
    """The columns of every table of a database, in order."""
    rows = connection.execute(
        "select schema_name, table_name, column_name from duckdb_columns() where database_name = ?"
        " order by schema_name, table_name, column_index",
        [source],
    ).fetchall()
    columns: dict[tuple[str, str], list[str]] = {}
    for schema, table, column in rows:
        columns.setdefault((schema, table), []).append(column)
    return columns


def write_meta(
    connection: duckdb.DuckDBPyConnection, *, tables: Sequence[PublishedTable], as_of: date, run_id: str
) -> None:
    """Tell readers which run they are looking at and what they find in it.

    Args:
        connection: The new database.
        tables: What was published.
        as_of: The date the data stands on.
        run_id: The run that built it.
    """
    connection.execute(f"create schema {META}")
    connection.execute(f"create table {META}.publication (as_of_date date, run_id varchar)")
    connection.execute(f"insert into {META}.publication values (?, ?)", [as_of, run_id])
    connection.execute(
        f"create table {META}.tables (schema_name varchar, table_name varchar, row_count bigint, description varchar)"
    )
    rows = ", ".join(
        f"('{table.schema}', '{table.name}', {table.row_count}, {_literal(table.description)})" for table in tables
    )
    if rows:
        connection.execute(f"insert into {META}.tables values {rows}")


def _copy(connection: duckdb.DuckDBPyConnection, *, source: str, public: PublicModel) -> PublishedTable:
    model = public.model
    table = f'{model.schema}."{model.name}"'
    columns = ", ".join(f'"{column.name}"' for column in public.columns)
    connection.execute(f"create table {table} as select {columns} from {source}.{table}")
    connection.execute(f"comment on table {table} is {_literal(model.description)}")
    for column in public.columns:
        if column.description:
            connection.execute(f'comment on column {table}."{column.name}" is {_literal(column.description)}')
    row = connection.execute(f"select count(*) from {table}").fetchone()
    return PublishedTable(
        schema=model.schema,
        name=model.name,
        row_count=int(row[0]) if row else 0,
        withheld_columns=public.withheld,
        description=model.description,
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
