"""The cost ledger: what personnel, production, overhead, marketing, the club and vouchers truly cost each month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import CANCELLED
from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Random, chance, stream
from dagster_project.simulation.horizon import DAY, HOUR, NEVER, Horizon, office_hours
from dagster_project.simulation.loyalty import Loyalty
from dagster_project.simulation.marketing import Marketing
from dagster_project.simulation.people import CHANNELS, People
from dagster_project.simulation.sales import Sales
from dagster_project.simulation.service import MERGED, Service

TYPES = ("personnel", "production", "overhead", "marketing", "loyalty", "discount")
PURPOSES = ("acquisition", "retention", "service", "general")
MOVED_AT, LICENCE_AT = 0.4, 0.55
COLUMNS = {
    "booked_at": pl.Int64,
    "cost_type": pl.String,
    "purpose": pl.String,
    "center": pl.String,
    "cents": pl.Int64,
    "currency": pl.String,
    "driver": pl.String,
    "campaign": pl.Int64,
    "channel": pl.String,
    "person": pl.Int64,
    "text": pl.String,
}


@dataclass(frozen=True)
class Causes:
    """What happened that costs money."""

    people: People
    customers: pl.DataFrame
    sales: Sales
    orders: pl.DataFrame
    returns: pl.DataFrame
    marketing: Marketing
    service: Service
    loyalty: Loyalty


def make_costs(company: Company, horizon: Horizon, *, causes: Causes, seed: int) -> pl.DataFrame:
    """Draw the ledger.

    Returns:
        One row per posting: entry, booked_at, cost_type, purpose, center, cents (negative for a correction),
        currency, driver (null: left to the allocation rules), campaign, channel, person (of a direct cost), text,
        cancelled_at, restated_at (until then the amount was `first_cents`).
    """
    random = stream(seed, "costs")
    parts = [
        _service(company, causes.service),
        _sellers(company, causes.sales),
        _marketing(company, causes.marketing),
        _acquisition(company, random, people=causes.people, customers=causes.customers),
        _shares_of_revenue(company, orders=causes.orders, returns=causes.returns),
        _club(company, causes.loyalty, horizon),
    ]
    monthly = _posted([part for part in parts if part.height], horizon)
    single = [_gifts(company, horizon, random, customers=causes.customers), _once(company, horizon, causes.people)]
    booked = pl.concat([monthly, *single]).sort(
        "booked_at", "cost_type", "purpose", "center", "channel", "campaign", "person"
    )
    ledger = pl.concat([booked, _corrections(company, random, booked=booked)])
    ledger = ledger.filter(pl.col("booked_at").is_between(horizon.first_second, horizon.end_second - 1))
    ledger = ledger.sort("booked_at", "cost_type", "purpose", "center", "channel", "campaign", "person", "cents")
    size, at = ledger.height, ledger["booked_at"].to_numpy()
    cancelled = chance(random, company.costs.cancelled_share, size)
    restated = chance(random, company.costs.restated_share, size) & ~cancelled
    return ledger.with_columns(
        entry=pl.int_range(pl.len(), dtype=pl.Int64),
        cancelled_at=np.where(cancelled, at + 10 * DAY, NEVER),
        restated_at=np.where(restated, at + 6 * DAY, NEVER),
        first_cents=np.where(restated, ledger["cents"].to_numpy() * 11 // 10, ledger["cents"].to_numpy()),
    )


def month_of(column: str = "at") -> pl.Expr:
    """First day of the calendar month of a second, as a date."""
    return pl.from_epoch(pl.col(column), time_unit="s").dt.date().dt.truncate("1mo")


def _monthly(frame: pl.DataFrame, at: str, cents: pl.Expr, **fixed: pl.Expr | str | None) -> pl.DataFrame:
    """One amount per calendar month and value of the fixed expressions."""
    named = {
        name: value if isinstance(value, pl.Expr) else pl.lit(value, COLUMNS[name]) for name, value in fixed.items()
    }
    keyed = frame.with_columns(month=month_of(at), **named)
    return keyed.group_by("month", *named, maintain_order=True).agg(cents=cents.sum()).filter(pl.col("cents") != 0)


def _posted(parts: list[pl.DataFrame], horizon: Horizon) -> pl.DataFrame:
    """Months are booked on their last day, or on the last day of the horizon."""
    frame = pl.concat(parts, how="diagonal")
    following = pl.col("month").dt.offset_by("1mo").cast(pl.Int32).cast(pl.Int64) * DAY
    frame = frame.with_columns(booked_at=pl.min_horizontal(following, pl.lit(horizon.end_second, pl.Int64)) - 8 * HOUR)
    return _complete(frame)


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    missing = [pl.lit(None, kind).alias(name) for name, kind in COLUMNS.items() if name not in frame.columns]
    frame = frame.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())
    return frame.with_columns(pl.col("currency").fill_null("EUR"))


def _service(company: Company, service: Service) -> pl.DataFrame:
    """Answers of agents at the cost of a contact, and the rooms and lines they need."""
    answers = service.messages.filter((pl.col("author") == 1) & pl.col("is_public") & (pl.col("kind") < MERGED))
    personnel = _monthly(
        answers.with_columns(cost=pl.lit(company.service.cost_per_contact_cents, pl.Int64)),
        "at",
        pl.col("cost"),
        cost_type="personnel",
        purpose="service",
        center="4100 Kundendienst",
        driver=None,
        text="Personalkosten Kundendienst",
    )
    overhead = personnel.with_columns(
        cost_type=pl.lit("overhead"),
        cents=(pl.col("cents") * company.costs.service_overhead_share).cast(pl.Int64),
        driver=pl.lit("service_contacts"),
        text=pl.lit("Umlage Räume und Technik"),
    )
    return pl.concat([personnel, overhead])


def _sellers(company: Company, sales: Sales) -> pl.DataFrame:
    """Activities before and during a first deal win customers, all others keep them."""
    firsts = sales.opportunities.filter("is_first").select("opportunity", is_first=pl.lit(value=True))
    activities = sales.activities.join(firsts, on="opportunity", how="left", maintain_order="left")
    new = pl.col("lead").is_not_null() | pl.col("is_first").fill_null(value=False)
    purpose = pl.when(new).then(pl.lit("acquisition")).otherwise(pl.lit("retention"))
    center = pl.when(new).then(pl.lit("4200 Vertrieb Neukunden")).otherwise(pl.lit("4210 Vertrieb Bestandskunden"))
    return _monthly(
        activities.with_columns(cost=pl.lit(company.costs.activity_cents, pl.Int64)),
        "occurred_at",
        pl.col("cost"),
        cost_type="personnel",
        purpose=purpose,
        center=center,
        text="Personalkosten Vertrieb",
    )


def _marketing(company: Company, market: Marketing) -> pl.DataFrame:
    """Who was addressed costs postage and work: by campaign, and the people of the department."""
    law = company.marketing
    letters = [campaign.number for campaign in market.campaigns if campaign.kind == "letter"]
    postage = pl.when(pl.col("campaign").is_in(letters)).then(law.letter_cents).otherwise(law.mail_cents)
    addressed = market.contacts.filter(~pl.col("is_control")).with_columns(
        cost=postage.cast(pl.Int64) + company.costs.mailing_cents, work=pl.lit(company.costs.contacted_cents, pl.Int64)
    )
    mailings = _monthly(
        addressed,
        "at",
        pl.col("cost"),
        cost_type="marketing",
        purpose="retention",
        center="4310 Kampagnen",
        driver="campaign_contacts",
        campaign=pl.col("campaign"),
        text="Kampagne",
    )
    people = _monthly(
        addressed,
        "at",
        pl.col("work"),
        cost_type="personnel",
        purpose="retention",
        center="4300 Marketing",
        driver="campaign_contacts",
        text="Personalkosten Marketing",
    )
    return pl.concat([mailings, people], how="diagonal")


def _acquisition(company: Company, random: Random, *, people: People, customers: pl.DataFrame) -> pl.DataFrame:
    """Advertising by the channel that new customers came through."""
    costs = dict(company.costs.acquisition_cents)
    cents = pl.col("channel").replace_strict(
        range(len(CHANNELS)), [costs.get(channel, 0) for channel in CHANNELS], return_dtype=pl.Int64
    )
    factor = pl.when("is_business").then(company.costs.business_factor).otherwise(1)
    noise = 0.7 + 0.6 * random.random(customers.height)
    new = customers.join(people.frame.select("person", "channel"), on="person", how="left", maintain_order="left")
    return _monthly(
        new.with_columns(cost=(cents * factor * pl.Series(noise)).cast(pl.Int64)),
        "first_at",
        pl.col("cost"),
        cost_type="marketing",
        purpose="acquisition",
        center="4320 Werbung",
        channel=pl.col("channel").replace_strict(range(len(CHANNELS)), CHANNELS, return_dtype=pl.String),
        text="Werbung",
    )


def _shares_of_revenue(company: Company, *, orders: pl.DataFrame, returns: pl.DataFrame) -> pl.DataFrame:
    """What grows with the business: replacements, administration, premises, vouchers, handling of returns."""
    law = company.costs
    revenue = _monthly(orders.filter(pl.col("origin") < CANCELLED), "at", pl.col("net_cents"))
    handled = _monthly(
        returns.with_columns(cost=pl.lit(650, pl.Int64)),
        "returned_at",
        pl.col("cost"),
        cost_type="production",
        purpose="service",
        center="5200 Retouren",
        driver="orders",
        text="Aufarbeitung Retouren",
    )
    rows = (
        ("production", "retention", "5100 Kulanz", None, law.replacement_share, "Kulanzgeräte"),
        ("overhead", "general", "9000 Verwaltung", "none", law.overhead_share, "Verwaltungskosten"),
        ("overhead", "retention", "9100 Gebäude", "customers", law.premises_share, "Kundenzentrum"),
        ("overhead", "acquisition", "9100 Gebäude", None, law.premises_share / 2, "Vorführraum"),
        ("discount", "retention", "6100 Gutscheine", "revenue", law.voucher_share, "Gutscheine"),
    )
    shares = [
        revenue.with_columns(
            cents=(pl.col("cents") * share).cast(pl.Int64),
            cost_type=pl.lit(cost_type),
            purpose=pl.lit(purpose),
            center=pl.lit(center),
            driver=pl.lit(driver, pl.String),
            text=pl.lit(text),
        )
        for cost_type, purpose, center, driver, share, text in rows
    ]
    return pl.concat([*shares, handled], how="diagonal")


def _club(company: Company, loyalty: Loyalty, horizon: Horizon) -> pl.DataFrame:
    """Rewards at what they cost, and the administration of each account in each month it is open."""
    rewards = _monthly(
        loyalty.transactions.drop_nulls("reward_cents"),
        "at",
        pl.col("reward_cents"),
        cost_type="loyalty",
        purpose="retention",
        center="6200 Kundenclub",
        driver="points",
        text="Prämien",
    )
    months = pl.date_range(horizon.start.replace(day=1), horizon.end, "1mo", eager=True).alias("month").to_frame()
    joined = loyalty.members.group_by(month=month_of("joined_at")).agg(came=pl.len().cast(pl.Int64))
    left = loyalty.members.filter(pl.col("left_at") < NEVER).group_by(month=month_of("left_at"))
    counts = (
        months.join(joined, on="month", how="left", maintain_order="left")
        .join(left.agg(went=pl.len().cast(pl.Int64)), on="month", how="left", maintain_order="left")
        .fill_null(0)
    )
    # Who leaves is paid for up to and including that month.
    open_accounts = pl.col("came").cum_sum() - pl.col("went").cum_sum() + pl.col("went")
    accounts = counts.select(
        "month",
        cost_type=pl.lit("loyalty"),
        purpose=pl.lit("retention"),
        center=pl.lit("6200 Kundenclub"),
        driver=pl.lit(None, pl.String),
        text=pl.lit("Verwaltung Kundenclub"),
        cents=open_accounts * company.costs.member_cents,
    ).filter(pl.col("cents") > 0)
    return pl.concat([rewards, accounts], how="diagonal")


def _gifts(company: Company, horizon: Horizon, random: Random, *, customers: pl.DataFrame) -> pl.DataFrame:
    """Invitations and presents to a single company: known to the cent whose cost it is."""
    firms = customers.filter(pl.col("is_business"))
    since, until = firms["first_at"].to_numpy(), np.minimum(firms["dropped_at"].to_numpy(), horizon.end_second)
    span = np.maximum(until - since - 3 * DAY, 0)
    row = np.repeat(np.arange(firms.height), random.poisson(company.costs.gifts_per_year * span / (365.25 * DAY)))
    at = since[row] + 2 * DAY + (span[row] * random.random(row.size)).astype(np.int64)
    frame = firms[row].select(
        "person",
        booked_at=office_hours(at),
        cents=random.integers(40, 600, row.size) * 100,
        cost_type=pl.lit("marketing"),
        purpose=pl.lit("retention"),
        center=pl.lit("4330 Kundenveranstaltungen"),
        driver=pl.lit("direct"),
        text=pl.lit("Einladung"),
    )
    return _complete(frame)


def _once(company: Company, horizon: Horizon, people: People) -> pl.DataFrame:
    """A licence in US dollars, and a removal whose cost nobody knows how to share out."""
    law, size = company.costs, people.customers
    at = [int(office_hours(np.array([horizon.share(share)]))[0]) for share in (LICENCE_AT, MOVED_AT)]
    frame = pl.DataFrame(
        {
            "booked_at": at,
            "cost_type": ["overhead", "overhead"],
            "purpose": ["general", "retention"],
            "center": ["9200 EDV", "9100 Gebäude"],
            "cents": [law.licence_usd_cents_per_customer * size, law.move_cents_per_customer * size],
            "currency": ["USD", "EUR"],
            "driver": ["customers", "none"],
            "text": ["Lizenz CRM", "Umzug Kundenzentrum"],
        }
    )
    return _complete(frame)


def _corrections(company: Company, random: Random, *, booked: pl.DataFrame) -> pl.DataFrame:
    """Part of a posting taken back on the fifth of the following month."""
    law = company.costs
    chosen = booked.filter(pl.Series(chance(random, law.corrected_share, booked.height)))
    following = month_of("booked_at").dt.offset_by("1mo").cast(pl.Int32).cast(pl.Int64) * DAY
    return chosen.with_columns(
        booked_at=following + 4 * DAY + 9 * HOUR,
        cents=-(pl.col("cents") * law.corrected_percent // 100),
        text=pl.concat_str(pl.lit("Korrektur "), "text"),
    ).filter(pl.col("cents") != 0)
