"""The values that an export hands to its caller; nothing here reads or writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from dagster_project.quality.findings import Finding

Status = Literal["delivered", "held_back"]


@dataclass(frozen=True)
class DroppedCount:
    """How many candidates were left out for one reason."""

    reason: str
    count: int


@dataclass(frozen=True)
class ExportResult:
    """What became of one segment on one night."""

    segment: str
    title: str
    owner: str
    purpose: str
    channel: str
    as_of: date
    status: Status
    message: str
    candidate_count: int
    member_count: int
    dropped: tuple[DroppedCount, ...]
    previous_count: int | None
    directory: Path | None
    checksum: str
    findings: tuple[Finding, ...]
    is_unchanged: bool

    @property
    def is_warning(self) -> bool:
        """Somebody should look: a list was held back, and not just because there has never been anybody for it."""
        never_had_anybody = self.candidate_count == 0 and self.previous_count is None
        return (self.status == "held_back" and not never_had_anybody) or any(
            finding.severity == "warn" for finding in self.findings
        )
