"""Compares the tables of two warehouses row by row: everything exactly, but floats to a relative tolerance."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb

TOLERANCE = 1e-9
LAYERS = ("staging", "intermediate", "core", "predictions", "kpi", "segments", "quality")
OWN_TO_EACH = frozenset({"run_id", "next_run_id", "entered_run_id", "left_run_id", "definition_sha256"})
"""The name of the run that wrote a row, and the hash of a list's SQL, which the two spell differently."""

_FLOATS = ("DOUBLE", "FLOAT")


@dataclass(frozen=True)
class Compared:
    """One table of both: how many rows each has, and how many have no equal on the other side."""

    schema: str
    table: str
    rows: int
    other_rows: int
    unequal: int
    reason: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether both have the same columns and rows."""
        return not (self.unequal or self.reason)


def compare(one: Path, other: Path, *, layers: Collection[str] = LAYERS) -> list[Compared]:
    """Compare all tables and views of the layers.

    Args:
        one: A warehouse; its tables are what is wanted.
        other: Another one.
        layers: Schemas.
    """
    with duckdb.connect(str(one), read_only=True) as wanted, duckdb.connect(str(other), read_only=True) as found:
        for connection in (wanted, found):
            connection.execute("set TimeZone = 'UTC'")
        tables = wanted.execute(
            "select schema_name, table_name from duckdb_tables() where list_contains($1, schema_name)"
            " union all select schema_name, view_name from duckdb_views() where list_contains($1, schema_name)"
            " order by all",
            [list(layers)],
        ).fetchall()
        return [_compare_table(wanted, found, Name(schema, table)) for schema, table in tables]


class Name(NamedTuple):
    """A table."""

    schema: str
    table: str

    def __str__(self) -> str:
        """As SQL writes it."""
        return f'"{self.schema}"."{self.table}"'


def _compare_table(one: duckdb.DuckDBPyConnection, other: duckdb.DuckDBPyConnection, name: Name) -> Compared:
    wanted, found = _columns(one, name), _columns(other, name)
    rows = _count(one, str(name))
    if wanted.keys() != found.keys():
        missing = f"columns: {', '.join(sorted(wanted.keys() ^ found.keys()))}" if found else "missing"
        return Compared(*name, rows, 0, rows, missing)
    columns = [column for column in wanted if column not in OWN_TO_EACH]
    floats = [column for column in columns if wanted[column] in _FLOATS]
    exact = [column for column in columns if column not in floats]
    one.register("other_rows", other.execute(f"select * from {name}").to_arrow_table())
    unequal, reason = _unequal(one, str(name), exact=exact, floats=floats)
    other_rows = _count(one, "other_rows")
    one.unregister("other_rows")
    return Compared(*name, rows, other_rows, unequal, reason)


def _columns(connection: duckdb.DuckDBPyConnection, name: Name) -> dict[str, str]:
    return dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns()"
            " where database_name = current_database() and schema_name = ? and table_name = ? order by column_index",
            list(name),
        ).fetchall()
    )


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"select count(*) from {relation}").fetchall()[0][0])


def _unequal(
    connection: duckdb.DuckDBPyConnection, relation: str, *, exact: list[str], floats: list[str]
) -> tuple[int, str]:
    """How many rows have no equal, and which columns of rows that are alike in all others differ."""
    order = ", ".join(f'"{name}"' for name in floats) or "1"
    partition = ", ".join(f'"{name}"' for name in exact) or "1"
    numbered = f"(select *, row_number() over (partition by {partition} order by {order}) as _n from {{0}})"
    alike = " and ".join(f'one."{name}" is not distinct from other."{name}"' for name in [*exact, "_n"])
    near = {name: _is_near(f'one."{name}"', f'other."{name}"') for name in floats}
    both = "one._n is not null and other._n is not null"
    per_column = ", ".join(f"count(*) filter ({both} and not {test})" for test in near.values())
    found = connection.execute(
        f"select count(*) filter (one._n is null), count(*) filter (other._n is null)"
        f", count(*) filter ({both} and not ({' and '.join(near.values()) or 'true'}))"
        f"{', ' if near else ''}{per_column}"
        f" from {numbered.format(relation)} as one full join {numbered.format('other_rows')} as other on {alike}"
    ).fetchall()[0]
    distant = [f"{name} ({count})" for name, count in zip(near, found[3:], strict=True) if count]
    reasons = [f"{found[1]} missing, {found[0]} added"] * bool(found[0] or found[1]) + distant
    return max(found[0], found[1]) + found[2], "; ".join(reasons)


def _is_near(one: str, other: str) -> str:
    return (
        f"({one} is not distinct from {other}"
        f" or coalesce(abs({one} - {other}) <= {TOLERANCE} * greatest(abs({one}), abs({other})), false))"
    )
