"""A PostgreSQL server of the tests' own: on a socket in a directory of its own, and gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import duckdb
import pytest

from dagster_project.errors import CrmError
from dagster_project.publication.ducklake_attaching import load_extensions
from dagster_project.publication.ducklake_settings import Lake

READER = "analyst"
"""A role that may only read."""

_INSTALLED = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
_PATH = os.pathsep.join([os.environ.get("PATH", ""), *_INSTALLED])
_UNPRIVILEGED = ("postgres", "nobody")
_FAST = "-c fsync=off -c full_page_writes=off -c listen_addresses="


@dataclass(frozen=True)
class Server:
    """A running server; `folder` holds its socket."""

    folder: Path
    _engine: duckdb.DuckDBPyConnection
    _numbers: count[int]

    def address(self, database: str, *, user: str = "postgres") -> str:
        """How libpq finds a database."""
        return f"dbname={database} host={self.folder} user={user}"

    def new_database(self) -> str:
        """An empty database, in which `analyst` may read whatever will be there."""
        name = f"crm{next(self._numbers)}"
        self.run(f"create database {name}")
        self.run(f"alter default privileges grant select on tables to {READER}", database=name)
        return name

    def run(self, sql: str, *, database: str = "postgres") -> None:
        """Execute a statement."""
        with self._attached(database):
            self._engine.execute("call postgres_execute('pg', $1, use_transaction => false)", [sql])

    def query(self, sql: str, *, database: str) -> list[tuple[object, ...]]:
        """Rows of a query."""
        with self._attached(database):
            return self._engine.execute("from postgres_query('pg', $1)", [sql]).fetchall()

    @contextmanager
    def _attached(self, database: str) -> Iterator[None]:
        self._engine.execute(f"attach '{self.address(database)}' as pg (type postgres)")
        try:
            yield
        finally:
            self._engine.execute("detach pg")


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server, or skip the tests that need one and say why."""
    binaries = [shutil.which(name, path=_PATH) for name in ("initdb", "pg_ctl")]
    if None in binaries:
        pytest.skip("there is no PostgreSQL on this machine: initdb and pg_ctl are missing (Debian: postgresql)")
    engine = duckdb.connect(config={"autoinstall_known_extensions": False})
    try:
        load_extensions(engine, Lake(catalog="", data=None, nights=1))
    except CrmError as error:
        pytest.skip(str(error))
    initdb, pg_ctl = map(str, binaries)
    folder = Path(tempfile.mkdtemp(prefix="lake-"))  # a short path: that of a socket has 107 characters at most
    as_user = _unprivileged(folder)
    data = folder / "data"
    common = {"check": True, "stdout": subprocess.DEVNULL}
    try:
        init = [initdb, "-D", str(data), "-A", "trust", "-N", "-U", "postgres", "-E", "UTF8", "--locale=C"]
        subprocess.run([*as_user, *init], **common)  # type: ignore[call-overload]
        start = [pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", f"-k {folder} {_FAST}", "start"]
        subprocess.run([*as_user, *start], **common)  # type: ignore[call-overload]
        try:
            server = Server(folder, engine, count(1))
            server.run(f"create role {READER} login")
            yield server
        finally:
            engine.close()
            stop = [pg_ctl, "-D", str(data), "-m", "immediate", "stop"]
            subprocess.run([*as_user, *stop], **common)  # type: ignore[call-overload]
    finally:
        shutil.rmtree(folder)


def _unprivileged(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: the words that make a command run as somebody else."""
    if os.geteuid() != 0:
        return []
    known = {user.pw_name for user in pwd.getpwall()}
    name = next(name for name in _UNPRIVILEGED if name in known)
    user = pwd.getpwnam(name)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
