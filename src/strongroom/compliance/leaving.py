"""Off-boarding: when an account ended, and that nothing it held lets anybody in any more [1.2].

The proof asks the same rules as the doors do; it changes nothing and can be made again at any time.
"""

from dataclasses import dataclass
from datetime import datetime

from strongroom.accounts import Accounts, Principal
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.policy.leaving import has_ended
from strongroom.terms import Caller, PrincipalKind
from strongroom.vault import GrantStore


@dataclass(frozen=True, slots=True)
class Ended:
    """One thing that a leaver held: its kind and number, whether it is dead, and by what."""

    kind: str
    id: int
    dead: bool
    by: str


@dataclass(frozen=True, slots=True)
class LeaverProof:
    """What a leaver held. `complete`: the end has come, and all of it is dead."""

    principal: Principal
    held: tuple[Ended, ...]
    complete: bool


def prove_leaving(
    audit: AuditLog,
    accounts: Accounts,
    grants: GrantStore,
    name: str,
    *,
    caller: Caller,
    now: datetime,
) -> LeaverProof:
    """Return what a person or app held and what became of it, and record that it was looked at.

    Raises:
        NotFound: no person or app of this name.

    """
    holdings = accounts.holdings(name)
    principal = holdings.principal
    gone = has_ended(principal.ended_at, now)
    held = [
        *(
            _ended("credential", secret.id, not secret.works(now), gone=gone)
            for secret in holdings.secrets
        ),
        *(
            _ended("authorization", found.id, revoked_at is not None, gone=gone)
            for found, revoked_at in holdings.authorizations
        ),
        *(
            _ended("certificate", shown.id, not shown.works(now), gone=gone)
            for shown in holdings.certificates
        ),
        *(_ended(kind, id_, ended, gone=gone) for kind, id_, ended in holdings.signing_on),
    ]
    for row in grants.all(principal.id):
        state = row.state(now)
        held.append(Ended("grant", row.grant.id, state != "active", state))
    for kind in (PrincipalKind.APP, PrincipalKind.NODE):
        for owned in accounts.listed(kind):
            if owned.owner == principal.name:
                dead = has_ended(owned.ended_at, now)
                held.append(Ended(kind.value, owned.id, dead, "ended" if dead else "alive"))
    proof = LeaverProof(principal, tuple(held), gone and all(item.dead for item in held))
    event = Event(
        EventType.PRINCIPAL_END_PROVED,
        Outcome.SUCCESS if proof.complete else Outcome.FAILURE,
        caller,
        obj_kind=ObjKind.PRINCIPAL,
        obj_ref=str(principal.id),
        n=len(held),
    )
    audit.record(event, now=now)
    return proof


def _ended(kind: str, id_: int, itself: bool, *, gone: bool) -> Ended:  # noqa: FBT001 - what became of it
    by = "revoked" if itself else "the account's end" if gone else "alive"
    return Ended(kind, id_, itself or gone, by)
