"""Bad input: each kind gets one clear sentence and its exit code, and nothing that was good is lost."""

from __future__ import annotations

import gzip
import resource
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project import cli
from dagster_project.settings import PROJECT_ROOT
from dagster_project.transformation import manifest, project
from tests.conftest import BIN, RELEASES, Company, Outcome, run_crm

LAST_NIGHT = date(2024, 6, 30)
NIGHTLY = ("nightly", "--as-of", LAST_NIGHT.isoformat())
ONLY_RAW = (*NIGHTLY, "--select", "group:raw")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A small company after a whole night; tests work on copies of it."""
    company = Company(tmp_path_factory.mktemp("small"), LAST_NIGHT)
    size = ("--customers", "80", "--months", "6", "--seed", "3", "--start", "2024-01-01")
    assert run_crm("simulate", *size, "--out", company.data_dir, data_dir=company.data_dir).exit_code == 0
    night = run_crm(*NIGHTLY, data_dir=company.data_dir)
    assert night.exit_code in (0, 2), night.stderr
    return company


@pytest.fixture
def company(finished: Company, tmp_path: Path) -> Company:
    shutil.copytree(finished.data_dir, tmp_path / "data", symlinks=True)
    return Company(tmp_path / "data", finished.as_of)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return shutil.copytree(PROJECT_ROOT / "sources", tmp_path / "sources")


def _only_sentence(outcome: Outcome) -> str:
    """The error of a failed command: one line on stderr beside the lines of progress, and no traceback."""
    assert "Traceback" not in outcome.stderr + outcome.stdout
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, outcome.stderr
    return errors[0].removeprefix("error: ")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _good_data(company: Company) -> tuple[list[tuple[object, ...]], bytes]:
    raw = company.query("select feed, status, sum(loaded_rows) from journal.batches group by all order by all")
    return raw, company.published.read_bytes()


def test_a_typo_in_a_mapping(company: Company, sources: Path) -> None:
    before = _good_data(company)
    mapping = sources / "zendesk" / "tickets.yml"
    _replace(mapping, "columns:", "colums:")
    outcome = run_crm(*NIGHTLY, data_dir=company.data_dir, CRM_SOURCES_DIR=sources)
    assert outcome.exit_code == 1
    assert "'columns'" in (told := _only_sentence(outcome))
    assert "tickets.yml:" in told
    assert _good_data(company) == before


def test_a_contract_with_an_unknown_type(company: Company, sources: Path) -> None:
    before = _good_data(company)
    _replace(sources / "feeds" / "orders.yml", "type: timestamp", "type: timestmp")
    outcome = run_crm(*NIGHTLY, data_dir=company.data_dir, CRM_SOURCES_DIR=sources)
    assert outcome.exit_code == 1
    assert "timestmp" in (told := _only_sentence(outcome))
    assert "orders.yml" in told
    assert _good_data(company) == before


def _zip_bomb(path: Path) -> None:
    """A few kilobytes that become one cell of 300 MB."""
    with gzip.open(path, "wb") as file:
        file.write(b"Id,Name\n1,")
        for _ in range(300):
            file.write(b"A" * 2**20)
        file.write(b"\n")


def _program(path: Path) -> None:
    shutil.copyfile("/bin/ls", path)


@pytest.mark.parametrize(
    ("make", "name"),
    [(_zip_bomb, "Task_20240629.csv.gz"), (_program, "Task_20240629.csv")],
    ids=["zip bomb of a cell", "binary file named .csv"],
)
def test_a_file_that_is_not_what_it_seems_is_refused_whole(
    company: Company, sources: Path, make: Callable[[Path], None], name: str
) -> None:
    _replace(sources / "salesforce" / "tasks.yml", "*.csv", "*.csv*")
    (kept,) = company.query("select count(*) from raw.activities")
    make(company.landing / "salesforce" / name)
    check = run_crm(
        "sources", "check", company.landing / "salesforce" / name, data_dir=company.data_dir, CRM_SOURCES_DIR=sources
    )
    assert check.exit_code == 1
    assert "would be refused" in check.stdout
    night = run_crm(*ONLY_RAW, data_dir=company.data_dir, CRM_SOURCES_DIR=sources)
    assert night.exit_code == 2, night.stderr
    [refused] = [line for line in night.stdout.splitlines() if name in line]
    assert refused.strip().startswith("refused")
    assert company.query("select count(*) from raw.activities") == [kept]


def test_a_locked_warehouse(company: Company) -> None:
    before = _good_data(company)
    with duckdb.connect(str(company.warehouse)):
        outcome = run_crm(*NIGHTLY, data_dir=company.data_dir)
    assert outcome.exit_code == 1
    assert "in use" in _only_sentence(outcome)
    assert _good_data(company) == before


def test_a_full_disk_while_writing_an_export(company: Company) -> None:
    lists = {path: path.read_bytes() for path in (company.data_dir / "exports").rglob("*") if path.is_file()}
    assert lists
    run_crm("segments", "list", data_dir=company.data_dir)  # dbt's files are fresh, only the lists are to be written
    with duckdb.connect(str(company.warehouse)) as connection:
        connection.execute("update raw.runs set as_of_date = date '2024-07-01'")
    next_day = ("nightly", "--as-of", "2024-07-01", "--select", "group:exports")
    limit = 2**10

    def fill_the_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [BIN / "crm", *next_day],
        env={
            "CRM_DATA_DIR": str(company.data_dir),
            "PATH": "/usr/bin:/bin",
            "COLUMNS": "100",
            "PYTHONDONTWRITEBYTECODE": "1",  # or Python leaves truncated byte code behind for everybody
        },
        preexec_fn=fill_the_disk,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "there is no space left to write" in _only_sentence(Outcome(done.returncode, done.stdout, done.stderr))
    assert {path: path.read_bytes() for path in lists} == lists
    again = run_crm(*next_day, *RELEASES, data_dir=company.data_dir)
    assert again.exit_code in (0, 2), again.stderr
    assert list((company.data_dir / "exports").glob("*/2024-07-01/members.csv"))


def test_a_missing_seed(company: Company, tmp_path: Path) -> None:
    before = _good_data(company)
    seeds = shutil.copytree(PROJECT_ROOT / "seeds", tmp_path / "seeds")
    (seeds / "kpi_parameters.csv").unlink()
    outcome = run_crm(*NIGHTLY, data_dir=company.data_dir, CRM_SEEDS_DIR=seeds)
    assert outcome.exit_code == 1
    assert _only_sentence(outcome).startswith(f"the seed kpi_parameters.csv is missing ({seeds}).")
    assert _good_data(company) == before


def test_a_date_before_the_first_data(company: Company) -> None:
    before = _good_data(company)
    outcome = run_crm("nightly", "--as-of", "2019-01-01", data_dir=company.data_dir)
    assert outcome.exit_code == 1
    assert "no data yet on 2019-01-01" in _only_sentence(outcome)
    assert _good_data(company) == before


@pytest.fixture
def dbt_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, company: Company) -> Path:
    """A copy of the dbt project that the command uses in this process."""
    ignored = shutil.ignore_patterns("target", "logs")
    copy = shutil.copytree(PROJECT_ROOT / "dbt", tmp_path / "dbt", ignore=ignored)
    shutil.copytree(PROJECT_ROOT / "seeds", tmp_path / "seeds")
    monkeypatch.setattr(project, "DBT_PROJECT", copy)
    monkeypatch.setattr(manifest, "DBT_PROJECT", copy)
    monkeypatch.setenv("CRM_SEEDS_DIR", str(tmp_path / "seeds"))
    monkeypatch.setenv("CRM_DATA_DIR", str(company.data_dir))
    return copy


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("select * from {{ ref('dim_custmers') }}", "depends on a node named 'dim_custmers' which was not found"),
        ("select * from {{ ref('dim_customers') ", "segments/seg_win_back.sql"),
        ("selec customer_key from {{ ref('dim_customers') }}", "the model seg_win_back failed: Parser Error"),
        ("select nme from {{ ref('dim_customers') }}", "the model seg_win_back failed"),
    ],
    ids=["unknown reference", "broken Jinja", "broken SQL", "unknown column"],
)
def test_a_segment_that_does_not_compile(
    dbt_project: Path, company: Company, capsys: pytest.CaptureFixture[str], broken: str, told: str
) -> None:
    before = _good_data(company)
    (dbt_project / "models" / "segments" / "seg_win_back.sql").write_text(broken)
    exit_code = cli.run([*NIGHTLY, "--select", "key:segments/seg_win_back or key:exports/seg_win_back"])
    streams = capsys.readouterr()
    sentence = _only_sentence(Outcome(exit_code, streams.out, streams.err))
    assert exit_code == 1
    assert told in sentence
    assert "seg_win_back" in sentence
    assert _good_data(company) == before
