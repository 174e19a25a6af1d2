"""The three dbt runs of a night, with predictions and lists between them; which models exist is dbt's own business."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

FITTED = "fitted"
"""The tag of sources that the prediction room writes."""

ACTIVATED = "activated"
"""The tag of sources that the activation room writes."""


@dataclass(frozen=True)
class Part:
    """One of the dbt runs of a night, by dbt's selectors.

    A test belongs to the last part that builds anything it reads.
    """

    name: str
    select: str
    exclude: str


BEFORE = Part("transformation", select="fqn:*", exclude=f"tag:{FITTED}+ tag:{ACTIVATED}+")
AFTER = Part("marts", select=f"tag:{FITTED}+", exclude=f"tag:{ACTIVATED}+")
LAST = Part("closing", select=f"tag:{ACTIVATED}+", exclude="")
PARTS = (BEFORE, AFTER, LAST)


def after_predictions(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Ids of all that reads, itself or through others, what the prediction room wrote tonight, and no list."""
    return _read(manifest, FITTED) - after_lists(manifest)


def after_lists(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Ids of all that reads, itself or through others, what the activation room wrote tonight."""
    return _read(manifest, ACTIVATED)


def descendants(manifest: Mapping[str, Any], roots: Collection[str]) -> frozenset[str]:
    """Ids of all that reads one of the roots, itself or through others."""
    found: set[str] = set()
    new = set(roots)
    while new:
        new = {child for parent in new for child in manifest["child_map"][parent]} - found
        found |= new
    return frozenset(found)


def _read(manifest: Mapping[str, Any], tag: str) -> frozenset[str]:
    return descendants(manifest, {name for name, one in manifest["sources"].items() if tag in one["tags"]})
