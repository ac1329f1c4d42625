"""Tries a restore out: the newest backup into a scratch database, verified, and a sample opened inside the door [2.1].

The scratch database holds sealed rows alone and is removed at the end; a value that is opened for the sample leaves
nothing behind but a count. How long it took is the RTO, how long ago the backup was taken the RPO.
"""

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

from strongroom.app import System
from strongroom.backups import Backup, Drill
from strongroom.backups.stream import sealer
from strongroom.crypto.age import Identities
from strongroom.db import migrate
from strongroom.db.engine import Database
from strongroom.errors import NotFound, StrongroomError, Tampered, Unavailable
from strongroom.home import making
from strongroom.restoring.restoring import SERVICE_KEY, fill
from strongroom.terms import Caller
from strongroom.vault import sample_openable

_SAMPLE: Final = 20
_SCRATCH: Final = ".drill"


def drill(
    system: System,
    identities: Identities,
    caller: Caller,
    now: datetime,
    told: Callable[[int, int | None], None],
    id_: int | None = None,
) -> Drill:
    """Return what restoring a backup, the newest unless another is named, found; recorded, whatever it was.

    Raises:
        NotFound: there is no backup, or its file is gone.
        Tampered, Malformed: it does not open, was changed or does not verify; recorded.
        Unavailable: there is no room for it.

    """
    backup = system.backups.one(id_)
    path = system.backups.path_of(backup)
    if not path.is_file():
        raise NotFound(f"the file of backup {backup.id} is not in the home")
    began = time.monotonic()
    rows, opened, failure = 0, 0, None
    try:
        rows, opened = _restored(system, backup, path, identities, now, told)
    except StrongroomError as exc:
        failure = exc
    done = Drill(
        0,
        backup.id,
        now,
        failure is None,
        rows,
        opened,
        int((time.monotonic() - began) * 1000),
        int((now - backup.taken_at).total_seconds() * 1000),
    )
    system.backups.record_drill(caller, done, now)
    if failure is not None:
        raise failure
    return done


def _restored(
    system: System,
    backup: Backup,
    path: Path,
    identities: Identities,
    now: datetime,
    told: Callable[[int, int | None], None],
) -> tuple[int, int]:
    scratch = path.parent / _SCRATCH
    with ExitStack() as after:
        try:
            shutil.rmtree(scratch, ignore_errors=True)  # what an interrupted one left
            scratch.mkdir(mode=0o700)
        except OSError as exc:
            raise Unavailable(f"{scratch} cannot be made: {exc.strerror}") from None
        after.callback(shutil.rmtree, scratch, ignore_errors=True)
        making.make_database_file(scratch / "vault.db")
        database = Database(f"sqlite:///{scratch / 'vault.db'}")
        after.callback(database.close)
        seal = sealer(system.keystore.secret(SERVICE_KEY, now), system.settings.home_id, "vault")
        contents = fill(
            database,
            migrate.Schema.VAULT,
            path,
            identities,
            seal,
            lambda done: told(done, backup.rows),
        )
        if contents.total != backup.rows:
            raise Tampered(f"backup {backup.id} has other rows than were counted")
        migrate.upgrade(database, migrate.Schema.VAULT)
        report = system.log_of(database).verify(set_back=True)
        if report.faults:
            raise Tampered(f"the log of backup {backup.id} does not verify: {report.faults[0]}")
        sample = sample_openable(database, system.keystore, system.settings.environment, _SAMPLE)
        if sample.opened != sample.sealed:
            raise Tampered(
                f"of {sample.sealed} records of backup {backup.id}, {sample.opened} open"
            )
    return contents.total, sample.opened
