"""Scans of what holds or handles Amazon's data: their reports, and the register of what they found [2.5, 2.7].

A report is kept with its SHA-256, read, and held against the register in one transaction: with its event it is there as
a whole, or not at all. What a report is worth is said with it: one that skipped something passes nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa

from strongroom.assurance.scans import formats
from strongroom.assurance.scans.importing import Arriving, Held, Importing
from strongroom.assurance.scans.parsed import Declared, Parsed, identified, quality_of
from strongroom.assurance.scans.reading import MOST_BYTES, text
from strongroom.assurance.scans.rows import (
    SAID,
    Rows,
    alone,
    found,
    is_open,
    scan_of,
    scans,
    target_of,
    targets,
)
from strongroom.assurance.scans.scan import (
    FixWithin,
    Quality,
    Scan,
    ScanKind,
    Severity,
    State,
    Target,
    Vulnerability,
)
from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome
from strongroom.compliance.evidence import MOST_BYTES as MOST_KEPT
from strongroom.compliance.evidence import Belongs, EvidenceStore
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.policy.limits import ADVISORIES_FRESH
from strongroom.terms import Caller

MOST_TARGETS: Final = 500
MOST_LISTED: Final = 200
NO_REPOSITORY: Final = "none"
"""The target of secret scans that says: there is no public repository."""
CLOCKS_DIFFER: Final = timedelta(minutes=5)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,119}", re.ASCII)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)

Strangers = Callable[[Caller, datetime], None]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A test by people, or a scan whose report only people read: what was in its scope, and who made it."""

    tool: str
    kind: ScanKind
    target: str
    scanned_at: datetime
    scope: str
    tester: str
    """Who made it, and why they are independent of what they tested."""
    commit: str | None = None


class Scans:
    """The scans of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        writings: Writings,
        evidence: EvidenceStore,
        *,
        refuse_strangers: Strangers,
        within: FixWithin,
    ) -> None:
        self._database = database
        self._audit = audit
        self._writings = writings
        self._evidence = evidence
        self._refuse = refuse_strangers
        self._within = within
        self._rows = Rows(writings)
        self._importing = Importing(self._rows, writings)

    # -- reports ---------------------------------------------------------------------------------

    def import_report(
        self,
        content: bytes,
        name: str,
        declared: Declared,
        caller: Caller,
        now: datetime,
        *,
        format_: str | None = None,
    ) -> Scan:
        """Take a report in and hold it against the register; `name` is what its sender calls the file.

        Raises:
            Denied: the caller does not keep records of compliance.
            Malformed: it cannot be read, or says neither itself nor by `declared` when it was made or of what.

        """
        self._refuse(caller, now)
        parsed = formats.read(content, declared, format_)
        tool = _named(parsed.tool.lower().replace(" ", "-"), "tool")
        target = _named(declared.target or parsed.target, "target")
        scanned_at = _instant(parsed.scanned_at or declared.scanned_at, now)
        advisories_at = parsed.advisories_at or declared.advisories_at
        if advisories_at is not None and advisories_at > scanned_at + CLOCKS_DIFFER:
            raise Malformed("its advisories are of after it was made")
        fresh_after = scanned_at - ADVISORIES_FRESH
        looked_at = parsed.looked_at if parsed.looked_at is not None else declared.looked_at
        quality, why = quality_of(parsed, advisories_at, looked_at, fresh_after)
        scope = (tool, parsed.kind.value, target)
        # Keyed: what was found may be a secret, and its hash alone could be guessed at.
        hits = {
            self._audit.pseudonym("vulnerability", identity): hit
            for identity, hit in identified(scope, () if parsed.speaks_only else parsed.hits)
        }
        made = _Made(
            content,
            name,
            tool,
            parsed.kind,
            target,
            _commit_of(parsed, declared),
            scanned_at,
            quality,
            why,
            len(parsed.hits),
        )
        with self._database.write(alone=True) as tx:
            alone(tx)
            if self._is_late(tx, made):
                late = "a newer report of this tool for this target was imported before"
                made = replace(made, quality=Quality.STALE, why=late)
                return self._keep(tx, made, Held(), caller, now)
            if parsed.speaks_only:
                spoken = "it says what the findings of others are, and scanned nothing"
                made = replace(made, quality=Quality.SKIPPED, why=spoken)
            number = self._insert(tx, made, caller, now)
            arriving = Arriving(
                number,
                tool,
                made.kind,
                target,
                scanned_at,
                caller.principal,
                now,
                closes=made.quality is Quality.COMPLETE,
                within=self._within,
            )
            if parsed.speaks_only:
                held = self._importing.speak(tx, arriving, parsed)
            else:
                held = self._importing.hold(tx, arriving, hits)
            return self._finish(tx, number, made, held, caller, now)

    def record(
        self, content: bytes, name: str, said: Assessment, caller: Caller, now: datetime
    ) -> Scan:
        """Keep the report of a test by people, such as a penetration test; its findings are imported as a table.

        Raises:
            Denied: as `import_report`.
            Malformed: scope or tester are not stated, or it is empty or too large.

        """
        self._refuse(caller, now)
        if not said.scope.strip() or not said.tester.strip():
            raise Malformed(
                "say what was in the scope, and who tested and why they are independent"
            )
        made = _Made(
            content,
            name,
            _named(said.tool.lower(), "tool"),
            said.kind,
            _named(said.target, "target"),
            _commit(said.commit),
            _instant(said.scanned_at, now),
            Quality.COMPLETE,
            "",
            0,
            f"Scope: {said.scope.strip()}\nTester: {said.tester.strip()}",
        )
        with self._database.write() as tx:
            return self._keep(tx, made, Held(), caller, now)

    def scan(self, number: int) -> tuple[Scan, str]:
        """Return a scan, and what was stated of its scope and tester. Raises: NotFound."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(scans).where(scans.c.id == number)).first()
            if row is None:
                raise NotFound(f"there is no scan {number}")
        said = row.said
        return scan_of(row), "" if said is None else self._writings.open(SAID, number, bytes(said))

    def listed(
        self, before: int | None = None, after: int | None = None, most: int = 50
    ) -> list[Scan]:
        """Return scans by falling numbers below `before`, or by rising ones above `after`."""
        most = min(most, MOST_LISTED)
        query = sa.select(scans).order_by(scans.c.id.desc()).limit(most)
        if before is not None:
            query = query.where(scans.c.id < before)
        if after is not None:
            query = sa.select(scans).where(scans.c.id > after).order_by(scans.c.id).limit(most)
        with self._database.read() as tx:
            return self._rows.scans(tx, query)

    def newest_complete(self, kind: ScanKind) -> Scan | None:
        """Return the newest complete report of a kind."""
        query = sa.select(scans).where(
            scans.c.kind == kind.value, scans.c.quality == Quality.COMPLETE.value
        )
        query = query.order_by(scans.c.scanned_at.desc(), scans.c.id.desc()).limit(1)
        with self._database.read() as tx:
            return next(iter(self._rows.scans(tx, query)), None)

    def newest_scan(self) -> Scan | None:
        """Return the newest complete scan of any kind but a test by people."""
        query = (
            sa.select(scans)
            .where(
                scans.c.quality == Quality.COMPLETE.value, scans.c.kind != ScanKind.PENTEST.value
            )
            .order_by(scans.c.scanned_at.desc())
            .limit(1)
        )
        with self._database.read() as tx:
            return next(iter(self._rows.scans(tx, query)), None)

    def newest_of(self, wanted: Sequence[Target]) -> list[tuple[Scan | None, Scan | None]]:
        """Return of each target the newest report, and the newest that is complete."""
        found = []
        with self._database.read() as tx:
            for one in wanted:
                query = (
                    sa.select(scans)
                    .where(scans.c.kind == one.kind.value, scans.c.target == one.name)
                    .order_by(scans.c.scanned_at.desc(), scans.c.id.desc())
                    .limit(1)
                )
                newest = next(iter(self._rows.scans(tx, query)), None)
                complete = newest
                if newest is not None and newest.quality is not Quality.COMPLETE:
                    whole = query.where(scans.c.quality == Quality.COMPLETE.value)
                    complete = next(iter(self._rows.scans(tx, whole)), None)
                found.append((newest, complete))
        return found

    # -- what a release asks -----------------------------------------------------------------------

    def of_commit(self, commit: str) -> Sequence[Scan]:
        """Return the scans of a commit, oldest first. Raises: Malformed: it is no commit's full hash."""
        query = sa.select(scans).where(scans.c.commit_id == _commit(commit)).order_by(scans.c.id)
        with self._database.read() as tx:
            return self._rows.scans(tx, query)

    def blockers(self, now: datetime, commit: str) -> Sequence[Vulnerability]:
        """Return the findings that stop the release of a commit, the most urgent first.

        Those of its own scans that are critical or high, that are secrets, or that are past their day; unless their
        risk is accepted or they are none. One that only a scan of another commit no longer found is still in this one.
        """
        numbers = [scan.number for scan in self.of_commit(commit)]
        if not numbers:
            return []
        stands = sa.and_(found.c.state == State.FIXED.value, found.c.closed_scan_id.not_in(numbers))
        stops = sa.or_(
            found.c.severity >= Severity.HIGH.value,
            found.c.kind == ScanKind.SECRETS.value,
            found.c.due_at <= now,
        )
        seen = found.c.last_scan_id.in_(numbers)
        scanned = (
            sa.select(scans.c.id)
            .where(
                scans.c.id.in_(numbers),
                scans.c.tool == found.c.tool,
                scans.c.target == found.c.target,
                scans.c.kind == found.c.kind,
            )
            .exists()
        )
        query = (
            sa.select(found)
            .where(
                stops, sa.or_(sa.and_(is_open(now), sa.or_(seen, scanned)), sa.and_(seen, stands))
            )
            .order_by(found.c.urgency.desc())
            .limit(MOST_LISTED)
        )
        with self._database.read() as tx:
            return [self._rows.vulnerability(row, now) for row in tx.execute(query)]

    # -- what is to be scanned -----------------------------------------------------------------------

    def declare(self, kind: ScanKind, name: str, caller: Caller, now: datetime) -> Target:
        """Say that something is to be scanned; a target of `secrets` is a public repository.

        `NO_REPOSITORY` says that there is none, until one is declared. Raises: Denied, Malformed, Conflict: too many.
        """
        self._refuse(caller, now)
        _named(name, "target")
        if kind is ScanKind.PENTEST:
            raise Malformed("a penetration test is recorded when it was made, not declared")
        with self._database.write() as tx:
            alone(tx)
            standing = self._targets(tx)
            if len(standing) >= MOST_TARGETS:
                raise Conflict(f"{MOST_TARGETS} targets are declared already")
            if kind is ScanKind.SECRETS:
                others = [one for one in standing if one.kind is kind and one.name != name]
                if name == NO_REPOSITORY and others:
                    raise Conflict(
                        "public repositories are declared", hint="take them off the list first"
                    )
                for one in others:
                    if one.name == NO_REPOSITORY:
                        self._end(tx, one, caller, now)
            values = {"declared_by": caller.principal, "declared_at": now, "ended_at": None}
            where = (targets.c.name == name, targets.c.kind == kind.value)
            number = tx.execute(sa.select(targets.c.id).where(*where)).scalar()
            if number is None:
                insert = targets.insert().values(name=name, kind=kind.value, **values)
                number = tx.execute(insert.returning(targets.c.id)).scalar_one()
            else:
                tx.execute(targets.update().where(targets.c.id == number).values(**values))
            self._target_event(tx, number, f"{kind.value}.declared", caller, now)
            return Target(number, name, kind, caller.principal, now)

    def retire(self, number: int, caller: Caller, now: datetime) -> None:
        """Take something off the list of what is to be scanned. Raises: Denied, NotFound."""
        self._refuse(caller, now)
        with self._database.write() as tx:
            one = next((one for one in self._targets(tx) if one.id == number), None)
            if one is None:
                raise NotFound(f"there is no target {number}")
            self._end(tx, one, caller, now)

    def targets(self) -> list[Target]:
        """Return what is to be scanned, by kind and name."""
        with self._database.read() as tx:
            return self._targets(tx)

    # -- private ---------------------------------------------------------------------------------

    def _targets(self, tx: Transaction) -> list[Target]:
        query = sa.select(targets).where(targets.c.ended_at.is_(None))
        return [
            target_of(row) for row in tx.execute(query.order_by(targets.c.kind, targets.c.name))
        ]

    def _end(self, tx: Transaction, one: Target, caller: Caller, now: datetime) -> None:
        tx.execute(targets.update().where(targets.c.id == one.id).values(ended_at=now))
        self._target_event(tx, one.id, f"{one.kind.value}.ended", caller, now)

    def _target_event(
        self, tx: Transaction, number: int, op: str, caller: Caller, now: datetime
    ) -> None:
        event = Event(
            EventType.SCAN_TARGET_CHANGED,
            Outcome.SUCCESS,
            caller,
            op=op,
            obj_kind=ObjKind.SCAN_TARGET,
            obj_ref=str(number),
        )
        self._audit.append(tx, event, now=now)

    def _is_late(self, tx: Transaction, made: "_Made") -> bool:
        """Tell whether the register already knows a newer report of this tool, target and kind."""
        newer = sa.select(scans.c.id).where(
            scans.c.tool == made.tool,
            scans.c.target == made.target,
            scans.c.kind == made.kind.value,
            scans.c.scanned_at > made.scanned_at,
        )
        return tx.execute(newer.limit(1)).first() is not None

    def _keep(
        self, tx: Transaction, made: "_Made", held: Held, caller: Caller, now: datetime
    ) -> Scan:
        number = self._insert(tx, made, caller, now)
        return self._finish(tx, number, made, held, caller, now)

    def _insert(self, tx: Transaction, made: "_Made", caller: Caller, now: datetime) -> int:
        if not made.content:
            raise Malformed("the report is empty")
        values: Mapping[str, Any] = {
            "tool": made.tool,
            "kind": made.kind.value,
            "target": made.target,
            "commit_id": made.commit,
            "scanned_at": made.scanned_at,
            "imported_at": now,
            "imported_by": caller.principal,
            "sha256": sha256(made.content).hexdigest(),
            "size_bytes": len(made.content),
            "quality": made.quality.value,
            "why": made.why,
            "found": made.found,
            "created": 0,
            "untouched": 0,
            "closed": 0,
            "reopened": 0,
        }
        number: int = tx.execute(scans.insert().values(**values).returning(scans.c.id)).scalar_one()
        return number

    def _finish(
        self,
        tx: Transaction,
        number: int,
        made: "_Made",
        held: Held,
        caller: Caller,
        now: datetime,
    ) -> Scan:
        """Keep the report's bytes and the counts, and record that it came."""
        item = None
        if len(made.content) <= MOST_KEPT:
            belongs = Belongs("scan", str(number))
            item = self._evidence.put_in(
                tx, made.content, made.name, "", belongs, caller, now, said=f"scan {number}"
            ).id
        said = None if not made.said else self._writings.seal(SAID, number, made.said)
        values: Mapping[str, Any] = {
            "evidence_id": item,
            "said": said,
            "created": held.created,
            "untouched": held.untouched,
            "closed": held.closed,
            "reopened": held.reopened,
        }
        tx.execute(scans.update().where(scans.c.id == number).values(**values))
        event = Event(
            EventType.SCAN_IMPORTED,
            Outcome.SUCCESS,
            caller,
            op=f"{made.kind.value}.{made.quality.value}",
            obj_kind=ObjKind.SCAN,
            obj_ref=str(number),
            n=made.found,
            bytes_=len(made.content),
            changes=(Change(Field.CONTENT, after=sha256(made.content).hexdigest()),),
        )
        self._audit.append(tx, event, now=now)
        return self._rows.scan(tx, number)


@dataclass(frozen=True, slots=True)
class _Made:
    """A report on its way into the register."""

    content: bytes
    name: str
    tool: str
    kind: ScanKind
    target: str
    commit: str | None
    scanned_at: datetime
    quality: Quality
    why: str
    found: int
    said: str = ""


def _named(said: str, what: str) -> str:
    if not _NAME.fullmatch(said):
        raise Malformed(
            f"the {what} has another form than a name",
            hint=f"name the {what}: letters, digits and _.:/@+-, up to 120",
        )
    return said


def _commit(said: str | None) -> str | None:
    if said is not None and not _COMMIT.fullmatch(said):
        raise Malformed("a commit is named by its full hash of 40 or 64 hex digits")
    return said


def _commit_of(parsed: Parsed, declared: Declared) -> str | None:
    """Return the commit that was scanned. Raises: Malformed: the report names another one."""
    own = None if parsed.commit is None else text(parsed.commit).lower()
    if declared.commit is not None and own is not None and own != declared.commit:
        raise Malformed("the report is of another commit")
    return _commit(declared.commit or own)


def _instant(said: datetime | None, now: datetime) -> datetime:
    if said is None:
        raise Malformed("the report does not say when it was made", hint="say when")
    if said > now + CLOCKS_DIFFER:
        raise Malformed("the report was made in the future")
    return said


__all__ = ["MOST_BYTES", "NO_REPOSITORY", "Assessment", "Scans"]
