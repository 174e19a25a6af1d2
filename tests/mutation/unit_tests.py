"""Lets dbt run the unit tests once and reads what it wrote: the fixtures, the model over them, the rows expected."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from dagster_project.activation import prepare_journals
from dagster_project.ingestion import ingest, load_catalog
from dagster_project.prediction import families, prepare_tables
from dagster_project.settings import Settings, load_settings
from dagster_project.transformation.project import invoke
from dagster_project.warehouse import open_database
from tests.mutation.mutants import FIXTURE, text

Rows = Counter[tuple[Any, ...]]

SIGNIFICANT_DIGITS = 12
"""Of doubles, as far as they are compared: sums in another order differ behind them."""


@dataclass(frozen=True)
class UnitTest:
    """One dbt unit test, as it can be run without dbt."""

    model: str
    name: str
    sql: str
    model_file: Path
    fixtures: dict[str, str] = field(repr=False)
    expected_sql: str | None = field(repr=False)
    """None when no row is expected."""

    def statement(self) -> exp.Expr:
        """The columns that are compared, of the model over its fixtures."""
        actual = _part(sqlglot.parse_one(self.sql, read="duckdb"), "actual")
        for cte in [one for one in actual.find_all(exp.CTE) if one.alias.startswith(FIXTURE)]:
            cte.pop()
        return actual


def prepared(data_dir: Path, *, models: str) -> Settings:
    """A warehouse of empty tables: dbt takes the types of a unit test's rows from the tables they stand for.

    Args:
        data_dir: Where it is, or will be.
        models: What to test, as dbt selects it; it is built with all it reads.

    Raises:
        RuntimeError: dbt cannot build them.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    settings = load_settings(environment | {"CRM_DATA_DIR": str(data_dir)})
    ingest(catalog=load_catalog(settings.sources_dir), settings=settings, as_of=date(2025, 12, 31))
    with open_database(settings.warehouse_path, settings=settings) as connection:
        prepare_tables(connection, families())
        prepare_journals(connection)
    parents = " ".join(f"+{one}" for one in models.split())
    for command in (["seed", "--full-refresh"], ["run", "--empty", "--select", parents]):
        _invoke(command, settings=settings)
    return settings


def unit_tests(settings: Settings, *, models: str) -> list[UnitTest]:
    """Run the unit tests of the selected models once with dbt and take them from what it wrote.

    Raises:
        RuntimeError: One does not pass as it is, so that it cannot judge anything.
    """
    results = _invoke(
        ["test", "--select", " ".join(f"{one},test_type:unit" for one in models.split())], settings=settings
    )
    tested = [one.node for one in results if one.node.resource_type == "unit_test"]  # hooks have results, too
    return [_read(node) for node in sorted(tested, key=lambda node: node.name)]


def _invoke(arguments: list[str], *, settings: Settings) -> list[Any]:
    done = invoke(arguments, settings=settings)
    results: list[Any] = list(done.result or ())  # type: ignore[arg-type]
    wrong = [f"{one.node.name}: {one.message}" for one in results if str(one.status) not in {"pass", "success"}]
    if wrong or not done.success:
        raise RuntimeError("\n".join([f"dbt {arguments[0]} did not succeed", *wrong, str(done.exception or "")]))
    return results


def _read(node: Any) -> UnitTest:
    compiled = Path(node.compiled_path)
    folders = list(compiled.parts)
    folders[folders.index("compiled")] = "run"
    sql = Path(*folders).read_text(encoding="utf-8")
    tree = sqlglot.parse_one(sql, read="duckdb")
    model_file = Path(node.original_file_path).with_suffix(".sql")
    return UnitTest(
        model=model_file.stem,
        name=str(node.name),
        sql=sql,
        model_file=model_file,
        fixtures={
            cte.alias: text(cte.this)
            for cte in _part(tree, "actual").find_all(exp.CTE)
            if cte.alias.startswith(FIXTURE)
        },
        expected_sql=_expected_sql(tree),
    )


def _expected_sql(tree: exp.Expr) -> str | None:
    """No expected row at all is written by dbt as no row of the actual ones."""
    expected = _part(tree, "expected")
    is_nothing = any(table.name == "dbt_internal_unit_test_actual" for table in expected.find_all(exp.Table))
    return None if is_nothing else text(expected)


def _part(tree: exp.Expr, name: str) -> exp.Expr:
    """The query over the actual or the expected rows, without the column that says which it is."""
    found = next(one for one in tree.find_all(exp.CTE) if one.alias == f"dbt_internal_unit_test_{name}")
    query: exp.Expr = found.this.copy()
    query.set("expressions", [one for one in query.expressions if one.alias != "actual_or_expected"])
    return query


def rows_of(connection: duckdb.DuckDBPyConnection, sql: str | None) -> Rows:
    """The rows of a query without their order, doubles as far as they can be compared."""
    if sql is None:
        return Counter()
    return Counter(tuple(_comparable(value) for value in row) for row in connection.execute(sql).fetchall())


def _comparable(value: Any) -> Any:
    return f"{value:.{SIGNIFICANT_DIGITS}g}" if isinstance(value, float) else value
