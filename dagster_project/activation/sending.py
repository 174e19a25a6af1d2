"""Sends what leaves to the destinations that the settings name, against what arrived there last; knows no protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.activation.delta import compare
from dagster_project.activation.destinations import Destination, deliver, name_at
from dagster_project.activation.document import PARQUET
from dagster_project.activation.drafts import Decision, Draft
from dagster_project.activation.files import ListFolder
from dagster_project.activation.journals import DESTINATION_DELIVERIES
from dagster_project.activation.layouts import LAYOUTS, RenderedFile, render
from dagster_project.activation.members import verdicts_of
from dagster_project.activation.results import DestinationDelivery
from dagster_project.activation.segments import CUSTOMER_KEY
from dagster_project.errors import CrmError

if TYPE_CHECKING:
    import duckdb

FAILED, UNCHANGED = "failed", "unchanged"


def send_list(
    connection: duckdb.DuckDBPyConnection,
    made: Draft,
    *,
    decision: Decision,
    destinations: Mapping[str, Destination],
    folder: ListFolder,
    run_id: str,
) -> tuple[DestinationDelivery, ...]:
    """Send the list of a night to every destination of its segment; one that fails does not stop the others.

    A destination gets the changes against what arrived there last, which need not be what left last: a night that did
    not get through is made good by the next one that does.

    Args:
        connection: The warehouse with its journals and the tables of the judgement.
        made: The list.
        decision: What leaves of it.
        destinations: All that are configured, by name.
        folder: Where the lists of earlier nights lie.
        run_id: The run, for the journal.
    """
    if decision.leaving is None:
        return ()
    arrivals: list[DestinationDelivery] = []
    for name in made.segment.settings.destinations:
        destination = destinations.get(name)
        if destination is None:
            arrivals.append(_failure(made, name=name, run_id=run_id, message="no such destination is configured"))
            continue
        try:
            arrivals.extend(
                _send(connection, made, leaving=decision.leaving, destination=destination, folder=folder, run_id=run_id)
            )
        except CrmError as error:
            arrivals.append(_failure(made, name=name, run_id=run_id, message=str(error)))
    return tuple(arrivals)


def _send(
    connection: duckdb.DuckDBPyConnection,
    made: Draft,
    *,
    leaving: pl.DataFrame,
    destination: Destination,
    folder: ListFolder,
    run_id: str,
) -> Iterator[DestinationDelivery]:
    files = render_for(connection, made, leaving=leaving, destination=destination, folder=folder)
    known = _arrived_tonight(connection, made, destination=destination.name)
    for file in files:
        before = known.get(name_at(destination, file))
        arrival = deliver(destination, file, last_sha256=before.sha256 if before else None)
        if before is not None and arrival.status == UNCHANGED:
            yield before
        else:
            yield DestinationDelivery(
                segment=made.segment.name,
                destination=destination.name,
                layout=destination.layout,
                content=file.content_kind,
                file=arrival.name,
                row_count=file.row_count,
                sha256=file.sha256,
                status=arrival.status,
                message=arrival.message,
                run_id=run_id,
            )


def render_for(
    connection: duckdb.DuckDBPyConnection,
    made: Draft,
    *,
    leaving: pl.DataFrame,
    destination: Destination,
    folder: ListFolder,
) -> tuple[RenderedFile, ...]:
    """The files that a destination gets of a list.

    Args:
        connection: The warehouse with its journals and the tables of the judgement.
        made: The list.
        leaving: Its rows.
        destination: For whom.
        folder: Where the lists of earlier nights lie.

    Raises:
        CrmError: The layout cannot be filled with this list.
    """
    needed = LAYOUTS[destination.layout].needs
    members = _with_needed(connection, leaving, needed=needed)
    last = _last_arrival(connection, made, destination=destination.name)
    path = folder.delivered(last) / PARQUET if last else None
    delta = None
    if path is not None and path.is_file():
        listed = _with_needed(connection, pl.read_parquet(path), needed=needed)
        reasons = verdicts_of(connection, made.segment, listed=listed)
        delta = compare(listed, members, keys=made.segment.keys, removal_reasons=reasons)
    return render(destination, members=members, delta=delta, segment=made.segment, as_of=made.as_of)


def _with_needed(
    connection: duckdb.DuckDBPyConnection, leaving: pl.DataFrame, *, needed: tuple[str, ...]
) -> pl.DataFrame:
    """The rows with the columns of the customer that a layout needs beyond those of the list."""
    extra = [name for name in needed if name not in leaving.columns]
    if not extra:
        return leaving
    columns = ", ".join(f'"{name}"' for name in extra)
    people = connection.execute(f"select {CUSTOMER_KEY}, {columns} from core.dim_customers where is_current").pl()
    return leaving.join(people, on=CUSTOMER_KEY, how="left", maintain_order="left")


def _last_arrival(connection: duckdb.DuckDBPyConnection, made: Draft, *, destination: str) -> date | None:
    """The last night of which everything arrived: what came through by half is sent once more."""
    row = connection.execute(
        f"select max(as_of_date) from (select as_of_date from {DESTINATION_DELIVERIES.relation}"
        " where segment = ? and destination = ? and as_of_date < ? group by as_of_date having bool_and(status <> ?))",
        [made.segment.name, destination, made.as_of, FAILED],
    ).fetchone()
    last: date | None = row[0] if row else None
    return last


def _arrived_tonight(
    connection: duckdb.DuckDBPyConnection, made: Draft, *, destination: str
) -> dict[str, DestinationDelivery]:
    """What arrived there tonight already, by the name of the file: a repeated night says the same."""
    columns = list(DESTINATION_DELIVERIES.columns)
    rows = connection.execute(
        f"select {', '.join(columns)} from {DESTINATION_DELIVERIES.relation}"
        " where segment = ? and destination = ? and as_of_date = ? and status <> ?",
        [made.segment.name, destination, made.as_of, FAILED],
    ).fetchall()
    found = (DestinationDelivery(**dict(zip(columns, row, strict=True))) for row in rows)
    return {one.file: one for one in found}


def _failure(made: Draft, *, name: str, run_id: str, message: str) -> DestinationDelivery:
    return DestinationDelivery(
        segment=made.segment.name,
        destination=name,
        layout="",
        content="",
        file="",
        row_count=0,
        sha256="",
        status=FAILED,
        message=message,
        run_id=run_id,
    )
