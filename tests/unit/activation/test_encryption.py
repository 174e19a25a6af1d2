"""Files for one recipient: nobody else can read them, and a certificate that is not good is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pysequoia
import pytest
from pysequoia.packet import PacketPile, Tag

from dagster_project.activation.encryption import encrypt
from dagster_project.errors import CrmError

NIGHT = date(2026, 6, 1)
DAY = timedelta(days=1)
LIST = "Müller;01067\n".encode()

THREE_SUBKEYS = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEZ3SFgBYJKwYBBAHaRw8BAQdANcb6FhmDorFjgEVoLy7bJW19F9e1YNtyVTl4
c87BO0a0IUxldHRlciBzaG9wIDxsZXR0ZXJzQGV4YW1wbGUub3JnPoiQBBMWCAA4
FiEEePeQ6tdnJWODeoMP9xuZwzvkbqMFAmd0hYACGwMFCwkIBwIGFQoJCAsCBBYC
AwECHgECF4AACgkQ9xuZwzvkbqNZ5AEAm1q5FEN8ydSSgI1gPR0siuLccbsn5tis
Cw8BRm9nWNUBAO4hNdwqnKvDLBO+6jb9lbnYZIb5JGAw0h5bkgl95I4PuDgEZ3SF
gBIKKwYBBAGXVQEFAQEHQGkgKjWwB8/Xcpbc72P4wBpYfPT+e1ahua93P4CM+ewT
AwEIB4h4BCgWCAAgFiEEePeQ6tdnJWODeoMP9xuZwzvkbqMFAmedZAACHQIACgkQ
9xuZwzvkbqM/zQD/YT0Bwm3wBW8278GwbInzOrU5N16ztraYndY1fh0qXj8A/iUU
BpUzjfHerJLoDiyA5i6cBVXmF4i0RRw60ejCWa4PiHgEGBYIACAWIQR495Dq12cl
Y4N6gw/3G5nDO+RuowUCZ3SFgAIbDAAKCRD3G5nDO+Ruo/LPAP9k97uTA4BaBwNb
9BiDYBvH6epjlRolUc2LVLmBh2tSJAEAj6gbp8PYAD/8cinvOIwkY0LHd7GhGlvu
QH+OxTIJawu4OARndIWAEgorBgEEAZdVAQUBAQdA1ave47DJ+2z5KtaDoSRU12zG
bo6BDgEQJbqgcPt6zxcDAQgHiH4EGBYIACYWIQR495Dq12clY4N6gw/3G5nDO+Ru
owUCZ3SFgAIbDAUJAeEzgAAKCRD3G5nDO+Ruox7hAQDo/rLt9G14e1aN/1d69BCf
WNSWw1Ma9X83wNen/zaaYQD9GDNIaBNKjJyGRDfzzee/qOEyKVZ/sMsBIGl0tx8P
aQq4OARndIWAEgorBgEEAZdVAQUBAQdAAJ2N8SWgtPV83qFT5l5DaZ1Puzp6ptaJ
JWxoEWC+cEcDAQgHiH4EGBYIACYWIQR495Dq12clY4N6gw/3G5nDO+RuowUCZ3SF
gAIbDAUJJZgGAAAKCRD3G5nDO+Ruo5iyAP9QBy/TRhBUvBdg1lB+VOM/fDWt4TcS
CuJNFopLs0xjNAEA0iKKZYQKukP6vtXM2Goe/RytB2x+5tpP1c5XnVZwXQ4=
=378T
-----END PGP PUBLIC KEY BLOCK-----
"""
"""Made by GnuPG on 2025-01-01: one key to encrypt to is revoked, one lasts a year, one 7,300 days."""
LAST_DAY = date(2044, 12, 26)


@pytest.fixture(scope="module")
def recipient() -> pysequoia.Tsk:
    return pysequoia.Tsk.generate("Letter shop <letters@example.org>")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def written(content: bytes) -> Path:
        path = tmp_path / "certificate.pgp"
        path.write_bytes(content)
        return path

    return written


def refused(path: Path, *, as_of: date = NIGHT) -> str:
    with pytest.raises(CrmError) as caught:
        encrypt(LIST, certificate=path, as_of=as_of)
    assert "Müller" not in str(caught.value)
    assert "Stack backtrace" not in str(caught.value)
    return caught.value.what


def test_only_the_recipient_can_read_it(recipient: pysequoia.Tsk, write: Callable[[bytes], Path]) -> None:
    message = encrypt(LIST, certificate=write(bytes(recipient.extract_certificate())), as_of=NIGHT)
    assert b"01067" not in message
    assert pysequoia.decrypt(message, decryptor=recipient.decryptor()).bytes == LIST
    stranger = pysequoia.Tsk.generate("Somebody else <else@example.org>")
    with pytest.raises(RuntimeError):
        pysequoia.decrypt(message, decryptor=stranger.decryptor())


def test_an_armoured_certificate_does_as_well(recipient: pysequoia.Tsk, write: Callable[[bytes], Path]) -> None:
    message = encrypt(LIST, certificate=write(str(recipient.extract_certificate()).encode()), as_of=NIGHT)
    assert pysequoia.decrypt(message, decryptor=recipient.decryptor()).bytes == LIST


def test_a_certificate_of_gnupg_with_a_revoked_key_is_used_by_a_good_one(write: Callable[[bytes], Path]) -> None:
    message = encrypt(LIST, certificate=write(THREE_SUBKEYS.encode()), as_of=LAST_DAY)
    assert [packet.tag for packet in PacketPile.from_bytes(message)] == [Tag.PKESK, Tag.SEIP]


def test_after_its_last_key_has_expired_there_is_none(write: Callable[[bytes], Path]) -> None:
    path = write(THREE_SUBKEYS.encode())
    assert refused(path, as_of=LAST_DAY + DAY) == "the certificate to encrypt to has no key that can be encrypted to"


def test_a_revoked_key_is_not_used_when_it_is_the_only_one(write: Callable[[bytes], Path]) -> None:
    certificate = pysequoia.Cert.from_bytes(THREE_SUBKEYS.encode())
    parts: list[list[object]] = [[]]
    for packet in PacketPile.from_bytes(bytes(certificate)):
        if packet.tag == Tag.PublicSubkey:
            parts.append([])
        parts[-1].append(packet)
    primary, *subkeys = parts
    revoked = next(part for part in subkeys if len(part) == 3)
    path = write(bytes(pysequoia.Cert.from_packets([*primary, *revoked])))  # type: ignore[list-item]
    assert refused(path) == "the certificate to encrypt to has no key that can be encrypted to"


def test_an_expired_certificate_is_refused_from_its_day_on(write: Callable[[bytes], Path]) -> None:
    key = pysequoia.Tsk.generate("A <a@example.org>", validity_seconds=10 * 86400)
    certificate = key.extract_certificate()
    assert certificate.expiration is not None
    last = certificate.expiration.astimezone(UTC).date()
    path = write(bytes(certificate))
    assert encrypt(LIST, certificate=path, as_of=last)
    assert refused(path, as_of=last + DAY) == f"the certificate to encrypt to expired on {last}"


def test_a_certificate_expires_at_the_very_beginning_of_its_night(
    recipient: pysequoia.Tsk, write: Callable[[bytes], Path]
) -> None:
    midnight = datetime(2044, 6, 1, tzinfo=UTC)
    certificate = recipient.extract_certificate().set_expiration(midnight, recipient.certifier())
    path = write(bytes(certificate))
    assert encrypt(LIST, certificate=path, as_of=midnight.date() - DAY)
    assert refused(path, as_of=midnight.date()) == "the certificate to encrypt to expired on 2044-06-01"


def test_a_revoked_certificate_is_refused(recipient: pysequoia.Tsk, write: Callable[[bytes], Path]) -> None:
    certificate = recipient.extract_certificate()
    path = write(bytes(certificate) + bytes(certificate.revoke(recipient.certifier())))
    assert refused(path) == "the certificate to encrypt to was revoked"


def test_a_secret_key_is_refused(recipient: pysequoia.Tsk, write: Callable[[bytes], Path]) -> None:
    assert "comes with its secret key" in refused(write(bytes(recipient)))


def test_a_certificate_that_can_only_sign_is_refused(recipient: pysequoia.Tsk, write: Callable[[bytes], Path]) -> None:
    packets = list(PacketPile.from_bytes(bytes(recipient.extract_certificate())))
    first = next(number for number, packet in enumerate(packets) if packet.tag == Tag.PublicSubkey)
    path = write(bytes(pysequoia.Cert.from_packets(packets[:first])))
    assert refused(path) == "the certificate to encrypt to has no key that can be encrypted to"


def test_anything_else_is_refused(recipient: pysequoia.Tsk, write: Callable[[bytes], Path], tmp_path: Path) -> None:
    one = bytes(recipient.extract_certificate())
    other = bytes(pysequoia.Tsk.generate("B <b@example.org>").extract_certificate())
    assert refused(write(one + other)) == "the certificate to encrypt to should be one, and the file holds 2"
    assert refused(write(b"")) == "the certificate to encrypt to should be one, and the file holds 0"
    assert refused(write(b"no certificate")) == "the certificate to encrypt to is none"
    assert (
        refused(tmp_path / "missing.asc") == "the certificate to encrypt to cannot be read: No such file or directory"
    )
