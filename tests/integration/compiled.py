"""Builds every model from the SQL that dbt compiled, in one bare connection and without dbt around it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.prediction import families, predict, prepare_tables
from dagster_project.settings import Settings
from dagster_project.transformation import after_lists, after_predictions
from dagster_project.transformation.parts import FITTED, descendants


def compiled_models(manifest: dict[str, Any], *, late: bool) -> Iterator[tuple[str, str, str]]:
    """Relation, kind (table or view) and SQL of every model before (or after) the predictions, parents before children.

    What is made of the journals of lists is left out: it is built after the lists, and no later night reads it.

    The day of the run is a row of `raw.runs` (ADR 2), so the SQL of one night is the SQL of every night.
    """
    after, last = after_predictions(manifest), after_lists(manifest)
    models = {
        name: node
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and name not in last and (name in after) == late
    }
    parents = {name: set(node["depends_on"]["nodes"]) & models.keys() for name, node in models.items()}
    for name in TopologicalSorter(parents).static_order():
        node = models[name]
        yield f'"{node["schema"]}"."{node["alias"]}"', node["config"]["materialized"], node["compiled_code"]


def made_of_journals(manifest_path: Path) -> frozenset[str]:
    """`schema.table` of every model that reads what predictions of earlier nights said, itself or through others."""
    manifest = json.loads(manifest_path.read_text())
    journals = {
        name for name, one in manifest["sources"].items() if one["schema"] == "journal" and FITTED in one["tags"]
    }
    return _relations(manifest, descendants(manifest, journals))


def made_of_lists(manifest_path: Path) -> frozenset[str]:
    """`schema.table` of every model that reads what became of lists on earlier nights, itself or through others."""
    manifest = json.loads(manifest_path.read_text())
    return _relations(manifest, after_lists(manifest))


def _relations(manifest: dict[str, Any], names: Iterable[str]) -> frozenset[str]:
    nodes = [manifest["nodes"][name] for name in names if name.startswith("model.")]
    return frozenset(f"{node['schema']}.{node['alias']}" for node in nodes)


def build_bare(*, settings: Settings, manifest_path: Path) -> None:
    """Build all models anew, and the predictions between those they read and those that read them."""
    manifest = json.loads(manifest_path.read_text())
    _build(settings, compiled_models(manifest, late=False))
    for family in families():
        predict(family, settings=settings)
    _build(settings, compiled_models(manifest, late=True))


def _build(settings: Settings, models: Iterable[tuple[str, str, str]]) -> None:
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        prepare_tables(connection, families())
        for relation, kind, sql in models:
            connection.execute(f"create or replace {kind} {relation} as {sql}")
