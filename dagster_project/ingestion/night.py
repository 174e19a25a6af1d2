"""One run of ingestion over the landing folder: which batch is new, known, doubled or gone, and what becomes of it."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from dagster_project.ingestion import gates
from dagster_project.ingestion.batches import (
    Batch,
    BatchResult,
    Counts,
    Finding,
    Validator,
    batch_id_of,
)
from dagster_project.ingestion.candidates import Candidate, Reading, read_candidates
from dagster_project.ingestion.catalog import Catalog
from dagster_project.ingestion.landing import ContentHashes, LandingFile
from dagster_project.ingestion.ledger import LedgerRow
from dagster_project.ingestion.loading import Decision, Loader
from dagster_project.ingestion.profiles import profile_batch

_Key = tuple[str, str, str]


@dataclass(frozen=True)
class NightInputs:
    """What a run works on.

    Attributes:
        catalog: Contracts and mappings.
        files: All files that a mapping takes, whatever their date.
        as_of: Files of later batch dates wait.
        feeds: Only these feeds; None for all.
        only: Only these batches, read again even if nothing changed; None for whatever is new.
        validate: Looks at the profile of a batch before it is loaded.
        landing_dir: Tells whether the file of a known batch is still there.
        spill_dir: Where rows go that do not fit into memory.
    """

    catalog: Catalog
    files: Sequence[LandingFile]
    as_of: date
    feeds: Collection[str] | None
    only: Collection[str] | None
    validate: Validator | None
    landing_dir: Path
    spill_dir: Path


@dataclass
class _Memory:
    """What has been decided so far in this run, batch by batch in loading order."""

    ledger: Mapping[_Key, Sequence[LedgerRow]]
    volumes: dict[_Key, list[int]] = field(default_factory=lambda: defaultdict(list))
    first_copies: dict[_Key, str] = field(default_factory=dict)
    newest: dict[_Key, Batch] = field(default_factory=dict)
    still_refused: list[Batch] = field(default_factory=list)

    def remember(self, batch: Batch, counts: Counts) -> None:
        """A batch counts as loaded: later ones are compared with it."""
        origin = (batch.source_system, batch.mapping, batch.feed)
        self.volumes[origin].append(counts.delivered_rows)
        self.newest[origin] = batch
        if batch.mode != "full":
            self.first_copies.setdefault((batch.source_system, batch.feed, batch.content_sha256), batch.file)


class Night:
    """Walks the landing folder in loading order and decides on every batch.

    Args:
        inputs: What the run works on.
        ledger: What earlier runs decided.
        hashes: Content hashes of files.
        loader: Takes the decisions.
    """

    def __init__(
        self, inputs: NightInputs, *, ledger: Iterable[LedgerRow], hashes: ContentHashes, loader: Loader
    ) -> None:
        """Index the ledger by file and feed."""
        self._inputs, self._hashes, self._loader = inputs, hashes, loader
        by_path: dict[_Key, list[LedgerRow]] = defaultdict(list)
        for row in ledger:
            by_path[_key(row.batch)].append(row)
        self._memory = _Memory(ledger=by_path)
        self._reading = Reading(inputs.catalog, inputs.spill_dir)
        self._fingerprints: dict[tuple[str, str, str], str] = {}

    def run(self) -> Iterator[BatchResult]:
        """Decide on all batches up to the date of the run."""
        taken = {_file_key(file, feed) for file in self._inputs.files for feed in file.mapping.feeds}
        due = [file for file in self._inputs.files if file.batch_date <= self._inputs.as_of]
        gone = [row for key, rows in self._memory.ledger.items() if key not in taken for row in rows]
        steps: list[tuple[tuple[date, str, str], LandingFile | LedgerRow]] = [(file.order, file) for file in due]
        steps += [((row.batch.batch_date, row.batch.file, row.batch.mapping), row) for row in gone]
        for _, step in sorted(steps, key=lambda one: (one[0], isinstance(one[1], LedgerRow))):
            if isinstance(step, LandingFile):
                yield from self._file(step)
            else:
                yield from self._known_only(step)
        if self._inputs.only is None:
            yield from self._stale()
            yield from self._unmended()

    @property
    def step_count(self) -> int:
        """Number of batches that will be looked at, for progress."""
        feeds = self._inputs.feeds
        return sum(
            len([feed for feed in file.mapping.feeds if feeds is None or feed in feeds])
            for file in self._inputs.files
            if file.batch_date <= self._inputs.as_of
        )

    # Batches without a mapping or a file ------------------------------------------------------------------------------

    def _known_only(self, row: LedgerRow) -> Iterator[BatchResult]:
        """A batch of the ledger that no mapping takes: its file has expired, or the mapping has gone."""
        batch = row.batch
        if not (self._inputs.landing_dir / batch.source_system / batch.file).is_file():
            if row.status == "loaded" and batch.batch_date <= self._inputs.as_of:
                self._memory.remember(batch, row.counts)
            return
        if self._inputs.only is None and self._wants(batch.feed):
            self._loader.add(Decision(batch, None, replaced_rows=(batch.batch_id,), replaced_ledger=(batch.batch_id,)))
            reason = "no mapping takes this file for this feed any more; its rows have been removed."
            yield BatchResult.of(batch, "withdrawn", reason=reason)

    def _stale(self) -> Iterator[BatchResult]:
        """Warn where the newest loaded batch of a mapping and feed is older than the contract bears."""
        mappings = {(one.system, one.name): one for one in self._inputs.catalog.mappings}
        for (system, name, feed), batch in sorted(self._memory.newest.items(), key=lambda one: one[0]):
            mapping = mappings.get((system, name))
            if mapping is None or feed not in mapping.feeds or not self._wants(feed):
                continue
            limit = self._inputs.catalog.bounds(mapping, feed).freshness_days
            age = (self._inputs.as_of - batch.batch_date).days
            if limit is not None and age > limit:
                reason = f"stale: the newest batch is of {batch.batch_date}, {age} days old; {limit} are allowed."
                yield BatchResult.of(batch, "stale", reason=reason)

    def _unmended(self) -> Iterator[BatchResult]:
        """Warn of files refused on an earlier night whose rows are still missing; a later snapshot mends a feed."""
        for batch in self._memory.still_refused:
            newest = self._memory.newest.get((batch.source_system, batch.mapping, batch.feed))
            if batch.mode == "full" and newest is not None and newest.batch_date > batch.batch_date:
                continue
            reason = f"stale: {batch.file} is still refused; replace it, or take it out of the landing directory."
            yield BatchResult.of(batch, "stale", reason=reason)

    # Batches of files -------------------------------------------------------------------------------------------------

    def _file(self, file: LandingFile) -> Iterator[BatchResult]:
        try:
            content = self._hashes.of(file.path)
        except OSError as error:
            reason = f"unreadable: {error.strerror}."
            yield from (
                BatchResult.of(self._batch(file, feed, ""), "refused", reason=reason) for feed in file.mapping.feeds
            )
            return
        batches = [self._batch(file, feed, content) for feed in file.mapping.feeds if self._wants(feed)]
        fresh: list[Batch] = []
        for batch in batches:
            if self._inputs.only is not None and batch.batch_id not in self._inputs.only:
                self._keep_last_good(self._memory.ledger.get(_key(batch), ()))
                continue
            result = self._without_reading(batch, file)
            if result is None:
                fresh.append(batch)
            else:
                yield result
        if fresh:
            yield from self._read(file, fresh)

    def _without_reading(self, batch: Batch, file: LandingFile) -> BatchResult | None:
        """The result for a batch that need not be read; None for one that must."""
        known = self._memory.ledger.get(_key(batch), ())
        copy = self._memory.first_copies.get((batch.source_system, batch.feed, batch.content_sha256))
        if batch.mode != "full" and copy is not None:
            return self._duplicate(batch, copy, known)
        if self._inputs.only is not None:
            return None
        for row in known:
            if not _differs(row, batch) and row.status in ("loaded", "refused") and self._still_holds(row, file):
                if row.status == "loaded":
                    self._memory.remember(batch, row.counts)
                else:
                    self._keep_last_good(known)
                    self._memory.still_refused.append(row.batch)
                return BatchResult.of(row.batch, "unchanged", counts=row.counts, reason=row.reason)
        return None

    def _still_holds(self, row: LedgerRow, file: LandingFile) -> bool:
        """Whether the volume gate would say the same now that late batches may have come in before this one."""
        verdict = self._volume(row.batch, row.counts, file)
        recorded = row.reason if row.reason.startswith(gates.VOLUME) else ""
        return verdict == recorded or (row.status == "refused" and not recorded)

    def _volume(self, batch: Batch, counts: Counts, file: LandingFile) -> str:
        history = self._memory.volumes[(batch.source_system, batch.mapping, batch.feed)]
        bounds = self._inputs.catalog.bounds(file.mapping, batch.feed)
        return gates.volume(counts.delivered_rows, history, bounds)

    def _duplicate(self, batch: Batch, copy: str, known: Sequence[LedgerRow]) -> BatchResult:
        reason = f"same content as {copy}."
        for row in known:
            is_known = row.status == "duplicate" and row.batch.content_sha256 == batch.content_sha256
            if is_known and row.reason == reason:
                return BatchResult.of(row.batch, "unchanged", counts=row.counts, reason=row.reason)
        row = LedgerRow(batch, "duplicate", reason, Counts(), self._inputs.as_of)
        self._loader.add(Decision(batch, row, replaced_rows=_loaded(known), replaced_ledger=_ids(known)))
        return BatchResult.of(batch, "duplicate", reason=reason)

    def _read(self, file: LandingFile, batches: Sequence[Batch]) -> Iterator[BatchResult]:
        wanted = {batch.feed: batch for batch in batches}
        candidates, _ = read_candidates(file, feeds=tuple(wanted), reading=self._reading)
        for candidate in candidates:
            batch = wanted[candidate.feed]
            reason = candidate.reason or self._volume(batch, candidate.counts, file)
            findings = () if reason else self._validated(batch, candidate)
            reason = reason or gates.joined(f"check: {one.text}" for one in findings if one.severity == "refuse")
            if reason:
                yield self._refuse(batch, candidate, reason, findings)
            else:
                yield self._load(batch, candidate, findings)

    def _validated(self, batch: Batch, candidate: Candidate) -> tuple[Finding, ...]:
        if self._inputs.validate is None:
            return ()
        profile = profile_batch(
            candidate.rows.scan(),
            batch=batch,
            counts=candidate.counts,
            contract=self._inputs.catalog.contract(batch.feed),
            bad=candidate.bad_by_column(),
        )
        return tuple(self._inputs.validate(profile))

    def _load(self, batch: Batch, candidate: Candidate, findings: tuple[Finding, ...]) -> BatchResult:
        known = self._memory.ledger.get(_key(batch), ())
        row = LedgerRow(batch, "loaded", "", candidate.counts, self._inputs.as_of)
        self._memory.remember(batch, candidate.counts)
        self._loader.add(
            Decision(
                batch,
                row,
                candidate.rows,
                candidate.bad,
                candidate.columns,
                replaced_rows=_loaded(known),
                replaced_ledger=_ids(known),
            )
        )
        return BatchResult.of(batch, "loaded", counts=candidate.counts, findings=findings)

    def _refuse(self, batch: Batch, candidate: Candidate, reason: str, findings: tuple[Finding, ...]) -> BatchResult:
        """Record a refusal; what was loaded under this path stays, unless late batches made it the odd one out."""
        known = self._memory.ledger.get(_key(batch), ())
        counts = _all_held_back(candidate.counts)
        good = [
            one
            for one in known
            if one.status == "loaded" and (not reason.startswith(gates.VOLUME) or _differs(one, batch))
        ]
        if good:
            self._keep_last_good(good)
            batch_id = batch_id_of(batch.source_system, batch.file, batch.feed, batch.content_sha256)
            batch = dataclasses.replace(batch, batch_id=batch_id)
        row = LedgerRow(batch, "refused", reason, counts, self._inputs.as_of)
        gone = [one for one in known if one not in good]
        self._loader.add(
            Decision(
                batch,
                row,
                None,
                candidate.bad,
                replaced_rows=_loaded(gone),
                replaced_ledger=_ids(gone),
            )
        )
        candidate.rows.close()
        return BatchResult.of(batch, "refused", counts=counts, reason=reason, findings=findings)

    def _keep_last_good(self, known: Sequence[LedgerRow]) -> None:
        for row in known:
            if row.status == "loaded":
                self._memory.remember(row.batch, row.counts)

    def _wants(self, feed: str) -> bool:
        return self._inputs.feeds is None or feed in self._inputs.feeds

    def _batch(self, file: LandingFile, feed: str, content: str) -> Batch:
        mapping = file.mapping
        key = (mapping.system, mapping.name, feed)
        if key not in self._fingerprints:
            self._fingerprints[key] = self._inputs.catalog.fingerprint(mapping, feed)
        return Batch(
            batch_id=batch_id_of(mapping.system, file.file, feed),
            source_system=mapping.system,
            mapping=mapping.name,
            feed=feed,
            mode=self._inputs.catalog.mode(mapping, feed),
            file=file.file,
            batch_date=file.batch_date,
            content_sha256=content,
            fingerprint=self._fingerprints[key],
        )


def _differs(row: LedgerRow, batch: Batch) -> bool:
    """Whether a decision was about other content, or made under another mapping or contract."""
    return (row.batch.content_sha256, row.batch.fingerprint) != (batch.content_sha256, batch.fingerprint)


def _key(batch: Batch) -> _Key:
    return batch.source_system, batch.file, batch.feed


def _file_key(file: LandingFile, feed: str) -> _Key:
    return file.mapping.system, file.file, feed


def _ids(rows: Iterable[LedgerRow]) -> tuple[str, ...]:
    return tuple(row.batch.batch_id for row in rows)


def _loaded(rows: Iterable[LedgerRow]) -> tuple[str, ...]:
    return tuple(row.batch.batch_id for row in rows if row.status == "loaded")


def _all_held_back(counts: Counts) -> Counts:
    """A refused batch holds back all its rows."""
    return Counts(
        source_rows=counts.source_rows,
        filtered_rows=counts.filtered_rows,
        delivered_rows=counts.delivered_rows,
        quarantined_rows=counts.delivered_rows,
    )
