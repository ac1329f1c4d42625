"""The end of a case: its post-mortem, corrective controls, another person's approval, its closing, its papers [1.6]."""

from collections.abc import Callable

from strongroom.compliance.incidents import Shown, report_lines
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route, attachment
from strongroom.desk.pages.incidents import LONGEST, REFUSALS, moment
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Malformed, StrongroomError, Tampered
from strongroom.paper import Text, report


def routes(rooms: Rooms) -> list[Route]:
    """Return the page and what it does."""
    pages = _ReportPages(rooms)
    path = "/incidents/{id}/report"
    return [
        Route("GET", path, pages.show, needs=OVERSEES),
        Route("POST", path, pages.write, needs=OVERSEES),
        *(
            Route("POST", f"/incidents/{{id}}/{name}", handler, needs=OVERSEES)
            for name, handler in (
                ("control", pages.control),
                ("control-done", pages.control_done),
                ("approve", pages.approve),
                ("doubt", pages.doubt),
                ("clear", pages.clear),
                ("pack", pages.pack),
            )
        ),
        Route("POST", "/incidents/{id}/close", pages.close, needs=OVERSEES, proved="incidents"),
    ]


class _ReportPages:
    def __init__(self, rooms: Rooms) -> None:
        self._incidents = rooms.compliance.incidents
        self._cases = rooms.compliance.incidents.cases
        self._people = rooms.compliance.people
        self._accounts = rooms.accounts

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def write(self, exchange: Exchange) -> Answer:
        texts = {
            name: exchange.form.text(name, longest=LONGEST)
            for name in ("title", "description", "root_cause", "remediation")
        }
        who, now = exchange.person.caller, exchange.now
        return self._done(
            exchange,
            lambda: self._cases.write(exchange.id, texts, who, now),
            Said.INCIDENT_WRITTEN,
        )

    def control(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def add() -> None:
            due_at = moment(form.word("due_at"))
            if due_at is None:
                raise Malformed("say until when the control is in place")
            self._cases.control(
                exchange.id,
                form.text("control", longest=LONGEST),
                form.word("owner"),
                due_at,
                exchange.person.caller,
                exchange.now,
            )

        return self._done(exchange, add)

    def control_done(self, exchange: Exchange) -> Answer:
        def done() -> None:
            number = exchange.form.word("control")
            if not number.isdigit():
                raise Malformed("no control is named")
            who, now = exchange.person.caller, exchange.now
            self._cases.control_done(exchange.id, int(number[:12]), who, now)

        return self._done(exchange, done)

    def approve(self, exchange: Exchange) -> Answer:
        who, now = exchange.person.caller, exchange.now
        return self._done(
            exchange, lambda: self._cases.approve(exchange.id, who, now), Said.INCIDENT_APPROVED
        )

    def doubt(self, exchange: Exchange) -> Answer:
        reason = exchange.form.text("reason", longest=LONGEST)
        who, now = exchange.person.caller, exchange.now
        return self._done(
            exchange,
            lambda: self._cases.doubt(exchange.id, reason, who, now),
            Said.INCIDENT_DOUBTED,
        )

    def clear(self, exchange: Exchange) -> Answer:
        reason = exchange.form.text("reason", longest=LONGEST)
        who, now = exchange.person.caller, exchange.now
        return self._done(exchange, lambda: self._cases.clear(exchange.id, reason, who, now))

    def close(self, exchange: Exchange) -> Answer:
        who, now = exchange.person.caller, exchange.now
        return self._done(
            exchange, lambda: self._cases.close(exchange.id, who, now), Said.INCIDENT_CLOSED
        )

    def pack(self, exchange: Exchange) -> Answer:
        who, now = exchange.person.caller, exchange.now
        shown = self._cases.show(exchange.id)
        names = self._accounts.name_of

        def draw(found: Shown) -> bytes:
            return report([Text(line) for line in report_lines(found, names)], now).content

        try:
            name, content = self._incidents.pack(shown, draw, who, now)
        except (*REFUSALS, Tampered) as exc:
            return self._page(exchange, exc)
        return attachment(name, content)

    def _done(
        self, exchange: Exchange, do: Callable[[], object], said: Said = Said.INCIDENT_CHANGED
    ) -> Answer:
        try:
            do()
        except REFUSALS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/incidents/{exchange.id}/report", said)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        shown = self._cases.show(exchange.id)
        me, case = exchange.person.caller.principal, shown.case
        return exchange.form_page(
            "incident_report.html",
            exc,
            shown=shown,
            case=case,
            name=self._accounts.name_of,
            controls=shown.of("control"),
            people=sorted(self._people.active(exchange.now).values()),
            mine=case.written_by == me,
            doubts=case.doubted_by == me,
            leads=case.lead_id == me,
            proved=exchange.person.proved_lately(exchange.now),
        )
