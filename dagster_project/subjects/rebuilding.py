"""Builds everything that is made of the raw rows anew, from the first model to the published file; ingests nothing."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_project.nightly.activating import warehouse_date
from dagster_project.nightly.finishing import finish
from dagster_project.nightly.run import TELEMETRY_OFF
from dagster_project.nightly.session import Night

if TYPE_CHECKING:
    from dagster_project.nightly.progress import Progress
    from dagster_project.settings import Settings

ALL_BUT_INGESTION = 'not (group:raw or key:"journal/batches" or key:"journal/batch_columns" or key:"journal/erasures")'


@dataclass(frozen=True)
class Rebuilt:
    """How a rebuild ended, and under which id it ran."""

    outcome: str
    run_id: str
    failure: str = ""


def rebuild(settings: Settings, *, progress: Progress | None = None) -> Rebuilt:
    """Run the night on which the warehouse stands once more, without ingestion; the caller holds the lock.

    Args:
        settings: Which data directory.
        progress: Who listens.
    """
    from dagster_project.defs.headless import run_headless

    os.environ.update(TELEMETRY_OFF)
    night = Night(settings=settings, as_of=warehouse_date(settings), run_id=str(uuid.uuid4()), progress=progress)
    try:
        run_headless(night, select=ALL_BUT_INGESTION)
    except Exception as error:  # the record of the night tells it
        night.remember_failure("preparation", error)
    record = finish(night)
    return Rebuilt(record.outcome, night.run_id, record.failure.sentence if record.failure else "")
