"""What people ask about their own data, as a flow: taken in, proved, found, acted on, answered, closed in time [2.2].

Pages show numbers, days and words of ours. What somebody named to be found by is typed once and shown to nobody; a
letter has places for what its sender fills in. Who handles a request acts on it, and nobody else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.desk.clocks import Clock, clock
from strongroom.desk.exchange import HANDLES, Answer, Exchange, Route
from strongroom.desk.parcels import Parcels
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import chosen, instant
from strongroom.errors import (
    Conflict,
    Denied,
    Gone,
    Malformed,
    NotFound,
    StrongroomError,
    Unavailable,
)
from strongroom.paper import Text, report
from strongroom.policy.catalogue.slots import FIXED
from strongroom.policy.laws import (
    IdentityCheck,
    Law,
    Longer,
    Outcome,
    Refusal,
    RequestKind,
    laws,
)
from strongroom.policy.restricting import Ground
from strongroom.subjects import (
    Requests,
    Shown,
    SubjectRequest,
    letter,
    lifting_letter,
    longer_letter,
)
from strongroom.terms import RecordNumber
from strongroom.vault.rights import Sought

_FAULTS: Final = (Conflict, Denied, Gone, Malformed, NotFound, Unavailable)
_NAMED: Final = 320
_VALUE: Final = 2048
_MOST_CLOSED: Final = 50
_SOUGHT: Final = ("email", "phone", "order", "name", "person")
_TAKES_OUT: Final = (RequestKind.ACCESS, RequestKind.PORTABILITY)
_STOPS: Final = (RequestKind.RESTRICT, RequestKind.OBJECT)
_TELLS: Final = (RequestKind.RECTIFY, RequestKind.ERASE, RequestKind.RESTRICT)
_DONE: Final = (Outcome.GRANTED, Outcome.PARTLY)
_ACTS: Final = {
    RequestKind.ACCESS: "exported",
    RequestKind.PORTABILITY: "exported",
    RequestKind.RECTIFY: "rectified",
    RequestKind.ERASE: "erased",
    RequestKind.RESTRICT: "restricted",
    RequestKind.OBJECT: "restricted",
}

KINDS: Final = {
    RequestKind.ACCESS: "A copy of their data",
    RequestKind.PORTABILITY: "Their data for a machine",
    RequestKind.RECTIFY: "Put something right",
    RequestKind.ERASE: "Erase it",
    RequestKind.RESTRICT: "Keep it, and stop using it",
    RequestKind.OBJECT: "Stop processing it",
}
CHECKS: Final = {
    IdentityCheck.MESSAGE_ANSWERED: "A code came back through Amazon's messages or the address on record",
    IdentityCheck.ORDER_DETAILS: "They knew what only buyer or recipient know of an order",
    IdentityCheck.DOCUMENT_SEEN: "A document was seen",
    IdentityCheck.IN_PERSON: "In person",
    IdentityCheck.AGENT_AUTHORIZED: "Somebody speaks for them, and showed that they may",
    IdentityCheck.ELECTRONIC_ID: "An electronic identity",
}
OUTCOMES: Final = {
    Outcome.GRANTED: "All of it was done",
    Outcome.PARTLY: "A part of it was done",
    Outcome.NOTHING_FOUND: "Nothing of them is here",
    Outcome.IDENTITY_UNPROVED: "They could not prove who they are",
}
REFUSALS: Final = {
    Refusal.UNFOUNDED: "Refused: manifestly unfounded",
    Refusal.EXCESSIVE: "Refused: excessive, it repeats an earlier one",
    Refusal.LEGAL_DUTY: "Refused: a law obliges us to keep it",
    Refusal.LEGAL_CLAIMS: "Refused: needed for legal claims",
    Refusal.OTHERS_RIGHTS: "Refused: it would harm other people's rights",
    Refusal.COMPELLING_GROUNDS: "Refused: compelling legitimate grounds",
}
_STEPS: Final[tuple[tuple[str, str], ...]] = (
    ("verify", "Identity"),
    ("find", "Find"),
    ("act", "Act"),
    ("reply", "Answer"),
    ("tell", "Tell others"),
    ("close", "Close"),
)


@dataclass(frozen=True, slots=True)
class _Flow:
    """Which step is next, and which are done."""

    next: str
    done: frozenset[str]


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, one request, and what is done with it."""
    pages = _RequestPages(rooms)
    one = "/requests/{id}"
    return [
        Route("GET", "/requests", pages.show_all, needs=HANDLES),
        Route("GET", "/requests/new", pages.ask, needs=HANDLES),
        Route("POST", "/requests/new", pages.open, needs=HANDLES),
        Route("GET", one, pages.show, needs=HANDLES),
        Route("GET", f"{one}/letter/{{name}}", pages.letter, needs=HANDLES),
        Route("GET", f"{one}/letter/{{name}}/pdf", pages.letter_pdf, needs=HANDLES),
        *(
            Route("POST", f"{one}/{name}", handler, needs=HANDLES)
            for name, handler in (
                ("assign", pages.assign),
                ("verify", pages.verify),
                ("find", pages.find),
                ("told", pages.told),
                ("reply", pages.reply),
                ("extend", pages.extend),
                ("tell-lifting", pages.tell_lifting),
                ("close", pages.close),
                ("permit", pages.permit),
                ("reject", pages.reject),
                ("file", pages.file),
            )
        ),
        *(
            Route("POST", f"{one}/{name}", handler, needs=HANDLES, proved="requests/{id}")
            for name, handler in (
                ("export", pages.export),
                ("rectify", pages.rectify),
                ("erase", pages.erase),
                ("stop", pages.stop),
                ("lift", pages.lift),
                ("approve", pages.approve),
            )
        ),
    ]


class _RequestPages:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._parcels = Parcels()

    @property
    def _requests(self) -> Requests:
        return self._rooms.subjects.requests

    # -- the list and a new one ------------------------------------------------------------------------------------

    def show_all(self, exchange: Exchange) -> Answer:
        found = [(one, _clock(one, exchange.now)) for one in self._requests.all()]
        return exchange.page(
            "requests.html",
            waiting=[row for row in found if row[0].closed_at is None],
            closed=[row[0] for row in found if row[0].closed_at is not None][-_MOST_CLOSED:],
            kinds=KINDS,
            name=self._rooms.accounts.name_of,
            me=exchange.person.caller.principal,
        )

    def ask(self, exchange: Exchange) -> Answer:
        return self._form(exchange)

    def open(self, exchange: Exchange) -> Answer:
        form, now = exchange.form, exchange.now
        named = {name: form.word(name, longest=_NAMED) or None for name in _SOUGHT}
        try:
            made = self._requests.open(
                exchange.person.caller,
                chosen(RequestKind, form.text("kind"), "what they ask for"),
                form.text("law"),
                Sought(**named),
                received_at=instant(form.word("received"), now),
                now=now,
            )
        except _FAULTS as exc:
            return self._form(exchange, exc)
        return exchange.go(f"/requests/{made.id}", Said.REQUEST_OPENED)

    def _form(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        return exchange.form_page(
            "request_new.html",
            exc,
            kinds=KINDS,
            laws=laws().values(),
            kind=exchange.form.text("kind"),
            law=exchange.form.text("law") or "gdpr",
            received=exchange.form.text("received") or f"{exchange.now:%Y-%m-%d %H:%M}",
        )

    # -- what is done with one -------------------------------------------------------------------------------------

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def assign(self, exchange: Exchange) -> Answer:
        def act() -> None:
            person = self._rooms.accounts.find(exchange.form.word("handler"))
            self._requests.assign(exchange.person.caller, exchange.id, person.id, exchange.now)

        return self._acted(exchange, act, Said.REQUEST_ASSIGNED)

    def verify(self, exchange: Exchange) -> Answer:
        def act() -> None:
            method = chosen(IdentityCheck, exchange.form.text("method"), "how they proved it")
            self._requests.verify(exchange.person.caller, exchange.id, method, exchange.now)

        return self._acted(exchange, act, Said.REQUEST_PROVED)

    def find(self, exchange: Exchange) -> Answer:
        def act() -> None:
            sellers = [one.id for one in self._rooms.sellers.all()]
            exchange.at_door = "desk.request.find"
            found = self._requests.find(
                exchange.person.caller, exchange.id, sellers, exchange.now, req=exchange.request_id
            )
            exchange.opened.update(one.record for one in found)

        return self._acted(exchange, act, Said.REQUEST_FOUND)

    def export(self, exchange: Exchange) -> Answer:
        """Make the sealed file: for a key of theirs it comes at once, for a passphrase with the page that shows it."""
        recipient = exchange.form.word("recipient") or None
        exchange.at_door = "desk.request.export"
        try:
            made = self._rooms.subjects.packages.make(
                exchange.person.caller,
                exchange.id,
                recipient,
                exchange.now,
                req=exchange.request_id,
            )
        except _FAULTS as exc:
            return self._page(exchange, exc)
        exchange.opened.update(made.records)
        if made.passphrase is None:
            return exchange.file(_file_name(exchange.id), "application/octet-stream", made.content)
        self._parcels.keep(exchange.person.id, exchange.id, made.content, exchange.now)
        return exchange.page(
            "request_file.html",
            number=exchange.id,
            passphrase=made.passphrase,
            size=len(made.content),
            count=len(made.records),
        )

    def file(self, exchange: Exchange) -> Answer:
        """Return the sealed file that this session had made."""
        content = self._parcels.fetch(exchange.person.id, exchange.id, exchange.now)
        return exchange.file(_file_name(exchange.id), "application/octet-stream", content)

    def rectify(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            record = form.word("record")
            if not record.isdigit():
                raise Malformed("choose one of the records that were found")
            lifts = form.text("lift") == "yes"
            value = form.text("value", longest=_VALUE).strip()
            if lifts == bool(value):
                raise Malformed("type the right value, or tick that Amazon's counts again")
            self._requests.rectify(
                exchange.person.caller,
                exchange.id,
                RecordNumber(int(record)),
                form.word("field"),
                value or None,
                exchange.now,
            )

        return self._acted(exchange, act, Said.REQUEST_RECTIFIED)

    def erase(self, exchange: Exchange) -> Answer:
        def act() -> None:
            if exchange.form.text("meant") != "yes":
                raise Malformed("tick that it is meant: what is erased never comes back")
            self._requests.erase(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.REQUEST_ERASED)

    def stop(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._requests.stop(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.REQUEST_RESTRICTED)

    def lift(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._requests.lift(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.REQUEST_LIFTED)

    def tell_lifting(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._requests.tell_lifting(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.REQUEST_REPLIED, "letter/lifting")

    def told(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            kind, _, ref = form.word("who").partition(".")
            if not ref.isdigit():
                raise Malformed("choose who was told")
            possible = form.text("impossible") != "yes"
            self._requests.told(
                exchange.person.caller, exchange.id, kind, int(ref),
                possible=possible, now=exchange.now,
            )  # fmt: skip

        return self._acted(exchange, act, Said.REQUEST_TOLD)

    def reply(self, exchange: Exchange) -> Answer:
        text = exchange.form.text("outcome")

        def act() -> None:
            outcome, ground = _outcome(text)
            self._requests.reply(exchange.person.caller, exchange.id, outcome, exchange.now, ground)

        return self._acted(exchange, act, Said.REQUEST_REPLIED, f"letter/{text}")

    def extend(self, exchange: Exchange) -> Answer:
        def act() -> None:
            ground = chosen(Longer, exchange.form.text("ground"), "why it takes longer")
            self._rooms.subjects.extensions.extend(
                exchange.person.caller, exchange.id, ground, exchange.now
            )

        return self._acted(exchange, act, Said.REQUEST_EXTENDED, "letter/longer")

    def close(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._requests.close(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.REQUEST_CLOSED)

    # -- leave to read what is restricted --------------------------------------------------------------------------

    def permit(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            days = form.word("days")
            self._rooms.subjects.permits.ask(
                exchange.person.caller,
                exchange.id,
                self._rooms.accounts.find(form.word("principal")).id,
                chosen(Ground, form.text("ground"), "on which ground"),
                timedelta(days=int(days) if days.isdigit() else 0),
                exchange.now,
            )

        return self._acted(exchange, act, Said.PERMIT_ASKED)

    def approve(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._rooms.subjects.permits.approve(
                exchange.person.caller,
                self._permit_of(exchange),
                exchange.form.word("terms"),
                exchange.now,
            )

        return self._acted(exchange, act, Said.PERMIT_APPROVED)

    def reject(self, exchange: Exchange) -> Answer:
        def act() -> None:
            permit = self._permit_of(exchange)
            self._rooms.subjects.permits.reject(exchange.person.caller, permit, exchange.now)

        return self._acted(exchange, act, Said.PERMIT_ENDED)

    def _permit_of(self, exchange: Exchange) -> int:
        """Return the number of the permit that the form names, one of this request. Raises: NotFound."""
        named = exchange.form.word("permit")
        listed = self._requests.show(exchange.id).permits
        found = next((one.id for one in listed if str(one.id) == named), None)
        if found is None:
            raise NotFound(f"request {exchange.id} has no such permit")
        return found

    # -- letters ---------------------------------------------------------------------------------------------------

    def letter(self, exchange: Exchange) -> Answer:
        return exchange.page(
            "request_letter.html",
            number=exchange.id,
            text=self._letter(exchange),
            pdf=f"/requests/{exchange.id}/letter/{exchange.parts['name']}/pdf",
        )

    def letter_pdf(self, exchange: Exchange) -> Answer:
        drawn = report([Text(line) for line in self._letter(exchange).splitlines()], exchange.now)
        return exchange.file(f"letter-{exchange.id}.pdf", "application/pdf", drawn.content)

    def _letter(self, exchange: Exchange) -> str:
        """Return the letter of this name: to be read before it counts, and to be sent after. Raises: NotFound."""
        shown, name, now = self._requests.show(exchange.id), exchange.parts["name"], exchange.now
        asked = shown.request
        if name == "lifting":
            return lifting_letter(asked.id, asked.law, received_at=asked.received_at, now=now)
        if name in ("longer", *(f"longer-{one.value}" for one in Longer)):
            return self._longer(asked, name, now)
        try:
            outcome, ground = _outcome(name)
        except Malformed:
            raise NotFound("there is no such letter") from None
        return letter(
            asked.id,
            asked.kind,
            asked.law,
            outcome,
            received_at=asked.received_at,
            now=now,
            records=len(shown.records),
            told=sum(one.how == "told" for one in shown.recipients),
            ground=ground,
        )

    def _longer(self, asked: SubjectRequest, name: str, now: datetime) -> str:
        kept = self._rooms.subjects.extensions.of(asked.id)
        if kept is None and name == "longer":
            raise NotFound("there is no such letter")
        ground = Longer(name.removeprefix("longer-")) if kept is None else kept.ground
        try:
            until = asked.law.extended(asked.received_at)
        except Malformed:
            raise NotFound("there is no such letter") from None
        return longer_letter(
            asked.id, asked.kind, asked.law, ground,
            received_at=asked.received_at, until=until, now=now,
        )  # fmt: skip

    # -- private ---------------------------------------------------------------------------------------------------

    def _acted(
        self, exchange: Exchange, act: Callable[[], None], said: Said, then: str = ""
    ) -> Answer:
        try:
            act()
        except _FAULTS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/requests/{exchange.id}/{then}".rstrip("/"), said)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        shown, now, me = self._requests.show(exchange.id), exchange.now, exchange.person.caller
        asked, accounts = shown.request, self._rooms.accounts
        permits = self._rooms.subjects.permits
        return exchange.form_page(
            "request.html",
            exc,
            request=asked,
            shown=shown,
            mine=asked.handler == me.principal,
            state=asked.state(now),
            kind=KINDS[asked.kind],
            clocks=[_clock(asked, now)],
            extension=self._rooms.subjects.extensions.of(asked.id),
            may_extend=_may_extend(asked.law, asked, now),
            flow=_flow(shown),
            steps=[one for one in _STEPS if one[0] != "tell" or shown.recipients],
            takes_out=asked.kind in _TAKES_OUT,
            stops=asked.kind in _STOPS,
            checks=CHECKS,
            outcomes=_outcomes(shown),
            refusals=REFUSALS,
            longer={Longer.COMPLEX: "It is complex", Longer.MANY: "They asked a lot at once"},
            grounds={one: one.value.replace("_", " ") for one in Ground},
            fields=sorted(spec.name for spec in FIXED.values()),
            permits=[(one, one.state(now), permits.terms(one)) for one in shown.permits],
            seller=self._rooms.sellers.names(),
            name=accounts.name_of,
            me=me.principal,
            proved=exchange.person.proved_lately(now),
        )


def _flow(shown: Shown) -> _Flow:
    """Return how far a request is."""
    asked = shown.request
    if asked.closed_at is not None:
        return _Flow("", frozenset(name for name, _words in _STEPS))
    done = set()
    if asked.verified_at is not None:
        done.add("verify")
    if asked.searched_at is not None:
        done.add("find")
    acted = _ACTS[asked.kind] in {one.step for one in shown.steps}
    if acted or (asked.searched_at is not None and not shown.records) or asked.outcome is not None:
        done.add("act")
    if asked.outcome is not None:
        done |= {"reply", "verify", "find"}
    untold = any(one.told_at is None for one in shown.recipients)
    if not (untold and asked.law.told and asked.kind in _TELLS and asked.outcome in _DONE):
        done.add("tell")
    found = next(name for name, _words in _STEPS if name not in done)
    return _Flow(found, frozenset(done if asked.outcome is not None else done - {"tell"}))


def _outcomes(shown: Shown) -> dict[Outcome, str]:
    """Return the outcomes that can be true of a request as it is."""
    asked = shown.request
    if asked.verified_at is None:
        return {Outcome.IDENTITY_UNPROVED: OUTCOMES[Outcome.IDENTITY_UNPROVED]}
    if asked.searched_at is not None and not shown.records:
        return {Outcome.NOTHING_FOUND: OUTCOMES[Outcome.NOTHING_FOUND]}
    return {one: OUTCOMES[one] for one in _DONE}


def _outcome(text: str) -> tuple[Outcome, Refusal | None]:
    """Return the outcome that a name of a letter stands for: `partly`, `refused-excessive`. Raises: Malformed."""
    kind, _, ground = text.partition("refused-")
    if not kind and ground:
        return Outcome.REFUSED, chosen(Refusal, ground.replace("-", "_"), "why it is refused")
    found = chosen(Outcome, text.replace("-", "_"), "how it is answered")
    if found is Outcome.REFUSED:
        raise Malformed("say why it is refused")
    return found, None


def _clock(asked: SubjectRequest, now: datetime) -> Clock:
    name = f"Answer by {asked.law.name.replace('_', ' ').upper()}, {asked.law.clock}"
    return clock(name, asked.received_at, asked.due_at, now, asked.replied_at or asked.closed_at)


def _may_extend(law: Law, asked: SubjectRequest, now: datetime) -> bool:
    return bool(law.more) and asked.closed_at is None and now < law.due(asked.received_at)


def _file_name(number: int) -> str:
    return f"answer-to-request-{number}.age"
