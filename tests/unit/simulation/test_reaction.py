"""The company acts on lists: who is new on one is addressed once, and the effect is the one that was asked for."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagster_project.errors import CrmError
from dagster_project.ingestion import ingest, load_catalog
from dagster_project.settings import load_settings
from dagster_project.simulation import ActResult, SimulationResult, act
from dagster_project.simulation.draws import keyed

NIGHT = date(2025, 3, 31)
LATER = NIGHT + timedelta(days=7)
WIN_BACK, OTHER = "seg_win_back", "seg_other"


@pytest.fixture
def out(company: SimulationResult, tmp_path: Path) -> Path:
    """A data directory of the company without its files, into which lists are put."""
    (tmp_path / "truth").mkdir()
    shutil.copyfile(company.truth / "truth.json", tmp_path / "truth" / "truth.json")
    return tmp_path


@pytest.fixture(scope="session")
def subscribers(company: SimulationResult) -> pl.DataFrame:
    """person, customer_key, is_living and is_business of everybody the newsletter tool knows and who has bought."""
    accounts = pl.read_parquet(company.truth / "identities.parquet").filter(pl.col("source_system") == "mailchimp")
    customers = pl.read_parquet(company.truth / "customers.parquet")
    known = accounts.join(customers, on="person_id", how="inner").filter(pl.col("first_purchase_at") < pl.lit(NIGHT))
    keys = [hashlib.md5(f"mailchimp|{one}".encode()).hexdigest() for one in known["account_id"]]
    sent_at = pl.lit(NIGHT + timedelta(days=1)).cast(pl.Datetime("us")) + pl.duration(hours=8)
    return known.select(
        person=pl.col("person_id").str.slice(1).cast(pl.Int64),
        customer_key=pl.Series(keys),
        is_living=pl.col("dropped_out_at").is_null() | (pl.col("dropped_out_at") > sent_at),
        is_business="is_business",
    ).sort("person")


def put_list(
    out: Path, keys: Sequence[str], *, segment: str = WIN_BACK, night: date = NIGHT, channel: str = "email"
) -> None:
    """Lay a list where a delivered one would lie."""
    place = out / "exports" / segment / night.isoformat()
    place.mkdir(parents=True)
    pl.DataFrame({"customer_key": keys}, schema={"customer_key": pl.String}).write_parquet(place / "members.parquet")
    settings = {"channel": channel, "purpose": "marketing", "outcome_days": 20}
    (place / "manifest.json").write_text(json.dumps({"definition": {"settings": settings}}))


def contents(result: ActResult) -> dict[str, bytes]:
    """Path and bytes of everything that was written."""
    return {path: (result.landing / path).read_bytes() for path in result.files}


def rows(result: ActResult, kind: str) -> pl.DataFrame:
    """All rows of one kind of file."""
    parts = [
        pl.read_csv(result.landing / path, infer_schema=False)
        for path in result.files
        if Path(path).name.startswith(kind)
    ]
    return pl.concat(parts) if parts else pl.DataFrame()


def reactions(result: ActResult) -> pl.DataFrame:
    return pl.read_parquet(result.truth / "reactions.parquet")


def test_whoever_is_new_on_a_list_is_addressed_once_and_again_when_he_comes_back(
    out: Path, subscribers: pl.DataFrame
) -> None:
    a, b, c = subscribers["customer_key"][:3]
    put_list(out, [a, b])
    put_list(out, [b, c], night=LATER)
    put_list(out, [a, b], night=LATER + timedelta(days=7))
    (out / "exports" / WIN_BACK / "held_back" / "2025-04-20").mkdir(parents=True)
    (out / "exports" / WIN_BACK / "latest").symlink_to(NIGHT.isoformat())
    result = act(out=out)
    assert reactions(result).select("night", "customer_key").sort("night", "customer_key").rows() == sorted(
        [(NIGHT, a), (NIGHT, b), (LATER, c), (LATER + timedelta(days=7), a)]
    )
    assert (result.lists, result.addressed, result.unreachable) == (3, 4, 0)
    assert rows(result, "recipients_").height == 4
    campaigns = rows(result, "list_campaigns_")
    assert campaigns["target_group"].unique().to_list() == [WIN_BACK]
    assert [campaigns["Campaign ID"].to_list().count(one) for one in sorted(set(campaigns["Campaign ID"]))] == [3, 2, 1]


def test_answers_do_not_depend_on_what_else_left(out: Path, subscribers: pl.DataFrame, tmp_path: Path) -> None:
    keys = subscribers["customer_key"].to_list()
    put_list(out, keys[:40])
    alone = reactions(act(out=out, effect=0.5))
    put_list(out, keys[60:], segment=OTHER)
    put_list(out, keys[10:50], night=LATER)
    beside = reactions(act(out=out, effect=0.5))
    first = beside.filter(pl.col("segment") == WIN_BACK, pl.col("night") == NIGHT)
    assert first.equals(alone)
    assert 0 < first["is_converted"].sum() < 40


def test_nights_written_one_by_one_are_the_files_of_all_at_once(out: Path, subscribers: pl.DataFrame) -> None:
    put_list(out, subscribers["customer_key"][:60].to_list())
    middle = NIGHT + timedelta(days=3)
    first = contents(act(out=out, effect=0.4, until=middle))
    rest = contents(act(out=out, effect=0.4, after=middle))
    assert first
    assert rest
    assert not first.keys() & rest.keys()
    assert contents(act(out=out, effect=0.4)) == first | rest


def test_the_share_who_order_is_the_effect(out: Path, subscribers: pl.DataFrame) -> None:
    put_list(out, subscribers["customer_key"].to_list())
    truth = reactions(act(out=out, effect=0.3))
    living = subscribers.filter("is_living")
    converted = truth.join(living, on="person").get_column("is_converted")
    assert converted.len() > 80
    deviation = (0.3 * 0.7 / converted.len()) ** 0.5
    assert converted.mean() == pytest.approx(0.3, abs=3 * deviation)
    assert truth.filter(pl.col("probability") == 0)["person"].sort().to_list() == sorted(
        set(subscribers["person"]) - set(living["person"])
    )


def test_without_an_effect_nobody_orders_and_with_all_of_it_everybody_who_is_left_does(
    out: Path, subscribers: pl.DataFrame, tmp_path: Path
) -> None:
    put_list(out, subscribers["customer_key"].to_list())
    nothing = act(out=out, effect=0.0)
    assert nothing.converted == 0
    assert rows(nothing, "orders_export_").is_empty()
    (out / "truth" / "reactions.json").unlink()
    everything = act(out=out, effect=1.0)
    assert everything.converted == subscribers["is_living"].sum()


def test_what_the_message_gains_are_those_who_would_not_have_ordered(out: Path, subscribers: pl.DataFrame) -> None:
    put_list(out, subscribers["customer_key"].to_list())
    result = act(out=out, effect=0.5)
    truth = reactions(result)
    told = json.loads((result.truth / "reactions.json").read_text())["segments"][WIN_BACK]
    gained = truth.filter(~pl.col("would_have_bought"))["probability"].sum() / truth.height
    assert told["total"]["lift"] == pytest.approx(gained, abs=1e-9)
    assert sum(part["addressed"] for name, part in told.items() if name != "total") == truth.height
    assert 0 < told["total"]["would_have_bought"] < truth.height


def test_arguments_and_lists_have_their_own_effect(out: Path, subscribers: pl.DataFrame) -> None:
    keys = subscribers.filter("is_living")["customer_key"]
    put_list(out, keys[::2].to_list())
    put_list(out, keys[1::2].to_list(), segment=OTHER)
    truth = reactions(act(out=out))
    effects = truth.group_by("segment", "argument").agg(pl.col("probability").unique()).sort("segment", "argument")
    plain = {"convenience": 0.035, "price": 0.025, "quality": 0.045, "sustainability": 0.065}
    assert (
        dict(effects.filter(pl.col("segment") == OTHER).select("argument", pl.col("probability").list.first()).rows())
        == plain
    )
    stretched = effects.filter(pl.col("segment") == WIN_BACK).select("argument", pl.col("probability").list.first())
    assert dict(stretched.rows()) == pytest.approx({name: 1.5 * effect for name, effect in plain.items()})


def test_orders_come_within_the_window_and_in_the_system_of_the_buyer(out: Path, subscribers: pl.DataFrame) -> None:
    put_list(out, subscribers["customer_key"].to_list())
    result = act(out=out, effect=1.0)
    truth = reactions(result).filter("is_converted").join(subscribers.select("person", "is_business"), on="person")
    days = truth.select((pl.col("order_at").cast(pl.Date) - pl.col("night")).dt.total_days()).to_series()
    assert days.min() == 1
    assert days.max() <= 20  # type: ignore[operator]
    firms = truth["is_business"].sum()
    assert firms > 0
    assert rows(result, "orders_export_").filter(pl.col("Email") != "").n_unique("Name") == truth.height - firms
    told = [path for path in result.files if Path(path).name.startswith("Auftraege_")]
    numbers = pl.concat(
        pl.read_csv(result.landing / path, separator=";", encoding="cp1252", infer_schema=False) for path in told
    )
    assert numbers.n_unique("Auftragsnr.") == firms


def test_every_row_is_read_by_the_mappings(company: SimulationResult, out: Path, subscribers: pl.DataFrame) -> None:
    keys = subscribers["customer_key"].to_list()
    put_list(out, keys[:100])
    put_list(out, keys[100:], segment="seg_service", channel="phone")
    result = act(out=out, effect=0.5)
    settings = load_settings({"CRM_DATA_DIR": str(out)})
    found = ingest(catalog=load_catalog(settings.sources_dir), settings=settings, as_of=company.end)
    batches = [one for one in found if one.status != "stale"]
    assert {one.status for one in batches} == {"loaded"}
    assert {Path(one.file).name for one in batches} == {Path(path).name for path in result.files}
    assert sum(one.quarantined_rows + one.duplicate_rows for one in batches) == 0
    loaded = {one.feed: 0 for one in batches}
    for one in batches:
        loaded[one.feed] += one.loaded_rows
    assert loaded["campaign_contacts"] == result.addressed == len(keys)
    assert loaded["campaigns"] == 2
    assert loaded["campaign_responses"] > result.converted
    assert {"orders", "order_lines"} <= loaded.keys()


def test_only_files_of_its_own_are_written(out: Path, subscribers: pl.DataFrame) -> None:
    put_list(out, subscribers["customer_key"].to_list())
    result = act(out=out, effect=0.2)
    assert all("_reactions_20250331" in path for path in result.files)
    assert all(Path(path).name.split("_reactions_")[0][-8:] > "20250331" for path in result.files)


def test_whoever_unsubscribes_has_withdrawn(out: Path, subscribers: pl.DataFrame) -> None:
    for week in range(12):
        put_list(out, subscribers["customer_key"].to_list(), segment=f"seg_{week}", night=NIGHT + timedelta(days=week))
    result = act(out=out, effect=0.0)
    left = rows(result, "activity_").filter(pl.col("Action") == "unsub")
    withdrawn = rows(result, "consent_log_")
    assert left.height > 5
    assert sorted(left.select("LEID", "Timestamp").rows()) == sorted(withdrawn.select("LEID", "Timestamp").rows())
    assert withdrawn["Event"].unique().to_list() == ["unsubscribed"]
    assert withdrawn["Log ID"].is_unique().all()


def test_calls_and_letters_are_not_opened(out: Path, subscribers: pl.DataFrame) -> None:
    put_list(out, subscribers["customer_key"].to_list(), channel="phone")
    result = act(out=out, effect=0.2)
    assert rows(result, "activity_")["Action"].unique().to_list() == ["conversion"]
    assert rows(result, "recipients_").select("Channel", "Cost EUR").unique().rows() == [("phone", "4.80")]


def test_strangers_are_counted_and_get_nothing(out: Path, subscribers: pl.DataFrame) -> None:
    put_list(out, [subscribers["customer_key"][0], "nobody", "nobody else"])
    result = act(out=out)
    assert (result.addressed, result.unreachable) == (1, 2)


def test_what_cannot_be_is_refused_in_a_sentence(out: Path, subscribers: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(CrmError, match="no demo company"):
        act(out=tmp_path / "elsewhere")
    with pytest.raises(CrmError, match="no list has left"):
        act(out=out)
    put_list(out, subscribers["customer_key"].to_list(), channel="internal")
    with pytest.raises(CrmError, match="no list has left"):
        act(out=out)
    put_list(out, subscribers["customer_key"][:5].to_list(), segment=OTHER)
    act(out=out, effect=0.5)
    with pytest.raises(CrmError, match="another effect"):
        act(out=out, effect=0.4)
    with pytest.raises(CrmError, match="another effect"):
        act(out=out)


def test_keyed_draws_belong_to_their_keys() -> None:
    keys, nights = np.arange(20_000), np.full(20_000, 7)
    drawn = keyed(3, "subject", keys, nights)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert np.histogram(drawn, bins=10, range=(0, 1))[0].std() < 100
    shuffled = np.random.default_rng(0).permutation(20_000)
    assert np.array_equal(keyed(3, "subject", keys[shuffled], nights), drawn[shuffled])
    for other in (keyed(4, "subject", keys, nights), keyed(3, "else", keys, nights), keyed(3, "subject", nights, keys)):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.03
