"""What one nightly run did, as plain values that survive as JSON; no rendering and no personal data in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Outcome = Literal["fine", "warnings", "failed"]

EXIT_CODES: dict[Outcome, int] = {"fine": 0, "failed": 1, "warnings": 2}


@dataclass(frozen=True)
class FeedLoad:
    """What one system delivered for one feed tonight; row counts cover this night's new batches only."""

    system: str
    feed: str
    new_batches: int
    unchanged_batches: int
    duplicate_batches: int
    refused_batches: int
    delivered_rows: int
    loaded_rows: int
    quarantined_rows: int
    duplicate_rows: int


@dataclass(frozen=True)
class Refusal:
    """One batch that stayed outside, and why."""

    system: str
    feed: str
    file: str
    reason: str


@dataclass(frozen=True)
class CheckFinding:
    """One check that did not pass; `severity` says whether it stopped the run."""

    check: str
    asset: str
    severity: Literal["error", "warning"]
    message: str


@dataclass(frozen=True)
class CheckTally:
    """How the checks of one kind went."""

    kind: str
    passed: int
    warned: int
    failed: int
    skipped: int = 0


@dataclass(frozen=True)
class Headline:
    """One headline figure with what it was before and what it should be."""

    kpi: str
    reading: str
    month: date | None
    value: float | None
    previous_value: float | None
    target: float | None
    unit: str
    is_final: bool


@dataclass(frozen=True)
class ListOutcome:
    """One target group: written, unchanged or held back, and who was left out why."""

    segment: str
    title: str
    purpose: str
    channel: str
    status: Literal["written", "unchanged", "held_back"]
    message: str
    candidate_count: int
    member_count: int
    previous_count: int | None
    dropped: tuple[tuple[str, int], ...]
    directory: str | None
    is_warning: bool
    added_count: int | None = None
    removed_count: int | None = None
    is_releasable: bool = False


@dataclass(frozen=True)
class StepTime:
    """One step of the run with its cost.

    Args:
        step: Its name.
        seconds: Wall time.
        rows: How many it made, where that says something.
        detail: What it did, in a few words.
        peak_mib: The most memory the process held meanwhile; None in records of older versions.
        is_unchanged: Whether nothing had to be done, because what it reads is what it read the last time.
    """

    step: str
    seconds: float
    rows: int | None = None
    detail: str = ""
    peak_mib: int | None = None
    is_unchanged: bool = False


@dataclass(frozen=True)
class Failure:
    """Why a run failed: what, where, and what to do; the parts of a `CrmError`."""

    step: str
    what: str
    where: str = ""
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """The failure as one line for people."""
        place = f" ({self.where})" if self.where else ""
        return f"{self.what}{place}. {self.remedy}".strip()


@dataclass(frozen=True)
class Places:
    """Where a reader finds everything."""

    published: str
    exports: str
    quarantine: str
    docs: str
    log: str


@dataclass(frozen=True)
class RunRecord:
    """One nightly run from start to end."""

    run_id: str
    as_of: date | None
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    places: Places
    loads: tuple[FeedLoad, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    tallies: tuple[CheckTally, ...] = ()
    findings: tuple[CheckFinding, ...] = ()
    headlines: tuple[Headline, ...] = ()
    lists: tuple[ListOutcome, ...] = ()
    steps: tuple[StepTime, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
    format_version: int = field(default=1)

    @property
    def seconds(self) -> float:
        """Wall time of the whole run."""
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def peak_mib(self) -> int | None:
        """The most memory the process held in any step, in MiB; None in records of older versions."""
        return max((step.peak_mib for step in self.steps if step.peak_mib is not None), default=None)

    @property
    def loaded_rows(self) -> int:
        """Rows that came in."""
        return sum(load.loaded_rows for load in self.loads)

    @property
    def exit_code(self) -> int:
        """0 fine, 1 failed, 2 finished with warnings."""
        return EXIT_CODES[self.outcome]
