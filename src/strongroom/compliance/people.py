"""Who can have a part in keeping the policy: people whose account lives, held by no lock and no alarm [1.6].

A second person who has left, or cannot sign on, is none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from strongroom.accounts import Accounts
from strongroom.accounts.guard import Guard
from strongroom.db.engine import Database
from strongroom.db.suspensions import suspended
from strongroom.errors import Denied
from strongroom.policy.leaving import has_ended
from strongroom.terms import Action, AuthMethod, Caller, PrincipalId, PrincipalKind
from strongroom.vault import GrantStore

_OVERSEES: Final = frozenset({Action.OVERSEE, Action.ADMINISTER})


class People:
    """The people of one home."""

    def __init__(
        self, database: Database, accounts: Accounts, guard: Guard, grants: GrantStore
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._guard = guard
        self._grants = grants

    def active(self, now: datetime) -> Mapping[PrincipalId, str]:
        """Return whoever is there at this instant, by number, with their names."""
        return self._database.kept(("people.active", now), lambda: self._active(now))

    def _active(self, now: datetime) -> Mapping[PrincipalId, str]:
        held = {lock.principal for lock in self._guard.locks(now) if lock.holds(now)}
        with self._database.read() as tx:
            held |= set(suspended(tx, now))
        return {
            person.id: person.name
            for person in self._accounts.listed(PrincipalKind.PERSON)
            if person.id not in held and not has_ended(person.ended_at, now)
        }

    def named(self, name: str, now: datetime) -> PrincipalId:
        """Return the active person of this name. Raises: NotFound, Denied: it is no active person."""
        found = self._accounts.find(name)
        if found.id not in self.active(now):
            raise Denied(f"{found.name} is no active person")
        return found.id

    def name_of(self, person: PrincipalId) -> str:
        """Return a name, of somebody who has left too. Raises: NotFound."""
        return self._accounts.name_of(person)

    def refuse_strangers(self, caller: Caller, now: datetime) -> None:
        """Refuse whoever does not keep the records of compliance; who sits at the machine does.

        Raises:
            Denied: no person asks, or one without a grant for it [1.3].

        """
        refuse_programs(caller)
        if caller.auth is AuthMethod.CONSOLE:
            return
        holds = any(
            row.grant.action in _OVERSEES and row.state(now) == "active"
            for row in self._grants.all(caller.principal)
        )
        if not holds or caller.principal not in self.active(now):
            raise Denied("this is for people who oversee", hint="ask for a grant to oversee")


def refuse_programs(caller: Caller) -> None:
    """Refuse whoever is no person. Raises: Denied."""
    if caller.kind is not PrincipalKind.PERSON:
        raise Denied("people keep the records of compliance, programs do not")
