"""Where lists can be sent to, and how a file arrives in a folder; servers are for the integration tests."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import stat
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import pysequoia
import pytest

from dagster_project.activation import destinations, transports
from dagster_project.activation.destinations import Arrival, Destination, deliver, name_at, read_destinations
from dagster_project.activation.formats import Format
from dagster_project.activation.layouts import LAYOUTS, RenderedFile
from dagster_project.errors import CrmError
from dagster_project.settings import PROJECT_ROOT, Settings, load_settings

NIGHT = date(2025, 12, 31)
NAME = "seg_x_2025-12-31.csv"
SFTP = 'sftp:\n  url: "sftp://host/in"\n  options:\n'
S3 = 's3:\n  url: "s3://bucket"\n  options:\n'


def settings_for(root: Path) -> Settings:
    return load_settings({"CRM_SOURCES_DIR": str(root / "sources"), "CRM_DATA_DIR": str(root / "data")})


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Destination]]:
    monkeypatch.delenv("CRM_DESTINATIONS", raising=False)

    def read(text: str) -> dict[str, Destination]:
        path = tmp_path / "sources" / "destinations.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return dict(read_destinations(settings_for(tmp_path)))

    return read


Configured = Callable[[str], dict[str, Destination]]


def list_file(content: bytes = b"a;b\n", name: str = NAME) -> RenderedFile:
    digest = hashlib.sha256(content).hexdigest()
    return RenderedFile(name=name, as_of=NIGHT, content_kind="full", row_count=1, content=content, sha256=digest)


# What is configured


def test_what_is_shipped_can_be_read_and_lies_in_the_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_DESTINATIONS", raising=False)
    shipped = read_destinations(load_settings({"CRM_DATA_DIR": "/somewhere/data"}))
    assert sorted(shipped) == ["ads_google", "ads_meta", "dialler", "letter_shop", "mailing"]
    assert {one.url for one in shipped.values()} == {f"file:///somewhere/data/destinations/{name}" for name in shipped}
    assert not shipped["dialler"].form.is_spreadsheet_safe
    assert shipped["letter_shop"].form == LAYOUTS["letter_shop"].form


def test_the_example_in_the_shipped_file_can_be_read(configured: Configured) -> None:
    text = (PROJECT_ROOT / "sources" / "destinations.yml").read_text()
    example = text.partition("would read:\n")[2].partition("\n\n")[0].replace("#", " ")
    (one,) = configured(example).values()
    assert one.options["known_hosts"].endswith("/sources/known_hosts")
    assert one.encrypt_to is not None


def test_without_a_file_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_DESTINATIONS", raising=False)
    assert read_destinations(settings_for(tmp_path)) == {}


def test_another_file_may_be_named_and_must_then_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.yml"
    monkeypatch.setenv("CRM_DESTINATIONS", str(path))
    with pytest.raises(CrmError, match="the destinations cannot be read: No such file or directory"):
        read_destinations(settings_for(tmp_path))
    path.write_text('x:\n  url: "file:///lists"\n')
    assert read_destinations(settings_for(tmp_path)) == {"x": Destination(name="x", url="file:///lists")}


def test_a_destination_in_full(configured: Configured, tmp_path: Path) -> None:
    text = (
        "shop:\n  url: sftp://me@host:2222/in\n  layout: letter_shop\n  content: delta\n  encrypt_to: shop.asc\n"
        "  format:\n    encoding: utf-8\n    quoting: all\n"
        "  options:\n    known_hosts: /etc/hosts_known\n    client_key: env:KEY_FILE\n    passphrase: env:PASS\n"
    )
    assert configured(text) == {
        "shop": Destination(
            name="shop",
            url="sftp://me@host:2222/in",
            layout="letter_shop",
            content="delta",
            form=Format(
                delimiter=";",
                encoding="utf-8",
                quoting="all",
                line_end="crlf",
                is_spreadsheet_safe=False,
            ),
            encrypt_to=tmp_path / "sources" / "shop.asc",
            options={"known_hosts": "/etc/hosts_known", "client_key": "env:KEY_FILE", "passphrase": "env:PASS"},
        )
    }


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("x:\n  layout: plain\n", 1, "the key 'url' is missing"),
        ("x:\n  url: file:///a\n  layuot: plain\n", 3, "unknown key 'layuot'. Did you mean 'layout'?"),
        ("x:\n  url: file:///a\n  layout: mailchip\n", 3, "unknown layout 'mailchip'. Did you mean 'mailchimp'?"),
        ("x:\n  url: file:///a\n  content: all\n", 3, "unknown content 'all'"),
        ("X y:\n  url: file:///a\n", 1, "'X y' is no name"),
        ("x:\n  url: ftp://host/a\n", 2, "the url begins with 'ftp'. Did you mean 'sftp'?"),
        ("x:\n  url: /a/b\n", 2, "the url begins with 'nothing'"),
        ("x:\n  url: file://a/b\n", 2, "the url is not whole. Write file:///folder."),
        ("x:\n  url: s3:///b\n", 2, "the url is not whole. Write s3://bucket/prefix."),
        ("x:\n  url: sftp://host\n", 2, "the url is not whole. Write sftp://host:22/folder."),
        ("x:\n  url: sftp://host:port/a\n", 2, "the url is not whole"),
        ("x:\n  url: '{home}/a'\n", 2, "the url has a placeholder nobody knows"),
        ("x:\n  url: sftp://me:hunter2@host/a\n", 2, "the url holds more than a place"),
        ("x:\n  url: s3://bucket/a?key=hunter2\n", 2, "the url holds more than a place"),
        ("x:\n  url: file:///a\n  format:\n    decimal_comma: true\n", 3, "the delimiter cannot be a comma, too"),
        ("x:\n  url: file:///a\n  format:\n    encoding: latin-1\n", 4, "unknown encoding 'latin-1'"),
        ("x:\n  url: file:///a\n  options:\n    mode: '0777'\n", 4, "unknown option 'mode'"),
        (SFTP + "    username: me\n", 3, "the option known_hosts is missing"),
        (SFTP + "    known_hosts: ''\n", 3, "the option known_hosts is missing"),
        (SFTP + "    known_hosts: k\n    password: hunter2\n", 5, "the option password holds a secret itself"),
        (SFTP + "    known_hosts: k\n    passphrase: 'env:'\n", 5, "the option passphrase holds a secret itself"),
        (S3 + "    secret: hunter2\n", 4, "the option secret holds a secret itself"),
        (S3 + "    region: AKIAABCDEFGHIJKLMNOP\n", 4, "the option region holds a secret itself"),
        (S3 + "    endpoint_url: http://s3.example.com\n", 4, "the endpoint_url is not encrypted"),
    ],
)
def test_nonsense_is_one_sentence_with_its_line(configured: Configured, text: str, line: int, what: str) -> None:
    with pytest.raises(CrmError) as caught:
        configured(text)
    said = f"{caught.value.what}. {caught.value.remedy}"
    assert what in said
    assert caught.value.where.endswith(f"destinations.yml:{line}")
    assert "hunter2" not in str(caught.value)


def test_a_server_on_this_machine_need_not_be_encrypted(configured: Configured) -> None:
    assert configured(S3 + "    endpoint_url: http://127.0.0.1:9000\n")


# A folder


@pytest.fixture
def folder(tmp_path: Path) -> Destination:
    return Destination(name="mailing", url=f"file://{tmp_path}/lists/mailing")


def lying(destination: Destination) -> dict[str, bytes]:
    path = Path(destination.url.removeprefix("file://"))
    return {one.name: one.read_bytes() for one in path.iterdir()} if path.is_dir() else {}


def test_a_file_arrives_once(folder: Destination) -> None:
    assert deliver(folder, list_file()) == Arrival(NAME, status="arrived")
    before = (Path(folder.url.removeprefix("file://")) / NAME).stat()
    assert deliver(folder, list_file()) == Arrival(NAME, status="unchanged")
    assert (Path(folder.url.removeprefix("file://")) / NAME).stat() == before
    assert lying(folder) == {NAME: b"a;b\n"}


def test_another_content_replaces_it(folder: Destination) -> None:
    deliver(folder, list_file(b"before"))
    assert deliver(folder, list_file(b"after")).status == "arrived"
    assert lying(folder) == {NAME: b"after"}


def test_a_digest_that_is_known_does_not_hide_that_the_file_is_gone_or_other(folder: Destination) -> None:
    file = list_file()
    assert deliver(folder, file, last_sha256=file.sha256).status == "arrived"
    (Path(folder.url.removeprefix("file://")) / NAME).write_bytes(b"tampered")
    assert deliver(folder, file, last_sha256=file.sha256).status == "arrived"


def test_a_dry_run_says_what_would_happen_and_writes_nothing(folder: Destination) -> None:
    assert deliver(folder, list_file(), dry_run=True).status == "would_arrive"
    assert lying(folder) == {}
    deliver(folder, list_file())
    assert deliver(folder, list_file(), dry_run=True).status == "unchanged"
    assert deliver(folder, list_file(b"other"), dry_run=True).status == "would_arrive"
    assert lying(folder) == {NAME: b"a;b\n"}


def test_only_the_owner_can_read_it_whatever_the_umask(folder: Destination, tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        deliver(folder, list_file())
    finally:
        os.umask(former)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "lists").rglob("*")}
    assert modes == {"mailing": 0o700, NAME: 0o600}
    assert stat.S_IMODE((tmp_path / "lists").stat().st_mode) == 0o700


def test_rights_of_a_folder_that_exists_are_left_alone(folder: Destination) -> None:
    path = Path(folder.url.removeprefix("file://"))
    path.mkdir(parents=True)
    path.chmod(0o770)
    deliver(folder, list_file())
    assert stat.S_IMODE(path.stat().st_mode) == 0o770


def test_what_a_killed_run_left_of_this_segment_is_removed(folder: Destination) -> None:
    path = Path(folder.url.removeprefix("file://"))
    path.mkdir(parents=True)
    for name in (
        "seg_x_2025-12-30.csv.part",
        f"{NAME}.part",
        "seg_x_y_2025-12-30.csv.part",
        "other.csv.part",
        "seg_x_b",
    ):
        (path / name).write_bytes(b"half")
    deliver(folder, list_file())
    assert sorted(lying(folder)) == ["other.csv.part", "seg_x_2025-12-31.csv", "seg_x_b", "seg_x_y_2025-12-30.csv.part"]


def test_a_planted_link_is_not_followed(folder: Destination, tmp_path: Path) -> None:
    path = Path(folder.url.removeprefix("file://"))
    path.mkdir(parents=True)
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (path / f"{NAME}.part").symlink_to(tmp_path / "elsewhere")
    deliver(folder, list_file())
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"
    assert lying(folder) == {NAME: b"a;b\n"}


def test_a_full_disk_leaves_what_was_there(folder: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(folder, list_file(b"before"))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CrmError, match=f"{NAME} did not arrive at mailing: it has no room left") as caught:
        deliver(folder, list_file(b"after"))
    assert caught.value.where == folder.url
    assert lying(folder)[NAME] == b"before"


def test_what_was_mangled_on_the_way_never_gets_its_name(folder: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "FIRST_WAIT_SECONDS", 0)
    deliver(folder, list_file(b"before"))
    monkeypatch.setattr(transports.Folder, "read", lambda *_: b"something else")
    with pytest.raises(CrmError, match="broke off"):
        deliver(folder, list_file(b"after"))
    assert lying(folder)[NAME] == b"before"


def test_a_note_travels_with_the_arrival(folder: Destination) -> None:
    file = RenderedFile(
        name=NAME,
        as_of=NIGHT,
        content_kind="full",
        row_count=0,
        content=b"",
        sha256="",
        note="3 characters were replaced",
    )
    assert deliver(folder, file).message == "3 characters were replaced"


# Encrypted


def test_an_encrypted_file_is_up_to_date_by_what_is_in_it(tmp_path: Path) -> None:
    key = pysequoia.Tsk.generate("Letter shop <letters@example.org>")
    (tmp_path / "shop.asc").write_bytes(bytes(key.extract_certificate()))
    shop = Destination(name="shop", url=f"file://{tmp_path}/lists", encrypt_to=tmp_path / "shop.asc")
    file = list_file()
    assert name_at(shop, file) == f"{NAME}.pgp"
    assert deliver(shop, file) == Arrival(f"{NAME}.pgp", status="arrived")
    first = lying(shop)
    assert list(first) == [f"{NAME}.pgp"]
    assert pysequoia.decrypt(first[f"{NAME}.pgp"], decryptor=key.decryptor()).bytes == file.content
    assert deliver(shop, file, last_sha256=file.sha256).status == "unchanged"
    assert lying(shop) == first
    assert deliver(shop, file, last_sha256="another").status == "arrived"
    assert lying(shop) != first


def test_without_a_good_certificate_nothing_is_written(tmp_path: Path) -> None:
    shop = Destination(name="shop", url=f"file://{tmp_path}/lists", encrypt_to=tmp_path / "missing.asc")
    with pytest.raises(CrmError, match="the certificate to encrypt to cannot be read"):
        deliver(shop, list_file())
    assert lying(shop) == {}


# Trying again


class Shaky(transports.Place):
    """A place where the first attempts fail."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts = 0
        self.files: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        self.attempts += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.files.get(name)

    def put(self, name: str, content: bytes) -> None:
        self.files[name] = content

    def tidy(self, ours: re.Pattern[str]) -> None:
        assert ours.fullmatch("seg_x_2024-01-01_delta.csv.pgp")


@pytest.fixture
def shaky(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shaky]:
    def made(*errors: Exception) -> Shaky:
        place = Shaky(*errors)
        monkeypatch.setattr(destinations, "FIRST_WAIT_SECONDS", 0)
        monkeypatch.setattr(destinations, "_place", lambda _: lambda: place)
        return place

    return made


PASSING = (
    ConnectionResetError("secret"),
    TimeoutError("secret"),
    OSError(errno.EBUSY, "secret"),
    socket.gaierror(socket.EAI_AGAIN, "secret"),
)
LASTING = (
    FileNotFoundError("secret"),
    OSError(errno.ENOSPC, "secret"),
    OSError(errno.EROFS, "secret"),
    socket.gaierror(socket.EAI_NONAME, "secret"),
    ValueError("secret"),
)


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_may_pass_is_tried_again(shaky: Callable[..., Shaky], folder: Destination, error: Exception) -> None:
    place = shaky(error, error, error, error)
    assert deliver(folder, list_file()).status == "arrived"
    assert (place.attempts, place.files) == (5, {NAME: b"a;b\n"})


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_but_not_for_ever_and_nothing_secret_is_told(
    shaky: Callable[..., Shaky], folder: Destination, error: Exception
) -> None:
    place = shaky(*[error] * 9)
    with pytest.raises(CrmError, match=f"{NAME} did not arrive at mailing") as caught:
        deliver(folder, list_file())
    assert place.attempts == 5
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_what_lasts_is_told_at_once(shaky: Callable[..., Shaky], folder: Destination, error: Exception) -> None:
    place = shaky(error)
    with pytest.raises(CrmError) as caught:
        deliver(folder, list_file())
    assert place.attempts == 1
    assert "secret" not in str(caught.value)


def test_where_we_may_only_write_we_write(shaky: Callable[..., Shaky], folder: Destination) -> None:
    place = shaky(PermissionError("no looking"))
    assert deliver(folder, list_file()).status == "arrived"
    assert place.files == {NAME: b"a;b\n"}


def test_a_user_in_the_url_is_not_told(shaky: Callable[..., Shaky]) -> None:
    shaky(ValueError())
    with pytest.raises(CrmError) as caught:
        deliver(Destination(name="x", url="sftp://somebody@host:22/in"), list_file())
    assert caught.value.where == "sftp://host:22/in"


@pytest.mark.parametrize(
    ("url", "user", "expected"),
    [
        ("sftp://host/in", None, ("host", 22, "/in", {})),
        ("sftp://me@host:2222/in/x", None, ("host", 2222, "/in/x", {"username": "me"})),
        ("sftp://me@host/in", "other", ("host", 22, "/in", {"username": "other"})),
    ],
)
def test_where_an_sftp_url_leads(
    monkeypatch: pytest.MonkeyPatch, url: str, user: str | None, expected: tuple[object, ...]
) -> None:
    seen: list[object] = []

    def connect(host: str, *, port: int, root: str, options: dict[str, str]) -> transports.Place:
        seen.append((host, port, root, options))
        return Shaky()

    monkeypatch.setattr(transports, "Server", connect)
    monkeypatch.setattr(transports, "opened", lambda make: nullcontext(make()))
    deliver(Destination(name="x", url=url, options={"username": user} if user else {}), list_file())
    assert seen == [expected]


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_TEST_PASSWORD", raising=False)
    destination = Destination(name="x", url="sftp://host/in", options={"password": "env:CRM_TEST_PASSWORD"})
    with pytest.raises(CrmError, match="the option password of the destination x is not set") as caught:
        deliver(destination, list_file())
    assert caught.value.where == "CRM_TEST_PASSWORD"
