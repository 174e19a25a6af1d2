"""Shows what is wrong with the files of target groups and begins new ones for `crm segments`; holds no rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.markup import escape

from dagster_project.console import output
from dagster_project.nightly import clock
from dagster_project.settings import load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from dagster_project.activation.lint_rules import Complaint
    from dagster_project.activation.segments import Channel

CLEAN, MISTAKES, ONLY_WARNINGS = 0, 1, 2


def lint(names: Sequence[str], *, as_json: bool) -> int:
    """Explain all that is wrong with segments: 1 with mistakes, 2 with warnings only."""
    from dagster_project.activation.linting import lint_segments
    from dagster_project.transformation import dbt_layout, prepare_manifest

    settings = load_settings()
    complaints = lint_segments(
        settings=settings,
        manifest_path=prepare_manifest(settings),
        project_dir=dbt_layout(settings).project_dir,
        today=clock.today(settings.time_zone),
        only=names,
    )
    if as_json:
        output.write(json.dumps([asdict(one) for one in complaints], indent=2, ensure_ascii=False))
    else:
        _print(complaints, console=output.results())
    mistakes = sum(one.severity == "mistake" for one in complaints)
    return MISTAKES if mistakes else ONLY_WARNINGS if complaints else CLEAN


def new(name: str, *, owner: str, channel: Channel, title: str) -> None:
    """Begin a segment, and say what is to be done next."""
    from dagster_project.activation.linting import taken_priorities
    from dagster_project.activation.scaffold import check_words, scaffold_segment
    from dagster_project.transformation import prepare_manifest
    from dagster_project.transformation.project import DBT_PROJECT

    check_words(name, owner=owner, title=title or name)  # before dbt takes its time
    made = scaffold_segment(
        name,
        project_dir=DBT_PROJECT,
        owner=owner,
        channel=channel,
        title=title,
        taken_priorities=taken_priorities(prepare_manifest(load_settings()), project_dir=DBT_PROJECT),
    )
    console = output.results()
    for path in (made.sql_path, made.yaml_path):
        console.print(f"[good]+[/good] {escape(str(path.relative_to(DBT_PROJECT.parent)))}")
    console.print(
        "\nUntil you change it, who ordered lately is on it. Next:\n"
        " 1. Say in the model who belongs to the list and why, and the same in its grain, description and unit test.\n"
        " 2. Go through the settings: purpose, legal basis, sizes, columns to export, destinations.\n"
        f" 3. [head]crm segments lint {made.name}[/head]\n"
        " 4. [head]crm nightly[/head] makes the first list, which waits for "
        f"[head]crm segments release {made.name}[/head].\n"
        " 5. Let the change be reviewed; new assets go into tests/conventions/expected_assets.txt.",
        soft_wrap=True,
    )


def _print(complaints: Sequence[Complaint], *, console: Console) -> None:
    for one in complaints:
        style = "bad" if one.severity == "mistake" else "warning"
        name = f" [head]{escape(one.segment)}[/head]" if one.segment else ""
        console.print(
            f"[{style}]{one.severity}[/{style}]{name}: {escape(one.what)} "
            f"[quiet]({escape(one.where)})[/quiet]. {escape(one.remedy)}",
            soft_wrap=True,
        )
    mistakes = sum(one.severity == "mistake" for one in complaints)
    counts = f"{_counted(mistakes, 'mistake')}, {_counted(len(complaints) - mistakes, 'warning')}"
    console.print(counts if complaints else "Nothing is wrong.")


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
