"""Finds groups of customers who behave alike in a table of features, and measures how firm they are; no words here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Labels = NDArray[np.int64]

FEWEST, MOST = 3, 8
"""Clusters that a marketer can tell apart."""

FIT_ROWS = 10_000
"""Customers that centroids are fitted on at most; all others are assigned to them."""

SILHOUETTE_ROWS = 2_000
"""Customers on whom silhouettes are measured: their cost grows with the square of the number."""

NEARLY_BEST = 0.95
"""More clusters are preferred as long as their silhouette is this share of the best one."""

_REACH = 3.0
"""Standard deviations beyond which a feature counts no more: outliers would become clusters of their own."""

_IQR_PER_SIGMA = 1.349
_DIGITS = 9


@dataclass(frozen=True)
class Scale:
    """How one feature enters the distances: (value - centre) / spread * weight; `fill` stands for what is unknown."""

    name: str
    fill: float
    centre: float
    spread: float
    weight: float


@dataclass(frozen=True)
class Clusters:
    """Centroids in scaled features, the largest cluster first."""

    scales: tuple[Scale, ...]
    centroids: Numbers

    def to_json(self) -> dict[str, Any]:
        """What JSON can say; `from_json` reads it back without loss."""
        return {"scales": [asdict(scale) for scale in self.scales], "centroids": self.centroids.tolist()}

    @staticmethod
    def from_json(parameters: Mapping[str, Any]) -> Clusters:
        """Read what `to_json` wrote."""
        scales = tuple(Scale(**scale) for scale in parameters["scales"])
        return Clusters(scales, np.array(parameters["centroids"], dtype=np.float64))


def scales_of(features: pl.DataFrame, weights: Mapping[str, float]) -> tuple[Scale, ...]:
    """Robust scale of each feature: median and quartiles, standard deviation where the quartiles coincide.

    Args:
        features: One column per feature, doubles; unknown values are null or NaN.
        weights: By feature.

    Returns:
        Scales of the features that are not constant, in the order of the columns.
    """
    scales = (_scale_of(name, features[name], weight=weights[name]) for name in features.columns)
    return tuple(scale for scale in scales if scale is not None)


def _scale_of(name: str, column: pl.Series, *, weight: float) -> Scale | None:
    known = column.fill_nan(None).drop_nulls().to_numpy()
    if known.size == 0 or np.ptp(known) == 0:
        return None
    low, centre, high = np.percentile(known, [25, 50, 75])
    spread = (high - low) / _IQR_PER_SIGMA or float(known.std())
    return Scale(
        name, fill=_rounded(centre), centre=_rounded(centre), spread=max(_rounded(spread), 10**-_DIGITS), weight=weight
    )


def scaled(features: pl.DataFrame, scales: Sequence[Scale]) -> Numbers:
    """The points in which distances are measured: one row per customer, one column per scale."""
    columns = [
        np.clip((_filled(features, scale) - scale.centre) / scale.spread, -_REACH, _REACH) * scale.weight
        for scale in scales
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((features.height, 0))


def _filled(features: pl.DataFrame, scale: Scale) -> Numbers:
    if scale.name not in features.columns:
        return np.full(features.height, scale.fill)
    return features[scale.name].fill_nan(None).fill_null(scale.fill).to_numpy()


def find_clusters(features: pl.DataFrame, weights: Mapping[str, float]) -> Clusters | None:
    """Fit k-means with the number of clusters that the silhouette asks for (Rousseeuw 1987).

    Args:
        features: One row per customer in a fixed order, one column per feature.
        weights: By feature.

    Returns:
        None where customers cannot be told apart: all are alike, or fewer than clusters.
    """
    scales = scales_of(features, weights)
    points = _sample(features, scales)
    different = len(np.unique(points, axis=0)) if scales else 0
    if different <= FEWEST:
        return None
    fits = {k: _centroids(points, k) for k in range(FEWEST, min(MOST, different - 1) + 1)}
    scores = {k: silhouette(points, nearest(points, centroids)) or -1.0 for k, centroids in fits.items()}
    limit = max(scores.values()) - (1 - NEARLY_BEST) * abs(max(scores.values()))
    best = max(k for k, score in scores.items() if score >= limit)
    return Clusters(scales, _largest_first(points, fits[best]))


def move_clusters(clusters: Clusters, features: pl.DataFrame) -> Clusters:
    """Let known clusters follow their customers: k-means that starts from their centroids, in their scales.

    Returns:
        The moved clusters, each at the place of the one it comes from: those that lie nearest all in all (Kuhn 1955).
    """
    from scipy.optimize import linear_sum_assignment

    points = _sample(features, clusters.scales)
    moved = _centroids(points, len(clusters.centroids), start=clusters.centroids)
    _, successor = linear_sum_assignment(_squares(clusters.centroids, moved))
    return Clusters(clusters.scales, moved[successor])


def stayed(before: Clusters, after: Clusters) -> bool:
    """Whether each moved cluster still lies nearest to the one it comes from."""
    return bool((nearest(after.centroids, before.centroids) == np.arange(len(before.centroids))).all())


def halves_agree(features: pl.DataFrame, clusters: Clusters) -> float:
    """Agreement of the groupings of all customers by what each half of them would have taught."""
    points = _sample(features, clusters.scales)
    count = len(clusters.centroids)
    if min(len(np.unique(half, axis=0)) for half in (points[::2], points[1::2])) < count:
        return 0.0
    first, second = (nearest(points, _centroids(half, count)) for half in (points[::2], points[1::2]))
    return agreement(first, second)


def agreement(first: Labels, second: Labels) -> float:
    """Adjusted Rand index (Hubert and Arabie 1985): 1 is the same grouping, 0 what chance gives."""
    from sklearn.metrics import adjusted_rand_score

    return _rounded(adjusted_rand_score(first, second))


def nearest(points: Numbers, centroids: Numbers) -> Labels:
    """Number of the nearest centroid by point, from 0; the first of equally near ones."""
    labels: Labels = _squares(points, centroids).argmin(axis=1)
    return labels


def typicalness(points: Numbers, centroids: Numbers) -> Numbers:
    """How clearly each point belongs to its cluster: 1 - nearest / second nearest distance, 0 on the border."""
    distances = np.sqrt(np.partition(_squares(points, centroids), 1, axis=1)[:, :2])
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(1 - distances[:, 0] / distances[:, 1], nan=0.0)


def silhouette(points: Numbers, labels: Labels) -> float | None:
    """Mean silhouette of at most `SILHOUETTE_ROWS` points; None where all or none are together."""
    from sklearn.metrics import silhouette_score

    rows = _some(len(points), SILHOUETTE_ROWS)
    some, marks = points[rows], labels[rows]
    groups = len(np.unique(marks))
    return _rounded(silhouette_score(some, marks)) if 2 <= groups < len(marks) else None


def explained(values: Numbers, labels: Labels) -> float | None:
    """Share of the variance of `values` that the groups explain (eta squared); None where nothing varies."""
    total = float(((values - values.mean()) ** 2).sum()) if values.size else 0.0
    if total == 0:
        return None
    sizes = np.bincount(labels)
    means = np.bincount(labels, weights=values) / np.maximum(sizes, 1)
    return _rounded(float((sizes * (means - values.mean()) ** 2).sum()) / total)


def _sample(features: pl.DataFrame, scales: Sequence[Scale]) -> Numbers:
    return scaled(features[_some(features.height, FIT_ROWS)], scales)


def _squares(points: Numbers, centroids: Numbers) -> Numbers:
    crossed = points @ centroids.T
    squares: Numbers = (points**2).sum(axis=1)[:, None] - 2 * crossed + (centroids**2).sum(axis=1)[None, :]
    return np.maximum(squares, 0)


def _centroids(points: Numbers, count: int, *, start: Numbers | None = None) -> Numbers:
    from sklearn.cluster import KMeans

    if start is None:
        model = KMeans(count, n_init=4, random_state=0)
    else:
        model = KMeans(count, init=start, n_init=1, random_state=0)
    centroids: Numbers = np.round(model.fit(points).cluster_centers_, _DIGITS)
    return centroids


def _largest_first(points: Numbers, centroids: Numbers) -> Numbers:
    sizes = np.bincount(nearest(points, centroids), minlength=len(centroids))
    order = sorted(range(len(centroids)), key=lambda number: (-sizes[number], *centroids[number]))
    return centroids[order]


def _some(count: int, most: int) -> Labels:
    """Numbers of at most so many rows, spread evenly; keys are hashes, so that this is a fair sample."""
    kept = min(count, most)
    return np.arange(kept) * count // max(kept, 1)


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)
