"""Files while they are written: each grows branch by branch and is handed out when it is whole; not what is in them."""

from __future__ import annotations

import os
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dagster_project.simulation.exports import Format

GZIP_LEVEL, GZIP_WINDOW = 6, 31


@dataclass
class _Draft:
    format: Format
    packer: zlib._Compress | None
    parts: list[Path] = field(default_factory=list)
    is_begun: bool = False


class Drafts:
    """A folder of growing files; what an earlier, killed simulation left in it is thrown away."""

    def __init__(self, folder: Path, *, branches: int) -> None:
        """Begin with none.

        Args:
            folder: Where to keep them; on the disk they are moved to when whole.
            branches: How many parts a file can get at most.
        """
        self.folder, self.is_divided = folder, branches > 1
        self._drafts: dict[str, _Draft] = {}
        shutil.rmtree(folder, ignore_errors=True)

    def add(self, path: str, rows: pl.DataFrame, *, form: Format, is_packed: bool = False) -> None:
        """Write further rows into a file, or begin it with them."""
        packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW) if is_packed else None
        draft = self._drafts.setdefault(path, _Draft(form, packer))
        if self.is_divided and form.more is None:
            self._keep(path, draft, rows)
            return
        data = form.more(rows) if draft.is_begun and form.more else form.encode(rows)
        draft.is_begun = True
        self._append(path, draft.packer.compress(data) if draft.packer else data)

    def finish(self, path: str, target: Path, *, kept: float = 1.0) -> int:
        """Move a whole file to its place and say how many bytes it has.

        Args:
            path: The draft.
            target: Its place, on the same disk.
            kept: Share of its bytes that are left of it.
        """
        draft = self._drafts.pop(path)
        if draft.parts:
            self._join(path, draft)
        if draft.packer:
            self._append(path, draft.packer.flush())
        place = self.folder / path
        if kept < 1:
            os.truncate(place, int(place.stat().st_size * kept))
        target.parent.mkdir(parents=True, exist_ok=True)
        place.replace(target)
        return target.stat().st_size

    def close(self) -> None:
        """Throw away what was not handed out."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _append(self, path: str, data: bytes) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab") as file:
            file.write(data)

    def _keep(self, path: str, draft: _Draft, rows: pl.DataFrame) -> None:
        part = self.folder / f"{path}.{len(draft.parts):04}"
        part.parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(part, compression="zstd", statistics=True)
        draft.parts.append(part)

    def _join(self, path: str, draft: _Draft) -> None:
        if draft.format.join:
            draft.format.join(draft.parts, self.folder / path)
        else:
            self._append(path, draft.format.encode(pl.concat([pl.read_parquet(part) for part in draft.parts])))
        for part in draft.parts:
            part.unlink()
