"""Keeps dbt's manifest as fresh as the files it was parsed from; reading what is in it is left to others."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.settings import Settings
from dagster_project.transformation.failures import parse_failure
from dagster_project.transformation.project import (
    DBT_PROJECT,
    DbtLayout,
    dbt_layout,
    has_own_seeds,
    invoke,
    stage_project,
)
from dagster_project.transformation.seeds import check_seeds

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_PARSED_SUFFIXES = frozenset({".sql", ".yml", ".yaml", ".csv", ".md"})
_OWN_ARTEFACTS = frozenset({"target", "logs", "dbt_packages"})


def prepare_manifest(settings: Settings) -> Path:
    """Parse the dbt project unless the manifest already describes these very files.

    Returns:
        The path of `manifest.json`.

    Raises:
        CrmError: A seed cannot be used, or dbt cannot read the project.
    """
    check_seeds(seeds_dir=settings.seeds_dir, declared_in=DBT_PROJECT / "models")
    fingerprint = project_fingerprint(settings)
    layout = dbt_layout(settings)
    with _one_at_a_time(layout):
        if not _is_fresh(layout, fingerprint):
            _stamp_path(layout).unlink(missing_ok=True)
            if has_own_seeds(settings):
                stage_project(settings)
            result = invoke(["parse"], settings=settings)
            if not result.success:
                raise parse_failure(result.exception)
            _stamp_path(layout).write_text(fingerprint, encoding="utf-8")
    return layout.manifest_path


def read_manifest(settings: Settings) -> dict[str, Any]:
    """The manifest as dbt wrote it, prepared first if need be."""
    document: dict[str, Any] = json.loads(prepare_manifest(settings).read_bytes())
    return document


def parsed_project(settings: Settings) -> Manifest:
    """The project in dbt's own classes, from its parse cache: no file is read twice, and once a night is enough.

    Raises:
        CrmError: dbt cannot read the project.
    """
    prepare_manifest(settings)
    layout = dbt_layout(settings)
    return _loaded(layout.target_dir / "partial_parse.msgpack", _stamp_path(layout).read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _loaded(cache: Path, _fingerprint: str) -> Manifest:
    """The parse cache made of files with this fingerprint; all dbt runs of a process share it."""
    from dbt.contracts.graph.manifest import Manifest

    manifest: Manifest = Manifest.from_msgpack(cache.read_bytes())
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    return manifest


def project_fingerprint(settings: Settings) -> str:
    """Changes with every file that dbt reads, its seeds included."""
    digest = hashlib.sha256()
    for package in ("dbt-core", "dbt-duckdb"):
        digest.update(version(package).encode())
    digest.update(f"{dbt_layout(settings).project_dir}\n{settings.reporting_currency}\n{settings.engine}\n".encode())
    for path in _parsed_files(DBT_PROJECT, settings.seeds_dir):
        digest.update(f"{path}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _parsed_files(*folders: Path) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in _PARSED_SUFFIXES and not _OWN_ARTEFACTS & set(path.relative_to(folder).parts)
    )


def _stamp_path(layout: DbtLayout) -> Path:
    return layout.target_dir / "manifest.fingerprint"


def _is_fresh(layout: DbtLayout, fingerprint: str) -> bool:
    stamp = _stamp_path(layout)
    return layout.manifest_path.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint


@contextmanager
def _one_at_a_time(layout: DbtLayout) -> Iterator[None]:
    layout.target_dir.mkdir(parents=True, exist_ok=True)
    with (layout.target_dir / "parse.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
