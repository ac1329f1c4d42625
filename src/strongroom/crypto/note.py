"""Signs and verifies checkpoints of the audit log: C2SP signed notes with Ed25519 [2.6].

Sources: c2sp.org/signed-note and c2sp.org/tlog-checkpoint; Ed25519 is RFC 8032. Independent tools
read what this writes: change nothing here that they would notice. Only the key holder's `Signer`
can sign; whoever has the `vkey` can verify.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from strongroom.errors import Malformed, Tampered

ROOT_BYTES: Final = 32

_ED25519: Final = b"\x01"  # signature type of signed-note
_KEY_ID_BYTES: Final = 4
_PUBLIC_BYTES: Final = 32
_LONGEST_NOTE: Final = 1_000_000
_MOST_SIGNATURES: Final = 100
MARK: Final = "\N{EM DASH} "
# Patterns, not loops: every append to the log signs a note.
_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f]")
_NOT_IN_NAME: Final = re.compile(r"[\s+]")
_LINES: Final = 4  # origin, size, root, and nothing behind the last newline
_SIZE: Final = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note: its text with the final newline, and its signatures, not yet verified."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's promise: the root hash of its first `size` entries."""

    origin: str
    size: int
    root: bytes


class Signer:
    """Signs notes in one name. `vkey` is what others need to verify them."""

    __slots__ = ("_head", "_private", "name", "vkey")

    def __init__(self, name: str, seed: bytes) -> None:
        check_name(name)
        self.name: Final = name
        self._private: Final = Ed25519PrivateKey.from_private_bytes(seed)
        public = _ED25519 + self._private.public_key().public_bytes_raw()
        self._head: Final = key_id_of(name, public)
        self.vkey: Final = f"{name}+{self._head.hex()}+{encoded64(public)}"

    def sign(self, text: str) -> str:
        """Return the note: the text, a blank line, and one signature line.

        Raises:
            Malformed: the text does not end with a newline, or holds control characters.

        """
        _check_text(text)
        signature = self._private.sign(text.encode())
        return f"{text}\n{MARK}{self.name} {encoded64(self._head + signature)}\n"

    def __repr__(self) -> str:
        return f"<signer {self.name}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


class Verifier:
    """Verifies notes signed in one name, from its `vkey` string.

    Raises:
        Malformed: the string is no Ed25519 verifier key, or its key id is not that of its key.

    """

    __slots__ = ("_public", "key_id", "name", "vkey")

    def __init__(self, vkey: str) -> None:
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        check_name(name)
        public = decoded64(encoded)
        sound = len(public) == 1 + _PUBLIC_BYTES and public[:1] == _ED25519
        if not sound or key_id != key_id_of(name, public).hex():
            raise Malformed("not an Ed25519 verifier key")
        self.vkey: Final = vkey
        self.name: Final = name
        self.key_id: Final = key_id_of(name, public)
        self._public: Final = Ed25519PublicKey.from_public_bytes(public[1:])

    def verify(self, note: str) -> str:
        """Return the signed text.

        Signatures of other names and keys are left alone, as signed-note demands.

        Raises:
            Malformed: it is no note.
            Tampered: it is not signed by this key, or the signature is not that of its text.

        """
        parsed = parse_note(note)
        for line in parsed.signatures:
            if line.name == self.name and line.key_id == self.key_id:
                try:
                    self._public.verify(line.signature, parsed.text.encode())
                except InvalidSignature:
                    raise Tampered(f"the signature of {self.name} does not verify") from None
                return parsed.text
        raise Tampered(f"the note is not signed by {self.name}")

    def __repr__(self) -> str:
        return f"<verifier {self.vkey}>"


def parse_note(note: str) -> Note:
    """Return a note's text and signatures, unverified.

    Raises:
        Malformed: it has not the form of a signed note.

    """
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or len(note) > _LONGEST_NOTE:
        raise Malformed("not a signed note")
    text += "\n"
    _check_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise Malformed("not a signed note: too many signatures")
    return Note(text, tuple(map(parse_signature, lines)))


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text of a checkpoint: origin, size and root hash, a line each."""
    check_name(origin)
    if size < 0 or len(root) != ROOT_BYTES:
        raise ValueError(f"a checkpoint has a size and a root of {ROOT_BYTES} bytes")
    return f"{origin}\n{size}\n{encoded64(root)}\n"


def parse_checkpoint(text: str, *, extended: bool = False) -> Checkpoint:
    """Return what a checkpoint says; verify the note around it first.

    Raises:
        Malformed: it is no checkpoint, or has extension lines, which Strongroom never writes: those of other
            logs may, where `extended` says so.

    """
    lines = text.split("\n")
    whole = len(lines) == _LINES or (extended and len(lines) > _LINES and all(lines[3:-1]))
    if not whole or lines[-1] or not _SIZE.fullmatch(lines[1]):
        raise Malformed("not a checkpoint")
    check_name(lines[0])
    root = decoded64(lines[2])
    if len(root) != ROOT_BYTES:
        raise Malformed("not a checkpoint")
    return Checkpoint(lines[0], int(lines[1]), root)


def check_name(name: str) -> None:
    """Refuse what no key may be called. Raises: Malformed."""
    if not name or _NOT_IN_NAME.search(name) or not _is_unicode(name):
        raise Malformed("a note's key name is not empty and has no spaces and no plus")


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text) or not _is_unicode(text):
        raise Malformed("a note's text is lines without control characters")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_signature(line: str) -> Signature:
    """Return a signature line, unverified. Raises: Malformed."""
    name, _, encoded = line.removeprefix(MARK).partition(" ")
    blob = decoded64(encoded)
    if not line.startswith(MARK) or len(blob) <= _KEY_ID_BYTES:
        raise Malformed("not a signed note")
    check_name(name)
    return Signature(name, blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:])


def key_id_of(name: str, public: bytes) -> bytes:
    """Return the id of a key, given its type byte and bytes."""
    return hashlib.sha256(name.encode() + b"\n" + public).digest()[:_KEY_ID_BYTES]


def encoded64(raw: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(raw).decode("ascii")


def decoded64(text: str) -> bytes:
    """Return the bytes of the one base64 text that stands for them. Raises: Malformed."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("not base64") from None
    # Unused bits must be zero, or a signature would have several spellings (RFC 4648, 3.5).
    if encoded64(raw) != text:
        raise Malformed("not base64")
    return raw
