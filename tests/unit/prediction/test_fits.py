"""A kept fit is used for the very data it saw and for no other."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from dagster_project.errors import CrmError
from dagster_project.prediction.fits import Fit, FitBook, frame_sha256

DAY = date(2025, 12, 28)
DATA = pl.DataFrame({"key": ["a", "b", None], "x": [1.0, None, 3.0]})


def _kept(data: pl.DataFrame = DATA, *, member: str = "total", on: date = DAY, value: float = 1.0) -> Fit:
    return Fit("model", member, DAY, on, frame_sha256(data), data.height, f'{{"value": {value}}}')


def _value(book: FitBook, *, data: pl.DataFrame = DATA, member: str = "total", through: date = DAY) -> float:
    fitted = book.use(model="model", member=member, through=through, data=data, fit=lambda: {"value": 2.0})
    return float(fitted["value"])


def test_the_same_data_finds_its_fit_and_other_data_does_not() -> None:
    book = FitBook(as_of=DAY, kept=[_kept()])
    assert _value(book) == 1.0
    assert book.fresh_count == 0
    assert _value(book, member="part") == 2.0
    assert _value(book, through=date(2026, 1, 4)) == 2.0
    others = [
        DATA.reverse(),
        DATA.rename({"x": "y"}),
        DATA.with_columns(x=pl.lit(1.0)),
        DATA.head(2),
        DATA.with_columns(z=1),
    ]
    assert [_value(book, data=other) for other in others] == [2.0] * len(others)
    assert book.fresh_count == 2 + len(others)


def test_parameters_are_the_same_whether_kept_or_fitted_anew() -> None:
    fresh = FitBook(as_of=DAY)
    fitted = fresh.use(model="model", through=DAY, data=DATA, fit=lambda: {"value": 0.1 + 0.2, "names": ("a", "b")})
    kept = FitBook(as_of=DAY, kept=fresh.used)
    assert (
        kept.use(model="model", through=DAY, data=DATA, fit=dict) == fitted == {"value": 0.1 + 0.2, "names": ["a", "b"]}
    )


def test_what_tonight_used_is_told_once_per_model_and_member() -> None:
    book = FitBook(as_of=date(2025, 12, 30), kept=[_kept()])
    for member in ("total", "part", "total"):
        _value(book, member=member)
    assert [(fit.member, fit.fitted_on) for fit in book.used] == [("part", date(2025, 12, 30)), ("total", DAY)]


@pytest.mark.parametrize("wrong", [{"value": float("nan")}, {"value": object()}])
def test_what_json_cannot_say_is_no_parameter(wrong: dict[str, object]) -> None:
    with pytest.raises(CrmError, match="the parameters of the model model cannot be kept"):
        FitBook(as_of=DAY).use(model="model", through=DAY, data=DATA, fit=lambda: wrong)
