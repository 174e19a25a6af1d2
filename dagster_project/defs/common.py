"""What every asset shares: freshness, retries, the pool that keeps writers apart, and how a step tells its failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dagster as dg

from dagster_project.nightly.faults import is_transient
from dagster_project.nightly.session import Night, StepNote

WRITERS = "warehouse"
"""The pool of everything that writes into the data directory: one slot."""

DAILY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=49), warn_window=timedelta(hours=26))
"""One policy over all assets: a missed night is a warning, two are a failure."""

RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)
"""Only for hiccups of the file system; whatever a user has to mend fails at once."""


@contextmanager
def told_step(context: dg.AssetExecutionContext, *, night: Night, name: str) -> Iterator[StepNote]:
    """Run one step of the night; every failure is told in one sentence, and only hiccups are tried again."""
    try:
        with night.step(name) as note:
            yield note
    except Exception as error:
        if is_transient(error) and context.retry_number < RETRIES.max_retries:
            raise
        failure = night.remember_failure(name, error)
        raise dg.Failure(description=failure.sentence, allow_retries=False) from error
