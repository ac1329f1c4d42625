"""What a search asks for, and when a stored value is the one meant. Pure.

A tag only makes a candidate; whoever searches must hold the value against the opened record before it counts [1.3].
"""

from typing import Final

from strongroom.crypto.index import NORMALIZERS, normalize_email, same_phone
from strongroom.errors import Malformed

_NORMALIZERS: Final = {**NORMALIZERS, "order": str.strip}


def one_of(**values: str | None) -> tuple[str, str]:
    """Return name and value of the one that was given. Raises: Malformed."""
    given = [(kind, value) for kind, value in values.items() if value is not None]
    if len(given) != 1:
        raise Malformed("look for exactly one of e-mail, phone and order")
    return given[0]


def normal_form(kind: str, value: str) -> str:
    """Return the form in which a value is looked up; empty where there is nothing to look for."""
    return _NORMALIZERS[kind](value)


def same(kind: str, stored: str, wanted: str) -> bool:
    """Say whether a stored e-mail address or phone number is the one that is looked for."""
    if kind == "phone":
        return same_phone(stored, wanted)
    return normalize_email(stored) == normalize_email(wanted)
