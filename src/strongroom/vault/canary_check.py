"""The self-test of the canaries: one is touched through the real door, and everything that must follow is looked for.

It is the service `canary-check` that touches it, which holds no grant and reads nothing: a person or an app would be
frozen. What is proved is what a thief would meet: the event, and the row that every door obeys [2.6].
"""

from contextlib import suppress
from datetime import datetime

from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db import suspensions
from strongroom.db.engine import Database
from strongroom.policy.grants import NotGranted
from strongroom.terms import SYSTEM, Caller, Purpose, RecordNumber, SellerId
from strongroom.vault.canaries import CHECK_OP
from strongroom.vault.vault import Vault


def check_canary(
    vault: Vault,
    database: Database,
    audit: AuditLog,
    *,
    caller: Caller,
    checker: Caller,
    seller: SellerId,
    now: datetime,
) -> bool:
    """Touch a canary as `checker` and let it go again; return whether the door told and froze. Durable on return.

    The canary is burnt by it. Where a selling partner has none, one is planted first.
    """
    chosen = vault.canaries.order_to_touch(seller)
    if chosen is None:
        vault.plant(caller, seller, 1, now)
        chosen = vault.canaries.order_to_touch(seller)
    proved = False
    if chosen is not None:
        order, record = chosen
        with suppress(NotGranted):
            vault.reveal_order(checker, seller, order, purpose=Purpose.INCIDENT, now=now)
        proved = _told(audit, checker, record)
    with database.write() as tx:
        proved &= suspensions.suspended(tx, now).get(checker.principal, False)
        suspensions.lift(tx, [checker.principal], caller.principal, now)
        restored = Event(
            EventType.PRINCIPAL_RESTORED,
            Outcome.SUCCESS,
            SYSTEM,
            op=CHECK_OP,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(checker.principal),
        )
        checked = Event(
            EventType.CANARY_CHECKED,
            Outcome.SUCCESS if proved else Outcome.FAILURE,
            caller,
            reason=None if proved else Reason.INTERNAL,
            op=CHECK_OP,
            n=1,
            seller=seller,
        )
        audit.append(tx, restored, checked, now=now)
    return proved


def last_checked(audit: AuditLog) -> datetime | None:
    """Return when a check last ended well."""
    found = None
    for entry in audit.of_types((EventType.CANARY_CHECKED,)):
        if entry.outcome == Outcome.SUCCESS.value and "t" in entry.body:
            found = datetime.fromisoformat(entry.body["t"])
    return found


def _told(audit: AuditLog, checker: Caller, record: RecordNumber) -> bool:
    touched = list(audit.of_types((EventType.CANARY_TOUCHED,)))
    if not touched:
        return False
    body = touched[-1].body
    return (body["actor"]["id"], body["obj"]["ref"]) == (checker.principal, str(record))
