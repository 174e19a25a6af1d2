"""Which customers share a fit, and the fits themselves, kept or new; formulas are in the modules beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dagster_project.errors import CrmError

if TYPE_CHECKING:
    from dagster_project.prediction.fits import FitBook
    from dagster_project.prediction.value.optimum import FloatArray
    from dagster_project.prediction.value.purchases import PurchaseFit
    from dagster_project.prediction.value.retention import RetentionFit
    from dagster_project.prediction.value.spend import SpendFit

TOTAL = "total"
OTHERS = "other_segments"
CONTRACTS = "contracts"
MODELS = ("mbg_nbd", "bg_nbd")
"""What the parameter `clv_model` may name."""
NO_NOISE = 1_000.0
"""Where customers differ much more than their purchases, p runs away to the limit in which a customer's own mean is
certain: expectations are determined all the same, and whether they are any good is for the holdout to say."""


@dataclass(frozen=True)
class ValueFit:
    """What was learned of the customers of one member on one day; `problem` says why it may not be used, if so.

    Args:
        member: `total`, a segment, `other_segments`.
        purchases: How often they buy.
        spend: What a purchase brings in.
        kept_rate: Share of the margin of purchases with a positive one that is left after losses and returns.
        problem: Empty when the fit may be used.
    """

    member: str
    purchases: PurchaseFit | None
    spend: SpendFit | None
    kept_rate: float
    problem: str


@dataclass(frozen=True)
class ContractFit:
    """What was learned of contracts on one day; `problem` says why it may not be used, if so.

    Args:
        retention: Shifted beta-geometric, None where it was not fitted.
        monthly_loss_rate: Losses per month under contract: used where nothing tells long stays from short ones.
        problem: Empty when one of them may be used.
    """

    retention: RetentionFit | None
    monthly_loss_rate: float
    problem: str

    def stays(self, renewals: FloatArray, *, months: FloatArray) -> FloatArray:
        """Chance to be under contract still after so many more months.

        Args:
            renewals: Months survived so far, shape (n,).
            months: Months ahead, shape (m,).

        Returns:
            A matrix, n x m.
        """
        if self.retention is None or not self.retention.is_converged:
            constant: FloatArray = (1.0 - self.monthly_loss_rate) ** np.broadcast_to(
                months[None, :], (renewals.size, months.size)
            )
            return constant
        from dagster_project.prediction.value.retention import survival

        later, now = survival(self.retention, renewals[:, None] + months[None, :]), survival(self.retention, renewals)
        conditional: FloatArray = later / now[:, None]
        return conditional


def own_segments(histories: pl.DataFrame, *, minimum: int) -> tuple[str, ...]:
    """Segments with enough repeat buyers for a fit of their own, sorted.

    Args:
        histories: Histories before the holdout: what is published has to be proven, so they have to be enough by then.
        minimum: Repeat buyers needed.
    """
    repeat = histories.filter(pl.col("repeat_purchase_days") > 0)
    counted = repeat.group_by("customer_segment").len().filter(pl.col("len") >= minimum)
    return tuple(sorted(counted["customer_segment"].to_list()))


def member_of(own: tuple[str, ...]) -> pl.Expr:
    """The member whose fit a customer is scored with, by the column `customer_segment`."""
    if not own:
        return pl.lit(TOTAL)
    segment = pl.col("customer_segment")
    return pl.when(segment.is_in(list(own))).then(segment).otherwise(pl.lit(OTHERS))


def members(own: tuple[str, ...]) -> tuple[str, ...]:
    """All members of customers who bought something."""
    return (*own, OTHERS) if own else (TOTAL,)


def fit_members(
    histories: pl.DataFrame,
    *,
    own: tuple[str, ...],
    parameters: Mapping[str, Any],
    through: date,
    purpose: str,
    fits: FitBook,
) -> dict[str, ValueFit]:
    """A fit per member; customers of segments without one of their own are scored with that of the whole company.

    Args:
        histories: Histories of one purpose, sorted by customer.
        own: Segments with a fit of their own.
        parameters: `clv_model` and `clv_min_customers` are read.
        through: Last day of the histories.
        purpose: `fit` or `holdout`.
        fits: Kept fits.

    Raises:
        CrmError: The parameter `clv_model` names no model.
    """
    if parameters["clv_model"] not in MODELS:
        raise CrmError(
            f"the customer value model {parameters['clv_model']!r} is unknown",
            where="seeds/kpi_parameters.csv, clv_model",
            remedy=f"Use {' or '.join(MODELS)}.",
        )
    fitted = {}
    for member in members(own):
        its = histories.filter(member_of(own) == member)
        if its.is_empty():
            fitted[member] = ValueFit(member, None, None, 0.0, f"nobody of this kind had bought anything by {through}")
            continue
        seen = its if member in own else histories
        fitted[member] = _fit_member(
            seen, member=member, parameters=parameters, through=through, purpose=purpose, fits=fits
        )
    return fitted


def _fit_member(
    histories: pl.DataFrame,
    *,
    member: str,
    parameters: Mapping[str, Any],
    through: date,
    purpose: str,
    fits: FitBook,
) -> ValueFit:
    problem = _too_little(histories, minimum=int(parameters["clv_min_customers"]), through=through)
    kept_rate = _kept_rate(histories)
    if problem or kept_rate <= 0:
        problem = problem or "losses and returns took all margin of the purchases"
        return ValueFit(member, None, None, 0.0, problem)
    suffix = "" if purpose == "fit" else f"_{purpose}"
    model = str(parameters["clv_model"])
    purchases = _purchase_fit(histories, model=model, name=model + suffix, member=member, through=through, fits=fits)
    if not purchases.is_converged:
        return ValueFit(member, purchases, None, kept_rate, _sentence(purchases.verdict))
    spend = _spend_fit(histories, name="gamma_gamma" + suffix, member=member, through=through, fits=fits)
    is_usable = spend.is_converged or (spend.covariance is not None and spend.p > NO_NOISE and spend.q > 1.0)
    return ValueFit(member, purchases, spend, kept_rate, "" if is_usable else _sentence(spend.verdict))


def _too_little(histories: pl.DataFrame, *, minimum: int, through: date) -> str:
    repeat = histories.filter(pl.col("repeat_purchase_days") > 0)
    if repeat.height < minimum:
        return f"{repeat.height:,} repeat buyers by {through} are fewer than {minimum:,}"
    valued = repeat.filter(pl.col("valued_purchase_days") > 0)["mean_purchase_margin_amount"]
    if valued.is_empty():
        return "no repeat purchase has a known positive margin"
    if valued.n_unique() == 1:
        return "all purchases have the same margin"
    return ""


def _kept_rate(histories: pl.DataFrame) -> float:
    positive, net = histories["positive_margin_amount"].sum(), histories["net_margin_amount"].sum()
    return float(net) / float(positive) if positive else 0.0


def _purchase_fit(
    histories: pl.DataFrame, *, model: str, name: str, member: str, through: date, fits: FitBook
) -> PurchaseFit:
    from dagster_project.prediction.value.purchases import PurchaseFit, distinct_histories, fit_purchases

    seen = histories.select("repeat_purchase_days", "recency_days", "age_days")

    def fit() -> dict[str, Any]:
        distinct, _ = distinct_histories(*(seen[name].to_numpy() for name in seen.columns))
        return fit_purchases(distinct, model="bg_nbd" if model == "bg_nbd" else "mbg_nbd").to_json()

    return PurchaseFit.from_json(fits.use(model=name, member=member, through=through, data=seen, fit=fit))


def _spend_fit(histories: pl.DataFrame, *, name: str, member: str, through: date, fits: FitBook) -> SpendFit:
    from dagster_project.prediction.value.spend import SpendFit, fit_spend

    seen = (
        histories.filter(pl.col("valued_purchase_days") > 0)
        .select("valued_purchase_days", "mean_purchase_margin_amount")
        .filter(pl.col("mean_purchase_margin_amount") > 0)
    )

    def fit() -> dict[str, Any]:
        means = seen["mean_purchase_margin_amount"].cast(pl.Float64).to_numpy()
        return fit_spend(seen["valued_purchase_days"].cast(pl.Float64).to_numpy(), means).to_json()

    return SpendFit.from_json(fits.use(model=name, member=member, through=through, data=seen, fit=fit))


def fit_contracts(
    contracts: pl.DataFrame, *, parameters: Mapping[str, Any], through: date, purpose: str, fits: FitBook
) -> ContractFit:
    """How long contracts last, of all segments together: they are few.

    Where the shifted beta-geometric finds no difference between long and short stays (it then runs away to its limit,
    the geometric distribution), one rate holds for all.

    Args:
        contracts: Stretches under contract of one purpose, sorted.
        parameters: `clv_min_contracts` is read.
        through: Last day seen.
        purpose: `fit` or `holdout`.
        fits: Kept fits.
    """
    minimum = int(parameters["clv_min_contracts"])
    if contracts.height < minimum:
        return ContractFit(None, 0.0, f"{contracts.height:,} contracts by {through} are fewer than {minimum:,}")
    seen = contracts.group_by("renewal_count", "is_lost").len().sort("renewal_count", "is_lost")
    losses = int(contracts["is_lost"].sum())
    if not losses:
        return ContractFit(None, 0.0, f"no contract had ended by {through}")
    # Someone lost did not get the month after the last renewal, so was at risk once more.
    loss_rate = losses / (int(contracts["renewal_count"].sum()) + losses)
    from dagster_project.prediction.value.retention import RetentionFit, fit_retention

    def fit() -> dict[str, Any]:
        survived, weight = (seen[name].cast(pl.Float64).to_numpy() for name in ("renewal_count", "len"))
        return fit_retention(survived, seen["is_lost"].to_numpy(), weight).to_json()

    name = "sbg" if purpose == "fit" else f"sbg_{purpose}"
    return ContractFit(RetentionFit.from_json(fits.use(model=name, through=through, data=seen, fit=fit)), loss_rate, "")


def _sentence(verdict: str) -> str:
    """A verdict as the end of another sentence."""
    return verdict[:1].lower() + verdict[1:].rstrip(".")
