"""One `dbt build` for each part of a night: what has something to do there, reported node by node."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from dagster_project.settings import Settings
from dagster_project.transformation.due import due_nodes, nodes_of
from dagster_project.transformation.failures import build_failure
from dagster_project.transformation.manifest import parsed_project, project_fingerprint
from dagster_project.transformation.parts import BEFORE, Part
from dagster_project.transformation.project import invoke
from dagster_project.transformation.versions import RUNS, remember_run, remembered
from dagster_project.warehouse import open_database

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

    from dagster_project.errors import CrmError

NodeListener = Callable[["NodeDone"], None]

MOST_THREADS = 4
"""DuckDB uses all cores within a query anyway; more of dbt's threads only wait for each other in Python."""

UNCHANGED = "unchanged"
"""What a node says that was left alone."""

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
    part: Part, *, settings: Settings, only: Collection[str] = (), on_node: NodeListener | None = None
) -> BuildReport:
    """Build a part of the warehouse once: what has nothing to do is not even asked.

    Args:
        part: Which of a night's dbt runs.
        settings: Directories and limits.
        only: dbt selectors, to build less than the part.
        on_node: Called when a node ends.

    Raises:
        CrmError: dbt cannot read the project. What fails while building is in the report.
    """
    manifest = parsed_project(settings)
    idle = frozenset[str]() if only else _idle_nodes(part, settings=settings, manifest=manifest)
    arguments = ["build", "--exclude-resource-type", "unit_test", "--no-write-json"]
    arguments += ["--threads", str(min(settings.threads, MOST_THREADS))]
    if idle:
        due = sorted(nodes_of(part, manifest) - idle)
        arguments += ["--indirect-selection", "empty", "--select", *(_selector(manifest.nodes[name]) for name in due)]
    else:
        due = list(nodes_of(part, manifest))
        arguments += ["--select", " ".join(sorted(only)) or part.select]
        arguments += ["--exclude", part.exclude] if part.exclude else []
    if not due:
        nodes = _left_alone(idle, manifest, settings)
        return BuildReport(nodes=_parents_first(nodes, manifest), failure=None)
    result = invoke(arguments, settings=settings, manifest=manifest, listener=_Listener(on_node) if on_node else None)
    nodes = tuple(_node_result(one) for one in getattr(result.result, "results", None) or [])
    failed = [node for node in nodes if node.status not in _GOOD]
    failure = None if result.success else build_failure(failed, error=result.exception)
    if failure is None and not only:
        with open_database(settings.warehouse_path, settings=settings, leaves_log=True) as connection:
            remember_run(connection, part.name, project=project_fingerprint(settings))
    nodes = _with_row_counts(nodes, settings) + _left_alone(idle, manifest, settings)
    return BuildReport(nodes=_parents_first(nodes, manifest), failure=failure)


def _idle_nodes(part: Part, *, settings: Settings, manifest: Manifest) -> frozenset[str]:
    """Ids of what need not be asked: none if the part was never built to its end from this very project."""
    if not settings.warehouse_path.exists() or (settings.engine == "spark" and not settings.spark_dir.exists()):
        return frozenset()
    with open_database(settings.warehouse_path, settings=settings, leaves_log=True) as connection:
        ended = remembered(connection).get(RUNS + part.name)
    if ended is None or ended.version != project_fingerprint(settings):
        return frozenset()
    looked = invoke(["run-operation", "look_at_sources"], settings=settings, manifest=manifest, target="duckdb")
    if not looked.success:
        return frozenset()
    nodes = nodes_of(part, manifest)
    seeds = {name for name, node in manifest.nodes.items() if str(node.resource_type) == "seed" and part == BEFORE}
    with open_database(settings.warehouse_path, settings=settings, leaves_log=True) as connection:
        found = connection.execute("select table_schema || '.' || table_name from information_schema.tables")
        tables = {name for (name,) in found.fetchall()}
        known = remembered(connection)
    has_views = settings.engine == "duckdb"
    return nodes - due_nodes(nodes, manifest=manifest, known=known, tables=tables, has_views=has_views) | seeds


def _selector(node: Any) -> str:
    return str(node.name) if node.resource_type == "test" else ".".join(node.fqn)


def _left_alone(idle: Collection[str], manifest: Manifest, settings: Settings) -> tuple[NodeResult, ...]:
    """What was not asked, as it stands: built, or passed, on the very content that is there."""
    nodes = tuple(_idle_result(manifest.nodes[name]) for name in sorted(idle))
    return _with_row_counts(nodes, settings) if nodes else ()


def _parents_first(nodes: Iterable[NodeResult], manifest: Manifest) -> tuple[NodeResult, ...]:
    """The order that Dagster demands: nothing comes before what it is made of."""
    parents = {name: getattr(node.depends_on, "nodes", ()) for name, node in manifest.nodes.items()}
    places = {name: place for place, name in enumerate(TopologicalSorter(parents).static_order())}
    return tuple(sorted(nodes, key=lambda node: places.get(node.unique_id, -1)))


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


def _idle_result(node: Any) -> NodeResult:
    is_test = node.resource_type == "test"
    return NodeResult(
        unique_id=node.unique_id,
        kind=str(node.resource_type),
        name=node.name,
        path=node.original_file_path,
        status="pass" if is_test else "success",
        seconds=0.0,
        message=UNCHANGED,
        failures=0 if is_test else None,
        relation=None if is_test else (node.schema, node.alias),
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
