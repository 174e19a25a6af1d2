"""Two runs never write at once, and a killed one leaves no lock behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project.errors import CrmError
from dagster_project.nightly.lock import current_holder, exclusive_run
from dagster_project.settings import Settings, load_settings

HOLD = """
import sys, time
from dagster_project.nightly.lock import exclusive_run
from dagster_project.settings import load_settings
with exclusive_run(load_settings({"CRM_DATA_DIR": sys.argv[1]}), purpose="a night"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"CRM_DATA_DIR": str(tmp_path)})


def test_the_second_run_is_told_who_is_first_and_a_killed_run_frees_the_lock(settings: Settings) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, settings.data_dir], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stdout.readline() == "held\n"
        turned_away = pytest.raises(CrmError, match=rf"a night is already running \(process {first.pid}")
        with turned_away, exclusive_run(settings, purpose="another night"):
            pass
        holder = current_holder(settings)
        assert holder
        assert holder.process_id == first.pid
        os.kill(first.pid, signal.SIGKILL)
    with exclusive_run(settings, purpose="another night"):
        pass
    assert current_holder(settings) is None


def test_a_lock_ends_with_its_run_even_if_that_fails(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), exclusive_run(settings, purpose="a night"):
        raise ZeroDivisionError
    with exclusive_run(settings, purpose="the next"):
        pass
