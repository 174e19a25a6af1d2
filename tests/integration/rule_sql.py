"""Runs the compiled SQL of the rules in one bare DuckDB connection, on rows that a test or a benchmark draws."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from dagster_project.settings import PROJECT_ROOT

AFFINITY = (
    *("pred_order_items", "pred_rule_items", "pred_basket_items", "pred_baskets", "pred_frequent_products"),
    *("pred_frequent_basket_items", "pred_frequent_pairs", "pred_set_peers", "pred_frequent_sets"),
    *("pred_rule_candidates", "pred_affinity_rules"),
)
SEQUENCES = (
    *("pred_order_items", "pred_rule_items", "pred_first_purchases", "pred_purchase_days", "pred_sequence_baselines"),
    *("pred_sequence_anchors", "pred_sequence_sets", "pred_sequence_counts", "pred_sequence_rules"),
)
"""Parents before children."""

PARAMETERS: Mapping[str, float] = {
    "max_basket_items": 100,
    "affinity_min_count": 10,
    "affinity_min_support_rate": 0.001,
    "sequence_min_count": 20,
    "sequence_lag_min_days": 60,
    "sequence_lag_max_days": 120,
    "rule_significance_level": 0.05,
}
"""As in the seed."""


def compile_rules(folder: Path) -> dict[str, str]:
    """SQL of the models of the rules by name, as dbt compiles it; nothing is built."""
    dbt = PROJECT_ROOT / "dbt"
    env = os.environ | {"CRM_DATA_DIR": str(folder), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
    names = dict.fromkeys((*AFFINITY, *SEQUENCES))
    command: list[str | Path] = [Path(sys.executable).parent / "dbt", "--no-use-colors", "compile", "--select", *names]
    done = subprocess.run(
        [*command, "--project-dir", dbt, "--profiles-dir", dbt, "--target-path", folder, "--log-path", folder],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    compiled = folder / "compiled" / "kreislauf" / "models" / "predictions"
    return {name: (compiled / f"{name}.sql").read_text() for name in names}


def bare_connection(*, parameters: Mapping[str, float], through: date, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A database in memory that holds the parameters and the day up to which something is learned."""
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("attach ':memory:' as warehouse; use warehouse; create schema core; create schema predictions")
    row = ", ".join(
        f"cast({value} as {'double' if name in {'affinity_min_support_rate', 'rule_significance_level'} else 'bigint'})"
        f" as {name}"
        for name, value in {**PARAMETERS, **parameters}.items()
    )
    connection.execute(f"create table core.dim_parameters as select {row}")
    connection.execute(
        f"create table predictions.pred_rule_cutoffs as select 'today' as purpose, date '{through}' as through_date"
    )
    return connection


def add_order_lines(connection: duckdb.DuckDBPyConnection, order_lines: pl.DataFrame) -> None:
    """Write orders of persons: columns order_key, customer_key, product_key and order_date; nothing came back."""
    connection.register("order_lines", order_lines)
    connection.execute(
        "create table core.fct_order_lines as"
        " select *, cast(1 as decimal(18, 4)) as quantity, true as is_countable from order_lines"
    )
    connection.execute(
        "create table core.fct_returns as select order_key, product_key, order_date as return_date, quantity,"
        " is_countable from core.fct_order_lines limit 0"
    )
    connection.execute(
        "create table core.dim_customers as"
        " select distinct customer_key, 'person' as customer_type, true as is_current from order_lines"
    )


def build(connection: duckdb.DuckDBPyConnection, sql: Mapping[str, str], models: Sequence[str]) -> None:
    """Build the models one after the other."""
    for model in models:
        connection.execute(f"create table predictions.{model} as {sql[model]}")
