"""Builds every object of an open home, once: settings in, a `System` out.

Read it as the table of contents. It alone reads the clock; everything below takes `now`.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final

from strongroom import logs
from strongroom.accounts import (
    Accounts,
    Certificates,
    Channels,
    Guard,
    Identities,
    Links,
    Networks,
    Nodes,
    Passwords,
    SignOn,
    Site,
)
from strongroom.accounts.issued import Issued
from strongroom.accounts.strangers import Strangers
from strongroom.alarms import Alarms, Signal
from strongroom.alarms.rules import all_rules
from strongroom.anchors import Anchors, Following, Quorum
from strongroom.assurance.assurance import Assurance
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.backups import Backups, KeystoreCopies
from strongroom.compliance import AccessView, Keeping, LogReaders, Reviews, administrators
from strongroom.compliance.compliance import Compliance
from strongroom.compliance.duties import Edition
from strongroom.compliance.joining import Joining
from strongroom.crypto.cosignature import Cosigner
from strongroom.crypto.root import RootProvider
from strongroom.db import migrate
from strongroom.db.engine import Database
from strongroom.deletion.notices import Notices
from strongroom.deletion.overseeing import NoticesOverseen
from strongroom.deletion.wiring import copies_of, held_by, notices_of
from strongroom.errors import Denied, Misconfigured
from strongroom.feeds.courier import Courier
from strongroom.feeds.outbox import NoticeOutbox
from strongroom.feeds.passwords import follow
from strongroom.feeds.pump import Pump
from strongroom.feeds.targets import Targets
from strongroom.gateway import Gateway, catalogue_with, create_gateway
from strongroom.gateway.inside import Inside
from strongroom.home import Layout, backing, certificates, making
from strongroom.home.log import Logs
from strongroom.paper import Paper
from strongroom.policy.passwords import profile_named
from strongroom.relay import Disclosures, Lines, Relay
from strongroom.settings import Settings
from strongroom.subjects import Subjects
from strongroom.subjects.overseeing import RequestsOverseen
from strongroom.sync import Sync
from strongroom.terms import SYSTEM, Caller, Environment, PrincipalId
from strongroom.vault import GrantStore, Keystore, SellerStore, Vault
from strongroom.vault.archive import ArchivePlace
from strongroom.vault.arrivals import Arrivals
from strongroom.vault.clockwatch import ClockWatch
from strongroom.vault.dates import Dates
from strongroom.vault.known import Known
from strongroom.vault.roles import RoleStore
from strongroom.vault.rootwatch import RootWatch
from strongroom.vault.secrets import SystemSecrets

Clock = Callable[[], datetime]
"""Returns the present instant, aware, in UTC."""

_SYSTEMD_CREDENTIAL: Final = "strongroom-passphrase"


def machine_clock() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)


def steady_clock() -> timedelta:
    """Return the time since some instant by a clock that nobody can set and that counts while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return timedelta(microseconds=time.clock_gettime_ns(clock) // 1000)


def clock_from(start: datetime) -> Clock:
    """Return a clock that began at `start` just now and runs on at the machine's pace."""
    began = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class System:
    """An open home. Close it: that ends its log with an event and a checkpoint."""

    home: Layout
    settings: Settings
    clock: Clock
    database: Database
    keystore: Keystore
    audit: AuditLog
    accounts: Accounts
    channels: Channels
    certificates: Certificates
    nodes: Nodes
    identities: Identities
    networks: Networks
    strangers: Strangers
    guard: Guard
    passwords: Passwords = field(repr=False)
    signon: SignOn = field(repr=False)
    joining: Joining
    sellers: SellerStore
    grants: GrantStore
    vault: Vault
    dates: Dates
    watch: ClockWatch
    root_watch: RootWatch
    known: Known
    arrivals: Arrivals
    issued: Issued
    roles: RoleStore
    reviews: Reviews
    secrets: SystemSecrets
    access: AccessView
    alarms: Alarms
    targets: Targets
    outbox: NoticeOutbox
    courier: Courier
    pump: Pump
    anchors: Anchors
    quorum: Quorum
    following: Following
    log_readers: LogReaders
    keeping: Keeping
    backups: Backups
    copies: KeystoreCopies
    disclosures: Disclosures
    relay: Relay
    paper: Paper
    subjects: Subjects
    compliance: Compliance
    assurance: Assurance
    gateway: Callable[[], Gateway]
    """Makes the gateway: one for each event loop."""
    sync: Sync
    notices: Notices
    api_key: bytes = field(repr=False)
    sound: bool
    """False: the log is not what its signer vouched for; it can be verified, and nothing else done."""
    log_of: Callable[[Database], AuditLog] = field(repr=False)  # as a copy elsewhere holds it
    next_epoch: Callable[[], AuditLog] = field(repr=False)
    """Gives the log as the epoch after all that the signer remembers would have it."""
    _resources: ExitStack = field(repr=False)
    listening: dict[str, int] = field(default_factory=dict)
    """The ports of the listeners that serve this home from this process, by name."""

    def at(self, now: datetime | None) -> datetime:
        """Return `now`, where this home lets a caller choose it, or else the clock's.

        Raises:
            Denied: a production home's time is the machine's.

        """
        if now is None:
            return self.clock()
        refuse_chosen_time(self.settings.environment)
        return now

    def record(self, type_: EventType, now: datetime, op: str | None = None) -> None:
        """Append an event about the home itself; durable on return."""
        event = Event(
            type_,
            Outcome.SUCCESS,
            SYSTEM,
            op=op,
            obj_kind=ObjKind.HOME,
            obj_ref=self.settings.home_id,
        )
        self.audit.record(event, now=now)

    def keep_certificate(self) -> None:
        """Make what is missing in `tls/`, and renew a certificate of ours that nears its end.

        What was made is recorded; durable on return.

        Raises:
            Misconfigured: what lies there is no certificate.

        """
        now = self.clock()
        if _ensure_certificates(self.home, self.settings, self.keystore, now):
            self.record_certificate("tls.renewed", SYSTEM, now)

    def record_certificate(self, op: str, caller: Caller, now: datetime) -> None:
        """Append an event about the certificate in `tls/`; durable on return."""
        event = Event(
            EventType.CERTIFICATE_ROTATED,
            Outcome.SUCCESS,
            caller,
            op=op,
            obj_kind=ObjKind.CERTIFICATE,
            obj_ref=certificates.leaf_of(self.home).thumbprint,
        )
        self.audit.record(event, now=now)

    def close(self, *, anchored: bool = False) -> None:
        """Record the end, publish a last checkpoint, and let go of files and lock.

        `anchored` shows that checkpoint to whoever binds the log, for some seconds at most: a server does,
        a command that opened the home for itself doesn't.
        """
        with self._resources:
            self.notices.works.stop()
            if not self.sound:
                return
            now = self.clock()
            self.strangers.record(self.strangers.over(now, last=True), now)
            self.alarms.watch.release(now)
            self.record(EventType.HOME_CLOSED, now)
            self.audit.checkpoint(now)
            if anchored:
                self.anchors.close(now)


def passphrase_path(settings: Settings, environ: Mapping[str, str] | None = None) -> Path | None:
    """Return where the passphrase comes from: the setting, else the systemd credential; or None."""
    if settings.keystore.passphrase_file is not None:
        return settings.keystore.passphrase_file
    directory = (os.environ if environ is None else environ).get("CREDENTIALS_DIRECTORY")
    path = Path(directory) / _SYSTEMD_CREDENTIAL if directory else None
    return path if path is not None and path.exists() else None


def wire(
    home: Layout,
    settings: Settings,
    root: RootProvider,
    clock: Clock,
    resources: ExitStack,
    *,
    fresh: bool,
) -> System:
    """Return the objects of a home that is locked; `fresh` makes keys and tables first.

    Raises:
        Misconfigured: keys are missing, or belong to another home or environment, or a database is missing.
        Tampered: the log is not the one its signer vouched for.

    """
    environment, now = settings.environment, clock()

    # Two databases: a key never lies beside the data it opens [2.4].
    vault_url, keys_url = database_urls(home, settings)
    keys_database = _open_database(keys_url, migrate.Schema.KEYSTORE, resources, fresh=fresh)
    keystore = Keystore(keys_database, root, environment, settings.home_id)
    if fresh:
        keystore.create_master(now)
    keystore.open()
    database = _open_database(vault_url, migrate.Schema.VAULT, resources, fresh=fresh)

    # Nothing below works without a log to record it in.
    log = Logs(home, settings, keystore, database, now)
    audit = log.current()

    accounts = Accounts(database, keystore.secret("accounts", now), audit, environment)
    registered = Certificates(database, keystore.secret("accounts", now), accounts, environment)
    sellers = SellerStore(database, keystore.secret("sellers", now), audit, environment)
    grants = GrantStore(database, audit, one_person=settings.one_person)
    roles = RoleStore(database, audit)
    subjects = keystore.secret("subjects", now)
    steady = steady_clock if clock is machine_clock else None
    copy_lifetime = timedelta(hours=settings.keystore.copy_lifetime_hours)
    vault = Vault(
        database,
        keystore,
        audit,
        environment=environment,
        token_key=keystore.secret("record-tokens", now),
        subject_key=subjects,
        copy_lifetime=copy_lifetime,
        archive=ArchivePlace(settings.archive.directory or home.archive, settings.one_person),
    )
    known = Known(
        database,
        keystore,
        audit,
        environment=environment,
        token_key=keystore.secret("record-tokens", now),
        subject_key=subjects,
    )
    signing_on = keystore.secret("signing-on", now)

    def administering(at: datetime) -> frozenset[PrincipalId]:
        return administrators(accounts, grants, at)

    guard = Guard(database, audit, administrators=administering, one_person=settings.one_person)
    profile = profile_named(settings.access.profile)
    passwords = Passwords(database, audit, signing_on, environment, profile)
    networks = Networks(database, audit, one_person=settings.one_person)
    signon = SignOn(
        database,
        audit,
        signing_on,
        environment,
        passwords=passwords,
        guard=guard,
        networks=networks,
        # Its listener may pick another port: `serve` says which.
        site=Site.of(settings.desk.url or f"https://localhost:{settings.desk.port}"),
    )
    joining = Joining(
        database,
        audit,
        links=Links(signing_on, environment),
        passwords=passwords,
        grants=grants,
        guard=guard,
        signon=signon,
        administrators=administering,
    )

    secrets_of_ours = SystemSecrets(
        database, keystore.secret("system-secrets", now), audit, environment
    )
    targets = Targets(
        database,
        keystore.secret("deliveries", now),
        audit,
        environment,
        one_person=settings.one_person,
    )
    targets.tells(follow(secrets_of_ours))
    heartbeat = settings.notices.heartbeat_hours
    outbox = NoticeOutbox(
        database,
        audit,
        targets,
        entropy=secrets.token_bytes,
        heartbeat=timedelta(hours=heartbeat) if heartbeat else None,
    )
    courier = Courier(outbox, targets, settings.home_id, clock, _telling(logs.Task.NOTICES))
    alarms = Alarms.wired(
        database,
        audit,
        administrators=administering,
        end_sessions=signon.end_all,
        one_person=settings.one_person,
        rules=all_rules,
        outboxes=(outbox,),
        channels=(courier.at_once,),
        tell=_tell_outside,
        holder=secrets.token_hex(8),
    )
    anchors = Anchors(
        database,
        audit,
        key=keystore.secret("anchors", now),
        environment=environment,
        needed=settings.log.witnesses_needed,
    )
    cosigner = Cosigner(
        f"strongroom.invalid/witness/{settings.home_id}", keystore.secret("witness-signer", now)
    )
    disclosures = Disclosures(database, audit)
    backups, copies = backing.wired(home, settings, keystore, database, audit, now)
    vault.eraser.back_up_with(backing.back_up_with(backups, clock))

    def gateway() -> Gateway:
        return create_gateway(
            catalogue=catalogue_with(settings.gateway.allow_unknown),
            vault=vault,
            accounts=accounts,
            networks=networks,
            guard=guard.clients,
            sellers=sellers,
            audit=audit,
            clock=clock,
            token_key=keystore.secret("gateway-tickets", now),
            environment=environment,
        )

    requests = Subjects.wired(
        database, audit, vault, keystore.secret("subject-requests", now), environment,
        administrators=administering, one_person=settings.one_person,
        most_days=settings.requests.most_days,
    )  # fmt: skip
    notices = notices_of(
        database, keystore, audit, accounts, sellers, vault, disclosures,
        home=home.root, home_id=settings.home_id, environment=environment,
        copy_lifetime=copy_lifetime, one_person=settings.one_person, subject_key=subjects, now=now,
        copies=copies_of(database, vault, backups, copies), held=held_by(vault),
    )  # fmt: skip
    watch = ClockWatch(audit, steady, one_person=settings.one_person)
    vault.withheld = lambda: watch.is_withheld
    if fresh:
        _ensure_certificates(home, settings, keystore, now)
        alarms.watch.begin(now)
    compliance, assurance = Assurance.over(
        Compliance.wired(
            keystore.secret("compliance", now),
            environment,
            database,
            audit,
            accounts=accounts,
            guard=guard,
            grants=grants,
            anchors=anchors,
            alarms=alarms,
            targets=targets,
            outbox=outbox,
            home=settings.home_id,
            amazon_address=settings.notices.amazon_address,
            one_person=settings.one_person,
            edition=Edition(settings.compliance.revision),
            networks=networks,
            privacy_url=settings.documents.privacy_url,
            privacy_ca=settings.documents.privacy_ca and home.root / settings.documents.privacy_ca,
        ).also(NoticesOverseen(notices), RequestsOverseen(requests.requests)),
        database, audit, accounts=accounts, grants=grants, one_person=settings.one_person,
        home=home.root, home_id=settings.home_id, environment=environment.value,
        signing=keystore.secret("pack-signer", now), canaries=vault.canaries,
    )  # fmt: skip
    return System(
        home,
        settings,
        clock,
        database,
        keystore,
        audit,
        accounts,
        Channels(database, audit, lambda: accounts.generation),
        registered,
        Nodes(accounts, registered, keystore.secret("accounts", now), environment),
        Identities(
            database,
            signing_on,
            audit,
            environment,
            ended=lambda change, person: signon.end_all(change, person, Reason.REVOKED),
        ),
        networks,
        Strangers(audit),
        guard,
        passwords,
        signon,
        joining,
        sellers,
        grants,
        vault,
        Dates(database, keystore, subject_key=subjects, copy_lifetime=copy_lifetime),
        # A time that was chosen is meant: what it makes due is destroyed.
        watch,
        RootWatch(
            keystore,
            audit,
            steady_clock,
            timedelta(minutes=settings.keystore.root_grace_minutes) or None,
        ),
        known,
        Arrivals(
            database,
            keystore,
            vault,
            environment=environment,
            token_key=keystore.secret("record-tokens", now),
            subject_key=subjects,
            copy_lifetime=copy_lifetime,
        ),
        Issued(database, keystore.secret("accounts", now), environment),
        roles,
        Reviews(database, audit, grants),
        secrets_of_ours,
        AccessView(database, audit, grants, roles),
        alarms,
        targets,
        outbox,
        courier,
        Pump(
            database,
            audit,
            targets,
            home=settings.home_id,
            product=installed_version("strongroom"),
            clock=clock,
            failed=_telling(logs.Task.FEEDS),
        ),
        anchors,
        Quorum(database, audit, anchors, synchronous=settings.log.synchronous),
        Following(database, audit, cosigner, keystore.signer_memory),
        LogReaders(database, audit, guard),
        Keeping(
            database,
            audit,
            one_person=settings.one_person,
            anchored=lambda size: audit.is_published(size) and anchors.covers(size),
        ),
        backups,
        copies,
        disclosures,
        Relay(vault, targets, disclosures, audit, Lines(), clock),
        Paper(vault, audit),
        requests,
        compliance,
        assurance,
        gateway,
        Sync(
            database=database,
            audit=audit,
            accounts=accounts,
            sellers=sellers,
            vault=vault,
            inside=Inside(gateway),
            clock=clock,
            home=home.root,
        ),
        notices,
        keystore.secret("api-tickets", now),
        sound=True,
        log_of=lambda other: Logs(home, settings, keystore, other, clock()).current(),
        next_epoch=log.next,
        _resources=ExitStack(),
    )


def _tell_outside(signal: Signal) -> None:
    logs.say_alarm(signal.kind.value, signal.target or "")


def _telling(task: logs.Task) -> Callable[[BaseException], None]:
    """Return what writes a failure of work in threads of its own into the process's log."""
    return lambda exc: logs.say_error(logs.Happening.SCHEDULE_FAILED, exc, task=task.value)


def _ensure_certificates(
    home: Layout, settings: Settings, keystore: Keystore, now: datetime
) -> bool:
    return certificates.ensure(
        home,
        keystore.secret("ca", now),
        environment=settings.environment,
        home_id=settings.home_id,
        hostname=socket.gethostname(),
        # Clients check dates against their own clocks, so certificates follow the machine's.
        machine_now=machine_clock(),
    )


def database_urls(home: Layout, settings: Settings) -> tuple[str, str]:
    """Return the URLs of vault and keystore.

    Raises:
        Misconfigured: they are one database.

    """
    vault_url = Database.within(home.root, settings.vault.url or f"sqlite:///{home.vault_database}")
    keys_url = Database.within(
        home.root, settings.keystore.url or f"sqlite:///{home.keys_database}"
    )
    if Database.place(vault_url) == Database.place(keys_url):
        raise Misconfigured(
            "vault and keystore are one database", hint="give the keystore one of its own [2.4]"
        )
    return vault_url, keys_url


def _open_database(
    url: str, which: migrate.Schema, resources: ExitStack, *, fresh: bool
) -> Database:
    database = Database(url)
    resources.callback(database.close)
    if database.path is not None:
        if fresh:
            making.make_database_file(database.path)
        elif not database.path.exists():
            # SQLite would make an empty one, and the loss would show as something else.
            raise Misconfigured(
                f"the {which.value} {database.path} is missing", hint="restore it from its own copy"
            )
    migrate.upgrade(database, which)
    return database


def refuse_chosen_time(environment: Environment) -> None:
    """Refuse a time that somebody chose for a home that takes its time from the machine. Raises: Denied."""
    if environment is not Environment.TEST:
        raise Denied(f"a home of environment {environment} takes its time from the machine")
