"""Reads what the YAML of each KPI model says out of dbt's manifest; how it looks on a page is decided elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

POINTS = (
    "Formula",
    "Population",
    "Clock",
    "Unit",
    "Edge cases",
    "Example",
    "Others differ",
    "Caveats",
    "Owner",
)
"""What the description of a headline measure says, in this order, after its grain and its question."""

_HEADLINE_COLUMNS = frozenset(
    {"reading", "month", "dimension", "member", "numerator", "denominator", "value", "is_final"}
)
_INITIALS = frozenset({"abc", "cac", "ces", "clv", "csat", "fcr", "grr", "nps", "nrr", "rfm", "sla"})
_LAYERS = ("kpi", "predictions", "core", "intermediate", "staging", "seeds", "raw")
_POINT = re.compile(r"- \*(?P<label>[^*]+)\*:\s*(?P<text>.*)")
_GRAIN = re.compile(r"\*Grain\*:\s*(?P<text>.*)")


@dataclass(frozen=True)
class Column:
    """One column of a mart."""

    name: str
    data_type: str
    description: str


@dataclass(frozen=True)
class EdgeCase:
    """One dbt unit test: what its name promises, and what its description adds."""

    name: str
    sentence: str
    description: str


@dataclass(frozen=True)
class KpiDefinition:
    """Everything the YAML says about one KPI model."""

    schema: str
    name: str
    measure: str
    """What the scoreboard calls it: its name without `kpi` and `monthly`, unless its YAML says otherwise."""
    title: str
    grain: str
    question: str
    points: tuple[tuple[str, str], ...]
    better: str | None
    is_headline: bool
    columns: tuple[Column, ...]
    edge_cases: tuple[EdgeCase, ...]
    reads: Mapping[str, tuple[str, ...]]
    """Names of everything upstream, by layer."""
    used_by: tuple[str, ...]
    file: str

    def point(self, label: str) -> str:
        """What the description says under a label, or nothing."""
        return dict(self.points).get(label, "")


def kpi_definitions(manifest: Mapping[str, Any]) -> tuple[KpiDefinition, ...]:
    """Every model of the kpi layer, and headline measures of others, sorted by name."""
    tests: dict[str, list[Mapping[str, Any]]] = {}
    for test in manifest["unit_tests"].values():
        tests.setdefault(test["model"], []).append(test)
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    definitions = [
        _definition(node, manifest=manifest, tests=tests.get(node["name"], []))
        for node in sorted(models, key=lambda node: str(node["name"]))
    ]
    return tuple(one for one in definitions if one.schema == "kpi" or one.is_headline)


def _definition(
    node: Mapping[str, Any], *, manifest: Mapping[str, Any], tests: Iterable[Mapping[str, Any]]
) -> KpiDefinition:
    grain, question, points = read_description(node["description"])
    columns, meta = node["columns"], node["config"].get("meta") or {}
    measure = str(meta.get("kpi") or node["name"].removeprefix("kpi_").removesuffix("_monthly"))
    return KpiDefinition(
        schema=node["schema"],
        name=node["name"],
        measure=measure,
        title=_title(measure),
        grain=grain,
        question=question,
        points=points,
        better=meta.get("better"),
        is_headline=columns.keys() >= _HEADLINE_COLUMNS and "kpi" not in columns,
        columns=tuple(
            Column(name, column.get("data_type") or "", (column["description"] or "").strip())
            for name, column in columns.items()
        ),
        edge_cases=tuple(_edge_case(test) for test in sorted(tests, key=lambda test: str(test["name"]))),
        reads=_upstream(node, manifest),
        used_by=_children(node, manifest),
        file=node["original_file_path"],
    )


def read_description(description: str) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Take a description apart.

    Args:
        description: Grain, question and points as Markdown.

    Returns:
        The grain, the text before the points, and each point with its label.
    """
    grain, question = "", []
    points: list[tuple[str, str]] = []
    for line in (one.strip() for one in description.splitlines()):
        if found := _POINT.fullmatch(line):
            points.append((found["label"], found["text"]))
        elif found := _GRAIN.fullmatch(line):
            grain = found["text"]
        elif points and line:
            label, text = points[-1]
            points[-1] = (label, f"{text} {line}")
        elif line:
            question.append(line)
    return grain, " ".join(question), tuple(points)


def _title(measure: str) -> str:
    title = " ".join(word.upper() if word in _INITIALS else word for word in measure.split("_"))
    return title[:1].upper() + title[1:]


def _edge_case(test: Mapping[str, Any]) -> EdgeCase:
    sentence = test["name"].removeprefix(f"{test['model']}_").replace("_", " ")
    return EdgeCase(test["name"], sentence[:1].upper() + sentence[1:], (test.get("description") or "").strip())


def _upstream(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    seen: set[str] = set()
    waiting = list(node["depends_on"]["nodes"])
    while waiting:
        parent_id = waiting.pop()
        parent = manifest["nodes"].get(parent_id) or manifest["sources"].get(parent_id)
        if parent is None or parent_id in seen:
            continue
        seen.add(parent_id)
        found.setdefault(parent["schema"], set()).add(parent["name"])
        waiting += (parent.get("depends_on") or {}).get("nodes", [])
    return {layer: tuple(sorted(found[layer])) for layer in _LAYERS if layer in found}


def _children(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> tuple[str, ...]:
    children = manifest["child_map"].get(node["unique_id"], [])
    return tuple(sorted(manifest["nodes"][one]["name"] for one in children if one.startswith("model.")))
