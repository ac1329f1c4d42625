"""What the door hands out: values, or tokens that say nothing by themselves."""

from dataclasses import dataclass
from typing import Final

from strongroom.terms import Category, Plaintext, RecordNumber, SellerId
from strongroom.vault.store import RecordState

STATES: Final = {RecordState.LIVE: "live", RecordState.GONE: "gone", RecordState.ERASED: "erased"}
"""The states' names as callers see them."""


@dataclass(frozen=True, slots=True)
class Revealed:
    """One value that left the vault, and what it is."""

    token: str
    slot: str
    category: Category
    seller: SellerId
    record: RecordNumber
    value: Plaintext
    due_at: int | None = None
    """When the record is destroyed, in seconds; None while its delivery is unknown, and where nobody asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """One record that a search found: its tokens, which say nothing by themselves, and the order they belong to."""

    record: RecordNumber
    seller: SellerId
    state: str
    order: str | None
    tokens: dict[str, str]


@dataclass(frozen=True, slots=True)
class Described:
    """What a record is, without any of its values; `due_at` in seconds, None while the delivery is unknown."""

    record: RecordNumber
    seller: SellerId
    state: str
    due_at: int | None
    tokens: dict[str, str]
