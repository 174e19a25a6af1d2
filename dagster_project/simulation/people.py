"""Who really exists: persons and companies with one true identity each, and how systems can recognise them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.simulation import names
from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Ints, Random, chance, numbered, pick, stream, words
from dagster_project.simulation.horizon import NEVER, Horizon

ROLES = ("customer", "subscriber", "lead")
LINKS = ("shared_id", "phone", "company_postcode")
CHANNELS = ("search", "referral", "social", "email", "event", "direct")


@dataclass(frozen=True)
class People:
    """True identities (`frame`, one row per person or company, ordered by `person`) and the companies' contacts."""

    frame: pl.DataFrame
    contacts: pl.DataFrame
    customers: int

    def ints(self, column: str) -> Ints:
        """One column as numbers."""
        return self.frame[column].to_numpy()

    @property
    def is_business(self) -> np.typing.NDArray[np.bool_]:
        """Which identities are companies."""
        return self.frame["is_business"].to_numpy()


def count_people(company: Company, *, customers: int) -> tuple[int, int, int]:
    """How many customers, subscribers and leads there are, by the number of customers."""
    businesses = round(customers * sum(segment.share for segment in company.segments if segment.is_business))
    subscribers = round(customers * company.subscriber_share)
    return customers, subscribers, round(businesses * company.sales.lost_leads_per_business)


def make_people(company: Company, horizon: Horizon, *, customers: int, seed: int, first: int = 0) -> People:
    """Draw all identities: customers (persons who buy, companies with a deal), subscribers and leads who never buy.

    Args:
        company: Parameters.
        horizon: Simulated time.
        customers: How many of them are customers.
        seed: Seed of the branch.
        first: People of other branches; addresses and telephone numbers are told apart by it, persons count from 0.
    """
    random = stream(seed, "people")
    _, subscribers, leads = count_people(company, customers=customers)
    role = np.repeat(np.arange(3), [customers, subscribers, leads])
    segment = np.concatenate(
        [
            pick(random, company.segment_values("share"), customers),
            np.zeros(subscribers, dtype=np.int64),
            pick(random, [share if business else 0.0 for share, business in _segment_shares(company)], leads),
        ]
    )
    size = role.size
    born = horizon.first_second + (horizon.seconds * random.random(size) ** 0.85).astype(np.int64)
    is_business = np.array(company.segment_values("is_business"))[segment]
    identity = pl.DataFrame(
        {
            "person": np.arange(size),
            "role": role,
            "segment": segment,
            "is_business": is_business,
            "born_at": born,
            "link": np.where(is_business, pick(random, (0.6, 0.2, 0.2), size), 0),
            "channel": pick(random, (0.34, 0.16, 0.18, 0.10, 0.08, 0.14), size),
            "prefers_phone": chance(random, 0.2, size),
            "owner": random.integers(0, 1 << 30, size),
        }
    )
    frame = (
        identity.hstack(_names(random, size))
        .hstack(_places(random, size))
        .hstack(_reach(company, random, size, first=first))
    )
    frame = frame.with_columns(
        email=_emails(frame, first),
        company=pl.concat_str(
            "last_name", pl.lit(" & "), "partner_name", pl.lit(" "), "trade", pl.lit(" "), "legal_form"
        ),
        segment_name=words(company.segment_values("name"), segment),
    )
    return People(frame, _contacts(frame, horizon, seed=seed, first=first), customers)


def _segment_shares(company: Company) -> list[tuple[float, bool]]:
    return [(segment.share, segment.is_business) for segment in company.segments]


def _names(random: Random, size: int) -> pl.DataFrame:
    def some(values: tuple[str, ...]) -> pl.Series:
        return words(values, random.integers(0, len(values), size))

    first_name = random.integers(0, len(names.FIRST_NAMES), size)
    return pl.DataFrame(
        {
            "first_name": words(names.FIRST_NAMES, first_name),
            "salutation": words(names.SALUTATIONS, first_name),
            "last_name": some(names.LAST_NAMES),
            "partner_name": some(names.LAST_NAMES),
            "trade": some(names.TRADES),
            "legal_form": some(names.LEGAL_FORMS),
            "industry": some(names.INDUSTRIES),
            "employee_count": (10 ** (0.7 + 2.6 * random.random(size))).astype(np.int64),
            "birth_day": random.integers(-10_000, 13_000, size),
        }
    )


def _places(random: Random, size: int) -> pl.DataFrame:
    city = pick(random, names.CITY_WEIGHTS, size)
    rest = random.integers(0, 10_000, size)
    frame = pl.DataFrame(
        {
            "city": words([place[0] for place in names.CITIES], city),
            "region": words([place[1] for place in names.CITIES], city),
            "country": words([place[2] for place in names.CITIES], city),
            "_lead": words([place[3] for place in names.CITIES], city),
            "_length": np.array([place[4] for place in names.CITIES])[city],
            "area_code": words([place[5] for place in names.CITIES], city),
            "_rest": pl.Series(rest).cast(pl.String).str.zfill(4),
            "_street": words(names.STREETS, random.integers(0, len(names.STREETS), size)),
            "_house": random.integers(1, 180, size),
        }
    )
    return frame.select(
        "city",
        "region",
        "country",
        "area_code",
        postal_code=(pl.col("_lead") + pl.col("_rest")).str.slice(0, pl.col("_length")),
        street=pl.concat_str("_street", pl.lit(" "), "_house"),
    )


def _reach(company: Company, random: Random, size: int, *, first: int) -> pl.DataFrame:
    """Telephone numbers without country and area code (unique by a permutation) and other odds of being reached."""
    turn = random.permutation(size) + first
    number = 1_000_000 + turn % 9_000_000 + 10_000_000 * (turn // 9_000_000)
    return pl.DataFrame(
        {
            "phone_digits": pl.Series(number).cast(pl.String),
            "has_phone": chance(random, 0.65, size),
            "mail_host": words(names.MAIL_HOSTS, random.integers(0, len(names.MAIL_HOSTS), size)),
            "has_second_account": chance(random, company.second_shop_account, size),
            "moved_share": random.random(size),
            "is_holdout": chance(random, company.marketing.control_share, size),
        }
    )


def _emails(frame: pl.DataFrame, first: int) -> pl.Series:
    """Unique addresses: first.last and the number of the identity; companies have a mailbox of their own domain."""
    number = pl.col("person") + first
    person = pl.concat_str(_plain("first_name"), pl.lit("."), _plain("last_name"), number, pl.lit("@"), "mail_host")
    business = pl.concat_str(
        pl.lit("info@"), _plain("last_name"), pl.lit("-"), _plain("partner_name"), number, pl.lit(".example")
    )
    return frame.select(email=pl.when("is_business").then(business).otherwise(person))["email"]


def _plain(column: str) -> pl.Expr:
    pairs = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "á": "a", "í": "i", " ": ""}
    return pl.col(column).str.to_lowercase().str.replace_many(list(pairs), list(pairs.values()))


def _contacts(frame: pl.DataFrame, horizon: Horizon, *, seed: int, first: int) -> pl.DataFrame:
    """One to four people per company; the first is the main contact."""
    random = stream(seed, "contacts")
    businesses = frame.filter(pl.col("is_business")).select(
        "person", "born_at", company_last="last_name", partner="partner_name"
    )
    count = 1 + random.binomial(3, 0.4, businesses.height)
    owner = np.repeat(np.arange(businesses.height), count)
    size = owner.size
    place = np.arange(size) - np.repeat(np.cumsum(count) - count, count)
    role, first_name = random.integers(0, len(names.JOB_TITLES), size), random.integers(0, len(names.FIRST_NAMES), size)
    # The main contact is the head of the company more often than anybody else.
    role = np.where((place == 0) & (role == len(names.JOB_TITLES) - 1), 0, role)
    contacts = businesses[owner].with_columns(
        contact=np.arange(size),
        place=place,
        first_name=words(names.FIRST_NAMES, first_name),
        last_name=words(names.LAST_NAMES, random.integers(0, len(names.LAST_NAMES), size)),
        salutation=words(names.SALUTATIONS, first_name),
        job_title=words(names.JOB_TITLES, role),
        department=words(names.DEPARTMENTS, role),
        buying_role=words(names.BUYING_ROLES, role),
        phone_extension=numbered("", random.integers(10, 99, size), width=2),
        changed_at=np.where(
            chance(random, 0.12, size),
            random.integers(horizon.first_second, horizon.end_second, size),
            NEVER,
        ),
    )
    number = pl.col("person") + first
    domain = pl.concat_str(_plain("company_last"), pl.lit("-"), _plain("partner"), number, pl.lit(".example"))
    return contacts.with_columns(
        email=pl.concat_str(_plain("first_name"), pl.lit("."), _plain("last_name"), "place", pl.lit("@"), domain)
    ).drop("company_last", "partner")


def international_phone() -> pl.Expr:
    """Telephone number as +49 30 1234567."""
    code = pl.col("country").replace_strict({"DE": "+49", "AT": "+43", "CH": "+41"}, default="+49")
    return pl.concat_str(code, pl.lit(" "), "area_code", pl.lit(" "), "phone_digits")


def local_phone() -> pl.Expr:
    """Telephone number as a German clerk writes it: 030/1234567; abroad as 0043 1 1234567."""
    code = pl.col("country").replace_strict({"AT": "0043", "CH": "0041"}, default="")
    german = pl.concat_str(pl.lit("0"), "area_code", pl.lit("/"), "phone_digits")
    return (
        pl.when(pl.col("country") == "DE")
        .then(german)
        .otherwise(pl.concat_str(code, pl.lit(" "), "area_code", pl.lit(" "), "phone_digits"))
    )
