"""The ERP's German exports: semicolon, decimal comma, thousands dot, cp1252, dd.mm.yyyy, Umlauts."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation import names
from dagster_project.simulation.baskets import price_at
from dagster_project.simulation.company import Company
from dagster_project.simulation.contracts import REASONS
from dagster_project.simulation.draws import chance, stream, words
from dagster_project.simulation.exports import (
    Export,
    Layout,
    Mode,
    csv,
    day_text,
    flag,
    german_money,
    local_text,
    versions,
    words_by,
)
from dagster_project.simulation.horizon import DAY, NEVER
from dagster_project.simulation.identifiers import (
    HEAD_OF,
    Staff,
    debtor_number,
    erp_order_number,
    opportunity_id,
    padded,
)
from dagster_project.simulation.people import international_phone, local_phone
from dagster_project.simulation.world import World
from dagster_project.simulation.writers.navision_costs import cost_layout, cost_states
from dagster_project.simulation.writers.navision_quotes import quote_layout, quote_states

SYSTEM = "navision"
DATE = "%d.%m.%Y"
STAMP = "%d.%m.%Y %H:%M:%S"
ENCODE = csv(separator=";", encoding="cp1252", newline="\r\n")
CATEGORIES = {
    "accessory": "Zubehör",
    "beans": "Kaffee",
    "beans_office": "Kaffee Büro",
    "care": "Pflege",
    "grinder": "Mühlen",
    "machine_home": "Maschinen Haushalt",
    "machine_office": "Maschinen Büro",
    "service_contract": "Serviceverträge",
}
RETURN_REASONS = ("Kulanz", "Defekt", "Falschlieferung", "Transportschaden")
INDUSTRIES = dict(
    zip(
        names.INDUSTRIES,
        ("Dienstleistung", "Industrie", "Handel", "Gastgewerbe", "Technologie", "Gesundheit", "Bau", "Medien"),
        strict=True,
    )
)


def navision_exports(world: World, staff: Staff) -> list[Export]:
    """All exports of the ERP."""
    return [
        _export("artikel", "Artikel_", "full", _products(world), _product_layout(world), weekly=True),
        _export("mitarbeiter", "Mitarbeiter_", "full", _employees(world, staff), _employee_layout(), weekly=True),
        _export("debitoren", "Debitoren_", "full", _debtors(world), _debtor_layout(staff)),
        *order_exports(world, staff),
        _export("gutschriften", "Gutschriften_", "append", _credits(world), _credit_layout(world)),
        _export("vertraege", "Vertraege_", "delta", _contracts(world), _contract_layout(world), key=("contract",)),
        _export("angebote", "Angebote_", "delta", quote_states(world), quote_layout(world, staff), key=("quote_id",)),
        _export("kostenbuchungen", "Kostenbuchungen_", "delta", cost_states(world), cost_layout(world), key=("entry",)),
    ]


def order_exports(world: World, staff: Staff) -> list[Export]:
    """The orders of companies in `world` and their lines."""
    orders = world.orders.filter("is_business")
    return [
        _export("auftraege", "Auftraege_", "delta", _orders(world, orders), _order_layout(staff), key=("order",)),
        _export(
            "positionen", "Positionen_", "delta", _lines(world, orders), _line_layout(world), key=("order", "line")
        ),
    ]


def _export(
    name: str,
    stem: str,
    mode: Mode,
    rows: pl.DataFrame,
    layout: Layout,
    *,
    key: tuple[str, ...] = (),
    weekly: bool = False,
) -> Export:
    return Export(SYSTEM, name, stem, ".csv", mode, rows, layout, ENCODE, key=key, is_weekly=weekly)


def _products(world: World) -> pl.DataFrame:
    """States of the assortment: first prices, the price rise, what comes and what goes."""
    company, horizon = world.company, world.horizon
    frame = pl.DataFrame(
        {
            "product": np.arange(len(company.products)),
            "price": [product.price for product in company.products],
            "cost": pl.Series([product.cost for product in company.products], dtype=pl.Int64),
            "launched": [horizon.share(product.launched_share) for product in company.products],
            "ended": [
                horizon.share(product.discontinued_share) if product.discontinued_share else NEVER
                for product in company.products
            ],
        }
    )
    first = frame.with_columns(_at="launched", is_ended=pl.lit(value=False))
    risen_at = horizon.share(company.price_rise_share)
    risen = frame.filter(pl.col("launched") < risen_at).select(
        "product", "price", "cost", _at=pl.lit(risen_at, pl.Int64)
    )
    risen = risen.with_columns(price=_risen(company, risen["price"]), cost=_risen(company, risen["cost"]))
    ended = frame.filter(pl.col("ended") < NEVER).select("product", _at="ended", is_ended=pl.lit(value=True))
    return versions(first, risen, ended, key="product")


def _risen(company: Company, cents: pl.Series) -> pl.Series:
    raised = pl.Series(price_at(company, cents.fill_null(0).to_numpy(), np.ones(cents.len(), dtype=np.bool_)))
    return raised.set(cents.is_null(), None)


def _product_layout(world: World) -> Layout:
    products = world.company.products

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        place = pl.col("product")
        return rows.sort("product").select(
            **{
                "Artikelnr.": words_by(place, [product.product_id for product in products]),
                "Bezeichnung": words_by(place, [product.name for product in products]),
                "Warengruppe": words_by(place, [CATEGORIES[product.category] for product in products]),
                "VK-Preis": german_money("price"),
                "Einstandspreis": pl.when(pl.col("cost").is_not_null()).then(german_money("cost")),
                "Währung": pl.lit("EUR"),
                "Abo": words_by(place, ["ja" if product.is_subscription else "nein" for product in products]),
                "Gesperrt": flag(pl.col("is_ended"), true="ja", false="nein"),
                "Verfügbar ab": local_text("launched", DATE),
                "Auslauf am": pl.when("is_ended").then(local_text("ended", DATE)),
                "Geändert am": local_text("_at", STAMP),
            }
        )

    return layout


def _employees(world: World, staff: Staff) -> pl.DataFrame:
    random = stream(world.seed, "navision/employees")
    frame = staff.frame()
    size = frame.height
    leaves = chance(random, 0.08, size)
    start = world.horizon.first_second
    frame = frame.with_columns(
        first_name=words(names.FIRST_NAMES, random.integers(0, len(names.FIRST_NAMES), size)),
        last_name=words(names.LAST_NAMES, random.integers(0, len(names.LAST_NAMES), size)),
        region=words(("Nord", "Süd", "West"), random.integers(0, 3, size)),
        is_manager=(pl.col("digits") % 1000 - 1) % HEAD_OF == 0,
        hired=start - random.integers(30, 3_000, size) * DAY,
        left=np.where(leaves, world.horizon.share(0.6) + random.integers(0, 200, size) * DAY, NEVER),
    )
    first = frame.with_columns(_at=pl.lit(start, pl.Int64), has_left=pl.lit(value=False))
    gone = frame.filter(pl.col("left") < NEVER).select("digits", _at="left", has_left=pl.lit(value=True))
    return versions(first, gone, key="digits")


def _employee_layout() -> Layout:
    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.sort("digits").select(
            **{
                "Personalnr.": pl.col("employee_id"),
                "Name": pl.concat_str("last_name", pl.lit(", "), "first_name"),
                "E-Mail": pl.concat_str(pl.col("employee_id").str.to_lowercase(), pl.lit("@bohnenwerk.example")),
                "Team": pl.col("team"),
                "Abteilung": pl.col("department").replace_strict(
                    ["sales", "service"], ["Vertrieb", "Kundendienst"], return_dtype=pl.String
                ),
                "Gebiet": pl.col("region"),
                "Führungskraft": flag(pl.col("is_manager"), true="ja", false="nein"),
                "Eintritt": local_text("hired", DATE),
                "Austritt": pl.when("has_left").then(local_text("left", DATE)),
                "Geändert am": local_text("_at", STAMP),
            }
        )

    return layout


def _debtors(world: World) -> pl.DataFrame:
    """States of customer accounts: opened with the first order, sometimes moved, sometimes removed long after."""
    random = stream(world.seed, "navision/debtors")
    frame = world.people.frame.join(
        world.customers.filter("is_business").select("person", "first_at", "dropped_at", "last_at"),
        on="person",
        how="inner",
        maintain_order="left",
    )
    size = frame.height
    removed = chance(random, 0.05, size) & (frame["dropped_at"].to_numpy() < NEVER)
    moved = chance(random, 0.1, size)
    spelled = (
        pl.when(pl.col("link") != 2)
        .then("company")
        .when(pl.col("person") % 3 == 0)
        .then(pl.col("company").str.to_uppercase())
        .when(pl.col("person") % 3 == 1)
        .then(pl.col("company").str.replace_many(["ü", "ö", "ä", "ß", " & "], ["ue", "oe", "ae", "ss", " und "]))
        .otherwise(pl.concat_str("last_name", pl.lit(" & "), "partner_name", pl.lit("  "), "trade"))
    )
    frame = frame.with_columns(
        _at=pl.col("first_at") - 600,
        removed_at=np.where(removed, frame["last_at"].to_numpy() + 400 * DAY, NEVER),
        moved_at=np.where(moved, frame["first_at"].to_numpy() + random.integers(60, 600, size) * DAY, NEVER),
        spelled=spelled,
        erp_phone=pl.when(pl.col("link") == 1)
        .then(local_phone())
        .when(pl.col("link") == 0)
        .then(international_phone()),
        erp_email=pl.when((pl.col("link") == 0) & (pl.col("person") % 5 != 0)).then("email"),
    )
    moved_rows = frame.filter(pl.col("moved_at") < NEVER).select(
        "person", "removed_at", _at="moved_at", street=pl.concat_str("street", pl.lit(" (Hinterhaus)"))
    )
    return versions(frame, moved_rows, key="person", until="removed_at")


def _debtor_layout(staff: Staff) -> Layout:
    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.sort("person").select(
            **{
                "Debitorennr.": debtor_number(),
                "Name": pl.col("spelled"),
                "Straße": pl.col("street"),
                "PLZ": pl.col("postal_code"),
                "Ort": pl.col("city"),
                "Land": pl.col("country"),
                "Telefon": pl.col("erp_phone"),
                "E-Mail": pl.col("erp_email"),
                "Branche": pl.col("industry").replace_strict(INDUSTRIES, return_dtype=pl.String),
                "Kundengruppe": pl.col("segment_name").replace_strict(
                    ["small_business", "mid_market", "enterprise"],
                    ["Kleinkunde", "Mittelstand", "Großkunde"],
                    default=None,
                    return_dtype=pl.String,
                ),
                "Verkäufer": staff.seller(pl.col("owner")),
                "Angelegt am": local_text("first_at", DATE),
                "Geändert am": local_text("_at", STAMP),
            }
        )

    return layout


def _orders(world: World, orders: pl.DataFrame) -> pl.DataFrame:
    """States of an order: placed, then shipped three days later."""
    owners = world.people.frame.select("person", "owner")
    base = orders.join(owners, on="person", how="left", maintain_order="left")
    placed = base.with_columns(_at="at", is_shipped=pl.lit(value=False))
    shipped = base.with_columns(_at=pl.col("at") + 3 * DAY, is_shipped=pl.lit(value=True))
    return pl.concat([placed, shipped])


def _order_layout(staff: Staff) -> Layout:
    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            **{
                "Auftragsnr.": erp_order_number(),
                "Debitorennr.": debtor_number(),
                "Auftragsdatum": local_text("at", STAMP),
                "Status": flag(pl.col("is_shipped"), true="Geliefert", false="Offen"),
                "Vertriebsweg": flag(pl.col("opportunity").is_not_null(), true="Außendienst", false="Telefon"),
                "Währung": pl.lit("EUR"),
                "Auftragswert": german_money("net_cents"),
                "Bearbeiter": staff.seller(pl.col("owner")),
                "Verkaufschance": pl.when(pl.col("opportunity").is_not_null()).then(opportunity_id()),
                "Geändert am": local_text("_at", STAMP),
            }
        )

    return layout


def _lines(world: World, orders: pl.DataFrame) -> pl.DataFrame:
    return world.lines.join(orders.select("order", _at="at"), on="order", how="inner", maintain_order="left")


def _line_layout(world: World) -> Layout:
    ids = [product.product_id for product in world.company.products]
    titles = [product.name for product in world.company.products]

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(hundredths=pl.col("quantity") * 100).select(
            **{
                "Auftragsnr.": erp_order_number(),
                "Position": pl.col("line") * 10,
                "Artikelnr.": words_by(pl.col("product"), ids),
                "Bezeichnung": words_by(pl.col("product"), titles),
                "Menge": german_money("hundredths"),
                "Einzelpreis": german_money("unit_cents"),
                "Rabatt": german_money("discount_cents"),
                "Betrag": german_money("net_cents"),
                "Einstandspreis": pl.when(pl.col("cost_cents") > 0).then(german_money("cost_cents")),
                "Geändert am": local_text("_at", STAMP),
            }
        )

    return layout


def _credits(world: World) -> pl.DataFrame:
    return world.returns.filter("is_business").with_columns(_at="returned_at", hundredths=pl.col("quantity") * 100)


def _credit_layout(world: World) -> Layout:
    ids = [product.product_id for product in world.company.products]

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            **{
                "Gutschriftsnr.": padded("GS", "return_number", width=7),
                "Auftragsnr.": erp_order_number(),
                "Position": pl.col("line") * 10,
                "Artikelnr.": words_by(pl.col("product"), ids),
                "Menge": german_money("hundredths"),
                "Betrag": german_money("refund_cents"),
                "Buchungsdatum": local_text("returned_at", DATE),
                "Grund": words_by(pl.col("reason"), list(RETURN_REASONS)),
            }
        )

    return layout


def _contracts(world: World) -> pl.DataFrame:
    """States of a contract: signed, payment failed and made good within the grace period, cancelled."""
    contracts = world.contracts
    signed = contracts.with_columns(_at=pl.col("started_day") * DAY + 8 * 3_600, status=pl.lit("aktiv"))
    ends = contracts["cancelled_day"]
    failed = contracts.filter(pl.col("failed_day") + 12 < ends)
    parts = [
        signed,
        failed.with_columns(_at=pl.col("failed_day") * DAY + 9 * 3_600, status=pl.lit("Zahlung offen")),
        failed.with_columns(_at=(pl.col("failed_day") + 9) * DAY + 9 * 3_600, status=pl.lit("aktiv")),
        contracts.with_columns(
            _at=pl.max_horizontal("cancelled_day", pl.col("started_day") + 1) * DAY + 10 * 3_600,
            status=pl.lit("gekündigt"),
        ),
    ]
    return pl.concat(parts)


def _contract_layout(world: World) -> Layout:
    ids = [product.product_id for product in world.company.products if product.is_subscription]
    first_business = next(place for place, segment in enumerate(world.company.segments) if segment.is_business)

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        cancelled = pl.col("status") == "gekündigt"
        return rows.select(
            **{
                "Vertragsnr.": padded("V", "contract", width=7),
                "Debitorennr.": debtor_number(),
                "Artikelnr.": words_by(pl.col("segment") - first_business, ids),
                "Beginn": day_text("started_day", DATE),
                "Ende": pl.when(cancelled).then(day_text("ended_day", DATE)),
                "Monatsbetrag": german_money("monthly_cents"),
                "Währung": pl.lit("EUR"),
                "Status": pl.col("status"),
                "Gekündigt am": pl.when(cancelled).then(day_text("cancelled_day", DATE)),
                "Kündigungsgrund": pl.when(cancelled).then(words_by(pl.col("reason"), list(REASONS))),
                "Geändert am": local_text("_at", STAMP),
            }
        )

    return layout
