"""Lists at the outgoing door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from dagster_project.activation import SegmentDefinition
from dagster_project.quality import QualityGate, lists
from tests.unit.quality.conftest import segment


def members(count: int = 3, columns: Mapping[str, Sequence[str | None]] | None = None) -> pl.DataFrame:
    keys = [f"c{number}" for number in range(count)]
    frame = pl.DataFrame(
        {
            "customer_key": keys,
            "name": [f"Person {key}" for key in keys],
            "email": [f"{key}@example.org" for key in keys],
            "reason": ["No order for 200 days"] * count,
            "language": ["de"] * count,
        }
    )
    return frame.with_columns(**{name: pl.Series(values) for name, values in (columns or {}).items()})


def messages(gate: QualityGate, frame: pl.DataFrame, definition: SegmentDefinition | None = None) -> list[str]:
    findings = gate.validate_list(frame, definition or segment())
    assert all(finding.severity == "refuse" for finding in findings)
    return [finding.message for finding in findings]


def test_a_good_list_passes(gate: QualityGate) -> None:
    assert messages(gate, members()) == []


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"customer_key": ["a", "a", "b"]}, "Customer_key is not unique: some members are listed more than once."),
        ({"reason": ["x", " ", "z"]}, "Some members are listed without a reason."),
        ({"reason": ["x", None, "z"]}, "Some members are listed without a reason."),
        (
            {"email": ["a@example.org", "nobody", "b@example.org"]},
            "Email of some members is missing or cannot be used for the channel email.",
        ),
        (
            {"email": ["a@example.org", None, "b@example.org"]},
            "Email of some members is missing or cannot be used for the channel email.",
        ),
        (
            {"reason": ["asked for x@example.org", "y", "z"]},
            "Reason holds an e-mail address or a telephone number.",
        ),
        ({"language": ["de", "call +49 30 1234567", "de"]}, "Language holds an e-mail address or a telephone number."),
    ],
)
def test_a_bad_list_is_refused_without_repeating_a_value(
    gate: QualityGate, columns: dict[str, list[str | None]], message: str
) -> None:
    assert messages(gate, members(columns=columns)) == [message]


def test_an_empty_key_is_refused(gate: QualityGate) -> None:
    assert "Customer_key is empty for some members." in messages(
        gate, members(columns={"customer_key": ["a", None, "b"]})
    )


def test_a_column_nobody_asked_for_is_refused(gate: QualityGate) -> None:
    told = messages(gate, members(columns={"birth_date": ["2000-01-01"] * 3}))
    assert told == ["The list carries other columns than its settings name."]


def test_how_many_may_leave_is_a_persons_business(gate: QualityGate) -> None:
    assert messages(gate, members(), segment(max_size=2)) == []


def test_a_phone_list_needs_numbers(gate: QualityGate) -> None:
    frame = members().drop("email").with_columns(phone=pl.Series(["+49 30 123456", "030/123456", "n/a"]))
    told = messages(gate, frame, segment("phone"))
    assert told == ["Phone of some members is missing or cannot be used for the channel phone."]


def test_a_work_list_is_unique_by_its_own_key(gate: QualityGate) -> None:
    frame = (
        members()
        .drop("name", "email")
        .with_columns(customer_key=pl.lit("c"), opportunity_key=pl.Series(["o1", "o2", "o3"]))
    )
    definition = segment("internal", key="opportunity_key")
    assert messages(gate, frame, definition) == []
    assert messages(gate, pl.concat([frame, frame.head(1)]), definition) == [
        "Opportunity_key is not unique: some members are listed more than once."
    ]


def test_long_lists_are_held_piece_by_piece(gate: QualityGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "CHUNK_ROWS", 2)
    frame = members(5)
    assert messages(gate, frame) == []
    twice = pl.concat([frame, frame.head(1)])
    assert messages(gate, twice) == ["Customer_key is not unique: some members are listed more than once."]


def test_no_page_about_a_list_holds_a_member(gate: QualityGate) -> None:
    gate.validate_list(members(columns={"email": ["secret.person", "x@example.org", None]}), segment())
    index = gate.build_docs()
    assert index is not None
    page = (index.parent / "lists" / "seg_win_back.html").read_text()
    assert "Failed" in page
    assert not any(word in page for word in ("secret.person", "x@example.org", "Person c"))


def test_pages_of_earlier_runs_stay_in_the_index(gate: QualityGate) -> None:
    gate.validate_list(members(), segment())
    gate.build_docs()
    other = QualityGate(settings=gate._settings, as_of=gate._as_of)  # the next run in the same place
    other.validate_list(members(), SegmentDefinition(name="seg_other", settings=segment().settings, sql=""))
    index = other.build_docs()
    assert index is not None
    assert all(f'href="lists/{name}.html"' in index.read_text() for name in ("seg_win_back", "seg_other"))
