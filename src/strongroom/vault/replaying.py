"""Destroys in a restored vault what was destroyed since its backup, before anything can be opened [2.1, 2.4].

A record whose period key is gone is nothing but bytes; its row becomes the tombstone it was. So does what a record of
the time since says was erased or disposed of, while its key may still be there. Each step can be taken again.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.policy.retention import DAY
from strongroom.terms import PeriodId, RecordNumber, SellerId
from strongroom.vault import store
from strongroom.vault.keystore import Keystore, PeriodKind
from strongroom.vault.store import RecordState

_CHUNK: Final = 500
_k: Final = schema.record_key.c
_r: Final = schema.record.c
_b: Final = schema.record_block.c


class Tombstone(NamedTuple):
    """What is left of a record that was destroyed."""

    number: RecordNumber
    seller: SellerId
    ref: bytes
    state: RecordState
    version: int
    names: str
    updated: int


def due(keystore: Keystore, seconds: int) -> list[PeriodId]:
    """Return the periods of a keystore, which may be a copy of yesterday's, whose day has come."""
    return [
        period.id
        for period in keystore.periods(live=True)
        if period.kind is PeriodKind.DAY and period.day * DAY <= seconds
    ]


def knows_holds(database: Database) -> bool:
    """Say whether anybody ever asked for a hold: then what is due goes by a sweep, which sets aside what they need."""
    with database.read() as tx:
        return tx.execute(sa.select(schema.archive_change.c.id).limit(1)).first() is not None


def bury_locked(
    database: Database, keystore: Keystore, told: Callable[[int], None]
) -> dict[PeriodId, int]:
    """Empty every record that no key of the keystore opens any more; return how many by period.

    Periods that the keystore does not know count too: it is older than the backup, and they are lost.
    """
    live = {period.id for period in keystore.periods(live=True)}
    with database.read() as tx:
        named = [PeriodId(id_) for (id_,) in tx.execute(_periods()) if id_ is not None]
    buried: dict[PeriodId, int] = {}
    for period in named:
        if period in live:
            continue
        while True:
            with database.write(alone=True) as tx:
                done = store.purge(tx, period, _CHUNK)
                if done == 0 and store.delete_tags(tx, period, _CHUNK) == 0:
                    store.forget_replacement(tx, period)
                    break
            buried[period] = buried.get(period, 0) + done
            told(done)
    with database.write(alone=True) as tx:
        store.delete_ownerless(tx)
    return buried


def add_tombstones(database: Database, rows: Sequence[Tombstone]) -> int:
    """Add tombstones of records that the backup did not know, so that what was erased stays so."""
    added = 0
    with database.read() as tx:
        sellers = set(tx.execute(sa.select(schema.seller.c.id)).scalars())
    rows = [row for row in rows if row.seller in sellers]
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        with database.write(alone=True) as tx:
            query = sa.select(_r.number).where(_r.number.in_([row.number for row in part]))
            known = {number for (number,) in tx.execute(query)}
            new = [row for row in part if row.number not in known]
            for row in new:
                tx.execute(
                    schema.record.insert().values(
                        number=row.number,
                        seller_id=row.seller,
                        subject_ref=row.ref,
                        state=int(row.state),
                        version=row.version,
                        slot_names=row.names,
                        blob=None,
                        source_updated=row.updated,
                    )
                )
        added += len(new)
    return added


def bury(database: Database, numbers: Sequence[RecordNumber], state: RecordState) -> int:
    """Empty these records as far as they are there, and make tombstones of them; return how many there were.

    What is gone by its day may be stored again when it is seen again; what was erased may not. So one whose key is
    gone already becomes the tombstone of an erased one, too.
    """
    before = [RecordState.LIVE]
    if state is RecordState.ERASED:
        before.append(RecordState.GONE)
    done = 0
    for start in range(0, len(numbers), _CHUNK):
        part = numbers[start : start + _CHUNK]
        with database.write(alone=True) as tx:
            query = sa.select(_r.number).where(
                _r.number.in_(part), _r.state.in_([int(one) for one in before])
            )
            there = [RecordNumber(number) for (number,) in tx.execute(query)]
            store.purge_records(tx, there)
            if state is RecordState.ERASED and there:
                erased = {"state": int(state), "slot_names": ""}
                tx.execute(schema.record.update().where(_r.number.in_(there)).values(erased))
            if there:
                tags = schema.search_tag
                tx.execute(tags.delete().where(tags.c.record_number.in_(there)))
        done += len(there)
    return done


def tombstones(database: Database) -> list[Tombstone]:
    """Return the records of a vault, which may be the lost home's own, that hold nothing any more."""
    with database.read() as tx:
        query = sa.select(
            _r.number,
            _r.seller_id,
            _r.subject_ref,
            _r.state,
            _r.version,
            _r.slot_names,
            _r.source_updated,
        ).where(_r.state != int(RecordState.LIVE))
        return [
            Tombstone(
                RecordNumber(row.number),
                SellerId(row.seller_id),
                bytes(row.subject_ref),
                RecordState(row.state),
                row.version,
                row.slot_names,
                row.source_updated,
            )
            for row in tx.execute(query)
        ]


def skip_numbers(database: Database, blocks: int) -> None:
    """Leave out so many blocks of record numbers: tokens that apps got since the backup never name another record."""
    with database.write() as tx:
        last = tx.execute(sa.select(_b.block, _b.seller_id).order_by(_b.block.desc()).limit(1))
        row = last.first()
        if row is None:
            return
        values = {"block": row.block + blocks, "seller_id": row.seller_id}
        tx.execute(schema.record_block.insert().values(**values))
        if tx.dialect.name == "postgresql":
            serial = sa.text(
                "SELECT setval(pg_get_serial_sequence('record_block', 'block'), :block)"
            )
            tx.execute(serial, {"block": row.block + blocks})


def _periods() -> sa.CompoundSelect[Any]:
    return sa.union(sa.select(_k.period_id), sa.select(schema.search_tag.c.period_id))
