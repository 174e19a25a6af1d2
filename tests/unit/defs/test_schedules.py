"""When the job starts by itself: every night in the company's time zone, and when files have come to rest."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.defs.schedules import failure_sensor, landing_sensor, nightly_schedule
from dagster_project.settings import Settings, load_settings


def _night(request: dg.RunRequest) -> str:
    return str(request.run_config["resources"]["night"]["config"]["as_of"])


def test_the_night_is_the_date_in_the_companys_time_zone() -> None:
    settings = load_settings({"CRM_TIME_ZONE": "America/New_York"})
    schedule = nightly_schedule(settings)
    assert schedule.execution_timezone == "America/New_York"
    moment = datetime(2025, 7, 2, 3, 30, tzinfo=UTC)
    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=moment)
        [request] = schedule.evaluate_tick(context).run_requests or []
    assert _night(request) == "2025-07-01"
    assert request.run_key == "schedule:2025-07-01"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def _tick(
    settings: Settings, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        answer = landing_sensor(settings)(context)
    assert isinstance(answer, dg.SensorResult | dg.SkipReason)
    return answer


def _put(path: Path, *, seconds_ago: int) -> None:
    path.write_text("a")
    os.utime(path, (time.time() - seconds_ago,) * 2)


def test_new_files_start_one_run_and_then_rest(settings: Settings, landing: Path, instance: dg.DagsterInstance) -> None:
    _put(landing / "a.csv", seconds_ago=600)
    first = _tick(settings, instance)
    assert isinstance(first, dg.SensorResult)
    assert len(first.run_requests or []) == 1
    assert isinstance(_tick(settings, instance, cursor=first.cursor), dg.SkipReason)
    _put(landing / "b.csv", seconds_ago=600)
    assert isinstance(_tick(settings, instance, cursor=first.cursor), dg.SensorResult)


def test_files_that_still_arrive_are_waited_for(
    settings: Settings, landing: Path, instance: dg.DagsterInstance
) -> None:
    _put(landing / "a.csv", seconds_ago=1)
    answer = _tick(settings, instance)
    assert isinstance(answer, dg.SkipReason)
    assert "still arriving" in (answer.skip_message or "")


def test_an_empty_landing_starts_nothing(settings: Settings, landing: Path, instance: dg.DagsterInstance) -> None:
    assert landing.is_dir()
    assert isinstance(_tick(settings, instance), dg.SkipReason)


def test_a_failed_run_is_told(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path)})

    @dg.op
    def ingestion() -> None:
        raise dg.Failure(description="the file of anna@example.com is empty", allow_retries=False)

    @dg.job
    def nightly() -> None:
        ingestion()

    result = nightly.execute_in_process(instance=instance, raise_on_error=False)
    event = result.get_run_failure_event()
    context = dg.build_run_status_sensor_context(
        sensor_name="tell_about_failures",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=event,
    ).for_run_failure()
    failure_sensor(settings)(context)
    [alert] = (tmp_path / "alerts").iterdir()
    document = json.loads(alert.read_text())
    assert document["step"] == "ingestion"
    assert document["message"] == "the file of [e-mail] is empty"
