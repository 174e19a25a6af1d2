"""What Salesforce says about deals: opportunities, the history of their stages, tasks and events."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.exports import Layout, day_text, flag, money, utc_text
from dagster_project.simulation.horizon import DAY, NEVER
from dagster_project.simulation.identifiers import Staff, account_id, contact_id, lead_id, opportunity_id, padded
from dagster_project.simulation.sales import STAGE_NAMES
from dagster_project.simulation.world import World
from dagster_project.simulation.writers.salesforce_people import STAMP

LEAD_SOURCES = ("Web", "Trade Show", "Partner Referral", "Phone Inquiry")
CALL, MAIL, VISIT, MEETING = range(4)


def opportunity_versions(world: World) -> pl.DataFrame:
    """One state per stage entered, one for a deletion, one for a merge."""
    history = world.sales.history.select(
        "opportunity",
        "person",
        "segment",
        "stage",
        "created_at",
        "close_shift",
        "expected_days",
        "amount",
        "amount_known_from",
        "amount_never",
        _at="changed_at",
    )
    history = history.with_columns(is_deleted=pl.lit(value=False), survivor=pl.lit(None, pl.Int64))
    doomed = world.sales.opportunities.filter(pl.col("deleted_after") < NEVER).select(
        "opportunity", deleted_at=pl.col("created_at") + pl.col("deleted_after")
    )
    before = history.join(doomed, on="opportunity", how="left", maintain_order="left")
    before = before.filter(pl.col("deleted_at").is_null() | (pl.col("_at") <= pl.col("deleted_at")))
    last = (
        before.filter(pl.col("deleted_at").is_not_null())
        .sort("opportunity", "_at")
        .unique("opportunity", keep="last", maintain_order=True)
    )
    deleted = last.with_columns(_at="deleted_at", is_deleted=pl.lit(value=True))
    twins = world.twins.with_columns(
        stage=pl.lit(0, pl.Int64),
        close_shift=pl.lit(0, pl.Int64),
        amount_known_from=pl.lit(0, pl.Int64),
        amount_never=pl.lit(value=False),
        is_deleted=pl.lit(value=False),
    )
    columns = history.columns
    entered = twins.with_columns(_at="created_at", survivor=pl.lit(None, pl.Int64)).select(columns)
    merged = twins.with_columns(_at="merged_at").select(columns)
    return pl.concat([before.select(columns), deleted.select(columns), entered, merged])


def _close_day() -> pl.Expr:
    """Day of closing; while open the expected day, moved on when it has passed."""
    expected = pl.max_horizontal(pl.col("created_at") + pl.col("expected_days") * DAY, pl.col("_at") + 10 * DAY)
    return (pl.when(pl.col("stage") >= 4).then(pl.col("_at") - pl.col("close_shift")).otherwise(expected) // DAY).alias(
        "close_day"
    )


def _amount() -> pl.Expr:
    known = (pl.col("stage") >= pl.col("amount_known_from")) & ~pl.col("amount_never")
    return pl.when(known).then(money("amount"))


def opportunity_layout(world: World, staff: Staff) -> Layout:
    """Columns of Opportunity."""
    people = world.people.frame.select("person", "company", "owner", "channel")
    chances = [str(stage.probability_percent) for stage in world.company.stages] + ["100", "0"]
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
            Probability=pl.col("stage").replace_strict(range(6), chances, return_dtype=pl.String),
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


def stage_changes(world: World) -> pl.DataFrame:
    """Stage changes; what was deleted has none after its deletion. A twin has entered its first stage, too."""
    doomed = world.sales.opportunities.filter(pl.col("deleted_after") < NEVER).select(
        "opportunity", deleted_at=pl.col("created_at") + pl.col("deleted_after")
    )
    columns = [
        "opportunity",
        "person",
        "stage",
        "created_at",
        "close_shift",
        "expected_days",
        "amount",
        "amount_known_from",
        "amount_never",
        "_at",
    ]
    own = world.sales.history.with_columns(_at="changed_at").join(
        doomed, on="opportunity", how="left", maintain_order="left"
    )
    own = own.filter(pl.col("deleted_at").is_null() | (pl.col("_at") <= pl.col("deleted_at"))).select(columns)
    twins = world.twins.with_columns(
        stage=pl.lit(0, pl.Int64),
        close_shift=pl.lit(0, pl.Int64),
        amount_known_from=pl.lit(0, pl.Int64),
        amount_never=pl.lit(value=False),
        _at="created_at",
    ).select(columns)
    return (
        pl.concat([own, twins])
        .sort("_at", "opportunity", maintain_order=True)
        .with_columns(change=pl.int_range(pl.len(), dtype=pl.Int64) + world.branch.first_number)
    )


def history_layout(world: World, staff: Staff) -> Layout:
    """Columns of OpportunityHistory."""
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


def activities(world: World, accounts: pl.DataFrame, kinds: tuple[int, ...]) -> pl.DataFrame:
    """Activities of the given kinds; before a lead is converted there is no account to name."""
    rows = world.sales.activities.filter(pl.col("kind").is_in(kinds))
    rows = rows.join(accounts.select("person", "created_at", "owner"), on="person", how="left", maintain_order="left")
    return rows.with_columns(
        _at="occurred_at",
        has_account=(pl.col("created_at") <= pl.col("occurred_at")).fill_null(value=False),
        owner=pl.col("owner").fill_null(pl.col("person")),
    )


def _who_and_what() -> dict[str, pl.Expr]:
    return {
        "WhoId": pl.when(pl.col("lead").is_not_null())
        .then(lead_id())
        .when(pl.col("contact").is_not_null())
        .then(contact_id()),
        "WhatId": pl.when(pl.col("opportunity").is_not_null()).then(opportunity_id()),
        "AccountId": pl.when(pl.col("has_account")).then(account_id()),
    }


def _actor(staff: Staff) -> pl.Expr:
    """Who did it: a manager, or the owner of the account if that is none."""
    owner = pl.col("owner")
    return pl.when("is_management").then(staff.manager(owner)).otherwise(staff.clerk(owner))


def task_layout(staff: Staff) -> Layout:
    """Columns of Task."""

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        call = pl.col("kind") == CALL
        return rows.select(
            Id=padded("00T5J0", "activity", width=9, suffix="AAA"),
            IsDeleted=pl.lit("false"),
            **_who_and_what(),
            OwnerId=_actor(staff),
            TaskSubtype=flag(call, true="Call", false="Email"),
            Subject=flag(call, true="Telefonat", false="E-Mail: Ihr Angebot"),
            CallType=pl.when(call).then(flag(pl.col("inbound"), true="Inbound", false="Outbound")),
            CallDurationInSeconds=pl.when(call).then((pl.col("minutes") * 60).cast(pl.String)),
            CallDisposition=pl.col("outcome").replace_strict(
                range(3), ["erreicht", "nicht erreicht", "Rückruf"], return_dtype=pl.String
            ),
            CompletedDateTime=utc_text("_at", STAMP),
            Status=pl.lit("Completed"),
        )

    return layout


def event_layout(staff: Staff) -> Layout:
    """Columns of Event."""

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            Id=padded("00U5J0", "activity", width=9, suffix="AAA"),
            IsDeleted=pl.lit("false"),
            **_who_and_what(),
            OwnerId=_actor(staff),
            EventSubtype=pl.lit("Event"),
            Type=flag(pl.col("kind") == VISIT, true="Visit", false="Meeting"),
            Subject=flag(pl.col("kind") == VISIT, true="Besuch vor Ort", false="Besprechung"),
            StartDateTime=utc_text("_at", STAMP),
            DurationInMinutes=pl.col("minutes").cast(pl.String),
            Result__c=pl.lit("stattgefunden"),
        )

    return layout
