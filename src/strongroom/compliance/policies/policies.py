"""The house's own documents: written, approved by another person, known by everybody, looked at again [1.6, 2.2, 2.7].

A version counts only while the log says that exactly this text was approved, by whom and when: a row that somebody
edits counts no more. Nobody approves what they wrote or submitted, but in a home that declared having one person.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.people import People, refuse_programs
from strongroom.compliance.policies import store, text
from strongroom.compliance.policies.kinds import SPECS, Kind, Spec, required, template
from strongroom.compliance.policies.store import Version
from strongroom.compliance.policies.told import Approval, Told
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Tampered
from strongroom.terms import Caller, PrincipalId

ALARM_RULES: Final = "alarm_rules"
"""The blank that a new draft of the incident plan has filled in already: the rules that watch."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one document stands."""

    spec: Spec
    current: Version | None
    """What holds: the version approved last, also past its review date."""
    approval: Approval | None
    """What the log says of it."""
    open: Version | None
    """What is on its way to an approval."""
    sound: bool
    """False: what was approved last is gone, or its text is another."""
    missing: Mapping[PrincipalId, str]
    """Who has not acknowledged it yet."""
    people: int
    """How many have to."""

    @property
    def percent(self) -> int:
        """How many of them have, rounded down; 100 where nobody has to."""
        return (self.people - len(self.missing)) * 100 // self.people if self.people else 100


class Policies:
    """The documents of one home. What a method changed is durable on return, with its event. Safe between threads."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        *,
        one_person: bool,
        rules: Iterable[str] = (),
        known: Callable[[datetime], Mapping[str, str]] = lambda _now: {},
    ) -> None:
        """Keep them; `rules` are the alarm rules that watch, `known` gives values of blanks that the home knows."""
        self._database = database
        self._audit = audit
        self._people = people
        self._told = Told(audit)
        self._known = known
        self.one_person = one_person
        self.rules: Final = tuple(rules)

    # -- reading ---------------------------------------------------------------------------------

    def current(self, kind: Kind, now: datetime) -> Version | None:
        """Return the version of a document that holds; None where none was approved.

        It holds past its review date too, until another one does: `state` says `overdue` then.

        Raises:
            Tampered: what was approved last is gone, or its text is another.

        """
        del now
        with self._database.read() as tx:
            version, _approval, sound = self._holding(tx, kind)
        if not sound:
            raise Tampered(f"the {SPECS[kind].title.lower()} is not what was approved")
        return version

    def standing(self, kind: Kind, now: datetime) -> Standing:
        """Return where one document stands."""
        return self._standing(kind, self._people.active(now))

    def standings(self, now: datetime) -> list[Standing]:
        """Return where every document stands."""
        return self._database.kept(("policies", now), lambda: self._standings(now))

    def _standings(self, now: datetime) -> list[Standing]:
        active = self._people.active(now)
        return [self._standing(kind, active) for kind in Kind]

    def version(self, number: int) -> Version:
        """Return one version. Raises: NotFound."""
        with self._database.read() as tx:
            return store.one(tx, number)

    def versions(self, kind: Kind) -> list[Version]:
        """Return the versions of one document, the newest first."""
        with self._database.read() as tx:
            return store.listed(tx, kind)

    def approval(self, version: Version) -> Approval | None:
        """Return what the log says of a version's approval; None where it says nothing, or of another text."""
        found = self._told.approvals().get(version.id)
        return found if found is not None and _fits(version, found) else None

    def before(self, version: Version) -> Version | None:
        """Return the version that held before this one: what it is compared with."""
        earlier = (
            one
            for one in self.versions(version.kind)
            if one.number < version.number and one.approved_at is not None
        )
        return next(earlier, None)

    def faults(self, version: Version) -> list[str]:
        """Return what a version lacks to be approved."""
        return text.faults(version.text, required(version.kind))

    def waiting_for(self, person: PrincipalId, now: datetime) -> list[Version]:
        """Return the versions that a person has to acknowledge."""
        return [
            one.current
            for one in self.standings(now)
            if one.current is not None and one.sound and person in one.missing
        ]

    def acknowledged_at(self, version: Version, person: PrincipalId) -> datetime | None:
        """Return when a person acknowledged a version."""
        return self._told.acknowledged(version.id, version.digest).get(person)

    # -- writing ---------------------------------------------------------------------------------

    def begin(
        self,
        kind: Kind,
        caller: Caller,
        now: datetime,
        *,
        written: str | None = None,
        from_template: bool = False,
    ) -> Version:
        """Begin a draft: of `written`, else of what holds, else of our own text, with what the home knows filled in.

        Raises:
            Conflict: one is on its way already.
            Denied: the caller may not oversee.
            Malformed: the text is none.

        """
        self._people.refuse_strangers(caller, now)
        with self._database.read() as tx:
            holds, _approval, sound = self._holding(tx, kind)
        if written is None:
            base = holds.text if holds and sound and not from_template else template(kind)
            values = {**self._known(now), ALARM_RULES: _rules_list(self.rules)}
            written = base
            for name, value in values.items():
                written = written.replace(f"{{{{{name}}}}}", value) if value else written
        written = text.checked(written)
        try:
            with self._database.write() as tx:
                if (there := store.open_one(tx, kind)) is not None:
                    raise Conflict(f"version {there.number} is on its way", hint="change that one")
                made = tx.execute(
                    store.versions.insert()
                    .values(
                        kind=kind.value,
                        number=store.next_number(tx, kind),
                        text=written,
                        digest=text.digest(written),
                        authors=str(caller.principal),
                        drafted_at=now,
                    )
                    .returning(store.versions.c.id)
                ).scalar_one()
                version = store.one(tx, made)
                self._record(tx, EventType.POLICY_DRAFTED, caller, version, now)
        except IntegrityError:
            raise Conflict("somebody else began a draft meanwhile") from None
        return version

    def write(self, number: int, written: str, caller: Caller, now: datetime) -> Version:
        """Replace the text of a draft.

        Raises:
            NotFound, Denied, Malformed: as above.
            Conflict: it is no draft: what was submitted or approved is not changed.

        """
        self._people.refuse_strangers(caller, now)
        written = text.checked(written)
        with self._database.write() as tx:
            version = self._draft(tx, number)
            authors = version.authors | {caller.principal}
            version = store.change(
                tx,
                version,
                text=written,
                digest=text.digest(written),
                authors=" ".join(map(str, sorted(authors))),
                drafted_at=now,
            )
            self._record(tx, EventType.POLICY_DRAFTED, caller, version, now)
        return version

    def fill(
        self, number: int, values: Mapping[str, str], caller: Caller, now: datetime
    ) -> Version:
        """Fill in blanks of a draft. Raises: as `write`."""
        return self.write(number, text.filled(self.version(number).text, values), caller, now)

    def drop(self, number: int, caller: Caller, now: datetime) -> Version:
        """Give a draft up. Raises: as `write`."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            version = store.change(tx, self._draft(tx, number), dropped_at=now)
            self._record(tx, EventType.POLICY_DRAFTED, caller, version, now)
        return version

    def submit(self, number: int, caller: Caller, now: datetime) -> Version:
        """Put a draft before another person. From now on its text stays as it is.

        Raises:
            NotFound, Denied, Conflict: as `write`.
            Malformed: a blank is left, or a heading is missing or has nothing below it.

        """
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            version = self._draft(tx, number)
            self._refuse_incomplete(version)
            version = store.change(tx, version, submitted_by=caller.principal, submitted_at=now)
            self._record(tx, EventType.POLICY_SUBMITTED, caller, version, now)
        return version

    def give_back(self, number: int, caller: Caller, now: datetime) -> Version:
        """Make a draft again of what was submitted. Raises: NotFound, Denied; Conflict: it was not submitted."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            version = self._submitted(tx, number)
            version = store.change(tx, version, submitted_by=None, submitted_at=None)
            self._record(tx, EventType.POLICY_RETURNED, caller, version, now)
        return version

    def approve(self, number: int, digest: str, caller: Caller, now: datetime) -> Version:
        """Let what was submitted hold from now on; `digest` is that of the text that the approver read.

        Raises:
            NotFound: no such version.
            Conflict: it was not submitted, or its text is not the one that was read.
            Denied: the caller may not oversee, or wrote or submitted it; the latter is recorded.
            Malformed: it is not complete.

        """
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            version = self._submitted(tx, number)
            own = caller.principal in version.authors or caller.principal == version.submitted_by
            allowed = self.one_person or not own
            if not allowed:
                self._record(
                    tx, EventType.POLICY_APPROVED, caller, version, now, refused=Reason.SELF_REVIEW
                )
            else:
                if not version.digest == text.digest(version.text) == digest:
                    raise Conflict("the text is not the one you read", hint="read it again")
                self._refuse_incomplete(version)
                version = store.change(tx, version, approved_by=caller.principal, approved_at=now)
                self._record(tx, EventType.POLICY_APPROVED, caller, version, now, alone=own)
        if not allowed:
            raise Denied(
                f"version {version.number} needs another person's approval",
                hint="who wrote or submitted it may not approve it",
            )
        return version

    def acknowledge(self, number: int, digest: str, caller: Caller, now: datetime) -> None:
        """Record that the caller read exactly this text; doing it again changes nothing.

        Raises:
            NotFound: no such version.
            Denied: no person asks.
            Conflict: it does not hold, or its text is not the one that was read.

        """
        refuse_programs(caller)
        if caller.principal not in self._people.active(now):
            raise Denied("your account acknowledges nothing at the moment")
        version = self.version(number)
        holds = self.current(version.kind, now)
        if holds is None or holds.id != number:
            raise Conflict("this version does not hold", hint="read the one that does")
        if digest != holds.digest:
            raise Conflict("the text is not the one you read", hint="read it again")
        table = store.acknowledgements
        here = (table.c.version_id == number, table.c.person_id == caller.principal)
        with self._database.write() as tx:
            told = caller.principal in self._told.acknowledged(number, digest)
            if told and tx.execute(sa.select(table.c.at).where(*here)).first() is not None:
                return
            tx.execute(table.delete().where(*here))
            tx.execute(
                table.insert().values(
                    version_id=number, person_id=caller.principal, digest=digest, at=now
                )
            )
            self._record(tx, EventType.POLICY_ACKNOWLEDGED, caller, holds, now)

    # -- private ---------------------------------------------------------------------------------

    def _standing(self, kind: Kind, active: Mapping[PrincipalId, str]) -> Standing:
        spec = SPECS[kind]
        with self._database.read() as tx:
            version, approval, sound = self._holding(tx, kind)
            there = store.open_one(tx, kind)
        missing: dict[PrincipalId, str] = {}
        if version is not None and spec.known_by_all:
            done = self._told.acknowledged(version.id, version.digest)
            missing = {id_: name for id_, name in active.items() if id_ not in done}
        people = len(active) if version is not None and spec.known_by_all else 0
        return Standing(spec, version, approval, there, sound, missing, people)

    def _holding(self, tx: Transaction, kind: Kind) -> tuple[Version | None, Approval | None, bool]:
        """Return what holds by the log, its approval, and whether its row is what was approved."""
        of_kind = [one for one in self._told.approvals().values() if one.kind is kind]
        if not of_kind:
            return None, None, True
        last = of_kind[-1]
        try:
            version = store.one(tx, last.version)
        except NotFound:
            return None, last, False
        # When it was approved, and by whom, is what the log says.
        version = replace(version, approved_at=last.at, approved_by=last.approver)
        return replace(version, superseded=False), last, _fits(version, last)

    def _draft(self, tx: Transaction, number: int) -> Version:
        version = store.one(tx, number, for_update=True)
        if not version.is_open or version.submitted_at is not None:
            raise Conflict(
                f"version {version.number} is no draft",
                hint="what was submitted is given back first; what was approved stays, and a new draft begins",
            )
        return version

    def _submitted(self, tx: Transaction, number: int) -> Version:
        version = store.one(tx, number, for_update=True)
        if not version.is_open or version.submitted_at is None:
            raise Conflict(f"version {version.number} does not wait for an approval")
        return version

    def _refuse_incomplete(self, version: Version) -> None:
        if found := self.faults(version):
            raise Malformed(f"the document is not complete: {'; '.join(found)}")

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        version: Version,
        now: datetime,
        *,
        refused: Reason | None = None,
        alone: bool = False,
    ) -> None:
        event = Event(
            type_,
            Outcome.SUCCESS if refused is None else Outcome.DENIED,
            caller,
            reason=refused,
            op=f"{version.kind.value}.alone" if alone else version.kind.value,
            obj_kind=ObjKind.POLICY,
            obj_ref=str(version.id),
            n=version.number,
            changes=(Change(Field.CONTENT, after=version.digest),),
        )
        self._audit.append(tx, event, now=now)


def _fits(version: Version, approval: Approval) -> bool:
    """Tell whether a row is what the log says was approved."""
    return (version.kind, version.number, text.digest(version.text), version.digest) == (
        approval.kind,
        approval.number,
        approval.digest,
        approval.digest,
    )


def _rules_list(rules: Iterable[str]) -> str:
    return "\n".join(f"- `{rule}`" for rule in rules)
