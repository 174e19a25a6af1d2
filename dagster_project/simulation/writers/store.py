"""The shops' counting list as a spreadsheet saves it: "Unicode text", tabs, German headers, local time."""

from __future__ import annotations

import codecs

import polars as pl

from dagster_project.simulation.exports import Export, Format, Layout, csv, flag, local_text, words_by
from dagster_project.simulation.identifiers import Staff, debtor_number, padded, shop_order_name
from dagster_project.simulation.stores import CARD_HOLDER, FIRM
from dagster_project.simulation.world import World
from dagster_project.simulation.writers.loyalty import club_members

SYSTEM = "store"
STAMP = "%d.%m.%Y %H:%M:%S"
TABBED = csv(separator="\t", encoding="utf-16-le", newline="\r\n")
UNICODE_TEXT = Format(lambda frame: codecs.BOM_UTF16_LE + TABBED.encode(frame), TABBED.more)
"""Tab-separated UTF-16 with byte order mark, little end first."""


def store_exports(world: World, staff: Staff) -> list[Export]:
    """The visits of each period."""
    rows = world.visits.with_columns(_at="visited_at")
    return [Export(SYSTEM, "besuche", "Besuche_", ".txt", "append", rows, _layout(world, staff), UNICODE_TEXT)]


def _layout(world: World, staff: Staff) -> Layout:
    people = world.people.frame.select("person", "email")
    cards = club_members(world).select("person", "card_email")
    ids = [product.product_id for product in world.company.products]
    shops = [f"F{place + 1:02d} {name}" for place, name in enumerate(world.company.store.stores)]

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(people, on="person", how="left", maintain_order="left").join(
            cards, on="person", how="left", maintain_order="left"
        )
        firm, card = pl.col("kind") == FIRM, pl.col("kind") == CARD_HOLDER
        email = pl.when(card).then("card_email").when(pl.col("is_known") & ~firm).then("email")
        return joined.select(
            **{
                "Besuch-Nr.": padded("B", "visit", width=8),
                "Filiale": words_by(pl.col("store"), shops),
                "Ankunft": local_text("visited_at", STAMP),
                "Dauer (Min.)": pl.col("minutes"),
                "Kundenkarte": flag(card, true="ja", false="nein"),
                "Kundennummer": pl.when(firm).then(debtor_number()),
                "E-Mail": email,
                "Artikel": pl.when(pl.col("product") >= 0)
                .then(pl.col("product"))
                .replace_strict(range(len(ids)), ids, default=None, return_dtype=pl.String),
                "Berater": pl.when(pl.col("employee") % 3 > 0).then(staff.seller(pl.col("employee"))),
                "Kauf": flag(pl.col("has_purchase"), true="ja", false="nein"),
                "Bon": pl.when(pl.col("order").is_not_null()).then(shop_order_name()),
            }
        )

    return layout
