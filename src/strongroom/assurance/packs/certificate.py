"""The certificate of compliance that Amazon may ask for in writing, issued by who leads the company [3].

It lists every duty as it stands, exceptions first, and says "all are kept" only where that is so: what is knowingly not
kept is an exception as well. The page is kept in the evidence store and is the answer to Amazon's request; a signed
note over its SHA-256 proves that this house made it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from strongroom.assurance.audits import Asked, Assessments
from strongroom.assurance.packs.account import Account, written
from strongroom.assurance.packs.packs import Packs
from strongroom.assurance.packs.report import drawn, shown
from strongroom.assurance.packs.tables import clause
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance.duties.board import KEPT
from strongroom.compliance.evidence_rows import Belongs
from strongroom.compliance.offices import Offices
from strongroom.compliance.overseen import Office
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.terms import Caller

FORMAT: Final = "strongroom/compliance-certificate/v1"
LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was certified: the page, the note over it, and the item of evidence that it is now."""

    page: bytes = field(repr=False)
    note: str
    key: str
    evidence: int
    asked: Asked
    """The request, which it answers."""
    exceptions: int
    """Duties that it does not certify."""


@dataclass(frozen=True, slots=True)
class Certifying:
    """Issues the certificates of one home."""

    packs: Packs
    audits: Assessments
    offices: Offices
    one_person: bool

    def may(self, caller: Caller, now: datetime) -> bool:
        """Tell whether a caller certifies for the company: who leads it, or the deputy."""
        return self.one_person or caller.principal in self.offices.holders(Office.EXECUTIVE, now)

    def issue(
        self, caller: Caller, audit: int, request: int, company: str, now: datetime
    ) -> Certificate:
        """Draw the certificate, keep it as evidence, and answer the request with it. Durable on return.

        Raises:
            NotFound: no such request in this audit.
            Denied: the caller does not lead the company; recorded.
            Malformed: the company is not named.
            Conflict: the request is not for a certificate, is accepted, or the audit is closed.

        """
        self.packs.compliance.people.refuse_strangers(caller, now)
        opened, requests, _ = self.audits.show(audit)
        asked = next((one for one in requests if one.id == request), None)
        if asked is None:
            raise NotFound(f"there is no request {request} in audit {audit}")
        if not asked.certificate:
            raise Conflict(f"request {request} does not ask for a certificate")
        if asked.accepted is not None or opened.closed is not None:
            raise Conflict(f"request {request} is accepted, or its audit is closed")
        named = company.strip()
        if not named or len(named) > LONGEST_NAME:
            raise Malformed(f"name the company that certifies, in up to {LONGEST_NAME} characters")
        if not self.may(caller, now):
            self._record(caller, request, "none", now, refused=Reason.NOT_AUTHORIZED)
            raise Denied(
                "the company is certified for by who leads it",
                hint="the holder or deputy of the executive's office issues it",
            )
        account = self.packs.reckoned(caller, now)
        page = drawn("certificate.typ", account, _said(account, named))
        digest = sha256(page).hexdigest()
        note = self.packs.signer.sign(f"{FORMAT}\n{digest}\n")
        item = self.packs.compliance.evidence.put(
            page,
            f"certificate-{now:%Y-%m-%d}.pdf",
            "application/pdf",
            Belongs("assessment", str(audit)),
            caller,
            now,
            said=f"Drawn by this house. Signed note:\n{note}",
        )
        self._record(caller, request, digest, now)
        left = sum(row.status not in KEPT for row in account.rows)
        told = (
            f"Certificate of {written(now)}, SHA-256 {digest}. "
            + (f"It names {left} exceptions." if left else "It names no exception.")
        )  # fmt: skip
        answered = self.audits.answer(caller, audit, request, told, now, evidence=item.id)
        return Certificate(page, note, self.packs.vkey, item.id, answered, left)

    def _record(
        self,
        caller: Caller,
        request: int,
        digest: str,
        now: datetime,
        *,
        refused: Reason | None = None,
    ) -> None:
        event = Event(
            EventType.COMPLIANCE_CERTIFIED,
            Outcome.SUCCESS if refused is None else Outcome.DENIED,
            caller,
            reason=refused,
            obj_kind=ObjKind.PACK,
            obj_ref=digest,
            n=request,
        )
        self.packs.audit.record(event, now=now)


def _said(account: Account, company: str) -> dict[str, object]:
    return {
        "title": "Certificate of compliance",
        "company": company,
        "exceptions": [shown(clause(row)) for row in account.rows if row.status not in KEPT],
        "rows": [shown(clause(row)) for row in account.rows if row.status in KEPT],
        "total": len(account.rows),
    }
