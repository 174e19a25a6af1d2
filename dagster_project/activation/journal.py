"""Keeps one row per segment and night in journal.deliveries; a night replaces its own rows and no other's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from dagster_project.activation.results import Status

_TABLE = """
    create schema if not exists journal;
    create table if not exists journal.deliveries (
        segment varchar not null,
        as_of_date date not null,
        status varchar not null,
        message varchar not null,
        candidate_count bigint not null,
        member_count bigint not null,
        dropped_count bigint not null,
        previous_count bigint,
        checksum varchar not null,
        definition_sha256 varchar not null,
        is_released boolean not null,
        primary key (segment, as_of_date)
    )
"""


@dataclass(frozen=True)
class Delivery:
    """What was decided about one list on one night."""

    segment: str
    as_of: date
    status: Status
    message: str
    candidate_count: int
    member_count: int
    dropped_count: int
    previous_count: int | None
    checksum: str
    definition_sha256: str
    is_released: bool


_COLUMNS = (
    "segment, as_of_date, status, message, candidate_count, member_count, dropped_count, previous_count, checksum, "
    "definition_sha256, is_released"
)


def prepare_journal(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing."""
    connection.execute(_TABLE)


def last_delivery(connection: duckdb.DuckDBPyConnection, *, segment: str, before: date) -> Delivery | None:
    """The newest list that really left on a night before the given one."""
    row = connection.execute(
        f"""
        select {_COLUMNS}
        from journal.deliveries
        where segment = ? and as_of_date < ? and status = 'delivered'
        order by as_of_date desc
        limit 1
        """,
        [segment, before],
    ).fetchone()
    return Delivery(*row) if row else None


def was_released(connection: duckdb.DuckDBPyConnection, *, segment: str, as_of: date) -> bool:
    """Whether a person accepted the size of this night's list before: a repeated night does not forget it."""
    row = connection.execute(
        "select is_released from journal.deliveries where segment = ? and as_of_date = ?", [segment, as_of]
    ).fetchone()
    return bool(row and row[0])


def record(connection: duckdb.DuckDBPyConnection, delivery: Delivery) -> None:
    """Write the night's row in place of the one that a former run of the same night wrote."""
    connection.execute(
        f"insert or replace into journal.deliveries ({_COLUMNS}) values ({', '.join('?' * 11)})",
        [
            delivery.segment,
            delivery.as_of,
            delivery.status,
            delivery.message,
            delivery.candidate_count,
            delivery.member_count,
            delivery.dropped_count,
            delivery.previous_count,
            delivery.checksum,
            delivery.definition_sha256,
            delivery.is_released,
        ],
    )
