"""Who did a step, when, and the words that came with it: what records of assurance are made of [2.7, 3]. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from strongroom.errors import Malformed
from strongroom.terms import PrincipalId

LONGEST_TEXT: Final = 4000


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who did a step, and when."""

    by: PrincipalId
    at: datetime


def sure(content: Mapping[str, Any]) -> Stamp:
    """Return the stamp that each record begins with, as it was kept."""
    return Stamp(PrincipalId(content["by"]), datetime.fromisoformat(content["at"]))


def stamp(content: Mapping[str, Any] | None) -> Stamp | None:
    """Return a stamp as it was kept; None where that step was not done."""
    return None if content is None else sure(content)


def said(text: str, what: str, *, longest: int = LONGEST_TEXT) -> str:
    """Return what a person wrote, without blanks around it. Raises: Malformed: nothing, or too much."""
    text = text.strip()
    if not text:
        raise Malformed(f"say {what}")
    if len(text) > longest:
        raise Malformed(f"a text has up to {longest:,} characters")
    return text
