"""Reads one chunk ahead in a second thread, so that cutting a file and checking its rows go on at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items in the same order; what the iterator raises is raised where its item would have come."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader") as reader:
        waiting = reader.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = reader.submit(next, items, None)
            yield item
