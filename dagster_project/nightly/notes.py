"""Writes what the rooms return into the night's notes; which numbers matter to a reader is decided here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dagster_project.nightly.record import CheckFinding, CheckTally, FeedLoad, ListOutcome, Refusal
from dagster_project.nightly.session import Night

if TYPE_CHECKING:
    from dagster_project.activation import ExportResult
    from dagster_project.ingestion import BatchResult
    from dagster_project.transformation import NodeResult

DATA_TESTS = "data tests"
_COUNTED_ONCE = frozenset({"loaded", "refused", "duplicate", "withdrawn"})


def note_batches(night: Night, batches: Sequence[BatchResult]) -> None:
    """Remember what was loaded, refused and quarantined, and every batch that deserves a look."""
    by_feed: dict[tuple[str, str], list[BatchResult]] = defaultdict(list)
    for batch in batches:
        by_feed[batch.source_system, batch.feed].append(batch)
    night.loads = tuple(_feed_load(system, feed, of_feed) for (system, feed), of_feed in sorted(by_feed.items()))
    night.refusals = tuple(
        Refusal(batch.source_system, batch.feed, batch.file, batch.reason)
        for batch in batches
        if batch.status in ("refused", "withdrawn")
    )
    night.findings.extend(_batch_findings(batches))
    seen = [batch for batch in batches if batch.status in _COUNTED_ONCE]
    warned = sum(batch.is_warning and batch.status != "refused" for batch in seen)
    refused = sum(batch.status == "refused" for batch in seen)
    night.tallies.append(CheckTally("batches", len(seen) - warned - refused, warned + refused, 0))


def note_nodes(night: Night, nodes: Sequence[NodeResult]) -> None:
    """Remember how dbt's tests went; the dbt runs of a night make one tally."""
    tests = [node for node in nodes if node.kind == "test"]
    statuses = Counter(node.status for node in tests)
    before = next((tally for tally in night.tallies if tally.kind == DATA_TESTS), CheckTally(DATA_TESTS, 0, 0, 0))
    night.tallies = [tally for tally in night.tallies if tally.kind != DATA_TESTS]
    night.tallies.append(
        CheckTally(
            DATA_TESTS,
            passed=before.passed + statuses["pass"],
            warned=before.warned + statuses["warn"],
            failed=before.failed + statuses["fail"] + statuses["error"],
            skipped=before.skipped + statuses["skipped"],
        )
    )
    for node in tests:
        if node.status in ("warn", "fail", "error"):
            severity = "warning" if node.status == "warn" else "error"
            rows = f"{node.failures} rows" if node.failures is not None else node.message
            night.findings.append(CheckFinding(node.name, node.tested or node.path, severity, rows))  # type: ignore[arg-type]


def note_lists(night: Night, results: Iterable[ExportResult]) -> None:
    """Remember which lists were written or held back, and who was left out why."""
    results = tuple(results)
    night.lists = tuple(_list_outcome(result) for result in results)
    night.is_settled &= not any(one.status == "failed" for result in results for one in result.arrivals)
    warned = sum(one.is_warning for one in night.lists)
    night.tallies.append(CheckTally("lists", len(night.lists) - warned, warned, 0))


def _feed_load(system: str, feed: str, batches: Sequence[BatchResult]) -> FeedLoad:
    statuses = Counter(batch.status for batch in batches)
    new = [batch for batch in batches if batch.status in ("loaded", "refused", "duplicate")]
    return FeedLoad(
        system=system,
        feed=feed,
        new_batches=statuses["loaded"],
        unchanged_batches=statuses["unchanged"],
        duplicate_batches=statuses["duplicate"],
        refused_batches=statuses["refused"],
        delivered_rows=sum(batch.delivered_rows for batch in new),
        loaded_rows=sum(batch.loaded_rows for batch in new),
        quarantined_rows=sum(batch.quarantined_rows for batch in new),
        duplicate_rows=sum(batch.duplicate_rows for batch in new),
    )


def _batch_findings(batches: Sequence[BatchResult]) -> Iterable[CheckFinding]:
    for batch in batches:
        place = f"{batch.source_system}/{batch.feed}"
        if batch.status == "stale":
            yield CheckFinding("stale", place, "warning", batch.reason.removeprefix("stale: "))
        elif batch.status != "refused":
            for finding in batch.findings:
                yield CheckFinding("batches door", place, "warning", f"{batch.file}: {finding.text}")


def _list_outcome(result: ExportResult) -> ListOutcome:
    delivered = "unchanged" if result.is_unchanged else "written"
    return ListOutcome(
        segment=result.segment,
        title=result.title,
        purpose=result.purpose,
        channel=result.channel,
        status="held_back" if result.status == "held_back" else delivered,  # type: ignore[arg-type]
        message=" ".join([result.delivery.message, *_arrival_problems(result)]).strip(),
        candidate_count=result.delivery.candidate_count,
        member_count=result.delivery.member_count,
        previous_count=result.previous_count,
        added_count=result.delivery.added_count,
        removed_count=result.delivery.removed_count,
        dropped=tuple((dropped.reason, dropped.count) for dropped in result.dropped),
        is_releasable=result.delivery.is_releasable,
        directory=str(result.directory) if result.directory else None,
        is_warning=result.is_warning,
    )


def _arrival_problems(result: ExportResult) -> list[str]:
    return [f"{one.destination}: {one.message}" for one in result.arrivals if one.status == "failed"]
