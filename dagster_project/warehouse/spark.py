"""Lets Spark build the models in place of DuckDB: it is given all that they read, and what it built is shown in DuckDB.

Everything written in Python keeps reading and writing `warehouse.duckdb`, whichever engine builds the models.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.warehouse.engine import open_database
from dagster_project.warehouse.spark_raw import RAW, write_raw
from dagster_project.warehouse.spark_session import lent_to_dbt, start_spark
from dagster_project.warehouse.spark_store import (
    Name,
    Store,
    declared_columns,
    drop_views,
    register,
    show_in_duckdb,
    write_table,
    written_columns,
)

if TYPE_CHECKING:
    import duckdb

    from dagster_project.settings import Settings

WRITTEN_BY_PYTHON = (RAW, "fitted", "journal")
"""Schemas whose tables Spark only reads."""

_RESTATING = "restated"
"""What the macros for DuckDB remember of tables that they built; of others they know nothing."""

STORE_VARIABLE, VERSION_VARIABLE = "CRM_SPARK_STORE", "CRM_SPARK_VERSION"
"""Where dbt's macros put a table: `<store>/<schema>/<table>/<version>`."""


@contextmanager
def building_with_spark(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Spark ready for one dbt invocation; afterwards DuckDB sees what was built, also when it ended badly.

    Args:
        settings: Directories, master and limits.

    Yields:
        Environment variables that dbt's macros read.

    Raises:
        CrmError: Spark cannot be started, or the warehouse cannot be opened.
    """
    store = Store(settings.spark_dir / "tables")
    version = store.next_version()
    session = start_spark(settings)
    with open_database(settings.warehouse_path, settings=settings) as connection:
        connection.execute(f"drop schema if exists {_RESTATING} cascade")
        _show_built(connection, store)
        register(session, _given(connection, settings=settings, store=store, version=version))
    with lent_to_dbt(session):
        try:
            yield {STORE_VARIABLE: str(store.root), VERSION_VARIABLE: version}
        finally:
            with open_database(settings.warehouse_path, settings=settings) as connection:
                _show_built(connection, store)


def forget_spark(settings: Settings) -> None:
    """Remove what Spark read and wrote, so that DuckDB builds every model anew.

    Args:
        settings: Which data directory.
    """
    if settings.warehouse_path.exists():
        with open_database(settings.warehouse_path, settings=settings) as connection:
            drop_views(connection, Store(settings.spark_dir / "tables").current())
    shutil.rmtree(settings.spark_dir)


def _given(
    connection: duckdb.DuckDBPyConnection, *, settings: Settings, store: Store, version: str
) -> dict[Name, tuple[str, Path]]:
    """Columns and folder of every table that dbt may read: what Python wrote, and what Spark built before."""
    given: dict[Name, tuple[str, Path]] = {}
    for feed, folder in write_raw(connection, root=settings.spark_dir / RAW).items():
        given[(RAW, feed)] = (declared_columns(connection, (RAW, feed)), folder)
    for name in _python_tables(connection) - given.keys():
        write_table(connection, name, store=store, version=version)
        given[name] = (declared_columns(connection, name), store.folder(name) / version)
    for name, folder in store.current().items():
        if name[0] not in WRITTEN_BY_PYTHON:
            given[name] = (written_columns(folder), folder)
    return given


def _python_tables(connection: duckdb.DuckDBPyConnection) -> set[Name]:
    found = connection.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where database_name = current_database() and list_contains(?, schema_name)",
        [list(WRITTEN_BY_PYTHON)],
    ).fetchall()
    return {(schema, table) for schema, table in found}


def _show_built(connection: duckdb.DuckDBPyConnection, store: Store) -> None:
    built = {name: folder for name, folder in store.current().items() if name[0] not in WRITTEN_BY_PYTHON}
    show_in_duckdb(connection, built)
    store.drop_others()
