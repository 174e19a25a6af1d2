"""Social networks: who follows, reacts and reviews; the faulty product gets worse stars while it is sold."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import CANCELLED, is_faulty
from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Ints, Random, chance, pick, stream
from dagster_project.simulation.horizon import DAY, MONTH_DAYS, NEVER, Horizon
from dagster_project.simulation.marketing import Campaign
from dagster_project.simulation.people import People

TYPES = ("follow", "unfollow", "like", "comment", "share", "mention", "message", "review")
FOLLOW, UNFOLLOW, LIKE, COMMENT, SHARE, MENTION, MESSAGE, REVIEW = range(8)
NETWORKS = ("instagram", "facebook", "linkedin", "google")
LINKEDIN, GOOGLE = 2, 3
SENTIMENTS = ("negative", "neutral", "positive")
FOLLOWER_LEAD = 2
WEEK = 7 * DAY
COLUMNS = ("person", "engaged_at", "type", "network", "is_known", "product", "rating", "is_faulty")


def make_engagements(
    company: Company,
    horizon: Horizon,
    *,
    people: People,
    customers: pl.DataFrame,
    leads: pl.DataFrame,
    orders: pl.DataFrame,
    lines: pl.DataFrame,
    campaigns: tuple[Campaign, ...],
    seed: int,
) -> pl.DataFrame:
    """Draw all reactions in order of time.

    Args:
        company: Parameters.
        horizon: Simulated time.
        people: Identities.
        customers: Everybody who buys (person, is_business, first_at).
        leads: Leads; those of the kind "follower" followed before they were entered.
        orders: All orders.
        lines: Their lines.
        campaigns: Campaigns; a newsletter is posted in the week after it went out.
        seed: Seed of the company.

    Returns:
        One row per reaction: engagement, person (below -1 for strangers), engaged_at, type, network, is_known (the
        profile shows an address), post, campaign, product, rating, sentiment, words, is_faulty.
    """
    random = stream(seed, "social")
    profiles = _profiles(company, horizon, random, people=people, customers=customers, leads=leads)
    parts = [
        profiles.select("person", "network", "is_known", engaged_at="followed_at", type=pl.lit(FOLLOW, pl.Int64)),
        profiles.filter(pl.col("unfollowed_at") < NEVER).select(
            "person", "network", "is_known", engaged_at="unfollowed_at", type=pl.lit(UNFOLLOW, pl.Int64)
        ),
        _reactions(company, horizon, random, profiles=profiles),
        _reviews(company, horizon, random, orders=orders, lines=lines),
    ]
    frame = pl.concat(parts, how="diagonal").select(COLUMNS)
    frame = frame.filter(pl.col("engaged_at").is_between(horizon.first_second, horizon.end_second - 1))
    frame = frame.sort("engaged_at", "person", "type", maintain_order=True)
    return _worded(horizon, random, frame=frame, campaigns=campaigns)


def _profiles(
    company: Company, horizon: Horizon, random: Random, *, people: People, customers: pl.DataFrame, leads: pl.DataFrame
) -> pl.DataFrame:
    """Who follows the company since when: person, network, is_known, followed_at, unfollowed_at."""
    law = company.social
    share = np.where(customers["is_business"].to_numpy(), law.firm_follows, law.customer_follows)
    buyers = customers.filter(pl.Series(chance(random, share, customers.height)))
    first = buyers["first_at"].to_numpy()
    early = chance(random, law.follows_before_first_order, buyers.height)
    uniform = random.random(buyers.height)
    before = first - DAY // 4 - (uniform * 60 * DAY).astype(np.int64)
    after = first + DAY + (uniform * np.maximum(horizon.end_second - first, 0)).astype(np.int64)
    readers = people.frame.filter(pl.col("role") == 1)
    readers = readers.filter(pl.Series(chance(random, law.subscriber_follows, readers.height)))
    asked = leads.filter(pl.col("kind") == FOLLOWER_LEAD)
    strangers = round(people.customers * law.strangers_per_customer)
    parts = [
        buyers.select("person", "is_business", followed_at=np.where(early, before, after)),
        readers.select(
            "person",
            "is_business",
            followed_at=pl.col("born_at") + pl.Series(random.integers(1, 100, readers.height) * DAY),
        ),
        asked.select(
            "person",
            is_business=pl.lit(value=True),
            followed_at=pl.col("created_at") - pl.Series(random.integers(DAY // 8, 20 * DAY, asked.height)),
        ),
        pl.DataFrame(
            {
                "person": -2 - np.arange(strangers),
                "is_business": np.zeros(strangers, dtype=bool),
                "followed_at": horizon.first_second + (random.random(strangers) * horizon.seconds).astype(np.int64),
            }
        ),
    ]
    frame = pl.concat(parts).sort("followed_at", "person").unique("person", keep="first", maintain_order=True)
    frame = frame.filter(pl.col("followed_at").is_between(horizon.first_second, horizon.end_second - 1))
    size, followed = frame.height, frame["followed_at"].to_numpy()
    leaves = followed + DAY + (random.exponential(365.25 / law.unfollows_per_year, size) * DAY).astype(np.int64)
    return frame.with_columns(
        network=np.where(frame["is_business"].to_numpy(), LINKEDIN, pick(random, (0.65, 0.35), size)),
        is_known=chance(random, law.address_known, size) & (frame["person"].to_numpy() >= 0),
        unfollowed_at=np.where(leaves < horizon.end_second, leaves, NEVER),
    )


def _reactions(company: Company, horizon: Horizon, random: Random, *, profiles: pl.DataFrame) -> pl.DataFrame:
    since = profiles["followed_at"].to_numpy() + 60
    span = np.maximum(np.minimum(profiles["unfollowed_at"].to_numpy(), horizon.end_second) - since, 0)
    rate = company.social.reactions_per_month / (MONTH_DAYS * DAY)
    row = np.repeat(np.arange(profiles.height), random.poisson(rate * span))
    kind = LIKE + pick(random, (0.62, 0.15, 0.12, 0.05, 0.06), row.size)
    about = np.isin(kind, [COMMENT, MENTION, MESSAGE]) & chance(random, 0.4, row.size)
    product = random.integers(0, len(company.products), row.size)
    return profiles[row].select(
        "person",
        "network",
        "is_known",
        engaged_at=since[row] + (span[row] * random.random(row.size)).astype(np.int64),
        type=kind,
        product=pl.when(pl.Series(about)).then(pl.Series(product)),
    )


def _reviews(
    company: Company, horizon: Horizon, random: Random, *, orders: pl.DataFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    """Stars for the dearest product of an order, or for the faulty one if it was in it."""
    law = company.social
    shop = orders.filter(~pl.col("is_business") & (pl.col("person") >= 0) & (pl.col("origin") < CANCELLED))
    bought = lines.select("order", "product", "net_cents").join(
        shop.select("order", "person", "at"), on="order", how="inner", maintain_order="left"
    )
    faulty = is_faulty(company, horizon, product=bought["product"].to_numpy(), at=bought["at"].to_numpy())
    mains = (
        bought.with_columns(is_faulty=faulty)
        .sort("order", "is_faulty", "net_cents", "product", descending=[False, True, True, False])
        .unique("order", keep="first", maintain_order=True)
    )
    bad = mains["is_faulty"].to_numpy()
    chosen = chance(random, np.where(bad, law.faulty_reviewed, law.reviewed), mains.height)
    reviewed, bad = mains.filter(pl.Series(chosen)), bad[chosen]
    size = reviewed.height
    stars = np.where(bad, pick(random, law.faulty_ratings, size), pick(random, law.ratings, size)) + 1
    return reviewed.select(
        "person",
        "product",
        "is_faulty",
        engaged_at=reviewed["at"].to_numpy() + 4 * DAY + (random.exponential(9.0, size) * DAY).astype(np.int64),
        type=pl.lit(REVIEW, pl.Int64),
        network=pl.lit(GOOGLE, pl.Int64),
        is_known=chance(random, law.review_address_known, size),
        rating=stars,
    )


def _worded(horizon: Horizon, random: Random, *, frame: pl.DataFrame, campaigns: tuple[Campaign, ...]) -> pl.DataFrame:
    """Posts, moods and numbers of all reactions."""
    size = frame.height
    mood: Ints = pick(random, (0.15, 0.35, 0.50), size)
    back = np.minimum(random.geometric(0.7, size) - 1, 3)
    week = np.maximum((frame["engaged_at"].to_numpy() - horizon.first_second) // WEEK - back, 0)
    posts = {
        (campaign.sent_at - horizon.first_second) // WEEK + 1: campaign.number
        for campaign in campaigns
        if campaign.kind == "newsletter"
    }
    to_post = pl.col("type").is_in([LIKE, COMMENT, SHARE])
    said = pl.col("type").is_in([COMMENT, MENTION, MESSAGE])
    stars = pl.col("rating")
    post = pl.when(to_post).then(pl.Series(week))
    return frame.with_columns(
        engagement=pl.int_range(pl.len(), dtype=pl.Int64),
        post=post,
        campaign=post.replace_strict(posts, default=None, return_dtype=pl.Int64),
        sentiment=pl.when(pl.col("type") == REVIEW)
        .then(pl.when(stars >= 4).then(2).when(stars == 3).then(1).otherwise(0))
        .when(said)
        .then(pl.Series(mood)),
        is_faulty=pl.col("is_faulty").fill_null(value=False),
    )
