"""Reads what people type or choose in forms: days, instants in UTC, one of a closed list. Pure."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from strongroom.errors import Malformed

_M = TypeVar("_M", bound=StrEnum)
_DIGITS: Final = 9
"""As a column holds."""


def chosen(kind: type[_M], text: str, what: str) -> _M:
    """Return the member that a form chose. Raises: Malformed; the message says what is to be chosen."""
    found = next((one for one in kind if one.value == text), None)
    if found is None:
        raise Malformed(f"choose {what}")
    return found


def day(text: str) -> date | None:
    """Return a day; None for nothing typed. Raises: Malformed."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Malformed("a day has the form 2026-01-31") from None


def instant(text: str, now: datetime) -> datetime:
    """Return an instant in UTC as people type it; nothing typed is now. Raises: Malformed."""
    if not text:
        return now
    try:
        found = datetime.fromisoformat(text.removesuffix("UTC").strip().replace(" ", "T"))
    except ValueError:
        raise Malformed("an instant has the form 2026-01-31 09:30, in UTC") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    # A form shows minutes: what came in this one did not come in the future.
    return min(found, now) if found - now < timedelta(minutes=1) else found


def number(text: str, what: str) -> int:
    """Return the number of something as it stands in a form. Raises: Malformed: it is none that a row can have."""
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        raise Malformed(f"the {what} is named by its number")
    return int(text)
