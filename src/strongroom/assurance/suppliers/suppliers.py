"""The register of subcontractors and facilities: written by one person, assessed by another [3].

Nothing is deleted: an entry ends, and stays with its assessments. Each is sealed as a whole.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from strongroom.assurance.sealed import Content, SealedRows
from strongroom.assurance.stamps import Stamp, said, stamp, sure
from strongroom.assurance.suppliers.supplier import Assessed, Contract, Role, Supplier
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance.evidence import EvidenceStore
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed
from strongroom.terms import Caller, PrincipalId

LONGEST_NAME: Final = 120
LONGEST_TEXT: Final = 2000
MOST: Final = 500
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_DESTINATION: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_table: Final = schema.supplier


class Suppliers:
    """The register of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        writings: Writings,
        evidence: EvidenceStore,
        *,
        one_person: bool,
    ) -> None:
        """Keep it; in a home of one person the same writes and assesses."""
        self._database = database
        self._audit = audit
        self._people = people
        self._evidence = evidence
        self._rows = SealedRows(_table, writings, "supplier")
        self.one_person = one_person

    def listed(self, *, ended: bool = False) -> list[Supplier]:
        """Return those of the register, the newest first; `ended` ones too. Raises: Tampered."""
        where = None if ended else _table.c.ended_at.is_(None)
        with self._database.read() as tx:
            return [_supplier(n, c) for n, c in self._rows.listed(tx, where, most=MOST)]

    def show(self, number: int) -> Supplier:
        """Return one. Raises: NotFound, Tampered."""
        with self._database.read() as tx:
            return _supplier(number, self._rows.one(tx, number))

    def add(
        self,
        caller: Caller,
        role: Role,
        name: str,
        does: str,
        countries: Sequence[str],
        now: datetime,
        *,
        destinations: Sequence[str] = (),
    ) -> Supplier:
        """Write one down. Raises: Denied, Malformed, Conflict: the register is full."""
        self._people.refuse_strangers(caller, now)
        one = Supplier(
            0,
            role,
            said(name, "what it is called", longest=LONGEST_NAME),
            said(does, "what it does with the data", longest=LONGEST_TEXT),
            _codes(countries),
            _named(destinations),
            Stamp(caller.principal, now),
        )
        with self._database.write() as tx:
            if len(list(self._rows.listed(tx, _table.c.ended_at.is_(None), most=MOST))) >= MOST:
                raise Conflict(f"the register has {MOST} entries")
            number = self._rows.add(tx, one, ended_at=None)
            one = replace(one, id=number)
            self._keep(tx, caller, one, "added", now)
        return one

    def change(
        self,
        caller: Caller,
        number: int,
        does: str,
        countries: Sequence[str],
        destinations: Sequence[str],
        now: datetime,
    ) -> Supplier:
        """Write what it does, where, and by which destinations anew: it is assessed again, as by then.

        Whoever did so counts as who wrote it down. Raises: NotFound, Denied, Malformed, Conflict.
        """
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            one = replace(
                self._open(tx, number),
                does=said(does, "what it does with the data", longest=LONGEST_TEXT),
                countries=_codes(countries),
                destinations=_named(destinations),
                added=Stamp(caller.principal, now),
            )
            self._keep(tx, caller, one, "changed", now)
        return one

    def state_contract(
        self, caller: Caller, number: int, evidence: int, now: datetime, *, audit_clause: bool
    ) -> Supplier:
        """State which item of the evidence store is its contract, and whether Amazon may audit by it.

        Raises:
            NotFound: no such entry or item.
            Denied: the caller does not oversee.
            Conflict: the entry has ended, is a facility of our own, or the item is spoilt.

        """
        self._people.refuse_strangers(caller, now)
        self._refuse_spoilt(evidence)
        with self._database.write() as tx:
            one = self._open(tx, number)
            if one.role is Role.FACILITY:
                raise Conflict("a facility of our own has no contract")
            stated = Contract(evidence, audit_clause, Stamp(caller.principal, now))
            one = replace(one, contract=stated)
            self._keep(tx, caller, one, "contract", now)
        return one

    def assess(
        self,
        caller: Caller,
        number: int,
        note: str,
        now: datetime,
        *,
        passed: bool,
        evidence: int | None = None,
    ) -> Supplier:
        """Keep an assessment of how it protects the data: by another person than wrote it down.

        Raises:
            NotFound: no such entry or item.
            Denied: the caller does not oversee, or wrote it down; the latter is recorded.
            Conflict: it has ended, or the item is spoilt.
            Malformed: nothing is said of it.

        """
        self._people.refuse_strangers(caller, now)
        if evidence is not None:
            self._refuse_spoilt(evidence)
        told = said(note, "what was looked at, and what was found", longest=LONGEST_TEXT)
        with self._database.write() as tx:
            one = self._open(tx, number)
            own = one.added.by == caller.principal and not self.one_person
            if not own:
                made = Assessed(passed, told, evidence, caller.principal, now)
                one = replace(one, assessments=(*one.assessments, made))
            reason = Reason.SELF_REVIEW if own else None
            self._keep(tx, caller, one, "passed" if passed else "failed", now, refused=reason)
        if own:
            raise Denied(
                "nobody assesses what they wrote down", hint="another person who oversees does"
            )
        return one

    def end(self, caller: Caller, number: int, now: datetime) -> Supplier:
        """Take one off the register: it has the data no more. Raises: NotFound, Denied, Conflict."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            one = replace(self._open(tx, number), ended=Stamp(caller.principal, now))
            self._keep(tx, caller, one, "ended", now)
        return one

    # -- private ---------------------------------------------------------------------------------

    def _open(self, tx: Transaction, number: int) -> Supplier:
        one = _supplier(number, self._rows.one(tx, number, to_change=True))
        if one.ended is not None:
            raise Conflict(f"supplier {number} has ended")
        return one

    def _refuse_spoilt(self, evidence: int) -> None:
        item, _ = self._evidence.show(evidence)
        if item.fault is not None or item.disposed_at is not None:
            raise Conflict(f"evidence {evidence} is spoilt or disposed of")

    def _keep(
        self,
        tx: Transaction,
        caller: Caller,
        one: Supplier,
        op: str,
        now: datetime,
        *,
        refused: Reason | None = None,
    ) -> None:
        ended_at = None if one.ended is None else one.ended.at
        self._rows.save(tx, one.id, one, ended_at=ended_at)
        event = Event(
            EventType.SUPPLIER_CHANGED,
            Outcome.SUCCESS if refused is None else Outcome.DENIED,
            caller,
            reason=refused,
            op=op,
            obj_kind=ObjKind.SUPPLIER,
            obj_ref=str(one.id),
        )
        self._audit.append(tx, event, now=now)


def _codes(countries: Sequence[str]) -> tuple[str, ...]:
    codes = tuple(
        dict.fromkeys(country.strip().upper() for country in countries if country.strip())
    )
    if not codes or not all(_COUNTRY.fullmatch(code) for code in codes):
        raise Malformed("name its countries by codes of two letters, such as DE PL")
    return codes


def _named(destinations: Sequence[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in destinations if name.strip()))
    if not all(_DESTINATION.fullmatch(name) for name in names):
        raise Malformed("a destination is named as `strongroom destination list` does")
    return names


def _supplier(number: int, content: Content) -> Supplier:
    contract = content["contract"]
    return Supplier(
        number,
        Role(content["role"]),
        content["name"],
        content["does"],
        tuple(content["countries"]),
        tuple(content["destinations"]),
        sure(content["added"]),
        None
        if contract is None
        else Contract(contract["evidence"], contract["audit_clause"], sure(contract["stated"])),
        tuple(
            Assessed(
                one["passed"],
                one["note"],
                one["evidence"],
                PrincipalId(one["by"]),
                datetime.fromisoformat(one["at"]),
            )
            for one in content["assessments"]
        ),
        stamp(content["ended"]),
    )
