"""What restating by key rests on: over inputs narrowed to some keys a model gives the rows that its table has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from dagster_project.transformation import dbt_layout
from tests.conftest import Company

KEY_COUNT = 7
"""Keys that each model is tried on: the first by their hash, so always the same."""


def columns_of(connection: duckdb.DuckDBPyConnection, node: dict[str, Any]) -> list[str]:
    """The columns of a table or view in their order."""
    found = connection.execute(
        "select column_name from duckdb_columns() where schema_name = ? and table_name = ? order by column_index",
        [node["schema"], node.get("alias") or node["identifier"]],
    )
    return [name for (name,) in found.fetchall()]


def _of_the_input(column_or_expression: str) -> str:
    is_column = re.fullmatch(r"\w+", column_or_expression)
    return f"narrowed.{column_or_expression}" if is_column else column_or_expression


def narrowed_inputs(
    connection: duckdb.DuckDBPyConnection, restate: dict[str, Any], inputs: list[dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Relation and the subquery in its place, as macro `narrowed_sql` writes it, for every input that is narrowed."""
    narrow = restate.get("narrow")
    for node in inputs:
        if narrow is None:
            is_narrowed = set(restate["by"]) <= set(columns_of(connection, node))
        else:
            is_narrowed = (node.get("alias") or node["identifier"]) in narrow
        if is_narrowed:
            names = narrow.get(node["name"], {}) if isinstance(narrow, dict) else {}
            on = " and ".join(
                f"keys.{column} = {_of_the_input(names.get(column, column))}" for column in names or restate["by"]
            )
            relation = node["relation_name"]
            yield relation, f"(select narrowed.* from {relation} as narrowed semi join reached as keys on {on})"


def differing_rows(
    connection: duckdb.DuckDBPyConnection, node: dict[str, Any], inputs: list[dict[str, Any]], sql: str
) -> int:
    """Rows that the model over narrowed inputs has and the table has not, or the other way round."""
    restate = node["config"]["meta"]["restate"]
    by, table = ", ".join(restate["by"]), f"{node['schema']}.{node['alias']}"
    connection.execute(
        f"create or replace temp table reached as select distinct {by} from {table}"
        f" order by hash({by}), {by} limit {KEY_COUNT}"
    )
    if together := restate.get("together"):
        group, through = ", ".join(together["by"]), together["through"]
        connection.execute(
            f"insert into reached select distinct {by} from {through} as owners where ({group}) in"
            f" (select ({group}) from {through} as members semi join reached using ({by})) except from reached"
        )
    for relation, subquery in narrowed_inputs(connection, restate, inputs):
        sql = sql.replace(relation, subquery)
    columns = ", ".join(f'"{name}"' for name in columns_of(connection, node))
    connection.execute(
        f"create or replace temp table stale as select {columns} from {table} semi join reached using ({by});"
        "create or replace temp table fresh as from stale limit 0;"
        f"insert into fresh ({columns}) select {columns} from ({sql}) semi join reached using ({by})"
    )
    counted = connection.execute(
        "select count(*) from ((from fresh except all from stale) union all (from stale except all from fresh))"
    ).fetchall()
    return int(counted[0][0])


@pytest.fixture(scope="module")
def demo_nodes(demo: Company) -> dict[str, dict[str, Any]]:
    """Nodes and sources of the night of the demo company, with the SQL that was run."""
    manifest = json.loads((dbt_layout(demo.settings).manifest_path).read_text())
    nodes: dict[str, dict[str, Any]] = manifest["nodes"] | manifest["sources"]
    return nodes


def test_the_rows_of_a_key_depend_on_nothing_but_its_narrowed_inputs(
    demo: Company, demo_nodes: dict[str, dict[str, Any]]
) -> None:
    compiled = dbt_layout(demo.settings).target_dir / "compiled" / "kreislauf"
    restated = [one for one in demo_nodes.values() if "restate" in one["config"].get("meta", {})]
    with duckdb.connect(str(demo.warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        different = {}
        for node in restated:
            inputs = [demo_nodes[name] for name in node["depends_on"]["nodes"]]
            sql = (compiled / node["original_file_path"]).read_text()
            different[node["name"]] = differing_rows(connection, node, inputs, sql)
    assert len(restated) > 50
    assert {name: count for name, count in different.items() if count} == {}
