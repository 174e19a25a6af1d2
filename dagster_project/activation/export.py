"""Takes each segment from its candidates to a delivered or held-back list; the rules live in their own modules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from dagster_project.activation.document import (
    CSV,
    MANIFEST,
    ListContext,
    manifest_file,
    member_files,
    same_list,
    sha256,
)
from dagster_project.activation.files import ListFolder, lies_there
from dagster_project.activation.holding import size_objection
from dagster_project.activation.journal import Delivery, last_delivery, prepare_journal, record, was_released
from dagster_project.activation.members import Membership, select_members
from dagster_project.activation.results import ExportResult
from dagster_project.activation.segments import SegmentDefinition, read_segments
from dagster_project.errors import CrmError
from dagster_project.quality.findings import Finding
from dagster_project.settings import Settings
from dagster_project.warehouse import open_database

Validate = Callable[[pl.DataFrame, SegmentDefinition], Sequence[Finding]]


@dataclass(frozen=True)
class _Night:
    """What every list of one run shares."""

    settings: Settings
    as_of: date
    run_id: str
    validate: Validate
    release: frozenset[str]


def export_segments(
    *,
    manifest_path: Path,
    settings: Settings,
    as_of: date,
    run_id: str,
    validate: Validate,
    only: Collection[str] | None = None,
    release: Collection[str] = (),
    on_progress: Callable[[str], None] | None = None,
) -> tuple[ExportResult, ...]:
    """Write the list of every segment, or hold it back with a message while the last good one stays.

    Args:
        manifest_path: dbt's manifest, which holds the settings and the SQL of the segments.
        settings: Where the warehouse and the exports are.
        as_of: The date of the run: consent must be in force on it.
        run_id: Told in the manifests.
        validate: The outgoing door; a finding of severity `refuse` holds the list back.
        only: Names of the segments to export; all of them if None.
        release: Segments whose sudden change of size a person accepts for this night.
        on_progress: Hears the name of each segment before its list is made.

    Raises:
        CrmError: Settings cannot be used, a name is unknown, a table is missing, or a file cannot be written.
    """
    segments = read_segments(manifest_path)
    _check_names(segments, wanted=[*(only or ()), *release])
    night = _Night(settings=settings, as_of=as_of, run_id=run_id, validate=validate, release=frozenset(release))
    results = []
    with open_database(settings.warehouse_path, settings=settings) as connection:
        prepare_journal(connection)
        for segment in segments:
            if only is not None and segment.name not in only:
                continue
            if on_progress:
                on_progress(segment.name)
            results.append(_export(connection, segment=segment, night=night))
    return tuple(results)


def _check_names(segments: Sequence[SegmentDefinition], *, wanted: Sequence[str]) -> None:
    known = [segment.name for segment in segments]
    for name in wanted:
        if name not in known:
            raise CrmError(f"there is no segment {name}", remedy=f"Known are: {', '.join(known) or 'none'}.")


def _export(connection: duckdb.DuckDBPyConnection, *, segment: SegmentDefinition, night: _Night) -> ExportResult:
    folder = ListFolder(night.settings.exports_dir / segment.name)
    folder.prepare()
    membership = select_members(connection, segment=segment, as_of=night.as_of)
    previous = last_delivery(connection, segment=segment.name, before=night.as_of)
    is_released = segment.name in night.release or was_released(connection, segment=segment.name, as_of=night.as_of)
    files = member_files(membership.members)
    size = size_objection(
        settings=segment.settings,
        member_count=membership.members.height,
        previous=previous,
        is_released=is_released,
    )
    # The door is for lists that may leave: one that its size holds back is not asked about.
    asked = None if size else night.validate
    findings = _findings(membership, segment=segment, previous=previous, checksum=sha256(files[CSV]), validate=asked)
    context = ListContext(
        segment=segment,
        as_of=night.as_of,
        run_id=night.run_id,
        membership=membership,
        previous=previous,
        objection=_objection(size, findings=findings, newest=folder.newest()),
        is_released=is_released,
        findings=findings,
    )
    directory, is_unchanged = _put(folder, context=context, files=files)
    delivery = _delivery(context, checksum=sha256(files[CSV]))
    record(connection, delivery)
    return _result(context, delivery=delivery, directory=directory, is_unchanged=is_unchanged)


def _findings(
    membership: Membership,
    *,
    segment: SegmentDefinition,
    previous: Delivery | None,
    checksum: str,
    validate: Validate | None,
) -> tuple[Finding, ...]:
    """What the outgoing door says; the very bytes that passed it on an earlier night pass again unasked."""
    has_passed = (
        previous is not None and previous.checksum == checksum and previous.definition_sha256 == segment.fingerprint
    )
    if has_passed or validate is None:
        return ()
    return tuple(validate(membership.members, segment))


def _objection(size: str | None, *, findings: Sequence[Finding], newest: str | None) -> str:
    """Everything that speaks against the list in one sentence, or nothing."""
    refusals = [finding.message.rstrip(".") for finding in findings if finding.severity == "refuse"]
    reasons = "; ".join([size] if size else refusals)
    if not reasons:
        return ""
    remains = f"the list of {newest} stays" if newest else "no earlier list exists"
    return f"{reasons[:1].upper()}{reasons[1:]}; {remains}."


def _put(folder: ListFolder, *, context: ListContext, files: dict[str, bytes]) -> tuple[Path | None, bool]:
    """Write the list, or the note that it was held back; what lies there with the same content keeps its bytes."""
    if context.objection:
        note, _ = _kept_manifest(folder.held_back(context.as_of), manifest_file(context, {}))
        folder.hold_back(context.as_of, {MANIFEST: note})
        return None, False
    directory = folder.delivered(context.as_of)
    manifest, is_kept = _kept_manifest(directory, manifest_file(context, files))
    is_unchanged = is_kept and lies_there(directory, files)
    folder.deliver(context.as_of, {**files, MANIFEST: manifest})
    return directory, is_unchanged


def _kept_manifest(directory: Path, manifest: bytes) -> tuple[bytes, bool]:
    """The manifest that lies there if it tells of the same list (it names the run that made it), else the new one."""
    try:
        former = (directory / MANIFEST).read_bytes()
    except OSError:
        return manifest, False
    return (former, True) if same_list(former, manifest) else (manifest, False)


def _delivery(context: ListContext, *, checksum: str) -> Delivery:
    membership = context.membership
    return Delivery(
        segment=context.segment.name,
        as_of=context.as_of,
        status="held_back" if context.objection else "delivered",
        message=context.objection,
        candidate_count=membership.candidate_count,
        member_count=membership.members.height,
        dropped_count=sum(one.count for one in membership.counts),
        previous_count=context.previous.member_count if context.previous else None,
        checksum=checksum,
        definition_sha256=context.segment.fingerprint,
        is_released=context.is_released,
    )


def _result(context: ListContext, *, delivery: Delivery, directory: Path | None, is_unchanged: bool) -> ExportResult:
    settings = context.segment.settings
    return ExportResult(
        segment=delivery.segment,
        title=settings.title,
        owner=settings.owner,
        purpose=settings.purpose,
        channel=settings.channel,
        as_of=delivery.as_of,
        status=delivery.status,
        message=delivery.message,
        candidate_count=delivery.candidate_count,
        member_count=delivery.member_count,
        dropped=context.membership.counts,
        previous_count=delivery.previous_count,
        directory=directory,
        checksum=delivery.checksum,
        findings=tuple(context.findings),
        is_unchanged=is_unchanged,
    )
