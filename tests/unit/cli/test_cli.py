"""Every verb explains itself, answers machines in JSON, and ends with the exit code that was promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from dagster_project import cli
from dagster_project.nightly import store
from dagster_project.settings import load_settings
from tests.unit.nightly.records import full_record

VERBS = [
    ["nightly"],
    ["status"],
    ["sql"],
    ["predictions"],
    ["docs"],
    ["simulate"],
    ["dev"],
    ["sources", "list"],
    ["sources", "check"],
    ["quarantine", "list"],
    ["quarantine", "show"],
    ["quarantine", "replay"],
    ["segments", "list"],
    ["lake", "status"],
    ["lake", "publish"],
    ["lake", "expire"],
]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def published(data_dir: Path) -> Path:
    path = data_dir / "published" / "crm.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema kpi")
        connection.execute(
            "create table kpi.facts as select 1 as id, 'Ä, \"b\"' as name, 1.50::decimal(18,2) as amount,"
            " date '2025-01-31' as day, null::int as nothing"
        )
    return path


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_teaches_with_an_example(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*verb, "--help"]) == 0
    assert f"crm {' '.join(verb)}" in capsys.readouterr().out.split("Example", 1)[1]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("crm (kreislauf) ")


@pytest.mark.parametrize("arguments", [["nonsense"], ["nightly", "--as-of", "yesterday"], ["sql"]])
def test_wrong_usage_is_one_sentence_and_exit_1(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert len(told.err.strip().splitlines()) == 1


def test_a_setting_that_makes_no_sense_is_one_sentence(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRM_TIME_ZONE", "Mars/Olympus")
    assert cli.run(["status"]) == 1
    assert capsys.readouterr().err.startswith("error: unknown time zone 'Mars/Olympus' (CRM_TIME_ZONE).")


def test_sql_writes_csv(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sql", "from kpi.facts", "--format", "csv"]) == 0
    assert capsys.readouterr().out == 'id,name,amount,day,nothing\n1,"Ä, ""b""",1.50,2025-01-31,\n'


def test_sql_writes_json(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sql", "from kpi.facts", "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == [{"id": 1, "name": 'Ä, "b"', "amount": 1.5, "day": "2025-01-31", "nothing": None}]


def test_sql_shows_a_table(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sql", "select * from kpi.facts"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["id", "name", "amount", "day", "nothing"]
    assert row.split()[0] == "1"


def test_sql_reads_a_file(published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = tmp_path / "query.sql"
    query.write_text("select count(*) as rows\nfrom kpi.facts;\n")
    assert cli.run(["sql", str(query), "-f", "csv"]) == 0
    assert capsys.readouterr().out == "rows\n1\n"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("select * from kpi.nothing", "Catalog Error: Table with name nothing does not exist!"),
        ("selec 1", "Parser Error: syntax error"),
        ("delete from kpi.facts", "read-only"),
        (" ; ", "there is no SQL to run"),
        ("missing.sql", "the SQL file does not exist"),
    ],
)
def test_bad_sql_is_one_sentence(published: Path, query: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sql", query]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1


def test_sql_before_the_first_night_says_what_to_do(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sql", "select 1"]) == 1
    assert "Run `crm nightly` first." in capsys.readouterr().err


def test_status_before_the_first_night(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["status"]) == 0
    assert "No night has run" in capsys.readouterr().out
    assert cli.run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) is None


def test_status_shows_the_last_night_and_the_ones_before(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings()
    for day in (1, 2):
        store.save(full_record(day=day), settings=settings)
    assert cli.run(["status"]) == 0
    assert capsys.readouterr().out.count("2025-12-31") == 3
    assert cli.run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2


def test_what_nobody_expected_points_to_the_log(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(_settings: object) -> None:
        raise LookupError("deep inside")

    monkeypatch.setattr(store, "last", explode)
    assert cli.run(["status"]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "LookupError" in error
    assert str(data_dir / "logs" / "crm.log") in error
    assert "deep inside" in (data_dir / "logs" / "crm.log").read_text()


@pytest.mark.parametrize("arguments", [["--help"], ["sql", "select 1", "-f", "csv"]], ids=["help", "sql"])
def test_quick_verbs_import_nothing_heavy(published: Path, arguments: list[str]) -> None:
    script = (
        "import sys; from dagster_project import cli; cli.run(sys.argv[1:]);"
        "print([name for name in ('dagster', 'dbt', 'great_expectations', 'polars', 'pandas') if name in sys.modules])"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert time.monotonic() - started < 3, "0.3 s on a quiet machine"


@pytest.fixture
def scored(published: Path) -> Path:
    with duckdb.connect(str(published)) as connection:
        connection.execute(
            "create schema meta; create table meta.publication as select date '2025-12-31' as as_of_date"
        )
        connection.execute(
            "create table kpi.kpi_prediction_scorecard as select * from (values"
            " (date '2025-12-31', 'churn_risk', 'classifier', 'total', 'auc', 0.8126::double, 0.7::double, true, 1234),"
            " (date '2025-12-31', 'churn_risk', 'classifier', 'contract', 'auc', null, 0.7, null, 12),"
            " (date '2025-12-31', 'rules', 'pairs', 'person', 'hit_rate', 0.25, 0.125, true, 9),"
            " (date '2025-12-30', 'churn_risk', 'classifier', 'total', 'auc', 0.1, 0.7, false, 1230))"
            " as scores (as_of_date, family, model, member, measure, value, baseline_value, is_better, case_count)"
        )
        connection.execute(
            "alter table kpi.kpi_prediction_scorecard add column learned_through_date date default date '2025-06-28'"
        )
        connection.execute(
            "alter table kpi.kpi_prediction_scorecard add column watched_until_date date default date '2025-12-28'"
        )
    return published


def test_predictions_show_last_nights_scores_beside_the_baseline(
    scored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["predictions"]) == 0
    shown = capsys.readouterr().out
    assert "churn risk" in shown
    assert "0.813" in shown
    assert "better" in shown
    assert "1,234" in shown
    assert "contract" not in shown
    assert "person" in shown, "there is no total of it"
    assert "0.100" not in shown


def test_predictions_tell_machines_all_parts(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["predictions", "--all", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(one["member"], one["value"], one["watched_until_date"]) for one in document] == [
        ("total", 0.8126, "2025-12-28"),
        ("contract", None, "2025-12-28"),
        ("person", 0.25, "2025-12-28"),
    ]


def test_predictions_before_any_were_published_is_one_sentence(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["predictions"]) == 1
    assert capsys.readouterr().err.startswith("error: the published database holds no scores")
