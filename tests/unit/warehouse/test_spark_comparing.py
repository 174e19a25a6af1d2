"""`make spark-test` would notice: a cent, a row too many, a null, and floats that are further apart than rounding."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.spark.comparing import compare

ROWS = (
    "select i as order_key, cast(i as decimal(18, 2)) as net_amount, i / 3 as share, null as note from range(5) as t(i)"
)


@pytest.mark.parametrize(
    ("change", "unequal"),
    [
        ("update core.fct set share = share * (1 + 1e-12)", 0),
        ("update core.fct set share = share * (1 + 1e-7) where order_key > 2", 2),
        ("update core.fct set net_amount = net_amount + 0.01 where order_key = 3", 1),
        ("insert into core.fct select * from core.fct where order_key = 1", 1),
        ("update core.fct set share = null where order_key = 4", 1),
        ("update core.fct set note = 1 where order_key = 4", 1),
        ("alter table core.fct drop column note", 5),
        ("drop table core.fct", 5),
    ],
)
def test_what_differs_is_counted(tmp_path: Path, change: str, unequal: int) -> None:
    paths = [tmp_path / name / "warehouse.duckdb" for name in ("one", "other")]
    for path, after in zip(paths, ("", change), strict=True):
        path.parent.mkdir()
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"create schema core; create table core.fct as {ROWS}; {after}")
    (found,) = compare(*paths)
    assert (found.unequal, found.is_equal) == (unequal, unequal == 0)
