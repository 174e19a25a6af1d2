"""One list of a night before it is written: what is on it, what speaks against it, and what leaves all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from dagster_project.activation.delta import Delta, compare
from dagster_project.activation.document import PARQUET, checksum
from dagster_project.activation.files import ListFolder
from dagster_project.activation.holding import Former, size_objection
from dagster_project.activation.leaks import find_leaks
from dagster_project.activation.measuring import Prospects
from dagster_project.activation.members import count_verdicts, lawful_rest, read_members, verdicts_of
from dagster_project.activation.results import DELIVERED, DroppedCount
from dagster_project.activation.segments import SegmentDefinition
from dagster_project.quality.findings import Finding

if TYPE_CHECKING:
    import duckdb

Validate = Callable[[pl.DataFrame, SegmentDefinition], Sequence[Finding]]


@dataclass(frozen=True)
class Release:
    """Whether a person let a waiting list out on this night, and who."""

    is_released: bool
    released_by: str | None = None


@dataclass(frozen=True)
class Draft:
    """A list as it would be.

    Args:
        segment: Whose list.
        as_of: The night.
        members: Who is on it, in order.
        candidate_count: How many the segment's SQL found.
        dropped: How many of them were left out, by reason.
        prospects: What the list can show; None for lists that hold nobody out.
        former: The last list that left on an earlier night.
        listed: Its rows as they left, None if there was none or its file is gone.
        verdicts: Of everybody on `listed`: their key and tonight's verdict.
        release: Whether a person accepts the list's size.
    """

    segment: SegmentDefinition
    as_of: date
    members: pl.DataFrame
    candidate_count: int
    dropped: tuple[DroppedCount, ...]
    prospects: Prospects | None
    former: Former | None
    listed: pl.DataFrame | None
    verdicts: pl.DataFrame
    release: Release

    @property
    def holdout_count(self) -> int:
        """How many are held out of it."""
        return sum(one.count for one in self.dropped if one.reason.endswith("holdout"))


@dataclass(frozen=True)
class Decision:
    """What becomes of a draft.

    Args:
        objection: Why the list is held back, with what remains, as a sentence; empty if it leaves.
        is_releasable: A person may let it out all the same.
        findings: What the door and the search for leaks said.
        leaving: The rows that leave: the list, or, when it is held back, the last good one without those who may not be
            contacted any more; None if nothing has to change.
        delta: What `leaving` changes against the last list that left.
        reduced_by: How many were taken out of the last good list.
    """

    objection: str
    is_releasable: bool
    findings: tuple[Finding, ...]
    leaving: pl.DataFrame | None
    delta: Delta | None
    reduced_by: int

    @property
    def is_reduced(self) -> bool:
        """The list is held back, but its last good one lost somebody."""
        return self.reduced_by > 0


def draft(
    connection: duckdb.DuckDBPyConnection,
    segment: SegmentDefinition,
    *,
    as_of: date,
    folder: ListFolder,
    prospects: Prospects | None,
    release: Release,
) -> Draft:
    """Put a list together; needs the tables of the judgement.

    Args:
        connection: The warehouse with its journals.
        segment: Whose list.
        as_of: The night.
        folder: Where its lists lie.
        prospects: What it can show.
        release: Whether a person accepts its size.

    Raises:
        CrmError: A column that the settings name does not exist.
    """
    candidate_count, dropped = count_verdicts(connection, segment.name)
    listed = last_listed(folder, before=as_of)
    none_listed = pl.DataFrame(schema={**dict.fromkeys(segment.keys, pl.String), "verdict": pl.String})
    return Draft(
        segment=segment,
        as_of=as_of,
        members=read_members(connection, segment),
        candidate_count=candidate_count,
        dropped=dropped,
        prospects=prospects,
        former=_former(connection, segment=segment.name, before=as_of),
        listed=listed,
        verdicts=none_listed if listed is None else verdicts_of(connection, segment, listed=listed),
        release=release,
    )


def last_listed(folder: ListFolder, *, before: date) -> pl.DataFrame | None:
    """The rows of the newest list that left before a night, as they left.

    Args:
        folder: Where the segment's lists lie.
        before: The night.
    """
    nights = [night for night in folder.nights() if night < before]
    path = folder.delivered(max(nights)) / PARQUET if nights else None
    return pl.read_parquet(path) if path is not None and path.is_file() else None


def release_of(
    connection: duckdb.DuckDBPyConnection, *, segment: str, as_of: date, is_wanted: bool, who: str | None
) -> Release:
    """Whether a list is released tonight: by the person who asks now, or by one before; a repeated night remembers.

    Args:
        connection: The warehouse with its journals.
        segment: Whose list.
        as_of: The night.
        is_wanted: Somebody asks now.
        who: That person.
    """
    row = connection.execute(
        "select released_by from journal.deliveries where segment = ? and as_of_date = ? and is_released",
        [segment, as_of],
    ).fetchone()
    if row:
        return Release(is_released=True, released_by=row[0])
    return Release(is_released=is_wanted, released_by=who if is_wanted else None)


def decide(connection: duckdb.DuckDBPyConnection, made: Draft, *, validate: Validate, newest: str | None) -> Decision:
    """Ask the door and the search for leaks, hold the size against its bounds, and say what leaves.

    Args:
        connection: The warehouse with tonight's verdicts in its journals.
        made: The list.
        validate: The outgoing door.
        newest: The night of the last list that left, told in the sentence.
    """
    size = size_objection(
        settings=made.segment.settings,
        member_count=made.members.height,
        former=made.former,
        is_released=made.release.is_released,
    )
    leaks = find_leaks(connection, made.segment, members=made.members, as_of=made.as_of)
    # The door is for lists that may leave: one that its size holds back is not asked about.
    findings = (*leaks, *(() if size or leaks else _at_the_door(made, validate)), *_mismatch(made))
    refusals = [finding.message.rstrip(".") for finding in findings if finding.severity == "refuse"]
    reasons = refusals or ([size] if size else [])
    if not reasons:
        delta = _delta(made, made.members)
        return Decision("", False, findings, leaving=made.members, delta=delta, reduced_by=0)  # noqa: FBT003
    rest = None if made.listed is None else lawful_rest(made.listed, made.verdicts, key=made.segment.settings.key)
    lost = 0 if rest is None or made.listed is None else made.listed.height - rest.height
    return Decision(
        objection=_sentence("; ".join(reasons), newest=newest, lost=lost),
        is_releasable=bool(size) and not refusals and (made.members.height > 0 or made.former is not None),
        findings=findings,
        leaving=rest if lost else None,
        delta=_delta(made, rest) if lost and rest is not None else None,
        reduced_by=lost,
    )


def _delta(made: Draft, leaving: pl.DataFrame) -> Delta | None:
    if made.listed is None:
        return None
    return compare(made.listed, leaving, keys=made.segment.keys, removal_reasons=made.verdicts)


def _at_the_door(made: Draft, validate: Validate) -> tuple[Finding, ...]:
    """What the outgoing door says; the very bytes that passed it on an earlier night pass again unasked."""
    if made.members.is_empty():
        return ()
    has_passed = (
        made.former is not None
        and made.former.definition_sha256 == made.segment.fingerprint
        and made.former.checksum == checksum(made.members)
    )
    return () if has_passed else tuple(validate(made.members, made.segment))


def _mismatch(made: Draft) -> tuple[Finding, ...]:
    if made.prospects is None or not made.prospects.has_mismatch:
        return ()
    message = (
        f"{made.prospects.holdout_count} are held out beside {made.prospects.treated_count} members, which chance "
        "alone hardly does (sample-ratio test, p < 0.001): what the list changes cannot be measured."
    )
    return (Finding(severity="warn", check="sample ratio", column=None, message=message),)


def _sentence(reasons: str, *, newest: str | None, lost: int) -> str:
    remains = f"the list of {newest} stays" if newest else "no earlier list exists"
    less = f" without {lost} who may not be contacted any more" if lost else ""
    return f"{reasons[:1].upper()}{reasons[1:]}; {remains}{less}."


def _former(connection: duckdb.DuckDBPyConnection, *, segment: str, before: date) -> Former | None:
    row = connection.execute(
        """
        select as_of_date, member_count, checksum, definition_sha256
        from journal.deliveries
        where segment = ? and as_of_date < ? and status = ?
        order by as_of_date desc
        limit 1
        """,
        [segment, before, DELIVERED],
    ).fetchone()
    return Former(*row) if row else None
