"""People with access: who lacks what, one of them with trainings and steps [1.1, 1.2]."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Final

from strongroom.assurance.staff import JOINING, LEAVING, Topic
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import chosen, day, number
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError
from strongroom.terms import PrincipalId

_FAULTS: Final = (Conflict, Denied, Malformed, NotFound)


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, one person, and what is stated of them."""
    pages = _StaffPages(rooms)
    one = "/staff/{id}"
    return [
        Route("GET", "/staff", pages.listed, needs=OVERSEES),
        Route("GET", one, pages.show, needs=OVERSEES),
        Route("POST", f"{one}/train", pages.train, needs=OVERSEES),
        Route("POST", f"{one}/state", pages.state, needs=OVERSEES),
    ]


class _StaffPages:
    def __init__(self, rooms: Rooms) -> None:
        self._staff = rooms.assurance.staff
        self._name_of = rooms.accounts.name_of

    def listed(self, exchange: Exchange) -> Answer:
        return exchange.page(
            "staff.html",
            staff=self._staff.listed(exchange.now),
            topics=list(Topic),
            now=exchange.now,
        )

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def train(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            on = day(form.word("on"))
            if on is None:
                raise Malformed("say on which day it was")
            evidence = form.word("evidence")
            self._staff.train(
                exchange.person.caller,
                PrincipalId(exchange.id),
                chosen(Topic, form.word("topic"), "what it was about"),
                datetime.combine(on, time(tzinfo=UTC)),
                exchange.now,
                evidence=number(evidence, "evidence") if evidence else None,
            )

        return self._acted(exchange, act)

    def state(self, exchange: Exchange) -> Answer:
        def act() -> None:
            who, step = PrincipalId(exchange.id), exchange.form.word("step")
            self._staff.state(exchange.person.caller, who, step, exchange.now)

        return self._acted(exchange, act)

    # -- private ---------------------------------------------------------------------------------

    def _acted(self, exchange: Exchange, act: Callable[[], None]) -> Answer:
        self._staff.show(PrincipalId(exchange.id), exchange.now)
        try:
            act()
        except _FAULTS as exc:
            return self._page(exchange, exc)
        there = {one.person for one in self._staff.listed(exchange.now)}
        back = f"/staff/{exchange.id}" if exchange.id in there else "/staff"
        return exchange.go(back, Said.STAFF_KEPT)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        one = self._staff.show(PrincipalId(exchange.id), exchange.now)
        done = {step.name for step in one.steps}
        steps = LEAVING if one.has_left else JOINING
        return exchange.form_page(
            "staff_one.html",
            exc,
            member=one,
            steps=[(name, words) for name, words in steps.items() if name not in done],
            words={**JOINING, **LEAVING},
            topics=list(Topic),
            now=exchange.now,
            name=self._name_of,
            own=one.person == exchange.person.caller.principal and not self._staff.one_person,
        )
