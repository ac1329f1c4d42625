"""Puts the desk together: every page under its path, behind the one door."""

from collections.abc import Callable
from datetime import datetime

from strongroom.audit.log import AuditLog
from strongroom.desk.door import Desk, Witnessed
from strongroom.desk.exchange import Route
from strongroom.desk.forms import FormTokens
from strongroom.desk.pages import (
    alarms,
    asset_rounds,
    assets,
    audit_room,
    cadence,
    calendar,
    changes,
    clauses,
    destinations,
    documents,
    drift,
    evidence,
    factors,
    findings,
    grants,
    incident_plan,
    incident_report,
    incident_telling,
    incidents,
    joining,
    locks,
    log,
    network,
    notices,
    offices,
    packs,
    password,
    principals,
    processing,
    profile,
    prove,
    provider,
    questionnaire,
    registers,
    releases,
    requests,
    retention,
    reveal,
    reviews,
    sessions,
    settings,
    sign_on,
    staff,
    suppliers,
    today,
)
from strongroom.desk.rendering import Pages, Static
from strongroom.desk.rooms import Rooms
from strongroom.terms import Action, Caller, Environment


def create_desk(
    rooms: Rooms,
    *,
    audit: AuditLog,
    clock: Callable[[], datetime],
    key: bytes,
    environment: Environment,
    witnessed: Witnessed,
) -> Desk:
    """Return the desk as an ASGI callable; `key` (32 bytes) makes the tokens of its forms."""
    static = Static()

    def origin() -> str:
        return rooms.signon.site.origin

    routes = all_routes(rooms)
    return Desk(
        routes,
        sessions=rooms.signon,
        allowed=lambda caller, now: _allowed(rooms, caller, now),
        in_office=lambda caller, now: rooms.compliance.offices.is_filled_by(caller.principal, now),
        inspecting=rooms.assurance.audits.seats,
        audit=audit,
        clock=clock,
        origin=origin,
        tokens=FormTokens(key, environment),
        pages=Pages(static, environment, origin),
        static=static,
        witnessed=witnessed,
    )


def all_routes(rooms: Rooms) -> list[Route]:
    """Return every page."""
    files = (
        clauses,
        sign_on,
        provider,
        joining,
        profile,
        sessions,
        password,
        factors,
        prove,
        locks,
        network,
        notices,
        requests,
        retention,
        reveal,
        reviews,
        alarms,
        log,
        principals,
        grants,
        destinations,
        drift,
        settings,
        evidence,
        incidents,
        incident_telling,
        incident_report,
        incident_plan,
        offices,
        today,
        cadence,
        registers,
        calendar,
        processing,
        documents,
        packs,
        questionnaire,
        staff,
        suppliers,
        releases,
        findings,
        changes,
        audit_room,
        assets,
        asset_rounds,
    )
    return [route for file in files for route in file.routes(rooms)]


def _allowed(rooms: Rooms, caller: Caller, now: datetime) -> frozenset[Action]:
    """Return what a signed-on person holds an active grant for; nothing while a lock holds them [1.2, 1.3].

    Most locks leave a session alive that began before; what it may do to others ends with them. Pages are of all
    selling partners at once, so a grant for some of them opens none; what a page shows of one asks for itself.
    """
    held = frozenset(
        row.grant.action
        for row in rooms.grants.all(caller.principal)
        if row.state(now) == "active"
        and (row.grant.sellers is None or row.grant.action is Action.ADMINISTER)
    )
    return frozenset() if held and rooms.guard.is_locked(caller.principal, now) else held
