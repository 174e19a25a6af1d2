"""A small dbt project of segments as files, and the manifest dbt would make of it; for the tests of files only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from dagster_project.activation.lint_rules import Complaint
from dagster_project.activation.linting import lint_segments
from dagster_project.activation.scaffold import scaffold_segment
from dagster_project.activation.segments import Channel
from dagster_project.settings import load_settings

NAME = "seg_regulars"
CUSTOMER_COLUMNS = ("customer_key", "name", "salutation", "language", "email", "phone", "birth_date", "city")
GROUPS = """
groups:
  - name: segments
    owner: {name: Campaign management}
"""
DESTINATIONS = """
mailing:
  url: "file:///tmp/mailing"
  layout: mailchimp
letter_shop:
  url: "file:///tmp/letters"
  layout: letter_shop
"""


@dataclass(frozen=True)
class Project:
    """Files of segments under one folder."""

    folder: Path

    @property
    def dbt(self) -> Path:
        return self.folder / "dbt"

    def begin(self, name: str = NAME, *, channel: Channel = "email", priorities: Iterable[int] = ()) -> Project:
        """A segment as `crm segments new` writes it."""
        segments = self.dbt / "models" / "segments"
        segments.mkdir(parents=True, exist_ok=True)
        (self.dbt / "models" / "groups.yml").write_text(GROUPS)
        (self.folder / "sources").mkdir(exist_ok=True)
        (self.folder / "sources" / "destinations.yml").write_text(DESTINATIONS)
        scaffold_segment(name, project_dir=self.dbt, channel=channel, taken_priorities=set(priorities))
        return self

    def edit(self, *changes: tuple[str, str], name: str = NAME, suffix: str = "yml") -> Project:
        """Write something else in one of the two files of a segment."""
        path = self.dbt / "models" / "segments" / f"{name}.{suffix}"
        text = path.read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text)
        return self

    def line(self, text: str, *, name: str = NAME, suffix: str = "yml") -> str:
        """File and line in which a text first stands."""
        path = self.dbt / "models" / "segments" / f"{name}.{suffix}"
        number = next(n for n, line in enumerate(path.read_text().splitlines(), start=1) if text in line)
        return f"dbt/models/segments/{name}.{suffix}:{number}"

    def lint(self, *only: str, today: date = date(2025, 3, 31)) -> tuple[Complaint, ...]:
        """All that is wrong."""
        nodes = [_node("core", "dim_customers", {"columns": [{"name": name} for name in CUSTOMER_COLUMNS]})]
        nodes += [_node("kpi", "kpi_orders", {"config": {"meta": {"owner": "sales_operations"}}})]
        for path in sorted(self.dbt.glob("models/segments/*.sql")):
            beside = path.with_suffix(".yml")
            described = yaml.safe_load(beside.read_text())["models"][0] if beside.is_file() else {}
            nodes.append(_node("segments", path.stem, described))
        manifest = self.folder / "manifest.json"
        manifest.write_text(json.dumps({"nodes": {node["name"]: node for node in nodes}}, default=str))
        settings = load_settings({"CRM_DATA_DIR": str(self.folder), "CRM_SOURCES_DIR": str(self.folder / "sources")})
        return lint_segments(
            settings=settings, manifest_path=manifest, project_dir=self.dbt, today=today, only=frozenset(only)
        )

    def rules(self, *only: str) -> list[str]:
        """The names of the rules that are broken."""
        return [complaint.rule for complaint in self.lint(*only)]


def _node(schema: str, name: str, described: dict[str, Any]) -> dict[str, Any]:
    return {
        "resource_type": "model",
        "schema": schema,
        "name": name,
        "description": described.get("description", ""),
        "columns": {column["name"]: column for column in described.get("columns", [])},
        "config": {"materialized": "table", "meta": described.get("config", {}).get("meta", {})},
        "raw_code": "select 1",
        "package_name": "kreislauf",
        "original_file_path": f"models/{schema}/{name}.sql",
    }
