"""Measures the audit log in this process: events recorded by one writer, by many and in batches, and verified."""

import sqlite3
import threading
import time
from contextlib import closing
from functools import partial
from typing import Final

from strongroom.app import System, machine_clock
from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.bench.figures import Part, Row, take_turns
from strongroom.bench.stage import Stage
from strongroom.errors import Tampered
from strongroom.terms import SYSTEM, Category, Purpose

BATCH: Final = 256
WRITERS: Final = (16, 64, 256)
_EACH: Final = 10
"""Events that every writer records, each durable before the next."""

_VERIFIED_IN_TEN_SECONDS: Final = 100_000.0
_EVENT_BYTES: Final = 420
_HASH_BYTES: Final = 32


def measure(stage: Stage, *, rounds: int, batches: int) -> list[Row]:
    """Return the rows of the log: `rounds` of so many `batches`, then one verification of all of it."""
    raw = _Raw(str(stage.root / "raw-log.db"))
    with stage.system() as system, closing(raw):
        times = take_turns(
            {
                "single": lambda: _append(system, 1),
                "batch": lambda: _append(system, BATCH),
                **{f"{n} writers": partial(_append_at_once, system, n) for n in WRITERS},
                "raw single": lambda: raw.insert(1),
                "raw batch": lambda: raw.insert(BATCH),
            },
            rounds,
            batches,
        )
        verified = [_verify(system) for _ in range(3)]
    rows = [
        Row(
            Part.LOG,
            f"events recorded, {work}",
            "/s",
            count / times[name].best,
            "bare SQLite insert",
            count / times[f"raw {name}"].best,
            target,
            median=count / times[name].median,
        )
        for name, work, count, target in (
            ("single", "one in a transaction", 1, None),
            ("batch", f"{BATCH} in a transaction", BATCH, 20_000.0),
        )
    ]
    rows += [
        Row(
            Part.LOG,
            f"events recorded, by {writers} writers",
            "/s",
            writers * _EACH / times[f"{writers} writers"].best,
            "bare SQLite insert",
            1 / times["raw single"].best,
            20_000.0 if writers == max(WRITERS) else None,
            median=writers * _EACH / times[f"{writers} writers"].median,
        )
        for writers in WRITERS
    ]
    rows.append(
        Row(
            Part.LOG,
            "events verified, from the disk",
            "/s",
            max(verified),
            "",
            None,
            _VERIFIED_IN_TEN_SECONDS,
        )
    )
    return rows


def _append(system: System, count: int) -> float:
    now = machine_clock()
    events = [_event(number) for number in range(count)]
    began = time.perf_counter()
    system.audit.record(*events, now=now)
    return time.perf_counter() - began


def _append_at_once(system: System, writers: int) -> float:
    """Let many threads record, each waiting for its own event; return the seconds from the first to the last."""
    now, event = machine_clock(), _event(0)
    start = threading.Barrier(writers + 1)

    def write() -> None:
        start.wait()
        for _ in range(_EACH):
            system.audit.record(event, now=now)

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def _event(number: int) -> Event:
    return Event(
        EventType.RECORD_REVEALED,
        Outcome.SUCCESS,
        SYSTEM,
        obj_kind=ObjKind.RECORD,
        obj_ref=str(number),
        purpose=Purpose.FULFILMENT,
        pii=(Category.NAME,),
        n=1,
    )


def _verify(system: System) -> float:
    """Verify the whole log and return events a second."""
    began = time.perf_counter()
    report = system.audit.verify()
    seconds = time.perf_counter() - began
    if not report.ok:
        raise Tampered("benchmark: the log that was just written does not verify")
    return report.events / seconds


class _Raw:
    """SQLite alone, as durable as the log: rows as long as an event's, under ascending numbers."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute(
            "CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB, hash BLOB)"
        )
        self._number = 0

    def insert(self, count: int) -> float:
        """Insert new rows in one transaction and return the seconds it took."""
        first, self._number = self._number, self._number + count
        body, leaf = bytes(_EVENT_BYTES), bytes(_HASH_BYTES)
        rows = [(number, body, leaf) for number in range(first, first + count)]
        began = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO event VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")
        return time.perf_counter() - began

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
