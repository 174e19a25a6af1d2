"""A company of several branches is one company: no number twice, one header per file, one truth."""

from __future__ import annotations

import gc
import gzip
import json
import shutil
import sys
import weakref
import zlib
from datetime import date, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.errors import CrmError
from dagster_project.simulation import SimulationResult, act, simulate
from dagster_project.simulation.branches import BRANCH_CUSTOMERS, STEP, branches_of, only_branch, told
from dagster_project.simulation.company import BOHNENWERK
from dagster_project.simulation.drafts import Drafts
from dagster_project.simulation.exports import NDJSON, PARQUET, slices
from dagster_project.simulation.figures import Figure
from dagster_project.simulation.horizon import Horizon
from dagster_project.simulation.sums import added_figures, added_records
from dagster_project.simulation.world import World, make_branch
from dagster_project.simulation.writers import all_exports
from tests.unit.simulation.test_files import read_text_csv
from tests.unit.simulation.test_reaction import put_list

CUSTOMERS, MONTHS, SEED, NIGHTS = 310, 12, 5, 4
START = date(2024, 1, 1)


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    out = tmp_path_factory.mktemp("divided")
    return simulate(customers=CUSTOMERS, months=MONTHS, seed=SEED, start=START, out=out, nights=NIGHTS, branches=3)


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    horizon = Horizon(START, MONTHS, NIGHTS)
    branches = branches_of(BOHNENWERK, customers=CUSTOMERS, seed=SEED, count=3)
    return [make_branch(BOHNENWERK, horizon, branch, on_progress=lambda _step: None) for branch in branches]


def _truth(company: SimulationResult, name: str) -> Any:
    return json.loads((company.truth / f"{name}.json").read_text())


def _rows(path: Path) -> int:
    """Rows of a file as its reader counts them; -1 for one whose end is torn off."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).height
    if path.suffix == ".xlsx":
        return pl.read_excel(path).height
    if path.suffix == ".csv":
        return read_text_csv(path).height
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.decode("utf-16").count("\n") - 1 if path.suffix == ".txt" else data.count(b"\n")


def test_every_file_holds_the_rows_of_every_branch_and_what_goes_wrong_beside_them(
    divided: SimulationResult, worlds: list[World]
) -> None:
    expected: dict[str, int] = {}
    for world in worlds:
        for export in all_exports(world):
            for part in slices(export, world.horizon):
                rows = export.layout(part.rows).height
                expected[part.path] = expected.get(part.path, 0) + rows
    dirt = _truth(divided, "truth")["dirt"]
    for incident in dirt:
        if incident["kind"] in ("bad_rows", "repeated_rows", "repeated_key"):
            expected[incident["file"]] += incident["rows"]
    torn = {incident["file"] for incident in dirt if incident["kind"] == "truncated"}
    copies = {incident["file"] for incident in dirt if incident["kind"] == "resent"}
    assert set(divided.files) == expected.keys() | copies
    for path, rows in expected.items():
        if path not in torn:
            assert _rows(divided.landing / path) == rows, path


def test_no_number_is_given_twice(divided: SimulationResult) -> None:
    accounts = pl.read_parquet(divided.truth / "identities.parquet")
    assert accounts.select("source_system", "account_id").is_duplicated().sum() == 0
    for table, key in (
        ("customers", ["person_id"]),
        ("orders", ["source_system", "order_id"]),
        ("tickets", ["ticket_id"]),
    ):
        assert pl.read_parquet(divided.truth / f"{table}.parquet").select(key).is_duplicated().sum() == 0, table
    sessions = pl.read_parquet(sorted((divided.landing / "web").iterdir()))
    assert sessions["session_id"].is_duplicated().sum() == 0
    known = sessions.drop_nulls("customer_id").group_by("visitor_id").agg(pl.col("customer_id").n_unique())
    assert known["customer_id"].max() == 1


def test_no_address_and_no_telephone_number_belongs_to_two(worlds: list[World]) -> None:
    people = pl.concat([world.people.frame for world in worlds])
    for column in ("person", "email", "phone_digits"):
        assert people[column].is_duplicated().sum() == 0, column
    assert people["person"].sort().to_list() == list(range(people.height))
    assert pl.concat([world.people.contacts for world in worlds])["email"].is_duplicated().sum() == 0


def test_a_branch_does_not_repeat_another(worlds: list[World]) -> None:
    first, second = (world.customers.head(50) for world in worlds[:2])
    assert not set(first["rate_per_month"]) & set(second["rate_per_month"])


def test_a_header_stands_once_in_a_file_and_shared_lists_come_once(divided: SimulationResult) -> None:
    for path in divided.landing.rglob("*.csv"):
        lines = path.read_bytes().splitlines()
        assert lines.count(lines[0]) == 1, path.name
    for path in (divided.landing / "navision").glob("Artikel_*"):
        assert read_text_csv(path)["Artikelnr."].is_duplicated().sum() == 0
    staff = read_text_csv(sorted((divided.landing / "navision").glob("Mitarbeiter_*"))[0])
    assert staff["Personalnr."].is_duplicated().sum() == 0


def test_the_truth_is_that_of_all_branches(divided: SimulationResult, worlds: list[World]) -> None:
    counts = _truth(divided, "truth")["counts"]
    for table, rows in counts.items():
        assert pl.read_parquet(divided.truth / f"{table}.parquet").height == rows, table
    customers = pl.read_parquet(divided.truth / "customers.parquet")
    known = _truth(divided, "kpi_truth")
    alive = {one["member"]: one for one in known["figures"] if one["kpi"] == "alive_at_end"}
    for (segment,), part in customers.group_by("segment"):
        assert alive[str(segment)]["realised"] == pytest.approx(part["is_alive_at_end"].mean(), abs=1e-8)
        assert alive[str(segment)]["sample_size"] == part.height
    visits = sum(month["visits"] for month in known["monthly"]["store_visits"])
    assert visits == sum(world.visits.height for world in worlds)
    months = [month["month"] for month in known["monthly"]["wins"]]
    assert months == sorted(set(months))
    ledger = pl.read_parquet(divided.truth / "cost_entries.parquet")
    assert sum(entry["amount_eur"] for entry in known["costs"]) == pytest.approx(ledger["amount_eur"].sum())


def test_the_number_of_branches_follows_from_the_size(tmp_path: Path) -> None:
    assert len(branches_of(BOHNENWERK, customers=BRANCH_CUSTOMERS, seed=7)) == 1
    assert branches_of(BOHNENWERK, customers=400, seed=7) == (only_branch(customers=400, seed=7),)
    branches = branches_of(BOHNENWERK, customers=250_001, seed=7)
    assert [branch.customers for branch in branches] == [83_334, 83_334, 83_333]
    assert len({branch.seed for branch in branches}) == 3
    simulate(customers=90, months=2, seed=1, start=START, out=tmp_path, branches=2)
    with pytest.raises(CrmError, match="another demo company"):
        simulate(customers=90, months=2, seed=1, start=START, out=tmp_path)


def test_no_branch_is_in_memory_beside_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds: list[weakref.ref[World]] = []

    def drawn(*args: Any, **options: Any) -> World:
        gc.collect()
        assert not [world for world in worlds if world() is not None]
        world = make_branch(*args, **options)
        worlds.append(weakref.ref(world))
        return world

    monkeypatch.setattr(sys.modules[simulate.__module__], "make_branch", drawn)
    simulate(customers=90, months=2, seed=1, start=START, out=tmp_path, branches=3)
    assert len(worlds) == 3


def test_a_branch_says_which_it_is_when_there_are_several() -> None:
    said: list[str] = []
    for branch in branches_of(BOHNENWERK, customers=60, seed=1, count=2):
        told(said.append, branch)("orders")
    told(said.append, only_branch(customers=60, seed=1))("orders")
    assert said == ["orders, branch 1 of 2", "orders, branch 2 of 2", "orders"]


def test_more_records_than_numbers_are_refused() -> None:
    branch = branches_of(BOHNENWERK, customers=60, seed=1, count=2)[1]
    with pytest.raises(CrmError, match="records of one kind"):
        branch.renumbered(pl.DataFrame({"session": [STEP]}))
    moved = branch.renumbered(pl.DataFrame({"person": [-3, -1, 0], "order": [None, 4, 5]}))
    first = branch.first_person
    assert moved.rows() == [(-3 - 2 * first, None), (-1, STEP + 4), (first, STEP + 5)]


def test_a_file_that_grows_is_the_file_written_at_once(tmp_path: Path) -> None:
    whole = pl.DataFrame({"number": range(5_000), "text": [f"row {number % 77}" for number in range(5_000)]})
    parts = [whole.head(1_700), whole.slice(1_700, 1), whole.tail(3_299)]
    drafts = Drafts(tmp_path / "drafts", branches=3)
    for part in parts:
        drafts.add("rows.ndjson.gz", part, form=NDJSON, is_packed=True)
        drafts.add("rows.parquet", part, form=PARQUET)
        drafts.add("never.ndjson", part, form=NDJSON)
    drafts.finish("rows.ndjson.gz", tmp_path / "rows.ndjson.gz")
    drafts.finish("rows.parquet", tmp_path / "rows.parquet")
    drafts.close()
    data = (tmp_path / "rows.ndjson.gz").read_bytes()
    assert zlib.decompress(data, wbits=31) == NDJSON.encode(whole)
    assert data == gzip.compress(NDJSON.encode(whole), compresslevel=6, mtime=0)
    assert pl.read_parquet(tmp_path / "rows.parquet").equals(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.ndjson.gz", "rows.parquet"]


def test_figures_are_weighted_by_their_samples_and_counts_added() -> None:
    def share(realised: float | None, size: int, parameter: str = "share") -> Figure:
        return Figure("win_rate", "total", "total", parameter, 0.5, realised, size)

    def count(value: float) -> Figure:
        return Figure("loyalty_extra_orders", "total", "total", "the customer club", None, value, 10)

    added = added_figures([[share(0.25, 4), count(3)], [share(0.75, 12), count(4)], [share(None, 0), count(0)]])
    assert [(one.realised, one.expected, one.sample_size) for one in added] == [(0.625, 0.5, 16), (7, None, 30)]
    named = added_figures([[share(0.1, 1, "effect * living share 0.5")], [share(0.2, 1, "effect * living share 0.7")]])
    assert named[0].parameter == "effect * living share"


def test_records_are_added_up_by_their_words() -> None:
    one = [{"month": "2024-02-01", "won": 1, "cents": 0.1}]
    other = [{"month": "2024-01-01", "won": 5, "cents": 1.0}, {"month": "2024-02-01", "won": 2, "cents": 0.2}]
    assert added_records([one, other]) == [
        {"month": "2024-01-01", "won": 5, "cents": 1.0},
        {"month": "2024-02-01", "won": 3, "cents": 0.3},
    ]


def test_people_of_every_branch_answer_one_list(divided: SimulationResult, worlds: list[World], tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    shutil.copyfile(divided.truth / "truth.json", tmp_path / "truth" / "truth.json")
    accounts = pl.read_parquet(divided.truth / "identities.parquet").filter(pl.col("source_system") == "mailchimp")
    keys = [md5(f"mailchimp|{one}".encode(), usedforsecurity=False).hexdigest() for one in accounts["account_id"]]
    night = divided.end - timedelta(days=40)
    put_list(tmp_path, [*keys, "nobody"], night=night)
    result = act(out=tmp_path, effect=1.0)
    contacts = pl.read_parquet(result.truth / "reactions.parquet")
    assert result.addressed == len(keys) == contacts["person"].n_unique()
    assert result.unreachable == 1
    bought = set(contacts.filter("is_converted")["person"])
    assert all(bought & set(world.people.frame["person"]) for world in worlds)
    tables = {path: read_text_csv(result.landing / path) for path in result.files}
    sent = [table for path, table in tables.items() if "recipients_" in path]
    assert sum(table.height for table in sent) == len(keys)
    assert all("LEID" not in table["LEID"].to_list() for table in sent)
    assert [table.height for path, table in tables.items() if "list_campaigns" in path] == [1]
