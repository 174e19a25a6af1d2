"""One small demo company for all tests of the simulation."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dagster_project.simulation import SimulationResult, simulate

START = date(2024, 1, 1)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    out: Path = tmp_path_factory.mktemp("company")
    return simulate(customers=400, months=18, seed=7, start=START, out=out, nights=16)
