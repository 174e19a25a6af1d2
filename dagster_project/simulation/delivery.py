"""When files reach the landing directory: at once, or kept until their night has come; not what is in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dagster_project.errors import CrmError
from dagster_project.simulation.dirt import Incident, LandingFile
from dagster_project.simulation.drafts import Drafts

LANDING, TRUTH, COMING, DRAFTS = "landing", "truth", "coming", "drafts"
ARRIVALS = "arrivals.json"


@dataclass(frozen=True)
class SimulationResult:
    """What a simulation wrote, and how many nights it keeps for later."""

    landing: Path
    truth: Path
    start: date
    end: date
    customers: int
    files: tuple[str, ...]
    rows: int
    bytes_written: int
    nights_kept: int = 0


@dataclass(frozen=True)
class FurtherResult:
    """The nights that were delivered: first and last of them, their files, how many are still to come."""

    landing: Path
    first: date
    last: date
    files: tuple[str, ...]
    bytes_written: int
    nights_kept: int


@dataclass
class _Known:
    """What is kept of a file while it grows: names and nights of it and its copies, what went wrong; no rows."""

    path: str
    names: tuple[tuple[str, date], ...]
    kept: float
    incidents: tuple[Incident, ...]
    rows: int
    further_rows: int = 0


class Delivery:
    """Takes the files of all branches and hands them out when they are whole."""

    def __init__(self, out: Path, *, branches: int, after: date | None, until: date | None) -> None:
        """Begin with none.

        Args:
            out: Directory of the company.
            branches: How many branches will add to each file.
            after: Hand out only what arrives after this day, and keep nothing for later.
            until: Hand out only what arrives up to this day.
        """
        self.landing, self.truth = out / LANDING, out / TRUTH
        self.after, self.until = after, until
        self._drafts = Drafts(self.truth / DRAFTS / LANDING, branches=branches)
        self._known: dict[str, _Known] = {}

    def add(self, file: LandingFile) -> None:
        """Take a file of the first branch, or what another one adds to it."""
        known = self._known.get(file.path)
        if known is None:
            names = ((file.path, file.arrival), *file.copies)
            known = self._known[file.path] = _Known(file.path, names, file.kept, file.incidents, file.rows)
        else:
            known.further_rows += file.rows
        if self._wanted(known):
            self._drafts.add(file.path, file.laid_out(), form=file.format, is_packed=file.is_packed)

    def incidents(self) -> list[Incident]:
        """What went wrong with which file, as far as all branches tell."""
        return [one.grown(known.further_rows) for known in self._known.values() for one in known.incidents]

    def close(self, *, start: date, end: date, customers: int) -> SimulationResult:
        """Put every file where it belongs; when each arrives is written before."""
        arrivals = {path: night.isoformat() for known in self._known.values() for path, night in known.names}
        text = json.dumps(dict(sorted(arrivals.items())), indent=2, ensure_ascii=False) + "\n"
        (self.truth / ARRIVALS).write_text(text, encoding="utf-8")
        if self.after is None:
            shutil.rmtree(self.truth / COMING, ignore_errors=True)
        delivered = [name for known in self._known.values() for name in self._hand_out(known)]
        self._drafts.close()
        shutil.rmtree(self.truth / DRAFTS, ignore_errors=True)
        return SimulationResult(
            landing=self.landing,
            truth=self.truth,
            start=start,
            end=end,
            customers=customers,
            files=tuple(path for path, _, _ in delivered),
            rows=sum(rows for _, rows, _ in delivered),
            bytes_written=sum(size for _, _, size in delivered),
            nights_kept=len(_nights_kept(self.truth)),
        )

    def _wanted(self, known: _Known) -> list[tuple[str, date]]:
        """Names under which the file is handed out or kept."""
        after, until = self.after, self.until
        return [
            (path, night)
            for path, night in known.names
            if after is None or (night > after and (until is None or night <= until))
        ]

    def _hand_out(self, known: _Known) -> Iterator[tuple[str, int, int]]:
        """Path, rows and bytes of the file in the landing directory, under each of its names."""
        source: Path | None = None
        for path, night in self._wanted(known):
            kept = self.truth / COMING / night.isoformat() / path
            is_late = self.until is not None and night > self.until
            target = kept if is_late else self.landing / path
            if source is None:
                self._drafts.finish(known.path, target, kept=known.kept)
            else:
                _copy(source, target)
            source = target
            if not is_late:
                kept.unlink(missing_ok=True)
                yield path, known.rows + known.further_rows, target.stat().st_size


def further(*, out: Path, nights: int = 1) -> FurtherResult:
    """Deliver the next nights of a company that was simulated up to a day before its end.

    A night that was delivered in part before is delivered in whole. Files that are there never change.

    Args:
        out: Directory of the company.
        nights: How many.

    Raises:
        CrmError: Fewer nights were kept.
    """
    kept = _nights_kept(out / TRUTH)
    if nights > len(kept):
        raise CrmError(
            f"nights asked for: {nights}, kept of this company: {len(kept)}",
            where=str(out),
            remedy="Simulate it with `--nights N --until DAY`: what arrives later is kept for further nights.",
        )
    moved = [(night, source) for night in kept[:nights] for source in sorted(night.rglob("*")) if source.is_file()]
    size = 0
    for night, source in moved:
        target = out / LANDING / source.relative_to(night)
        target.parent.mkdir(parents=True, exist_ok=True)
        size += source.stat().st_size
        source.replace(target)
    for night in kept[:nights]:
        shutil.rmtree(night)
    return FurtherResult(
        landing=out / LANDING,
        first=date.fromisoformat(kept[0].name),
        last=date.fromisoformat(kept[nights - 1].name),
        files=tuple(str(source.relative_to(night)) for night, source in moved),
        bytes_written=size,
        nights_kept=len(kept) - nights,
    )


def deliver(simulated: Path, landing: Path, *, after: date | None, until: date) -> tuple[Path, ...]:
    """Copy the files of a simulated company that arrive after one night and up to another into a landing directory.

    Args:
        simulated: The `out` of a simulation that wrote everything.
        landing: Where to copy them to.
        after: Files that arrived up to this day are there already; none are when it is missing.
        until: Last night.
    """
    arrivals: dict[str, str] = json.loads((simulated / TRUTH / ARRIVALS).read_text(encoding="utf-8"))
    copied: list[Path] = []
    for path, arrival in arrivals.items():
        day = date.fromisoformat(arrival)
        if day <= until and (after is None or day > after):
            target = landing / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(simulated / LANDING / path, target)
            copied.append(target)
    return tuple(copied)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}")
    shutil.copyfile(source, beside)
    beside.replace(target)


def _nights_kept(truth: Path) -> list[Path]:
    """Nights that are still to come, next one first."""
    folder = truth / COMING
    nights = sorted(folder.iterdir()) if folder.is_dir() else []
    return [night for night in nights if any(path.is_file() for path in night.rglob("*"))]
