"""Rules over what the business keeps by hand in `seeds/`, before any warehouse is built."""

from __future__ import annotations

import csv
from itertools import product

from dagster_project.settings import PROJECT_ROOT

SCORES = "12345"


def test_every_rfm_code_has_exactly_one_segment() -> None:
    with (PROJECT_ROOT / "seeds" / "rfm_segments.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["rfm_code"] for row in rows] == ["".join(code) for code in product(SCORES, repeat=3)]
    assert [row["rfm_code"] for row in rows if not row["rfm_segment"].strip()] == []
