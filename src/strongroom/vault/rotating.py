"""Puts new period keys in place of those that live, while records are read and written [2.4].

Every record of a period moves to the next generation of its key, then the key before is destroyed: the sweep's own way,
so that the next sweep finishes what a kill left. No plaintext leaves.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from strongroom.audit.entry import Event, ObjKind, Outcome
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database
from strongroom.terms import Caller, SellerId
from strongroom.vault import store
from strongroom.vault.box import RecordBox
from strongroom.vault.keystore import Keystore
from strongroom.vault.sweep import Sweeper, SweepReport, movable


class Rewrapping:
    """Rewraps the records of one home. Safe between threads."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        box: Callable[[SellerId], RecordBox],
        copy_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._box = box
        self._copy_lifetime = copy_lifetime

    def count(self, seller: SellerId | None = None) -> tuple[int, int]:
        """Return how many period keys live, and how many records they wrap; of one selling partner or of all."""
        periods = [period.id for period in movable(self._keystore, seller)]
        with self._database.read() as tx:
            return len(periods), store.count_others(tx, periods, ())

    def run(
        self,
        caller: Caller,
        now: datetime,
        seller: SellerId | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> SweepReport:
        """Replace every live period key, of one selling partner or of all; durable, and resumed by the sweep.

        Raises:
            Unavailable: a file could not be cut because another program reads it; the keys are replaced.

        """
        live = movable(self._keystore, seller)
        _, total = self.count(seller)
        with self._database.write() as tx:
            for period in live:
                store.ask_replacement(tx, period.id, int(now.timestamp()))
            event = Event(
                EventType.KEY_ROTATED,
                Outcome.SUCCESS,
                caller,
                op="periods",
                obj_kind=ObjKind.KEY,
                obj_ref="period",
                n=len(live),
                seller=seller,
            )
            self._audit.append(tx, event, now=now)
        done = 0

        def tell(moved: int) -> None:
            nonlocal done
            done += moved
            if progress is not None:
                progress(done, max(total, done))

        sweeper = Sweeper(
            self._database,
            self._keystore,
            self._audit,
            self._box,
            copy_lifetime=self._copy_lifetime,
        )
        return sweeper.replace(now, seller, tell)
