"""Takes what a law needs out of records whose key is about to be destroyed, and gives it to the archive [2.1].

On its day a record's key is destroyed as always. Before that, the values that a hold needs, and no others, are sealed
under a key of their own, which opens to nobody: no token, search or page leads to it. The archive takes them from there
and destroys that key. So no hold, full disk or missing recipient keeps a day's key alive.

Private to this room: it opens records inside the door and gives plaintext to the sealing of an archive alone.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.audit.entry import Event, ObjKind, Outcome
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto import envelope
from strongroom.crypto.derive import aad
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Gone, Tampered
from strongroom.policy.holds import is_needed
from strongroom.policy.limits import HOLD_GRACE
from strongroom.policy.retention import DAY
from strongroom.terms import SYSTEM, Environment, PeriodId, RecordNumber, Scalar, SellerId
from strongroom.vault import large, store
from strongroom.vault.box import SUBJECT_ID, RecordBox
from strongroom.vault.canaries import Canaries
from strongroom.vault.events import tampered_event
from strongroom.vault.holds import Hold, Holds
from strongroom.vault.keystore import Keystore, PeriodKey, PeriodKind, PeriodRow
from strongroom.vault.naming import names_of, refuse_other_names, slot_spec
from strongroom.vault.store import RecordState, Row

_CHUNK: Final = 200
_table: Final = schema.archive_held
_files: Final = schema.archive_file
_key: Final = schema.record_key


class Aside:
    """What waits for its archive, sealed. Durable on return. Safe between threads and nodes."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        holds: Holds,
        canaries: Canaries,
        environment: Environment,
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._holds = holds
        self._canaries = canaries
        self._environment = environment

    # -- in --------------------------------------------------------------------------------------

    def take(
        self, period: PeriodRow, holds: Collection[Hold], box: RecordBox, now: datetime
    ) -> int:
        """Set aside what the holds need of a period's records; return how many records it was.

        Done again it ends the same. A record that does not open is recorded as such and left to its day.
        """
        countries = self._holds.countries()
        last, taken = RecordNumber(-1), 0
        while True:
            with self._database.read() as tx:
                numbers = _numbers(tx, period.id, last)
                rows = store.by_numbers(tx, numbers)
                own = self._canaries.among(tx, period.seller, [row.ref for row in rows])
            if not numbers:
                break
            last = numbers[-1]
            found = [
                (row, slots, under)
                for row in rows
                if row.ref not in own
                and (slots := self._opened(row, box, now))
                and (under := self._holds.of(row, slots, holds, countries))
            ]
            if found:
                self._write(period.seller, found, box, now)
                taken += len(found)
        if taken:
            event = Event(
                EventType.RECORD_HELD,
                Outcome.SUCCESS,
                SYSTEM,
                n=taken,
                seller=period.seller,
            )
            self._audit.record(event, now=now)
        return taken

    def _opened(self, row: Row, box: RecordBox, now: datetime) -> Mapping[int, Scalar]:
        if row.state != RecordState.LIVE or row.blob is None:
            return {}
        try:
            slots = box.open(row, box.dek(row))
            refuse_other_names(row, slots, box.outside_name)
        except Gone:
            return {}
        except Tampered:
            self._audit.record(tampered_event(SYSTEM, row), now=now)
            return {}
        return slots

    def _write(
        self,
        seller: SellerId,
        found: Sequence[tuple[Row, Mapping[int, Scalar], list[Hold]]],
        box: RecordBox,
        now: datetime,
    ) -> None:
        with self._database.write(alone=True) as tx:
            store.lock_seller(tx, seller)
            held, made = self._open_period(tx, seller, now)
            # What a run that was killed had set aside of these is written anew, wherever it lay.
            by_hold: dict[int, list[RecordNumber]] = {}
            for row, _slots, under in found:
                for hold in under:
                    by_hold.setdefault(hold.id, []).append(row.number)
            for number, records in by_hold.items():
                here = (_table.c.hold_id == number, _table.c.record_number.in_(records))
                tx.execute(_table.delete().where(*here))
            short: list[dict[str, Any]] = []
            for row, slots, under in found:
                for hold in under:
                    for part, content in enumerate(self._parts(tx, row, slots, hold, box)):
                        values = self._sealed(held, hold.id, row, part, content)
                        if part == 0:
                            short.append(values)
                        else:
                            # One statement each: a value may have megabytes.
                            tx.execute(_table.insert(), values)
            tx.execute(_table.insert(), short)
            if made:
                self._audit.append(tx, key_event(EventType.PERIOD_KEY_CREATED, held), now=now)

    def _open_period(
        self, tx: Transaction, seller: SellerId, now: datetime
    ) -> tuple[PeriodKey, bool]:
        """Return the held key that takes what is set aside now: never one whose archive is written already."""
        day = int((now + HOLD_GRACE).timestamp()) // DAY
        held, made = self._keystore.period(seller, PeriodKind.HELD, day, now)
        while is_closed(tx, held.id):
            held, made = self._keystore.replace(held, now), True
        return held, made

    def _parts(
        self, tx: Transaction, row: Row, slots: Mapping[int, Scalar], hold: Hold, box: RecordBox
    ) -> Iterator[bytes]:
        """Give the lines of one record: itself with its short values, then each long value alone."""
        names = names_of(slots)
        about = {
            "record": row.number,
            "subject": slots.get(SUBJECT_ID),
            "purchased_at": row.facts.purchased_at or None,
        }
        lines, beside = [_line(about)], []
        for number, value in sorted(slots.items()):
            spec = slot_spec(row, number)
            if spec is None or not is_needed(hold.terms, spec):
                continue
            said = {"record": row.number, "slot": names.get(number, spec.name)}
            said["category"] = spec.category.value
            if large.is_reference(value):
                beside.append((number, value, said))
            else:
                lines.append(_line({**said, "value": value}))
        yield b"".join(lines)
        for number, reference, said in beside:
            _row, sealed = store.with_value(tx, row.number, number)
            yield _line({**said, "value": box.open_value(row, number, reference, sealed)})

    def _sealed(
        self, held: PeriodKey, hold: int, row: Row, part: int, content: bytes
    ) -> dict[str, Any]:
        dek = envelope.new_key()
        context = self._context(row.seller, held.id, hold, row.number, part)
        sealer = envelope.RecordSealer(self._environment, row.seller)
        return {
            "period_id": held.id,
            "hold_id": hold,
            "record_number": row.number,
            "part": part,
            "seller_id": row.seller,
            "wrapped_dek": sealer.wrap(held.cipher, row.number, held.id, dek),
            "sealed": envelope.seal(dek, content, context=context),
        }

    # -- out -------------------------------------------------------------------------------------

    def waiting(self, period: PeriodId, tx: Transaction | None = None) -> dict[int, int]:
        """Return how many records wait under a held key, by hold."""
        query = (
            sa.select(_table.c.hold_id, sa.func.count(sa.distinct(_table.c.record_number)))
            .where(_table.c.period_id == period)
            .group_by(_table.c.hold_id)
        )
        with self._database.read() if tx is None else nullcontext(tx) as view:
            return {hold: count for hold, count in view.execute(query)}  # noqa: C416 - rows, not pairs

    def lines(self, held: PeriodKey, hold: int) -> Iterator[bytes]:
        """Give what waits under a held key for one hold, part by part: long values last. Raises: Tampered."""
        here = (_table.c.period_id == held.id, _table.c.hold_id == hold)
        place = (_table.c.record_number, _table.c.part)
        # A long value has megabytes: those come one by one.
        for which, most in ((_table.c.part == 0, _CHUNK), (_table.c.part > 0, 1)):
            at = (-1, -1)
            while True:
                query = sa.select(_table).where(*here, which, sa.tuple_(*place) > sa.tuple_(*at))
                with self._database.read() as tx:
                    rows = tx.execute(query.order_by(*place).limit(most)).all()
                if not rows:
                    break
                at = (rows[-1].record_number, rows[-1].part)
                for row in rows:
                    yield self._line_of(held, hold, row)

    def _line_of(self, held: PeriodKey, hold: int, row: sa.Row[Any]) -> bytes:
        sealer = envelope.RecordSealer(self._environment, held.seller)
        number = RecordNumber(row.record_number)
        dek = sealer.unwrap(held.cipher, number, held.id, row.wrapped_dek)
        context = self._context(held.seller, held.id, hold, number, row.part)
        name = f"what is held of record {number}"
        return envelope.open_(dek, row.sealed, context=context, name=name)

    def periods(self) -> list[PeriodId]:
        """Return the held keys that rows wait under."""
        with self._database.read() as tx:
            found = tx.execute(sa.select(_table.c.period_id).distinct()).scalars()
            return [PeriodId(period) for period in found]

    def drop(self, period: PeriodId) -> None:
        """Remove the rows of a held key that is destroyed."""
        with self._database.write(alone=True) as tx:
            tx.execute(_table.delete().where(_table.c.period_id == period))

    def _context(
        self, seller: SellerId, period: PeriodId, hold: int, number: RecordNumber, part: int
    ) -> bytes:
        return aad("strongroom/held/v1", self._environment, seller, period, hold, number, part)


def key_event(type_: EventType, period: PeriodKey | PeriodRow) -> Event:
    """Return an event about a held key."""
    return Event(
        type_,
        Outcome.SUCCESS,
        SYSTEM,
        obj_kind=ObjKind.PERIOD,
        obj_ref=str(period.id),
        seller=period.seller,
    )


def is_closed(tx: Transaction, period: PeriodId) -> bool:
    """Say whether an archive was written from a held key: it takes nothing more."""
    query = sa.select(_files.c.name).where(_files.c.period_id == period)
    return tx.execute(query.limit(1)).first() is not None


def _numbers(tx: Transaction, period: PeriodId, after: RecordNumber) -> list[RecordNumber]:
    query = (
        sa.select(_key.c.record_number)
        .where(_key.c.period_id == period, _key.c.record_number > after)
        .order_by(_key.c.record_number)
        .limit(_CHUNK)
    )
    return [RecordNumber(number) for number in tx.execute(query).scalars()]


def _line(said: Mapping[str, Any]) -> bytes:
    return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)
