"""A lake on a real PostgreSQL server: readers see whole nights, a killed writer leaves one, erasure leaves nothing."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project import cli
from dagster_project.errors import CrmError
from dagster_project.nightly.activating import share_night
from dagster_project.nightly.session import Night
from dagster_project.publication import publish
from dagster_project.publication.ducklake import Shared, forget_past, opened_lake, read_state, share
from dagster_project.publication.ducklake_settings import Lake, read_lake
from tests.postgres import READER, Server
from tests.unit.publication.houses import House

FIRST = date(2025, 3, 1)
NIGHTS = 5
READERS = 4
ROWS = 20_000
SUBJECT = "00000000somebody"
PATIENCE = 180


@dataclass(frozen=True)
class Shore:
    """A house with a lake.

    Args:
        house: The data directory of the machine that writes.
        lake: The lake, as that machine sees it.
        server: Its catalog.
        database: Where on the server.
    """

    house: House
    lake: Lake
    server: Server
    database: str

    def night(self, number: int) -> Shared:
        """Change two of three tables, publish and share."""
        self.house.run(f"update core.dim_customers set marker = {number}; update kpi.kpi_things set marker = {number}")
        return self.publish(number)

    def publish(self, number: int) -> Shared:
        publish(
            manifest_path=self.house.folder / "manifest.json",
            settings=self.house.settings,
            as_of=FIRST + timedelta(number),
            run_id=str(number),
        )
        return share(self.lake, settings=self.house.settings)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with opened_lake(self.lake, settings=self.house.settings) as connection:
            return connection.execute(sql).fetchall()

    def nights(self) -> list[date | None]:
        """Nights that can be read, the newest first."""
        return [one.as_of for one in read_state(self.lake, settings=self.house.settings).snapshots]

    def files(self) -> set[str]:
        return {str(path.relative_to(self.data)) for path in self.data.rglob("*") if path.is_file()}

    def files_in_catalog(self) -> set[str]:
        """Paths by the catalog: those of any night, and those that will be deleted."""
        rows = self.server.query(
            """
            select s.path || t.path || f.path
            from ducklake_data_file f join ducklake_table t using (table_id) join ducklake_schema s using (schema_id)
            union all
            select path from ducklake_files_scheduled_for_deletion
            """,
            database=self.database,
        )
        return {str(path) for (path,) in rows}

    @property
    def data(self) -> Path:
        return Path(self.lake.data or "")


@pytest.fixture
def shore(tmp_path: Path, postgres: Server) -> Shore:
    house = House(tmp_path / "data")
    house.folder.mkdir()
    house.build()
    house.run(f"create table core.fct_calm as select range as number, '{SUBJECT}' || range as text from range({ROWS})")
    house.describe("core", "fct_calm", {"number": {}, "text": {}})
    database = postgres.new_database()
    lake = read_lake({"CRM_LAKE_CATALOG": postgres.address(database), "CRM_LAKE_DATA": str(tmp_path / "lake")})
    assert lake
    return Shore(house, lake, postgres, database)


# Readers --------------------------------------------------------------------------------------------------------------

READING = """
import json, sys, time, duckdb, pathlib
from dagster_project.publication.ducklake_attaching import attach
from dagster_project.publication.ducklake_settings import Lake
address, stop, told = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
seen = []
with duckdb.connect(config={"threads": 1}) as connection:
    attach(connection, Lake(address, None, 1), read_only=True)
    connection.execute("use lake")
    while True:
        is_last = stop.exists()
        together = connection.execute(
            "select distinct marker from core.dim_customers union select marker from kpi.kpi_things"
            " union select cast(run_id as bigint) from meta.publication"
        ).fetchall()
        assert len(together) == 1, f"half a night in one query: {together}"
        connection.execute("begin")
        one_by_one = {
            connection.execute(sql).fetchone()[0]
            for sql in (
                "select max(marker) from core.dim_customers",
                "select min(marker) from kpi.kpi_things",
                "select cast(run_id as bigint) from meta.publication",
            )
        }
        count = connection.execute("select count(*) from core.fct_calm").fetchone()[0]
        connection.execute("commit")
        assert len(one_by_one) == 1, f"half a night in one transaction: {one_by_one}"
        assert count == int(sys.argv[4]), count
        seen += [night for night in (together[0][0], *one_by_one) if night not in seen]
        told.write_text(json.dumps(seen))
        time.sleep(0.02)
        if is_last:
            break
"""


def test_four_readers_always_see_exactly_one_night_while_five_are_written(shore: Shore, tmp_path: Path) -> None:
    shore.night(0)
    address = shore.server.address(shore.database, user=READER)
    stop, told = tmp_path / "stop", [tmp_path / f"reader_{number}.json" for number in range(READERS)]
    readers = [start_reader(address, stop, path) for path in told]
    try:
        wait_until(lambda: all(path.exists() for path in told), of=readers)
        for number in range(1, NIGHTS + 1):
            shore.night(number)
        stop.touch()
        codes = [reader.wait(timeout=PATIENCE) for reader in readers]
    finally:
        for reader in readers:
            reader.kill()
    assert codes == [0] * READERS, [path.with_suffix(".err").read_text() for path in told]
    nights = [json.loads(path.read_text()) for path in told]
    assert all(seen == sorted(seen) and seen[-1] == NIGHTS for seen in nights), nights
    assert any(len(seen) > 2 for seen in nights), f"nobody read while nights were written: {nights}"


def start_reader(address: str, stop: Path, told: Path) -> subprocess.Popen[bytes]:
    """Another process that reads until `stop` exists, and keeps in `told` which nights it has seen."""
    with told.with_suffix(".err").open("w") as error:
        return subprocess.Popen([sys.executable, "-c", READING, address, stop, told, str(ROWS)], stderr=error)


def wait_until(is_so: Callable[[], bool], *, of: list[subprocess.Popen[bytes]]) -> None:
    """Wait, or give up when somebody else has."""
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        assert all(one.poll() is None for one in of)
        time.sleep(0.02)


def test_a_reader_can_look_at_an_earlier_night(shore: Shore) -> None:
    for number in (1, 2):
        shore.night(number)
    snapshot = read_state(shore.lake, settings=shore.house.settings).snapshots[-1].snapshot
    assert shore.query("select distinct marker from core.dim_customers") == [(2,)]
    assert shore.query(f"select distinct marker from core.dim_customers at (version => {snapshot})") == [(1,)]


def test_readers_cannot_write(shore: Shore) -> None:
    shore.night(1)
    as_reader = replace(shore, lake=replace(shore.lake, catalog=shore.server.address(shore.database, user=READER)))
    for writing in ("delete from meta.publication", "create table core.mine as select 1"):
        with pytest.raises(duckdb.Error), opened_lake(as_reader.lake, settings=shore.house.settings) as connection:
            connection.execute(writing)
    with pytest.raises(CrmError, match="permission denied"):
        as_reader.night(2)
    assert shore.query("from meta.publication") == [(FIRST + timedelta(1), "1")]


# What a night writes --------------------------------------------------------------------------------------------------


def test_the_lake_repeats_the_published_database_with_its_descriptions(shore: Shore) -> None:
    told = shore.night(1)
    assert (told.as_of, told.run_id, told.written, told.kept) == (FIRST + timedelta(1), "1", 5, 0)
    for table in ("core.dim_customers", "core.fct_calm", "kpi.kpi_things", "meta.publication", "meta.tables"):
        assert sorted(shore.query(f"from {table}")) == sorted(shore.house.query(f"from {table}")), table
    assert shore.query("select comment from duckdb_tables() where table_name = 'kpi_things'") == [
        ("All of kpi_things, it's said",)
    ]
    assert shore.query("select comment from duckdb_columns() where column_name = 'city'") == [("The city",)]


def test_a_table_that_did_not_change_is_not_written_again(shore: Shore) -> None:
    shore.night(1)
    calm = {name for name in shore.files() if "fct_calm" in name}
    told = shore.night(2)
    assert (told.written, told.kept) == (3, 2)  # meta.tables and fct_calm are as they were
    assert {name for name in shore.files() if "fct_calm" in name} == calm
    assert share(shore.lake, settings=shore.house.settings).written == 0
    assert shore.nights() == [FIRST + timedelta(2), FIRST + timedelta(1)]


def test_a_version_that_publication_noted_is_believed(shore: Shore) -> None:
    shore.night(1)
    with duckdb.connect(str(shore.house.settings.published_path)) as connection:
        connection.execute("update meta.contents set version = 'a' where table_name = 'fct_calm'")
    assert [share(shore.lake, settings=shore.house.settings).written for _ in range(2)] == [1, 0]


def test_tables_and_columns_come_and_go(shore: Shore) -> None:
    shore.night(1)
    shore.house.run("alter table kpi.kpi_things add column more integer")
    shore.house.describe("kpi", "kpi_things", {"member": {}, "more": {}, "marker": {}})
    manifest = shore.house.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"name": "fct_calm"', '"name": "fct_new"'))
    shore.house.run("alter table core.fct_calm rename to fct_new")
    told = shore.night(2)
    assert told.dropped == 1
    tables = shore.query("select table_name from duckdb_tables() where schema_name = 'core' order by all")
    assert tables == [("dim_customers",), ("fct_new",)]
    assert shore.query("select member, more from kpi.kpi_things") == [("total", None)]


def test_nights_are_let_go_after_their_number_and_their_files_one_publication_later(shore: Shore) -> None:
    shore = replace(shore, lake=replace(shore.lake, nights=2))
    for number in (1, 2, 2, 3):
        shore.house.run("update kpi.kpi_things set value = value + 1")
        shore.night(number)
    assert shore.nights() == [FIRST + timedelta(3), FIRST + timedelta(2)]
    late = shore.files()
    assert late == shore.files_in_catalog()
    shore.night(4)
    assert shore.nights() == [FIRST + timedelta(4), FIRST + timedelta(3)]
    assert len(late - shore.files()) == 4  # what night 3 let go of night 1: three tables, and how each of them looked


# Killed, erased -------------------------------------------------------------------------------------------------------

KILLED = """
import sys, time
from dagster_project.publication import ducklake
from tests.integration.test_lake import House, Lake
from pathlib import Path
def linger(*arguments):
    Path(sys.argv[5]).touch()
    time.sleep(60)
if sys.argv[4] == "all written":
    ducklake._remember = linger
else:
    Path(sys.argv[5]).touch()
ducklake.share(Lake(sys.argv[1], sys.argv[2], 7), settings=House(Path(sys.argv[3])).settings)
"""


@pytest.mark.parametrize("moment", ["all written", "0.2"])
def test_a_killed_writer_leaves_the_night_before(shore: Shore, moment: str, tmp_path: Path) -> None:
    shore.night(1)
    shore.house.run("update core.dim_customers set marker = 2; update kpi.kpi_things set marker = 2")
    publish(
        manifest_path=shore.house.folder / "manifest.json",
        settings=shore.house.settings,
        as_of=FIRST + timedelta(2),
        run_id="2",
    )
    begun = tmp_path / "begun"
    arguments = [shore.lake.catalog, str(shore.data), str(shore.house.folder), moment, str(begun)]
    with subprocess.Popen([sys.executable, "-c", KILLED, *arguments]) as writer:
        wait_until(begun.exists, of=[writer])
        time.sleep(0 if moment == "all written" else float(moment))
        writer.send_signal(signal.SIGKILL)
    sql = (
        "select distinct marker from core.dim_customers union select marker from kpi.kpi_things"
        " union select cast(run_id as bigint) from meta.publication"
    )
    assert shore.query(sql) in ([[(1,)]] if moment == "all written" else [[(1,)], [(2,)]])
    share(shore.lake, settings=shore.house.settings)
    assert shore.query(sql) == [(2,)]
    assert shore.files() == shore.files_in_catalog(), "what the killed writer left lies about"


def test_an_erasure_leaves_nothing_in_earlier_nights_in_files_or_in_the_catalog(shore: Shore) -> None:
    shore.house.run(f"update core.dim_customers set customer_key = '{SUBJECT}' where customer_key = 'a'")
    for number in (1, 2):
        shore.night(number)
    assert places_of(shore) == {"file", "smallest or greatest value"}
    shore.house.run(
        f"delete from core.dim_customers where customer_key = '{SUBJECT}'; delete from core.fct_calm where true"
    )
    publish(
        manifest_path=shore.house.folder / "manifest.json",
        settings=shore.house.settings,
        as_of=FIRST + timedelta(2),
        run_id="rebuilt",
    )
    forget_past(shore.lake, settings=shore.house.settings)
    assert shore.nights() == [FIRST + timedelta(2)]
    assert places_of(shore) == set()
    assert shore.files() == shore.files_in_catalog()
    assert shore.query("select customer_key from core.dim_customers") == [("b",)]


def places_of(shore: Shore) -> set[str]:
    """Where the subject is found: in rows of files, whatever night they are of, and in any table of the catalog."""
    found = set()
    with duckdb.connect() as connection:
        for name in shore.files():
            sql = f"select 1 from '{shore.data / name}' as rows where contains(cast(rows as varchar), '{SUBJECT}')"
            if connection.execute(f"{sql} limit 1").fetchone():
                found.add("file")
    tables = shore.server.query("select tablename from pg_tables where schemaname = 'public'", database=shore.database)
    hits = " union all ".join(
        f"select 1 as hit from {table} as t where cast(t as text) like '%{SUBJECT}%'" for (table,) in tables
    )
    if shore.server.query(hits, database=shore.database):
        found.add("smallest or greatest value")
    return found


# What can go wrong ----------------------------------------------------------------------------------------------------


def test_a_lake_that_cannot_be_reached_is_a_warning_of_the_night_and_caught_up_later(
    shore: Shore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shore.night(1)
    night = Night(settings=shore.house.settings, as_of=FIRST, run_id="2")
    monkeypatch.setenv("CRM_LAKE_CATALOG", f"dbname=nowhere host={shore.server.folder} user=postgres")
    monkeypatch.setenv("CRM_LAKE_DATA", str(shore.data))
    share_night(night)
    (warning,) = night.record().warnings
    assert 'the lake cannot be used: database "nowhere" does not exist' in warning
    monkeypatch.setenv("CRM_LAKE_CATALOG", shore.lake.catalog)
    night = Night(settings=shore.house.settings, as_of=FIRST, run_id="3")
    share_night(night)
    assert night.record().warnings == ()
    assert [step.step for step in night.record().steps] == ["· lake"]


def test_a_folder_with_other_files_is_not_taken(shore: Shore) -> None:
    shore.data.mkdir()
    (shore.data / "others.parquet").write_text("not ours")
    with pytest.raises(CrmError, match="needs a folder of its own"):
        shore.night(1)
    assert shore.files() == {"others.parquet"}


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("update ducklake_metadata set value = '0.3' where key = 'version'", "catalog has format 0.3, and this"),
        ("update ducklake_metadata set value = '/elsewhere/' where key = 'data_path'", "files are somewhere else"),
    ],
)
def test_a_lake_that_does_not_fit_is_one_sentence(shore: Shore, statement: str, told: str) -> None:
    shore.night(1)
    shore.server.run(statement, database=shore.database)
    with pytest.raises(CrmError, match=told):
        shore.night(2)


def test_files_that_cannot_be_written_leave_the_night_before(shore: Shore) -> None:
    shore.night(1)
    folder = shore.data / "kpi"
    shutil.rmtree(folder)
    folder.write_text("in the way")
    with pytest.raises(CrmError, match="the lake cannot be used"):
        shore.night(2)
    assert shore.query("select run_id from meta.publication") == [("1",)]


def test_crm_lake_tells_machines_and_people(
    shore: Shore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRM_LAKE_CATALOG", shore.lake.catalog)
    monkeypatch.setenv("CRM_LAKE_DATA", str(shore.data))
    monkeypatch.setenv("CRM_DATA_DIR", str(shore.house.folder))
    assert cli.run(["lake", "status"]) == 1
    assert "there is no lake yet" in capsys.readouterr().err
    shore.house.publish("7")
    assert cli.run(["lake", "publish"]) == 0
    assert "5 tables written" in capsys.readouterr().out
    assert cli.run(["sql", "--lake", "--format", "csv", "select run_id from meta.publication"]) == 0
    assert capsys.readouterr().out == "run_id\n7\n"
    assert cli.run(["lake", "expire", "--json"]) == 0
    assert '"written": 0' in capsys.readouterr().out
    assert cli.run(["lake", "status", "--json"]) == 0
    told = capsys.readouterr().out
    assert '"run_id": "7"' in told
    assert "user=…" in told
