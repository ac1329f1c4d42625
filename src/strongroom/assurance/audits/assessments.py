"""Audits: requests and answers, findings with plan, evidence and Amazon's written approval before anything closes [3].

Nothing here is ever deleted: what an audit asked and found stays with the books. An auditor asks and accepts within
the audit that admitted them, as `Seats` says; everything else is for who oversees. Each record is sealed as a whole.
"""

from dataclasses import replace
from datetime import date, datetime
from typing import Final

from strongroom.assurance.audits.assessment import (
    CERTIFIED_WITHIN,
    Asked,
    Assessment,
    Deficiency,
    Shown,
    out_of_order,
)
from strongroom.assurance.audits.seats import Seats
from strongroom.assurance.sealed import Content, SealedRows
from strongroom.assurance.stamps import Stamp, said, stamp, sure
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance.evidence import EvidenceStore, Item
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.terms import Caller, PrincipalId, PrincipalKind

LONGEST_TITLE: Final = 120
MOST_LISTED: Final = 200
MOST_KEPT: Final = 2000
WRITTEN: Final = (".eml", ".pdf")
"""What an approval in writing comes as."""

_assessments: Final = schema.assessment
_asked: Final = schema.assessment_request
_found: Final = schema.assessment_finding


class Assessments:
    """The audits of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        writings: Writings,
        evidence: EvidenceStore,
        seats: Seats,
    ) -> None:
        """Keep them."""
        self._database = database
        self._audit = audit
        self._people = people
        self._evidence = evidence
        self.seats = seats
        self._rows = SealedRows(_assessments, writings, "audit")
        self._requests = SealedRows(_asked, writings, "request of an audit")
        self._findings = SealedRows(_found, writings, "finding of an audit")

    # -- reading ---------------------------------------------------------------------------------

    def listed(self) -> list[Assessment]:
        """Return the newest audits."""
        with self._database.read() as tx:
            return [_assessment(n, c) for n, c in self._rows.listed(tx, most=MOST_LISTED)]

    def show(self, number: int) -> tuple[Assessment, list[Asked], list[Deficiency]]:
        """Return an audit with its newest requests and findings. Raises: NotFound, Tampered."""
        with self._database.read() as tx:
            one = _assessment(number, self._rows.one(tx, number))
            return one, self._asked_in(tx, number), self._found_in(tx, number)

    def asked(self) -> list[Asked]:
        """Return the newest requests of all audits."""
        with self._database.read() as tx:
            return [_request(n, c) for n, c in self._requests.listed(tx, most=MOST_KEPT)]

    def found(self) -> list[Deficiency]:
        """Return the newest findings of all audits, which make the plan of action and milestones."""
        with self._database.read() as tx:
            return [_finding(n, c) for n, c in self._findings.listed(tx, most=MOST_KEPT)]

    # -- an audit --------------------------------------------------------------------------------

    def open(self, caller: Caller, title: str, auditor: str, now: datetime) -> Assessment:
        """Open an audit that Amazon announced. Raises: Denied, Malformed."""
        self._people.refuse_strangers(caller, now)
        one = Assessment(
            0,
            said(title, "what is audited", longest=LONGEST_TITLE),
            said(auditor, "who audits", longest=LONGEST_TITLE),
            Stamp(caller.principal, now),
        )
        with self._database.write() as tx:
            number = self._rows.add(tx, one, opened_at=now, ended_at=None)
            one = replace(one, id=number)
            self._rows.save(tx, number, one, opened_at=now, ended_at=None)
            self._record(tx, EventType.ASSESSMENT_OPENED, caller, number, now)
        return one

    def close(self, caller: Caller, number: int, now: datetime) -> Assessment:
        """Close an audit; its auditors are out from this instant on.

        Raises:
            NotFound: no such audit.
            Denied: the caller may not oversee.
            Conflict: a request is not accepted, or a finding lacks Amazon's written approval; recorded.

        """
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            one = self._to_change(tx, number)
            waiting = [f"request {r.id}" for r in self._asked_in(tx, number) if r.accepted is None]
            waiting += [
                f"finding {f.id}: {fault}"
                for f in self._found_in(tx, number)
                if (fault := out_of_order(f))
            ]
            if not waiting:
                one = replace(one, closed=Stamp(caller.principal, now))
                self._rows.save(tx, number, one, opened_at=one.opened.at, ended_at=now)
            self._record(
                tx, EventType.ASSESSMENT_CLOSED, caller, number, now,
                refused=Reason.CONFLICT if waiting else None,
            )  # fmt: skip
        if waiting:
            raise Conflict(
                f"audit {number} is not closed: {'; '.join(waiting[:5])}",
                hint="Amazon approves the evidence of each finding in writing first",
            )
        return one

    # -- requests --------------------------------------------------------------------------------

    def ask(
        self,
        caller: Caller,
        number: int,
        text: str,
        due_at: datetime,
        now: datetime,
        *,
        certificate: bool = False,
        owner: str | None = None,
    ) -> Asked:
        """Keep a request; one for a certificate of compliance is due within 10 days, whatever day is named.

        Raises:
            NotFound: no such audit or person.
            Denied: the caller neither oversees nor audits this one.
            Conflict: the audit is closed.
            Malformed: no text, or a day that has passed.

        """
        self._refuse_outsiders(caller, number, now)
        if certificate:
            due_at = min(due_at, now + CERTIFIED_WITHIN)
        if due_at <= now:
            raise Malformed("a request is due in the future")
        asked = Asked(
            0,
            number,
            said(text, "what is asked for"),
            due_at,
            Stamp(caller.principal, now),
            certificate,
            None if owner is None else self._people.named(owner, now),
        )
        with self._database.write() as tx:
            self._to_change(tx, number)
            id_ = self._requests.add(tx, asked, assessment_id=number)
            asked = replace(asked, id=id_)
            self._save_request(tx, asked)
            self._record(tx, EventType.ASSESSMENT_RECORDED, caller, number, now, op="asked", n=id_)
        return asked

    def answer(
        self,
        caller: Caller,
        number: int,
        request: int,
        text: str,
        now: datetime,
        *,
        evidence: int | None = None,
    ) -> Asked:
        """Answer a request; the answer to one for a certificate names it in the evidence store.

        Raises:
            NotFound: no such request in this audit, or no such evidence.
            Denied: the caller may not oversee.
            Conflict: it is accepted, or the audit is closed.
            Malformed: no text; a certificate without its evidence.

        """
        self._people.refuse_strangers(caller, now)
        if evidence is not None:
            self._item(evidence)
        with self._database.write() as tx:
            self._to_change(tx, number)
            asked = self._one_asked(tx, number, request)
            if asked.accepted is not None:
                raise Conflict(f"request {request} is accepted")
            if asked.certificate and evidence is None:
                raise Malformed("the certificate itself is named, as an item of evidence")
            asked = replace(
                asked,
                answer=said(text, "what the answer is"),
                evidence=evidence,
                answered=Stamp(caller.principal, now),
            )
            self._save_request(tx, asked)
            self._record(
                tx, EventType.ASSESSMENT_RECORDED, caller, number, now, op="answered", n=request
            )
        return asked

    def judge(
        self, caller: Caller, number: int, request: int, now: datetime, *, accepted: bool
    ) -> Asked:
        """Accept an answer, or open the request again: for the auditor, or who writes down what Amazon said.

        Raises:
            NotFound: no such request in this audit.
            Denied: the caller neither oversees nor audits this one, or gave the answer; the latter is recorded.
            Conflict: it waits for its answer, or the audit is closed.

        """
        self._refuse_outsiders(caller, number, now)
        with self._database.write() as tx:
            self._to_change(tx, number)
            asked = self._one_asked(tx, number, request)
            if asked.answered is None:
                raise Conflict(f"request {request} waits for its answer")
            own = accepted and asked.answered.by == caller.principal
            if not own:
                asked = (
                    replace(asked, accepted=Stamp(caller.principal, now))
                    if accepted
                    else replace(asked, answered=None, accepted=None)
                )
                self._save_request(tx, asked)
            self._record(
                tx, EventType.ASSESSMENT_RECORDED, caller, number, now, n=request,
                op="accepted" if accepted else "reopened",
                refused=Reason.SELF_REVIEW if own else None,
            )  # fmt: skip
        if own:
            raise Denied("nobody accepts an answer of their own", hint="the auditor does")
        return asked

    # -- findings --------------------------------------------------------------------------------

    def find(self, caller: Caller, number: int, text: str, now: datetime) -> Deficiency:
        """Keep a finding of an audit. Raises: NotFound, Denied, Conflict, Malformed."""
        self._people.refuse_strangers(caller, now)
        one = Deficiency(0, number, said(text, "what was found"), Stamp(caller.principal, now))
        with self._database.write() as tx:
            self._to_change(tx, number)
            id_ = self._findings.add(tx, one, assessment_id=number)
            one = replace(one, id=id_)
            self._keep(tx, caller, one, now, "found")
        return one

    def plan(
        self, caller: Caller, number: int, finding: int, text: str, until: datetime, now: datetime
    ) -> Deficiency:
        """Keep the plan of action with the date agreed with Amazon; a later plan replaces it until evidence is there.

        Raises:
            NotFound: no such finding in this audit.
            Denied: the caller may not oversee.
            Conflict: evidence was submitted under a plan already, or the audit is closed.
            Malformed: no text, or a date that has passed.

        """
        self._people.refuse_strangers(caller, now)
        if until <= now:
            raise Malformed("the agreed date is in the future")
        with self._database.write() as tx:
            one = self._one_found(tx, number, finding)
            if one.shown:
                raise Conflict(f"finding {finding} has evidence under its plan")
            one = replace(
                one,
                plan=said(text, "what will be done"),
                agreed_until=until,
                planned=Stamp(caller.principal, now),
            )
            self._keep(tx, caller, one, now, "planned")
        return one

    def submit(
        self, caller: Caller, number: int, finding: int, evidence: int, now: datetime
    ) -> Deficiency:
        """Submit an item of the evidence store for a finding: a document, a picture, or the record of a call.

        Raises:
            NotFound: no such finding in this audit, or no such evidence.
            Denied: the caller may not oversee.
            Conflict: there is no plan yet, it is approved, or the evidence is spoilt.

        """
        self._people.refuse_strangers(caller, now)
        self._item(evidence)
        with self._database.write() as tx:
            one = self._one_found(tx, number, finding)
            if one.planned is None:
                raise Conflict(f"finding {finding} waits for its plan")
            one = replace(one, shown=(*one.shown, Shown(evidence, caller.principal, now)))
            self._keep(tx, caller, one, now, "submitted")
        return one

    def approve(
        self,
        caller: Caller,
        number: int,
        finding: int,
        evidence: int,
        day: date,
        now: datetime,
    ) -> Deficiency:
        """Keep Amazon's approval in writing: a mail or a PDF in the evidence store, and the day it bears.

        Raises:
            NotFound: no such finding in this audit, or no such evidence.
            Denied: the caller may not oversee.
            Conflict: no evidence was submitted yet, or it is approved already.
            Malformed: neither mail nor PDF, kept or dated before the last evidence, or dated in the future.

        """
        self._people.refuse_strangers(caller, now)
        item = self._item(evidence)
        if not item.name.lower().endswith(WRITTEN) or item.media_type is None:
            raise Malformed("an approval in writing is kept as .eml or .pdf")
        with self._database.write() as tx:
            one = self._one_found(tx, number, finding)
            if not one.shown:
                raise Conflict(f"finding {finding} has no evidence that could be approved")
            last = one.shown[-1].at
            if item.collected_at < last or evidence in {s.evidence for s in one.shown}:
                raise Malformed("the approval was kept before the last evidence was submitted")
            if not last.date() <= day <= now.date():
                raise Malformed("an approval is dated after the last evidence, not in the future")
            one = replace(
                one, approval=evidence, approved_on=day, approved=Stamp(caller.principal, now)
            )
            self._keep(tx, caller, one, now, "approved")
        return one

    # -- private ---------------------------------------------------------------------------------

    def _refuse_outsiders(self, caller: Caller, number: int, now: datetime) -> None:
        if caller.kind is PrincipalKind.PERSON and self.seats.of(caller.principal, now) == number:
            return
        self._people.refuse_strangers(caller, now)

    def _item(self, evidence: int) -> Item:
        item, _ = self._evidence.show(evidence)
        if item.fault is not None or item.disposed_at is not None:
            raise Conflict(f"evidence {evidence} is spoilt or disposed of")
        return item

    def _to_change(self, tx: Transaction, number: int) -> Assessment:
        """Return an audit that is open, held until the end of the transaction."""
        one = _assessment(number, self._rows.one(tx, number, to_change=True))
        if one.closed is not None:
            raise Conflict(f"audit {number} is closed")
        return one

    def _asked_in(self, tx: Transaction, number: int) -> list[Asked]:
        where = _asked.c.assessment_id == number
        return [_request(n, c) for n, c in self._requests.listed(tx, where, most=MOST_KEPT)]

    def _found_in(self, tx: Transaction, number: int) -> list[Deficiency]:
        where = _found.c.assessment_id == number
        return [_finding(n, c) for n, c in self._findings.listed(tx, where, most=MOST_KEPT)]

    def _one_asked(self, tx: Transaction, number: int, request: int) -> Asked:
        one = _request(request, self._requests.one(tx, request, to_change=True))
        if one.assessment != number:
            raise NotFound(f"there is no request {request} in audit {number}")
        return one

    def _one_found(self, tx: Transaction, number: int, finding: int) -> Deficiency:
        self._to_change(tx, number)
        one = _finding(finding, self._findings.one(tx, finding, to_change=True))
        if one.assessment != number:
            raise NotFound(f"there is no finding {finding} in audit {number}")
        if one.approved is not None:
            raise Conflict(f"finding {finding} is approved")
        return one

    def _save_request(self, tx: Transaction, asked: Asked) -> None:
        self._requests.save(tx, asked.id, asked, assessment_id=asked.assessment)

    def _keep(
        self, tx: Transaction, caller: Caller, one: Deficiency, now: datetime, op: str
    ) -> None:
        self._findings.save(tx, one.id, one, assessment_id=one.assessment)
        type_ = EventType.ASSESSMENT_RECORDED
        self._record(tx, type_, caller, one.assessment, now, op=op, n=one.id)

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        number: int,
        now: datetime,
        *,
        op: str | None = None,
        n: int | None = None,
        refused: Reason | None = None,
    ) -> None:
        event = Event(
            type_,
            Outcome.SUCCESS if refused is None else Outcome.DENIED,
            caller,
            reason=refused,
            op=op,
            obj_kind=ObjKind.ASSESSMENT,
            obj_ref=str(number),
            n=n,
        )
        self._audit.append(tx, event, now=now)


def _assessment(number: int, content: Content) -> Assessment:
    return Assessment(
        number,
        content["title"],
        content["auditor"],
        sure(content["opened"]),
        stamp(content["closed"]),
    )


def _request(number: int, content: Content) -> Asked:
    owner = content["owner"]
    return Asked(
        number,
        content["assessment"],
        content["text"],
        datetime.fromisoformat(content["due_at"]),
        sure(content["asked"]),
        content["certificate"],
        None if owner is None else PrincipalId(owner),
        content["answer"],
        content["evidence"],
        stamp(content["answered"]),
        stamp(content["accepted"]),
    )


def _finding(number: int, content: Content) -> Deficiency:
    until, day = content["agreed_until"], content["approved_on"]
    return Deficiency(
        number,
        content["assessment"],
        content["text"],
        sure(content["found"]),
        content["plan"],
        None if until is None else datetime.fromisoformat(until),
        stamp(content["planned"]),
        tuple(
            Shown(s["evidence"], PrincipalId(s["by"]), datetime.fromisoformat(s["at"]))
            for s in content["shown"]
        ),
        content["approval"],
        None if day is None else date.fromisoformat(day),
        stamp(content["approved"]),
    )
