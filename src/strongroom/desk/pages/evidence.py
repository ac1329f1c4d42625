"""The evidence store: what is kept, who has had it, and how it leaves, always as an attachment [1.6]."""

from strongroom.compliance.custody import Act, Why, holder, offered
from strongroom.compliance.evidence import MOST_BYTES, Belongs, EvidenceStore
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route, attachment
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, Gone, Malformed, NotFound, StrongroomError, Tampered
from strongroom.terms import PrincipalId, PrincipalKind

WHYS = {
    Why.INVESTIGATION: "To investigate",
    Why.AMAZON_REQUEST: "Amazon asked for it",
    Why.AUTHORITY: "An authority asked for it",
    Why.REVIEW: "To review how it was handled",
    Why.EXERCISE: "An exercise",
}
ACTS = {
    Act.COLLECTED: "collected it",
    Act.VIEWED: "opened it",
    Act.EXPORTED: "exported it as a package",
    Act.RELEASED: "released it to",
    Act.RECEIVED: "confirmed to have it",
    Act.DECLINED: "said that it stayed where it was",
    Act.DISPOSED: "disposed of it",
}
UNFILED = Belongs("unfiled", "0")
_LONGEST = 4000
_REFUSALS = (Malformed, Denied, Conflict, Gone, NotFound, Tampered)


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, an item, and what can be done with it."""
    pages = _EvidencePages(rooms)
    return [
        Route("GET", "/evidence", pages.show_all, needs=OVERSEES),
        Route("POST", "/evidence", pages.keep, needs=OVERSEES, upload_bytes=MOST_BYTES),
        Route("GET", "/evidence/{id}", pages.show, needs=OVERSEES),
        *(
            Route("POST", f"/evidence/{{id}}/{name}", handler, needs=OVERSEES)
            for name, handler in (
                ("open", pages.open),
                ("export", pages.export),
                ("release", pages.release),
                ("receive", pages.receive),
                ("decline", pages.decline),
                ("dispose", pages.dispose),
            )
        ),
    ]


class _EvidencePages:
    def __init__(self, rooms: Rooms) -> None:
        self._store = rooms.compliance.evidence
        self._accounts = rooms.accounts

    def show_all(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def keep(self, exchange: Exchange) -> Answer:
        try:
            number = kept(self._store, exchange, UNFILED)
        except _REFUSALS as exc:
            return self._list(exchange, exc)
        return exchange.go(f"/evidence/{number}", Said.EVIDENCE_KEPT)

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def open(self, exchange: Exchange) -> Answer:
        """Hand out the bytes for a stated purpose; the link of it is durable first."""
        try:
            why = _why(exchange)
            who, now = exchange.person.caller, exchange.now
            item, content = self._store.open(exchange.id, why, who, now)
        except _REFUSALS as exc:
            return self._page(exchange, exc)
        return attachment(item.name, content)

    def export(self, exchange: Exchange) -> Answer:
        try:
            name, content = self._store.export(
                exchange.id,
                _why(exchange),
                exchange.person.caller,
                exchange.now,
                self._accounts.name_of,
            )
        except _REFUSALS as exc:
            return self._page(exchange, exc)
        return attachment(name, content)

    def release(self, exchange: Exchange) -> Answer:
        try:
            to = self._person(exchange.form.word("to"))
            self._store.release(
                exchange.id,
                to,
                exchange.person.caller,
                exchange.now,
                said=exchange.form.text("said", longest=_LONGEST),
            )
        except _REFUSALS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/evidence/{exchange.id}", Said.EVIDENCE_RELEASED)

    def receive(self, exchange: Exchange) -> Answer:
        return self._answer(exchange, Said.EVIDENCE_RECEIVED, accepts=True)

    def decline(self, exchange: Exchange) -> Answer:
        return self._answer(exchange, Said.EVIDENCE_DECLINED, accepts=False)

    def dispose(self, exchange: Exchange) -> Answer:
        try:
            self._store.dispose(
                exchange.id,
                exchange.person.caller,
                exchange.now,
                said=exchange.form.text("said", longest=_LONGEST),
            )
        except _REFUSALS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/evidence/{exchange.id}", Said.EVIDENCE_DISPOSED)

    def _answer(self, exchange: Exchange, said: Said, *, accepts: bool) -> Answer:
        who, now = exchange.person.caller, exchange.now
        try:
            self._store.answer(exchange.id, who, now, accepts=accepts)
        except _REFUSALS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/evidence/{exchange.id}", said)

    def _person(self, name: str) -> PrincipalId:
        return self._accounts.find(name).id

    def _list(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        return exchange.form_page(
            "evidence_list.html",
            exc,
            items=self._store.listed(),
            said_before=exchange.form.text("said", longest=_LONGEST) if exc else "",
            most=MOST_BYTES // 1024 // 1024,
        )

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        try:
            item, steps = self._store.show(exchange.id)
        except Tampered as fault:
            # What is wrong is what the page is for: it says so, and the chain stays unread.
            return exchange.form_page("evidence_broken.html", exc or fault, number=exchange.id)
        links = [step.link for step in steps]
        me = exchange.person.caller.principal
        people = {n for link in links for n in (link.by, link.other) if n is not None}
        to = offered(links)
        return exchange.form_page(
            "evidence.html",
            exc,
            item=item,
            steps=steps,
            names={n: self._accounts.name_of(n) for n in people},
            acts=ACTS,
            whys=WHYS,
            holds=holder(links) == me,
            offered=to,
            mine=to == me,
            others=[
                one.name
                for one in self._accounts.listed(PrincipalKind.PERSON)
                if one.id != me and one.ended_at is None
            ],
        )


def kept(store: EvidenceStore, exchange: Exchange, belongs: Belongs) -> int:
    """Keep what a form sent, a file or a thing that is described, and return its number. Raises: Malformed."""
    form, who, now = exchange.form, exchange.person.caller, exchange.now
    said, upload = form.text("said", longest=_LONGEST), form.file("file")
    if upload is not None:
        item = store.put(
            upload.content, upload.name, upload.media_type, belongs, who, now, said=said
        )
    else:
        name = form.word("thing", longest=120)
        if not name:
            raise Malformed("choose a file, or name a thing that lies somewhere")
        item = store.put_thing(name, belongs, who, now, said=said)
    return item.id


def _why(exchange: Exchange) -> Why:
    text = exchange.form.text("why")
    found = next((why for why in Why if why.value == text), None)
    if found is None:
        raise Malformed("say what you open it for")
    return found
