"""Customer value on the demo company: histories as in the raw files, predictions against what is true and what came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import open_landing

CHECKS = Path(__file__).parent / "kpi_sql_checks"


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables, with what was sold by person."""
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        connection.execute((CHECKS / "base_revenue.sql").read_text())
        yield connection


@pytest.mark.parametrize("purpose", ["today", "fit", "holdout"])
def test_histories_are_those_of_the_raw_files(demo: Company, raw: duckdb.DuckDBPyConnection, purpose: str) -> None:
    through, until = demo.query(
        f"select through_date, until_date from predictions.pred_cutoffs where purpose = '{purpose}'"
    )[0]
    expected = raw.execute(
        """
        with days as (select distinct person_id, order_date from sold_lines where person_id is not null)

        select
            count(*) filter (where order_date <= $through) - 1 as repeats,
            max(order_date) filter (where order_date <= $through) - min(order_date) as recency,
            $through::date - min(order_date) as age,
            count(*) filter (where order_date > $through and order_date <= $until) as later
        from days
        group by person_id
        having min(order_date) <= $through
        order by all
        """,
        {"through": through, "until": until},
    ).fetchall()
    histories = demo.query(
        "select repeat_purchase_days, recency_days, through_date - first_purchase_date, later_purchase_days"
        " from predictions.pred_purchase_histories inner join predictions.pred_cutoffs using (purpose)"
        f" where purpose = '{purpose}' order by all"
    )
    assert len(histories) > 1_000
    assert histories == expected


def test_the_chance_to_be_a_customer_still_agrees_with_who_truly_is(demo: Company) -> None:
    rows = demo.query(
        f"""
        with people as (
            select distinct lines.customer_key, orders.person_id
            from core.fct_order_lines as lines
            inner join '{demo.truth}/orders.parquet' as orders using (source_system, order_id)
            where lines.is_countable and lines.customer_key <> 'unknown'
        )

        select scores.probability_alive, persons.is_alive_at_end
        from fitted.customer_value_scores as scores
        inner join people using (customer_key)
        inner join '{demo.truth}/customers.parquet' as persons using (person_id)
        where scores.probability_alive is not null
        order by scores.customer_key
        """
    )
    chance, is_alive = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assert chance.size > 1_500
    alive, gone = chance[is_alive], chance[~is_alive]
    wins = (alive[:, None] > gone[None, :]).mean() + 0.5 * (alive[:, None] == gone[None, :]).mean()
    assert wins > 0.85
    # 3.29 standard errors of as many coins with these very chances.
    allowed = 3.29 * np.sqrt((chance * (1 - chance)).sum()) / chance.size
    assert chance.mean() == pytest.approx(is_alive.mean(), abs=allowed)
    for low in np.arange(0.0, 1.0, 0.2):
        inside = (chance >= low) & (chance <= low + 0.2)
        assert chance[inside].mean() == pytest.approx(is_alive[inside].mean(), abs=0.08)


def test_consumers_drop_out_and_buy_as_the_company_was_drawn(demo: Company) -> None:
    parameters = dict(
        demo.query(
            "select parameter, value from fitted.customer_value_parameters"
            " where purpose = 'fit' and member = 'consumer' and model = 'mbg_nbd'"
        )
    )
    # Drawn with drop-out 0.9 / (0.9 + 4.2) and 1.3 / 2.6 purchases a month; campaigns, club and deals add some.
    assert parameters["a"] / (parameters["a"] + parameters["b"]) == pytest.approx(0.9 / 5.1, abs=0.03)
    assert 0.5 <= parameters["r"] / parameters["alpha"] * 365.25 / 12 <= 0.7


def test_the_models_beat_the_average_and_are_published(demo: Company) -> None:
    rows = demo.query(
        "select member, mean_absolute_error_amount < baseline_mean_absolute_error_amount,"
        " top_decile_capture_rate > baseline_top_decile_capture_rate, published_method from kpi.kpi_clv_scorecard"
    )
    assert {row[0] for row in rows} == {"total", "consumer", "other_segments"}
    assert all(row[1] and row[2] for row in rows)
    assert {row[3] for row in rows} == {None, "mbg_nbd"}


def test_purchases_and_values_expected_before_the_holdout_came(demo: Company) -> None:
    purchases, predicted, actual, covered = demo.query(
        "select sum(expected_purchases) / sum(actual_purchases), sum(predicted_amount), sum(actual_amount),"
        " count(*) filter (where actual_amount between lower_amount and upper_amount) / count(*)"
        " from fitted.customer_value_holdout"
    )[0]
    assert purchases == pytest.approx(1.0, abs=0.12)
    assert float(predicted) == pytest.approx(float(actual), rel=0.15)
    assert covered > 0.8  # of those who are expected to bring nothing, more than 80 % lie within


def test_every_customer_of_the_baseline_has_one_value_and_says_how_it_was_made(demo: Company) -> None:
    counts = demo.query(
        """
        select
            count(*),
            count(baseline.customer_key),
            count(*) filter (where lower_clv_amount > customers.predicted_clv_amount),
            count(*) filter (where upper_clv_amount < lower_clv_amount)
        from predictions.pred_customer_values as customers
        full outer join predictions.pred_customer_value_baseline as baseline using (customer_key)
        """
    )[0]
    assert counts[2:] == (0, 0)
    assert counts[0] == counts[1] > 1_500
    methods = dict(demo.query("select prediction_method, count(*) from predictions.pred_customer_values group by 1"))
    assert set(methods) <= {"mbg_nbd", "mbg_nbd_and_contract", "contract", "baseline"}
    assert methods["mbg_nbd"] > 1_500


def test_deciles_of_the_holdout_rise_with_what_was_predicted(demo: Company) -> None:
    rows = demo.query(
        "select decile, mean_predicted_amount, mean_actual_amount, customer_count"
        " from kpi.kpi_clv_calibration order by decile"
    )
    assert [row[0] for row in rows][-1] == 10
    actual = [float(row[2]) for row in rows]
    assert np.corrcoef(np.argsort(np.argsort(actual)), np.arange(len(actual)))[0, 1] > 0.9
    assert sum(row[3] for row in rows) == demo.query("select count(*) from fitted.customer_value_holdout")[0][0]
