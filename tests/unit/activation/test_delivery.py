"""How a list reaches the disk, is held back, and is remembered."""

from __future__ import annotations

import csv
import hashlib
import os
import resource
import shutil
import stat
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dagster_project.activation import SegmentDefinition
from dagster_project.errors import CrmError
from dagster_project.quality.findings import Finding
from tests.unit.activation.warehouses import NIGHT, SEGMENT, Customer, World

NEXT = date(2025, 4, 1)
LATER = date(2025, 4, 2)


def people(count: int) -> list[Customer]:
    return [Customer(f"c{number:03}") for number in range(count)]


def listed(count: int) -> list[tuple[str, str, float]]:
    """The first so many of the people as candidates."""
    return [(person.key, "because", 1.0) for person in people(count)]


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_list_lies_under_its_date_with_csv_parquet_and_manifest(world: World) -> None:
    result = world.build(people(3)).export()
    directory = world.settings.exports_dir / SEGMENT / "2025-03-31"
    assert result.status == "delivered"
    assert result.directory == directory
    assert sorted(path.name for path in directory.iterdir()) == ["manifest.json", "members.csv", "members.parquet"]
    with (directory / "members.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (
        [row["customer_key"] for row in rows] == world.members()["customer_key"].to_list() == ["c000", "c001", "c002"]
    )
    assert rows[0] == {
        "customer_key": "c000",
        "name": "Person c000",
        "email": "c000@example.org",
        "reason": "because",
        "score": "1.0",
    }


def test_the_manifest_tells_definition_counts_and_checksums(world: World) -> None:
    world.build([*people(2), Customer("gone", is_deleted=True)]).export()
    manifest = world.manifest()
    assert (manifest["segment"], manifest["as_of_date"], manifest["run_id"]) == (SEGMENT, "2025-03-31", "run-1")
    assert manifest["status"] == "delivered"
    assert manifest["definition"]["sql"] == "select 2"
    assert manifest["definition"]["sql_sha256"] == hashlib.sha256(b"select 2").hexdigest()
    assert manifest["definition"]["settings"]["owner"] == "marketing"
    assert manifest["dropped"]["deleted_customer"] == {"meaning": "Deleted in the source system", "count": 1}
    for name, told in manifest["files"].items():
        content = (world.list_folder / "2025-03-31" / name).read_bytes()
        assert told == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "rows": 2}


def test_only_the_owner_can_read_a_list_whatever_the_umask(world: World) -> None:
    former = os.umask(0)
    try:
        world.build(people(1)).export()
    finally:
        os.umask(former)
    for path in [world.settings.exports_dir, *world.settings.exports_dir.rglob("*")]:
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_repeated_night_leaves_the_same_bytes_and_the_same_row(world: World) -> None:
    world.build(people(5)).export()
    files, journal = snapshot(world.list_folder), world.journal()
    result = world.export(run_id="run-2")
    assert result.is_unchanged
    assert snapshot(world.list_folder) == files
    assert world.journal() == journal


def test_a_night_repeated_with_other_data_replaces_its_own_list_only(world: World) -> None:
    world.build(people(5)).export()
    world.export(NEXT)
    first = snapshot(world.list_folder / "2025-03-31")
    world.build(people(6)).export(NEXT)
    assert world.members(NEXT).height == 6
    assert snapshot(world.list_folder / "2025-03-31") == first
    assert [row[:3] for row in world.journal()] == [
        (SEGMENT, NIGHT, "delivered"),
        (SEGMENT, NEXT, "delivered"),
    ]


def test_latest_points_to_the_newest_delivered_night(world: World) -> None:
    latest = world.list_folder / "latest"
    world.build(people(5)).export(NEXT)
    world.export(NIGHT)
    assert latest.readlink() == Path("2025-04-01")
    world.export(LATER)
    assert latest.readlink() == Path("2025-04-02")
    assert pl.read_parquet(latest / "members.parquet").height == 5


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (10, 0, "The list halved, from 10 on 2025-03-31 to 0; the list of 2025-03-31 stays."),
        (10, 5, "The list halved, from 10 on 2025-03-31 to 5; the list of 2025-03-31 stays."),
        (10, 20, "The list doubled, from 10 on 2025-03-31 to 20; the list of 2025-03-31 stays."),
    ],
)
def test_a_list_of_a_strange_size_is_held_back_and_the_last_good_one_stays(
    world: World, before: int, after: int, message: str
) -> None:
    world.build(people(before)).export()
    good = snapshot(world.list_folder)
    result = world.build(people(20), members=listed(after)).export(NEXT)
    told = (result.status, result.delivery.message, result.directory, result.is_warning)
    assert told == ("held_back", message, None, True)
    assert {name: good[name] for name in good} == {
        name: content for name, content in snapshot(world.list_folder).items() if name in good
    }
    assert not (world.list_folder / "2025-04-01").exists()
    note = world.manifest("held_back/2025-04-01")
    assert note["held_back"] == {
        "is_held_back": True,
        "message": message,
        "is_releasable": True,
        "taken_out": 0,
    }
    assert note["files"] == {}
    assert world.journal()[-1][2:4] == ("held_back", message)


@pytest.mark.parametrize(("before", "after"), [(10, 6), (10, 19), (1, 1)])
def test_an_ordinary_change_is_delivered(world: World, before: int, after: int) -> None:
    world.build(people(before)).export()
    assert world.build(people(after)).export(NEXT).status == "delivered"


def test_a_list_is_compared_with_the_last_delivered_one_not_with_one_held_back(world: World) -> None:
    world.build(people(10)).export()
    world.build(people(10), members=listed(3)).export(NEXT)
    assert world.export(LATER).previous_count == 10
    assert world.build(people(9)).export(LATER).status == "delivered"


def test_a_first_list_and_one_out_of_its_bounds_wait_for_a_person(world: World) -> None:
    world = world.with_head(min_size=2, max_size=4)
    for count, sentence in (
        (1, "The list has 1 members, fewer than its min_size 2; no earlier list exists."),
        (5, "The list has 5 members, more than its max_size 4; no earlier list exists."),
        (4, "It is the first list of this segment; no earlier list exists."),
    ):
        delivery = world.build(people(count)).export(release=()).delivery
        assert (delivery.message, delivery.is_releasable, delivery.is_released) == (sentence, True, False)
    released = world.export(release=[SEGMENT]).delivery
    assert (released.status, released.is_released, released.released_by) == ("delivered", True, "somebody")
    assert world.export(NEXT).status == "delivered"


def test_a_list_that_never_had_anybody_is_no_warning(world: World) -> None:
    result = world.build([]).export()
    assert (result.status, result.is_warning) == ("held_back", False)


def test_a_released_change_of_size_leaves_and_stays_released(world: World) -> None:
    world.build(people(10)).export()
    world.build(people(10), members=listed(3)).export(NEXT)
    assert world.export(NEXT, release=[SEGMENT]).status == "delivered"
    assert not (world.list_folder / "held_back" / "2025-04-01").exists()
    assert world.export(NEXT).status == "delivered"


def test_what_was_delivered_tonight_stays_when_the_night_is_repeated_badly(world: World) -> None:
    world.build(people(5)).export()
    good = snapshot(world.list_folder / "2025-03-31")
    result = world.build([]).export()
    assert result.delivery.message == "The list is empty; the list of 2025-03-31 stays."
    assert snapshot(world.list_folder / "2025-03-31") == good


def test_a_finding_that_refuses_holds_the_list_back(world: World) -> None:
    def refuse(_frame: pl.DataFrame, _segment: SegmentDefinition) -> tuple[Finding, ...]:
        return (Finding("refuse", "expect_something", "email", "An address is wrong."),)

    result = world.build(people(2)).export(validate=refuse)
    assert (result.delivery.message, result.delivery.is_releasable) == (
        "An address is wrong; no earlier list exists.",
        False,
    )
    assert world.manifest("held_back/2025-03-31")["findings"][0]["check"] == "expect_something"


def test_a_finding_that_warns_lets_the_list_go(world: World) -> None:
    def warn(_frame: pl.DataFrame, _segment: SegmentDefinition) -> tuple[Finding, ...]:
        return (Finding("warn", "expect_something", None, "Strange."),)

    result = world.build(people(2)).export(validate=warn)
    assert (result.status, result.is_warning) == ("delivered", True)


def test_the_very_bytes_that_passed_an_earlier_night_are_not_asked_again(world: World) -> None:
    asked: list[str] = []

    def ask(_frame: pl.DataFrame, segment: SegmentDefinition) -> tuple[Finding, ...]:
        asked.append(segment.name)
        return ()

    world.build(people(2)).export(validate=ask)
    world.export(NEXT, validate=ask)
    world.with_head(title="Other settings").export(LATER, validate=ask)
    assert asked == [SEGMENT, SEGMENT]


def test_a_list_that_its_size_holds_back_is_not_asked_about_until_it_may_leave(world: World) -> None:
    asked: list[int] = []

    def ask(frame: pl.DataFrame, _segment: SegmentDefinition) -> tuple[Finding, ...]:
        asked.append(frame.height)
        return ()

    world.build(people(10)).export(validate=ask)
    assert world.build(people(10), members=listed(5)).export(NEXT, validate=ask).status == "held_back"
    assert asked == [10]
    assert world.export(NEXT, validate=ask, release=[SEGMENT]).status == "delivered"
    assert asked == [10, 5]


def test_a_full_disk_is_one_sentence_and_nothing_half_written(world: World) -> None:
    world.build(people(10)).export()
    good = snapshot(world.list_folder)

    def fill_disk(_frame: pl.DataFrame, _segment: SegmentDefinition) -> tuple[Finding, ...]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return ()

    world.build(people(11))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(CrmError, match=r"the list could not be written: File too large .*the last good list"):
            world.export(NEXT, validate=fill_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert snapshot(world.list_folder) == good
    assert [path.name for path in world.list_folder.iterdir() if path.name.startswith(".")] == []
    assert world.export(NEXT).status == "delivered"


def test_a_folder_that_cannot_be_written_is_one_sentence(world: World) -> None:
    world.build(people(1))
    world.settings.exports_dir.write_text("in the way")
    with pytest.raises(CrmError, match="the list could not be written"):
        world.export()


@pytest.mark.parametrize("moment", ["while_writing", "between_the_renames", "before_tidying"])
def test_a_killed_run_is_mended_by_the_next(world: World, moment: str) -> None:
    world.build(people(5)).export()
    good = snapshot(world.list_folder)
    folder = world.list_folder
    if moment == "while_writing":
        (folder / ".writing-2025-03-31").mkdir()
        (folder / ".writing-2025-03-31" / "members.csv").write_text("half")
    elif moment == "between_the_renames":
        (folder / "2025-03-31").rename(folder / ".replaced-2025-03-31")
    else:
        shutil.copytree(folder / "2025-03-31", folder / ".replaced-2025-03-31")
    world.export()
    assert snapshot(folder) == good
    assert (folder / "latest").readlink() == Path("2025-03-31")


def test_an_unknown_segment_is_told(world: World) -> None:
    world.build(people(1))
    with pytest.raises(CrmError, match=r"there is no segment seg_nobody. Known are: seg_win_back."):
        world.export(only=["seg_nobody"])
