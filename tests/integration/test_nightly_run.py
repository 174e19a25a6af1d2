"""The nightly run as people and machines see it: its screen, its record, its selection, and only one at a time."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from dagster_project.nightly.lock import exclusive_run
from tests.conftest import BIN, Company, run_crm


@pytest.fixture
def copied(demo: Company, tmp_path: Path) -> Company:
    """A copy of the finished demo company that a test may change."""
    shutil.copytree(demo.data_dir, tmp_path / "data", symlinks=True)
    return Company(tmp_path / "data", demo.as_of)


def test_status_repeats_the_screen_of_the_last_run(demo: Company) -> None:
    shown = run_crm("status", data_dir=demo.data_dir)
    assert shown.exit_code == 0
    for section in ("Exports in", "Worth a look", "Headline figures", "Lists out", "Checks", "Steps", "Where", "Runs"):
        assert section in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 100


def test_the_record_adds_up(demo: Company) -> None:
    record = run_crm("status", "--json", data_dir=demo.data_dir).json
    assert (record["outcome"], record["exit_code"], record["as_of"]) == ("warnings", 2, demo.as_of.isoformat())
    loaded = sum(load["loaded_rows"] for load in record["loads"])
    assert [(loaded,)] == demo.query("select sum(loaded_rows) from journal.batches where status = 'loaded'")
    for load in record["loads"]:
        assert load["delivered_rows"] == load["loaded_rows"] + load["quarantined_rows"] + load["duplicate_rows"]
    for one in record["lists"]:
        assert one["candidate_count"] >= one["member_count"]
    steps = [step["step"] for step in record["steps"]]
    assert steps[:3] == ["preparation", "ingestion", "transformation"]
    assert {"activation", "publication"} < set(steps)


def test_headlines_are_the_totals_of_the_published_scoreboard(demo: Company) -> None:
    record = run_crm("status", "--json", data_dir=demo.data_dir).json
    assert record["headlines"]
    for headline in record["headlines"]:
        month = f"month = '{headline['month']}'" if headline["month"] else "month is null"
        [(value,)] = demo.query(
            f"select value from kpi.kpi_scoreboard where dimension = 'total' and {month}"
            f" and kpi = '{headline['kpi']}' and reading = '{headline['reading']}'",
            published=True,
        )
        assert float(value) == headline["value"]


def test_a_part_of_the_run_can_be_selected(copied: Company) -> None:
    done = run_crm("nightly", "--select", "group:exports", "--json", data_dir=copied.data_dir)
    assert done.exit_code in (0, 2), done.stderr
    steps = [step["step"] for step in done.json["steps"]]
    assert "activation" in steps
    assert not {"ingestion", "transformation", "publication"} & set(steps)


@pytest.mark.parametrize(
    ("select", "told"),
    [("group:nothing", "the selection 'group:nothing' fits no asset"), ("a b(", "cannot be understood")],
)
def test_a_selection_that_makes_no_sense_is_told(demo: Company, tmp_path: Path, select: str, told: str) -> None:
    outcome = run_crm("nightly", "--select", select, data_dir=tmp_path, CRM_LANDING_DIR=demo.landing)
    assert outcome.exit_code == 1
    assert told in outcome.stderr


def test_a_second_run_is_turned_away_and_changes_nothing(copied: Company) -> None:
    last = (copied.data_dir / "runs" / "last.json").read_bytes()
    with exclusive_run(copied.settings, purpose="the nightly run of yesterday"):
        second = run_crm("nightly", "--as-of", copied.as_of.isoformat(), data_dir=copied.data_dir)
        status = run_crm("status", data_dir=copied.data_dir)
    assert second.exit_code == 1
    assert second.stderr.count("error: the nightly run of yesterday is already running") == 1
    assert len(second.stderr.splitlines()) == 1
    assert "running now: the nightly run of yesterday" in status.stdout
    assert (copied.data_dir / "runs" / "last.json").read_bytes() == last


@pytest.mark.parametrize("moment", ["preparation", "transformation"])
def test_an_interrupted_run_ends_at_once_with_one_sentence(copied: Company, moment: str) -> None:
    def listen() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    environment = {"CRM_DATA_DIR": str(copied.data_dir), "PATH": "/usr/bin:/bin"}
    next_day = copied.as_of + timedelta(days=1)  # what was built for the same day would be left alone
    command = [str(BIN / "crm"), "nightly", "--as-of", next_day.isoformat()]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=listen) as run:
        assert run.stderr
        if moment == "transformation":
            while not run.stderr.readline().startswith("ingestion"):
                pass
        time.sleep(3)
        run.send_signal(signal.SIGINT)
        told = run.stderr.read().strip().splitlines()
    assert run.returncode == 130
    assert told[-1] == "error: interrupted; start it again, nothing is lost."
    assert not any(line.startswith("activation") for line in told), "it went on to the lists"
    record = run_crm("status", "--json", data_dir=copied.data_dir).json
    assert record["outcome"] == "failed"


def test_a_failed_run_raises_an_alert_and_is_kept(demo: Company, tmp_path: Path) -> None:
    outcome = run_crm("nightly", "--as-of", "2001-01-01", data_dir=tmp_path, CRM_LANDING_DIR=demo.landing)
    assert outcome.exit_code == 1
    [alert] = (tmp_path / "alerts").iterdir()
    assert "failed in ingestion" in json.loads(alert.read_text())["text"]
    status = run_crm("status", data_dir=tmp_path)
    assert "✗ failed in ingestion" in status.stdout


def test_sql_starts_quickly(demo: Company) -> None:
    run_crm("sql", "select 1", data_dir=demo.data_dir)
    started = time.monotonic()
    answer = run_crm("sql", "from kpi.kpi_scoreboard", "-f", "csv", data_dir=demo.data_dir)
    assert "kpi,reading,month" in answer.stdout.splitlines()[0]
    assert time.monotonic() - started < 3, "0.5 s on a quiet machine"


@pytest.mark.slow
def test_docs_are_one_page_that_links_models_and_checks(copied: Company) -> None:
    built = run_crm("docs", data_dir=copied.data_dir)
    assert built.exit_code == 0, built.stderr
    index = Path(built.stdout.strip())
    assert 'href="models.html"' in index.read_text()
    assert 'href="data_docs/index.html"' in index.read_text()
    assert "fct_order_lines" in (index.parent / "models.html").read_text()


def test_dagster_runs_the_same_job(copied: Company, tmp_path: Path) -> None:
    """Started by Dagster itself, with its own storage, for the lists only: lock, record and resource are the same."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"resources": {"night": {"config": {"as_of": copied.as_of.isoformat()}}}}))
    before = len(list((copied.data_dir / "runs").glob("2*.json")))
    script = (
        "import sys, json, dagster as dg; from dagster_project.definitions import defs;"
        "from dagster_project.settings import load_settings; from dagster_project.nightly.home import prepare_home;"
        "home = prepare_home(load_settings()); config = json.load(open(sys.argv[1]));"
        "job = defs().resolve_job_def('nightly'); instance = dg.DagsterInstance.from_config(str(home));"
        "keys = [key for key in job.asset_layer.selected_asset_keys if key.path[0] == 'exports'];"
        "assert job.execute_in_process(config, instance=instance, asset_selection=keys).success"
    )
    environment = {"CRM_DATA_DIR": str(copied.data_dir), "PATH": "/usr/bin:/bin", "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [BIN / "python", "-W", "ignore", "-c", script, config],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list((copied.data_dir / "runs").glob("2*.json"))) == before + 1
