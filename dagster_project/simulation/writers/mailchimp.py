"""Mailchimp's exports: audience, consent log, campaigns, recipients with control group, activity, suppressions."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.exports import Export, Layout, csv, flag, money, utc_text, versions, words_by
from dagster_project.simulation.horizon import DAY, NEVER
from dagster_project.simulation.identifiers import debtor_number, member_id, padded
from dagster_project.simulation.marketing import PURPOSES, RESPONSES
from dagster_project.simulation.people import international_phone
from dagster_project.simulation.world import World

SYSTEM = "mailchimp"
STAMP = "%Y-%m-%d %H:%M:%S"


def mailchimp_exports(world: World) -> list[Export]:
    """All exports of the newsletter tool."""
    dialect = csv()
    market = world.marketing

    def export(name: str, rows: pl.DataFrame, layout: Layout) -> Export:
        return Export(SYSTEM, name, f"{name}_", ".csv", "append", rows, layout, dialect)

    return [
        Export(
            SYSTEM,
            "audience",
            "audience_",
            ".csv",
            "delta",
            _audience(world),
            _audience_layout(world),
            dialect,
            key=("member",),
        ),
        Export(
            SYSTEM,
            "campaigns",
            "campaigns_",
            ".csv",
            "full",
            _campaigns(world),
            _campaign_layout(),
            dialect,
            is_weekly=True,
        ),
        export("recipients", market.contacts.with_columns(_at="at"), _recipient_layout(world)),
        export("activity", market.responses.with_columns(_at="at"), _activity_layout(world)),
        export("consent_log", market.consents.with_columns(_at="at"), _consent_layout(world)),
        export("suppressions", market.suppressions.with_columns(_at="at"), _suppression_layout()),
    ]


def list_exports(world: World) -> list[Export]:
    """What the tool exports of mailings to the lists of the warehouse, which `world` has instead of the others."""
    dialect = csv()
    market = world.marketing

    def export(name: str, rows: pl.DataFrame, layout: Layout) -> Export:
        return Export(SYSTEM, name, f"{name}_", ".csv", "append", rows, layout, dialect)

    return [
        export("list_campaigns", _campaigns(world), _list_campaign_layout()),
        export("recipients", market.contacts.with_columns(_at="at"), _recipient_layout(world)),
        export("activity", market.responses.with_columns(_at="at"), _activity_layout(world)),
        export("consent_log", market.consents.with_columns(_at="at"), _consent_layout(world)),
    ]


def _audience(world: World) -> pl.DataFrame:
    """States of a member: signed up, confirmed, unsubscribed, subscribed again, customer number filled in."""
    members = world.marketing.members.select(
        "member",
        "person",
        "email",
        "signup_at",
        "confirmed_at",
        "withdrawn_at",
        "again_at",
        "first_at",
        "is_business",
        "link",
    )
    numbered = members.filter(pl.col("is_business") & (pl.col("link") == 0) & pl.col("first_at").is_not_null()).select(
        "member", number="person", _at=pl.max_horizontal("first_at", "signup_at") + DAY
    )

    def state(column: str, status: str) -> pl.DataFrame:
        return members.filter(pl.col(column) < NEVER).with_columns(_at=column, status=pl.lit(status))

    return versions(
        state("signup_at", "pending").with_columns(number=pl.lit(None, pl.Int64)),
        state("confirmed_at", "subscribed"),
        state("withdrawn_at", "unsubscribed"),
        state("again_at", "subscribed"),
        numbered,
        key="member",
    )


def _audience_layout(world: World) -> Layout:
    people = world.people.frame.select("person", "first_name", "last_name", "company")
    main = world.people.contacts.filter(pl.col("place") == 0).select(
        "person", contact_first="first_name", contact_last="last_name"
    )

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(people, on="person", how="left", maintain_order="left").join(
            main, on="person", how="left", maintain_order="left"
        )
        return joined.select(
            **{
                "LEID": member_id(),
                "Email Address": pl.col("email"),
                "First Name": pl.when("is_business").then("contact_first").otherwise("first_name"),
                "Last Name": pl.when("is_business").then("contact_last").otherwise("last_name"),
                "Company": pl.when("is_business").then("company"),
                "MEMBER_TYPE": flag(pl.col("is_business"), true="business", false="person"),
                "CUSTOMERNO": pl.when(pl.col("number").is_not_null()).then(debtor_number("number")),
                "STATUS": pl.col("status"),
                "OPTIN_TIME": utc_text("signup_at", STAMP),
                "LAST_CHANGED": utc_text("_at", STAMP),
            }
        )

    return layout


def _campaigns(world: World) -> pl.DataFrame:
    campaigns = world.marketing.campaigns
    frame = pl.DataFrame(
        {
            "campaign_id": [campaign.campaign_id for campaign in campaigns],
            "title": [campaign.name for campaign in campaigns],
            "kind": [campaign.kind for campaign in campaigns],
            "channel": [campaign.channel for campaign in campaigns],
            "target_group": pl.Series([campaign.target_group for campaign in campaigns], dtype=pl.String),
            "day": pl.Series([campaign.day for campaign in campaigns], dtype=pl.Date).cast(pl.Int32),
            "sent_at": pl.Series([campaign.sent_at for campaign in campaigns], dtype=pl.Int64),
        }
    )
    return frame.with_columns(_at=pl.col("sent_at") - DAY // 4, _until=pl.lit(NEVER, pl.Int64))


def _campaign_layout() -> Layout:
    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        day = pl.col("day").cast(pl.Int32).cast(pl.Date)
        return rows.select(
            **{
                "Campaign ID": pl.col("campaign_id"),
                "Title": pl.col("title"),
                "Channel": pl.col("channel"),
                "Purpose": pl.col("kind").replace_strict(PURPOSES, return_dtype=pl.String),
                "Send Date": day.dt.strftime("%Y-%m-%d"),
                "End Date": day.dt.offset_by("14d").dt.strftime("%Y-%m-%d"),
                "Budget": flag(pl.col("kind") == "letter", true="1500.00", false="400.00"),
                "Currency": pl.lit("EUR"),
                "Last Changed": utc_text("_at", STAMP),
            }
        )

    return layout


def _list_campaign_layout() -> Layout:
    """Campaigns to a target group say which one; they have no budget beside what each contact costs."""
    ordinary = _campaign_layout()

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return ordinary(rows).with_columns(rows["target_group"], Budget=pl.lit(None, pl.String))

    return layout


def _campaign_ids(world: World) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "campaign": pl.Series([campaign.number for campaign in world.marketing.campaigns], dtype=pl.Int64),
            "campaign_id": pl.Series([campaign.campaign_id for campaign in world.marketing.campaigns], dtype=pl.String),
            "channel": pl.Series([campaign.channel for campaign in world.marketing.campaigns], dtype=pl.String),
        }
    )


def _contact_id() -> pl.Expr:
    return pl.concat_str("campaign_id", pl.lit("-"), member_id())


def _recipient_layout(world: World) -> Layout:
    campaigns = _campaign_ids(world)
    members = world.marketing.members.select("member", "email")
    law = world.company.marketing
    arguments = [argument.name for argument in world.company.arguments]

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(campaigns, on="campaign", how="left", maintain_order="left").join(
            members, on="member", how="left", maintain_order="left"
        )
        addressed = ~pl.col("is_control")
        call_cents = world.company.service.cost_per_contact_cents
        by_law = {"letter": law.letter_cents, "email": law.mail_cents, "phone": call_cents}
        price = pl.col("channel").replace_strict(by_law, return_dtype=pl.Int64)
        cents = pl.when(addressed).then(price).otherwise(0)
        return joined.with_columns(cents=cents).select(
            **{
                "Recipient ID": _contact_id(),
                "Campaign ID": pl.col("campaign_id"),
                "LEID": member_id(),
                "Email Address": pl.col("email"),
                "Channel": pl.col("channel"),
                "Wave": pl.col("wave"),
                "Group": flag(pl.col("is_control"), true="control", false="treated"),
                "Variant": pl.when(addressed).then(words_by(pl.col("variant"), ["A", "B"])),
                "Argument": pl.when(addressed).then(words_by(pl.col("argument"), arguments)),
                "Sent At": utc_text("at", STAMP),
                "Cost EUR": money("cents"),
            }
        )

    return layout


def _activity_layout(world: World) -> Layout:
    campaigns = _campaign_ids(world)
    members = world.marketing.members.select("member", "email")
    words = ["unsub" if word == "unsubscribe" else word for word in RESPONSES]

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(campaigns, on="campaign", how="left", maintain_order="left").join(
            members, on="member", how="left", maintain_order="left"
        )
        return joined.select(
            **{
                "Activity ID": pl.concat_str(
                    _contact_id(),
                    pl.lit("-"),
                    words_by(pl.col("kind"), ["o", "c", "u", "b", "s"]),
                    flag(pl.col("is_bot"), true="x", false=""),
                ),
                "Recipient ID": _contact_id(),
                "Campaign ID": pl.col("campaign_id"),
                "LEID": member_id(),
                "Email Address": pl.col("email"),
                "Action": words_by(pl.col("kind"), words),
                "Timestamp": utc_text("at", STAMP),
                "Is Proxy": flag(pl.col("is_bot"), true="yes", false="no"),
            }
        )

    return layout


def _consent_layout(world: World) -> Layout:
    phones = world.people.frame.select("person", phone=international_phone())

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(phones, on="person", how="left", maintain_order="left")
        by_phone = pl.col("channel") == "phone"
        return joined.select(
            **{
                "Log ID": padded("CL", "consent", width=8),
                "LEID": member_id(),
                "Email Address": pl.col("email"),
                "Phone": pl.when(by_phone).then("phone"),
                "Purpose": pl.col("purpose"),
                "Channel": pl.col("channel"),
                "Event": pl.col("status").replace_strict(
                    ["pending", "granted", "withdrawn"], ["signup", "confirmed", "unsubscribed"], return_dtype=pl.String
                ),
                "Evidence": pl.col("evidence"),
                "Timestamp": utc_text("at", STAMP),
            }
        )

    return layout


def _suppression_layout() -> Layout:
    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            **{
                "Email Address": pl.col("email"),
                "Channel": pl.lit("email"),
                "Reason": pl.col("reason"),
                "Since": utc_text("at", STAMP),
            }
        )

    return layout
