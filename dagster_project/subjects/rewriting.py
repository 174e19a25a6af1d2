"""Writes files anew without the rows of a subject: quarantine, exports, folders that lists were sent to."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import polars as pl

from dagster_project.activation.document import MANIFEST, sha256
from dagster_project.subjects.copying import BadRows
from dagster_project.subjects.holdings import CLEANED, FileHeld

_BESIDE = ".without-"
_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_TEXTS = frozenset({".csv", ".txt", ".tsv", ".jsonl", ".ndjson", ".log"})


def bad_rows_of(files: Iterable[FileHeld]) -> tuple[BadRows, ...]:
    """What the quarantine holds of a subject, for the ledger of batches.

    Args:
        files: Files in which it was found.
    """
    found = []
    for one in files:
        if one.place == "quarantine" and one.path.exists():
            frame = pl.read_parquet(one.path).with_row_index("_row", offset=1)
            bad = frame.filter(pl.col("_row").is_in(list(one.lines)))
            found.append(
                BadRows(
                    batch_id=one.path.stem,
                    lines=bad["line"].n_unique(),
                    by_column=Counter(bad["column_name"].drop_nulls().to_list()),
                )
            )
    return tuple(found)


def clean(files: Iterable[FileHeld]) -> dict[Path, int]:
    """Write every file that can be written anew without the subject's rows.

    Args:
        files: Files in which it was found; those in other places stay as they are.

    Returns:
        How many rows or lines went, by file; a file of a kind that cannot be rewritten is not among them.

    Raises:
        OSError: A file cannot be written; it is as it was.
    """
    gone: dict[Path, int] = {}
    for one in files:
        if one.place not in CLEANED:
            continue
        count = _without(one.path, set(one.lines))
        if count is not None:
            gone[one.path] = count
    return gone


def mend_manifests(folders: Iterable[Path]) -> None:
    """Let the manifests of rewritten lists tell the new checksums, and that they were redacted.

    Args:
        folders: Folders of lists of which files were written anew.
    """
    for path in sorted(folder / MANIFEST for folder in folders if (folder / MANIFEST).is_file()):
        manifest = json.loads(path.read_bytes())
        files = manifest.get("files", {})
        fresh = {name: _told(path.parent / name, old) for name, old in files.items()}
        if fresh != files:
            rows = {name: files[name].get("rows", 0) - one.get("rows", 0) for name, one in fresh.items()}
            document = {**manifest, "files": fresh, "redacted": {"rows": _added(manifest, rows)}}
            _put(path, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def sweep(folders: Iterable[Path]) -> None:
    """Remove half-written files of a killed erasure.

    Args:
        folders: Folders with files that are written anew.
    """
    for folder in folders:
        for path in folder.rglob(f"{_BESIDE}*") if folder.is_dir() else ():
            path.unlink()


def _told(path: Path, old: dict[str, object]) -> dict[str, object]:
    try:
        content = path.read_bytes()
    except OSError:
        return old
    if sha256(content) == old.get("sha256"):
        return old
    return {**old, "sha256": sha256(content), "bytes": len(content), "rows": _row_count(path, content)}


def _row_count(path: Path, content: bytes) -> int:
    if path.suffix == ".parquet":
        return int(pl.read_parquet(content).height)
    text = content.decode(_encoding(content))
    return max(0, sum(1 for _ in _records(text, is_lines=path.suffix == ".jsonl")) - (path.suffix != ".jsonl"))


def _added(manifest: dict[str, object], rows: dict[str, int]) -> dict[str, int]:
    before = manifest.get("redacted")
    known = before.get("rows", {}) if isinstance(before, dict) else {}
    return {name: known.get(name, 0) + count for name, count in rows.items() if known.get(name, 0) + count}


# One file -------------------------------------------------------------------------------------------------------------


def _without(path: Path, lines: Collection[int]) -> int | None:
    """Take rows out of a file; None if it is of a kind that cannot be rewritten."""
    content = path.read_bytes()
    if content[:4] == b"PAR1":
        return _without_rows(path, content, lines)
    is_packed = content[:2] == b"\x1f\x8b"
    suffix = path.with_suffix("").suffix if is_packed else path.suffix
    if suffix not in _TEXTS:
        return None
    plain = gzip.decompress(content) if is_packed else content
    kept, gone = _without_records(plain, lines, is_lines=suffix in (".jsonl", ".ndjson", ".log"))
    _put(path, gzip.compress(kept, mtime=0) if is_packed else kept)
    return gone


def _without_rows(path: Path, content: bytes, lines: Collection[int]) -> int:
    frame = pl.read_parquet(content)
    kept = frame.with_row_index("_row", offset=1).filter(~pl.col("_row").is_in(list(lines))).drop("_row")
    if kept.height == 0 and path.parent.parent.parent.name == "quarantine":
        path.unlink()
        return int(frame.height)
    buffer = io.BytesIO()
    kept.write_parquet(buffer)
    _put(path, buffer.getvalue())
    return int(frame.height - kept.height)


def _without_records(content: bytes, lines: Collection[int], *, is_lines: bool) -> tuple[bytes, int]:
    encoding = _encoding(content)
    text = content.decode(encoding)
    kept, gone, line = [], 0, 1
    for record in _records(text, is_lines=is_lines):
        count = record.count("\n") or 1
        if any(line <= one < line + count for one in lines):
            gone += 1
        else:
            kept.append(record)
        line += count
    return "".join(kept).encode(encoding), gone


def _records(text: str, *, is_lines: bool) -> Iterator[str]:
    """Records of a text file with their line breaks: lines, or lines joined where a quoted cell has a break."""
    waiting = ""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        waiting += line
        if is_lines or waiting.count(csv.excel.quotechar) % 2 == 0:
            yield waiting
            waiting = ""
    if waiting:
        yield waiting


def _encoding(content: bytes) -> str:
    for mark, encoding in _ENCODINGS:
        if content.startswith(mark):
            return encoding
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _put(path: Path, content: bytes) -> None:
    """Write beside, flush, rename: the file is the old or the new one, never half of one."""
    beside = path.with_name(f"{_BESIDE}{path.name}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, path.stat().st_mode & 0o777)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
