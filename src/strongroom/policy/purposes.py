"""What personal data may serve, by its category and by whose it is [2.1, 2.2].

Amazon names three purposes: to fulfil an order, to charge tax on it, to invoice it. A category serves those it is
needed for and no other, whatever a grant says; what the policy itself asks for (a person's own request, an incident,
Amazon's request) reaches every value and is not listed. `strongroom catalogue show OPERATION` shows them for each leaf.
"""

from collections.abc import Mapping
from typing import Final

from strongroom.terms import Category, Purpose

AMAZONS: Final = frozenset({Purpose.FULFILMENT, Purpose.TAX, Purpose.INVOICING})
"""The three that Amazon names."""

_SHIPS: Final = frozenset({Purpose.FULFILMENT})
_BILLS: Final = frozenset({Purpose.TAX, Purpose.INVOICING})
_NONE: Final[frozenset[Purpose]] = frozenset()

_BY_CATEGORY: Final[Mapping[Category, frozenset[Purpose]]] = {
    Category.NAME: AMAZONS,
    Category.ADDRESS: AMAZONS,
    Category.EMAIL: _SHIPS | {Purpose.INVOICING},
    Category.PHONE: _SHIPS,
    # Customs ask for it too: Brazil's CPF, Korea's PCCC.
    Category.TAX_ID: AMAZONS,
    Category.FREE_TEXT: _SHIPS,
    Category.GEO: _SHIPS,
    Category.DOCUMENT: AMAZONS,
    Category.TRACKING: _SHIPS,
    Category.PAYMENT: _BILLS,
    # Whose machine it was, nobody needs for an order.
    Category.NETWORK: _NONE,
    Category.DEVICE: _SHIPS,
    Category.UNCLASSIFIED: _NONE,
}

_BY_PERSON: Final[Mapping[str, frozenset[Purpose]]] = {
    # Who carries a parcel or works on it is in no invoice.
    "carrier": _SHIPS,
    "staff": _SHIPS,
    "unknown": _NONE,
}


def serves(category: Category, person: str) -> frozenset[Purpose]:
    """Return which of Amazon's three purposes a value of this category about this person may serve."""
    return _BY_CATEGORY[category] & _BY_PERSON.get(person, AMAZONS)


def may_serve(purpose: Purpose, category: Category, person: str = "") -> bool:
    """Say whether a value may be read for a purpose at all; `person` empty: the category of somebody's value alone.

    What nobody has classified may where a grant says so: whoever approved that category has decided.
    """
    return (
        purpose not in AMAZONS
        or category is Category.UNCLASSIFIED
        or purpose in serves(category, person)
    )
