"""Speed and memory of the search for rules beside mlxtend's on the same baskets, each in a process of its own.

`python -m tests.benchmarks.affinity --baskets 250000 500000 1000000`: the compiled SQL in a bare DuckDB connection with
two threads, from baskets and their products to rules; mlxtend from the same rows to rules.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import psutil
from rich.console import Console
from rich.table import Table

from tests.integration.rule_sql import bare_connection, compile_rules

NUMBERED = ("pred_baskets", "pred_frequent_products", "pred_frequent_basket_items")
SETS = ("pred_set_peers", "pred_frequent_sets")
RULES = ("pred_rule_candidates", "pred_affinity_rules")
ITEMS = 169
LINES_PER_BASKET = 4.1
MIN_SUPPORT = 0.001


@dataclass(frozen=True)
class Measured:
    """Seconds and rows by step, and the peak memory of the process in MiB."""

    seconds: dict[str, float]
    rows: dict[str, int]
    peak_mib: float


def draw(baskets: int) -> pl.DataFrame:
    """Baskets of the skew of the well-known Groceries file: four lines each, few large ones, few popular items."""
    random = np.random.default_rng(0)
    weights = 1 / np.arange(1, ITEMS + 1) ** 0.8
    basket = np.repeat(np.arange(baskets), np.minimum(random.geometric(0.93 / LINES_PER_BASKET, baskets), 60))
    item = random.choice(ITEMS, basket.size, p=weights / weights.sum())
    return pl.DataFrame({"basket": basket, "item": item}).unique()


def ours(path: Path, compiled: Path) -> Measured:
    """Number baskets and products, find pairs, sets up to four and rules."""
    sql: dict[str, str] = json.loads(compiled.read_text())
    seconds, rows = {}, {}
    with bare_connection(parameters={"affinity_min_support_rate": MIN_SUPPORT}, through=date(2025, 12, 31)) as database:
        database.execute(
            "create table predictions.pred_basket_items as select 'today' as purpose, 'basket' as unit,"
            " md5(cast(basket as varchar)) as basket_key, 'person' as customer_type,"
            f" md5('p' || cast(item as varchar)) as product_key from '{path}'"
        )
        for step, models in (
            ("numbers", NUMBERED),
            ("pairs", ("pred_frequent_pairs",)),
            ("sets", SETS),
            ("rules", RULES),
        ):
            started = time.perf_counter()
            for model in models:
                database.execute(f"create table predictions.{model} as {sql[model]}")
            seconds[step] = time.perf_counter() - started
        for size, count in database.execute(
            "select set_size, count(*) from predictions.pred_frequent_sets group by all"
        ).fetchall():
            rows[str(size)] = count
        ((rows["rules"],),) = database.execute("select count(*) from predictions.pred_affinity_rules").fetchall()
    return Measured(seconds, rows, 0)


def mlxtend(path: Path, largest: int) -> Measured:
    """Its fastest way, FP-growth on a table of booleans (sparse ones take longer); pairs, or sets up to four; rules."""
    import pandas as pd
    from mlxtend.frequent_patterns import association_rules, fpgrowth

    lines = pl.read_parquet(path)
    started = time.perf_counter()
    cells = np.zeros((int(lines["basket"].to_numpy().max()) + 1, ITEMS), dtype=np.bool_)
    cells[lines["basket"].to_numpy(), lines["item"].to_numpy()] = True
    table = pd.DataFrame(cells)
    seconds, started = {"numbers": time.perf_counter() - started}, time.perf_counter()
    sets = fpgrowth(table, min_support=MIN_SUPPORT, max_len=largest)
    seconds["sets" if largest > 2 else "pairs"] = time.perf_counter() - started
    started = time.perf_counter()
    found = association_rules(sets, num_itemsets=len(table), metric="support", min_threshold=0.0)
    seconds["rules"] = time.perf_counter() - started
    sizes = sets["itemsets"].map(len).value_counts()
    rows = {str(size): int(count) for size, count in sizes.items()}
    return Measured(seconds, rows | {"rules": int((found["consequents"].map(len) == 1).sum())}, 0)


WAYS: dict[str, Callable[[Path, Path], Measured]] = {
    "ours": ours,
    "mlxtend, pairs": lambda path, _: mlxtend(path, 2),
    "mlxtend, up to 4": lambda path, _: mlxtend(path, 4),
}


def measure(way: str, path: Path, compiled: Path) -> Measured:
    """Run one way in a process of its own and watch its memory until it ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.affinity", "--way", way, "--files", str(path), str(compiled)],
        stdout=subprocess.PIPE,
        text=True,
    )
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, int(watched.memory_info().rss))
        except psutil.Error:
            break
        time.sleep(0.05)
    answer, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{way} ended with {process.returncode}")
    return Measured(**(json.loads(answer) | {"peak_mib": peak / 2**20}))


def compare(sizes: list[int], *, mlxtend_up_to: int) -> Table:
    """One row per number of baskets and way; mlxtend, which takes minutes, on no more baskets than said."""
    table = Table(title="Rules: the same baskets, in this run; seconds by step")
    for heading in (
        "baskets",
        "lines",
        "way",
        "numbers",
        "pairs",
        "sets",
        "rules",
        "pairs found",
        "rules found",
        "MiB",
    ):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        folder = Path(name)
        compiled = folder / "sql.json"
        compiled.write_text(json.dumps(compile_rules(folder)))
        for size in sizes:
            path, lines = folder / f"{size}.parquet", draw(size)
            lines.write_parquet(path)
            for way in [one for one in WAYS if one == "ours" or size <= mlxtend_up_to]:
                one = measure(way, path, compiled)
                steps = (
                    f"{one.seconds[step]:.2f}" if step in one.seconds else "-"
                    for step in ("numbers", "pairs", "sets", "rules")
                )
                found = (f"{one.rows['2']:,}", f"{one.rows['rules']:,}", f"{one.peak_mib:,.0f}")
                table.add_row(f"{size:,}", f"{lines.height:,}", way, *steps, *found)
            table.add_section()
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.affinity", description=__doc__)
    parser.add_argument("--baskets", type=int, nargs="+", default=[250_000, 500_000, 1_000_000])
    parser.add_argument("--mlxtend-up-to", type=int, default=250_000, help="baskets; more take it minutes [250000]")
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--files", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        sys.stdout.write(json.dumps(asdict(WAYS[options.way](*options.files))))
    else:
        Console(width=120).print(compare(options.baskets, mlxtend_up_to=options.mlxtend_up_to))


if __name__ == "__main__":
    main()
