"""The demo company whose customers do more than those of Bohnenwerk; what is true otherwise stays."""

from __future__ import annotations

from dataclasses import replace

from dagster_project.simulation.company import Company, Segment


def busier(company: Company, activity: float) -> Company:
    """A company whose customers buy, visit and ask `activity` times as often.

    What lies in a basket, deals, contracts and prices do not change, nor, about, how long customers stay. What follows
    purchases (questions, returns, visits before an order) grows with them; newsletters reach everybody at most.

    Args:
        company: Parameters.
        activity: Factor of at least 1, which is the company itself.
    """
    if activity == 1:
        return company
    return replace(
        company,
        activity=company.activity * activity,
        segments=tuple(_buying(segment, activity) for segment in company.segments),
        service=replace(company.service, business_per_month=company.service.business_per_month * activity),
        sales=replace(company.sales, care_per_month=company.sales.care_per_month * activity),
        marketing=replace(company.marketing, newsletter_reach=min(1.0, company.marketing.newsletter_reach * activity)),
        loyalty=replace(company.loyalty, extra_orders_per_month=company.loyalty.extra_orders_per_month * activity),
        web=replace(company.web, strangers_per_customer=company.web.strangers_per_customer * activity),
        store=replace(company.store, card_visits_per_month=company.store.card_visits_per_month * activity),
        social=replace(company.social, reactions_per_month=company.social.reactions_per_month * activity),
    )


def _buying(segment: Segment, activity: float) -> Segment:
    """Purchases come `activity` times as often, and each ends it all as much more rarely."""
    trials = (segment.dropout_a + segment.dropout_b) * activity
    return replace(
        segment,
        purchase_scale_months=segment.purchase_scale_months / activity,
        dropout_b=trials - segment.dropout_a,
    )
