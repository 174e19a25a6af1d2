"""Every target-group export as an asset; who may be in a file is decided in the activation room."""

from collections.abc import Iterator

import dagster as dg

from dagster_project.activation import ExportResult, SegmentDefinition, read_segments
from dagster_project.defs.common import DAILY, RETRIES, WRITERS, told_step
from dagster_project.nightly.activating import export_night
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings
from dagster_project.transformation import dbt_layout

DOOR = "list_door"
READ_AT_EXPORT = ("dim_customers", "dim_contacts", "dim_consents", "dim_suppressions")


def activation_assets(settings: Settings) -> dg.AssetsDefinition:
    """One multi-asset with one export per segment model."""
    segments = read_segments(dbt_layout(settings).manifest_path)

    @dg.multi_asset(
        name="activation",
        specs=[_export_spec(segment) for segment in segments],
        check_specs=[_check_spec(segment) for segment in segments],
        can_subset=True,
        pool=WRITERS,
        retry_policy=RETRIES,
    )
    def activation(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with told_step(context, night=night, name="activation") as note:
            wanted = {key.path[-1] for key in context.selected_asset_keys}
            results = export_night(night, only=wanted if context.is_subset else None)
            note.rows = sum(result.member_count for result in results if result.status == "delivered")
            note.detail = f"{sum(result.status == 'delivered' for result in results)} of {len(results)} lists"
            for result in results:
                yield from _events(context, result)

    return activation


def _export_key(segment: str) -> dg.AssetKey:
    return dg.AssetKey(["exports", segment])


def _export_spec(segment: SegmentDefinition) -> dg.AssetSpec:
    settings = segment.settings
    return dg.AssetSpec(
        key=_export_key(segment.name),
        deps=[dg.AssetKey(["segments", segment.name]), *(dg.AssetKey(["core", name]) for name in READ_AT_EXPORT)],
        description=f"{settings.title}: files for the channel {settings.channel}, purpose {settings.purpose}.",
        group_name="exports",
        owners=[f"team:{settings.owner}"],
        freshness_policy=DAILY,
        kinds={"csv", "parquet"},
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
                "dagster/row_count": dg.MetadataValue.int(result.member_count),
                "candidates": dg.MetadataValue.int(result.candidate_count),
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
            description=result.message or None,
            metadata={f"{one.check} {one.column or ''}".strip(): one.message for one in result.findings},
        )
