"""Speed and memory of customer value, fit and score, beside PyMC-Marketing's, each in a process of its own.

`python -m tests.benchmarks.customer_value --customers 250000 500000 1000000 --with-pymc`: drawn histories in days,
three years long; MBG/NBD and Gamma-Gamma fitted by maximum likelihood, twelve months scored for everybody.
PyMC-Marketing fits the same two models with flat priors by maximum a posteriori and scores the same horizon at once, on
the most customers unless told otherwise; it compiles before it fits, and the first time on a machine for longer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from dagster_project.prediction.value import purchases, spend
from dagster_project.prediction.value.optimum import FloatArray

DAYS = 1_095
HORIZON = 365.0
ENDS = np.round(np.arange(1, 13) * HORIZON / 12)
FACTORS = 1.1 ** (-np.arange(1, 13) / 12.0)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Per customer: repeat purchases, last and last seen day after the first, mean value (0 without a repeat)."""

    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    mean: FloatArray


@dataclass(frozen=True)
class Measured:
    """Seconds by step, what was found, and the peak memory of the process in MiB."""

    seconds: dict[str, float]
    found: dict[str, float]
    peak_mib: float


def draw(customers: int) -> Drawn:
    """MBG/NBD with r .6, alpha 90 days, a .8, b 2 and Gamma-Gamma with p 6, q 4, v 100."""
    random = np.random.default_rng(0)
    age = random.integers(0, DAYS, customers).astype(np.float64)
    possible = random.poisson(random.gamma(0.6, 1 / 90.0, customers) * age)
    lasting = random.geometric(random.beta(0.8, 2.0, customers)) - 1
    frequency = np.minimum(np.minimum(possible, lasting).astype(np.float64), age)
    at = random.beta(np.maximum(frequency, 1.0), np.maximum(possible - frequency, 0.0) + 1.0)
    recency = np.where(frequency > 0, np.maximum(np.ceil(at * age), frequency), 0.0)
    shape = 6.0 * np.maximum(frequency, 1.0)
    value = random.gamma(shape, 1 / random.gamma(4.0, 1 / 100.0, customers)) / np.maximum(frequency, 1.0)
    return Drawn(frequency, recency, age, np.where(frequency > 0, value, 0.0))


def ours(drawn: Drawn) -> Measured:
    """Count combinations, fit both models, score everybody month by month."""
    started = time.perf_counter()
    histories, index = purchases.distinct_histories(drawn.frequency, drawn.recency, drawn.age)
    fit = purchases.fit_purchases(histories)
    repeat = drawn.frequency > 0
    value = spend.fit_spend(drawn.frequency[repeat], drawn.mean[repeat])
    seconds, started = {"fit": time.perf_counter() - started}, time.perf_counter()
    purchases.probability_alive(fit, histories)
    bought = purchases.discounted_purchases(fit, histories, ends=ENDS, discount_factors=FACTORS)[index]
    bought *= spend.expected_mean_value(value, repeat_purchases=drawn.frequency, mean_value=drawn.mean)
    seconds["score"] = time.perf_counter() - started
    found = {"combinations": histories.age.size, "r": fit.r, "alpha": fit.alpha, "a": fit.a, "b": fit.b, "p": value.p}
    return Measured(seconds, found, 0)


def pymc(drawn: Drawn) -> Measured:
    """The same models with flat priors, their fastest method, and the whole horizon in one step."""
    import pandas as pd
    from pymc_extras.prior import Prior  # type: ignore[import-untyped]
    from pymc_marketing.clv import GammaGammaModel, ModifiedBetaGeoModel

    data = pd.DataFrame(
        {
            "customer_id": np.arange(drawn.age.size),
            "frequency": drawn.frequency,
            "recency": drawn.recency,
            "T": drawn.age,
            "monetary_value": drawn.mean,
        }
    )
    flat = {name: Prior("HalfFlat") for name in ("r", "alpha", "a", "b", "p", "q", "v")}
    started = time.perf_counter()
    bought = ModifiedBetaGeoModel(
        data=data.drop(columns="monetary_value"), model_config={name: flat[name] for name in ("r", "alpha", "a", "b")}
    )
    bought.fit(method="map", progressbar=False)
    value = GammaGammaModel(
        data=data[data["frequency"] > 0][["customer_id", "frequency", "monetary_value"]],
        model_config={name: flat[name] for name in ("p", "q", "v")},
    )
    value.fit(method="map", progressbar=False)
    seconds, started = {"fit": time.perf_counter() - started}, time.perf_counter()
    bought.expected_probability_alive(data=data)
    bought.expected_purchases(data=data, future_t=int(HORIZON))
    value.expected_customer_spend(data=data[["customer_id", "frequency", "monetary_value"]])
    seconds["score"] = time.perf_counter() - started
    results = ((bought.fit_result, ("r", "alpha", "a", "b")), (value.fit_result, ("p",)))
    found = {name: float(result[name].to_numpy().ravel()[0]) for result, names in results for name in names}
    return Measured(seconds, found, 0)


WAYS: dict[str, Callable[[Drawn], Measured]] = {"ours": ours, "pymc-marketing, MAP": pymc}


def measure(customers: int, *, way: str = "ours") -> Measured:
    """Run one way in a process of its own and watch its memory until it ends; loading libraries is not timed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.customer_value", "--way", way, "--customers", str(customers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, int(watched.memory_info().rss))
        except psutil.Error:
            break
        time.sleep(0.02)
    answer, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{way} ended with {process.returncode} on {customers:,} customers")
    return Measured(**(json.loads(answer.splitlines()[-1]) | {"peak_mib": peak / 2**20}))


def compare(sizes: list[int], *, pymc_customers: int) -> Table:
    """One row per number of customers and way."""
    table = Table(title="Customer value: MBG/NBD and Gamma-Gamma on the same drawn customers, in this run")
    for heading in ("customers", "way", "combinations", "fit, s", "score, s", "MiB", "r", "alpha", "a", "b", "p"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    cases = [(size, "ours") for size in sizes if size != pymc_customers]
    if pymc_customers:
        cases += [(pymc_customers, way) for way in WAYS]
    for size, way in cases:
        one = measure(size, way=way)
        known = f"{one.found['combinations']:,.0f}" if "combinations" in one.found else "-"
        cost = (f"{one.seconds['fit']:.2f}", f"{one.seconds['score']:.2f}", f"{one.peak_mib:,.0f}")
        table.add_row(
            f"{size:,}", way, known, *cost, *(f"{one.found[name]:.4g}" for name in ("r", "alpha", "a", "b", "p"))
        )
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.customer_value", description=__doc__)
    parser.add_argument("--customers", type=int, nargs="+", default=[250_000, 500_000, 1_000_000])
    parser.add_argument("--with-pymc", action="store_true", help="also PyMC-Marketing")
    parser.add_argument("--pymc-customers", type=int, default=0, help="how many it is given [the most]")
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        sys.stdout.write(json.dumps(asdict(WAYS[options.way](draw(options.customers[0])))))
    else:
        pymc_customers = (options.pymc_customers or max(options.customers)) if options.with_pymc else 0
        Console(width=120).print(compare(options.customers, pymc_customers=pymc_customers))


if __name__ == "__main__":
    main()
