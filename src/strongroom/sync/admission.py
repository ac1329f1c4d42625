"""Who may have Amazon asked: an app that is authorized for the selling partner and holds a grant to sync [1.2, 1.3].

Asked before each page, so that whatever is revoked ends a run under way. Whoever starts one is recorded beside the app
it runs as; people and the schedule start it, and the app itself, no other program.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from strongroom.accounts import Accounts
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db.engine import Database
from strongroom.db.suspensions import suspended
from strongroom.errors import Denied
from strongroom.gateway.inside import Standing
from strongroom.gateway.lwa import HOUSE
from strongroom.policy.grants import may_sync
from strongroom.policy.leaving import has_ended
from strongroom.terms import (
    SYSTEM,
    AuthMethod,
    Caller,
    Category,
    PrincipalId,
    PrincipalKind,
    SellerId,
)
from strongroom.vault import GrantStore


@dataclass(frozen=True, slots=True)
class Admitted:
    """One run's right: as which app, started by whom, and the categories that its grant names."""

    app: Caller
    starter: Caller
    standing: Standing
    categories: frozenset[Category]


class Admission:
    """Decides and records. Safe between threads."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        audit: AuditLog,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._audit = audit
        self._clock = clock

    def app(self, name: str) -> Caller:
        """Return an app that lives. Raises: NotFound, Denied."""
        found = self._accounts.find(name)
        if found.kind is not PrincipalKind.APP or has_ended(found.ended_at, self._clock()):
            raise Denied(f"{found.name} is no living app", hint="a sync runs as an app")
        return Caller(found.id, found.kind, found.name, AuthMethod.SYSTEM)

    def sellers(self, app: Caller) -> list[SellerId]:
        """Return the selling partners that an app is authorized for."""
        found = self._accounts.authorizations(app.name)
        return sorted({authorization.seller for authorization in found})

    def begin(self, starter: Caller, app: Caller, seller: SellerId, op: str, req: str) -> Admitted:
        """Return what a run may do, its event recorded. Raises: Denied, recorded as well."""
        found = self._decide(starter, app, seller)
        refused = isinstance(found, Reason)
        event = Event(
            EventType.SYNC_STARTED,
            Outcome.DENIED if refused else Outcome.SUCCESS,
            starter,
            reason=found if isinstance(found, Reason) else None,
            op=op,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(app.principal),
            req=req,
            seller=seller,
        )
        self._audit.record(event, now=self._clock())
        if isinstance(found, Reason):
            raise _denied(app, found)
        return found

    def house(self, seller: SellerId, op: str, req: str) -> Admitted:
        """Return what our own look at orders' dates may do, its event recorded: it is no app's, and has no category."""
        event = Event(
            EventType.SYNC_STARTED,
            Outcome.SUCCESS,
            SYSTEM,
            op=op,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(SYSTEM.principal),
            req=req,
            seller=seller,
        )
        self._audit.record(event, now=self._clock())
        standing = Standing(SYSTEM.principal, seller, HOUSE)
        return Admitted(SYSTEM, SYSTEM, standing, frozenset())

    def standing(self, app: str, seller: SellerId) -> Standing | None:
        """Return an app's living authorization for a selling partner; None where it has none."""
        return self._standing(self.app(app), seller)

    def still(self, admitted: Admitted) -> None:
        """Look whether a run under way may go on. Raises: Denied."""
        found = self._decide(admitted.starter, admitted.app, admitted.standing.seller)
        if isinstance(found, Reason):
            raise _denied(admitted.app, found)
        if found.standing != admitted.standing:
            raise _denied(admitted.app, Reason.REVOKED)

    def _decide(self, starter: Caller, app: Caller, seller: SellerId) -> Admitted | Reason:
        now = self._clock()
        people = (PrincipalKind.PERSON, PrincipalKind.SERVICE)
        if starter.kind not in people and starter.principal != app.principal:
            return Reason.NOT_AUTHORIZED
        standing = self._standing(app, seller)
        if standing is None:
            return Reason.REVOKED
        with self._database.read() as tx:
            stopped = suspended(tx, now)
            if {starter.principal, app.principal} & set(stopped):
                return Reason.SUSPENDED
            categories = may_sync(GrantStore.of(tx, PrincipalId(app.principal)), seller, now)
        if not categories:
            return Reason.NO_GRANT
        return Admitted(app, starter, standing, categories)

    def _standing(self, app: Caller, seller: SellerId) -> Standing | None:
        for authorization in self._accounts.authorizations(app.name):
            if authorization.seller == seller:
                return Standing(app.principal, seller, authorization.id)
        return None


def _denied(app: Caller, reason: Reason) -> Denied:
    return Denied(
        f"{app.name} may not sync this selling partner: {reason}",
        hint="it needs `strongroom app authorize` and `strongroom grant add --action sync`",
    )
