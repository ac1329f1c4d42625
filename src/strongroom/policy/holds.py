"""What may be kept because a law says so, of what, and until when [2.1].

A hold never keeps anything readable: it decides what is sealed into an archive before its key is destroyed. It names a
law of the register, a period of purchase no longer than a year, and an end the law does not exceed. No free text: what
a hold says of people is a keyed hash. Pure.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from strongroom.errors import Malformed
from strongroom.policy.catalogue.slots import SlotSpec
from strongroom.policy.limits import LONGEST_HELD_PURCHASES
from strongroom.policy.purposes import serves
from strongroom.policy.retention import DeliveryFacts, Progress
from strongroom.terms import Category, Purpose, SellerId

_REFERENCE: Final = re.compile(r"[0-9]{1,4}[a-z]{0,2}(?:[./-][0-9a-z]{1,4}){0,5}", re.ASCII)
_MOST_DIGITS: Final = 8
_BILLS: Final = frozenset({Purpose.TAX, Purpose.INVOICING})
_SUBJECTS: Final = ("invoice", "transaction")
"""Beside orders, what a law on vouchers can mean."""


class HoldReason(StrEnum):
    """Why something is held, in a word."""

    TAX_RETENTION = "tax_retention"
    TAX_AUDIT = "tax_audit"
    AUTHORITY_ORDER = "authority_order"


@dataclass(frozen=True, slots=True)
class Law:
    """One law of the register, with the most that it can ask for."""

    code: str
    country: str
    source: str
    years: int
    categories: frozenset[Category]

    def longest(self, purchased: date) -> date:
        """Return the last day on which the law may still ask for an order of this day."""
        return date(purchased.year + self.years, 12, 31)


@dataclass(frozen=True, slots=True)
class HoldTerms:
    """All that a hold says. `sellers` and `countries` None: every one; `order` and `buyer` are keyed hashes in hex."""

    law: str
    reference: str
    reason: HoldReason
    categories: tuple[Category, ...]
    sellers: tuple[SellerId, ...] | None
    countries: tuple[str, ...] | None
    order: str | None
    buyer: str | None
    purchased_from: date
    purchased_to: date
    until: date

    def plain(self) -> dict[str, Any]:
        """Return the terms as JSON; `of` reads them back."""
        return {
            "law": self.law,
            "reference": self.reference,
            "reason": self.reason.value,
            "categories": [category.value for category in self.categories],
            "sellers": None if self.sellers is None else list(self.sellers),
            "countries": None if self.countries is None else list(self.countries),
            "order": self.order,
            "buyer": self.buyer,
            "purchased_from": self.purchased_from.isoformat(),
            "purchased_to": self.purchased_to.isoformat(),
            "until": self.until.isoformat(),
        }

    @staticmethod
    def of(plain: Mapping[str, Any]) -> "HoldTerms":
        """Return the terms that `plain` gave."""
        return HoldTerms(
            plain["law"],
            plain["reference"],
            HoldReason(plain["reason"]),
            tuple(map(Category, plain["categories"])),
            None if plain["sellers"] is None else tuple(map(SellerId, plain["sellers"])),
            None if plain["countries"] is None else tuple(plain["countries"]),
            plain["order"],
            plain["buyer"],
            date.fromisoformat(plain["purchased_from"]),
            date.fromisoformat(plain["purchased_to"]),
            date.fromisoformat(plain["until"]),
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a record whose day has come. The hashes are those a hold may name."""

    seller: SellerId
    countries: frozenset[str]
    """Of the marketplaces that the selling partner sells in."""
    facts: DeliveryFacts
    subject: str
    order: str
    buyers: frozenset[str]


def check(terms: HoldTerms, now: datetime) -> None:
    """Refuse terms that no law of the register can mean. Raises: Malformed."""
    law = law_of(terms.law)
    _check_reference(terms.reference)
    if not terms.categories or not set(terms.categories) <= law.categories:
        allowed = ", ".join(sorted(law.categories))
        raise Malformed(f"{law.code} asks for other categories", hint=f"of {allowed}")
    unknown = set(terms.countries or ()) - set(MARKETPLACES.values())
    if unknown or terms.countries == ():
        raise Malformed("a country is not one of Amazon's marketplaces")
    if terms.sellers == ():
        raise Malformed("no seller is named")
    span = terms.purchased_to - terms.purchased_from
    if not timedelta(0) <= span < LONGEST_HELD_PURCHASES:
        raise Malformed(
            "a hold is of purchases of one year at most", hint="place one for each accounting year"
        )
    check_until(terms, terms.until, now)


def check_until(terms: HoldTerms, until: date, now: datetime) -> None:
    """Refuse an end that has passed, or that the law exceeds for none of the orders. Raises: Malformed."""
    law = law_of(terms.law)
    longest = law.longest(terms.purchased_to)
    if until > longest:
        raise Malformed(f"{law.code} asks for these orders until {longest.isoformat()} at most")
    if ends_at(until) <= now:
        raise Malformed("a hold ends on a day to come")


def ends_at(until: date) -> datetime:
    """Return the instant at which a hold until this day is over: when the day is."""
    return datetime.combine(until + timedelta(days=1), time(), UTC)


def covers(terms: HoldTerms, candidate: Candidate) -> bool:
    """Say whether a record is one of those the hold is about.

    Cancelled orders never are: nothing was sold. Of one whose purchase nobody dated, the day it shipped or was last
    open counts; where that is unknown too it is covered.
    """
    facts = candidate.facts
    if facts.status is Progress.CANCELLED or not _is_voucher(candidate.subject):
        return False
    if terms.sellers is not None and candidate.seller not in terms.sellers:
        return False
    if terms.countries is not None and candidate.countries.isdisjoint(terms.countries):
        return False
    if terms.order is not None and candidate.order != terms.order:
        return False
    if terms.buyer is not None and terms.buyer not in candidate.buyers:
        return False
    at = facts.purchased_at or facts.shipped_at or facts.seen_open_at
    day = datetime.fromtimestamp(at, UTC).date()
    return not at or terms.purchased_from <= day <= terms.purchased_to


def is_needed(terms: HoldTerms, spec: SlotSpec) -> bool:
    """Say whether a slot's value goes into the archive: of a category that the hold names, about who was billed."""
    billed = spec.subject in ("buyer", "recipient")
    return (
        billed
        and spec.category in terms.categories
        and bool(serves(spec.category, spec.subject) & _BILLS)
    )


def law_of(code: str) -> Law:
    """Return a law of the register. Raises: Malformed."""
    law = LAWS.get(code)
    if law is None:
        raise Malformed("no law of this code", hint="`strongroom hold laws` lists them")
    return law


def countries_of(marketplaces: tuple[str, ...]) -> frozenset[str]:
    """Return the countries of marketplaces, without those that are not known."""
    return frozenset(MARKETPLACES[id_] for id_ in marketplaces if id_ in MARKETPLACES)


def _check_reference(text: str) -> None:
    digits = sum(character.isdigit() for character in text)
    if not _REFERENCE.fullmatch(text) or digits > _MOST_DIGITS:
        raise Malformed(
            "a reference is the law's own paragraph in numbers", hint="such as 147.1.4a"
        )


def _is_voucher(subject: str) -> bool:
    # Of what is no order, the kind stands before the id.
    kind, colon, _id = subject.partition(":")
    return not colon or kind in _SUBJECTS


def _read() -> tuple[dict[str, Law], dict[str, str]]:
    text = files(__package__).joinpath("laws.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    laws: dict[str, Law] = {}
    for row in data["laws"]:
        categories = frozenset(map(Category, row["categories"]))
        law = Law(row["code"], row["country"], row["source"], row["years"], categories)
        if law.code in laws:
            raise ValueError(f"laws.toml: {law.code} is there twice")
        laws[law.code] = law
    return laws, data["marketplaces"]


_READ: Final = _read()
LAWS: Final[Mapping[str, Law]] = _READ[0]
MARKETPLACES: Final[Mapping[str, str]] = _READ[1]
"""Country by Amazon's marketplace id."""
