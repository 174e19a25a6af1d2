"""Encrypts a file for one recipient with OpenPGP, or refuses; where the file goes is not known here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.errors import CrmError

if TYPE_CHECKING:
    from pysequoia import Cert
    from pysequoia.packet import Packet

SUFFIX = ".pgp"
"""What the name of an encrypted file ends with."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def encrypt(content: bytes, *, certificate: Path, as_of: date) -> bytes:
    """Encrypt bytes with the valid encryption keys of a certificate; each call gives other bytes.

    The library would also encrypt to a revoked certificate and to an expired key. Here they are refused, judged on the
    night of the list: whoever holds the other half of a revoked key must not read it.

    Args:
        content: The plain bytes.
        certificate: File of the recipient's OpenPGP certificate, armoured or binary.
        as_of: The night of the list.

    Raises:
        CrmError: The certificate cannot be read, has expired, was revoked, holds a secret key or no key to encrypt to.
    """
    import pysequoia

    usable = _usable(
        _read(certificate), place=certificate, night=datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
    )
    try:
        return bytes(pysequoia.encrypt(content, recipients=[usable], armor=False))
    except RuntimeError as error:
        raise _refusal("has no key that can be encrypted to", certificate) from error


def _read(path: Path) -> Cert:
    import pysequoia
    from pysequoia.packet import PacketPile, Tag

    try:
        content = path.read_bytes()
        certificates = pysequoia.Cert.split_bytes(content)
        packets = PacketPile.from_bytes(content)
    except OSError as error:
        raise _refusal(f"cannot be read: {error.strerror}", path) from error
    except RuntimeError as error:
        raise _refusal("is none", path) from error
    if len(certificates) != 1:
        raise _refusal(f"should be one, and the file holds {len(certificates)}", path)
    if any(packet.tag in (Tag.SecretKey, Tag.SecretSubkey) for packet in packets):
        raise _refusal("comes with its secret key, which nobody should have given away", path)
    return certificates[0]


def _usable(certificate: Cert, *, place: Path, night: datetime) -> Cert:
    """The certificate without those subkeys that must not be encrypted to."""
    import pysequoia
    from pysequoia.packet import PacketPile

    if certificate.is_revoked:
        raise _refusal("was revoked", place)
    if certificate.expiration is not None and certificate.expiration <= night:
        raise _refusal(f"expired on {certificate.expiration.date()}", place)
    parts = _parts(PacketPile.from_bytes(bytes(certificate)))
    kept = [packet for part in parts if _is_valid(part, night=night) for packet in part]
    return pysequoia.Cert.from_packets(kept)


def _parts(packets: Iterable[Packet]) -> Iterator[list[Packet]]:
    """The packets of a certificate by key: the primary one with its names, then each subkey with its signatures."""
    from pysequoia.packet import Tag

    part: list[Packet] = []
    for packet in packets:
        if packet.tag == Tag.PublicSubkey:
            yield part
            part = []
        part.append(packet)
    yield part


def _is_valid(part: list[Packet], *, night: datetime) -> bool:
    """Whether a key may be used: it is the primary one, or has not expired by its newest binding.

    Keys that were revoked the library leaves out itself.
    """
    from pysequoia.packet import SignatureType, Tag

    if part[0].tag != Tag.PublicSubkey:
        return True
    bindings = [one for one in part if one.signature_type == SignatureType.SubkeyBinding]
    newest = max(bindings, key=lambda one: one.signature_created or _LONG_AGO)
    lasts = newest.key_validity_period
    return lasts is None or (part[0].key_created or _LONG_AGO) + lasts > night


def _refusal(what: str, path: Path) -> CrmError:
    return CrmError(
        f"the certificate to encrypt to {what}",
        where=str(path),
        remedy="Ask the recipient for a current one; the file was not sent.",
    )
