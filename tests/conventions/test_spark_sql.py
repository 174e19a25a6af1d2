"""Rules over the SQL of models that keep its answer on Spark, without Java; the rows compares `make spark-test`."""

from __future__ import annotations

import re
from typing import Any

import jinja2
import pytest
import sqlglot
import yaml
from sqlglot import exp

from dagster_project.settings import PROJECT_ROOT

Node = dict[str, Any]

MACROS = PROJECT_ROOT / "dbt" / "macros"
SPELLED_IN_MACROS = re.compile(
    r"\b(?:date_?diff|date_add|add_months|to_days|to_months|regexp_\w+|sha2|sha256|timezone|\w+_utc_timestamp)\s*[(]"
)
COMMENT = re.compile(r"--[^\n]*")
NOT_MODELS = {"generate_schema_name.sql", "spark_periods.sql", "spark_tables.sql"}
"""Files of macros that build tables; no model calls them."""

SAME_ON_BOTH = frozenset(
    re.findall(
        r"\w+",
        """
        abs addmonths and argmax argmin case cast ceil coalesce count cumedist datediff denserank exists
        exp extract firstvalue floor greatest grouping if lag lead least length ln logicaland logicalor
        lower max md5 min nullif or percentilecont pow regexpreplace replace round rownumber sha2 sqrt
        sum timestamptrunc translate trim trycast tsordsadd tsordstodate unixmicros upper weekofyear
        """,
    )
)
"""Functions that gave the same rows on DuckDB 1.5 and Spark 4.3, as sqlglot calls them; others are tried first."""


@pytest.fixture(scope="module")
def spark_sql(manifest: Node) -> dict[str, str]:
    """The SQL of each model and each data test of our own as Spark gets it."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"])
    variables = yaml.safe_load((PROJECT_ROOT / "dbt" / "dbt_project.yml").read_text())["vars"]
    environment.globals.update(
        target={"type": "spark", "schema": "core"},
        ref=lambda name: f"refs.{name}",
        source=lambda schema, name: f"{schema}.{name}",
        var=lambda name, default=None: variables.get(name, default),
        config=lambda **_: "",
        execute=False,
        env_var=lambda _name, default="": default,
    )
    files = [path for folder in (MACROS, MACROS / "engine") for path in sorted(folder.glob("*.sql"))]
    library = "".join(path.read_text() for path in files if path.name not in NOT_MODELS)
    macros = environment.from_string(library).module
    environment.globals.update({name: getattr(macros, name) for name in dir(macros) if not name.startswith("_")})
    return {
        node["name"]: environment.from_string(node["raw_code"]).render()
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" or (node["resource_type"] == "test" and not node.get("test_metadata"))
    }


@pytest.fixture(scope="module")
def trees(spark_sql: dict[str, str]) -> dict[str, exp.Expr]:
    """Each statement as Spark's grammar reads it; one that it cannot read fails here."""
    return {name: sqlglot.parse_one(sql, read="spark") for name, sql in spark_sql.items()}


def test_models_use_only_functions_that_answer_alike_on_both_engines(trees: dict[str, exp.Expr]) -> None:
    found = {(_called(one), name) for name, tree in trees.items() for one in tree.find_all(exp.Func)}
    unknown = sorted(f"{name}: {function}" for function, name in found if function not in SAME_ON_BOTH)
    assert unknown == [], "try the function on both engines, or spell it in macros/engine, then add it to SAME_ON_BOTH"


def test_models_write_no_literal_that_only_one_engine_reads(trees: dict[str, exp.Expr]) -> None:
    kinds = (exp.Array, exp.Struct, exp.Map, exp.Bracket, exp.IntDiv, exp.Lambda, exp.Unnest, exp.Interval)
    wrong = sorted(f"{name}: {one.sql()}" for name, tree in trees.items() for one in tree.find_all(*kinds))
    assert wrong == []


def test_models_quote_no_names_and_escape_nothing(spark_sql: dict[str, str]) -> None:
    wrong = sorted(name for name, sql in spark_sql.items() if re.search(r'["`\\]', COMMENT.sub("", sql)))
    assert wrong == [], "Spark reads a double-quoted name as text, and takes backslashes out of texts"


def test_what_differs_is_spelled_only_in_the_macros_of_the_engines(manifest: Node) -> None:
    wrong = sorted(
        f"{node['name']}: {found}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        for found in SPELLED_IN_MACROS.findall(COMMENT.sub("", node["raw_code"]))
    )
    assert wrong == [], "use the macro of dbt/macros/engine"


def test_a_quotient_becomes_money_only_after_it_is_rounded(trees: dict[str, exp.Expr]) -> None:
    wrong = sorted(
        f"{name}: {cast.sql()}"
        for name, tree in trees.items()
        for cast in tree.find_all(exp.Cast)
        if cast.to.sql().endswith(", 2)") and isinstance(cast.this.unnest(), exp.Div) and not _is_rounded(cast.this)
    )
    assert wrong == [], "DuckDB divides doubles, Spark decimals: cast({{ rounded(…, 2) }} as decimal(18, 2))"


def _called(function: exp.Func) -> str:
    return (function.name if isinstance(function, exp.Anonymous) else type(function).__name__).lower()


def _is_rounded(quotient: exp.Expr) -> bool:
    """Whether it is what the macro `rounded` makes for Spark: round(… * 1e2) / 1e2."""
    return isinstance(quotient.unnest(), exp.Div) and isinstance(quotient.unnest().this, (exp.Round, exp.Ceil))
