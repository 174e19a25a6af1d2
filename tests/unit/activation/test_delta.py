"""What a list changes against the one that was delivered last."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.activation.delta import NO_CHANGE, Delta, compare, delta_frame

KEYS = ("customer_key",)
ADDRESSES = st.sampled_from(["a@x.org", "b@x.org", "c@x.org", None])
LISTS = st.dictionaries(st.integers(0, 12), st.tuples(ADDRESSES, st.integers(0, 2)), max_size=13)


def listed(*rows: tuple[str, str | None], **more: list[Any]) -> pl.DataFrame:
    """A list of customers with their addresses."""
    columns = {"customer_key": [row[0] for row in rows], "email": [row[1] for row in rows], **more}
    return pl.DataFrame(columns, schema_overrides={"customer_key": pl.String, "email": pl.String})


def because(**verdicts: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"customer_key": list(verdicts), "verdict": list(verdicts.values())},
        schema={"customer_key": pl.String, "verdict": pl.String},
    )


def compared(previous: pl.DataFrame | None, members: pl.DataFrame, **verdicts: str) -> Delta:
    return compare(previous, members, keys=KEYS, removal_reasons=because(**verdicts))


def keys(frame: pl.DataFrame) -> list[str]:
    return frame["customer_key"].to_list()


def test_who_comes_stays_changes_and_goes() -> None:
    previous = listed(("stays", "s@x.org"), ("moves", "old@x.org"), ("goes", "g@x.org"))
    members = listed(("comes", "c@x.org"), ("moves", "new@x.org"), ("stays", "s@x.org"))
    delta = compared(previous, members, goes="no_consent")
    assert delta.added.rows() == [("comes", "c@x.org", "added")]
    assert delta.changed.rows() == [("moves", "new@x.org", "changed")]
    assert delta.replaced.rows() == [("moves", "old@x.org", "changed")]
    assert delta.removed.rows() == [("goes", "g@x.org", "removed", "no_consent")]
    assert delta.kept_count == 1


def test_the_frame_of_changes_has_the_columns_of_the_list_then_what_happened() -> None:
    frame = delta_frame(compared(listed(("goes", "g@x.org")), listed(("comes", None)), goes="suppressed"))
    assert frame.columns == ["customer_key", "email", "change", "removal_reason"]
    assert frame.rows() == [("comes", None, "added", None), ("goes", "g@x.org", "removed", "suppressed")]


def test_against_no_list_everybody_is_new() -> None:
    delta = compared(None, listed(("b", "b@x.org"), ("a", None)))
    assert keys(delta.added) == ["b", "a"]
    assert (delta.changed.height, delta.removed.height, delta.replaced.height, delta.kept_count) == (0, 0, 0, 0)
    assert delta_frame(delta).columns == ["customer_key", "email", "change", "removal_reason"]


def test_an_empty_list_removes_everybody_in_their_former_order() -> None:
    delta = compared(listed(("b", None), ("a", None)), listed(), a="expired")
    assert delta.removed.select("customer_key", "removal_reason").rows() == [("b", "left"), ("a", "expired")]
    assert delta.kept_count == 0


@pytest.mark.parametrize("column", sorted(NO_CHANGE))
def test_a_reason_or_rank_that_moves_is_no_change(column: str) -> None:
    delta = compared(listed(("a", "a@x.org"), **{column: ["1"]}), listed(("a", "a@x.org"), **{column: ["2"]}))
    assert (delta.changed.height, delta.kept_count) == (0, 1)


def test_any_other_column_that_moves_is_one() -> None:
    delta = compared(listed(("a", "a@x.org"), tier=["silver"]), listed(("a", "a@x.org"), tier=["gold"]))
    assert delta.changed["tier"].to_list() == ["gold"]


@pytest.mark.parametrize(("before", "after"), [(None, "a@x.org"), ("a@x.org", None)])
def test_a_value_that_appears_or_vanishes_is_a_change(before: str | None, after: str | None) -> None:
    assert keys(compared(listed(("a", before)), listed(("a", after))).changed) == ["a"]


def test_a_new_column_changes_those_who_have_a_value_in_it() -> None:
    delta = compared(listed(("a", None), ("b", None)), listed(("a", None), ("b", None), tier=["gold", None]))
    assert (keys(delta.changed), delta.kept_count) == (["a"], 1)


def test_a_column_that_is_exported_no_more_changes_nobody_and_leaves_no_trace() -> None:
    delta = compared(listed(("a", None), ("b", None), tier=["gold", "gold"]), listed(("a", None)))
    assert delta.kept_count == 1
    assert "tier" not in delta.removed.columns


def test_identifiers_of_a_former_channel_go_out_with_the_removed() -> None:
    previous = pl.DataFrame({"customer_key": ["goes"], "phone": ["+49301234567"]})
    frame = delta_frame(compare(previous, listed(("a", "a@x.org")), keys=KEYS, removal_reasons=because()))
    assert frame.filter(change="removed").select("email", "phone").rows() == [(None, "+49301234567")]


def test_the_same_value_of_another_type_is_no_change() -> None:
    delta = compared(listed(("a", None), ("b", None), score=["1", "x"]), listed(("a", None), ("b", None), score=[1, 1]))
    assert keys(delta.changed) == ["b"]


def test_a_value_that_the_type_of_today_cannot_hold_counts_as_none() -> None:
    previous = listed(("a", None), ("b", None), day=["2025-01-02", "2025-01-02"])
    delta = compared(previous, listed(("a", None), ("b", None), day=[date(2025, 1, 2), None]))
    assert keys(delta.changed) == ["a"]


def test_a_work_list_knows_its_rows_by_its_own_key() -> None:
    previous = pl.DataFrame({"customer_key": ["c1", None], "deal": ["d1", "d2"]})
    members = pl.DataFrame({"customer_key": ["c2", None], "deal": ["d1", "d2"]})
    reasons = pl.DataFrame(schema={"deal": pl.String, "verdict": pl.String})
    delta = compare(previous, members, keys=("customer_key", "deal"), removal_reasons=reasons)
    assert delta.changed.rows() == [("c2", "d1", "changed")]
    assert (delta.removed.height, delta.kept_count) == (0, 1)


def test_a_row_without_a_key_is_one_row() -> None:
    nobody = pl.DataFrame({"customer_key": [None]}, schema={"customer_key": pl.String})
    delta = compare(nobody, nobody, keys=KEYS, removal_reasons=because())
    assert (delta.added.height, delta.removed.height, delta.kept_count) == (0, 0, 1)


@given(LISTS, LISTS)
def test_the_former_list_and_its_changes_give_the_new_list(
    before: dict[int, tuple[str | None, int]], after: dict[int, tuple[str | None, int]]
) -> None:
    one, other = _frame(before), _frame(after)
    delta = compared(one, other)
    state = {row[0]: row[1:] for row in one.rows()}
    for change, key, *values in delta_frame(delta).select("change", *one.columns).rows():
        if change == "removed":
            del state[key]
        else:
            assert (key in state) == (change == "changed")
            state[key] = tuple(values)
    assert state == {row[0]: row[1:] for row in other.rows()}
    assert delta.kept_count == other.height - delta.added.height - delta.changed.height


def _frame(people: dict[int, tuple[str | None, int]]) -> pl.DataFrame:
    rows = [(f"c{key:02}", address, score) for key, (address, score) in people.items()]
    return pl.DataFrame(rows, schema={"customer_key": pl.String, "email": pl.String, "score": pl.Int64}, orient="row")
