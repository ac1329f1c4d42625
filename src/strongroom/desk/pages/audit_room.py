"""The audit room: audits, what they asked for and found, and the auditors who may look for a while [3].

An auditor sees the audit that let them in, asks and accepts there; the door lets them do nothing else.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from strongroom.assurance.audits.assessment import LONGEST_SEAT
from strongroom.assurance.audits.assessments import LONGEST_TITLE
from strongroom.assurance.audits.overseeing import DUTIES
from strongroom.assurance.stamps import LONGEST_TEXT
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import day, number
from strongroom.errors import Conflict, Denied, Gone, Malformed, NotFound, StrongroomError

_FAULTS: Final = (Conflict, Denied, Gone, Malformed, NotFound)
_ROOM: Final = "/audit-room"


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, one audit, and each step of its requests and findings."""
    pages = _AuditRoomPages(rooms)
    one = f"{_ROOM}/{{id}}"
    auditors = (("ask", pages.ask), ("accept", pages.accept), ("reopen", pages.reopen))
    others = (
        ("answer", pages.answer),
        ("find", pages.find),
        ("plan", pages.plan),
        ("submit", pages.submit),
    )
    grave = (
        ("approve", pages.approve),
        ("admit", pages.admit),
        ("end", pages.end),
        ("close", pages.close),
        ("certify", pages.certify),
    )
    back = "audit-room/{id}"
    return [
        Route("GET", _ROOM, pages.listed, needs=OVERSEES, for_auditors=True),
        Route("POST", _ROOM, pages.open, needs=OVERSEES),
        Route("GET", one, pages.show, needs=OVERSEES, for_auditors=True),
        *(
            Route("POST", f"{one}/{name}", handler, needs=OVERSEES, for_auditors=True)
            for name, handler in auditors
        ),
        *(Route("POST", f"{one}/{name}", handler, needs=OVERSEES) for name, handler in others),
        *(
            Route("POST", f"{one}/{name}", handler, needs=OVERSEES, proved=back)
            for name, handler in grave
        ),
    ]


class _AuditRoomPages:
    def __init__(self, rooms: Rooms) -> None:
        self._audits = rooms.assurance.audits
        self._certifying = rooms.assurance.certifying
        self._overseen = rooms.assurance.audits_overseen
        self._name_of = rooms.accounts.name_of

    # -- the list --------------------------------------------------------------------------------

    def listed(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def open(self, exchange: Exchange) -> Answer:
        form = exchange.form
        try:
            made = self._audits.open(
                exchange.person.caller,
                form.text("title", longest=2 * LONGEST_TEXT),
                form.text("auditor", longest=2 * LONGEST_TEXT),
                exchange.now,
            )
        except _FAULTS as exc:
            return self._list(exchange, exc)
        return exchange.go(f"{_ROOM}/{made.id}", Said.AUDIT_OPENED)

    def _list(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        audits = self._audits.listed()
        if exchange.audit is not None:
            audits = [one for one in audits if one.id == exchange.audit]
        found = self._overseen.findings(exchange.now)
        return exchange.form_page(
            "audit_room.html",
            exc,
            audits=audits,
            findings=[(duty, found[duty]) for duty in DUTIES],
            name=self._name_of,
            longest=LONGEST_TITLE,
        )

    # -- one audit -------------------------------------------------------------------------------

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def ask(self, exchange: Exchange) -> Answer:
        def act() -> None:
            form = exchange.form
            self._audits.ask(
                exchange.person.caller,
                exchange.id,
                _text(exchange),
                _until(exchange, "due"),
                exchange.now,
                certificate=form.text("certificate") == "yes",
                owner=form.word("owner") or None,
            )

        return self._acted(exchange, act, Said.AUDIT_ASKED)

    def answer(self, exchange: Exchange) -> Answer:
        def act() -> None:
            evidence = exchange.form.word("evidence")
            self._audits.answer(
                exchange.person.caller,
                exchange.id,
                _number(exchange, "request"),
                _text(exchange),
                exchange.now,
                evidence=_number(exchange, "evidence") if evidence else None,
            )

        return self._acted(exchange, act, Said.AUDIT_KEPT)

    def certify(self, exchange: Exchange) -> Answer:
        """Issue the certificate that a request asks for; it is its answer."""

        def act() -> None:
            company = exchange.form.text("company", longest=2 * LONGEST_TEXT)
            request, who = _number(exchange, "request"), exchange.person.caller
            self._certifying.issue(who, exchange.id, request, company, exchange.now)

        return self._acted(exchange, act, Said.AUDIT_KEPT)

    def accept(self, exchange: Exchange) -> Answer:
        return self._judge(exchange, accepted=True)

    def reopen(self, exchange: Exchange) -> Answer:
        return self._judge(exchange, accepted=False)

    def _judge(self, exchange: Exchange, *, accepted: bool) -> Answer:
        def act() -> None:
            who, request = exchange.person.caller, _number(exchange, "request")
            self._audits.judge(who, exchange.id, request, exchange.now, accepted=accepted)

        return self._acted(exchange, act, Said.AUDIT_KEPT)

    def find(self, exchange: Exchange) -> Answer:
        def act() -> None:
            who = exchange.person.caller
            self._audits.find(who, exchange.id, _text(exchange), exchange.now)

        return self._acted(exchange, act, Said.AUDIT_KEPT)

    def plan(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._audits.plan(
                exchange.person.caller,
                exchange.id,
                _number(exchange, "finding"),
                _text(exchange),
                _until(exchange, "until"),
                exchange.now,
            )

        return self._acted(exchange, act, Said.AUDIT_KEPT)

    def submit(self, exchange: Exchange) -> Answer:
        def act() -> None:
            finding, evidence = (
                _number(exchange, "finding"),
                _number(exchange, "evidence"),
            )
            who = exchange.person.caller
            self._audits.submit(who, exchange.id, finding, evidence, exchange.now)

        return self._acted(exchange, act, Said.AUDIT_KEPT)

    def approve(self, exchange: Exchange) -> Answer:
        def act() -> None:
            dated = day(exchange.form.word("day"))
            if dated is None:
                raise Malformed("give the day that the approval bears")
            finding, evidence = (
                _number(exchange, "finding"),
                _number(exchange, "evidence"),
            )
            who = exchange.person.caller
            self._audits.approve(who, exchange.id, finding, evidence, dated, exchange.now)

        return self._acted(exchange, act, Said.AUDIT_KEPT)

    def admit(self, exchange: Exchange) -> Answer:
        def act() -> None:
            name, until = exchange.form.word("person"), _until(exchange, "until")
            who = exchange.person.caller
            self._audits.seats.admit(who, exchange.id, name, until, exchange.now)

        return self._acted(exchange, act, Said.AUDITOR_ADMITTED)

    def end(self, exchange: Exchange) -> Answer:
        def act() -> None:
            seat = _number(exchange, "seat")
            self._audits.seats.end(exchange.person.caller, exchange.id, seat, exchange.now)

        return self._acted(exchange, act, Said.AUDITOR_ENDED)

    def close(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._audits.close(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.AUDIT_CLOSED)

    def _acted(self, exchange: Exchange, act: Callable[[], None], said: Said) -> Answer:
        self._audits.show(exchange.id)
        try:
            act()
        except _FAULTS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"{_ROOM}/{exchange.id}", said)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        audit, requests, findings = self._audits.show(exchange.id)
        return exchange.form_page(
            "audit_room_one.html",
            exc,
            audit=audit,
            requests=requests,
            findings=findings,
            seats=self._audits.seats.listed(audit.id),
            name=self._name_of,
            now=exchange.now,
            me=exchange.person.caller.principal,
            certifies=self._certifying.may(exchange.person.caller, exchange.now),
            proved=exchange.person.proved_lately(exchange.now),
            longest=LONGEST_TEXT,
            most_days=LONGEST_SEAT.days,
        )


def _text(exchange: Exchange) -> str:
    return exchange.form.text("text", longest=2 * LONGEST_TEXT).replace("\r\n", "\n")


def _number(exchange: Exchange, name: str) -> int:
    return number(exchange.form.word(name), name)


def _until(exchange: Exchange, name: str) -> datetime:
    """Return the end of a day in UTC."""
    found = day(exchange.form.word(name))
    if found is None:
        raise Malformed("choose a day")
    return datetime(found.year, found.month, found.day, tzinfo=UTC) + timedelta(days=1)
