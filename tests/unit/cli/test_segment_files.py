"""`crm segments lint` and `crm segments new`: what they print, for people and machines, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagster_project import cli, transformation
from dagster_project.transformation import project as dbt_project
from tests.unit.activation.lint_projects import NAME, Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two segments that are fine, in place of those of this repository."""
    project = Project(tmp_path).begin().begin("seg_newcomers", priorities=[50])

    def parse(_: object) -> Path:
        project.lint()
        return tmp_path / "manifest.json"

    monkeypatch.delenv("CRM_DESTINATIONS", raising=False)
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CRM_SOURCES_DIR", str(tmp_path / "sources"))
    monkeypatch.setattr(transformation, "prepare_manifest", parse)
    monkeypatch.setattr(transformation, "dbt_layout", lambda _: SimpleNamespace(project_dir=project.dbt))
    monkeypatch.setattr(dbt_project, "DBT_PROJECT", project.dbt)
    return project


@pytest.mark.parametrize("verb", ["lint", "new"])
def test_the_verbs_teach_with_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["segments", verb, "--help"]) == 0
    assert f"crm segments {verb}" in capsys.readouterr().out.split("Example", 1)[1]


def test_nothing_wrong_ends_with_0(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["segments", "lint"]) == 0
    assert capsys.readouterr().out == "Nothing is wrong.\n"
    assert cli.run(["segments", "lint", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_warnings_alone_end_with_2(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.edit(("# double_opt_in: true", "double_opt_in: false"))
    assert cli.run(["segments", "lint"]) == 2
    told = capsys.readouterr().out
    assert told.startswith(f"warning {NAME}: marketing by e-mail without double opt-in")
    assert f"({project.line('double_opt_in')})" in told
    assert told.endswith("0 mistakes, 1 warning\n")


def test_mistakes_end_with_1_and_machines_get_all_of_them(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.edit(("# double_opt_in: true", "double_opt_in: false"), ("[rank_number]", "[rank_nr]"))
    assert cli.run(["segments", "lint", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [(one["severity"], one["rule"]) for one in document] == [
        ("mistake", "unknown_order"),
        ("warning", "single_opt_in"),
    ]
    assert document[0] == {
        "segment": NAME,
        "severity": "mistake",
        "rule": "unknown_order",
        "what": "sort_by names rank_nr, which is no column of the model",
        "where": project.line("sort_by"),
        "remedy": "Did you mean 'rank_number'?",
    }


def test_only_the_segments_that_are_named_are_looked_at(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.edit(("[rank_number]", "[rank_nr]"))
    assert cli.run(["segments", "lint", "seg_newcomers"]) == 0
    assert cli.run(["segments", "lint", "seg_newcomer"]) == 1
    assert "there is no segment seg_newcomer." in capsys.readouterr().err


def test_a_new_segment_is_fine_and_says_what_comes_next(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["segments", "new", "seg_fair_visitors", "--channel", "letter", "--title", "Visitors of fairs"]) == 0
    told = capsys.readouterr().out
    assert "+ dbt/models/segments/seg_fair_visitors.sql\n+ dbt/models/segments/seg_fair_visitors.yml\n" in told
    assert "crm segments lint seg_fair_visitors" in told
    assert project.line("Visitors of fairs", name="seg_fair_visitors")
    assert project.line("priority: 52", name="seg_fair_visitors")
    assert cli.run(["segments", "lint"]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["visitors"], "'visitors' cannot be the name of a segment"),
        ([NAME], "there is a model seg_regulars already (dbt/models/segments/seg_regulars.sql)"),
        (["seg_visitors", "--channel", "fax"], "'fax' is not one of"),
    ],
)
def test_what_cannot_be_begun_is_one_sentence(
    project: Project, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["segments", "new", *arguments]) != 0
    assert told in capsys.readouterr().err
