"""One module per system of the demo company: how it lays out its export files. What happened is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.simulation.exports import Export
from dagster_project.simulation.identifiers import Staff
from dagster_project.simulation.world import World
from dagster_project.simulation.writers.loyalty import loyalty_exports
from dagster_project.simulation.writers.mailchimp import mailchimp_exports
from dagster_project.simulation.writers.navision import navision_exports
from dagster_project.simulation.writers.salesforce import salesforce_exports
from dagster_project.simulation.writers.shopify import shopify_exports
from dagster_project.simulation.writers.social import social_exports
from dagster_project.simulation.writers.store import store_exports
from dagster_project.simulation.writers.survey import survey_exports
from dagster_project.simulation.writers.web import web_exports
from dagster_project.simulation.writers.zendesk import zendesk_exports


def all_exports(world: World) -> Iterator[Export]:
    """Every kind of export of every system; what all branches share comes from the first."""
    for export in _exports(world):
        if world.branch.is_first or not export.is_weekly:
            yield export


def _exports(world: World) -> Iterator[Export]:
    staff = Staff(world.company, customers=world.branch.company_customers)
    yield from salesforce_exports(world, staff)
    yield from shopify_exports(world)
    yield from zendesk_exports(world, staff)
    yield from mailchimp_exports(world)
    yield from navision_exports(world, staff)
    yield from survey_exports(world)
    yield from web_exports(world)
    yield from loyalty_exports(world)
    yield from store_exports(world, staff)
    yield from social_exports(world)
