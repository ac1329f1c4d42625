"""Measures what a home does to all that it has at once: new period keys, a backup, and its restore.

What each is held against does the same to the same bytes without our promises: bare SQLite writes as many wrapped keys,
and age alone seals and opens a copy of the database's file.
"""

import os
import secrets
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

from strongroom.app import System, machine_clock
from strongroom.backups import PlaceKind
from strongroom.bench.figures import Part, Row
from strongroom.bench.stage import Stage, register
from strongroom.crypto.age import Identities, Recipients, new_identity
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.restoring import Asked, restore
from strongroom.terms import Caller, Scalar, SellerId

_BATCH: Final = 500
_WRAPPED_BYTES: Final = 61
_SLOTS: Final = (8, 9, 10, 12, 13, 15, 16)
_VALUE_CHARACTERS: Final = 80
_MB: Final = 1e6


def measure(stage: Stage, *, records: int) -> list[Row]:
    """Return the rows of a home of so many records."""
    identity, recipient = new_identity()
    with stage.system() as system:
        seller, caller, _app = register(system, "https://127.0.0.1:1", None)
        _fill(system, seller, caller, records)
        began = time.perf_counter()
        moved = system.vault.rewrapping.run(caller, machine_clock()).moved
        rewrap = moved / (time.perf_counter() - began)

        now = machine_clock()
        system.backups.places.request_add(PlaceKind.RECIPIENT, recipient, caller, now)
        began = time.perf_counter()
        backup = system.backups.run(caller, now, lambda _done, _total: None)
        sealed_in = time.perf_counter() - began
        path = system.backups.path_of(backup)
    size = path.stat().st_size / _MB
    restored_in = _restore(stage, path, identity)
    raw = stage.home / "vault.db"
    raw_size = raw.stat().st_size / _MB
    seal, open_ = _age(stage.root, raw, identity, recipient)
    return [
        Row(
            Part.KEEPING,
            f"move {records:,} records to new period keys",
            "/s",
            rewrap,
            "bare SQLite, as many wraps",
            _bare(stage.root / "raw.db", records),
            None,
        ),
        Row(
            Part.KEEPING,
            "back up, sealed to a recipient",
            "MB/s",
            size / sealed_in,
            "age of the database's file",
            raw_size / seal,
            None,
        ),
        Row(
            Part.KEEPING,
            "restore it, until the home opens",
            "MB/s",
            size / restored_in,
            "age, opened into a file",
            raw_size / open_,
            None,
        ),
    ]


def _fill(system: System, seller: SellerId, caller: Caller, records: int) -> None:
    now = machine_clock()
    facts = SightedFacts(Progress.UNSHIPPED, int((now - timedelta(days=1)).timestamp()))
    for start in range(0, records, _BATCH):
        sightings = []
        for number in range(start, min(start + _BATCH, records)):
            # Nothing that a compression would find twice.
            slots: dict[SlotKey, Scalar] = {
                slot: secrets.token_urlsafe(_VALUE_CHARACTERS)[:_VALUE_CHARACTERS]
                for slot in _SLOTS
            }
            sightings.append(Sighting("order", f"903-{number:07d}-0000001", slots, facts))
        system.vault.put(seller, sightings, caller=caller, op="ordersV0.getOrders", now=now)


def _restore(stage: Stage, backup: Path, identity: str) -> float:
    passphrase = stage.root / "passphrase"
    asked = Asked(
        backup=backup,
        identities=Identities([identity]),
        home=stage.root / "restored",
        passphrase=passphrase.read_text(),
        passphrase_file=passphrase,
        keys_home=stage.home,
        since=(stage.home,),
    )
    began = time.perf_counter()
    restore(asked, machine_clock, lambda _step: None, lambda _done, _total: None, {})
    return time.perf_counter() - began


def _age(root: Path, raw: Path, identity: str, recipient: str) -> tuple[float, float]:
    """Return the seconds in which age seals a file, and opens it; durable both times."""
    sealed, opened = root / "raw.age", root / "raw.opened"
    began = time.perf_counter()
    with raw.open("rb") as source, sealed.open("wb") as target:
        Recipients([recipient]).seal(source, target)
        os.fsync(target.fileno())
    middle = time.perf_counter()
    with sealed.open("rb") as source, opened.open("wb") as target:
        Identities([identity]).open(source, target)
        os.fsync(target.fileno())
    return middle - began, time.perf_counter() - middle


def _bare(path: Path, records: int) -> float:
    """Return how many rows a second get other bytes of a wrapped key's length, as many in a transaction as ours."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA secure_delete=ON")
        raw.execute("CREATE TABLE wrapped (number INTEGER PRIMARY KEY, dek BLOB)")
        raw.executemany(
            "INSERT INTO wrapped VALUES (?, ?)",
            ((number, secrets.token_bytes(_WRAPPED_BYTES)) for number in range(records)),
        )
        raw.commit()
        began = time.perf_counter()
        for start in range(0, records, _BATCH):
            raw.executemany(
                "UPDATE wrapped SET dek = ? WHERE number = ?",
                [
                    (secrets.token_bytes(_WRAPPED_BYTES), number)
                    for number in range(start, min(start + _BATCH, records))
                ],
            )
            raw.commit()
        return records / (time.perf_counter() - began)
