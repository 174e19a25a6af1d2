"""The Parquet files between DuckDB and Spark: what each writes, the other reads; what is in them is decided elsewhere.

Below `<data>/spark/tables/<schema>/<table>/<version>/`. A version is written beside the one before and counts once its
`_SUCCESS` is there, so that a run that was killed leaves every table as it was.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    from pyspark.sql import SparkSession

DONE = "_SUCCESS"
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
_VIEW = re.compile(r"read_parquet\('(.*)/\*\.parquet'")
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
        session.sql(f"create table `{schema}`.`{table}` ({columns}) using parquet location '{quoted(folder)}'")


def written_columns(folder: Path) -> str:
    """The columns of a table that Spark wrote, from the footer of one of its files: no job has to run for it."""
    import pyarrow.parquet as pq
    from pyspark.sql.types import StructType

    file = next(folder.rglob("*.parquet"))
    found: Mapping[bytes, bytes] = pq.read_schema(file).metadata
    schema = StructType.fromJson(json.loads(found[_SPARK_SCHEMA]))
    return ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in schema.fields)


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
        connection.execute(
            f'create or replace view "{schema}"."{table}" as select * from read_parquet(\'{quoted(folder)}/*.parquet\')'
        )
    connection.execute("commit")


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
    return {name: Path(view[1].replace("''", "'")) for name, view in found.items() if view}


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
