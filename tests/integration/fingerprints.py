"""Fingerprints of what a run leaves behind, to compare two data directories row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

import duckdb

_ROWS = "(select columns(c -> c not in ('run_id', 'entered_run_id', 'left_run_id')) from {0}) as t"
"""Everything but the name of the run that wrote it, which is drawn at random."""

_LAST_NIGHT = (
    "(select columns(c -> c not in ('fitted_on_date', 'is_fitted_anew', 'has_changed')) from {0}"
    " where as_of_date = (select max(as_of_date) from core.dim_parameters)) as t"
)

DERIVED = ("raw", "staging", "intermediate", "core", "fitted", "predictions", "kpi", "segments", "quality")


def table_fingerprints(
    database: Path,
    *,
    schemas: tuple[str, ...] = DERIVED,
    of_last_night: Collection[str] = (),
    without: Collection[str] = (),
) -> dict[str, tuple[int, str]]:
    """Row count and order-free hash of every table, by `schema.table`.

    Args:
        database: The warehouse or the published database.
        schemas: Which tables.
        of_last_night: Tables made of journals: only what the last night said is taken, without what it says of
            nights before.
        without: Tables that are not compared: they tell what was done night by night.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where not internal order by all"
        ).fetchall()
        return {
            f"{schema}.{table}": connection.execute(
                "select count(*), cast(sum(cast(hash(t) as hugeint)) as varchar) from "
                + (_LAST_NIGHT if f"{schema}.{table}" in of_last_night else _ROWS).format(f'"{schema}"."{table}"')
            ).fetchall()[0]
            for schema, table in tables
            if schema in schemas and f"{schema}.{table}" not in without
        }


def file_fingerprints(folder: Path, *patterns: str) -> dict[str, str]:
    """SHA-256 of every file below a folder that matches one of the patterns, by relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
    }
