"""dbt's and the database's messages become one sentence that names the model."""

from __future__ import annotations

from dagster_project.errors import CrmError
from dagster_project.transformation.build import NodeResult
from dagster_project.transformation.failures import LONGEST_MESSAGE, build_failure, one_sentence, parse_failure


def _node(
    name: str, *, kind: str = "model", status: str = "error", message: str = "", failures: int | None = None
) -> NodeResult:
    return NodeResult(
        unique_id=f"{kind}.kreislauf.{name}",
        kind=kind,
        name=name,
        path=f"models/{name}.sql",
        status=status,
        seconds=0.1,
        message=message,
        failures=failures,
        relation=None,
    )


def test_a_broken_model_is_named_with_the_message_of_the_database() -> None:
    message = (
        "Runtime Error in model seg_x (models/segments/seg_x.sql)\n"
        '  Binder Error: Referenced column "nme" not found in FROM clause!\n'
        '  Candidate bindings: "name"\n\n'
        "  LINE 12:     nme as reason\n               ^\n"
        "  compiled code at /data/dbt/target/run/seg_x.sql"
    )
    told = build_failure([_node("t", kind="test", status="fail", failures=3), _node("seg_x", message=message)])
    assert told.what == (
        'the model seg_x failed: Binder Error: Referenced column "nme" not found in FROM clause! '
        'Candidate bindings: "name" (and 1 more)'
    )
    assert told.where == "models/seg_x.sql"


def test_a_failed_test_says_how_many_rows_are_bad() -> None:
    told = build_failure([_node("unique_a", kind="test", status="fail", failures=1)])
    assert told.what == "the data test unique_a found 1 bad row"


def test_a_project_that_cannot_be_parsed_is_told_with_its_file() -> None:
    error = RuntimeError(
        "Compilation Error\n  Model 'model.kreislauf.seg_x' (models/segments/seg_x.sql) depends on a node named 'dim_x'"
        " which was not found"
    )
    told = parse_failure(error)
    assert isinstance(told, CrmError)
    assert told.where == "models/segments/seg_x.sql"
    assert "depends on a node named 'dim_x' which was not found" in told.what
    assert "Compilation Error" not in told.what


def test_a_full_disk_is_no_fault_of_the_project() -> None:
    error = OSError(28, "No space left on device")
    assert parse_failure(error) is error


def test_sentences_stay_short_and_on_one_line() -> None:
    assert len(one_sentence("word " * 500)) == LONGEST_MESSAGE
    assert "\n" not in one_sentence("a\nb")
    assert one_sentence("\x1b[31mred\x1b[0m.") == "red"


def test_dbt_without_a_reason_is_still_told() -> None:
    assert "no reason" in str(build_failure([]))
