"""The one job, its schedule and its two sensors; what the job does is in the assets."""

import hashlib
from datetime import date
from pathlib import Path

import dagster as dg

from dagster_project.nightly.alerts import Alert, raise_alert
from dagster_project.nightly.clock import local_date, now
from dagster_project.settings import Settings

NIGHTLY_CRON = "15 2 * * *"
QUIET_SECONDS = 120
"""A file still growing is not complete: the sensor waits until nothing has changed for this long."""

nightly_job = dg.define_asset_job(
    name="nightly",
    selection=dg.AssetSelection.all(),
    description="Exports in, customer history, star schema, KPIs and lists out: everything, once a night.",
    executor_def=dg.in_process_executor,
    tags={"crm/writes": "warehouse"},
)


def nightly_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every night in the company's time zone; the date of the run is that night's."""

    @dg.schedule(
        name="every_night",
        job=nightly_job,
        cron_schedule=NIGHTLY_CRON,
        execution_timezone=settings.time_zone.key,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Runs `nightly` for the day that just began; switch it on in the UI.",
    )
    def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        night = local_date(context.scheduled_execution_time, settings.time_zone)
        return dg.RunRequest(run_key=f"schedule:{night}", run_config=run_config(night))

    return every_night


def landing_sensor(settings: Settings) -> dg.SensorDefinition:
    """Starts the job when the landing directory has changed and come to rest."""

    @dg.sensor(
        name="new_files_in_landing",
        job=nightly_job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Runs `nightly` when files have arrived and nothing has changed for two minutes.",
    )
    def new_files_in_landing(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        listing = landing_listing(settings.landing_dir)
        cursor = listing.fingerprint
        if not listing.file_count:
            return dg.SkipReason(f"No files in {settings.landing_dir}.")
        if cursor == context.cursor:
            return dg.SkipReason("Nothing new has arrived.")
        moment = now()
        if moment.timestamp() - listing.newest_change < QUIET_SECONDS:
            return dg.SkipReason("Files are still arriving.")
        request = dg.RunRequest(
            run_key=f"landing:{cursor}", run_config=run_config(local_date(moment, settings.time_zone))
        )
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return new_files_in_landing


def failure_sensor(settings: Settings) -> dg.SensorDefinition:
    """Tells somebody when a run failed; headless runs tell it themselves."""

    @dg.run_failure_sensor(
        name="tell_about_failures",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Posts failed runs to CRM_ALERT_WEBHOOK, or writes an alert file.",
    )
    def tell_about_failures(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        step, message = _first_failure(context)
        raise_alert(Alert(run_id=run.run_id, as_of=None, step=step, message=message), settings=settings)

    return tell_about_failures


def run_config(night: date) -> dict[str, object]:
    """The configuration of a run for one date."""
    return {"resources": {"night": {"config": {"as_of": night.isoformat()}}}}


class LandingListing:
    """What lies in the landing directory, by name, size and time of change; nothing is opened."""

    def __init__(self, entries: list[tuple[str, int, float]]) -> None:
        """Summarise the entries."""
        self.file_count = len(entries)
        self.newest_change = max((changed for _, _, changed in entries), default=0.0)
        self.fingerprint = hashlib.sha256(repr(sorted(entries)).encode()).hexdigest()


def landing_listing(landing_dir: Path) -> LandingListing:
    """List the landing directory."""
    files = (path for path in landing_dir.rglob("*") if path.is_file())
    return LandingListing(
        [
            (str(path.relative_to(landing_dir)), status.st_size, status.st_mtime)
            for path in files
            for status in [path.stat()]
        ]
    )


def _first_failure(context: dg.RunFailureSensorContext) -> tuple[str, str]:
    events = context.get_step_failure_events()
    if not events:
        return "the run", "it ended before a step could fail"
    data = events[0].step_failure_data
    metadata = data.user_failure_data
    return str(events[0].step_key), (metadata.description if metadata else None) or "see the run in Dagster"
