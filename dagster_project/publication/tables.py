"""Copies the public columns of a described model into a new database, with descriptions; looks at no content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from dagster_project.errors import CrmError
from dagster_project.manifest import Model
from dagster_project.publication.privacy import SCHEMAS, PublicModel, choose_columns

META = "meta"

STEP = "is_step"
"""Said in the YAML of a model that is there for other models only: it stays in the house."""

ExistingColumns = Mapping[tuple[str, str], Mapping[str, str]]
"""Columns of every table of a database with their types, by schema and name."""


@dataclass(frozen=True)
class PublishedTable:
    """One table of the analysts' database."""

    schema: str
    name: str
    row_count: int
    withheld_columns: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class PublicTable:
    """One table that is to be published, and the types of its public columns."""

    public: PublicModel
    types: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Schema and name."""
        return self.public.model.schema, self.public.model.name

    @property
    def relation(self) -> str:
        """Its name in SQL, the same in the warehouse and in the new database."""
        return f'{self.public.model.schema}."{self.public.model.name}"'

    @property
    def columns(self) -> str:
        """Its public columns in SQL."""
        return ", ".join(f'"{column.name}"' for column in self.public.columns)

    @property
    def definition(self) -> str:
        """A fingerprint of everything about it but its rows."""
        columns = [
            (column.name, kind, column.description)
            for column, kind in zip(self.public.columns, self.types, strict=True)
        ]
        return hashlib.md5(
            json.dumps([self.public.model.description, columns]).encode(), usedforsecurity=False
        ).hexdigest()

    def published(self, row_count: int) -> PublishedTable:
        """What is said about it once its rows are there."""
        return PublishedTable(
            schema=self.public.model.schema,
            name=self.public.model.name,
            row_count=row_count,
            withheld_columns=self.public.withheld,
            description=self.public.model.description,
        )


def public_tables(
    models: Sequence[Model], *, existing: ExistingColumns, personal_names: Collection[str]
) -> tuple[PublicTable, ...]:
    """The tables that are to be published.

    Args:
        models: The models of the manifest.
        existing: The warehouse's tables.
        personal_names: Names that feed contracts mark as personal.

    Raises:
        CrmError: A described model has no table.
    """
    chosen = (
        _public_table(model, existing=existing, personal_names=personal_names)
        for model in models
        if model.schema in SCHEMAS and model.description and not model.meta.get(STEP)
    )
    return tuple(table for table in chosen if table.public.columns)


def undescribed_tables(
    existing: ExistingColumns, *, models: Sequence[Model], published: Collection[PublicTable]
) -> tuple[str, ...]:
    """Tables of the published schemas that were left out, because no model describes them."""
    known = {table.key for table in published} | {
        (model.schema, model.name) for model in models if model.meta.get(STEP)
    }
    return tuple(
        f"{schema}.{name}" for schema, name in sorted(existing) if schema in SCHEMAS and (schema, name) not in known
    )


def existing_columns(connection: duckdb.DuckDBPyConnection, source: str) -> dict[tuple[str, str], dict[str, str]]:
    """The columns of every table of a database with their types, in order."""
    rows = connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name = ? and not internal order by schema_name, table_name, column_index",
        [source],
    ).fetchall()
    columns: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in rows:
        columns.setdefault((schema, table), {})[column] = kind
    return columns


def copy_table(connection: duckdb.DuckDBPyConnection, table: PublicTable, *, source: str) -> None:
    """Make a table anew, with its descriptions.

    Args:
        connection: The new database, with the warehouse attached.
        table: Which table.
        source: Name under which the warehouse is attached.
    """
    connection.execute(f"drop table if exists {table.relation}")
    connection.execute(f"create table {table.relation} as select {table.columns} from {source}.{table.relation}")
    connection.execute(";".join(_comments(table)))


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
    connection.execute(f"create schema if not exists {META}")
    connection.execute(f"create or replace table {META}.publication (as_of_date date, run_id varchar)")
    connection.execute(f"insert into {META}.publication values (?, ?)", [as_of, run_id])
    connection.execute(
        f"create or replace table {META}.tables"
        " (schema_name varchar, table_name varchar, row_count bigint, description varchar)"
    )
    rows = ", ".join(
        f"('{table.schema}', '{table.name}', {table.row_count}, {_literal(table.description)})" for table in tables
    )
    if rows:
        connection.execute(f"insert into {META}.tables values {rows}")


def _public_table(model: Model, *, existing: ExistingColumns, personal_names: Collection[str]) -> PublicTable:
    columns = existing.get((model.schema, model.name))
    if columns is None:
        raise CrmError(
            f"the model {model.schema}.{model.name} has no table",
            where=model.file,
            remedy="Run `crm nightly`, which builds it.",
        )
    public = choose_columns(model, existing=tuple(columns), personal_names=personal_names)
    return PublicTable(public=public, types=tuple(columns[column.name] for column in public.columns))


def _comments(table: PublicTable) -> Iterator[str]:
    yield f"comment on table {table.relation} is {_literal(table.public.model.description)}"
    for column in table.public.columns:
        if column.description:
            yield f'comment on column {table.relation}."{column.name}" is {_literal(column.description)}'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
