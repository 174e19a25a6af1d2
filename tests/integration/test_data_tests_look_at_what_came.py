"""A data test that passed is asked again of what came since: tried on a project of two models with our macros."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.transformation.project import DBT_PROJECT

PROJECT = """
name: mini
version: "1.0"
profile: mini
config-version: 2
on-run-start: ["{{ note_sources() }}"]
models: {+materialized: table}
"""
PROFILE = "mini: {target: it, outputs: {it: {type: duckdb, path: warehouse.duckdb, threads: 1}}}"
MODELS = """
sources: [{name: fitted, tables: [{name: things}]}]
models:
  - name: delivered
  - name: things
    config: {meta: {restate: {by: [thing_key]}}}
    columns:
      - {name: thing_key, data_tests: [unique, not_null]}
      - {name: code, data_tests: [unique]}
      - {name: size, data_tests: [accepted_values: {arguments: {values: [small, large]}}]}
      - {name: price, data_tests: [within: {arguments: {minimum: 0, maximum: 100}}]}
"""

Build = Callable[[], dict[str, str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "macros").symlink_to(DBT_PROJECT / "macros")
    (tmp_path / "tests" / "generic").symlink_to(DBT_PROJECT / "tests" / "generic")
    (tmp_path / "dbt_project.yml").write_text(PROJECT)
    (tmp_path / "profiles.yml").write_text(PROFILE)
    (tmp_path / "models" / "schema.yml").write_text(MODELS)
    (tmp_path / "models" / "delivered.sql").write_text("select * from {{ source('fitted', 'things') }}")
    (tmp_path / "models" / "things.sql").write_text("select * from {{ ref('delivered') }}")
    return tmp_path


@pytest.fixture
def build(project: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Builds the project and says what became of each data test, by its column and kind."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    monkeypatch.chdir(project)
    monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")

    def run() -> dict[str, str]:
        result: Any = dbtRunner().invoke(["build", "--log-level", "none", "--no-version-check"])
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        assert result.exception is None
        return {
            f"{one.node.column_name} {one.node.test_metadata.name}": str(one.status)
            for one in result.result
            if one.node.resource_type == "test"
        }

    say(project, "create schema fitted")
    say(
        project,
        """
        create table fitted.things as
        select range as thing_key, 'c' || range as code, 'small' as size, 5 as price from range(100)
        """,
    )
    return run


def say(project: Path, sql: str) -> None:
    with duckdb.connect(str(project / "warehouse.duckdb")) as connection:
        connection.execute(sql)


def test_what_came_is_looked_at(project: Path, build: Build) -> None:
    assert set(build().values()) == {"pass"}

    say(project, "insert into fitted.things values (200, 'c7', 'tiny', 101)")

    assert build() == {
        "thing_key unique": "pass",
        "thing_key not_null": "pass",
        "code unique": "fail",
        "size accepted_values": "fail",
        "price within": "fail",
    }
    assert build()["price within"] == "fail"  # what failed is asked again, of everything


def test_what_was_there_is_not_looked_at_twice(project: Path, build: Build) -> None:
    build()
    behind_our_back = "insert into main.things values (null, 'c1', 'tiny', -1)"
    say(project, f"{behind_our_back}; {behind_our_back}; insert into fitted.things values (200, 'c200', 'large', 6)")

    assert set(build().values()) == {"pass"}
