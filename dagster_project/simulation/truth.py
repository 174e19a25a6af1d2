"""The truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dagster_project.simulation.dirt import Incident
from dagster_project.simulation.world import World


def write_truth(truth: Path, *, world: World, identity: dict[str, Any], incidents: list[Incident]) -> None:
    truth.mkdir(parents=True, exist_ok=True)
    (truth / "truth.json").write_text(json.dumps({"simulation": identity, "dirt": [one.as_record() for one in incidents]}))
