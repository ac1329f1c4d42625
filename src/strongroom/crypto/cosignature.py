"""Signs and verifies cosignatures of checkpoints: what a witness says of a log [2.6].

Source: c2sp.org/tlog-cosignature, the Ed25519 kind, signature type 0x04. A cosignature says that its signer has seen
no other history of this log, and no larger one, at the second it names. Whoever has a witness's `vkey` can verify it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from strongroom.crypto.note import (
    MARK,
    check_name,
    decoded64,
    encoded64,
    key_id_of,
    parse_signature,
)
from strongroom.errors import Malformed, Tampered

_ED25519_COSIGNATURE: Final = b"\x04"
_PUBLIC_BYTES: Final = 32
_TIME_BYTES: Final = 8
_SIGNED_BYTES: Final = _TIME_BYTES + 64
_LATEST: Final = 2**63 - 1
_POLICY_NAME: Final = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified cosignature: its line, with the newline, and the POSIX time it names."""

    line: str
    timestamp: int


class Cosigner:
    """Cosigns checkpoints in one name. The key must sign nothing else: the message does not hold the name."""

    __slots__ = ("_head", "_private", "name", "vkey")

    def __init__(self, name: str, seed: bytes) -> None:
        check_name(name)
        self.name: Final = name
        self._private: Final = Ed25519PrivateKey.from_private_bytes(seed)
        public = _ED25519_COSIGNATURE + self._private.public_key().public_bytes_raw()
        self._head: Final = key_id_of(name, public)
        self.vkey: Final = f"{name}+{self._head.hex()}+{encoded64(public)}"

    def cosign(self, text: str, timestamp: int) -> str:
        """Return the signature line over a checkpoint's text at a POSIX time, with its newline."""
        signature = self._private.sign(_message(text, timestamp))
        blob = self._head + timestamp.to_bytes(_TIME_BYTES, "big") + signature
        return f"{MARK}{self.name} {encoded64(blob)}\n"

    def __repr__(self) -> str:
        return f"<cosigner {self.name}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


class Witness:
    """Verifies what one witness cosigned, from its `vkey` string.

    Raises:
        Malformed: the string is no verifier key of this type, or its key id is not that of its key.

    """

    __slots__ = ("_public", "key_id", "name", "public", "vkey")

    def __init__(self, vkey: str) -> None:
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        check_name(name)
        public = decoded64(encoded)
        sound = len(public) == 1 + _PUBLIC_BYTES and public[:1] == _ED25519_COSIGNATURE
        if not sound or key_id != key_id_of(name, public).hex():
            raise Malformed("not a verifier key of Ed25519 cosignatures")
        self.vkey: Final = vkey
        self.name: Final = name
        self.key_id: Final = key_id_of(name, public)
        self.public: Final = public[1:]
        self._public: Final = Ed25519PublicKey.from_public_bytes(self.public)

    def verify(self, text: str, lines: Iterable[str]) -> Cosignature:
        """Return this witness's cosignature of a checkpoint's text, out of signature lines without newlines.

        Lines of others are left alone, as signed-note demands.

        Raises:
            Malformed: a line is none, or none is this witness's.
            Tampered: its signature is not that of this text and time.

        """
        for line in lines:
            found = parse_signature(line)
            if found.name != self.name or found.key_id != self.key_id:
                continue
            timestamp = int.from_bytes(found.signature[:_TIME_BYTES], "big")
            if len(found.signature) != _SIGNED_BYTES or timestamp > _LATEST:
                raise Malformed(f"a cosignature of {self.name} does not have its form")
            try:
                self._public.verify(found.signature[_TIME_BYTES:], _message(text, timestamp))
            except InvalidSignature:
                raise Tampered(f"the cosignature of {self.name} does not verify") from None
            return Cosignature(f"{line}\n", timestamp)
        raise Malformed(f"there is no cosignature of {self.name}")

    def __repr__(self) -> str:
        return f"<witness {self.vkey}>"


def policy_text(log: str, witnesses: Iterable[Witness], needed: int) -> str:
    """Return a c2sp.org/tlog-policy: this log's vkey, these witnesses, and how many of them it takes.

    Raises:
        Malformed: it takes more than there are.

    """
    known = {witness.public: witness for witness in witnesses}
    lines = [f"log {log}"]
    names = []
    for number, witness in enumerate(known.values(), 1):
        # Key names may hold what a policy's names may not; two may be equal.
        name = witness.name if _POLICY_NAME.fullmatch(witness.name) else "witness"
        names.append(f"{name}#{number}")
        lines.append(f"witness {names[-1]} {witness.vkey}")
    if needed == 0:
        return "\n".join([*lines, "quorum none", ""])
    if needed > len(names):
        # A policy can't ask for more than it knows: one that nobody fulfils is none.
        raise Malformed(f"{needed} witnesses are needed and {len(names)} are known")
    return "\n".join([*lines, f"group quorum {needed} {' '.join(names)}", "quorum quorum", ""])


def _message(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
