"""Seals what a caller hands back to us unread: access tokens, page cursors, download links.

A ticket is AES-256-GCM (NIST SP 800-38D) over JSON, in base64url (RFC 4648 section 5), under a key
for its kind, its environment and the UTC day on which it expires: a ticket of another kind or world
does not open, and no key seals more than a day's tickets, far from the 2**32 that random nonces
allow. Byte-exact in `docs/formats/envelope.md`. A ticket is a bearer secret: never log one.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from struct import Struct
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.crypto.derive import aad, derive
from strongroom.crypto.envelope import Entropy
from strongroom.errors import Unauthenticated
from strongroom.terms import Environment


class TicketKind(StrEnum):
    """What a ticket is for; kinds never stand in for each other."""

    ACCESS = "access"
    RDT = "rdt"
    CURSOR = "cursor"
    DOCUMENT = "document"
    API = "api"


_PREFIXES: Final = {
    TicketKind.ACCESS: "Atza|",  # as Amazon's look
    TicketKind.RDT: "Atz.sprdt|",
    TicketKind.API: "srapi_",  # for scanners that look for secrets in the wrong place
}
_NAMES: Final = {
    TicketKind.ACCESS: "access token",
    TicketKind.RDT: "restricted data token",
    TicketKind.CURSOR: "page cursor",
    TicketKind.DOCUMENT: "document link",
    TicketKind.API: "access token of the API",
}

_DAY_SECONDS: Final = 86_400
_HEAD: Final = Struct(">BI12s")  # version, day, nonce
_VERSION: Final = 1
_TAG_BYTES: Final = 16
_LONGEST: Final = 64 * 1024
_KEPT_DAYS: Final = 4


class TicketBox:
    """Seals and opens the tickets of one kind; safe to share between threads."""

    __slots__ = ("_ciphers", "_context", "_entropy", "_environment", "_key", "_kind", "_prefix")

    def __init__(
        self, key: bytes, kind: str, environment: Environment, *, entropy: Entropy = os.urandom
    ) -> None:
        self._kind: Final = TicketKind(kind)
        self._environment: Final = environment
        self._key: Final = derive(key, "strongroom/ticket/v1", environment, self._kind)
        self._context: Final = aad("strongroom/ticket/v1", environment, self._kind)
        self._prefix: Final = _PREFIXES.get(self._kind, "")
        self._ciphers: dict[int, AESGCM] = {}
        self._entropy: Final = entropy

    def seal(self, payload: Mapping[str, Any], *, expires_at: datetime) -> str:
        """Return the ticket, good until `expires_at`, rounded down to whole seconds."""
        expiry = _seconds(expires_at)
        day = expiry // _DAY_SECONDS
        nonce = self._entropy(12)
        head = _HEAD.pack(_VERSION, day, nonce)
        body = orjson.dumps([expiry, payload])
        sealed = head + self._cipher(day).encrypt(nonce, body, self._context)
        return self._prefix + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def open(self, text: str, now: datetime) -> dict[str, Any]:
        """Return the payload of a ticket.

        Raises:
            Unauthenticated: it has expired, or was not sealed by this box.

        """
        raw = self._unpacked(text)
        try:
            _version, day, nonce = _HEAD.unpack_from(raw)
            body = self._decrypted(day, nonce, raw[_HEAD.size :])
        except InvalidTag:
            raise self._refusal() from None
        # Only now: what is not ours has not expired, it never was.
        expiry, payload = orjson.loads(body)
        if expiry <= _seconds(now):
            raise Unauthenticated(f"the {_NAMES[self._kind]} has expired")
        found: dict[str, Any] = payload
        return found

    def __repr__(self) -> str:
        return f"<ticket box for {self._kind}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")

    def _unpacked(self, text: str) -> bytes:
        if len(text) > _LONGEST or not text.isascii() or not text.startswith(self._prefix):
            raise self._refusal()
        bare = text[len(self._prefix) :]
        try:
            raw = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            raise self._refusal() from None
        if len(raw) < _HEAD.size + _TAG_BYTES or raw[0] != _VERSION:
            raise self._refusal()
        return raw

    def _decrypted(self, day: int, nonce: bytes, sealed: bytes) -> bytes:
        known = self._ciphers.get(day)
        cipher = known or self._made(day)
        body = cipher.decrypt(nonce, sealed, self._context)
        if known is None:
            # Only now: a forger who invents days must not push out the ones in use.
            self._keep(day, cipher)
        return body

    def _cipher(self, day: int) -> AESGCM:
        cipher = self._ciphers.get(day)
        if cipher is None:
            cipher = self._made(day)
            self._keep(day, cipher)
        return cipher

    def _made(self, day: int) -> AESGCM:
        return AESGCM(derive(self._key, "strongroom/ticket/day/v1", day))

    def _keep(self, day: int, cipher: AESGCM) -> None:
        # Replaced, never changed in place: other threads may be reading.
        known = {**self._ciphers, day: cipher}
        self._ciphers = {kept: known[kept] for kept in sorted(known)[-_KEPT_DAYS:]}

    def _refusal(self) -> Unauthenticated:
        return Unauthenticated(f"the {_NAMES[self._kind]} is not valid")


def _seconds(instant: datetime) -> int:
    if instant.tzinfo is None:
        raise ValueError("an instant must carry its time zone")
    return int(instant.timestamp())
