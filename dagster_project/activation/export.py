"""Takes every segment of a night from candidates to a delivered or held-back list; the rules live in their modules."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.activation.audit import record_pulls
from dagster_project.activation.destinations import Destination
from dagster_project.activation.document import CSV, MANIFEST, checksum, manifest_file, member_files, same_list, sha256
from dagster_project.activation.drafts import Decision, Draft, Validate, decide, draft, release_of
from dagster_project.activation.files import ListFolder, lies_there
from dagster_project.activation.journals import prepare_journals
from dagster_project.activation.judging import judge
from dagster_project.activation.measuring import Prospects, prospects
from dagster_project.activation.recording import can_leave, record_arrivals, record_delivery, record_verdicts
from dagster_project.activation.results import DELIVERED, HELD_BACK, Delivery, ExportResult
from dagster_project.activation.segments import SegmentDefinition, read_segments
from dagster_project.activation.sending import send_list
from dagster_project.errors import CrmError
from dagster_project.settings import Settings
from dagster_project.warehouse import open_database

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class ExportNight:
    """What every list of one night shares.

    Args:
        settings: Where the warehouse and the exports are.
        as_of: The date of the night: consent must be in force on it.
        run_id: Told in the manifests and journals.
        validate: The outgoing door; a finding of severity `refuse` holds the list back.
        released: Segments whose waiting list a person lets out tonight.
        released_by: Who that person is.
        destinations: Where lists can be sent to, by name.
    """

    settings: Settings
    as_of: date
    run_id: str
    validate: Validate
    released: frozenset[str] = frozenset()
    released_by: str | None = None
    destinations: Mapping[str, Destination] = field(default_factory=dict)


def export_segments(
    night: ExportNight,
    *,
    manifest_path: Path,
    only: Collection[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> tuple[ExportResult, ...]:
    """Judge all candidates, then write the list of every segment, or hold it back while the last good one stays.

    Args:
        night: What the lists share.
        manifest_path: dbt's manifest, which holds the settings and the SQL of the segments.
        only: Names of the segments to write; all of them if None. All are judged: they compete for the same people.
        on_progress: Hears the name of each segment before its list is made.

    Raises:
        CrmError: Settings cannot be used, a name is unknown, a table is missing, or a file cannot be written.
    """
    segments = read_segments(manifest_path)
    wanted = choose(segments, only=only)
    choose(segments, only=night.released)
    with open_database(night.settings.warehouse_path, settings=night.settings) as connection:
        outlook = _judge(connection, night=night, segments=segments, wanted=wanted)
        results = []
        for segment in wanted:
            if on_progress:
                on_progress(segment.name)
            results.append(_export(connection, segment=segment, night=night, outlook=outlook.get(segment.name)))
    return tuple(results)


def choose(segments: Sequence[SegmentDefinition], *, only: Collection[str] | None) -> tuple[SegmentDefinition, ...]:
    """The segments of these names, in their order; all of them for None.

    Args:
        segments: All there are.
        only: The names.

    Raises:
        CrmError: There is no segment of a name.
    """
    known = [segment.name for segment in segments]
    for name in only or ():
        if name not in known:
            raise CrmError(f"there is no segment {name}", remedy=f"Known are: {', '.join(known) or 'none'}.")
    return tuple(segment for segment in segments if only is None or segment.name in only)


def _judge(
    connection: duckdb.DuckDBPyConnection,
    *,
    night: ExportNight,
    segments: Sequence[SegmentDefinition],
    wanted: Sequence[SegmentDefinition],
) -> dict[str, Prospects]:
    prepare_journals(connection)
    record_pulls(connection, settings=night.settings)
    leaving = can_leave(connection, as_of=night.as_of, released=night.released)
    judge(connection, segments=segments, can_leave=leaving, as_of=night.as_of)
    are_all = len(wanted) == len(segments)
    record_verdicts(connection, segments=wanted, as_of=night.as_of, run_id=night.run_id, are_all=are_all)
    return prospects(connection, as_of=night.as_of)


def _export(
    connection: duckdb.DuckDBPyConnection, *, segment: SegmentDefinition, night: ExportNight, outlook: Prospects | None
) -> ExportResult:
    folder = ListFolder(night.settings.exports_dir / segment.name)
    folder.prepare()
    release = release_of(
        connection,
        segment=segment.name,
        as_of=night.as_of,
        is_wanted=segment.name in night.released,
        who=night.released_by,
    )
    made = draft(connection, segment, as_of=night.as_of, folder=folder, prospects=outlook, release=release)
    decision = decide(connection, made, validate=night.validate, newest=folder.newest())
    put = _put(folder, made, decision=decision, run_id=night.run_id)
    delivery = _delivery(made, decision=decision, checksum=put.checksum, run_id=put.run_id)
    record_delivery(connection, delivery)
    arrivals = send_list(
        connection, made, decision=decision, destinations=night.destinations, folder=folder, run_id=night.run_id
    )
    record_arrivals(connection, arrivals, segment=segment.name, as_of=night.as_of)
    return ExportResult(
        title=segment.settings.title,
        owner=segment.settings.owner,
        purpose=segment.settings.purpose,
        channel=segment.settings.channel,
        delivery=delivery,
        dropped=made.dropped,
        previous_count=made.former.member_count if made.former else None,
        directory=put.directory,
        findings=decision.findings,
        arrivals=arrivals,
        is_unchanged=put.is_unchanged,
    )


@dataclass(frozen=True)
class _Put:
    """What lies on the disk now; `run_id` is the run that wrote it first."""

    directory: Path | None
    checksum: str
    is_unchanged: bool
    run_id: str


def _put(folder: ListFolder, made: Draft, *, decision: Decision, run_id: str) -> _Put:
    """Write what leaves, and a note if the list was held back; the same list keeps its bytes."""
    if decision.objection:
        note = _kept_manifest(folder.held_back(made.as_of), manifest_file(made, decision, run_id=run_id, files={}))
        folder.hold_back(made.as_of, {MANIFEST: note.content})
        if decision.leaving is None:
            return _Put(None, checksum(made.members), is_unchanged=False, run_id=note.run_id)
    leaving = made.members if decision.leaving is None else decision.leaving
    files = member_files(leaving, delta=decision.delta)
    directory = folder.delivered(made.as_of)
    manifest = _kept_manifest(directory, manifest_file(made, decision, run_id=run_id, files=files))
    is_unchanged = manifest.is_kept and lies_there(directory, files)
    folder.deliver(made.as_of, {**files, MANIFEST: manifest.content}, is_held_back=bool(decision.objection))
    return _Put(directory, sha256(files[CSV]), is_unchanged=is_unchanged, run_id=manifest.run_id)


@dataclass(frozen=True)
class _Manifest:
    content: bytes
    is_kept: bool

    @property
    def run_id(self) -> str:
        return str(json.loads(self.content)["run_id"])


def _kept_manifest(directory: Path, manifest: bytes) -> _Manifest:
    """The manifest that lies there if it tells of the same list (it names the run that made it), else the new one."""
    try:
        former = (directory / MANIFEST).read_bytes()
    except OSError:
        return _Manifest(manifest, is_kept=False)
    is_kept = same_list(former, manifest)
    return _Manifest(former if is_kept else manifest, is_kept=is_kept)


def _delivery(made: Draft, *, decision: Decision, checksum: str, run_id: str) -> Delivery:
    delta, outlook = decision.delta, made.prospects
    return Delivery(
        segment=made.segment.name,
        as_of=made.as_of,
        status=HELD_BACK if decision.objection else DELIVERED,
        message=decision.objection,
        is_releasable=decision.is_releasable,
        is_released=made.release.is_released,
        released_by=made.release.released_by,
        candidate_count=made.candidate_count,
        member_count=made.members.height,
        dropped_count=sum(one.count for one in made.dropped),
        holdout_count=made.holdout_count,
        added_count=delta.added.height if delta else None,
        kept_count=delta.kept_count if delta else None,
        changed_count=delta.changed.height if delta else None,
        removed_count=delta.removed.height if delta else None,
        previous_date=made.former.as_of if made.former else None,
        checksum=checksum,
        definition_sha256=made.segment.fingerprint,
        base_rate=outlook.base_rate if outlook else None,
        minimum_detectable_effect=outlook.minimum_detectable_effect if outlook else None,
        sample_ratio_chi2=outlook.sample_ratio_chi2 if outlook else None,
        run_id=run_id,
    )
