"""What is printed, and on what paper [2.3]. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SIZES: Final[Mapping[str, tuple[float, float]]] = {
    "a4": (210.0, 297.0),
    "letter": (215.9, 279.4),
    "a6": (105.0, 148.0),
    "4x6": (101.6, 152.4),
}
"""Paper in millimetres: the first two for slips, the others for labels."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order, as its app knows it; `gift_message` is put in by the vault."""

    sku: str
    quantity: int
    title: str = ""
    gift_message: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """One paragraph of a report: `title`, `head` or `plain`. Prints without what it says."""

    said: str = field(repr=False)
    style: str = "plain"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One PDF, how many pages it has, and how many letters of it show as the mark."""

    content: bytes
    pages: int
    marks: int

    def __repr__(self) -> str:
        return f"<drawn pages={self.pages}>"
