"""What is shown of a person is erased, nothing else is, and a search of every byte that is not the product's agrees."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dagster_project.activation.document import MANIFEST, member_files, sha256
from dagster_project.activation.files import ListFolder
from dagster_project.activation.journals import prepare_journals
from dagster_project.errors import CrmError
from dagster_project.ingestion import ingest, load_catalog
from dagster_project.nightly.ingesting import _balance
from dagster_project.nightly.lock import exclusive_run
from dagster_project.publication.ducklake import read_state, share
from dagster_project.publication.ducklake_settings import demand_lake
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.simulation import simulate
from dagster_project.subjects.erasing import Order, erase, look, look_whole
from dagster_project.subjects.holdings import OUTSIDE, Holdings
from dagster_project.subjects.identifiers import Identifier
from dagster_project.subjects.ledger import returned
from dagster_project.subjects.proof import REMAINS, Proof, _in_databases
from dagster_project.subjects.rebuilding import Rebuilt
from dagster_project.transformation import dbt_layout
from dagster_project.transformation.manifest import parsed_project
from dagster_project.transformation.project import invoke
from tests.conftest import Company
from tests.postgres import Server

pytestmark = pytest.mark.slow  # a company of its own, erased from eight times: a minute

NIGHT = date(2024, 6, 30)
SEGMENT = "seg_win_back"
BUILT = "+dim_customer_records +dim_customers +dim_consents +dim_suppressions"
ONLY = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
AT = datetime(2024, 7, 1, tzinfo=UTC)
KILLED = """
import sys
from tests.integration.test_subject_erased import AT, Order, erase, rebuild, settings_of
from pathlib import Path
print("ready", flush=True)
erase(settings_of(Path(sys.argv[1])), Order(sys.argv[2], "tester", AT), rebuild=rebuild)
"""


def settings_of(data_dir: Path) -> Settings:
    return Company(data_dir, NIGHT).settings


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Sixty customers after half a year: raw rows, the models that know who is who, lists and a published file."""
    made = Company(tmp_path_factory.mktemp("erased"), NIGHT)
    simulate(customers=60, months=6, seed=5, start=date(2024, 1, 1), out=made.data_dir)
    add_bad_row(made)
    ingest(catalog=load_catalog(made.settings.sources_dir), settings=made.settings, as_of=NIGHT)
    with duckdb.connect(str(made.warehouse)) as connection:
        prepare_journals(connection)
    built = invoke(["build", *ONLY, "--select", BUILT], settings=made.settings, manifest=parsed_project(made.settings))
    assert built.success, built.exception or built.result
    keep_sql(made.settings)
    write_list(made)
    publish(made.settings)
    return made


@pytest.fixture
def copied(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Company:
    """A copy that may be changed; lists go to a folder beside it, too."""
    mine = Company(tmp_path / "data", NIGHT)
    shutil.copytree(company.data_dir, mine.data_dir, symlinks=True)
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    shutil.copy(mine.data_dir / "exports" / SEGMENT / NIGHT.isoformat() / "members.csv", outbox / "list.csv")
    hashed = [
        sha256(row[0].encode()) for row in mine.query("select email from core.dim_customers where is_current") if row[0]
    ]
    (outbox / "audience.csv").write_text("email\n" + "\n".join(hashed) + "\n")
    (tmp_path / "destinations.yml").write_text(f"folder:\n  url: file://{outbox}\n")
    monkeypatch.setenv("CRM_DESTINATIONS", str(tmp_path / "destinations.yml"))
    return mine


def add_bad_row(company: Company) -> None:
    """A statement of a known person that will be quarantined."""
    log = max((company.landing / "mailchimp").glob("consent_log_*.csv"))
    header, *rows = log.read_text().splitlines()
    bad = dict(zip(header.split(","), rows[-1].split(","), strict=True)) | {"STATUS": "vielleicht"}
    log.write_text("\n".join([header, *rows, ",".join(bad.values())]) + "\n")


def write_list(company: Company) -> None:
    """A list of every current customer, as a night would leave it: files and journals."""
    with duckdb.connect(str(company.warehouse)) as connection:
        members = connection.execute(
            "select customer_key, name, email, 'ordered long ago' as reason from core.dim_customers"
            " where is_current and customer_key <> 'unknown' order by customer_key"
        ).pl()
        connection.execute(
            "insert into journal.segment_changes by name select date '2024-06-29' as as_of_date, $1 as segment,"
            " customer_key as member_key, customer_key, 'member' as verdict, 'ordered long ago' as reason"
            " from core.dim_customers where is_current and customer_key <> 'unknown'",
            [SEGMENT],
        )
        connection.execute(
            "insert into journal.segment_assignments by name select as_of_date, segment, member_key, customer_key,"
            " 'treated' as arm from journal.segment_changes"
        )
        connection.execute(
            "insert into journal.destination_deliveries (as_of_date, segment, destination, content, status) values"
            " (date '2024-06-30', $1, 'folder', 'full', 'arrived'),"
            " (date '2024-06-30', $1, 'far_away', 'full', 'arrived')",
            [SEGMENT],
        )
    files = member_files(members)
    manifest = {
        "files": {
            name: {"sha256": sha256(one), "bytes": len(one), "rows": members.height} for name, one in files.items()
        }
    }
    folder = ListFolder(company.settings.exports_dir / SEGMENT)
    folder.prepare()
    folder.deliver(NIGHT, {**files, MANIFEST: json.dumps(manifest).encode()})


def publish(settings: Settings) -> None:
    """A stand-in for the analysts' database: keys only."""
    settings.published_path.parent.mkdir(exist_ok=True)
    settings.published_path.unlink(missing_ok=True)
    with duckdb.connect(str(settings.published_path)) as connection:
        connection.execute(f"attach '{settings.warehouse_path}' as source (read_only)")
        connection.execute("create schema core")
        connection.execute(
            "create table core.dim_customers as select customer_key, valid_from from source.core.dim_customers"
        )
        connection.execute("create schema meta")
        connection.execute(f"create table meta.publication as select date '{NIGHT}' as as_of_date, '1' as run_id")


def keep_sql(settings: Settings) -> None:
    """Keep of dbt's files only the SQL that it compiled: searching its caches takes most of the time."""
    manifest = json.loads(dbt_layout(settings).manifest_path.read_text())
    models = {name: one for name, one in manifest["nodes"].items() if one.get("compiled_code")}
    parents = {name: set(one["depends_on"]["nodes"]) & models.keys() for name, one in models.items()}
    statements = [
        f'create or replace {one["config"]["materialized"]} {one["schema"]}."{one["alias"]}" as {one["compiled_code"]}'
        for one in map(models.__getitem__, TopologicalSorter(parents).static_order())
        if one["resource_type"] == "model"
    ]
    shutil.rmtree(settings.data_dir / "dbt")
    (settings.data_dir / "models.json").write_text(json.dumps(statements))


def rebuild(settings: Settings) -> Rebuilt:
    """The models of the company anew, by the very SQL that dbt compiled, and the published file."""
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for statement in json.loads((settings.data_dir / "models.json").read_text()):
            connection.execute(statement)
    publish(settings)
    return Rebuilt("fine", "rebuilt")


# An independent search ------------------------------------------------------------------------------------------------


def contents_of(path: Path) -> Iterator[bytes]:
    """A file as it is, and what is packed in it."""
    content = path.read_bytes()
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    elif content[:4] == b"PAR1":
        yield pl.read_parquet(io.BytesIO(content)).write_csv().encode()
    elif content[:2] == b"PK":
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif content[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as connection:
            for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
                yield connection.execute(f'from {schema}."{table}"').pl().cast(pl.String).write_csv().encode()


def found_in(folder: Path, words: list[str]) -> dict[str, set[str]]:
    """Words by file, outside of what was delivered and of the truth."""
    written = {word.encode(encoding).lower(): word for word in words for encoding in ("utf-8", "cp1252", "utf-16-le")}
    patterns = {one: re.compile(rb"(?<![\w.+@-])" + re.escape(one) + rb"(?![\w@-])") for one in written}
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not path.is_symlink() and not name.startswith(("landing", "truth")):
            for content in map(bytes.lower, contents_of(path)):
                hits = {written[one] for one in written if one in content and patterns[one].search(content)}
                if hits:
                    found.setdefault(name, set()).update(hits)
    return found


def raw_rows(company: Company) -> dict[str, dict[tuple[Any, ...], tuple[Any, ...]]]:
    """Every raw row by feed, batch and line."""
    tables = company.query(
        "select table_name from duckdb_tables() where schema_name = 'raw' and table_name <> 'runs' order by all"
    )
    return {
        table: {row[:3]: row for row in company.query(f'select _batch_id, _line, rowid, * from raw."{table}"')}
        for (table,) in tables
    }


def person(company: Company) -> str:
    """The key of the person with the most records."""
    rows = company.query(
        """
        select records.customer_key
        from core.dim_customer_records as records
        inner join core.dim_customers as customers
            on records.customer_key = customers.customer_key and customers.is_current
        where customers.customer_type = 'person' and customers.email is not null
        group by all
        order by count(*) desc, records.customer_key
        limit 1
        """
    )
    return str(rows[0][0])


def contact(company: Company) -> str:
    """The address of somebody at a company who was visited."""
    rows = company.query(
        """
        select contacts.email
        from raw.contacts
        inner join raw.activities on contacts.contact_id = activities.contact_id
        where contacts.email is not null
        order by contacts.email
        limit 1
        """
    )
    return str(rows[0][0])


def quarantined(company: Company) -> str:
    """The address in the bad row."""
    (path,) = (company.data_dir / "quarantine").rglob("*.parquet")
    found = re.search(r"[^,\s\"]+@[^,\s\"]+", pl.read_parquet(path)["original_text"][0])
    assert found
    return found[0]


def erased(company: Company, who: str) -> Proof:
    return erase(company.settings, Order(who, "tester", AT), rebuild=rebuild)


@pytest.mark.parametrize("chosen", [person, contact, quarantined])
def test_what_is_shown_is_erased_and_nothing_else(copied: Company, chosen: Callable[[Company], str]) -> None:
    who = chosen(copied)
    shown, rows = look_whole(copied.settings, who)
    words = [one.value for one in shown.identifiers if one.is_searchable]
    words += [sha256(one.value.encode()) for one in shown.identifiers if one.kind == "email"]
    before = raw_rows(copied)
    assert found_in(copied.data_dir.parent, words) or found_in(copied.data_dir, words), (
        "the search must see them before"
    )

    proof = erased(copied, who)

    assert proof.exit_code == REMAINS
    assert [one for one in proof.places if one.after] == []
    assert found_in(copied.data_dir / "exports", words) == found_in(copied.data_dir.parent / "outbox", words) == {}
    assert without_ledger(found_in(copied.data_dir, words)) == {}
    with pytest.raises(CrmError, match="nobody"):
        look(copied.settings, who)
    assert_others_are_as_before(before, raw_rows(copied), shown=shown, rows=rows)
    assert _balance(copied.settings)[1] == {}
    assert {one.file for one in proof.remaining} == {
        str(one.path.relative_to(copied.data_dir)) for one in shown.files if one.place in OUTSIDE
    }
    assert [one.to for one in proof.sent] == (["far_away"] if shown.subject.customer_key else [])


def without_ledger(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """The suppression keeps hashes, in its file and in the warehouse; nothing but hashes."""
    hashes = re.compile("[0-9a-f]{64}")
    left = {
        name: {word for word in words if not (name.startswith(("audit", "warehouse")) and hashes.fullmatch(word))}
        for name, words in found.items()
    }
    return {name: words for name, words in left.items() if words}


def assert_others_are_as_before(
    before: dict[str, Any], after: dict[str, Any], *, shown: Holdings, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """Exactly the shown rows are gone, and exactly the shown cells are empty."""
    counts = {one.table: (one.rows, one.cells) for one in shown.tables if one.place == "raw"}
    for table, former in before.items():
        gone, emptied = counts.get(table, (0, 0))
        whole = {(row["_batch_id"], row["_line"]) for row in rows.get(table, []) if "_batch_id" in row}
        kept = sorted((row[3:] for key, row in former.items() if key[:2] not in whole), key=repr)
        now = sorted((row[3:] for row in after[table].values()), key=repr)
        assert len(former) - len(now) == gone, table
        if not emptied:
            assert now == kept, table
        else:
            assert len(now) == len(kept), table
            nulls = [sum(value is None for row in one for value in row) for one in (kept, now)]
            assert nulls[1] - nulls[0] == emptied, table


def test_counts_of_past_nights_stay_and_who_is_delivered_again_is_noticed(copied: Company) -> None:
    key = person(copied)
    (address,) = (one.value for one in look(copied.settings, key).identifiers if one.kind == "email")
    said = "select count(*), count(distinct customer_key) from journal.segment_assignments"
    before = copied.query(said)

    erased(copied, key)

    assert copied.query(said) == before
    tombstones = copied.query(
        "select customer_key, member_key from journal.segment_assignments where customer_key like 'erased-%'"
    )
    assert len(tombstones) == 1
    assert tombstones[0][0] == tombstones[0][1]
    assert copied.query("select reason from journal.segment_changes where customer_key like 'erased-%'") == [
        ("erased",)
    ]
    manifest = json.loads((copied.data_dir / "exports" / SEGMENT / NIGHT.isoformat() / MANIFEST).read_text())
    assert manifest["redacted"]["rows"] == {"members.csv": 1, "members.parquet": 1}
    for name, file in manifest["files"].items():
        content = (copied.data_dir / "exports" / SEGMENT / NIGHT.isoformat() / name).read_bytes()
        assert (file["sha256"], file["bytes"]) == (sha256(content), len(content))
    with duckdb.connect(str(copied.warehouse)) as connection:
        assert returned(connection) == ()
        connection.execute(
            "insert into staging.stg_accounts by name"
            " select * replace ('new' as account_id, $1 as email) from staging.stg_accounts limit 1",
            [address],
        )
        (again,) = returned(connection)
    assert (again.feed, again.rows) == ("accounts", 1)
    assert address not in again.warning


def test_an_erasure_reaches_every_night_of_the_lake(
    copied: Company, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lake"
    monkeypatch.setenv("CRM_LAKE_CATALOG", postgres.address(postgres.new_database()))
    monkeypatch.setenv("CRM_LAKE_DATA", str(folder))
    lake = demand_lake()
    share(lake, settings=copied.settings)
    key = person(copied)
    assert found_in(folder, [key])
    assert dict(_in_databases(copied.settings, [Identifier("key", key)]))["lake: core.dim_customers"] >= 1

    proof = erased(copied, key)

    assert proof.exit_code == REMAINS
    assert found_in(folder, [key]) == {}
    assert len(read_state(lake, settings=copied.settings).snapshots) == 1


def test_nothing_is_erased_while_a_night_runs(copied: Company) -> None:
    with exclusive_run(copied.settings, purpose="the nightly run"), pytest.raises(CrmError, match="nightly run"):
        erased(copied, person(copied))


@pytest.mark.parametrize("share", [0.6])
def test_a_killed_erasure_is_finished_by_the_next(copied: Company, share: float, undisturbed: float) -> None:
    who = person(copied)
    words = [one.value for one in look(copied.settings, who).identifiers if one.is_searchable]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(copied.data_dir), who],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        cwd=PROJECT_ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"ready"
        time.sleep(undisturbed * share)
        process.send_signal(signal.SIGKILL)

    is_unfinished = (copied.data_dir / ".erasing").exists() or bool(found_in(copied.data_dir, words))
    if is_unfinished:  # else it had come to its end before the signal
        assert erased(copied, who).exit_code == REMAINS
    assert found_in(copied.data_dir, words) == {}
    assert not (copied.data_dir / ".erasing").exists()


@pytest.fixture(scope="module")
def undisturbed(company: Company, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds that an erasure takes here."""
    mine = Company(tmp_path_factory.mktemp("timed") / "data", NIGHT)
    shutil.copytree(company.data_dir, mine.data_dir, symlinks=True)
    begun = time.monotonic()
    erased(mine, person(mine))
    return time.monotonic() - begun
