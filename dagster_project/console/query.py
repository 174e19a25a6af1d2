"""Runs a reader's SQL on the published database, which nobody can write to; what is in there is not known here."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import CrmError
from dagster_project.settings import Settings
from dagster_project.warehouse import open_database

BLOCK = 10_000


@dataclass(frozen=True)
class Answer:
    """The columns of an answer, and its rows in blocks."""

    columns: tuple[str, ...]
    blocks: Iterator[Sequence[Sequence[Any]]]

    def rows(self) -> Iterator[Sequence[Any]]:
        """All rows, one by one."""
        for block in self.blocks:
            yield from block

    def first(self, limit: int) -> list[Sequence[Any]]:
        """At most so many rows."""
        taken: list[Sequence[Any]] = []
        for row in self.rows():
            if len(taken) == limit:
                break
            taken.append(row)
        return taken


@contextmanager
def asked(sql: str, *, settings: Settings, is_shared: bool = False) -> Iterator[Answer]:
    """Ask the published database.

    Args:
        sql: The query.
        settings: Where the published database is.
        is_shared: Ask the lake instead, which other machines reach, too.

    Raises:
        CrmError: There is no published database yet, or the SQL is wrong.
    """
    with _opened(settings, is_shared=is_shared) as connection:
        try:
            cursor = connection.execute(sql)
            columns = tuple(column[0] for column in cursor.description or ())
            yield Answer(columns=columns, blocks=_blocks(cursor) if columns else iter(()))
        except duckdb.Error as error:
            raise CrmError(_told(error), remedy="`show all tables` and `describe kpi.…` show what is there.") from error


def _opened(settings: Settings, *, is_shared: bool) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    if is_shared:
        from dagster_project.publication.ducklake import opened_lake
        from dagster_project.publication.ducklake_settings import demand_lake

        return opened_lake(demand_lake(), settings=settings)
    return open_database(settings.published_path, settings=settings, read_only=True)


def read_sql(text: str) -> str:
    """The SQL itself: as given, from a file that exists under that name, or from stdin for `-`.

    Raises:
        CrmError: There is nothing to run.
    """
    sql = sys.stdin.read() if text == "-" else _file_or_text(text)
    if not sql.strip(" \t\r\n;"):
        raise CrmError("there is no SQL to run", remedy='Try `crm sql "from kpi.kpi_scoreboard"`.')
    return sql


def _file_or_text(text: str) -> str:
    if text.endswith(".sql"):
        path = Path(text)
        if not path.is_file():
            raise CrmError("the SQL file does not exist", where=text)
        return path.read_text(encoding="utf-8")
    return text


def _blocks(cursor: duckdb.DuckDBPyConnection) -> Iterator[Sequence[Sequence[Any]]]:
    while block := cursor.fetchmany(BLOCK):
        yield block


def _told(error: duckdb.Error) -> str:
    text = str(error).split("\n\nLINE ")[0]
    return " ".join(text.split()).rstrip(".")
