"""What personal data may serve, by its category and by whose it is [2.1, 2.2].

Amazon names three purposes: to fulfil an order, to charge tax on it, to invoice it. A category serves those it is
needed for and no other; what the policy itself asks for (a person's own request, an incident, Amazon's request) reaches
every value and is not listed. Shown beside each leaf by `strongroom catalogue show OPERATION`.
"""

from collections.abc import Mapping
from typing import Final

from strongroom.terms import Category, Purpose

_ALL: Final = frozenset({Purpose.FULFILMENT, Purpose.TAX, Purpose.INVOICING})
_SHIPS: Final = frozenset({Purpose.FULFILMENT})
_BILLS: Final = frozenset({Purpose.TAX, Purpose.INVOICING})
_NONE: Final[frozenset[Purpose]] = frozenset()

_BY_CATEGORY: Final[Mapping[Category, frozenset[Purpose]]] = {
    Category.NAME: _ALL,
    Category.ADDRESS: _ALL,
    Category.EMAIL: _SHIPS | {Purpose.INVOICING},
    Category.PHONE: _SHIPS,
    Category.TAX_ID: _BILLS,
    Category.FREE_TEXT: _SHIPS,
    Category.GEO: _SHIPS,
    Category.DOCUMENT: _ALL,
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
    """Return the purposes that a value of this category about this person may serve."""
    return _BY_CATEGORY[category] & _BY_PERSON.get(person, _ALL)
