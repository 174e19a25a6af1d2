"""Which models have the shape of a headline mart: one row per reading, month, dimension and member."""

from __future__ import annotations

from typing import Any

SHAPE = frozenset({"reading", "month", "dimension", "member", "numerator", "denominator", "value", "unit", "is_final"})
UNITED = frozenset({"kpi_headlines", "kpi_scoreboard"})


def long_marts(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The headline marts of a manifest, without the models that unite them."""
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["name"] not in UNITED and node["columns"].keys() >= SHAPE
    ]
