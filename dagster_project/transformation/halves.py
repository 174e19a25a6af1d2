"""The two dbt runs of a night, with the predictions between them; which models exist is dbt's own business."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

FITTED = "fitted"
"""The tag of sources that the prediction room writes."""


@dataclass(frozen=True)
class Half:
    """One of the two dbt runs of a night, by dbt's selectors.

    A test belongs to the second when anything it reads does.
    """

    name: str
    select: str
    exclude: str


BEFORE = Half("transformation", select="fqn:*", exclude=f"tag:{FITTED}+")
AFTER = Half("marts", select=f"tag:{FITTED}+", exclude="")


def after_predictions(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Ids of all that reads, itself or through others, what the prediction room wrote tonight."""
    return descendants(manifest, {name for name, one in manifest["sources"].items() if FITTED in one["tags"]})


def descendants(manifest: Mapping[str, Any], roots: Collection[str]) -> frozenset[str]:
    """Ids of all that reads one of the roots, itself or through others."""
    found: set[str] = set()
    new = set(roots)
    while new:
        new = {child for parent in new for child in manifest["child_map"][parent]} - found
        found |= new
    return frozenset(found)
