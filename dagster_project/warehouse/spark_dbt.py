"""Lends dbt a Spark session; what macros remember of tables (`restated`) and do to their files never reaches Spark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster_project.warehouse.spark_session import shorten
from dagster_project.warehouse.spark_store import Store, carry_over, finish

if TYPE_CHECKING:
    import duckdb
    from pyspark.sql import SparkSession

_REMEMBERED = re.compile(r"\brestated\.|\bduckdb_tables\(")
_ON_FILES = re.compile(r"\bcall store\.(carry_over|finish)\('(\w+)', '(\w+)'(?:, '([^']*)')?\)")


@contextmanager
def lent_to_dbt(
    session: SparkSession, *, memory: duckdb.DuckDBPyConnection, store: Store, version: str
) -> Iterator[None]:
    """Let dbt-spark use this session.

    By itself it would start one with a Hive metastore, and set `spark.sql.ansi.enabled` to false before every
    statement: what cannot be cast would silently become null.

    Args:
        session: What `start_spark` returned.
        memory: The open warehouse, where statements on `restated` go.
        store: The files of tables, which `call store.carry_over(…)` and `call store.finish(…)` are about.
        version: What is written tonight.
    """
    import duckdb
    from dbt.adapters.spark import session as dbt_session
    from dbt_common.exceptions import DbtRuntimeError
    from pyspark.errors import PySparkException

    class OurCursor(dbt_session.Cursor):  # type: ignore[misc]
        def execute(self, sql: str, *parameters: Any) -> None:
            self._df, self._rows, self._columns = None, None, []
            wanted = sql % parameters if parameters else sql
            with _told(DbtRuntimeError, (PySparkException, duckdb.Error)):
                if is_done_to_files(wanted, session=session, store=store, version=version):
                    self._rows = []
                elif is_about_memory(wanted):
                    found = memory.cursor().execute(wanted)
                    self._columns, self._rows = found.description or [], found.fetchall()
                else:
                    self._df = session.sql(wanted)

        @property
        def description(self) -> Any:
            return super().description or self._columns

        def fetchall(self) -> Any:
            with _told(DbtRuntimeError, PySparkException):
                return super().fetchall()

    class OurConnection(dbt_session.Connection):  # type: ignore[misc]
        def cursor(self) -> OurCursor:
            return OurCursor()

    theirs, dbt_session.Connection = dbt_session.Connection, OurConnection
    try:
        yield
    finally:
        dbt_session.Connection = theirs


def is_about_memory(sql: str) -> bool:
    """Whether a statement asks what dbt remembers, which Spark knows nothing of."""
    return _REMEMBERED.search(sql) is not None


def is_done_to_files(sql: str, *, session: SparkSession, store: Store, version: str) -> bool:
    """Do what a statement asks of the files of a table, and say whether it asked for that.

    Args:
        sql: A statement of a macro.
        session: Knows the columns of the table.
        store: Where the files lie.
        version: What is written tonight.
    """
    call = _ON_FILES.search(sql)
    if call is None:
        return False
    what, schema, table, periods = call.groups()
    if what == "carry_over":
        carry_over(store, (schema, table), version=version, without=frozenset((periods or "").split(",")))
    else:
        finish(store, (schema, table), version=version, schema=session.table(f"`{schema}`.`{table}`").schema.json())
    return True


@contextmanager
def _told(wanted: type[Exception], given: type[Exception] | tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except given as error:
        raise wanted(shorten(str(error))) from error
