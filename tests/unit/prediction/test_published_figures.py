"""Figures that others published on CDNOW, and another implementation's on the same customers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from dagster_project.prediction.value.purchases import (
    Histories,
    Model,
    PurchaseFit,
    distinct_histories,
    expected_purchases,
    expected_purchases_of_newcomer,
    fit_purchases,
    log_likelihood,
    probability_alive,
)
from dagster_project.prediction.value.spend import fit_spend
from tests.unit.prediction import cdnow


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return cdnow.read("sample")


@pytest.fixture(scope="module")
def seen(sample: pl.DataFrame) -> Histories:
    return cdnow.histories(sample)[0]


@pytest.fixture(scope="module")
def fit(seen: Histories) -> PurchaseFit:
    return fit_purchases(seen, model="bg_nbd")


def test_bg_nbd_of_the_sample_is_that_of_the_paper(seen: Histories, fit: PurchaseFit) -> None:
    """Fader, Hardie, Lee 2005, table 2."""
    assert [seen.customer_count, float(seen.weight @ seen.frequency)] == [2_357, 2_457]
    assert fit.is_converged, fit.verdict
    assert [round(value, 3) for value in (fit.r, fit.alpha, fit.a, fit.b)] == [0.243, 4.414, 0.793, 2.426]
    assert fit.log_likelihood == pytest.approx(-9_582.43, abs=0.005)


def test_bg_nbd_of_the_whole_file() -> None:
    fit = fit_purchases(cdnow.histories(cdnow.read("master"))[0], model="bg_nbd")
    assert fit.is_converged, fit.verdict
    assert [fit.r, fit.alpha, fit.a, fit.b] == pytest.approx([0.251624, 4.788943, 0.723434, 2.161089], abs=2e-6)
    assert fit.log_likelihood == pytest.approx(-95_368.444, abs=5e-4)


def test_purchases_expected_in_the_holdout_are_those_published(
    sample: pl.DataFrame, seen: Histories, fit: PurchaseFit
) -> None:
    one, _ = distinct_histories([2], [30.43], [38.86])
    assert expected_purchases(fit, one, horizon=39.0)[0] == pytest.approx(1.226, abs=5e-4)
    assert expected_purchases(fit, seen, horizon=39.0) @ seen.weight == pytest.approx(1_653.4, abs=0.05)
    assert sample.filter((pl.col("day") > cdnow.CALIBRATION_END) & (pl.col("day") > pl.col("first"))).height == 1_882


def test_the_curve_of_78_weeks_errs_as_little_as_the_published_one(sample: pl.DataFrame, fit: PurchaseFit) -> None:
    """The paper's figure 2: BG/NBD is about 4 % below the actual sum at the end of week 78.

    Once all customers have come and half a year is over, no week's sum errs by more than that (rounded: 4.5 %). Before,
    nobody's does well, the authors' neither: customers are still coming, and few purchases have been made.
    """
    actual, days, customers = cdnow.weekly_repeats(sample, weeks=78)
    ages = np.maximum(7.0 * np.arange(1, 79)[:, None] - 1.0 - days[None, :], 0.0) / 7.0
    error = expected_purchases_of_newcomer(fit, horizon=ages) @ customers / np.maximum(actual, 1.0) - 1.0
    assert actual[[38, 77]].tolist() == [2_457, 4_339]
    assert round(float(error[77]), 2) == -0.04
    assert np.abs(error[25:]).max() < 0.045


def test_gamma_gamma_of_the_sample_is_that_of_the_note(sample: pl.DataFrame) -> None:
    """Fader and Hardie 2013."""
    values = cdnow.repeat_values(sample)
    fit = fit_spend(values["x"].to_numpy(), values["z"].to_numpy())
    assert values.height == 946
    assert fit.is_converged, fit.verdict
    assert [round(value, 2) for value in (fit.p, fit.q, fit.v)] == [6.25, 3.74, 15.44]


def _peer(model: Model, customers: pl.DataFrame, *, is_flat: bool) -> Any:
    """PyMC-Marketing's fit of the same customers by maximum a posteriori, with flat priors or its own."""
    pytensor = pytest.importorskip("pytensor")
    clv = pytest.importorskip("pymc_marketing.clv")
    prior = pytest.importorskip("pymc_extras.prior").Prior
    data = customers.select(frequency=pl.col("x").cast(pl.Float64), recency="t_x", T="T").to_pandas()
    data.insert(0, "customer_id", np.arange(len(data)))
    kind = clv.BetaGeoModel if model == "bg_nbd" else clv.ModifiedBetaGeoModel
    flat = {name: prior("HalfFlat") for name in ("r", "alpha", "a", "b")}
    # Nothing is compiled to C: the machine need not have a compiler, and for so few evaluations compiling takes longer.
    with pytensor.config.change_flags(mode="FAST_COMPILE", cxx=""):
        peer = kind(data=data, model_config=flat if is_flat else {})
        peer.fit(method="map", progressbar=False)
        expected = peer.expected_purchases(data=data, future_t=39).to_numpy().ravel()
        alive = peer.expected_probability_alive(data=data).to_numpy().ravel()
        newcomer = float(peer.expected_purchases_new_customer(data=data, t=39).to_numpy().ravel()[0])
    found = {name: float(peer.fit_result[name].to_numpy().ravel()[0]) for name in ("r", "alpha", "a", "b")}
    return found, expected, alive, newcomer


@pytest.mark.slow  # loading PyMC alone takes longer than the rest of this file
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", ["mbg_nbd", "bg_nbd"])
def test_pymc_marketing_finds_the_same_where_its_priors_say_nothing(sample: pl.DataFrame, model: Model) -> None:
    seen, index = cdnow.histories(sample)
    ours = fit_purchases(seen, model=model)
    found, expected, alive, newcomer = _peer(model, cdnow.summary(sample), is_flat=True)
    assert [ours.r, ours.alpha, ours.a, ours.b] == pytest.approx(list(found.values()), rel=1e-3)
    its_value, _ = log_likelihood(np.log(list(found.values())), seen, model=model)
    assert ours.log_likelihood == pytest.approx(its_value, abs=1e-3)
    assert ours.log_likelihood >= its_value
    same = replace(ours, **found)
    assert np.abs(expected_purchases(same, seen, horizon=39.0)[index] - expected).max() < 1e-10
    assert np.abs(probability_alive(same, seen)[index] - alive).max() < 1e-12
    assert expected_purchases_of_newcomer(same, horizon=39.0) == pytest.approx(newcomer, abs=1e-10)


@pytest.mark.slow  # as above
@pytest.mark.filterwarnings("ignore")
def test_the_default_priors_of_pymc_marketing_move_the_published_parameters(
    sample: pl.DataFrame, fit: PurchaseFit
) -> None:
    found, *_ = _peer("bg_nbd", cdnow.summary(sample), is_flat=False)
    assert fit.a == pytest.approx(0.793, abs=5e-4)
    assert found["a"] == pytest.approx(0.706, abs=5e-3)
