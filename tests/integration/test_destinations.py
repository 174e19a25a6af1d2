"""Lists sent to real servers on this machine (SFTP, S3) and into a folder, and runs that are killed on the way."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import asyncssh
import botocore.exceptions
import pysequoia
import pytest

from dagster_project.activation import destinations
from dagster_project.activation.destinations import Destination, deliver
from dagster_project.activation.layouts import RenderedFile
from dagster_project.activation.transports import may_pass
from dagster_project.errors import CrmError

NIGHT = date(2025, 12, 31)
NAME = "seg_win_back_2025-12-31.csv"
KILLS = 12


def list_file(content: bytes, name: str = NAME) -> RenderedFile:
    digest = hashlib.sha256(content).hexdigest()
    return RenderedFile(name=name, as_of=NIGHT, content_kind="full", row_count=1, content=content, sha256=digest)


# An SFTP server


@dataclass
class Sftp:
    """A server whose directory can be looked into.

    Args:
        root: What its users see as /.
        destination: Its directory `incoming`, with a key that it lets in.
        server: Can be told to misbehave.
    """

    root: Path
    destination: Destination
    server: type[Misbehaving]

    @property
    def files(self) -> dict[str, bytes]:
        return files_in(self.root / "incoming")


class Misbehaving(asyncssh.SFTPServer):
    """A server that can refuse or break off, and remembers what was written to it."""

    root = b""
    breaks = 0
    is_old = False
    is_blind = False
    connections = 0
    written: ClassVar[list[bytes]] = []

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        super().__init__(channel, chroot=self.root)
        type(self).connections += 1
        self._channel = channel

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if self.is_blind and not pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("no looking")
        return super().open(path, pflags, attrs)

    async def scandir(self, path: bytes) -> Any:
        if self.is_blind:
            raise asyncssh.SFTPPermissionDenied("no looking")
        async for entry in super().scandir(path):
            yield entry

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        self.written.append(data)
        if type(self).breaks:
            type(self).breaks -= 1
            connection: Any = self._channel.get_connection()
            connection.abort()
        return super().write(file_obj, offset, data)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        if self.is_old:
            raise asyncssh.SFTPOpUnsupported("not in my day")
        return super().posix_rename(oldpath, newpath)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def sftp(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> Iterator[Sftp]:
    root = tmp_path / "server"
    (root / "incoming").mkdir(parents=True)
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    client_key.write_private_key(str(tmp_path / "client_key"))
    client_key.write_public_key(str(tmp_path / "authorized"))
    kind = type("Kind", (Misbehaving,), {"root": str(root).encode(), "written": []})
    listening = asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=str(tmp_path / "authorized"),
        sftp_factory=kind,
    )
    acceptor = asyncio.run_coroutine_threadsafe(_awaited(listening), loop).result(timeout=10)
    address = f"[127.0.0.1]:{acceptor.get_port()}"
    (tmp_path / "known_hosts").write_text(f"{address} {host_key.export_public_key().decode()}")
    destination = Destination(
        name="letter_shop",
        url=f"sftp://me@127.0.0.1:{acceptor.get_port()}/incoming",
        options={"known_hosts": str(tmp_path / "known_hosts"), "client_key": str(tmp_path / "client_key")},
    )
    yield Sftp(root, destination, kind)
    loop.call_soon_threadsafe(acceptor.close)


async def _awaited(what: Any) -> Any:
    return await what


def with_options(destination: Destination, **options: str) -> Destination:
    return replace(destination, options={**destination.options, **options})


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_arrives_on_a_server_once(sftp: Sftp) -> None:
    assert deliver(sftp.destination, list_file(b"before"), dry_run=True).status == "would_arrive"
    assert sftp.files == {}
    assert deliver(sftp.destination, list_file(b"before")).status == "arrived"
    assert deliver(sftp.destination, list_file(b"before")).status == "unchanged"
    assert deliver(sftp.destination, list_file(b"after" * 100_000)).status == "arrived"
    assert sftp.files == {NAME: b"after" * 100_000}


def test_what_killed_runs_left_on_a_server_is_removed(sftp: Sftp) -> None:
    for name in (f"{NAME}.part", "seg_win_back_2025-12-30.csv.pgp.part", "seg_other_2025-12-30.csv.part"):
        (sftp.root / "incoming" / name).write_bytes(b"half")
    deliver(sftp.destination, list_file(b"whole"))
    assert sorted(sftp.files) == ["seg_other_2025-12-30.csv.part", NAME]


def test_a_server_with_another_key_gets_nothing(sftp: Sftp, tmp_path: Path) -> None:
    port = sftp.destination.url.split(":")[2].split("/")[0]
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (tmp_path / "others").write_text(f"[127.0.0.1]:{port} {stranger}")
    (tmp_path / "none").write_text("")
    for known_hosts in ("others", "none"):
        with pytest.raises(CrmError, match="the server's host key is not the known one"):
            deliver(with_options(sftp.destination, known_hosts=str(tmp_path / known_hosts)), list_file(b"secret"))
    with pytest.raises(CrmError, match="there is no file of known host keys"):
        deliver(with_options(sftp.destination, known_hosts=str(tmp_path / "missing")), list_file(b"secret"))
    assert (sftp.files, sftp.server.written, sftp.server.connections) == ({}, [], 0)


def test_settings_of_the_users_own_client_loosen_nothing(
    sftp: Sftp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n")
    (tmp_path / "none").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CrmError, match="the server's host key is not the known one"):
        deliver(with_options(sftp.destination, known_hosts=str(tmp_path / "none")), list_file(b"secret"))


def test_a_wrong_key_is_tried_once(sftp: Sftp, tmp_path: Path) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "wrong"))
    started = time.monotonic()
    with pytest.raises(CrmError, match="it does not let us in") as caught:
        deliver(with_options(sftp.destination, client_key=str(tmp_path / "wrong")), list_file(b"a"))
    assert time.monotonic() - started < 0.5
    assert "me@" not in str(caught.value)


def test_a_folder_that_is_missing_is_not_made_up(sftp: Sftp) -> None:
    elsewhere = replace(sftp.destination, url=sftp.destination.url.replace("incoming", "incomming"))
    with pytest.raises(CrmError, match="its folder or bucket does not exist"):
        deliver(elsewhere, list_file(b"a"))
    assert [path.name for path in sftp.root.iterdir()] == ["incoming"]


def test_a_line_that_breaks_is_taken_up_again(sftp: Sftp) -> None:
    sftp.server.breaks = 1
    assert deliver(sftp.destination, list_file(b"a" * 1_000_000)).status == "arrived"
    assert sftp.files == {NAME: b"a" * 1_000_000}


def test_an_old_server_that_cannot_replace(sftp: Sftp) -> None:
    sftp.server.is_old = True
    for content in (b"before", b"after"):
        assert deliver(sftp.destination, list_file(content)).status == "arrived"
        assert sftp.files == {NAME: content}


def test_a_server_that_lets_us_only_write(sftp: Sftp) -> None:
    sftp.server.is_blind = True
    for content in (b"before", b"after"):
        assert deliver(sftp.destination, list_file(content)).status == "arrived"
        assert sftp.files == {NAME: content}


def test_nothing_travels_in_plain_text_when_it_is_to_be_encrypted(sftp: Sftp, tmp_path: Path) -> None:
    key = pysequoia.Tsk.generate("Letter shop <letters@example.org>")
    (tmp_path / "shop.asc").write_bytes(bytes(key.extract_certificate()))
    shop = replace(sftp.destination, encrypt_to=tmp_path / "shop.asc")
    file = list_file(b"Ida;01067 Dresden\n" * 1000)
    assert deliver(shop, file).status == "arrived"
    assert deliver(shop, file, last_sha256=file.sha256).status == "unchanged"
    assert list(sftp.files) == [f"{NAME}.pgp"]
    assert pysequoia.decrypt(sftp.files[f"{NAME}.pgp"], decryptor=key.decryptor()).bytes == file.content
    assert b"01067" not in b"".join(sftp.server.written)


# S3


@dataclass
class S3:
    """A bucket that can be looked into."""

    destination: Destination
    client: Any

    @property
    def files(self) -> dict[str, bytes]:
        found = self.client.list_objects_v2(Bucket="lists").get("Contents", [])
        return {one["Key"]: self.client.get_object(Bucket="lists", Key=one["Key"])["Body"].read() for one in found}


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    import boto3

    monkeypatch.setenv("CRM_TEST_KEY", "a-key")
    monkeypatch.setenv("CRM_TEST_SECRET", "a-secret")
    client = boto3.client(
        "s3", endpoint_url=s3_url, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1"
    )
    client.create_bucket(Bucket="lists")
    options = {
        "key": "env:CRM_TEST_KEY",
        "secret": "env:CRM_TEST_SECRET",
        "region": "us-east-1",
        "endpoint_url": s3_url,
    }
    bucket = S3(Destination(name="lake", url="s3://lists/in/", options=options), client)
    yield bucket
    for key in bucket.files:
        client.delete_object(Bucket="lists", Key=key)
    client.delete_bucket(Bucket="lists")


def test_an_object_arrives_once(s3: S3) -> None:
    assert deliver(s3.destination, list_file(b"before"), dry_run=True).status == "would_arrive"
    assert s3.files == {}
    assert deliver(s3.destination, list_file(b"before")).status == "arrived"
    assert deliver(s3.destination, list_file(b"before")).status == "unchanged"
    assert (
        deliver(with_options(s3.destination, server_side_encryption="AES256"), list_file(b"after")).status == "arrived"
    )
    assert s3.files == {f"in/{NAME}": b"after"}
    assert s3.client.head_object(Bucket="lists", Key=f"in/{NAME}")["ServerSideEncryption"] == "AES256"


def test_a_bucket_that_is_missing_is_told(s3: S3) -> None:
    with pytest.raises(CrmError, match="its folder or bucket does not exist") as caught:
        deliver(replace(s3.destination, url="s3://elsewhere/in"), list_file(b"a"))
    assert "a-secret" not in str(caught.value)


def test_a_store_that_does_not_answer_is_tried_again(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "FIRST_WAIT_SECONDS", 0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = with_options(s3.destination, endpoint_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(CrmError, match="it could not be reached or broke off"):
            deliver(nobody, list_file(b"a"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncssh.ConnectionLost("gone"), True),
        (asyncssh.ChannelOpenError(1, "busy"), True),
        (asyncssh.SFTPConnectionLost("gone"), True),
        (asyncssh.HostKeyNotVerifiable("other"), False),
        (asyncssh.PermissionDenied("no"), False),
        (asyncssh.SFTPPermissionDenied("no"), False),
        (asyncssh.SFTPNoSuchFile("where"), False),
        (asyncssh.KeyExchangeFailed("no common one"), False),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="x"), True),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="x"), True),
        (botocore.exceptions.NoCredentialsError(), False),
        (botocore.exceptions.ParamValidationError(report="x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_may_pass_is_tried_again(error: Exception, expected: bool) -> None:
    assert may_pass(error) is expected


# Killed on the way


@dataclass(frozen=True)
class Lists:
    """What lay there before, what is tried out once to see how long it takes, and what has to lie there in the end."""

    size: int

    def named(self, letter: bytes) -> tuple[RenderedFile, ...]:
        delta = NAME.replace(".csv", "_delta.csv")
        return list_file(letter * self.size), list_file(letter * (self.size // 3), delta)

    @property
    def former(self) -> tuple[RenderedFile, ...]:
        return self.named(b"f")

    @property
    def rehearsal(self) -> tuple[RenderedFile, ...]:
        return self.named(b"r")

    @property
    def latest(self) -> tuple[RenderedFile, ...]:
        return self.named(b"l")

    @property
    def digests(self) -> set[str]:
        return {file.sha256 for file in (*self.former, *self.rehearsal, *self.latest)}


def send(destination: Destination, files: tuple[RenderedFile, ...], ready: Connection | None = None) -> None:
    """Send files, perhaps in a process that is killed meanwhile."""
    if ready:
        ready.send(None)
    for file in files:
        deliver(destination, file)


def kill_often(
    destination: Destination, lists: Lists, *, kills: int = 12, is_writing: Callable[[], bool] | None = None
) -> int:
    """Kill as many runs at random moments, every other one while it is writing; then let one come to its end.

    Returns how many of them left something half written.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.test_destinations", "sshfs", "s3fs", "tenacity"])
    started = time.monotonic()
    send(destination, lists.rehearsal)
    duration = time.monotonic() - started
    moments = random.Random(5)
    hits = 0
    for attempt in range(kills):
        send(destination, lists.former)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=send, args=(destination, lists.latest, theirs))
        process.start()
        ours.recv()
        if is_writing and attempt % 2 == 0:
            while process.is_alive() and not is_writing():
                time.sleep(0.001)
        else:
            time.sleep(moments.uniform(0, 1.2 * duration))
        process.kill()
        process.join()
        hits += bool(is_writing and is_writing())
    send(destination, lists.latest)
    return hits


@contextmanager
def watched(folder: Path) -> Iterator[set[str]]:
    """Digests of everything that ever lay under a final name in a folder."""
    seen: set[str] = set()
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.005):
            seen.update(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.csv"))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


def test_a_folder_ends_with_the_last_list_however_often_the_run_is_killed(tmp_path: Path) -> None:
    folder, lists = tmp_path / "lists", Lists(1_000_000)
    folder.mkdir()
    with watched(folder) as seen:
        kill_often(Destination(name="mailing", url=f"file://{folder}"), lists)
    assert files_in(folder) == {file.name: file.content for file in lists.latest}
    assert {file.sha256 for file in lists.former} <= seen <= lists.digests


def test_a_server_ends_with_the_last_list_however_often_the_run_is_killed(sftp: Sftp) -> None:
    folder, lists = sftp.root / "incoming", Lists(1_000_000)
    with watched(folder) as seen:
        hits = kill_often(sftp.destination, lists, is_writing=lambda: any(folder.glob("*.part")))
    assert hits > 0
    assert sftp.files == {file.name: file.content for file in lists.latest}
    assert {file.sha256 for file in lists.former} <= seen <= lists.digests


def test_a_bucket_ends_with_the_last_list_however_often_the_run_is_killed(s3: S3) -> None:
    lists = Lists(200_000)
    kill_often(s3.destination, lists, kills=4)
    assert s3.files == {f"in/{file.name}": file.content for file in lists.latest}
    assert s3.client.list_multipart_uploads(Bucket="lists").get("Uploads", []) == []
