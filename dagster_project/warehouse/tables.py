"""Reads frames from the warehouse and writes frames into it as tables; what is in them is decided by the rooms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import polars as pl

AS_OF = "as_of_date"


@dataclass(frozen=True)
class Table:
    """A table that a room writes.

    Args:
        name: It becomes `fitted.<name>`, made anew each night, or `journal.<name>`, which keeps every night's rows.
        description: What a row is, and what it says.
        columns: Types by name; a journal gets `as_of_date` before them.
        is_journal: Whether earlier nights' rows stay.
    """

    name: str
    description: str
    columns: Mapping[str, str]
    is_journal: bool = False

    @property
    def schema(self) -> str:
        """Where it stands in the warehouse."""
        return "journal" if self.is_journal else "fitted"

    @property
    def relation(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"


def create_missing(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> None:
    """Create every table, empty, where it is missing, and every column that an older one lacks.

    Args:
        connection: An open warehouse.
        tables: What should be there: dbt's models over them can be built.
    """
    for table in tables:
        columns = {AS_OF: "date", **table.columns} if table.is_journal else table.columns
        connection.execute(f"create schema if not exists {table.schema}")
        connection.execute(f"create table if not exists {table.relation} ({_declared(columns)})")
        for name, kind in columns.items():
            connection.execute(f"alter table {table.relation} add column if not exists {name} {kind}")


def read_frame(connection: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    """The rows of a query; give a complete order in it, or they come in any.

    Args:
        connection: An open warehouse.
        sql: The query.
    """
    return connection.execute(sql).pl()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that is written inside becomes visible at once, or nothing of it."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def replace_table(
    connection: duckdb.DuckDBPyConnection, table: str, *, columns: Mapping[str, str], frame: pl.DataFrame
) -> None:
    """Make a table anew from a frame.

    Args:
        connection: An open warehouse.
        table: `schema.name`.
        columns: Types by name, in the order of the table; exactly the columns of the frame.
        frame: The rows.

    Raises:
        ValueError: The frame has other columns than declared.
    """
    connection.execute(f"create schema if not exists {table.partition('.')[0]}")
    connection.execute(f"create or replace table {table} ({_declared(columns)})")
    _insert(connection, table, columns=columns, frame=frame)


def replace_night(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    *,
    columns: Mapping[str, str],
    frame: pl.DataFrame,
    as_of: date,
    only: tuple[str, str] | None = None,
) -> None:
    """Replace one night's rows of a journal; other nights' rows stay as they were said.

    Args:
        connection: An open warehouse.
        table: `schema.name`; made if missing, and given the columns it lacks.
        columns: Types by name, without `as_of_date`, which every journal begins with.
        frame: The night's rows, without `as_of_date`.
        as_of: The night.
        only: Column and value that all rows of the frame have: only such rows are replaced.

    Raises:
        ValueError: The frame has other columns than declared.
    """
    import polars as pl

    connection.execute(f"create schema if not exists {table.partition('.')[0]}")
    connection.execute(f"create table if not exists {table} ({AS_OF} date not null, {_declared(columns)})")
    for name, kind in columns.items():
        connection.execute(f"alter table {table} add column if not exists {name} {kind}")
    of_kind, kind_value = (f" and {only[0]} = ?", [only[1]]) if only else ("", [])
    connection.execute(f"delete from {table} where {AS_OF} = ?{of_kind}", [as_of, *kind_value])
    dated = {AS_OF: "date", **columns}
    _insert(connection, table, columns=dated, frame=frame.with_columns(pl.lit(as_of).alias(AS_OF)))


def _declared(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, *, columns: Mapping[str, str], frame: pl.DataFrame
) -> None:
    if set(frame.columns) != set(columns):
        wrong = ", ".join(sorted(set(frame.columns) ^ set(columns)))
        raise ValueError(f"the frame for {table} and its declaration differ in: {wrong}")
    names = ", ".join(columns)
    rows = frame.select(list(columns)).to_arrow()
    connection.register("_rows", rows)
    try:
        connection.execute(f"insert into {table} ({names}) select {names} from _rows")
    finally:
        connection.unregister("_rows")
