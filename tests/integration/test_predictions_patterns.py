"""Clusters of the demo company follow the segments it was drawn from; look-alikes rank its leads, or are withheld."""

from __future__ import annotations

from datetime import date

import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from tests.conftest import Company

FITTED_THROUGH = date(2025, 12, 28)


def _scores(demo: Company, family: str) -> dict[str, tuple[float, float | None, bool | None]]:
    """Value, baseline and verdict of the night, by measure."""
    rows = demo.query(
        "select measure, value, baseline_value, is_better, watched_until_date from kpi.kpi_prediction_scorecard"
        f" where family = '{family}' and as_of_date = date '{demo.as_of}'"
    )
    assert {row[-1] for row in rows} == {FITTED_THROUGH}
    return {measure: (value, baseline, better) for measure, value, baseline, better, _ in rows}


@pytest.fixture(scope="module")
def clusters(demo: Company) -> list[tuple[str, bool, str]]:
    """Segment and kind that each customer was drawn from, and the cluster it was found to be in."""
    return demo.query(
        f"""
        with persons as (
            select records.customer_key, min(identities.person_id) as person_id
            from core.dim_customer_records as records
            inner join '{demo.truth}/identities.parquet' as identities using (source_system, account_id)
            group by records.customer_key
        )
        select truth.segment, truth.is_business, clusters.cluster_name
        from predictions.pred_customer_clusters as clusters
        inner join persons using (customer_key)
        inner join '{demo.truth}/customers.parquet' as truth using (person_id)
        order by clusters.customer_key
        """
    )


def test_clusters_follow_the_segments_that_customers_were_drawn_from(clusters: list[tuple[str, bool, str]]) -> None:
    """Behaviour overlaps between consumers and home offices; businesses stand apart. Chance would give 0."""
    segments, kinds, names = (list(column) for column in zip(*clusters, strict=True))
    assert len(clusters) > 1_500
    assert normalized_mutual_info_score(segments, names) > 0.25
    assert adjusted_rand_score(segments, names) > 0.1
    businesses = {name for kind, name in zip(kinds, names, strict=True) if kind}
    mostly = max(businesses, key=lambda name: sum(kind for kind, one in zip(kinds, names, strict=True) if one == name))
    alike = [kind == (name == mostly) for kind, name in zip(kinds, names, strict=True)]
    assert sum(alike) / len(alike) > 0.97


def test_clusters_hold_on_days_they_were_not_learned_on(demo: Company) -> None:
    scores = _scores(demo, "customer_clusters")
    value, baseline, is_better = scores["silhouette"]
    assert is_better
    assert baseline is not None
    assert value > 0.15 > baseline
    assert scores["stability_in_time"][0] > 0.7
    assert scores["stability_in_halves"][0] > 0.7


def test_clusters_are_known_by_short_names_of_their_own(demo: Company) -> None:
    rows = demo.query("select cluster_name, differences, method, customer_count from kpi.kpi_customer_clusters")
    assert 3 <= len(rows) == len({row[0] for row in rows}) <= 8
    assert max(len(row[0]) for row in rows) <= 60
    assert {row[2] for row in rows} == {"clusters"}
    assert sum(row[3] for row in rows) == demo.query("select count(*) from predictions.pred_customer_clusters")[0][0]


def test_open_leads_are_ranked_by_what_won_the_back_test(demo: Company) -> None:
    """Which leads of the demo company become customers is drawn at random, so that mostly nothing can be learned."""
    auc, baseline, is_better = _scores(demo, "lookalikes")["auc"]
    methods = demo.query("select distinct method from predictions.pred_lookalike_leads")
    assert methods == [("lookalikes" if is_better else "baseline",)]
    assert is_better == (auc > max(0.5, baseline or 0.0))
    assert 0.3 < auc < 0.7


def test_every_open_lead_has_a_place_and_fresh_ones_are_on_the_list(demo: Company) -> None:
    ((leads, ranked, converted),) = demo.query(
        """
        select count(*), max(rank_number), count(*) filter (where facts.is_converted or facts.is_deleted)
        from predictions.pred_lookalike_leads as leads
        inner join core.fct_leads as facts using (lead_key)
        """
    )
    assert leads == ranked > 100
    assert converted == 0
    ((listed, late, empty),) = demo.query(
        """
        select count(*), count(*) filter (where date_diff('day', created_date, date '2025-12-31') >= 180),
            count(*) filter (where reason = '')
        from segments.seg_new_targets
        """
    )
    assert 0 < listed < leads
    assert (late, empty) == (0, 0)


def test_the_limit_of_the_best_customers_is_the_one_of_the_classes(demo: Company) -> None:
    """The rule is written twice, for today and for any day: on the day of the run both must agree."""
    assert demo.query(
        "select least_margin_amount from predictions.pred_best_customer_limits where purpose = 'today'"
    ) == (demo.query("select min(margin_12m_amount) from kpi.kpi_abc_classes where abc_margin_class = 'A'"))
