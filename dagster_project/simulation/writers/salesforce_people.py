"""What Salesforce says about companies and people: accounts with their history, contacts, leads."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation import names
from dagster_project.simulation.buying_centers import contact_entered
from dagster_project.simulation.draws import chance, stream, words
from dagster_project.simulation.exports import Layout, flag, utc_text, versions
from dagster_project.simulation.horizon import DAY, NEVER
from dagster_project.simulation.identifiers import (
    Staff,
    account_id,
    contact_id,
    debtor_number,
    lead_id,
    opportunity_id,
    padded,
)
from dagster_project.simulation.people import international_phone
from dagster_project.simulation.sales import account_openings
from dagster_project.simulation.world import World

STAMP = "%Y-%m-%dT%H:%M:%S.000+0000"
SEGMENT_LABELS = {"small_business": "Small Business", "mid_market": "Mid-Market", "enterprise": "Enterprise"}
LEAD_KINDS = ("Enquiry", "Basket", "Follower", "Event")


def business_accounts(world: World) -> pl.DataFrame:
    """Companies as the CRM knows them: since when, which number, until when (some are deleted later)."""
    random = stream(world.seed, "salesforce/accounts")
    frame = world.people.frame.filter(pl.col("is_business") & (pl.col("role") == 0))
    frame = frame.join(
        account_openings(world.people, world.sales.leads), on="person", how="left", maintain_order="left"
    ).join(world.customers.select("person", "first_at"), on="person", how="left", maintain_order="left")
    born = frame["opened_at"].to_numpy()
    size = frame.height
    removed = chance(random, world.company.account_deleted, size) & frame["first_at"].is_null().to_numpy()
    flagged = (
        chance(random, world.company.account_deleted / 2, size) & frame["first_at"].is_null().to_numpy() & ~removed
    )
    gone = np.maximum(born, world.horizon.first_second) + 200 * DAY + (random.random(size) * 300 * DAY).astype(np.int64)
    moved = chance(random, 0.12, size)
    return frame.with_columns(
        created_at=born,
        removed_at=np.where(removed, gone, NEVER),
        flagged_at=np.where(flagged, gone, NEVER),
        moved_at=np.where(
            moved, born + (frame["moved_share"].to_numpy() * 500 * DAY).astype(np.int64) + 30 * DAY, NEVER
        ),
        new_street=words(names.STREETS, random.integers(0, len(names.STREETS), size)) + " 7a",
        new_owner=random.integers(0, 1 << 30, size),
        numbered_at=pl.col("first_at") + DAY,
    )


def account_versions(accounts: pl.DataFrame) -> pl.DataFrame:
    """States of the CRM's accounts: created, customer number filled in, moved with a new owner, flagged as deleted."""
    fixed = ["person", "removed_at"]
    created = accounts.select(
        *fixed,
        "company",
        "trade",
        "industry",
        "employee_count",
        "segment_name",
        "city",
        "region",
        "country",
        "postal_code",
        "email",
        "created_at",
        "channel",
        "prefers_phone",
        "street",
        "owner",
        "link",
        phone=international_phone(),
        _at="created_at",
        number=pl.lit(None, pl.Int64),
        is_deleted=pl.lit(value=False),
    )
    numbered = accounts.filter(pl.col("first_at").is_not_null() & (pl.col("link") == 0)).select(
        *fixed, number="person", _at="numbered_at"
    )
    moved = accounts.filter(pl.col("moved_at") < NEVER).select(
        *fixed, street="new_street", owner="new_owner", _at="moved_at"
    )
    flagged = accounts.filter(pl.col("flagged_at") < NEVER).select(
        *fixed, is_deleted=pl.lit(value=True), _at="flagged_at"
    )
    return versions(created, numbered, moved, flagged, key="person", until="removed_at")


def account_layout(staff: Staff) -> Layout:
    """Columns of Account."""

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        name_only = pl.col("link") == 2
        return rows.sort("person").select(
            Id=account_id(),
            IsDeleted=flag(pl.col("is_deleted")),
            Name="company",
            Type=flag(pl.col("number").is_not_null(), true="Customer", false="Prospect"),
            BillingStreet="street",
            BillingCity="city",
            BillingState="region",
            BillingPostalCode="postal_code",
            BillingCountryCode="country",
            Phone=pl.when(~name_only).then("phone"),
            Email__c="email",
            Industry="industry",
            NumberOfEmployees="employee_count",
            Segment__c=pl.col("segment_name").replace_strict(SEGMENT_LABELS, default=None, return_dtype=pl.String),
            OwnerId=staff.seller(pl.col("owner")),
            AccountSource=pl.col("channel").replace_strict(
                range(6), ["Web", "Partner Referral", "Social", "Email", "Trade Show", "Direct"], return_dtype=pl.String
            ),
            PreferredChannel__c=flag(pl.col("prefers_phone"), true="Phone", false="Email"),
            ERP_Debitor__c=pl.when(pl.col("number").is_not_null()).then(debtor_number("number")),
            IsTest__c=pl.lit("false"),
            CreatedDate=utc_text("created_at", STAMP),
            SystemModstamp=utc_text("_at", STAMP),
        )

    return layout


def contact_versions(world: World, accounts: pl.DataFrame) -> pl.DataFrame:
    """States of a contact: entered with its account, sometimes promoted."""
    contacts = world.people.contacts.join(
        accounts.select("person", account_created="created_at"), on="person", how="inner", maintain_order="left"
    )
    base = contacts.with_columns(_at=contact_entered("account_created"), title="job_title")
    changed = base.filter((pl.col("changed_at") > pl.col("_at")) & (pl.col("changed_at") < NEVER)).with_columns(
        _at="changed_at", title=pl.concat_str(pl.lit("Senior "), "job_title")
    )
    return pl.concat([base, changed]).with_columns(created=pl.col("_at").min().over("contact"))


def contact_layout() -> Layout:
    """Columns of Contact."""

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            Id=contact_id(),
            IsDeleted=pl.lit("false"),
            AccountId=account_id(),
            LastName="last_name",
            FirstName="first_name",
            Salutation="salutation",
            Title="title",
            Department="department",
            Email="email",
            Phone=pl.when(pl.col("contact") % 3 == 0).then(padded("+49 1512 9", "contact", width=6)),
            BuyingRole__c=pl.col("buying_role").str.to_titlecase(),
            CreatedDate=utc_text("created", STAMP),
            SystemModstamp=utc_text("_at", STAMP),
        )

    return layout


def lead_versions(world: World) -> pl.DataFrame:
    """States of a lead: new, qualified, converted or given up."""
    leads = world.sales.leads
    qualified = leads.filter(pl.col("qualified_at") < NEVER)
    parts = [
        leads.with_columns(_at="created_at", state=pl.lit(0)),
        qualified.filter(pl.col("qualified_at") > pl.col("created_at")).with_columns(
            _at="qualified_at", state=pl.lit(1)
        ),
        leads.with_columns(
            _at=pl.col("ended_at") + 1, state=pl.when(pl.col("opportunity").is_null()).then(2).otherwise(3)
        ),
    ]
    return pl.concat(parts).with_columns(
        is_qualified=(pl.col("state") > 0) & (pl.col("qualified_at") < NEVER),
        status=pl.col("state").replace_strict(
            range(4),
            ["Open - Not Contacted", "Working - Contacted", "Closed - Not Converted", "Closed - Converted"],
            return_dtype=pl.String,
        ),
    )


def lead_layout(world: World, staff: Staff) -> Layout:
    """Columns of Lead."""
    people = world.people.frame.select(
        "person",
        "company",
        "postal_code",
        "country",
        "industry",
        "segment_name",
        "owner",
        phone=international_phone(),
    )
    main = world.people.contacts.filter(pl.col("place") == 0).select("person", "first_name", "last_name", "email")

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(people, on="person", how="left", maintain_order="left").join(
            main, on="person", how="left", maintain_order="left"
        )
        converted = pl.col("state") == 3
        return joined.select(
            Id=lead_id(),
            IsDeleted=pl.lit("false"),
            FirstName="first_name",
            LastName="last_name",
            Company="company",
            Email="email",
            Phone="phone",
            PostalCode="postal_code",
            CountryCode="country",
            LeadSource=flag(pl.col("from_web"), true="Web", false="Trade Show"),
            LeadKind__c=pl.col("kind").replace_strict(range(4), LEAD_KINDS, return_dtype=pl.String),
            Status="status",
            IsQualified__c=flag(pl.col("is_qualified")),
            Industry="industry",
            Segment__c=pl.col("segment_name").replace_strict(SEGMENT_LABELS, default=None, return_dtype=pl.String),
            OwnerId=staff.seller(pl.col("owner")),
            IsConverted=flag(converted),
            ConvertedDate=pl.when(converted).then(utc_text("converted_at", STAMP)),
            ConvertedAccountId=pl.when(converted).then(account_id()),
            ConvertedOpportunityId=pl.when(converted).then(opportunity_id()),
            CreatedDate=utc_text("created_at", STAMP),
            SystemModstamp=utc_text("_at", STAMP),
        )

    return layout
