"""Rows of the evidence store, opened: items, their bytes and their chains [1.6]. Decides nothing about who may."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.audit import AuditLog, EventType
from strongroom.audit.entry import is_id
from strongroom.audit.reading import Entry
from strongroom.compliance.custody import SALT_BYTES, Act, Link, broken, commitment
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import Gone, Malformed, NotFound, Tampered
from strongroom.terms import PrincipalId

items: Final = schema.evidence_item
pieces: Final = schema.evidence_piece
links: Final = schema.evidence_custody
EVENTS: Final = {act: EventType(f"evidence.{act.value}") for act in Act}


@dataclass(frozen=True, slots=True)
class Belongs:
    """What an item is of: such as `incident` and its number."""

    kind: str
    ref: str

    def __post_init__(self) -> None:
        if not (is_id(self.kind) and is_id(self.ref)):
            raise Malformed("what evidence belongs to has another form")


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `media_type` None is a thing that lies somewhere; its hash is of its description."""

    id: int
    ref: str
    name: str = field(repr=False)
    media_type: str | None
    size_bytes: int
    sha256: str
    belongs: Belongs
    collected_at: datetime
    checked_at: datetime | None
    fault: str | None
    stamped_at: datetime | None
    disposed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """A link of an item's chain with what was written with it."""

    link: Link
    said: str = field(repr=False)
    salt: bytes = field(repr=False)


class Rows:
    """Opens rows, each for its own place only. Raises: Tampered where one is not what was stored."""

    def __init__(self, writings: Writings, audit: AuditLog) -> None:
        self._writings = writings
        self._audit = audit

    def one(self, tx: Transaction, number: int) -> Item:
        """Return one item. Raises: NotFound."""
        row = tx.execute(sa.select(items).where(items.c.id == number)).first()
        if row is None:
            raise NotFound(f"there is no evidence {number}")
        return self.item(row)

    def item(self, row: Any) -> Item:  # noqa: ANN401 - a row of the table
        """Return a row as an item."""
        return Item(
            row.id,
            row.ref,
            self._writings.open("evidence_item.name", row.ref, row.name),
            row.media_type,
            row.size_bytes,
            row.sha256,
            Belongs(row.belongs_kind, row.belongs_ref),
            row.collected_at,
            row.checked_at,
            row.fault,
            row.stamped_at,
            row.disposed_at,
        )

    def chain(self, tx: Transaction, item: Item) -> list[Link]:
        """Return an item's links without what was written with them."""
        query = sa.select(links).where(links.c.item_id == item.id).order_by(links.c.number)
        return [_link(row) for row in tx.execute(query)]

    def steps(self, tx: Transaction, item: Item) -> list[Step]:
        """Return an item's links with their texts."""
        query = sa.select(links).where(links.c.item_id == item.id).order_by(links.c.number)
        found = []
        for row in tx.execute(query):
            place = f"{item.ref}:{row.number}"
            raw = self._writings.open_bytes("evidence_custody.said", place, row.said)
            salt, text = raw[:SALT_BYTES], raw[SALT_BYTES:].decode()
            if commitment(salt, text) != row.said_digest:
                raise Tampered(f"evidence {item.id}: a note was changed")
            found.append(Step(_link(row), text, salt))
        if not found:
            raise Tampered(f"evidence {item.id}: its custody is gone")
        return found

    def content(self, tx: Transaction, item: Item) -> bytes:
        """Return an item's bytes. Raises: Gone: it was disposed of, or is a thing."""
        if item.disposed_at is not None:
            raise Gone(f"evidence {item.id} was disposed of")
        if item.media_type is None:
            raise Gone(f"evidence {item.id} is a thing and has no file")
        query = sa.select(pieces).where(pieces.c.item_id == item.id).order_by(pieces.c.number)
        found = b"".join(
            self._writings.open_bytes(
                "evidence_piece.content", f"{item.ref}:{row.number}", row.content
            )
            for row in tx.execute(query)
        )
        if sha256(found).hexdigest() != item.sha256:
            raise Tampered(f"evidence {item.id}: its bytes have another hash")
        return found

    def recorded(self, tx: Transaction, number: int) -> list[Entry]:
        """Return what the log has of an item's custody."""
        return self._audit.about(tuple(EVENTS.values()), str(number), tx)

    def refuse_broken(self, tx: Transaction, item: Item, chain: Sequence[Link]) -> None:
        """Refuse a chain that is not the log's."""
        recorded = [e.body["chg"][0]["after"] for e in self.recorded(tx, item.id)]
        fault = broken(item.ref, item.sha256, chain, recorded)
        if fault is not None:
            raise Tampered(f"evidence {item.id}: {fault}")

    def fault(self, tx: Transaction, number: int) -> str | None:
        """Return what is wrong with an item, None where nothing is."""
        try:
            item = self.one(tx, number)
            steps = self.steps(tx, item)
            self.refuse_broken(tx, item, [step.link for step in steps])
            if steps[0].said != first_said(item, orjson.loads(steps[0].said)["said"]):
                return "its description was changed"
            if (steps[-1].link.act is Act.DISPOSED) != (item.disposed_at is not None):
                return "its end was changed"
            if item.disposed_at is None and item.media_type is not None:
                self.content(tx, item)
        except Tampered as exc:
            return exc.message.partition(": ")[2] or "it does not open"
        return None


def first_said(item: Item, said: str) -> str:
    """Return what the first link binds: also the name and whose it is, which no other link holds."""
    head = {
        "belongs": f"{item.belongs.kind} {item.belongs.ref}",
        "media_type": item.media_type,
        "name": item.name,
        "said": said,
    }
    return orjson.dumps(head, option=orjson.OPT_SORT_KEYS).decode()


def _link(row: Any) -> Link:  # noqa: ANN401 - a row of the table
    return Link(
        row.number,
        row.at,
        Act(row.act),
        PrincipalId(row.by_id),
        None if row.other_id is None else PrincipalId(row.other_id),
        row.said_digest,
        row.before,
        row.digest,
    )
