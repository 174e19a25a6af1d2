"""The two doors as one object per run: asks Great Expectations only when there is something to ask; holds no rule."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dagster_project import ingestion
from dagster_project.ingestion import BatchProfile, Bounds, Catalog, load_catalog
from dagster_project.quality.batches import Measure, batch_expectations, door_table, feed_expectations, measure_batch
from dagster_project.quality.engine import Evaluation, GreatExpectations, great_expectations
from dagster_project.quality.findings import Finding
from dagster_project.quality.lists import chunks, list_expectations
from dagster_project.quality.pages import Page, write_pages
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from dagster_project.activation.segments import SegmentDefinition

_BATCHES = "batches"
_LISTS = "lists"
_Figures = tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class GateSummary:
    """What the doors did in this run and what it cost."""

    batches: int
    lists: int
    expectations: int
    failed: int
    seconds: float


class QualityGate:
    """Both doors of one run.

    Args:
        settings: Where contracts and documentation are.
        as_of: The date of the run, told on the pages.
    """

    def __init__(self, *, settings: Settings, as_of: date) -> None:
        """Nothing is imported or read yet."""
        self._settings = settings
        self._as_of = as_of
        self._batches: dict[str, list[tuple[BatchProfile, tuple[Measure, ...]]]] = defaultdict(list)
        self._lists: dict[str, list[Evaluation]] = {}
        self._verdicts: dict[tuple[str, _Figures], frozenset[str]] = {}
        self._expectations = 0
        self._failed = 0
        self._seconds = 0.0

    def validate_batch(self, profile: BatchProfile) -> tuple[ingestion.Finding, ...]:
        """Hold a candidate batch against its contract before its rows enter raw.

        Args:
            profile: The batch in bounded size.

        Returns:
            One refusing finding per figure that is out of bounds.
        """
        with self._timed():
            measures = measure_batch(
                profile, contract=self._catalog.contract(profile.feed), bounds=self._bounds(profile)
            )
            self._batches[profile.feed].append((profile, measures))
            failed = self._batch_verdict(profile, measures)
        return tuple(
            ingestion.Finding(severity="refuse", text=f"quality gate: {one.message}.")
            for one in measures
            if one.name in failed
        )

    def validate_list(self, frame: pl.DataFrame, segment: SegmentDefinition) -> tuple[Finding, ...]:
        """Hold a list against its settings before it leaves.

        Args:
            frame: The members as they would be written.
            segment: Whose list it is.

        Returns:
            One finding per expectation that does not hold; none names a value of the list.
        """
        with self._timed():
            expectations = list_expectations(frame, segment)
            evaluations = [
                self._engine.evaluate(piece, expectations, subject=segment.name) for piece in chunks(frame, segment)
            ]
            self._lists[segment.name] = evaluations
            failed = dict.fromkeys(one.message for evaluation in evaluations for one in evaluation.failed)
            self._expectations += len(expectations) * len(evaluations)
            self._failed += len(failed)
        by_message = {one.message: one for one in reversed(expectations)}
        return tuple(
            Finding(
                severity=by_message[message].severity,
                check=by_message[message].name,
                column=by_message[message].column,
                message=f"{message[:1].upper()}{message[1:]}.",
            )
            for message in failed
        )

    def build_docs(self) -> Path | None:
        """Write the Data Docs of everything that was validated in this run.

        Returns:
            The index page; None when there was nothing to validate.
        """
        if not self._batches and not self._lists:
            return None
        with self._timed():
            pages = [*self._batch_pages(), *self._list_pages()]
            return write_pages(pages, folder=self._settings.docs_dir / "data_docs")

    @property
    def summary(self) -> GateSummary:
        """What was asked so far and how long it took, the import of Great Expectations included."""
        return GateSummary(
            batches=sum(len(batches) for batches in self._batches.values()),
            lists=len(self._lists),
            expectations=self._expectations,
            failed=self._failed,
            seconds=round(self._seconds, 2),
        )

    @cached_property
    def _engine(self) -> GreatExpectations:
        return great_expectations()

    @cached_property
    def _catalog(self) -> Catalog:
        return load_catalog(self._settings.sources_dir)

    def _bounds(self, profile: BatchProfile) -> Bounds:
        for mapping in self._catalog.mappings:
            if (mapping.system, mapping.name) == (profile.source_system, profile.mapping):
                return self._catalog.bounds(mapping, profile.feed)
        return self._catalog.contract(profile.feed).bounds

    def _batch_verdict(self, profile: BatchProfile, measures: Sequence[Measure]) -> frozenset[str]:
        """Names of the measures that are out of bounds; a batch with the very figures of another shares its verdict."""
        figures = (profile.feed, tuple((one.name, one.observed, one.limit) for one in measures))
        if figures not in self._verdicts:
            evaluation = self._engine.evaluate(
                door_table([(profile, tuple(measures))]), batch_expectations(measures), subject=profile.feed
            )
            self._verdicts[figures] = frozenset(one.column or "" for one in evaluation.failed)
        self._expectations += len(measures)
        self._failed += len(self._verdicts[figures])
        return self._verdicts[figures]

    def _batch_pages(self) -> Iterator[Page]:
        for feed, batches in sorted(self._batches.items()):
            expectations = feed_expectations([measures for _, measures in batches])
            evaluation = self._engine.evaluate(door_table(batches), expectations, subject=feed, name_rows_by="file")
            yield self._page(_BATCHES, feed, [evaluation], size=len(batches))

    def _list_pages(self) -> Iterator[Page]:
        for segment, evaluations in sorted(self._lists.items()):
            yield self._page(_LISTS, segment, evaluations, size=len(evaluations))

    def _page(self, door: str, subject: str, evaluations: Sequence[Evaluation], *, size: int) -> Page:
        return Page(
            door=door,
            subject=subject,
            as_of=self._as_of,
            size=size,
            expectation_count=evaluations[0].expectation_count,
            failed_count=len({one.message or one.column for evaluation in evaluations for one in evaluation.failed}),
            bodies=tuple(self._engine.render(evaluation) for evaluation in evaluations),
        )

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds += time.perf_counter() - started
