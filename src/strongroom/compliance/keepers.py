"""Who keeps the records of compliance, and who is there to be a second person [1.2, 1.3]."""

from datetime import datetime

from strongroom.accounts import Accounts, Guard
from strongroom.alarms import Acting
from strongroom.policy.leaving import has_ended
from strongroom.terms import Action, AuthMethod, Caller, PrincipalId, PrincipalKind
from strongroom.vault import GrantStore

_KEEPS = frozenset({Action.OVERSEE, Action.ADMINISTER})


class Keepers:
    """Tells of people whether they may, at an instant. Whoever is suspended, locked or ended may nothing."""

    def __init__(
        self, accounts: Accounts, grants: GrantStore, guard: Guard, acting: Acting
    ) -> None:
        self._accounts = accounts
        self._grants = grants
        self._guard = guard
        self._acting = acting

    def may(self, caller: Caller, now: datetime) -> bool:
        """Tell whether somebody may keep records of compliance: by a grant for all selling partners, or the console."""
        if caller.kind is not PrincipalKind.PERSON or not self.is_active(caller.principal, now):
            return False
        return caller.auth is AuthMethod.CONSOLE or self.keeps(caller.principal, now)

    def keeps(self, person: PrincipalId, now: datetime) -> bool:
        """Tell whether a person holds a grant to oversee, or to administer."""
        return any(
            row.grant.action in _KEEPS
            and row.state(now) == "active"
            and (row.grant.sellers is None or row.grant.action is Action.ADMINISTER)
            for row in self._grants.all(person)
        )

    def is_active(self, person: PrincipalId, now: datetime) -> bool:
        """Tell whether it is a person of this home who could act now."""
        found = next(
            (one for one in self._accounts.listed(PrincipalKind.PERSON) if one.id == person), None
        )
        return (
            found is not None
            and not has_ended(found.ended_at, now)
            and not self._guard.is_locked(person, now)
            and person not in {one.principal for one in self._acting.suspended(now)}
        )
