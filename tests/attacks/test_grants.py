"""Reading without a living grant of one's own, by waiting, by asking again, or by editing rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.vault.conftest import APP, CONSOLE, NOW, OTHER_APP, REVIEWER, World, order

from strongroom.db import schema
from strongroom.errors import Denied, Malformed
from strongroom.terms import (
    Action,
    AuthMethod,
    Caller,
    Category,
    PrincipalId,
    PrincipalKind,
    Purpose,
    SellerId,
)
from strongroom.vault import GrantStore

pytestmark = pytest.mark.clause("1.3")

REVEALED = "vault.record.revealed"


@pytest.fixture
def world(sqlite_world: World) -> World:
    return sqlite_world


@pytest.fixture
def pair(world: World) -> World:
    """A home of more than one person."""
    world.grants = GrantStore(world.database, world.audit, one_person=False)
    return world


def refused(world: World, token: str, reason: str, **how: object) -> None:
    """Check that a reveal ends in a denial that is recorded with its reason and shows no value."""
    with pytest.raises(Denied) as caught:
        world.read(token, **how)  # type: ignore[arg-type]
    assert "Groß" not in str(caught.value)
    assert world.events()[-1] == (REVEALED, "denied", reason)


def test_an_expired_grant_opens_nothing(world: World) -> None:
    (token,) = world.put(order())
    world.grant(days=2)
    refused(world, token, "grant_expired", now=NOW + timedelta(days=2))


def test_a_pending_grant_opens_nothing(pair: World) -> None:
    (token,) = pair.put(order())
    pair.grant()
    refused(pair, token, "grant_pending")


def test_a_revoked_grant_opens_nothing(world: World) -> None:
    (token,) = world.put(order())
    grant = world.grant()
    assert world.read(token) == "Jürgen Groß"
    world.grants.revoke(CONSOLE, grant, NOW)
    refused(world, token, "revoked")


def test_a_grant_for_one_selling_partner_opens_no_other(world: World) -> None:
    (token,) = world.put(order(), seller=2)
    world.grant(sellers=frozenset({SellerId(1)}))
    refused(world, token, "wrong_seller")


def test_another_apps_grant_opens_nothing(world: World) -> None:
    (token,) = world.put(order())
    world.grant(APP)
    refused(world, token, "no_grant", caller=OTHER_APP)


def test_who_has_no_grant_does_not_learn_whether_an_order_is_known(world: World) -> None:
    """The same words for an order that is there and for one that never was."""
    known, never = "902-1000001-0000001", "902-1000001-9999999"
    world.put(order(known))
    told = []
    for id_ in (known, never):
        with pytest.raises(Denied) as caught:
            world.vault.reveal_order(APP, SellerId(1), id_, purpose=Purpose.FULFILMENT, now=NOW)
        told.append(str(caught.value))
        with pytest.raises(Denied) as caught:
            world.vault.find(
                APP, purpose=Purpose.FULFILMENT, now=NOW, sellers=[SellerId(1)], order=id_
            )
        told.append(str(caught.value))
    assert told[:2] == told[2:]


# -- approving one's own ---------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["requester", "receiver", "app"])
def test_nobody_approves_for_themselves_and_no_program_approves(pair: World, who: str) -> None:
    """Two people means two people: a second app of the requester's is none."""
    (token,) = pair.put(order())
    grant = pair.grant(REVIEWER if who == "receiver" else APP)
    caller = {"requester": CONSOLE, "receiver": REVIEWER, "app": OTHER_APP}[who]
    with pytest.raises(Denied, match="another person's approval"):
        pair.grants.approve(caller, grant, NOW)
    assert pair.events()[-1] == ("grant.approved", "denied", None)
    refused(pair, token, "no_grant" if who == "receiver" else "grant_pending")


def owned_by(world: World, app: Caller, owner: Caller) -> None:
    with world.database.write() as tx:
        tx.execute(
            schema.principal.update()
            .where(schema.principal.c.id == app.principal)
            .values(owner_id=owner.principal)
        )


@pytest.mark.parametrize("side", ["requester", "receiver"])
def test_who_answers_for_an_app_does_not_approve_for_it(pair: World, side: str) -> None:
    """An app is no second person beside its owner, whether it asks or gets."""
    grant = pair.grant(APP)
    if side == "requester":
        owned_by(pair, OTHER_APP, REVIEWER)
        with pair.database.write() as tx:
            tx.execute(schema.grant.update().values(requested_by=OTHER_APP.principal))
    else:
        owned_by(pair, APP, REVIEWER)
    with pytest.raises(Denied, match="another person's approval"):
        pair.grants.approve(REVIEWER, grant, NOW)
    assert pair.events()[-1] == ("grant.approved", "denied", None)
    third = Caller(PrincipalId(5), PrincipalKind.PERSON, "cleo", AuthMethod.CREDENTIAL)
    assert pair.grants.approve(third, grant, NOW).state(NOW) == "active"


def test_programs_ask_for_no_grant_where_people_approve(pair: World) -> None:
    pair.grant()
    with pytest.raises(Denied, match="people ask"):
        pair.grants.add(
            APP,
            principal=APP.principal,
            action=Action.REVEAL,
            purpose=Purpose.FULFILMENT,
            categories=frozenset({Category.NAME}),
            sellers=None,
            lifetime=timedelta(days=1),
            now=NOW,
        )
    assert pair.events()[-1] == ("grant.requested", "denied", "not_authorized")
    assert len(pair.grants.all()) == 1


def test_programs_reject_no_grant(pair: World) -> None:
    """A stolen secret keeps nobody from work by rejecting whatever they ask for."""
    grant = pair.grant()
    with pytest.raises(Denied, match="programs do not"):
        pair.grants.reject(OTHER_APP, grant, NOW)
    assert pair.events()[-1] == ("grant.rejected", "denied", None)
    assert pair.grants.all()[0].state(NOW) == "pending"
    assert pair.grants.reject(REVIEWER, grant, NOW).state(NOW) == "rejected"


def test_a_grant_cannot_be_asked_for_without_an_end(world: World) -> None:
    for days in (0, -1, 91, 10_000):
        with pytest.raises(Malformed):
            world.grant(days=days)


# -- editing rows ----------------------------------------------------------------------------------


def test_an_edited_grant_is_a_stated_limit_and_every_use_of_it_is_recorded(world: World) -> None:
    """Who writes to the vault's database widens a grant; who, when, which record: the log keeps it.

    The log itself tells what was asked for and approved, and cannot be edited along.
    """
    (token,) = world.put(order())
    grant = world.grant(categories=frozenset({Category.TRACKING}))
    refused(world, token, "wrong_category")
    with world.database.write() as tx:
        tx.execute(schema.grant.update().values(categories="name,tracking"))
    assert world.read(token) == "Jürgen Groß"
    bodies = [entry.body for entry in world.audit.events()]
    asked = next(b for b in bodies if b["type"] == "grant.requested")
    used = bodies[-1]
    assert (asked["obj"]["ref"], asked["pii"]) == (str(grant), ["tracking"])
    assert (used["dec"], used["pii"], used["outcome"]) == (grant, ["name"], "success")
    assert world.audit.verify().ok


def test_a_grant_row_from_nowhere_is_used_under_a_number_the_log_does_not_know(
    world: World,
) -> None:
    """A forged row is a stated limit; the reveal names a grant that nobody was recorded to ask for."""
    (token,) = world.put(order())
    with world.database.write() as tx:
        tx.execute(
            schema.grant.insert().values(
                id=77,
                principal_id=APP.principal,
                action=Action.REVEAL.value,
                purpose=Purpose.FULFILMENT.value,
                categories="name",
                sellers="*",
                requested_by=1,
                approved_by=2,
                one_person=False,
                created_at=NOW,
                approved_at=NOW,
                expires_at=NOW + timedelta(days=1),
            )
        )
    world.read(token)
    bodies = [entry.body for entry in world.audit.events()]
    known = {b["obj"]["ref"] for b in bodies if b["type"].startswith("grant.")}
    assert str(bodies[-1]["dec"]) not in known


def test_a_principal_made_up_by_a_caller_has_no_grant(world: World) -> None:
    """Grants go by number, not by name."""
    (token,) = world.put(order())
    world.grant()
    twin = Caller(PrincipalId(99), PrincipalKind.APP, APP.name, AuthMethod.CREDENTIAL)
    refused(world, token, "no_grant", caller=twin)
