"""Turns natural values into marked ones, each carrying a string that occurs nowhere else.

In marker mode a leak is proved or excluded by searching a file for one substring; so every
personal value carries its own marker, in a form that survives JSON, logs and databases.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from typing import Literal

Shape = Literal["text", "email", "phone", "url", "number"]

MARKER_CHARACTERS = 12  # no marker is shorter

_ALPHANUMERIC = string.ascii_letters + string.digits
_TAIL_CHARACTERS = 14
_NON_ZERO = "123456789"


@dataclass(frozen=True, slots=True)
class Marker:
    """One unique substring, and the order and slot whose value carries it."""

    marker: str
    order_id: str
    slot: str


def mark(rng: random.Random, value: str | float, shape: Shape) -> tuple[str | float, str]:
    """Return the value changed to contain a fresh marker, and the marker.

    Text gets it appended, an email as local part, a phone as 14 digits, a URL as last
    path segment, a number as 12 decimals (15 significant digits survive a double).
    """
    if shape == "number":
        decimals = "".join(rng.choices(_NON_ZERO, k=12))
        return float(f"{int(float(value))}.{decimals}"), decimals
    if shape == "phone":
        digits = "".join(rng.choices(_NON_ZERO, k=_TAIL_CHARACTERS))
        return f"{str(value)[:4].strip()} {digits}", digits
    marker = fresh_marker(rng)
    if shape == "email":
        marker = marker.lower()
        return f"{marker}@{str(value).rpartition('@')[2]}", marker
    if shape == "url":
        return f"{value}/{marker}", marker
    return f"{value} {marker}", marker


def fresh_marker(rng: random.Random) -> str:
    """Return a marker that belongs to no slot yet."""
    return "Zq" + "".join(rng.choices(_ALPHANUMERIC, k=_TAIL_CHARACTERS))
