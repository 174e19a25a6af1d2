"""Renders a list as the bytes of its files: CSV, Parquet and the manifest that explains them; touches no disk."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from dagster_project.activation.journal import Delivery
from dagster_project.activation.members import MEANING, Membership
from dagster_project.activation.segments import SegmentDefinition, sha256_text
from dagster_project.activation.spreadsheet import neutralise
from dagster_project.quality.findings import Finding

MANIFEST = "manifest.json"
CSV = "members.csv"
PARQUET = "members.parquet"


@dataclass(frozen=True)
class ListContext:
    """What a manifest tells beside the members themselves."""

    segment: SegmentDefinition
    as_of: date
    run_id: str
    membership: Membership
    previous: Delivery | None
    objection: str
    is_released: bool
    findings: Sequence[Finding]


def sha256(content: bytes) -> str:
    """Hex digest of a file's content."""
    return hashlib.sha256(content).hexdigest()


def member_files(members: pl.DataFrame) -> dict[str, bytes]:
    """The two member files, byte for byte the same for the same members.

    The CSV is UTF-8 with a byte order mark (a spreadsheet would else misread every Umlaut) and has its formulas
    neutralised; the Parquet file holds the values as they are.

    Args:
        members: The list in its final order.
    """
    parquet = io.BytesIO()
    members.write_parquet(parquet, compression="zstd", statistics=True)
    text = neutralise(members).write_csv(include_bom=True, quote_style="non_numeric", date_format="%Y-%m-%d")
    return {CSV: text.encode(), PARQUET: parquet.getvalue()}


def manifest_file(context: ListContext, files: Mapping[str, bytes]) -> bytes:
    """The manifest of a list as readable JSON.

    Args:
        context: What is told.
        files: The member files that lie beside it; none for a list that was held back.
    """
    document = _document(context, files)
    return (json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n").encode()


def same_list(one: bytes, other: bytes) -> bool:
    """Whether two manifests tell of the same list: all the same but the run that wrote them."""
    try:
        return _without_run(one) == _without_run(other)
    except ValueError:
        return False


def _without_run(content: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content)
    document.pop("run_id", None)
    return document


def _document(context: ListContext, files: Mapping[str, bytes]) -> dict[str, object]:
    segment, membership = context.segment, context.membership
    return {
        "segment": segment.name,
        "title": segment.settings.title,
        "as_of_date": context.as_of,
        "run_id": context.run_id,
        "status": "held_back" if context.objection else "delivered",
        "held_back": {
            "is_held_back": bool(context.objection),
            "message": context.objection,
            "is_released": context.is_released,
        },
        "counts": {
            "candidates": membership.candidate_count,
            "members": membership.members.height,
            "dropped": sum(one.count for one in membership.counts),
        },
        "previous": _previous(context.previous),
        "dropped": {
            one.reason: {"meaning": MEANING[one.reason], "count": len(one.keys), segment.settings.key: list(one.keys)}
            for one in membership.dropped
        },
        "findings": [
            {"severity": finding.severity, "check": finding.check, "column": finding.column, "message": finding.message}
            for finding in context.findings
        ],
        "files": {
            name: {"sha256": sha256(content), "bytes": len(content), "rows": membership.members.height}
            for name, content in files.items()
        },
        "columns": list(segment.columns),
        "definition": {
            "settings": segment.settings.model_dump(mode="json"),
            "model": segment.file,
            "sql_sha256": sha256_text(segment.sql),
            "sql": segment.sql,
        },
    }


def _previous(previous: Delivery | None) -> dict[str, object] | None:
    if previous is None:
        return None
    return {"as_of_date": previous.as_of, "members": previous.member_count, "checksum": previous.checksum}
