"""Puts together what keeps a home's backups and the copies of its keystore [2.1, 2.4]."""

from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version as installed_version

from strongroom.audit import AuditLog
from strongroom.backups import Backups, Home, KeystoreCopies, PlaceKind, Places, Plan
from strongroom.backups.stream import Header, sealer
from strongroom.crypto.root import root_file
from strongroom.db import migrate
from strongroom.db.engine import Database
from strongroom.home.layout import Layout
from strongroom.settings import Settings, without_secrets
from strongroom.terms import SYSTEM
from strongroom.vault import Keystore


def wired(
    home: Layout,
    settings: Settings,
    keystore: Keystore,
    database: Database,
    audit: AuditLog,
    now: datetime,
) -> tuple[Backups, KeystoreCopies]:
    """Return what keeps the backups of a home, and what keeps the copies of its keystore."""
    environment, version = settings.environment.value, installed_version("strongroom")
    key, wanted = keystore.secret("backups", now), settings.backup
    places = Places(
        database,
        audit,
        keystore.secret("backup-places", now),
        settings.environment,
        home.root,
        one_person=settings.one_person,
    )
    backups = Backups(
        database,
        audit,
        places,
        Home(
            settings.home_id,
            environment,
            version,
            migrate.Schema.VAULT.newest,
            home.backups,
            lambda: without_secrets(home.settings),
        ),
        Plan(wanted.every, wanted.keep, timedelta(days=wanted.keep_days), wanted.drill_every),
        sealer(key, settings.home_id, "vault"),
    )
    root = settings.keystore.root

    def root_of_file() -> bytes | None:
        return root_file(root, home.root).read_bytes() if root.startswith("file:") else None

    header = Header(
        kind="keystore",
        id="",
        home_id=settings.home_id,
        environment=environment,
        taken_at="",
        version=version,
        schema=migrate.Schema.KEYSTORE.newest,
        engine="",
    )
    return backups, KeystoreCopies(
        database,
        keystore,
        audit,
        places,
        lifetime=timedelta(hours=settings.keystore.copy_lifetime_hours),
        header=header,
        root_file=root_of_file,
        seal=sealer(key, settings.home_id, "keystore"),
    )


def back_up_with(backups: Backups, clock: Callable[[], datetime]) -> Callable[[], None]:
    """Return what takes a backup before old keys go, in a home that has somebody to open one."""

    def back_up() -> None:
        if backups.places.of(PlaceKind.RECIPIENT):
            backups.run(SYSTEM, clock(), lambda _done, _total: None)

    return back_up
