"""What analysts get, what they never get, and how the file changes hands."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dagster_project.errors import CrmError
from tests.unit.publication.houses import NIGHT, House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path).build()


def columns(house: House, table: str) -> list[str]:
    return [name for (name,) in house.query(f"select column_name from duckdb_columns() where table_name = '{table}'")]


def test_described_tables_are_published_without_identities(house: House) -> None:
    result = house.publish()
    assert [(table.schema, table.name, table.row_count) for table in result.tables] == [
        ("core", "dim_customers", 2),
        ("kpi", "kpi_things", 1),
    ]
    assert columns(house, "dim_customers") == ["customer_key", "city", "country_code", "marker"]
    assert result.tables[0].withheld_columns == ("name", "email", "postal_code", "account_id", "note")
    assert house.query("select customer_key, city from core.dim_customers order by all") == [
        ("a", "Berlin"),
        ("b", "Hamburg"),
    ]


def test_what_nobody_described_stays_in_the_house(house: House) -> None:
    assert house.publish().left_out == ("kpi.kpi_leftover",)
    schemas = {schema for (schema,) in house.query("select distinct schema_name from duckdb_tables()")}
    assert schemas == {"core", "kpi", "meta"}


def test_a_step_stays_in_the_house_and_is_not_told_as_missing(house: House) -> None:
    house.run("create table kpi.kpi_numbered as select 7 as number")
    house.describe("kpi", "kpi_numbered", {"number": {}}, meta={"is_step": True})
    result = house.publish()
    assert ("kpi", "kpi_numbered") not in {(table.schema, table.name) for table in result.tables}
    assert result.left_out == ("kpi.kpi_leftover",)


def test_descriptions_travel_along(house: House) -> None:
    house.publish()
    assert house.query("select comment from duckdb_tables() where table_name = 'kpi_things'") == [
        ("All of kpi_things, it's said",)
    ]
    assert house.query(
        "select comment from duckdb_columns() where table_name = 'kpi_things' and column_name = 'value'"
    ) == [("The value",)]


def test_readers_learn_which_run_they_look_at(house: House) -> None:
    house.publish("run-7")
    assert house.query("from meta.publication") == [(NIGHT, "run-7")]
    assert house.query("select schema_name, table_name, row_count from meta.tables order by all") == [
        ("core", "dim_customers", 2),
        ("kpi", "kpi_things", 1),
    ]


def test_a_column_that_somebody_looked_at_may_bear_a_personal_name(house: House) -> None:
    house.run("create table core.fct_history (history_key varchar, subject varchar)")
    house.describe("core", "fct_history", {"history_key": {}, "subject": {}})
    assert house.publish().tables[1].withheld_columns == ("subject",)
    house.describe("core", "fct_history", {"history_key": {}, "subject": {"personal": "none"}})
    assert house.publish().tables[1].withheld_columns == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("somebody.else@example.com", "an e-mail address"),
        ("see <a.b@example.com>, please", "an e-mail address"),
        ("+1 415 555 0100", "a telephone number"),
        ("call 030-1234567 now", "a telephone number"),
        ("0301234567", "a telephone number"),
        ("Anna Müller", "a full name or address"),
        ("the visit of MÜLLER, Anna on Monday", "a full name or address"),
        ("delivered to Am Markt 5", "a full name or address"),
        ("Rotes Kreuz Nord GmbH, Hamburg", "a full name or address"),
    ],
)
def test_a_person_in_any_text_stops_the_swap_and_is_not_repeated(house: House, text: str, kind: str) -> None:
    house.publish("good")
    house.run(f"insert into kpi.kpi_things values ('{text}', 1, 1)")
    with pytest.raises(CrmError) as caught:
        house.publish("bad")
    told = str(caught.value)
    assert f"kpi.kpi_things.member holds {kind}" in told
    assert not any(word in told for word in ("Anna", "MÜLLER", "Markt", "example", "0100", "4567", "Kreuz"))
    assert house.query("select run_id from meta.publication") == [("good",)]
    assert [path.name for path in house.settings.published_path.parent.iterdir()] == ["crm.duckdb"]


@pytest.mark.parametrize(
    "text",
    [
        *("Anna", "Müller", "2025-03-31", "2025-03-31 12:00:00", "order 0000123456789", "5 @ 3.50", "+20 % margin"),
        *("0b6dafbf2d3b8a6a4c3d0123456789ab", "12345678901", "Red Cross", "Team Eva Nord", "DE-10115-77"),
    ],
)
def test_ordinary_values_do_not_stop_it(house: House, text: str) -> None:
    house.run(f"insert into kpi.kpi_things values ('{text}', 1, 1)")
    house.publish()


def test_names_that_are_no_people_can_be_excused_but_addresses_cannot(house: House) -> None:
    house.describe("kpi", "kpi_things", {"member": {"names_may_match": True}, "value": {}, "marker": {}})
    house.run("insert into kpi.kpi_things values ('Rotes Kreuz Nord GmbH', 1, 1)")
    house.publish()
    house.run("insert into kpi.kpi_things values ('office@example.org', 1, 1)")
    with pytest.raises(CrmError, match="holds an e-mail address"):
        house.publish()


def test_a_list_of_texts_is_searched_too(house: House) -> None:
    house.run(
        "create table kpi.kpi_lists (members varchar[]); insert into kpi.kpi_lists values (['x', 'a@example.org'])"
    )
    house.describe("kpi", "kpi_lists", {"members": {}})
    with pytest.raises(CrmError, match=r"kpi.kpi_lists.members holds an e-mail address"):
        house.publish()


def test_a_described_model_without_a_table_stops_it(house: House) -> None:
    house.describe("kpi", "kpi_missing", {"value": {}})
    with pytest.raises(CrmError, match=r"the model kpi.kpi_missing has no table"):
        house.publish()


def test_views_of_the_warehouse_become_tables(house: House) -> None:
    house.run('create view kpi.kpi_view as select count(*) as value from "warehouse"."core"."dim_customers"')
    house.describe("kpi", "kpi_view", {"value": {}})
    house.publish()
    assert house.query("from kpi.kpi_view") == [(2,)]


def test_leftovers_of_a_killed_run_are_removed(house: House) -> None:
    folder = house.settings.published_path.parent
    folder.mkdir()
    (folder / ".crm-killed.duckdb").write_text("half")
    (folder / ".crm-killed.duckdb.wal").write_text("half")
    house.publish()
    assert [path.name for path in folder.iterdir()] == ["crm.duckdb"]


def test_the_file_is_nobodys_to_write_and_the_groups_to_read(house: House) -> None:
    path = house.publish().path
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_folder_that_cannot_be_written_is_one_sentence(house: House) -> None:
    house.settings.published_path.parent.write_text("in the way")
    with pytest.raises(CrmError, match="the analysts' database could not be published"):
        house.publish()


READER = """
import sys, pathlib, duckdb
path, stop = sys.argv[1], pathlib.Path(sys.argv[2])
seen = set()
while not stop.exists():
    with duckdb.connect(path, read_only=True, config={"threads": 1}) as connection:
        markers = connection.execute(
            "select distinct marker from core.dim_customers union select marker from kpi.kpi_things"
            " union select cast(run_id as bigint) from meta.publication"
        ).fetchall()
        assert len(markers) == 1, f"half state: {markers}"
        seen.add(markers[0][0])
print(sorted(seen))
"""


def test_ten_readers_see_no_error_and_no_half_state_during_three_swaps(house: House, tmp_path: Path) -> None:
    house.publish("1")
    stop = tmp_path / "stop"
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, house.settings.published_path, stop],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(10)
    ]
    time.sleep(3)
    for night in (2, 3, 4):
        house.run(f"update core.dim_customers set marker = {night}; update kpi.kpi_things set marker = {night}")
        house.publish(str(night))
        time.sleep(1)
    stop.touch()
    outcomes = [reader.communicate(timeout=60) for reader in readers]
    assert [error for _, error in outcomes if error] == []
    assert any("4" in seen for seen, _ in outcomes)
