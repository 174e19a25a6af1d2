"""A new segment begins whole: two files, settings explained, nothing to complain of, and a unit test that passes."""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from dagster_project.activation.linting import lint_segments
from dagster_project.activation.scaffold import scaffold_segment
from dagster_project.activation.segments import Channel, SegmentSettings
from dagster_project.errors import CrmError
from dagster_project.settings import load_settings
from dagster_project.transformation.project import DBT_PROJECT
from tests.unit.activation.lint_projects import NAME, Project

PARENTS = {
    "core/dim_parameters": "cast(null as date) as as_of_date, cast(null as bigint) as outcome_window_days",
    "core/dim_customers": "cast(null as varchar) as customer_key, true as is_current, false as is_deleted",
    "kpi/kpi_customer_lifetime_value": "cast(null as varchar) as customer_key, cast(null as date) as last_order_date",
}
CUSTOMERS = "models: [{name: dim_customers, columns: [{name: name}, {name: salutation}, {name: language}]}]"


@pytest.mark.parametrize("channel", ["email", "phone", "letter", "internal"])
def test_every_channel_begins_with_nothing_to_complain_of(tmp_path: Path, channel: Channel) -> None:
    project = Project(tmp_path).begin(channel=channel)
    assert project.lint() == ()
    written = yaml.safe_load((project.dbt / "models/segments" / f"{NAME}.yml").read_text())
    settings = SegmentSettings.model_validate(written["models"][0]["config"]["meta"]["segment"])
    assert settings.channel == channel
    assert settings.title == "Regulars"
    assert settings.holdout_share == (0 if channel == "internal" else 0.1)


def test_every_setting_is_explained(tmp_path: Path) -> None:
    project = Project(tmp_path).begin()
    text = (project.dbt / "models/segments" / f"{NAME}.yml").read_text()
    head = text[text.index("segment:") : text.index("columns:\n")]
    unexplained = [name for name in SegmentSettings.model_fields if f"{name}:" not in head]
    assert unexplained == ["key"]  # a list that begins with customers has no other


def test_owner_and_title_are_those_that_were_given(tmp_path: Path) -> None:
    (tmp_path / "models" / "segments").mkdir(parents=True)
    title = 'Käufer: "neu" # 1'
    made = scaffold_segment("seg_a1", project_dir=tmp_path, owner="sales_operations", title=title)
    model = yaml.safe_load(made.yaml_path.read_text())["models"][0]
    head = model["config"]["meta"]["segment"]
    assert (head["title"], head["owner"], model["config"]["meta"]["owner"]) == (title, *["sales_operations"] * 2)
    assert sorted(path.name for path in made.sql_path.parent.iterdir()) == ["seg_a1.sql", "seg_a1.yml"]


@pytest.mark.parametrize(
    ("taken", "priority"), [((), 50), ((50, 51, 53), 52), (range(50, 101), 49), (range(1, 101), 50)]
)
def test_the_first_free_priority_is_taken(tmp_path: Path, taken: tuple[int, ...], priority: int) -> None:
    project = Project(tmp_path).begin(priorities=taken)
    assert f" priority: {priority} " in (project.dbt / "models/segments" / f"{NAME}.yml").read_text()


@pytest.mark.parametrize(
    "name",
    ["regulars", "seg_", "seg_1st", "seg_Big", "seg_a__b", "seg_a_", "seg_a-b", "seg_ä", "../seg_a", "seg_" + "a" * 47],
)
def test_names_that_would_trouble_somebody_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "models" / "segments").mkdir(parents=True)
    with pytest.raises(CrmError, match="cannot be the name of a segment"):
        scaffold_segment(name, project_dir=tmp_path)
    assert list(tmp_path.rglob("*.*")) == []


@pytest.mark.parametrize(
    ("owner", "title", "told"),
    [
        ("Sales", "", "'Sales' cannot be an owner"),
        ("sales", "{{ x }}", "cannot be a title"),
        ("sales", "a\nb", "cannot be a title"),
    ],
)
def test_owners_and_titles_that_no_yaml_bears_are_refused(tmp_path: Path, owner: str, title: str, told: str) -> None:
    with pytest.raises(CrmError, match=told):
        scaffold_segment("seg_a", project_dir=tmp_path, owner=owner, title=title)


@pytest.mark.parametrize("there", ["segments/seg_regulars.sql", "segments/seg_regulars.yml", "kpi/seg_regulars.sql"])
def test_nothing_that_is_there_is_written_over(tmp_path: Path, there: str) -> None:
    path = tmp_path / "models" / there
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    (tmp_path / "models" / "segments").mkdir(exist_ok=True)
    with pytest.raises(CrmError, match="there is a model seg_regulars already"):
        scaffold_segment(NAME, project_dir=tmp_path)
    assert [found.read_text() for found in tmp_path.rglob("*.*")] == ["mine"]


def test_a_disk_that_refuses_leaves_no_half_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "segments").mkdir(parents=True)
    link = os.link

    def full(source: Path, target: Path) -> None:
        if target.suffix == ".sql":
            raise OSError(28, "No space left on device", str(target))
        link(source, target)

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(CrmError, match="the segment cannot be written: No space left on device"):
        scaffold_segment(NAME, project_dir=tmp_path)
    assert list(tmp_path.rglob("*.*")) == []


@pytest.mark.slow  # dbt itself parses a small project and runs the test
def test_dbt_takes_the_new_segment_and_its_unit_test_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbt.cli.main import dbtRunner

    project = _small_project(tmp_path)
    for channel in ("email", "internal"):
        scaffold_segment(f"seg_{channel}", project_dir=project, channel=channel)
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    arguments = [
        "--project-dir",
        str(project),
        "--profiles-dir",
        str(project),
        "--target-path",
        str(tmp_path / "target"),
    ]
    done = dbtRunner().invoke(["--quiet", "test", *arguments, "--select", "test_type:unit"])
    assert done.success, done.exception
    found: Any = done.result
    results = {one.node.name: str(one.status) for one in found if one.node.resource_type == "unit_test"}
    assert results == dict.fromkeys(
        ("seg_email_lists_who_ordered_lately", "seg_internal_lists_who_ordered_lately"), "pass"
    )
    complaints = lint_segments(
        settings=load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_SOURCES_DIR": str(tmp_path)}),
        manifest_path=tmp_path / "target" / "manifest.json",
        project_dir=project,
        today=date(2025, 3, 31),
    )
    assert complaints == ()


def _small_project(folder: Path) -> Path:
    """The dbt project with nothing but the parents of a new segment, and a warehouse with their empty tables."""
    project = folder / "dbt"
    shutil.copytree(DBT_PROJECT / "macros", project / "macros")
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(DBT_PROJECT / name, project / name)
    (project / "models" / "segments").mkdir(parents=True)
    shutil.copy(DBT_PROJECT / "models" / "groups.yml", project / "models" / "groups.yml")
    (folder / "data").mkdir()
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb")) as connection:
        connection.execute("create schema core; create schema kpi; create schema segments")
        for path, columns in PARENTS.items():
            model = project / "models" / f"{path}.sql"
            model.parent.mkdir(exist_ok=True)
            model.write_text(f"select {columns}")
            connection.execute(f"create table {path.replace('/', '.')} as select {columns} limit 0")
    (project / "models" / "core" / "dim_customers.yml").write_text(CUSTOMERS)
    return project
