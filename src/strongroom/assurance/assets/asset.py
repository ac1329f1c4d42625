"""An asset of the inventory: what it is, who answers for it, what is written of it [2.3]. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from strongroom.assurance.assets.kinds import (
    LONGEST_NAME,
    LONGEST_NOTE,
    LONGEST_PLACE,
    LONGEST_SERIAL,
    Disposal,
    Kind,
    Source,
)
from strongroom.errors import Malformed
from strongroom.terms import PrincipalId

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Words:
    """What is written of an asset: it may name somebody."""

    name: str
    serial: str = ""
    place: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset as it stands."""

    id: int
    key: str
    kind: Kind
    source: Source
    feed: str | None
    words: Words
    owner: PrincipalId | None
    pii: bool
    added_at: datetime
    changed_at: datetime
    seen_at: datetime | None
    confirmed_at: datetime | None
    confirmed_by: PrincipalId | None
    retired_at: datetime | None
    retired_by: PrincipalId | None
    disposal: Disposal | None
    disposal_digest: str | None

    @property
    def state(self) -> str:
        """`retired`, `confirmed` or `unconfirmed`."""
        if self.retired_at is not None:
            return "retired"
        return "unconfirmed" if self.confirmed_at is None else "confirmed"


@dataclass(frozen=True, slots=True)
class Bom:
    """What an asset is made of, as a file said: its SHA-256 and how many parts."""

    at: datetime
    by: PrincipalId
    format: str
    components: int
    sha256: str


def facts(asset: Asset) -> str:
    """Return all that an asset says, in one text that is the same for the same asset."""
    words = asset.words
    plain = {
        "id": asset.id,
        "kind": asset.kind.value,
        "source": asset.source.value,
        "name": words.name,
        "serial": words.serial,
        "place": words.place,
        "note": words.note,
        "owner": asset.owner,
        "pii": asset.pii,
    }
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode()


def checked(words: Words) -> Words:
    """Return an asset's words without the blanks around them. Raises: Malformed."""
    found = Words(words.name.strip(), words.serial.strip(), words.place.strip(), words.note.strip())
    if not found.name:
        raise Malformed("an asset has a name")
    for what, text, longest in (
        ("a name", found.name, LONGEST_NAME),
        ("a serial number", found.serial, LONGEST_SERIAL),
        ("a place", found.place, LONGEST_PLACE),
        ("a note", found.note, LONGEST_NOTE),
    ):
        if len(text) > longest:
            raise Malformed(f"{what} has up to {longest:,} characters")
        if any(not c.isprintable() and c not in "\r\n\t" for c in text) or (
            what != "a note" and any(c in "\r\n\t" for c in text)
        ):
            raise Malformed(f"{what} is plain text")
    return found


def checked_digest(text: str) -> str:
    """Return the SHA-256 that a text is, or nothing. Raises: Malformed."""
    found = text.strip().lower()
    if found and not _DIGEST.fullmatch(found):
        raise Malformed("evidence is named by its SHA-256: 64 digits of 0 to 9 and a to f")
    return found
