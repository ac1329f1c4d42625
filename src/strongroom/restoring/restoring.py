"""Makes a home out of a backup and its keystore, and lets nobody open it before all is destroyed that has to be [2.1].

The data, all of it or none, verified to the last line; then what is due, and what was destroyed since the backup, is
destroyed again; then the log goes on as a new epoch that says what is lost. Where a law may require something of what
is due, the home's own sweep destroys it, which sets that aside. `strongroom.toml` is written last: until then this is
no home, and an interrupted restore begins anew. A log that others saw go further, with nothing left to say what it
said, is refused, or two people agree.
"""

import base64
import binascii
import shutil
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from strongroom import settings as settings_file
from strongroom.app import Clock, System, wire
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.backups.sealed import read_sealed
from strongroom.backups.stream import Contents, Header, Reading, Sealer, refuse_unsealed, sealer
from strongroom.backups.tables import SKIPPED, Filling, end_visits, tables_of
from strongroom.compliance import administrators
from strongroom.crypto.age import Identities
from strongroom.crypto.note import Signer, Verifier
from strongroom.crypto.root import RootProvider, root_file
from strongroom.db import migrate, schema
from strongroom.db.engine import Database
from strongroom.errors import (
    Conflict,
    Denied,
    Malformed,
    Misconfigured,
    StrongroomError,
    Tampered,
    Unavailable,
)
from strongroom.home import Layout, layout, locked, making, write_durably
from strongroom.opening import refuse_other_mode
from strongroom.request import instant
from strongroom.restoring import since as since_
from strongroom.restoring import taking
from strongroom.restoring.asked import Asked, Restored
from strongroom.restoring.since import Replay
from strongroom.roots import open_root
from strongroom.settings import Settings
from strongroom.terms import SYSTEM, Caller
from strongroom.vault import Keystore, replaying
from strongroom.vault.store import RecordState

SERVICE_KEY: Final = "backups"
"""What seals the home's own backups, in its keystore."""

_SECRETS: Final = (("vault", "url"), ("keystore", "url"), ("oidc", "client_secret"))
_ROOT: Final = "file:root.key"

Step = Callable[[str], None]
"""Told what begins."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a backup and a keystore copy hold, without anything written."""

    backup: Contents
    keystore: Header | None


def inspect(asked: Asked) -> Inspected:
    """Read everything there is to read, to the end, and write nothing: a restore that is tried dry.

    Raises:
        Tampered, Malformed: a file does not open, was changed, or is no backup.
        Misconfigured: backup and keystore are not of one home.

    """
    contents = _read_only(asked.backup, asked.identities)
    header = None
    if asked.keys_copy is not None:
        header = _read_only(asked.keys_copy, _keys_identities(asked)).header
        _refuse_strangers(_header(contents), header)
    return Inspected(contents, header)


def restore(
    asked: Asked,
    clock: Clock,
    step: Step,
    told: Callable[[int, int | None], None],
    environ: Mapping[str, str] | None = None,
) -> Restored:
    """Make the home and return what came of it; durable on return.

    Raises:
        Conflict: there is a home already, or something else.
        Tampered: backup, keystore or log were changed; or the log went further than anything left can explain.
        Denied: a home of several people needs two of them.
        Misconfigured, Malformed, Unavailable: as their messages say.

    """
    began = time.monotonic()
    home = layout(asked.home)
    making.make_root_directory(home)
    with locked(home), ExitStack() as resources:
        _begin(home, asked)
        work = _Work(asked, home, clock, environ, step, told, resources)
        done = work.run()
    return Restored(**done, seconds=round(time.monotonic() - began, 3))


class _Work:
    """One restore, step by step."""

    def __init__(
        self,
        asked: Asked,
        home: Layout,
        clock: Clock,
        environ: Mapping[str, str] | None,
        step: Step,
        told: Callable[[int, int | None], None],
        resources: ExitStack,
    ) -> None:
        self._asked = asked
        self._home = home
        self._clock = clock
        self._environ = environ
        self._step = step
        self._told = told
        self._resources = resources
        self._keys: Contents | None = None
        self._keys_expire_at: datetime | None = None

    def run(self) -> dict[str, Any]:
        asked, home, now = self._asked, self._home, self._clock()
        self._step("keystore")
        keys_header, root_uri = self._load_keys()
        header = _peek(asked.backup, asked.identities)
        if keys_header is not None:
            _refuse_strangers(header, keys_header)
        document = self._document(header, root_uri)
        settings = settings_file.load(home.root, self._environ, defaults=document)
        uri, world, home_id = settings.keystore.root, settings.environment, settings.home_id
        root = open_root(uri, world, home_id, passphrase=lambda: asked.passphrase, home=home.root)
        keystore = self._open_keys(root, settings)

        self._step("vault")
        database, contents = self._load_vault(header, settings, keystore)
        due = replaying.due(keystore, int(now.timestamp()))
        sweeps = bool(due) and replaying.knows_holds(database)
        if due and not sweeps:
            keystore.destroy(due, now)
        verifier = _verifier(header, keystore, settings, now)

        self._step("since")
        vouched, replay = self._since(database, keystore, verifier, header)
        known = {period.id for period in keystore.periods()}
        again = sorted(
            period.id for period in keystore.periods(live=True) if period.id in replay.periods
        )
        if again:
            keystore.destroy(again, now)
        buried = replaying.bury_locked(database, keystore, lambda n: self._told(n, None))
        replayed = self._bury(database, replay)
        replaying.skip_numbers(database, SKIPPED)

        self._step("log")
        self._close(database, keystore)
        gone = sum(buried.values()) + replayed
        epoch = self._go_on(settings, root, header, gone, document, replay, sweeps=sweeps)
        return {
            "home": str(home.root),
            "backup": header.id,
            "taken_at": header.taken_at,
            "rows": contents.total,
            "periods_destroyed": len(due) + len(again),
            "buried": sum(buried.values()),
            "replayed": replayed,
            "lost": sum(count for period, count in buried.items() if period not in known),
            "log_size": header.log_size,
            "vouched_for": vouched,
            "explained_to": replay.size,
            "epoch": epoch,
            "taken_again": len(replay.taken) + sum(replay.suspended.values()),
            "access_to_review": replay.access,
        }

    # -- keys ------------------------------------------------------------------------------------

    def _load_keys(self) -> tuple[Header | None, str]:
        """Put the keystore into the new home; return its copy's header and where its root key is."""
        asked, home = self._asked, self._home
        making.make_database_file(home.keys_database)
        database = Database(f"sqlite:///{home.keys_database}")
        try:
            if asked.keys_home is not None:
                return None, self._load_home(asked.keys_home, database)
            if asked.keys_copy is None:
                raise Malformed("no keystore is named", hint="give --keys COPY or --keys-home DIR")
            header = self._load_copy(asked.keys_copy, database)
        finally:
            database.close()
        return header, _ROOT if header.root_key else header.root_uri

    def _load_copy(self, copy: Path, database: Database) -> Header:
        contents = fill(database, migrate.Schema.KEYSTORE, copy, _keys_identities(self._asked))
        header, self._keys = _header(contents), contents
        if header.kind != "keystore":
            raise Malformed(f"{copy} is no copy of a keystore")
        self._keys_expire_at = instant(header.expires_at)
        if self._keys_expire_at <= self._clock() and not self._asked.accept_gap:
            raise Conflict(
                f"the keystore copy expired at {header.expires_at}: it should be gone",
                hint="--accept-gap uses it all the same; what is due is destroyed in it first",
            )
        if header.root_key:
            try:
                raw = base64.b64decode(header.root_key, validate=True)
            except binascii.Error:
                raise Malformed("the keystore copy's root key has another form") from None
            write_durably(root_file(_ROOT, self._home.root), raw)
        return header

    def _load_home(self, old: Path, database: Database) -> str:
        there = layout(old)
        if not there.keys_database.is_file():
            raise Misconfigured(f"{old} holds no keys.db")
        uri = _ROOT
        with suppress(StrongroomError):
            uri = settings_file.load(there.root, {}).keystore.root
        with locked(there):
            source = Database(f"sqlite:///{there.keys_database}")
            try:
                with source.read() as view:
                    revision = migrate.revision_of(view) or ""
                    migrate.make(database, migrate.Schema.KEYSTORE, revision)
                    with database.write(alone=True) as tx:
                        filling = Filling(tx, lambda _count: None)
                        for table in tables_of(view, schema.keystore, lambda _count: None):
                            filling.table(table.name, table.columns)
                            for block in table.blocks:
                                filling.rows(list(block))
                        filling.finish()
            finally:
                source.close()
            if not uri.startswith("file:"):
                return uri
            try:
                raw = root_file(uri, there.root).read_bytes()
            except OSError as exc:
                raise Misconfigured(
                    f"the old home's root key can't be read: {exc.strerror}"
                ) from None
        write_durably(root_file(_ROOT, self._home.root), raw)
        return _ROOT

    def _open_keys(self, root: RootProvider, settings: Settings) -> Keystore:
        database = Database(f"sqlite:///{self._home.keys_database}")
        self._resources.callback(database.close)
        migrate.upgrade(database, migrate.Schema.KEYSTORE)
        keystore = Keystore(database, root, settings.environment, settings.home_id)
        keystore.open()
        if self._keys is not None:
            key = keystore.secret(SERVICE_KEY, self._clock())
            refuse_unsealed(self._keys, sealer(key, settings.home_id, "keystore"))
        return keystore

    # -- data ------------------------------------------------------------------------------------

    def _document(self, header: Header, root_uri: str) -> dict[str, Any]:
        """Return the new home's settings: the old ones, its keys and data here, and no secret."""
        document = _settings(header.settings)
        document |= {"environment": header.environment, "home_id": header.home_id}
        keystore = dict(document.get("keystore") or {})
        keystore["root"] = root_uri
        keystore.pop("passphrase_file", None)
        if self._asked.passphrase_file is not None:
            keystore["passphrase_file"] = str(self._asked.passphrase_file.absolute())
        document["keystore"] = keystore
        if self._asked.vault_url:
            document["vault"] = {**(document.get("vault") or {}), "url": self._asked.vault_url}
        return document

    def _load_vault(
        self, header: Header, settings: Settings, keystore: Keystore
    ) -> tuple[Database, Contents]:
        if header.kind != "vault":
            raise Malformed(f"{self._asked.backup} is no backup of a vault")
        if not settings.vault.url:
            making.make_database_file(self._home.vault_database)
        database = Database(settings.vault.url or f"sqlite:///{self._home.vault_database}")
        self._resources.callback(database.close)
        seal = sealer(keystore.secret(SERVICE_KEY, self._clock()), settings.home_id, "vault")
        contents = fill(
            database,
            migrate.Schema.VAULT,
            self._asked.backup,
            self._asked.identities,
            seal,
            lambda done: self._told(done, None),
        )
        if contents.header != header:
            raise Tampered("the backup changed while it was read")
        migrate.upgrade(database, migrate.Schema.VAULT)
        with database.write() as tx:
            end_visits(tx)
        return database, contents

    # -- since -----------------------------------------------------------------------------------

    def _since(
        self, database: Database, keystore: Keystore, verifier: Verifier, header: Header
    ) -> tuple[int, Replay]:
        """Return how far the log is known to have gone, and what is to be destroyed again.

        Raises:
            Tampered: it went further than anything says, or another way.

        """
        asked = self._asked
        vouched: list[tuple[int, bytes]] = []
        remembered = keystore.signer_memory(verifier.name).last()
        if remembered is not None:
            vouched.append(remembered)
        for path in asked.checkpoints:
            try:
                note = path.read_text()
            except (OSError, UnicodeDecodeError):
                raise Misconfigured(f"{path} can't be read as a checkpoint") from None
            found = since_.checkpoint_of(note, verifier)
            vouched.append((found.size, found.root))
        sources = [since_.open_since(path, verifier) for path in asked.since]
        sizes = [size for size, _root in vouched]
        replay = since_.read(sources, database, header.log_size, verifier, sizes)
        furthest = max([header.log_size, *sizes])
        later = since_.epochs_after(keystore, verifier.name)
        if (furthest > replay.size or later) and not asked.accept_gap:
            raise Tampered(
                f"the log went on to {furthest} events and is explained up to {replay.size}: what was destroyed"
                " meanwhile is not known",
                hint="--since the lost home, or a copy or export of its log; or --accept-gap, by two people",
            )
        for size, root in vouched:
            if replay.roots.get(size, root) != root:
                raise Tampered("the log since the backup is not the one that was vouched for")
        for size, root in (*vouched, (replay.size, replay.roots[replay.size])):
            # The next epoch names all that is known to be lost.
            keystore.signer_memory(verifier.name).remember(size, root)
        return furthest, replay

    def _bury(self, database: Database, replay: Replay) -> int:
        done = replaying.bury(database, sorted(replay.disposed), RecordState.GONE)
        done += replaying.bury(database, sorted(replay.erased), RecordState.ERASED)
        for url in replay.vaults:
            lost = Database(url)
            try:
                stones = replaying.tombstones(lost)
            finally:
                lost.close()
            # Its rows stand in no tree. They empty what they name; that it may never come again, the log says alone.
            stones = [
                stone if stone.number in replay.erased else stone._replace(state=RecordState.GONE)
                for stone in stones
            ]
            done += replaying.bury(database, [one.number for one in stones], RecordState.GONE)
            replaying.add_tombstones(database, stones)
        return done

    # -- the log ---------------------------------------------------------------------------------

    def _close(self, database: Database, keystore: Keystore) -> None:
        keystore.prove_clean()
        database.truncate_wal()
        self._resources.close()

    def _go_on(
        self,
        settings: Settings,
        root: RootProvider,
        header: Header,
        buried: int,
        document: dict[str, Any],
        replay: Replay,
        *,
        sweeps: bool,
    ) -> int:
        """Begin the log's next epoch with what is lost, take away what was taken, sweep if asked, make this a home."""
        now = self._clock()
        home = self._home
        for directory in home.directories():
            directory.mkdir(mode=0o700, exist_ok=True)
        with ExitStack() as resources:
            system = wire(home, settings, root, self._clock, resources, fresh=False)
            report = system.audit.verify(set_back=True)
            if report.faults:
                raise Tampered(f"the restored log does not verify: {report.faults[0]}")
            people = self._people(system, now)
            after = system.next_epoch()
            events = [
                Event(
                    EventType.LOG_EPOCH_STARTED,
                    Outcome.SUCCESS,
                    people[0],
                    reason=Reason.ROLLED_BACK,
                    op=str(known.number),
                    obj_kind=ObjKind.EPOCH,
                    obj_ref=known.memory[1].hex(),
                    n=known.memory[0],
                )
                for known in after.earlier
                if known.number >= system.audit.epoch
            ]
            events += [
                Event(EventType.LOG_EPOCH_STARTED, Outcome.SUCCESS, person, op="agreed")
                for person in people[1:]
            ]
            events.append(
                Event(
                    EventType.HOME_RESTORED,
                    Outcome.SUCCESS,
                    people[0],
                    op="gap.accepted" if self._asked.accept_gap else "gap.explained",
                    obj_kind=ObjKind.BACKUP,
                    obj_ref=header.id,
                    n=buried,
                )
            )
            after.begin_epoch(system.audit.epoch, events, now)
            self._list_copy(system, now)
            system.backups.forget_local(now)
        with ExitStack() as resources:
            again = wire(home, settings, root, self._clock, resources, fresh=False)
            taking.take_again(again, replay, now)
            if sweeps:
                # What a law requires of days that have come is set aside by it, before their keys go.
                again.vault.sweep(now)
        write_durably(home.settings, settings_file.document(document).encode())
        home.restoring.unlink(missing_ok=True)
        return after.epoch

    def _people(self, system: System, now: datetime) -> list[Caller]:
        """Return who restores: two who administer, in a home of more than one person.

        Raises:
            Denied: they are not two, or may not.
            Misconfigured: a variable says one person, and the home was made for more.

        """
        refuse_other_mode(system)
        if system.settings.one_person:
            return [SYSTEM]
        found = [
            system.accounts.check_credential(one.name, one.credential, now)
            for one in self._asked.approvers
        ]
        may = administrators(system.accounts, system.grants, now)
        if len({one.principal for one in found} & may) < 2:  # noqa: PLR2004 - two people
            raise Denied(
                "a restore takes two people who may administer: the log goes on with a gap",
                hint="--as NAME --credential-file F --approver NAME --approver-credential-file F",
            )
        return found

    def _list_copy(self, system: System, now: datetime) -> None:
        """List the copy that was used: its file is another one of the keystore until it is destroyed."""
        copy, old = self._asked.keys_copy, self._asked.keys_home
        path = copy.absolute() if copy is not None else layout(old or Path()).keys_database
        digest = sha256(path.read_bytes()).hexdigest()
        expires_at = now + system.copies.lifetime
        if self._keys_expire_at is not None:
            expires_at = min(expires_at, self._keys_expire_at)
        system.copies.adopt(str(path), digest, expires_at, now)


def _begin(home: Layout, asked: Asked) -> None:
    """Leave a marker in an empty directory, or clear what an interrupted restore left in it."""
    if home.settings.exists():
        home.restoring.unlink(missing_ok=True)
        raise Conflict(f"{home.root} is a home already")
    ours = {home.lock.name, home.restoring.name, f".{home.restoring.name}.new"}
    left = [path for path in sorted(home.root.iterdir()) if path.name not in ours]
    if left and not home.restoring.exists():
        raise Conflict(
            f"{home.root} is not empty: it holds {left[0].name}", hint="name a new directory"
        )
    write_durably(home.restoring, orjson.dumps({"backup": asked.backup.name}))
    for path in left:
        try:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        except OSError as exc:
            raise Unavailable(f"{path} cannot be removed: {exc.strerror}") from None
    if left and asked.vault_url:
        _clear(asked.vault_url)


def _clear(url: str) -> None:
    """Empty a database that an interrupted restore of this very home had begun to fill."""
    database = Database(url)
    try:
        with database.write(alone=True) as tx:
            schema.vault.drop_all(tx)
            tx.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
    finally:
        database.close()


def fill(
    database: Database,
    which: migrate.Schema,
    path: Path,
    identities: Identities,
    seal: Sealer | None = None,
    told: Callable[[int], None] = lambda _done: None,
) -> Contents:
    """Put a sealed file's rows into an empty database: all of them, verified, or none."""
    migrate.make(database, which, _peek(path, identities).schema)
    with database.write(alone=True) as tx:
        filling = Filling(tx, told)
        reading = Reading(header=lambda _header: None, table=filling.table, rows=filling.rows)
        read_sealed(path, identities, reading)
        # Raising here undoes it all.
        contents = reading.finish(seal)
        filling.finish()
    return contents


class _Enough(StrongroomError):
    """The header was read."""


def _peek(path: Path, identities: Identities) -> Header:
    """Return a file's header, before anything of it is believed."""
    found: list[Header] = []

    def header(read: Header) -> None:
        found.append(read)
        raise _Enough("the header was read")

    reading = Reading(header=header, table=lambda _n, _c: None, rows=lambda _b: None)
    with suppress(_Enough):
        read_sealed(path, identities, reading)
    if not found:
        raise Malformed("the file is no backup of Strongroom")
    return found[0]


def _read_only(path: Path, identities: Identities) -> Contents:
    reading = Reading(header=lambda _h: None, table=lambda _n, _c: None, rows=lambda _b: None)
    read_sealed(path, identities, reading)
    return reading.finish()


def _header(contents: Contents) -> Header:
    if contents.header is None:
        raise Malformed("the file is no backup of Strongroom")
    return contents.header


def _keys_identities(asked: Asked) -> Identities:
    if asked.keys_identities is None:
        raise Malformed("the keystore copy has no identity", hint="give --keys-identity FILE")
    return asked.keys_identities


def _refuse_strangers(backup: Header, keys: Header | None) -> None:
    if keys is not None and (backup.home_id, backup.environment) != (
        keys.home_id,
        keys.environment,
    ):
        raise Misconfigured("backup and keystore copy are not of one home and environment")


def _settings(text: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise Malformed("the backup's settings are not TOML") from None
    for section, name in _SECRETS:
        if isinstance(document.get(section), dict):
            document[section].pop(name, None)
    return document


def _verifier(header: Header, keystore: Keystore, settings: Settings, now: datetime) -> Verifier:
    prefix = f"strongroom.invalid/audit/{settings.home_id}/"
    if not header.origin.startswith(prefix):
        raise Tampered("the backup's log is not its home's")
    return Verifier(Signer(header.origin, keystore.secret("audit-signer", now)).vkey)
