"""Incidents: the cases with their clocks, and one case: what to do, what was done, what it concerns [1.6]."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from strongroom.alarms.clocks import REPORT_WITHIN
from strongroom.compliance.evidence import MOST_BYTES
from strongroom.compliance.incidents import PHASES, Measure, Shown, kinds
from strongroom.compliance.incidents.clock import AUTHORITY_WITHIN
from strongroom.compliance.incidents.room import belongs_to
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.pages.evidence import kept
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import (
    Conflict,
    Denied,
    Gone,
    Malformed,
    NotFound,
    StrongroomError,
    Unavailable,
)
from strongroom.request import instant
from strongroom.terms import PrincipalId, PrincipalKind

REFUSALS: Final = (Malformed, Denied, Conflict, Gone, NotFound, Unavailable)
LONGEST: Final = 10_000
MEASURES: Final = {
    Measure.FREEZE: "Freeze an account: sessions, tokens and secrets are refused",
    Measure.REVOKE_GRANTS: "Revoke all grants of an account",
    Measure.END_ACCOUNT: "End an account with all its credentials, for good",
    Measure.REMOVE_DESTINATION: "Remove a destination of the relay",
}
_TICKED: Final = "done"


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, a case, and what is done in it."""
    pages = _IncidentPages(rooms)
    return [
        Route("GET", "/incidents", pages.show_all, needs=OVERSEES, query=frozenset({"alarm"})),
        Route("POST", "/incidents", pages.open, needs=OVERSEES),
        Route("GET", "/incidents/{id}", pages.show, needs=OVERSEES),
        Route("GET", "/incidents/{id}/checklist", pages.checklist, needs=OVERSEES),
        Route("POST", "/incidents/{id}/checklist", pages.tick, needs=OVERSEES),
        Route(
            "POST",
            "/incidents/{id}/evidence",
            pages.keep,
            needs=OVERSEES,
            upload_bytes=MOST_BYTES,
        ),
        *(
            Route("POST", f"/incidents/{{id}}/{name}", handler, needs=OVERSEES)
            for name, handler in (
                ("clock", pages.move),
                ("lead", pages.lead),
                ("note", pages.note),
                ("scope", pages.scope),
                ("contained", pages.contained),
            )
        ),
        Route("POST", "/incidents/{id}/measure", pages.measure, needs=OVERSEES, proved="incidents"),
    ]


class _IncidentPages:
    def __init__(self, rooms: Rooms) -> None:
        self._incidents = rooms.compliance.incidents
        self._evidence = rooms.compliance.evidence
        self._accounts = rooms.accounts
        self._sellers = rooms.sellers

    def show_all(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def open(self, exchange: Exchange) -> Answer:
        form, now = exchange.form, exchange.now
        try:
            case = self._incidents.cases.open(
                exchange.person.caller,
                form.text("kind"),
                form.word("title"),
                now,
                description=form.text("description", longest=LONGEST),
                detected_at=moment(form.word("detected_at")),
                suspected_at=moment(form.word("suspected_at")),
                alarm=_number(form.word("alarm")),
            )
        except REFUSALS as exc:
            return self._list(exchange, exc)
        return exchange.go(f"/incidents/{case.id}", Said.INCIDENT_OPENED)

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def checklist(self, exchange: Exchange) -> Answer:
        return self._checklist(exchange)

    def tick(self, exchange: Exchange) -> Answer:
        form, who, now = exchange.form, exchange.person.caller, exchange.now
        reason = form.text("reason", longest=LONGEST).strip() or None
        if form.text("state") == _TICKED:
            reason = None
        elif reason is None:
            return self._checklist(exchange, Malformed("say why the step does not apply"))
        try:
            self._incidents.cases.tick(exchange.id, form.word("step"), who, now, not_for=reason)
        except REFUSALS as exc:
            return self._checklist(exchange, exc)
        return exchange.go(f"/incidents/{exchange.id}/checklist", Said.INCIDENT_CHANGED)

    def keep(self, exchange: Exchange) -> Answer:
        return self._done(
            exchange,
            lambda: kept(self._evidence, exchange, belongs_to(exchange.id)),
            Said.EVIDENCE_KEPT,
        )

    def move(self, exchange: Exchange) -> Answer:
        def change() -> None:
            self._incidents.cases.move_clock(
                exchange.id,
                exchange.person.caller,
                exchange.now,
                detected_at=moment(exchange.form.word("detected_at")),
                suspected_at=moment(exchange.form.word("suspected_at")),
            )

        return self._done(exchange, change)

    def lead(self, exchange: Exchange) -> Answer:
        return self._done(
            exchange,
            lambda: self._incidents.cases.lead(
                exchange.id, exchange.form.word("name"), exchange.person.caller, exchange.now
            ),
        )

    def note(self, exchange: Exchange) -> Answer:
        form = exchange.form
        return self._done(
            exchange,
            lambda: self._incidents.cases.note(
                exchange.id,
                form.text("note", longest=LONGEST),
                exchange.person.caller,
                exchange.now,
                at=moment(form.word("at")),
            ),
        )

    def contained(self, exchange: Exchange) -> Answer:
        return self._done(
            exchange,
            lambda: self._incidents.cases.contained(
                exchange.id, exchange.person.caller, exchange.now
            ),
        )

    def scope(self, exchange: Exchange) -> Answer:
        def compute() -> None:
            form, now = exchange.form, exchange.now
            names = form.word("principals").replace(",", " ").split()
            since = moment(form.word("since"))
            if since is None:
                raise Malformed("say from when on to look")
            self._incidents.cases.compute_scope(
                exchange.id,
                [self._accounts.find(name).id for name in names],
                since,
                moment(form.word("until")) or now,
                exchange.person.caller,
                now,
            )

        return self._done(exchange, compute)

    def measure(self, exchange: Exchange) -> Answer:
        form = exchange.form
        found = next((one for one in Measure if one.value == form.text("measure")), None)

        def take() -> None:
            if found is None:
                raise Malformed("choose what to do")
            self._incidents.containing.take(
                exchange.id, found, form.word("name"), exchange.person.caller, exchange.now
            )

        return self._done(exchange, take, Said.INCIDENT_MEASURED)

    def _done(
        self, exchange: Exchange, do: Callable[[], object], said: Said = Said.INCIDENT_CHANGED
    ) -> Answer:
        try:
            do()
        except REFUSALS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/incidents/{exchange.id}", said)

    def _list(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        form = exchange.form
        cases = self._incidents.cases.listed()
        return exchange.form_page(
            "incidents.html",
            exc,
            running=[case for case in cases if case.closed_at is None],
            closed=[case for case in cases if case.closed_at is not None],
            kinds=kinds(),
            within=REPORT_WITHIN,
            alarm=form.word("alarm") or exchange.query.get("alarm", ""),
            given={
                name: form.text(name, longest=LONGEST)
                for name in ("kind", "title", "description", "detected_at", "suspected_at")
            },
        )

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        shown = self._incidents.cases.show(exchange.id)
        name = self._accounts.name_of
        return exchange.form_page(
            "incident.html",
            exc,
            shown=shown,
            case=shown.case,
            name=name,
            within=REPORT_WITHIN,
            authority_within=AUTHORITY_WITHIN,
            timeline=_timeline(shown, name),
            measures=MEASURES,
            sellers={seller.id: seller.name for seller in self._sellers.all()},
            people=[
                one.name
                for one in self._accounts.listed(PrincipalKind.PERSON)
                if one.ended_at is None
            ],
            most=MOST_BYTES // 1024 // 1024,
            proved=exchange.person.proved_lately(exchange.now),
        )

    def _checklist(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        shown = self._incidents.cases.show(exchange.id)
        return exchange.form_page(
            "incident_checklist.html",
            exc,
            shown=shown,
            case=shown.case,
            name=self._accounts.name_of,
            phases=PHASES,
            settled={entry.name: entry for entry in shown.of("step")},
        )


def moment(text: str) -> datetime | None:
    """Return an instant as a form has it, in UTC; None for an empty field. Raises: Malformed."""
    return instant(text) if text else None


def _number(text: str) -> int | None:
    if not text:
        return None
    if not text.isdigit() or len(text) > 12:  # noqa: PLR2004 - as in paths
        raise Malformed("an alarm has a number")
    return int(text)


def _timeline(
    shown: Shown, name: Callable[[PrincipalId], str]
) -> list[tuple[datetime, str, str, str]]:
    """Return what happened and was done, the earliest first: when, what in our words, what was written, by whom."""
    case = shown.case
    found = [(case.opened_at, "case opened", "", name(case.opened_by))]
    for what, at in (
        ("suspected", case.suspected_at),
        ("detected", case.detected_at),
        ("contained", case.contained_at),
        ("Amazon told", case.notified_at),
        ("report approved", case.approved_at),
        ("case closed", case.closed_at),
    ):
        if at is not None:
            found.append((at, what, "", ""))
    for entry in shown.entries:
        by = name(entry.by_id)
        match entry.what:
            case "note":
                at = datetime.fromisoformat(entry.said["at"])
                found.append((at, "note", entry.said["text"], by))
            case "measure":
                found.append((entry.at, entry.name.replace("_", " "), entry.said["target"], by))
            case "scope":
                found.append((entry.at, f"scope: {entry.said['records']:,} records", "", by))
            case "message":
                found.append((entry.at, f"told: {entry.name} ({entry.state})", "", by))
            case "control":
                found.append((entry.at, "corrective control", entry.said["text"], by))
            case _:
                pass
    return sorted(found, key=lambda one: one[0])
