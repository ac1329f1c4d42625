"""The data-flow diagram: who gives and gets personal data, as it really flowed, laid out for a drawing [2.2]. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MOST: Final = 6
"""Boxes of one column; what is more becomes one box that counts it."""

_WIDTH, _HEIGHT, _GAP, _ABOVE = 190, 54, 18, 34
_COLUMNS: Final = (10, 255, 500, 745)


@dataclass(frozen=True, slots=True)
class Party:
    """One who gives or gets data."""

    kind: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the drawing."""

    kind: str
    name: str
    detail: str
    x: int
    y: int
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, slots=True)
class Arrow:
    """One arrow of the drawing, with what flows along it."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """One flow, in words."""

    source: str
    target: str
    what: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """All of it."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    rows: tuple[Row, ...]
    heads: tuple[tuple[int, str], ...]
    width: int
    height: int


def drawn(sources: Sequence[Party], users: Sequence[Party], stores: Sequence[Party]) -> Drawing:
    """Return the drawing: `sources` bring data, `users` get it out of the vault, `stores` keep it sealed for later."""
    left = _column(sources, 0) or [
        Box("idle", "Nothing yet", "no field was seen", _COLUMNS[0], _ABOVE)
    ]
    right = _column(users, 3) or [Box("idle", "Nobody", "holds a grant", _COLUMNS[3], _ABOVE)]
    below = _column(stores, 2)
    middle = _ABOVE + (min(len(left), len(right)) - 1) * (_HEIGHT + _GAP) // 2
    gateway = Box("ours", "Gateway", "tokens in place of values", _COLUMNS[1], middle)
    vault = Box("ours", "Vault", "sealed with AES-256-GCM", _COLUMNS[2], middle)
    shift = middle + _HEIGHT + 2 * _GAP - _ABOVE
    below = [Box(b.kind, b.name, b.detail, b.x, b.y + shift) for b in below]
    arrows = [_across(box, gateway) for box in left if box.kind != "idle"]
    arrows.append(_across(gateway, vault))
    arrows += [_across(vault, box) for box in right if box.kind != "idle"]
    arrows += [_down(vault, box) for box in below]
    rows = [
        *(Row(one.name, "Gateway", one.detail) for one in sources),
        Row("Gateway", "Vault", "every personal field, sealed before the answer leaves"),
        *(Row("Vault", one.name, one.detail) for one in (*users, *stores)),
    ]
    bottom = max(box.y + box.height for box in (*left, *right, *below, vault))
    heads = (
        (_COLUMNS[0], "From Amazon"),
        (_COLUMNS[1], "In this house"),
        (_COLUMNS[3], "Who gets it"),
    )
    return Drawing(
        (*left, gateway, vault, *right, *below),
        tuple(arrows),
        tuple(rows),
        heads,
        _COLUMNS[3] + _WIDTH + 10,
        bottom + 10,
    )


def _column(parties: Sequence[Party], column: int) -> list[Box]:
    shown = list(parties)
    if len(shown) > _MOST:
        more = len(shown) - _MOST + 1
        shown = [*shown[: _MOST - 1], Party(shown[-1].kind, f"{more} more", "in the table below")]
    return [
        Box(
            one.kind,
            _short(one.name, 24),
            _short(one.detail, 30),
            _COLUMNS[column],
            _ABOVE + place * (_HEIGHT + _GAP),
        )
        for place, one in enumerate(shown)
    ]


def _across(one: Box, other: Box) -> Arrow:
    x1, y1 = one.x + one.width, one.y + one.height // 2
    x2, y2 = other.x - 6, other.y + other.height // 2
    bend = (x2 - x1) // 2
    return Arrow(f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}", other.kind)


def _down(one: Box, other: Box) -> Arrow:
    x = one.x + one.width // 2
    if other.y - one.y < 2 * (_HEIGHT + _GAP):
        return Arrow(f"M{x} {one.y + one.height}V{other.y - 6}", other.kind)
    side = one.x - 14
    y = other.y + other.height // 2
    return Arrow(
        f"M{one.x + 20} {one.y + one.height}V{one.y + one.height + 10}H{side}V{y}H{other.x - 6}",
        other.kind,
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
