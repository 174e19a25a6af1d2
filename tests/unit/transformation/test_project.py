"""A company's own seeds reach dbt as copies: dbt writes over seeds that it finds under an absolute path."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT, load_settings
from dagster_project.transformation import manifest, project
from dagster_project.transformation.manifest import parsed_project, prepare_manifest, read_manifest
from dagster_project.transformation.project import dbt_layout, invoke


@pytest.fixture
def dbt_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with seeds and macros and without models, which take time."""
    copy = tmp_path / "dbt"
    (copy / "models").mkdir(parents=True)
    shutil.copytree(PROJECT_ROOT / "dbt" / "macros", copy / "macros")
    for name in ("dbt_project.yml", "profiles.yml", "models/groups.yml", "models/seeds.yml"):
        shutil.copyfile(PROJECT_ROOT / "dbt" / name, copy / name)
    for module in (project, manifest):
        monkeypatch.setattr(module, "DBT_PROJECT", copy)
    return copy


def test_the_seeds_beside_the_project_need_no_copies(tmp_path: Path) -> None:
    layout = dbt_layout(load_settings({"CRM_DATA_DIR": str(tmp_path)}))
    assert layout.project_dir == PROJECT_ROOT / "dbt"


@pytest.mark.slow
def test_seeds_of_a_company_are_loaded_and_left_alone(dbt_project: Path, tmp_path: Path) -> None:
    seeds = shutil.copytree(PROJECT_ROOT / "seeds", tmp_path / "own" / "seeds")
    targets = seeds / "kpi_targets.csv"
    targets.write_text(targets.read_text().splitlines()[0] + "\n")
    before = {path.name: path.read_bytes() for path in seeds.iterdir()}
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path / "data"), "CRM_SEEDS_DIR": str(seeds)})
    assert "seed.kreislauf.kpi_targets" in read_manifest(settings)["nodes"]
    cache = dbt_layout(settings).target_dir / "partial_parse.msgpack"
    parsed_at = cache.stat().st_mtime_ns
    assert invoke(["seed"], settings=settings, manifest=parsed_project(settings)).success
    prepare_manifest(settings)
    assert cache.stat().st_mtime_ns == parsed_at, "nothing changed, so nothing is parsed again"
    assert {path.name: path.read_bytes() for path in seeds.iterdir()} == before


@pytest.mark.slow
def test_a_changed_model_is_parsed_again(dbt_project: Path, tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path / "data"), "CRM_SEEDS_DIR": str(PROJECT_ROOT / "seeds")})
    assert "model.kreislauf.stg_new" not in read_manifest(settings)["nodes"]
    dbt_project.joinpath("models", "stg_new.sql").write_text("select 1 as id")
    assert "model.kreislauf.stg_new" in read_manifest(settings)["nodes"]
