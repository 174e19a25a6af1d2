"""Says what lists would be and would change, without writing anything: the judgement on a read-only warehouse."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.activation.drafts import Decision, Draft, decide, draft, release_of
from dagster_project.activation.export import choose
from dagster_project.activation.files import ListFolder
from dagster_project.activation.judging import judge
from dagster_project.activation.measuring import prospects
from dagster_project.activation.recording import can_leave
from dagster_project.activation.segments import read_segments
from dagster_project.errors import CrmError
from dagster_project.settings import Settings
from dagster_project.warehouse import open_database


@dataclass(frozen=True)
class Preview:
    """A list as it would leave now: the draft, and what would become of it."""

    made: Draft
    decision: Decision


def preview_lists(
    *, settings: Settings, manifest_path: Path, as_of: date, names: Collection[str] | None, released: bool = True
) -> tuple[Preview, ...]:
    """What the lists of the night on which the warehouse stands are, and what they change against those that left last.

    Args:
        settings: Where the warehouse and the exports are.
        manifest_path: dbt's manifest.
        as_of: The night.
        names: Which segments; all of them for None.
        released: Suppose that a person lets them out.

    Raises:
        CrmError: A name is unknown, or no night has judged any list yet.
    """
    segments = read_segments(manifest_path)
    wanted = choose(segments, only=names)
    with open_database(settings.warehouse_path, settings=settings, read_only=True) as connection:
        try:
            asked = frozenset(one.name for one in wanted) if released else frozenset()
            leaving = can_leave(connection, as_of=as_of, released=asked)
            judge(connection, segments=segments, can_leave=leaving, as_of=as_of)
            outlook = prospects(connection, as_of=as_of)
            previews = []
            for segment in wanted:
                folder = ListFolder(settings.exports_dir / segment.name)
                release = release_of(connection, segment=segment.name, as_of=as_of, is_wanted=released, who=None)
                made = draft(
                    connection,
                    segment,
                    as_of=as_of,
                    folder=folder,
                    prospects=outlook.get(segment.name),
                    release=release,
                )
                decision = decide(connection, made, validate=lambda _frame, _segment: (), newest=folder.newest())
                previews.append(Preview(made=made, decision=decision))
        except duckdb.CatalogException as error:
            raise CrmError("no night has judged any list yet", remedy="Run `crm nightly` first.") from error
    return tuple(previews)
