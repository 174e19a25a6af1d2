"""Every target-group export and the journals of lists as assets; who may be in a file the activation room decides."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.activation import JOURNALS, ExportResult, SegmentDefinition, read_segments
from dagster_project.defs.common import DAILY, RETRIES, WRITERS, told_step
from dagster_project.nightly.activating import export_night
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings
from dagster_project.transformation import dbt_layout
from dagster_project.warehouse import Table

DOOR = "list_door"
READ_AT_EXPORT = (
    *("core/dim_customers", "core/dim_customer_records", "core/dim_consents", "core/dim_suppressions"),
    *("core/dim_parameters", "core/dim_campaigns", "core/fct_campaign_contacts", "core/fct_order_lines"),
    "quality/dq_customer_record_scores",
)


def activation_assets(settings: Settings) -> dg.AssetsDefinition:
    """One multi-asset with one export per segment model."""
    segments = read_segments(dbt_layout(settings).manifest_path)

    @dg.multi_asset(
        name="activation",
        specs=[*(_export_spec(segment) for segment in segments), *(_journal_spec(table) for table in JOURNALS)],
        check_specs=[_check_spec(segment) for segment in segments],
        can_subset=True,
        pool=WRITERS,
        retry_policy=RETRIES,
    )
    def activation(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with told_step(context, night=night, name="activation") as note:
            wanted = {key.path[-1] for key in context.selected_asset_keys if key.path[0] == "exports"}
            results = export_night(night, only=wanted if context.is_subset else None)
            note.rows = sum(result.delivery.member_count for result in results if result.status == "delivered")
            note.detail = f"{sum(result.status == 'delivered' for result in results)} of {len(results)} lists"
            for result in results:
                yield from _events(context, result)
            for key in sorted(context.selected_asset_keys):
                if key.path[0] == "journal":
                    yield dg.MaterializeResult(asset_key=key)

    return activation


def _export_key(segment: str) -> dg.AssetKey:
    return dg.AssetKey(["exports", segment])


def _export_spec(segment: SegmentDefinition) -> dg.AssetSpec:
    settings = segment.settings
    return dg.AssetSpec(
        key=_export_key(segment.name),
        deps=[dg.AssetKey(["segments", segment.name]), *(dg.AssetKey(name.split("/")) for name in READ_AT_EXPORT)],
        description=f"{settings.title}: files for the channel {settings.channel}, purpose {settings.purpose}.",
        group_name="exports",
        owners=[f"team:{settings.owner}"],
        freshness_policy=DAILY,
        kinds={"csv", "parquet"},
    )


def _journal_spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=dg.AssetKey([table.schema, table.name]),
        description=table.description,
        group_name="journal",
        owners=["team:data_platform"],
        freshness_policy=DAILY,
        kinds={"duckdb"},
    )


def _check_spec(segment: SegmentDefinition) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        DOOR,
        asset=_export_key(segment.name),
        blocking=True,
        description="Great Expectations and size bounds: a list held back warns, the last good one stays.",
    )


def _events(
    context: dg.AssetExecutionContext, result: ExportResult
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    key = _export_key(result.segment)
    if result.status == "delivered":
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "dagster/row_count": dg.MetadataValue.int(result.delivery.member_count),
                "candidates": dg.MetadataValue.int(result.delivery.candidate_count),
                "dropped": dg.MetadataValue.json({one.reason: one.count for one in result.dropped}),
                "directory": dg.MetadataValue.path(str(result.directory)),
            },
        )
    if dg.AssetCheckKey(key, DOOR) in context.selected_asset_check_keys:
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=DOOR,
            passed=not result.is_warning,
            severity=dg.AssetCheckSeverity.WARN,
            description=result.delivery.message or None,
            metadata={f"{one.check} {one.column or ''}".strip(): one.message for one in result.findings},
        )
