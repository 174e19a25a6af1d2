"""Casts of a double to a decimal in the models, as DuckDB binds them: of which would Spark round the halves otherwise?

A half such as 12.71375 is a little less as a double; DuckDB's cast judges the double, Spark's its shortest text.
`rounded` (dbt/macros/engine/numbers.sql) has both judge the double.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from dagster_project.transformation import dbt_layout
from tests.conftest import Company

DECIDED = frozenset({"round", "floor", "ceil", "ceiling"})
"""Functions after which no half is left to be decided."""


def undecided_casts(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The text of each cast of a double to a decimal that decides about halves, as the engine binds the statement."""
    [(told,)] = connection.execute("select json_serialize_plan(?)", [sql]).fetchall()
    plan = json.loads(told)
    assert not plan["error"], plan
    text = sql.encode()
    places = {one["query_location"] for one in _casts(plan["plans"]) if not _is_decided(one["child"])}
    return [text[place : place + 80].decode(errors="ignore") for place in sorted(places)]


def _casts(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, list):
        for one in part:
            yield from _casts(one)
    elif isinstance(part, dict):
        is_cast = part.get("expression_class") == "BOUND_CAST" and part["return_type"]["id"] == "DECIMAL"
        if is_cast and part["child"].get("return_type", {}).get("id") in ("DOUBLE", "FLOAT"):
            yield part
        yield from _casts(list(part.values()))


def _is_decided(child: dict[str, Any]) -> bool:
    return child["expression_class"] == "BOUND_FUNCTION" and child["name"] in DECIDED


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select cast(share as decimal(18, 4)) from (select 12.71375::double as share)", 1),
        ("select cast(round(share, 4) as decimal(18, 4)) from (select 12.71375::double as share)", 0),
        ("select cast(amount as decimal(18, 4)) from (select 12.71375::decimal(18, 5) as amount)", 0),
        ("select sum(cast(case when true then share end as decimal(9, 2))) from (select 0.5::double as share)", 1),
    ],
)
def test_a_cast_that_decides_about_halves_is_found(sql: str, found: int) -> None:
    with duckdb.connect() as connection:
        assert len(undecided_casts(connection, sql)) == found


def test_models_round_a_double_before_it_becomes_a_decimal(demo: Company) -> None:
    compiled = dbt_layout(demo.settings).target_dir / "compiled" / "kreislauf" / "models"
    models = {
        path.stem: path.read_text(encoding="utf-8") for path in compiled.glob("*/*.sql") if path.parent.suffix == ""
    }
    assert len(models) > 300
    with duckdb.connect(demo.settings.warehouse_path, read_only=True) as connection:
        found = {name: undecided_casts(connection, sql) for name, sql in models.items()}
    assert {name: casts for name, casts in found.items() if casts} == {}, "use rounded(), see macros/engine/numbers.sql"
