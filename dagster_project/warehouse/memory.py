"""Opens DuckDB without a file of its own, for work between databases that are attached to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from dagster_project.settings import Settings


@contextmanager
def open_memory(*, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine that fetches no extension from anywhere, and close it again, whatever happens in between.

    Args:
        settings: Memory limit, threads and spill directory.
    """
    connection = duckdb.connect(
        config={
            "memory_limit": settings.memory_limit,
            "threads": settings.threads,
            "temp_directory": str(settings.spill_dir),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("set TimeZone = 'UTC'")
    try:
        yield connection
    finally:
        connection.close()
