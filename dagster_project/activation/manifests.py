"""Reads what the manifests of a segment tell about its last nights; they are written elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dagster_project.activation.document import MANIFEST
from dagster_project.activation.files import ListFolder
from dagster_project.settings import Settings


@dataclass(frozen=True)
class LastNights:
    """The newest manifest of any night, and that of the last list that left; None where there is none."""

    newest: dict[str, Any] | None
    left: dict[str, Any] | None

    @property
    def is_waiting(self) -> bool:
        """The newest list is held back, and a person may let it out."""
        return bool(self.newest and self.newest["held_back"]["is_releasable"])


def last_nights(settings: Settings, segment: str) -> LastNights:
    """What the manifests of a segment say.

    Args:
        settings: Where the exports are.
        segment: Its name.
    """
    folder = ListFolder(settings.exports_dir / segment)
    nights = folder.nights()
    left = _read(folder.delivered(nights[-1])) if nights else None
    notes = sorted((folder.path / "held_back").glob("*/" + MANIFEST)) if folder.path.is_dir() else []
    held = _read(notes[-1].parent) if notes else None
    both = [one for one in (left, held) if one is not None]
    newest = max(both, key=lambda one: (date.fromisoformat(one["as_of_date"]), one is held), default=None)
    return LastNights(newest=newest, left=left)


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return document
