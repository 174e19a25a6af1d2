"""Opens DuckDB files within the machine's limits and turns engine errors into sentences; no business SQL lives here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dagster_project.errors import CrmError
from dagster_project.settings import Settings


@contextmanager
def open_database(path: Path, *, settings: Settings, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open one DuckDB file and close it again, whatever happens in between.

    Args:
        path: The database file; it is created (owner only) unless `read_only`.
        settings: Memory limit, threads and spill directory.
        read_only: Several processes may read one file; only one may write it.

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
            config={
                "memory_limit": settings.memory_limit,
                "threads": settings.threads,
                "temp_directory": str(settings.spill_dir),
            },
        )
    except duckdb.IOException as error:
        raise _unopenable(path, error) from error
    if not read_only:
        path.chmod(0o600)
    connection.execute("set TimeZone = 'UTC'")
    try:
        yield connection
    finally:
        connection.close()


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
