"""Says whether a list may leave by its size and its past; who is on it and how it is written are decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dagster_project.activation.segments import SegmentSettings


@dataclass(frozen=True)
class Former:
    """The last list that left on an earlier night."""

    as_of: date
    member_count: int
    checksum: str
    definition_sha256: str


def size_objection(
    *, settings: SegmentSettings, member_count: int, former: Former | None, is_released: bool
) -> str | None:
    """Why a list waits for a person, as a sentence without its full stop, or None.

    Args:
        settings: The bounds of the segment.
        member_count: Members after every rule.
        former: The last list delivered on an earlier night, None for a first list.
        is_released: A person let this night's list out: its size is accepted.
    """
    if member_count == 0 and former is None:
        return "the list is empty"
    if is_released:
        return None
    if member_count < settings.min_size:
        return f"the list has {member_count} members, fewer than its min_size {settings.min_size}"
    if member_count > settings.max_size:
        return f"the list has {member_count} members, more than its max_size {settings.max_size}"
    return "it is the first list of this segment" if former is None else _jump(member_count, former)


def _jump(member_count: int, former: Former) -> str | None:
    if former.member_count == 0:
        return None
    compared = f"{former.member_count} on {former.as_of} to {member_count}"
    if 2 * member_count <= former.member_count:
        return f"the list halved, from {compared}"
    if member_count >= 2 * former.member_count:
        return f"the list doubled, from {compared}"
    return None
