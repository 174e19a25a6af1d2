"""Builds every model from the SQL that dbt compiled, in one bare connection and without dbt around it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb


def compiled_models(manifest_path: Path) -> Iterator[tuple[str, str, str]]:
    """Relation, kind (table or view) and SQL of every model, parents before children.

    The day of the run is a row of `raw.runs` (ADR 2), so the SQL of one night is the SQL of every night.
    """
    manifest = json.loads(manifest_path.read_text())
    models = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    parents = {name: set(node["depends_on"]["nodes"]) & models.keys() for name, node in models.items()}
    for name in TopologicalSorter(parents).static_order():
        node = models[name]
        yield f'"{node["schema"]}"."{node["alias"]}"', node["config"]["materialized"], node["compiled_code"]


def build_bare(database: Path, *, manifest_path: Path) -> None:
    """Build all models anew."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for relation, kind, sql in compiled_models(manifest_path):
            connection.execute(f"create or replace {kind} {relation} as {sql}")
