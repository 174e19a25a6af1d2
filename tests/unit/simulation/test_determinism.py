"""Same seed, same bytes; and any cut into nights gives the same files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project.errors import CrmError
from dagster_project.simulation import SimulationResult, deliver, simulate

START = date(2024, 1, 1)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _nights(result: SimulationResult) -> Iterator[tuple[date | None, date]]:
    """The history at once, then night by night."""
    first = result.end - timedelta(days=16)
    yield None, first
    for number in range(16):
        yield first + timedelta(days=number), first + timedelta(days=number + 1)


def test_same_seed_gives_same_bytes(company: SimulationResult, tmp_path: Path) -> None:
    again = simulate(customers=400, months=18, seed=7, start=START, out=tmp_path, nights=16)
    assert _hashes(again.landing) == _hashes(company.landing)
    assert _hashes(again.truth) == _hashes(company.truth)


def test_other_seed_gives_other_bytes(tmp_path: Path) -> None:
    first = simulate(customers=60, months=4, seed=1, start=START, out=tmp_path / "first")
    second = simulate(customers=60, months=4, seed=2, start=START, out=tmp_path / "second")
    one, other = _hashes(first.landing), _hashes(second.landing)
    shared = [path for path in one if path in other and "campaigns" not in path and "Artikel" not in path]
    assert shared
    assert all(one[path] != other[path] for path in shared)


def test_simulated_nights_make_up_the_whole(tmp_path: Path) -> None:
    whole = simulate(customers=40, months=3, seed=3, start=START, out=tmp_path / "whole", nights=4)
    first = whole.end - timedelta(days=4)
    for night in range(5):
        simulate(
            customers=40,
            months=3,
            seed=3,
            start=START,
            out=tmp_path / "nights",
            nights=4,
            after=None if night == 0 else first + timedelta(days=night - 1),
            until=first + timedelta(days=night),
        )
    assert _hashes(tmp_path / "nights" / "landing") == _hashes(whole.landing)


def test_delivered_nights_make_up_the_whole(company: SimulationResult, tmp_path: Path) -> None:
    for after, until in _nights(company):
        for path in deliver(company.landing.parent, tmp_path, after=after, until=until):
            assert path.is_file()
    assert _hashes(tmp_path) == _hashes(company.landing)


def test_late_files_arrive_after_the_date_in_their_name(company: SimulationResult) -> None:
    arrivals = json.loads((company.truth / "arrivals.json").read_text())
    dirt = json.loads((company.truth / "truth.json").read_text())["dirt"]
    late = {entry["file"] for entry in dirt if entry["kind"] == "late"}
    digits = {path: "".join(filter(str.isdigit, Path(path).name))[:8] for path in arrivals}
    later = {path for path, arrival in arrivals.items() if arrival.replace("-", "") > digits[path]}
    assert late == later
    assert late


def test_writing_the_same_company_again_changes_nothing(tmp_path: Path) -> None:
    first = simulate(customers=30, months=2, seed=1, start=START, out=tmp_path)
    before = _hashes(tmp_path)
    simulate(customers=30, months=2, seed=1, start=START, out=tmp_path)
    assert _hashes(tmp_path) == before
    assert len(first.files) > 20


def test_another_company_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    simulate(customers=30, months=2, seed=1, start=START, out=tmp_path)
    with pytest.raises(CrmError, match="another demo company"):
        simulate(customers=31, months=2, seed=1, start=START, out=tmp_path)


def test_a_landing_directory_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "landing" / "crm").mkdir(parents=True)
    with pytest.raises(CrmError, match="somebody else"):
        simulate(customers=30, months=2, seed=1, start=START, out=tmp_path)


@pytest.mark.parametrize(("customers", "months", "nights"), [(5, 12, 0), (100, 0, 0), (100, 1, 40), (100, 1, -1)])
def test_impossible_companies_are_refused(tmp_path: Path, customers: int, months: int, nights: int) -> None:
    with pytest.raises(CrmError):
        simulate(customers=customers, months=months, seed=1, start=START, out=tmp_path, nights=nights)


@pytest.mark.parametrize(("customers", "months", "seed"), [(20, 1, 0), (25, 2, 1), (40, 1, 3)])
def test_a_company_too_small_for_a_club_or_a_deal_is_written_all_the_same(
    tmp_path: Path, customers: int, months: int, seed: int
) -> None:
    result = simulate(customers=customers, months=months, seed=seed, start=date(2024, 1, 15), out=tmp_path)
    assert result.files
