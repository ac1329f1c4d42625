"""Gives up the bytes of the oldest entries, and nothing else of them (c2sp.org/tlog-tiles, minimum index) [3].

Leaf hashes and tiles stay: the tree, every checkpoint there ever was and every proof somebody kept verify as
before. Nothing is given up that is not exactly what was recorded, so that an edit can't be hidden by pruning
it. What may be given up, and who says so, is decided elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.audit.entry import STANDING
from strongroom.audit.tiles import WIDTH, TileReader
from strongroom.audit.tree import frontier_at, leaf_hash
from strongroom.audit.verify import kept_digest
from strongroom.db.engine import Database, Transaction
from strongroom.db.schema import audit_event, audit_min
from strongroom.errors import Tampered

HINT: Final = "stop, keep a copy of every file, and run `strongroom audit verify`"
_BATCH: Final = 16 * WIDTH
_ROW: Final = 1
_STANDING: Final = frozenset(type_.value for type_ in STANDING)

_MINIMUM: Final = sa.select(audit_min.c.min_index).where(audit_min.c.id == _ROW)
_BODIES: Final = (
    sa.select(audit_event.c.seq, audit_event.c.body, audit_event.c.leaf_hash)
    .where(audit_event.c.seq >= sa.bindparam("start"), audit_event.c.seq < sa.bindparam("end"))
    .order_by(audit_event.c.seq)
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What could be given up: the entries from `first` to before `end`, both multiples of 256."""

    first: int
    end: int
    root: bytes
    """Of the tree of the first `end` entries."""
    kept: str
    """`kept_digest` of the entries below `end` whose bytes stay."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """The stored row: `event` declared it, and below `done` the bytes are gone."""

    index: int
    event: int
    done: int


def minimum_index(tx: Transaction) -> int:
    """Return the number below which entries may have no bytes."""
    found: int | None = tx.execute(_MINIMUM).scalar_one_or_none()
    return found or 0


def minimum(tx: Transaction) -> Minimum:
    """Return the stored row, or what stands for none."""
    query = sa.select(audit_min.c.min_index, audit_min.c.event, audit_min.c.done)
    row = tx.execute(query.where(audit_min.c.id == _ROW)).one_or_none()
    return Minimum(0, 0, 0) if row is None else Minimum(*row)


def survey(tx: Transaction, end: int, before: str) -> Stretch:
    """Return the entries up to `end` as what could be given up, after reading and hashing each again.

    Raises:
        Tampered: one of them is not what was recorded, or is of the instant `before` (RFC 3339) or later,
            which a column denies.

    """
    first, nodes = minimum_index(tx), TileReader(tx)
    frontier, kept = frontier_at(first, nodes), []
    for seq, body, _leaf in _stored(tx, 0, end):
        if seq < first:
            if body is not None and _said(seq, body)[0] in _STANDING:
                kept.append(seq)
            continue
        if type(body) is not bytes or seq != frontier.size:
            raise Tampered(f"audit log: event.missing: {frontier.size} is gone", hint=HINT)
        frontier.append(leaf_hash(body))
        said_type, said_at = _said(seq, body)
        if said_at >= before:
            raise Tampered(f"audit log: event.column: event {seq} is younger", hint=HINT)
        if said_type in _STANDING:
            kept.append(seq)
    root = frontier_at(end, nodes).root()
    if frontier.size != end or frontier.root() != root:
        raise Tampered(f"audit log: head.root: events {first} to {end - 1} changed", hint=HINT)
    return Stretch(first, end, root, kept_digest(kept))


def set_minimum(tx: Transaction, index: int, event: int) -> None:
    """Let bytes below `index` be taken away, because that event, which is anchored, says so."""
    changed = tx.execute(
        sa.update(audit_min).where(audit_min.c.id == _ROW).values(min_index=index, event=event)
    )
    if changed.rowcount == 0:
        row = {"id": _ROW, "min_index": index, "event": event, "done": 0}
        tx.execute(sa.insert(audit_min).values(row))


def take_away(database: Database, progress: Callable[[int, int], None]) -> int:
    """Take away the bytes of every entry below the minimum index that need not stay; return how many went.

    A batch at a time, each durable; whoever is interrupted goes on behind the last one.

    Raises:
        Tampered: one of them is not what was recorded; it stays as it is.

    """
    gone = 0
    while True:
        with database.write() as tx:
            at = minimum(tx)
            if at.done >= at.index:
                return gone
            end = min(at.index, at.done + _BATCH)
            gone += _take_batch(tx, at.done, end)
            tx.execute(sa.update(audit_min).where(audit_min.c.id == _ROW).values(done=end))
        progress(end, at.index)


def _take_batch(tx: Transaction, start: int, end: int) -> int:
    numbers = []
    for seq, body, leaf in _stored(tx, start, end):
        if body is None:
            continue
        if type(body) is not bytes or leaf_hash(body) != leaf:
            raise Tampered(f"audit log: event.edited: event {seq} is not as recorded", hint=HINT)
        if _said(seq, body)[0] not in _STANDING:
            numbers.append({"at": seq})
    if numbers:
        statement = sa.update(audit_event).where(audit_event.c.seq == sa.bindparam("at"))
        tx.execute(statement.values(body=None), numbers)
    return len(numbers)


def _stored(tx: Transaction, start: int, end: int) -> Iterator[Any]:
    """Give number, bytes and leaf hash of each entry, in order."""
    # Page by page: whoever stops in between leaves no cursor open.
    for at in range(start, end, _BATCH):
        yield from tx.execute(_BODIES, {"start": at, "end": min(end, at + _BATCH)}).all()


def _said(seq: int, body: bytes) -> tuple[str, str]:
    """Return type and instant of an entry. Raises: Tampered."""
    try:
        entry = orjson.loads(body)
        return str(entry["type"]), str(entry["t"])
    except (ValueError, KeyError, TypeError):
        raise Tampered(f"audit log: event.form: event {seq} is no entry", hint=HINT) from None
