"""The register of laws on what people may ask of their own data, and when an answer is due [2.2].

Pure. `rights.toml` holds them. An installation may set itself an earlier day; nothing postpones the law's.
"""

import calendar
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Final

from strongroom.errors import Malformed

_MONTHS: Final = 12


class RequestKind(StrEnum):
    """What somebody asks of their own data."""

    ACCESS = "access"
    PORTABILITY = "portability"
    RECTIFY = "rectify"
    ERASE = "erase"
    RESTRICT = "restrict"
    OBJECT = "object"


class IdentityCheck(StrEnum):
    """How somebody proved to be who they say."""

    MESSAGE_ANSWERED = "message_answered"
    """A code sent through Amazon's buyer messages, or to the address on record, came back."""
    ORDER_DETAILS = "order_details"
    """They knew of an order what only its buyer or recipient knows."""
    DOCUMENT_SEEN = "document_seen"
    IN_PERSON = "in_person"
    AGENT_AUTHORIZED = "agent_authorized"
    """Somebody speaks for them, and showed that they may."""
    ELECTRONIC_ID = "electronic_id"


class Refusal(StrEnum):
    """Why a request is refused, of what laws name."""

    UNFOUNDED = "unfounded"
    EXCESSIVE = "excessive"
    LEGAL_DUTY = "legal_duty"
    LEGAL_CLAIMS = "legal_claims"
    OTHERS_RIGHTS = "others_rights"
    COMPELLING_GROUNDS = "compelling_grounds"


class Longer(StrEnum):
    """Why an answer takes longer: no law knows another reason (GDPR 12(3))."""

    COMPLEX = "complex"
    MANY = "many"
    """They asked a lot at once."""


class Outcome(StrEnum):
    """How a request was answered."""

    GRANTED = "granted"
    PARTLY = "partly"
    """Something had to stay: data under a legal hold, or of somebody else."""
    NOTHING_FOUND = "nothing_found"
    IDENTITY_UNPROVED = "identity_unproved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Law:
    """One law of the register. `rights` say by which of its parts each right is given; `told`, who else hears."""

    name: str
    title: str
    clock: str
    months: int
    days: int
    told: str
    authority: str
    rights: Mapping[RequestKind, str]
    more: str = ""
    """By which of its parts a complex answer may take longer; empty: by none."""
    more_months: int = 0
    more_days: int = 0

    def extended(self, received_at: datetime) -> datetime:
        """Return when an answer is due that takes longer, counted from receipt. Raises: Malformed: none may."""
        if not self.more:
            raise Malformed(f"{self.name} gives no more time")
        return months_later(received_at, self.months + self.more_months) + timedelta(
            days=self.days + self.more_days
        )

    def due(self, received_at: datetime, most_days: int = 0) -> datetime:
        """Return when the answer is due; `most_days`, where not 0, is what the house allows itself."""
        by_law = months_later(received_at, self.months) + timedelta(days=self.days)
        return min(by_law, received_at + timedelta(days=most_days)) if most_days else by_law


@lru_cache(1)
def laws() -> Mapping[str, Law]:
    """Return the register, by name."""
    text = files("strongroom.policy").joinpath("rights.toml").read_text(encoding="utf-8")
    return {
        name: Law(
            name,
            row["title"],
            row["clock"],
            row.get("months", 0),
            row.get("days", 0),
            row.get("told", ""),
            row["authority"],
            {RequestKind(kind): part for kind, part in row["rights"].items()},
            row.get("more", ""),
            row.get("more_months", 0),
            row.get("more_days", 0),
        )
        for name, row in tomllib.loads(text).items()
    }


def law_named(name: str, kind: RequestKind | None = None) -> Law:
    """Return a law. Raises: Malformed where there is none of this name, or it gives no such right."""
    found = laws().get(name)
    if found is None:
        raise Malformed("no such law", hint=f"one of {', '.join(laws())}")
    if kind is not None and kind not in found.rights:
        raise Malformed(f"{name} gives no right to {kind.value}", hint="name the law that does")
    return found


def months_later(at: datetime, months: int) -> datetime:
    """Return the same day so many months later, or that month's last one (Regulation 1182/71, article 3)."""
    year, month = divmod(at.month - 1 + months, _MONTHS)
    year, month = at.year + year, month + 1
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))
