"""Every dbt unit test, run on empty tables: the logic of the models without any company's data."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from dagster_project.activation import prepare_journals
from dagster_project.ingestion import ingest, load_catalog
from dagster_project.prediction import families, prepare_tables
from dagster_project.settings import load_settings
from dagster_project.transformation.project import invoke
from dagster_project.warehouse import open_database

FEWEST = 510
"""So that a selector that finds nothing cannot pass."""


@pytest.mark.slow
def test_every_dbt_unit_test_passes(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path_factory.mktemp("units"))})
    ingest(catalog=load_catalog(settings.sources_dir), settings=settings, as_of=date(2025, 12, 31))
    with open_database(settings.warehouse_path, settings=settings) as connection:
        prepare_tables(connection, families())
        prepare_journals(connection)
    for command in (["seed"], ["run", "--empty"]):
        built = invoke(command, settings=settings)
        assert built.success, built.exception or built.result
    tested = invoke(["test", "--select", "test_type:unit"], settings=settings)
    found: Any = tested.result
    results = [one for one in found if one.node.resource_type == "unit_test"]
    failed = [f"{one.node.name}: {one.message}" for one in results if str(one.status) != "pass"]
    assert failed == []
    assert len(results) >= FEWEST
