"""Open leads that resemble the leads which became the best customers: learned, back-tested and put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagster_project.prediction.family import Family, Inputs, Outcome, Score, Table

Numbers = NDArray[np.float64]

CHOICES = ("customer_segment", "lead_kind", "lead_source", "product_category")
COUNTS = ("web_visit_count", "store_visit_count")
FLAGS = ("has_campaign",)

FOLDS = 4
"""Half years that the back-test goes back; leads of each are rated by what was known when it began."""

FEWEST_PER_CHOICE = 10
"""Leads that must have a value before it is a feature."""

STRENGTH = 0.3
"""Inverse strength of the regularisation (C): few leads become best customers, so that odds are held near the mean."""

_CHANCE = 0.5
"""Area under the curve of a ranking that knows nothing."""

_MOST_REASONS = 3
_DIGITS = 9
_DAYS_PER_MONTH = 365 / 12

LOOKALIKE_LEADS = Table(
    name="lookalike_leads",
    description="One row per open lead: its chance to become one of the best customers, and what it shares with them.",
    columns={
        "lead_key": "varchar",
        "best_customer_rate": "double",
        "usual_rate": "double",
        "reason": "varchar",
        "method": "varchar",
    },
)


@dataclass(frozen=True)
class Odds:
    """A fitted logistic regression, or the rates by source: what it takes to rate a lead."""

    usual_rate: float
    source_rates: Mapping[str, float]
    intercept: float = 0.0
    coefficients: Mapping[str, float] | None = None
    means: Mapping[str, float] | None = None
    spreads: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Rated:
    """Leads of one half year: what became of them, and how they were rated before by the model and by their source."""

    outcomes: Numbers
    model: Numbers
    source: Numbers
    learned_through: date


def predict(inputs: Inputs) -> Outcome:
    """Learn from the leads whose time is over on the day of the fit, and rate the open ones.

    The model is published if, over the last four half years, it ranked leads better (AUC) than the rate of their source
    did, and than chance, each half year rated by what was known when it began; else, or with too few best customers,
    that rate is.
    """
    leads = inputs.frames["leads"].sort("lead_key")
    through = inputs.cutoffs["fit"].through
    known = leads.filter(pl.col("is_best_customer").is_not_null(), pl.col("outcome_date") <= through)
    opened = leads.filter("is_open")
    best, enough = int(known["is_best_customer"].sum()), int(inputs.parameters["lookalike_min_customers"])
    if best < enough or best == known.height:
        note = f"no look-alikes: {best} of {known.height} leads became best customers, and {enough} are needed"
        return _outcome(opened, _rates(known), method="baseline", notes=(note,))
    kept = inputs.fits.use(
        model="best_customers",
        through=through,
        data=known,
        fit=lambda: _fit(known, through=through, months=int(inputs.parameters["prediction_holdout_months"])),
    )
    odds = Odds(**kept["odds"])
    scores = [_score(entry, through=through) for entry in kept["scores"]]
    ranked = scores[0]
    if ranked.is_better:
        return _outcome(opened, odds, method="lookalikes", scores=scores)
    if ranked.value is None:
        note = "no look-alikes: none of the leads that the back-test could rate became a best customer, or all did"
        return _outcome(opened, odds, method="baseline", scores=scores, notes=(note,))
    warning = (
        f"the look-alikes rank leads no better (AUC {ranked.value:.3f}) than the rate of their source"
        f" ({ranked.baseline:.3f}) or chance: the rate of the source is published"
    )
    return _outcome(opened, odds, method="baseline", scores=scores, warnings=(warning,))


def learn(known: pl.DataFrame) -> Odds:
    """Fit the chance to become one of the best customers: logistic regression with an L2 penalty.

    Args:
        known: Leads with features and `is_best_customer`, sorted by key; both outcomes must occur.

    Returns:
        Coefficients of features in standard deviations from their mean; constant features have none.
    """
    from sklearn.linear_model import LogisticRegression

    columns = {name: values for name, values in _columns(known).items() if np.ptp(values) > 0}
    means = {name: _rounded(values.mean()) for name, values in columns.items()}
    spreads = {name: max(_rounded(values.std()), 10**-_DIGITS) for name, values in columns.items()}
    rates = _rates(known)
    if not columns:
        return rates
    points = np.stack([(columns[name] - means[name]) / spreads[name] for name in columns], axis=1)
    model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(points, _outcomes(known).astype(int))
    return Odds(
        usual_rate=rates.usual_rate,
        source_rates=rates.source_rates,
        intercept=_rounded(model.intercept_[0]),
        coefficients={name: _rounded(value) for name, value in zip(columns, model.coef_[0], strict=True)},
        means=means,
        spreads=spreads,
    )


def chances(leads: pl.DataFrame, odds: Odds) -> Numbers:
    """Chance of each lead by the model; the usual rate where nothing was learned."""
    if not odds.coefficients:
        return np.full(leads.height, odds.usual_rate)
    pulls = _pulls(leads, odds)
    logits = odds.intercept + np.sum([pulls[name] for name in pulls], axis=0)
    rates: Numbers = np.round(1 / (1 + np.exp(-logits)), _DIGITS)
    return rates


def back_test(known: pl.DataFrame, *, through: date, months: int) -> list[Rated]:
    """Rate the leads of the last half years, each half year by what was known when it began.

    Args:
        known: Leads whose outcome is known, sorted by key.
        through: Day of the fit.
        months: Length of each part.

    Returns:
        The parts that have leads to rate and both outcomes to learn from, the latest first.
    """
    length = timedelta(days=round(months * _DAYS_PER_MONTH))
    ends = [through - _maturity(known) - number * length for number in range(FOLDS)]
    parts = (_rate_part(known, begin=end - length, end=end) for end in ends)
    return [part for part in parts if part is not None]


def area_under_curve(parts: Sequence[tuple[Numbers, Numbers]]) -> float | None:
    """Chance that, of two leads of the same part, the one with the outcome has the higher score; equal ones count half.

    Args:
        parts: Scores and outcomes (0 or 1) of each part.

    Returns:
        None where no part has both outcomes.
    """
    from scipy.stats import rankdata

    won, pairs = 0.0, 0.0
    for scores, outcomes in parts:
        hits = float(outcomes.sum())
        won += float((rankdata(scores) * outcomes).sum()) - hits * (hits + 1) / 2
        pairs += hits * (outcomes.size - hits)
    return _rounded(won / pairs) if pairs else None


def lift_at(share: float, parts: Sequence[tuple[Numbers, Numbers]]) -> float | None:
    """How many times as many outcomes the best-rated share of each part holds; equal scores share the places left."""
    found = sum(_hits_at(share, scores, outcomes) for scores, outcomes in parts)
    hits = float(sum(outcomes.sum() for _, outcomes in parts))
    return _rounded(found / hits / share) if hits else None


def _hits_at(share: float, scores: Numbers, outcomes: Numbers) -> float:
    _, places = np.unique(-scores, return_inverse=True)
    sizes, hits = np.bincount(places), np.bincount(places, weights=outcomes)
    taken = np.clip(share * outcomes.size - (np.cumsum(sizes) - sizes), 0, sizes)
    return float((hits * taken / sizes).sum())


def reasons_of(leads: pl.DataFrame, odds: Odds) -> list[str]:
    """What each lead has in common with the best customers: up to three features that speak for it, in words."""
    pulls = _pulls(leads, odds)
    words = {name: _words(leads, name) for name in pulls}
    return [
        _reason([(float(pulls[name][row]), words[name][row]) for name in pulls if words[name][row]])
        for row in range(leads.height)
    ]


def _fit(known: pl.DataFrame, *, through: date, months: int) -> dict[str, Any]:
    parts = back_test(known, through=through, months=months)
    odds = learn(known)
    return {
        "odds": {
            "usual_rate": odds.usual_rate,
            "source_rates": dict(odds.source_rates),
            "intercept": odds.intercept,
            "coefficients": odds.coefficients,
            "means": odds.means,
            "spreads": odds.spreads,
        },
        "scores": _measured(parts, through=through),
    }


def _rate_part(known: pl.DataFrame, *, begin: date, end: date) -> Rated | None:
    """Rate leads created after `begin`, up to `end`, by leads whose outcome was known on `begin`."""
    past = known.filter(pl.col("outcome_date") <= begin)
    part = known.filter(pl.col("created_date") > begin, pl.col("created_date") <= end)
    best = int(past["is_best_customer"].sum())
    if part.is_empty() or not 0 < best < past.height:
        return None
    odds = learn(past)
    return Rated(_outcomes(part), chances(part, odds), _source_rates(part, odds), learned_through=begin)


def _measured(parts: Sequence[Rated], *, through: date) -> list[dict[str, Any]]:
    """Each measure of the model and of the baseline; the first decides, and there chance is a baseline, too."""
    sides = [[(part.model, part.outcomes) for part in parts], [(part.source, part.outcomes) for part in parts]]
    aucs = [area_under_curve(side) for side in sides]
    lifts = [lift_at(0.1, side) for side in sides]
    briers = [_brier(side) for side in sides]
    better = (
        None if aucs[0] is None or aucs[1] is None else aucs[0] > max(aucs[1], _CHANCE),
        None if lifts[0] is None or lifts[1] is None else lifts[0] > lifts[1],
        None if briers[0] is None or briers[1] is None else briers[0] < briers[1],
    )
    names = ("auc", "lift_at_10_percent", "brier")
    return [
        {
            "measure": name,
            "value": value,
            "baseline": baseline,
            "is_better": is_better,
            "learned_through": max((part.learned_through for part in parts), default=through).isoformat(),
            "case_count": sum(part.outcomes.size for part in parts),
        }
        for name, (value, baseline), is_better in zip(names, (aucs, lifts, briers), better, strict=True)
    ]


def _brier(side: Sequence[tuple[Numbers, Numbers]]) -> float | None:
    if not side:
        return None
    scores, outcomes = (np.concatenate(columns) for columns in zip(*side, strict=True))
    return _rounded(((scores - outcomes) ** 2).mean())


def _score(entry: Mapping[str, Any], *, through: date) -> Score:
    return Score(
        model="lookalikes",
        member="total",
        measure=entry["measure"],
        value=entry["value"],
        baseline=entry["baseline"],
        is_better=entry["is_better"],
        learned_through=date.fromisoformat(entry["learned_through"]),
        watched_until=through,
        case_count=entry["case_count"],
    )


def _outcome(
    opened: pl.DataFrame,
    odds: Odds,
    *,
    method: str,
    scores: Sequence[Score] = (),
    warnings: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Outcome:
    is_model = method == "lookalikes"
    rates = chances(opened, odds) if is_model else _source_rates(opened, odds)
    reasons = reasons_of(opened, odds) if is_model else _source_reasons(opened, rates)
    table = pl.DataFrame(
        {
            "lead_key": opened["lead_key"],
            "best_customer_rate": pl.Series(rates, dtype=pl.Float64),
            "usual_rate": pl.Series([odds.usual_rate] * opened.height, dtype=pl.Float64),
            "reason": pl.Series(reasons, dtype=pl.String),
            "method": pl.Series([method] * opened.height, dtype=pl.String),
        }
    )
    return Outcome(
        tables={LOOKALIKE_LEADS.name: table},
        scores=tuple(scores),
        warnings=warnings,
        notes=notes,
        detail=f"{opened.height} open leads by {method}",
    )


def _rates(known: pl.DataFrame) -> Odds:
    """How many leads became best customers, in all and by source."""
    if known.is_empty():
        return Odds(usual_rate=0.0, source_rates={})
    by_source = known.group_by("lead_source").agg(pl.col("is_best_customer").mean()).sort("lead_source")
    return Odds(
        usual_rate=_rounded(_outcomes(known).mean()),
        source_rates={source: _rounded(rate) for source, rate in by_source.rows()},
    )


def _source_rates(leads: pl.DataFrame, odds: Odds) -> Numbers:
    sources = leads["lead_source"].fill_null("unknown")
    rates = sources.replace_strict(dict(odds.source_rates), default=odds.usual_rate, return_dtype=pl.Float64)
    return rates.to_numpy()


def _columns(leads: pl.DataFrame) -> dict[str, Numbers]:
    """Features of the leads: counts as logarithms, flags, and one column per value that enough leads have."""
    columns = {name: leads[name].cast(pl.Float64).fill_null(0.0).log1p().to_numpy() for name in COUNTS}
    columns |= {name: leads[name].cast(pl.Float64).fill_null(0.0).to_numpy() for name in FLAGS}
    for choice in CHOICES:
        frequent = leads.group_by(choice).len().filter(pl.col("len") >= FEWEST_PER_CHOICE)[choice].drop_nulls().sort()
        columns |= {f"{choice}:{value}": _is(leads, choice, value) for value in frequent.to_list()}
    return columns


def _is(leads: pl.DataFrame, choice: str, value: str) -> Numbers:
    return (leads[choice] == value).fill_null(value=False).cast(pl.Float64).to_numpy()


def _pulls(leads: pl.DataFrame, odds: Odds) -> dict[str, Numbers]:
    """How much each feature adds to the logarithm of the odds of each lead, beside the mean of all leads."""
    coefficients, means, spreads = odds.coefficients or {}, odds.means or {}, odds.spreads or {}
    pulls = {}
    for name, coefficient in coefficients.items():
        choice, _, value = name.partition(":")
        if value or choice in CHOICES:
            column = _is(leads, choice, value)
        else:
            column = leads[name].cast(pl.Float64).fill_null(0.0).to_numpy()
            column = np.log1p(column) if name in COUNTS else column
        pulls[name] = coefficient * (column - means[name]) / spreads[name]
    return pulls


def _words(leads: pl.DataFrame, name: str) -> list[str]:
    """What a feature is called for each lead; empty where the lead has nothing to say about it."""
    choice, _, value = name.partition(":")
    if choice in CHOICES:
        word = "" if value == "unknown" else _choice_word(choice, value)
        return [word if has else "" for has in _is(leads, choice, value) > 0]
    if name in FLAGS:
        return ["came by a campaign" if has else "" for has in leads[name].fill_null(value=False).to_list()]
    place = "on the site" if name == "web_visit_count" else "in a store"
    return [_visit_word(count, place) for count in leads[name].fill_null(0).to_list()]


def _choice_word(choice: str, value: str) -> str:
    kinds = {"enquiry": "asked for something", "basket": "filled a basket", "follower": "follows us", "event": "met us"}
    plain = value.replace("_", " ")
    match choice:
        case "lead_kind":
            return kinds.get(value, plain)
        case "lead_source":
            return f"found us through {plain}"
        case "product_category":
            return f"looked at {value}"
        case _:
            return plain


def _visit_word(count: int, place: str) -> str:
    times = {0: "", 1: "once", 2: "twice"}.get(count, f"{count} times")
    return f"{times} {place} before" if times else ""


def _reason(pulls: list[tuple[float, str]]) -> str:
    for_it = sorted((-pull, word) for pull, word in pulls if pull > 0)
    words = [word for _, word in for_it[:_MOST_REASONS]]
    return f"Like our best customers: {', '.join(words)}" if words else "Little in common with our best customers"


def _source_reasons(leads: pl.DataFrame, rates: Numbers) -> list[str]:
    sources = leads["lead_source"].fill_null("unknown").str.replace_all("_", " ", literal=True).to_list()
    return [
        f"{round(rate * 100)} % of the leads through {source} became best customers"
        for source, rate in zip(sources, rates, strict=True)
    ]


def _outcomes(leads: pl.DataFrame) -> Numbers:
    return leads["is_best_customer"].cast(pl.Float64).to_numpy()


def _maturity(known: pl.DataFrame) -> timedelta:
    """Days until the outcome of a lead is known: the same for all."""
    waited = (known["outcome_date"] - known["created_date"]).max()
    return waited if isinstance(waited, timedelta) else timedelta(0)


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)


FAMILY = Family(
    name="lookalikes",
    description="Open leads that resemble the leads which became the best customers.",
    owner="marketing_management",
    reads={"leads": "select * from predictions.pred_lead_profiles order by lead_key"},
    models=("predictions.pred_lead_profiles",),
    writes=(LOOKALIKE_LEADS,),
    predict=predict,
)
