"""What a notice of Amazon's asks for, until when, and what has to be true before anybody certifies it [1.7]. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

from strongroom.errors import Malformed
from strongroom.policy.limits import (
    NOTICE_ERASED_WITHIN,
    NOTICE_LIVE_GONE_WITHIN,
    NOTICE_WARNS,
)
from strongroom.terms import Category, SellerId

_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MOST_SELECTED: Final = 10_000


class Asked(StrEnum):
    """What the notice wants to become of the data."""

    DELETION = "deletion"
    RETURN = "return"
    """Handed back as a sealed package, and then deleted."""


class Method(StrEnum):
    """How a store is emptied, in the words of NIST SP 800-88."""

    CLEAR = "Clear: overwritten"
    PURGE = "Purge: cryptographic erase"
    PURGE_AND_CLEAR = "Purge: cryptographic erase; Clear: overwritten"
    DESTROY = "Destroy"
    NOTHING = "none: nothing of it is held"
    OTHERS = "by whoever holds it"


class Verdict(StrEnum):
    """What reading a store found."""

    CLEAN = "clean"
    FOUND = "found"
    """Something is still there, or opens."""
    UNKNOWN = "unknown"
    """It cannot be read from here: a named person has to answer for it."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Until when, counted from the instant at which the notice came."""

    warn_at: datetime
    erase_by: datetime
    live_by: datetime


def clocks(received_at: datetime) -> Clocks:
    """Return the clocks of a notice: 72 hours and 90 days."""
    erase_by = received_at + NOTICE_ERASED_WITHIN
    return Clocks(erase_by - NOTICE_WARNS, erase_by, received_at + NOTICE_LIVE_GONE_WITHIN)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose records a notice is about; every restriction narrows it, none means everything.

    A record is one order, or another subject, and is always erased whole: `categories` says which records are meant,
    those that hold any value of one of them.
    """

    sellers: tuple[SellerId, ...] | None = None
    categories: tuple[Category, ...] | None = None
    first: date | None = None
    last: date | None = None
    """Both of the purchase, in UTC and included."""
    orders: int = 0
    buyers: int = 0
    """How many are named; by what, only the sealed selectors say."""

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "sellers": None if self.sellers is None else list(self.sellers),
            "categories": None if self.categories is None else [c.value for c in self.categories],
            "first": None if self.first is None else self.first.isoformat(),
            "last": None if self.last is None else self.last.isoformat(),
            "orders": self.orders,
            "buyers": self.buyers,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Scope":
        """Return what `plain` gave."""
        sellers, categories = plain["sellers"], plain["categories"]
        return cls(
            None if sellers is None else tuple(SellerId(one) for one in sellers),
            None if categories is None else tuple(Category(one) for one in categories),
            None if plain["first"] is None else date.fromisoformat(plain["first"]),
            None if plain["last"] is None else date.fromisoformat(plain["last"]),
            plain["orders"],
            plain["buyers"],
        )

    @property
    def purchased(self) -> tuple[int | None, int | None]:
        """Seconds since 1970 between which the purchase lies, the second one excluded."""
        after = None if self.first is None else _midnight(self.first)
        before = None if self.last is None else _midnight(self.last + timedelta(days=1))
        return after, before

    @property
    def names_subjects(self) -> bool:
        """Whether single orders or buyers are named."""
        return bool(self.orders or self.buyers)


@dataclass(frozen=True, slots=True)
class Selectors:
    """The orders and buyers that a notice names, as they were typed: sealed wherever they are kept."""

    orders: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "<selectors>"


@dataclass(frozen=True, slots=True)
class HeldBy:
    """Why a record stays: which law, and until when."""

    law: str
    until: date


def check_reference(text: str) -> str:
    """Return Amazon's number of the notice. Raises: Malformed."""
    if not _REFERENCE.fullmatch(text):
        raise Malformed("a reference has letters, digits, dots and dashes, at most 64")
    return text


def check_scope(scope: Scope, selectors: Selectors) -> None:
    """Refuse a scope that means nothing. Raises: Malformed."""
    if scope.first is not None and scope.last is not None and scope.last < scope.first:
        raise Malformed("the period ends before it begins")
    if scope.sellers == () or scope.categories == ():
        raise Malformed("a restriction names at least one")
    if scope.orders + scope.buyers > _MOST_SELECTED:
        raise Malformed(f"a notice names at most {_MOST_SELECTED} orders and buyers")
    every = (*selectors.orders, *selectors.emails, *selectors.phones)
    if not all(one.strip() for one in every):
        raise Malformed("an order or buyer that is named is empty")


def words(scope: Scope, sellers: Mapping[SellerId, str]) -> str:
    """Return a scope as a sentence: what people read, with the names of selling partners and of nobody else."""
    about = []
    if scope.sellers is not None:
        about.append("of " + ", ".join(sellers[one] for one in scope.sellers))
    if scope.names_subjects:
        about.append(f"of {scope.orders} orders and {scope.buyers} buyers that the notice names")
    if scope.categories is not None:
        about.append("that hold " + ", ".join(one.value for one in scope.categories))
    if scope.first is not None:
        about.append(f"bought on {scope.first.isoformat()} or later")
    if scope.last is not None:
        about.append(f"bought on {scope.last.isoformat()} or earlier")
    return "every record" + "".join(f" {one}" for one in about)


def lacks(
    verdicts: Mapping[str, Verdict], stores: tuple[str, ...], stated: frozenset[str]
) -> list[str]:
    """Return what keeps a certificate from being true: stores not read, not clean, or answered for by nobody."""
    found = []
    for store in stores:
        verdict = verdicts.get(store)
        if verdict is None:
            found.append(f"{store} was not verified")
        elif verdict is Verdict.FOUND:
            found.append(f"{store} still holds some of it")
        elif verdict is Verdict.UNKNOWN and store not in stated:
            found.append(f"{store} can't be read from here, and nobody answers for it")
    return found


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
