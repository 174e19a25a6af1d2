"""A large company is several branches of bounded size, each drawn by itself; not what happens in them.

So the size of a company does not decide how much memory its simulation takes. A company of up to `BRANCH_CUSTOMERS` is
one branch, of fewer if they do more. Branches share the assortment, the staff, the calendar and the campaigns, and no
customer.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from dagster_project.errors import CrmError
from dagster_project.simulation.company import Company
from dagster_project.simulation.people import count_people

Progress = Callable[[str], None]
BRANCH_CUSTOMERS = 100_000
# Numbers of a branch's records begin here, times its place; divisible by what ids are varied by.
STEP = 10_000_000
NUMBERED = (
    *("contact", "lead", "opportunity", "survivor", "activity", "order", "return_number", "contract", "member"),
    *("consent", "ticket", "message", "response", "session", "quote", "entry", "transaction", "visit", "engagement"),
)


@dataclass(frozen=True)
class Branch:
    """One branch: its place among `count`, its customers among those of the company, its first person's number."""

    place: int
    count: int
    customers: int
    company_customers: int
    seed: int
    first_person: int

    @property
    def is_first(self) -> bool:
        """Whether it is the one that also exports what all branches share."""
        return self.place == 0

    @property
    def first_number(self) -> int:
        """Number of its first record of any kind but persons."""
        return self.place * STEP

    def renumbered(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Number the records of a frame behind those of the branches before.

        Persons below -1 are strangers, numbered downwards; -1 is nobody.

        Raises:
            CrmError: The branch has more records of one kind than there are numbers for.
        """
        if self.is_first and self.count == 1:
            return frame
        found = [column for column in NUMBERED if column in frame.columns]
        if any(not frame.filter(pl.col(column) >= STEP).is_empty() for column in found):
            raise CrmError(
                f"a branch has more than {STEP:,} records of one kind", where="--months", remedy="Use fewer months."
            )
        moved = [pl.col(column) + self.first_number for column in found]
        if "person" in frame.columns:
            person, strangers = pl.col("person"), 2 * self.first_person
            later = pl.when(person >= 0).then(person + self.first_person).when(person < -1).then(person - strangers)
            moved.append(later.otherwise(person).alias("person"))
        return frame.with_columns(moved)


def only_branch(*, customers: int, seed: int) -> Branch:
    """A company of one branch."""
    return Branch(0, 1, customers, customers, seed, 0)


def branches_of(company: Company, *, customers: int, seed: int, count: int | None = None) -> tuple[Branch, ...]:
    """Divide a company into branches of nearly equal size.

    Args:
        company: Parameters.
        customers: Customers of the whole company.
        seed: Its seed; the first branch draws by it, each other one by a seed of its own.
        count: How many branches; None for as few as hold `BRANCH_CUSTOMERS` each.
    """
    count = count or math.ceil(customers * company.activity / BRANCH_CUSTOMERS)
    found: list[Branch] = []
    first_person = 0
    for place in range(count):
        size = customers // count + (place < customers % count)
        own = zlib.crc32(f"{seed}/branch {place}".encode()) if place else seed
        found.append(Branch(place, count, size, customers, own, first_person))
        first_person += sum(count_people(company, customers=size))
    return tuple(found)


def told(on_progress: Progress | None, branch: Branch) -> Progress:
    """Tell each step, and of which branch if there are several."""
    if on_progress is None:
        return lambda _step: None
    if branch.count == 1:
        return on_progress
    return lambda step: on_progress(f"{step}, branch {branch.place + 1} of {branch.count}")
