"""Changes from being asked for to being done: tested, verified, approved by another person, closed [1.6, 2.7].

A change of storage is opened and closed by storage administrators alone. What this installation lies on was recorded
once; a difference is explained by an approved change when that is closed, and shows as drift until then. Each record is
sealed with its stamps.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import orjson

from strongroom.assurance.changes.administrators import StorageAdministrators
from strongroom.assurance.changes.change import EXPLAINS, Change, Kind, differences
from strongroom.assurance.sealed import Content, SealedRows
from strongroom.assurance.stamps import Stamp, said, stamp, sure
from strongroom.audit import AuditLog, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.audit import Change as Changed
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed
from strongroom.terms import Caller, PrincipalId

LONGEST_TITLE: Final = 120
MOST_LISTED: Final = 200
MOST_KEPT: Final = 2000
"""Ended changes that a finding looks at: those of the months an audit asks about."""
LOOKED_BACK: Final = timedelta(days=400)

_changes: Final = schema.change_record
_states: Final = schema.storage_state


@dataclass(frozen=True, slots=True)
class Recorded:
    """What this installation lay on when somebody recorded it."""

    facts: Mapping[str, str]
    at: datetime
    by: PrincipalId
    change: int | None
    """The change it came by; None: the first one."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What was recorded, what is now, and the names of the facts that differ."""

    recorded: Recorded | None
    facts: Mapping[str, str]
    names: tuple[str, ...]


class Changes:
    """The changes of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        writings: Writings,
        administrators: StorageAdministrators,
        *,
        facts: Callable[[], Mapping[str, str]],
        evidence: Callable[[int], object],
        one_person: bool,
    ) -> None:
        """Keep them; `facts` says what storage is now, `evidence` raises NotFound where there is no such item."""
        self._database = database
        self._audit = audit
        self._people = people
        self._rows = SealedRows(_changes, writings, "change")
        self._recorded = SealedRows(_states, writings, "record of storage")
        self.administrators = administrators
        self._facts = facts
        self._evidence = evidence
        self.one_person = one_person

    # -- reading ---------------------------------------------------------------------------------

    def listed(self, *, most: int = MOST_LISTED) -> list[Change]:
        """Return the newest changes."""
        with self._database.read() as tx:
            return [_change(n, c) for n, c in self._rows.listed(tx, most=most)]

    def recent(self, now: datetime) -> list[Change]:
        """Return those that are open, and those that ended in the last 400 days."""
        where = _changes.c.ended_at.is_(None) | (_changes.c.ended_at > now - LOOKED_BACK)
        with self._database.read() as tx:
            return [_change(n, c) for n, c in self._rows.listed(tx, where, most=MOST_KEPT)]

    def show(self, number: int) -> Change:
        """Return one change. Raises: NotFound, Tampered."""
        with self._database.read() as tx:
            return _change(number, self._rows.one(tx, number))

    def drift(self) -> Drift:
        """Return how what this installation lies on differs from what was recorded."""
        with self._database.read() as tx:
            recorded = self._last(tx)
        facts = dict(self._facts())
        names = () if recorded is None else tuple(differences(recorded.facts, facts))
        return Drift(recorded, facts, names)

    # -- writing ---------------------------------------------------------------------------------

    def record_storage(self, caller: Caller, now: datetime) -> Recorded:
        """Record what this installation lies on, the first time; later only a change does.

        Raises:
            Denied: the caller may not change storage; recorded.
            Conflict: it is recorded already.

        """
        self._people.refuse_strangers(caller, now)
        allowed = self.administrators.allowed(caller.principal, now)
        with self._database.write() as tx:
            if allowed and self._last(tx) is not None:
                raise Conflict("storage is recorded already", hint="open a change")
            recorded = Recorded(dict(self._facts()), now, caller.principal, None)
            if allowed:
                self._keep(tx, caller, recorded)
            else:
                event = Event(
                    EventType.STORAGE_RECORDED,
                    Outcome.DENIED,
                    caller,
                    reason=Reason.NOT_AUTHORIZED,
                    obj_kind=ObjKind.STORAGE,
                    obj_ref="facts",
                )
                self._audit.append(tx, event, now=now)
        if not allowed:
            raise _no_administrator()
        return recorded

    def open(
        self,
        caller: Caller,
        kind: Kind,
        title: str,
        now: datetime,
        *,
        what: str,
        back_out: str,
        risk: str,
    ) -> Change:
        """Ask for a change: what it is, how it is taken back, what could go wrong.

        Raises:
            Denied: the caller may not oversee, or changes storage without being named for it; the latter is recorded.
            Malformed: a text is missing or too long.

        """
        self._people.refuse_strangers(caller, now)
        change = Change(
            0,
            kind,
            said(title, "a title", longest=LONGEST_TITLE),
            said(what, "what is changed"),
            said(back_out, "how it is taken back"),
            said(risk, "what could go wrong"),
            opened=Stamp(caller.principal, now),
        )
        allowed = not change.is_storage or self.administrators.allowed(caller.principal, now)
        with self._database.write() as tx:
            if allowed:
                number = self._rows.add(tx, change, opened_at=now, ended_at=None)
                change = replace(change, id=number)
                self._save(tx, change)
            self._record(
                tx, EventType.CHANGE_OPENED, caller, change, now, op=kind.value,
                refused=None if allowed else Reason.NOT_AUTHORIZED,
            )  # fmt: skip
        if not allowed:
            raise _no_administrator()
        return change

    def test(
        self,
        caller: Caller,
        number: int,
        now: datetime,
        *,
        passed: bool,
        result: str,
        evidence: int | None = None,
    ) -> Change:
        """Record how the test went, until somebody verified it; `evidence` is an item of the evidence store.

        Raises:
            NotFound: no such change, or no such evidence.
            Denied: the caller may not oversee.
            Conflict: it was verified, closed or rejected.
            Malformed: the result is missing; or the change is one of storage and has no evidence.

        """
        self._people.refuse_strangers(caller, now)
        result = said(result, "how the test went")
        if evidence is not None:
            self._evidence(evidence)
        with self._database.write() as tx:
            change = self._open(tx, number)
            if change.verified is not None:
                raise Conflict(f"change {number} is verified", hint="reject it and open another")
            if change.is_storage and passed and evidence is None:
                raise Malformed("the test of a change of storage names its evidence")
            change = replace(
                change,
                tested=Stamp(caller.principal, now),
                test_passed=passed,
                test_result=result,
                evidence=evidence,
            )
            self._save(tx, change)
            op = "passed" if passed else "failed"
            self._record(tx, EventType.CHANGE_TESTED, caller, change, now, op=op, n=evidence)
        return change

    def verify(self, caller: Caller, number: int, now: datetime) -> Change:
        """State that the test shows what it says. Raises: as `approve`."""
        return self._second(caller, number, now, EventType.CHANGE_VERIFIED)

    def approve(self, caller: Caller, number: int, now: datetime) -> Change:
        """Let a change be done.

        Raises:
            NotFound: no such change.
            Denied: the caller may not oversee, or asked for it or tested it; the latter is recorded.
            Conflict: it waits for another step.

        """
        return self._second(caller, number, now, EventType.CHANGE_APPROVED)

    def reject(self, caller: Caller, number: int, now: datetime) -> Change:
        """Say that it will not be done. Raises: NotFound, Denied, Conflict: it is closed or rejected."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            change = replace(self._open(tx, number), rejected=Stamp(caller.principal, now))
            self._save(tx, change)
            self._record(tx, EventType.CHANGE_REJECTED, caller, change, now, op=change.kind.value)
        return change

    def close(
        self,
        caller: Caller,
        number: int,
        now: datetime,
        *,
        major: bool,
        reason: str,
        done_at: datetime | None = None,
    ) -> Change:
        """Say that it is done, and whether it was major; what it explains of storage is recorded.

        Raises:
            NotFound: no such change.
            Denied: the caller may not oversee, or is not named to change storage; the latter is recorded.
            Conflict: it was not approved.
            Malformed: no reason, or it was done before its approval or in the future.

        """
        self._people.refuse_strangers(caller, now)
        reason = said(reason, "why it is major or not")
        done_at = now if done_at is None else done_at
        with self._database.write() as tx:
            change = self._open(tx, number)
            allowed = not change.is_storage or self.administrators.allowed(caller.principal, now)
            if not allowed:
                self._record(
                    tx, EventType.CHANGE_CLOSED, caller, change, now, op="refused",
                    refused=Reason.NOT_AUTHORIZED,
                )  # fmt: skip
            else:
                if change.approved is None:
                    raise Conflict(f"change {number} waits for: {change.state}")
                if not change.approved.at <= done_at <= now:
                    raise Malformed("a change is done after its approval, and not in the future")
                change = replace(
                    change,
                    closed=Stamp(caller.principal, now),
                    done_at=done_at,
                    major=major,
                    major_reason=reason,
                )
                self._save(tx, change)
                op = "major" if major else "minor"
                self._record(tx, EventType.CHANGE_CLOSED, caller, change, now, op=op)
                self._explain(tx, caller, change, now)
        if not allowed:
            raise _no_administrator()
        return change

    # -- private ---------------------------------------------------------------------------------

    def _second(self, caller: Caller, number: int, now: datetime, type_: EventType) -> Change:
        """Put the stamp of a person who neither asked for it nor tested it."""
        self._people.refuse_strangers(caller, now)
        step = "verify" if type_ is EventType.CHANGE_VERIFIED else "approve"
        with self._database.write() as tx:
            change = self._open(tx, number)
            if change.state != step or change.tested is None:
                raise Conflict(f"change {number} waits for: {change.state}")
            own = caller.principal in {change.opened.by, change.tested.by}
            allowed = self.one_person or not own
            if allowed:
                made = Stamp(caller.principal, now)
                alone = change.alone or own
                if step == "verify":
                    change = replace(change, verified=made, alone=alone)
                else:
                    change = replace(change, approved=made, alone=alone)
                self._save(tx, change)
            self._record(
                tx, type_, caller, change, now, op="alone" if own and allowed else None,
                refused=None if allowed else Reason.SELF_REVIEW,
            )  # fmt: skip
        if not allowed:
            raise Denied(
                f"change {number} needs another person to {step} it",
                hint="who asked for it or tested it may not",
            )
        return change

    def _explain(self, tx: Transaction, caller: Caller, change: Change, now: datetime) -> None:
        """Record the facts that a closed change explains; the rest stays as it was recorded."""
        recorded = self._last(tx)
        if recorded is None:
            return
        facts = dict(self._facts())
        explained = EXPLAINS.get(change.kind, frozenset()) & set(differences(recorded.facts, facts))
        if not explained:
            return
        kept = {name: value for name, value in recorded.facts.items() if name not in explained}
        kept |= {name: facts[name] for name in explained if name in facts}
        self._keep(tx, caller, Recorded(kept, now, caller.principal, change.id))

    def _keep(self, tx: Transaction, caller: Caller, recorded: Recorded) -> None:
        self._recorded.add(tx, recorded, at=recorded.at)
        packed = orjson.dumps(dict(recorded.facts), option=orjson.OPT_SORT_KEYS)
        event = Event(
            EventType.STORAGE_RECORDED,
            Outcome.SUCCESS,
            caller,
            op="first" if recorded.change is None else "change",
            obj_kind=ObjKind.STORAGE,
            obj_ref="facts",
            n=recorded.change,
            changes=(Changed(Field.CONTENT, after=hashlib.sha256(packed).hexdigest()),),
        )
        self._audit.append(tx, event, now=recorded.at)

    def _last(self, tx: Transaction) -> Recorded | None:
        content = next((c for _, c in self._recorded.listed(tx, most=1)), None)
        if content is None:
            return None
        return Recorded(
            content["facts"],
            datetime.fromisoformat(content["at"]),
            PrincipalId(content["by"]),
            content["change"],
        )

    def _open(self, tx: Transaction, number: int) -> Change:
        """Return a change that is open, held until the end of the transaction."""
        change = _change(number, self._rows.one(tx, number, to_change=True))
        if not change.is_open:
            raise Conflict(f"change {number} is {change.state}")
        return change

    def _save(self, tx: Transaction, change: Change) -> None:
        ended = change.closed or change.rejected
        self._rows.save(
            tx,
            change.id,
            change,
            opened_at=change.opened.at,
            ended_at=None if ended is None else ended.at,
        )

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        change: Change,
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
            obj_kind=ObjKind.CHANGE,
            obj_ref=str(change.id),
            n=n,
        )
        self._audit.append(tx, event, now=now)


def _no_administrator() -> Denied:
    return Denied(
        "storage is changed by people who are named for it",
        hint="`strongroom change people` lists them; another person approves each",
    )


def _change(number: int, content: Content) -> Change:
    done_at = content["done_at"]
    return Change(
        number,
        Kind(content["kind"]),
        content["title"],
        content["what"],
        content["back_out"],
        content["risk"],
        sure(content["opened"]),
        stamp(content["tested"]),
        content["test_passed"],
        content["test_result"],
        content["evidence"],
        stamp(content["verified"]),
        stamp(content["approved"]),
        content["alone"],
        stamp(content["rejected"]),
        stamp(content["closed"]),
        None if done_at is None else datetime.fromisoformat(done_at),
        content["major"],
        content["major_reason"],
    )
