"""The definitions of an empty data directory, loaded once."""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.defs.assembly import build_definitions
from dagster_project.settings import Settings, load_settings


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings({"CRM_DATA_DIR": str(tmp_path_factory.mktemp("defs"))})


@pytest.fixture(scope="session")
def definitions(settings: Settings) -> dg.Definitions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build_definitions(settings)


@pytest.fixture
def landing(settings: Settings) -> Path:
    settings.landing_dir.mkdir(parents=True, exist_ok=True)
    for path in settings.landing_dir.iterdir():
        path.unlink()
    return settings.landing_dir
