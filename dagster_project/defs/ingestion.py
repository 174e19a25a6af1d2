"""Every raw feed, the ledger and the run's date as assets; reading and checking files is the ingestion room's work."""

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from dagster_project.defs.common import DAILY, RETRIES, WRITERS, told_step
from dagster_project.ingestion import BatchResult, Contract, load_catalog
from dagster_project.nightly import ingesting
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings

RUNS = dg.AssetKey(["raw", "runs"])
BATCHES = dg.AssetKey(["journal", "batches"])
BATCH_COLUMNS = dg.AssetKey(["journal", "batch_columns"])
ERASURES = dg.AssetKey(["journal", "erasures"])
GROUP = "raw"
OWNER = "team:data_platform"
DOOR = "batches_door"
BALANCE = "row_balance"


def ingestion_assets(settings: Settings) -> dg.AssetsDefinition:
    """One multi-asset: a feed is a table, and one pass over the landing directory fills them all."""
    contracts = load_catalog(settings.sources_dir).contracts

    @dg.multi_asset(
        name="ingestion",
        specs=[*map(_feed_spec, contracts), *_own_specs()],
        check_specs=[spec for contract in contracts for spec in _check_specs(contract)],
        can_subset=True,
        pool=WRITERS,
        retry_policy=RETRIES,
    )
    def ingestion(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with told_step(context, night=night, name="ingestion") as note:
            feeds = None if not context.is_subset else {key.path[-1] for key in context.selected_asset_keys} - {"runs"}
            outcome = ingesting.ingest_night(night, feeds=feeds)
            note.rows, note.detail = outcome.loaded_rows, outcome.summary
            for key in sorted(context.selected_asset_keys):
                yield dg.MaterializeResult(asset_key=key, metadata=_metadata(key, outcome))
            yield from _check_results(context.selected_asset_check_keys, outcome)
            outcome.demand_balance()

    return ingestion


def _feed_key(contract: Contract) -> dg.AssetKey:
    return dg.AssetKey(["raw", contract.feed])


def _feed_spec(contract: Contract) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=_feed_key(contract),
        description=contract.description,
        group_name=GROUP,
        owners=[f"team:{contract.owner}"],
        freshness_policy=DAILY,
        kinds={"duckdb", "polars"},
        metadata={"mode": contract.mode, "key": ", ".join(contract.key)},
    )


def _own_specs() -> list[dg.AssetSpec]:
    ledger = "The ledger: every batch ever seen, with its row balance and what became of it."
    columns = "How full and how sound each column of each loaded batch was."
    return [
        dg.AssetSpec(key, description=text, group_name=group, owners=[OWNER], freshness_policy=DAILY, kinds={"duckdb"})
        for key, group, text in (
            (RUNS, GROUP, "The date the warehouse stands on: one row."),
            (BATCHES, "journal", ledger),
            (BATCH_COLUMNS, "journal", columns),
            (ERASURES, "journal", "Hashes of the identifiers of people who were erased."),
        )
    ]


def _check_specs(contract: Contract) -> list[dg.AssetCheckSpec]:
    key = _feed_key(contract)
    return [
        dg.AssetCheckSpec(
            DOOR,
            asset=key,
            blocking=True,
            description="Great Expectations and batch gates: a refused batch warns, the last good data stays.",
        ),
        dg.AssetCheckSpec(
            BALANCE,
            asset=key,
            blocking=True,
            description="Delivered = loaded + quarantined + duplicates, and the table holds what the ledger says.",
        ),
    ]


def _metadata(key: dg.AssetKey, outcome: ingesting.IngestionOutcome) -> dict[str, dg.MetadataValue]:
    batches = outcome.of_feed(key.path[-1])
    return {
        "dagster/row_count": dg.MetadataValue.int(outcome.table_rows.get("/".join(key.path), 0)),
        "rows loaded tonight": dg.MetadataValue.int(sum(batch.loaded_rows for batch in batches)),
        "batches loaded tonight": dg.MetadataValue.int(len(batches)),
    }


def _check_results(
    keys: Iterable[dg.AssetCheckKey], outcome: ingesting.IngestionOutcome
) -> Iterator[dg.AssetCheckResult]:
    for key in sorted(keys, key=str):
        feed = key.asset_key.path[-1]
        if key.name == DOOR:
            yield _door_result(key, outcome.warned_of_feed(feed))
        else:
            complaint = outcome.balance_complaints.get(feed, "")
            yield dg.AssetCheckResult(
                asset_key=key.asset_key, check_name=key.name, passed=not complaint, description=complaint or None
            )


def _door_result(key: dg.AssetCheckKey, warned: Sequence[BatchResult]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not warned,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            f"{batch.source_system}: {batch.file}": "; ".join([batch.reason, *(one.text for one in batch.findings)])
            for batch in warned
        },
    )
