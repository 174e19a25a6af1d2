"""The next file goes on from the last one, holds what one built from nothing would, and nothing deleted for long."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.errors import CrmError
from dagster_project.publication import changes
from tests.unit.publication.houses import NIGHT, House

VERSIONS = """
    create schema if not exists restated;
    create table if not exists restated.versions
        (relation varchar, version varchar, previous_version varchar, has_changes boolean, serial bigint)
"""
NIGHTS = 8
PUBLIC = "select thing_key, note, amount, tags from core.fct_things"
LONG = {"thing_key": {}, "note": {}, "amount": {}, "tags": {}, "secret": {"personal": "direct"}}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(changes, "FEW_ROWS", 20)
    house = House(tmp_path).build()
    house.run(
        "create table core.fct_things as select 'k' || range as thing_key, 'a thing' as note,"
        " cast(range as decimal(18, 2)) as amount, [range, 1] as tags, 's' || range as secret from range(400)"
    )
    house.describe("core", "fct_things", LONG)
    return house


def inode(house: House) -> int:
    return house.settings.published_path.stat().st_ino


def rows(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """Every published row, and every description."""
    names = house.query("select schema_name || '.' || table_name from duckdb_tables() where schema_name <> 'meta'")
    found = {name: house.query(f"from {name} order by all") for (name,) in names}
    found["comments"] = house.query(
        "select schema_name, table_name, column_name, comment from duckdb_columns() where schema_name <> 'meta'"
        " and not internal union all select schema_name, table_name, null, comment from duckdb_tables()"
        " where schema_name <> 'meta' order by all"
    )
    found["tables"] = house.query("from meta.tables order by all")
    return found


def in_warehouse(house: House) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(house.settings.warehouse_path), read_only=True) as connection:
        return connection.execute(f"{PUBLIC} order by all").fetchall()


def origin(house: House) -> date:
    """The date of the last file that was built from nothing."""
    [(day,)] = house.query("select built_anew_on from meta.origin")
    assert isinstance(day, date)
    return day


def built_anew(house: House, folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What a file that was built from nothing would show."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("warehouse.duckdb", "manifest.json"):
        shutil.copy(house.folder / name, folder / name)
    other = House(folder)
    other.publish()
    return rows(other)


def note_versions(house: House, serial: int, *, keep: bool) -> None:
    """What the engine of models remembers: versions, and the rows between the last two."""
    with duckdb.connect(str(house.settings.warehouse_path)) as connection:
        connection.execute(VERSIONS)
        for relation in ("core.fct_things", "core.dim_customers", "kpi.kpi_things"):
            kept = f"restated.{relation.replace('.', '__')}"
            before = f"restated.before__{relation.replace('.', '__')}"
            [(version,)] = connection.execute(
                f"select count(*) || ':' || coalesce(sum(hash(t)), 0) from {relation} as t"
            ).fetchall()
            known = connection.execute(
                "select version from restated.versions where relation = ? order by serial desc limit 1", [relation]
            ).fetchone()
            if known == (version,):
                continue
            if known and keep:
                connection.execute(
                    f"create or replace table {kept} as"
                    f" select cast(1 as tinyint) as _sign, * from (from {relation} except all from {before})"
                    f" union all select cast(-1 as tinyint), * from (from {before} except all from {relation})"
                )
            connection.execute(f"create or replace table {before} as from {relation}")
            connection.execute(
                "insert into restated.versions values (?, ?, ?, ?, ?)",
                [relation, version, known[0] if known else None, bool(known) and keep, serial],
            )


def changes_of(dice: random.Random) -> Iterator[str]:
    """A night's changes: new, corrected, deleted, repeated and re-sent rows, of few or of many."""
    low = dice.randrange(400)
    high = low + dice.choice([1, 5, 40, 300])
    keys = f"cast(substr(thing_key, 2) as integer) between {low} and {high}"
    every = {
        "new": f"insert into core.fct_things select 'k' || range, null, 1.5, [range], null from range({low}, {high})",
        "corrected": f"update core.fct_things set amount = amount + 1, note = 'another thing' where {keys}",
        "deleted": f"delete from core.fct_things where {keys}",
        "repeated": f"insert into core.fct_things from core.fct_things where {keys}",
        "inside": f"update core.fct_things set secret = secret || 'x' where {keys}",
        "rebuilt": "create or replace table core.fct_things as from core.fct_things order by hash(thing_key)",
        "small": f"update kpi.kpi_things set value = {low}",
        "nothing": "select 1",
    }
    yield from dice.sample(list(every.values()), dice.choice([1, 1, 2, 3]))


@pytest.mark.parametrize("keeps", ["no version", "versions", "changes"])
def test_random_nights_show_what_a_file_built_from_nothing_shows(house: House, tmp_path: Path, keeps: str) -> None:
    dice = random.Random(keeps)
    house.publish()
    for night in range(NIGHTS):
        for statement in changes_of(dice):
            house.run(statement)
        if keeps != "no version":
            note_versions(house, night, keep=keeps == "changes")
        if night % 4 != 2:  # of the others nobody sees the state from which kept changes lead
            house.publish(f"run-{night}")
            assert house.query(f"{PUBLIC} order by all") == in_warehouse(house), f"{keeps}, night {night}"
    assert rows(house) == built_anew(house, tmp_path / "anew")
    assert origin(house) == NIGHT


def test_changes_that_were_kept_and_are_gone_are_not_needed(house: House) -> None:
    note_versions(house, 1, keep=False)
    house.publish()
    house.run("delete from core.fct_things where thing_key = 'k7'")
    note_versions(house, 2, keep=True)
    house.run("drop table restated.core__fct_things")
    house.publish()
    assert house.query("select count(*) from core.fct_things") == [(399,)]


def test_few_changed_rows_are_written_and_searched_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.publish()
    house.run("update core.fct_things set note = 'a@example.org' where thing_key = 'k7'")
    monkeypatch.setattr("dagster_project.publication.changes.copy_table", None)
    with pytest.raises(CrmError, match=r"core.fct_things.note holds an e-mail address"):
        house.publish()
    house.run("update core.fct_things set note = 'seven' where thing_key = 'k7'")
    house.publish()
    assert house.query("select note from core.fct_things where thing_key = 'k7'") == [("seven",)]


@pytest.mark.parametrize("is_settled", [True, False])
def test_who_becomes_known_is_found_in_texts_that_were_there_before(house: House, *, is_settled: bool) -> None:
    house.run("update core.fct_things set note = 'a word with Carla Neu' where thing_key = 'k7'")
    house.publish("good")
    house.run("insert into raw.accounts values ('3', 'Carla Neu', null, null, null, null, null)")
    if not is_settled:
        house.run("update kpi.kpi_things set value = 2")
    with pytest.raises(CrmError, match=r"core.fct_things.note holds a full name"):
        house.publish("bad")
    assert house.query("select run_id from meta.publication") == [("good",)]


def test_a_night_without_a_change_leaves_the_file_where_it_is(house: House) -> None:
    house.publish("first")
    before = inode(house)
    result = house.publish("second")
    assert inode(house) == before
    assert [(table.name, table.row_count) for table in result.tables] == [
        ("dim_customers", 2),
        ("fct_things", 400),
        ("kpi_things", 1),
    ]


def test_a_later_night_without_a_change_says_its_date(house: House) -> None:
    house.publish("first")
    house.publish("second", as_of=NIGHT + timedelta(days=1))
    assert house.query("from meta.publication") == [(NIGHT + timedelta(days=1), "second")]
    assert origin(house) == NIGHT


def test_after_four_weeks_the_file_is_built_from_nothing(house: House) -> None:
    house.publish()
    for days, built_on in ((27, 0), (28, 28), (29, 28)):
        house.publish(as_of=NIGHT + timedelta(days=days))
        assert origin(house) == NIGHT + timedelta(days=built_on)


def holds(house: House, text: bytes) -> bool:
    return text in house.settings.published_path.read_bytes()


def test_while_somebody_is_erased_no_byte_stays_behind(house: House) -> None:
    house.run("update core.fct_things set note = 'Zebra_finch_4711' where thing_key = 'k7'")
    house.publish()
    house.run("delete from core.fct_things where thing_key = 'k7'")
    house.publish(as_of=NIGHT + timedelta(days=1))
    assert holds(house, b"Zebra_finch_4711"), "a copy keeps deleted bytes: if it does not any more, this test is void"
    (house.folder / ".erasing").mkdir()
    (house.folder / ".erasing" / "subject.json").write_text(
        '{"who": [], "identifiers": [], "tombstone": "x", "folders": [], "rows": {}, "sent": [], "shared": {},'
        ' "bad_rows": [], "outside": {}}'
    )
    house.publish(as_of=NIGHT + timedelta(days=1))
    assert not holds(house, b"Zebra_finch_4711")


def test_a_column_that_is_withheld_now_leaves_no_byte_behind(house: House) -> None:
    house.run("update core.fct_things set note = 'Zebra_finch_4711' where thing_key = 'k7'")
    house.publish()
    house.describe("core", "fct_things", {**LONG, "note": {"personal": "direct"}})
    house.publish(as_of=NIGHT + timedelta(days=1))
    assert not holds(house, b"Zebra_finch_4711")
    assert origin(house) == NIGHT + timedelta(days=1)


def test_a_new_column_makes_one_table_anew_and_no_other(house: House) -> None:
    house.publish()
    house.run("alter table kpi.kpi_things add column extra integer; update kpi.kpi_things set extra = 5")
    house.describe("kpi", "kpi_things", {"member": {}, "value": {}, "marker": {}, "extra": {}})
    house.publish(as_of=NIGHT + timedelta(days=1))
    assert house.query("select extra from kpi.kpi_things") == [(5,)]
    assert origin(house) == NIGHT


@pytest.mark.parametrize("broken", ["drop table meta.origin", "update meta.origin set format = 0"])
def test_a_file_that_does_not_say_what_it_holds_is_not_gone_on_from(house: House, broken: str) -> None:
    path = house.publish().path
    with duckdb.connect(str(path)) as connection:
        connection.execute(broken)
        connection.execute("delete from core.fct_things")
    house.publish()
    assert house.query("select count(*) from core.fct_things") == [(400,)]


@pytest.mark.parametrize("is_settled", [True, False])
def test_a_file_that_turns_out_to_be_damaged_is_not_gone_on_from(house: House, *, is_settled: bool) -> None:
    path = house.publish().path
    with duckdb.connect(str(path)) as connection:
        connection.execute("alter table core.fct_things drop column note")
        connection.execute("update meta.contents set text_columns = ['note'] where table_name = 'fct_things'")
    note_versions(house, 1, keep=False)
    with duckdb.connect(str(path)) as connection, duckdb.connect(str(house.settings.warehouse_path)) as warehouse:
        for relation, version in warehouse.execute("select relation, version from restated.versions").fetchall():
            connection.execute(
                "update meta.contents set version = ? where schema_name || '.' || table_name = ?", [version, relation]
            )
    if not is_settled:
        house.run("update core.fct_things set amount = 1 where thing_key = 'k1'")
        note_versions(house, 2, keep=False)
    house.publish("whole")
    assert house.query("select count(note) from core.fct_things") == [(400,)]


def test_a_file_that_is_no_database_is_replaced(house: House) -> None:
    house.publish().path.write_text("something else")
    house.publish()
    assert house.query("select count(*) from core.fct_things") == [(400,)]
