"""Takes away, in a restored home, the rights that were taken away since its backup, before anybody is let in [1.2].

Only what the proved log names is done, each with its event; what is good no more is left as it is.
"""

from datetime import datetime

from strongroom.accounts.taken import take_away
from strongroom.app import System
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.db.suspensions import suspend
from strongroom.errors import NotFound
from strongroom.restoring.since import Replay
from strongroom.terms import SYSTEM, PrincipalKind


def take_again(system: System, replay: Replay, now: datetime) -> None:
    """End and suspend what the log since the backup ended and suspended; durable on return."""
    for kind, id_ in sorted(replay.taken):
        if kind is ObjKind.GRANT:
            try:
                system.grants.revoke(SYSTEM, id_, now)
            except NotFound:
                continue  # given after the backup
    with system.accounts.changes(SYSTEM, now) as change:
        take_away(change, replay.taken)
    known = {one.id for kind in PrincipalKind for one in system.accounts.listed(kind)}
    with system.database.write() as tx:
        for principal in sorted(known & replay.suspended.keys()):
            if replay.suspended[principal] and suspend(
                tx, principal, why="restored", frozen=True, now=now
            ):
                event = Event(
                    EventType.PRINCIPAL_SUSPENDED,
                    Outcome.SUCCESS,
                    SYSTEM,
                    reason=Reason.ROLLED_BACK,
                    op="freeze",
                    obj_kind=ObjKind.PRINCIPAL,
                    obj_ref=str(principal),
                )
                system.audit.append(tx, event, now=now)
