"""What arrives later than it was asked for is kept, and delivered night by night as it would have been at once."""

from __future__ import annotations

import hashlib
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project import cli
from dagster_project.errors import CrmError
from dagster_project.simulation import SimulationResult, further, simulate

START, END = date(2024, 1, 1), date(2024, 3, 31)
NIGHTS = 5
FIRST = END - timedelta(days=NIGHTS)


def _company(out: Path, *, until: date | None = None, after: date | None = None) -> SimulationResult:
    return simulate(
        customers=60, months=3, seed=3, start=START, out=out, nights=NIGHTS, after=after, until=until, branches=2
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company with all its nights."""
    return _company(tmp_path_factory.mktemp("whole")).landing.parent


@pytest.fixture(scope="module")
def once_begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    company = _company(tmp_path_factory.mktemp("begun"), until=FIRST)
    assert company.nights_kept == NIGHTS
    return company.landing.parent


@pytest.fixture
def begun(once_begun: Path, tmp_path: Path) -> Path:
    """The company before its single nights."""
    return shutil.copytree(once_begun, tmp_path / "begun")


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_further_nights_make_up_the_whole_and_change_nothing_delivered_before(whole: Path, begun: Path) -> None:
    delivered = _hashes(begun / "landing")
    for night in range(1, NIGHTS + 1):
        result = further(out=begun)
        assert result.first == result.last == FIRST + timedelta(days=night)
        assert result.nights_kept == NIGHTS - night
        now = _hashes(begun / "landing")
        assert now.items() >= delivered.items()
        assert now.keys() - delivered.keys() == set(result.files)
        delivered = now
    assert delivered == _hashes(whole / "landing")
    assert _hashes(begun / "truth") == _hashes(whole / "truth")


def test_several_nights_can_be_delivered_at_once_and_no_more_than_are_kept(begun: Path) -> None:
    before = _hashes(begun)
    with pytest.raises(CrmError, match="asked for: 6, kept of this company: 5"):
        further(out=begun, nights=NIGHTS + 1)
    assert _hashes(begun) == before
    result = further(out=begun, nights=2)
    assert (result.first, result.last) == (FIRST + timedelta(days=1), FIRST + timedelta(days=2))
    assert further(out=begun, nights=3).last == END
    with pytest.raises(CrmError, match="kept of this company: 0"):
        further(out=begun)


def test_the_command_says_which_night_came_and_how_many_are_kept(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["simulate", "--further", "2", "--out", str(begun)]) == 0
    told = capsys.readouterr().out
    assert f"{FIRST + timedelta(days=1)} to {FIRST + timedelta(days=2)}" in told
    assert "3 nights are kept" in told
    assert f"crm nightly --as-of {FIRST + timedelta(days=2)}" in told
    assert cli.run(["simulate", "--further", "4", "--out", str(begun)]) == 1
    assert "kept of this company: 3" in capsys.readouterr().err


def test_a_night_that_was_delivered_in_part_is_delivered_in_whole(whole: Path, begun: Path) -> None:
    night = begun / "truth" / "coming" / (FIRST + timedelta(days=1)).isoformat()
    for path in sorted(path for path in night.rglob("*") if path.is_file())[:3]:
        path.replace(begun / "landing" / path.relative_to(night))
    assert further(out=begun).first == FIRST + timedelta(days=1)
    further(out=begun, nights=NIGHTS - 1)
    assert _hashes(begun / "landing") == _hashes(whole / "landing")


def test_a_span_is_taken_out_of_what_was_kept(whole: Path, begun: Path) -> None:
    _company(begun, after=FIRST, until=FIRST + timedelta(days=2))
    assert further(out=begun, nights=NIGHTS - 2).first == FIRST + timedelta(days=3)
    assert _hashes(begun / "landing") == _hashes(whole / "landing")


def test_writing_all_at_once_keeps_nothing_and_throws_away_what_a_killed_simulation_left(
    whole: Path, begun: Path
) -> None:
    left = begun / "truth" / "drafts" / "landing" / "navision" / "Debitoren_20240331.csv"
    left.parent.mkdir(parents=True)
    left.write_text("torn")
    assert _company(begun).nights_kept == 0
    assert _hashes(begun) == _hashes(whole)
