"""The bare counterparts: DuckDB reads the same files untyped, and runs the SQL of all models in one connection."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb

from dagster_project.settings import Settings
from dagster_project.warehouse.engine import STORAGE_VERSION

READERS = {
    ".csv": (
        "read_csv('{path}', all_varchar = true, ignore_errors = true, strict_mode = false, encoding = '{encoding}')"
    ),
    ".ndjson": "read_json('{path}', format = 'newline_delimited')",
    ".json": "read_json('{path}')",
    ".parquet": "read_parquet('{path}')",
}
"""How DuckDB reads the files untyped. It cannot read workbooks without an extension: they are left out on its side."""


def read_bare(landing: Path, database: Path, settings: Settings) -> float:
    """Read every file DuckDB can read, untyped, into one table each; seconds."""
    started = time.perf_counter()
    with duckdb.connect(str(database), config=_limits(settings)) as connection:
        for number, path in enumerate(sorted(path for path in landing.rglob("*") if path.is_file())):
            suffix = next((one for one in path.suffixes if one in READERS), None)
            if suffix:
                _read(connection, f"t{number}", path, suffix)
    return time.perf_counter() - started


def _read(connection: duckdb.DuckDBPyConnection, name: str, path: Path, suffix: str) -> None:
    encoding = "latin-1" if path.parent.name in {"navision", "erp"} else "utf-8"
    reader = READERS[suffix].format(path=path, encoding=encoding)
    with suppress(duckdb.Error):  # the demo company's broken files
        connection.execute(f"create table {name} as select * from {reader}")


def build_bare(settings: Settings, target: Path) -> float:
    """Build every model anew in a finished warehouse with the SQL that dbt compiled; seconds.

    Args:
        settings: Where the warehouse is, which is of no use afterwards.
        target: What dbt left of the night in which it built everything: manifest and compiled SQL.
    """
    manifest = json.loads((target / "manifest.json").read_text())
    models = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    parents = {name: set(node["depends_on"]["nodes"]) & models.keys() for name, node in models.items()}
    compiled = target / "compiled" / "kreislauf"
    seconds = 0.0
    for name in TopologicalSorter(parents).static_order():
        node = models[name]
        relation, kind = f'"{node["schema"]}"."{node["alias"]}"', node["config"]["materialized"]
        sql = (compiled / node["original_file_path"]).read_text()
        # A connection that builds everything keeps memory it does not need, until at a million customers none is left.
        with duckdb.connect(str(settings.warehouse_path), config=_limits(settings)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            started = time.perf_counter()
            connection.execute(f"create or replace {kind} {relation} as {sql}")
            seconds += time.perf_counter() - started
    return seconds


def _limits(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": settings.memory_limit,
        "storage_compatibility_version": STORAGE_VERSION,
        "threads": settings.threads,
        "temp_directory": str(settings.data_dir / "bare_spill"),
    }
