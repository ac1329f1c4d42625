"""What is known of a notice, each thing with the event that says so [1.7, 2.6].

A row has the words, its event one HMAC of them: a row that was edited, taken away or put back later has no effect, and
is told. The last event about a thing decides.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import NotFound, Tampered
from strongroom.terms import Caller, PrincipalId

KINDS: Final = {
    type_.value.rpartition(".")[2]: type_
    for type_ in EventType
    if type_.value.startswith("deletion.")
}
_facts: Final = schema.deletion_fact
_notices: Final = schema.deletion_notice


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known: who said it when, in which event."""

    kind: str
    name: str
    content: Mapping[str, Any]
    event: int
    by: PrincipalId
    at: datetime
    seal: str
    """The pseudonym under which the log knows all of it."""


class Facts:
    """The facts of one home's notices. Durable on return, with their events. Safe between threads."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def begin(self, tx: Transaction) -> int:
        """Return the number of a new notice."""
        number: int = tx.execute(
            _notices.insert().values(selectors=None).returning(_notices.c.id)
        ).scalar_one()
        return number

    def name(self, tx: Transaction, notice: int, selectors: bytes) -> None:
        """Keep the sealed selectors of a notice."""
        tx.execute(_notices.update().where(_notices.c.id == notice).values(selectors=selectors))

    def selectors(self, notice: int) -> bytes | None:
        """Return what `name` kept."""
        query = sa.select(_notices.c.selectors).where(_notices.c.id == notice)
        with self._database.read() as tx:
            found: bytes | None = tx.execute(query).scalar_one_or_none()
        return found

    def numbers(self) -> list[int]:
        """Return the number of every notice, oldest first."""
        with self._database.read() as tx:
            return list(tx.execute(sa.select(_notices.c.id).order_by(_notices.c.id)).scalars())

    def add(  # noqa: PLR0913 - what, about what, by whom, and how it ended
        self,
        notice: int,
        kind: str,
        content: Mapping[str, Any],
        caller: Caller,
        now: datetime,
        *,
        name: str = "",
        n: int | None = None,
        bytes_: int | None = None,
        reason: Reason | None = None,
        tx: Transaction | None = None,
    ) -> None:
        """Keep one more; `reason` says why it did not simply succeed."""
        if tx is None:
            with self._database.write() as own:
                self.add(
                    notice, kind, content, caller, now,
                    name=name, n=n, bytes_=bytes_, reason=reason, tx=own,
                )  # fmt: skip
            return
        text = json.dumps(content, sort_keys=True)
        tx.execute(
            _facts.insert().values(notice_id=notice, kind=kind, name=name, content=text, at=now)
        )
        event = Event(
            KINDS[kind],
            Outcome.SUCCESS if reason is None else Outcome.FAILURE,
            caller,
            reason=reason,
            op=name or None,
            obj_kind=ObjKind.NOTICE,
            obj_ref=str(notice),
            n=n,
            bytes_=bytes_,
            changes=(Change(Field.TERMS, after=self._seal(notice, kind, name, text)),),
        )
        self._audit.append(tx, event, now=now)

    def refuse(self, notice: int, kind: str, caller: Caller, now: datetime, name: str = "") -> None:
        """Record that somebody may not do this; durable on return."""
        event = Event(
            KINDS[kind],
            Outcome.DENIED,
            caller,
            reason=Reason.NOT_AUTHORIZED,
            op=name or None,
            obj_kind=ObjKind.NOTICE,
            obj_ref=str(notice),
        )
        self._audit.record(event, now=now)

    def of(self, notice: int) -> list[Fact]:
        """Return the last of each kind and name, in the order of their events.

        Raises:
            NotFound: there is no such notice.
            Tampered: a row is not what its event says, or is missing.

        """
        last: dict[tuple[str, str], tuple[int, str]] = {}
        for entry in self._audit.of_types(KINDS.values()):
            about = entry.body.get("obj", {})
            seal = next((change.get("after") for change in entry.body.get("chg", ())), None)
            if about == {"kind": ObjKind.NOTICE.value, "ref": str(notice)} and seal is not None:
                kind = entry.type.rpartition(".")[2]
                last[kind, entry.body.get("op", "")] = (entry.seq, seal)
        query = sa.select(_facts).where(_facts.c.notice_id == notice).order_by(_facts.c.id)
        with self._database.read() as tx:
            rows = {
                self._seal(notice, row.kind, row.name, row.content): row
                for row in tx.execute(query)
            }
        if not last:
            raise NotFound(f"there is no notice {notice}")
        return [
            self._fact(notice, rows.get(seal), seq, seal) for seq, seal in sorted(last.values())
        ]

    def _fact(self, notice: int, row: Any, seq: int, seal: str) -> Fact:  # noqa: ANN401 - a row
        if row is None:
            raise Tampered(
                f"notice {notice}: what event {seq} says is not what is stored",
                hint="find out who writes to the database; the log has the event",
            )
        # Who said it is what the signed tree says.
        said = self._audit.proved(seq)
        sealed = next(change["after"] for change in said["chg"])
        if sealed != seal or said["obj"]["ref"] != str(notice):
            raise Tampered(f"audit log: event.edited: event {seq} is not as recorded")
        return Fact(
            row.kind,
            row.name,
            json.loads(row.content),
            seq,
            PrincipalId(said["actor"]["id"]),
            datetime.fromisoformat(said["t"]),
            seal,
        )

    def _seal(self, notice: int, kind: str, name: str, content: str) -> str:
        told = json.dumps([notice, kind, name, content])
        return self._audit.pseudonym("deletion", told)
