"""Where the dbt project and its artefacts lie, and how dbt is called; which models exist is dbt's own business."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.transformation.engines import engine_for
from dagster_project.warehouse.spill import dbt_spill

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

DBT_PROJECT = PROJECT_ROOT / "dbt"

EventListener = Callable[[Any], None]
"""Called with dbt's own event messages, which have no importable type worth naming."""


@dataclass(frozen=True)
class DbtLayout:
    """The folders of one dbt project and of what it leaves behind in the data directory."""

    project_dir: Path
    target_dir: Path
    log_dir: Path

    @property
    def manifest_path(self) -> Path:
        """What dbt knows about all models, tests and seeds."""
        return self.target_dir / "manifest.json"

    @property
    def static_docs_path(self) -> Path:
        """The whole documentation as one page."""
        return self.target_dir / "static_index.html"


def dbt_layout(settings: Settings) -> DbtLayout:
    """Where dbt works for these settings: on the project itself, or on a copy beside the seeds of a company."""
    work_dir = settings.data_dir / "dbt"
    return DbtLayout(
        project_dir=work_dir / "staged" / "dbt" if has_own_seeds(settings) else DBT_PROJECT,
        target_dir=work_dir / "target",
        log_dir=work_dir / "logs",
    )


def has_own_seeds(settings: Settings) -> bool:
    """Whether the seeds are not the ones beside the project."""
    return settings.seeds_dir != DBT_PROJECT.parent / "seeds"


def stage_project(settings: Settings) -> None:
    """Put copies of the project and of a company's own seeds side by side, as dbt expects them.

    An absolute `seed-paths` would do without copies, but dbt writes the SQL it runs to its target folder under the path
    of the seed, and an absolute path there is the seed itself.
    """
    staged = dbt_layout(settings).project_dir.parent
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(DBT_PROJECT, staged / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    (staged / "seeds").mkdir()
    for path in settings.seeds_dir.glob("*.csv"):
        shutil.copyfile(path, staged / "seeds" / path.name)


def invoke(
    arguments: Sequence[str],
    *,
    settings: Settings,
    manifest: Manifest | None = None,
    listener: EventListener | None = None,
    target: str = "",
) -> dbtRunnerResult:
    """Run one dbt command in this process and leave no open database behind.

    Args:
        arguments: The command and its own options, such as `["parse"]`.
        settings: Directories and limits; they reach dbt's profile as CRM_ variables.
        manifest: An already parsed project, to save parsing it again.
        listener: Called with every event of dbt.
        target: Of dbt's profile; unless said otherwise the engine that builds the models.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import load_plugin
    from dbt.cli.main import dbtRunner

    layout = dbt_layout(settings)
    layout.log_dir.mkdir(parents=True, exist_ok=True)
    runner = dbtRunner(manifest=manifest, callbacks=[listener] if listener else [])
    target = target or settings.engine
    if target != settings.engine:
        load_plugin(settings.engine)  # by which the project was parsed
    with engine_for(arguments[0], settings=settings) as variables, _set({**environment(settings), **variables}):
        try:
            result = runner.invoke([*_quiet(layout), *arguments, *_locations(layout), "--target", target])
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    if result.exception and not isinstance(result.exception, Exception):
        raise result.exception  # an interruption, which dbt takes for a result
    return result


def environment(settings: Settings) -> dict[str, str]:
    """The variables that dbt's profile and project read."""
    return {
        "CRM_DATA_DIR": str(settings.data_dir),
        "CRM_MEMORY_LIMIT": settings.memory_limit,
        "CRM_THREADS": str(settings.threads),
        "CRM_DBT_SPILL_DIR": str(dbt_spill(settings)),
        "CRM_SPILL_LIMIT": settings.spill_limit,
        "CRM_REPORTING_CURRENCY": settings.reporting_currency,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def _set(wanted: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _quiet(layout: DbtLayout) -> list[str]:
    return [
        "--quiet",
        "--no-version-check",
        "--log-level",
        "none",
        "--log-level-file",
        "info",
        "--no-use-colors-file",
        "--log-path",
        str(layout.log_dir),
    ]


def _locations(layout: DbtLayout) -> list[str]:
    return [
        "--project-dir",
        str(layout.project_dir),
        "--profiles-dir",
        str(layout.project_dir),
        "--target-path",
        str(layout.target_dir),
    ]
