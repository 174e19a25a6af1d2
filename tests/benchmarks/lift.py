"""Does the measured lift hold what it says? Half a year of lists at a company whose truth is known, seed by seed.

`python -m tests.benchmarks.lift --seeds 100`: of 95 % intervals about 95 in 100 must hold the true effect, and of lists
without any effect about 5 in 100 may look as if they had one. The bounds are those of a binomial with that share. The
spread is that of measured less true lift in standard errors: one, if the intervals are as wide as they should be.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dagster_project.settings import PROJECT_ROOT
from tests.benchmarks.loop import EFFECT_MODELS, Measured, Plan, live

Models = Sequence[tuple[str, str, str]]


def effect_models(manifest: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Relation, kind and compiled SQL of the models of the effect."""
    nodes = [manifest["nodes"][f"model.kreislauf.{name}"] for name in EFFECT_MODELS]
    return [
        (f'"{node["schema"]}"."{node["alias"]}"', node["config"]["materialized"], node["compiled_code"])
        for node in nodes
    ]


def compile_models(folder: Path) -> list[tuple[str, str, str]]:
    """The models of the effect as dbt compiles them; nothing is built.

    Raises:
        RuntimeError: dbt cannot.
    """
    dbt = PROJECT_ROOT / "dbt"
    env = os.environ | {"CRM_DATA_DIR": str(folder), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
    command: list[str | Path] = [Path(sys.executable).parent / "dbt", "--no-use-colors", "compile", "--select"]
    places = ("--project-dir", dbt, "--profiles-dir", dbt, "--target-path", folder, "--log-path", folder)
    done = subprocess.run(
        [*command, *EFFECT_MODELS, *places],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    return effect_models(json.loads((folder / "manifest.json").read_text()))


def measure(seed: int, *, plan: Plan, models: Models) -> tuple[tuple[Measured, ...], float]:
    """What one seed says, and the seconds it took."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="crm-lift-") as folder:
        found = live(plan, seed=seed, folder=Path(folder), models=models)
    return found, time.perf_counter() - started


def bounds(count: int, share: float) -> tuple[int, int]:
    """Within which counts of a binomial 99 of 100 trials lie.

    Args:
        count: Trials.
        share: Chance of each, 0 to 1.
    """
    chances = [math.comb(count, hits) * share**hits * (1 - share) ** (count - hits) for hits in range(count + 1)]
    lower = next(hits for hits in range(count + 1) if sum(chances[: hits + 1]) > 0.005)
    upper = next(hits for hits in range(count, -1, -1) if sum(chances[hits:]) > 0.005)
    return lower, upper


def table(results: Iterable[tuple[float, Sequence[tuple[tuple[Measured, ...], float]]]]) -> Table:
    """One line per effect and scope."""
    shown = Table(title="Measured lift against the truth: 95 % intervals, seed by seed")
    for heading in ("effect", "scope"):
        shown.add_column(heading)
    for heading in (
        *("seeds", "treated", "held out", "true lift", "measured", "half width", "spread", "covered", "expected"),
        *("not zero", "seconds a seed"),
    ):
        shown.add_column(heading, justify="right")
    for effect, runs in results:
        seconds = sum(one for _, one in runs) / len(runs)
        for scope in sorted({one.scope for found, _ in runs for one in found}):
            rows = [one for found, _ in runs for one in found if one.scope == scope]
            shown.add_row(f"{effect:.2f}", scope, *_figures(rows), f"{seconds:.2f}")
        shown.add_section()
    return shown


def _figures(rows: Sequence[Measured]) -> list[str]:
    def mean(name: str) -> float:
        return float(sum(getattr(row, name) for row in rows)) / len(rows)

    lower, upper = bounds(len(rows), 0.95)
    return [
        str(len(rows)),
        f"{mean('treated'):,.0f}",
        f"{mean('held_out'):,.0f}",
        f"{mean('truth'):.4f}",
        f"{mean('lift'):.4f}",
        f"{(mean('upper') - mean('lower')) / 2:.4f}",
        f"{math.sqrt(sum(row.deviation**2 for row in rows) / len(rows)):.2f}",
        str(sum(row.is_covered for row in rows)),
        f"{lower} to {upper}",
        str(sum(row.is_significant for row in rows)),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.lift", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--customers", type=int, default=Plan.customers)
    parser.add_argument("--nights", type=int, default=Plan.nights)
    parser.add_argument("--every", type=int, default=Plan.every_days)
    parser.add_argument("--effects", type=float, nargs="+", default=[Plan.effect, 0.0])
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crm-lift-") as folder:
        models = compile_models(Path(folder))
    results = []
    with ProcessPoolExecutor(options.processes) as pool:
        for effect in options.effects:
            plan = Plan(options.customers, options.nights, options.every, effect)
            seeds = range(options.first, options.first + options.seeds)
            results.append((effect, list(pool.map(partial(measure, plan=plan, models=models), seeds))))
    Console(width=160).print(table(results))


if __name__ == "__main__":
    main()
