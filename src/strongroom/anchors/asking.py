"""What a log and a witness say to each other: the bytes of `add-checkpoint` and its answers (c2sp.org/tlog-witness).

Client and server both go through here, and nothing else knows the form. Nothing is verified: the note's signature and
the proof are whoever reads it to check.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.crypto.note import decoded64, encoded64
from strongroom.errors import Malformed

PATH: Final = "/add-checkpoint"
SIZE_TYPE: Final = "text/x.tlog.size"
MAX_BODY_BYTES: Final = 64 * 1024
"""63 hashes and a note with a hundred signatures are 20 KiB."""

_MAX_PROOF: Final = 63
_HASH_BYTES: Final = 32
_SIZE: Final = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to cosign: the size the witness is believed to have seen, the proof from there, and the note."""

    old: int
    proof: tuple[bytes, ...]
    note: str


def compose(asked: Asked) -> bytes:
    """Return the body of a request."""
    lines = [f"old {asked.old}", *map(encoded64, asked.proof), "", asked.note]
    return "\n".join(lines).encode()


def parse(body: bytes) -> Asked:
    """Return what a body asks for. Raises: Malformed."""
    try:
        head, separator, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise Malformed("add-checkpoint: the body is no text") from None
    first, *hashes = head.split("\n")
    word, _, old = first.partition(" ")
    if not separator or word != "old" or not _SIZE.fullmatch(old) or len(hashes) > _MAX_PROOF:
        raise Malformed("add-checkpoint: the body has another form")
    proof = tuple(map(decoded64, hashes))
    if any(len(hash_) != _HASH_BYTES for hash_ in proof):
        raise Malformed("add-checkpoint: a line of the proof is no hash")
    return Asked(int(old), proof, note)


def parse_size(body: bytes) -> int:
    """Return the size a conflict's answer names. Raises: Malformed."""
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("the witness's size is no number") from None
    if not text.endswith("\n") or not _SIZE.fullmatch(text[:-1]):
        raise Malformed("the witness's size is no number")
    return int(text[:-1])


def parse_lines(body: bytes) -> Sequence[str]:
    """Return the signature lines of an answer. Raises: Malformed."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Malformed("the witness's answer is no text") from None
    if not text.endswith("\n"):
        raise Malformed("the witness's answer is no line")
    return text[:-1].split("\n")
