"""Keeps run records as JSON under `<data>/runs/`; nothing here decides what goes into one."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from dagster_project.nightly.record import RunRecord
from dagster_project.settings import Settings

KEPT_RUNS = 400

_ADAPTER = TypeAdapter(RunRecord)


def runs_dir(settings: Settings) -> Path:
    """Where the records lie."""
    return settings.data_dir / "runs"


def to_json(record: RunRecord) -> str:
    """The record as indented JSON, with its exit code and seconds for machines that do not compute."""
    document = _ADAPTER.dump_python(record, mode="json")
    return json.dumps({**document, "exit_code": record.exit_code, "seconds": round(record.seconds, 2)}, indent=2)


def save(record: RunRecord, *, settings: Settings) -> Path:
    """Write the record under its own name and as `last.json`, beside and then renamed."""
    folder = runs_dir(settings)
    folder.mkdir(parents=True, exist_ok=True)
    text = to_json(record)
    own = folder / name_of(record)
    for path in (own, folder / "last.json"):
        temporary = path.with_suffix(".part")
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(path)
    for old in _record_files(folder)[KEPT_RUNS:]:
        old.unlink(missing_ok=True)
    return own


def name_of(record: RunRecord) -> str:
    """The name of a record's own file."""
    return f"{record.started_at:%Y%m%dT%H%M%S}-{record.run_id[:8]}.json"


def read(settings: Settings, name: str) -> RunRecord | None:
    """The record in a file of this name, or None when it is gone or cannot be read."""
    return _read(runs_dir(settings) / name)


def last(settings: Settings) -> RunRecord | None:
    """The newest record, or None before the first run."""
    return _read(runs_dir(settings) / "last.json")


def history(settings: Settings, *, limit: int) -> list[RunRecord]:
    """The newest records, newest first; files that cannot be read are left out."""
    records = (_read(path) for path in _record_files(runs_dir(settings))[:limit])
    return [record for record in records if record is not None]


def _record_files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("2*.json")), reverse=True)


def _read(path: Path) -> RunRecord | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _ADAPTER.validate_python(
            {name: value for name, value in document.items() if name not in ("exit_code", "seconds")}, strict=False
        )
    except (OSError, ValueError, ValidationError):
        return None
