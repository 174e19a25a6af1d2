"""Customer value over the horizon: fitted, held against the baseline, scored; the formulas are in `value/`.

A customer's member is his segment if it had `clv_min_customers` repeat buyers before the holdout, `other_segments`
(fitted on the whole company) if not, `total` if no segment had, `contracts` if he never bought anything. A member's
model is published if it could be fitted before the holdout and now, and its mean absolute error on the holdout is not
higher than the baseline's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from dagster_project.prediction.family import Family, Inputs, Outcome, Score, Table
from dagster_project.prediction.value.backtest import loses, scores_of
from dagster_project.prediction.value.fitting import (
    CONTRACTS,
    ContractFit,
    ValueFit,
    fit_contracts,
    fit_members,
    members,
    own_segments,
)
from dagster_project.prediction.value.scoring import horizon_after, score_customers

DRIFT_SIGMAS = 4.0
DRIFT_SHARE = 0.2
"""Purchases since the fit that lie so many standard deviations and this share off what was expected are drift."""

SCORES = Table(
    name="customer_value_scores",
    description="One row per customer who ever bought or had a contract: what the models expect, published or not.",
    columns={
        "customer_key": "varchar",
        "member": "varchar",
        "has_contract": "boolean",
        "probability_alive": "double",
        "expected_purchases": "double",
        "expected_contract_months": "double",
        "purchase_margin_amount": "decimal(18,2)",
        "predicted_amount": "decimal(18,2)",
        "lower_amount": "decimal(18,2)",
        "upper_amount": "decimal(18,2)",
    },
)
HOLDOUT = Table(
    name="customer_value_holdout",
    description="One row per customer known before the holdout: what was expected of it, and what came.",
    columns={
        "customer_key": "varchar",
        "member": "varchar",
        "learned_through_date": "date",
        "watched_until_date": "date",
        "expected_purchases": "double",
        "actual_purchases": "bigint",
        "predicted_amount": "decimal(18,2)",
        "lower_amount": "decimal(18,2)",
        "upper_amount": "decimal(18,2)",
        "baseline_amount": "decimal(18,2)",
        "actual_amount": "decimal(18,2)",
    },
)
VERDICTS = Table(
    name="customer_value_verdicts",
    description="One row per member: whether its model is published, which, and why or why not.",
    columns={"member": "varchar", "model": "varchar", "is_published": "boolean", "reason": "varchar"},
)
PARAMETERS = Table(
    name="customer_value_parameters",
    description="One row per purpose (fit, holdout), member, model and parameter: value, error and verdict of the fit.",
    columns={
        "purpose": "varchar",
        "member": "varchar",
        "model": "varchar",
        "parameter": "varchar",
        "value": "double",
        "standard_error": "double",
        "is_converged": "boolean",
        "verdict": "varchar",
    },
)
NIGHTS = Table(
    name="customer_values_by_segment",
    description="One row per night, segment and model: customers and the sum of their published values, as said then.",
    columns={
        "customer_segment": "varchar",
        "model": "varchar",
        "customer_count": "bigint",
        "predicted_amount": "decimal(18,2)",
    },
    is_journal=True,
)


@dataclass(frozen=True)
class _Learned:
    """All fits of one purpose."""

    values: Mapping[str, ValueFit]
    contracts: ContractFit

    def problem(self, member: str) -> str:
        """Why nothing can be predicted for this member; empty when it can."""
        return self.contracts.problem if member == CONTRACTS else self.values[member].problem


def predict_values(inputs: Inputs) -> Outcome:
    """Fit, back-test, score and judge; see the head of the module."""
    histories = inputs.frames["histories"]
    before = histories.filter(pl.col("purpose") == "holdout")
    own = own_segments(before, minimum=int(inputs.parameters["clv_min_customers"]))
    earlier = _learn(inputs, own=own, purpose="holdout")
    learned, drift = _learn_until_now(inputs, own=own)
    holdout = _score(inputs, own=own, learned=earlier, purpose="holdout")
    scores = _back_test(inputs, holdout)
    today = _score(inputs, own=own, learned=learned, purpose="today")
    asked = tuple(member for member in (*members(own), CONTRACTS) if (today["member"] == member).any())
    verdicts, warnings, notes = _judge(inputs, asked=asked, earlier=earlier, learned=learned, scores=scores)
    return Outcome(
        tables={
            SCORES.name: today.select(list(SCORES.columns)),
            HOLDOUT.name: holdout.select(list(HOLDOUT.columns)),
            VERDICTS.name: verdicts,
            PARAMETERS.name: pl.concat([_parameter_rows("fit", learned), _parameter_rows("holdout", earlier)]),
            NIGHTS.name: _night_rows(inputs, today, verdicts),
        },
        scores=(*scores, *_published(scores, verdicts)),
        warnings=warnings,
        notes=(*notes, *drift),
        detail=f"{verdicts['is_published'].sum()} of {verdicts.height} models published",
    )


def _of(inputs: Inputs, frame: str, purpose: str) -> pl.DataFrame:
    return inputs.frames[frame].filter(pl.col("purpose") == purpose)


def _learn(inputs: Inputs, *, own: tuple[str, ...], purpose: str, as_fit: bool = False) -> _Learned:
    through = inputs.cutoffs[purpose].through
    name = "fit" if as_fit else purpose
    values = fit_members(
        _of(inputs, "histories", purpose),
        own=own,
        parameters=inputs.parameters,
        through=through,
        purpose=name,
        fits=inputs.fits,
    )
    contracts = fit_contracts(
        _of(inputs, "contracts", purpose),
        parameters=inputs.parameters,
        through=through,
        purpose=name,
        fits=inputs.fits,
    )
    return _Learned(values, contracts)


def _learn_until_now(inputs: Inputs, *, own: tuple[str, ...]) -> tuple[_Learned, tuple[str, ...]]:
    """The fits of the week, or those of the very day if what came since is not what they led to expect."""
    learned = _learn(inputs, own=own, purpose="fit")
    off = _drift(inputs, own=own, learned=learned)
    if off is None:
        return learned, ()
    expected, actual = off
    note = (
        f"customer value was fitted anew through {inputs.as_of}: {actual:,.0f} repeat purchases since"
        f" {inputs.cutoffs['fit'].through}, where {expected:,.0f} were expected"
    )
    return _learn(inputs, own=own, purpose="today", as_fit=True), (note,)


def _drift(inputs: Inputs, *, own: tuple[str, ...], learned: _Learned) -> tuple[float, float] | None:
    """Expected and actual purchases since the fit, where they differ beyond chance (Poisson) and by over a fifth."""
    days = (inputs.cutoffs["today"].through - inputs.cutoffs["fit"].through).days
    seen = _of(inputs, "histories", "fit")
    if days <= 0 or all(fit.problem for fit in learned.values.values()):
        return None
    expected = _expected_soon(seen, own=own, learned=learned, days=days)
    later = _of(inputs, "histories", "today").join(expected.select("customer_key"), on="customer_key", how="semi")
    earlier = seen.join(expected.select("customer_key"), on="customer_key", how="semi")
    actual = float(later["repeat_purchase_days"].sum()) - float(earlier["repeat_purchase_days"].sum())
    total = float(expected["expected_purchases"].sum())
    gap = abs(actual - total)
    is_drift = gap > DRIFT_SIGMAS * max(total, 1.0) ** 0.5 and gap > DRIFT_SHARE * total
    return (total, actual) if is_drift else None


def _expected_soon(histories: pl.DataFrame, *, own: tuple[str, ...], learned: _Learned, days: int) -> pl.DataFrame:
    import numpy as np

    from dagster_project.prediction.value.scoring import Horizon

    scored = score_customers(
        histories,
        histories=histories,
        contracts=pl.DataFrame(schema={"customer_key": pl.String, "is_lost": pl.Boolean}),
        own=own,
        fits=learned.values,
        contract_fit=learned.contracts,
        horizon=Horizon(np.array([float(days)]), np.ones(1)),
    )
    return scored.filter(pl.col("expected_purchases").is_not_null())


def _score(inputs: Inputs, *, own: tuple[str, ...], learned: _Learned, purpose: str) -> pl.DataFrame:
    """Scores of a purpose; for the holdout beside the baseline and what came, undiscounted."""
    is_today = purpose == "today"
    parameters, cutoff = inputs.parameters, inputs.cutoffs[purpose]
    months = parameters["clv_horizon_months"] if is_today else parameters["prediction_holdout_months"]
    rate = float(parameters["annual_discount_rate"]) if is_today else 0.0
    customers, histories = _of(inputs, "baselines", purpose), _of(inputs, "histories", purpose)
    scored = score_customers(
        customers,
        histories=histories,
        contracts=_of(inputs, "contracts", purpose),
        own=own,
        fits=learned.values,
        contract_fit=learned.contracts,
        horizon=horizon_after(cutoff.through, months=int(months), annual_discount_rate=rate),
    )
    return (
        scored.join(
            customers.select("customer_key", "predicted_amount", "later_contribution_amount").rename(
                {"predicted_amount": "baseline_amount", "later_contribution_amount": "actual_amount"}
            ),
            on="customer_key",
            how="left",
            maintain_order="left",
        )
        .join(
            histories.select("customer_key", pl.col("later_purchase_days").alias("actual_purchases")),
            on="customer_key",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.col("baseline_amount").fill_null(0),
            learned_through_date=pl.lit(cutoff.through),
            watched_until_date=pl.lit(cutoff.until),
        )
    )


def _back_test(inputs: Inputs, holdout: pl.DataFrame) -> tuple[Score, ...]:
    cutoff = inputs.cutoffs["holdout"]
    return scores_of(
        holdout,
        model=str(inputs.parameters["clv_model"]),
        learned_through=cutoff.through,
        watched_until=cutoff.until,
    )


def _published(scores: tuple[Score, ...], verdicts: pl.DataFrame) -> tuple[Score, ...]:
    """The verdicts, for the scorecard of the night: 1 where the model is published."""
    verdict = dict(verdicts.select("member", "is_published").iter_rows())
    return tuple(
        replace(score, measure="published", value=float(verdict[score.member]), baseline=None, is_better=None)
        for score in scores
        if score.measure == "mae" and score.member in verdict
    )


def _judge(
    inputs: Inputs, *, asked: tuple[str, ...], earlier: _Learned, learned: _Learned, scores: tuple[Score, ...]
) -> tuple[pl.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """A verdict per member; a warning for each model that lost, a note for each that could not be fitted or tried."""
    cutoff, model = inputs.cutoffs["holdout"], str(inputs.parameters["clv_model"])
    measured = {score.member for score in scores if score.case_count}
    rows, warnings, notes = [], [], []
    for member in asked:
        name = "contract" if member == CONTRACTS else model
        problem = earlier.problem(member) or learned.problem(member)
        lost = loses(scores, member=member)
        if problem or member not in measured:
            reason = problem or f"no customer of this kind was known by {cutoff.through}"
            notes.append(f"customer value of {member} is the baseline: {reason}")
        elif lost is not None:
            reason = (
                f"mean absolute error {lost.value:,.2f} against {lost.baseline:,.2f} of the baseline"
                f" for {lost.case_count:,} customers from {cutoff.through} to {cutoff.until}"
            )
            warnings.append(f"customer value of {member} is the baseline: {reason}")
        else:
            reason = f"not worse than the baseline from {cutoff.through} to {cutoff.until}"
        rows.append((member, name, not problem and member in measured and lost is None, reason))
    schema = {"member": pl.String, "model": pl.String, "is_published": pl.Boolean, "reason": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row"), tuple(warnings), tuple(notes)


def _parameter_rows(purpose: str, learned: _Learned) -> pl.DataFrame:
    fits: list[tuple[str, str, Any]] = []
    for member, value in learned.values.items():
        if value.purchases is not None:
            fits.append((member, value.purchases.model, value.purchases))
        if value.spend is not None:
            fits.append((member, "gamma_gamma", value.spend))
    if learned.contracts.retention is not None:
        fits.append(("total", "sbg", learned.contracts.retention))
    rows = [
        (purpose, member, model, name, _digits(getattr(fit, name)), _digits(error), fit.is_converged, fit.verdict)
        for member, model, fit in fits
        for name, error in fit.standard_errors.items()
    ]
    types = {"double": pl.Float64, "boolean": pl.Boolean}
    return pl.DataFrame(
        rows, schema={name: types.get(kind, pl.String) for name, kind in PARAMETERS.columns.items()}, orient="row"
    )


def _digits(value: float | None) -> float | None:
    """Six figures: beyond them machines differ."""
    return None if value is None else float(f"{value:.6g}")


def _night_rows(inputs: Inputs, today: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    customers = _of(inputs, "baselines", "today").select("customer_key", "customer_segment")
    is_model = pl.col("is_published") & pl.col("predicted_amount").is_not_null()
    return (
        today.join(customers, on="customer_key", how="left", maintain_order="left")
        .join(verdicts, on="member", how="left", maintain_order="left")
        .with_columns(
            pl.when(is_model).then(pl.col("model")).otherwise(pl.lit("baseline")).alias("model"),
            pl.when(is_model)
            .then(pl.col("predicted_amount").cast(pl.Decimal(18, 2)))
            .otherwise(pl.col("baseline_amount").cast(pl.Decimal(18, 2)))
            .alias("predicted_amount"),
        )
        .group_by("customer_segment", "model")
        .agg(pl.len().cast(pl.Int64).alias("customer_count"), pl.col("predicted_amount").sum())
        .sort("customer_segment", "model")
    )


FAMILY = Family(
    name="customer_value",
    description="What each customer is expected to buy and to bring in over the horizon, with an interval.",
    owner="data_science",
    reads={
        "histories": (
            "select histories.purpose, customer_key, customer_segment, repeat_purchase_days, recency_days,"
            " date_diff('day', first_purchase_date, through_date) as age_days, valued_purchase_days,"
            " mean_purchase_margin_amount, positive_margin_amount, net_margin_amount, later_purchase_days"
            " from predictions.pred_purchase_histories as histories"
            " inner join predictions.pred_cutoffs as cutoffs on histories.purpose = cutoffs.purpose"
            " order by histories.purpose, customer_key"
        ),
        "contracts": (
            "select purpose, customer_key, renewal_count, is_lost, monthly_margin_amount"
            " from predictions.pred_contract_histories"
            " order by purpose, customer_key, started_date, contract_stretch_key"
        ),
        "baselines": (
            "select baselines.purpose, baselines.customer_key, customers.customer_segment, baselines.predicted_amount,"
            " baselines.later_contribution_amount"
            " from predictions.pred_customer_value_baselines as baselines"
            " inner join core.dim_customers as customers"
            " on baselines.customer_key = customers.customer_key and customers.is_current"
            " order by baselines.purpose, baselines.customer_key"
        ),
    },
    models=(
        "predictions.pred_cutoffs",
        "predictions.pred_purchase_histories",
        "predictions.pred_contract_histories",
        "predictions.pred_customer_value_baselines",
        "core.dim_customers",
    ),
    writes=(SCORES, HOLDOUT, VERDICTS, PARAMETERS, NIGHTS),
    predict=predict_values,
)
