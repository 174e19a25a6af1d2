"""Salesforce's export layout: SFDC field names, every value quoted, ids of 18 characters, timestamps with +0000."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.exports import Export, Layout, Mode, csv
from dagster_project.simulation.identifiers import Staff
from dagster_project.simulation.world import World
from dagster_project.simulation.writers import salesforce_deals as deals
from dagster_project.simulation.writers import salesforce_people as people

SYSTEM = "salesforce"
QUOTED = csv(quote="always")


def salesforce_exports(world: World, staff: Staff) -> list[Export]:
    """All exports of the CRM."""
    accounts = people.business_accounts(world)
    calls_and_mails = deals.activities(world, accounts, (deals.CALL, deals.MAIL))
    visits_and_meetings = deals.activities(world, accounts, (deals.VISIT, deals.MEETING))
    return [
        _export("accounts", "Account_", "full", people.account_versions(accounts), people.account_layout(staff)),
        _export(
            "contacts",
            "Contact_",
            "delta",
            people.contact_versions(world, accounts),
            people.contact_layout(),
            key="contact",
        ),
        _export("leads", "Lead_", "delta", people.lead_versions(world), people.lead_layout(world, staff), key="lead"),
        _export(
            "opportunities",
            "Opportunity_",
            "delta",
            deals.opportunity_versions(world),
            deals.opportunity_layout(world, staff),
            key="opportunity",
        ),
        _export(
            "opportunity_history",
            "OpportunityHistory_",
            "append",
            deals.stage_changes(world),
            deals.history_layout(world, staff),
        ),
        _export("tasks", "Task_", "append", calls_and_mails, deals.task_layout(staff)),
        _export("events", "Event_", "append", visits_and_meetings, deals.event_layout(staff)),
    ]


def _export(name: str, stem: str, mode: Mode, rows: pl.DataFrame, layout: Layout, *, key: str = "") -> Export:
    return Export(SYSTEM, name, stem, ".csv", mode, rows, layout, QUOTED, key=(key,) if key else ())
