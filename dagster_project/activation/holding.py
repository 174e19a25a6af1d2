"""Says whether a list may leave by its size; who is on it and how it is written are decided elsewhere."""

from __future__ import annotations

from dagster_project.activation.journal import Delivery
from dagster_project.activation.segments import SegmentSettings


def size_objection(
    *, settings: SegmentSettings, member_count: int, previous: Delivery | None, is_released: bool
) -> str | None:
    """Why a list of this size must not leave, as a sentence without its full stop, or None.

    Args:
        settings: The bounds of the segment.
        member_count: Members after every rule.
        previous: The last list delivered on an earlier night; a first list is held against its bounds only.
        is_released: A person accepted the sudden change for this night; the bounds still hold.
    """
    if member_count == 0:
        return "the list is empty"
    if member_count < settings.min_size:
        return f"the list has {member_count} members, fewer than its min_size {settings.min_size}"
    if member_count > settings.max_size:
        return f"the list has {member_count} members, more than its max_size {settings.max_size}"
    if previous is None or is_released:
        return None
    compared = f"{previous.member_count} on {previous.as_of} to {member_count}"
    if 2 * member_count <= previous.member_count:
        return f"the list halved, from {compared}"
    if member_count >= 2 * previous.member_count:
        return f"the list doubled, from {compared}"
    return None
