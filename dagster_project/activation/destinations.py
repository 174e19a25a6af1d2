"""Where lists can be sent to, and how they arrive there: whole, once, and unread on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dagster_project.activation.layouts import RenderedFile
from dagster_project.settings import Settings


@dataclass(frozen=True)
class Destination:
    """A place that lists are sent to."""

    name: str
    url: str
    layout: str = "plain"
    content: Literal["full", "delta", "both"] = "full"


@dataclass(frozen=True)
class Arrival:
    """What became of a file."""

    name: str
    status: str
    message: str = ""


def read_destinations(settings: Settings) -> Mapping[str, Destination]:
    """All destinations that are configured, by name."""
    return {}


def deliver(
    destination: Destination, file: RenderedFile, *, last_sha256: str | None = None, dry_run: bool = False
) -> Arrival:
    """Send one file."""
    raise NotImplementedError
