"""Dagster's own storage in the data directory, and its settings: no telemetry, one run at a time."""

from __future__ import annotations

from pathlib import Path

from dagster_project.settings import Settings

_SETTINGS = """\
# Written by Kreislauf; changes are overwritten.
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
  pools:
    default_limit: 1
    granularity: run
freshness:
  enabled: true
"""


def prepare_home(settings: Settings) -> Path:
    """Create DAGSTER_HOME with its settings, if they are not there yet."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    file = home / "dagster.yaml"
    if not file.exists() or file.read_text(encoding="utf-8") != _SETTINGS:
        file.write_text(_SETTINGS, encoding="utf-8")
    return home
