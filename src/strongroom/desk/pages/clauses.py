"""The board of clauses: how every duty stands, why, and what people state of each [1, 2, 3]."""

from datetime import timedelta
from typing import Any, Final

from strongroom.compliance.duties import (
    SECTIONS,
    Duty,
    ExcuseKind,
    Item,
    Kind,
    Row,
    Status,
    clocks,
    definitions,
    duty_of,
)
from strongroom.compliance.offices import TITLES
from strongroom.compliance.overseen import Office
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.navigation import SECTIONS as _MENU
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.words import LOOKS, SAID_OF
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError
from strongroom.policy.limits import LONGEST_EXCUSE

_PATH: Final = "/clauses"
_EXCEPTIONS: Final = f"{_PATH}/exceptions"
_FILTERS: Final = frozenset({"state", "kind", "office", "section"})
_BLOCKING: Final = "blocking"
_NOTE: Final = 2000
_NAME: Final = 200
_DIGEST: Final = 64
_TERMS: Final = 16
_NUMBERS: Final = 200
_LONGEST_NUMBER: Final = 9
_ERRORS: Final = (Conflict, Denied, Malformed, NotFound)

_ORDER: Final = (
    Status.PASS,
    Status.DUE_SOON,
    Status.EXCEPTION,
    Status.NOT_APPLICABLE,
    Status.STALE,
    Status.UNKNOWN,
    Status.FAIL,
)


def routes(rooms: Rooms) -> list[Route]:
    """Return the board, the page of each duty, and the exceptions; all of it is for who oversees."""
    pages = _ClausePages(rooms)
    one = f"{_PATH}/{{duty}}"
    return [
        Route("GET", _PATH, pages.board, needs=OVERSEES, for_offices=True, query=_FILTERS),
        Route("GET", one, pages.show, needs=OVERSEES, for_offices=True),
        Route("POST", f"{one}/state", pages.state, needs=OVERSEES),
        Route("POST", f"{one}/withdraw", pages.withdraw, needs=OVERSEES),
        Route("POST", f"{one}/except", pages.ask, needs=OVERSEES),
        Route("GET", _EXCEPTIONS, pages.exceptions, needs=OVERSEES),
        *(
            Route("POST", path, handler, needs=OVERSEES, proved="exceptions")
            for path, handler in (
                (f"{_EXCEPTIONS}/{{id}}/approve", pages.approve),
                (f"{_EXCEPTIONS}/{{id}}/end", pages.end),
            )
        ),
    ]


class _ClausePages:
    def __init__(self, rooms: Rooms) -> None:
        self._duties = rooms.compliance.duties
        self._offices = rooms.compliance.offices
        self._people = rooms.compliance.people
        self._at_once = rooms.compliance.at_once

    # -- looking ---------------------------------------------------------------------------------

    def board(self, exchange: Exchange) -> Answer:
        """Show all duties, or those that the query asks for."""
        with self._at_once():
            return self._board(exchange)

    def _board(self, exchange: Exchange) -> Answer:
        board, query = self._duties.board(exchange.now), exchange.query
        chosen = [row for row in board.rows if _is_wanted(row, query)]
        return exchange.page(
            "clauses.html",
            board=board,
            parted=[
                (clause, title, rows)
                for clause, title in SECTIONS.items()
                if (rows := [row for row in chosen if row.duty.clause == clause])
            ],
            shown=len(chosen),
            chosen={name: query.get(name, "") for name in _FILTERS},
            filtered=any(query.get(name) for name in _FILTERS),
            bars=_bars(board.counts),
            counts=[(status, board.counts[status]) for status in _ORDER],
            waiting=len(self._duties.excuses.waiting(exchange.now)),
            definitions=definitions(),
            said_pairs=[(status.value, SAID_OF[status]) for status in _ORDER],
            section_pairs=[
                (id_, name if id_ == "0" else f"{id_} {name}") for id_, name in SECTIONS.items()
            ],
            kind_pairs=[(kind.value, _WORDS["kind_of"][kind]) for kind in Kind],
            office_pairs=[(office.value, TITLES[office][0]) for office in Office],
            **_WORDS,
        )

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange, _duty(exchange))

    def exceptions(self, exchange: Exchange) -> Answer:
        return self._exceptions(exchange)

    # -- stating ---------------------------------------------------------------------------------

    def state(self, exchange: Exchange) -> Answer:
        """State what the duty's text says, as it was shown."""
        duty, form = _duty(exchange), exchange.form
        try:
            self._duties.statements.make(
                exchange.person.caller,
                duty,
                form.word("digest", longest=_DIGEST),
                exchange.now,
                note=form.word("note", longest=_NOTE),
                evidence=self._evidence(exchange),
            )
        except _ERRORS as exc:
            return self._page(exchange, duty, exc)
        return exchange.go(f"{_PATH}/{duty.id}", Said.DUTY_STATED)

    def withdraw(self, exchange: Exchange) -> Answer:
        """Take back what was stated."""
        duty = _duty(exchange)
        try:
            note = exchange.form.word("why", longest=_NOTE)
            self._duties.statements.withdraw(exchange.person.caller, duty, exchange.now, note=note)
        except _ERRORS as exc:
            return self._page(exchange, duty, exc)
        return exchange.go(f"{_PATH}/{duty.id}", Said.DUTY_WITHDRAWN)

    # -- excusing --------------------------------------------------------------------------------

    def ask(self, exchange: Exchange) -> Answer:
        """Ask for an exception, or that the duty does not apply."""
        duty, form = _duty(exchange), exchange.form
        try:
            kinds = {kind.value: kind for kind in ExcuseKind}
            kind = kinds.get(form.text("excuse"))
            days = form.word("days", longest=4)
            if kind is None or not _is_number(days):
                raise Malformed("say what it is, and for how many days")
            made = self._duties.excuses.ask(
                exchange.person.caller,
                duty,
                kind,
                form.word("reason", longest=_NOTE),
                timedelta(days=int(days)),
                exchange.now,
            )
        except _ERRORS as exc:
            return self._page(exchange, duty, exc)
        said = Said.EXCUSE_ASKED if made.approved_at is None else Said.EXCUSE_APPROVED
        return exchange.go(f"{_PATH}/{duty.id}", said)

    def approve(self, exchange: Exchange) -> Answer:
        """Let an exception count, as it was shown."""
        try:
            terms = exchange.form.word("terms", longest=_TERMS)
            self._duties.excuses.approve(exchange.person.caller, exchange.id, terms, exchange.now)
        except _ERRORS as exc:
            return self._exceptions(exchange, exc)
        return exchange.go(_EXCEPTIONS, Said.EXCUSE_APPROVED)

    def end(self, exchange: Exchange) -> Answer:
        """Reject an exception, or end it before its day."""
        try:
            self._duties.excuses.end(exchange.person.caller, exchange.id, exchange.now)
        except _ERRORS as exc:
            return self._exceptions(exchange, exc)
        return exchange.go(_EXCEPTIONS, Said.EXCUSE_ENDED)

    # -- private ---------------------------------------------------------------------------------

    def _evidence(self, exchange: Exchange) -> tuple[Item, ...]:
        """Return what the form refers to: numbers of kept evidence, and one file kept elsewhere."""
        form = exchange.form
        numbers = form.word("kept", longest=_NUMBERS).replace(",", " ").split()
        if not all(_is_number(number) for number in numbers):
            raise Malformed("evidence is named by its numbers, such as 3, 7")
        items = self._duties.kept(tuple(map(int, numbers)))
        name = form.word("name", longest=_NAME)
        digest = form.word("sha256", longest=_DIGEST).lower()
        if name or digest:
            items = (*items, Item(name, digest))
        return items

    def _page(self, exchange: Exchange, duty: Duty, exc: StrongroomError | None = None) -> Answer:
        with self._at_once():
            return self._shown(exchange, duty, exc)

    def _shown(self, exchange: Exchange, duty: Duty, exc: StrongroomError | None) -> Answer:
        now, caller = exchange.now, exchange.person.caller
        row = self._duties.board(now).row(duty.id)
        form = exchange.form
        return exchange.form_page(
            "clause.html",
            exc,
            duty=duty,
            row=row,
            now=now,
            clocks=clocks(duty),
            edition=self._duties.edition,
            rulings=[(number, number.ruling(self._duties.edition)) for number in duty.numbers],
            statements=self._duties.statements.history(duty.id, now),
            excuses=self._duties.excuses.of(duty.id),
            people=[
                self._people.name_of(person)
                for person in sorted(self._offices.holders(duty.office, now))
            ],
            may_state=bool(exchange.may & OVERSEES)
            and self._duties.entitled.may_speak(caller, duty.office, now),
            leads=_leads(exchange, duty),
            section=SECTIONS[duty.clause],
            longest_days=LONGEST_EXCUSE.days,
            sent={
                name: form.text(name, longest=_NOTE)
                for name in ("note", "kept", "name", "sha256", "why", "reason", "days", "excuse")
            },
            **_WORDS,
        )

    def _exceptions(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        now, excuses = exchange.now, self._duties.excuses
        waiting = [(one, excuses.terms(one.id)) for one in excuses.waiting(now, opened=True)]
        return exchange.form_page(
            "exceptions.html",
            exc,
            waiting=[(one, terms, duty_of(one.duty)) for one, terms in waiting],
            counting=[
                (one, duty_of(one.duty)) for one in excuses.counting(now, opened=True).values()
            ],
            proved=exchange.person.proved_lately(now),
            one_person=self._duties.entitled.one_person,
            me=exchange.person.caller.principal,
        )


_WORDS: Final[dict[str, Any]] = {
    "looks": LOOKS,
    "titles": {office: TITLES[office][0] for office in Office},
    "said_of": SAID_OF,
    "kind_of": {
        Kind.ENFORCE: "enforced",
        Kind.VERIFY: "verified",
        Kind.ATTEST: "attested",
    },
}


def _duty(exchange: Exchange) -> Duty:
    """Return the duty in the path. Raises: NotFound."""
    return duty_of(exchange.parts["duty"])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER


def _is_wanted(row: Row, query: Any) -> bool:  # noqa: ANN401 - a mapping of texts
    duty, state, section = row.duty, query.get("state"), query.get("section")
    return (
        (not state or row.status == state or (state == _BLOCKING and row.blocks))
        and (not query.get("kind") or query["kind"] in duty.parts)
        and (not query.get("office") or duty.office == query["office"])
        and (not section or duty.clause == section)
    )


def _bars(counts: dict[Status, int]) -> list[tuple[Status, float, float]]:
    """Return where each state's part of the bar begins and how wide it is, in hundredths of it."""
    whole, at, found = sum(counts.values()), 0, []
    for status in _ORDER:
        if counts[status]:
            found.append(
                (status, round(100 * at / whole, 2), round(100 * counts[status] / whole, 2))
            )
            at += counts[status]
    return found


def _leads(exchange: Exchange, duty: Duty) -> tuple[str, str] | None:
    """Return path and name of the page where the work is done, where the person may see it."""
    if duty.page in (None, _PATH):
        return None
    return next(
        (
            (entry.path, entry.name)
            for section in _MENU
            for entry in section.entries
            if entry.path == duty.page and exchange.opens(entry.path)
        ),
        None,
    )
