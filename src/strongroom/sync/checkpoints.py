"""How far each sync has come, durable after every page: whoever is killed goes on from there.

A window is from one instant of Amazon's updates to another. A page is in the vault before its checkpoint is: what is
done twice after a crash is one page, and the vault knows its records again. Holds no personal data.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict
from strongroom.terms import SellerId

REMEMBERED: Final = timedelta(days=15)
"""How long a notification's number is kept: no queue keeps a message longer than fourteen days."""

_points: Final = schema.sync_checkpoint
_whose: Final = schema.sync_subscription
_passed: Final = schema.sync_notification


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One stream's place. `since` and `until` are of a window under way; `covered_until`: all before it is there."""

    covered_until: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    pages: int = 0
    cursor: str | None = None
    report: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether a window was begun and not ended."""
        return self.until is not None

    def ended(self, first: timedelta) -> "Checkpoint":
        """Return the place once its window is there to its end.

        What is covered moves only where the window joins on to it, so that nothing in between is skipped by the next;
        where nothing is covered yet, a window of the length of a `first` one does.
        """
        if self.since is None or self.until is None:
            return Checkpoint(self.covered_until)
        covered = self.covered_until
        if self.since > (self.until - first if covered is None else covered):
            return Checkpoint(covered)
        return Checkpoint(self.until if covered is None else max(covered, self.until))

    def refuse_narrower(self, since: datetime) -> None:
        """Raises: Conflict where a window that begins at `since` would drop the beginning of the one under way."""
        if self.since is not None and self.under_way and since > self.since:
            raise Conflict(
                f"a window from {self.since:%Y-%m-%dT%H:%M:%SZ} on is under way: "
                "run it to its end first, without --since"
            )


@dataclass(frozen=True, slots=True)
class Subscription:
    """Whose notifications come by one subscription, and Amazon's id of that partner as a keyed HMAC."""

    id: str
    seller: SellerId
    merchant: str | None


class Checkpoints:
    """The tables of syncs. Changes are durable on return."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, seller: SellerId, stream: str) -> Checkpoint:
        """Return a stream's place; an empty one where it never ran."""
        query = sa.select(_points).where(_points.c.seller_id == seller, _points.c.stream == stream)
        with self._database.read() as tx:
            row = tx.execute(query).first()
        if row is None:
            return Checkpoint()
        return Checkpoint(
            row.covered_until, row.since_at, row.until_at, row.pages, row.cursor, row.report_id
        )

    def put(self, seller: SellerId, stream: str, place: Checkpoint, now: datetime) -> None:
        """Keep a stream's place."""
        values = {
            "covered_until": place.covered_until,
            "since_at": place.since,
            "until_at": place.until,
            "pages": place.pages,
            "cursor": place.cursor,
            "report_id": place.report,
            "changed_at": now,
        }
        key = {"seller_id": seller, "stream": stream}
        with self._database.write() as tx:
            changed = tx.execute(
                _points.update()
                .where(_points.c.seller_id == seller, _points.c.stream == stream)
                .values(**values)
            )
            if not changed.rowcount:
                tx.execute(_points.insert().values(**key, **values))

    # -- notifications --

    def subscription(self, id_: str) -> Subscription | None:
        """Return whose a subscription is; None where no message came by it yet."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(_whose).where(_whose.c.subscription_id == id_)).first()
        return None if row is None else _subscription(row)

    def merchants(self) -> dict[str, SellerId]:
        """Return each selling partner's id at Amazon that is known, as its HMAC."""
        query = sa.select(_whose.c.merchant, _whose.c.seller_id).where(
            _whose.c.merchant.is_not(None)
        )
        with self._database.read() as tx:
            return {row.merchant: SellerId(row.seller_id) for row in tx.execute(query)}

    def subscribed(self, seller: SellerId) -> int:
        """Return how many subscriptions are known to be a selling partner's."""
        query = sa.select(sa.func.count()).where(_whose.c.seller_id == seller)
        with self._database.read() as tx:
            return int(tx.execute(query).scalar_one())

    def state(self, seller: SellerId, merchant: str) -> None:
        """Put Amazon's id of a selling partner, as its HMAC, in place of what messages said of it."""
        with self._database.write() as tx:
            tx.execute(
                _whose.update().where(_whose.c.seller_id == seller).values(merchant=merchant)
            )

    @staticmethod
    def adopt(tx: Transaction, found: Subscription, now: datetime) -> None:
        """Remember whose a subscription is, and its partner's id once a message names it."""
        row = tx.execute(sa.select(_whose).where(_whose.c.subscription_id == found.id)).first()
        if row is None:
            tx.execute(
                _whose.insert().values(
                    subscription_id=found.id,
                    seller_id=found.seller,
                    merchant=found.merchant,
                    seen_at=now,
                )
            )
        elif row.merchant is None and found.merchant is not None:
            mine = _whose.update().where(_whose.c.subscription_id == found.id)
            tx.execute(mine.values(merchant=found.merchant))

    def was_passed(self, seller: SellerId, notification: str) -> bool:
        """Tell whether a notification was delivered before."""
        query = sa.select(_passed.c.passed_at).where(
            _passed.c.seller_id == seller, _passed.c.notification_id == notification
        )
        with self._database.read() as tx:
            return tx.execute(query).first() is not None

    @staticmethod
    def passed(tx: Transaction, seller: SellerId, notification: str, now: datetime) -> None:
        """Remember that a notification was delivered."""
        tx.execute(
            _passed.insert().values(seller_id=seller, notification_id=notification, passed_at=now)
        )

    def forget_old(self, now: datetime) -> None:
        """Forget notifications that no queue can have any more."""
        with self._database.write() as tx:
            tx.execute(_passed.delete().where(_passed.c.passed_at < now - REMEMBERED))


def _subscription(row: sa.Row[tuple[object, ...]]) -> Subscription:
    return Subscription(row.subscription_id, SellerId(row.seller_id), row.merchant)
