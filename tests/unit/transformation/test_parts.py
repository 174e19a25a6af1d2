"""The three dbt runs of a night share no node and leave none out, tests included."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from dagster_project.settings import PROJECT_ROOT
from dagster_project.transformation import AFTER, BEFORE, LAST, after_lists, after_predictions
from tests.conftest import BIN

Node = dict[str, Any]


def test_everything_after_a_source_of_a_room_is_late_and_nothing_else(manifest: Node) -> None:
    late, last = after_predictions(manifest), after_lists(manifest)
    nodes = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] in ("model", "test")}
    fitted = {name for name, source in manifest["sources"].items() if "fitted" in source["tags"]}
    activated = {name for name, source in manifest["sources"].items() if "activated" in source["tags"]}
    assert fitted
    assert activated
    assert not late & last
    for name, node in nodes.items():
        parents = node["depends_on"]["nodes"]
        assert (name in last) == any(parent in last | activated for parent in parents), name
        assert (name in late | last) == any(parent in late | fitted | last | activated for parent in parents), name


@pytest.mark.slow
def test_dbt_selects_for_the_second_part_what_is_late(manifest: Node, tmp_path: Path) -> None:
    """The first part excludes the very selectors of the others, and the last is excluded from both, tests included."""
    dbt = str(PROJECT_ROOT / "dbt")
    done = subprocess.run(
        [
            *(str(BIN / "dbt"), "--quiet", "ls", "--output", "json", "--output-keys", "unique_id"),
            *("--select", AFTER.select, "--exclude", AFTER.exclude, "--resource-types", "model", "test", "seed"),
            *("--project-dir", dbt, "--profiles-dir", dbt, "--target-path", str(tmp_path), "--log-path", str(tmp_path)),
        ],
        env={"CRM_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    selected = {line.split('"')[3] for line in done.stdout.splitlines() if line.startswith("{")}
    kinds = ("model", "test", "seed")
    assert selected == {
        name for name in after_predictions(manifest) if manifest["nodes"].get(name, {}).get("resource_type") in kinds
    }
    assert BEFORE.exclude.split() == [AFTER.select, LAST.select]
    assert (AFTER.exclude, LAST.exclude) == (LAST.select, "")
