"""The mutation check on a model of a few lines: it makes the mistakes it should, and sharp tests catch them."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot

from tests.mutation.equivalents import Equivalent, outdated, read_equivalents, unexpected
from tests.mutation.judging import Verdict, judge_model
from tests.mutation.mutants import Mutant, variants_of
from tests.mutation.unit_tests import UnitTest

MODEL = """
    with __dbt__cte__orders as (
        select cast(1 as bigint) as day, 10 as amount where 1 < 2
    ),

    recent as (

        select * from __dbt__cte__orders
        where day >= 3 and amount is not null

    ),

    final as (

        select coalesce(sum(amount), 0) as amount from recent

    )

    select * from final
"""
FIXTURES = {
    "dull": {"__dbt__cte__orders": "select 5 as day, 10 as amount"},
    "sharp": {
        "__dbt__cte__orders": "select * from (values (2, 1), (3, 10), (4, 20), (5, null)) as orders (day, amount)"
    },
    "empty": {"__dbt__cte__orders": "select 5 as day, 10 as amount limit 0"},
}
EXPECTED = {"dull": "select 10 as amount", "sharp": "select 30 as amount", "empty": "select 0 as amount"}


def _test(name: str) -> UnitTest:
    return UnitTest(
        model="kpi_orders",
        name=name,
        sql=f"with dbt_internal_unit_test_actual as (select amount from ({MODEL}) as actual) select 1",
        model_file=Path("models/kpi/kpi_win_rate_monthly.sql"),
        fixtures=FIXTURES[name],
        expected_sql=EXPECTED[name],
    )


def _mistakes(verdict: Verdict) -> set[tuple[str, str]]:
    return {(one.mutant.original, one.mutant.mutant) for one in verdict.survivors}


def _made(sql: str) -> set[tuple[str, str]]:
    made = [one.mutant for one in variants_of(sqlglot.parse_one(sql, read="duckdb"))]
    return {(one.original, one.mutant) for one in made}


@pytest.mark.parametrize(
    ("sql", "original", "mutant"),
    [
        ("select 1 from a where b < c", "b < c", "b <= c"),
        ("select 1 from a where b >= c", "b >= c", "b > c"),
        ("select 1 from a where b = c", "b = c", "b <> c"),
        ("select 1 from a where b and c", "b", "TRUE"),
        ("select 1 from a where b or c", "c", "FALSE"),
        ("select 1 from a where b and c", "b AND c", "(b OR c)"),
        ("select count(*) filter (where b) from a", "b", "TRUE"),
        ("select 1 from a join b on a.c = b.c", "a.c = b.c", "TRUE"),
        ("select a from b qualify row_number() over (order by c) = 1", "c", "c DESC"),
        ("select case when a then b else c end", "a", "FALSE"),
        ("select not a", "NOT a", "a"),
        ("select date_diff('day', a, b)", "DATE_DIFF('DAY', a, b)", "DATE_DIFF('DAY', b, a)"),
        ("select min(a)", "MIN(a)", "MAX(a)"),
        ("select sum(a)", "SUM(a)", "MAX(a)"),
        ("select count(distinct a)", "COUNT(DISTINCT a)", "COUNT(a)"),
        ("select coalesce(a, b)", "COALESCE(a, b)", "a"),
        ("select a + 7", "a + 7", "a + 8"),
        ("select a / b", "a / b", "a * b"),
        ("select a in (1, 2)", "a IN (1, 2)", "a IN (1)"),
        ("select a between 1 and 2", "a BETWEEN 1 AND 2", "(a > 1 AND a <= 2)"),
        ("select sum(a) over (partition by b, c)", "SUM(a) OVER (PARTITION BY b, c)", "SUM(a) OVER (PARTITION BY c)"),
    ],
)
def test_each_kind_of_mistake_is_made(sql: str, original: str, mutant: str) -> None:
    assert (original, mutant) in _made(sql)


def test_inputs_types_and_keys_are_left_alone() -> None:
    made = _made(
        "with __dbt__cte__a as (select 1 as b where 2 < 3)"
        " select cast(b as decimal(18, 2)), md5(coalesce(b, '')), exists (select 1 from c) from a"
    )
    assert made == set()


def test_one_mistake_is_made_at_a_time_and_the_statement_stays_as_it_was() -> None:
    statement = sqlglot.parse_one(MODEL, read="duckdb")
    before = statement.sql("duckdb")
    variants = list(variants_of(statement))
    assert statement.sql("duckdb") == before
    assert len({one.sql for one in variants}) == len(variants)
    assert before not in {one.sql for one in variants}


def test_a_dull_test_lets_mistakes_through() -> None:
    verdict = judge_model([_test("dull")])
    assert _mistakes(verdict) >= {("day >= 3", "day > 3"), ("day >= 3", "TRUE"), ("SUM(amount)", "MAX(amount)")}
    assert verdict.caught_count == len(verdict.mutants) - len(verdict.survivors) > 0


def test_sharp_tests_catch_every_mistake_that_makes_a_difference() -> None:
    verdict = judge_model([_test("dull"), _test("sharp"), _test("empty")])
    assert _mistakes(verdict) == {("NOT amount IS NULL", "TRUE")}


def test_a_test_that_fails_by_itself_judges_nothing() -> None:
    broken = UnitTest(
        **{**vars(_test("dull")), "expected_sql": "select 11 as amount"},
    )
    with pytest.raises(RuntimeError, match="dull fails without a mutant"):
        judge_model([broken])


def test_the_list_of_equivalents_excuses_what_it_names_and_is_told_what_it_no_longer_needs() -> None:
    verdict = judge_model([_test("dull"), _test("sharp"), _test("empty")])
    null = Equivalent(("kpi_orders",), "recent", "NOT ? IS NULL -> TRUE", "a sum leaves null out by itself")
    gone = Equivalent(("kpi_orders",), "recent", "day >= 3 -> day > 3", "was so once")
    elsewhere = Equivalent(("kpi_orders",), "final", "NOT ? IS NULL -> TRUE", "another part")
    unjudged = Equivalent(("kpi_others",), "recent", "day >= 3 -> day > 3", "not looked at this time")
    assert unexpected(verdict, [null]) == []
    assert [one.mutant.original for one in unexpected(verdict, [gone, elsewhere])] == ["NOT amount IS NULL"]
    assert outdated([verdict], [null, unjudged]) == []
    assert outdated([verdict], [null, gone]) == ["recent: day >= 3 -> day > 3", "kpi_orders (was so once)"]


def test_a_question_mark_stands_for_the_same_name_on_both_sides() -> None:
    entry = Equivalent(("kpi_orders",), "summed", "SUM(?) -> MAX(?)", "why")
    assert entry.covers("kpi_orders", Mutant("summed", "function", "SUM(a.b)", "MAX(a.b)"))
    assert not entry.covers("kpi_orders", Mutant("summed", "function", "SUM(a)", "MAX(b)"))
    assert not entry.covers("kpi_orders", Mutant("summed", "function", "SUM(a + b)", "MAX(a + b)"))


def test_every_excuse_has_a_reason() -> None:
    assert [entry for entry in read_equivalents() if not entry.reason.strip()] == []


def test_places_of_the_same_mistake_are_told_apart() -> None:
    statement = sqlglot.parse_one("select a < b as c, a < b as d", read="duckdb")
    assert {one.mutant for one in variants_of(statement)} == {
        Mutant("select", "comparison", "a < b", "a <= b", occurrence) for occurrence in (1, 2)
    }
