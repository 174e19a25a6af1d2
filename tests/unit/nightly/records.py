"""A run record in which everything occurs, for tests of what is kept and shown."""

from __future__ import annotations

from datetime import UTC, date, datetime

from dagster_project.nightly.record import (
    CheckFinding,
    CheckTally,
    FeedLoad,
    Headline,
    ListOutcome,
    Places,
    Refusal,
    RunRecord,
    StepTime,
)

PLACES = Places(
    published="/data/published/crm.duckdb",
    exports="/data/exports",
    quarantine="/data/quarantine",
    docs="/data/docs/index.html",
    log="/data/logs/crm.log",
)


def full_record(*, day: int = 1) -> RunRecord:
    """A night with warnings of every kind."""
    return RunRecord(
        run_id="0123456789abcdef",
        as_of=date(2025, 12, 31),
        started_at=datetime(2026, 1, day, 2, 15, tzinfo=UTC),
        finished_at=datetime(2026, 1, day, 2, 16, 5, tzinfo=UTC),
        outcome="warnings",
        places=PLACES,
        loads=(
            FeedLoad("shop", "orders", 3, 120, 1, 1, 1000, 900, 90, 10),
            FeedLoad("shop", "order_lines", 3, 120, 0, 0, 2500, 2500, 0, 0),
            FeedLoad("erp", "contracts", 1, 0, 0, 0, 40, 40, 0, 0),
        ),
        refusals=(Refusal("shop", "orders", "orders_2025[1].csv", "truncated: the last line has 3 of 9 values"),),
        tallies=(CheckTally("batches", 8, 1, 0), CheckTally("data tests", 320, 1, 0, 2), CheckTally("lists", 3, 1, 0)),
        findings=(CheckFinding("has_missing_rate", "fct_orders", "warning", "4 rows"),),
        headlines=(
            Headline("win_rate", "closed_count", date(2025, 11, 1), 0.31, 0.28, 0.35, "fraction", is_final=True),
            Headline("churn", "contractual", date(2025, 11, 1), 0.012, 0.01, None, "fraction", is_final=False),
            Headline("customer_lifetime_value", "predicted", None, 1234.5, None, None, "EUR", is_final=True),
        ),
        lists=(
            ListOutcome(
                "seg_win_back",
                "Win back",
                "marketing",
                "email",
                "written",
                "",
                120,
                80,
                75,
                (("no_consent", 40),),
                "/d",
                is_warning=False,
            ),
            ListOutcome(
                "seg_cross_sell",
                "Cross-sell",
                "marketing",
                "email",
                "held_back",
                "the list has doubled",
                90,
                0,
                40,
                (),
                None,
                is_warning=True,
            ),
        ),
        steps=(
            StepTime("ingestion", 12.3, 3440, "7 batches loaded"),
            StepTime("transformation", 30.0, None, "120 models"),
        ),
        warnings=("the Data Docs could not be built",),
    )
