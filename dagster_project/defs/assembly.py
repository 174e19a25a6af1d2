"""Puts the steps together for one data directory; each step's assets are declared in its own module."""

from __future__ import annotations

import dagster as dg

from dagster_project.defs.activation import activation_assets
from dagster_project.defs.ingestion import ingestion_assets
from dagster_project.defs.prediction import prediction_assets
from dagster_project.defs.publication import publication_assets
from dagster_project.defs.resources import night_resource
from dagster_project.defs.schedules import failure_sensor, landing_sensor, nightly_job, nightly_schedule
from dagster_project.defs.transformation import transformation_assets
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings
from dagster_project.transformation import PARTS, read_manifest


def build_definitions(settings: Settings, *, night: Night | None = None) -> dg.Definitions:
    """All assets, checks, the job, its schedule and sensors.

    Args:
        settings: Which data directory.
        night: A night that is running already; without one, each run opens its own.

    Raises:
        CrmError: A contract, mapping, seed or dbt file cannot be read.
    """
    ingestion = ingestion_assets(settings)  # first: what is wrong in sources/ is told before dbt costs time
    manifest = read_manifest(settings)
    parts = [transformation_assets(settings, manifest=manifest, part=part) for part in PARTS]
    return dg.Definitions(
        assets=[
            ingestion,
            *parts,
            *prediction_assets(),
            activation_assets(settings),
            publication_assets(spec for part in parts for spec in part.specs),
        ],
        jobs=[nightly_job],
        schedules=[nightly_schedule(settings)],
        sensors=[landing_sensor(settings), failure_sensor(settings)],
        resources={"night": night or night_resource(settings)},
        executor=dg.in_process_executor,
    )
