"""The settings beside a segment's SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagster_project.activation import read_segments
from dagster_project.errors import CrmError
from tests.unit.activation.warehouses import EMAIL_LIST, World


def sentence(world: World, head: object) -> str:
    World(world.folder, head=head).write_manifest()  # type: ignore[arg-type]
    with pytest.raises(CrmError) as caught:
        read_segments(world.manifest_path)
    return str(caught.value)


def test_settings_are_read(world: World) -> None:
    world.write_manifest()
    (segment,) = read_segments(world.manifest_path)
    assert segment.name == "seg_win_back"
    assert segment.settings.sort_by == ("-score",)
    assert segment.columns == ("customer_key", "name", "email", "reason", "score")
    assert segment.sql == "select 2"


def test_a_list_may_have_a_key_of_its_own(world: World) -> None:
    world.with_head(channel="internal", purpose="none", key="opportunity_key").write_manifest()
    (segment,) = read_segments(world.manifest_path)
    assert segment.columns == ("customer_key", "opportunity_key", "reason", "score")


def test_sql_comes_from_the_compiled_file_when_the_manifest_was_only_parsed(world: World) -> None:
    world.write_manifest()
    document = json.loads(world.manifest_path.read_text())
    del document["nodes"]["model.kreislauf.seg_win_back"]["compiled_code"]
    world.manifest_path.write_text(json.dumps(document))
    assert read_segments(world.manifest_path)[0].sql == "select 1"
    compiled = world.folder / "compiled" / "kreislauf" / "models" / "segments" / "seg_win_back.sql"
    compiled.parent.mkdir(parents=True)
    compiled.write_text("select 3")
    assert read_segments(world.manifest_path)[0].sql == "select 3"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"purpose": "fun"}, "purpose should be 'marketing', 'service' or 'none' (it is 'fun')"),
        ({"channel": "fax"}, "channel should be 'email', 'phone', 'letter' or 'internal' (it is 'fax')"),
        ({"min_size": "few"}, "min_size should be a valid integer (it is 'few')"),
        ({"min_size": -1}, "min_size should be greater than or equal to 0 (it is -1)"),
        ({"min_size": 10, "max_size": 5}, "min_size 10 is above max_size 5"),
        ({"purpose": "none"}, "a list for the channel email needs a purpose that consent can be given for"),
        (
            {"key": "opportunity_key"},
            "a list for the channel email has one row per customer, so its key is customer_key",
        ),
        ({"export_columns": ["phone"]}, "export_columns names phone, but an address only comes with the channel"),
        ({"colour": "red"}, "colour is no known setting"),
        ({"title": ""}, "title should be"),
    ],
)
def test_wrong_settings_are_told_in_one_sentence(world: World, change: dict[str, object], expected: str) -> None:
    told = sentence(world, {**EMAIL_LIST, **change})
    assert f"the settings of the segment seg_win_back cannot be used: {expected}" in told
    assert "models/segments/seg_win_back.sql" in told


def test_a_missing_setting_is_named(world: World) -> None:
    told = sentence(world, {key: value for key, value in EMAIL_LIST.items() if key not in ("owner", "legal_basis")})
    assert "owner is missing; legal_basis is missing" in told


def test_a_segment_without_settings_is_told(world: World) -> None:
    assert "the segment seg_win_back has no settings" in sentence(world, None)


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(CrmError, match="dbt's manifest is missing or unreadable"):
        read_segments(tmp_path / "manifest.json")
