"""Buttons that stop something at once: each calls what the home has already, and the case says that it did [1.6].

Freezing is for whoever keeps the records of compliance, because it can be lifted; the rest is for who may administer.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from enum import StrEnum

from strongroom.accounts import Accounts
from strongroom.accounts.changes import changing
from strongroom.alarms import Acting, AlarmKind, Response
from strongroom.audit import EventType
from strongroom.compliance.incidents.room import Room
from strongroom.errors import Conflict, Denied
from strongroom.feeds.targets import Role, Targets
from strongroom.terms import AuthMethod, Caller, PrincipalId
from strongroom.vault import GrantStore


class Measure(StrEnum):
    """What is done at once."""

    FREEZE = "freeze"
    """Its sessions, tokens and secrets are refused until somebody lifts it."""
    REVOKE_GRANTS = "revoke_grants"
    END_ACCOUNT = "end_account"
    """With all its credentials, for good."""
    REMOVE_DESTINATION = "remove_destination"


class Containing:
    """The measures of one home."""

    def __init__(
        self,
        room: Room,
        accounts: Accounts,
        grants: GrantStore,
        acting: Acting,
        targets: Targets,
        administrators: Callable[[datetime], Collection[PrincipalId]],
    ) -> None:
        self._room = room
        self._accounts = accounts
        self._grants = grants
        self._acting = acting
        self._targets = targets
        self._administrators = administrators

    def take(self, number: int, measure: Measure, name: str, caller: Caller, now: datetime) -> None:
        """Do it, then write it into the case.

        Raises:
            NotFound: nobody, and no destination, of this name.
            Denied: the caller may not.
            Conflict: it is oneself, or there is nothing to take away.

        """
        self._room.people.refuse_strangers(caller, now)
        with self._room.database.read() as tx:
            if self._room.store.case(tx, number).closed_at is not None:
                raise Conflict(f"incident {number} is closed")
        if measure is not Measure.FREEZE and not self._administers(caller, now):
            raise Denied(
                "this is for who may administer", hint="freeze the account, and ask one of them"
            )
        target = self._do(measure, name, caller, now)
        with self._room.changing(caller, number, now) as step:
            said = {"target": target}
            self._room.store.add_entry(step.tx, step.entry("measure", measure.value, said=said))
            step.record(EventType.INCIDENT_CHANGED, f"measure.{measure.value}")

    def _do(self, measure: Measure, name: str, caller: Caller, now: datetime) -> str:
        if measure is Measure.REMOVE_DESTINATION:
            return f"{name} ({self._targets.request_removal(Role.PARTY, name, caller, now).state})"
        found = self._accounts.find(name)
        if found.id == caller.principal:
            raise Conflict("nobody stops themself", hint="another person does")
        match measure:
            case Measure.FREEZE:
                with changing(self._room.database, self._room.audit, caller, now) as change:
                    self._acting.act(change, found.id, Response.FREEZE, AlarmKind.BOUNDARY_CROSSED)
            case Measure.REVOKE_GRANTS:
                living = [
                    row.grant.id
                    for row in self._grants.all(found.id)
                    if row.state(now) in ("active", "pending")
                ]
                if not living:
                    raise Conflict(f"{found.name} holds no grant")
                for grant in living:
                    self._grants.revoke(caller, grant, now)
                return f"{found.name} ({len(living)})"
            case Measure.END_ACCOUNT:
                self._accounts.end(name, caller=caller, now=now)
        return found.name

    def _administers(self, caller: Caller, now: datetime) -> bool:
        return caller.auth is AuthMethod.CONSOLE or caller.principal in self._administrators(now)
