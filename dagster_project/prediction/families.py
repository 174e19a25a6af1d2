"""The list of all families of predictions; each is declared in the module of its name."""

from __future__ import annotations

from dagster_project.prediction.family import Family


def families() -> tuple[Family, ...]:
    """All families, in the order in which the night runs them."""
    from dagster_project.prediction import customer_clusters, lookalikes, win_probability

    return (
        customer_clusters.FAMILY,
        lookalikes.FAMILY,
        win_probability.FAMILY,
    )
