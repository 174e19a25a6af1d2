"""Fixtures of the ingestion tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.ingestion.company import CUSTOMERS, SALES, Company


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A company with two contracts and nothing delivered yet."""
    made = Company(tmp_path)
    made.contract(SALES)
    made.contract(CUSTOMERS)
    return made
