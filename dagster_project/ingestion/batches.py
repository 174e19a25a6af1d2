"""The values that describe a batch on its way into the warehouse; no reading and no loading lives here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Self

Severity = Literal["refuse", "warn"]
Status = Literal["loaded", "refused", "duplicate", "unchanged", "withdrawn", "stale"]


@dataclass(frozen=True)
class Finding:
    """Something a check says about a batch."""

    severity: Severity
    text: str


@dataclass(frozen=True)
class Batch:
    """One feed of one file."""

    batch_id: str
    source_system: str
    mapping: str
    feed: str
    mode: str
    file: str
    batch_date: date
    content_sha256: str
    fingerprint: str


@dataclass(frozen=True)
class Counts:
    """Where the rows of a batch went.

    Raises:
        ValueError: The rows do not add up; a batch like this must never be committed.
    """

    source_rows: int = 0
    filtered_rows: int = 0
    loaded_rows: int = 0
    quarantined_rows: int = 0
    duplicate_rows: int = 0
    delivered_rows: int = 0

    def __post_init__(self) -> None:
        """Hold the row balance: delivered = loaded + quarantined + duplicates, source = filtered + delivered."""
        arrived = self.loaded_rows + self.quarantined_rows + self.duplicate_rows
        if self.delivered_rows != arrived or self.source_rows != self.filtered_rows + self.delivered_rows:
            raise ValueError(f"row balance violated: {self}")


@dataclass(frozen=True)
class ColumnCount:
    """How one column of a batch was filled: `null_count` of the rows kept, `bad_count` of those it held back."""

    column: str
    is_required: bool
    is_key: bool
    null_count: int
    bad_count: int


@dataclass(frozen=True)
class ColumnProfile:
    """What one column of a candidate batch looks like; minimum and maximum as text in ISO notation."""

    column: str
    type: str
    required: bool
    row_count: int
    null_count: int
    distinct_count: int
    minimum: str | None
    maximum: str | None
    bad_count: int


@dataclass(frozen=True, kw_only=True)
class BatchProfile(Counts, Batch):
    """A candidate batch in bounded size, for checks that look at the whole before its rows enter raw."""

    columns: tuple[ColumnProfile, ...]

    @classmethod
    def of(cls, batch: Batch, counts: Counts, columns: tuple[ColumnProfile, ...]) -> Self:
        """Put a profile together."""
        return cls(**vars(batch), **vars(counts), columns=columns)


Validator = Callable[[BatchProfile], Sequence[Finding]]


@dataclass(frozen=True, kw_only=True)
class BatchResult(Counts, Batch):
    """What became of one batch in this run.

    Attributes:
        status: loaded, refused, duplicate (same content under an earlier path), unchanged (known, skipped),
            withdrawn (no mapping takes the file any more) or stale (the newest batch is too old).
        reason: Why, for everything but loaded.
        findings: What the checks said.
    """

    status: Status
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(
        cls,
        batch: Batch,
        status: Status,
        *,
        counts: Counts | None = None,
        reason: str = "",
        findings: tuple[Finding, ...] = (),
    ) -> Self:
        """Put a result together; without counts no row was looked at."""
        figures = vars(counts or Counts())
        return cls(**vars(batch), **figures, status=status, reason=reason, findings=findings)

    @property
    def is_warning(self) -> bool:
        """Whether the run should end with a warning because of this batch."""
        return self.status in ("refused", "withdrawn", "stale") or bool(self.findings)


ProgressCallback = Callable[[BatchResult, int, int], None]


def batch_id_of(system: str, file: str, feed: str, content: str = "") -> str:
    """Id of the batch that a path fills a feed with; with `content`, of one refused delivery under that path."""
    return hashlib.sha256("\0".join((system, file, feed, content)).encode()).hexdigest()[:32]
