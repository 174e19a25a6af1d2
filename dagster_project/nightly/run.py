"""One night from the command line: lock, run, record, alert; what the steps do is declared elsewhere."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Collection
from datetime import date
from threading import Thread

from dagster_project.errors import CrmError
from dagster_project.nightly import resting
from dagster_project.nightly.alerts import Alert, raise_alert
from dagster_project.nightly.faults import log_fault
from dagster_project.nightly.finishing import finish, keep
from dagster_project.nightly.lock import exclusive_run
from dagster_project.nightly.progress import Progress
from dagster_project.nightly.record import RunRecord
from dagster_project.nightly.session import Night
from dagster_project.nightly.store import save
from dagster_project.settings import Settings

LISTENING_SECONDS = 0.2
"""Between two looks for Ctrl-C: waiting without an end does not hear it on every system."""
TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
}
ALLOCATOR = ("_RJEM_MALLOC_CONF", "background_thread:true,dirty_decay_ms:10000,muzzy_decay_ms:10000")
"""Polars, which reads it when it is first imported, takes memory again that it has just given back, ten seconds long:
giving it to the system and taking it back is a fifth of what ingestion computes."""


def run_night(
    *,
    settings: Settings,
    as_of: date,
    progress: Progress,
    select: str | None = None,
    released: Collection[str] = (),
) -> RunRecord:
    """Run one night from exports to lists.

    Args:
        settings: Where everything is.
        as_of: The date the run stands on.
        progress: Who listens.
        select: Dagster's asset selection, such as `group:kpi`; None means everything.
        released: Segments whose unusual size a person has accepted for this night.

    Returns:
        The record of the run; a run that failed is a record too.

    Raises:
        CrmError: Another run is writing, so that this one did not begin.
    """
    os.environ.update(TELEMETRY_OFF)
    os.environ.setdefault(*ALLOCATOR)
    os.environ.setdefault("PYTHONWARNINGS", "ignore::UserWarning:multiprocessing.resource_tracker")  # after Ctrl-C
    logging.raiseExceptions = False  # a log file on a full disk must not bury the sentence that says so
    with exclusive_run(settings, purpose=f"the nightly run of {as_of}"):
        night = Night(
            settings=settings,
            as_of=as_of,
            run_id=str(uuid.uuid4()),
            progress=progress,
            released=frozenset(released),
        )
        inputs = resting.inputs_of_night(settings, as_of=as_of)
        is_whole = select is None and not released
        record = _rest(night, inputs=inputs) if is_whole else None
        record = record or _run_through(night, select=select, inputs=inputs)
    _alert(record, settings)
    return record


def _rest(night: Night, *, inputs: str | None) -> RunRecord | None:
    """The record of a night that has nothing to do; None means that it has to be run."""
    former = resting.earlier_run(night.settings, inputs=inputs)
    if former is None:
        return None
    with night.step("preparation") as note:
        note.detail = resting.told_of(former)
    return keep(night, resting.rest_on(night, former))


def _run_through(night: Night, *, select: str | None, inputs: str | None) -> RunRecord:
    resting.forget(night.settings)
    _run_steps(night, select)
    record = finish(night)
    if select is None:
        resting.remember(night, inputs=inputs, record=record)
    return record


def _run_steps(night: Night, select: str | None) -> None:
    """Run in a thread of its own: Dagster and dbt catch Ctrl-C for themselves, but only where signals arrive."""
    worker = Thread(target=_run_in_thread, args=(night, select), name="nightly", daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(timeout=LISTENING_SECONDS)
    except KeyboardInterrupt:
        night.remember_failure("run", CrmError("it was interrupted", remedy="Start it again; nothing is lost."))
        save(night.record(), settings=night.settings)
        raise


def _run_in_thread(night: Night, select: str | None) -> None:
    try:
        from dagster_project.defs.headless import run_headless

        run_headless(night, select=select)
    except Exception as error:
        night.remember_failure("preparation", error)


def _alert(record: RunRecord, settings: Settings) -> None:
    if record.failure is None:
        return
    alert = Alert(run_id=record.run_id, as_of=record.as_of, step=record.failure.step, message=record.failure.sentence)
    try:
        raise_alert(alert, settings=settings)
    except OSError as error:
        log_fault(error, settings=settings)
