"""What lies in the landing folder: which mapping takes which file, its batch date and its content hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dagster_project.errors import CrmError
from dagster_project.ingestion.catalog import Catalog
from dagster_project.ingestion.mappings import SourceMapping
from dagster_project.settings import Settings

_UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".crdownload")
_HASH_BLOCK = 2**20


@dataclass(frozen=True)
class LandingFile:
    """A delivered file that a mapping takes.

    Attributes:
        mapping: The mapping that takes it.
        path: Where it lies.
        file: Its path below `<landing>/<system>/`, as the ledger knows it.
        batch_date: The day its content stands for.
    """

    mapping: SourceMapping
    path: Path
    file: str
    batch_date: date

    @property
    def order(self) -> tuple[date, str, str]:
        """Files are taken by batch date, then path, so that the order of arrival does not matter."""
        return self.batch_date, self.file, self.mapping.name


def find_files(catalog: Catalog, settings: Settings) -> tuple[LandingFile, ...]:
    """All files in the landing folder that a mapping takes, in the order they are loaded.

    Raises:
        CrmError: Two mappings of a system fill the same feed from one file.
    """
    found: list[LandingFile] = []
    for system in sorted({mapping.system for mapping in catalog.mappings}):
        mappings = [mapping for mapping in catalog.mappings if mapping.system == system]
        for path, file in files_of(settings.landing_dir / system):
            taken = [one for mapping in mappings if (one := match(mapping, path, file, settings.time_zone))]
            _check_distinct(taken)
            found.extend(taken)
    return tuple(sorted(found, key=lambda one: (one.order, one.mapping.system)))


def files_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every finished file below a folder with its relative path, sorted; hidden and half-uploaded ones are left out."""
    names: list[str] = []
    for root, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if not one.startswith(".")]
        below = Path(root).relative_to(folder)
        names.extend((below / one).as_posix() for one in files if _is_finished(one))
    for name in sorted(names):
        yield folder / name, name


def match(mapping: SourceMapping, path: Path, file: str, time_zone: ZoneInfo) -> LandingFile | None:
    """The file as this mapping takes it, or None when its name does not match."""
    for pattern in mapping.patterns:
        is_match, named_date = pattern.match(file)
        if is_match:
            return LandingFile(mapping, path, file, named_date or _declared_date(mapping, path, time_zone))
    return None


def _declared_date(mapping: SourceMapping, path: Path, time_zone: ZoneInfo) -> date:
    if isinstance(mapping.batch_date, date):
        return mapping.batch_date
    return datetime.fromtimestamp(path.stat().st_mtime, tz=time_zone).date()


def _is_finished(name: str) -> bool:
    return not name.startswith((".", "~$")) and not name.lower().endswith(_UNFINISHED)


def _check_distinct(taken: Iterable[LandingFile]) -> None:
    owners: dict[str, str] = {}
    for one in taken:
        for feed in one.mapping.feeds:
            if feed in owners:
                what = f"the mappings {owners[feed]!r} and {one.mapping.name!r} both fill {feed!r} from one file"
                remedy = "Make their file patterns distinct."
                raise CrmError(what, where=f"{one.mapping.system}/{one.file}", remedy=remedy)
            owners[feed] = one.mapping.name


class ContentHashes:
    """SHA-256 of files, remembered between runs for files that have not been touched.

    The memory is a cache beside the warehouse, keyed by everything the file system says about a file; losing it costs
    only time.
    """

    def __init__(self, cache_path: Path) -> None:
        """Read what earlier runs remembered."""
        self._path = cache_path
        self._known: dict[str, list[object]] = _read_cache(cache_path)
        self._is_changed = False

    def of(self, path: Path) -> str:
        """The hash of a file's content."""
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        known = self._known.get(str(path))
        if known is not None and known[:-1] == stamp:
            return str(known[-1])
        digest = content_hash(path)
        self._known[str(path)] = [*stamp, digest]
        self._is_changed = True
        return digest

    def save(self) -> None:
        """Write the memory, if there is something new in it."""
        if not self._is_changed:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps(self._known))
        beside.chmod(0o600)
        beside.replace(self._path)


def content_hash(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _read_cache(path: Path) -> dict[str, list[object]]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return dict(content) if isinstance(content, Mapping) else {}
