"""Packs of evidence: those that were built, and building one to take along [3]."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

from strongroom.assurance.packs import Built
from strongroom.assurance.packs.overseeing import INSPECT, PacksOverseen
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.typed import day
from strongroom.errors import Conflict, Denied, Malformed, StrongroomError, Tampered, Unavailable

_FAULTS: Final = (Conflict, Denied, Malformed, Tampered, Unavailable)
_SPAN: Final = timedelta(days=365)
"""What the form proposes: a year up to today."""


def routes(rooms: Rooms) -> list[Route]:
    """Return the list with its form, and the public key."""
    pages = _PackPages(rooms)
    return [
        Route("GET", "/packs", pages.listed, needs=OVERSEES, for_auditors=True),
        Route("POST", "/packs", pages.build, needs=OVERSEES),
        Route("GET", "/packs/key", pages.key, needs=OVERSEES, for_auditors=True),
    ]


class _PackPages:
    def __init__(self, rooms: Rooms) -> None:
        self._packs = rooms.assurance.packs
        self._overseen = PacksOverseen(rooms.assurance.packs)
        self._name_of = rooms.accounts.name_of

    def listed(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def build(self, exchange: Exchange) -> Answer:
        """Build a pack; the answer is its archive."""
        form, now = exchange.form, exchange.now
        try:
            since = _start(form.word("since"))
            last = _start(form.word("until"))
            until = min(last + timedelta(days=1), now)
            pack = self._packs.build(exchange.person.caller, since, until, now)
        except _FAULTS as exc:
            return self._list(exchange, exc)
        return exchange.file(f"{pack.name}.zip", "application/zip", pack.archive)

    def key(self, exchange: Exchange) -> Answer:
        return exchange.file("pack.vkey", "text/plain", f"{self._packs.vkey}\n".encode())

    # -- private ---------------------------------------------------------------------------------

    def _list(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        form, now = exchange.form, exchange.now
        packs: list[Built] = self._packs.listed()
        return exchange.form_page(
            "packs.html",
            exc,
            finding=self._overseen.findings(now)[INSPECT],
            duty=INSPECT,
            packs=packs,
            since=form.word("since") or f"{now - _SPAN:%Y-%m-%d}",
            until=form.word("until") or f"{now:%Y-%m-%d}",
            may_build=exchange.audit is None,
            key=self._packs.vkey,
            name=self._name_of,
        )


def _start(text: str) -> datetime:
    found = day(text)
    if found is None:
        raise Malformed("a pack has a first and a last day")
    return datetime.combine(found, time(tzinfo=UTC))
