"""Keeps evidence: files sealed, things described, each with its hash and a chain of custody that the log holds [1.6].

Write-once: an item is never changed. Every night each is hashed again and its chain held against the log's own word;
what was altered, lost or put there by hand is a fault and an alarm. Nothing here is trusted to be what it says it is:
a media type is a hint for people, and every download is an attachment.
"""

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.custody import (
    FIRST,
    SALT_BYTES,
    Act,
    Link,
    Why,
    clean_name,
    commitment,
    digest_of,
    holder,
    offered,
)
from strongroom.compliance.evidence_package import Names, files_of, packed
from strongroom.compliance.evidence_rows import (
    EVENTS,
    Belongs,
    Item,
    Rows,
    Step,
    first_said,
    items,
    links,
    pieces,
)
from strongroom.compliance.overseen import Due, DutyId, Finding, Verdict
from strongroom.compliance.writings import Writings
from strongroom.crypto.envelope import Entropy
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Gone, Malformed
from strongroom.terms import SYSTEM, Caller, PrincipalId

__all__ = ["MOST_BYTES", "Belongs", "EvidenceStore", "Item", "Step", "Why"]

MOST_BYTES: Final = 25 * 1024 * 1024
MOST_LISTED: Final = 500
PIECE_BYTES: Final = 1024 * 1024
CHECK_EVERY: Final = timedelta(days=1)
STALE_AFTER: Final = timedelta(days=2)
DUTY: Final = DutyId("1.6-k")
_LONGEST_SAID: Final = 4000
_LONGEST_TYPE: Final = 100
_STAMPS_AT_ONCE: Final = 50

Stamp = Callable[[str], tuple[bytes, datetime, str] | None]
"""Asks a timestamp authority about a text; None where there is none."""


class EvidenceStore:
    """The evidence of one home. Safe between threads; what a method changed is durable on return, with its event.

    `refuse_strangers` refuses whoever does not keep records of compliance at an instant, `is_active` tells whether a
    person could take something into their hands then.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        writings: Writings,
        *,
        refuse_strangers: Callable[[Caller, datetime], None],
        is_active: Callable[[PrincipalId, datetime], bool],
        stamp: Stamp,
        entropy: Entropy = os.urandom,
    ) -> None:
        self._database = database
        self._audit = audit
        self._writings = writings
        self._rows = Rows(writings, audit)
        self._refuse = refuse_strangers
        self._is_active = is_active
        self._stamp = stamp
        self._entropy = entropy

    # -- what is kept ----------------------------------------------------------------------------

    def put(
        self,
        content: bytes,
        name: str,
        media_type: str,
        belongs: Belongs,
        caller: Caller,
        now: datetime,
        *,
        said: str = "",
    ) -> Item:
        """Keep a file; `said` tells where it comes from and what it was made with. Raises: Malformed, Denied."""
        self._refuse(caller, now)
        with self._database.write() as tx:
            return self.put_in(tx, content, name, media_type, belongs, caller, now, said=said)

    def put_in(
        self,
        tx: Transaction,
        content: bytes,
        name: str,
        media_type: str,
        belongs: Belongs,
        caller: Caller,
        now: datetime,
        *,
        said: str = "",
    ) -> Item:
        """Keep a file within the caller's transaction, whose rules say who may. Raises: Malformed."""
        if len(content) > MOST_BYTES:
            raise Malformed(f"a file has up to {MOST_BYTES // 1024 // 1024} MiB")
        if not content:
            raise Malformed("the file is empty")
        kind = media_type if media_type.isascii() and media_type.isprintable() else ""
        return self._add(
            tx, content, clean_name(name), kind[:_LONGEST_TYPE], belongs, caller, now, said
        )

    def put_thing(
        self, name: str, belongs: Belongs, caller: Caller, now: datetime, *, said: str
    ) -> Item:
        """Keep a thing's description: what it is, its marks, and where it lies. Raises: Malformed, Denied."""
        self._refuse(caller, now)
        if not said.strip():
            raise Malformed("a thing is described: what it is, its marks, where it lies")
        with self._database.write() as tx:
            return self._add(tx, b"", clean_name(name), None, belongs, caller, now, said)

    def listed(self, belongs: Belongs | None = None) -> list[Item]:
        """Return the last items, or those of one thing, the newest first."""
        query = sa.select(items).order_by(items.c.id.desc()).limit(MOST_LISTED)
        if belongs is not None:
            query = query.where(
                items.c.belongs_kind == belongs.kind, items.c.belongs_ref == belongs.ref
            )
        with self._database.read() as tx:
            return [self._rows.item(row) for row in tx.execute(query)]

    def show(self, number: int) -> tuple[Item, list[Step]]:
        """Return an item and its chain. Raises: NotFound, Tampered."""
        with self._database.read() as tx:
            item = self._rows.one(tx, number)
            return item, self._rows.steps(tx, item)

    # -- what is done with it --------------------------------------------------------------------

    def open(self, number: int, why: Why, caller: Caller, now: datetime) -> tuple[Item, bytes]:
        """Return an item's bytes for a purpose, the link of it durable first.

        Raises:
            Denied: the caller keeps no records of compliance.
            Gone: it was disposed of, or is a thing.
            Tampered: it is not what was collected.

        """
        self._refuse(caller, now)
        with self._database.write() as tx:
            item = self._rows.one(tx, number)
            content = self._rows.content(tx, item)
            self._link(tx, item, Act.VIEWED, caller, now, op=why.value)
        return item, content

    def release(
        self, number: int, to: PrincipalId, caller: Caller, now: datetime, *, said: str = ""
    ) -> None:
        """Give an item to another person, who says whether they have it.

        Raises:
            Denied: the caller does not hold it.
            Conflict: it is on its way already, or the other is the holder or can hold nothing.

        """
        self._refuse(caller, now)
        with self._database.write() as tx:
            item = self._rows.one(tx, number)
            chain = self._rows.chain(tx, item)
            if holder(chain) != caller.principal:
                raise Denied(f"evidence {number} is held by another person")
            if offered(chain) is not None:
                raise Conflict(f"evidence {number} was released already")
            if to == caller.principal or not self._is_active(to, now):
                raise Conflict("evidence is released to another, active person")
            self._link(tx, item, Act.RELEASED, caller, now, other=to, said=said)

    def answer(
        self, number: int, caller: Caller, now: datetime, *, accepts: bool, said: str = ""
    ) -> None:
        """Say that an item that was released to you is with you, or is not.

        Who released it may take it back, and cannot confirm. Raises: Denied, Conflict.
        """
        self._refuse(caller, now)
        with self._database.write() as tx:
            item = self._rows.one(tx, number)
            chain = self._rows.chain(tx, item)
            to = offered(chain)
            if to is None:
                raise Conflict(f"evidence {number} is not on its way to anybody")
            takes_back = not accepts and caller.principal == holder(chain)
            if caller.principal != to and not takes_back:
                raise Denied(f"evidence {number} was released to another person")
            act = Act.RECEIVED if accepts else Act.DECLINED
            self._link(tx, item, act, caller, now, said=said)

    def dispose(self, number: int, caller: Caller, now: datetime, *, said: str) -> None:
        """Remove an item's bytes, or say that a thing was destroyed; hash and chain stay.

        Raises:
            Denied: the caller does not hold it.
            Conflict: it is on its way to somebody.
            Malformed: no reason is stated.

        """
        self._refuse(caller, now)
        if not said.strip():
            raise Malformed("evidence is disposed of for a stated reason")
        with self._database.write() as tx:
            item = self._rows.one(tx, number)
            chain = self._rows.chain(tx, item)
            if holder(chain) != caller.principal:
                raise Denied(f"evidence {number} is held by another person")
            if offered(chain) is not None:
                raise Conflict(f"evidence {number} was released and nobody has it yet")
            self._link(tx, item, Act.DISPOSED, caller, now, said=said)
            tx.execute(pieces.delete().where(pieces.c.item_id == number))
            tx.execute(items.update().where(items.c.id == number).values(disposed_at=now))

    def export(
        self,
        number: int,
        why: Why,
        caller: Caller,
        now: datetime,
        names: Names,
    ) -> tuple[str, bytes]:
        """Return a package that proves itself, its name first; the link of it is in the package too.

        Raises: as `open`.
        """
        self._refuse(caller, now)
        with self._database.write() as tx:
            item = self._rows.one(tx, number)
            content = None if item.media_type is None else self._rows.content(tx, item)
            self._link(tx, item, Act.EXPORTED, caller, now, op=why.value)
        # After the commit: the package holds the link of its own export, proved.
        with self._database.read() as tx:
            steps, events = self._rows.steps(tx, item), self._rows.recorded(tx, number)
            row = tx.execute(sa.select(items).where(items.c.id == number)).one()
        stamp = None if row.stamp is None else (bytes(row.stamp), str(row.stamp_root))
        files = files_of(self._audit, item, content, steps, events, stamp, names)
        return f"evidence-{number}.zip", packed(files)

    # -- looks -----------------------------------------------------------------------------------

    def tend(self, now: datetime) -> None:
        """Have stamped what is not, and once a day hash everything again; nothing waits for the network in between."""
        self.check_if_due(now)
        with self._database.read() as tx:
            query = sa.select(items).where(
                items.c.stamped_at.is_(None), items.c.disposed_at.is_(None)
            )
            waiting = [
                self._rows.item(row)
                for row in tx.execute(query.order_by(items.c.id).limit(_STAMPS_AT_ONCE))
            ]
        for item in waiting:
            with self._database.read() as tx:
                first = self._rows.chain(tx, item)[0].digest
            stamped = self._stamp(first)
            if stamped is None:
                return
            answer, at, root = stamped
            values = {"stamp": answer, "stamped_at": at, "stamp_root": root}
            with self._database.write() as tx:
                tx.execute(items.update().where(items.c.id == item.id).values(**values))
                event = self._event(EventType.EVIDENCE_STAMPED, SYSTEM, item, n=0)
                self._audit.append(tx, event, now=now)

    def check_if_due(self, now: datetime) -> None:
        """Look at every item where the last look is a day old."""
        last = self._audit.latest(EventType.EVIDENCE_CHECKED)
        if last is None or not timedelta() <= now - _at(last.body["t"]) < CHECK_EVERY:
            self.check(now)

    def check(self, now: datetime) -> Mapping[int, str]:
        """Hash every item again and hold its chain against the log; return what is wrong by number."""
        with self._database.read() as tx:
            there = set(tx.execute(sa.select(items.c.id)).scalars())
        recorded = {
            int(e.body["obj"]["ref"]) for e in self._audit.of_types((EventType.EVIDENCE_COLLECTED,))
        }
        faults = dict.fromkeys(sorted(recorded - there), "it is gone")
        faults |= dict.fromkeys(sorted(there - recorded), "nobody collected it")
        for number in sorted(there):
            with self._database.read() as tx:
                fault = faults.get(number) or self._rows.fault(tx, number)
            if fault is not None:
                faults[number] = fault
            with self._database.write() as tx:
                values = {"checked_at": now, "fault": fault}
                tx.execute(items.update().where(items.c.id == number).values(**values))
        events = [
            Event(
                EventType.EVIDENCE_FAULTED,
                Outcome.FAILURE,
                SYSTEM,
                reason=Reason.TAMPERED,
                obj_kind=ObjKind.EVIDENCE,
                obj_ref=str(number),
            )
            for number in faults
        ]
        events.append(
            Event(
                EventType.EVIDENCE_CHECKED,
                Outcome.FAILURE if faults else Outcome.SUCCESS,
                SYSTEM,
                n=len(faults) if faults else len(there),
            )
        )
        with self._database.write() as tx:
            self._audit.append(tx, *events, now=now)
        return faults

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what the last look found of every item [1.6-k]."""
        last = self._audit.latest(EventType.EVIDENCE_CHECKED)
        if last is None:
            found = Finding(
                Verdict.UNKNOWN,
                "the evidence store was not looked at yet",
                remedy="it is hashed each night while the home is served; `strongroom incident check` does it now",
            )
            return {DUTY: found}
        at, proof = _at(last.body["t"]), (f"log entry {last.seq}",)
        if last.outcome != Outcome.SUCCESS.value:
            return {
                DUTY: Finding(
                    Verdict.FAIL,
                    f"{last.body['n']} items of evidence are not what was collected, or their custody has a gap",
                    proof,
                    "open each item that is marked at /evidence, keep a copy of the database, and restore it",
                    at,
                )
            }
        if now - at > STALE_AFTER:
            why = "the items of evidence were not hashed for more than two days"
            remedy = "serve the home, or run `strongroom incident check`"
            return {DUTY: Finding(Verdict.UNKNOWN, why, proof, remedy, at)}
        why = f"all {last.body['n']} items of evidence have their hash and an unbroken custody"
        return {DUTY: Finding(Verdict.PASS, why, proof, seen_at=at)}

    def dues(self, now: datetime) -> list[Due]:
        """Return what waits for somebody's word: items that were released to them."""
        del now
        query = sa.select(items).where(items.c.disposed_at.is_(None)).order_by(items.c.id)
        found = []
        with self._database.read() as tx:
            released = sa.select(links.c.item_id).where(links.c.act == Act.RELEASED.value)
            for row in tx.execute(query.where(items.c.id.in_(released))).all():
                chain = self._rows.chain(tx, self._rows.item(row))
                to = offered(chain)
                if to is not None:
                    due = chain[-1].at + timedelta(days=1)
                    what = f"Say whether you have evidence {row.id}"
                    found.append(Due(what, f"/evidence/{row.id}", due, person=to, duty=DUTY))
        return found

    # -- private ---------------------------------------------------------------------------------

    def _add(
        self,
        tx: Transaction,
        content: bytes,
        name: str,
        media_type: str | None,
        belongs: Belongs,
        caller: Caller,
        now: datetime,
        said: str,
    ) -> Item:
        ref = self._entropy(16).hex()
        id_: int = tx.execute(
            items.insert()
            .values(
                ref=ref,
                name=self._writings.seal("evidence_item.name", ref, name),
                media_type=media_type,
                size_bytes=len(content),
                sha256=sha256(content).hexdigest(),
                belongs_kind=belongs.kind,
                belongs_ref=belongs.ref,
                collected_at=now,
            )
            .returning(items.c.id)
        ).scalar_one()
        for number, at in enumerate(range(0, len(content), PIECE_BYTES)):
            piece = content[at : at + PIECE_BYTES]
            sealed = self._writings.seal_bytes("evidence_piece.content", f"{ref}:{number}", piece)
            tx.execute(pieces.insert().values(item_id=id_, number=number, content=sealed))
        item = self._rows.one(tx, id_)
        self._link(tx, item, Act.COLLECTED, caller, now, said=first_said(item, said))
        return item

    def _link(
        self,
        tx: Transaction,
        item: Item,
        act: Act,
        caller: Caller,
        now: datetime,
        *,
        other: PrincipalId | None = None,
        said: str = "",
        op: str | None = None,
    ) -> None:
        """Add a link and its event. Raises: Gone, Tampered where the chain is not the log's."""
        if item.disposed_at is not None:
            raise Gone(f"evidence {item.id} was disposed of")
        if len(said) > _LONGEST_SAID:
            raise Malformed(f"a note has up to {_LONGEST_SAID:,} characters")
        # Held until the commit: two links at once would stand on the same one.
        tx.execute(sa.select(items.c.id).where(items.c.id == item.id).with_for_update())
        chain = self._rows.chain(tx, item)
        if chain:
            self._rows.refuse_broken(tx, item, chain)
        number, before = len(chain), chain[-1].digest if chain else FIRST
        text = said if op is None else op
        salt = self._entropy(SALT_BYTES)
        said_digest = commitment(salt, text)
        link = Link(number, now, act, caller.principal, other, said_digest, before)
        digest = digest_of(item.ref, item.sha256, link)
        place = f"{item.ref}:{number}"
        tx.execute(
            links.insert().values(
                item_id=item.id,
                number=number,
                at=now,
                act=act.value,
                by_id=caller.principal,
                other_id=other,
                said=self._writings.seal_bytes(
                    "evidence_custody.said", place, salt + text.encode()
                ),
                said_digest=said_digest,
                before=before,
                digest=digest,
            )
        )
        event = self._event(
            EVENTS[act],
            caller,
            item,
            n=number,
            op=op,
            bytes_=item.size_bytes if act is Act.COLLECTED else None,
            changes=(Change(Field.CUSTODY, before=before if number else None, after=digest),),
        )
        self._audit.append(tx, event, now=now)

    def _event(
        self,
        type_: EventType,
        caller: Caller,
        item: Item,
        *,
        n: int | None,
        op: str | None = None,
        bytes_: int | None = None,
        changes: tuple[Change, ...] = (),
    ) -> Event:
        return Event(
            type_,
            Outcome.SUCCESS,
            caller,
            op=op,
            obj_kind=ObjKind.EVIDENCE,
            obj_ref=str(item.id),
            n=n,
            bytes_=bytes_,
            changes=changes,
        )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
