"""Churn risk on the demo company: better than the inactivity rule on unseen days and against who had truly gone."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.conftest import Company


@pytest.fixture(scope="module")
def gone(demo: Company) -> list[tuple[bool, float, float, bool]]:
    """Buyers not lost yet: whether they had truly dropped out, published risk, the rule's risk, and its plain flag."""
    return demo.query(
        f"""
        with persons as (
            select records.customer_key, min(identities.person_id) as person_id
            from core.dim_customer_records as records
            inner join '{demo.truth}/identities.parquet' as identities using (source_system, account_id)
            group by records.customer_key
            having count(distinct identities.person_id) = 1
        )
        select
            not truth.is_alive_at_end,
            risks.churn_probability,
            scores.rule_probability,
            features.purchase_day_count >= parameters.churn_risk_min_orders
            and coalesce(features.overdue_ratio >= parameters.churn_risk_overdue_factor, false)
        from predictions.pred_churn_risks as risks
        cross join core.dim_parameters as parameters
        inner join fitted.churn_risk_scores as scores using (customer_key)
        inner join persons using (customer_key)
        inner join '{demo.truth}/customers.parquet' as truth using (person_id)
        inner join predictions.pred_churn_features as features
            on risks.customer_key = features.customer_key and features.snapshot_number = 0
        where risks.customer_type = 'buyer'
        order by risks.customer_key
        """
    )


def test_the_published_risk_tells_who_has_gone_better_than_the_inactivity_rule(
    gone: list[tuple[bool, float, float, bool]],
) -> None:
    is_gone, published, rule, flag = (np.array(column, dtype=float) for column in zip(*gone, strict=True))
    assert len(gone) > 700
    mine = roc_auc_score(is_gone, published)
    assert mine > 0.7
    assert mine > roc_auc_score(is_gone, rule)
    assert mine > roc_auc_score(is_gone, flag) + 0.1


def test_the_scorecard_says_that_the_model_of_buyers_wins_on_days_it_has_not_seen(demo: Company) -> None:
    rows = demo.query(
        "select measure, model_value, rule_value, is_better, grade, learned_through_date, watched_until_date"
        " from kpi.kpi_churn_risk_scorecard where customer_type = 'buyer' order by measure"
    )
    assert [row[0] for row in rows] == ["auc", "brier", "lift_at_10_percent"]
    assert all(better and grade == "A" for _, _, _, better, grade, _, _ in rows)
    assert rows[0][1] > 0.75
    assert {row[5:] for row in rows} == {(date(2025, 7, 1), date(2025, 12, 28))}


def test_of_those_said_to_leave_about_as_many_left(demo: Company) -> None:
    rows = demo.query(
        "select case_count, expected_rate, observed_rate from kpi.kpi_churn_risk_calibration"
        " where customer_type = 'buyer' order by decile"
    )
    counts, expected, observed = (np.array(column) for column in zip(*rows, strict=True))
    assert len(rows) == 10
    # Half a tenth's sampling error of 3.29 standard errors, and a drift of seven points between the seasons.
    bounds = 0.07 + 3.29 * np.sqrt(expected * (1 - expected) / counts)
    assert (np.abs(observed - expected) < bounds).all()
    assert abs(np.average(observed - expected, weights=counts)) < 0.07


def test_no_customer_already_lost_has_a_risk_and_everybody_else_has_one(demo: Company) -> None:
    (counts,) = demo.query(
        """
        with active as (
            select customer_key from kpi.kpi_purchase_stretches where lost_date is null
            union
            select stretches.customer_key from kpi.kpi_contract_stretches as stretches where stretches.lost_date is null
        )
        select
            count(*) filter (where risks.customer_key is null),
            count(*) filter (where active.customer_key is null),
            count(*) filter (where risks.churn_probability is null or risks.driver_1 is null)
        from active
        full outer join predictions.pred_churn_risks as risks using (customer_key)
        """
    )
    assert counts == (0, 0, 0)


def test_contracts_too_few_to_learn_from_are_judged_by_the_rule(demo: Company) -> None:
    rows = demo.query("select is_published, reason from fitted.churn_risk_verdicts where customer_type = 'contract'")
    assert [is_published for is_published, _ in rows] == [False]
    assert "fewer than 500" in rows[0][1]
    methods = demo.query(
        "select distinct prediction_method from predictions.pred_churn_risks where customer_type = 'contract'"
    )
    assert methods == [("rule",)]
