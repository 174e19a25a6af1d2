"""Starts Spark; which tables there are is known to the store."""

from __future__ import annotations

import logging
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.errors import CrmError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from dagster_project.settings import Settings

_SAME_ANSWERS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.codegen.wholeStage.union.enabled": "false",  # 4.3.0 cannot read back the plan that it sends to a task
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.mapKeyDedupPolicy": "EXCEPTION",
    "spark.sql.sources.partitionOverwriteMode": "dynamic",
    "spark.sql.hive.manageFilesourcePartitions": "false",  # which periods there are, the folders say
}
"""Without these the same SQL says something else than in DuckDB; nobody can set them otherwise."""

_CONNECT = "sc://"
"""A server of Spark Connect, whose driver is not ours: it has to be started with what `_process_settings` says."""
_LOCAL_MASTERS = ("local", "spark://127.0.0.1", "spark://localhost")
_LOGGING = """\
appender.nowhere.type = Null
appender.nowhere.name = nowhere
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = off
rootLogger.level = off
rootLogger.appenderRef.nowhere.ref = nowhere
"""
"""Spark's own log may quote rows; what goes wrong comes back as an error and is scrubbed like any other."""
_LONGEST_ERROR = 2000
_JAVA_SAYS = re.compile(r"^: [\w.$]+: (.+)$", re.MULTILINE)
_PLAN = re.compile(r";\s*\n'?[A-Z].*|\n\s*== SQL.*|\n\s*JVM stacktrace:.*|\n\s*at [\w.$]+\(.*", re.DOTALL)


def start_spark(settings: Settings) -> SparkSession:
    """The session of this process, started when it is asked for first.

    Args:
        settings: Master, directories and further settings of Spark.

    Raises:
        CrmError: The extra `spark` is not installed, there is no Java, or the master cannot be reached.
    """
    _check_installed()
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("kreislauf")
    if settings.spark_master.startswith(_CONNECT):
        builder, configuration = builder.remote(settings.spark_master), _session_settings(settings)
    else:
        builder = builder.master(settings.spark_master)
        configuration = _process_settings(settings) | _session_settings(settings)
    for key, value in configuration.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except Exception as error:  # the gateway between Python and Java raises what it likes
        raise CrmError(
            f"Spark could not be started: {reason_of(str(error))}",
            where=f"CRM_SPARK_MASTER={settings.spark_master}",
            remedy="Is there a master or server at this address? See docs/guides/spark.md.",
        ) from error


def stop_spark() -> None:
    """End the session of this process, if there is one, and give back its memory."""
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session:
        session.stop()


def shorten(message: str) -> str:
    """What Spark says without its plans and stack traces."""
    return _PLAN.sub("", message).strip()[:_LONGEST_ERROR]


def reason_of(message: str) -> str:
    """Why Spark did not start, in one line: what Java says, without where it says it."""
    said = _JAVA_SAYS.search(message)
    return said[1] if said else shorten(message).partition("\n")[0]


def _check_installed() -> None:
    """Say what is missing, and keep quiet what comes back as an error anyway."""
    warnings.filterwarnings("ignore", module="pyspark")
    try:
        from pyspark.logger import PySparkLogger
    except ImportError as error:
        raise CrmError(
            "Spark is not installed", where="CRM_ENGINE", remedy="Install the extra: pip install 'kreislauf[spark]'."
        ) from error
    PySparkLogger.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    home = os.environ.get("JAVA_HOME")
    if not ((Path(home) / "bin" / "java").exists() if home else shutil.which("java")):  # as Spark looks for it
        raise CrmError(
            "Spark needs Java, and there is none",
            where=f"JAVA_HOME={home}" if home else "JAVA_HOME is not set",
            remedy="Install Java 17 or 21, and let JAVA_HOME be its folder.",
        )


def _session_settings(settings: Settings) -> dict[str, str]:
    """What a session may set on any server: ours, those of CRM_SPARK_CONF, and those that may not differ."""
    ours = {
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.shuffle.partitions": str(max(2, settings.threads)),
    }
    return ours | dict(settings.spark_conf) | _SAME_ANSWERS


def _process_settings(settings: Settings) -> dict[str, str]:
    """What is decided when a driver of our own starts."""
    spill = settings.spill_dir / "spark"
    spill.mkdir(parents=True, exist_ok=True)
    settings.spark_dir.mkdir(parents=True, exist_ok=True)
    settings.spark_dir.chmod(0o700)
    silence = settings.spark_dir / "log4j2.properties"
    silence.write_text(_LOGGING, encoding="utf-8")
    ours = {
        "spark.driver.memory": "2g",
        "spark.driver.defaultJavaOptions": f"-Dlog4j2.configurationFile={silence.as_uri()}",
        "spark.hadoop.fs.permissions.umask-mode": "077",
        "spark.local.dir": str(spill),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(settings.spark_dir / "catalog"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if settings.spark_master.startswith(_LOCAL_MASTERS):
        ours |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return ours
