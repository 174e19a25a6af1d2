"""The resource behind runs that Dagster starts; headless runs bring their own night."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from dagster_project.nightly.clock import today
from dagster_project.nightly.finishing import finish
from dagster_project.nightly.lock import exclusive_run
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings


def night_resource(settings: Settings) -> dg.ResourceDefinition:
    """Holds the write lock and the notes for as long as the run lasts, then keeps its record."""

    @dg.resource(
        config_schema={"as_of": dg.Field(str, default_value="", description="YYYY-MM-DD; empty means today")},
        description="The running night: its date, lock, quality gate and notes.",
    )
    def night(context: dg.InitResourceContext) -> Iterator[Night]:
        text = context.resource_config["as_of"]
        as_of = date.fromisoformat(text) if text else today(settings.time_zone)
        with exclusive_run(settings, purpose=f"the nightly run of {as_of}"):
            running = Night(settings=settings, as_of=as_of, run_id=context.run_id or "ad hoc")
            try:
                yield running
            finally:
                if running.has_begun:  # Dagster also opens resources just to look into results
                    finish(running)

    return night
