"""Shows and moves the lake for `crm lake`; the publication room reads and writes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.markup import escape

from dagster_project.console import output
from dagster_project.console.tables import plain, print_table
from dagster_project.publication.ducklake_settings import demand_lake
from dagster_project.settings import load_settings

if TYPE_CHECKING:
    from dagster_project.publication.ducklake import Shared

_COLUMNS = ("night", "snapshot", "written at", "run")


def status(*, as_json: bool) -> None:
    """Where the lake is, which nights it holds, and what a reader types."""
    from dagster_project.publication.ducklake import read_state
    from dagster_project.publication.ducklake_attaching import attach_statement

    lake, settings = demand_lake(), load_settings()
    state = read_state(lake, settings=settings)
    if as_json:
        document = {"catalog": lake.catalog, **asdict(state), "attach": attach_statement(lake)}
        output.write(json.dumps(document, indent=2, ensure_ascii=False, default=plain))
        return
    console = output.results()
    console.print(f"catalog  {escape(lake.catalog)}", soft_wrap=True)
    console.print(f"files    {escape(state.data)}  {state.files:,}, {state.bytes / 2**20:,.1f} MiB", soft_wrap=True)
    console.print(f"attach   {escape(attach_statement(lake))}\n", soft_wrap=True)
    rows = [
        (one.as_of, one.snapshot, f"{one.at.astimezone(settings.time_zone):%Y-%m-%d %H:%M:%S}", one.run_id)
        for one in state.snapshots
    ]
    print_table(_COLUMNS, rows, console=console, limit=None)


def publish(*, as_json: bool) -> None:
    """Bring the lake to what is published and say what that took."""
    from dagster_project.nightly.lock import exclusive_run
    from dagster_project.publication.ducklake import share

    lake, settings = demand_lake(), load_settings()
    with exclusive_run(settings, purpose="`crm lake publish`"):
        shared = share(lake, settings=settings)
    _print_shared(shared, as_json=as_json)


def expire(*, keep: int, as_json: bool) -> None:
    """Delete older nights at once and say what the lake holds."""
    from dagster_project.nightly.lock import exclusive_run
    from dagster_project.publication.ducklake import forget_past

    lake, settings = demand_lake(), load_settings()
    with exclusive_run(settings, purpose="`crm lake expire`"):
        shared = forget_past(lake, settings=settings, nights=keep)
    _print_shared(shared, as_json=as_json)


def _print_shared(shared: Shared, *, as_json: bool) -> None:
    if as_json:
        output.write(json.dumps(asdict(shared), indent=2, default=plain))
        return
    output.results().print(f"the lake stands on [head]{shared.as_of}[/head]: {shared.told}")
