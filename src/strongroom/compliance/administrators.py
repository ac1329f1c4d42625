"""Who may administer: what needs both the people and their grants [1.3]."""

from datetime import datetime

from strongroom.accounts import Accounts
from strongroom.policy.leaving import has_ended
from strongroom.terms import Action, PrincipalId, PrincipalKind
from strongroom.vault import GrantStore


def administrators(accounts: Accounts, grants: GrantStore, now: datetime) -> frozenset[PrincipalId]:
    """Return the living people who hold an active grant to `administer`, whichever selling partners it names."""
    people = {
        person.id
        for person in accounts.listed(PrincipalKind.PERSON)
        if not has_ended(person.ended_at, now)
    }
    return frozenset(
        row.grant.principal
        for row in grants.allowing(Action.ADMINISTER)
        if row.grant.principal in people and row.state(now) == "active"
    )
