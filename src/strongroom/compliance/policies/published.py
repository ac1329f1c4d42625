"""Looks whether the privacy policy stands where it is published, word for word as it was approved [2.2].

The address is of the house's own site; its pages may put whatever around the text. What was seen counts for a week.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.policies import markup, store
from strongroom.compliance.policies.kinds import Kind
from strongroom.compliance.policies.policies import Policies
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Misconfigured
from strongroom.outbound import Outbound, Unreachable, client_context
from strongroom.terms import SYSTEM, Caller

_KIND: Final = Kind.PRIVACY_POLICY
_PAGE_BYTES: Final = 4 * 1024 * 1024
_FOUND: Final = 200


class Found(StrEnum):
    """What was seen at the address."""

    SAME = "same"
    DIFFERENT = "different"
    """The page has not this text."""
    REFUSED = "refused"
    """It answers something else than a page; it may lead elsewhere, which is not followed."""
    UNREACHABLE = "unreachable"
    """It does not answer, or not with a certificate that is trusted."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One look."""

    version: int
    at: datetime
    found: Found


class Published:
    """The published privacy policy of one home."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        policies: Policies,
        *,
        address: str,
        ca: Path | None = None,
    ) -> None:
        """Look at `address`, empty for none; `ca` is a PEM file to trust in place of the public roots."""
        self._database = database
        self._audit = audit
        self._policies = policies
        self._ca = ca
        self.address: Final = address

    def last(self) -> Comparison | None:
        """Return the last look; None where there was none."""
        table = store.comparisons
        with self._database.read() as tx:
            row = tx.execute(sa.select(table).where(table.c.kind == _KIND.value)).first()
        return None if row is None else Comparison(row.version_id, row.at, Found(row.found))

    def compare(self, now: datetime, caller: Caller = SYSTEM) -> Comparison:
        """Look now; recorded.

        Raises:
            Conflict: there is no address, or no approved privacy policy.
            Tampered: the policy is not what was approved.
            Misconfigured: the certificate authority cannot be read.

        """
        version = self._policies.current(_KIND, now)
        if not self.address or version is None:
            raise Conflict(
                "there is nothing to compare",
                hint="set documents.privacy_url, and have a privacy policy approved",
            )
        found = self._look(markup.words(markup.html(version.text)))
        table = store.comparisons
        with self._database.write() as tx:
            tx.execute(table.delete().where(table.c.kind == _KIND.value))
            tx.execute(
                table.insert().values(
                    kind=_KIND.value, version_id=version.id, at=now, found=found.value
                )
            )
            event = Event(
                EventType.POLICY_COMPARED,
                Outcome.SUCCESS if found is Found.SAME else Outcome.FAILURE,
                caller,
                reason=_REASONS.get(found),
                op=_KIND.value,
                obj_kind=ObjKind.POLICY,
                obj_ref=str(version.id),
                n=version.number,
                changes=(Change(Field.CONTENT, after=version.digest),),
            )
            self._audit.append(tx, event, now=now)
        return Comparison(version.id, now, found)

    def compare_if_due(self, now: datetime) -> None:
        """Look where there is something to look at; for the schedule."""
        if self.address and self._policies.current(_KIND, now) is not None:
            self.compare(now)

    def _look(self, wanted: list[str]) -> Found:
        try:
            answer = self._outbound().send("GET", self.address, headers={"accept": "text/html"})
        except Unreachable:
            return Found.UNREACHABLE
        if answer.status != _FOUND:
            return Found.REFUSED
        page = markup.words(answer.body.decode("utf-8", errors="replace"))
        return Found.SAME if markup.holds(page, wanted) else Found.DIFFERENT

    def _outbound(self) -> Outbound:
        try:
            pem = None if self._ca is None else self._ca.read_text(encoding="ascii")
            return Outbound(client_context(pem), answer_bytes=_PAGE_BYTES)
        except (OSError, ValueError):
            raise Misconfigured(
                "documents.privacy_ca cannot be read",
                hint="it names a PEM file; a relative path is in the home",
            ) from None


_REASONS: Final = {
    Found.DIFFERENT: Reason.CONFLICT,
    Found.REFUSED: Reason.NOT_FOUND,
    Found.UNREACHABLE: Reason.UNREACHABLE,
}
