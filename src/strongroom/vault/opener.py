"""Opens records whose event is committed, and tells which are past their day; the door's last step [2.1, 2.6].

Private to this room: it decides about no caller and records only what does not open.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database
from strongroom.errors import Gone, Tampered
from strongroom.policy.grants import Decision, Deny, NotGranted
from strongroom.policy.retention import DAY
from strongroom.terms import Caller, Scalar, SellerId
from strongroom.vault import large, store
from strongroom.vault.box import RecordBox, refuse_other_subject
from strongroom.vault.events import tampered_event
from strongroom.vault.keystore import Keystore, PeriodKind
from strongroom.vault.naming import refuse_other_names
from strongroom.vault.store import RecordState, Row


class Opener:
    """Opens the records of one home. Thread-safe."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        box: Callable[[SellerId], RecordBox],
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._box = box

    def enforce(
        self, caller: Caller, decision: Decision, what: str, row: Row, now: datetime
    ) -> None:
        """Hold a caller to what was decided and recorded. Raises: NotGranted; Gone where the record's day has come."""
        if isinstance(decision, Deny):
            raise NotGranted(
                f"{caller.name} may not read {what}: {decision.reason}", decision.reason
            )
        if self.is_gone(row, now):
            raise Gone(f"{what}: its data was destroyed on its day")

    def is_gone(self, row: Row, now: datetime) -> bool:
        """Say whether a record's day has come, whether or not the sweep has been there yet [2.1].

        The key's own day counts besides the row's: a row is easier to edit.
        """
        if row.state != RecordState.LIVE or (
            row.due_at is not None and row.due_at <= now.timestamp()
        ):
            return True
        try:
            period = None if row.period is None else self._keystore.find_period(row.period)
        except Tampered:
            return False  # opening it will say so, and record it
        if period is None:
            return False
        # What waits for its archive is open to nobody, wherever a row may say that it lies.
        return period.kind is PeriodKind.HELD or (
            period.kind is PeriodKind.DAY and period.day * DAY <= now.timestamp()
        )

    def open(
        self, caller: Caller, row: Row, now: datetime, subject: str | None = None
    ) -> dict[int, Scalar]:
        """Decrypt, after the event was committed; what does not open is recorded as well.

        `subject` is whose record it was looked up as: the reference that led here is not sealed. Long values are still
        references: `whole` reads them.
        """
        box = self._box(row.seller)
        with self._telling(caller, row, now):
            slots = box.open(row, box.dek(row)) if row.blob is not None else {}
            # Who may read what was decided by names beside the record.
            refuse_other_names(row, slots, box.outside_name)
            if subject is not None and slots:
                refuse_other_subject(row, slots, subject)
        return slots

    def whole(
        self, caller: Caller, row: Row, slot: int, value: Scalar | None, now: datetime
    ) -> Scalar | None:
        """Return a slot's value, read from beside the record where it is long.

        The record is read again with it: a view may have brought another value since.

        Raises:
            Gone: its day has come meanwhile.
            Tampered: what lies beside the record is not its value. Recorded.

        """
        if not large.is_reference(value):
            return value
        with self._database.read() as tx:
            latest, sealed = store.with_value(tx, row.number, slot)
        if latest is None or self.is_gone(latest, now):
            raise Gone(f"record {row.number}: its data was destroyed on its day")
        value = self.open(caller, latest, now).get(slot)
        if not large.is_reference(value):
            return value
        with self._telling(caller, latest, now):
            return self._box(latest.seller).open_value(latest, slot, value, sealed)

    @contextmanager
    def _telling(self, caller: Caller, row: Row, now: datetime) -> Iterator[None]:
        """Record what does not open."""
        try:
            yield
        except Tampered:
            with self._database.write() as tx:
                self._audit.append(tx, tampered_event(caller, row), now=now)
            raise
