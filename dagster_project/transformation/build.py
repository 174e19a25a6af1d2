"""One `dbt build` a night: seeds, models and tests in one invocation, reported node by node."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dagster_project.settings import Settings
from dagster_project.transformation.failures import build_failure
from dagster_project.transformation.manifest import parsed_project
from dagster_project.transformation.project import invoke
from dagster_project.warehouse import open_database

if TYPE_CHECKING:
    from dagster_project.errors import CrmError

NodeListener = Callable[["NodeDone"], None]

MOST_THREADS = 4
"""DuckDB uses all cores within a query anyway; more of dbt's threads only wait for each other in Python."""

_GOOD = frozenset({"success", "pass", "warn", "no-op", "skipped"})


@dataclass(frozen=True)
class NodeDone:
    """A node that just ended, for whoever watches."""

    unique_id: str
    status: str
    total: int | None


@dataclass(frozen=True)
class NodeResult:
    """What became of one seed, model or test."""

    unique_id: str
    kind: str
    name: str
    path: str
    status: str
    seconds: float
    message: str
    failures: int | None
    relation: tuple[str, str] | None
    tested: str = ""
    rows: int | None = None


@dataclass(frozen=True)
class BuildReport:
    """What one build did; `failure` says in one sentence why it ended badly."""

    nodes: tuple[NodeResult, ...]
    failure: CrmError | None


def build(
    *, settings: Settings, select: Collection[str] = (), exclude: str = "", on_node: NodeListener | None = None
) -> BuildReport:
    """Build the warehouse, or a part of it, once.

    Args:
        settings: Directories and limits.
        select: dbt selectors; nothing means everything.
        exclude: A dbt selector of what stays as it is, tests included.
        on_node: Called when a node ends.

    Raises:
        CrmError: dbt cannot read the project. What fails while building is in the report.
    """
    arguments = ["build", "--exclude-resource-type", "unit_test", "--no-write-json"]
    arguments += ["--threads", str(min(settings.threads, MOST_THREADS))]
    if select:
        arguments += ["--select", " ".join(sorted(select))]
    if exclude:
        arguments += ["--exclude", exclude]
    result = invoke(
        arguments,
        settings=settings,
        manifest=parsed_project(settings),
        listener=_Listener(on_node) if on_node else None,
    )
    nodes = tuple(_node_result(one) for one in getattr(result.result, "results", None) or [])
    failed = [node for node in nodes if node.status not in _GOOD]
    failure = None if result.success else build_failure(failed, error=result.exception)
    return BuildReport(nodes=_with_row_counts(nodes, settings), failure=failure)


class _Listener:
    """Hears dbt's events and passes on the end of each node."""

    def __init__(self, on_node: NodeListener) -> None:
        self._on_node = on_node
        self._total: int | None = None

    def __call__(self, event: Any) -> None:
        name = event.info.name
        if name == "LogStartLine":
            self._total = event.data.total
        elif name == "NodeFinished":
            info = event.data.node_info
            self._on_node(NodeDone(unique_id=info.unique_id, status=info.node_status, total=self._total))


def _node_result(result: Any) -> NodeResult:
    node = result.node  # a union of a dozen dbt classes, of which only common fields are read
    is_table = node.resource_type in ("model", "seed") and node.config.materialized != "ephemeral"
    return NodeResult(
        unique_id=node.unique_id,
        kind=str(node.resource_type),
        name=node.name,
        path=node.original_file_path,
        status=str(result.status),
        seconds=result.execution_time,
        message=result.message or "",
        failures=result.failures,
        relation=(node.schema, node.alias) if is_table else None,
        tested=(getattr(node, "attached_node", None) or "").split(".")[-1],
    )


def _with_row_counts(nodes: tuple[NodeResult, ...], settings: Settings) -> tuple[NodeResult, ...]:
    counts = _row_counts(settings)
    return tuple(
        replace(node, rows=counts.get(node.relation)) if node.relation and node.status == "success" else node
        for node in nodes
    )


def _row_counts(settings: Settings) -> Mapping[tuple[str, str], int]:
    if not settings.warehouse_path.exists():
        return {}
    views = " union all select schema_name, view_name from duckdb_views() where not internal"
    built_by_spark = views if settings.engine == "spark" else ""
    with open_database(settings.warehouse_path, settings=settings) as connection:
        tables = connection.execute(
            f"select schema_name, table_name from duckdb_tables() where not temporary and not internal{built_by_spark}"
        ).fetchall()
        if not tables:
            return {}
        counts = " union all ".join(
            f'select {position}, count(*) from "{schema}"."{table}"' for position, (schema, table) in enumerate(tables)
        )
        return {tuple(tables[position]): rows for position, rows in connection.execute(counts).fetchall()}
