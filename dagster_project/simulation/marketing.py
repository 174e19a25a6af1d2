"""Consent, campaigns, who was addressed with which argument, how people reacted, and what it truly moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from dagster_project.simulation.company import Company, MarketingLaw
from dagster_project.simulation.draws import Bools, Ints, Random, chance, pick, stream
from dagster_project.simulation.horizon import DAY, NEVER, Horizon
from dagster_project.simulation.people import People

KINDS = ("newsletter", "cross_sell", "win_back", "letter")
PURPOSES = {
    "newsletter": "retention",
    "cross_sell": "cross_sell",
    "win_back": "win_back",
    "letter": "retention",
    "service": "service",
}
RESPONSES = ("open", "click", "unsubscribe", "bounce", "conversion")
OPEN, CLICK, UNSUBSCRIBE, BOUNCE, CONVERSION = range(5)
SLEEPING_DAYS = 120
SERVICE_CALLS_SHARE = 0.6


@dataclass(frozen=True)
class Campaign:
    """One mailing with the day it went out; `target_group` is the list of the warehouse it was sent to, if any."""

    number: int
    campaign_id: str
    name: str
    kind: str
    day: date
    target_group: str | None = None
    medium: str | None = None

    @property
    def channel(self) -> str:
        """How people are addressed: by e-mail if nothing else was planned."""
        return self.medium or ("letter" if self.kind == "letter" else "email")

    @property
    def sent_at(self) -> int:
        """Nine o'clock in the morning, Berlin winter time."""
        return int(datetime(self.day.year, self.day.month, self.day.day, 8, tzinfo=UTC).timestamp())

    @property
    def is_experiment(self) -> bool:
        """Whether a control group was left out."""
        return self.kind in ("cross_sell", "win_back")

    @property
    def has_waves(self) -> bool:
        """Whether it goes out in two waves."""
        return self.kind != "letter" and self.number % 2 == 1


@dataclass(frozen=True)
class Marketing:
    """Members with their consent, campaigns, contacts, responses, consent statements, suppressions, extra orders."""

    members: pl.DataFrame
    campaigns: tuple[Campaign, ...]
    contacts: pl.DataFrame
    responses: pl.DataFrame
    consents: pl.DataFrame
    suppressions: pl.DataFrame
    extra_orders: pl.DataFrame


def plan_campaigns(horizon: Horizon) -> tuple[Campaign, ...]:
    """A newsletter each month, a cross-selling test each quarter, win-back mails and letters twice a year."""
    planned: list[tuple[date, str]] = []
    first = horizon.start + timedelta(days=20)
    for step in range(horizon.months + 1):
        day = first + timedelta(days=round(step * 30.4))
        kinds = ["newsletter"]
        kinds += ["cross_sell"] if step % 3 == 2 else []
        kinds += ["win_back"] if step % 6 == 4 else []
        kinds += ["letter"] if step % 6 == 5 else []
        planned += [(day + timedelta(days=3 * place), kind) for place, kind in enumerate(kinds)]
    shorts = {"newsletter": "NL", "cross_sell": "CS", "win_back": "WB", "letter": "BR"}
    return tuple(
        Campaign(number, f"K{day:%Y%m}-{shorts[kind]}", f"{kind.replace('_', ' ').title()} {day:%m/%Y}", kind, day)
        for number, (day, kind) in enumerate(entry for entry in planned if entry[0] <= horizon.end)
    )


def make_marketing(
    company: Company, horizon: Horizon, *, people: People, customers: pl.DataFrame, orders: pl.DataFrame, seed: int
) -> Marketing:
    """Run all campaigns in order; an unsubscription takes effect before the next one.

    Args:
        company: Parameters.
        horizon: Simulated time.
        people: Identities.
        customers: person, first_at, dropped_at, spend_rate of everybody who buys.
        orders: Purchases so far (person, at), to know who slept for how long.
        seed: Seed of the company.
    """
    random = stream(seed, "marketing")
    members = _members(company.marketing, horizon, random, people=people, customers=customers)
    runner = _Runner(company, horizon, random, members=members, orders=orders)
    campaigns = plan_campaigns(horizon)
    for campaign in campaigns:
        runner.run(campaign)
    members = members.with_columns(withdrawn_at=runner.withdrawn_at)
    members = _granted_again(company.marketing, random, members=members)
    contacts, responses = runner.contacts(), runner.responses()
    consents = _consents(members)
    return Marketing(
        members,
        campaigns,
        contacts.filter(pl.col("at") < horizon.end_second),
        responses.filter(pl.col("at") < horizon.end_second),
        pl.concat([consents, _service_consents(members, first=consents.height, seed=seed)]).sort(
            "at", "consent", maintain_order=True
        ),
        _suppressions(members, responses, random=random),
        runner.extra_orders(),
    )


def _members(
    law: MarketingLaw, horizon: Horizon, random: Random, *, people: People, customers: pl.DataFrame
) -> pl.DataFrame:
    frame = people.frame.select(
        "person", "segment", "is_business", "role", "born_at", "has_phone", "is_holdout", "email", "link"
    ).join(
        customers.select("person", "first_at", "dropped_at", "spend_rate"),
        on="person",
        how="left",
        maintain_order="left",
    )
    size = frame.height
    share = np.where(
        frame["role"].to_numpy() == 1, 1.0, np.where(people.is_business, law.signup_business, law.signup_buyer)
    )
    signs = chance(random, share, size) & (frame["role"].to_numpy() < 2)
    known = frame.select(pl.coalesce("first_at", "born_at")).to_series().to_numpy()
    later = known + (random.random(size) * 300 * DAY).astype(np.int64)
    at_once = chance(random, 0.75, size) & ~people.is_business
    signup = np.where(at_once, known + 90, later)
    confirmed = np.where(
        chance(random, law.confirmed, size), signup + (random.exponential(0.3, size) * DAY).astype(np.int64) + 60, NEVER
    )
    withdrawn = confirmed + (random.exponential(365.0 / law.withdrawn_per_year, size) * DAY).astype(np.int64)
    main = people.contacts.filter(pl.col("place") == 0).select("person", contact_email="email")
    members = frame.with_columns(
        signup_at=signup,
        confirmed_at=confirmed,
        withdrawn_at=np.where(confirmed < NEVER, withdrawn, NEVER),
        uses_mailbox=chance(random, 0.5, size)
        | (frame["link"].to_numpy() != 0)
        | frame["first_at"].is_null().to_numpy(),
        gives_phone=chance(random, np.where(people.is_business, 0.45, 0.18), size),
        gives_analytics=chance(random, 0.5, size),
        is_scanned=chance(random, law.scanned_share, size),
    ).join(main, on="person", how="left", maintain_order="left")
    members = members.filter(pl.Series(signs) & (pl.col("signup_at") < horizon.end_second))
    address = pl.when(pl.col("is_business") & ~pl.col("uses_mailbox")).then("contact_email").otherwise("email")
    return (
        members.with_columns(email=address)
        .sort("signup_at", "person", maintain_order=True)
        .with_columns(member=pl.int_range(pl.len(), dtype=pl.Int64))
    )


class _Runner:
    """Sends one campaign after the other and keeps what came of it."""

    def __init__(
        self, company: Company, horizon: Horizon, random: Random, *, members: pl.DataFrame, orders: pl.DataFrame
    ) -> None:
        self.law, self.arguments, self.random, self.horizon = company.marketing, company.arguments, random, horizon
        self.members = members
        self.person, self.confirmed_at = members["person"].to_numpy(), members["confirmed_at"].to_numpy()
        self.business, self.holdout = members["is_business"].to_numpy(), members["is_holdout"].to_numpy()
        self.first_at = members["first_at"].fill_null(NEVER).to_numpy()
        self.dropped_at = members["dropped_at"].fill_null(0).to_numpy()
        self.scanned = members["is_scanned"].to_numpy()
        self.withdrawn_at: Ints = members["withdrawn_at"].to_numpy().copy()
        self.bounced = np.zeros(members.height, dtype=bool)
        self.bought = orders.filter(pl.col("person") >= 0).select("person", "at").sort("person", "at")
        self._contacts: list[pl.DataFrame] = []
        self._responses: list[pl.DataFrame] = []
        self._orders: list[pl.DataFrame] = []

    def run(self, campaign: Campaign) -> None:
        """Choose, address, listen."""
        at = campaign.sent_at
        may = (self.confirmed_at <= at) & (at < self.withdrawn_at) & ~self.bounced
        chosen = np.flatnonzero(may & self._wanted(campaign))
        control = self.holdout[chosen] if campaign.is_experiment else np.zeros(chosen.size, dtype=bool)
        argument = pick(self.random, (0.25, 0.25, 0.25, 0.25), chosen.size)
        wave = self._waves(campaign, chosen)
        delay = (wave - 1) * self.law.wave_days * DAY
        self._contacts.append(
            pl.DataFrame(
                {
                    "campaign": np.full(chosen.size, campaign.number),
                    "member": chosen,
                    "person": self.person[chosen],
                    "at": at + delay + (np.arange(chosen.size) * 3_600 // max(chosen.size, 1)),
                    "wave": wave,
                    "is_control": control,
                    "argument": argument,
                    "variant": argument // 2,
                }
            )
        )
        self._listen(campaign, chosen[~control], argument[~control], delay[~control])

    def _waves(self, campaign: Campaign, chosen: Ints) -> Ints:
        """Every second mailing goes out in two waves; who leaves in between was in the first."""
        second = (np.arange(chosen.size) % 2 == 1) & campaign.has_waves
        stays = self.withdrawn_at[chosen] > campaign.sent_at + (self.law.wave_days + 1) * DAY
        return np.where(second & stays, 2, 1)

    def _wanted(self, campaign: Campaign) -> Bools:
        at = campaign.sent_at
        customer: Bools = self.first_at < at
        reach = chance(self.random, self.law.newsletter_reach, self.person.size)
        if campaign.kind == "newsletter":
            wanted: Bools = reach & ~self.holdout
        elif campaign.kind == "letter":
            wanted = self.business & customer & ~self.holdout
        elif campaign.kind == "cross_sell":
            wanted = customer & ~self.business & chance(self.random, 0.5, self.person.size)
        else:
            wanted = customer & ~self.business & (self._last_purchase(at) < at - SLEEPING_DAYS * DAY)
        return wanted

    def _last_purchase(self, at: int) -> Ints:
        last = self.bought.filter(pl.col("at") < at).group_by("person").agg(pl.col("at").max())
        joined = self.members.select("person").join(last, on="person", how="left", maintain_order="left")
        return joined["at"].fill_null(NEVER).to_numpy()

    def _listen(self, campaign: Campaign, chosen: Ints, argument: Ints, delay: Ints) -> None:
        law, size = self.law, chosen.size
        sent = campaign.sent_at + 3_600 + delay
        converts = self._converts(campaign, chosen, argument)
        bounced = chance(self.random, law.bounce, size) & ~converts
        if campaign.kind == "letter":
            bounced = np.zeros(size, dtype=bool)
        reads = campaign.kind != "letter"
        opens = (chance(self.random, law.open, size) | converts) & ~bounced & reads
        clicks = ((opens & chance(self.random, law.click_when_open, size)) | converts) & reads
        leaves = opens & chance(self.random, law.unsubscribe / law.open, size) & ~converts
        opened_at = sent + (self.random.exponential(0.5, size) * DAY).astype(np.int64)
        clicked_at = opened_at + self.random.integers(10, 300, size)
        left_at = opened_at + self.random.integers(400, 900, size)
        bot = self.scanned[chosen] & ~bounced & reads
        seconds = sent + self.random.integers(1, 20, size)
        for kind, mask, at, is_bot in (
            (OPEN, opens, opened_at, False),
            (CLICK, clicks, clicked_at, False),
            (UNSUBSCRIBE, leaves, left_at, False),
            (BOUNCE, bounced, seconds, False),
            (OPEN, bot, seconds, True),
            (CLICK, bot, seconds + 2, True),
        ):
            self._respond(campaign, kind, members=chosen[mask], at=at[mask], is_bot=is_bot)
        self.withdrawn_at[chosen[leaves]] = np.minimum(self.withdrawn_at[chosen[leaves]], left_at[leaves])
        self.bounced[chosen[bounced]] = True
        self._buy(campaign, chosen[converts], clicked_at[converts])

    def _converts(self, campaign: Campaign, chosen: Ints, argument: Ints) -> Bools:
        """The true effect: only in experiments, only people who have not dropped out."""
        if not campaign.is_experiment:
            return np.zeros(chosen.size, dtype=bool)
        effect = np.array([entry.effect for entry in self.arguments])[argument]
        alive = self.dropped_at[chosen] > campaign.sent_at
        return chance(self.random, effect, chosen.size) & alive

    def _respond(self, campaign: Campaign, kind: int, *, members: Ints, at: Ints, is_bot: bool) -> None:
        self._responses.append(
            pl.DataFrame(
                {
                    "campaign": np.full(members.size, campaign.number),
                    "member": members,
                    "person": self.person[members],
                    "kind": np.full(members.size, kind),
                    "at": at,
                    "is_bot": np.full(members.size, is_bot),
                }
            )
        )

    def _buy(self, campaign: Campaign, members: Ints, clicked_at: Ints) -> None:
        at = clicked_at + self.random.integers(600, 5 * DAY, members.size)
        self._respond(campaign, CONVERSION, members=members, at=at, is_bot=False)
        self._orders.append(
            pl.DataFrame(
                {
                    "person": self.person[members],
                    "campaign": np.full(members.size, campaign.number),
                    "at": at,
                }
            )
        )

    def contacts(self) -> pl.DataFrame:
        """Everybody addressed or held out, in order."""
        return pl.concat(self._contacts).sort("at", "campaign", "member", maintain_order=True)

    def responses(self) -> pl.DataFrame:
        """All reactions, in order."""
        return pl.concat(self._responses).sort("at", "campaign", "member", "kind", maintain_order=True)

    def extra_orders(self) -> pl.DataFrame:
        """Purchases that the campaigns caused."""
        return pl.concat(self._orders).filter(pl.col("at") < self.horizon.end_second)


def _granted_again(law: MarketingLaw, random: Random, *, members: pl.DataFrame) -> pl.DataFrame:
    """Some who withdrew come back; after the last campaign they are no longer addressed, so effects stay clean."""
    again = chance(random, law.granted_again, members.height) & (members["withdrawn_at"].to_numpy() < NEVER)
    return members.with_columns(
        again_at=np.where(
            again, members["withdrawn_at"].to_numpy() + random.integers(20, 300, members.height) * DAY, NEVER
        )
    )


def _consents(members: pl.DataFrame) -> pl.DataFrame:
    """Statements in order: opt-in, confirmation, withdrawal, renewed consent; telephone and analytics beside e-mail."""

    def statements(
        at: str, status: str, *, purpose: str = "marketing", channel: str = "email", evidence: str, only: pl.Expr
    ) -> pl.DataFrame:
        return members.filter(only & (pl.col(at) < NEVER)).select(
            "person",
            "member",
            "email",
            at=pl.col(at),
            status=pl.lit(status),
            purpose=pl.lit(purpose),
            channel=pl.lit(channel),
            evidence=pl.lit(evidence),
        )

    phone = pl.col("gives_phone") & (pl.col("has_phone") | pl.col("is_business"))
    parts = [
        statements("signup_at", "pending", evidence="signup form", only=pl.lit(value=True)),
        statements("confirmed_at", "granted", evidence="double opt-in", only=pl.lit(value=True)),
        statements("withdrawn_at", "withdrawn", evidence="unsubscribe link", only=pl.lit(value=True)),
        statements("again_at", "granted", evidence="double opt-in", only=pl.lit(value=True)),
        statements("confirmed_at", "granted", channel="phone", evidence="signup form", only=phone),
        statements("withdrawn_at", "withdrawn", channel="phone", evidence="call", only=phone),
        statements(
            "confirmed_at",
            "granted",
            purpose="analytics",
            channel="any",
            evidence="signup form",
            only=pl.col("gives_analytics"),
        ),
    ]
    consents = pl.concat(parts).sort("at", "member", "channel", "purpose", "status", maintain_order=True)
    return consents.with_columns(consent=pl.int_range(pl.len(), dtype=pl.Int64))


def _service_consents(members: pl.DataFrame, *, first: int, seed: int) -> pl.DataFrame:
    """Who may be called back about service; drawn apart and numbered behind, so that nothing else moves.

    Args:
        members: Everybody the newsletter tool knows.
        first: Number of the first of these statements.
        seed: Seed of the company.
    """
    allows = chance(stream(seed, "marketing/service"), SERVICE_CALLS_SHARE, members.height)
    reachable = (pl.col("has_phone") | pl.col("is_business")) & (pl.col("confirmed_at") < NEVER)
    allowed = members.filter(pl.Series(allows) & reachable)
    return allowed.select(
        *("person", "member", "email"),
        at=pl.col("confirmed_at") + 120,
        status=pl.lit("granted"),
        purpose=pl.lit("service"),
        channel=pl.lit("phone"),
        evidence=pl.lit("signup form"),
    ).with_columns(consent=pl.int_range(pl.len(), dtype=pl.Int64) + first)


def _suppressions(members: pl.DataFrame, responses: pl.DataFrame, *, random: Random) -> pl.DataFrame:
    """Addresses nobody may write to: hard bounces, complaints, the Robinson list."""
    bounced = responses.filter(pl.col("kind") == BOUNCE).group_by("member", maintain_order=True).agg(pl.col("at").min())
    listed = members.filter(pl.Series(chance(random, 0.01, members.height))).select(
        "member", at=pl.col("signup_at") + 60 * DAY
    )
    parts = [
        bounced.select("member", "at", reason=pl.lit("bounce")),
        listed.with_row_index("place").select(
            "member",
            "at",
            reason=pl.when(pl.col("place") % 2 == 0).then(pl.lit("robinson_list")).otherwise(pl.lit("complaint")),
        ),
    ]
    joined = pl.concat(parts).join(
        members.select("member", "person", "email"), on="member", how="left", maintain_order="left"
    )
    return joined.unique("member", keep="first", maintain_order=True).sort("at", "member", maintain_order=True)
