"""Reads dbt's manifest into typed models and columns; what a room does with them is decided there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.errors import CrmError


@dataclass(frozen=True)
class ModelColumn:
    """One column as its YAML describes it."""

    name: str
    description: str
    meta: Mapping[str, object]


@dataclass(frozen=True)
class Model:
    """One dbt model that has a table or view of its own."""

    schema: str
    name: str
    description: str
    columns: tuple[ModelColumn, ...]
    meta: Mapping[str, object]
    sql: str
    file: str


def read_models(manifest_path: Path) -> tuple[Model, ...]:
    """Read every model of the manifest that stands in the database, sorted by schema and name.

    Args:
        manifest_path: `manifest.json` as dbt wrote it.

    Raises:
        CrmError: The file is missing or no manifest.
    """
    try:
        nodes = json.loads(manifest_path.read_bytes())["nodes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CrmError(
            "dbt's manifest is missing or unreadable",
            where=str(manifest_path),
            remedy="Run `crm nightly`; it writes a new one.",
        ) from error
    models = [
        _model(node, compiled_dir=manifest_path.parent / "compiled")
        for node in nodes.values()
        if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
    ]
    return tuple(sorted(models, key=lambda model: (model.schema, model.name)))


def _model(node: Mapping[str, Any], *, compiled_dir: Path) -> Model:
    return Model(
        schema=node["schema"],
        name=node.get("alias") or node["name"],
        description=(node.get("description") or "").strip(),
        columns=tuple(_column(name, column) for name, column in node["columns"].items()),
        meta=_meta(node),
        sql=_sql(node, compiled_dir=compiled_dir),
        file=node.get("original_file_path", ""),
    )


def _column(name: str, column: Mapping[str, Any]) -> ModelColumn:
    return ModelColumn(name=name, description=(column.get("description") or "").strip(), meta=_meta(column))


def _meta(node: Mapping[str, Any]) -> dict[str, object]:
    return {**(node.get("meta") or {}), **((node.get("config") or {}).get("meta") or {})}


def _sql(node: Mapping[str, Any], *, compiled_dir: Path) -> str:
    """The SQL that ran; the source text where nothing was compiled yet."""
    if node.get("compiled_code"):
        return str(node["compiled_code"])
    compiled = compiled_dir / str(node.get("package_name", "")) / str(node.get("original_file_path", ""))
    return compiled.read_text(encoding="utf-8") if compiled.is_file() else str(node.get("raw_code", ""))
