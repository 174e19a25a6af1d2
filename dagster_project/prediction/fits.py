"""Keeps which parameters were fitted on which data, so that a night need not fit again what an earlier one did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from dagster_project.errors import CrmError

CODE_VERSION = "1"
"""Raise it when a family fits differently than before: kept parameters of the old code are not used any more."""


@dataclass(frozen=True)
class Fit:
    """One model's parameters with the data they saw.

    Args:
        model: Which model of the family.
        member: `total`, or the part it was fitted on.
        fitted_through: Last day of the data it saw.
        fitted_on: The night that fitted it.
        data_sha256: Fingerprint of that data and of the code version.
        row_count: Rows it saw.
        parameters: JSON.
    """

    model: str
    member: str
    fitted_through: date
    fitted_on: date
    data_sha256: str
    row_count: int
    parameters: str


class FitBook:
    """The fits that a family may reuse and those it uses tonight.

    A fit is reused when model, member, last day and data are the same: so the parameters of a night are the same
    whether they were kept or fitted anew, and late rows lead to a new fit. No one can ask for parameters of other
    data: what a rebuild does not have, a night may not use (law 2).

    Args:
        as_of: The night.
        kept: Fits of nights before it.
    """

    def __init__(self, *, as_of: date, kept: Iterable[Fit] = ()) -> None:
        """Sort the kept fits so that they are found."""
        self._as_of = as_of
        self._kept = {(fit.model, fit.member, fit.fitted_through, fit.data_sha256): fit for fit in kept}
        self._used: dict[tuple[str, str], Fit] = {}
        self.fresh_count = 0

    def use(
        self,
        *,
        model: str,
        through: date,
        data: pl.DataFrame,
        fit: Callable[[], Mapping[str, Any]],
        member: str = "total",
    ) -> dict[str, Any]:
        """The parameters for this data: those of an earlier night, or what `fit` returns.

        Args:
            model: Which model of the family.
            through: Last day of the data.
            data: All that the fit sees, in a fixed order.
            fit: Called when no earlier night fitted the same; must return what JSON can say.
            member: `total`, or the part it is fitted on.

        Returns:
            The parameters as JSON gives them back, the same from either source.
        """
        fingerprint = frame_sha256(data)
        found = self._kept.get((model, member, through, fingerprint))
        if found is None:
            self.fresh_count += 1
            found = Fit(
                model=model,
                member=member,
                fitted_through=through,
                fitted_on=self._as_of,
                data_sha256=fingerprint,
                row_count=data.height,
                parameters=_as_json(fit(), model=model),
            )
        self._used[model, member] = found
        parameters: dict[str, Any] = json.loads(found.parameters)
        return parameters

    @property
    def used(self) -> tuple[Fit, ...]:
        """The fits of tonight, sorted by model and member."""
        return tuple(fit for _, fit in sorted(self._used.items()))


def frame_sha256(frame: pl.DataFrame) -> str:
    """Fingerprint of a frame's columns, types and values in their order, and of the code version."""
    digest = hashlib.sha256(f"{CODE_VERSION}\n{frame.schema}\n".encode())
    for column in frame.columns:
        digest.update(frame[column].hash(seed=0).to_numpy().tobytes())
    return digest.hexdigest()


def _as_json(parameters: Mapping[str, Any], *, model: str) -> str:
    try:
        return json.dumps(dict(parameters), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CrmError(f"the parameters of the model {model} cannot be kept: {error}", where="journal.fits") from error
