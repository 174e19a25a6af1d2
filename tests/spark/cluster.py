"""A standalone Spark cluster of this machine, from the pyspark wheel alone: a master and its workers on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOPBACK = "127.0.0.1"
STARTING_SECONDS = 60
_DAEMON_MEMORY = "512m"


@contextmanager
def standalone(folder: Path, *, workers: int, cores: int, memory: str) -> Iterator[str]:
    """Start a cluster, and stop it whatever happens.

    Args:
        folder: For logs and the scratch files of the workers.
        workers: How many processes that start executors.
        cores: Of each.
        memory: Of each for executors, as Spark writes it (1536m).

    Yields:
        The address of the master.

    Raises:
        TimeoutError: It does not listen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    address = f"spark://{LOOPBACK}:{port}"
    started = [_start("master.Master", "--host", LOOPBACK, "--port", str(port), "--webui-port", "0", folder=folder)]
    try:
        _wait_for(port)
        for number in range(workers):
            size = ("--cores", str(cores), "--memory", memory, "--work-dir", str(folder / f"work{number}"))
            own = ("--host", LOOPBACK, "--webui-port", "0")
            started.append(_start("worker.Worker", *own, *size, address, folder=folder, number=number))
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(timeout=STARTING_SECONDS)


def _start(what: str, *arguments: str, folder: Path, number: int = 0) -> subprocess.Popen[bytes]:
    import pyspark

    home = Path(pyspark.__file__).parent
    log = folder / f"{what}.{number}.log"
    env = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_DAEMON_MEMORY": _DAEMON_MEMORY,
        "SPARK_LOCAL_DIRS": str(folder / "scratch"),
        "SPARK_LOCAL_IP": LOOPBACK,
    }
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{what}", *arguments]
    with log.open("wb") as output:
        return subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as one:
            if one.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"no master listens on port {port}")
