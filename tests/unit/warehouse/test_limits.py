"""What the engine may take of the machine: memory, cores and disk, and that what it spills is private and goes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project import machine, settings
from dagster_project.errors import CrmError
from dagster_project.settings import Settings, load_settings
from dagster_project.warehouse import open_database
from dagster_project.warehouse.spill import dbt_spill, private_spill

GIB = 2**30
LEFT_BEHIND = """
import os, signal, sys
from dagster_project.settings import load_settings
from dagster_project.warehouse.spill import private_spill
(private_spill(load_settings({"CRM_DATA_DIR": sys.argv[1]})) / "duckdb_temp_storage").write_text("a name")
os.kill(os.getpid(), signal.SIGKILL)
"""


def house(folder: Path, **variables: str) -> Settings:
    return load_settings({"CRM_DATA_DIR": str(folder), "CRM_THREADS": "1", **variables})


@pytest.mark.parametrize(("memory", "limit"), [(24, "4915MiB"), (8, "1638MiB"), (3, "1024MiB"), (1, "512MiB")])
def test_a_fifth_of_the_memory_is_for_the_database_and_more_of_little(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, memory: int, limit: str
) -> None:
    monkeypatch.setattr(settings, "memory_bytes", lambda: memory * GIB)
    assert house(tmp_path).memory_limit == limit


@pytest.mark.parametrize(
    ("text", "limit"), [("6GiB", "6144MiB"), ("6 gb", "5722MiB"), ("0.5TiB", "524288MiB"), ("300M", "286MiB")]
)
def test_a_limit_is_a_number_and_a_unit(tmp_path: Path, text: str, limit: str) -> None:
    assert house(tmp_path, CRM_MEMORY_LIMIT=text).memory_limit == limit


@pytest.mark.parametrize("variable", ["CRM_MEMORY_LIMIT", "CRM_SPILL_LIMIT"])
@pytest.mark.parametrize("text", ["plenty", "6", "-6GiB", "80%", "6 GiB or so"])
def test_nonsense_is_one_sentence(tmp_path: Path, variable: str, text: str) -> None:
    with pytest.raises(CrmError, match=f"is no size \\({variable}\\)"):
        house(tmp_path, **{variable: text})


def test_too_little_memory_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CrmError, match="too little for the database"):
        house(tmp_path, CRM_MEMORY_LIMIT="20MiB")


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/a/b", {"a/memory.max": "2147483648", "a/b/memory.max": "max", "a/b/cpu.max": "150000 100000"}),
        (
            "7:memory:/a\n3:cpu,cpuacct:/a",
            {
                "memory/a/memory.limit_in_bytes": "2147483648",
                "cpu/a/cpu.cfs_quota_us": "150000",
                "cpu/a/cpu.cfs_period_us": "100000",
            },
        ),
    ],
    ids=["one hierarchy", "one per controller"],
)
def test_a_container_has_less_than_its_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, groups: str, files: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    (tmp_path / "own").write_text(groups)
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    monkeypatch.setattr(machine, "_OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(16))
    assert (machine.memory_bytes(), machine.core_count()) == (2 * GIB, 2)


def test_a_machine_without_control_groups_is_its_own_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_OWN_CGROUP", tmp_path / "nothing")
    assert machine.memory_bytes() > 2**28
    assert machine.core_count() >= 1


def test_the_engine_keeps_to_the_limits_and_spills_where_only_the_owner_looks(tmp_path: Path) -> None:
    place = house(tmp_path / "data", CRM_SPILL_DIR=str(tmp_path / "disk"), CRM_SPILL_LIMIT="3GiB")
    with open_database(place.warehouse_path, settings=place) as connection:
        names = ("memory_limit", "max_temp_directory_size", "temp_directory")
        told = [connection.execute(f"select current_setting('{name}')").fetchone() for name in names]
    folder = private_spill(place)
    assert told[1:] == [("3.0 GiB",), (str(folder),)]
    assert folder.is_relative_to(tmp_path / "disk")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]


def test_two_companies_do_not_share_a_spill_folder(tmp_path: Path) -> None:
    both = [house(tmp_path / name, CRM_SPILL_DIR=str(tmp_path / "disk")) for name in ("one", "two")]
    assert both[0].spill_dir != both[1].spill_dir


def test_what_killed_processes_spilled_goes_with_the_next_opening(tmp_path: Path) -> None:
    place = house(tmp_path)
    subprocess.run([sys.executable, "-c", LEFT_BEHIND, str(tmp_path)], check=False)
    (dbt_spill(place) / "duckdb_temp_storage").write_text("a name")
    assert len([path for path in place.spill_dir.rglob("*") if path.is_file()]) == 2
    with open_database(place.warehouse_path, settings=place):
        assert [path for path in place.spill_dir.rglob("*") if path.is_file()] == []


def test_what_a_living_process_spilled_stays(tmp_path: Path) -> None:
    place = house(tmp_path)
    script = LEFT_BEHIND.replace("os.kill(os.getpid(), signal.SIGKILL)", "print(flush=True); sys.stdin.read()")
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        with open_database(place.warehouse_path, settings=place):
            assert len([path for path in place.spill_dir.rglob("*") if path.is_file()]) == 1
        process.communicate()


def test_who_may_only_read_does_without_spilling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = house(tmp_path)
    with open_database(place.warehouse_path, settings=place) as connection:
        connection.execute("create table told as select 1 as one")

    def refused(_: Settings) -> Path:
        raise PermissionError

    monkeypatch.setattr("dagster_project.warehouse.engine.private_spill", refused)
    with open_database(place.warehouse_path, settings=place, read_only=True) as connection:
        assert connection.execute("from told").fetchall() == [(1,)]
