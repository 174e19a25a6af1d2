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

TWO_SUBKEYS = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----
Comment: 8713 E555 F04F AB0B 575B  C3A4 7142 D862 5B9B 99DE
Comment: Letter shop <letters@example.org>

xjMEZ3SFgBYJKwYBBAHaRw8BAQdATDFpcvG1w5BCIVQUYZKSotDnLxUVBfrG8I0u
st5NBXPNIUxldHRlciBzaG9wIDxsZXR0ZXJzQGV4YW1wbGUub3JnPsKQBBMWCAA4
FiEEhxPlVfBPqwtXW8OkcULYYlubmd4FAmd0hYACGwMFCwkIBwIGFQoJCAsCBBYC
AwECHgECF4AACgkQcULYYlubmd7IhgD8Dns3j5qB1nCP04ZQabUNfbvRd4YpcImf
uiLGAwZWUPcA/3PYX/isb28RvywsfKDI3F+Ne3iPpOVN13xSv1CBeksLzjgEZ3SF
gBIKKwYBBAGXVQEFAQEHQKAcHC0bUXL4aiH/ld8A2scU58LWallx3UsJMNenpQo1
AwEIB8J4BCgWCAAgFiEEhxPlVfBPqwtXW8OkcULYYlubmd4FAmedZAACHQIACgkQ
cULYYlubmd6MqgEA8KFOvYQjlsJL03zPU7d9Hfiayd3mvfBufquOCEyrlTEBAMWu
ITmA/aw4yCwYNbFxryrQD8741igx3wZWOjFGsmsMwngEGBYIACAWIQSHE+VV8E+r
C1dbw6RxQthiW5uZ3gUCZ3SFgAIbDAAKCRBxQthiW5uZ3mMyAQDmOILA2JOuK9bb
NJWpwzuqdNg0axbbkbyvtojU1oRjpgD/SYw9gK8yzDvyB/7dzwOZ5UnEDtAkjqkj
FXK3fdm0dw/OOARndIWAEgorBgEEAZdVAQUBAQdAsSuLY4rV/T0ikV+0dHvYVhYq
MLvyP52QI0IKj4v1TiYDAQgHwn4EGBYIACYCGwwWIQSHE+VV8E+rC1dbw6RxQthi
W5uZ3gUCZ8JOAAUJJeXOgAAKCRBxQthiW5uZ3knjAQCGmc2hr+aZRql8OEo0qP5P
0/dsCEmvJ3F4o/PEtizQlgEA4JUex/KA4dp4soG5AAXzGKpG10yYzCEtKVimvoK0
3Q7CfgQYFggAJhYhBIcT5VXwT6sLV1vDpHFC2GJbm5neBQJndIWAAhsMBQkB4TOA
AAoJEHFC2GJbm5nePe0BAKy++CvEGDZs0yZfm0Oi108jwm6IdBSOwCr9b3coltVJ
AP919NyGgr8zJMaiIoUmvHMUa7OMUHJgeNoSKEsNykFyCw==
=FaPZ
-----END PGP PUBLIC KEY BLOCK-----
"""
"""Made by GnuPG: of its keys to encrypt to one is revoked; the other was to last a year, and was then prolonged."""
LAST_DAY = date(2045, 2, 23)


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
    message = encrypt(LIST, certificate=write(TWO_SUBKEYS.encode()), as_of=LAST_DAY)
    assert [packet.tag for packet in PacketPile.from_bytes(message)] == [Tag.PKESK, Tag.SEIP]


def test_after_its_last_key_has_expired_there_is_none(write: Callable[[bytes], Path]) -> None:
    path = write(TWO_SUBKEYS.encode())
    assert refused(path, as_of=LAST_DAY + DAY) == "the certificate to encrypt to has no key that can be encrypted to"


def test_a_revoked_key_is_not_used_when_it_is_the_only_one(write: Callable[[bytes], Path]) -> None:
    certificate = pysequoia.Cert.from_bytes(TWO_SUBKEYS.encode())
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
