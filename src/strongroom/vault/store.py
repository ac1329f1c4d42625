"""The vault's SQL: rows in, rows out. Private to this room; it neither decides nor opens anything."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Final, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import bindparam

from strongroom.db import schema
from strongroom.db.engine import Bulk, Transaction
from strongroom.db.prepared import PreparedList
from strongroom.policy.retention import DeliveryFacts, Progress
from strongroom.terms import PeriodId, RecordNumber, SellerId

BLOCK_SIZE: Final = 1024
"""Record numbers come in blocks of this many, each mapped to one selling partner, so that a token names its seller."""

_T = TypeVar("_T")
_CHUNK: Final = 400  # bound parameters of one IN list


class RecordState(IntEnum):
    """Stored as a number: only append."""

    LIVE = 1
    GONE = 2
    """Past its day: destroyed, or never stored."""
    ERASED = 3
    """Erased on request: never stored again."""


@dataclass(slots=True)
class Row:
    """One record as stored; `blob` and `wrapped` stay sealed here."""

    number: RecordNumber
    seller: SellerId
    ref: bytes
    state: RecordState
    version: int
    names: list[str]
    blob: bytes | None = field(repr=False)
    source_updated: int
    period: PeriodId | None
    wrapped: bytes | None = field(repr=False)
    due_at: int | None
    past: list[PeriodId]
    facts: DeliveryFacts


_r, _k = schema.record.c, schema.record_key.c
_SELECT: Final = sa.select(
    _r.number,
    _r.seller_id,
    _r.subject_ref,
    _r.state,
    _r.version,
    _r.slot_names,
    _r.blob,
    _r.source_updated,
    _k.period_id,
    _k.wrapped_dek,
    _k.due_at,
    _k.past_periods,
    _k.status,
    _k.purchased_at,
    _k.shipped_at,
    _k.seen_open_at,
    _k.delivered_at,
).select_from(schema.record.outerjoin(schema.record_key, _r.number == _k.record_number))

_BY_SUBJECT: Final = PreparedList(
    _SELECT.where(_r.seller_id == bindparam("seller")), _r.subject_ref
)
_BY_NUMBER: Final = _SELECT.where(_r.number == bindparam("number"))
_BY_NUMBERS: Final = _SELECT.where(_r.number.in_(bindparam("numbers", expanding=True))).order_by(
    _r.number
)
_BY_PERIOD: Final = (
    _SELECT.where(_k.period_id == bindparam("period"))
    .order_by(_k.record_number)
    .limit(bindparam("limit"))
)
_UPDATE_RECORD = (
    schema.record.update()
    .where(_r.number == bindparam("b_number"))
    .values(
        state=bindparam("b_state"),
        version=bindparam("b_version"),
        slot_names=bindparam("b_names"),
        blob=bindparam("b_blob"),
        source_updated=bindparam("b_updated"),
    )
)
_UPDATE_KEY = (
    schema.record_key.update()
    .where(_k.record_number == bindparam("b_number"))
    .values(
        period_id=bindparam("b_period"),
        wrapped_dek=bindparam("b_wrapped"),
        due_at=bindparam("b_due"),
        past_periods=bindparam("b_past"),
        status=bindparam("b_status"),
        purchased_at=bindparam("b_purchased"),
        shipped_at=bindparam("b_shipped"),
        seen_open_at=bindparam("b_open"),
        delivered_at=bindparam("b_delivered"),
    )
)
_t = schema.search_tag.c
_TAGGED_AMONG: Final = sa.select(_t.tag, _t.record_number).where(
    _t.period_id == bindparam("p"), _t.tag.in_(bindparam("tags", expanding=True))
)
_NUMBERED: Final = sa.select(_r.subject_ref, _r.number).where(
    _r.seller_id == bindparam("seller"),
    _r.subject_ref.in_(bindparam("refs", expanding=True)),
    _r.state == int(RecordState.LIVE),
)
_v = schema.record_value.c
_f = schema.delivery_fact.c
_DELETE_VALUE: Final = schema.record_value.delete().where(
    _v.record_number == bindparam("b_number"), _v.slot == bindparam("b_slot")
)
_WITH_VALUE: Final = (
    _SELECT.add_columns(_v.sealed)
    .outerjoin_from(
        schema.record,
        schema.record_value,
        sa.and_(_v.record_number == _r.number, _v.slot == bindparam("slot")),
    )
    .where(_r.number == bindparam("number"))
)
_DELETE_TAG = schema.search_tag.delete().where(
    _t.period_id == bindparam("b_period"),
    _t.tag == bindparam("b_tag"),
    _t.record_number == bindparam("b_number"),
)

_RECORD_COLUMNS = (
    "number",
    "seller_id",
    "subject_ref",
    "state",
    "version",
    "slot_names",
    "blob",
    "source_updated",
)
_RECORD_CHANGES = ("b_number", "b_state", "b_version", "b_names", "b_blob", "b_updated")
_KEY_COLUMNS = (
    "record_number",
    "seller_id",
    "period_id",
    "wrapped_dek",
    "due_at",
    "past_periods",
    "status",
    "purchased_at",
    "shipped_at",
    "seen_open_at",
    "delivered_at",
)
_KEY_CHANGES = (
    "b_number",
    "b_period",
    "b_wrapped",
    "b_due",
    "b_past",
    "b_status",
    "b_purchased",
    "b_shipped",
    "b_open",
    "b_delivered",
)
_NEW_RECORDS: Final = Bulk(schema.record.insert(), _RECORD_COLUMNS)
_CHANGED_RECORDS: Final = Bulk(_UPDATE_RECORD, _RECORD_CHANGES)
_NEW_KEYS: Final = Bulk(schema.record_key.insert(), _KEY_COLUMNS)
_CHANGED_KEYS: Final = Bulk(_UPDATE_KEY, _KEY_CHANGES)
_NEW_TAGS: Final = Bulk(schema.search_tag.insert(), ("period_id", "tag", "record_number"))
_DEAD_TAGS: Final = Bulk(_DELETE_TAG, ("b_period", "b_tag", "b_number"))

Tag = tuple[PeriodId, int, RecordNumber]


class SealedValue(NamedTuple):
    """One long value as stored beside its record; `sealed` stays so here."""

    number: RecordNumber
    slot: int
    seller: SellerId
    sealed: bytes

    def __repr__(self) -> str:
        return "<sealed value>"


@dataclass(slots=True)
class Changes:
    """What one batch writes, gathered so that each table gets one statement.

    A document may show a record many times: of what it says of one place the last counts, and what is dead stays so.
    """

    new: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    keys: list[Row] = field(default_factory=list)
    new_keys: dict[RecordNumber, Row] = field(default_factory=dict)
    dead_keys: list[RecordNumber] = field(default_factory=list)
    tags: dict[Tag, None] = field(default_factory=dict)
    dead_tags: list[Tag] = field(default_factory=list)
    values: dict[tuple[RecordNumber, int], SealedValue] = field(default_factory=dict)
    dead_values: list[tuple[RecordNumber, int]] = field(default_factory=list)
    replace_by: dict[PeriodId, int] = field(default_factory=dict)

    def keep(self, values: Iterable[SealedValue]) -> None:
        """Put long values beside their records, each in the place of what was there."""
        self.values.update(((value.number, value.slot), value) for value in values)

    def drop(self, number: RecordNumber, slot: int) -> None:
        """Remove the long value of a slot."""
        self.values.pop((number, slot), None)
        self.dead_values.append((number, slot))

    def tag(self, tags: Iterable[Tag]) -> None:
        """Add search tags."""
        self.tags.update(dict.fromkeys(tags))

    def untag(self, tags: Iterable[Tag]) -> None:
        """Remove search tags."""
        for dead in tags:
            self.tags.pop(dead, None)
            self.dead_tags.append(dead)

    def bury(self, row: Row) -> None:
        """Write an emptied record, and remove its key and what lies beside it."""
        self.records.append(row)
        self.dead_keys.append(row.number)
        self.new_keys.pop(row.number, None)
        self.values = {place: v for place, v in self.values.items() if place[0] != row.number}

    def write(self, tx: Transaction) -> None:
        """Write everything gathered, in the caller's transaction."""
        for chunk in _chunks(self.dead_keys):
            # First: a record may have come to life again after it.
            tx.execute(schema.record_key.delete().where(_k.record_number.in_(chunk)))
            tx.execute(schema.record_value.delete().where(_v.record_number.in_(chunk)))
            tx.execute(schema.delivery_fact.delete().where(_f.record_number.in_(chunk)))
        if self.new:
            _NEW_RECORDS.run(tx, _record_values(self.new))
        if self.records:
            _CHANGED_RECORDS.run(tx, _record_changes(self.records))
        if self.new_keys:
            _NEW_KEYS.run(tx, _key_values(self.new_keys.values()))
        if self.keys:
            _CHANGED_KEYS.run(tx, _key_changes(self.keys))
        for number, slot in [*self.dead_values, *self.values]:
            tx.execute(_DELETE_VALUE, {"b_number": number, "b_slot": slot})
        for value in self.values.values():
            # One statement each: a value may have megabytes.
            tx.execute(schema.record_value.insert().values(tuple(value)))
        if self.dead_tags:
            _DEAD_TAGS.run(tx, self.dead_tags)
        if self.tags:
            _NEW_TAGS.run(tx, list(self.tags))
        for period, instant in self.replace_by.items():
            ask_replacement(tx, period, instant)


def reserve_block(tx: Transaction, seller: SellerId) -> range:
    """Give a seller the next block of record numbers."""
    result = tx.execute(schema.record_block.insert().values(seller_id=seller))
    block = result.inserted_primary_key[0] if result.inserted_primary_key else 0
    return range(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE)


def lock_seller(tx: Transaction, seller: SellerId) -> None:
    """On PostgreSQL, make merges of one selling partner wait for each other; SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        tx.execute(sa.text("SELECT pg_advisory_xact_lock(7301, :seller)"), {"seller": seller})


def by_subject(tx: Transaction, seller: SellerId, refs: Sequence[bytes]) -> dict[bytes, Row]:
    """Return the seller's records by their subjects' references."""
    rows = (_row(values) for values in _BY_SUBJECT.run(tx, {"seller": seller}, refs))
    return {row.ref: row for row in rows}


def by_number(tx: Transaction, number: RecordNumber) -> Row | None:
    """Return one record."""
    values = tx.execute(_BY_NUMBER, {"number": number}).first()
    return None if values is None else _row(values)


def with_value(tx: Transaction, number: RecordNumber, slot: int) -> tuple[Row | None, bytes | None]:
    """Return one record and the long value beside it in this slot, both as of one instant."""
    values = tx.execute(_WITH_VALUE, {"number": number, "slot": slot}).first()
    return (None, None) if values is None else (_row(values[:-1]), values[-1])


def by_numbers(tx: Transaction, numbers: Sequence[RecordNumber]) -> list[Row]:
    """Return records in the order of their numbers; missing ones are left out."""
    return [
        _row(values)
        for chunk in _chunks(numbers)
        for values in tx.execute(_BY_NUMBERS, {"numbers": list(chunk)})
    ]


def in_period(tx: Transaction, period: PeriodId, limit: int) -> list[Row]:
    """Return up to `limit` records whose DEK this period wraps now."""
    return [_row(values) for values in tx.execute(_BY_PERIOD, {"period": period, "limit": limit})]


def tagged(tx: Transaction, tags: Iterable[tuple[PeriodId, int]], limit: int) -> list[RecordNumber]:
    """Return the records that carry any of these (period, tag) pairs."""
    found: list[RecordNumber] = []
    query = (
        sa.select(_t.record_number)
        .where(_t.period_id == bindparam("p"), _t.tag == bindparam("t"))
        .limit(limit)
    )
    for period, tag in tags:
        found.extend(
            RecordNumber(number) for (number,) in tx.execute(query, {"p": period, "t": tag})
        )
        if len(found) >= limit:
            break
    return found[:limit]


def tagged_among(
    tx: Transaction, period: PeriodId, tags: Sequence[int]
) -> Iterable[tuple[int, RecordNumber]]:
    """Return (tag, record) for those of the tags that a period has."""
    for chunk in _chunks(tags):
        rows = tx.execute(_TAGGED_AMONG, {"p": period, "tags": list(chunk)})
        yield from ((found, RecordNumber(number)) for found, number in rows)


def numbered(
    tx: Transaction, seller: SellerId, refs: Sequence[bytes]
) -> Iterable[tuple[bytes, RecordNumber]]:
    """Return (reference, record) for those of the references that a seller has; nothing sealed is read."""
    for chunk in _chunks(refs):
        rows = tx.execute(_NUMBERED, {"seller": seller, "refs": list(chunk)})
        yield from ((bytes(ref), RecordNumber(number)) for ref, number in rows)


def unerased(
    tx: Transaction, seller: SellerId, after: RecordNumber | None, limit: int
) -> list[RecordNumber]:
    """Return the next records of a selling partner, by number, that are not erased; those gone by their day too."""
    query = sa.select(_r.number).where(
        _r.seller_id == seller, _r.state != int(RecordState.ERASED), _r.number > (after or -1)
    )
    return [RecordNumber(n) for (n,) in tx.execute(query.order_by(_r.number).limit(limit))]


def count_unerased(tx: Transaction, seller: SellerId) -> int:
    """Return how many records of a selling partner are not erased."""
    query = sa.select(sa.func.count()).where(
        _r.seller_id == seller, _r.state != int(RecordState.ERASED)
    )
    return tx.execute(query).scalar_one()


def count_others(
    tx: Transaction, periods: Sequence[PeriodId], but: Collection[RecordNumber]
) -> int:
    """Return how many other records these periods wrap."""
    query = sa.select(_k.record_number).where(_k.period_id.in_(periods))
    return sum(number not in but for (number,) in tx.execute(query))


def delete_tags_of(tx: Transaction, period: PeriodId, number: RecordNumber) -> None:
    """Remove the search tags of one record under a period, where its values cannot tell them any more."""
    tx.execute(schema.search_tag.delete().where(_t.period_id == period, _t.record_number == number))


def purge(tx: Transaction, period: PeriodId, limit: int) -> int:
    """Empty up to `limit` records whose period key is destroyed, and return how many there were.

    Their blobs, wrapped DEKs and facts go, their numbers stay.
    """
    some = (
        sa.select(_k.record_number)
        .where(_k.period_id == period)
        .order_by(_k.record_number)
        .limit(limit)
        .scalar_subquery()
    )
    return _empty(tx, some)


def purge_records(tx: Transaction, numbers: Sequence[RecordNumber]) -> None:
    """Empty these records, whose period keys are destroyed or lost, as `purge` does."""
    for chunk in _chunks(numbers):
        _empty(tx, chunk)


def _empty(tx: Transaction, some: "sa.ScalarSelect[Any] | Sequence[RecordNumber]") -> int:
    tx.execute(
        schema.record.update()
        .where(_r.number.in_(some))
        .values(state=int(RecordState.GONE), blob=None)
    )
    tx.execute(schema.record_value.delete().where(_v.record_number.in_(some)))
    tx.execute(schema.delivery_fact.delete().where(_f.record_number.in_(some)))
    # Last: by these rows the others are found.
    return tx.execute(schema.record_key.delete().where(_k.record_number.in_(some))).rowcount


def delete_ownerless(tx: Transaction) -> None:
    """Remove long values whose record holds nothing any more: nothing opens them, and nothing else would look here."""
    held = sa.exists().where(_k.record_number == _v.record_number)
    tx.execute(schema.record_value.delete().where(~held))


def delete_tags(tx: Transaction, period: PeriodId, limit: int) -> int:
    """Remove up to `limit` search tags of a period, and return how many there were."""
    table = schema.search_tag
    place = sa.tuple_(_t.period_id, _t.tag, _t.record_number)
    some = sa.select(*table.c).where(_t.period_id == period).limit(limit)
    return tx.execute(table.delete().where(place.in_(some))).rowcount


def ask_replacement(tx: Transaction, period: PeriodId, instant: int) -> None:
    """Note that a period's key must be replaced by `instant`; the earliest wish stands."""
    table = schema.period_replacement
    changed = tx.execute(
        table.update()
        .where(table.c.period_id == period, table.c.replace_by > instant)
        .values(replace_by=instant)
    )
    known = tx.execute(sa.select(table.c.period_id).where(table.c.period_id == period)).first()
    if changed.rowcount == 0 and known is None:
        tx.execute(table.insert().values(period_id=period, replace_by=instant))


def replacements(tx: Transaction, until: int) -> list[PeriodId]:
    """Return the periods whose key must be replaced by `until`."""
    table = schema.period_replacement
    query = (
        sa.select(table.c.period_id).where(table.c.replace_by <= until).order_by(table.c.replace_by)
    )
    return [PeriodId(id_) for (id_,) in tx.execute(query)]


def replace_by(tx: Transaction) -> dict[PeriodId, int]:
    """Return by when periods' keys must be replaced, for those of which that was asked."""
    table = schema.period_replacement
    return {PeriodId(row.period_id): row.replace_by for row in tx.execute(sa.select(table))}


def forget_replacement(tx: Transaction, period: PeriodId) -> None:
    """Drop the note that `ask_replacement` made."""
    table = schema.period_replacement
    tx.execute(table.delete().where(table.c.period_id == period))


def count_drift(
    tx: Transaction, operation: str, entries: Iterable[tuple[str, str]], now: datetime
) -> None:
    """Count what the catalogue did not know, by operation, model path and kind."""
    table = schema.drift
    for path, kind in entries:
        here = sa.and_(table.c.operation == operation, table.c.path == path, table.c.kind == kind)
        changed = tx.execute(
            table.update().where(here).values(count=table.c.count + 1, last_seen_at=now)
        )
        if changed.rowcount == 0:
            tx.execute(
                table.insert().values(
                    operation=operation,
                    path=path,
                    kind=kind,
                    count=1,
                    first_seen_at=now,
                    last_seen_at=now,
                )
            )


def _chunks(values: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


def _row(values: Any) -> Row:  # noqa: ANN401 - a SQLAlchemy row of _SELECT
    (
        number,
        seller,
        ref,
        state,
        version,
        names,
        blob,
        source_updated,
        period,
        wrapped,
        due_at,
        past,
        status,
        purchased,
        shipped,
        seen_open,
        delivered,
    ) = values
    return Row(
        number,
        seller,
        ref,
        state,
        version,
        names.split() if names else [],
        blob,
        source_updated,
        period,
        wrapped,
        due_at,
        [PeriodId(int(id_)) for id_ in past.split()] if past else [],
        DeliveryFacts()
        if status is None
        else DeliveryFacts(Progress(status), purchased, shipped, seen_open, delivered),
    )


def _record_values(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    return [
        (
            row.number,
            row.seller,
            row.ref,
            int(row.state),
            row.version,
            " ".join(row.names),
            row.blob,
            row.source_updated,
        )
        for row in rows
    ]


def _record_changes(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    return [(number, *rest) for number, _seller, _ref, *rest in _record_values(rows)]


def _key_values(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    values = []
    for row in rows:
        status, purchased_at, shipped_at, seen_open_at, delivered_at = row.facts
        past = " ".join(map(str, row.past)) if row.past else ""
        values.append(
            (
                row.number,
                row.seller,
                row.period,
                row.wrapped,
                row.due_at,
                past,
                int(status),
                purchased_at,
                shipped_at,
                seen_open_at,
                delivered_at,
            )
        )
    return values


def _key_changes(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    return [(number, *rest) for number, _seller, *rest in _key_values(rows)]
