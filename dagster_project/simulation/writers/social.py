"""The listening tool's export: one JSON object per reaction, author and post nested."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.exports import NDJSON, Export, Layout, utc_text, words_by
from dagster_project.simulation.identifiers import padded
from dagster_project.simulation.social import GOOGLE, NETWORKS, SENTIMENTS, TYPES
from dagster_project.simulation.world import World

SYSTEM = "social"
STAMP = "%Y-%m-%dT%H:%M:%SZ"
TEXTS = {
    "negative": "Leider enttäuscht, das Gerät macht Ärger.",
    "neutral": "Gibt es die Bohnen auch gemahlen?",
    "positive": "Der beste Kaffee seit Langem!",
}


def social_exports(world: World) -> list[Export]:
    """The reactions of each period."""
    rows = world.engagements.with_columns(_at="engaged_at")
    return [Export(SYSTEM, "engagements", "engagements_", ".ndjson", "append", rows, _layout(world), NDJSON)]


def handle() -> pl.Expr:
    """Name of a profile: that of the person or company, or one a stranger made up."""
    own = pl.concat_str(
        pl.col("first_name").str.to_lowercase(), pl.lit("_"), pl.col("last_name").str.to_lowercase(), "person"
    )
    firm = pl.concat_str(pl.col("last_name").str.to_lowercase(), pl.col("trade").str.to_lowercase(), "person")
    name = (
        pl.when(pl.col("person") < 0)
        .then(pl.concat_str(pl.lit("kaffeefan"), -pl.col("person")))
        .when("is_business")
        .then(firm)
        .otherwise(own)
    )
    mark = pl.when(pl.col("network") == GOOGLE).then(pl.lit("")).otherwise(pl.lit("@"))
    return pl.concat_str(mark, name.str.replace_all(" ", "", literal=True))


def _layout(world: World) -> Layout:
    people = world.people.frame.select("person", "is_business", "email", "first_name", "last_name", "trade")
    ids = [product.product_id for product in world.company.products]
    campaigns = {campaign.number: campaign.campaign_id for campaign in world.marketing.campaigns}
    texts = [TEXTS[mood] for mood in SENTIMENTS]

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(people, on="person", how="left", maintain_order="left")
        posted = pl.col("post").is_not_null()
        return joined.select(
            id=padded("SE", "engagement", width=9),
            network=words_by(pl.col("network"), list(NETWORKS)),
            type=words_by(pl.col("type"), list(TYPES)),
            created_at=utc_text("engaged_at", STAMP),
            author=pl.struct(handle=handle(), email=pl.when("is_known").then("email")),
            post=pl.struct(
                id=pl.when(posted).then(padded("P", "post", width=5)),
                campaign=pl.col("campaign").replace_strict(campaigns, default=None, return_dtype=pl.String),
            ),
            product_sku=pl.col("product").replace_strict(range(len(ids)), ids, default=None, return_dtype=pl.String),
            rating="rating",
            sentiment=words_by(pl.col("sentiment"), list(SENTIMENTS)),
            text=words_by(pl.col("sentiment"), texts),
        )

    return layout
