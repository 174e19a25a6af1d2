"""Where Dagster looks first; everything it finds is declared under `defs/`."""

from __future__ import annotations

import dagster as dg

from dagster_project.defs.assembly import build_definitions
from dagster_project.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """All assets for the data directory of the environment, built when Dagster asks and not on import."""
    return build_definitions(load_settings())
