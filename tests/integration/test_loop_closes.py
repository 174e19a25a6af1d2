"""The loop closes: lists leave, the company acts on them, and what comes back is the truth, once and over seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dagster_project.activation.export import ExportNight, export_segments
from dagster_project.activation.journals import prepare_journals
from dagster_project.ingestion import ingest, load_catalog
from dagster_project.prediction import families, prepare_tables
from dagster_project.settings import Settings, load_settings
from dagster_project.simulation import act, simulate
from dagster_project.transformation import dbt_layout
from tests.benchmarks.lift import bounds, effect_models, measure
from tests.benchmarks.loop import Measured, Plan
from tests.conftest import Company

SEEDS = range(4)
PLAN = Plan(customers=1_200, nights=6, every_days=14)
TRUE_EFFECT = 0.3

LISTS = ("seg_new_customers", "seg_win_back")
NEEDED_BY_JUDGEMENT = (
    *("dim_customers", "dim_customer_records", "dim_consents", "dim_suppressions", "dim_parameters", "dim_campaigns"),
    *("fct_campaign_contacts", "fct_order_lines"),
)
FIRST_NIGHT, LAST_NIGHT = date(2024, 9, 30), date(2024, 12, 31)
HOLDOUT_SHARE = 0.4
EFFECT = 0.6


def _manifest(company: Company) -> dict[str, Any]:
    """The manifest of a night with the SQL of every model, which dbt lays beside it."""
    path = dbt_layout(company.settings).manifest_path
    document: dict[str, Any] = json.loads(path.read_text())
    for node in document["nodes"].values():
        if node["resource_type"] == "model":
            compiled = path.parent / "compiled" / node["package_name"] / node["original_file_path"]
            node["compiled_code"] = compiled.read_text()
    return document


@pytest.fixture(scope="module")
def many(demo: Company) -> dict[float, list[Measured]]:
    """What the warehouse says of two lists and of all together, for every seed, with an effect and without."""
    models = effect_models(_manifest(demo))
    found: dict[float, list[Measured]] = {}
    for effect in (TRUE_EFFECT, 0.0):
        plan = Plan(PLAN.customers, PLAN.nights, PLAN.every_days, effect)
        found[effect] = [one for seed in SEEDS for one in measure(seed, plan=plan, models=models)[0]]
    return found


@pytest.mark.slow  # ten weeks of nights of the real engine, eight times
def test_intervals_hold_the_true_effect_and_rarely_see_one_where_none_is(many: dict[float, list[Measured]]) -> None:
    for measured in many.values():
        assert len(measured) == 3 * len(SEEDS)
        assert sum(one.is_covered for one in measured) >= bounds(len(measured), 0.95)[0]
    assert sum(one.is_significant for one in many[0.0]) <= bounds(len(many[0.0]), 0.05)[1]
    assert sum(one.is_significant for one in many[TRUE_EFFECT]) > len(many[TRUE_EFFECT]) / 2
    assert min(one.truth for one in many[TRUE_EFFECT]) > 0.1


@dataclass(frozen=True)
class Loop:
    """A company whose lists left, were acted on, and were looked at three months later."""

    settings: Settings
    truth: Path
    landing: Path

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over the warehouse."""
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def loop(demo: Company, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """Two nights of a small company with the SQL that dbt compiled for the demo; between them people react."""
    out = tmp_path_factory.mktemp("loop")
    simulated = simulate(customers=1_500, months=12, seed=11, start=date(2024, 1, 1), out=out)
    settings = load_settings({"CRM_DATA_DIR": str(out), "CRM_THREADS": "2"})
    manifest = _manifest(demo)
    short = out / "manifest.json"
    short.write_text(json.dumps(_only_lists(manifest)))
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        _copy_seeds(connection, manifest, source=demo.warehouse)
        prepare_tables(connection, families())
        prepare_journals(connection)
    _night(settings, manifest, short, as_of=FIRST_NIGHT)
    act(out=out, effect=EFFECT)
    _night(settings, manifest, short, as_of=LAST_NIGHT)
    _build(settings, manifest, ("kpi_segment_effect",))
    return Loop(settings, simulated.truth, simulated.landing)


def _only_lists(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest of two lists, with more held out than anybody would, so that few people show something."""
    nodes = {}
    for name in LISTS:
        node = json.loads(json.dumps(manifest["nodes"][f"model.kreislauf.{name}"]))
        for place in (node, node["config"]):
            if "segment" in place.get("meta", {}):
                place["meta"]["segment"] |= {"holdout_share": HOLDOUT_SHARE, "channel": "email", "purpose": "marketing"}
                place["meta"]["segment"] |= {"min_size": 0, "max_size": 10_000, "destinations": []}
        nodes[f"model.kreislauf.{name}"] = node
    return {**manifest, "nodes": nodes}


def _copy_seeds(connection: duckdb.DuckDBPyConnection, manifest: dict[str, Any], *, source: Path) -> None:
    connection.execute(f"attach '{source}' as demo (read_only)")
    for node in manifest["nodes"].values():
        if node["resource_type"] == "seed":
            connection.execute(f'create schema if not exists "{node["schema"]}"')
            relation = f'"{node["schema"]}"."{node["alias"]}"'
            connection.execute(f"create table {relation} as from demo.{relation}")
    connection.execute("detach demo")


def _night(settings: Settings, manifest: dict[str, Any], short: Path, *, as_of: date) -> None:
    ingest(catalog=load_catalog(settings.sources_dir), settings=settings, as_of=as_of)
    _build(settings, manifest, (*NEEDED_BY_JUDGEMENT, *LISTS))
    night = ExportNight(
        settings=settings,
        as_of=as_of,
        run_id="loop",
        validate=lambda *_: (),
        released=frozenset(LISTS if as_of == FIRST_NIGHT else ()),
        released_by="somebody",
    )
    export_segments(night, manifest_path=short)


def _build(settings: Settings, manifest: dict[str, Any], names: Iterable[str]) -> None:
    """Build some models and all that they are made of."""
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for node in _with_parents(manifest, names):
            schema = node["schema"]
            connection.execute(f'create schema if not exists "{schema}"')
            kind = node["config"]["materialized"]
            connection.execute(f'create or replace {kind} "{schema}"."{node["alias"]}" as {node["compiled_code"]}')


def _with_parents(manifest: dict[str, Any], names: Iterable[str]) -> Iterator[dict[str, Any]]:
    nodes, parents = manifest["nodes"], manifest["parent_map"]
    wanted = {f"model.kreislauf.{name}" for name in names}
    fresh = set(wanted)
    while fresh:
        fresh = {one for name in fresh for one in parents[name] if one.startswith("model.")} - wanted
        wanted |= fresh
    for name in TopologicalSorter({name: set(parents[name]) & wanted for name in wanted}).static_order():
        yield nodes[name]


def _persons(loop: Loop) -> pl.DataFrame:
    """Whose each key of the warehouse is."""
    accounts = pl.read_parquet(loop.truth / "identities.parquet")
    texts = accounts.select(pl.concat_str("source_system", pl.lit("|"), "account_id")).to_series()
    keys = [hashlib.md5(text.encode()).hexdigest() for text in texts]
    return accounts.select("person_id", customer_key=pl.Series(keys)).unique("customer_key")


@pytest.mark.slow  # two nights of a company of its own
def test_messages_come_back_as_contacts_of_those_who_were_assigned(loop: Loop) -> None:
    reacted = pl.read_parquet(loop.truth / "reactions.parquet")
    assert reacted.height > 40
    treated = loop.query(
        "select segment, customer_key from journal.segment_assignments"
        f" where arm = 'treated' and as_of_date = date '{FIRST_NIGHT}' order by all"
    )
    assert treated == sorted(reacted.filter(pl.col("night") == FIRST_NIGHT).select("segment", "customer_key").rows())
    matched = loop.query(
        "select scope, customer_key, argument from kpi.kpi_list_assignments"
        " where scope <> 'global' and contact_count = 1 order by all"
    )
    said = reacted.join(_current(loop), on="customer_key").select("segment", "current_key", "argument")
    assert matched == sorted(said.rows())
    assert not loop.query(
        "select 1 from kpi.kpi_list_assignments where scope <> 'global' and is_holdout and contact_count > 0"
    )


def _current(loop: Loop) -> pl.DataFrame:
    rows = loop.query("select account_key, customer_key from core.dim_customer_records")
    return pl.DataFrame(rows, schema=["customer_key", "current_key"], orient="row")


@pytest.mark.slow  # two nights of a company of its own
@pytest.mark.parametrize("segment", LISTS)
def test_the_effect_is_what_plain_counting_in_truth_and_reactions_gives(loop: Loop, segment: str) -> None:
    rows = loop.query(
        "select customer_key, as_of_date, arm = 'holdout' from journal.segment_assignments"
        f" where segment = '{segment}' and arm <> 'global_holdout'"
        f" and as_of_date + 30 <= date '{LAST_NIGHT}' order by as_of_date, arm"
    )
    assigned = (
        pl.DataFrame(rows, schema=["customer_key", "night", "is_holdout"], orient="row")
        .join(_persons(loop), on="customer_key", how="left")
        .unique("person_id", keep="first", maintain_order=True)
    )
    own = pl.read_parquet(loop.truth / "orders.parquet").filter(~pl.col("origin").is_in(["cancelled", "test"]))
    caused = pl.read_parquet(loop.truth / "reactions.parquet").filter("is_converted")
    orders = pl.concat(
        [
            own.select("person_id", day=pl.col("ordered_at").cast(pl.Date)),
            caused.select(
                person_id=pl.concat_str(pl.lit("P"), pl.col("person").cast(pl.String).str.zfill(8)),
                day=pl.col("order_at").cast(pl.Date),
            ),
        ]
    )
    buyers = (
        assigned.join(orders, on="person_id")
        .filter(pl.col("day") > pl.col("night"), pl.col("day") <= pl.col("night") + timedelta(days=30))
        .get_column("person_id")
    )
    counted = assigned.with_columns(is_converted=pl.col("person_id").is_in(buyers.unique().implode()))
    treated, held_out = counted.filter(~pl.col("is_holdout")), counted.filter("is_holdout")
    ((*counts, lift, lower, upper),) = loop.query(
        "select treated_count, treated_converted_count, holdout_count, holdout_converted_count, absolute_lift,"
        f" lower_bound, upper_bound from kpi.kpi_segment_effect where segment = '{segment}' and dimension = 'total'"
    )
    assert counts == [
        treated.height,
        treated["is_converted"].sum(),
        held_out.height,
        held_out["is_converted"].sum(),
    ]
    assert treated.height > 10
    assert held_out.height > 5
    assert lift == pytest.approx(treated["is_converted"].mean() - held_out["is_converted"].mean(), abs=1e-9)  # type: ignore[operator]
    told = json.loads((loop.truth / "reactions.json").read_text())["segments"][segment]["total"]
    assert lower <= told["lift"] <= upper
