"""What scans found: the list, one finding and its excuses, imports, and what is to be scanned [2.5, 2.7]."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from strongroom.assurance.scans import (
    NO_REPOSITORY,
    Assessment,
    Declared,
    Filter,
    ScanKind,
    Severity,
    State,
)
from strongroom.assurance.scans.formats import COLUMNS, FORMATS
from strongroom.assurance.scans.reading import MOST_BYTES
from strongroom.assurance.scans.scan import ExcuseKind
from strongroom.compliance.overseen import DutyId
from strongroom.desk import typed
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route, attachment
from strongroom.desk.forms import Form
from strongroom.desk.paging import PAGE, PAGING, cursor_of, slice_of
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError
from strongroom.policy.limits import LONGEST_ACCEPTANCE, REPOSITORIES_LISTED

FILTERS: Final = frozenset({"severity", "state", "tool", "target", "overdue"})
KINDS: Final[Mapping[ScanKind, str]] = {
    ScanKind.CODE: "Code",
    ScanKind.DEPENDENCIES: "Dependencies",
    ScanKind.SECRETS: "Secrets in a public repository",
    ScanKind.HOST: "Host with personal data",
    ScanKind.WEB: "Web application",
}
STATES: Final[Mapping[State, str]] = {
    State.OPEN: "Open",
    State.ACCEPTED: "Risk accepted",
    State.DISMISSED: "None, for a reason",
    State.FIXED: "Fixed",
}
EXCUSES: Final[Mapping[ExcuseKind, str]] = {
    ExcuseKind.RISK: "Its risk is accepted",
    ExcuseKind.FALSE_POSITIVE: "A false positive",
    ExcuseKind.VEX: "Its maker says that it is none",
    ExcuseKind.REPORT: "The report itself says that it is none",
}
ASKED: Final[Mapping[ExcuseKind, str]] = {
    ExcuseKind.RISK: "Accept its risk until a day",
    ExcuseKind.FALSE_POSITIVE: "Take it for a false positive",
}
DUTIES: Final = tuple(map(DutyId, ("2.7-b", "2.7-c", "2.7-d", "2.5-b")))
_LONGEST: Final = 2000
_REFUSALS: Final = (Malformed, Denied, Conflict, NotFound)


def routes(rooms: Rooms) -> list[Route]:
    """Return list, finding, imports and targets; all of it is for who oversees."""
    pages = _FindingPages(rooms)
    return [
        Route("GET", "/findings", pages.show_all, needs=OVERSEES, query=FILTERS | PAGING),
        Route("GET", "/findings/file", pages.file, needs=OVERSEES, query=FILTERS),
        Route("GET", "/findings/import", pages.form, needs=OVERSEES),
        Route("POST", "/findings/import", pages.take, needs=OVERSEES, upload_bytes=MOST_BYTES),
        Route("POST", "/findings/record", pages.record, needs=OVERSEES, upload_bytes=MOST_BYTES),
        Route("GET", "/findings/scans", pages.scans, needs=OVERSEES, query=PAGING),
        Route("GET", "/findings/scans/{id}", pages.scan, needs=OVERSEES),
        Route("POST", "/findings/targets", pages.declare, needs=OVERSEES),
        Route("POST", "/findings/targets/{id}/retire", pages.retire, needs=OVERSEES),
        Route("GET", "/findings/{id}", pages.show, needs=OVERSEES),
        Route("POST", "/findings/{id}/ask", pages.ask, needs=OVERSEES),
        Route("POST", "/findings/excuses/{id}/approve", pages.approve, needs=OVERSEES),
        Route("POST", "/findings/excuses/{id}/end", pages.end, needs=OVERSEES),
    ]


class _FindingPages:
    def __init__(self, rooms: Rooms) -> None:
        self._scans = rooms.assurance.scans
        self._found = rooms.assurance.vulnerabilities
        self._duties = rooms.assurance.scan_duties
        self._accounts = rooms.accounts

    def show_all(self, exchange: Exchange) -> Answer:
        query, now = exchange.query, exchange.now
        cursor = cursor_of(query)
        fetched = self._found.listed(
            _filter(query), now, before=cursor.before, after=cursor.after, most=PAGE + 1
        )
        tools, targets = self._found.choices()
        return exchange.page(
            "findings.html",
            slice=slice_of(fetched, cursor, lambda one: one.urgency),
            counts=self._found.counts(now),
            severities=[(one.word, one.word) for one in reversed(Severity)],
            critical=Severity.CRITICAL,
            high=Severity.HIGH,
            states=[(state.value, words) for state, words in STATES.items()],
            words=STATES,
            tools=[(one, one) for one in tools],
            targets=[(one, one) for one in targets],
            chosen=query,
            filtered=bool(FILTERS & {name for name, value in query.items() if value}),
            now=now,
            waiting=self._found.waiting(now),
            asked=ASKED,
        )

    def file(self, exchange: Exchange) -> Answer:
        content = self._found.as_csv(_filter(exchange.query), exchange.now)
        return attachment("findings.csv", content)

    def form(self, exchange: Exchange) -> Answer:
        return self._form(exchange)

    def take(self, exchange: Exchange) -> Answer:
        """Import a report and lead to what came of it."""
        form, now = exchange.form, exchange.now
        try:
            upload = form.file("file")
            if upload is None:
                raise Malformed("choose the report's file")
            made = self._scans.import_report(
                upload.content,
                upload.name,
                _declared(form, now),
                exchange.person.caller,
                now,
                format_=form.word("format") or None,
            )
        except _REFUSALS as exc:
            return self._form(exchange, exc)
        return exchange.go(f"/findings/scans/{made.number}", Said.SCAN_IMPORTED)

    def record(self, exchange: Exchange) -> Answer:
        form, now = exchange.form, exchange.now
        try:
            upload = form.file("file")
            if upload is None:
                raise Malformed("choose the report's file")
            said = Assessment(
                "people",
                ScanKind.PENTEST,
                form.word("target"),
                _instant(form.word("scanned_at"), now, "when the test was made"),
                form.text("scope", longest=_LONGEST),
                form.text("tester", longest=_LONGEST),
            )
            made = self._scans.record(
                upload.content, upload.name, said, exchange.person.caller, now
            )
        except _REFUSALS as exc:
            return self._form(exchange, exc, recording=True)
        return exchange.go(f"/findings/scans/{made.number}", Said.SCAN_IMPORTED)

    def scans(self, exchange: Exchange) -> Answer:
        return self._register(exchange)

    def scan(self, exchange: Exchange) -> Answer:
        scan, said = self._scans.scan(exchange.id)
        names = self._accounts.name_of(scan.imported_by)
        return exchange.page("scan_report.html", scan=scan, stated=said, by=names)

    def declare(self, exchange: Exchange) -> Answer:
        form = exchange.form
        try:
            kind = typed.chosen(ScanKind, form.word("kind"), "what kind of scan it is due")
            self._scans.declare(kind, form.word("name"), exchange.person.caller, exchange.now)
        except _REFUSALS as exc:
            return self._register(exchange, exc)
        return exchange.go("/findings/scans", Said.SCAN_TARGET_DECLARED)

    def retire(self, exchange: Exchange) -> Answer:
        try:
            self._scans.retire(exchange.id, exchange.person.caller, exchange.now)
        except _REFUSALS as exc:
            return self._register(exchange, exc)
        return exchange.go("/findings/scans", Said.SCAN_TARGET_RETIRED)

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange, exchange.id)

    def ask(self, exchange: Exchange) -> Answer:
        form, now = exchange.form, exchange.now
        try:
            kind = typed.chosen(ExcuseKind, form.word("kind"), "why it needs no mending")
            days = _number(form.word("days")) if kind is ExcuseKind.RISK else None
            lifetime = None if days is None else timedelta(days=days)
            reason = form.text("reason", longest=_LONGEST)
            made = self._found.ask(exchange.person.caller, exchange.id, kind, reason, lifetime, now)
        except _REFUSALS as exc:
            return self._page(exchange, exchange.id, exc)
        said = Said.FINDING_ASKED if made.approved_at is None else Said.FINDING_APPROVED
        return exchange.go(f"/findings/{exchange.id}", said)

    def approve(self, exchange: Exchange) -> Answer:
        return self._decide(exchange, self._found.approve, Said.FINDING_APPROVED)

    def end(self, exchange: Exchange) -> Answer:
        return self._decide(exchange, self._found.end, Said.FINDING_ENDED)

    # -- private ---------------------------------------------------------------------------------

    def _decide(self, exchange: Exchange, decide: Callable[..., object], said: Said) -> Answer:
        number = self._found.of_excuse(exchange.id)
        try:
            decide(exchange.person.caller, exchange.id, exchange.now)
        except _REFUSALS as exc:
            return self._page(exchange, number, exc)
        return exchange.go(f"/findings/{number}", said)

    def _page(self, exchange: Exchange, number: int, exc: StrongroomError | None = None) -> Answer:
        one, excuses = self._found.show(number, exchange.now)
        people = {
            who for said in excuses for who in (said.asked_by, said.approved_by, said.ended_by)
        }
        return exchange.form_page(
            "finding.html",
            exc,
            one=one,
            excuses=excuses,
            names={who: self._accounts.name_of(who) for who in people if who is not None},
            words=STATES,
            kinds=EXCUSES,
            asked=ASKED,
            waits=any(said.state(exchange.now) == "pending" for said in excuses),
            me=exchange.person.caller.principal,
            now=exchange.now,
            longest=LONGEST_ACCEPTANCE.days,
            typed=exchange.form.text("reason", longest=_LONGEST),
        )

    def _form(
        self, exchange: Exchange, exc: StrongroomError | None = None, *, recording: bool = False
    ) -> Answer:
        form = exchange.form
        names = ("target", "scanned_at", "advisories_at", "commit", "looked_at", "root", "tool")
        return exchange.form_page(
            "findings_import.html",
            exc,
            formats=[(one, one) for one in FORMATS],
            kinds=[(kind.value, words) for kind, words in KINDS.items()],
            columns=COLUMNS,
            most=MOST_BYTES // 1024 // 1024,
            before={
                **{name: form.text(name) for name in (*names, "format", "kind")},
                **{
                    name: form.text(name, longest=_LONGEST)
                    for name in ("columns", "scope", "tester")
                },
            },
            recording=recording,
        )

    def _register(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        cursor, now = cursor_of(exchange.query), exchange.now
        fetched = self._scans.listed(cursor.before, cursor.after, PAGE + 1)
        targets = self._scans.targets()
        none = [
            one for one in targets if one.name == NO_REPOSITORY and one.kind is ScanKind.SECRETS
        ]
        findings = self._duties.findings(now)
        return exchange.form_page(
            "findings_scans.html",
            exc,
            slice=slice_of(fetched, cursor, lambda one: one.number),
            standings=self._duties.standings(now),
            no_repository=none[0] if none else None,
            again_by=none[0].declared_at + REPOSITORIES_LISTED if none else None,
            nothing=NO_REPOSITORY,
            kinds=KINDS,
            choices=[(kind.value, words) for kind, words in KINDS.items()],
            findings=[(duty, findings[duty]) for duty in DUTIES],
            chosen=exchange.query,
            now=now,
            before={name: exchange.form.text(name) for name in ("kind", "name")},
        )


def _filter(query: Mapping[str, str]) -> Filter:
    """Return which findings a query asks for. Raises: Malformed."""
    severities = {one.word: one for one in Severity}
    severity, state = query.get("severity", ""), query.get("state", "")
    if severity and severity not in severities:
        raise Malformed("choose how grave the findings are")
    return Filter(
        severities.get(severity),
        typed.chosen(State, state, "how the findings stand") if state else None,
        query.get("tool") or None,
        query.get("target") or None,
        bool(query.get("overdue")),
    )


def _declared(form: Form, now: datetime) -> Declared:
    """Return what a form says where the report is silent. Raises: Malformed."""

    def at(name: str, what: str) -> datetime | None:
        said = form.word(name)
        return _instant(said, now, what) if said else None

    kind, looked_at = form.word("kind"), form.word("looked_at")
    return Declared(
        target=form.word("target"),
        kind=typed.chosen(ScanKind, kind, "what kind of scan it is") if kind else None,
        commit=form.word("commit").lower() or None,
        scanned_at=at("scanned_at", "when it was made"),
        advisories_at=at("advisories_at", "of when its advisories are"),
        looked_at=_number(looked_at) if looked_at else None,
        root=form.word("root"),
        tool=form.word("tool"),
        columns=_columns(form.text("columns", longest=_LONGEST)),
    )


def _columns(said: str) -> dict[str, str]:
    found = {}
    for line in filter(None, map(str.strip, said.splitlines())):
        ours, equals, theirs = line.partition("=")
        if not equals or ours.strip() in found:
            raise Malformed("each line maps a column, such as rule=Plugin ID")
        found[ours.strip()] = theirs.strip()
    return found


def _instant(said: str, now: datetime, what: str) -> datetime:
    if not said:
        raise Malformed(f"say {what}")
    return typed.instant(said, now)


def _number(said: str) -> int:
    if not (said.isascii() and said.isdigit()) or len(said) > 9:  # noqa: PLR2004 - digits of a column
        raise Malformed("a number has digits alone")
    return int(said)
