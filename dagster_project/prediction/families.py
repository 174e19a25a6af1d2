"""The list of all families of predictions; each is declared in the module of its name."""

from __future__ import annotations

from dagster_project.prediction.family import Family


def families() -> tuple[Family, ...]:
    """All families, in the order in which the night runs them."""
    from dagster_project.prediction import (
        churn_risk,
        customer_clusters,
        customer_value,
        lookalikes,
        next_best_offer,
        revenue_forecast,
        trend_breaks,
        win_probability,
    )

    return (
        churn_risk.FAMILY,
        customer_clusters.FAMILY,
        customer_value.FAMILY,
        lookalikes.FAMILY,
        next_best_offer.FAMILY,
        revenue_forecast.FAMILY,
        trend_breaks.FAMILY,
        win_probability.FAMILY,
    )
