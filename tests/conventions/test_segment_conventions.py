"""The linter of segments has nothing to say about the segments that are shipped."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dagster_project.activation.linting import lint_segments
from dagster_project.settings import PROJECT_ROOT, load_settings


def test_nothing_is_wrong_with_the_shipped_segments(
    manifest: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_DESTINATIONS", raising=False)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    complaints = lint_segments(
        settings=load_settings({"CRM_DATA_DIR": str(tmp_path)}),
        manifest_path=tmp_path / "manifest.json",
        project_dir=PROJECT_ROOT / "dbt",
        today=date(2025, 12, 31),
    )
    assert complaints == ()
