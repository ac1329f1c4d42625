"""Locks of accounts and addresses: what they are about, and how another administrator ends them [1.2]."""

from strongroom.accounts.guard import Disposition
from strongroom.desk.exchange import ADMINISTERS, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.words import DISPOSITIONS, LOCK_REASONS, disposition
from strongroom.errors import Conflict, Denied, Malformed, StrongroomError


def routes(rooms: Rooms) -> list[Route]:
    """Return the list and what can be done with it; all of it is for who may administer."""
    pages = _LockPages(rooms)
    return [
        Route("GET", "/locks", pages.show, needs=ADMINISTERS),
        Route("GET", "/locks/all", pages.show_all, needs=ADMINISTERS),
        Route("POST", "/locks/{id}/lift", pages.lift, needs=ADMINISTERS, proved="locks"),
        Route("POST", "/locks/{id}/dispose", pages.dispose, needs=ADMINISTERS, proved="locks"),
    ]


class _LockPages:
    def __init__(self, rooms: Rooms) -> None:
        self._guard = rooms.guard

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def show_all(self, exchange: Exchange) -> Answer:
        return self._page(exchange, every=True)

    def lift(self, exchange: Exchange) -> Answer:
        try:
            self._guard.lift(exchange.id, exchange.person.caller, exchange.now, _given(exchange))
        except (Conflict, Denied, Malformed) as exc:
            return self._page(exchange, exc)
        return exchange.go("/locks", Said.LOCK_LIFTED)

    def dispose(self, exchange: Exchange) -> Answer:
        given = _given(exchange)
        try:
            if given is None:
                raise Malformed("say what the lock was about")  # noqa: TRY301 - as the room would
            self._guard.dispose(exchange.id, exchange.person.caller, exchange.now, given)
        except (Conflict, Denied, Malformed) as exc:
            return self._page(exchange, exc)
        return exchange.go("/locks", Said.LOCK_DISPOSED)

    def _page(
        self, exchange: Exchange, exc: StrongroomError | None = None, *, every: bool = False
    ) -> Answer:
        now = exchange.now
        found = self._guard.locks(now, all=every)
        return exchange.form_page(
            "locks.html",
            exc,
            locks=[(lock, lock.holds(now)) for lock in reversed(found)],
            every=every,
            reasons=LOCK_REASONS,
            dispositions=DISPOSITIONS,
            disposition=disposition,
            proved=exchange.person.proved_lately(now),
        )


def _given(exchange: Exchange) -> Disposition | None:
    """Return the disposition that the form names; None for none."""
    text = exchange.form.text("disposition")
    return next((one for one in DISPOSITIONS if one.value == text), None)
