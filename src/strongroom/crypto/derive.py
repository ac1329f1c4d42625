"""Turns one key into many, and parts into bytes that can be read only one way.

Sources: HKDF-SHA-256 is RFC 5869; HMAC with a kept keyed state is RFC 2104 section 4. Every
associated data, every HKDF info and every HMAC message of Strongroom is made by `aad`, so that no
two lists of parts give the same bytes. Byte-exact in `docs/formats/envelope.md`.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from _hashlib import HASH

KEY_BYTES: Final = 32
"""Length of every secret key here: AES-256 and HMAC keys, Ed25519 seeds."""

Part = bytes | str | int
"""What `aad` accepts: bytes as they are, text as UTF-8, an unsigned number as 8 bytes, big-endian."""

_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))  # RFC 2104 section 2
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))


def aad(*parts: Part) -> bytes:
    """Return the parts joined, each behind its length (4 bytes, big-endian).

    Raises:
        OverflowError: a number is negative or longer than 64 bits: a programming error.

    """
    return b"".join(_framed(part) for part in parts)


def derive(key: bytes, *parts: Part) -> bytes:
    """Return the 32-byte key that belongs to these parts.

    HKDF-SHA-256 without salt, `aad(*parts)` as info. The input is always a uniformly random key,
    for which RFC 5869 section 3.1 needs no salt.
    """
    _check_key(key)
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=aad(*parts)).derive(key)


def keyed_states(
    algorithm: Callable[[bytes], "HASH"], key: bytes, prefix: bytes = b""
) -> tuple["HASH", "HASH"]:
    """Return HMAC's inner and outer hash, the key absorbed, and `prefix` by the inner one.

    Copying both costs a third of setting HMAC up anew. To finish: copy the inner and update it with
    the message, copy the outer and update it with the inner digest (RFC 2104 sections 2 and 4). The
    copies hold the key: never print, store or send them.
    """
    _check_key(key)
    block = key.ljust(algorithm(b"").block_size, b"\0")
    inner = algorithm(block.translate(_INNER_PAD))
    inner.update(prefix)
    return inner, algorithm(block.translate(_OUTER_PAD))


def sha256(data: bytes) -> "HASH":
    """Return a SHA-256 state; the plain constructor has options that `keyed_states` never uses."""
    return hashlib.sha256(data)


def sha512(data: bytes) -> "HASH":
    """Return a SHA-512 state, as `sha256`."""
    return hashlib.sha512(data)


def _check_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")


def _framed(part: Part) -> bytes:
    if isinstance(part, int):
        return b"\0\0\0\x08" + part.to_bytes(8, "big")
    raw = part.encode() if isinstance(part, str) else part
    return len(raw).to_bytes(4, "big") + raw
