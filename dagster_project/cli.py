"""The `crm` command: every verb reads its options and calls one function; no rule and no rendering lives here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.errors import CrmError

app = typer.Typer(
    name="crm",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Kreislauf: exports in, customer history, KPIs and target groups out.\n\n"
    "Start with `crm simulate --out data`, then `crm nightly --as-of 2025-12-31`, "
    'then `crm sql "from kpi.kpi_scoreboard"`.',
)
sources_app = typer.Typer(no_args_is_help=True, help="What the operational systems deliver.")
quarantine_app = typer.Typer(no_args_is_help=True, help="Rows and files that were not let in, with their reason.")
segments_app = typer.Typer(no_args_is_help=True, help="Target groups and their settings.")
lake_app = typer.Typer(no_args_is_help=True, help="The published tables on more than one machine.")
subject_app = typer.Typer(no_args_is_help=True, help="What is known about a person, and how it is forgotten.")
app.add_typer(sources_app, name="sources")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(segments_app, name="segments")
app.add_typer(lake_app, name="lake")
app.add_typer(subject_app, name="subject")


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class ListFormat(StrEnum):
    """How a list is written."""

    CSV = "csv"
    CSV_DE = "csv-de"
    PARQUET = "parquet"
    JSONL = "jsonl"


class ListChannel(StrEnum):
    """How the people on a list are contacted."""

    EMAIL = "email"
    PHONE = "phone"
    LETTER = "letter"
    INTERNAL = "internal"


INTERRUPTED = 130
INTERRUPTION = "interrupted; start it again, nothing is lost."
FIRST_DAY = date(2023, 1, 1)
ISO = ["%Y-%m-%d"]
Day = datetime | None
AsOf = Annotated[
    Day, typer.Option("--as-of", formats=ISO, metavar="DATE", help="The date the run stands on; today if not given.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.callback(invoke_without_command=True)
def crm(*, version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    """Shared by all verbs."""
    if version:
        from importlib.metadata import version as installed

        from dagster_project.console.output import write

        write(f"crm (kreislauf) {installed('kreislauf')}")
        raise typer.Exit


@app.command()
def nightly(
    *,
    as_of: AsOf = None,
    as_json: Json = False,
    select: Annotated[
        str | None, typer.Option("--select", metavar="ASSETS", help="Only these assets, in Dagster's selection syntax.")
    ] = None,
    release: Annotated[
        list[str] | None,
        typer.Option("--release", metavar="SEGMENT", help="Let a held-back list out; may be given several times."),
    ] = None,
) -> None:
    """Run the night: load exports, build the warehouse, publish, write the lists.

    Ends with **0** when all is fine, **1** when it failed, **2** when it finished with warnings
    (refused batches, held-back lists, warnings of checks).

    Examples:
    - `crm nightly` for today, in the company's time zone

    - `crm nightly --as-of 2025-12-31 --json > run.json`

    - `crm nightly --select "group:exports" --release seg_win_back`
    """
    from dagster_project.console import screens

    raise typer.Exit(screens.nightly(as_of=_day(as_of), select=select, released=release or [], as_json=as_json))


@app.command()
def status(
    *,
    as_json: Json = False,
    runs: Annotated[int, typer.Option("--runs", min=1, help="How many runs of the past to list.")] = 10,
    compare: Annotated[
        bool, typer.Option("--history", help="Compare the runs: seconds by step, rows, memory, and what has grown.")
    ] = False,
) -> None:
    """Show the last run, what is running now, and the runs before.

    Examples:
    - `crm status`

    - `crm status --history --runs 30`
    """
    from dagster_project.console import screens

    if compare:
        screens.history(limit=runs, as_json=as_json)
        return
    screens.status(limit=runs, as_json=as_json)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="SQL", help="The query, a file ending in .sql, or - for stdin.")],
    output: Annotated[Format, typer.Option("--format", "-f", help="How to write the answer.")] = Format.TABLE,
    *,
    lake: Annotated[bool, typer.Option("--lake", help="Ask the lake (CRM_LAKE_CATALOG), from any machine.")] = False,
) -> None:
    """Ask the published database, read-only.

    Examples:
    - `crm sql "from kpi.kpi_scoreboard where dimension = 'total'"`

    - `crm sql --format csv report.sql > report.csv`

    - `echo "show all tables" | crm sql -`

    - `crm sql --lake "from meta.publication"` on a machine that only reads
    """
    from dagster_project.console import screens

    screens.sql(query, output_format=output.value, is_shared=lake)


@app.command()
def predictions(
    *,
    all_parts: Annotated[bool, typer.Option("--all", help="Parts such as customer segments, too.")] = False,
    as_json: Json = False,
) -> None:
    """Show how good last night's predictions were on days they had not seen, beside the baseline they have to beat.

    Examples:
    - `crm predictions`

    - `crm predictions --all --json > scores.json`
    """
    from dagster_project.console import listings

    listings.predictions(all_parts=all_parts, as_json=as_json)


@app.command()
def docs(
    *,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Build the documentation of all tables and checks, and print where it is.

    Example: `crm docs --open`
    """
    from dagster_project.console import screens

    screens.docs(open_page=open_page)


@app.command()
def simulate(
    *,
    out: Annotated[Path, typer.Option("--out", help="The data directory to fill.")] = Path("data"),
    customers: Annotated[int, typer.Option("--customers", min=1, help="How many customers.")] = 2000,
    months: Annotated[int, typer.Option("--months", min=1, help="How many months of history.")] = 36,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")] = 7,
    start: Annotated[
        Day, typer.Option("--start", formats=ISO, metavar="DATE", help="First day of the history [2023-01-01].")
    ] = None,
    nights: Annotated[int, typer.Option("--nights", min=0, help="So many last days as daily files.")] = 0,
    activity: Annotated[
        float,
        typer.Option("--activity", min=1, max=10, help="How much more customers buy, visit, ask than in the demo."),
    ] = 1.0,
    after: Annotated[Day, typer.Option("--after", formats=ISO, metavar="DATE", help="Only files after it.")] = None,
    until: Annotated[
        Day, typer.Option("--until", formats=ISO, metavar="DATE", help="Only files up to it; later ones are kept.")
    ] = None,
    further: Annotated[
        int | None,
        typer.Option("--further", min=1, help="Deliver so many further nights of the company that is there."),
    ] = None,
    react: Annotated[
        bool, typer.Option("--react", help="Let the company that is there act on the lists that have left.")
    ] = False,
    effect: Annotated[
        float | None,
        typer.Option("--effect", min=0, max=1, help="With --react: the true share whom a message makes buy."),
    ] = None,
) -> None:
    """Write the exports of a demo company whose truth is known.

    Examples:
    - `crm simulate --out data`

    - `crm simulate --customers 100000 --months 48 --seed 1 --start 2022-01-01 --out /tmp/big`

    - `crm simulate --nights 30 --until 2025-12-01 --out data` keeps what arrives later

    - `crm simulate --further 1 --out data` delivers the next night of what was kept

    - `crm simulate --react --out data` writes what people do whom the lists so far were sent to
    """
    from dagster_project.console import screens

    if react:
        screens.react(out=out, effect=effect, after=_day(after), until=_day(until))
        return
    if further:
        screens.further(out=out, nights=further)
        return
    if effect is not None:
        raise CrmError("an effect without lists has nothing to work on", where="--effect", remedy="Add --react.")
    order = screens.Order(customers, months, seed, _day(start) or FIRST_DAY, nights, activity)
    screens.simulate(order, out=out, after=_day(after), until=_day(until))


@app.command()
def dev(port: Annotated[int, typer.Option("--port", help="Port on loopback.")] = 3000) -> None:
    """Open Dagster's UI on 127.0.0.1 with the runs of this data directory.

    Example: `crm dev --port 3001`
    """
    from dagster_project.console import screens

    screens.dev(port=port)


@sources_app.command("list")
def sources_list(*, as_json: Json = False) -> None:
    """List every mapping, its files and how fresh it is.

    Example: `crm sources list`
    """
    from dagster_project.console import listings

    listings.sources(as_json=as_json)


@sources_app.command("check")
def sources_check(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files to look at; nothing is loaded.")],
    system: Annotated[str | None, typer.Option("--system", help="Read them as exports of this system.")] = None,
    mapping: Annotated[str | None, typer.Option("--mapping", help="Read them with this mapping.")] = None,
    as_json: Json = False,
) -> None:
    """Say what of a file would be loaded, what not, and why; nothing is changed.

    Ends with 1 when a file would be refused.

    Examples:
    - `crm sources check data/landing/shop/orders_20251231.csv`

    - `crm sources check new.csv --system erp --mapping customers`
    """
    from dagster_project.console import listings

    raise typer.Exit(listings.check_files(files, system=system, mapping=mapping, as_json=as_json))


@quarantine_app.command("list")
def quarantine_list(*, as_json: Json = False) -> None:
    """List batches that were refused or lost rows to quarantine.

    Example: `crm quarantine list`
    """
    from dagster_project.console import listings

    listings.quarantine(as_json=as_json)


@quarantine_app.command("show")
def quarantine_show(
    *,
    batch: Annotated[str | None, typer.Argument(help="Id of a batch, as `crm quarantine list` shows it.")] = None,
    feed: Annotated[str | None, typer.Option("--feed", help="Only rows of this feed.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many rows.")] = 50,
    as_json: Json = False,
) -> None:
    """Show rows in quarantine with file, line, reason and original text (personal data!).

    Example: `crm quarantine show --feed orders --limit 10`
    """
    from dagster_project.console import listings

    listings.quarantined_rows(batch=batch, feed=feed, limit=limit, as_json=as_json)


@quarantine_app.command("replay")
def quarantine_replay(
    *,
    batch: Annotated[str | None, typer.Argument(help="Id of a batch; all of them if not given.")] = None,
    feed: Annotated[str | None, typer.Option("--feed", help="Only batches of this feed.")] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Read quarantined batches again, after a mapping was corrected; the next nightly run uses what gets in.

    Example: `crm quarantine replay --feed orders`
    """
    from dagster_project.console import listings

    raise typer.Exit(listings.replay(batch=batch, feed=feed, as_of=_day(as_of), as_json=as_json))


@segments_app.command("list")
def segments_list(*, as_json: Json = False) -> None:
    """List target groups, their channel, and what became of their newest list.

    Example: `crm segments list`
    """
    from dagster_project.console import target_groups

    target_groups.listing(as_json=as_json)


@segments_app.command("show")
def segments_show(*, name: Annotated[str, typer.Argument(metavar="SEGMENT")], as_json: Json = False) -> None:
    """Show one target group: settings, who was left out why, what it can show and has shown.

    Example: `crm segments show seg_win_back`
    """
    from dagster_project.console import target_groups

    target_groups.show(name, as_json=as_json)


@segments_app.command("diff")
def segments_diff(
    *,
    name: Annotated[str, typer.Argument(metavar="SEGMENT")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many rows.")] = 50,
    as_json: Json = False,
) -> None:
    """Show what the list of now would change against the one that left last; nothing is changed.

    Example: `crm segments diff seg_win_back --limit 10`
    """
    from dagster_project.console import target_groups

    target_groups.diff(name, limit=limit, as_json=as_json)


@segments_app.command("export")
def segments_export(
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="[SEGMENT]...", help="All of them if not given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written and sent.")] = False,
    as_json: Json = False,
) -> None:
    """Write and send the lists of the night on which the warehouse stands once more.

    Ends with **2** when a list is held back.

    Examples:
    - `crm segments export --dry-run`

    - `crm segments export seg_win_back`
    """
    from dagster_project.console import target_groups

    raise typer.Exit(target_groups.export(names or (), dry_run=dry_run, as_json=as_json))


@segments_app.command("release")
def segments_release(
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="[SEGMENT]...")] = None,
    release_all: Annotated[bool, typer.Option("--all", help="All lists that wait.")] = False,
    as_json: Json = False,
) -> None:
    """Let a list out that waits for a person: a first one, or one of an unusual size.

    Shows before what will leave, and the smallest effect that its holdout can detect.

    Examples:
    - `crm segments release seg_win_back`

    - `crm segments release --all`
    """
    from dagster_project.console import target_groups

    raise typer.Exit(target_groups.release(names or (), release_all=release_all, as_json=as_json))


@segments_app.command("pull")
def segments_pull(
    *,
    name: Annotated[str, typer.Argument(metavar="SEGMENT")],
    to: Annotated[Path, typer.Option("--to", metavar="DIRECTORY", help="Where to put it.")] = Path(),
    file_format: Annotated[
        ListFormat, typer.Option("--format", "-f", help="How it is written; csv-de: 1,5 and 31.12.2025.")
    ] = ListFormat.CSV,
    changes: Annotated[bool, typer.Option("--changes", help="Only what it changed against the one before.")] = False,
    as_json: Json = False,
) -> None:
    """Take the last list that left; who took which one when is remembered.

    Examples:
    - `crm segments pull seg_win_back --to ~/campaign`

    - `crm segments pull seg_win_back --format jsonl --json`
    """
    from dagster_project.console import target_groups

    target_groups.pull(name, to=to, file_format=file_format.value, changes_only=changes, as_json=as_json)


@segments_app.command("lint")
def segments_lint(
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="[SEGMENT]...", help="All of them if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Explain all that is wrong with the settings and files of target groups at once; needs no warehouse.

    Ends with **1** when there are mistakes, with **2** when there are only warnings.

    Examples:
    - `crm segments lint`

    - `crm segments lint seg_win_back --json`
    """
    from dagster_project.console import segment_files

    raise typer.Exit(segment_files.lint(names or (), as_json=as_json))


@segments_app.command("new")
def segments_new(
    *,
    name: Annotated[str, typer.Argument(metavar="SEGMENT", help="seg_ and who is on the list.")],
    owner: Annotated[str, typer.Option("--owner", help="The team that answers for it.")] = "campaign_management",
    channel: Annotated[
        ListChannel, typer.Option("--channel", help="How people are contacted; internal: a work list.")
    ] = ListChannel.EMAIL,
    title: Annotated[str, typer.Option("--title", help="How people call it; made of the name if not given.")] = "",
) -> None:
    """Begin a target group: a model, its settings explained, and a unit test that passes.

    Examples:
    - `crm segments new seg_coffee_lovers`

    - `crm segments new seg_fair_visitors --owner marketing_operations --channel letter --title "Visitors of fairs"`
    """
    from dagster_project.console import segment_files

    segment_files.new(name, owner=owner, channel=channel.value, title=title)


@lake_app.command("status")
def lake_status(*, as_json: Json = False) -> None:
    """Show where the lake is, which nights it holds, and how another machine attaches it.

    Example: `crm lake status --json`
    """
    from dagster_project.console import lake

    lake.status(as_json=as_json)


@lake_app.command("publish")
def lake_publish(*, as_json: Json = False) -> None:
    """Bring the lake to what is published, as every night does: to set one up, or after it could not be reached.

    Example: `crm lake publish`
    """
    from dagster_project.console import lake

    lake.publish(as_json=as_json)


@lake_app.command("expire")
def lake_expire(
    *,
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many nights stay.")] = 1,
    as_json: Json = False,
) -> None:
    """Delete older nights with their files at once, not some nights later; whoever reads one meanwhile gets an error.

    Example: `crm lake expire --keep 2`
    """
    from dagster_project.console import lake

    lake.expire(keep=keep, as_json=as_json)


@subject_app.command("show")
def subject_show(
    *,
    who: Annotated[
        str, typer.Argument(metavar="WHO", help="Customer key, e-mail address, telephone number or system:id.")
    ],
    as_json: Json = False,
) -> None:
    """Show everything that is held about a person: tables, files, consents, lists and why, where it was sent.

    With `--json` the whole answer with every row and value (personal data!).

    Examples:
    - `crm subject show anna.kaiser@example.com`

    - `crm subject show shopify:6900000087424 --json > answer.json`
    """
    from dagster_project.console import subjects

    subjects.show(who, as_json=as_json)


@subject_app.command("erase")
def subject_erase(
    *,
    who: Annotated[
        str, typer.Argument(metavar="WHO", help="Customer key, e-mail address, telephone number or system:id.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be erased.")] = False,
    as_json: Json = False,
) -> None:
    """Erase exactly what `crm subject show` shows, build everything anew, and prove that nothing is left.

    Ends with **0** when it is proven, **1** when not, **2** when something outside remains: landing files, lists
    that have left the house.

    Examples:
    - `crm subject erase anna.kaiser@example.com --dry-run`

    - `crm subject erase f3b972c910802e5a923dd5b76efe001b --yes --json > proof.json`
    """
    from dagster_project.console import subjects

    raise typer.Exit(subjects.erase(who, is_confirmed=yes, dry_run=dry_run, as_json=as_json))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `crm` and leave with its exit code."""
    code = run(sys.argv[1:] if arguments is None else arguments)
    if code == INTERRUPTED:  # threads of the database may still be at work: do not wait for them, nothing is lost
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one verb.

    Returns:
        0 fine, 1 failed (wrong usage too), 2 finished with warnings, 130 interrupted.
    """
    try:
        code = app(args=list(arguments), prog_name="crm", standalone_mode=False)
        return _told(code)
    except CrmError as error:
        return _fail(str(error))
    except typer.TyperException as error:
        return _fail(f"{_usage(error)} See `crm --help`.") if error.format_message() else 1
    except (KeyboardInterrupt, typer.Abort):
        return _fail(INTERRUPTION, code=INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        return _fail(_unexpected(error))


def _told(code: object) -> int:
    """Typer catches an interruption and gives a code instead."""
    if code == INTERRUPTED:
        return _fail(INTERRUPTION, code=INTERRUPTED)
    return code if isinstance(code, int) else 0


def _fail(sentence: str, *, code: int = 1) -> int:
    from dagster_project.console.output import print_error

    print_error(sentence)
    return code


def _unexpected(error: Exception) -> str:
    from dagster_project.nightly.faults import sentence_of
    from dagster_project.settings import load_settings

    return str(sentence_of(error, settings=load_settings()))


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _usage(error: typer.TyperException) -> str:
    return error.format_message().replace("Value error, ", "").rstrip(".") + "."
