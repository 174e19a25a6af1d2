"""The family churn risk: who will be lost, and how good that is; formulas are in `churn_models`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from dagster_project.prediction import churn_features, churn_models
from dagster_project.prediction.family import Family, Inputs, Outcome, Score, Table

TYPES = ("buyer", "contract")
TODAY, BACKTEST = 0, 1
LEARN, LEARN_BEFORE = (1, 2, 3), (4, 5, 6)
"""Snapshots to learn from for today, and those whose outcome was over on the day the back-test looks from."""

SCORES = Table(
    name="churn_risk_scores",
    description="One row per customer not lost today: chance to be lost, by model and by rule, with drivers.",
    columns={
        "customer_key": "varchar",
        "customer_type": "varchar",
        "model_probability": "double",
        "rule_probability": "double",
        "driver_1": "varchar",
        "driver_2": "varchar",
        "driver_3": "varchar",
    },
)
VERDICTS = Table(
    name="churn_risk_verdicts",
    description="One row per customer type: grade of its model against the rule, and whether it is published.",
    columns={
        "customer_type": "varchar",
        "grade": "varchar",
        "is_published": "boolean",
        "reason": "varchar",
        "case_count": "bigint",
        "loss_count": "bigint",
    },
)
CALIBRATION = Table(
    name="churn_risk_calibration",
    description="One row per customer type and tenth of the risk in the back-test: expected and observed losses.",
    columns={
        "customer_type": "varchar",
        "decile": "bigint",
        "case_count": "bigint",
        "expected_rate": "double",
        "observed_rate": "double",
    },
)


@dataclass(frozen=True)
class Verdict:
    """What became of one customer type's model."""

    grade: str | None
    reason: str
    scores: tuple[Score, ...] = ()
    calibration: pl.DataFrame | None = None

    @property
    def is_published(self) -> bool:
        """Better than the rule in more than one of three measures."""
        return self.grade in ("A", "B")


@dataclass(frozen=True)
class Learned:
    """What was learned from some snapshots; no model where there was too little to learn from."""

    rule: list[float | None]
    model: dict[str, Any] | None
    shortage: str = ""


def predict(inputs: Inputs) -> Outcome:
    """Fit, judge and apply a model for each customer type."""
    cases = inputs.frames["cases"]
    scores, verdict_rows, tenths = [], [], []
    verdicts: dict[str, Verdict] = {}
    for customer_type in TYPES:
        own = cases.filter(pl.col("customer_type") == customer_type)
        learned = _learn(inputs, own, snapshots=LEARN, member=customer_type, model="classifier")
        verdict = _judge(inputs, own, learned=learned, member=customer_type)
        verdicts[customer_type] = verdict
        today = own.filter(pl.col("snapshot_number") == TODAY)
        scores.append(_score(inputs, today, learned=learned))
        past = own.filter(pl.col("snapshot_number").is_in(LEARN))
        losses = int(past["is_lost"].sum())
        verdict_rows.append((customer_type, verdict.grade, verdict.is_published, verdict.reason, past.height, losses))
        if verdict.calibration is not None:
            tenths.append(verdict.calibration.select(pl.lit(customer_type).alias("customer_type"), pl.all()))
    published = [name for name, verdict in verdicts.items() if verdict.is_published]
    return Outcome(
        tables={
            SCORES.name: pl.concat(scores).sort("customer_key"),
            VERDICTS.name: _frame(VERDICTS, verdict_rows),
            CALIBRATION.name: pl.concat([_frame(CALIBRATION, []), *tenths]),
        },
        scores=tuple(score for verdict in verdicts.values() for score in verdict.scores),
        warnings=tuple(
            f"churn risk of customer type {name}: {verdict.reason}"
            for name, verdict in verdicts.items()
            if verdict.grade == "C"
        ),
        notes=tuple(
            f"churn risk of customer type {name}: {verdict.reason}"
            for name, verdict in verdicts.items()
            if verdict.grade is None
        ),
        detail=f"{sum(frame.height for frame in scores)} customers, model for {' and '.join(published) or 'none'}",
    )


def _learn(inputs: Inputs, cases: pl.DataFrame, *, snapshots: tuple[int, ...], member: str, model: str) -> Learned:
    seen = cases.filter(pl.col("snapshot_number").is_in(snapshots) & pl.col("is_lost").is_not_null())
    is_lost = seen["is_lost"].to_numpy().astype(bool)
    rule = churn_models.fit_rule(_cells(inputs, seen), is_lost=is_lost)
    shortage = _shortage(inputs, seen)
    if shortage:
        return Learned(rule=rule, model=None, shortage=shortage)
    is_later = (seen["snapshot_number"] == snapshots[0]).to_numpy()
    parameters = inputs.fits.use(
        model=model,
        member=member,
        through=seen["outcome_date"].max(),  # type: ignore[arg-type]
        data=seen,
        fit=lambda: churn_models.fit_classifier(churn_features.design(seen), is_lost=is_lost, is_later=is_later),
    )
    return Learned(rule=rule, model=parameters)


def _shortage(inputs: Inputs, seen: pl.DataFrame) -> str:
    """Why nothing can be learned from these cases; empty where it can."""
    losses = int(seen["is_lost"].sum())
    kept = seen.height - losses
    minimum, least = int(inputs.parameters["churn_min_customers"]), int(inputs.parameters["churn_min_losses"])
    early = seen.filter(pl.col("snapshot_number") > pl.col("snapshot_number").min())
    if seen.height < minimum:
        return f"{seen.height} customers in past snapshots, fewer than {minimum}: the rule is published"
    if losses < least:
        return f"{losses} losses in past snapshots, fewer than {least}: the rule is published"
    if kept < least:
        return f"{kept} customers stayed in past snapshots, fewer than {least}: the rule is published"
    if early["is_lost"].n_unique() < 2:
        return "the earlier snapshots know one outcome only: the rule is published"
    return ""


def _judge(inputs: Inputs, cases: pl.DataFrame, *, learned: Learned, member: str) -> Verdict:
    """Learn as it could have been done one horizon ago, and hold that against what came since."""
    if learned.model is None:
        return Verdict(grade=None, reason=learned.shortage)
    past = _learn(inputs, cases, snapshots=LEARN_BEFORE, member=member, model="classifier_backtest")
    if past.model is None:
        return Verdict(grade=None, reason=f"no back-test: {past.shortage}")
    watched = cases.filter((pl.col("snapshot_number") == BACKTEST) & pl.col("is_lost").is_not_null())
    is_lost = watched["is_lost"].to_numpy().astype(bool)
    if not is_lost.any() or is_lost.all():
        return Verdict(
            grade=None, reason=f"{int(is_lost.sum())} of {len(is_lost)} lost in the back-test, nothing to tell apart"
        )
    chance = churn_models.probabilities(past.model, churn_features.design(watched))
    rule = np.asarray(past.rule, dtype=np.float64)[_cells(inputs, watched)]
    mine = churn_models.measure(chance, is_lost=is_lost)
    theirs = churn_models.measure(rule, is_lost=is_lost)
    through, until = watched["snapshot_date"][0], watched["outcome_date"][0]
    scores = tuple(
        Score(
            model="classifier",
            member=member,
            measure=name,
            value=value,
            baseline=baseline,
            is_better=value < baseline if name == "brier" else value > baseline,
            learned_through=through,
            watched_until=until,
            case_count=len(is_lost),
        )
        for name, value, baseline in (
            ("auc", round(mine.auc, 9), round(theirs.auc, 9)),
            ("brier", round(mine.brier, 9), round(theirs.brier, 9)),
            ("lift_at_10_percent", round(mine.lift, 9), round(theirs.lift, 9)),
        )
    )
    wins = sum(bool(score.is_better) for score in scores)
    grade = {3: "A", 2: "B"}.get(wins, "C")
    verb = "is withheld, it beats" if grade == "C" else "beats"
    reason = (
        f"the model {verb} the inactivity rule in {wins} of 3 measures"
        f" (AUC {mine.auc:.3f} against {theirs.auc:.3f}, Brier {mine.brier:.3f} against {theirs.brier:.3f})"
    )
    return Verdict(grade, reason, scores, churn_models.calibration(chance, is_lost=is_lost))


def _score(inputs: Inputs, today: pl.DataFrame, *, learned: Learned) -> pl.DataFrame:
    """Both probabilities and the drivers of customers of one type."""
    currency = str(inputs.parameters["reporting_currency"])
    rates = np.asarray([np.nan if rate is None else rate for rate in learned.rule])
    base = today.select("customer_key", "customer_type")
    rule = pl.Series("rule_probability", rates[_cells(inputs, today)]).fill_nan(None)
    if learned.model is None:
        drivers = pl.DataFrame([churn_features.rule_drivers(today, currency=currency)]).with_columns(
            pl.lit(None, pl.String).alias("driver_2"), pl.lit(None, pl.String).alias("driver_3")
        )
        model = pl.Series("model_probability", [None] * today.height, dtype=pl.Float64)
    else:
        design = churn_features.design(today)
        model = pl.Series("model_probability", churn_models.probabilities(learned.model, design))
        added = churn_models.contributions(learned.model, design)
        drivers = churn_features.top_drivers(today, contributions=added, currency=currency)
    return base.with_columns(model, rule).hstack(drivers).select(*SCORES.columns)


def _cells(inputs: Inputs, cases: pl.DataFrame) -> Any:
    return churn_models.rule_cells(
        cases,
        overdue_factor=float(inputs.parameters["churn_risk_overdue_factor"]),
        min_orders=int(inputs.parameters["churn_risk_min_orders"]),
    )


def _frame(table: Table, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    types = {"varchar": pl.String, "double": pl.Float64, "bigint": pl.Int64, "boolean": pl.Boolean}
    return pl.DataFrame(rows, schema={name: types[kind] for name, kind in table.columns.items()}, orient="row")


FAMILY = Family(
    name="churn_risk",
    description="Who will be lost within the horizon, why, and how far the answer can be trusted.",
    owner="customer_success",
    reads={
        # Keys are hashes, so that the first hundred thousand are a fair and lasting sample to learn from.
        "cases": """
            select features.*, cases.is_lost, snapshots.outcome_date
            from predictions.pred_churn_features as features
            inner join predictions.pred_churn_cases as cases on features.churn_case_key = cases.churn_case_key
            inner join predictions.pred_churn_snapshots as snapshots
                on features.snapshot_number = snapshots.snapshot_number
            qualify
                features.snapshot_number = 0
                or row_number() over (
                    partition by features.snapshot_number, features.customer_type order by features.customer_key
                ) <= 100000
            order by features.snapshot_number, features.customer_key
        """
    },
    models=("predictions.pred_churn_features", "predictions.pred_churn_cases", "predictions.pred_churn_snapshots"),
    writes=(SCORES, VERDICTS, CALIBRATION),
    predict=predict,
)
