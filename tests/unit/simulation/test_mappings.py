"""The mappings of the demo systems read every file; nothing is refused or set aside but the intended dirt."""

from __future__ import annotations

import json
from pathlib import Path

from dagster_project.ingestion import ingest, load_catalog
from dagster_project.settings import load_settings
from dagster_project.simulation import SimulationResult


def test_only_the_intended_dirt_is_refused(company: SimulationResult, tmp_path: Path) -> None:
    settings = load_settings({"CRM_DATA_DIR": str(tmp_path), "CRM_LANDING_DIR": str(company.landing)})
    catalog = load_catalog(settings.sources_dir)
    results = [
        result for result in ingest(catalog=catalog, settings=settings, as_of=company.end) if result.status != "stale"
    ]
    dirt = json.loads((company.truth / "truth.json").read_text())["dirt"]

    def files(kind: str) -> set[str]:
        return {Path(entry["file"]).name for entry in dirt if entry["kind"] == kind}

    def found(status: str) -> set[str]:
        return {Path(result.file).name for result in results if result.status == status}

    assert {Path(result.file).name for result in results} == {Path(file).name for file in company.files}
    assert found("refused") == files("truncated")
    assert found("duplicate") == files("resent")
    set_aside = {
        Path(result.file).name: result.quarantined_rows
        for result in results
        if result.status == "loaded" and result.quarantined_rows
    }
    assert set_aside == {Path(entry["file"]).name: entry["rows"] for entry in dirt if entry["kind"] == "bad_rows"}
    repeated = {Path(result.file).name for result in results if result.status == "loaded" and result.duplicate_rows}
    assert repeated == files("repeated_rows")
    for result in results:
        assert result.delivered_rows == result.loaded_rows + result.quarantined_rows + result.duplicate_rows
