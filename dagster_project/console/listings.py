"""Lists of sources, quarantine and segments for people and machines; the rooms decide what is in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from dagster_project.console import figures, output
from dagster_project.console.tables import plain, print_table
from dagster_project.nightly.clock import today
from dagster_project.settings import load_settings

_SEGMENT_COLUMNS = ("title", "owner", "purpose", "channel", "min_size", "max_size")

if TYPE_CHECKING:
    from dagster_project.ingestion import BatchResult, FileCheck


def sources(*, as_json: bool) -> None:
    """Every mapping with its files and freshness."""
    from dagster_project.ingestion import list_sources, load_catalog

    settings = load_settings()
    listings = list_sources(catalog=load_catalog(settings.sources_dir), settings=settings)
    if as_json:
        _print_json(listings)
        return
    rows = [
        (
            one.source_system,
            one.mapping,
            ", ".join(one.feeds),
            one.file_count,
            one.newest_batch_date,
            one.loaded_batches,
            one.refused_batches,
            "stale" if one.is_stale else "",
        )
        for one in listings
    ]
    print_table(
        ("system", "mapping", "feeds", "files", "newest", "loaded", "refused", ""), rows, console=output.results()
    )


def quarantine(*, as_json: bool) -> None:
    """Batches with bad rows, and refused ones."""
    from dagster_project.ingestion import list_quarantine

    entries = list_quarantine(settings=load_settings())
    if as_json or not entries:
        _print_json(entries) if as_json else output.results().print("Nothing is in quarantine.")
        return
    _print_values(entries)


def quarantined_rows(*, batch: str | None, feed: str | None, limit: int, as_json: bool) -> None:
    """Bad rows with their original text."""
    from dagster_project.ingestion import show_quarantine

    rows = show_quarantine(settings=load_settings(), batch_id=batch, feed=feed, limit=limit)
    if as_json or not rows:
        _print_json(rows) if as_json else output.results().print("Nothing is in quarantine.")
        return
    _print_values(rows)


def replay(*, batch: str | None, feed: str | None, as_of: date | None, as_json: bool) -> int:
    """Read quarantined batches again."""
    from dagster_project.ingestion import load_catalog, replay_quarantine
    from dagster_project.nightly.lock import exclusive_run

    settings = load_settings()
    with exclusive_run(settings, purpose="`crm quarantine replay`"):
        results = replay_quarantine(
            catalog=load_catalog(settings.sources_dir),
            settings=settings,
            as_of=as_of or today(settings.time_zone),
            batch_id=batch,
            feed=feed,
        )
    if as_json:
        _print_json(results)
    else:
        rows = [_replayed_cells(one) for one in results]
        print_table(
            ("system", "feed", "file", "status", "loaded", "quarantined", "reason"), rows, console=output.results()
        )
    return 2 if any(one.is_warning for one in results) else 0


def check_files(files: Sequence[Path], *, system: str | None, mapping: str | None, as_json: bool) -> int:
    """What of these files would be loaded, and why not the rest."""
    from dagster_project.ingestion import check_file, load_catalog

    settings = load_settings()
    catalog = load_catalog(settings.sources_dir)
    checks = [
        check
        for path in files
        for check in check_file(path, catalog=catalog, settings=settings, system=system, mapping=mapping)
    ]
    if as_json:
        _print_json(checks)
    else:
        for check in checks:
            _print_check(check)
    return 1 if any(check.would_refuse for check in checks) else 0


def segments(*, as_json: bool) -> None:
    """Target groups with their settings."""
    from dagster_project.activation import read_segments
    from dagster_project.transformation import prepare_manifest

    definitions = read_segments(prepare_manifest(load_settings()))
    if as_json:
        _print_json(definitions)
        return
    rows = [(one.name, *(getattr(one.settings, name) for name in _SEGMENT_COLUMNS)) for one in definitions]
    print_table(("segment", *_SEGMENT_COLUMNS), rows, console=output.results())


def _replayed_cells(result: BatchResult) -> tuple[str | int, ...]:
    return (
        result.source_system,
        result.feed,
        result.file,
        result.status,
        result.loaded_rows,
        result.quarantined_rows,
        result.reason,
    )


def _print_check(check: FileCheck) -> None:
    raise NotImplementedError(escape(figures.words(str(check))))


def _print_values(values: Sequence[Any]) -> None:
    documents = [asdict(value) for value in values]
    columns = list(documents[0])
    print_table(columns, [list(document.values()) for document in documents], console=output.results())


def _print_json(values: Sequence[Any]) -> None:
    output.write(json.dumps([asdict(value) for value in values], default=plain, indent=2, ensure_ascii=False))
