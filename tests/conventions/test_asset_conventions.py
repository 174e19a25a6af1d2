"""The set of assets, jobs, schedules and sensors is a decision: a checked-in list; both doors are guarded."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dagster_project.defs.assembly import build_definitions
from dagster_project.settings import load_settings

EXPECTED = Path(__file__).parent / "expected_assets.txt"


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_definitions(load_settings({"CRM_DATA_DIR": str(tmp_path_factory.mktemp("definitions"))}))


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string())


def test_assets_jobs_schedules_and_sensors_are_the_checked_in_list(
    definitions: dg.Definitions, specs: list[dg.AssetSpec]
) -> None:
    found = [
        *(f"asset {spec.key.to_user_string()}" for spec in specs),
        *sorted(f"job {job.name}" for job in definitions.jobs or ()),
        *sorted(f"schedule {schedule.name}" for schedule in definitions.schedules or ()),
        *sorted(f"sensor {sensor.name}" for sensor in definitions.sensors or ()),
    ]
    expected = EXPECTED.read_text().splitlines()
    assert found == expected, "If the change is meant, write the new list into expected_assets.txt."


def test_both_doors_have_blocking_checks(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    blocking = {
        key.asset_key.path[0]
        for key in graph.asset_check_keys
        if graph.get(key).blocking  # the room the check guards
    }
    assert {"raw", "exports"} <= blocking
