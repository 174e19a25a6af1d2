"""Every dbt seed and model as an asset and every dbt test as a check; dbt itself is run by the transformation room."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from dagster_project.defs.common import DAILY, WRITERS, told_step
from dagster_project.nightly.ingesting import warn_of_erased
from dagster_project.nightly.notes import note_nodes
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings
from dagster_project.transformation import (
    BEFORE,
    UNCHANGED,
    BuildReport,
    NodeDone,
    NodeResult,
    Part,
    after_lists,
    after_predictions,
    build,
    dbt_layout,
)

UNIQUE_ID = "dagster_dbt/unique_id"
OWNER = "team:data_platform"


class Translator(DagsterDbtTranslator):
    """Gives dbt nodes our groups, owners and freshness, and every test an asset to belong to.

    Args:
        places: In which of the parts each node is built that is not built in the first.
    """

    def __init__(self, *, places: Mapping[str, int]) -> None:
        """Remember which nodes are built late."""
        super().__init__()
        self._places = places
        self._specs: dict[str, dg.AssetSpec] = {}

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """One freshness policy over all assets, and an owner for each; made once, though asked for by every test."""
        if unique_id not in self._specs:
            spec = super().get_asset_spec(manifest, unique_id, project)
            owners = _owners(manifest, unique_id) or [OWNER]
            self._specs[unique_id] = spec.replace_attributes(freshness_policy=DAILY, owners=owners)
        return self._specs[unique_id]

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The folder of the map: staging, core, kpi, seeds and so on."""
        return str(dbt_resource_props["config"].get("schema") or dbt_resource_props["resource_type"])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The description without the SQL, which the dbt docs show better."""
        return str(dbt_resource_props.get("description") or "")

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """A test over several models belongs to the one built last, by name among equals, instead of to none."""
        test = manifest["nodes"][unique_id]
        parents = sorted(
            (parent for parent in test["depends_on"]["nodes"] if parent.startswith(("model.", "seed."))),
            key=lambda parent: (self._places.get(parent, 0), parent),
        )
        if test.get("attached_node") or len(parents) < 2:
            return super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if asset_spec.metadata[UNIQUE_ID] != parents[-1]:
            return None
        return dg.AssetCheckSpec(
            name=test["name"],
            asset=asset_spec.key,
            description=test.get("description") or None,
            blocking=test["config"].get("severity", "error").lower() == "error",
            metadata={UNIQUE_ID: unique_id},
        )


def transformation_assets(settings: Settings, *, manifest: Mapping[str, Any], part: Part) -> dg.AssetsDefinition:
    """One part of the dbt project as a multi-asset that is built by one invocation."""
    layout = dbt_layout(settings)

    @dbt_assets(
        manifest=manifest,
        project=DbtProject(layout.project_dir, target_path=layout.target_dir),
        dagster_dbt_translator=Translator(places=_places(manifest)),
        select=part.select,
        exclude=part.exclude,
        name=part.name,
        pool=WRITERS,
    )
    def transformation(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with told_step(context, night=night, name=part.name) as note:
            report = build(
                part,
                settings=night.settings,
                only=_selection(context, manifest),
                on_node=lambda node: _hear(night, part, node),
            )
            note_nodes(night, report.nodes)
            note.detail = _summary(report)
            note.is_unchanged = _is_idle(report)
            yield from _events(context, report)
            if report.failure:
                raise report.failure
            if part == BEFORE:
                warn_of_erased(night)

    return transformation


def _places(manifest: Mapping[str, Any]) -> dict[str, int]:
    return dict.fromkeys(after_predictions(manifest), 1) | dict.fromkeys(after_lists(manifest), 2)


def _owners(manifest: Mapping[str, Any], unique_id: str) -> list[str]:
    node = manifest["nodes"].get(unique_id) or manifest["sources"].get(unique_id) or {}
    group = (node.get("config") or {}).get("group") or node.get("group")
    owners = [entry["owner"] for entry in manifest["groups"].values() if entry["name"] == group]
    return [owner.get("email") or f"team:{owner['name'].replace(' ', '_').lower()}" for owner in owners]


def _selection(context: dg.AssetExecutionContext, manifest: Mapping[str, Any]) -> list[str]:
    if not context.is_subset:
        return []
    by_key = {spec.key: spec.metadata[UNIQUE_ID] for spec in context.assets_def.specs}
    wanted = [by_key[key] for key in context.selected_asset_keys]
    return [".".join(manifest["nodes"][unique_id]["fqn"]) for unique_id in wanted]


def _hear(night: Night, part: Part, node: NodeDone) -> None:
    if node.total:
        night.progress.expect(part.name, total=node.total)
    night.progress.advance(part.name, detail=node.unique_id.split(".")[2])


def _is_idle(report: BuildReport) -> bool:
    models = [node for node in report.nodes if node.kind == "model"]
    return bool(models) and all(node.message == UNCHANGED for node in models)


def _summary(report: BuildReport) -> str:
    models = sum(node.kind == "model" and node.status == "success" for node in report.nodes)
    tests = sum(node.kind == "test" and node.status == "pass" for node in report.nodes)
    idle = sum(node.kind == "model" and node.message == UNCHANGED for node in report.nodes)
    left_alone = f" ({idle} unchanged)" if idle else ""
    return f"{models} models{left_alone}, {tests} tests passed"


def _events(
    context: dg.AssetExecutionContext, report: BuildReport
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    keys = {spec.metadata[UNIQUE_ID]: spec.key for spec in context.assets_def.specs}
    checks = {spec.metadata[UNIQUE_ID]: spec.key for spec in context.assets_def.check_specs}
    for node in report.nodes:
        if node.unique_id in keys and node.status == "success" and keys[node.unique_id] in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=keys[node.unique_id], metadata=_metadata(node))
        elif checks.get(node.unique_id) in context.selected_asset_check_keys and node.status != "skipped":
            yield _check_result(checks[node.unique_id], node)


def _metadata(node: NodeResult) -> dict[str, Any]:
    timing: dict[str, Any] = {"seconds": dg.MetadataValue.float(round(node.seconds, 3))}
    return timing if node.rows is None else {"dagster/row_count": dg.MetadataValue.int(node.rows), **timing}


def _check_result(key: dg.AssetCheckKey, node: NodeResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=node.status == "pass",
        severity=dg.AssetCheckSeverity.WARN if node.status == "warn" else dg.AssetCheckSeverity.ERROR,
        metadata={} if node.failures is None else {"failed rows": dg.MetadataValue.int(node.failures)},
    )
