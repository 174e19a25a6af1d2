"""The published database as an asset; what may be in it is decided in the publication room."""

from collections.abc import Iterable, Iterator

import dagster as dg

from dagster_project.defs.common import DAILY, RETRIES, WRITERS, told_step
from dagster_project.nightly.activating import publish_night
from dagster_project.nightly.session import Night

PUBLISHED = dg.AssetKey(["published", "crm"])
PUBLISHED_GROUPS = ("core", "kpi", "predictions", "segments", "quality")


def publication_assets(dbt_specs: Iterable[dg.AssetSpec]) -> dg.AssetsDefinition:
    """The analysts' database, downstream of everything it may contain."""
    published = dg.AssetSpec(
        key=PUBLISHED,
        deps=[spec.key for spec in dbt_specs if spec.group_name in PUBLISHED_GROUPS],
        description="The analysts' database: core, KPIs, segments and quality without direct identifiers.",
        group_name="publication",
        owners=["team:data_platform"],
        freshness_policy=DAILY,
        kinds={"duckdb"},
    )

    @dg.multi_asset(name="publication", specs=[published], pool=WRITERS, retry_policy=RETRIES)
    def publication(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]
    ) -> Iterator[dg.MaterializeResult[None]]:
        with told_step(context, night=night, name="publication") as note:
            result = publish_night(night)
            note.rows = sum(table.row_count for table in result.tables)
            note.detail = f"{len(result.tables)} tables"
            withheld = {table.name: list(table.withheld_columns) for table in result.tables if table.withheld_columns}
            yield dg.MaterializeResult(
                asset_key=PUBLISHED,
                metadata={
                    "dagster/row_count": dg.MetadataValue.int(note.rows),
                    "path": dg.MetadataValue.path(str(result.path)),
                    "withheld columns": dg.MetadataValue.json(withheld),
                },
            )

    return publication
