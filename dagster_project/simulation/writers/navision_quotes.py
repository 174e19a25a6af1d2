"""What the ERP says about quotes: every version in its latest state, in the German dialect."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.exports import Layout, day_text, german_money, local_text, words_by
from dagster_project.simulation.horizon import NEVER
from dagster_project.simulation.identifiers import Staff, debtor_number, erp_order_number, opportunity_id, padded
from dagster_project.simulation.quotes import DRAFT, EXPIRED, SENT, STATUSES
from dagster_project.simulation.world import World

DATE = "%d.%m.%Y"
STAMP = "%d.%m.%Y %H:%M:%S"
SUPERSEDED = len(STATUSES)
WORDS = ["Entwurf", "Versandt", "Angenommen", "Abgelehnt", "Abgelaufen", "Ersetzt"]


def quote_number(column: str = "quote") -> pl.Expr:
    """Number that all versions of a quote share."""
    return padded("AN", column, width=7)


def quote_id() -> pl.Expr:
    """Number of one version."""
    return pl.concat_str(quote_number(), pl.lit("-"), pl.col("version").cast(pl.String))


def quote_states(world: World) -> pl.DataFrame:
    """States of a version: draft, sent, decided or expired, replaced by the next one, ordered."""
    quotes = world.quotes

    def state(column: str, status: pl.Expr | int) -> pl.DataFrame:
        value = status if isinstance(status, pl.Expr) else pl.lit(status, pl.Int64)
        return quotes.filter(pl.col(column) < NEVER).with_columns(_at=column, status=value)

    parts = [
        state("created_at", DRAFT),
        state("issued_at", SENT),
        state("outcome_at", pl.col("outcome")),
        state("superseded_at", SUPERSEDED),
        state("ordered_at", pl.col("outcome")),
    ]
    return pl.concat(parts).with_columns(quote_id=quote_id())


def quote_layout(world: World, staff: Staff) -> Layout:
    """Columns of Angebote."""
    owners = world.people.frame.select("person", "owner").join(
        world.customers.filter("is_business").select("person", "first_at"),
        on="person",
        how="left",
        maintain_order="left",
    )

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.join(owners, on="person", how="left", maintain_order="left")
        sent = pl.col("issued_at") <= pl.col("_at")
        decided = (pl.col("outcome_at") <= pl.col("_at")) & (pl.col("outcome") < EXPIRED)
        return joined.select(
            **{
                "Angebotsnr.": pl.col("quote_id"),
                "Vorgang": quote_number(),
                "Version": pl.col("version"),
                # Nobody is a debitor before the first order.
                "Debitorennr.": pl.when(pl.col("first_at") - 600 <= pl.col("_at")).then(debtor_number()),
                "Verkaufschance": pl.when(pl.col("opportunity").is_not_null()).then(opportunity_id()),
                "Auftragsnr.": pl.when(pl.col("ordered_at") <= pl.col("_at")).then(erp_order_number()),
                "Bearbeiter": staff.seller(pl.col("owner")),
                "Status": words_by(pl.col("status"), WORDS),
                "Währung": pl.lit("EUR"),
                "Angebotswert": german_money("quoted_cents"),
                "Rabatt": german_money("discount_cents"),
                "Versandt am": pl.when(sent).then(local_text("issued_at", STAMP)),
                "Gültig bis": pl.when(sent).then(day_text("valid_day", DATE)),
                "Entschieden am": pl.when(decided).then(local_text("outcome_at", STAMP)),
                "Angelegt am": local_text("created_at", STAMP),
                "Geändert am": local_text("_at", STAMP),
            }
        )

    return layout
