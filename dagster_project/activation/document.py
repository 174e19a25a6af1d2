"""Renders a list as the bytes of its files: CSV, Parquet, the changes and the manifest; touches no disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from dagster_project.activation.delta import Delta, delta_frame
from dagster_project.activation.formats import Format, blocks, write
from dagster_project.activation.judging import MEANING
from dagster_project.activation.segments import sha256_text

if TYPE_CHECKING:
    from dagster_project.activation.drafts import Decision, Draft

MANIFEST = "manifest.json"
CSV = "members.csv"
PARQUET = "members.parquet"
CHANGES = "changes.csv"


def sha256(content: bytes) -> str:
    """Hex digest of a file's content."""
    return hashlib.sha256(content).hexdigest()


def member_files(members: pl.DataFrame, *, delta: Delta | None = None) -> dict[str, bytes]:
    """The files of a list, byte for byte the same for the same members.

    The CSV files are UTF-8 with a byte order mark (a spreadsheet would else misread every Umlaut) and have their
    formulas neutralised; the Parquet file holds the values as they are.

    Args:
        members: The list in its final order.
        delta: What it changes against the last list that left; a first list has none.
    """
    files = {CSV: write(members, Format()).content, PARQUET: write(members, Format(kind="parquet")).content}
    return files if delta is None else {**files, CHANGES: write(delta_frame(delta), Format()).content}


def checksum(members: pl.DataFrame) -> str:
    """Hex digest of the CSV file of a list, without the file.

    Args:
        members: The list in its final order.
    """
    digest = hashlib.sha256()
    for block in blocks(members, Format()):
        digest.update(block.content)
    return digest.hexdigest()


def manifest_file(made: Draft, decision: Decision, *, run_id: str, files: Mapping[str, bytes]) -> bytes:
    """The manifest of a list as readable JSON.

    Args:
        made: The list.
        decision: What became of it.
        run_id: The run that tells.
        files: The files that lie beside it; none for a list that was held back.
    """
    document = {**_document(made, decision, files), "run_id": run_id}
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


def _document(made: Draft, decision: Decision, files: Mapping[str, bytes]) -> dict[str, object]:
    segment = made.segment
    rows = 0 if decision.leaving is None else decision.leaving.height
    return {
        "segment": segment.name,
        "title": segment.settings.title,
        "as_of_date": made.as_of,
        "status": _status(decision, files),
        "held_back": {
            "is_held_back": bool(decision.objection),
            "message": decision.objection,
            "is_releasable": decision.is_releasable,
            "taken_out": decision.reduced_by,
        },
        "release": {"is_released": made.release.is_released, "by": made.release.released_by},
        "counts": {
            "candidates": made.candidate_count,
            "members": made.members.height,
            "dropped": sum(one.count for one in made.dropped),
        },
        "dropped": {one.reason: {"meaning": MEANING[one.reason], "count": one.count} for one in made.dropped},
        "changes": _changes(made, decision.delta),
        "measurement": _measurement(made),
        "findings": [
            {"severity": finding.severity, "check": finding.check, "column": finding.column, "message": finding.message}
            for finding in decision.findings
        ],
        "files": {
            name: {
                "sha256": sha256(content),
                "bytes": len(content),
                "rows": len(delta_frame(decision.delta)) if name == CHANGES and decision.delta else rows,
            }
            for name, content in files.items()
        },
        "columns": list(segment.columns),
        "definition": {
            "sha256": segment.fingerprint,
            "settings": segment.settings.model_dump(mode="json"),
            "model": segment.file,
            "sql_sha256": sha256_text(segment.sql),
            "sql": segment.sql,
        },
    }


def _status(decision: Decision, files: Mapping[str, bytes]) -> str:
    if not decision.objection:
        return "delivered"
    return "reduced" if files else "held_back"


def _changes(made: Draft, delta: Delta | None) -> dict[str, object] | None:
    """What changed against the last list that left."""
    if made.former is None:
        return None
    against = {
        "as_of_date": made.former.as_of,
        "members": made.former.member_count,
        "checksum": made.former.checksum,
    }
    if delta is None:
        return {"against": against}
    reasons = (
        delta.removed.group_by("removal_reason").len().sort("removal_reason").rows() if delta.removed.height else []
    )
    return {
        "against": against,
        "added": delta.added.height,
        "kept": delta.kept_count,
        "changed": delta.changed.height,
        "removed": delta.removed.height,
        "removed_because": dict(reasons),
    }


def _measurement(made: Draft) -> dict[str, object] | None:
    """What the list can show."""
    if made.prospects is None:
        return None
    return {
        "held_out": made.prospects.holdout_count,
        "base_rate": made.prospects.base_rate,
        "minimum_detectable_effect": made.prospects.minimum_detectable_effect,
        "sample_ratio_chi2": made.prospects.sample_ratio_chi2,
    }
