"""Clusters of customers: learned once a week, assigned every night, named after what sets them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from dagster_project.prediction.cluster_names import CATEGORY, Portrait, differences_of, names_of
from dagster_project.prediction.clustering import (
    Clusters,
    Labels,
    Numbers,
    agreement,
    explained,
    find_clusters,
    halves_agree,
    move_clusters,
    nearest,
    scaled,
    silhouette,
    stayed,
    typicalness,
)
from dagster_project.prediction.family import Family, Inputs, Outcome, Score, Table

WEIGHTS: Mapping[str, float] = {
    "orders_per_year": 1.0,
    "basket_amount": 1.0,
    "margin_per_year_amount": 1.0,
    "recency_days": 1.0,
    "tenure_days": 0.5,
    "discount_rate": 0.5,
    "refund_rate": 0.5,
    "personal_rate": 1.0,
    "store_rate": 0.5,
    "tickets_per_year": 1.0,
    "response_rate": 0.5,
    "is_under_contract": 1.0,
    "is_business": 1.0,
}
"""How much a feature counts: by half where it is mostly chance (few returns, few mailings) or says who is new."""

LOGARITHMIC = frozenset({"orders_per_year", "basket_amount", "recency_days", "tenure_days", "tickets_per_year"})

MOST_CATEGORIES = 8
CATEGORY_MIN_SHARE = 0.05
"""Of the customers that must have bought from a category before it tells them apart."""

CUSTOMER_CLUSTERS = Table(
    name="customer_clusters",
    description="One row per customer: the cluster that behaves most like this customer today.",
    columns={"customer_key": "varchar", "cluster_number": "bigint", "typical_rate": "double"},
)
CUSTOMER_CLUSTER_NAMES = Table(
    name="customer_cluster_names",
    description="One row per cluster: its name, and what sets its customers apart from all others.",
    columns={
        "cluster_number": "bigint",
        "cluster_name": "varchar",
        "differences": "varchar",
        "method": "varchar",
    },
)

_RFM = ("recency_days", "orders_per_year", "margin_per_year_amount")
_RFM_NAMES = (("Not seen lately", "Bought lately"), ("seldom", "often"), ("little margin", "much margin"))


@dataclass(frozen=True)
class _Data:
    """Profiles from one day, sorted by customer, and their features."""

    through: date
    profiles: pl.DataFrame
    features: pl.DataFrame


@dataclass(frozen=True)
class _Fitted:
    """What was learned: clusters, their words, how well two halves agree, and the limits of the plain groups."""

    clusters: Clusters
    names: tuple[str, ...]
    differences: tuple[str, ...]
    halves: float
    medians: tuple[float, ...]


def predict(inputs: Inputs) -> Outcome:
    """Learn the clusters on the day of the fit, starting from those of the anchor, and assign today's customers.

    The anchor is a day before the back-test, the same for half a year: its clusters keep their names while they move.
    Published are the clusters if, learned at the anchor, they still part the customers of the fit better (silhouette)
    than the plain groups by recency, frequency and margin; else these.
    """
    enough = int(inputs.parameters["cluster_min_customers"])
    fit, today = _data(inputs, "fit"), _data(inputs, "today")
    if fit is None or today is None or fit.profiles.height < enough:
        count = 0 if fit is None else fit.profiles.height
        return _nothing(f"no customer clusters: {count} customers, and {enough} are needed")
    anchor = _data(inputs, "anchor")
    before = None
    if anchor is not None and anchor.profiles.height >= enough:
        before = _learned(inputs, model="anchor", data=anchor)
    start = None if anchor is None or before is None else (anchor, before)
    after = _learned(inputs, model="clusters", data=fit, start=start)
    if after is None:
        return _nothing(f"no customer clusters: the {fit.profiles.height} customers cannot be told apart")
    learned, tested = (fit, after) if start is None else start
    scores = _scores(tested, after, learned=learned, fit=fit)
    lost = scores[0].is_better is False
    tables = _groups(after, today) if lost else _clusters(after, today)
    warning = (
        f"the customer clusters part customers worse (silhouette {scores[0].value}) than recency, frequency and margin"
        f" do ({scores[0].baseline}): these groups are published"
    )
    detail = f"{tables[CUSTOMER_CLUSTER_NAMES.name].height} clusters of {today.profiles.height} customers"
    return Outcome(tables=tables, scores=tuple(scores), warnings=(warning,) if lost else (), detail=detail)


def _data(inputs: Inputs, purpose: str) -> _Data | None:
    profiles = inputs.frames["profiles"].filter(purpose=purpose).sort("customer_key")
    if profiles.is_empty():
        return None
    shares = inputs.frames["categories"].filter(purpose=purpose)
    return _Data(profiles["through_date"][0], profiles, _features(profiles, shares))


def _features(profiles: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """One column of doubles per feature; money and counts as logarithms, because twice as much is twice as much."""
    known = profiles.with_columns(
        pl.col("basket_amount", "margin_per_year_amount", "recency_days", "tenure_days", "is_under_contract").cast(
            pl.Float64
        ),
        is_business=(pl.col("customer_type") == "business").cast(pl.Float64),
    )
    margin = pl.col("margin_per_year_amount")
    plain = known.select(
        "customer_key",
        *[pl.col(name).clip(lower_bound=0).log1p() if name in LOGARITHMIC else pl.col(name) for name in WEIGHTS],
    ).with_columns((margin.sign() * margin.abs().log1p()).alias("margin_per_year_amount"))
    common = (
        shares.group_by("product_category")
        .len()
        .filter(pl.col("len") >= CATEGORY_MIN_SHARE * profiles.height)
        .sort("len", "product_category", descending=[True, False])
        .head(MOST_CATEGORIES)["product_category"]
        .sort()
        .to_list()
    )
    wide = [
        shares.filter(product_category=category).select(
            "customer_key", pl.col("category_rate").alias(f"{CATEGORY}{category}")
        )
        for category in common
    ]
    for column in wide:
        plain = plain.join(column, on="customer_key", how="left", maintain_order="left")
    known_only = pl.when(pl.all().is_finite()).then(pl.all()).name.keep()
    return plain.drop("customer_key").with_columns(pl.selectors.starts_with(CATEGORY).fill_null(0.0)).select(known_only)


def _learned(inputs: Inputs, *, model: str, data: _Data, start: tuple[_Data, _Fitted] | None = None) -> _Fitted | None:
    """The clusters of a day, kept or learned anew; None where customers cannot be told apart.

    What was learned before is a function of the data it was learned from: the two together are what a fit has seen.
    """
    seen = [
        pl.concat([one.profiles.select("customer_key", "purpose"), one.features], how="horizontal")
        for one in ((data,) if start is None else (start[0], data))
    ]
    before = None if start is None else start[1]
    kept = inputs.fits.use(
        model=model, through=data.through, data=pl.concat(seen, how="diagonal"), fit=lambda: _fit(data, before)
    )
    if not kept["names"]:
        return None
    return _Fitted(
        clusters=Clusters.from_json(kept),
        names=tuple(kept["names"]),
        differences=tuple(kept["differences"]),
        halves=kept["halves"],
        medians=tuple(kept["medians"]),
    )


def _fit(data: _Data, before: _Fitted | None) -> dict[str, Any]:
    weights = _weights(data.features)
    if before is None:
        clusters = find_clusters(data.features, weights)
    else:
        clusters = move_clusters(before.clusters, data.features)
    if clusters is None:
        return {"names": []}
    labels = nearest(scaled(data.features, clusters.scales), clusters.centroids)
    portraits = _portraits(data.features, labels, count=len(clusters.centroids))
    keep = before is not None and stayed(before.clusters, clusters)
    names = list(before.names) if before is not None and keep else names_of(portraits)
    return {
        **clusters.to_json(),
        "names": names,
        "differences": [differences_of(portrait) for portrait in portraits],
        "halves": halves_agree(data.features, clusters),
        "medians": [_median(data.features, name) for name in _RFM],
    }


def _weights(features: pl.DataFrame) -> dict[str, float]:
    """Categories share the weight of three features, however many there are."""
    categories = [name for name in features.columns if name.startswith(CATEGORY)]
    each = min(1.0, (3 / max(len(categories), 1)) ** 0.5)
    return {**WEIGHTS, **dict.fromkeys(categories, each)}


def _portraits(features: pl.DataFrame, labels: Labels, *, count: int) -> list[Portrait]:
    columns = {name: _numbers(features, name, _median(features, name)) for name in features.columns}
    overall = {name: float(values.mean()) for name, values in columns.items()}
    spread = {name: float(values.std()) for name, values in columns.items()}
    portraits = []
    for number in range(count):
        chosen = labels == number
        means = {n: float(v[chosen].mean()) if chosen.any() else overall[n] for n, v in columns.items()}
        differences = {n: round((means[n] - overall[n]) / spread[n], 6) for n in means if spread[n] > 0}
        portraits.append(Portrait(differences, means, overall))
    return portraits


def _numbers(features: pl.DataFrame, name: str, fill: float) -> Numbers:
    return features[name].fill_nan(None).fill_null(fill).to_numpy()


def _median(features: pl.DataFrame, name: str) -> float:
    median = features[name].fill_nan(None).median()
    return round(float(median), 9) if isinstance(median, float) else 0.0


def _rfm(features: pl.DataFrame, medians: tuple[float, ...]) -> Labels:
    """The plain groups: recency, frequency and margin, each above the median or not; 7 is the best of all."""
    recency, frequency, margin = (_numbers(features, name, median) for name, median in zip(_RFM, medians, strict=True))
    bits = (recency <= medians[0], frequency > medians[1], margin > medians[2])
    groups: Labels = (bits[0] * 4 + bits[1] * 2 + bits[2] * 1).astype(np.int64)
    return groups


def _scores(tested: _Fitted, after: _Fitted, *, learned: _Data, fit: _Data) -> list[Score]:
    """How the clusters learned at the anchor hold on the customers of the fit; in a young company, learned there."""
    points, labels, groups = _grouped(fit, tested)
    _, before, plain_before = _grouped(learned, tested)
    _, now, _ = _grouped(fit, after)
    money = learned.profiles["following_margin_amount"].cast(pl.Float64).fill_null(0).to_numpy()
    followed = np.log1p(np.maximum(money, 0))
    measured = [
        ("silhouette", silhouette(points, labels), silhouette(points, groups), len(labels)),
        ("explained_margin", explained(followed, before), explained(followed, plain_before), len(before)),
        ("stability_in_time", agreement(labels, now), None, len(labels)),
        ("stability_in_halves", after.halves, None, len(labels)),
    ]
    return [
        Score(
            *("clusters", "total", measure, value, baseline),
            is_better=None if value is None or baseline is None else value > baseline,
            learned_through=learned.through,
            watched_until=fit.through,
            case_count=count,
        )
        for measure, value, baseline, count in measured
    ]


def _grouped(data: _Data, fitted: _Fitted) -> tuple[Numbers, Labels, Labels]:
    """Points, their clusters and their plain groups."""
    points = scaled(data.features, fitted.clusters.scales)
    return points, nearest(points, fitted.clusters.centroids), _rfm(data.features, fitted.medians)


def _clusters(fitted: _Fitted, today: _Data) -> dict[str, pl.DataFrame]:
    points, labels, _ = _grouped(today, fitted)
    typical = np.round(typicalness(points, fitted.clusters.centroids), 6)
    return {
        CUSTOMER_CLUSTERS.name: _assigned(today, labels, typical),
        CUSTOMER_CLUSTER_NAMES.name: _named(fitted.names, fitted.differences, method="clusters"),
    }


def _groups(fitted: _Fitted, today: _Data) -> dict[str, pl.DataFrame]:
    labels = _rfm(today.features, fitted.medians)
    names = [
        ", ".join(pair[bool(number & bit)] for pair, bit in zip(_RFM_NAMES, (4, 2, 1), strict=True))
        for number in range(8)
    ]
    portraits = _portraits(today.features, labels, count=8)
    return {
        CUSTOMER_CLUSTERS.name: _assigned(today, labels, np.ones(len(labels))),
        CUSTOMER_CLUSTER_NAMES.name: _named(names, [differences_of(one) for one in portraits], method="baseline"),
    }


def _assigned(today: _Data, labels: Labels, typical: Numbers) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_key": today.profiles["customer_key"],
            "cluster_number": pl.Series(labels + 1, dtype=pl.Int64),
            "typical_rate": pl.Series(typical, dtype=pl.Float64),
        }
    )


def _named(
    names: tuple[str, ...] | list[str], differences: tuple[str, ...] | list[str], *, method: str
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "cluster_number": pl.Series(range(1, len(names) + 1), dtype=pl.Int64),
            "cluster_name": list(names),
            "differences": list(differences),
            "method": [method] * len(names),
        }
    )


def _nothing(note: str) -> Outcome:
    types = {"varchar": pl.String, "bigint": pl.Int64, "double": pl.Float64}
    empty = {
        table.name: pl.DataFrame(schema={name: types[kind] for name, kind in table.columns.items()})
        for table in (CUSTOMER_CLUSTERS, CUSTOMER_CLUSTER_NAMES)
    }
    return Outcome(tables=empty, notes=(note,), detail="no clusters")


FAMILY = Family(
    name="customer_clusters",
    description="Groups of customers who behave alike, with names that a marketer understands.",
    owner="data_science",
    reads={
        "profiles": "select * from predictions.pred_customer_profiles order by purpose, customer_key",
        "categories": (
            "select purpose, customer_key, product_category, category_rate from predictions.pred_customer_categories"
            " order by purpose, customer_key, product_category"
        ),
    },
    models=("predictions.pred_customer_profiles", "predictions.pred_customer_categories"),
    writes=(CUSTOMER_CLUSTERS, CUSTOMER_CLUSTER_NAMES),
    predict=predict,
)
