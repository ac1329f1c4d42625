"""The paths of operations: what a path parameter may hold, and which operation a path means.

A path is taken apart, each part decoded once and checked, and written anew: what reaches Amazon has the segments that
were checked here, and no value can climb out of its own [1.3].
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar
from urllib.parse import quote, unquote

T = TypeVar("T")

PARAMETER: Final = re.compile(r"\{([A-Za-z]+)\}")

_LONGEST_PATH: Final = 2048
_MOST_DECODINGS: Final = 3
_CLIMBING: Final = frozenset({".", "..", ""})
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
# RFC 3986, 2.3: nobody encodes these but to look like something else.
_NEEDLESS = re.compile(r"%(?:2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff])")
_SEPARATORS = re.compile(r"[/\\]")

_IDENTIFIER = re.compile(r"[A-Za-z0-9._~!:-]{1,128}")
_SKU_LENGTH: Final = 200


def _is_identifier(value: str) -> bool:
    return _IDENTIFIER.fullmatch(value) is not None and value not in _CLIMBING


def _is_sku(value: str) -> bool:
    return 0 < len(value) <= _SKU_LENGTH and value.isprintable() and not _climbs(value)


def _climbs(value: str) -> bool:
    """Say whether a value, decoded however often a server may decode it, would leave its place in the path."""
    for _ in range(_MOST_DECODINGS):
        if not value.isprintable() or _CLIMBING.intersection(_SEPARATORS.split(value)):
            return True
        decoded = unquote(value, errors="replace")
        if decoded == value:
            return False
        value = decoded
    return True


FORMS: Final[Mapping[str, Callable[[str], bool]]] = {
    "identifier": _is_identifier,
    "sku": _is_sku,
}
"""What a path parameter may hold, by the name its rule gives: `business as sku`; without a name it is an identifier."""


def decoded(segment: str) -> str | None:
    """Return what a segment of a path says, decoded once; None where it is not properly encoded."""
    if not _ENCODED.fullmatch(segment) or _NEEDLESS.search(segment):
        return None
    try:
        return unquote(segment, errors="strict") if "%" in segment else segment
    except UnicodeDecodeError:
        return None


def written(template: str, values: Mapping[str, str]) -> str:
    """Return the path of a template with these values in its places, each of them one segment."""
    return PARAMETER.sub(lambda found: quote(values[found[1]], safe="~!:"), template)


class _Branching(Generic[T]):
    """What may follow the same beginning of a path."""

    __slots__ = ("ends", "literal", "parameter")

    def __init__(self) -> None:
        self.literal: dict[str, _Branching[T]] = {}
        self.parameter: _Branching[T] | None = None
        self.ends: dict[str, T] = {}
        """By method, what ends here."""


class Routes(Generic[T]):
    """Finds what a method and a path mean, in as many steps as the path has segments.

    A literal segment wins over a parameter, as at Amazon: `/items/search` is never the item of the name "search".
    """

    def __init__(self, entries: Iterable[tuple[str, str, T]]) -> None:
        """Build from (method, template, what it means). Raises: ValueError where two are the same."""
        self._root: _Branching[T] = _Branching()
        for method, template, meant in entries:
            place = self._root
            for segment in template.split("/")[1:]:
                if PARAMETER.fullmatch(segment):
                    place.parameter = place = place.parameter or _Branching()
                else:
                    place = place.literal.setdefault(segment, _Branching())
            if method in place.ends:
                raise ValueError(f"{method} {template} is there twice")
            place.ends[method] = meant

    def find(self, method: str, path: str) -> Iterable[tuple[T, list[str]]]:
        """Give what a request line may mean, likeliest first, each with its decoded parameters in order."""
        if len(path) > _LONGEST_PATH or not path.startswith("/"):
            return ()
        return self._follow(self._root, path.split("/")[1:], 0, method, [])

    def _follow(
        self,
        place: _Branching[T],
        segments: Sequence[str],
        at: int,
        method: str,
        values: list[str],
    ) -> Iterable[tuple[T, list[str]]]:
        if at == len(segments):
            if method in place.ends:
                yield place.ends[method], values
            return
        literal = place.literal.get(segments[at])
        if literal is not None:
            yield from self._follow(literal, segments, at + 1, method, values)
        if place.parameter is not None:
            value = decoded(segments[at])
            if value is not None:
                yield from self._follow(place.parameter, segments, at + 1, method, [*values, value])
