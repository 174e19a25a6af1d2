"""What Dagster sees: everything is an asset with group, owner and description, and nothing hangs in the air."""

from __future__ import annotations

import subprocess
import sys
import time

import dagster as dg
import pytest

from dagster_project.prediction import families
from dagster_project.settings import Settings
from dagster_project.transformation import read_manifest


@pytest.fixture(scope="session")
def specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return list(definitions.resolve_all_asset_specs())


def _key(spec: dg.AssetSpec) -> str:
    return spec.key.to_user_string()


def test_every_asset_has_group_owner_description_and_freshness(specs: list[dg.AssetSpec]) -> None:
    bare = [
        _key(spec)
        for spec in specs
        if not spec.owners
        or not spec.description
        or spec.group_name in (None, "default")
        or spec.freshness_policy is None
    ]
    assert bare == []


def test_every_kind_of_thing_is_an_asset(specs: list[dg.AssetSpec]) -> None:
    keys = {_key(spec) for spec in specs}
    assert {"raw/orders", "raw/runs", "journal/batches", "core/dim_customers", "kpi/kpi_scoreboard"} <= keys
    assert {"seeds/kpi_parameters", "segments/seg_win_back", "exports/seg_win_back", "published/crm"} <= keys


def test_every_dbt_source_is_produced_by_an_asset(specs: list[dg.AssetSpec], settings: Settings) -> None:
    sources = {f"{source['source_name']}/{source['name']}" for source in read_manifest(settings)["sources"].values()}
    assert sources - {_key(spec) for spec in specs} == set()


def test_every_dependency_is_an_asset_of_ours(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.external_asset_keys} == set()


def test_every_data_test_is_a_check(definitions: dg.Definitions, settings: Settings) -> None:
    tests = {node["name"] for node in read_manifest(settings)["nodes"].values() if node["resource_type"] == "test"}
    checks = {key.name for key in definitions.resolve_asset_graph().asset_check_keys}
    assert tests - checks == set()


def test_both_doors_block(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    doors = [key for key in graph.asset_check_keys if key.name in ("batches_door", "row_balance", "list_door")]
    assert len(doors) >= 46
    assert [key for key in doors if not graph.get_check_spec(key).blocking] == []


def test_everything_that_writes_shares_one_pool(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("nightly")
    pools = {node.name: node.definition.pool for node in job.nodes}  # type: ignore[attr-defined]
    fitted = ("journals", *(family.name for family in families()))
    assert pools == dict.fromkeys(
        ("ingestion", "transformation", *fitted, "marts", "activation", "closing", "publication"), "warehouse"
    )


def test_predictions_come_between_what_they_read_and_what_reads_them(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("nightly")
    order = [node.name for node in job.nodes_in_topological_order]
    assert families()
    for family in families():
        assert order.index("transformation") < order.index(family.name) < order.index("journals") < order.index("marts")
    assert order[-4:] == ["marts", "activation", "closing", "publication"]


def test_every_family_has_to_prove_itself(definitions: dg.Definitions) -> None:
    checks = definitions.resolve_asset_graph().asset_check_keys
    proofs = {key.asset_key.path[-1] for key in checks if key.name == "beats_its_baseline"}
    assert proofs == {family.writes[0].name for family in families()}


def test_exports_and_publication_come_after_the_models_they_read(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    upstream = graph.get(dg.AssetKey(["exports", "seg_win_back"])).parent_keys
    assert dg.AssetKey(["segments", "seg_win_back"]) in upstream
    assert dg.AssetKey(["core", "dim_consents"]) in upstream
    assert dg.AssetKey(["kpi", "kpi_scoreboard"]) in graph.get(dg.AssetKey(["published", "crm"])).parent_keys


def test_loading_is_quick_and_imports_no_great_expectations(settings: Settings) -> None:
    script = (
        "import sys, time; started = time.monotonic();"
        "from dagster_project.definitions import defs; defs().resolve_asset_graph() if callable(defs) else None;"
        "print(time.monotonic() - started, 'great_expectations' in sys.modules)"
    )
    environment = {"CRM_DATA_DIR": str(settings.data_dir), "PATH": "/usr/bin:/bin"}
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith("False"), done.stderr
    assert time.monotonic() - started < 20, "4 s on a quiet machine"
