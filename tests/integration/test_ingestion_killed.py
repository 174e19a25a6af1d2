"""Law 1 for ingestion alone: killed at ten points and started again, it ends with the rows of an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.unit.ingestion.company import CUSTOMERS, CUSTOMERS_CSV, SALES, SALES_CSV, Company

RUN = """
import sys
from datetime import date
from pathlib import Path
from dagster_project.ingestion import loading
from tests.unit.ingestion.company import Company
loading.FLUSH_DECISIONS = 5
print("ready", flush=True)
Company(Path(sys.argv[1])).ingest(date(2024, 1, 31))
"""


def made(root: Path) -> Company:
    """A company with forty files: bad rows, duplicates, refused and superseding batches among them."""
    company = Company(root)
    company.contract(SALES)
    company.contract(CUSTOMERS)
    company.mapping(SALES_CSV, name="sales")
    company.mapping(CUSTOMERS_CSV, name="customers")
    for day in range(1, 21):
        rows = "".join(f"{day % 7}-{number},{'x' if number == day else number}\n" for number in range(200))
        company.deliver(f"sales_202401{day:02}.csv", "id,amount\n" + rows)
        count = 10 if day == 9 else 100
        company.deliver(f"customers_202401{day:02}.csv", "id,name\n" + "".join(f"{n},{day}\n" for n in range(count)))
    return company


def run_for(company: Company, seconds: float | None) -> bool:
    """Run ingestion in a process of its own, killed after a time; whether it came to its end."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, "-c", RUN, str(company.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=PROJECT_ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"ready"
        if seconds is not None:
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
        return process.wait() == 0


@pytest.mark.slow
def test_a_killed_run_that_is_started_again_ends_with_the_same_rows(tmp_path: Path) -> None:
    undisturbed, killed = made(tmp_path / "undisturbed"), made(tmp_path / "killed")
    start = time.monotonic()
    assert run_for(undisturbed, None)
    duration = time.monotonic() - start
    for attempt in range(10):
        run_for(killed, duration * 0.6 * (attempt + 1) / 10)
    assert run_for(killed, None)
    assert killed.table() == undisturbed.table()
    assert killed.bad_rows() == undisturbed.bad_rows()
