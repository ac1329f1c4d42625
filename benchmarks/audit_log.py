"""Times the audit log: one event, a durable one, batches, a checkpoint, verification.

    python benchmarks/audit_log.py [EVENTS] [DATABASE_URL]

Writes EVENTS (100,000) to a SQLite file in a temporary directory below the current one, or to the
empty database named. Microseconds are CPU time of this process, seconds are of the clock.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.crypto.note import Signer, Verifier
from strongroom.db.engine import Database
from strongroom.db.migrate import Schema, upgrade
from strongroom.terms import AuthMethod, Caller, Category, PrincipalId, PrincipalKind, Purpose

ORIGIN = "strongroom.invalid/audit/bench/1"
BATCH = 1000
SINGLE = 3000
DURABLE = 500
NOW = datetime(2026, 3, 1, tzinfo=UTC)
EVENT = Event(
    EventType.RECORD_REVEALED,
    Outcome.SUCCESS,
    Caller(PrincipalId(5), PrincipalKind.APP, "bench", AuthMethod.ACCESS_TOKEN),
    op="ordersV0.getOrders",
    obj_kind=ObjKind.TOKEN,
    obj_ref="ST0123456789ABCDEFGH",
    purpose=Purpose.FULFILMENT,
    pii=(Category.NAME,),
    n=1,
    decision=12,
    records=(123456789,),
    req="request-1",
)


class Memory:
    def __init__(self) -> None:
        self.state: tuple[int, bytes] | None = None

    def last(self) -> tuple[int, bytes] | None:
        return self.state

    def remember(self, size: int, root: bytes) -> None:
        self.state = (size, root)


def clocked(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run(database: Database, events: int) -> None:
    upgrade(database, Schema.VAULT)
    signer = Signer(ORIGIN, os.urandom(32))
    log = AuditLog(
        database,
        signer=signer,
        verifier=Verifier(signer.vkey),
        memory=Memory(),
        node="bench",
        boot="bench",
        pseudonym_key=os.urandom(32),
        monotonic=time.monotonic_ns,
        entropy=os.urandom,
    )

    def append(number: int) -> None:
        with database.write() as tx:
            log.append(tx, *[EVENT] * number, now=NOW)

    append(1)
    times = []
    with database.write() as tx:
        for _ in range(SINGLE):
            start = time.thread_time()
            log.append(tx, EVENT, now=NOW)
            times.append(time.thread_time() - start)
    times.sort()
    print(f"append, one event      {times[SINGLE // 2] * 1e6:8.0f} µs median of {SINGLE}")
    seconds = clocked(lambda: [append(1) for _ in range(DURABLE)])
    print(f"append and commit      {seconds / DURABLE * 1e6:8.0f} µs")
    seconds = clocked(lambda: [append(BATCH) for _ in range(events // BATCH)])
    print(f"append by {BATCH}         {events / seconds:8,.0f} events/s")
    print(f"first checkpoint       {clocked(lambda: log.checkpoint(NOW)):8.2f} s")
    append(1)
    print(f"next checkpoint        {clocked(lambda: log.checkpoint(NOW)) * 1e3:8.2f} ms")
    start = time.process_time()
    report = log.verify()
    seconds = time.process_time() - start
    assert report.ok
    print(
        f"verify {report.events:9,} events {seconds:7.2f} s, {seconds / report.events * 1e6:.1f} µs each"
    )


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(dir=".") as directory:
        url = (
            sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{Path(directory).absolute()}/bench.db"
        )
        database = Database(url)
        try:
            run(database, events)
        finally:
            database.close()


main()
