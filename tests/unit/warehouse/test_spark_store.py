"""What DuckDB and Spark hand each other as files: versions, raw rows by month, views over what was built; no Spark."""

from __future__ import annotations

import logging
import shutil
import stat
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest

from dagster_project.errors import CrmError
from dagster_project.settings import load_settings
from dagster_project.transformation.engines import engine_for
from dagster_project.warehouse import open_database
from dagster_project.warehouse.spark import forget_others, forget_spark
from dagster_project.warehouse.spark_dbt import is_about_memory, is_done_to_files
from dagster_project.warehouse.spark_raw import write_raw
from dagster_project.warehouse.spark_session import reason_of, shorten, start_spark
from dagster_project.warehouse.spark_store import (
    DONE,
    Store,
    carry_over,
    copy_rows,
    declared_columns,
    finish,
    show_in_duckdb,
    shown_in_duckdb,
    write_table,
    written_columns,
)

ORDERS = ("core", "fct_orders")
MONTHLY = (
    '{"type": "struct", "fields": [{"name": "order_key", "type": "integer"},'
    ' {"name": "net_amount", "type": "decimal(18,2)"}, {"name": "month", "type": "date"}]}'
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two months of one feed, and a fact."""
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_THREADS": "1"})
    with open_database(settings.warehouse_path, settings=settings) as connection:
        connection.execute("create schema raw; create schema core")
        connection.execute(
            "create table raw.orders as select * from (values"
            " ('1', cast(9.5 as decimal(18, 4)), 'a', date '2024-01-30'), ('2', 8, 'b', date '2024-02-02'))"
            " as t(order_id, total_amount, _batch_id, _batch_date)"
        )
        connection.execute("create table core.fct_orders as select 1 as order_key")
        yield connection


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(query).fetchall()


def test_a_version_counts_once_it_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.next_version() == "v000001"
    for version, is_whole in (("v000001", True), ("v000002", True), ("v000003", False)):
        (store.folder(ORDERS) / version).mkdir(parents=True)
        if is_whole:
            (store.folder(ORDERS) / version / DONE).touch()
    assert store.current() == {ORDERS: store.folder(ORDERS) / "v000002"}
    assert store.next_version() == "v000004"
    store.drop_others()
    assert [path.name for path in store.folder(ORDERS).iterdir()] == ["v000002"]


def test_raw_rows_are_written_by_month_and_only_when_they_changed(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    folder = write_raw(warehouse, root=tmp_path / "raw")["orders"]
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert sorted(name[:7] for name in before) == ["2024-01", "2024-02"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    warehouse.execute("insert into raw.orders values ('3', 7, 'c', date '2024-02-09')")
    write_raw(warehouse, root=tmp_path / "raw")
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert [name for name in before if after.get(name) == before[name]] == [min(before)]
    assert len(after) == 2
    assert _rows(warehouse, f"select count(*), sum(total_amount) from '{folder}/*.parquet'") == [(3, 24.5)]


def test_a_feed_without_rows_is_still_a_table(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    warehouse.execute("delete from raw.orders")
    folder = write_raw(warehouse, root=tmp_path / "raw")["orders"]
    assert _rows(warehouse, f"select count(*) from '{folder}/*.parquet'") == [(0,)]


def test_types_are_declared_as_spark_writes_them(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute(
        "create table core.typed (a timestamp, b varchar, c integer, d decimal(9, 6), e bigint, f double)"
    )
    expected = "`a` timestamp_ntz, `b` string, `c` int, `d` decimal(9,6), `e` bigint, `f` double"
    assert declared_columns(warehouse, ("core", "typed")) == expected
    warehouse.execute("create table core.strange (a hugeint)")
    with pytest.raises(ValueError, match="HUGEINT"):
        declared_columns(warehouse, ("core", "strange"))


def test_what_spark_built_takes_the_place_of_tables_and_gives_it_back(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_THREADS": "1"})
    store = Store(settings.spark_dir / "tables")
    write_table(warehouse, ORDERS, store=store, version="v000001")
    warehouse.execute("create or replace table core.fct_orders as select 2 as order_key")
    for _ in range(2):  # over a table, and over a view
        show_in_duckdb(warehouse, store.current())
        assert _rows(warehouse, "from core.fct_orders") == [(1,)]
    warehouse.close()
    with engine_for("build", settings=settings) as variables:
        assert variables == {}
    assert not settings.spark_dir.exists()
    with open_database(settings.warehouse_path, settings=settings) as connection:
        assert _rows(connection, "select count(*) from duckdb_views() where not internal") == [(0,)]


def test_reading_the_project_needs_no_engine(tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_ENGINE": "spark"})
    with engine_for("parse", settings=settings) as variables:
        assert variables == {}
    assert not settings.spark_dir.exists()


def test_without_a_warehouse_there_is_nothing_to_give_back(tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path)})
    settings.spark_dir.mkdir()
    forget_spark(settings)
    assert not settings.spark_dir.exists()


def test_settings_of_spark_are_read_and_nonsense_is_said(tmp_path: Path) -> None:
    env = {"CRM_DATA_DIR": str(tmp_path), "CRM_ENGINE": "spark", "CRM_SPARK_CONF": "spark.a=1; spark.b=x=y;"}
    assert load_settings(env).spark_conf == (("spark.a", "1"), ("spark.b", "x=y"))
    assert load_settings({"CRM_DATA_DIR": str(tmp_path)}).engine == "duckdb"
    for nonsense in ({"CRM_ENGINE": "postgres"}, {"CRM_SPARK_CONF": "spark.a"}):
        with pytest.raises(CrmError, match=next(iter(nonsense))):
            load_settings(env | nonsense)


def test_a_missing_spark_or_java_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_ENGINE": "spark"})
    monkeypatch.setitem(sys.modules, "pyspark.logger", None)
    with pytest.raises(CrmError, match="Spark is not installed"):
        start_spark(settings)


def test_java_is_looked_for_where_spark_will(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_ENGINE": "spark"})
    spark = SimpleNamespace(PySparkLogger=logging)
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(logger=spark))
    monkeypatch.setitem(sys.modules, "pyspark.logger", spark)
    (tmp_path / "java").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(CrmError, match="there is none") as told:
        start_spark(settings)
    assert str(tmp_path / "nowhere") in str(told.value)


def test_errors_of_spark_come_without_plans_and_stacks() -> None:
    said = (
        "[UNRESOLVED_COLUMN] `a` cannot be resolved. SQLSTATE: 42703; line 1 pos 7;\n'Project ['a]\n+- OneRowRelation\n"
    )
    assert shorten(said) == "[UNRESOLVED_COLUMN] `a` cannot be resolved. SQLSTATE: 42703; line 1 pos 7"
    said = "[CAST_INVALID_INPUT] The value cannot be cast. SQLSTATE: 22018\n== SQL (line 1) ==\nselect cast('x' as int)"
    assert shorten(said) == "[CAST_INVALID_INPUT] The value cannot be cast. SQLSTATE: 22018"


def test_why_spark_does_not_start_is_one_line() -> None:
    said = (
        "An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.\n"
        ": java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext.\n"
        "This stopped SparkContext was created at:\n\norg.apache.spark.api.java.JavaSparkContext.<init>(A.scala:59)"
    )
    assert reason_of(said) == "Cannot call methods on a stopped SparkContext."
    assert reason_of("[PACKAGE_NOT_INSTALLED] grpcio must be installed.\nmore") == (
        "[PACKAGE_NOT_INSTALLED] grpcio must be installed."
    )


def _write_month(connection: duckdb.DuckDBPyConnection, folder: Path, *, order_key: int) -> None:
    folder.mkdir(parents=True)
    copy_rows(
        connection, f"select {order_key} as order_key, cast(1 as decimal(18, 2)) as net_amount", folder / "a.parquet"
    )


def test_months_that_stay_are_the_same_files_in_the_next_version(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    store = Store(tmp_path / "tables")
    carry_over(store, ORDERS, version="v000001", without=["*"])
    january, february, unknown = "month=2024-01-01", "month=2024-02-01", "month=__HIVE_DEFAULT_PARTITION__"
    for key, month in enumerate((january, february, unknown)):
        _write_month(warehouse, store.folder(ORDERS) / "v000001" / month, order_key=key)
    assert store.current() == {}
    finish(store, ORDERS, version="v000001", schema=MONTHLY)
    carry_over(store, ORDERS, version="v000002", without=[february])
    new = store.folder(ORDERS) / "v000002"
    assert sorted(path.name for path in new.iterdir()) == [january, unknown]
    assert (new / january / "a.parquet").samefile(store.folder(ORDERS) / "v000001" / january / "a.parquet")
    _write_month(warehouse, new / february, order_key=9)
    assert store.current() == {ORDERS: store.folder(ORDERS) / "v000001"}
    finish(store, ORDERS, version="v000002", schema=MONTHLY)
    store.drop_others()
    show_in_duckdb(warehouse, store.current())
    rows = _rows(warehouse, "select order_key, month from core.fct_orders order by all")
    assert rows == [(0, date(2024, 1, 1)), (2, None), (9, date(2024, 2, 1))]
    assert written_columns(new) == "`order_key` int, `net_amount` decimal(18,2), `month` date"
    assert shown_in_duckdb(warehouse) == store.current()


def test_a_table_without_a_month_is_an_empty_view(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = Store(tmp_path / "it's")
    carry_over(store, ORDERS, version="v000001", without=["*"])
    finish(store, ORDERS, version="v000001", schema=MONTHLY)
    show_in_duckdb(warehouse, store.current())
    described = [row[:2] for row in _rows(warehouse, "describe core.fct_orders")]
    assert described == [("order_key", "INTEGER"), ("net_amount", "DECIMAL(18,2)"), ("month", "DATE")]
    assert _rows(warehouse, "from core.fct_orders") == []
    assert shown_in_duckdb(warehouse) == store.current()


def test_what_is_remembered_of_tables_that_spark_did_not_show_is_forgotten(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    store = Store(tmp_path / "tables")
    lines = ("core", "fct_order_lines")
    warehouse.execute("create schema restated; create table restated.versions (relation varchar, version varchar)")
    forget_others(warehouse, store)
    assert _rows(warehouse, "select 1 from duckdb_schemas() where schema_name = 'restated'") == []
    write_table(warehouse, ORDERS, store=store, version="v000001")
    shutil.copytree(store.folder(ORDERS), store.folder(lines))
    show_in_duckdb(warehouse, store.current())
    warehouse.execute("create schema restated; create table restated.versions (relation varchar, version varchar)")
    warehouse.execute("insert into restated.versions values ('core.fct_orders', 'a'), ('core.fct_order_lines', 'b')")
    shutil.copytree(store.folder(lines) / "v000001", store.folder(lines) / "v000002")  # a run that was killed
    forget_others(warehouse, store)
    assert _rows(warehouse, "from restated.versions") == [("core.fct_orders", "a")]


def test_spark_is_not_asked_what_dbt_remembers() -> None:
    assert is_about_memory("select version from restated.latest where relation = 'core.fct_orders'")
    assert is_about_memory("select 1 from duckdb_tables() where schema_name = 'journal'")
    assert not is_about_memory("select * from core.fct_orders where was_restated")


def test_macros_begin_and_end_a_version_by_statements_that_spark_never_sees(tmp_path: Path) -> None:
    store = Store(tmp_path)
    table = SimpleNamespace(schema=SimpleNamespace(json=lambda: MONTHLY))
    session = cast("Any", SimpleNamespace(table=lambda name: table if name == "`core`.`fct_orders`" else None))

    def done(sql: str) -> bool:
        return is_done_to_files(f"/* of dbt */ {sql}", session=session, store=store, version="v000001")

    assert not done("select 'call store' from core.fct_orders")
    assert done("call store.carry_over('core', 'fct_orders', 'month=2024-01-01,month=2024-02-01')")
    assert store.current() == {}
    assert done("call store.finish('core', 'fct_orders', '')")
    assert written_columns(store.current()[ORDERS]).endswith("`month` date")
