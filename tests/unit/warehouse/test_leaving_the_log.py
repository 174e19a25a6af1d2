"""Who writes a few rows may leave them in the log beside the file; the next connection has them, and works them in."""

from __future__ import annotations

from pathlib import Path

from dagster_project.settings import load_settings
from dagster_project.warehouse import open_database


def test_a_few_rows_stay_in_the_log_for_the_next_connection(tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path)})
    path, log = settings.warehouse_path, settings.warehouse_path.with_suffix(".duckdb.wal")
    with open_database(path, settings=settings, leaves_log=True) as connection:
        connection.execute("create table remembered as select 1 as row")
    assert log.exists()
    with open_database(path, settings=settings, read_only=True) as connection:
        assert connection.execute("from remembered").fetchall() == [(1,)]
    with open_database(path, settings=settings) as connection:
        connection.execute("insert into remembered values (2)")
    assert not log.exists()
    with open_database(path, settings=settings, read_only=True) as connection:
        assert connection.execute("from remembered order by all").fetchall() == [(1,), (2,)]
