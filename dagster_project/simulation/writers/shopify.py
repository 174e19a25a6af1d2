"""Shopify's admin exports: orders (one row per line, order fields on its first row only), customers, refunds."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation import names
from dagster_project.simulation.baskets import ANONYMOUS, CANCELLED, TEST
from dagster_project.simulation.draws import chance, stream, words
from dagster_project.simulation.exports import Export, Layout, csv, flag, local_text, money, versions, words_by
from dagster_project.simulation.horizon import DAY, NEVER
from dagster_project.simulation.identifiers import shop_customer_id, shop_order_name
from dagster_project.simulation.people import international_phone
from dagster_project.simulation.world import World

SYSTEM = "shopify"
STAMP = "%Y-%m-%d %H:%M:%S %z"
REASONS = ("Changed mind", "Defective", "Wrong item", "Damaged in transit")
TEST_EMAIL = "test@bohnenwerk.example"


def shopify_exports(world: World) -> list[Export]:
    """All exports of the shop."""
    accounts = shop_accounts(world)
    dialect = csv()
    return [
        Export(
            SYSTEM,
            "customers",
            "customers_export_",
            ".csv",
            "delta",
            _customer_versions(accounts),
            _customer_layout(),
            dialect,
            key=("person", "is_second"),
        ),
        order_export(world, accounts),
        Export(SYSTEM, "refunds", "refunds_export_", ".csv", "append", _refunds(world), _refund_layout(world), dialect),
    ]


def order_export(world: World, accounts: pl.DataFrame) -> Export:
    """The orders of `world` as the shop exports them, placed with the addresses of `accounts`."""
    orders = _shop_orders(world, accounts)
    return Export(
        SYSTEM,
        "orders",
        "orders_export_",
        ".csv",
        "delta",
        _order_versions(world, orders),
        _order_layout(world, orders),
        csv(),
        key=("order",),
    )


def shop_accounts(world: World) -> pl.DataFrame:
    """Shop customers, one row per account; a few people open a second one with another address halfway through."""
    random = stream(world.seed, "shopify/accounts")
    people = world.people.frame.join(
        world.customers.filter(~pl.col("is_business")).select("person", "first_at"),
        on="person",
        how="inner",
        maintain_order="left",
    ).with_columns(is_second=pl.lit(value=False), account_email="email", created_at=pl.col("first_at") - 120)
    middle = (people["first_at"].to_numpy() + world.horizon.end_second) // 2
    later = world.orders.filter(~pl.col("is_business") & (pl.col("person") >= 0)).join(
        people.select("person", middle=pl.Series(middle)), on="person", how="inner", maintain_order="left"
    )
    opened = (
        later.filter(pl.col("at") > pl.col("middle"))
        .group_by("person", maintain_order=True)
        .agg(second_at=pl.col("at").min())
    )
    second = people.filter(pl.col("has_second_account") & pl.col("has_phone")).join(
        opened, on="person", how="inner", maintain_order="left"
    )
    second = second.with_columns(
        is_second=pl.lit(value=True),
        created_at=pl.col("second_at") - 60,
        account_email=pl.concat_str(pl.lit("neu."), "email"),
    )
    accounts = pl.concat([people, second.select(people.columns)])
    size = accounts.height
    return accounts.with_columns(
        second_at=pl.when("is_second").then(pl.col("created_at") + 60),
        moved_at=np.where(
            chance(random, 0.06, size) & ~accounts["is_second"].to_numpy(),
            accounts["created_at"].to_numpy()
            + 20 * DAY
            + (accounts["moved_share"].to_numpy() * 500 * DAY).astype(np.int64),
            NEVER,
        ),
        new_street=words(names.STREETS, random.integers(0, len(names.STREETS), size)) + " 12",
        is_formula=(pl.col("person") % 701 == 7) & ~pl.col("is_second"),
    )


def _customer_versions(accounts: pl.DataFrame) -> pl.DataFrame:
    key = ["person", "is_second"]
    created = accounts.with_columns(_at="created_at", account=pl.col("person") * 2 + pl.col("is_second").cast(pl.Int64))
    moved = created.filter(pl.col("moved_at") < NEVER).select("account", *key, street="new_street", _at="moved_at")
    return versions(created, moved, key="account")


def _customer_layout() -> Layout:
    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        phone = pl.when("has_phone").then(international_phone())
        return rows.select(
            **{
                "Customer ID": shop_customer_id(),
                "First Name": pl.when("is_formula")
                .then(pl.lit('=HYPERLINK("http://phish.example","Klick")'))
                .otherwise("first_name"),
                "Last Name": pl.col("last_name"),
                "Email": pl.col("account_email"),
                "Accepts Email Marketing": flag(pl.col("person") % 3 != 0, true="yes", false="no"),
                "Default Address Address1": pl.col("street"),
                "Default Address City": pl.col("city"),
                "Default Address Province Code": pl.col("region"),
                "Default Address Country Code": pl.col("country"),
                "Default Address Zip": pl.concat_str(pl.lit("'"), "postal_code"),
                "Phone": phone,
                "Segment": pl.col("segment_name"),
                "Birthday": pl.when(pl.col("person") % 2 == 0).then(
                    pl.col("birth_day").cast(pl.Int32).cast(pl.Date).dt.strftime("%Y-%m-%d")
                ),
                "Acquisition": pl.col("channel").replace_strict(
                    range(6), ["search", "referral", "social", "email", "event", "direct"], return_dtype=pl.String
                ),
                "Tags": pl.lit(None, pl.String),
                "Created At": local_text("created_at", STAMP),
                "Updated At": local_text("_at", STAMP),
            }
        )

    return layout


def _shop_orders(world: World, accounts: pl.DataFrame) -> pl.DataFrame:
    """Shop orders with the address they were placed with; orders at the till have none."""
    first = accounts.filter(~pl.col("is_second")).select("person", "account_email", "city")
    second = accounts.filter("is_second").select("person", "second_at", second_email="account_email")
    orders = (
        world.orders.filter(~pl.col("is_business"))
        .join(first, on="person", how="left", maintain_order="left")
        .join(second, on="person", how="left", maintain_order="left")
    )
    email = (
        pl.when(pl.col("origin") == TEST)
        .then(pl.lit(TEST_EMAIL))
        .when(pl.col("origin") == ANONYMOUS)
        .then(pl.lit(None, pl.String))
        .when(pl.col("second_at") <= pl.col("at"))
        .then("second_email")
        .otherwise("account_email")
    )
    return orders.with_columns(order_email=email)


def _order_versions(world: World, orders: pl.DataFrame) -> pl.DataFrame:
    """States of an order: placed, paid, refunded in part or in whole; a cancelled one is voided at once."""
    base = orders.select("order", "origin", "net_cents", placed_at="at")
    voided = pl.col("origin") == CANCELLED
    pending = (pl.col("order") % 5 == 0) & ~voided
    status = pl.when(voided).then(pl.lit("voided")).when(pending).then(pl.lit("pending")).otherwise(pl.lit("paid"))
    placed = base.with_columns(_at="placed_at", status=status, refunded_cents=pl.lit(0, pl.Int64))
    paid = base.filter(pending).with_columns(
        _at=pl.col("placed_at") + DAY + pl.col("order") % 7 * 9_000,
        status=pl.lit("paid"),
        refunded_cents=pl.lit(0, pl.Int64),
    )
    refunds = (
        world.returns.filter(~pl.col("is_business"))
        .sort("order", "returned_at", maintain_order=True)
        .with_columns(refunded_cents=pl.col("refund_cents").cum_sum().over("order"))
    )
    refunded = refunds.select("order", "refunded_cents", _at="returned_at").join(
        base, on="order", how="inner", maintain_order="left"
    )
    whole = pl.col("refunded_cents") >= pl.col("net_cents")
    refunded = refunded.with_columns(status=flag(whole, true="refunded", false="partially_refunded"))
    return pl.concat([placed, paid, refunded.select(placed.columns)]).select("order", "status", "refunded_cents", "_at")


def _order_layout(world: World, orders: pl.DataFrame) -> Layout:
    ids = [product.product_id for product in world.company.products]
    titles = [product.name for product in world.company.products]
    campaigns = {campaign.number: campaign.campaign_id for campaign in world.marketing.campaigns}
    heads = orders.select("order", "at", "order_email", "net_cents", "discount_cents", "origin", "campaign", "city")

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        joined = (
            rows.sort("order")
            .join(heads, on="order", how="left", maintain_order="left")
            .join(
                world.lines.select(
                    "order", "line", "product", "quantity", "unit_cents", line_discount="discount_cents"
                ),
                on="order",
                how="left",
                maintain_order="left",
            )
        )
        shipping = pl.when(pl.col("net_cents") < 4_000).then(490).otherwise(0)
        taxes = pl.col("net_cents") * 19 // 100
        joined = joined.with_columns(shipping=shipping, taxes=taxes).with_columns(
            total=pl.col("net_cents") + pl.col("shipping") + pl.col("taxes")
        )
        head = pl.col("line") == 1

        def first(expression: pl.Expr) -> pl.Expr:
            return pl.when(head).then(expression)

        code = pl.col("campaign").replace_strict(campaigns, default=None, return_dtype=pl.String)
        return joined.select(
            **{
                "Name": shop_order_name(),
                "Email": first(pl.col("order_email")),
                "Financial Status": first(pl.col("status")),
                "Fulfillment Status": first(flag(pl.col("status") == "paid", true="fulfilled", false="unfulfilled")),
                "Currency": first(pl.lit("EUR")),
                "Subtotal": first(money("net_cents")),
                "Shipping": first(money("shipping")),
                "Taxes": first(money("taxes")),
                "Total": first(money("total")),
                "Discount Code": first(code),
                "Discount Amount": first(money("discount_cents")),
                "Refunded Amount": first(money("refunded_cents")),
                "Created at": first(local_text("at", STAMP)),
                "Source": first(flag(pl.col("origin") == ANONYMOUS, true="pos", false="web")),
                "Tags": first(pl.when(pl.col("origin") == TEST).then(pl.lit("test"))),
                "Lineitem quantity": pl.col("quantity"),
                "Lineitem name": words_by(pl.col("product"), titles),
                "Lineitem price": money("unit_cents"),
                "Lineitem sku": words_by(pl.col("product"), ids),
                "Lineitem discount": money("line_discount"),
            }
        )

    return layout


def _refunds(world: World) -> pl.DataFrame:
    return world.returns.filter(~pl.col("is_business")).with_columns(_at="returned_at")


def _refund_layout(world: World) -> Layout:
    ids = [product.product_id for product in world.company.products]

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            **{
                "Refund ID": pl.concat_str(pl.lit("R"), (pl.col("return_number") + 800_000).cast(pl.String)),
                "Order": shop_order_name(),
                "Line": pl.col("line"),
                "Lineitem sku": words_by(pl.col("product"), ids),
                "Quantity": pl.col("quantity"),
                "Amount": money("refund_cents"),
                "Processed at": local_text("returned_at", STAMP),
                "Reason": words_by(pl.col("reason"), list(REASONS)),
            }
        )

    return layout
