"""The two dbt runs of a night share no node and leave none out, tests included."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from dagster_project.settings import PROJECT_ROOT
from dagster_project.transformation import AFTER, BEFORE, after_predictions
from tests.conftest import BIN

Node = dict[str, Any]


def test_everything_after_a_fitted_source_is_late_and_nothing_else(manifest: Node) -> None:
    late = after_predictions(manifest)
    nodes = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] in ("model", "test")}
    fitted = {name for name, source in manifest["sources"].items() if "fitted" in source["tags"]}
    assert fitted
    for name, node in nodes.items():
        assert (name in late) == any(parent in late | fitted for parent in node["depends_on"]["nodes"]), name


@pytest.mark.slow
def test_dbt_selects_each_node_in_exactly_one_half(manifest: Node, tmp_path: Path) -> None:
    dbt = str(PROJECT_ROOT / "dbt")

    def selected(*selection: str) -> set[str]:
        done = subprocess.run(
            [
                *(str(BIN / "dbt"), "--quiet", "ls", "--output", "json", "--output-keys", "unique_id", *selection),
                *("--resource-types", "model", "test", "seed", "--project-dir", dbt, "--profiles-dir", dbt),
                *("--target-path", str(tmp_path), "--log-path", str(tmp_path)),
            ],
            env={"CRM_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        return {line.split('"')[3] for line in done.stdout.splitlines() if line.startswith("{")}

    before = selected("--select", BEFORE.select, "--exclude", BEFORE.exclude)
    after = selected("--select", AFTER.select)
    wanted = {n for n, node in manifest["nodes"].items() if node["resource_type"] in ("model", "test", "seed")}
    assert before & after == set()
    assert before | after == wanted
    assert after == after_predictions(manifest) & wanted
