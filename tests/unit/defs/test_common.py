"""How a step fails: in one sentence, at once for what a user has to mend, again and again for hiccups."""

import errno
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.defs.common import told_step
from dagster_project.errors import CrmError
from dagster_project.nightly.session import Night
from dagster_project.settings import load_settings

NO_WAIT = dg.RetryPolicy(max_retries=2, delay=0)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(settings=load_settings({"CRM_DATA_DIR": str(tmp_path)}), as_of=date(2025, 1, 1), run_id="test")


def _run(night: Night, errors: list[Exception]) -> dg.ExecuteInProcessResult:
    """A job of one step that fails with these errors, one per try, and then succeeds."""

    @dg.multi_asset(specs=[dg.AssetSpec("thing")], retry_policy=NO_WAIT)
    def thing(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        with told_step(context, night=night, name="thing"):
            if errors:
                raise errors.pop(0)
            yield dg.MaterializeResult(asset_key="thing")

    return dg.materialize([thing], raise_on_error=False)


def _tries(result: dg.ExecuteInProcessResult) -> int:
    starts = ("STEP_START", "STEP_RESTARTED")
    return sum(event.event_type_value in starts for event in result.all_events)


def test_what_a_user_has_to_mend_fails_at_once(night: Night) -> None:
    result = _run(night, [CrmError("the file is empty", where="a.csv")])
    assert (result.success, _tries(result)) == (False, 1)
    assert night.failure
    assert night.failure.sentence == "the file is empty (a.csv)."


def test_a_hiccup_is_tried_again_and_leaves_no_failure(night: Night) -> None:
    result = _run(night, [OSError(errno.EIO, "Input/output error")])
    assert (result.success, _tries(result)) == (True, 2)
    assert night.failure is None
    assert night.record().outcome == "fine"


def test_a_hiccup_that_stays_is_a_failure(night: Night) -> None:
    result = _run(night, [OSError(errno.EIO, "Input/output error")] * 3)
    assert (result.success, _tries(result)) == (False, 3)
    assert night.failure


def test_a_fault_of_ours_is_not_tried_again(night: Night) -> None:
    result = _run(night, [KeyError("x")])
    assert (result.success, _tries(result)) == (False, 1)
    assert night.failure
    assert "KeyError" in night.failure.what
