"""Which operation, parameter and leaf carries what: the catalogue of Amazon's models and the canonical slots [2.2]."""

from strongroom.policy.catalogue.catalogue import Catalogue, Match, Operation, Subject
from strongroom.policy.catalogue.rules import Branch, Class, Leaf, Node, Render, Slot, Type
from strongroom.policy.catalogue.slots import (
    COUNTRY_CODES,
    FIRST_DYNAMIC,
    FIXED,
    LAST_DYNAMIC,
    OVERFLOW,
    SlotSpec,
    number_of,
    spec_of,
    unknown_slot,
)

__all__ = [
    "COUNTRY_CODES",
    "FIRST_DYNAMIC",
    "FIXED",
    "LAST_DYNAMIC",
    "OVERFLOW",
    "Branch",
    "Catalogue",
    "Class",
    "Leaf",
    "Match",
    "Node",
    "Operation",
    "Render",
    "Slot",
    "SlotSpec",
    "Subject",
    "Type",
    "number_of",
    "spec_of",
    "unknown_slot",
]
