"""The ids each system gives to its records; who a record belongs to is known here and in the truth only."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Ints

SALES_TEAMS = ("Vertrieb Nord", "Vertrieb Süd", "Key Account")
# Every ninth employee of a department heads the others.
HEAD_OF = 9


def padded(prefix: str, column: str | pl.Expr, *, width: int, suffix: str = "") -> pl.Expr:
    """Ids such as 0015J00000000123AAA."""
    number = pl.col(column) if isinstance(column, str) else column
    return pl.concat_str(pl.lit(prefix), number.cast(pl.String).str.zfill(width), pl.lit(suffix))


def account_id(column: str = "person") -> pl.Expr:
    """Salesforce account."""
    return padded("0015J0", column, width=9, suffix="AAA")


def contact_id(column: str = "contact") -> pl.Expr:
    """Salesforce contact."""
    return padded("0035J0", column, width=9, suffix="AAA")


def lead_id(column: str = "lead") -> pl.Expr:
    """Salesforce lead."""
    return padded("00Q5J0", column, width=9, suffix="AAA")


def opportunity_id(column: str = "opportunity") -> pl.Expr:
    """Salesforce opportunity."""
    return padded("0065J0", column, width=9, suffix="AAA")


def debtor_number(column: str = "person") -> pl.Expr:
    """Debitor of the ERP; also the customer number that other systems carry."""
    return padded("D", column, width=7)


def shop_customer_id(person: str = "person", second: str = "is_second") -> pl.Expr:
    """Shopify customer; some people have two."""
    return (6_900_000_000_000 + pl.col(person) * 64 + pl.col(second).cast(pl.Int64) * 32).cast(pl.String)


def shop_order_name(column: str = "order") -> pl.Expr:
    """Shopify order name."""
    return padded("#", pl.col(column) + 1001, width=1)


def erp_order_number(column: str = "order") -> pl.Expr:
    """ERP order."""
    return padded("AU", column, width=8)


def requester_id(column: str = "person") -> pl.Expr:
    """Zendesk end user."""
    return pl.col(column) + 361_000_000_000


def member_id(column: str = "member") -> pl.Expr:
    """Mailchimp member (LEID)."""
    return padded("", pl.col(column) * 7 + 40_000_001, width=10)


def card_number(column: str = "member") -> pl.Expr:
    """Member of the customer club."""
    return padded("BC", pl.col(column) * 3 + 700_001, width=9)


class Staff:
    """Employee ids: sales from E1001, service from E2001, by team in turn; numbers grow slowly with the company."""

    def __init__(self, company: Company, *, customers: int) -> None:
        """Size the departments."""
        self.company = company
        self.sellers = int(np.clip(9 + customers // 4_000, 9, 60))
        self.agents_per_team = int(np.clip(4 + customers // 12_000, 4, 30))

    def seller(self, number: pl.Expr) -> pl.Expr:
        """A sales employee for any number."""
        return padded("E", number % self.sellers + 1001, width=4)

    def manager(self, number: pl.Expr) -> pl.Expr:
        """A head of sales for any number."""
        heads = (self.sellers - 1) // HEAD_OF + 1
        return padded("E", number % heads * HEAD_OF + 1001, width=4)

    def clerk(self, number: pl.Expr) -> pl.Expr:
        """The sales employee for any number, or the next one if that is a head of sales."""
        place = number % self.sellers
        place = pl.when(place == 0).then(1).when(place % HEAD_OF == 0).then(place - 1).otherwise(place)
        return padded("E", place + 1001, width=4)

    def agent(self, team: pl.Expr, number: pl.Expr) -> pl.Expr:
        """An agent of a team for any number."""
        return padded("E", team * self.agents_per_team + number % self.agents_per_team + 2001, width=4)

    def frame(self) -> pl.DataFrame:
        """Everybody: number, id digits, team, department."""
        sellers: Ints = np.arange(self.sellers)
        agents: Ints = np.arange(self.agents_per_team * len(self.company.teams))
        sales = pl.DataFrame(
            {"digits": sellers + 1001, "team": [SALES_TEAMS[place % 3] for place in sellers], "department": "sales"}
        )
        service = pl.DataFrame(
            {
                "digits": agents + 2001,
                "team": [self.company.teams[place // self.agents_per_team].name for place in agents],
                "department": "service",
            }
        )
        return pl.concat([sales, service]).with_columns(employee_id=padded("E", "digits", width=4))
