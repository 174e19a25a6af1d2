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
from dagster_project.warehouse.spark_dbt import lent_to_dbt
from dagster_project.warehouse.spark_raw import RAW, write_raw
from dagster_project.warehouse.spark_session import start_spark
from dagster_project.warehouse.spark_store import (
    Name,
    Store,
    declared_columns,
    drop_views,
    register,
    show_in_duckdb,
    shown_in_duckdb,
    write_table,
    written_columns,
)

if TYPE_CHECKING:
    import duckdb

    from dagster_project.settings import Settings

WRITTEN_BY_PYTHON = (RAW, "fitted", "journal")
"""Schemas whose tables Spark only reads."""

_RESTATED = "restated"
"""What dbt's macros remember of tables, whichever engine built them."""

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
        forget_others(connection, store)
        _show_built(connection, store)
        register(session, _given(connection, settings=settings, store=store, version=version))
        with lent_to_dbt(session, memory=connection, store=store, version=version):
            try:
                yield {STORE_VARIABLE: str(store.root), VERSION_VARIABLE: version}
            finally:
                _show_built(connection, store)


def forget_spark(settings: Settings) -> None:
    """Remove what Spark read and wrote, so that DuckDB builds every model anew.

    Args:
        settings: Which data directory.
    """
    if settings.warehouse_path.exists():
        with open_database(settings.warehouse_path, settings=settings) as connection:
            drop_views(connection, Store(settings.spark_dir / "tables").current())
            connection.execute(f"drop schema if exists {_RESTATED} cascade")
    shutil.rmtree(settings.spark_dir)


def forget_others(connection: duckdb.DuckDBPyConnection, store: Store) -> None:
    """Forget what is remembered of tables that are not those which Spark last showed: DuckDB's, or a killed run's.

    Args:
        connection: An open warehouse.
        store: What Spark built.
    """
    shown = shown_in_duckdb(connection)
    if not shown:
        connection.execute(f"drop schema if exists {_RESTATED} cascade")
    built = _built(store)
    moved = [".".join(name) for name in shown.keys() | built.keys() if shown.get(name) != built.get(name)]
    found = "select 1 from duckdb_tables() where schema_name = ? and table_name = 'versions'"
    if moved and connection.execute(found, [_RESTATED]).fetchone():
        connection.execute(f"delete from {_RESTATED}.versions where list_contains(?, relation)", [moved])


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
    return given | {name: (written_columns(folder), folder) for name, folder in _built(store).items()}


def _python_tables(connection: duckdb.DuckDBPyConnection) -> set[Name]:
    found = connection.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where database_name = current_database() and list_contains(?, schema_name)",
        [list(WRITTEN_BY_PYTHON)],
    ).fetchall()
    return {(schema, table) for schema, table in found}


def _show_built(connection: duckdb.DuckDBPyConnection, store: Store) -> None:
    shown = shown_in_duckdb(connection)
    moved = {name: folder for name, folder in _built(store).items() if shown.get(name) != folder}
    show_in_duckdb(connection, moved)
    store.drop_others()


def _built(store: Store) -> dict[Name, Path]:
    return {name: folder for name, folder in store.current().items() if name[0] not in WRITTEN_BY_PYTHON}
