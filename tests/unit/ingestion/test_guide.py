"""The mapping guide: its examples are mappings that load."""

from __future__ import annotations

import re
from pathlib import Path

from dagster_project.ingestion import load_catalog
from dagster_project.settings import PROJECT_ROOT

GUIDE = PROJECT_ROOT / "docs" / "guides" / "ingestion.md"


def test_every_example_of_the_guide_is_a_valid_mapping(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(system: (\w+)\n.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(examples) == 2
    for number, (text, system) in enumerate(examples):
        path = tmp_path / system / f"example_{number}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert len(load_catalog(tmp_path).mappings) == 2


def test_every_key_of_a_mapping_is_in_the_guide() -> None:
    import dataclasses

    from dagster_project.ingestion import mappings

    text = GUIDE.read_text()
    models = (mappings.SourceMapping, mappings.FileFormat, mappings.FeedMapping, mappings.BoundsOverride)
    names = {field.name for model in models for field in dataclasses.fields(model)}
    internal = {"name", "feed", "feeds", "columns", "description", "type", "format"}
    for name in sorted(names - internal):
        assert f"`{name}`" in text or f"`format.{name}`" in text, name
