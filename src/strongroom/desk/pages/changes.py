"""Changes as a flow, from being asked for to being closed, and who may change storage [1.6, 2.7]."""

from collections.abc import Callable
from typing import Final

from strongroom.assurance.changes import KINDS, STORAGE, Kind
from strongroom.assurance.changes.changes import LONGEST_TITLE
from strongroom.assurance.changes.overseeing import PEOPLE, PLAN, ChangesOverseen
from strongroom.assurance.changes.overseeing import STORAGE as STORED
from strongroom.assurance.stamps import LONGEST_TEXT
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import chosen, instant
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError

_FAULTS: Final = (Conflict, Denied, Malformed, NotFound)
_STEPS: Final = (
    ("test", "Test"),
    ("verify", "Verify"),
    ("approve", "Approve"),
    ("close", "Do and close"),
)
_TEXTS: Final = ("title", "what", "back_out", "risk")


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, the form, the flow of one change, and the people."""
    pages = _ChangePages(rooms)
    one, people = "/changes/{id}", "/changes/people"
    return [
        Route("GET", "/changes", pages.listed, needs=OVERSEES),
        Route("POST", "/changes/storage", pages.record, needs=OVERSEES, proved="changes"),
        Route("GET", "/changes/new", pages.new, needs=OVERSEES),
        Route("POST", "/changes/new", pages.open, needs=OVERSEES),
        Route("GET", people, pages.people, needs=OVERSEES),
        Route("POST", people, pages.name, needs=OVERSEES),
        Route("POST", f"{people}/review", pages.review, needs=OVERSEES, proved="changes"),
        Route("POST", f"{people}/{{id}}/approve", pages.admit, needs=OVERSEES, proved="changes"),
        Route("POST", f"{people}/{{id}}/end", pages.dismiss, needs=OVERSEES),
        Route("GET", one, pages.show, needs=OVERSEES),
        Route("POST", f"{one}/test", pages.test, needs=OVERSEES),
        Route("POST", f"{one}/reject", pages.reject, needs=OVERSEES),
        Route("POST", f"{one}/verify", pages.verify, needs=OVERSEES, proved="changes/{id}"),
        Route("POST", f"{one}/approve", pages.approve, needs=OVERSEES, proved="changes/{id}"),
        Route("POST", f"{one}/close", pages.close, needs=OVERSEES, proved="changes/{id}"),
    ]


class _ChangePages:
    def __init__(self, rooms: Rooms) -> None:
        self._changes = rooms.assurance.changes
        self._overseen: ChangesOverseen = rooms.assurance.changes_overseen
        self._name_of = rooms.accounts.name_of
        self._active = rooms.compliance.people.active

    # -- the list and a new one ------------------------------------------------------------------

    def listed(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def record(self, exchange: Exchange) -> Answer:
        try:
            self._changes.record_storage(exchange.person.caller, exchange.now)
        except _FAULTS as exc:
            return self._list(exchange, exc)
        return exchange.go("/changes", Said.STORAGE_RECORDED)

    def new(self, exchange: Exchange) -> Answer:
        return self._form(exchange)

    def open(self, exchange: Exchange) -> Answer:
        form = exchange.form
        try:
            title, what, back_out, risk = (_text(exchange, name) for name in _TEXTS)
            made = self._changes.open(
                exchange.person.caller,
                chosen(Kind, form.text("kind"), "what is changed"),
                title,
                exchange.now,
                what=what,
                back_out=back_out,
                risk=risk,
            )
        except _FAULTS as exc:
            return self._form(exchange, exc)
        return exchange.go(f"/changes/{made.id}", Said.CHANGE_OPENED)

    def _list(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        now, changes = exchange.now, self._changes.listed()
        findings = self._overseen.findings(now)
        drift = self._changes.drift()
        was = {} if drift.recorded is None else drift.recorded.facts
        return exchange.form_page(
            "changes.html",
            exc,
            open=[one for one in changes if one.is_open],
            ended=[one for one in changes if not one.is_open],
            findings=[(duty, findings[duty]) for duty in (STORED, PEOPLE, PLAN)],
            drift=drift,
            facts=[
                (name, was.get(name), drift.facts.get(name), name in drift.names)
                for name in sorted(was.keys() | drift.facts.keys())
            ],
            may_change=self._may_change(exchange),
            kinds=KINDS,
            name=self._name_of,
            proved=exchange.person.proved_lately(now),
        )

    def _form(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        form = exchange.form
        return exchange.form_page(
            "change_new.html",
            exc,
            kinds=KINDS,
            storage=STORAGE,
            kind=form.text("kind"),
            texts={name: form.text(name, longest=2 * LONGEST_TEXT) for name in _TEXTS},
            may_change=self._may_change(exchange),
            longest=(LONGEST_TITLE, LONGEST_TEXT),
        )

    def _may_change(self, exchange: Exchange) -> bool:
        person = exchange.person.caller.principal
        return self._changes.administrators.allowed(person, exchange.now)

    # -- one change ------------------------------------------------------------------------------

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def test(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            passed = form.text("passed")
            if passed not in {"yes", "no"}:
                raise Malformed("choose how the test went")
            evidence = form.word("evidence")
            if evidence and not evidence.isdigit():
                raise Malformed("evidence is named by its number")
            self._changes.test(
                exchange.person.caller,
                exchange.id,
                exchange.now,
                passed=passed == "yes",
                result=_text(exchange, "result"),
                evidence=int(evidence) if evidence else None,
            )

        return self._acted(exchange, act, Said.CHANGE_TESTED)

    def verify(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._changes.verify(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.CHANGE_VERIFIED)

    def approve(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._changes.approve(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.CHANGE_APPROVED)

    def reject(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._changes.reject(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.CHANGE_REJECTED)

    def close(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            major = form.text("major")
            if major not in {"yes", "no"}:
                raise Malformed("say whether it is a major change")
            self._changes.close(
                exchange.person.caller,
                exchange.id,
                exchange.now,
                major=major == "yes",
                reason=_text(exchange, "reason"),
                done_at=instant(form.word("done"), exchange.now),
            )

        return self._acted(exchange, act, Said.CHANGE_CLOSED)

    def _acted(self, exchange: Exchange, act: Callable[[], None], said: Said) -> Answer:
        self._changes.show(exchange.id)
        try:
            act()
        except _FAULTS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/changes/{exchange.id}", said)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        change = self._changes.show(exchange.id)
        own = {change.opened.by} | ({change.tested.by} if change.tested else set())
        steps = [name for name, _ in _STEPS]
        at = steps.index(change.state) if change.state in steps else len(steps)
        return exchange.form_page(
            "change.html",
            exc,
            change=change,
            kind=KINDS[change.kind],
            steps=_STEPS,
            done=frozenset(steps[:at]) if change.rejected is None else frozenset(),
            second=self._changes.one_person or exchange.person.caller.principal not in own,
            may_change=not change.is_storage or self._may_change(exchange),
            name=self._name_of,
            proved=exchange.person.proved_lately(exchange.now),
            longest=LONGEST_TEXT,
        )

    # -- who may change storage ------------------------------------------------------------------

    def people(self, exchange: Exchange) -> Answer:
        return self._people(exchange)

    def name(self, exchange: Exchange) -> Answer:
        def act() -> None:
            administrators = self._changes.administrators
            administrators.name(exchange.person.caller, exchange.form.word("person"), exchange.now)

        return self._listing(exchange, act, Said.STORAGE_PERSON_NAMED)

    def admit(self, exchange: Exchange) -> Answer:
        def act() -> None:
            administrators = self._changes.administrators
            administrators.approve(exchange.person.caller, exchange.id, exchange.now)

        return self._listing(exchange, act, Said.STORAGE_PERSON_APPROVED)

    def dismiss(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._changes.administrators.end(exchange.person.caller, exchange.id, exchange.now)

        return self._listing(exchange, act, Said.STORAGE_PERSON_ENDED)

    def review(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._changes.administrators.review(exchange.person.caller, exchange.now)

        return self._listing(exchange, act, Said.STORAGE_PEOPLE_REVIEWED)

    def _listing(self, exchange: Exchange, act: Callable[[], None], said: Said) -> Answer:
        try:
            act()
        except _FAULTS as exc:
            return self._people(exchange, exc)
        return exchange.go("/changes/people", said)

    def _people(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        administrators = self._changes.administrators
        places = administrators.faults(exchange.now)
        taken = {place.person for place, _ in places}
        return exchange.form_page(
            "change_people.html",
            exc,
            finding=self._overseen.findings(exchange.now)[PEOPLE],
            places=places,
            people=sorted(
                name for id_, name in self._active(exchange.now).items() if id_ not in taken
            ),
            one_person=administrators.one_person,
            me=exchange.person.caller.principal,
            name=self._name_of,
            proved=exchange.person.proved_lately(exchange.now),
        )


def _text(exchange: Exchange, name: str) -> str:
    return exchange.form.text(name, longest=2 * LONGEST_TEXT).replace("\r\n", "\n")
