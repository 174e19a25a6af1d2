"""Finds out what is to be published and what of it stands in the published file already; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.errors import CrmError
from dagster_project.ingestion import Contract, load_catalog
from dagster_project.manifest import Model, read_models
from dagster_project.publication.changes import Version, are_equal, changes_of, known_versions
from dagster_project.publication.contents import Contents, contents_to_go_on_from
from dagster_project.publication.privacy import personal_names
from dagster_project.publication.tables import ExistingColumns, PublicTable, existing_columns, public_tables
from dagster_project.settings import Settings
from dagster_project.warehouse import open_memory

HELD = "held_before"
"""Name under which the published file is attached."""


@dataclass(frozen=True)
class Night:
    """What is to be published, and what is known about it."""

    settings: Settings
    as_of: date
    run_id: str
    models: tuple[Model, ...]
    contracts: tuple[Contract, ...]
    existing: ExistingColumns
    tables: tuple[PublicTable, ...]
    versions: Mapping[tuple[str, str], Version]

    @property
    def source(self) -> str:
        """Name under which the warehouse is attached; its views know it by that name."""
        return self.settings.warehouse_path.stem

    def keeps_changes(self, table: PublicTable, *, since: str | None) -> bool:
        """Whether the warehouse kept the rows in which a table differs from a version of it."""
        version = self.versions.get(table.key)
        kept = self.existing.get(changes_of(table), {})
        return (
            version is not None
            and version.has_changes
            and version.previous == since
            and all(column.name in kept for column in table.public.columns)
        )


@dataclass(frozen=True)
class Former:
    """The published file from which the new one goes on, and those of its tables that hold the same rows as now."""

    contents: Contents
    unchanged: frozenset[tuple[str, str]]


def look(*, manifest_path: Path, settings: Settings, as_of: date, run_id: str) -> tuple[Night, Former | None]:
    """Find out what is to be published, and what of it stands in the published file already."""
    if not settings.warehouse_path.exists():
        raise CrmError(
            "there is no warehouse yet", where=str(settings.warehouse_path), remedy="Run `crm nightly` first."
        )
    source = settings.warehouse_path.stem
    models = read_models(manifest_path)
    contracts = tuple(load_catalog(settings.sources_dir).contracts)
    with open_memory(settings=settings) as connection:
        attach(connection, settings.warehouse_path, source)
        existing = existing_columns(connection, source)
        night = Night(
            settings=settings,
            as_of=as_of,
            run_id=run_id,
            models=models,
            contracts=contracts,
            existing=existing,
            tables=public_tables(models, existing=existing, personal_names=personal_names(contracts)),
            versions=known_versions(connection, source=source, existing=existing),
        )
        return night, _former(connection, night)


def _former(connection: duckdb.DuckDBPyConnection, night: Night) -> Former | None:
    """The published file, if the new one may go on from it: while somebody is being erased it may not."""
    path = night.settings.published_path
    if not path.exists() or _is_being_erased(night.settings):
        return None
    try:
        attach(connection, path, HELD)
    except duckdb.Error:
        return None
    contents = contents_to_go_on_from(connection, database=HELD, wanted=night.tables, as_of=night.as_of)
    if contents is None:
        return None
    unchanged = (
        table.key
        for table in night.tables
        if (held := contents.tables.get(table.key))
        and held.definition == table.definition
        and _is_unchanged(connection, table, night=night, version=held.version)
    )
    return Former(contents=contents, unchanged=frozenset(unchanged))


def _is_unchanged(
    connection: duckdb.DuckDBPyConnection, table: PublicTable, *, night: Night, version: str | None
) -> bool:
    known = night.versions.get(table.key)
    if known is None or version is None:
        return are_equal(connection, table, source=night.source, held=HELD)
    return known.content == version


def is_settled(night: Night, former: Former) -> bool:
    """Whether the published file holds everything as it is now."""
    wanted = {table.key for table in night.tables}
    return former.contents.as_of == night.as_of and former.unchanged == wanted == set(former.contents.tables)


def attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    """Attach a database, read-only."""
    quoted = str(path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as {name} (read_only)")


def _is_being_erased(settings: Settings) -> bool:
    """Whether an erasure was begun and has not ended: the rows it took out must not stay behind in a copy."""
    from dagster_project.subjects.working import kept  # the room of erasures imports this one

    return kept(settings) is not None
