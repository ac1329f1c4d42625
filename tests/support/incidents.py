"""An incident's people and its beginning: two who oversee, and an app that touches a canary."""

from __future__ import annotations

from datetime import timedelta

from strongroom.errors import StrongroomError
from strongroom.terms import (
    Action,
    AuthMethod,
    Caller,
    Category,
    PrincipalKind,
    Purpose,
    RecordNumber,
)
from strongroom.vault import LwaCredentials
from tests.support.pages import DeskHome

NAME_SLOT = 8


def at_console(home: DeskHome, name: str) -> Caller:
    """Return a person of the home, sitting at the machine."""
    found = home.system.accounts.find(name)
    return Caller(found.id, PrincipalKind.PERSON, found.name, AuthMethod.CONSOLE)


def oversees(home: DeskHome, name: str, *, approver: str) -> None:
    """Give a person a grant to oversee."""
    system = home.system
    row = system.grants.add(
        at_console(home, name),
        principal=system.accounts.find(name).id,
        action=Action.OVERSEE,
        purpose=Purpose.INCIDENT,
        categories=frozenset(Category),
        sellers=None,
        lifetime=timedelta(days=30),
        now=home.now,
        reason="keeps the records",
    )
    system.grants.approve(at_console(home, approver), row.grant.id, home.now)


def touch_canary(home: DeskHome, *, owner: str, approver: str) -> int:
    """Let an app read a canary, have the watch look, and return the alarm's number."""
    system, now = home.system, home.now
    mine, other = at_console(home, owner), at_console(home, approver)
    seller = system.sellers.add(
        mine,
        name="acme",
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials("client", "secret", "refresh"),
        now=now,
    )
    app = system.accounts.add_app("erp", owner, caller=mine, now=now).app
    row = system.grants.add(
        mine,
        principal=app.id,
        action=Action.REVEAL,
        purpose=Purpose.FULFILMENT,
        categories=frozenset({Category.NAME}),
        sellers=frozenset({seller.id}),
        lifetime=timedelta(days=30),
        now=now,
        reason="ships orders",
    )
    system.grants.approve(other, row.grant.id, now)
    system.vault.plant(mine, seller.id, 3, now)
    with system.database.read() as tx:
        flock = system.vault.canaries._flock(tx, seller.id)
    (canary, *_) = (one.record for one in flock.alive.values())
    token = system.vault._mint.record(RecordNumber(canary)).token(NAME_SLOT)
    caller = Caller(app.id, PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)
    try:
        system.vault.reveal(caller, token, purpose=Purpose.FULFILMENT, now=now)
    except StrongroomError as refused:
        raise AssertionError("the canary answered otherwise than an order") from refused
    system.alarms.watch.run(lambda: home.now)
    (alarm,) = [
        one for one in system.alarms.investigations.listed() if one.kind.value == "canary_touched"
    ]
    return alarm.id
