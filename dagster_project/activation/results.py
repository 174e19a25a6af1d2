"""The values that an export hands to its caller and to the journals; nothing here reads or writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from dagster_project.quality.findings import Finding

Status = Literal["delivered", "held_back"]
DELIVERED: Status = "delivered"
HELD_BACK: Status = "held_back"


@dataclass(frozen=True)
class DroppedCount:
    """How many candidates were left out for one reason."""

    reason: str
    count: int


@dataclass(frozen=True)
class Delivery:
    """What became of one list on one night: a row of `journal.deliveries`.

    The counts of changes are those of the files against the last list that left; None where there was none. A list that
    was held back has them if people who may not be contacted any more were taken out of the last good one.
    """

    segment: str
    as_of: date
    status: Status
    message: str
    is_releasable: bool
    is_released: bool
    released_by: str | None
    candidate_count: int
    member_count: int
    dropped_count: int
    holdout_count: int
    added_count: int | None
    kept_count: int | None
    changed_count: int | None
    removed_count: int | None
    previous_date: date | None
    checksum: str
    definition_sha256: str
    base_rate: float | None
    minimum_detectable_effect: float | None
    sample_ratio_chi2: float | None
    run_id: str


@dataclass(frozen=True)
class DestinationDelivery:
    """What became of one file for one destination: a row of `journal.destination_deliveries`."""

    segment: str
    destination: str
    layout: str
    content: str
    file: str
    row_count: int
    sha256: str
    status: str
    message: str
    run_id: str


@dataclass(frozen=True)
class ExportResult:
    """What became of one segment on one night."""

    title: str
    owner: str
    purpose: str
    channel: str
    delivery: Delivery
    dropped: tuple[DroppedCount, ...]
    previous_count: int | None
    directory: Path | None
    findings: tuple[Finding, ...]
    arrivals: tuple[DestinationDelivery, ...]
    is_unchanged: bool

    @property
    def segment(self) -> str:
        """Name of the segment."""
        return self.delivery.segment

    @property
    def status(self) -> Status:
        """Whether the list left."""
        return self.delivery.status

    @property
    def is_warning(self) -> bool:
        """Somebody should look: a list was held back, and not just because there has never been anybody for it."""
        never_had_anybody = self.delivery.member_count == 0 and self.previous_count is None
        return (
            (self.status == HELD_BACK and not never_had_anybody)
            or any(finding.severity == "warn" for finding in self.findings)
            or any(arrival.status == "failed" for arrival in self.arrivals)
        )
