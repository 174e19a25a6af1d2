"""The entry to the demo company: draws it, writes the files of a span of nights and, beside them, the truth."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dagster_project.errors import CrmError
from dagster_project.simulation.company import BOHNENWERK, Company
from dagster_project.simulation.dirt import Incident, LandingFile, spoil
from dagster_project.simulation.exports import slices
from dagster_project.simulation.horizon import Horizon
from dagster_project.simulation.truth import write_truth
from dagster_project.simulation.world import World, make_world
from dagster_project.simulation.writers import all_exports

LANDING, TRUTH = "landing", "truth"
ARRIVALS = "arrivals.json"
Identity = dict[str, int | str]


@dataclass(frozen=True)
class SimulationResult:
    """What a simulation wrote."""

    landing: Path
    truth: Path
    start: date
    end: date
    customers: int
    files: tuple[str, ...]
    rows: int
    bytes_written: int


def simulate(
    *,
    customers: int,
    months: int,
    seed: int,
    start: date,
    out: Path,
    nights: int = 0,
    after: date | None = None,
    until: date | None = None,
    on_progress: Callable[[str], None] | None = None,
    company: Company = BOHNENWERK,
) -> SimulationResult:
    """Write the exports of the demo company below `out/landing` and the truth about it below `out/truth`.

    The company is the same whatever part of it is written: the files of single nights are the files of all at once.

    Args:
        customers: Persons and companies who buy or negotiate.
        months: Length of the history.
        seed: Same seed, same bytes.
        start: First day.
        out: Directory to write to.
        nights: The last so many days are exported day by day, what lies before in quarters and months.
        after: Write only files that arrive after this day.
        until: Write only files that arrive up to this day.
        on_progress: Told each step in a word or two.
        company: Parameters of the company.

    Raises:
        CrmError: The numbers make no company, or `out` holds another one.
    """
    horizon = _checked(customers=customers, months=months, start=start, nights=nights)
    report = on_progress or (lambda _step: None)
    identity: Identity = {
        "customers": customers,
        "months": months,
        "seed": seed,
        "start": start.isoformat(),
        "nights": nights,
    }
    _check_place(out, identity)
    world = make_world(company, horizon, customers=customers, seed=seed, on_progress=report)
    landing, truth = out / LANDING, out / TRUTH
    arrivals: dict[str, str] = {}
    incidents: list[Incident] = []
    written: list[str] = []
    rows = size = 0
    for file, happened in landing_files(world, on_progress=report):
        arrivals[file.path] = file.arrival.isoformat()
        incidents += happened
        if (after is None or file.arrival > after) and (until is None or file.arrival <= until):
            size += _write(landing / file.path, file.content())
            rows += file.rows
            written.append(file.path)
    report("truth")
    write_truth(truth, world=world, identity=identity, incidents=incidents)
    _write(truth / ARRIVALS, _json(dict(sorted(arrivals.items()))))
    return SimulationResult(landing, truth, horizon.start, horizon.end, customers, tuple(written), rows, size)


def landing_files(
    world: World, *, on_progress: Callable[[str], None]
) -> Iterator[tuple[LandingFile, tuple[Incident, ...]]]:
    """All files of the company with what went wrong with each; their bytes are made when asked for."""
    system = ""
    for export in all_exports(world):
        if export.system != system:
            system = export.system
            on_progress(f"files of {system}")
        yield from spoil(list(slices(export, world.horizon)), world.horizon)


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


def _checked(*, customers: int, months: int, start: date, nights: int) -> Horizon:
    if customers < 20:
        raise CrmError(f"{customers} customers are no company", where="--customers", remedy="Use at least 20.")
    if months < 1:
        raise CrmError(f"{months} months are no history", where="--months", remedy="Use at least 1.")
    horizon = Horizon(start, months, nights)
    if not 0 <= nights <= (horizon.end - start).days:
        raise CrmError(
            f"{nights} single nights do not fit into {months} months", where="--nights", remedy="Use fewer nights."
        )
    return horizon


def _check_place(out: Path, identity: Identity) -> None:
    """Refuse to mix two companies in one directory; the same one is simply written again."""
    described = out / TRUTH / "truth.json"
    if described.exists():
        if json.loads(described.read_text(encoding="utf-8"))["simulation"] == identity:
            return
        raise CrmError(
            "another demo company is in this directory",
            where=str(out),
            remedy="Choose an empty one or remove it first.",
        )
    landing = out / LANDING
    if landing.exists() and any(landing.iterdir()):
        raise CrmError(
            "files of somebody else are in this directory", where=str(landing), remedy="Choose an empty one."
        )


def _write(path: Path, data: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return len(data)


def _json(values: object) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
