"""Which nodes a night asks: those whose inputs are other than remembered, and all that reads them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dagster_project.transformation import AFTER, BEFORE, LAST, Part
from dagster_project.transformation.due import due_nodes, nodes_of
from dagster_project.transformation.versions import Remembered


def node(name: str, *parents: str, kind: str = "model", materialized: str = "table") -> Any:
    return SimpleNamespace(
        alias=name,
        schema="core",
        resource_type=kind,
        depends_on=SimpleNamespace(nodes=list(parents)),
        config=SimpleNamespace(materialized=materialized),
    )


NODES = {
    "seed": SimpleNamespace(alias="seed", schema="core", resource_type="seed", depends_on=SimpleNamespace()),
    "a": node("a", "raw"),
    "b": node("b", "a", "seed"),
    "test_b": node("test_b", "b", kind="test"),
    "c": node("c", "fit"),
    "v": node("v", "c", materialized="view"),
    "d": node("d", "c", "list"),
}
SOURCES = {
    "raw": SimpleNamespace(tags=[]),
    "fit": SimpleNamespace(tags=["fitted"]),
    "list": SimpleNamespace(tags=["activated"]),
}
MANIFEST = cast("Any", SimpleNamespace(nodes=NODES, sources=SOURCES))
KNOWN = {
    "raw.x": Remembered("1", "", {}),
    "core.seed": Remembered("s", "", {}),
    "core.a": Remembered("a1", "", {"raw.x": "1"}),
    "core.b": Remembered("b1", "", {"core.a": "a1", "core.seed": "column=1", "core.seed*": "s"}),
    "test.test_b": Remembered("passed", "", {"core.b": "b1"}),
}
TABLES = {"core.a", "core.b", "core.seed"}


@pytest.mark.parametrize(
    ("part", "expected"),
    [(BEFORE, {"a", "b", "test_b"}), (AFTER, {"c", "v"}), (LAST, {"d"})],
    ids=["before", "after", "last"],
)
def test_a_node_belongs_to_the_part_that_has_all_it_reads(part: Part, expected: set[str]) -> None:
    assert nodes_of(part, MANIFEST) == expected


def due(*, without: str = "", tables: set[str] = TABLES, **changed: Remembered) -> set[str]:
    known = {name: changed.get(name.replace(".", "_"), one) for name, one in KNOWN.items() if name != without}
    return set(due_nodes({"a", "b", "test_b"}, manifest=MANIFEST, known=known, tables=tables))


def test_nothing_is_due_when_all_inputs_are_those_remembered() -> None:
    assert due() == set()


def test_a_changed_source_makes_all_due_that_reads_it() -> None:
    assert due(raw_x=Remembered("2", "", {})) == {"a", "b", "test_b"}


def test_what_is_read_by_column_is_compared_as_a_whole() -> None:
    assert due(core_seed=Remembered("t", "", {})) == {"b", "test_b"}


def test_a_test_that_did_not_pass_is_due_alone() -> None:
    assert due(without="test.test_b") == {"test_b"}


def test_a_table_that_is_gone_is_due() -> None:
    assert due(tables={"core.b", "core.seed"}) == {"a", "b", "test_b"}


def test_a_source_of_which_nothing_is_known_is_taken_for_changed() -> None:
    assert due(without="raw.x") == {"a", "b", "test_b"}


def test_a_view_is_due_where_it_is_a_table_of_which_nothing_is_known() -> None:
    def due_views(*, has_views: bool) -> frozenset[str]:
        return due_nodes({"v"}, manifest=MANIFEST, known=KNOWN, tables={"core.v"}, has_views=has_views)

    assert (due_views(has_views=True), due_views(has_views=False)) == (frozenset(), frozenset({"v"}))
