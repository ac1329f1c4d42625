"""Where a person is signed on, and how each of it is ended [1.2].

To end another session one proves again who one is: a session that somebody found must not throw its person out of
the others. To end one's own takes nothing.
"""

from datetime import timedelta

from strongroom.desk.exchange import Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.policy.limits import SESSION_IDLE, SESSION_LONGEST


def routes(rooms: Rooms) -> list[Route]:
    """Return the list and what can be done with it."""
    pages = _SessionPages(rooms)
    return [
        Route("GET", "/sessions", pages.show),
        Route("POST", "/sessions/{id}/end", pages.end, proved="sessions"),
        Route("POST", "/sessions/end-others", pages.end_others, proved="sessions"),
    ]


class _SessionPages:
    def __init__(self, rooms: Rooms) -> None:
        self._signon = rooms.signon

    def show(self, exchange: Exchange) -> Answer:
        found = self._signon.sessions(exchange.person, exchange.now)
        ordered = sorted(found, key=lambda one: (one.current, one.seen_at), reverse=True)
        return exchange.page(
            "sessions.html",
            sessions=ordered,
            idle=SESSION_IDLE // timedelta(minutes=1),
            longest=SESSION_LONGEST // timedelta(hours=1),
        )

    def end(self, exchange: Exchange) -> Answer:
        if exchange.id == exchange.person.id:
            self._signon.sign_out(exchange.person, exchange.now)
            exchange.signed_off()
            return exchange.go("/sign-on", Said.SIGNED_OUT)
        self._signon.end_session(exchange.person, exchange.id, exchange.now)
        return exchange.go("/sessions", Said.SESSION_ENDED)

    def end_others(self, exchange: Exchange) -> Answer:
        self._signon.end_others(exchange.person, exchange.now)
        return exchange.go("/sessions", Said.OTHERS_ENDED)
