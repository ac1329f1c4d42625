"""The master key as a provider wrapped it: which one, under which of its keys, and its own bytes.

Pure. Byte-exact in `docs/formats/envelope.md`. The name of the key is no secret; a reader of another kind refuses it.
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

from strongroom.errors import Tampered

_VERSION: Final = 1
_HEAD: Final = Struct(">BBH")
_LONGEST: Final = 8192


class Kind(IntEnum):
    """The providers, as their byte."""

    PKCS11 = 1
    AWS_KMS = 2
    TRANSIT = 3


@dataclass(frozen=True, slots=True)
class Wrapped:
    """The key that wrapped, as its provider names it, and what came of it."""

    key: str
    body: bytes


def pack(kind: Kind, key: str, body: bytes) -> bytes:
    """Return the bytes that `unpack` reads."""
    name = key.encode()
    return _HEAD.pack(_VERSION, kind, len(name)) + name + body


def unpack(kind: Kind, raw: bytes) -> Wrapped:
    """Return what `pack` was given. Raises: Tampered: another form, or another provider's."""
    if not _HEAD.size < len(raw) <= _LONGEST:
        raise Tampered("the wrapped master key is not one of this provider")
    version, found, length = _HEAD.unpack_from(raw)
    end = _HEAD.size + length
    if version != _VERSION or found != kind or len(raw) <= end:
        raise Tampered("the wrapped master key is not one of this provider")
    try:
        return Wrapped(raw[_HEAD.size : end].decode(), raw[end:])
    except UnicodeDecodeError:
        raise Tampered("the wrapped master key names no key") from None
