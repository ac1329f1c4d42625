"""What commands do to grants and roles, and the matrix of who can read what [1.2, 1.3]."""

import tomllib
from datetime import timedelta
from typing import Any

from strongroom.compliance import Why
from strongroom.errors import Denied, Malformed
from strongroom.operations.registry import Call, iso, member, operation, sellers_of
from strongroom.policy.grants import BREAK_GLASS, FIRST_ADMINISTRATOR
from strongroom.policy.leaving import has_ended
from strongroom.request import Json
from strongroom.terms import Action, Category, PrincipalId, PrincipalKind, Purpose, SellerId
from strongroom.vault import GrantRow, Wish
from strongroom.vault.roles import RoleRevision


@operation("grant.add")
def _grant_add(  # noqa: PLR0913 - what a grant says
    call: Call,
    *,
    principal: str,
    action: str,
    purpose: str,
    categories: list[str],
    days: int,
    sellers: list[str] | None = None,
    budget: int | None = None,
    reason: str | None = None,
) -> Json:
    wanted = member(Action, action, "action")
    row = call.system.grants.add(
        call.caller,
        principal=_living(call, principal, wanted),
        action=wanted,
        purpose=member(Purpose, purpose, "purpose"),
        categories=_categories(categories),
        sellers=_partners(call, sellers),
        lifetime=timedelta(days=days),
        now=call.now,
        budget=budget,
        reason=reason,
    )
    return grant_json(call, row)


@operation("grant.add_role")
def _grant_add_role(
    call: Call,
    *,
    principal: str,
    role: str,
    days: int,
    sellers: list[str] | None = None,
    reason: str | None = None,
) -> Json:
    """Ask for every line of a role, as it stands now, as a grant of its own."""
    asked = call.system.roles.get(role).role
    holder = _living(call, principal, *(line.action for line in asked.lines))
    partners = _partners(call, sellers)
    wishes = [
        Wish(
            holder,
            line.action,
            line.purpose,
            line.categories,
            partners,
            timedelta(days=days),
            budget=line.budget,
            reason=reason,
            role=asked.stamp,
        )
        for line in asked.lines
    ]
    rows = call.system.grants.request(call.caller, wishes, call.now)
    return {"grants": [grant_json(call, row) for row in rows]}


@operation("grant.approve")
def _grant_approve(call: Call, *, grant: int) -> Json:
    return grant_json(call, call.system.grants.approve(call.caller, grant, call.now))


@operation("grant.reject")
def _grant_reject(call: Call, *, grant: int) -> Json:
    return grant_json(call, call.system.grants.reject(call.caller, grant, call.now))


@operation("grant.revoke")
def _grant_revoke(call: Call, *, grant: int) -> Json:
    return grant_json(call, call.system.grants.revoke(call.caller, grant, call.now))


@operation("grant.break_glass")
def _grant_break_glass(
    call: Call,
    *,
    sellers: list[str],
    purpose: str,
    categories: list[str],
    hours: int,
    reason: str,
    budget: int | None = None,
) -> Json:
    wish = Wish(
        call.caller.principal,
        Action.REVEAL,
        member(Purpose, purpose, "purpose"),
        _categories(categories),
        _partners(call, sellers),
        timedelta(hours=hours),
        budget=budget,
        reason=reason,
    )
    return grant_json(call, call.system.grants.break_glass(call.caller, wish, call.now))


@operation("grant.list")
def _grant_list(call: Call, *, principal: str | None = None) -> Json:
    of = None if principal is None else call.system.accounts.find(principal).id
    return {"grants": [grant_json(call, row) for row in call.system.grants.all(of)]}


@operation("grant.matrix")
def _grant_matrix(call: Call) -> Json:
    sellers = {seller.id: seller.name for seller in call.system.sellers.all()}
    found = call.system.access.matrix(sellers, call.now)
    return {"at": call.now.isoformat(), "cells": [_cell(call, why, sellers) for why in found]}


@operation("grant.drift")
def _grant_drift(call: Call) -> Json:
    drift = call.system.access.drift(call.caller, call.now)
    return {
        "ok": not drift.tampered,
        "baseline": drift.baseline,
        "baseline_taken_at": iso(drift.taken_at),
        "baseline_sha256": drift.digest,
        "added": drift.added,
        "removed": drift.removed,
        "changed": drift.changed,
        "tampered": drift.tampered,
        "outdated_roles": drift.outdated_roles,
    }


@operation("role.list")
def _role_list(call: Call) -> Json:
    return {"roles": [_role(found) for found in call.system.roles.all().values()]}


@operation("role.set")
def _role_set(call: Call, *, name: str, document: str) -> Json:
    try:
        parsed = tomllib.loads(document)
    except tomllib.TOMLDecodeError:
        raise Malformed("the role's file is not TOML") from None
    return _role(call.system.roles.set(call.caller, name, parsed, call.now))


def grant_json(call: Call, row: GrantRow) -> Json:
    """Return a grant as JSON."""
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
        "budget": grant.budget,
        "reason": row.reason,
        "role": row.role,
        "break_glass": grant.kind == BREAK_GLASS,
        "first_administrator": grant.kind == FIRST_ADMINISTRATOR,
        "requested_by": accounts.name_of(row.requested_by),
        "approved_by": None if row.approved_by is None else accounts.name_of(row.approved_by),
        "one_person": row.one_person,
        "created_at": row.created_at.isoformat(),
        "expires_at": grant.expires_at.isoformat(),
        "review_by": iso(grant.review_by),
        "reviewed_at": iso(grant.reviewed_at),
        "revoked_at": iso(grant.revoked_at),
    }


# -- private ---------------------------------------------------------------------------------------


def _living(call: Call, name: str, *actions: Action) -> PrincipalId:
    found = call.system.accounts.find(name)
    if has_ended(found.ended_at, call.now):
        raise Malformed(f"the account {found.name} has ended")
    if found.kind is PrincipalKind.NODE:
        # The API would refuse it all the same; a list of who has access that says more than there is helps nobody.
        raise Denied("a node holds no grant", hint="an app asks for data, a node does not")
    if Action.AUDIT in actions and found.kind is not PrincipalKind.PERSON:
        raise Denied("people read the log, programs do not", hint="grant it to its owner")
    return found.id


def _categories(names: list[str]) -> frozenset[Category]:
    return frozenset(member(Category, name, "category") for name in names)


def _partners(call: Call, names: list[str] | None) -> frozenset[SellerId] | None:
    return None if names is None else frozenset(sellers_of(call.system, names))


def _cell(call: Call, why: Why, sellers: dict[SellerId, str]) -> Json:
    cell = why.cell
    names = call.system.accounts.name_of
    return {
        "principal": why.grants[0].principal_name,
        "seller": sellers[cell.seller],
        "action": cell.action.value,
        "purpose": cell.purpose.value,
        "categories": [category.value for category in cell.categories],
        "grants": list(cell.grants),
        "expires_at": max(row.grant.expires_at for row in why.grants).isoformat(),
        "last_used_at": iso(why.last_used_at),
        "why": [_reasons(row, names, why) for row in why.grants],
    }


def _reasons(row: GrantRow, names: Any, why: Why) -> Json:  # noqa: ANN401 - a bound method
    grant = row.grant
    return {
        "grant": grant.id,
        "categories": sorted(category.value for category in grant.categories),
        "requested_by": names(row.requested_by),
        "approved_by": None if row.approved_by is None else names(row.approved_by),
        "one_person": row.one_person,
        "break_glass": grant.kind == BREAK_GLASS,
        "reason": row.reason,
        "role": row.role,
        "budget": grant.budget,
        "used_today": why.used_today.get(grant.id),
        "expires_at": grant.expires_at.isoformat(),
        "review_by": iso(grant.review_by),
    }


def _role(found: RoleRevision) -> Json:
    return {
        "name": found.role.name,
        "title": found.role.title,
        "revision": found.revision,
        "stamp": found.role.stamp,
        "lines": [line.plain() for line in found.role.lines],
    }
