"""The archive of one home: what a law requires, sealed to people whose keys are elsewhere, destroyed on its day [2.1].

Before a day's key is destroyed, what holds need of its records is set aside (setting_aside.py). Then that is sealed
into files (cold.py), the manifest's hash goes into the log, and the held key is destroyed. Each step is durable and
told by the next: a run that was killed is finished by the next one. The service can write an archive and open none.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.age import Recipients
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import (
    Conflict,
    Denied,
    Malformed,
    Misconfigured,
    NotFound,
    StrongroomError,
    Tampered,
    Unavailable,
)
from strongroom.policy.holds import law_of
from strongroom.policy.limits import ARCHIVE_DRILL, HOLD_GRACE, HOLD_WARNING
from strongroom.policy.retention import DAY
from strongroom.terms import SYSTEM, Caller, Environment, PeriodId, PrincipalKind, SellerId
from strongroom.vault import cold, store
from strongroom.vault.agreed import Agreed, Agreement, ChangeKind, proved
from strongroom.vault.archive_rows import (
    ArchiveFile,
    expired_event,
    failed_event,
    file_of,
    sealed_event,
    values_of,
)
from strongroom.vault.box import RecordBox
from strongroom.vault.canaries import Canaries
from strongroom.vault.holds import Hold, Holds
from strongroom.vault.keystore import Keystore, PeriodKey, PeriodKind, PeriodRow
from strongroom.vault.setting_aside import Aside, key_event

_MOST_RECIPIENTS: Final = 8
_AGAIN: Final = timedelta(hours=24)
"""How long the log is spared the same word."""

_table: Final = schema.archive_file


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """Where a home's archives lie, and whether one person decides about them."""

    directory: Path
    one_person: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What is to be done about holds and archives. Each list is of numbers, names or words; empty is well."""

    tampered: tuple[str, ...]
    unready: tuple[str, ...]
    waiting: int
    """Records whose archive could not be written yet."""
    reviews: tuple[int, ...]
    drill_due_at: datetime | None
    expired: tuple[str, ...]
    copies: tuple[str, ...]
    """Archives whose file is destroyed and of whose copies nobody has said so."""

    def faults(self) -> list[str]:
        """Return, in words, what keeps a law's data from being archived."""
        waiting = [f"{self.waiting} records wait for their archive"] if self.waiting else []
        return [*self.tampered, *self.unready, *waiting]

    def late(self, now: datetime) -> list[str]:
        """Return, in words, which duties are to be done by now."""
        found = [f"hold {number} is to be reviewed" for number in self.reviews]
        if self.drill_due_at is not None and self.drill_due_at <= now:
            found.append("an archive is to be opened offline")
        found += [f"{name} has expired" for name in self.expired]
        return found + [f"copies of {name} are to be destroyed" for name in self.copies]


class Archive:
    """Holds and archives of one home. Changes are durable on return, with their event. Safe between threads."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        canaries: Canaries,
        box: Callable[[SellerId], RecordBox],
        *,
        environment: Environment,
        subject_key: bytes,
        place: ArchivePlace,
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._box = box
        self._environment = environment
        self._directory = cold.Directory(place.directory)
        self._agreement = Agreement(database, audit, one_person=place.one_person)
        self.holds = Holds(database, audit, self._agreement, subject_key)
        self._aside = Aside(database, keystore, audit, self.holds, canaries, environment)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "<archive>"

    # -- recipients ------------------------------------------------------------------------------

    def recipients(self) -> tuple[str, ...]:
        """Return who can open what is sealed from now on; nobody where none were agreed on. Raises: Tampered."""
        approved = self._agreement.approved([ChangeKind.RECIPIENTS])
        if not approved:
            return ()
        change = approved[-1].change
        if change is None:
            raise Tampered(
                "the recipients of archives are not those agreed on", hint="set them anew"
            )
        return tuple(change.terms["recipients"])

    def set_recipients(self, texts: Sequence[str], caller: Caller, now: datetime) -> Agreed:
        """Ask for other recipients, public keys alone; archives that exist keep theirs.

        Raises:
            Malformed: one is no recipient of age, or there are more than eight.
            Denied: no person asks; recorded.

        """
        names = Recipients(texts).names
        if len(names) > _MOST_RECIPIENTS:
            raise Malformed(f"an archive has {_MOST_RECIPIENTS} recipients at most")
        terms = {"recipients": list(names)}
        return self._agreement.request(ChangeKind.RECIPIENTS, terms, caller, now)

    def waiting_recipients(self) -> list[Agreed]:
        """Return what waits for its second person."""
        return self._agreement.pending([ChangeKind.RECIPIENTS])

    def approve_recipients(self, id_: int, terms: str, caller: Caller, now: datetime) -> Agreed:
        """Let other recipients take effect. Raises: as `Agreement.approve`."""
        kinds = [ChangeKind.RECIPIENTS]
        return self._agreement.approve(id_, kinds, terms, caller, now, still=lambda _change: None)

    def reject_recipients(self, id_: int, caller: Caller, now: datetime) -> Agreed:
        """Refuse them. Raises: as `Agreement.reject`."""
        return self._agreement.reject(id_, [ChangeKind.RECIPIENTS], caller, now)

    # -- the calendar ----------------------------------------------------------------------------

    def before_destroyed(self, periods: Sequence[PeriodRow], now: datetime) -> frozenset[PeriodId]:
        """Set aside what holds need of periods whose keys are about to be destroyed; return those that must wait.

        They wait, unreadable, only where holds can't be told or a record can't be set aside, and no longer than
        `HOLD_GRACE` after that failed first; each time it is recorded.
        """
        if not periods:
            return frozenset()
        try:
            holds = self.holds.in_effect(now)
        except Tampered:
            return self._withhold(periods, Reason.TAMPERED, now)
        late = []
        for period in periods if holds else ():
            try:
                with self._lock:
                    self._aside.take(period, holds, self._box(period.seller), now)
            except (StrongroomError, OSError):
                late.append(period)
        return self._withhold(late, Reason.UNAVAILABLE, now)

    def _withhold(
        self, periods: Sequence[PeriodRow], reason: Reason, now: datetime
    ) -> frozenset[PeriodId]:
        if not periods:
            return frozenset()
        # Not from their day: a home may have been away for longer, and a late word makes days that are over.
        since: dict[str, datetime] = {}
        for entry in self._audit.of_types([EventType.ARCHIVE_FAILED]):
            if entry.body and entry.body.get("op") == "set_aside":
                said_at = datetime.fromisoformat(entry.body["t"])
                since.setdefault(entry.body["obj"]["ref"], said_at)
        waits = [p for p in periods if now < since.get(str(p.id), now) + HOLD_GRACE]
        for period in periods:
            op = "set_aside" if period in waits else "lost"
            self._audit.record(failed_event(op, reason, period), now=now)
        return frozenset(period.id for period in waits)

    def tend(self, now: datetime) -> None:
        """Seal what was set aside, destroy what has expired, and record what ended, failed or is late.

        Raises:
            Tampered: holds, recipients or archives are not what was recorded; nothing of theirs was destroyed.
            Unavailable: a file could not be removed; the next run tries again.

        """
        self.holds.refresh()
        with self._lock:
            self._seal_waiting(now)
            self._remove_strays()
        self._warn(now)
        self.holds.say_expired(now)
        self.expire(now)

    def _seal_waiting(self, now: datetime) -> None:
        """Write an archive for each held key, and destroy the key; at the end of its days destroy it regardless."""
        for period in self._keystore.periods(live=True):
            if period.kind is not PeriodKind.HELD:
                continue
            held = self._keystore.find_period(period.id)
            if held is None:
                continue
            reason = self._seal_period(held, now)
            over = period.day * DAY <= now.timestamp()
            if reason is None or over:
                if reason is not None:
                    lost = sum(self._aside.waiting(period.id).values())
                    self._audit.record(failed_event("lost", reason, period, lost), now=now)
                self._destroy(period, now)
            elif not self._said_lately("unready", reason, now):
                self._audit.record(failed_event("unready", reason, period), now=now)
        for left in self._aside.periods():
            if self._keystore.find_period(left) is None:
                self._aside.drop(left)

    def _destroy(self, period: PeriodRow, now: datetime) -> None:
        try:
            self._keystore.destroy([period.id], now)
        finally:
            # Where only the keystore's old pages could not be cut yet, the key is gone all the same.
            if self._keystore.find_period(period.id) is None:
                self._audit.record(key_event(EventType.PERIOD_KEY_DESTROYED, period), now=now)
        self._aside.drop(period.id)

    def _seal_period(self, held: PeriodKey, now: datetime) -> Reason | None:
        """Write what is missing of a held key's archives; return why one could not be written."""
        try:
            holds = {hold.id: hold for hold in self.holds.all()}
            waiting = self._aside.waiting(held.id)
            for number, records in waiting.items():
                hold = holds.get(number)
                # Released meanwhile, or over: nothing asks for it any more, and it goes with its key.
                if hold is not None and hold.in_effect(now):
                    self._seal_one(held, hold, records, now)
        except Tampered:
            return Reason.TAMPERED
        except Misconfigured:
            return Reason.MISCONFIGURED
        except (StrongroomError, OSError):
            return Reason.UNAVAILABLE
        return None

    def _seal_one(self, held: PeriodKey, hold: Hold, records: int, now: datetime) -> None:
        where = (_table.c.hold_id == hold.id, _table.c.period_id == held.id)
        with self._database.read() as tx:
            if tx.execute(sa.select(_table.c.name).where(*where)).first() is not None:
                return
        texts = self.recipients()
        if not texts:
            raise Misconfigured(
                "no recipients of archives are set", hint="`strongroom archive recipients set`"
            )
        recipients = Recipients(texts)
        name = cold.new_name(hold.id, held.id)
        about = self._about(name, hold, held.seller, now)

        def parts() -> Iterator[bytes]:
            yield cold.header(about)
            yield from self._aside.lines(held, hold.id)

        written = self._directory.write(name, recipients, parts())
        manifest = cold.Manifest(
            **about,
            records=records,
            size_bytes=written.bytes,
            sha256=written.sha256,
            proof_sha256=written.proof_sha256,
            recipients=recipients.names,
        )
        digest = self._directory.write_manifest(manifest)
        row = ArchiveFile(
            name, hold.id, held.seller, held.id, records, written.bytes, digest, now, None, None
        )
        with self._database.write(alone=True) as tx:
            store.lock_seller(tx, held.seller)
            if self._aside.waiting(held.id, tx).get(hold.id) != records:
                raise Conflict("more was set aside meanwhile")
            tx.execute(_table.insert().values(**values_of(row)))
            self._audit.append(tx, sealed_event(row), now=now)

    def _about(self, name: str, hold: Hold, seller: SellerId, now: datetime) -> dict[str, Any]:
        terms = hold.terms
        return {
            "archive": name,
            "environment": self._environment.value,
            "hold": hold.id,
            "law": terms.law,
            "reference": terms.reference,
            "source": law_of(terms.law).source,
            "categories": tuple(category.value for category in terms.categories),
            "seller": int(seller),
            "purchased_from": terms.purchased_from.isoformat(),
            "purchased_to": terms.purchased_to.isoformat(),
            "sealed_at": now.isoformat(),
            "keep_until": hold.until.isoformat(),
        }

    def _remove_strays(self) -> None:
        """Remove what a run that was killed had begun to write, and another run finished or need not any more.

        A whole archive that nobody here recorded stays, for a person to look at: the records of a home that was
        restored do not know what was sealed since, and of that there is no other copy.
        """
        try:
            found = self._directory.names()
        except Unavailable:
            return  # `unready` says so
        strays = found - {file.name for file in self.files()} - set(self._recorded())
        made_at = {int(period.id): period.created_at for period in self._keystore.periods()}
        live = {int(period.id) for period in self._keystore.periods(live=True)}
        kept = {(file.hold, int(file.period)) for file in self.files()}
        for name in strays:
            place = cold.named(name)
            if place is None:
                continue
            # Of a live held key another node may be writing: the file that is recorded closes it.
            is_over = place[1] not in live or place in kept
            try:
                sealed_at = self._directory.sealed_at(name)
            except (Tampered, Malformed):
                continue  # `archive verify` names it
            # Numbers of held keys come again where a home was restored: a file from before such a key is another's.
            is_twin = sealed_at is not None and place in kept and sealed_at >= made_at[place[1]]
            if is_over and (sealed_at is None or is_twin):
                self._directory.destroy(name)

    # -- archives --------------------------------------------------------------------------------

    def files(self) -> list[ArchiveFile]:
        """Return every archive there was, oldest first."""
        query = sa.select(_table).order_by(_table.c.sealed_at, _table.c.name)
        with self._database.read() as tx:
            return [file_of(row) for row in tx.execute(query)]

    def one(self, name: str) -> ArchiveFile:
        """Return an archive by its name. Raises: NotFound."""
        for file in self.files():
            if file.name == name:
                return file
        raise NotFound("there is no archive of this name")

    def verify(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """Hold every archive against its manifest and the log; return what is not as it was recorded, by name."""
        recorded, files = self._recorded(), self.files()
        faults = []
        for done, file in enumerate(files):
            said = recorded.pop(file.name, None)
            if said is None or said != file.manifest_sha256:
                faults.append(f"{file.name}: its row is not what was recorded")
            elif file.destroyed_at is None:
                try:
                    self._directory.check(self._directory.manifest(file.name, said))
                except (Tampered, Unavailable) as exc:
                    faults.append(f"{file.name}: {exc.message}")
            if progress is not None:
                progress(done + 1, len(files))
        gone = self._expired_names()
        faults += [f"{name}: its row is missing" for name in recorded if name not in gone]
        with_files = {file.name for file in files if file.destroyed_at is None}
        try:
            here = self._directory.names()
        except Unavailable as exc:
            return [*faults, exc.message]
        faults += [f"{name}: nobody recorded this file" for name in sorted(here - with_files)]
        return faults

    def drill(self, name: str, digest: str, caller: Caller, now: datetime) -> bool:
        """Record whether somebody opened an archive offline: `digest` is what opening it printed.

        Raises:
            NotFound: there is no such archive, or it was destroyed.
            Malformed: it is no digest.
            Denied: no person did.
            Tampered: the manifest is not what was recorded.

        """
        file = self.one(name)
        if file.destroyed_at is not None:
            raise NotFound(f"archive {name} was destroyed")
        _refuse_program(caller, "prove that archives open")
        said = self._recorded().get(name)
        if said is None:
            raise Tampered(f"archive {name} is not one that was recorded")
        matched = cold.check_proof(self._directory.manifest(name, said), digest.lower())
        event = Event(
            EventType.ARCHIVE_DRILLED,
            Outcome.SUCCESS if matched else Outcome.FAILURE,
            caller,
            reason=None if matched else Reason.TAMPERED,
            obj_kind=ObjKind.ARCHIVE,
            obj_ref=name,
        )
        self._audit.record(event, now=now)
        return matched

    def drills(self) -> list[tuple[datetime, int, str, bool]]:
        """Return when, by which principal, of which archive a drill was recorded, and whether it succeeded."""
        return [
            (
                datetime.fromisoformat(entry.body["t"]),
                int(entry.body["actor"]["id"]),
                entry.body["obj"]["ref"],
                entry.outcome == Outcome.SUCCESS,
            )
            for entry in self._audit.of_types([EventType.ARCHIVE_DRILLED])
            if entry.body
        ]

    def expire(self, now: datetime) -> list[str]:
        """Destroy the archives whose hold is over; return their names.

        Raises:
            Tampered: holds or rows are not what was recorded; nothing is destroyed by them.
            Unavailable: a file could not be removed.

        """
        over = self.holds.over(now)
        recorded, gone = self._recorded(), []
        for file in self.files():
            if file.destroyed_at is not None or file.hold not in over:
                continue
            if file.name not in recorded or cold.named(file.name) != (file.hold, file.period):
                raise Tampered("an archive's row is not what was recorded")
            self._directory.destroy(file.name)
            event = expired_event(file.name, "file", SYSTEM)
            with self._database.write() as tx:
                here = (_table.c.name == file.name, _table.c.destroyed_at.is_(None))
                if tx.execute(_table.update().where(*here).values(destroyed_at=now)).rowcount:
                    self._audit.append(tx, event, now=now)
            gone.append(file.name)
        return gone

    def attest(self, name: str, copies: int, caller: Caller, now: datetime) -> ArchiveFile:
        """Record that so many copies of a destroyed archive were destroyed too.

        Raises:
            NotFound, Conflict: there is none, its own file is there still, or it was said already.
            Denied: no person says so.

        """
        file = self.one(name)
        _refuse_program(caller, "answer for copies")
        if file.destroyed_at is None or file.copies_destroyed is not None or copies < 0:
            raise Conflict(f"archive {name} is not one whose copies are to be destroyed")
        with self._database.write() as tx:
            here = (_table.c.name == name, _table.c.copies_destroyed.is_(None))
            if tx.execute(_table.update().where(*here).values(copies_destroyed=copies)).rowcount:
                self._audit.append(tx, expired_event(name, "copies", caller, copies), now=now)
        return self.one(name)

    # -- standing --------------------------------------------------------------------------------

    def standing(self, now: datetime) -> Standing:
        """Return what is to be done about holds and archives at `now`."""
        tampered: list[str] = []
        current: list[Hold] = []
        over: frozenset[int] = frozenset()
        try:
            current, over = self.holds.in_effect(now), self.holds.over(now)
            tampered = self._agreement.drift()
        except Tampered as exc:
            tampered = [exc.message]
        files = self.files()
        kept = [file for file in files if file.destroyed_at is None]
        return Standing(
            tuple(tampered),
            tuple(self._unready()) if current else (),
            sum(
                sum(self._aside.waiting(period.id).values())
                for period in self._keystore.periods(live=True)
                if period.kind is PeriodKind.HELD
            ),
            tuple(hold.id for hold in current if hold.review_due_at <= now),
            self._drill_due_at(kept),
            tuple(file.name for file in kept if file.hold in over),
            tuple(f.name for f in files if f.destroyed_at and f.copies_destroyed is None),
        )

    def _unready(self) -> list[str]:
        found = []
        try:
            if not self.recipients():
                found.append("no recipients are set")
        except Tampered as exc:
            found.append(exc.message)
        if not self._directory.writable():
            found.append(f"{self._directory.path} can't be written to")
        return found

    def _drill_due_at(self, kept: Sequence[ArchiveFile]) -> datetime | None:
        """Return by when an archive has to be opened offline, None where there is none."""
        if not kept:
            return None
        done = [at for at, _who, _name, ok in self.drills() if ok]
        return max([min(file.sealed_at for file in kept), *done]) + ARCHIVE_DRILL

    def _warn(self, now: datetime) -> None:
        """Record what is late or will fail, once a day each."""
        standing = self.standing(now)
        late = {
            "unready": bool(standing.unready or standing.tampered) and self._is_near(now),
            "review": bool(standing.reviews),
            "drill": standing.drill_due_at is not None and standing.drill_due_at <= now,
            "expiry": bool(standing.expired),
        }
        for op, is_late in late.items():
            reason = Reason.UNAVAILABLE if op == "unready" else Reason.OVERDUE
            if is_late and not self._said_lately(op, reason, now):
                self._audit.record(failed_event(op, reason), now=now)

    def _is_near(self, now: datetime) -> bool:
        """Say whether anything that a hold may be about is due within days."""
        end = (now + HOLD_WARNING).timestamp()
        kinds = (PeriodKind.DAY, PeriodKind.HELD)
        return any(
            period.kind in kinds and period.day * DAY <= end
            for period in self._keystore.periods(live=True)
        )

    def _said_lately(self, op: str, reason: Reason, now: datetime) -> bool:
        lately = self._audit.of_types([EventType.ARCHIVE_FAILED], since=now - _AGAIN)
        said = (op, reason.value)
        return any((entry.body.get("op"), entry.body.get("reason")) == said for entry in lately)

    def _recorded(self) -> dict[str, str]:
        """Return the manifest's hash of every archive that was recorded, by name. Raises: Tampered."""
        found = {}
        for entry in self._audit.of_types([EventType.ARCHIVE_SEALED]):
            body = proved(self._audit, entry.seq)
            found[body["obj"]["ref"]] = body["chg"][0]["after"]
        return found

    def _expired_names(self) -> set[str]:
        events = self._audit.of_types([EventType.ARCHIVE_EXPIRED])
        return {entry.body["obj"]["ref"] for entry in events if entry.body.get("op") == "file"}


def _refuse_program(caller: Caller, what: str) -> None:
    if caller.kind is not PrincipalKind.PERSON:
        raise Denied(f"people {what}, programs do not")
