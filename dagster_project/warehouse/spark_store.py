"""The Parquet files between DuckDB and Spark: what each writes, the other reads; what is in them is decided elsewhere.

Below `<data>/spark/tables/<schema>/<table>/<version>/`. A version is written beside the one before and counts once its
`_SUCCESS` is there, so that a run that was killed leaves every table as it was.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    from pyspark.sql import SparkSession

DONE = "_SUCCESS"
_SCHEMA = "_schema.json"
"""Beside the folders of a table that is kept by period: Spark's own words for its columns, period last."""
_SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
_SPARK_TYPES = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double",
    "INTEGER": "int",
    "TIMESTAMP": "timestamp_ntz",
    "VARCHAR": "string",
}
_VIEW = re.compile(r"'([^']*(?:''[^']*)*)/(?:\*/)?\*\.parquet'")
_IN_SQL = {"integer": "int", "long": "bigint"}
_DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")

Name = tuple[str, str]
"""Schema and table."""


@dataclass(frozen=True)
class Store:
    """The versions of all tables on disk.

    Args:
        root: Where they lie; on a cluster every worker sees it under the same path.
    """

    root: Path

    def folder(self, name: Name) -> Path:
        """Where all versions of a table lie."""
        return self.root / name[0] / name[1]

    def next_version(self) -> str:
        """A name for what is written next, later than all that was tried."""
        tried = [int(path.name[1:]) for path in self.root.glob("*/*/v*")]
        return f"v{max(tried, default=0) + 1:06d}"

    def current(self) -> dict[Name, Path]:
        """The newest whole version of every table."""
        found: dict[Name, Path] = {}
        for done in sorted(self.root.glob(f"*/*/v*/{DONE}")):
            version = done.parent
            found[(version.parent.parent.name, version.parent.name)] = version
        return found

    def drop_others(self) -> None:
        """Remove every version but the newest whole one, and what was never finished."""
        kept = set(self.current().values())
        for version in self.root.glob("*/*/v*"):
            if version not in kept:
                shutil.rmtree(version)


def carry_over(store: Store, name: Name, *, version: str, without: Collection[str]) -> None:
    """Begin a version of a table that is kept by period with the periods that stay as they are, without copying them.

    Args:
        store: Where it lies.
        name: Which table.
        version: Its new version, which counts once `finish` was called.
        without: Folders of the periods that will be written anew, such as `month=2024-01-01`; `*` is all of them.
    """
    folder = store.folder(name) / version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    former = store.current().get(name)
    for period in former.glob("*=*") if former else ():
        if not {"*", period.name} & set(without):
            shutil.copytree(period, folder / period.name, copy_function=os.link)


def finish(store: Store, name: Name, *, version: str, schema: str) -> None:
    """From now on a version of a table that is kept by period counts.

    Args:
        store: Where it lies.
        name: Which table.
        version: Its new version.
        schema: Its columns in Spark's own JSON.
    """
    folder = store.folder(name) / version
    (folder / _SCHEMA).write_text(schema, encoding="utf-8")
    (folder / DONE).touch()


def write_table(connection: duckdb.DuckDBPyConnection, name: Name, *, store: Store, version: str) -> None:
    """Write a table of DuckDB where Spark finds it.

    Args:
        connection: An open warehouse.
        name: Which table.
        store: Where to.
        version: Its new version.
    """
    folder = store.folder(name) / version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy_rows(connection, f'select * from "{name[0]}"."{name[1]}"', folder / "rows.parquet")
    (folder / DONE).touch()


def copy_rows(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write the rows of a query as one file, beside and then renamed."""
    beside = path.with_name(f".{path.name}.part")
    connection.execute(f"copy ({query}) to '{quoted(beside)}' (format parquet, compression zstd)")
    beside.chmod(0o600)
    beside.replace(path)


def declared_columns(connection: duckdb.DuckDBPyConnection, name: Name) -> str:
    """The columns of a table of DuckDB as Spark declares them.

    Args:
        connection: An open warehouse.
        name: Which table.

    Raises:
        ValueError: A column has a type that the two do not share.
    """
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns()"
        " where database_name = current_database() and schema_name = ? and table_name = ? order by column_index",
        list(name),
    ).fetchall()
    return ", ".join(f"`{column}` {_spark_type(kind)}" for column, kind in columns)


def register(session: SparkSession, tables: Mapping[Name, tuple[str, Path]]) -> None:
    """Tell Spark's catalog about tables that lie on disk.

    Args:
        session: A running session.
        tables: Columns and folder of each.
    """
    for schema in sorted({schema for schema, _ in tables}):
        session.sql(f"create schema if not exists `{schema}`")
    for (schema, table), (columns, folder) in tables.items():
        session.sql(f"drop table if exists `{schema}`.`{table}`")
        kept_by = f"partitioned by (`{period}`)" if (period := _period(folder)) else ""
        session.sql(
            f"create table `{schema}`.`{table}` ({columns}) using parquet {kept_by} location '{quoted(folder)}'"
        )


def written_columns(folder: Path) -> str:
    """The columns of a table that Spark wrote, without asking Spark: no job has to run for it."""
    return ", ".join(f"`{name}` {kind}" for name, kind in _fields(folder).items())


def _fields(folder: Path) -> dict[str, str]:
    """Names and types of columns in Spark's SQL."""
    import pyarrow.parquet as pq

    beside = folder / _SCHEMA
    if beside.exists():
        schema = beside.read_bytes()
    else:
        schema = pq.read_schema(next(folder.glob("*.parquet"))).metadata[_SPARK_SCHEMA]
    return {field["name"]: _IN_SQL.get(field["type"], field["type"]) for field in json.loads(schema)["fields"]}


def _period(folder: Path) -> str:
    """The column by which a table is kept, or nothing."""
    return list(_fields(folder))[-1] if (folder / _SCHEMA).exists() else ""


def show_in_duckdb(connection: duckdb.DuckDBPyConnection, tables: Mapping[Name, Path]) -> None:
    """Make a view in the warehouse of every table that Spark built, in place of whatever has its name.

    Args:
        connection: An open warehouse.
        tables: Folder of each.
    """
    kinds = dict(_kinds(connection))
    connection.execute("begin")
    for (schema, table), folder in tables.items():
        connection.execute(f'create schema if not exists "{schema}"')
        if kinds.get((schema, table)) == "table":
            connection.execute(f'drop table "{schema}"."{table}"')
        connection.execute(f'create or replace view "{schema}"."{table}" as {_reading(folder)}')
    connection.execute("commit")


def _reading(folder: Path) -> str:
    if not (folder / _SCHEMA).exists():
        return f"select * from read_parquet('{quoted(folder)}/*.parquet')"
    files, period = f"'{quoted(folder)}/*/*.parquet'", _period(folder)
    if next(folder.glob("*/*.parquet"), None):
        return f"select * from read_parquet({files}, hive_partitioning = true, hive_types = {{'{period}': date}})"
    kinds = {kind: duck for duck, kind in _SPARK_TYPES.items()}
    nothing = ", ".join(f'cast(null as {kinds.get(kind, kind)}) as "{name}"' for name, kind in _fields(folder).items())
    return f"select {nothing} from (select {files} as folder) where false"


def shown_in_duckdb(connection: duckdb.DuckDBPyConnection) -> dict[Name, Path]:
    """The folder that each view of a table of Spark reads.

    Args:
        connection: An open warehouse.
    """
    views = connection.execute(
        "select schema_name, view_name, sql from duckdb_views()"
        " where database_name = current_database() and not internal"
    ).fetchall()
    found = {(schema, name): _VIEW.search(sql) for schema, name, sql in views}
    return {name: Path(view[1].removesuffix("/*").replace("''", "'")) for name, view in found.items() if view}


def drop_views(connection: duckdb.DuckDBPyConnection, tables: Iterable[Name]) -> None:
    """Take back what `show_in_duckdb` made.

    Args:
        connection: An open warehouse.
        tables: Of which tables; what is no view stays.
    """
    kinds = dict(_kinds(connection))
    for schema, table in tables:
        if kinds.get((schema, table)) == "view":
            connection.execute(f'drop view "{schema}"."{table}"')


def _kinds(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Name, str]]:
    for function, kind in (("duckdb_tables()", "table"), ("duckdb_views()", "view")):
        column = f"{kind}_name"
        for schema, name in connection.execute(
            f"select schema_name, {column} from {function} where database_name = current_database() and not internal"
        ).fetchall():
            yield (schema, name), kind


def _spark_type(kind: str) -> str:
    if _DECIMAL.fullmatch(kind):
        return kind.lower()
    if kind not in _SPARK_TYPES:
        raise ValueError(f"Spark has no type for DuckDB's {kind}")
    return _SPARK_TYPES[kind]


def quoted(path: Path) -> str:
    """A path inside of quotes, in either SQL."""
    return str(path).replace("'", "''")
