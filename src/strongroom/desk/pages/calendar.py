"""A person's own calendar feed, for the calendar they use anyway, and the password that opens it [1.2, 1.6]."""

import hashlib
from datetime import timedelta
from typing import Final

from strongroom.compliance import ics
from strongroom.compliance.agenda import Item
from strongroom.compliance.offices import TITLES
from strongroom.desk.exchange import Answer, Exchange, Route, retry_after
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Throttled, Unauthenticated

_ASK: Final = (b"www-authenticate", b'Basic realm="Strongroom calendar", charset="UTF-8"')
_PRIVATE: Final = (b"cache-control", b"private, no-cache")
_PLAIN: Final = "text/plain; charset=utf-8"
_AHEAD: Final = timedelta(days=400)
_DAY: Final = timedelta(days=1)
_CLOCK: Final = timedelta(hours=2)


def routes(rooms: Rooms) -> list[Route]:
    """Return the feed, which asks for its own password, and what makes and ends that."""
    pages = _CalendarPages(rooms)
    return [
        Route("GET", "/calendar.ics", pages.feed, open=True),
        Route("GET", "/calendar", pages.show),
        Route("POST", "/calendar", pages.make, proved="calendar"),
        Route("POST", "/calendar/end", pages.end),
    ]


class _CalendarPages:
    def __init__(self, rooms: Rooms) -> None:
        self._compliance = rooms.compliance
        self._site = rooms.signon.site

    def feed(self, exchange: Exchange) -> Answer:
        """Answer a calendar program; a session in the browser opens nothing here."""
        now = exchange.now
        try:
            person = self._compliance.feeds.check(
                exchange.authorization, exchange.visit.address, now
            )
        except Throttled as exc:
            return Answer(429, b"Too many failed tries.\n", _PLAIN, retry_after(exc))
        except Unauthenticated:
            return Answer(401, b"A calendar asks with its own password.\n", _PLAIN, (_ASK,))
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        items = self._compliance.agenda.of(person, now)
        entries = [self._entry(item) for item in items if item.due.due_at < now + _AHEAD]
        host = self._site.origin.partition("://")[2].partition(":")[0]
        content = ics.write("Strongroom", entries, host=host, stamp=midnight)
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = ((b"etag", tag.encode()), _PRIVATE)
        if tag in exchange.none_match.split(", "):
            return Answer(304, b"", ics.MEDIA_TYPE, headers)
        return Answer(200, content, ics.MEDIA_TYPE, headers)

    def show(self, exchange: Exchange) -> Answer:
        person = exchange.person
        return exchange.page(
            "calendar.html",
            address=f"{self._site.origin}/calendar.ics",
            made_at=self._compliance.feeds.made_at(person.caller.principal),
            proved=person.proved_lately(exchange.now),
            password=None,
        )

    def make(self, exchange: Exchange) -> Answer:
        """Show a new password, this once."""
        caller, now = exchange.person.caller, exchange.now
        password = self._compliance.feeds.make(caller, now)
        return exchange.page(
            "calendar.html",
            address=f"{self._site.origin}/calendar.ics",
            made_at=now,
            proved=True,
            password=password,
        )

    def end(self, exchange: Exchange) -> Answer:
        self._compliance.feeds.end(exchange.person.caller, exchange.now)
        return exchange.go("/calendar", Said.CALENDAR_ENDED)

    def _entry(self, item: Item) -> ics.Entry:
        due = item.due
        parts = [] if due.duty is None else [f"Serves clause {due.duty}."]
        if due.office is not None:
            parts.append(f"Office: {TITLES[due.office][0]}.")
        url = f"{self._site.origin}{due.path}"
        warns = _DAY if due.began_at is None else _CLOCK
        return ics.Entry(item.uid, due.what, " ".join(parts), url, due.due_at, warns)
