"""Salesforce's export layout: SFDC field names, every value quoted, ids of 18 characters, timestamps with +0000."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation import names
from dagster_project.simulation.draws import chance, stream, words
from dagster_project.simulation.exports import Export, Layout, csv, day_text, flag, money, utc_text, versions
from dagster_project.simulation.horizon import DAY, NEVER, office_hours
from dagster_project.simulation.identifiers import Staff, account_id, contact_id, debtor_number, lead_id, opportunity_id, padded
from dagster_project.simulation.people import international_phone
from dagster_project.simulation.sales import STAGE_NAMES
from dagster_project.simulation.world import World

STAMP = "%Y-%m-%dT%H:%M:%S.000+0000"
SYSTEM = "salesforce"
QUOTED = csv(quote="always")
SEGMENT_LABELS = {"small_business": "Small Business", "mid_market": "Mid-Market", "enterprise": "Enterprise"}
LEAD_SOURCES = ("Web", "Trade Show", "Partner Referral", "Phone Inquiry")
LEAD_KINDS = ("Enquiry", "Basket", "Follower", "Event")
CALL, MAIL, VISIT, MEETING = range(4)


def salesforce_exports(world: World, staff: Staff) -> list[Export]:
    """All exports of the CRM."""
    accounts = business_accounts(world)
    return [
        _export("accounts", "Account_", "full", account_versions(world, accounts), _account_layout(staff)),
        _export("contacts", "Contact_", "delta", _contact_versions(world, accounts), _contact_layout(), key="contact"),
        _export("leads", "Lead_", "delta", _lead_versions(world), _lead_layout(world, staff), key="lead"),
        _export("opportunities", "Opportunity_", "delta", _opportunity_versions(world), _opportunity_layout(world, staff), key="opportunity"),
        _export("opportunity_history", "OpportunityHistory_", "append", _history(world), _history_layout(world, staff)),
        _export("tasks", "Task_", "append", _activities(world, accounts, (CALL, MAIL)), _task_layout(staff)),
        _export("events", "Event_", "append", _activities(world, accounts, (VISIT, MEETING)), _event_layout(staff)),
    ]


def _export(name: str, stem: str, mode: str, rows: pl.DataFrame, layout: Layout, *, key: str = "") -> Export:
    keys = (key,) if key else ()
    return Export(SYSTEM, name, stem, ".csv", mode, rows, layout, QUOTED, key=keys)  # type: ignore[arg-type]


def business_accounts(world: World) -> pl.DataFrame:
    """Companies as the CRM knows them: since when, which number, until when (some are deleted later)."""
    random = stream(world.seed, "salesforce/accounts")
    frame = world.people.frame.filter(pl.col("is_business") & (pl.col("role") == 0))
    frame = frame.join(
        world.sales.leads.filter(pl.col("opportunity").is_not_null()).select("person", "converted_at"),
        on="person", how="left", maintain_order="left",
    ).join(world.customers.select("person", "first_at"), on="person", how="left", maintain_order="left")  # fmt: skip
    born = frame.select(pl.coalesce("converted_at", "born_at")).to_series().to_numpy()
    size = frame.height
    removed = chance(random, world.company.account_deleted, size) & frame["first_at"].is_null().to_numpy()
    flagged = chance(random, world.company.account_deleted / 2, size) & frame["first_at"].is_null().to_numpy() & ~removed
    gone = np.maximum(born, world.horizon.first_second) + 200 * DAY + (random.random(size) * 300 * DAY).astype(np.int64)
    moved = chance(random, 0.12, size)
    return frame.with_columns(
        created_at=office_hours(born),
        removed_at=np.where(removed, gone, NEVER),
        flagged_at=np.where(flagged, gone, NEVER),
        moved_at=np.where(moved, born + (frame["moved_share"].to_numpy() * 500 * DAY).astype(np.int64) + 30 * DAY, NEVER),
        new_street=words(names.STREETS, random.integers(0, len(names.STREETS), size)) + " 7a",
        new_owner=random.integers(0, 1 << 30, size),
        numbered_at=pl.col("first_at") + DAY,
    )


def account_versions(world: World, accounts: pl.DataFrame) -> pl.DataFrame:
    """States of the CRM's accounts: created, customer number filled in, moved with a new owner, flagged as deleted."""
    fixed = ["person", "removed_at"]
    created = accounts.select(
        *fixed, "company", "trade", "industry", "employee_count", "segment_name", "city", "region", "country", "postal_code", "email",
        "created_at", "channel", "prefers_phone", "street", "owner", "link", phone=international_phone(accounts), _at="created_at",
        number=pl.lit(None, pl.Int64), is_deleted=pl.lit(False),
    )  # fmt: skip
    numbered = accounts.filter(pl.col("first_at").is_not_null() & (pl.col("link") == 0)).select(
        *fixed, number="person", _at="numbered_at"
    )
    moved = accounts.filter(pl.col("moved_at") < NEVER).select(*fixed, street="new_street", owner="new_owner", _at="moved_at")
    flagged = accounts.filter(pl.col("flagged_at") < NEVER).select(*fixed, is_deleted=pl.lit(True), _at="flagged_at")
    return versions(created, numbered, moved, flagged, key="person", until="removed_at")


def _account_layout(staff: Staff) -> Layout:
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


def _contact_versions(world: World, accounts: pl.DataFrame) -> pl.DataFrame:
    contacts = world.people.contacts.join(
        accounts.select("person", account_created="created_at"), on="person", how="inner", maintain_order="left"
    )
    base = contacts.with_columns(_at=pl.col("account_created") + 60 + pl.col("place") * 86_000, title="job_title")
    changed = base.filter((pl.col("changed_at") > pl.col("_at")) & (pl.col("changed_at") < NEVER)).with_columns(
        _at="changed_at", title=pl.concat_str(pl.lit("Senior "), "job_title")
    )
    return pl.concat([base, changed]).with_columns(created=pl.col("_at").min().over("contact"))


def _contact_layout() -> Layout:
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


def _lead_versions(world: World) -> pl.DataFrame:
    leads = world.sales.leads
    qualified = leads.filter(pl.col("qualified_at") < NEVER)
    parts = [
        leads.with_columns(_at="created_at", state=pl.lit(0)),
        qualified.filter(pl.col("qualified_at") > pl.col("created_at")).with_columns(_at="qualified_at", state=pl.lit(1)),
        leads.with_columns(_at=pl.col("ended_at") + 1, state=pl.when(pl.col("opportunity").is_null()).then(2).otherwise(3)),
    ]
    return pl.concat(parts).with_columns(
        is_qualified=(pl.col("state") > 0) & (pl.col("qualified_at") < NEVER),
        status=pl.col("state").replace_strict(
            range(4), ["Open - Not Contacted", "Working - Contacted", "Closed - Not Converted", "Closed - Converted"], return_dtype=pl.String
        ),
    )


def _lead_layout(world: World, staff: Staff) -> Layout:
    people = world.people.frame.select(
        "person", "company", "postal_code", "country", "industry", "segment_name", "owner", phone=international_phone(world.people.frame)
    )
    main = world.people.contacts.filter(pl.col("place") == 0).select("person", "first_name", "last_name", "email")

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(people, on="person", how="left", maintain_order="left").join(main, on="person", how="left", maintain_order="left")
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


def _opportunity_versions(world: World) -> pl.DataFrame:
    """One state per stage entered, one for a deletion, one for a merge."""
    history = world.sales.history.select("opportunity", "person", "segment", "stage", "created_at", "close_shift", "expected_days", "amount",
        "amount_known_from", "amount_never", _at="changed_at")  # fmt: skip
    history = history.with_columns(is_deleted=pl.lit(False), survivor=pl.lit(None, pl.Int64))
    doomed = world.sales.opportunities.filter(pl.col("deleted_after") < NEVER).select(
        "opportunity", deleted_at=pl.col("created_at") + pl.col("deleted_after")
    )
    before = history.join(doomed, on="opportunity", how="left", maintain_order="left")
    before = before.filter(pl.col("deleted_at").is_null() | (pl.col("_at") <= pl.col("deleted_at")))
    last = before.filter(pl.col("deleted_at").is_not_null()).sort("opportunity", "_at").unique("opportunity", keep="last", maintain_order=True)
    deleted = last.with_columns(_at="deleted_at", is_deleted=pl.lit(True))
    twins = world.twins.with_columns(
        stage=pl.lit(0, pl.Int64), close_shift=pl.lit(0, pl.Int64), amount_known_from=pl.lit(0, pl.Int64), amount_never=pl.lit(False),
        is_deleted=pl.lit(False),
    )  # fmt: skip
    columns = history.columns
    entered = twins.with_columns(_at="created_at", survivor=pl.lit(None, pl.Int64)).select(columns)
    merged = twins.with_columns(_at="merged_at").select(columns)
    return pl.concat([before.select(columns), deleted.select(columns), entered, merged])


def _close_day() -> pl.Expr:
    """Day of closing; while open the expected day, moved on when it has passed."""
    expected = pl.max_horizontal(pl.col("created_at") + pl.col("expected_days") * DAY, pl.col("_at") + 10 * DAY)
    return (pl.when(pl.col("stage") >= 4).then(pl.col("_at") - pl.col("close_shift")).otherwise(expected) // DAY).alias("close_day")


def _amount() -> pl.Expr:
    known = (pl.col("stage") >= pl.col("amount_known_from")) & ~pl.col("amount_never")
    return pl.when(known).then(money("amount"))


def _opportunity_layout(world: World, staff: Staff) -> Layout:
    people = world.people.frame.select("person", "company", "owner", "channel")
    products = [world.company.products[place].product_id for place in world.company.product_indices("machine_office")]

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(people, on="person", how="left", maintain_order="left").with_columns(_close_day())
        size = pl.when(pl.col("amount") < 500_000).then(0).when(pl.col("amount") < 1_500_000).then(1).otherwise(2)
        closed, won = pl.col("stage") >= 4, pl.col("stage") == 4
        return joined.select(
            Id=opportunity_id(),
            IsDeleted=flag(pl.col("is_deleted")),
            AccountId=account_id(),
            Name=pl.concat_str("company", pl.lit(" - Kaffeeversorgung")),
            StageName=pl.col("stage").replace_strict(range(6), STAGE_NAMES, return_dtype=pl.String),
            Amount=_amount(),
            Probability=pl.col("stage").replace_strict(range(6), ["10", "30", "55", "80", "100", "0"], return_dtype=pl.String),
            CloseDate=day_text("close_day"),
            LeadSource=(pl.col("opportunity") % 4).replace_strict(range(4), LEAD_SOURCES, return_dtype=pl.String),
            Product_SKU__c=size.replace_strict(range(3), products, return_dtype=pl.String),
            IsClosed=flag(closed),
            IsWon=flag(won),
            OwnerId=staff.seller(pl.col("owner")),
            MergedInto__c=pl.when(pl.col("survivor").is_not_null()).then(opportunity_id("survivor")),
            CreatedDate=utc_text("created_at", STAMP),
            SystemModstamp=utc_text("_at", STAMP),
        )

    return layout


def _history(world: World) -> pl.DataFrame:
    """Stage changes; what was deleted has none after its deletion. A twin has entered its first stage, too."""
    doomed = world.sales.opportunities.filter(pl.col("deleted_after") < NEVER).select(
        "opportunity", deleted_at=pl.col("created_at") + pl.col("deleted_after")
    )
    columns = ["opportunity", "person", "stage", "created_at", "close_shift", "expected_days", "amount", "amount_known_from", "amount_never", "_at"]
    own = world.sales.history.with_columns(_at="changed_at").join(doomed, on="opportunity", how="left", maintain_order="left")
    own = own.filter(pl.col("deleted_at").is_null() | (pl.col("_at") <= pl.col("deleted_at"))).select(columns)
    twins = world.twins.with_columns(
        stage=pl.lit(0, pl.Int64), close_shift=pl.lit(0, pl.Int64), amount_known_from=pl.lit(0, pl.Int64), amount_never=pl.lit(False),
        _at="created_at",
    ).select(columns)  # fmt: skip
    return pl.concat([own, twins]).sort("_at", "opportunity", maintain_order=True).with_columns(
        change=pl.int_range(pl.len(), dtype=pl.Int64)
    )


def _history_layout(world: World, staff: Staff) -> Layout:
    people = world.people.frame.select("person", "owner")

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(people, on="person", how="left", maintain_order="left").with_columns(_close_day())
        return joined.select(
            Id=padded("0085J0", "change", width=9, suffix="AAA"),
            OpportunityId=opportunity_id(),
            CreatedById=staff.seller(pl.col("owner")),
            CreatedDate=utc_text("_at", STAMP),
            StageName=pl.col("stage").replace_strict(range(6), STAGE_NAMES, return_dtype=pl.String),
            Amount=_amount(),
            CloseDate=day_text("close_day"),
            IsDeleted=pl.lit("false"),
        )

    return layout


def _activities(world: World, accounts: pl.DataFrame, kinds: tuple[int, ...]) -> pl.DataFrame:
    """Activities of the given kinds; before a lead is converted there is no account to name."""
    rows = world.sales.activities.filter(pl.col("kind").is_in(kinds))
    rows = rows.join(accounts.select("person", "created_at", "owner"), on="person", how="left", maintain_order="left")
    return rows.with_columns(
        _at="occurred_at", has_account=(pl.col("created_at") <= pl.col("occurred_at")).fill_null(value=False), owner=pl.col("owner").fill_null(pl.col("person"))
    )


def _who_and_what() -> dict[str, pl.Expr]:
    return {
        "WhoId": pl.when(pl.col("lead").is_not_null()).then(lead_id()),
        "WhatId": pl.when(pl.col("opportunity").is_not_null()).then(opportunity_id()),
        "AccountId": pl.when(pl.col("has_account")).then(account_id()),
    }


def _task_layout(staff: Staff) -> Layout:
    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        call = pl.col("kind") == CALL
        return rows.select(
            Id=padded("00T5J0", "activity", width=9, suffix="AAA"),
            IsDeleted=pl.lit("false"),
            **_who_and_what(),
            OwnerId=staff.seller(pl.col("owner")),
            TaskSubtype=flag(call, true="Call", false="Email"),
            Subject=flag(call, true="Telefonat", false="E-Mail: Ihr Angebot"),
            CallType=pl.when(call).then(flag(pl.col("inbound"), true="Inbound", false="Outbound")),
            CallDurationInSeconds=pl.when(call).then((pl.col("minutes") * 60).cast(pl.String)),
            CallDisposition=pl.col("outcome").replace_strict(range(3), ["erreicht", "nicht erreicht", "Rückruf"], return_dtype=pl.String),
            CompletedDateTime=utc_text("_at", STAMP),
            Status=pl.lit("Completed"),
        )

    return layout


def _event_layout(staff: Staff) -> Layout:
    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            Id=padded("00U5J0", "activity", width=9, suffix="AAA"),
            IsDeleted=pl.lit("false"),
            **_who_and_what(),
            OwnerId=staff.seller(pl.col("owner")),
            EventSubtype=pl.lit("Event"),
            Type=flag(pl.col("kind") == VISIT, true="Visit", false="Meeting"),
            Subject=flag(pl.col("kind") == VISIT, true="Besuch vor Ort", false="Besprechung"),
            StartDateTime=utc_text("_at", STAMP),
            DurationInMinutes=pl.col("minutes").cast(pl.String),
            Result__c=pl.lit("stattgefunden"),
        )

    return layout
