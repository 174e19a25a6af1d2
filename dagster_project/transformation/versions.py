"""What the warehouse remembers of its tables in `restated.versions`, which `dbt/macros/restating` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

RESTATED = "restated"
"""The schema of what dbt remembers from night to night, changed rows included."""

RUNS = "run."
"""Before the name of a part, where the warehouse remembers from which project it was built to its end."""


@dataclass(frozen=True)
class Remembered:
    """What is known of one table, seed, source or test.

    Attributes:
        version: Changes exactly when the content does.
        action: How a model came to it: rebuilt, restated or unchanged.
        inputs: The versions of what it was made of, or passed on, by `schema.table`.
    """

    version: str
    action: str
    inputs: Mapping[str, str]


def remembered(connection: duckdb.DuckDBPyConnection) -> dict[str, Remembered]:
    """Everything known, by `schema.table` (tests by `test.<name>`); nothing in a warehouse that dbt never built.

    Args:
        connection: An open warehouse.
    """
    if not _exists(connection):
        return {}
    rows = connection.execute("select relation, version, action, inputs from restated.latest").fetchall()
    return {
        relation: Remembered(version=version, action=action or "", inputs=json.loads(inputs or "{}"))
        for relation, version, action, inputs in rows
    }


def remember_run(connection: duckdb.DuckDBPyConnection, part: str, *, project: str) -> None:
    """Note that a part of the project was built to its end.

    Args:
        connection: An open warehouse.
        part: Its name.
        project: Fingerprint of the project's files.
    """
    if _exists(connection):
        connection.execute(
            "insert into restated.versions (relation, version, has_changes) values (?, ?, false)",
            [RUNS + part, project],
        )


def forget_changes(connection: duckdb.DuckDBPyConnection) -> None:
    """Forget everything: the next run builds all anew, and no changed row of anybody is kept.

    Args:
        connection: An open warehouse.
    """
    connection.execute(f"drop schema if exists {RESTATED} cascade")


def _exists(connection: duckdb.DuckDBPyConnection) -> bool:
    found = "select 1 from duckdb_views() where schema_name = ? and view_name = 'latest'"
    return connection.execute(found, [RESTATED]).fetchone() is not None
