"""Whether a night may rest because an earlier run of it did all there is to do; what that is, the steps know."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.nightly import store
from dagster_project.nightly.record import FeedLoad, ListOutcome, RunRecord, StepTime
from dagster_project.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from datetime import date

    from dagster_project.nightly.session import Night

_CODE = ("dagster_project", "dbt")
_NO_INPUT = frozenset({"__pycache__", "target", "logs", "dbt_packages", ".user.yml"})
_WAREHOUSE = ("warehouse.duckdb", "warehouse.duckdb.wal")
_WRITTEN = ("published", "exports", "quarantine")
_MANIFEST = "dbt/target/manifest.json"


@dataclass(frozen=True)
class Standing:
    """What a run left as it is, and what it was made of.

    Args:
        inputs: Fingerprint of all it read: files that came in, declarations, code, environment, its date.
        outputs: Fingerprint of all it wrote.
        record: Name of its record.
    """

    inputs: str
    outputs: str
    record: str


def inputs_of_night(settings: Settings, *, as_of: date) -> str | None:
    """A fingerprint of all that a night reads, taken before it reads: what arrives later is another one.

    Files that came in and what people took are told by name, size and time of change; declarations, seeds, SQL and code
    by their content. A package that is installed, or an environment variable of ours that is set, makes another night.

    Args:
        settings: Where everything is.
        as_of: The date of the night.

    Returns:
        None when something cannot be read: the night will tell what.
    """
    try:
        return _inputs(settings, as_of=as_of)
    except OSError:
        return None


def _inputs(settings: Settings, *, as_of: date) -> str:
    digest = hashlib.sha256(f"{as_of}\n{sys.version}\n{settings.data_dir}\n{settings.time_zone}\n".encode())
    for name in sorted(name for name in os.environ if name.startswith("CRM_")):
        digest.update(f"{name}={os.environ[name]}\n".encode())
    declared = (settings.sources_dir, settings.seeds_dir, *(PROJECT_ROOT / name for name in _CODE))
    for path in _files(*declared):
        digest.update(f"{path}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    elsewhere = os.environ.get("CRM_DESTINATIONS")
    arrived = (settings.landing_dir, settings.data_dir / "audit", *([Path(elsewhere).parent] if elsewhere else []))
    for path in (Path(sysconfig.get_path("purelib")).resolve(), *_files(*arrived)):
        digest.update(_entry(path))
    return digest.hexdigest()


def outputs_of_night(settings: Settings) -> str:
    """A fingerprint of all that a night leaves behind, by name, size and time of change.

    Pages of the documentation only count by name and size: they may be built at any time.

    Args:
        settings: Where everything is.
    """
    digest = hashlib.sha256()
    single = (settings.data_dir / name for name in (*_WAREHOUSE, _MANIFEST))
    written = (*(settings.data_dir / one for one in _WRITTEN), settings.spark_dir / "tables")
    for path in (*(path for path in single if path.exists()), *_files(*written)):
        digest.update(_entry(path))
    for path in (settings.docs_dir / "index.html", *_files(settings.docs_dir / "kpis")):
        digest.update(f"{path}\t{path.stat().st_size if path.exists() else None}\n".encode())
    return digest.hexdigest()


def forget(settings: Settings) -> None:
    """From now on no earlier run answers for this night: called before anything is written."""
    with suppress(OSError):
        _path(settings).unlink(missing_ok=True)


def remember(night: Night, *, inputs: str | None, record: RunRecord) -> None:
    """Let later runs of this night rest on this one, if it left nothing to be tried again.

    Args:
        night: The night that has just ended.
        inputs: What it read, as it was before it began.
        record: Its record.
    """
    if inputs is None or record.failure is not None or not night.is_settled:
        return
    path = _path(night.settings)
    beside = path.with_suffix(".part")
    with suppress(OSError):
        standing = Standing(inputs, outputs_of_night(night.settings), store.name_of(record))
        beside.write_text(json.dumps(asdict(standing)), encoding="utf-8")
        beside.chmod(0o600)
        beside.replace(path)


def earlier_run(settings: Settings, *, inputs: str | None) -> RunRecord | None:
    """The run of this very night on which it may rest; None means there is something to do, or nobody can tell.

    Args:
        settings: Where everything is.
        inputs: What the night would read.
    """
    try:
        standing = Standing(**json.loads(_path(settings).read_text(encoding="utf-8")))
        if standing.inputs != inputs or standing.outputs != outputs_of_night(settings):
            return None
    except (OSError, ValueError, TypeError):
        return None
    return store.read(settings, standing.record)


def rest_on(night: Night, former: RunRecord) -> RunRecord:
    """The record of a night that rests: the results are those of the former run, the cost is its own.

    Args:
        night: The running night.
        former: The run on which it rests.
    """
    own = night.record()
    return replace(
        former,
        run_id=own.run_id,
        started_at=own.started_at,
        finished_at=own.finished_at,
        loads=tuple(_as_known(load) for load in former.loads),
        lists=tuple(_as_unchanged(one) for one in former.lists),
        steps=(*own.steps, *(_as_idle(step) for step in former.steps if _is_work(step))),
    )


def _as_known(load: FeedLoad) -> FeedLoad:
    known = load.unchanged_batches + load.new_batches + load.duplicate_batches
    return replace(
        load,
        new_batches=0,
        unchanged_batches=known,
        duplicate_batches=0,
        delivered_rows=0,
        loaded_rows=0,
        quarantined_rows=0,
        duplicate_rows=0,
    )


def _as_unchanged(one: ListOutcome) -> ListOutcome:
    return replace(one, status="unchanged") if one.status == "written" else one


def _is_work(step: StepTime) -> bool:
    return step.step != "preparation" and not step.step.startswith("·")


def _as_idle(step: StepTime) -> StepTime:
    return StepTime(step.step, 0.0, step.rows, "unchanged", is_unchanged=True)


def _files(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        for place, folders_below, names in os.walk(folder):
            folders_below[:] = sorted(set(folders_below) - _NO_INPUT)
            yield from (Path(place) / name for name in sorted(set(names) - _NO_INPUT))


def _entry(path: Path) -> bytes:
    status = path.lstat()
    return f"{path}\t{status.st_size}\t{status.st_mtime_ns}\t{status.st_ino}\n".encode()


def _path(settings: Settings) -> Path:
    return store.runs_dir(settings) / "standing.json"


def told_of(former: RunRecord) -> str:
    """What stands, in a few words."""
    return f"nothing has changed since {former.finished_at:%Y-%m-%d %H:%M} UTC"
