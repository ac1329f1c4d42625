"""What matters now: clocks that run, what is late, what comes next, and whether an audit would pass today."""

from datetime import timedelta
from typing import Final

from strongroom.compliance.agenda import Item
from strongroom.compliance.cadence import SOON, Stage
from strongroom.compliance.offices import TITLES
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.words import LOOKS, SAID_OF

_MOST: Final = 50
"""Of one list on this page."""

_SWEPT_BY: Final = timedelta(hours=2)
"""After a day begins its key is gone by then: a sweep runs every hour."""


def routes(rooms: Rooms) -> list[Route]:
    """Return the page; everybody sees what is theirs, and who oversees what is everybody's."""
    return [Route("GET", "/today", _TodayPage(rooms).show)]


class _TodayPage:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def show(self, exchange: Exchange) -> Answer:
        with self._rooms.compliance.at_once():
            return self._shown(exchange)

    def _shown(self, exchange: Exchange) -> Answer:
        compliance, now = self._rooms.compliance, exchange.now
        person = exchange.person.caller.principal
        oversees = bool(exchange.may & OVERSEES)
        items = compliance.agenda.items(now)
        mine = [item for item in items if person == item.whose or person in item.hears]
        seen = items if oversees else mine
        clocks = [item for item in seen if item.due.began_at is not None]
        dated = [item for item in seen if item.due.began_at is None]
        late = [i for i in dated if i.stage in (Stage.OVERDUE, Stage.ESCALATED)]
        soon = [i for i in dated if i.stage is Stage.SOON and i.due.due_at < now + SOON]
        own = [i for i in mine if i.whose == person and i.due.due_at < now + SOON]
        standing = self._rooms.dates.standing(now - _SWEPT_BY) if oversees else None
        board = compliance.duties.board(now) if oversees else None
        return exchange.page(
            "today.html",
            passes=None if board is None else board.passes,
            blocking=() if board is None else board.blocking,
            now=now,
            oversees=oversees,
            clocks=clocks[:_MOST],
            late=late[:_MOST],
            soon=soon[:_MOST],
            own=own[:_MOST],
            numbers=(len(clocks), len(late), len(soon), len(own)),
            past_days=None if standing is None else standing.oldest_past_its_date_days,
            names=self._names(seen),
            titles=TITLES,
            looks=LOOKS,
            said_of=SAID_OF,
        )

    def _names(self, items: list[Item]) -> dict[int, str]:
        people = self._rooms.compliance.people
        return {who: people.name_of(who) for who in {item.whose for item in items} if who}
