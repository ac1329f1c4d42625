"""Amazon's notices to delete or return data, as a flow: one next step in front, the rest to be looked up [1.7].

Nothing that a notice names, an order, an e-mail address or a phone number, is shown again once it was typed. What takes
long runs apart from the request: the page says how far it is when it is loaded again.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Final

from strongroom.deletion.certificate import DOCUMENT, KEY, PAGE, SIGNATURE
from strongroom.deletion.issuing import Certificate
from strongroom.deletion.notice import Notice
from strongroom.deletion.working import Progress
from strongroom.desk.clocks import Clock, clock
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import chosen, day, instant
from strongroom.errors import (
    Conflict,
    Denied,
    Malformed,
    NotFound,
    StrongroomError,
    Throttled,
    Unavailable,
)
from strongroom.policy.deletion import Asked, Scope, Selectors, Verdict
from strongroom.terms import Category, SellerId
from strongroom.vault.clockwatch import CONFIRM

_LINES: Final = 24 * 1024
_TEXT: Final = 120
_WAITS: Final = 1.5
"""Seconds that a page waits for a work to end by itself."""
_MOST_BOXES: Final = 12
_FAULTS: Final = (Conflict, Denied, Malformed, NotFound, Throttled, Unavailable)

_STEPS: Final = (
    ("planned", "Plan"),
    ("approved", "Approve"),
    ("run", "Erase"),
    ("verified", "Verify"),
    ("confirmed", "Confirm"),
    ("certified", "Certify"),
    ("closed", "Close"),
)


@dataclass(frozen=True, slots=True)
class _Flow:
    """Which step is next, and which are done."""

    next: str
    done: frozenset[str]


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, one notice, and what is done with it; all of it is for who oversees."""
    pages = _NoticePages(rooms)
    one = "/notices/{id}"
    return [
        Route("GET", "/notices", pages.show_all, needs=OVERSEES),
        Route("GET", "/notices/new", pages.ask, needs=OVERSEES),
        Route("POST", "/notices/new", pages.register, needs=OVERSEES),
        Route("GET", one, pages.show, needs=OVERSEES),
        Route("POST", f"{one}/plan", pages.plan, needs=OVERSEES),
        Route("POST", f"{one}/verify", pages.verify, needs=OVERSEES),
        Route("POST", f"{one}/state", pages.state, needs=OVERSEES),
        Route("POST", f"{one}/confirm", pages.confirm, needs=OVERSEES),
        *(
            Route("POST", f"{one}/{name}", handler, needs=OVERSEES, proved="notices/{id}")
            for name, handler in (
                ("approve", pages.approve),
                ("run", pages.run),
                ("certificate", pages.certificate),
                ("close", pages.close),
            )
        ),
    ]


class _NoticePages:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._notices = rooms.notices

    # -- the list and a new one ------------------------------------------------------------------------------------

    def show_all(self, exchange: Exchange) -> Answer:
        found = [(one, _flow(one), _clocks(one, exchange.now)) for one in self._notices.all()]
        return exchange.page(
            "notices.html",
            waiting=[row for row in found if row[0].state != "closed"],
            closed=[row for row in reversed(found) if row[0].state == "closed"],
            about=self._notices.words,
            steps=dict(_STEPS),
        )

    def ask(self, exchange: Exchange) -> Answer:
        return self._form(exchange)

    def register(self, exchange: Exchange) -> Answer:
        form, now = exchange.form, exchange.now
        try:
            selectors = Selectors(
                *(tuple(_lines(exchange, name)) for name in ("orders", "emails", "phones"))
            )
            made = self._notices.register(
                chosen(Asked, form.text("kind"), "deletion or return"),
                form.word("reference"),
                self._scope(exchange, selectors),
                selectors,
                instant(form.word("received"), now),
                exchange.person.caller,
                now,
            )
        except _FAULTS as exc:
            return self._form(exchange, exc)
        return exchange.go(f"/notices/{made.id}", Said.NOTICE_REGISTERED)

    def _form(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        sellers = self._rooms.sellers.all()
        return exchange.form_page(
            "notice_new.html",
            exc,
            sellers=sellers if len(sellers) <= _MOST_BOXES else [],
            categories=[one for one in Category if one is not Category.UNCLASSIFIED],
            form=exchange.form,
            now=f"{exchange.now:%Y-%m-%d %H:%M}",
        )

    def _scope(self, exchange: Exchange, selectors: Selectors) -> Scope:
        form = exchange.form
        named = [one.strip() for one in form.text("sellers").split(",") if one.strip()]
        wanted = {self._rooms.sellers.by_name(name).id for name in named}
        wanted |= {one.id for one in self._rooms.sellers.all() if form.text(f"seller-{one.id}")}
        kinds = tuple(sorted(one for one in Category if form.text(f"category-{one.value}")))
        return Scope(
            tuple(sorted(SellerId(one) for one in wanted)) or None,
            kinds or None,
            day(form.word("first")),
            day(form.word("last")),
            len(selectors.orders),
            len(selectors.emails) + len(selectors.phones),
        )

    # -- one notice ------------------------------------------------------------------------------------------------

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def plan(self, exchange: Exchange) -> Answer:
        number, caller, now = exchange.id, exchange.person.caller, exchange.now

        def work(_told: Progress) -> None:
            recipients = _lines(exchange, "recipients")
            self._notices.plan(number, recipients, _lines(exchange, "stores"), caller, now)

        return self._worked(exchange, "plan", work, Said.NOTICE_PLANNED)

    def approve(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._notices.approve(
                exchange.id, exchange.form.word("terms"), exchange.person.caller, exchange.now
            )

        return self._acted(exchange, act, Said.NOTICE_APPROVED)

    def run(self, exchange: Exchange) -> Answer:
        number, caller, now = exchange.id, exchange.person.caller, exchange.now

        def work(told: Progress) -> None:
            # Destroying keys is the calendar's work as well: not by a clock that nobody believes.
            if self._rooms.clock_is_ahead(now):
                raise Conflict(
                    "the clock is implausibly ahead, so nothing is destroyed by it",
                    hint=f"two people confirm it at the machine: {CONFIRM}",
                )
            if exchange.form.text("meant") != "yes":
                raise Malformed("tick that it is meant: what is erased never comes back")
            self._notices.run(number, caller, now, req=exchange.request_id, progress=told)

        return self._worked(exchange, "run", work, Said.NOTICE_RUN)

    def verify(self, exchange: Exchange) -> Answer:
        number, caller, now = exchange.id, exchange.person.caller, exchange.now

        def work(_told: Progress) -> None:
            self._notices.verify(number, caller, now)

        return self._worked(exchange, "verify", work, Said.NOTICE_VERIFIED)

    def state(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            self._notices.state_store(
                exchange.id, form.word("store"), form.word("statement", longest=_TEXT),
                exchange.person.caller, exchange.now,
            )  # fmt: skip

        return self._acted(exchange, act, Said.NOTICE_STATED)

    def confirm(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            self._notices.confirm(
                exchange.id, form.word("party"), form.word("statement", longest=_TEXT),
                exchange.person.caller, exchange.now,
            )  # fmt: skip

        return self._acted(exchange, act, Said.NOTICE_CONFIRMED)

    def certificate(self, exchange: Exchange) -> Answer:
        try:
            made = self._notices.certificate(exchange.id, exchange.person.caller, exchange.now)
        except _FAULTS as exc:
            return self._page(exchange, exc)
        name = f"certificate-of-notice-{exchange.id}.zip"
        return exchange.file(name, "application/zip", _packed(made, exchange.now))

    def close(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._notices.close(exchange.id, exchange.person.caller, exchange.now)

        return self._acted(exchange, act, Said.NOTICE_CLOSED)

    # -- private ---------------------------------------------------------------------------------------------------

    def _acted(self, exchange: Exchange, act: Callable[[], None], said: Said) -> Answer:
        try:
            act()
        except _FAULTS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/notices/{exchange.id}", said)

    def _worked(
        self, exchange: Exchange, what: str, work: Callable[[Progress], None], said: Said
    ) -> Answer:
        number, by = exchange.id, exchange.person.caller.name
        self._notices.one(number)
        try:
            made = self._notices.works.begin(number, what, by, exchange.now, work, waits=_WAITS)
        except _FAULTS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/notices/{number}", Said.NOTICE_WORKED_ON if made.runs else said)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        notice, caller, now = self._notices.one(exchange.id), exchange.person.caller, exchange.now
        work, name = self._notices.works.of(notice.id), self._rooms.accounts.name_of
        planned = notice.facts.get(("planned", ""))
        mine = planned is not None and planned.by == caller.principal
        return exchange.form_page(
            "notice.html",
            exc,
            notice=notice,
            about=self._notices.words(notice),
            clocks=_clocks(notice, now),
            flow=_flow(notice),
            steps=_STEPS,
            work=work if work is not None and (work.runs or exc is None) else None,
            alone=mine and not self._rooms.grants.one_person,
            planned=planned,
            stores=[
                (row, notice.after_run("verified", row["store"]), notice.after_run("stated", row["store"]))
                for row in ([] if notice.plan is None else notice.plan["stores"])
            ],
            unanswered=_unanswered(notice),
            parties=[(one, self._notices.answers_for(one.name, caller)) for one in notice.parties],
            overdue=notice.overdue(now),
            history=sorted(notice.facts.values(), key=lambda fact: fact.event),
            sellers=self._rooms.sellers.names(),
            name=name,
            proved=exchange.person.proved_lately(now),
            key=self._notices.vkey,
        )  # fmt: skip


def _flow(notice: Notice) -> _Flow:
    """Return how far a notice is."""
    done = set()
    if notice.plan is not None:
        done.add("planned")
    if notice.approved is not None:
        done.add("approved")
    if notice.erased_at is not None:
        done.add("run")
        if not notice.lacks:
            done.add("verified")
        if not notice.open_parties:
            done.add("confirmed")
    if ("certified", "") in notice.facts and not notice.lacks:
        done.add("certified")
    if ("closed", "") in notice.facts:
        return _Flow("", frozenset(name for name, _words in _STEPS))
    found = next(name for name, _words in _STEPS if name not in done)
    if found == "verified" and any("still holds" in one for one in notice.lacks):
        found = "run"
    return _Flow(found, frozenset(done))


def _clocks(notice: Notice, now: datetime) -> list[Clock]:
    began, closed = notice.received_at, notice.facts.get(("closed", ""))
    ended = None if closed is None else closed.at
    return [
        clock("Gone within 72 hours", began, notice.clocks.erase_by, now, notice.erased_at),
        clock("Closed within 90 days", began, notice.clocks.live_by, now, ended),
    ]


def _unanswered(notice: Notice) -> list[str]:
    """Return the stores that can't be read from here and for which nobody answered."""
    found = ((one.name, notice.after_run("verified", one.name)) for one in notice.stores)
    return [
        name
        for name, fact in found
        if fact is not None
        and fact.content["verdict"] == Verdict.UNKNOWN
        and notice.after_run("stated", name) is None
    ]


def _packed(made: Certificate, now: datetime) -> bytes:
    """Return the files of a certificate, with the script that checks them."""
    script = resources.files("strongroom.deletion").joinpath("offline.py").read_bytes()
    files = {
        DOCUMENT: made.document,
        PAGE: made.page,
        SIGNATURE: made.note.encode(),
        KEY: f"{made.key}\n".encode(),
        "verify.py": script,
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, now.timetuple()[:6]), content)
    return target.getvalue()


def _lines(exchange: Exchange, name: str) -> list[str]:
    text = exchange.form.text(name, longest=_LINES)
    return [line.strip() for line in text.splitlines() if line.strip()]
