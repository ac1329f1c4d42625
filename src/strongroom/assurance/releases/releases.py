"""Releases on record: made only of a commit that the gate lets through, approved by another person [2.7]."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from strongroom.assurance.releases.gate import (
    Asked,
    Condition,
    Report,
    Tried,
    allows,
    commit_of,
    judge,
)
from strongroom.assurance.scans import Quality, Scans
from strongroom.assurance.sealed import Content, SealedRows
from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed
from strongroom.terms import Caller, PrincipalId

MOST_LISTED: Final = 200
LONGEST_NAME: Final = 80
_table: Final = schema.release_record


@dataclass(frozen=True, slots=True)
class Proof:
    """One scan that a release rests on."""

    number: int
    kind: str
    tool: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Release:
    """One release. It counts once another person approved it, and until it is withdrawn."""

    id: int
    product: str
    version: str
    commit: str
    committed_at: datetime
    scans: tuple[Proof, ...]
    passed: int
    tested_at: datetime
    recorded_by: PrincipalId
    recorded_at: datetime
    approved_by: PrincipalId | None = None
    approved_at: datetime | None = None
    alone: bool = False
    """In a home of one person, who recorded it as well."""
    withdrawn_by: PrincipalId | None = None
    withdrawn_at: datetime | None = None

    @property
    def state(self) -> str:
        """Return `withdrawn`, `pending` or `released`."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "pending" if self.approved_at is None else "released"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate says of a commit."""

    conditions: list[Condition]
    scans: tuple[Proof, ...] = field(default=())

    @property
    def allowed(self) -> bool:
        """Whether it may be released."""
        return allows(self.conditions)


class Releases:
    """The releases of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        writings: Writings,
        scans: Scans,
        *,
        one_person: bool,
    ) -> None:
        self._database = database
        self._audit = audit
        self._people = people
        self._rows = SealedRows(_table, writings, "release")
        self._scans = scans
        self.one_person = one_person

    def check(
        self, commit: str, committed_at: datetime, tests: Tried | None, now: datetime
    ) -> Judged:
        """Return what the gate says of a commit, by the scans that were imported. Raises: Malformed."""
        commit = commit_of(commit)
        if committed_at > now:
            raise Malformed("a commit was made in the past")
        scans = self._scans.of_commit(commit)
        reports = [
            Report(
                one.kind, one.tool, one.commit, one.scanned_at, one.quality, one.why, one.sha256,
                one.number,
            )
            for one in scans
        ]  # fmt: skip
        stops = [
            f"{one.tool} {one.details.rule} {one.details.where}".rstrip()
            for one in self._scans.blockers(now, commit)
        ]
        asked = Asked(commit, committed_at, reports, stops, tests)
        proofs = tuple(
            Proof(one.number, one.kind.value, one.tool, one.sha256)
            for one in scans
            if one.quality is Quality.COMPLETE
        )
        return Judged(judge(asked, now), proofs)

    def listed(self, most: int = MOST_LISTED) -> list[Release]:
        """Return the newest releases."""
        with self._database.read() as tx:
            return [_release(n, c) for n, c in self._rows.listed(tx, most=most)]

    def show(self, number: int) -> Release:
        """Return one release. Raises: NotFound, Tampered."""
        with self._database.read() as tx:
            return _release(number, self._rows.one(tx, number))

    def standing(self, release: Release) -> str | None:
        """Return what is wrong with a release's scans now; None where each is there as it was."""
        there = {one.number: one for one in self._scans.of_commit(release.commit)}
        for proof in release.scans:
            scan = there.get(proof.number)
            if scan is None or scan.sha256 != proof.sha256:
                return f"its scan {proof.number} is not there as it was"
            if scan.scanned_at > release.recorded_at or scan.quality is not Quality.COMPLETE:
                return f"its scan {proof.number} is younger than the release, or not complete"
        kinds = {proof.kind for proof in release.scans}
        lacking = {"code", "dependencies", "secrets"} - kinds
        return f"it has no scan of {', '.join(sorted(lacking))}" if lacking else None

    def record(
        self,
        caller: Caller,
        product: str,
        version: str,
        commit: str,
        committed_at: datetime,
        tests: Tried | None,
        now: datetime,
    ) -> Release:
        """Put a release before another person.

        Raises:
            Denied: the caller may not oversee.
            Malformed: no name, version or full hash.
            Conflict: the gate refuses the commit, or this version is on record.

        """
        self._people.refuse_strangers(caller, now)
        for text in (product, version):
            if not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
                raise Malformed(f"product and version have up to {LONGEST_NAME} characters")
        judged = self.check(commit, committed_at, tests, now)
        refuse(judged)
        if tests is None:
            raise Conflict("the tests of this commit are not recorded")
        release = Release(
            0,
            product,
            version,
            commit,
            committed_at,
            judged.scans,
            tests.passed,
            tests.finished_at,
            caller.principal,
            now,
        )
        with self._database.write() as tx:
            for _, content in self._rows.listed(tx, most=MOST_LISTED):
                one = _release(0, content)
                if one.state != "withdrawn" and (one.product, one.version) == (product, version):
                    raise Conflict("this version is on record", hint="withdraw it first")
            number = self._rows.add(tx, release, commit_sha=commit, recorded_at=now)
            release = replace(release, id=number)
            self._save(tx, release)
            self._record(tx, EventType.RELEASE_RECORDED, caller, release, now)
        return release

    def approve(self, caller: Caller, number: int, now: datetime) -> Release:
        """Let a release count; the gate is asked again.

        Raises:
            NotFound: no such release.
            Denied: the caller may not oversee, or recorded it; the latter is recorded.
            Conflict: it is approved or withdrawn, or the gate refuses its commit by now.

        """
        self._people.refuse_strangers(caller, now)
        found = self.show(number)
        tests = Tried(found.commit, found.tested_at, found.passed, 0)
        judged = self.check(found.commit, found.committed_at, tests, now)
        with self._database.write() as tx:
            release = _release(number, self._rows.one(tx, number, to_change=True))
            if release.state != "pending":
                raise Conflict(f"release {number} is {release.state}")
            own = caller.principal == release.recorded_by
            allowed = self.one_person or not own
            if allowed:
                refuse(judged)
                release = replace(release, approved_by=caller.principal, approved_at=now, alone=own)
                self._save(tx, release)
            self._record(
                tx, EventType.RELEASE_APPROVED, caller, release, now, op="alone" if own else None,
                denied=not allowed,
            )  # fmt: skip
        if not allowed:
            raise Denied(f"release {number} needs another person's approval")
        return release

    def withdraw(self, caller: Caller, number: int, now: datetime) -> Release:
        """Say that a release does not count, or no longer. Raises: NotFound, Denied, Conflict."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            release = _release(number, self._rows.one(tx, number, to_change=True))
            if release.withdrawn_at is not None:
                raise Conflict(f"release {number} is withdrawn")
            release = replace(release, withdrawn_by=caller.principal, withdrawn_at=now)
            self._save(tx, release)
            self._record(tx, EventType.RELEASE_WITHDRAWN, caller, release, now)
        return release

    # -- private ---------------------------------------------------------------------------------

    def _save(self, tx: Transaction, release: Release) -> None:
        self._rows.save(
            tx, release.id, release, commit_sha=release.commit, recorded_at=release.recorded_at
        )

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        release: Release,
        now: datetime,
        *,
        op: str | None = None,
        denied: bool = False,
    ) -> None:
        withdrawn = type_ is EventType.RELEASE_WITHDRAWN
        digest = hashlib.sha256(release.commit.encode("ascii")).hexdigest()
        event = Event(
            type_,
            Outcome.DENIED if denied else Outcome.SUCCESS,
            caller,
            reason=Reason.SELF_REVIEW if denied else None,
            op=op,
            obj_kind=ObjKind.RELEASE,
            obj_ref=str(release.id),
            changes=() if withdrawn else (Change(Field.CONTENT, after=digest),),
        )
        self._audit.append(tx, event, now=now)


def refuse(judged: Judged) -> None:
    """Refuse what the gate refuses. Raises: Conflict, which names each condition that is not met."""
    if not judged.allowed:
        lacking = [one for one in judged.conditions if one.verdict.value != "pass"]
        raise Conflict(
            "the gate refuses this commit: "
            + ", ".join(f"{one.name} is {one.verdict.value}" for one in lacking),
            hint=lacking[0].remedy,
        )


def _release(number: int, content: Content) -> Release:
    said: Mapping[str, Any] = content

    def at(name: str) -> datetime | None:
        return None if said[name] is None else datetime.fromisoformat(said[name])

    return Release(
        number,
        said["product"],
        said["version"],
        said["commit"],
        datetime.fromisoformat(said["committed_at"]),
        tuple(Proof(**one) for one in said["scans"]),
        said["passed"],
        datetime.fromisoformat(said["tested_at"]),
        PrincipalId(said["recorded_by"]),
        datetime.fromisoformat(said["recorded_at"]),
        said["approved_by"],
        at("approved_at"),
        said["alone"],
        said["withdrawn_by"],
        at("withdrawn_at"),
    )
