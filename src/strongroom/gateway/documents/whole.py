"""Keeps a document whole in which nothing can be replaced: labels, invoices, archives, pictures [1.3, 2.3, 2.4].

Its bytes become one value of a record of their own, for as long as any document's; the app gets a token and what kind
of file it is. Handing it out is `paper`'s. Nothing is written to a file.
"""

import base64
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import orjson

from strongroom.policy.kinds import KEPT
from strongroom.policy.sighting import Sighting
from strongroom.terms import SellerId

SLOT: Final = "sealed:0.content"
CONTENT_TYPE: Final = "application/json"

_KIND: Final = "document"
_SIGNATURE: Final = frozenset({"awsaccesskeyid", "expires", "key-pair-id", "policy", "signature"})
_SIGNED_BY_AMAZON: Final = "x-amz-"
_REF_DIGITS: Final = 40


class Volume:
    """Bytes kept whole of each selling partner since midnight UTC; a document that is fetched again counts again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._days: dict[SellerId, tuple[date, int]] = {}

    def take(self, seller: SellerId, size: int, now: datetime) -> int:
        """Count a document and return 0, or count nothing and return in how many seconds there is room again."""
        today = now.astimezone(UTC).date()
        day, used = self._days.get(seller, (today, 0))
        used = size + (used if day == today else 0)
        if used > self._most:
            midnight = datetime.combine(today + timedelta(days=1), time(), UTC)
            return max(int((midnight - now).total_seconds()), 1)
        self._days[seller] = today, used
        return 0


def document_id(url: str) -> str:
    """Return what tells a document from another where Amazon names none: its address without the signature."""
    parts = urlsplit(url)
    kept = "&".join(sorted(part for part in parts.query.split("&") if part and not _signs(part)))
    address = f"{parts.netloc}{parts.path}{'?' if kept else ''}{kept}"
    return sha256(address.encode()).hexdigest()[:_REF_DIGITS]


def _signs(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name in _SIGNATURE or name.startswith(_SIGNED_BY_AMAZON)


def sighting_of(document: str, content: bytes, first_seen_at: int, now: int) -> Sighting:
    """Return what the vault keeps of a document: its day counts from the first time that it was asked for."""
    text = base64.b64encode(content).decode("ascii")
    ref = sha256(document.encode()).hexdigest()[:_REF_DIGITS]
    facts = KEPT[_KIND]._replace(purchased_at=first_seen_at)
    return Sighting(_KIND, f"{ref}-whole", {SLOT: text}, facts, now)


def answer_of(token: str, content_type: str, content: bytes) -> bytes:
    """Return what the app gets in the document's place."""
    return orjson.dumps({"document": token, "content_type": content_type, "bytes": len(content)})
