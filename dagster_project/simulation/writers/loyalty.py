"""The customer club's export: one JSON object per member whose account moved, with the movements in a list."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.exports import NDJSON, Export, Layout, utc_text, words_by
from dagster_project.simulation.identifiers import card_number, padded, shop_order_name
from dagster_project.simulation.loyalty import EARN, KINDS, REDEEM, TIERS
from dagster_project.simulation.people import local_phone
from dagster_project.simulation.world import World

SYSTEM = "loyalty"
PROGRAMME = "bohnenclub"
STAMP = "%Y-%m-%dT%H:%M:%SZ"


def loyalty_exports(world: World) -> list[Export]:
    """The accounts that moved in each period."""
    rows = world.loyalty.transactions.with_columns(_at="at")
    return [Export(SYSTEM, "members", "members_", ".ndjson", "append", rows, _layout(world), NDJSON, gzip_every=1)]


def club_members(world: World) -> pl.DataFrame:
    """Members as the club knows them; some give another address than in the shop, and their telephone number."""
    members = world.loyalty.members.select("member", "person", "joined_at").join(
        world.people.frame, on="person", how="left", maintain_order="left"
    )
    by_phone = pl.col("has_phone") & (pl.col("person") % 12 == 5)
    return members.with_columns(
        by_phone=by_phone,
        card_email=pl.when(by_phone).then(pl.concat_str(pl.lit("club."), "email")).otherwise("email"),
        card_phone=pl.when(by_phone).then(local_phone()),
    )


def _layout(world: World) -> Layout:
    campaigns = {campaign.number: campaign.campaign_id for campaign in world.marketing.campaigns}
    members = club_members(world).select("member", "card_email", "card_phone", "first_name", "last_name", "country")

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        movement = pl.struct(
            id=padded("LT", "transaction", width=9),
            type=words_by(pl.col("kind"), list(KINDS)),
            points=pl.col("points"),
            reward=pl.struct(
                cost_cents=pl.col("reward_cents"), currency=pl.when(pl.col("kind") == REDEEM).then(pl.lit("EUR"))
            ),
            order=pl.struct(
                shop=pl.when(pl.col("order").is_not_null()).then(pl.lit("shopify")),
                name=pl.when(pl.col("order").is_not_null()).then(shop_order_name()),
            ),
            campaign=pl.col("campaign").replace_strict(campaigns, default=None, return_dtype=pl.String),
            tier=words_by(pl.col("tier"), list(TIERS)),
            at=utc_text("at", STAMP),
            valid_until=pl.when(pl.col("kind") == EARN).then(
                pl.col("expires_day").cast(pl.Int32).cast(pl.Date).dt.strftime("%Y-%m-%d")
            ),
        )
        moved = rows.select("member", "joined_at", "at", "kind", "balance", "tier", movement=movement)
        accounts = moved.group_by("member", maintain_order=True).agg(
            pl.col("joined_at").first(),
            changed_at=pl.col("at").last(),
            balance=pl.col("balance").last(),
            level=pl.col("tier").last(),
            movements="movement",
        )
        joined = accounts.join(members, on="member", how="left", maintain_order="left")
        return joined.select(
            card_number=card_number(),
            programme=pl.lit(PROGRAMME),
            member=pl.struct("first_name", "last_name", "country", email="card_email", phone="card_phone"),
            tier=words_by(pl.col("level"), list(TIERS)),
            points_balance="balance",
            joined_at=utc_text("joined_at", STAMP),
            changed_at=utc_text("changed_at", STAMP),
            movements="movements",
        )

    return layout
