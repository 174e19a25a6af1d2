"""Runs the dbt project inside this process and tells in one sentence what went wrong; the models live in `dbt/`."""

from dagster_project.transformation.build import UNCHANGED, BuildReport, NodeDone, NodeResult, build
from dagster_project.transformation.manifest import prepare_manifest, read_manifest
from dagster_project.transformation.parts import AFTER, BEFORE, LAST, PARTS, Part, after_lists, after_predictions
from dagster_project.transformation.project import DbtLayout, dbt_layout
from dagster_project.transformation.seeds import check_seeds
from dagster_project.transformation.versions import RESTATED, forget_changes

__all__ = [
    "AFTER",
    "BEFORE",
    "LAST",
    "PARTS",
    "RESTATED",
    "UNCHANGED",
    "BuildReport",
    "DbtLayout",
    "NodeDone",
    "NodeResult",
    "Part",
    "after_lists",
    "after_predictions",
    "build",
    "check_seeds",
    "dbt_layout",
    "forget_changes",
    "prepare_manifest",
    "read_manifest",
]
