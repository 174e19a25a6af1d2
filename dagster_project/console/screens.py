"""What the verbs of `crm` show; each function calls one room and prints its answer."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from dagster_project.console import figures, output
from dagster_project.settings import PROJECT_ROOT, load_settings


@dataclass(frozen=True)
class Order:
    """Which demo company is wanted."""

    customers: int
    months: int
    seed: int
    start: date
    nights: int
    activity: float


def nightly(*, as_of: date | None, select: str | None, released: Sequence[str], as_json: bool) -> int:
    """Run a night and show its one screen."""
    from dagster_project.console.progress import shown_progress
    from dagster_project.console.summary import print_summary
    from dagster_project.nightly.clock import today
    from dagster_project.nightly.run import run_night
    from dagster_project.nightly.store import to_json

    settings = load_settings()
    with shown_progress(output.notices()) as progress:
        record = run_night(
            settings=settings,
            as_of=as_of or today(settings.time_zone),
            progress=progress,
            select=select,
            released=released,
        )
    if as_json:
        output.write(to_json(record))
    else:
        print_summary(record, console=output.results())
    if record.failure:
        output.print_error(record.failure.sentence)
    return record.exit_code


def status(*, limit: int, as_json: bool) -> None:
    """Show the last run, who runs now, and the runs before."""
    from dagster_project.console.summary import print_failure, print_history, print_summary
    from dagster_project.nightly.lock import current_holder
    from dagster_project.nightly.store import history, last, to_json

    settings = load_settings()
    record = last(settings)
    if as_json:
        output.write(to_json(record) if record else "null")
        return
    console = output.results()
    holder = current_holder(settings)
    if holder:
        since = f"{holder.started_at.astimezone(settings.time_zone):%H:%M:%S}"
        console.print(f"[warning]running now:[/warning] {holder.purpose}, process {holder.process_id}, since {since}\n")
    if record is None:
        console.print(f"No night has run in {settings.data_dir} yet. Start one with `crm nightly`.")
        return
    print_summary(record, console=console)
    print_failure(record, console=console)
    print_history(history(settings, limit=limit), console=console, time_zone=settings.time_zone)


def history(*, limit: int, as_json: bool) -> None:
    """Compare the runs of the past."""
    from dagster_project.console.history import costs_as_json, print_costs
    from dagster_project.nightly import store
    from dagster_project.nightly.history import MEDIAN_OF, compared

    settings = load_settings()
    costs = compared(store.history(settings, limit=limit + MEDIAN_OF))[:limit]
    if as_json:
        output.write(costs_as_json(costs))
    elif costs:
        print_costs(costs, console=output.results())
    else:
        output.results().print(f"No night has run in {settings.data_dir} yet. Start one with `crm nightly`.")


def sql(text: str, *, output_format: str, is_shared: bool = False) -> None:
    """Ask the published database, or the lake, and write the answer."""
    from dagster_project.console.query import asked, read_sql
    from dagster_project.console.tables import SHOWN_ROWS, print_table, write_csv, write_json

    with asked(read_sql(text), settings=load_settings(), is_shared=is_shared) as answer:
        if output_format == "csv":
            write_csv(answer.columns, answer.rows(), stream=sys.stdout)
        elif output_format == "json":
            write_json(answer.columns, answer.rows(), stream=sys.stdout)
        else:
            print_table(answer.columns, answer.first(SHOWN_ROWS + 1), console=output.results())


def docs(*, open_page: bool) -> None:
    """Build the documentation and say where it is."""
    from dagster_project.nightly.lock import exclusive_run
    from dagster_project.transformation.docs import build_docs

    settings = load_settings()
    with exclusive_run(settings, purpose="`crm docs`"):
        page = build_docs(settings)
    output.write(str(page))
    if open_page:
        import webbrowser

        webbrowser.open(page.as_uri())


def simulate(order: Order, *, out: Path, after: date | None, until: date | None) -> None:
    """Write the demo company's exports and say what was written."""
    from dagster_project.console.progress import shown_words
    from dagster_project.simulation import simulate as write_company

    started = time.monotonic()
    with shown_words("simulation", console=output.notices()) as say:
        result = write_company(**asdict(order), out=out.resolve(), after=after, until=until, on_progress=say)
    took = figures.seconds(time.monotonic() - started)
    console = output.results()
    console.print(
        f"[head]{result.customers:,} customers[/head], {result.start} to {result.end}: {len(result.files):,} files, "
        f"{result.rows:,} rows, {result.bytes_written / 2**20:,.1f} MiB in {took}"
    )
    console.print(f"exports  {result.landing}\ntruth    {result.truth}  [quiet](the pipeline never reads it)[/quiet]")
    last = min(until or result.end, result.end)
    console.print(f"[quiet]next:[/quiet]    crm nightly --as-of {last}")
    if result.nights_kept:
        console.print(
            f"[quiet]then:[/quiet]    crm simulate --further 1 --out {out}  ({result.nights_kept:,} nights are kept)"
        )


def further(*, out: Path, nights: int) -> None:
    """Deliver the next nights of the demo company and say what came."""
    from dagster_project.simulation import further as deliver_nights

    result = deliver_nights(out=out.resolve(), nights=nights)
    console = output.results()
    console.print(
        f"[head]{result.first} to {result.last}[/head]: {len(result.files):,} files, "
        f"{result.bytes_written / 2**20:,.1f} MiB; {result.nights_kept:,} nights are kept"
    )
    console.print(f"exports  {result.landing}\n[quiet]next:[/quiet]    crm nightly --as-of {result.last}")


def react(*, out: Path, effect: float | None, after: date | None, until: date | None) -> None:
    """Let the demo company act on its lists and say what came of it."""
    from dagster_project.console.progress import shown_words
    from dagster_project.simulation import act

    with shown_words("simulation", console=output.notices()) as say:
        result = act(out=out.resolve(), effect=effect, after=after, until=until, on_progress=say)
    console = output.results()
    console.print(
        f"[head]{result.addressed:,} people[/head] addressed from {result.lists:,} lists, {result.converted:,} of them "
        f"bought because of it: {len(result.files):,} files"
    )
    if result.unreachable:
        console.print(f"[warning]{result.unreachable:,} members[/warning] are unknown to the campaign tool")
    console.print(f"exports  {result.landing}\ntruth    {result.truth}  [quiet](the pipeline never reads it)[/quiet]")


def dev(*, port: int) -> None:
    """Become Dagster's development server, bound to loopback."""
    from dagster_project.nightly.home import prepare_home
    from dagster_project.nightly.run import TELEMETRY_OFF

    settings = load_settings()
    os.environ.update(TELEMETRY_OFF)
    os.environ["DAGSTER_HOME"] = str(prepare_home(settings))
    os.chdir(PROJECT_ROOT)
    command = [sys.executable, "-m", "dagster", "dev", "-m", "dagster_project.definitions", "-h", "127.0.0.1"]
    os.execv(sys.executable, [*command, "-p", str(port)])  # noqa: S606 - our own interpreter, no shell wanted
