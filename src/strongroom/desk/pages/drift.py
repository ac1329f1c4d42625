"""Where Amazon's answers differ from its published models: by place of the model, never by value [2.2]."""

from typing import Final

from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.errors import Malformed

MOST: Final = 200

KINDS: Final = {
    "unknown_leaf": (
        "A member that the catalogue does not know",
        "Its strings became tokens, its numbers were dropped. It passes once a newer catalogue says whose it is.",
    ),
    "unsafe_key": (
        "A member whose name could be a value",
        "It was dropped: a key can be somebody's name. Ask Amazon's support what the operation answers there.",
    ),
    "wrong_type": (
        "A value of another type than the model says",
        "It became a token or was dropped: the app sees a gap. Tell its owner, and look whether the model changed.",
    ),
}


def routes(rooms: Rooms) -> list[Route]:
    """Return the page, for who oversees."""
    return [
        Route(
            "GET",
            "/drift",
            lambda exchange: _show(rooms, exchange),
            needs=OVERSEES,
            query=frozenset({"kind"}),
        )
    ]


def _show(rooms: Rooms, exchange: Exchange) -> Answer:
    kind = exchange.query.get("kind") or None
    if kind is not None and kind not in KINDS:
        raise Malformed("choose from the list")
    return exchange.page(
        "drift.html",
        rows=rooms.drift(kind, MOST),
        most=MOST,
        chosen=kind or "",
        kinds=[(name, words) for name, (words, _what) in KINDS.items()],
        about=KINDS,
    )
