"""Shows a run while it works: bars on a terminal, one line per step in a pipe; what the steps do is unknown here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from dagster_project.console import figures
from dagster_project.nightly.progress import Progress

STEP_WIDTH = 16


@contextmanager
def shown_progress(console: Console) -> Iterator[Progress]:
    """A listener that fits the stream."""
    if not console.is_terminal:
        yield LineProgress(console)
        return
    with BarProgress(console) as progress:
        yield progress


@contextmanager
def shown_words(step: str, *, console: Console) -> Iterator[Callable[[str], None]]:
    """A listener for one step that only says what it is at: a spinner on a terminal, silence in a pipe."""
    if not console.is_terminal:
        yield lambda _words: None
        return
    with console.status(step) as status:
        yield lambda words: status.update(f"{step}: {escape(words)}")


class LineProgress:
    """One plain line when a step has ended."""

    def __init__(self, console: Console) -> None:
        """Write to this console."""
        self._console = console
        self._started: dict[str, float] = {}

    def begin(self, step: str, *, total: int | None = None) -> None:  # noqa: ARG002 - lines show ends only
        """Take the time."""
        self._started[step] = time.monotonic()

    def expect(self, step: str, *, total: int) -> None:
        """Lines show ends only."""

    def advance(self, step: str, *, detail: str = "") -> None:
        """Lines show ends only."""

    def end(self, step: str, *, detail: str = "") -> None:
        """Say what the step did and how long it took."""
        took = time.monotonic() - self._started.pop(step, time.monotonic())
        self._console.print(f"{step:<{STEP_WIDTH}} {figures.seconds(took):>8}  {escape(detail)}", soft_wrap=True)


class BarProgress:
    """A bar per step, with the file, model or list at hand; finished steps stay as lines."""

    def __init__(self, console: Console) -> None:
        """Draw on this console."""
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._bars = Bars(
            SpinnerColumn(finished_text="[good]✓[/good]"),
            TextColumn(f"{{task.description:<{STEP_WIDTH}}}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[quiet]{task.fields[detail]}[/quiet]"),
            console=console,
            refresh_per_second=8,
        )

    def __enter__(self) -> BarProgress:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop drawing."""
        self._bars.stop()

    def begin(self, step: str, *, total: int | None = None) -> None:
        """Draw a new bar; a step tried again starts its bar anew."""
        if step in self._tasks:
            self._bars.reset(self._tasks[step], total=total)
        else:
            self._tasks[step] = self._bars.add_task(step, total=total, detail="")

    def expect(self, step: str, *, total: int) -> None:
        """Give the bar its end."""
        self._bars.update(self._tasks[step], total=total)

    def advance(self, step: str, *, detail: str = "") -> None:
        """Move the bar by one."""
        room = max(self._console.width - 75, 10)
        self._bars.update(self._tasks[step], advance=1, detail=escape(figures.shortened(detail, room)))

    def end(self, step: str, *, detail: str = "") -> None:
        """Fill the bar."""
        task = self._bars.tasks[self._tasks[step]]
        done = task.total or task.completed or 1
        self._bars.update(task.id, total=done, completed=done, detail=escape(detail))
