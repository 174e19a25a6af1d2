"""Makes ready what builds the models of one dbt invocation: Spark, or nothing more than DuckDB itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_project.settings import Settings

_BUILDING = frozenset({"build", "run", "seed", "test", "docs"})


@contextmanager
def engine_for(command: str, *, settings: Settings) -> Iterator[Mapping[str, str]]:
    """The engine, ready for a dbt command.

    Args:
        command: Such as `build` or `parse`; the latter needs none.
        settings: Which engine, and where it works.

    Yields:
        Environment variables that dbt's macros read besides the common ones.

    Raises:
        CrmError: Spark is wanted and cannot be had.
    """
    if command not in _BUILDING:
        yield {}
    elif settings.engine == "spark":
        from dagster_project.warehouse.spark import building_with_spark

        with building_with_spark(settings) as variables:
            yield variables
    else:
        if settings.spark_dir.exists():
            from dagster_project.warehouse.spark import forget_spark

            forget_spark(settings)
        yield {}
