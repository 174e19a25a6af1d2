"""Rules over what models say of how they are restated (`meta.restate`, read by dbt/macros/restating)."""

from __future__ import annotations

from typing import Any

import pytest

Node = dict[str, Any]

SETTINGS = {"by", "reach", "together", "narrow"}
REACHES = ({"select"}, {"through"}, {"match"}, {"through", "match"})
REACHES_OF_COLUMNS = ({"through"}, {"between"}, {"through", "between"})


def _restated(manifest: Node) -> list[Node]:
    return [node for node in manifest["nodes"].values() if "restate" in node["config"].get("meta", {})]


def _inputs(manifest: Node, node: Node) -> dict[str, Node]:
    """What a model reads, itself or through views, by name."""
    found: dict[str, Node] = {}
    pending = list(node["depends_on"]["nodes"])
    for unique_id in pending:
        parent = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
        found[parent["name"]] = parent
        if parent["config"].get("materialized") == "view":
            pending.extend(parent["depends_on"]["nodes"])
    return found


def _reaches(node: Node) -> list[tuple[str, Any]]:
    """Input and reach; `input.column` where the input is read by column."""
    declared: dict[str, Any] = {}
    for name, reach in node["config"]["meta"]["restate"].get("reach", {}).items():
        is_by_column = isinstance(reach, dict) and not reach.keys() & {"select", "through", "match"}
        declared |= {f"{name}.{column}": one for column, one in reach.items()} if is_by_column else {name: reach}
    return [(name, one) for name, reach in declared.items() for one in (reach if isinstance(reach, list) else [reach])]


def test_long_tables_are_restated(manifest: Node) -> None:
    names = {node["name"] for node in _restated(manifest)}
    assert {"stg_order_lines", "stg_web_sessions", "fct_order_lines", "fct_web_sessions"} <= names
    assert len(names) > 35


def test_only_known_settings(manifest: Node) -> None:
    wrong = [node["name"] for node in _restated(manifest) if not node["config"]["meta"]["restate"].keys() <= SETTINGS]
    assert wrong == []


def test_keys_are_columns(manifest: Node) -> None:
    wrong = [
        f"{node['name']}.{column}"
        for node in _restated(manifest)
        for column in node["config"]["meta"]["restate"]["by"]
        if node["config"].get("contract", {}).get("enforced") and column not in node["columns"]
    ]
    assert wrong == []


def test_reaches_are_inputs_in_a_known_form(manifest: Node) -> None:
    wrong = [
        f"{node['name']}: {name}"
        for node in _restated(manifest)
        for name, one in _reaches(node)
        if name.split(".")[0] not in _inputs(manifest, node)
        or not (one == "same" or set(one) in (REACHES_OF_COLUMNS if "." in name else REACHES))
    ]
    assert wrong == []


@pytest.mark.parametrize("words", [("through",), ("together", "through")])
def test_ways_lead_through_tables_that_are_built_before(manifest: Node, words: tuple[str, ...]) -> None:
    """A way through a table that the model does not read could lead through yesterday's rows."""
    relations = {
        f"{one['schema']}.{one.get('alias') or one['identifier']}": name
        for name, one in (manifest["nodes"] | manifest["sources"]).items()
        if one["resource_type"] in ("model", "seed", "source")
    }
    wrong = []
    for node in _restated(manifest):
        settings = node["config"]["meta"]["restate"]
        ways = (
            [one["through"] for _, one in _reaches(node) if "through" in one]
            if words == ("through",)
            else [settings["together"]["through"]]
            if "together" in settings
            else []
        )
        ancestors = _ancestors(manifest, node) | {node["unique_id"]}
        wrong += [
            f"{node['name']}: {relation}"
            for way in ways
            for relation, unique_id in relations.items()
            if relation in way.replace("(", " ").replace(")", " ").split() and unique_id not in ancestors
        ]
    assert wrong == []


def _ancestors(manifest: Node, node: Node) -> set[str]:
    found: set[str] = set()
    pending = list(node["depends_on"]["nodes"])
    while pending:
        unique_id = pending.pop()
        if unique_id not in found:
            found.add(unique_id)
            pending.extend(manifest["nodes"].get(unique_id, {}).get("depends_on", {}).get("nodes", []))
    return found
