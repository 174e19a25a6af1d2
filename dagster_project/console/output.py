"""The two streams: results on stdout, progress and errors on stderr; both fit for terminals and for pipes."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.theme import Theme

PLAIN_WIDTH = 100
NARROWEST = 80

THEME = Theme(
    {
        "head": "bold",
        "quiet": "dim",
        "good": "green",
        "warning": "yellow",
        "bad": "bold red",
        "name": "cyan",
    }
)


def results() -> Console:
    """Where results go."""
    return _console(is_error=False)


def notices() -> Console:
    """Where progress, warnings and errors go."""
    return _console(is_error=True)


def write(text: str) -> None:
    """Write a text for machines, as it is."""
    sys.stdout.write(f"{text}\n")


def print_error(message: str) -> None:
    """Say one sentence on stderr."""
    notices().print(f"[bad]error:[/bad] {_escaped(message)}", soft_wrap=True)


def _console(*, is_error: bool) -> Console:
    stream = sys.stderr if is_error else sys.stdout
    width = None if stream.isatty() else int(os.environ.get("COLUMNS") or PLAIN_WIDTH)
    return Console(file=stream, theme=THEME, width=width, highlight=False, emoji=False)


def _escaped(message: str) -> str:
    from rich.markup import escape

    return escape(message)
