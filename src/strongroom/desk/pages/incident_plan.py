"""What keeps the incident plan alive: types and playbooks, reviews, exercises, a tried path, major changes [1.6]."""

from collections.abc import Callable

from strongroom.compliance.incidents import PHASES, RULE, Practice, kinds
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.pages.incidents import LONGEST, REFUSALS
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Malformed, StrongroomError

NAMES = {
    Practice.REVIEW: "Review of the plan",
    Practice.EXERCISE: "Exercise at a table",
    Practice.TYPES: "Types and playbooks confirmed",
    Practice.ADDRESS: "Amazon's address confirmed",
    Practice.PATH: "Escalation path tried",
    Practice.SILENCE: "Nobody speaks for Amazon: acknowledged",
    Practice.CHANGE: "Major change",
    Practice.PACK: "Documentation put together and checked",
}


def routes(rooms: Rooms) -> list[Route]:
    """Return both pages and what they do."""
    pages = _PlanPages(rooms)
    return [
        Route("GET", "/incidents/playbooks", pages.playbooks, needs=OVERSEES),
        Route("GET", "/incidents/practice", pages.show, needs=OVERSEES),
        *(
            Route("POST", f"/incidents/practice/{name}", handler, needs=OVERSEES)
            for name, handler in (
                ("review", pages.review),
                ("exercise", pages.exercise),
                ("change", pages.change),
                ("types", pages.types),
                ("address", pages.address),
                ("path", pages.path),
                ("silence", pages.silence),
            )
        ),
    ]


class _PlanPages:
    def __init__(self, rooms: Rooms) -> None:
        self._incidents = rooms.compliance.incidents
        self._practices = rooms.compliance.incidents.practices
        self._accounts = rooms.accounts

    def playbooks(self, exchange: Exchange) -> Answer:
        return exchange.page("incident_playbooks.html", kinds=kinds(), phases=PHASES)

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def review(self, exchange: Exchange) -> Answer:
        text = exchange.form.text("text", longest=LONGEST)
        who, now = exchange.person.caller, exchange.now
        return self._done(exchange, lambda: self._practices.review(text, who, now))

    def exercise(self, exchange: Exchange) -> Answer:
        form, who, now = exchange.form, exchange.person.caller, exchange.now
        texts = [
            form.text(name, longest=LONGEST) for name in ("scenario", "participants", "findings")
        ]
        return self._done(
            exchange,
            lambda: self._practices.exercise(texts[0], texts[1], texts[2], who, now),
        )

    def change(self, exchange: Exchange) -> Answer:
        reason = exchange.form.text("text", longest=LONGEST)
        who, now = exchange.person.caller, exchange.now
        return self._done(exchange, lambda: self._practices.record_major_change(reason, who, now))

    def types(self, exchange: Exchange) -> Answer:
        who, now = exchange.person.caller, exchange.now
        return self._done(exchange, lambda: self._practices.confirm_types(who, now))

    def address(self, exchange: Exchange) -> Answer:
        typed = exchange.form.word("address")
        who, now = exchange.person.caller, exchange.now
        return self._done(exchange, lambda: self._practices.confirm_address(typed, who, now))

    def path(self, exchange: Exchange) -> Answer:
        who, now = exchange.person.caller, exchange.now
        return self._done(exchange, lambda: self._practices.try_path(who, now))

    def silence(self, exchange: Exchange) -> Answer:
        if exchange.form.text("agreed") != "yes":
            return self._page(exchange, Malformed("tick that you have read the rule"))
        who, now = exchange.person.caller, exchange.now
        return self._done(exchange, lambda: self._practices.acknowledge(who, now))

    def _done(self, exchange: Exchange, do: Callable[[], object]) -> Answer:
        try:
            do()
        except REFUSALS as exc:
            return self._page(exchange, exc)
        return exchange.go("/incidents/practice", Said.PRACTISED)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        records = self._practices.listed()
        return exchange.form_page(
            "incident_practice.html",
            exc,
            records=records[:50],
            last={one: next((r for r in records if r.kind == one), None) for one in Practice},
            waiting=self._practices.changes_open(),
            names=NAMES,
            name=self._accounts.name_of,
            address=self._incidents.telling.address,
            can_send=self._incidents.telling.can_send,
            rule=RULE,
        )
