"""A seed that cannot be used is told with file, line and column before dbt sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.errors import CrmError
from dagster_project.settings import PROJECT_ROOT
from dagster_project.transformation.seeds import check_seeds

DECLARATION = """
seeds:
  - name: rates
    config:
      column_types: {currency: varchar, valid_from: date, rate: "decimal(18,6)", is_fixed: boolean, rank: bigint}
    columns: [{name: currency}, {name: valid_from}, {name: rate}, {name: is_fixed}, {name: rank}]
"""
HEADER = "currency,valid_from,rate,is_fixed,rank\n"


@pytest.fixture
def seeds_dir(tmp_path: Path) -> Path:
    (tmp_path / "seeds.yml").write_text(DECLARATION)
    return tmp_path


def _complaint(seeds_dir: Path, content: bytes | str) -> str:
    (seeds_dir / "rates.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CrmError) as told:
        check_seeds(seeds_dir=seeds_dir, declared_in=seeds_dir)
    return str(told.value)


def test_a_good_seed_passes_with_empty_values_and_a_byte_order_mark(seeds_dir: Path) -> None:
    (seeds_dir / "rates.csv").write_text(
        "\ufeff" + HEADER + "USD,2024-01-01,1.08,true,1\nCHF,,,,\n\n", encoding="utf-8"
    )
    [seed] = check_seeds(seeds_dir=seeds_dir, declared_in=seeds_dir)
    assert seed.name == "rates"


def test_an_empty_seed_with_its_header_is_fine(seeds_dir: Path) -> None:
    (seeds_dir / "rates.csv").write_text(HEADER)
    check_seeds(seeds_dir=seeds_dir, declared_in=seeds_dir)


def test_a_missing_seed_is_named(seeds_dir: Path) -> None:
    with pytest.raises(CrmError, match=r"the seed rates\.csv is missing"):
        check_seeds(seeds_dir=seeds_dir, declared_in=seeds_dir)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("USD,01.02.2024,1,true,1", "'01.02.2024' is not a date (YYYY-MM-DD) ({path}, line 3, column valid_from)"),
        ('USD,2024-01-01,"1,08",true,1', "'1,08' is not a number ({path}, line 3, column rate)"),
        ("USD,2024-01-01,NaN,true,1", "'NaN' is not a number ({path}, line 3, column rate)"),
        ("USD,2024-01-01,1,maybe,1", "'maybe' is not true or false ({path}, line 3, column is_fixed)"),
        ("USD,2024-01-01,1,true,1.5", "'1.5' is not a whole number ({path}, line 3, column rank)"),
        ("USD,2024-01-01,1,08,true,1", "the line has 6 values for 5 columns ({path}, line 3)"),
        ('USD,"2024-01-01,1,true,1', "the seed is no UTF-8 CSV file ({path}, line 3)"),
    ],
)
def test_a_bad_value_is_told_with_its_place(seeds_dir: Path, line: str, told: str) -> None:
    complaint = _complaint(seeds_dir, HEADER + "EUR,2024-01-01,1,true,1\n" + line)
    assert complaint.startswith(told.format(path=seeds_dir / "rates.csv"))


def test_columns_must_be_the_declared_ones(seeds_dir: Path) -> None:
    complaint = _complaint(seeds_dir, "currency,valid_from,rates,is_fixed,rank\n")
    assert "lacks the column rate and has the unknown column rates" in complaint


def test_another_encoding_is_told(seeds_dir: Path) -> None:
    assert "no UTF-8" in _complaint(seeds_dir, HEADER.encode() + "Währung,2024-01-01,1,true,1".encode("cp1252"))


def test_the_seeds_of_the_project_are_fine() -> None:
    seeds = check_seeds(seeds_dir=PROJECT_ROOT / "seeds", declared_in=PROJECT_ROOT / "dbt" / "models")
    files = sorted(path.stem for path in (PROJECT_ROOT / "seeds").glob("*.csv"))
    assert [seed.name for seed in seeds] == files, "every seed is declared, so that it can be checked"
