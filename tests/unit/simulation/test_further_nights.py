"""What arrives later than it was asked for is kept, and delivered night by night as it would have been at once."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project.errors import CrmError
from dagster_project.simulation import SimulationResult, further, simulate

START = date(2024, 1, 1)
NIGHTS = 5


def _company(out: Path, *, until: date | None = None, after: date | None = None) -> SimulationResult:
    return simulate(
        customers=60, months=4, seed=3, start=START, out=out, nights=NIGHTS, after=after, until=until, branches=2
    )


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_further_nights_make_up_the_whole_and_change_nothing_delivered_before(tmp_path: Path) -> None:
    whole = _company(tmp_path / "whole")
    first = whole.end - timedelta(days=NIGHTS)
    begun = _company(tmp_path / "begun", until=first)
    assert begun.nights_kept == NIGHTS
    delivered = _hashes(begun.landing)
    for night in range(1, NIGHTS + 1):
        result = further(out=tmp_path / "begun")
        assert result.first == result.last == first + timedelta(days=night)
        assert result.nights_kept == NIGHTS - night
        now = _hashes(begun.landing)
        assert now.items() >= delivered.items()
        assert now.keys() - delivered.keys() == set(result.files)
        delivered = now
    assert delivered == _hashes(whole.landing)
    assert _hashes(begun.truth) == _hashes(whole.truth)


def test_several_nights_can_be_delivered_at_once_and_no_more_than_are_left(tmp_path: Path) -> None:
    end = Path(tmp_path)
    first = date(2024, 4, 30) - timedelta(days=NIGHTS)
    company = _company(end, until=first)
    before = _hashes(company.landing)
    with pytest.raises(CrmError, match="5 further nights are left"):
        further(out=end, nights=NIGHTS + 1)
    assert _hashes(company.landing) == before
    result = further(out=end, nights=2)
    assert (result.first, result.last) == (first + timedelta(days=1), first + timedelta(days=2))
    further(out=end, nights=3)
    with pytest.raises(CrmError, match="0 further nights"):
        further(out=end)


def test_a_night_that_was_delivered_in_part_is_delivered_in_whole(tmp_path: Path) -> None:
    whole = _company(tmp_path / "whole")
    company = _company(tmp_path / "begun", until=whole.end - timedelta(days=1))
    night = company.truth / "coming" / whole.end.isoformat()
    some = sorted(path for path in night.rglob("*") if path.is_file())[:3]
    for path in some:
        path.replace(company.landing / path.relative_to(night))
    further(out=tmp_path / "begun")
    assert _hashes(company.landing) == _hashes(whole.landing)


def test_a_span_keeps_nothing_and_takes_its_files_out_of_what_was_kept(tmp_path: Path) -> None:
    whole = _company(tmp_path / "whole")
    first = whole.end - timedelta(days=NIGHTS)
    _company(tmp_path / "begun", until=first)
    _company(tmp_path / "begun", after=first, until=first + timedelta(days=2))
    assert further(out=tmp_path / "begun", nights=NIGHTS - 2).first == first + timedelta(days=3)
    assert _hashes(tmp_path / "begun" / "landing") == _hashes(whole.landing)


def test_writing_all_at_once_after_all_keeps_nothing(tmp_path: Path) -> None:
    whole = _company(tmp_path, until=date(2024, 4, 28))
    assert whole.nights_kept == 2
    assert _company(tmp_path).nights_kept == 0
    assert not (whole.truth / "coming").exists()


def test_what_a_killed_simulation_left_is_in_nobodys_way(tmp_path: Path) -> None:
    left = tmp_path / "truth" / "drafts" / "landing" / "navision" / "Debitoren_20240331.csv"
    left.parent.mkdir(parents=True)
    left.write_text("torn")
    company = _company(tmp_path)
    assert b"torn" not in (company.landing / "navision" / left.name).read_bytes()
    assert not (company.truth / "drafts").exists()
