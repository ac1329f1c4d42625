"""Small conversions both Orders versions share: instants, money, leaving out what is absent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


def instant(moment: datetime) -> str:
    """Return an instant as Amazon writes it, in UTC to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def amount(value: int, currency: str) -> str:
    """Return a decimal amount; `value` counts cents, or whole yen."""
    return str(value) if currency == "JPY" else f"{value // 100}.{value % 100:02d}"


def present(values: Mapping[str, Any]) -> Json:
    """Return the members that have a value; Amazon leaves absent ones out, never null."""
    return {
        name: value for name, value in values.items() if value is not None and value not in ({}, [])
    }
