"""Reckons the charts that pages draw as SVG: where each bar stands and which numbers stand beside it. Pure.

Widths are percentages and heights pixels, so that the words of a chart keep their size on a phone. Every chart has its
numbers as a table too: who hears a page gets the same as who sees it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEIGHT: Final = 160
"""Pixels from the top of the tallest column to the ground."""

_TOP: Final = 14
_FOOT: Final = 24
_LEFT: Final = 8.0
_GAP: Final = 0.25
_MOST_NAMES: Final = 5
_STEPS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Point:
    """One number of a chart."""

    label: str
    value: int
    mark: str = ""
    """`good`, `heed` or `bad` where its colour says something that its label says too."""


@dataclass(frozen=True, slots=True)
class Column:
    """One upright bar."""

    point: Point
    x: str
    width: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the ground with its number."""

    y: int
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A word under a column."""

    x: str
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Upright bars over days or hours."""

    title: str
    about: str
    unit: str
    points: tuple[Point, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    names: tuple[Name, ...]
    height: int = _TOP + HEIGHT + _FOOT
    names_y: int = _TOP + HEIGHT + _FOOT - 6
    left: str = f"{_LEFT}%"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar that lies, with how much of the width it takes."""

    point: Point
    width: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars that lie, one for each name; they are a table by themselves."""

    title: str
    about: str
    unit: str
    bars: tuple[Bar, ...]


def columns(title: str, about: str, unit: str, points: Sequence[Point]) -> Columns:
    """Return upright bars for points in their order, such as records by day; `unit` heads their numbers."""
    top = _ceiling(max((point.value for point in points), default=0))
    room = (100.0 - _LEFT) / max(1, len(points))
    found = []
    for at, point in enumerate(points):
        height = round(HEIGHT * point.value / top)
        if point.value and not height:
            height = 1
        x, width = _LEFT + room * (at + _GAP / 2), room * (1 - _GAP)
        found.append(Column(point, _share(x), _share(width), _TOP + HEIGHT - height, height))
    lines = tuple(
        Line(_TOP + HEIGHT - round(HEIGHT * part / 2), f"{top * part // 2:,}")
        for part in ((0, 1, 2) if top % 2 == 0 else (0, 2))
    )
    return Columns(title, about, unit, tuple(points), tuple(found), lines, _names(points, room))


def bars(title: str, about: str, unit: str, points: Sequence[Point]) -> Bars:
    """Return lying bars, the longest as wide as there is room."""
    most = max((point.value for point in points), default=0) or 1
    found = tuple(Bar(point, _share(100 * point.value / most)) for point in points)
    return Bars(title, about, unit, found)


def _names(points: Sequence[Point], room: float) -> tuple[Name, ...]:
    """Return so many labels that none touches the next."""
    step = max(1, -(-len(points) // _MOST_NAMES))
    return tuple(
        Name(_share(_LEFT + room * (at + 0.5)), points[at].label, "middle")
        for at in range(step // 2, len(points), step)
    )


def _ceiling(most: int) -> int:
    """Return the round number that the highest line stands for: 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= most:
                return step * power
        power *= 10


def _share(part: float) -> str:
    return f"{part:.2f}%"
