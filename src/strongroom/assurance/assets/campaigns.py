"""The quarter's inventory: frozen when it begins, worked through, compared with the last one, and signed [2.3].

It closes only when everything that nobody saw or confirmed was confirmed or retired, and only under the name of who
has the office of the IT administrator. The log has the SHA-256 of what was signed: a copy that says something else, or
a row that somebody put there, counts for nothing.
"""

import threading
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.assurance.assets import store
from strongroom.assurance.assets.asset import Asset, facts
from strongroom.assurance.assets.inventory import Inventory
from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.people import People, refuse_programs
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, NotFound
from strongroom.policy.laws import months_later
from strongroom.terms import Caller, PrincipalId

MONTHS: Final = 3
"""How often the inventory is renewed [2.3]."""

SEEN_WITHIN: Final = timedelta(days=90)
"""What a feed or the house saw within this time is there; all else has to be confirmed."""

_campaigns: Final = schema.asset_campaign
_assets: Final = store.assets
_FROZEN: Final = "asset_campaign.frozen"
_CONTENT: Final = "asset_campaign.content"
_DIFFERENCE: Final = "asset_campaign.difference"
_SHOWN: Final = 40
_LARGEST_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Campaign:
    """One quarter's inventory. The digest is that of what was signed; None while it is open."""

    id: int
    started_at: datetime
    started_by: PrincipalId
    assets: int
    frozen_digest: str
    closed_at: datetime | None
    closed_by: PrincipalId | None
    digest: str | None
    sound: bool
    """Whether the log knows exactly this one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is otherwise than in the inventory before: numbers and names."""

    added: tuple[tuple[int, str], ...] = ()
    gone: tuple[tuple[int, str], ...] = ()
    changed: tuple[tuple[int, str], ...] = ()


class Campaigns:
    """The campaigns of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        writings: Writings,
        people: People,
        inventory: Inventory,
        *,
        signers: Callable[[datetime], Collection[PrincipalId]],
    ) -> None:
        self._database = database
        self._audit = audit
        self._writings = writings
        self._people = people
        self._inventory = inventory
        self.signers = signers
        """Who may sign: the holder of the IT administrator's office, and the deputy."""
        self._lock = threading.Lock()
        self._upto = 0
        self._told: dict[int, tuple[str, datetime]] = {}

    def start(self, caller: Caller, now: datetime) -> Campaign:
        """Freeze the inventory as it is, after what is seen came in.

        Raises:
            Denied: the caller may not oversee.
            Conflict: one is open.

        """
        self._people.refuse_strangers(caller, now)
        self._inventory.discover(now)
        with self._database.write() as tx:
            if self._open(tx) is not None:
                raise Conflict("a campaign is open already", hint="close it first")
            content, count = self._snapshot(tx)
            digest = sha256(content).hexdigest()
            values = {
                "started_at": now,
                "started_by": caller.principal,
                "assets": count,
                "frozen_digest": digest,
                "frozen": b"",
            }
            insert = _campaigns.insert().values(**values).returning(_campaigns.c.id)
            id_: int = tx.execute(insert).scalar_one()
            sealed = self._writings.seal_bytes(_FROZEN, id_, zlib.compress(content))
            tx.execute(_campaigns.update().where(_campaigns.c.id == id_).values(frozen=sealed))
            self._record(tx, EventType.ASSET_CAMPAIGN_STARTED, caller, now, id_, count, digest)
        return self.show(id_)

    def close(self, caller: Caller, id_: int, now: datetime) -> Campaign:
        """Sign the inventory as it is now.

        Raises:
            Denied: the caller does not have the office of the IT administrator; recorded.
            Conflict: it is closed, or something is neither seen nor confirmed nor retired.

        """
        refuse_programs(caller)
        if caller.principal not in self.signers(now):
            event = Event(
                EventType.ASSET_CAMPAIGN_CLOSED,
                Outcome.DENIED,
                caller,
                reason=Reason.NOT_AUTHORIZED,
                obj_kind=ObjKind.ASSET,
                obj_ref=f"campaign-{id_}",
            )
            self._audit.record(event, now=now)
            raise Denied(
                "the IT administrator or the deputy signs the inventory",
                hint="they are appointed on the page of roles",
            )
        waiting = len(self._inventory.waiting(now))
        with self._database.write() as tx:
            row = self._row(tx, id_, locked=True)
            if row.closed_at is not None:
                raise Conflict(f"campaign {id_} is closed")
            left = tx.execute(
                sa.select(sa.func.count()).select_from(_assets).where(*_unsettled(row.started_at))
            ).scalar_one()
            if left or waiting:
                raise Conflict(
                    f"{left + waiting} assets are neither confirmed nor retired",
                    hint="confirm or retire each of them",
                )
            content, count = self._snapshot(tx)
            digest = sha256(content).hexdigest()
            difference = compared(self._last_signed(tx), orjson.loads(content))
            plain = zlib.compress(orjson.dumps(difference))
            values = {
                "closed_at": now,
                "closed_by": caller.principal,
                "digest": digest,
                "content": self._writings.seal_bytes(_CONTENT, id_, zlib.compress(content)),
                "difference": self._writings.seal_bytes(_DIFFERENCE, id_, plain),
            }
            tx.execute(_campaigns.update().where(_campaigns.c.id == id_).values(**values))
            self._record(tx, EventType.ASSET_CAMPAIGN_CLOSED, caller, now, id_, count, digest)
        return self.show(id_)

    def show(self, id_: int) -> Campaign:
        """Return one campaign. Raises: NotFound."""
        with self._database.read() as tx:
            row = self._row(tx, id_)
        return self._campaign(row)

    def listed(self) -> list[Campaign]:
        """Return the last campaigns, the newest first."""
        query = sa.select(*_LIGHT).order_by(_campaigns.c.id.desc()).limit(_SHOWN)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return [self._campaign(row) for row in rows]

    def open(self) -> Campaign | None:
        """Return the campaign that is open; None where none is."""
        with self._database.read() as tx:
            id_ = self._open(tx)
        return None if id_ is None else self.show(id_)

    def last_signed(self) -> Campaign | None:
        """Return the last one that was signed, and that the log knows."""
        return next((one for one in self.listed() if one.closed_at is not None and one.sound), None)

    def due_at(self, now: datetime) -> datetime:
        """Return when the next inventory has to be signed."""
        last = self.last_signed()
        return (
            now if last is None or last.closed_at is None else months_later(last.closed_at, MONTHS)
        )

    def unsettled(
        self, campaign: Campaign, *, before: int | None, after: int | None, limit: int
    ) -> list[Asset]:
        """Return what still has to be confirmed or retired."""
        with self._database.read() as tx:
            return store.page(
                tx,
                self._writings,
                _unsettled(campaign.started_at),
                before=before,
                after=after,
                limit=limit,
            )

    def left(self, campaign: Campaign) -> int:
        """Return how many assets still have to be confirmed or retired."""
        query = sa.select(sa.func.count()).select_from(_assets)
        with self._database.read() as tx:
            number: int = tx.execute(query.where(*_unsettled(campaign.started_at))).scalar_one()
        return number

    def difference(self, campaign: Campaign) -> Difference:
        """Return what is otherwise than in the last inventory that was signed: of an open one, as it was frozen."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(_campaigns).where(_campaigns.c.id == campaign.id)).one()
            if row.difference is not None:
                plain = self._open_bytes(_DIFFERENCE, row.id, row.difference)
                found = orjson.loads(plain)
            else:
                frozen = orjson.loads(self._open_bytes(_FROZEN, row.id, row.frozen))
                found = compared(self._last_signed(tx), frozen)
        return Difference(*(tuple((number, name) for number, name in found[key]) for key in _KEYS))

    def take(self, caller: Caller, campaign: Campaign, now: datetime) -> bytes:
        """Return `content`, to leave as a file; that is recorded. Raises: Denied, Conflict."""
        self._people.refuse_strangers(caller, now)
        content = self.content(campaign)
        event = Event(
            EventType.ASSET_EXPORTED, Outcome.SUCCESS, caller, op="campaign", n=campaign.id
        )
        self._audit.record(event, now=now)
        return content

    def content(self, campaign: Campaign) -> bytes:
        """Return the inventory as JSON: as it was signed, or of an open one as it was frozen. Raises: Conflict."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(_campaigns).where(_campaigns.c.id == campaign.id)).one()
        if row.content is not None:
            content, digest = self._open_bytes(_CONTENT, row.id, row.content), row.digest
        else:
            content, digest = self._open_bytes(_FROZEN, row.id, row.frozen), row.frozen_digest
        if sha256(content).hexdigest() != digest:
            raise Conflict(f"the inventory of campaign {row.id} is not the one that was kept")
        return content

    # -- private ---------------------------------------------------------------------------------

    def _snapshot(self, tx: Transaction) -> tuple[bytes, int]:
        """Return the inventory in bytes that are the same for the same inventory, and how many assets it has."""
        rows = tx.execute(
            sa.select(_assets).where(_assets.c.retired_at.is_(None)).order_by(_assets.c.id)
        )
        found = [facts(store.read(row, self._writings)) for row in rows]
        return f"[{','.join(found)}]".encode(), len(found)

    def _last_signed(self, tx: Transaction) -> list[dict[str, Any]]:
        query = (
            sa.select(_campaigns.c.id, _campaigns.c.content)
            .where(_campaigns.c.closed_at.is_not(None))
            .order_by(_campaigns.c.id.desc())
            .limit(1)
        )
        row = tx.execute(query).first()
        if row is None:
            return []
        found: list[dict[str, Any]] = orjson.loads(self._open_bytes(_CONTENT, row.id, row.content))
        return found

    def _open_bytes(self, place: str, id_: int, sealed: bytes) -> bytes:
        plain = self._writings.open_bytes(place, id_, bytes(sealed))
        return zlib.decompressobj().decompress(plain, _LARGEST_BYTES)

    def _open(self, tx: Transaction) -> int | None:
        query = sa.select(_campaigns.c.id).where(_campaigns.c.closed_at.is_(None)).limit(1)
        return tx.execute(query).scalar()

    def _row(self, tx: Transaction, id_: int, *, locked: bool = False) -> sa.Row[Any]:
        query = sa.select(*_LIGHT).where(_campaigns.c.id == id_)
        row = tx.execute(query.with_for_update() if locked else query).first()
        if row is None:
            raise NotFound(f"there is no campaign {id_}")
        return row

    def _campaign(self, row: sa.Row[Any]) -> Campaign:
        told = self._recorded().get(row.id)
        sound = row.closed_at is None or (told is not None and told == (row.digest, row.closed_at))
        return Campaign(
            row.id,
            row.started_at,
            row.started_by,
            row.assets,
            row.frozen_digest,
            row.closed_at,
            row.closed_by,
            row.digest,
            sound,
        )

    def _recorded(self) -> Mapping[int, tuple[str, datetime]]:
        """Return the digest and the instant of each campaign that was closed, as the log has them."""
        with self._lock:
            types = (EventType.ASSET_CAMPAIGN_CLOSED,)
            for entry in self._audit.of_types(types, first=self._upto):
                self._upto = entry.seq + 1
                if entry.outcome == Outcome.SUCCESS.value and entry.body:
                    id_ = int(entry.body["obj"]["ref"].removeprefix("campaign-"))
                    at = datetime.fromisoformat(entry.body["t"])
                    self._told[id_] = (entry.body["chg"][0]["after"], at)
            return dict(self._told)

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        now: datetime,
        id_: int,
        count: int,
        digest: str,
    ) -> None:
        event = Event(
            type_,
            Outcome.SUCCESS,
            caller,
            obj_kind=ObjKind.ASSET,
            obj_ref=f"campaign-{id_}",
            n=count,
            changes=(Change(Field.POPULATION, after=digest),),
        )
        self._audit.append(tx, event, now=now)


_LIGHT: Final = tuple(
    column for column in _campaigns.c if column.name not in {"frozen", "content", "difference"}
)
"""All but the sealed copies, which are long."""

_KEYS: Final = ("added", "gone", "changed")


def compared(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> dict[str, list[tuple[int, str]]]:
    """Return what came, what went and what is otherwise, by number and name."""
    old, new = {one["id"]: one for one in before}, {one["id"]: one for one in after}
    return {
        "added": [(id_, one["name"]) for id_, one in new.items() if id_ not in old],
        "gone": [(id_, one["name"]) for id_, one in old.items() if id_ not in new],
        "changed": [
            (id_, one["name"]) for id_, one in new.items() if id_ in old and old[id_] != one
        ],
    }


def _unsettled(started_at: datetime) -> list[sa.ColumnElement[bool]]:
    """Return what makes an asset one that has to be confirmed or retired before the campaign ends."""
    unseen = sa.or_(_assets.c.seen_at.is_(None), _assets.c.seen_at <= started_at - SEEN_WITHIN)
    return [
        _assets.c.retired_at.is_(None),
        sa.or_(
            _assets.c.confirmed_at.is_(None),
            sa.and_(unseen, _assets.c.confirmed_at < started_at),
        ),
    ]
