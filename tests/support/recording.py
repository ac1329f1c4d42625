"""A process that writes to a log from several threads and says what it was told is durable, to be hurt by a test.

    python recording.py DIRECTORY URL KEYS BOOT THREADS EACH

Half of what it writes are events alone, half are a row and its event in one unit. Each line of its output is one
acknowledgement, `ack REF`, written after the log returned, or `refused KIND`. It ends with 3 once the database says
that nothing is written any more, and goes on after any other refusal. A checkpoint is published now and then.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.crypto.note import Signer, Verifier
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.db.migrate import Schema, upgrade
from strongroom.errors import StrongroomError, Tampered
from strongroom.terms import SYSTEM
from strongroom.vault.keystore import SignerMemory

ORIGIN = "strongroom.invalid/audit/test-home/1"
SIGNER = Signer(ORIGIN, bytes(range(32)))
STOPPED = 3


@dataclass(frozen=True)
class Place:
    """Where a log is: its database, that of its signer's memory, and the directory of its checkpoint."""

    directory: Path
    url: str
    keys: str

    @classmethod
    def sqlite(cls, directory: Path) -> Self:
        return cls(
            directory, f"sqlite:///{directory / 'vault.db'}", f"sqlite:///{directory / 'keys.db'}"
        )


def open_log(place: Place, boot: str) -> tuple[AuditLog, Database, Database]:
    """Return the log, its database, and that of its signer's memory; both have their tables."""
    keys = Database(place.keys)
    upgrade(keys, Schema.KEYSTORE)
    database = Database(place.url)
    upgrade(database, Schema.VAULT)
    log = AuditLog(
        database,
        signer=SIGNER,
        verifier=Verifier(SIGNER.vkey),
        memory=SignerMemory(keys, ORIGIN),
        node="node",
        boot=boot,
        pseudonym_key=bytes(32),
        monotonic=time.monotonic_ns,
        entropy=os.urandom,
        checkpoint_path=place.directory / "checkpoint",
    )
    return log, database, keys


def event(ref: str) -> Event:
    """Return the event of one piece of work."""
    return Event(
        EventType.RECORD_REVEALED, Outcome.SUCCESS, SYSTEM, obj_kind=ObjKind.RECORD, obj_ref=ref
    )


def say(line: str) -> None:
    """Write one line at once: the process may end at any instant."""
    os.write(1, line.encode() + b"\n")


class Writer:
    """Threads that write until they have written so much, or may not any more."""

    def __init__(self, log: AuditLog, database: Database, boot: str, each: int) -> None:
        self._log = log
        self._database = database
        self._boot = boot
        self._each = each
        self._ended = threading.Event()
        self.code = 0
        database.on_unsound(lambda failure: self._end(failure.code))

    def run(self, threads: int) -> None:
        checking = threading.Thread(target=self._check)
        workers = [threading.Thread(target=self._work, args=(number,)) for number in range(threads)]
        checking.start()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self._ended.set()
        checking.join()

    def _end(self, code: str) -> None:
        say(f"stopped {code}")
        self.code = STOPPED
        self._ended.set()

    def _work(self, thread: int) -> None:
        for number in range(self._each):
            if self._ended.is_set():
                return
            ref = f"{self._boot}.{thread}.{number}"
            try:
                self._write(ref, alone=number % 2 == 0)
            except StrongroomError as exc:
                say(f"refused {type(exc).__name__}")
                if isinstance(exc, Tampered):
                    return
                time.sleep(0.02)
            else:
                say(f"ack {ref}")

    def _write(self, ref: str, *, alone: bool) -> None:
        now = datetime.now(UTC)  # noqa: TID251 - this is a process's own entry point
        if alone:
            self._log.record(event(ref), now=now)
            return
        row = {
            "operation": "op",
            "path": ref,
            "kind": "new",
            "count": 1,
            "first_seen_at": now,
            "last_seen_at": now,
        }
        with self._database.write() as tx:
            tx.execute(sa.insert(schema.drift), row)
            self._log.append(tx, event(ref), now=now)

    def _check(self) -> None:
        while not self._ended.wait(0.1):
            try:
                self._log.checkpoint(datetime.now(UTC))  # noqa: TID251 - as above
            except (StrongroomError, OSError) as exc:
                say(f"unpublished {type(exc).__name__}")


def main() -> int:
    directory, url, keys_url, boot, threads, each = sys.argv[1:]
    log, database, keys = open_log(Place(Path(directory), url, keys_url), boot)
    say("ready")
    writer = Writer(log, database, boot, int(each))
    writer.run(int(threads))
    database.close()
    keys.close()
    return writer.code


if __name__ == "__main__":
    sys.exit(main())
