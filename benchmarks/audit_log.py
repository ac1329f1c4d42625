"""Times the audit log: events recorded by many writers, proofs, verification; beside bare SQLite, in one run.

    python benchmarks/audit_log.py [--events N] [--database URL] [--seconds S] [--json]

Writes to a SQLite file in a temporary directory below the current one, or to the empty database named. Each writer is
a thread that records one event, waits until it is durable, and records the next; "units" are events appended with
`write()`, as a change of data appends its own. Then N events (1,000,000) are appended in batches; proofs are made and
verified at that size, and the whole log is verified. A proof's times are medians in microseconds.
"""

import argparse
import json
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.audit.tiles import TileReader
from strongroom.audit.tree import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from strongroom.crypto.note import Signer, Verifier
from strongroom.db.engine import Database
from strongroom.db.migrate import Schema, upgrade
from strongroom.terms import AuthMethod, Caller, Category, PrincipalId, PrincipalKind, Purpose

ORIGIN = "strongroom.invalid/audit/bench/1"
WRITERS = (1, 4, 16, 64, 256)
BATCH = 1000
PROOFS = 500
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


class Raw:
    """SQLite alone and as durable: one row as long as an event, one commit."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB)")
        self._lock = threading.Lock()
        self._body = bytes(450)

    def insert(self) -> None:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT INTO event (body) VALUES (?)", (self._body,))
            self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def rate(work: Callable[[], None], writers: int, seconds: float) -> float:
    """Return how often a second the writers had it done."""
    counts = [0] * writers
    end = time.perf_counter() + seconds

    def write(place: int) -> None:
        while time.perf_counter() < end:
            work()
            counts[place] += 1

    threads = [threading.Thread(target=write, args=(place,)) for place in range(writers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def micros(work: Callable[[], object], times: int = PROOFS) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found) * 1e6


def measure(
    log: AuditLog, database: Database, raw: Raw, events: int, seconds: float
) -> dict[str, Any]:
    def unit() -> None:
        with database.write() as tx:
            log.append(tx, EVENT, now=NOW)

    contestants: dict[str, Callable[[], None]] = {
        "recorded": lambda: log.record(EVENT, now=NOW),
        "units": unit,
        "bare SQLite": raw.insert,
    }
    found: dict[str, Any] = {"writers": {}}
    unit()
    for writers in WRITERS:
        # In turns, so that a slow minute slows all of them; the middle of three.
        rounds = [
            {name: rate(work, writers, seconds) for name, work in contestants.items()}
            for _ in range(3)
        ]
        found["writers"][writers] = {
            name: statistics.median(turn[name] for turn in rounds) for name in contestants
        }
    log.checkpoint(NOW)
    began = time.perf_counter()
    for _ in range(events // BATCH):
        with database.write() as tx:
            log.append(tx, *[EVENT] * BATCH, now=NOW)
    if events >= BATCH:
        found["in batches"] = events // BATCH * BATCH / (time.perf_counter() - began)
    return found | proofs(log, database) | verification(log)


def proofs(log: AuditLog, database: Database) -> dict[str, float]:
    """Return what a proof from the middle of the log costs to make and to verify."""
    with log.prover() as prover:
        size, root = prover.size, prover.root(prover.size)
        old, old_root = size // 2, prover.root(size // 2)
    with database.read() as tx:
        middle = size // 3
        entry = log_entry(log, middle)
        inclusion = inclusion_proof(middle, size, TileReader(tx))
        growth = consistency_proof(old, size, TileReader(tx))
        assert verify_inclusion(middle, size, leaf_hash(entry), root, inclusion)
        assert verify_consistency(old, size, old_root, root, growth)
        return {
            "inclusion made": micros(lambda: inclusion_proof(middle, size, TileReader(tx))),
            "inclusion verified": micros(
                lambda: verify_inclusion(middle, size, leaf_hash(entry), root, inclusion)
            ),
            "consistency made": micros(lambda: consistency_proof(old, size, TileReader(tx))),
            "consistency verified": micros(
                lambda: verify_consistency(old, size, old_root, root, growth)
            ),
        }


def log_entry(log: AuditLog, number: int) -> bytes:
    with log.prover() as prover:
        return prover.entries(number, number + 1)[0]


def verification(log: AuditLog) -> dict[str, float]:
    began = time.perf_counter()
    report = log.verify()
    assert report.ok
    return {"events": report.events, "verified in": time.perf_counter() - began}


def show(found: dict[str, Any]) -> None:
    print(f"{'writers':>8} {'recorded':>10} {'units':>10} {'bare SQLite':>12}   events/s")
    for writers, rates in found["writers"].items():
        print(f"{writers:>8} " + " ".join(f"{rates[name]:>10,.0f}" for name in rates))
    if "in batches" in found:
        print(f"in batches of {BATCH}: {found['in batches']:,.0f} events/s")
    for kind in ("inclusion", "consistency"):
        made, verified = found[f"{kind} made"], found[f"{kind} verified"]
        print(f"{kind} proof: {made:,.0f} µs to make, {verified:,.0f} µs to verify")
    print(f"{found['events']:,} events verified in {found['verified in']:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--database")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as directory:
        place = Path(directory).absolute()
        database = Database(asked.database or f"sqlite:///{place}/bench.db")
        raw = Raw(place / "raw.db")
        try:
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
            found = measure(log, database, raw, asked.events, asked.seconds)
        finally:
            database.close()
            raw.close()
    if asked.json:
        print(json.dumps(found))
    else:
        show(found)


main()
