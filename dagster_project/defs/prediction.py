"""Every fitted table and journal of the predictions as an asset; formulas live in the prediction room."""

from collections.abc import Iterator, Sequence

import dagster as dg

from dagster_project.defs.common import DAILY, WRITERS, told_step
from dagster_project.nightly.predicting import count_journals, predict_night
from dagster_project.nightly.session import Night
from dagster_project.prediction import COMMON, Family, PredictionRun, Table, families

PROOF = "beats_its_baseline"
GROUP = "prediction"


def prediction_assets() -> list[dg.AssetsDefinition]:
    """One multi-asset per family, with one asset per table it writes, and the journals that all of them write."""
    return [*(_family_assets(family) for family in families()), _journal_assets()]


def _journal_assets() -> dg.AssetsDefinition:
    written = [_key(table) for family in families() for table in family.writes]

    specs = [_common_spec(table, deps=written) for table in COMMON]

    @dg.multi_asset(name="journals", specs=specs, can_subset=True, pool=WRITERS)
    def journals(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]
    ) -> Iterator[dg.MaterializeResult[None]]:
        with told_step(context, night=night, name="journals") as note:
            counts = count_journals(night)
            note.rows = sum(counts.values())
            for key in sorted(context.selected_asset_keys):
                yield dg.MaterializeResult(
                    asset_key=key, metadata={"dagster/row_count": dg.MetadataValue.int(counts[key.path[-1]])}
                )

    return journals


def _common_spec(table: Table, *, deps: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=_key(table),
        deps=deps,
        description=table.description,
        group_name="journal",
        owners=["team:data_platform"],
        freshness_policy=DAILY,
        kinds={"duckdb"},
    )


def _family_assets(family: Family) -> dg.AssetsDefinition:
    keys = {_key(table): table for table in family.writes}
    proof = dg.AssetCheckSpec(
        PROOF,
        asset=_key(family.writes[0]),
        description="Back-test on days the model had not seen: a model that loses is withheld, its baseline published.",
    )

    @dg.multi_asset(
        name=family.name,
        specs=[_spec(family, table) for table in family.writes],
        check_specs=[proof],
        can_subset=True,  # a family writes all its tables together, whichever of them was asked for
        pool=WRITERS,
    )
    def prediction(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with told_step(context, night=night, name=family.name) as note:
            run = predict_night(night, family, note=note)
            for key in sorted(context.selected_asset_keys):
                yield dg.MaterializeResult(asset_key=key, metadata=_metadata(run, keys[key]))
            if proof.key in context.selected_asset_check_keys:
                yield _verdict(proof, run)

    return prediction


def _key(table: Table) -> dg.AssetKey:
    return dg.AssetKey([table.schema, table.name])


def _spec(family: Family, table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=_key(table),
        deps=[dg.AssetKey(model.split(".")) for model in (*family.models, "predictions.pred_cutoffs")],
        description=table.description,
        group_name="journal" if table.is_journal else GROUP,
        owners=[f"team:{family.owner}"],
        freshness_policy=DAILY,
        kinds={"duckdb", "polars"},
    )


def _metadata(run: PredictionRun, table: Table) -> dict[str, dg.MetadataValue]:
    return {
        "dagster/row_count": dg.MetadataValue.int(run.row_counts[table.name]),
        "fresh fits": dg.MetadataValue.int(run.fresh_fit_count),
    }


def _verdict(proof: dg.AssetCheckSpec, run: PredictionRun) -> dg.AssetCheckResult:
    scores = {
        f"{score.model} {score.member} {score.measure}": dg.MetadataValue.text(
            f"{score.value} against {score.baseline}"
        )
        for score in run.outcome.scores
        if score.member == "total"
    }
    return dg.AssetCheckResult(
        asset_key=proof.asset_key,
        check_name=proof.name,
        passed=not run.outcome.warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join((*run.outcome.warnings, *run.outcome.notes)) or None,
        metadata=scores,
    )
