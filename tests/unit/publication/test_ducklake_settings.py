"""Where the lake is: what is taken, what is refused in one sentence, and that no secret is ever shown."""

from __future__ import annotations

from types import SimpleNamespace

import duckdb
import pytest

from dagster_project.errors import CrmError
from dagster_project.publication import ducklake_attaching
from dagster_project.publication.ducklake_attaching import attach_statement, load_extensions
from dagster_project.publication.ducklake_settings import Lake, demand_lake, read_lake

ADDRESS = "dbname=crm host=db.example.org user=crm_writer"


def test_without_a_catalog_there_is_no_lake() -> None:
    assert read_lake({}) is None
    with pytest.raises(CrmError, match="no lake is set up on this machine"):
        demand_lake({})


def test_a_machine_that_reads_needs_no_folder() -> None:
    assert read_lake({"CRM_LAKE_CATALOG": ADDRESS}) == Lake(catalog=ADDRESS, data=None, nights=7)


@pytest.mark.parametrize("folder", ["/mnt/lake", "/mnt/lake/", "s3://bucket/lake/"])
def test_a_folder_or_a_bucket_holds_the_files(folder: str) -> None:
    lake = read_lake({"CRM_LAKE_CATALOG": ADDRESS, "CRM_LAKE_DATA": folder, "CRM_LAKE_NIGHTS": "3"})
    assert lake == Lake(catalog=ADDRESS, data=folder.rstrip("/"), nights=3)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CRM_LAKE_CATALOG", f"{ADDRESS} password=sesame", "a password stands in the address"),
        ("CRM_LAKE_CATALOG", f"{ADDRESS} sslpassword = sesame", "a password stands in the address"),
        ("CRM_LAKE_CATALOG", "postgresql://crm:sesame@db.example.org/crm", "address of the lake's catalog cannot be"),
        ("CRM_LAKE_CATALOG", "sesame", "address of the lake's catalog cannot be read"),
        ("CRM_LAKE_DATA", "lake", "neither an absolute path nor an s3:// one"),
        ("CRM_LAKE_NIGHTS", "0", "is not a whole number above 0"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_without_its_secret(name: str, value: str, told: str) -> None:
    with pytest.raises(CrmError, match=told) as caught:
        read_lake({"CRM_LAKE_CATALOG": ADDRESS, name: value})
    assert name in str(caught.value)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("user", ["user=crm_writer", "user = crm_writer", "user='crm writer'"])
def test_a_reader_attaches_as_somebody_else(user: str) -> None:
    lake = Lake(catalog=f"dbname=crm {user} host=db", data=None, nights=7)
    assert attach_statement(lake) == "attach 'ducklake:postgres:dbname=crm user=… host=db' as crm (read_only);"


@pytest.mark.parametrize(
    ("package", "told"),
    [
        (None, r"extension ducklake is not installed.*pip install 'kreislauf\[ducklake\]'"),
        (SimpleNamespace(origin="/nowhere/__init__.py"), f"is not made for DuckDB {duckdb.__version__}"),
    ],
)
def test_an_extension_that_is_missing_or_does_not_fit_is_one_sentence(
    package: object, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ducklake_attaching, "find_spec", lambda _: package)
    with duckdb.connect() as connection, pytest.raises(CrmError, match=told):
        load_extensions(connection, Lake(catalog=ADDRESS, data=None, nights=7))
