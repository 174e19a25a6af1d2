"""One night while it is running: what the steps share, and the notes from which its record is made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from dagster_project.nightly.clock import now
from dagster_project.nightly.faults import log_path, sentence_of
from dagster_project.nightly.memory import Peak, watched_peak
from dagster_project.nightly.progress import Progress, Silence
from dagster_project.nightly.record import (
    CheckFinding,
    CheckTally,
    Failure,
    FeedLoad,
    Headline,
    ListOutcome,
    Outcome,
    Places,
    Refusal,
    RunRecord,
    StepTime,
)
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from dagster_project.quality import QualityGate


@dataclass
class StepNote:
    """What a running step wants to be remembered for."""

    rows: int | None = None
    detail: str = ""
    is_unchanged: bool = False


class Night:
    """A running night: settings, date, listener and notes.

    Args:
        settings: Where everything is.
        as_of: The date the run stands on; models never learn another.
        run_id: The same id in Dagster, exports, the published database and the record.
        progress: Who listens.
        released: Segments whose unusual size a person has accepted for this night.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        as_of: date,
        run_id: str,
        progress: Progress | None = None,
        released: frozenset[str] = frozenset(),
    ) -> None:
        """Start the clock of the record."""
        self.settings = settings
        self.as_of = as_of
        self.run_id = run_id
        self.progress: Progress = progress or Silence()
        self.released = released
        self.loads: tuple[FeedLoad, ...] = ()
        self.refusals: tuple[Refusal, ...] = ()
        self.tallies: list[CheckTally] = []
        self.findings: list[CheckFinding] = []
        self.headlines: tuple[Headline, ...] = ()
        self.lists: tuple[ListOutcome, ...] = ()
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self.failure: Failure | None = None
        self.is_settled = True
        """Whether there is nothing that the same night should try again, such as a file that did not arrive."""
        self._steps: list[StepTime] = []
        self._started_at = now()

    @cached_property
    def gate(self) -> QualityGate:
        """The quality gate of this night, used at both doors."""
        from dagster_project.quality import QualityGate

        return QualityGate(settings=self.settings, as_of=self.as_of)

    @contextmanager
    def step(self, name: str, *, total: int | None = None) -> Iterator[StepNote]:
        """Time one step, watch its memory, and tell the listener."""
        note = StepNote()
        started = time.monotonic()
        self.progress.begin(name, total=total)
        peak = Peak()
        try:
            with watched_peak(peak):
                yield note
        except Exception:
            note.detail = "failed"
            raise
        finally:
            seconds = round(time.monotonic() - started, 2)
            self._steps.append(
                StepTime(name, seconds, note.rows, note.detail, round(peak.mib), is_unchanged=note.is_unchanged)
            )
            self.progress.end(name, detail=note.detail)

    def remember_failure(self, step: str, error: BaseException) -> Failure:
        """Keep the first failure; what fails after it is a consequence."""
        told = sentence_of(error, settings=self.settings)
        failure = Failure(step=step, what=told.what, where=told.where, remedy=told.remedy)
        self.failure = self.failure or failure
        return failure

    def describe(self, error: BaseException) -> str:
        """One sentence for an error that does not end the night."""
        return str(sentence_of(error, settings=self.settings))

    def add_share(self, name: str, *, seconds: float, detail: str) -> None:
        """Remember what a part of the steps cost that runs inside of them."""
        self._steps.append(StepTime(f"· {name}", round(seconds, 2), None, detail))

    @property
    def has_begun(self) -> bool:
        """Whether any step was tried."""
        return bool(self._steps)

    def record(self) -> RunRecord:
        """The night as a value, as it stands now."""
        return RunRecord(
            run_id=self.run_id,
            as_of=self.as_of,
            started_at=self._started_at,
            finished_at=now(),
            outcome=self._outcome(),
            places=places_of(self.settings),
            loads=self.loads,
            refusals=self.refusals,
            tallies=tuple(self.tallies),
            findings=tuple(self.findings),
            headlines=self.headlines,
            lists=self.lists,
            steps=tuple(self._steps),
            warnings=tuple(self.warnings),
            notes=tuple(self.notes),
            failure=self.failure,
        )

    def _outcome(self) -> Outcome:
        if self.failure:
            return "failed"
        is_list_suspect = any(one.is_warning for one in self.lists)
        return "warnings" if self.refusals or self.findings or self.warnings or is_list_suspect else "fine"


def places_of(settings: Settings) -> Places:
    """Where a reader finds the results of any night."""
    return Places(
        published=str(settings.published_path),
        exports=str(settings.exports_dir),
        quarantine=str(settings.quarantine_dir),
        docs=str(settings.docs_dir / "index.html"),
        log=str(log_path(settings)),
    )
