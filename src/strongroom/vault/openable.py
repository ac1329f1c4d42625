"""Tells how many records of a data file the keys that still exist could open: none, after their day [1.7, 2.1].

It goes past the door: no date, no grant, no state of a record is asked, only whether any key opens any ciphertext, as
somebody would try who has a copy of the data and the whole keystore. It counts and returns no plaintext.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from strongroom.crypto.envelope import PeriodCipher, RecordSealer
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Tampered
from strongroom.terms import Environment, PeriodId
from strongroom.vault import store
from strongroom.vault.keystore import Keystore
from strongroom.vault.store import Row


@dataclass(frozen=True, slots=True)
class Openable:
    """Records of a data file that hold a ciphertext, and how many of them some key opens."""

    sealed: int
    opened: int


def count_openable(database: Database, keystore: Keystore, environment: Environment) -> Openable:
    """Try every key of the keystore on every record of the database, which may be a copy.

    Takes records times keys steps of a few microseconds.
    """
    ciphers = keystore.every_cipher()
    with database.read() as tx:
        table = schema.record.c
        query = sa.select(table.number).where(table.blob.is_not(None))
        rows = store.by_numbers(tx, [number for (number,) in tx.execute(query)])
    sealers = {row.seller: RecordSealer(environment, row.seller) for row in rows}
    opened = sum(_opens(row, sealers[row.seller], ciphers) for row in rows)
    return Openable(len(rows), opened)


def sample_openable(
    database: Database, keystore: Keystore, environment: Environment, most: int
) -> Openable:
    """Open up to so many records of a database, which may be a copy, each with the living key that it names.

    What was destroyed since the copy is not counted: nothing opens it, and nothing should.
    """
    live = [period.id for period in keystore.periods(live=True)]
    keys = schema.record_key.c
    with database.read() as tx:
        query = (
            sa.select(keys.record_number)
            .where(keys.period_id.in_(live))
            .order_by(keys.record_number.desc())
            .limit(most)
        )
        rows = store.by_numbers(tx, [number for (number,) in tx.execute(query)])
    rows = [row for row in rows if row.blob is not None]
    opened = 0
    for row in rows:
        period = None if row.period is None else keystore.find_period(row.period)
        if period is not None:
            opened += _opens(
                row, RecordSealer(environment, row.seller), [(period.id, period.cipher)]
            )
    return Openable(len(rows), opened)


def _opens(
    row: Row, sealer: RecordSealer, ciphers: list[tuple[PeriodId | None, PeriodCipher]]
) -> bool:
    if row.blob is None or row.wrapped is None or row.period is None:
        return False
    for period, cipher in ciphers:
        try:
            dek = sealer.unwrap(cipher, row.number, period or row.period, row.wrapped)
            sealer.open(dek, row.number, row.version, row.blob)
        except Tampered:
            continue
        return True
    return False
