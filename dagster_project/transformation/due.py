"""Which nodes of a part have anything to do tonight; what a due node does is decided in `dbt/macros/restating`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from dagster_project.transformation.parts import ACTIVATED, AFTER, BEFORE, FITTED, Part
from dagster_project.transformation.versions import Remembered

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

WHOLE = "*"
"""After the name of an input that is read by column: the version of the whole table."""


def due_nodes(
    nodes: Collection[str],
    *,
    manifest: Manifest,
    known: Mapping[str, Remembered],
    tables: Collection[str],
    has_views: bool = True,
) -> frozenset[str]:
    """Ids of the models and tests whose inputs are not those that they were made of, and of all that reads them.

    Args:
        nodes: Ids of the models and tests of a part; seeds and views do not change while the project does not.
        manifest: The project.
        known: What the warehouse remembers, sources looked at just now.
        tables: `schema.table` of what is really there.
        has_views: Whether the engine keeps a view as a view, and not as one more table.
    """
    wanted = {name: manifest.nodes[name] for name in nodes}
    due = {name for name, node in wanted.items() if _is_due(node, known, tables, has_views=has_views)}
    return frozenset(due | _readers(wanted, of=due))


def _is_due(node: Any, known: Mapping[str, Remembered], tables: Collection[str], *, has_views: bool) -> bool:
    name = relation_of(node)
    if node.resource_type == "model" and node.config.materialized == "view" and has_views:
        return name not in tables
    if name not in known or (node.resource_type == "model" and name not in tables):
        return True
    inputs = known[name].inputs
    whole = {one.removesuffix(WHOLE) for one in inputs if one.endswith(WHOLE)}
    compared = {one.removesuffix(WHOLE): version for one, version in inputs.items() if one not in whole}
    return any(one not in known or known[one].version != version for one, version in compared.items())


def nodes_of(part: Part, manifest: Manifest) -> frozenset[str]:
    """Ids of the models and tests that a part builds."""
    fitted, activated = (_readers(manifest.nodes, of=_tagged(manifest, tag)) for tag in (FITTED, ACTIVATED))
    built = {name for name, node in manifest.nodes.items() if node.resource_type in ("model", "test")}
    if part == BEFORE:
        return frozenset(built - fitted - activated)
    return frozenset(built & (fitted - activated if part == AFTER else activated))


def _tagged(manifest: Manifest, tag: str) -> set[str]:
    return {name for name, source in manifest.sources.items() if tag in source.tags}


def _readers(nodes: Mapping[str, Any], *, of: Collection[str]) -> set[str]:
    """Ids of all that reads one of these, itself or through others."""
    found: set[str] = set()
    new = set(of)
    while new:
        new = {name for name, node in nodes.items() if name not in found and new & set(_parents(node))}
        found |= new
    return found


def _parents(node: Any) -> Collection[str]:
    return getattr(node.depends_on, "nodes", ())  # a seed depends on macros only


def relation_of(node: Any) -> str:
    """The name by which the warehouse remembers a node."""
    return f"test.{node.alias}" if node.resource_type == "test" else f"{node.schema}.{node.alias}"
