"""Invents the orders and people of canary records: plausible, of nobody, and under one key always the same [2.6].

Names, streets and towns come from short lists of common ones; phone numbers from the ranges that regulators keep free
for films and books (NANP 555-01xx, Bundesnetzagentur, Ofcom, ACMA); e-mail addresses have the form of Amazon's own
aliases, with fifteen drawn characters. What belongs to the selling partner is the same in all its orders and is taken
as it is; nothing of a buyer ever is.
"""

import hmac
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from strongroom.crypto.derive import aad
from strongroom.policy.catalogue.slots import FIXED, SlotSpec, number_of, spec_of
from strongroom.policy.sighting import SlotKey
from strongroom.terms import Category, Scalar

_ALNUM: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ALIAS_CHARACTERS: Final = 15
_SHORTEST_ID: Final = 5
"""A dynamic slot's id of so many digits is Amazon's, a shorter one a place in a list."""

_POSITION: Final = re.compile(r":[0-9]{1,6}\Z")


@dataclass(frozen=True, slots=True)
class _Country:
    """As `people.toml` explains."""

    code: str
    region: str
    domain: str
    number_first: bool
    orders: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]
    streets: tuple[str, ...]
    phones: tuple[str, ...]
    more: tuple[str, ...]
    companies: tuple[str, ...]
    towns: tuple[list[str], ...]


def _read() -> dict[str, tuple[_Country, ...]]:
    text = resources.files(__package__).joinpath("people.toml").read_text(encoding="utf-8")
    found: dict[str, tuple[_Country, ...]] = {}
    for row in tomllib.loads(text)["country"]:
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
        country = _Country(**values)
        found[country.region] = (*found.get(country.region, ()), country)
    return found


_BY_REGION: Final = _read()
_PHRASES: Final = (
    "Please leave it with a neighbour",
    "Ring twice",
    "Happy birthday!",
    "Side gate, the dog is friendly",
    "Thanks for everything",
    "With love from all of us, see you in spring",
)
_NUMBERED: Final = frozenset(
    {
        "tax_id",
        "tax_office",
        "number",
        "value",
        "ioss_number",
        "tracking_number",
        "serial_number",
        "transparency_code",
        "authorization_code",
    }
)


class Inventor:
    """Invents the canaries of one selling partner, by their number; `key` is that selling partner's alone."""

    def __init__(self, key: bytes, region: str) -> None:
        self._key = key
        self._countries = _BY_REGION.get(region, _BY_REGION["na"])

    def __repr__(self) -> str:
        return "<inventor>"

    def order(self, number: int) -> str:
        """Return the order id of a canary, in Amazon's form of 3-7-7 digits."""
        drawn = self._draw(number, "order")
        first = self._country(number).orders
        rest = f"{drawn // len(first) % 10**14:014d}"
        return f"{first[drawn % len(first)]}-{rest[:7]}-{rest[7:]}"

    def email(self, number: int) -> str:
        """Return a canary's e-mail address."""
        drawn = self._draw(number, "email")
        return f"{self._characters(drawn, _ALIAS_CHARACTERS)}@{self._country(number).domain}"

    def phone(self, number: int) -> str:
        """Return a canary's phone number."""
        drawn = self._draw(number, "phone")
        phones = self._country(number).phones
        return _filled(phones[drawn % len(phones)], drawn // len(phones))

    def choose(self, number: int, what: str, among: int) -> int:
        """Return a number below `among`, drawn for this canary."""
        return self._draw(number, what) % among

    def slots(
        self, number: int, like: Mapping[SlotKey, Scalar], variant: int
    ) -> dict[SlotKey, Scalar]:
        """Return values for the same slots as an order's; `variant` gives other names and streets for the same canary.

        What is the selling partner's own stays as it is.
        """
        found: dict[SlotKey, Scalar] = {}
        # Whoever buys is mostly who receives, and a town goes with its state and postal code: one draw for all.
        drawn = self._draw(number, f"person/{variant}")
        texts = _texts(self._country(number), drawn)
        for key, value in like.items():
            spec = FIXED[key] if isinstance(key, int) else spec_of(key)
            own = key if isinstance(key, int) else self._renamed(number, key)
            if spec.subject == "selling_partner":
                found[own] = value
            else:
                invented = self._value(number, spec, variant, drawn, texts)
                found[own] = float(invented) if isinstance(value, float) else invented
        return found

    def _renamed(self, number: int, name: str) -> str:
        """Return a dynamic slot's name with an id of the canary's own."""
        kind, colon, rest = name.partition(":")
        ident, _, field = rest.partition(".")
        if not colon or len(ident) < _SHORTEST_ID or not ident.isdigit():
            return name
        drawn = self._draw(number, f"id/{kind}/{ident}")
        return f"{kind}:{ident[0]}{drawn % 10 ** (len(ident) - 1):0{len(ident) - 1}d}.{field}"

    def _value(
        self, number: int, spec: SlotSpec, variant: int, drawn: int, texts: Mapping[str, str]
    ) -> str:
        """Return a slot's value; `drawn` is the person and `texts` what they are called and where they live."""
        field = _POSITION.sub("", spec.name.rpartition(".")[2])
        if field in _NUMBERED:
            return f"{self._draw(number, f'{field}/{variant}') % 10**11:011d}"
        if spec.category is Category.EMAIL:
            return self.email(number)
        if spec.category is Category.PHONE:
            return self.phone(number)
        if spec.category is Category.GEO:
            return f"{30 + drawn % 20}.{self._draw(number, field) % 10**6:06d}"
        if field not in texts and spec.category is Category.ADDRESS:
            field = "address_line_1"
        return texts.get(field) or _of(_PHRASES, drawn // 37)

    def _country(self, number: int) -> _Country:
        return self._countries[self._draw(number, "country") % len(self._countries)]

    def _characters(self, drawn: int, length: int) -> str:
        found = []
        for _ in range(length):
            drawn, place = divmod(drawn, len(_ALNUM))
            found.append(_ALNUM[place])
        return "".join(found)

    def _draw(self, number: int, what: str) -> int:
        return int.from_bytes(hmac.digest(self._key, aad(number, what), "sha256"), "big")


DEFAULT_SLOTS: Final = tuple(
    number
    for name in (
        "recipient.name",
        "recipient.address_line_1",
        "recipient.city",
        "recipient.state",
        "recipient.postal_code",
        "recipient.phone",
        "buyer.email",
        "buyer.name",
    )
    if (number := number_of(name)) is not None
)
"""What an order shows where there is none to be like: as Orders v0 with its address."""


def _texts(country: _Country, drawn: int) -> dict[str, str]:
    """Return what a drawn person's slots hold, by the last part of their names."""
    town, state, code = country.towns[drawn % len(country.towns)]
    street, house = _of(country.streets, drawn // 7), str(1 + drawn // 11 % 289)
    person = f"{_of(country.given, drawn // 23)} {_of(country.family, drawn // 29)}"
    company = _of(country.companies, drawn // 31)
    found = {
        "address_line_1": f"{house} {street}" if country.number_first else f"{street} {house}",
        "street_name": street,
        "street_number": house,
        "postal_code": _filled(code, drawn // 13),
        "country_code": country.code,
        "address_line_3": _of(country.more, drawn // 19),
        "purchase_order": f"PO-{drawn % 10**6:06d}",
        "card_brand": "VISA",
    }
    for text, fields in (
        (person, ("name", "legal_name", "tax_legal_name", "reviewer")),
        (company, ("company", "tax_company")),
        (town, ("city", "municipality")),
        (_of(country.more, drawn // 17), ("address_line_2", "complement")),
        (state, ("state", "tax_region", "county", "district", "district_or_county")),
        (state, ("neighborhood",)),
        ("Standard", ("method", "payment_methods")),
    ):
        found.update(dict.fromkeys(fields, text))
    return found


def _of(choices: tuple[str, ...], drawn: int) -> str:
    return choices[drawn % len(choices)]


def _filled(pattern: str, drawn: int) -> str:
    """Return a pattern with a drawn digit for each `#` and a letter for each `@`."""
    found = []
    for character in pattern:
        if character == "#":
            drawn, digit = divmod(drawn, 10)
            found.append(str(digit))
        elif character == "@":
            drawn, place = divmod(drawn, 20)
            found.append("ABDEFGHJLNPQRSTUWXYZ"[place])
        else:
            found.append(character)
    return "".join(found)
