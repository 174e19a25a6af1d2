"""Fingerprints of what a run leaves behind, to compare two data directories row by row."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

DERIVED = ("raw", "staging", "intermediate", "core", "predictions", "kpi", "segments", "quality")


def table_fingerprints(database: Path, *, schemas: tuple[str, ...] = DERIVED) -> dict[str, tuple[int, str]]:
    """Row count and order-free hash of every table, by `schema.table`."""
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where not internal order by all"
        ).fetchall()
        return {
            f"{schema}.{table}": connection.execute(
                f'select count(*), cast(sum(cast(hash(t) as hugeint)) as varchar) from "{schema}"."{table}" as t'
            ).fetchall()[0]
            for schema, table in tables
            if schema in schemas
        }


def file_fingerprints(folder: Path, *patterns: str) -> dict[str, str]:
    """SHA-256 of every file below a folder that matches one of the patterns, by relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
    }
