"""The entry to the demo company: draws it, writes the files of a span of nights and, beside them, the truth."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from dagster_project.errors import CrmError
from dagster_project.simulation.activity import busier
from dagster_project.simulation.branches import Progress, branches_of, told
from dagster_project.simulation.company import BOHNENWERK, Company
from dagster_project.simulation.delivery import LANDING, TRUTH, Delivery, SimulationResult
from dagster_project.simulation.dirt import spoil
from dagster_project.simulation.exports import slices
from dagster_project.simulation.horizon import Horizon
from dagster_project.simulation.truth import Truth
from dagster_project.simulation.world import World, make_branch
from dagster_project.simulation.writers import all_exports

Identity = dict[str, float | str]


def simulate(
    *,
    customers: int,
    months: int,
    seed: int,
    start: date,
    out: Path,
    nights: int = 0,
    activity: float = 1.0,
    after: date | None = None,
    until: date | None = None,
    on_progress: Progress | None = None,
    company: Company = BOHNENWERK,
    branches: int | None = None,
) -> SimulationResult:
    """Write the exports of the demo company below `out/landing` and the truth about it below `out/truth`.

    The company is the same whatever part of it is written: the files of single nights are the files of all at once.
    Files that arrive after `until` are kept for `further`, unless a span was asked for by `after`.

    Args:
        customers: Persons and companies who buy or negotiate.
        months: Length of the history.
        seed: Same seed, same bytes.
        start: First day.
        out: Directory to write to.
        nights: The last so many days are exported day by day, what lies before in quarters and months.
        activity: How much more its customers do than those of `company`.
        after: Write only files that arrive after this day.
        until: Write only files that arrive up to this day.
        on_progress: Told each step in a word or two.
        company: Parameters of the company.
        branches: How many branches it has; None for as few as its size allows. Another number is another company.

    Raises:
        CrmError: The numbers make no company, or `out` holds another one.
    """
    horizon = _checked(customers=customers, months=months, start=start, nights=nights)
    company = busier(company, activity)
    parts = branches_of(company, customers=customers, seed=seed, count=branches)
    identity: Identity = {
        "customers": customers,
        "months": months,
        "seed": seed,
        "start": start.isoformat(),
        "nights": nights,
    }
    if activity != 1:
        identity["activity"] = activity
    if len(parts) > 1:
        identity["branches"] = len(parts)
    _check_place(out, identity)
    files = Delivery(out, branches=len(parts), after=after, until=until)
    truth = Truth(out / TRUTH, branches=len(parts))
    for branch in parts:
        report = told(on_progress, branch)
        world = make_branch(company, horizon, branch, on_progress=report)
        _write_branch(world, files=files, truth=truth, report=report)
        del world
    truth.close(company, horizon, identity=identity, incidents=files.incidents())
    return files.close(start=horizon.start, end=horizon.end, customers=customers)


def _write_branch(world: World, *, files: Delivery, truth: Truth, report: Progress) -> None:
    system = ""
    for export in all_exports(world):
        if export.system != system:
            system = export.system
            report(f"files of {system}")
        for file in spoil(list(slices(export, world.horizon)), world.horizon, is_first=world.branch.is_first):
            files.add(file)
    report("truth")
    truth.add(world)


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
