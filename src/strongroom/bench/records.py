"""Measures the vault in this process: records sealed and stored, and records revealed, beside bare SQLite."""

import itertools
import secrets
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

from strongroom.app import System, machine_clock
from strongroom.bench.figures import Part, Row, percentile, take_turns
from strongroom.bench.page import order_id
from strongroom.bench.stage import Stage, register
from strongroom.crypto import envelope
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.terms import Action, Category, Purpose, Scalar

BATCH: Final = 500
RECORD_BYTES: Final = 600
_PAYLOAD_BYTES: Final = RECORD_BYTES - 29
"""Version, nonce and tag stand around it."""
_SUBJECT_ID, _NAME, _PHONE, _EMAIL = 0, 8, 15, 16
_OTHERS: Final = (9, 10, 12, 13, 14, 17, 18)


def measure(stage: Stage, *, rounds: int, batches: int) -> list[Row]:
    """Return the rows of storing: `rounds` of so many `batches` for each contestant."""
    raw = _Raw(stage.root / "raw.db")
    with stage.system() as system, closing(raw):
        vault = _Filler(system)
        times = take_turns(
            {
                "plain": lambda: vault.put(BATCH, searchable=False),
                "searchable": lambda: vault.put(BATCH, searchable=True),
                "raw": lambda: raw.insert(BATCH),
            },
            rounds,
            batches,
        )
    limit = BATCH / times["raw"].best
    return [
        Row(
            Part.RECORDS,
            f"seal and store records of {RECORD_BYTES} bytes, {work}",
            "/s",
            BATCH / times[name].best,
            "bare SQLite insert",
            limit,
            target,
            ratio_target,
            BATCH / times[name].median,
        )
        for name, work, target, ratio_target in (
            ("plain", "no search tags", None, 0.5),
            ("searchable", "two search tags each", 40_000.0, None),
        )
    ]


def measure_reveal(stage: Stage, *, reveals: int) -> list[Row]:
    """Return the rows of revealing one value at a time."""
    raw = _Raw(stage.root / "raw-reveal.db")
    with stage.system() as system, closing(raw):
        vault = _Filler(system)
        vault.put(BATCH, searchable=False)
        pairs = [(vault.reveal(token), raw.insert(1)) for token in vault.some_tokens(reveals)]
    ours, theirs = zip(*pairs, strict=True)
    return [
        Row(
            Part.REVEAL,
            f"reveal one value with its durable event, p{percent}",
            "ms",
            percentile(ours, percent) * 1000,
            "bare SQLite commit",
            percentile(theirs, percent) * 1000,
            target,
        )
        for percent, target in ((50, 3.0), (99, None))
    ]


class _Filler:
    """One selling partner's records, new ones on every call."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._seller, console, app = register(system, "https://127.0.0.1:1", None)
        now = machine_clock()
        self._caller = system.accounts.check_client(app.client_id, app.client_secret, now)
        system.grants.add(
            console,
            principal=self._caller.principal,
            action=Action.REVEAL,
            purpose=Purpose.FULFILMENT,
            categories=frozenset(Category),
            sellers=frozenset({self._seller}),
            lifetime=timedelta(days=1),
            now=now,
        )
        self._number = 0
        self._tokens: list[str] = []

    def put(self, count: int, *, searchable: bool) -> float:
        """Store new records in one go and return the seconds it took."""
        now = machine_clock()
        facts = SightedFacts(Progress.UNSHIPPED, int(now.timestamp()) - 86_400)
        first, self._number = self._number, self._number + count
        sightings = [
            Sighting("order", order_id(n).decode(), _slots(n, searchable=searchable), facts)
            for n in range(first, first + count)
        ]
        began = time.perf_counter()
        placed = self._system.vault.put(
            self._seller, sightings, caller=self._caller, op="ordersV0.getOrders", now=now
        )
        seconds = time.perf_counter() - began
        self._tokens = [record.token(_NAME) for record in placed]
        return seconds

    def some_tokens(self, count: int) -> list[str]:
        """Return tokens of the records stored last, each more than once where there are too few."""
        return list(itertools.islice(itertools.cycle(self._tokens), count))

    def reveal(self, token: str) -> float:
        """Reveal one value and return the seconds it took."""
        now = machine_clock()
        began = time.perf_counter()
        self._system.vault.reveal(self._caller, token, purpose=Purpose.FULFILMENT, now=now)
        return time.perf_counter() - began


class _Raw:
    """SQLite alone, as durable as the vault: blobs of the same size under ascending numbers."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("CREATE TABLE record (number INTEGER PRIMARY KEY, blob BLOB)")
        self._number = 0

    def insert(self, count: int) -> float:
        """Insert new rows in one go and return the seconds it took."""
        first, self._number = self._number, self._number + count
        rows = [(n, secrets.token_bytes(RECORD_BYTES)) for n in range(first, first + count)]
        began = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO record VALUES (?, ?)", rows)
        self._connection.execute("COMMIT")
        return time.perf_counter() - began

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _slots(number: int, *, searchable: bool) -> dict[SlotKey, Scalar]:
    """Return values whose sealed record has about `RECORD_BYTES` bytes."""
    text = f"{number:09d}"
    slots: dict[SlotKey, Scalar] = dict.fromkeys(_OTHERS, f"a value of order {text}")
    if searchable:
        slots[_PHONE] = f"+49 151 {text}"
        slots[_EMAIL] = f"{text}@marketplace.amazon.example"
    # Each slot takes its number and some punctuation beside its text.
    missing = _PAYLOAD_BYTES - len(envelope.encode_slots(_numbered(slots)))
    slots[_NAME] = "x" * missing
    return slots


def _numbered(slots: dict[SlotKey, Scalar]) -> dict[int, Scalar]:
    name: dict[int, Scalar] = {_SUBJECT_ID: order_id(0).decode(), _NAME: ""}
    return name | {slot: value for slot, value in slots.items() if isinstance(slot, int)}
