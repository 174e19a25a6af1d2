"""How people react to the lists of the warehouse: messages, opens, clicks, orders; no file is read or written here.

Every draw belongs to the seed, the list, the person and the night, never to a place in a stream: the base history keeps
its bytes, and a list that left is answered the same way whenever it is looked at and whatever left beside it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import CAMPAIGN, CANCELLED, ORDER_COLUMNS, price_at
from dagster_project.simulation.company import ReactionLaw
from dagster_project.simulation.draws import Bools, Floats, Ints, keyed
from dagster_project.simulation.horizon import DAY, next_office_time
from dagster_project.simulation.marketing import CLICK, CONVERSION, OPEN, UNSUBSCRIBE, Campaign, Marketing
from dagster_project.simulation.world import World

EPOCH = date(1970, 1, 1)
NIGHT_STEP = 10_000_000
"""Orders and consents of a night are numbered from its day times this, by person: no order of events decides."""

REBATE_PERCENT = 10


@dataclass(frozen=True)
class Mailing:
    """A list that left: who is new on it, as the campaign tool sees them.

    `people` has `customer_key` and, once it is known whose each is, `person`.
    """

    segment: str
    night: date
    channel: str
    purpose: str
    outcome_days: int
    people: pl.DataFrame

    @property
    def campaign(self) -> Campaign:
        """The message, sent the morning after."""
        name = self.segment.removeprefix("seg_")
        day = self.night + timedelta(days=1)
        campaign_id = f"L{self.night:%Y%m%d}-{name.upper()}"
        title = f"{name.replace('_', ' ').capitalize()} {day:%d.%m.%Y}"
        number = zlib.crc32(campaign_id.encode())
        return Campaign(number, campaign_id, title, self._kind, day, target_group=self.segment, medium=self.channel)

    @property
    def _kind(self) -> str:
        if self.purpose == "service":
            return "service"
        return next((kind for kind in ("cross_sell", "win_back") if kind in self.segment), "newsletter")


@dataclass(frozen=True)
class Reaction:
    """What came of the lists of one night.

    Args:
        world: The company with these messages and orders instead of its own.
        contacts: One row per person who was addressed: segment, night, person_id, customer_key, argument, probability
            (that the message makes it order once more), is_converted, order_at, would_have_bought (in the outcome
            window, without any message).
        unreachable: Members of the lists whom the campaign tool does not know.
    """

    world: World
    contacts: pl.DataFrame
    unreachable: int


def react(world: World, mailings: Sequence[Mailing], *, law: ReactionLaw) -> Reaction:
    """Send the lists of one night and let people answer.

    Args:
        world: The company as it is without lists.
        mailings: The lists of one night, at least one.
        law: The true effect.
    """
    sent, unreachable = _sent(world, mailings)
    drawn = _answers(world, sent, law=law)
    campaigns = tuple(mailing.campaign for mailing in mailings)
    orders = _orders(drawn.filter("is_converted"))
    lines = _lines(world, orders)
    totals = lines.group_by("order", maintain_order=True).agg(pl.col("net_cents", "discount_cents").sum())
    orders = orders.join(totals, on="order", how="left", maintain_order="left")
    acted = replace(
        world,
        orders=orders,
        lines=lines,
        returns=world.returns.clear(),
        marketing=_marketing(world, drawn, campaigns=campaigns),
    )
    return Reaction(acted, _truth(world, drawn), unreachable)


def _sent(world: World, mailings: Sequence[Mailing]) -> tuple[pl.DataFrame, int]:
    """One message per person and night; whoever stands on two lists under two keys gets the first."""
    parts = [
        mailing.people.select(
            "person",
            "customer_key",
            segment=pl.lit(mailing.segment),
            channel=pl.lit(mailing.channel),
            campaign=pl.lit(mailing.campaign.number, pl.Int64),
            sent_at=pl.lit(mailing.campaign.sent_at, pl.Int64),
            night=pl.lit((mailing.night - EPOCH).days, pl.Int64),
            outcome_days=pl.lit(mailing.outcome_days, pl.Int64),
            list_key=pl.lit(zlib.crc32(mailing.segment.encode()), pl.Int64),
            factor_of=pl.lit(mailing.segment),
        )
        for mailing in sorted(mailings, key=lambda one: one.segment)
    ]
    listed = pl.concat(parts)
    wanted = listed.filter(pl.col("person") >= 0).unique("person", keep="first", maintain_order=True)
    members = world.marketing.members.select("person", "member", "email", "is_scanned", "is_business", "spend_rate")
    known = wanted.join(members, on="person", how="inner", maintain_order="left")
    laws = world.customers.select("person", "dropped_at", group="segment")
    joined = known.join(laws, on="person", how="left", maintain_order="left").sort("campaign", "person")
    strangers = listed.filter(pl.col("person") < 0).height + wanted.height - known.height
    return joined.with_columns(pl.col("spend_rate").fill_null(0.2)), strangers


def _answers(world: World, sent: pl.DataFrame, *, law: ReactionLaw) -> pl.DataFrame:
    """Everything that is drawn about a message, a column each."""
    keys = [sent[name].to_numpy() for name in ("list_key", "person", "night")]

    def uniform(name: str) -> Floats:
        return keyed(world.seed, f"reaction/{name}", *keys)

    def chance(name: str, share: float | Floats) -> Bools:
        return np.asarray(uniform(name) < share, dtype=np.bool_)

    argument = (uniform("argument") * len(world.company.arguments)).astype(np.int64)
    probability = _probability(world, sent, argument=argument, law=law)
    converts = chance("converts", probability)
    by_mail = sent["channel"].to_numpy() == "email"
    base = world.company.marketing
    at = sent["sent_at"].to_numpy() + (uniform("minute") * 3_600).astype(np.int64)
    opened_at = at + 60 - (np.log1p(-uniform("opening")) * law.open_days * DAY).astype(np.int64)
    clicked_at = opened_at + 10 + (uniform("clicking") * 290).astype(np.int64)
    bought_at = clicked_at + 600 + (uniform("buying") * law.buying_days * DAY).astype(np.int64)
    bought_at = np.where(sent["is_business"].to_numpy(), next_office_time(bought_at), bought_at)
    latest = (sent["night"].to_numpy() + sent["outcome_days"].to_numpy() + 1) * DAY - 2 * 3_600
    opens = (chance("opens", base.open) | converts) & by_mail
    return sent.with_columns(
        argument=argument,
        variant=argument // 2,
        probability=probability,
        is_converted=converts,
        is_opened=opens,
        is_clicked=opens & (chance("clicks", base.click_when_open) | converts),
        is_leaving=opens & chance("leaves", base.unsubscribe / base.open) & ~converts,
        is_scanned=sent["is_scanned"].to_numpy() & by_mail,
        at=at,
        opened_at=opened_at,
        clicked_at=clicked_at,
        left_at=opened_at + 400 + (uniform("leaving") * 500).astype(np.int64),
        bought_at=np.minimum(bought_at, latest),
        pack=1 + (uniform("pack") * 3).astype(np.int64),
        taste=(uniform("taste") * 1_000).astype(np.int64),
    )


def _probability(world: World, sent: pl.DataFrame, *, argument: Ints, law: ReactionLaw) -> Floats:
    """The true effect: what the argument does, stretched by the list, on customers who have not dropped out."""
    effects = np.array([entry.effect for entry in world.company.arguments])[argument]
    factors = sent["factor_of"].replace_strict(law.factors, default=1.0, return_dtype=pl.Float64).to_numpy()
    effect = effects * factors if law.effect is None else np.full(sent.height, law.effect)
    is_alive = sent["dropped_at"].fill_null(0).to_numpy() > sent["sent_at"].to_numpy()
    return np.clip(np.where(is_alive, effect, 0.0), 0.0, 1.0)


def _orders(buyers: pl.DataFrame) -> pl.DataFrame:
    orders = buyers.with_columns(
        at=pl.col("bought_at"),
        segment=pl.col("group"),
        number=pl.lit(5, pl.Int64),
        origin=pl.lit(CAMPAIGN, pl.Int64),
        deal_cents=pl.lit(0, pl.Int64),
        opportunity=pl.lit(None, pl.Int64),
        order=pl.col("night") * NIGHT_STEP + pl.col("person"),
    )
    return orders.select(*ORDER_COLUMNS, "order", "pack", "taste").sort("at", "order")


def _lines(world: World, orders: pl.DataFrame) -> pl.DataFrame:
    """One line each: some packs of beans with the rebate of the message."""
    company, beans = world.company, {}
    for name in ("beans", "beans_office"):
        places = company.product_indices(name)
        beans[name] = np.array([place for place in places if company.products[place].discontinued_share is None])
    taste = orders["taste"].to_numpy()
    office, home = (beans[name][taste % beans[name].size] for name in ("beans_office", "beans"))
    product = np.where(orders["is_business"].to_numpy(), office, home)
    risen = orders["at"].to_numpy() >= world.horizon.share(company.price_rise_share)
    unit = price_at(company, np.array([one.price for one in company.products])[product], risen)
    cost = price_at(company, np.array([one.cost or 0 for one in company.products])[product], risen)
    quantity = orders["pack"].to_numpy()
    discount = unit * quantity * REBATE_PERCENT // 100
    return orders.select(
        "order",
        product=pl.Series(product),
        quantity=pl.Series(quantity),
        line=pl.lit(1, pl.Int64),
        unit_cents=pl.Series(unit),
        cost_cents=pl.Series(cost),
        discount_cents=pl.Series(discount),
        net_cents=pl.Series(unit * quantity - discount),
    )


def _marketing(world: World, drawn: pl.DataFrame, *, campaigns: tuple[Campaign, ...]) -> Marketing:
    def responses(kind: int, condition: str, at: str, *, delay: int = 0, is_bot: bool = False) -> pl.DataFrame:
        return drawn.filter(condition).select(
            "campaign",
            "member",
            "person",
            kind=pl.lit(kind, pl.Int64),
            at=pl.col(at) + delay,
            is_bot=pl.lit(is_bot),
        )

    said = [
        responses(OPEN, "is_opened", "opened_at"),
        responses(CLICK, "is_clicked", "clicked_at"),
        responses(UNSUBSCRIBE, "is_leaving", "left_at"),
        responses(CONVERSION, "is_converted", "bought_at"),
        responses(OPEN, "is_scanned", "at", delay=5, is_bot=True),
        responses(CLICK, "is_scanned", "at", delay=7, is_bot=True),
    ]
    contacts = drawn.select(
        *("campaign", "member", "person", "at", "argument", "variant"),
        wave=pl.lit(1, pl.Int64),
        is_control=pl.lit(value=False),
    )
    consents = drawn.filter("is_leaving").select(
        *("person", "member", "email"),
        at="left_at",
        status=pl.lit("withdrawn"),
        purpose=pl.lit("marketing"),
        channel=pl.lit("email"),
        evidence=pl.lit("unsubscribe link"),
        consent=pl.col("night") * NIGHT_STEP + pl.col("person"),
    )
    return replace(
        world.marketing,
        campaigns=campaigns,
        contacts=contacts.sort("at", "campaign", "member"),
        responses=pl.concat(said).sort("at", "campaign", "member", "kind"),
        consents=consents.sort("at", "member"),
        suppressions=world.marketing.suppressions.clear(),
        extra_orders=world.marketing.extra_orders.clear(),
    )


def _truth(world: World, drawn: pl.DataFrame) -> pl.DataFrame:
    names = dict(enumerate(argument.name for argument in world.company.arguments))
    bought = world.orders.filter((pl.col("origin") < CANCELLED) & (pl.col("person") >= 0)).select(
        "person", day=pl.col("at") // DAY
    )
    anyway = (
        drawn.select("person", "night", "outcome_days")
        .join(bought, on="person", how="inner")
        .filter(pl.col("day") > pl.col("night"), pl.col("day") <= pl.col("night") + pl.col("outcome_days"))
        .select("person", would_have_bought=pl.lit(value=True))
        .unique("person")
    )
    joined = drawn.join(anyway, on="person", how="left", maintain_order="left")
    return joined.select(
        "segment",
        pl.col("night").cast(pl.Int32).cast(pl.Date),
        "person",
        "customer_key",
        pl.col("argument").replace_strict(names, return_dtype=pl.String),
        "probability",
        "is_converted",
        pl.col("would_have_bought").fill_null(value=False),
        order_at=pl.when("is_converted").then(pl.from_epoch("bought_at", time_unit="s")),
    ).sort("segment", "night", "person")
