"""A person's own page: who they are here, what they may do and until when, and what they should know [1.2, 1.3]."""

from dataclasses import dataclass
from datetime import datetime

from strongroom.desk.exchange import Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.policy.limits import SESSION_LONGEST
from strongroom.terms import Category
from strongroom.vault import GrantRow


def routes(rooms: Rooms) -> list[Route]:
    """Return the page, and the two answers to the notice of a new device."""
    pages = _ProfilePages(rooms)
    return [
        Route("GET", "/profile", pages.show),
        Route("POST", "/devices/{id}/mine", pages.acknowledge),
        Route("POST", "/devices/{id}/not-mine", pages.disown),
    ]


@dataclass(frozen=True, slots=True)
class _Held:
    """A grant as its holder sees it."""

    row: GrantRow
    state: str
    sellers: str
    categories: str


class _ProfilePages:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def show(self, exchange: Exchange) -> Answer:
        session, now, rooms = exchange.person, exchange.now, self._rooms
        who = session.caller
        return exchange.page(
            "profile.html",
            person=rooms.accounts.find(who.name),
            notices=rooms.signon.notices(session, now),
            set_at=rooms.passwords.set_at(who.principal),
            due_at=rooms.passwords.due_at(who.principal),
            factors=rooms.signon.factors(session),
            recovery_left=rooms.signon.recovery_left(session),
            ends_at=session.created_at + SESSION_LONGEST,
            devices=rooms.signon.devices(session, now),
            grants=self._grants(exchange, now),
        )

    def _grants(self, exchange: Exchange, now: datetime) -> list[_Held]:
        """Return what the person holds and may still use or wait for, what ends first on top."""
        names = self._rooms.sellers.names()
        held = []
        for row in self._rooms.grants.all(exchange.person.caller.principal):
            state = row.state(now)
            if state in ("active", "pending", "suspended"):
                sellers = row.grant.sellers
                text = (
                    "all" if sellers is None else ", ".join(names.get(s, str(s)) for s in sellers)
                )
                categories = row.grant.categories
                kinds = (
                    "all"
                    if categories == set(Category)
                    else ", ".join(sorted(c.value.replace("_", " ") for c in categories))
                )
                held.append(_Held(row, state, text, kinds))
        return sorted(held, key=lambda one: one.row.grant.expires_at)

    def acknowledge(self, exchange: Exchange) -> Answer:
        self._rooms.signon.acknowledge(exchange.person, exchange.id, exchange.now)
        return exchange.go("/profile", Said.DEVICE_KNOWN)

    def disown(self, exchange: Exchange) -> Answer:
        self._rooms.signon.disown(exchange.person, exchange.id, exchange.now)
        return exchange.go("/profile", Said.DEVICE_DISOWNED)
