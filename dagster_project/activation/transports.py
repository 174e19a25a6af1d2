"""Puts a file whole or not at all into a folder, into a bucket or on an SFTP server; knows no list and no settings."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.errors import CrmError

if TYPE_CHECKING:
    import asyncssh

PART = ".part"
"""What a file's name ends with while it is being written."""

_OWNER_DIRECTORY = 0o700
_OWNER_FILE = 0o600
_SECONDS_TO_CONNECT = 15
_SECONDS_TO_ANSWER = 60
_SECONDS_AT_MOST = 1800
_LARGEST_PUT = 5 * 2**30
_PASSING_NUMBERS = frozenset(
    {errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.EPIPE, errno.EHOSTUNREACH, errno.ENETUNREACH}
    | {errno.ENETDOWN, errno.EREMOTEIO, errno.ESTALE}
)

_PASSING_NAMES = frozenset(
    {"ConnectionError", "HTTPClientError", "ClientConnectionError", "ResponseParserError", "IncompleteReadError"}
    | {"ConnectionLost", "ServiceNotAvailable", "ChannelOpenError", "SFTPConnectionLost", "SFTPNoConnection"}
)
"""Errors of botocore, aiohttp and asyncssh by name: importing the three for the sake of their names takes a second."""


class IncompleteError(ConnectionError):
    """What lies there is not what was sent."""


class Place(ABC):
    """Where files arrive; names are those of files directly in it."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """The bytes of a file, None if there is none.

        Raises:
            PermissionError: We may only write here.
        """

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Have a file of this name with exactly this content; what was there before stays until it is complete."""

    @abstractmethod
    def tidy(self, ours: re.Pattern[str]) -> None:
        """Remove what killed runs left half written of files with such names."""


class Folder(Place):
    """A directory of this machine, or one that is mounted; only the owner of the run can read what arrives."""

    def __init__(self, path: Path) -> None:
        """Create the directory if it is missing; rights of one that exists stay as somebody set them."""
        import fsspec

        self._path = path
        self._files = fsspec.filesystem("file")
        for folder in (*reversed(path.parents), path):
            if not folder.exists():
                folder.mkdir(mode=_OWNER_DIRECTORY, exist_ok=True)

    def read(self, name: str) -> bytes | None:
        """The bytes of a file, None if there is none."""
        return _read(self._files, str(self._path / name))

    def put(self, name: str, content: bytes) -> None:
        """Write beside, flush, look again, rename over."""
        part = self._path / f"{name}{PART}"
        part.unlink(missing_ok=True)
        with self._files.open(str(part), "xb") as file:
            part.chmod(_OWNER_FILE)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _compare(self.read(part.name), content)
        part.replace(self._path / name)
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def tidy(self, ours: re.Pattern[str]) -> None:
        """Remove what killed runs left half written."""
        for path in self._files.ls(str(self._path), detail=False):
            if _is_left_over(path, ours):
                self._files.rm_file(path)


class Bucket(Place):
    """A bucket of S3 or anything that speaks like it, below a prefix; an object appears there whole or not at all."""

    def __init__(self, root: str, *, options: Mapping[str, str]) -> None:
        """Prepare the connection; nothing is sent yet.

        Args:
            root: Bucket and prefix.
            options: Any of key, secret, token, endpoint_url, region and server_side_encryption.
        """
        from s3fs import S3FileSystem

        encryption = options.get("server_side_encryption")
        self._root = root
        self._files = S3FileSystem(
            **{name: options[name] for name in ("key", "secret", "token", "endpoint_url") if name in options},
            client_kwargs={"region_name": options["region"]} if "region" in options else {},
            config_kwargs={
                "connect_timeout": _SECONDS_TO_CONNECT,
                "read_timeout": _SECONDS_TO_ANSWER,
                "retries": {"total_max_attempts": 1},
            },
            s3_additional_kwargs={"ServerSideEncryption": encryption} if encryption else {},
            session=_session(),
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        self._files.retries = 1

    def read(self, name: str) -> bytes | None:
        """The bytes of an object, None if there is none."""
        return _read(self._files, posixpath.join(self._root, name))

    def put(self, name: str, content: bytes) -> None:
        """Put the object in one request, however large: one in parts leaves parts behind when it is killed."""
        self._files.pipe_file(posixpath.join(self._root, name), content, chunksize=_LARGEST_PUT)
        with suppress(PermissionError):
            _compare(self.read(name), content)

    def tidy(self, ours: re.Pattern[str]) -> None:
        """Nothing is ever left half written."""


class Server(Place):
    """A directory of an SFTP server whose host key is known."""

    def __init__(self, host: str, *, port: int, root: str, options: Mapping[str, str]) -> None:
        """Connect and check the server's key before anything is said.

        The library would take any key unless told otherwise, so the file of known ones is not optional here; settings
        of the user's own SSH client and agents are left out, so that they cannot loosen anything.

        Args:
            host: Name or address.
            port: Usually 22.
            root: An existing directory; a missing one is not created, it would mostly be a mistyped one.
            options: known_hosts, and any of username, password, client_key and passphrase.

        Raises:
            CrmError: The file of known host keys cannot be read.
        """
        from sshfs import SSHFileSystem

        known = Path(options["known_hosts"])
        if not known.is_file():
            raise CrmError(
                "there is no file of known host keys",
                where=str(known),
                remedy="Ask the server's operator for its key and write it there; without it nothing is sent.",
            )
        given = {name: options[name] for name in ("username", "password", "passphrase") if name in options}
        self._root = root
        self._files = SSHFileSystem(
            host,
            port=port,
            known_hosts=str(known),
            client_keys=[options["client_key"]] if "client_key" in options else None,
            config=None,
            agent_path=None,
            connect_timeout=_SECONDS_TO_CONNECT,
            login_timeout=_SECONDS_TO_CONNECT,
            keepalive_interval=_SECONDS_TO_CONNECT,
            skip_instance_cache=True,
            **given,
        )

    def read(self, name: str) -> bytes | None:
        """The bytes of a file, None if there is none."""
        with _rights_told():
            return _read(self._files, posixpath.join(self._root, name))

    def put(self, name: str, content: bytes) -> None:
        """Write beside, look again, rename over; the library's own move would copy where a server cannot rename."""
        from fsspec.asyn import sync

        target = posixpath.join(self._root, name)
        sync(self._files.loop, _upload, self._files.client, target + PART, content, timeout=_SECONDS_AT_MOST)
        with suppress(PermissionError):
            _compare(self.read(name + PART), content)
        sync(self._files.loop, _rename, self._files.client, target + PART, target)

    def tidy(self, ours: re.Pattern[str]) -> None:
        """Remove what killed runs left half written, where we may look."""
        with suppress(PermissionError), _rights_told():
            for path in self._files.ls(self._root, detail=False):
                if _is_left_over(path, ours):
                    self._files.rm_file(path)

    def close(self) -> None:
        """Hang up."""
        self._files.client.close()


@contextmanager
def opened(make: Callable[[], Place]) -> Iterator[Place]:
    """A place that is hung up afterwards, if it is one at the other end of a line.

    Args:
        make: Connects to it.
    """
    place = make()
    try:
        yield place
    finally:
        if isinstance(place, Server):
            place.close()


def may_pass(error: BaseException) -> bool:
    """Whether it may help to try again: a line that broke, a server that is busy; never a key or a right.

    Args:
        error: What a transport raised.
    """
    names = _names(error)
    if isinstance(error, (PermissionError, FileNotFoundError, FileExistsError)) or "SSLError" in names:
        return False
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    is_passing_number = isinstance(error, OSError) and error.errno in _PASSING_NUMBERS
    return isinstance(error, TimeoutError) or is_passing_number or not names.isdisjoint(_PASSING_NAMES)


def reason_of(error: BaseException) -> tuple[str, str]:
    """What went wrong and what to do, as two sentences without a word of the library's: it may quote credentials.

    Args:
        error: What a transport raised.
    """
    names = _names(error)
    if "HostKeyNotVerifiable" in names:
        return "the server's host key is not the known one", "Compare the two with its operator; nothing was sent."
    if names & {"PermissionError", "PermissionDenied", "SFTPPermissionDenied", "NoCredentialsError", "KeyImportError"}:
        return "it does not let us in or not write", "Check the credentials in its options and the rights they have."
    if names & {"FileNotFoundError", "SFTPNoSuchFile", "SFTPNoSuchPath"}:
        return "its folder or bucket does not exist", "Create it there, or mend its url."
    is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if is_full or names & {"SFTPNoSpaceOnFilesystem", "SFTPQuotaExceeded"}:
        return "it has no room left", "Make room there and run the night again."
    if may_pass(error):
        return f"it could not be reached or broke off ({type(error).__name__})", "Run the night again once it is back."
    said = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
    return f"it refused the file ({said})", "Look into its log for the reason."


@cache
def _session() -> Any:
    """What botocore knows of S3, read once: without it every file costs a tenth of a second."""
    from aiobotocore.session import get_session

    return get_session()


def _names(error: BaseException) -> frozenset[str]:
    return frozenset(kind.__name__ for kind in type(error).__mro__)


def _read(files: Any, path: str) -> bytes | None:
    try:
        return bytes(files.cat_file(path))
    except FileNotFoundError:
        return None


def _compare(found: bytes | None, sent: bytes) -> None:
    if found != sent:
        raise IncompleteError("what arrived is not what was sent")


def _is_left_over(path: str, ours: re.Pattern[str]) -> bool:
    name = posixpath.basename(path)
    return name.endswith(PART) and ours.fullmatch(name.removesuffix(PART)) is not None


@contextmanager
def _rights_told() -> Iterator[None]:
    """Tell of missing rights the way Python does, where sshfs lets the protocol's own error through."""
    from asyncssh import SFTPPermissionDenied

    try:
        yield
    except SFTPPermissionDenied as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from error


async def _upload(client: asyncssh.SSHClientConnection, path: str, content: bytes) -> None:
    import asyncssh

    async with client.start_sftp_client() as session, session.open(path, "wb") as file:
        await file.write(content)
        with suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()


async def _rename(client: asyncssh.SSHClientConnection, source: str, target: str) -> None:
    import asyncssh

    async with client.start_sftp_client() as session:
        try:
            await session.posix_rename(source, target)
        except asyncssh.SFTPOpUnsupported:
            # An old server cannot replace: the former file goes first, and for a moment there is none, never a half.
            with suppress(asyncssh.SFTPNoSuchFile):
                await session.remove(target)
            await session.rename(source, target)
