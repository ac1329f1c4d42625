"""Takes backups of the vault and keeps them: sealed to people elsewhere, without a key, in places apart [2.1, 2.4].

One consistent view of every table goes through age onto the disk; this process can write a backup and never read one.
Every step is durable by itself: what was interrupted is cleared away, and what did not reach a target is sent again. A
backup holds sealed rows alone, so that what is destroyed on its day is destroyed in each of them.
"""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson
import sqlalchemy as sa

from strongroom.anchors.bucket import Bucket
from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.backups import rows
from strongroom.backups.places import Place, PlaceKind, Places
from strongroom.backups.rows import Backup, Drill
from strongroom.backups.sealed import digest_of, sync, write_sealed
from strongroom.backups.stream import Contents, Header, Sealer, lines
from strongroom.backups.tables import tables_of
from strongroom.backups.targets import (
    BucketTarget,
    DirectoryTarget,
    Target,
    manifest_name,
)
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, NotFound, StrongroomError, Tampered, Unavailable
from strongroom.outbound import Outbound, client_context
from strongroom.policy.backups import Kept, drill_is_late, is_due, is_late, surplus
from strongroom.terms import SYSTEM, Caller

_OVERDUE_EVERY: Final = timedelta(days=1)
_BACKUP, _DRILL = "backup", "drill"
_STEP_SECONDS: Final = 60.0
"""A part of eight megabytes on a slow line."""
_ANSWER_BYTES: Final = 16 * 1024 * 1024

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the settings say: how often, and how many are kept for how long."""

    every: timedelta | None
    keep: int
    longest: timedelta
    drill_every: timedelta | None


@dataclass(frozen=True, slots=True)
class Home:
    """What of its home a backup tells: who it is, and its settings without secrets."""

    id: str
    environment: str
    version: str
    revision: str
    directory: Path
    settings: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Standing:
    """A backup, where it lies, and where it should."""

    backup: Backup
    local: bool
    stored: tuple[int, ...]
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """One file that was held against its hash; `fault` None: it is what was written."""

    backup: int
    place: int | None
    fault: str | None


class Backups:
    """The backups of one home. Changes are durable on return, with their event. One runs at a time."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        places: Places,
        home: Home,
        plan: Plan,
        seal: Sealer,
    ) -> None:
        self.places: Final = places
        self.plan: Final = plan
        self._database = database
        self._audit = audit
        self._home = home
        self._seal = seal
        self._running = threading.Lock()

    # -- taking ----------------------------------------------------------------------------------

    def run(self, caller: Caller, now: datetime, progress: Progress) -> Backup:
        """Take a backup and send it to every target; return it.

        A target that does not take it is recorded, and tried again by `send`.

        Raises:
            Conflict: one is running, or no recipient is in effect.
            Unavailable: the disk is full; recorded.
            Tampered: the log or the recipients are not what was recorded.

        """
        recipients = self.places.recipients(PlaceKind.RECIPIENT)
        if not self._running.acquire(blocking=False):
            raise Conflict("a backup is running")
        try:
            self._clear(now)
            # What the backup holds of the log is then published, and can be held against anchors.
            note = self._audit.checkpoint(now)
            with self._database.write() as tx:
                begun = rows.begin(tx, now)
                total = self._count(tx)
            path = self._home.directory / begun.name
            contents, done = Contents(), _Counted(progress, total)
            try:
                with self._database.read() as tx:
                    header = self._header(tx, begun, note)
                    written = write_sealed(
                        path,
                        lines(header, tables_of(tx, schema.vault, done), self._seal, contents),
                        recipients,
                    )
                manifest = _manifest(header, contents, path.name, written.sha256, written.bytes_)
                DirectoryTarget(self._home.directory).hold(manifest_name(path.name), manifest)
            except StrongroomError as exc:
                self._record_failure(caller, begun, exc, now)
                raise
            finished = self._finish(caller, begun, header, contents, manifest, written.sha256, now)
        finally:
            self._running.release()
        self.send(now)
        self.prune(now)
        return finished

    def send(self, now: datetime) -> list[tuple[int, int]]:
        """Send the newest backup, and what was begun, to every target that lacks it; return what did not arrive."""
        failed = []
        for standing in self.listed():
            for number in standing.missing:
                place = self._place(number)
                if place is not None and standing.local and not self._send(standing, place, now):
                    failed.append((standing.backup.id, number))
        return failed

    def listed(self) -> list[Standing]:
        """Return every backup that lies somewhere, newest first."""
        with self._database.read() as tx:
            found = [one for one in rows.every(tx) if one.finished_at is not None]
            copies = rows.copies(tx)
        targets = [place.id for place in self.places.of(PlaceKind.TARGET)]
        newest = max((one.id for one in found), default=0)
        standing = []
        for one in reversed(found):
            mine = {c.place: c for c in copies if c.backup == one.id and c.removed_at is None}
            stored = tuple(number for number, copy in mine.items() if copy.stored_at)
            begun = [number for number, copy in mine.items() if not copy.stored_at]
            wanted = targets if one.id == newest else [n for n in begun if n in targets]
            missing = tuple(number for number in wanted if number not in stored)
            if one.removed_at is None or stored:
                standing.append(Standing(one, one.removed_at is None, stored, missing))
        return standing

    def path_of(self, backup: Backup) -> Path:
        """Return the home's own file of a backup."""
        return self._home.directory / backup.name

    def one(self, id_: int | None) -> Backup:
        """Return a backup by number, or the newest whose file the home has. Raises: NotFound."""
        if id_ is not None:
            with self._database.read() as tx:
                return rows.one(tx, id_)
        found = next((standing.backup for standing in self.listed() if standing.local), None)
        if found is None:
            raise NotFound("there is no backup", hint="strongroom backup run")
        return found

    # -- looking ---------------------------------------------------------------------------------

    def verify(
        self, caller: Caller, now: datetime, progress: Progress, id_: int | None = None
    ) -> list[Checked]:
        """Hold every file, in every place, against the hash that the log has of it; recorded."""
        logged = self._logged()
        standing = [one for one in self.listed() if id_ is None or one.backup.id == id_]
        if not standing:
            raise NotFound("there is no such backup")
        checked: list[Checked] = []
        for place, one in enumerate(standing):
            progress(place, len(standing))
            checked += self._checked(one, logged.get(one.backup.id), now)
        faulty = [one for one in checked if one.fault is not None]
        event = Event(
            EventType.BACKUP_VERIFIED,
            Outcome.FAILURE if faulty else Outcome.SUCCESS,
            caller,
            reason=Reason.TAMPERED if faulty else None,
            obj_kind=ObjKind.BACKUP,
            obj_ref=str(faulty[0].backup if faulty else standing[0].backup.id),
            n=len(checked),
        )
        self._audit.record(event, now=now)
        return checked

    # -- giving up -------------------------------------------------------------------------------

    def prune(self, now: datetime) -> list[tuple[int, int | None]]:
        """Remove what is too many or too old, place by place; return backup and place of each, None: the home.

        The newest in each place stays. A place that does not answer keeps its own until the next time.
        """
        standing = self.listed()
        gone: list[tuple[int, int | None]] = []
        local = [Kept(one.backup.id, one.backup.taken_at) for one in standing if one.local]
        for id_ in surplus(local, self.plan.keep, self.plan.longest, now):
            self._remove_local(id_, now)
            gone.append((id_, None))
        for place in self.places.of(PlaceKind.TARGET):
            here = [one for one in standing if place.id in one.stored]
            kept = [Kept(one.backup.id, one.backup.taken_at) for one in here]
            doomed = surplus(kept, self.plan.keep, self.plan.longest, now)
            gone += [(id_, place.id) for id_ in doomed if self._remove(id_, place, now)]
        return gone

    def forget_local(self, now: datetime) -> None:
        """Take note that no backup lies in this home: it was restored, and its directory is new."""
        with self._database.write() as tx:
            for one in rows.every(tx):
                if one.removed_at is None:
                    rows.change(tx, one.id, removed_at=now)

    # -- drills and being late -------------------------------------------------------------------

    def drills(self) -> list[Drill]:
        """Return what drills found, oldest first."""
        with self._database.read() as tx:
            return rows.drills(tx)

    def record_drill(self, caller: Caller, drill: Drill, now: datetime) -> None:
        """Keep what a drill found, with its event."""
        with self._database.write() as tx:
            rows.add_drill(tx, drill)
            event = Event(
                EventType.BACKUP_DRILLED,
                Outcome.SUCCESS if drill.sound else Outcome.FAILURE,
                caller,
                reason=None if drill.sound else Reason.TAMPERED,
                op=f"rto.{drill.recovery_ms // 1000}.rpo.{drill.lost_ms // 1000}",
                obj_kind=ObjKind.BACKUP,
                obj_ref=str(drill.backup),
                n=drill.rows,
            )
            self._audit.append(tx, event, now=now)

    def follow(self, now: datetime) -> None:
        """Do what is due: take one, send what did not arrive, remove what is too old, tell what is late.

        Raises:
            Unavailable, Tampered: as `run`; what is late is told before.

        """
        if not self.places.of(PlaceKind.RECIPIENT):
            return
        self.tell_late(now)
        if is_due(self.last(), self.plan.every, now):
            self.run(SYSTEM, now, lambda _done, _total: None)
        else:
            self.send(now)
            self.prune(now)

    def last(self) -> datetime | None:
        """Return when the newest backup was taken."""
        with self._database.read() as tx:
            found = [one.taken_at for one in rows.every(tx) if one.finished_at is not None]
        return max(found, default=None)

    def late(self, now: datetime) -> list[str]:
        """Return what is late: `backup`, `drill`."""
        recipients = self.places.of(PlaceKind.RECIPIENT)
        since = min((one.approved_at for one in recipients if one.approved_at), default=None)
        if since is None:
            return []
        drilled = max((one.drilled_at for one in self.drills() if one.sound), default=None)
        late = [_BACKUP] if is_late(self.last(), self.plan.every, since, now) else []
        if drill_is_late(drilled, self.plan.drill_every, since, now):
            late.append(_DRILL)
        return late

    def tell_late(self, now: datetime) -> None:
        """Record once a day what is late."""
        late = self.late(now)
        if not late:
            return
        since = now - _OVERDUE_EVERY
        told = {e.body.get("op") for e in self._audit.of_types([EventType.BACKUP_OVERDUE], since)}
        events = [
            Event(EventType.BACKUP_OVERDUE, Outcome.FAILURE, SYSTEM, reason=Reason.OVERDUE, op=what)
            for what in late
            if what not in told
        ]
        if events:
            self._audit.record(*events, now=now)

    # -- private ---------------------------------------------------------------------------------

    def _header(self, tx: Transaction, begun: Backup, note: str) -> Header:
        head = tx.execute(
            sa.select(sa.func.max(schema.audit_head.c.size)).where(
                schema.audit_head.c.epoch == self._audit.epoch
            )
        ).scalar_one()
        return Header(
            kind="vault",
            id=str(begun.id),
            home_id=self._home.id,
            environment=self._home.environment,
            taken_at=begun.taken_at.isoformat(),
            version=self._home.version,
            schema=self._home.revision,
            engine="sqlite" if self._database.is_sqlite else "postgresql",
            origin=self._audit.origin,
            log_size=head,
            checkpoint=note,
            settings=self._home.settings(),
        )

    def _count(self, tx: Transaction) -> int:
        # The largest tables are enough for a bar.
        found = 0
        for table in (schema.record, schema.record_key, schema.search_tag, schema.audit_event):
            found += tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        return found

    def _finish(
        self,
        caller: Caller,
        begun: Backup,
        header: Header,
        contents: Contents,
        manifest: bytes,
        digest: str,
        now: datetime,
    ) -> Backup:
        size = self.path_of(begun).stat().st_size
        with self._database.write() as tx:
            finished = rows.change(
                tx,
                begun.id,
                finished_at=now,
                log_size=header.log_size,
                row_count=contents.total,
                bytes=size,
                sha256=digest,
                manifest=sha256(manifest).hexdigest(),
            )
            event = Event(
                EventType.BACKUP_TAKEN,
                Outcome.SUCCESS,
                caller,
                obj_kind=ObjKind.BACKUP,
                obj_ref=str(begun.id),
                n=contents.total,
                bytes_=size,
                changes=(
                    Change(Field.CONTENT, after=digest),
                    Change(Field.MANIFEST, after=finished.manifest),
                ),
            )
            self._audit.append(tx, event, now=now)
        return finished

    def _record_failure(
        self, caller: Caller, begun: Backup, error: StrongroomError, now: datetime
    ) -> None:
        reason = Reason.TAMPERED if isinstance(error, Tampered) else Reason.UNAVAILABLE
        event = Event(
            EventType.BACKUP_TAKEN,
            Outcome.FAILURE,
            caller,
            reason=reason,
            obj_kind=ObjKind.BACKUP,
            obj_ref=str(begun.id),
        )
        self._audit.record(event, now=now)

    def _clear(self, now: datetime) -> None:
        """Remove what interrupted runs left: they have no event, and nobody may take theirs for a backup."""
        with self._database.read() as tx:
            left = [one for one in rows.every(tx) if not one.finished_at and not one.removed_at]
        for one in left:
            if one.name:
                self._unlink(one)
            with self._database.write() as tx:
                rows.change(tx, one.id, removed_at=now)

    def _unlink(self, backup: Backup) -> None:
        path = self.path_of(backup)
        try:
            for name in (path.name, manifest_name(path.name)):
                path.with_name(name).unlink(missing_ok=True)
                path.with_name(f".{name}.part").unlink(missing_ok=True)
            sync(path.parent)
        except OSError as exc:
            raise Unavailable(f"{path} cannot be removed: {exc.strerror}") from None

    def _send(self, standing: Standing, place: Place, now: datetime) -> bool:
        backup = standing.backup
        path = self.path_of(backup)
        with self._database.read() as tx:
            begun = [c for c in rows.copies(tx) if (c.backup, c.place) == (backup.id, place.id)]

        def told(parts: int) -> None:
            with self._database.write() as tx:
                rows.keep_copy(tx, backup.id, place.id, parts=parts)

        event = Event(
            EventType.BACKUP_STORED,
            Outcome.SUCCESS,
            SYSTEM,
            op=f"place.{place.id}",
            obj_kind=ObjKind.BACKUP,
            obj_ref=str(backup.id),
            bytes_=backup.bytes_,
        )
        told(begun[0].parts if begun else 0)
        try:
            target = self._target(place, now)
            parts = target.store(path, backup.sha256, begun[0].parts if begun else 0, told)
            manifest = path.with_name(manifest_name(path.name)).read_bytes()
            target.hold(manifest_name(path.name), manifest)
        except (StrongroomError, OSError) as exc:
            reason = Reason.TAMPERED if isinstance(exc, Tampered) else Reason.UNREACHABLE
            failed = Event(
                EventType.BACKUP_STORED,
                Outcome.FAILURE,
                SYSTEM,
                reason=reason,
                op=f"place.{place.id}",
                obj_kind=ObjKind.BACKUP,
                obj_ref=str(backup.id),
            )
            self._audit.record(failed, now=now)
            return False
        with self._database.write() as tx:
            rows.keep_copy(tx, backup.id, place.id, parts=parts, stored_at=now)
            self._audit.append(tx, event, now=now)
        return True

    def _target(self, place: Place, now: datetime) -> Target:
        if not place.value.startswith("s3://"):
            return DirectoryTarget(Path(place.value))
        outbound = Outbound(
            client_context(place.ca),
            step_seconds=_STEP_SECONDS,
            whole_seconds=_STEP_SECONDS,
            answer_bytes=_ANSWER_BYTES,
        )
        return BucketTarget(
            outbound, Bucket.parse(place.value), self.places.credentials(place), now
        )

    def _place(self, number: int) -> Place | None:
        found = self.places.of(PlaceKind.TARGET)
        return next((place for place in found if place.id == number), None)

    def _checked(
        self, standing: Standing, logged: tuple[str, str] | None, now: datetime
    ) -> list[Checked]:
        backup = standing.backup
        if logged != (backup.sha256, backup.manifest):
            return [Checked(backup.id, None, "its hashes are not those that the log has")]
        with self._database.read() as tx:
            parts = {c.place: c.parts for c in rows.copies(tx) if c.backup == backup.id}
        checked = []
        if standing.local:
            checked.append(Checked(backup.id, None, self._local_fault(backup)))
        for number in standing.stored:
            place = self._place(number)
            if place is None:
                continue
            fault = None
            try:
                self._target(place, now).check(backup.name, backup.sha256, parts[number])
            except StrongroomError as exc:
                fault = exc.message
            checked.append(Checked(backup.id, number, fault))
        return checked

    def _local_fault(self, backup: Backup) -> str | None:
        path = self.path_of(backup)
        try:
            if digest_of(path) != backup.sha256:
                return "the file is not what was written"
            manifest = path.with_name(manifest_name(path.name)).read_bytes()
            if sha256(manifest).hexdigest() != backup.manifest:
                return "the manifest is not what was written"
        except OSError as exc:
            return f"the file cannot be read: {exc.strerror}"
        return None

    def _logged(self) -> dict[int, tuple[str, str]]:
        """Return the hashes that the log has of each backup."""
        found = {}
        for entry in self._audit.of_types([EventType.BACKUP_TAKEN]):
            if entry.outcome == Outcome.SUCCESS.value:
                changes = {change["field"]: change["after"] for change in entry.body["chg"]}
                hashes = changes[Field.CONTENT.value], changes[Field.MANIFEST.value]
                found[int(entry.body["obj"]["ref"])] = hashes
        return found

    def _remove_local(self, id_: int, now: datetime) -> None:
        with self._database.read() as tx:
            backup = rows.one(tx, id_)
        self._unlink(backup)
        with self._database.write() as tx:
            rows.change(tx, id_, removed_at=now)
            self._audit.append(tx, _removed(id_, "home"), now=now)

    def _remove(self, id_: int, place: Place, now: datetime) -> bool:
        with self._database.read() as tx:
            backup = rows.one(tx, id_)
            parts = next(c.parts for c in rows.copies(tx) if (c.backup, c.place) == (id_, place.id))
        try:
            self._target(place, now).remove(backup.name, parts)
        except Unavailable:
            return False
        with self._database.write() as tx:
            rows.keep_copy(tx, id_, place.id, removed_at=now)
            self._audit.append(tx, _removed(id_, f"place.{place.id}"), now=now)
        return True


class _Counted:
    """Adds up rows for a bar."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def __call__(self, count: int) -> None:
        self._done += count
        self._progress(min(self._done, self._total), self._total)


def _removed(id_: int, op: str) -> Event:
    return Event(
        EventType.BACKUP_REMOVED,
        Outcome.SUCCESS,
        SYSTEM,
        op=op,
        obj_kind=ObjKind.BACKUP,
        obj_ref=str(id_),
    )


def _manifest(header: Header, contents: Contents, name: str, digest: str, size: int) -> bytes:
    told = {key: value for key, value in asdict(header).items() if value and key != "settings"}
    document = {
        **told,
        "file": name,
        "bytes": size,
        "sha256": digest,
        "rows": contents.rows,
        "contents_sha256": contents.digest,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
