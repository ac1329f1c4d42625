"""Amazon's questionnaire: every question with its draft, its answer and what it stands on; its export [3]."""

from collections.abc import Callable
from typing import Final

import orjson

from strongroom.assurance.questionnaire import questions
from strongroom.assurance.questionnaire.question import LONGEST
from strongroom.assurance.questionnaire.written import as_csv, as_markdown, rows
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import number
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError

_FAULTS: Final = (Conflict, Denied, Malformed, NotFound)


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, each question by its number in the form, and the export."""
    pages = _QuestionnairePages(rooms)
    one = "/questionnaire/{id}"
    return [
        Route("GET", "/questionnaire", pages.listed, needs=OVERSEES),
        Route("POST", "/questionnaire/export", pages.export, needs=OVERSEES),
        Route("GET", one, pages.show, needs=OVERSEES),
        Route("POST", f"{one}/write", pages.write, needs=OVERSEES),
        Route("POST", f"{one}/approve", pages.approve, needs=OVERSEES),
    ]


class _QuestionnairePages:
    def __init__(self, rooms: Rooms) -> None:
        self._answers = rooms.assurance.questionnaire
        self._name_of = rooms.accounts.name_of

    def listed(self, exchange: Exchange) -> Answer:
        shown = self._answers.all(exchange.now)
        return exchange.page(
            "questionnaire.html",
            questions=list(enumerate(shown, start=1)),
            open=sum(one.state != "approved" for one in shown),
        )

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def write(self, exchange: Exchange) -> Answer:
        def act() -> None:
            text = exchange.form.text("text", longest=8 * LONGEST)
            self._answers.write(exchange.person.caller, _name(exchange.id), text, exchange.now)

        return self._acted(exchange, act, Said.ANSWER_KEPT)

    def approve(self, exchange: Exchange) -> Answer:
        def act() -> None:
            answer = number(exchange.form.word("answer"), "answer")
            who = exchange.person.caller
            self._answers.approve(who, _name(exchange.id), answer, exchange.now)

        return self._acted(exchange, act, Said.ANSWER_APPROVED)

    def export(self, exchange: Exchange) -> Answer:
        form = exchange.form.word("form")
        if form not in ("csv", "md", "json"):
            return self.listed(exchange)
        shown = self._answers.export(exchange.person.caller, exchange.now)
        if form == "csv":
            return exchange.file("questionnaire.csv", "text/csv", as_csv(shown))
        if form == "md":
            return exchange.file("questionnaire.md", "text/markdown", as_markdown(shown))
        content = orjson.dumps({"questions": rows(shown)}, option=orjson.OPT_INDENT_2)
        return exchange.file("questionnaire.json", "application/json", content)

    # -- private ---------------------------------------------------------------------------------

    def _acted(self, exchange: Exchange, act: Callable[[], None], said: Said) -> Answer:
        _name(exchange.id)
        try:
            act()
        except _FAULTS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/questionnaire/{exchange.id}", said)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        shown, written = self._answers.show(_name(exchange.id), exchange.now)
        me = exchange.person.caller.principal
        return exchange.form_page(
            "question.html",
            exc,
            shown=shown,
            written=written,
            number=exchange.id,
            text=exchange.form.text("text", longest=8 * LONGEST) or shown.text,
            longest=LONGEST,
            name=self._name_of,
            own=written and written[0].by == me and not self._answers.one_person,
        )


def _name(place: int) -> str:
    """Return a question's name by its place in the form. Raises: NotFound."""
    names = list(questions())
    if not 1 <= place <= len(names):
        raise NotFound("there is no such question")
    return names[place - 1]
