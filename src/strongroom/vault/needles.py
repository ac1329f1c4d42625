"""Bytes of records that are about to be erased, kept to be looked for afterwards: they must be found nowhere [1.7].

A needle is a wrapped DEK and the beginning of its blob. It is sealed once more, so that what is looked for is not on
the disk because it is kept; `forget` removes all of a notice's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from strongroom.crypto import envelope
from strongroom.crypto.derive import aad
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Tampered
from strongroom.terms import Environment, PeriodId, RecordNumber, SellerId
from strongroom.vault.keystore import Keystore
from strongroom.vault.store import Row

MOST: Final = 200
_NEEDLE: Final = "strongroom/deletion-needle/v1"
_OF_BLOB: Final = 48
_table: Final = schema.deletion_needle


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes of one record that must be found nowhere any more."""

    number: RecordNumber
    seller: SellerId
    period: PeriodId
    wrapped: bytes = field(repr=False)
    blob: bytes = field(repr=False)

    def plain(self) -> bytes:
        """Return it as bytes."""
        told = [self.number, self.seller, self.period, self.wrapped.hex(), self.blob.hex()]
        return json.dumps(told).encode()

    @classmethod
    def of(cls, plain: bytes) -> "Needle":
        """Return what `plain` gave."""
        number, seller, period, wrapped, blob = json.loads(plain)
        return cls(
            RecordNumber(number),
            SellerId(seller),
            PeriodId(period),
            bytes.fromhex(wrapped),
            bytes.fromhex(blob),
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What looking for needles found: all empty where none is left."""

    bytes_in: tuple[str, ...]
    opened: int
    tried: int


class Needles:
    """The needles of one home's notices."""

    def __init__(
        self, database: Database, keystore: Keystore, *, environment: Environment, key: bytes
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._environment = environment
        self._key = key

    def keep(self, tx: Transaction, notice: int, rows: Sequence[Row]) -> None:
        """Keep those of some records, in the transaction that erases them; at most 200 a notice."""
        count = sa.select(sa.func.count()).where(_table.c.notice_id == notice)
        room = MOST - tx.execute(count).scalar_one()
        for row in rows:
            if room <= 0:
                return
            if row.wrapped is None or row.blob is None or row.period is None:
                continue
            room -= 1
            needle = Needle(row.number, row.seller, row.period, row.wrapped, row.blob[:_OF_BLOB])
            context = self._context(notice, row.number)
            sealed = envelope.seal(self._key, needle.plain(), context=context)
            values = {"notice_id": notice, "record_number": row.number, "sealed": sealed}
            tx.execute(_table.insert().values(**values))

    def look(self, notice: int) -> Seen:
        """Look for a notice's needles in every file of the database, and try every key that exists on them."""
        needles = self._kept(notice)
        parts = [part for needle in needles for part in (needle.wrapped, needle.blob) if part]
        files = sorted(
            name
            for name, content in self._database.raw_bytes()
            if any(part in content for part in parts)
        )
        ciphers = self._keystore.every_cipher()
        opened = sum(self._opens(needle, ciphers) for needle in needles)
        return Seen(tuple(files), opened, len(needles))

    def forget(self, tx: Transaction, notice: int) -> None:
        """Remove a notice's needles."""
        tx.execute(_table.delete().where(_table.c.notice_id == notice))

    def _kept(self, notice: int) -> list[Needle]:
        query = sa.select(_table).where(_table.c.notice_id == notice)
        with self._database.read() as tx:
            rows = tx.execute(query.order_by(_table.c.record_number)).all()
        return [
            Needle.of(
                envelope.open_(
                    self._key,
                    row.sealed,
                    context=self._context(notice, row.record_number),
                    name="a sample of a notice",
                )
            )
            for row in rows
        ]

    def _opens(
        self, needle: Needle, ciphers: Sequence[tuple[PeriodId | None, envelope.PeriodCipher]]
    ) -> bool:
        sealer = envelope.RecordSealer(self._environment, needle.seller)
        for period, cipher in ciphers:
            try:
                sealer.unwrap(cipher, needle.number, period or needle.period, needle.wrapped)
            except Tampered:
                continue
            return True
        return False

    def _context(self, notice: int, number: int) -> bytes:
        return aad(_NEEDLE, self._environment, notice, number)
