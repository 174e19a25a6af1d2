"""The one place that imports Great Expectations: runs expectations on a bounded frame and renders what came of it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from dagster_project.quality.expectations import Expectation


@dataclass(frozen=True)
class Evaluation:
    """What came of one run: which expectations failed, and Great Expectations' own result for the page about it."""

    failed: tuple[Expectation, ...]
    expectation_count: int
    result: Any


class GreatExpectations:
    """One context in memory; made once per process, since the import alone takes seconds."""

    def __init__(self) -> None:
        """Import the library without its analytics, progress bars and deprecation notes."""
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        with warnings.catch_warnings(), _without_pyspark():
            warnings.simplefilter("ignore")
            import great_expectations as gx
            from great_expectations.data_context.types.base import ProgressBarsConfig
            from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
            from great_expectations.render.view.view import DefaultJinjaPageView
        self._gx = gx
        self._renderer = ValidationResultsPageRenderer(run_info_at_end=True)
        self._view: Any = DefaultJinjaPageView()
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_pandas("doors")
        self._batch = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("frame")

    def evaluate(
        self, frame: pl.DataFrame, expectations: Sequence[Expectation], *, subject: str, name_rows_by: str | None = None
    ) -> Evaluation:
        """Hold a frame against its expectations.

        Args:
            frame: A bounded frame.
            expectations: What has to hold.
            subject: What the frame is about, for the page.
            name_rows_by: Column that names the rows in the result; without it no value of the frame is kept.
        """
        suite = self._gx.ExpectationSuite(
            name=subject,
            expectations=[getattr(self._gx.expectations, one.kind)(**one.arguments) for one in expectations],
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = self._batch.get_batch({"dataframe": frame.to_pandas()})
            result = batch.validate(suite, result_format=_result_format(name_rows_by))
        outcomes = {_identity(one.expectation_config): bool(one.success) for one in result.results}
        failed = tuple(
            one
            for one, configured in zip(expectations, suite.expectations, strict=True)
            if not outcomes[_identity(configured.configuration)]
        )
        return Evaluation(failed=failed, expectation_count=len(expectations), result=result)

    def render(self, evaluation: Evaluation) -> str:
        """The Data Docs page of a result, as Great Expectations writes it."""
        for name in ("batch_markers", "batch_spec"):  # the time of day and memory addresses: other bytes every night
            evaluation.result.meta.pop(name, None)
        for one in evaluation.result.results:
            observed = one.result.get("observed_value")
            if isinstance(observed, np.generic):  # the renderer stumbles over numpy's scalars
                one.result["observed_value"] = observed.item()
        return str(self._view.render(self._renderer.render(evaluation.result)))


@cache
def great_expectations() -> GreatExpectations:
    """The process's one context."""
    return GreatExpectations()


@contextmanager
def _without_pyspark() -> Iterator[None]:
    """Hide pyspark from Great Expectations, which asks whether it is there: half installed, it ends the process."""
    hidden = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "pyspark"}
    sys.modules.update(dict.fromkeys(["pyspark", *hidden]))  # type: ignore[arg-type] # None: importing it fails
    try:
        yield
    finally:
        del sys.modules["pyspark"]
        sys.modules.update(hidden)


def _result_format(name_rows_by: str | None) -> dict[str, object]:
    if name_rows_by is None:
        return {"result_format": "BASIC", "partial_unexpected_count": 0}
    return {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": [name_rows_by],
        "return_unexpected_index_query": False,
    }


def _identity(configuration: Any) -> str:
    kwargs = {name: value for name, value in configuration.kwargs.items() if name not in ("batch_id", "result_format")}
    return f"{configuration.type} {sorted(kwargs.items())!r}"
