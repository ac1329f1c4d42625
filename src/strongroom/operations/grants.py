"""What commands do to grants [1.3]."""

from datetime import timedelta

from strongroom.errors import Malformed
from strongroom.operations.registry import Call, Json, iso, member, operation, sellers_of
from strongroom.terms import Action, Category, Purpose
from strongroom.vault import GrantRow


@operation("grant.add")
def _grant_add(
    call: Call,
    *,
    principal: str,
    action: str,
    purpose: str,
    categories: list[str],
    days: int,
    sellers: list[str] | None = None,
) -> Json:
    system = call.system
    partners = None if sellers is None else frozenset(sellers_of(system, sellers))
    found = system.accounts.find(principal)
    if found.ended_at is not None:
        raise Malformed(f"the account {found.name} has ended")
    row = system.grants.add(
        call.caller,
        principal=found.id,
        action=member(Action, action, "action"),
        purpose=member(Purpose, purpose, "purpose"),
        categories=frozenset(member(Category, name, "category") for name in categories),
        sellers=partners,
        lifetime=timedelta(days=days),
        now=call.now,
    )
    return _grant(call, row)


@operation("grant.approve")
def _grant_approve(call: Call, *, grant: int) -> Json:
    return _grant(call, call.system.grants.approve(call.caller, grant, call.now))


@operation("grant.revoke")
def _grant_revoke(call: Call, *, grant: int) -> Json:
    return _grant(call, call.system.grants.revoke(call.caller, grant, call.now))


@operation("grant.list")
def _grant_list(call: Call, *, principal: str | None = None) -> Json:
    of = None if principal is None else call.system.accounts.find(principal).id
    return {"grants": [_grant(call, row) for row in call.system.grants.all(of)]}


def _grant(call: Call, row: GrantRow) -> Json:
    grant, accounts = row.grant, call.system.accounts
    sellers = grant.sellers
    return {
        "id": grant.id,
        "state": row.state(call.now),
        "principal": row.principal_name,
        "action": grant.action.value,
        "purpose": grant.purpose.value,
        "categories": sorted(category.value for category in grant.categories),
        "sellers": None
        if sellers is None
        else sorted(call.system.sellers.get(id_).name for id_ in sellers),
        "requested_by": accounts.name_of(row.requested_by),
        "approved_by": None if row.approved_by is None else accounts.name_of(row.approved_by),
        "one_person": row.one_person,
        "created_at": row.created_at.isoformat(),
        "expires_at": grant.expires_at.isoformat(),
        "revoked_at": iso(grant.revoked_at),
    }
