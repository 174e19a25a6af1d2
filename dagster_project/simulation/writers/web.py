"""Web sessions as Parquet files: typed columns, timestamps in UTC, visitors nobody knows included."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.exports import PARQUET, Export, Layout, words_by
from dagster_project.simulation.identifiers import padded, shop_customer_id
from dagster_project.simulation.web import CHANNELS
from dagster_project.simulation.world import World

SYSTEM = "web"


def web_exports(world: World) -> list[Export]:
    """The sessions of each period."""
    rows = world.sessions.with_columns(_at="started_at")
    return [Export(SYSTEM, "sessions", "sessions_", ".parquet", "append", rows, _layout(world), PARQUET)]


def _layout(world: World) -> Layout:
    people = world.people.frame.select("person", "is_business", "email")
    main = world.people.contacts.filter(pl.col("place") == 0).select("person", contact_email="email")
    ids = [product.product_id for product in world.company.products]
    campaigns = {campaign.number: campaign.campaign_id for campaign in world.marketing.campaigns}

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(people, on="person", how="left", maintain_order="left").join(
            main, on="person", how="left", maintain_order="left"
        )
        known = pl.col("is_known") & (pl.col("person") >= 0)
        business = pl.col("is_business")
        stranger, person = pl.col("person") < 0, pl.col("person")
        visitor = pl.when(stranger).then(-person).otherwise(person * 2 + 1_000_000_000)
        return joined.with_columns(is_second=pl.lit(value=False)).select(
            session_id=padded("S", "session", width=10),
            visitor_id=padded("V", visitor * 2 + pl.col("second_device").cast(pl.Int64), width=11),
            customer_id=pl.when(known & pl.col("is_logged_in") & ~business).then(shop_customer_id()),
            email=pl.when(known).then(pl.when(business).then("contact_email").otherwise("email")),
            started_at=pl.from_epoch("started_at", time_unit="s").cast(pl.Datetime("us")),
            ended_at=pl.from_epoch("ended_at", time_unit="s").cast(pl.Datetime("us")),
            page_views=pl.col("page_views").cast(pl.Int32),
            channel=words_by(pl.col("channel"), list(CHANNELS)),
            campaign_id=pl.col("campaign").replace_strict(campaigns, default=None, return_dtype=pl.String),
            product_sku=pl.when(pl.col("product") >= 0)
            .then(pl.col("product"))
            .replace_strict(range(len(ids)), ids, default=None, return_dtype=pl.String),
            has_basket=pl.col("has_basket"),
            is_bot=pl.col("is_bot"),
        )

    return layout
