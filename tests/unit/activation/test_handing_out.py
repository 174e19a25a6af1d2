"""What a person sees of a list before it leaves, what he takes, and what is remembered of it."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dagster_project.activation.audit import pulls_path
from dagster_project.activation.manifests import last_nights
from dagster_project.activation.preview import preview_lists
from dagster_project.activation.pulling import Taker, pull_list
from dagster_project.errors import CrmError
from tests.unit.activation.warehouses import NIGHT, SEGMENT, Customer, World

NEXT = NIGHT + timedelta(days=1)
PEOPLE = [Customer(f"c{number}") for number in range(6)]
TAKER = Taker(name="anna", at=datetime(2025, 4, 2, 8, 30, tzinfo=UTC))


def listed(*numbers: int) -> list[tuple[str, str, float]]:
    return [(f"c{number}", "because", 1.5) for number in numbers]


def test_a_preview_tells_what_the_next_list_changes_and_writes_nothing(world: World) -> None:
    world.build(PEOPLE, members=listed(0, 1, 2, 3)).export()
    world.build(PEOPLE, members=listed(1, 2, 3, 4), suppressions=[("c3", "email", "complaint")])
    before = sorted(world.folder.rglob("*"))
    journal = world.query("from journal.segment_changes order by all")
    (preview,) = preview_lists(settings=world.settings, manifest_path=world.manifest_path, as_of=NEXT, names=[SEGMENT])
    delta = preview.decision.delta
    assert delta is not None
    assert delta.added["customer_key"].to_list() == ["c4"]
    assert dict(delta.removed.select("customer_key", "removal_reason").rows()) == {"c0": "left", "c3": "suppressed"}
    assert delta.kept_count == 2
    assert sorted(world.folder.rglob("*")) == before
    assert world.query("from journal.segment_changes order by all") == journal


def test_a_preview_before_any_night_is_one_sentence(world: World) -> None:
    world.build(PEOPLE).write_manifest()
    with pytest.raises(CrmError, match=r"no night has judged any list yet. Run `crm nightly` first."):
        preview_lists(settings=world.settings, manifest_path=world.manifest_path, as_of=NIGHT, names=None)


def test_the_newest_night_and_the_last_list_that_left_are_told_apart(world: World) -> None:
    assert last_nights(world.settings, SEGMENT).newest is None
    world.build(PEOPLE).export(release=())
    waiting = last_nights(world.settings, SEGMENT)
    assert (waiting.is_waiting, waiting.left) == (True, None)
    world.export()
    world.build(PEOPLE, members=listed(0)).export(NEXT)
    nights = last_nights(world.settings, SEGMENT)
    assert nights.is_waiting
    assert nights.newest is not None
    assert nights.left is not None
    assert (nights.newest["as_of_date"], nights.left["as_of_date"]) == (NEXT.isoformat(), NIGHT.isoformat())


@pytest.mark.parametrize(
    ("file_format", "name", "begins"),
    [
        ("csv", "seg_win_back_2025-03-31.csv", b'\xef\xbb\xbf"customer_key","name","email","reason","score"\n"c0",'),
        ("csv-de", "seg_win_back_2025-03-31.csv", b'\xef\xbb\xbf"customer_key";"name";"email";"reason";"score"\n"c0";'),
        ("jsonl", "seg_win_back_2025-03-31.jsonl", b'{"customer_key":"c0"'),
        ("parquet", "seg_win_back_2025-03-31.parquet", b"PAR1"),
    ],
)
def test_a_person_takes_the_last_list_in_a_format_of_his(
    world: World, tmp_path: Path, file_format: str, name: str, begins: bytes
) -> None:
    world.build(PEOPLE, members=listed(0, 1)).export()
    pulled = pull_list(world.settings, SEGMENT, to=tmp_path / "out", taker=TAKER, file_format=file_format)  # type: ignore[arg-type]
    assert (pulled.path, pulled.row_count, pulled.as_of) == (tmp_path / "out" / name, 2, NIGHT)
    assert pulled.path.read_bytes().startswith(begins)
    assert stat.S_IMODE(pulled.path.stat().st_mode) == 0o600
    assert [path.name for path in pulled.path.parent.iterdir()] == [name]


def test_a_german_list_has_commas_in_its_numbers(world: World, tmp_path: Path) -> None:
    world.build(PEOPLE, members=listed(0)).export()
    pulled = pull_list(world.settings, SEGMENT, to=tmp_path, taker=TAKER, file_format="csv-de")
    assert pulled.path.read_text(encoding="utf-8-sig").splitlines()[1].endswith(";1,5")


def test_who_took_which_list_is_remembered_and_in_the_journal_after_the_next_night(
    world: World, tmp_path: Path
) -> None:
    world.build(PEOPLE).export()
    pull_list(world.settings, SEGMENT, to=tmp_path, taker=TAKER)
    (line,) = pulls_path(world.settings).read_text().splitlines()
    assert json.loads(line)["pulled_by"] == "anna"
    assert stat.S_IMODE(pulls_path(world.settings).stat().st_mode) == 0o600
    world.export(NEXT)
    definition = world.manifest()["definition"]["sha256"]
    assert world.query(
        "select as_of_date, segment, pulled_at, pulled_by, definition_sha256, layout, content, row_count"
        " from journal.pulls"
    ) == [(NIGHT, SEGMENT, datetime(2025, 4, 2, 8, 30), "anna", definition, "csv", "full", 6)]  # noqa: DTZ001


def test_changes_alone_can_be_taken_once_there_are_any(world: World, tmp_path: Path) -> None:
    world.build(PEOPLE, members=listed(0, 1, 2)).export()
    with pytest.raises(CrmError, match="the list changed nothing: it was the first"):
        pull_list(world.settings, SEGMENT, to=tmp_path, taker=TAKER, changes_only=True)
    world.build(PEOPLE, members=listed(1, 2, 3)).export(NEXT)
    pulled = pull_list(world.settings, SEGMENT, to=tmp_path, taker=TAKER, changes_only=True)
    assert pulled.path.name == "seg_win_back_2025-04-01_changes.csv"
    frame = pl.read_csv(pulled.path)
    assert sorted(frame.select("change", "customer_key").rows()) == [("added", "c3"), ("removed", "c0")]


def test_without_a_list_or_without_the_audit_log_nobody_gets_anything(world: World, tmp_path: Path) -> None:
    world.build(PEOPLE).export(release=())
    with pytest.raises(CrmError, match=r"no list of seg_win_back has left yet. `crm segments show seg_win_back`"):
        pull_list(world.settings, SEGMENT, to=tmp_path / "out", taker=TAKER)
    world.export()
    (world.folder / "audit").write_text("in the way")
    with pytest.raises(CrmError, match="the audit log cannot be written"):
        pull_list(world.settings, SEGMENT, to=tmp_path / "out", taker=TAKER)
    assert not (tmp_path / "out").exists()


def test_a_line_that_is_none_of_ours_stops_the_night_with_one_sentence(world: World) -> None:
    world.build(PEOPLE)
    pulls_path(world.settings).parent.mkdir()
    pulls_path(world.settings).write_text('{"as_of_date": "yesterday"}\n')
    with pytest.raises(CrmError, match="the audit log has a line that is none of ours"):
        world.export()
