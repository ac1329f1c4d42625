"""The chain of custody of one item of evidence: who did what with it, each link bound to the one before [1.6]. Pure.

A link's digest covers the item's hash, the link before, and a salted commitment to what was written with it, so that
the log, which has the digest alone, tells nobody a word of it. docs/formats/evidence.md gives the bytes.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from strongroom.terms import PrincipalId

FORMAT: Final = "strongroom/custody/v1"
SALT_BYTES: Final = 16
FIRST: Final = "0" * 64
"""What stands before the first link."""

_LONGEST_NAME: Final = 120
_STRANGE: Final = re.compile(r'[\\/:*?"<>|%]+')


class Act(StrEnum):
    """What was done with an item."""

    COLLECTED = "collected"
    VIEWED = "viewed"
    EXPORTED = "exported"
    RELEASED = "released"
    """Whoever holds it gives it to another; it is theirs once they say so."""
    RECEIVED = "received"
    DECLINED = "declined"
    """It stays with whoever was to release it."""
    DISPOSED = "disposed"


class Why(StrEnum):
    """What somebody opens an item for."""

    INVESTIGATION = "investigation"
    AMAZON_REQUEST = "amazon_request"
    AUTHORITY = "authority"
    REVIEW = "review"
    EXERCISE = "exercise"


@dataclass(frozen=True, slots=True)
class Link:
    """One link. `by` and `other` are numbers of people; `said` is the commitment to what was written."""

    number: int
    at: datetime
    act: Act
    by: PrincipalId
    other: PrincipalId | None
    said: str
    before: str
    digest: str = ""


def commitment(salt: bytes, text: str) -> str:
    """Return what a link holds of a text."""
    return sha256(salt + text.encode()).hexdigest()


def digest_of(ref: str, content: str, link: Link) -> str:
    """Return the digest a link has in the chain of the item `ref` whose bytes have the SHA-256 `content`."""
    body = {
        "format": FORMAT,
        "item": ref,
        "sha256": content,
        "number": link.number,
        "at": written(link.at),
        "act": link.act.value,
        "by": int(link.by),
        "other": None if link.other is None else int(link.other),
        "said": link.said,
        "before": link.before,
    }
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def written(at: datetime) -> str:
    """Return an instant as a link has it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def broken(ref: str, content: str, links: Sequence[Link], recorded: Sequence[str]) -> str | None:
    """Return what is wrong with a chain, None where nothing is; `recorded` are the digests of the log, in order."""
    before = FIRST
    for place, link in enumerate(links):
        if link.number != place or link.before != before:
            return "a link is missing"
        if link.digest != digest_of(ref, content, link):
            return "a link was changed"
        before = link.digest
    if not links or links[0].act is not Act.COLLECTED:
        return "it does not begin with the collection"
    if [link.digest for link in links] != list(recorded):
        return "the log has other links"
    return None


def holder(links: Sequence[Link]) -> PrincipalId:
    """Return who has the item."""
    has = links[0].by
    for link in links:
        if link.act is Act.RECEIVED:
            has = link.by
    return has


def offered(links: Sequence[Link]) -> PrincipalId | None:
    """Return to whom the item was released and who has not said yes or no."""
    to = None
    for link in links:
        if link.act is Act.RELEASED:
            to = link.other
        elif link.act in (Act.RECEIVED, Act.DECLINED):
            to = None
    return to


def clean_name(name: str) -> str:
    """Return a file's name without folders, controls and marks that turn text around, such as `report.pdf`."""
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    plain = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    plain = _STRANGE.sub("_", " ".join(plain.split())).strip("._ ")
    if len(plain) > _LONGEST_NAME:
        stem, dot, end = plain.rpartition(".")
        short = dot and len(end) <= 8  # noqa: PLR2004 - an extension
        plain = f"{stem[: _LONGEST_NAME - 9]}.{end}" if short else plain[:_LONGEST_NAME]
    return plain or "file"
