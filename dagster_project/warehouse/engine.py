"""Opens DuckDB files within the machine's limits and turns engine errors into sentences; no business SQL lives here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dagster_project.errors import CrmError
from dagster_project.settings import Settings
from dagster_project.warehouse.spill import private_spill, sweep_dbt

STORAGE_VERSION = "v1.3.0"
"""What new files are written for: older engines cannot read them; keys take less room and are written faster."""


@contextmanager
def open_database(
    path: Path, *, settings: Settings, read_only: bool = False, leaves_log: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open one DuckDB file and close it again, whatever happens in between.

    Args:
        path: The database file; it is created (owner only) unless `read_only`.
        settings: Memory limit, threads and spill directory.
        read_only: Several processes may read one file; only one may write it.
        leaves_log: What little is written stays in the log beside the file, for whoever opens it next: working it
            into the file costs what the file is long.

    Raises:
        CrmError: The file is missing, locked by another process, or no DuckDB file.
    """
    if read_only and not path.exists():
        raise CrmError("the database does not exist yet", where=str(path), remedy="Run `crm nightly` first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(
            str(path),
            read_only=read_only,
            config=_limits(settings, read_only=read_only),
        )
    except duckdb.IOException as error:
        raise _unopenable(path, error) from error
    if not read_only:
        path.chmod(0o600)
    if path == settings.warehouse_path and not read_only:
        sweep_dbt(settings)
    connection.execute("set TimeZone = 'UTC'")
    if leaves_log:
        connection.execute("pragma disable_checkpoint_on_shutdown")
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def open_memory(*, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine without a file of its own, for databases that are attached to it; it fetches no extension.

    Args:
        settings: Memory limit, threads and spill directory.
    """
    closed: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(config={**_limits(settings, read_only=True), **closed})
    connection.execute("set TimeZone = 'UTC'")
    try:
        yield connection
    finally:
        connection.close()


def _limits(settings: Settings, *, read_only: bool) -> dict[str, str | bool | int | float | list[str]]:
    """The engine's share of the machine; who may read the database but not write beside it does without spilling."""
    limits: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "max_temp_directory_size": settings.spill_limit,
        "storage_compatibility_version": STORAGE_VERSION,
    }
    try:
        limits["temp_directory"] = str(private_spill(settings))
    except OSError:
        if not read_only:
            raise
        limits["temp_directory"] = ""
    return limits


def _unopenable(path: Path, error: duckdb.IOException) -> CrmError:
    holder = re.search(r"PID (\d+)", str(error))
    if holder or "lock" in str(error).lower():
        process = f" by process {holder[1]}" if holder else ""
        return CrmError(
            f"the warehouse is in use{process}",
            where=str(path),
            remedy="Wait until that run has ended, or stop it, and try again.",
        )
    return CrmError(
        "the file is not a DuckDB database that this version can read",
        where=str(path),
        remedy="Move it away; the next `crm nightly` builds a new one from the landing files.",
    )
