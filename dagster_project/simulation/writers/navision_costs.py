"""What the ERP's cost ledger says: postings by cost center in the German dialect, corrections with a minus."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.costs import PURPOSES, TYPES
from dagster_project.simulation.exports import Layout, flag, german_money, local_text
from dagster_project.simulation.horizon import NEVER
from dagster_project.simulation.identifiers import debtor_number, padded
from dagster_project.simulation.world import World

DATE = "%d.%m.%Y"
STAMP = "%d.%m.%Y %H:%M:%S"
TYPE_WORDS = dict(
    zip(TYPES, ("Personal", "Produktion", "Gemeinkosten", "Marketing", "Kundenclub", "Rabatt"), strict=True)
)
PURPOSE_WORDS = dict(zip(PURPOSES, ("Neukunden", "Kundenbindung", "Kundendienst", "Allgemein"), strict=True))
DRIVER_WORDS = {
    "customers": "Kunden",
    "orders": "Aufträge",
    "revenue": "Umsatz",
    "service_contacts": "Servicekontakte",
    "campaign_contacts": "Aussendungen",
    "points": "Punkte",
    "direct": "direkt",
    "none": "ohne",
}


def cost_entry_id() -> pl.Expr:
    """Number of a posting."""
    return padded("KB", "entry", width=7)


def cost_states(world: World) -> pl.DataFrame:
    """States of a posting: booked, for a few restated or cancelled some days later."""
    booked = world.costs.with_columns(
        _at=pl.col("booked_at") + 60, shown_cents="first_cents", is_cancelled=pl.lit(value=False)
    )
    restated = booked.filter(pl.col("restated_at") < NEVER).with_columns(_at="restated_at", shown_cents="cents")
    cancelled = booked.filter(pl.col("cancelled_at") < NEVER).with_columns(
        _at="cancelled_at", is_cancelled=pl.lit(value=True)
    )
    return pl.concat([booked, restated, cancelled])


def cost_layout(world: World) -> Layout:
    """Columns of Kostenbuchungen."""
    campaigns = {campaign.number: campaign.campaign_id for campaign in world.marketing.campaigns}

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            **{
                "Buchungsnr.": cost_entry_id(),
                "Buchungsdatum": local_text("booked_at", DATE),
                "Kostenart": pl.col("cost_type").replace_strict(TYPE_WORDS, return_dtype=pl.String),
                "Zweck": pl.col("purpose").replace_strict(PURPOSE_WORDS, return_dtype=pl.String),
                "Kostenstelle": pl.col("center"),
                "Betrag": german_money("shown_cents"),
                "Währung": pl.col("currency"),
                "Schlüssel": pl.col("driver").replace_strict(DRIVER_WORDS, default=None, return_dtype=pl.String),
                "Kampagne": pl.col("campaign").replace_strict(campaigns, default=None, return_dtype=pl.String),
                "Kanal": pl.col("channel"),
                "Debitorennr.": pl.when(pl.col("person").is_not_null()).then(debtor_number()),
                "Text": pl.col("text"),
                "Storniert": flag(pl.col("is_cancelled"), true="ja", false="nein"),
                "Geändert am": local_text("_at", STAMP),
            }
        )

    return layout
