"""Somebody whom an alarm is about: what they still hold opens no door, and nothing of theirs undoes it [2.6].

The suspension is the row that an alarm or a canary writes, made while what was issued before is good: access tokens in
memory, a session, a certificate, a client secret, a grant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.api.conftest import ORDER, WHY, Shop, open_shop
from tests.api.conftest import Door as ApiDoor
from tests.gateway.conftest import RECENT
from tests.gateway.conftest import Shop as GatewayShop
from tests.support.alarmed import Alarmed, alarmed
from tests.support.certificates import make
from tests.vault.conftest import APP, CONSOLE, NAME, NOW, REVIEWER, World, make_world, order

from strongroom.alarms import Disposition
from strongroom.api import ApiLimits
from strongroom.db import suspensions
from strongroom.db.engine import Database
from strongroom.errors import Denied, NotFound, Unauthenticated
from strongroom.policy.grants import DenyReason, NotGranted
from strongroom.policy.limits import SLOWED_FOR, SLOWED_TO
from strongroom.terms import Action, AuthMethod, PrincipalId, Purpose, RecordNumber, SellerId
from strongroom.vault import GrantStore

__all__ = ["make_world"]

pytestmark = pytest.mark.clause("1.2", "1.3", "2.6")


def suspend(database: Database, principal: PrincipalId, *, frozen: bool) -> None:
    """Do what an alarm does, and a canary at the vault's door."""
    with database.write() as tx:
        suspensions.suspend(tx, principal, why="canary_touched", frozen=frozen, now=NOW)


def restore(database: Database, principal: PrincipalId) -> None:
    with database.write() as tx:
        suspensions.lift(tx, [principal], PrincipalId(1), NOW)


# -- the vault's door ------------------------------------------------------------------------------


def test_grants_of_a_suspended_principal_let_nothing_out(
    make_world: Callable[[str], World],
) -> None:
    """Whatever is asked for: a value, an order, a search, a list of tokens; other principals go on."""
    world = make_world("home")
    world.grant()
    world.grant(action=Action.SEARCH)
    (token,) = world.put(order())
    assert world.read(token) == "Jürgen Groß"
    suspend(world.database, APP.principal, frozen=False)
    find = {"purpose": Purpose.FULFILMENT, "now": NOW}
    for ask in (
        lambda: world.read(token),
        lambda: world.vault.reveal_order(APP, SellerId(1), ORDER, **find),
        lambda: world.vault.find(APP, sellers=[SellerId(1)], order=ORDER, **find),
    ):
        with pytest.raises(NotGranted) as refused:
            ask()
        assert refused.value.reason is DenyReason.SUSPENDED
    with pytest.raises(NotFound):
        world.vault.describe(APP, _record(world), now=NOW)
    denied = [event for event in world.events() if event[1] == "denied"]
    assert [event[2] for event in denied] == ["suspended"] * 3 + ["no_grant"]
    # Rows are listed for a review as before: they live again when it is lifted.
    assert {row.state(NOW) for row in world.grants.all(APP.principal)} == {"suspended"}
    restore(world.database, APP.principal)
    assert world.read(token) == "Jürgen Groß"


def _record(world: World) -> RecordNumber:
    entry = next(e for e in world.audit.events() if e.type == "vault.record.revealed")
    return RecordNumber(int(entry.body["obj"]["ref"]))


def test_a_suspended_person_is_nobodys_second_person(make_world: Callable[[str], World]) -> None:
    world = make_world("home")
    world.grants = GrantStore(world.database, world.audit, one_person=False)
    number = world.grant()
    suspend(world.database, REVIEWER.principal, frozen=False)
    with pytest.raises(Denied):
        world.grants.approve(REVIEWER, number, NOW)
    restore(world.database, REVIEWER.principal)
    assert world.grants.approve(REVIEWER, number, NOW).state(NOW) == "active"


# -- apps ------------------------------------------------------------------------------------------


@pytest.fixture
def api(make_world: Callable[[str], World]) -> Iterator[Shop]:
    door = ApiDoor(make_world("api"), ApiLimits())
    yield open_shop(door)
    door.close()


def test_a_frozen_apps_token_secret_and_certificate_open_nothing(api: Shop) -> None:
    door, made = api.door, make()
    door.certificates.register(api.erp.name, made.pem, caller=CONSOLE, now=door.now)
    token = door.token(api.erp)
    headers = {"content-type": "application/json"}
    bearer = {**headers, "authorization": f"Bearer {token}"}
    body = {"token": api.tokens[NAME], **WHY}
    ask = lambda with_: door.call("POST", "/v1/reveal", with_, body).status  # noqa: E731 - asked often
    assert ask(bearer) == 200
    door.peer = made.der
    assert ask(headers) == 200
    suspend(door.world.database, api.erp.principal, frozen=True)
    assert ask(headers) == 401
    door.peer = None
    assert ask(bearer) == 401
    assert door.login(api.erp).status == 401
    refused = [event for event in door.events() if event[2] == "suspended"]
    assert refused == [
        ("api.request.refused", "failure", "suspended"),
        ("api.request.refused", "failure", "suspended"),
        ("credential.checked", "failure", "suspended"),
    ]
    with pytest.raises(Unauthenticated):
        door.accounts.check_credential(api.erp.name, api.erp.client_secret, door.now)
    # The other app, and this one afterwards, go on.
    assert door.login(api.other).status == 200
    restore(door.world.database, api.erp.principal)
    assert ask(bearer) == 200


def test_an_app_that_is_only_suspended_still_comes_in_and_gets_nothing(api: Shop) -> None:
    suspend(api.door.world.database, api.erp.principal, frozen=False)
    answer = api.door.post(api.erp, "/v1/reveal", token=api.tokens[NAME], **WHY)
    assert (answer.status, answer.json["reason"]) == (403, "suspended")


def test_a_slowed_app_waits_and_then_goes_on(api: Shop) -> None:
    door = api.door
    token = door.token(api.erp)
    with door.world.database.write() as tx:
        suspensions.slow(tx, api.erp.principal, door.now + SLOWED_FOR)
    ask = lambda: door.call("GET", "/v1/principal", {"authorization": f"Bearer {token}"})  # noqa: E731
    assert [ask().status for _ in range(3)] == [200, 429, 429]
    door.now += SLOWED_TO
    assert [ask().status for _ in range(2)] == [200, 429]
    door.now += SLOWED_FOR
    assert [ask().status for _ in range(3)] == [200, 200, 200]


def test_a_frozen_app_gets_nothing_through_the_gateway(shop: GatewayShop) -> None:
    """An access token that the gateway knows from memory ends with the very next request."""
    door, app = shop.door, shop.app
    token, restricted = door.token(app), door.rdt(app, "/orders/v0/orders", "shippingAddress")
    assert door.get(app, RECENT, token).status == 200
    assert door.get(app, RECENT, restricted).status == 200
    suspend(door.database, app.principal, frozen=True)
    before = door.count()
    assert door.get(app, RECENT, token).status == 403
    assert door.get(app, RECENT, restricted).status == 403
    answer = door.call("POST", "/auth/o2/token", {"content-type": "application/json"}, app.form)
    assert answer.status == 401
    assert [(e["type"], e.get("reason")) for e in door.events(before)] == [
        ("gateway.request.refused", "suspended"),
        ("gateway.request.refused", "suspended"),
        ("credential.checked", "suspended"),
    ]
    assert {e["actor"]["id"] for e in door.events(before)[:2]} == {app.principal}
    assert door.get(shop.other, RECENT).status == 200
    restore(door.database, app.principal)
    assert door.get(app, RECENT, token).status == 200


def test_a_slowed_app_is_slowed_at_the_gateway(shop: GatewayShop) -> None:
    door, app = shop.door, shop.app
    token = door.token(app)
    with door.database.write() as tx:
        suspensions.slow(tx, app.principal, door.clock() + SLOWED_FOR)
    answers = [door.get(app, RECENT, token) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 429]
    assert answers[1].headers["retry-after"] == "2"
    door.clock.advance(seconds=SLOWED_TO.total_seconds())
    assert door.get(app, RECENT, token).status == 200


# -- people ----------------------------------------------------------------------------------------


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Alarmed]:
    with alarmed(database_url, tmp_path) as made:
        yield made


def test_a_session_from_before_ends_though_nobody_ended_it(home: Alarmed) -> None:
    """A canary freezes inside the vault, which knows no sessions: the door asks at each request."""
    house = home.house
    anna = house.person("anna")
    done = house.sign_on(anna)
    session = house.check(done)
    with house.database.write() as tx:
        suspensions.suspend(tx, anna.id, why="canary_touched", frozen=True, now=home.now)
    # What was checked before the freeze, and acts after it.
    with pytest.raises(Unauthenticated):
        house.signon.end_others(session, home.now)
    with pytest.raises(Unauthenticated):
        house.check(done)
    assert house.events("session.ended") == [("session.ended", "success", "suspended")]
    with house.database.write() as tx:
        suspensions.lift(tx, [anna.id], PrincipalId(1), home.now)
    # The session does not live again: its person signs on anew.
    with pytest.raises(Unauthenticated):
        house.check(done)
    house.later(minutes=5)
    house.check(house.sign_on(anna))


def test_a_frozen_person_comes_in_by_no_proof(home: Alarmed) -> None:
    house = home.house
    anna = house.person("anna", passkey=True)
    linked = house.linked(anna)
    pending = house.pending(anna)
    new = house.accounts.renew_credential("anna", caller=CONSOLE, now=home.now)
    with house.database.write() as tx:
        suspensions.suspend(tx, anna.id, why="canary_touched", frozen=True, now=home.now)
    house.later(minutes=1)
    assert anna.passkey is not None
    asked = house.signon.passkey_challenge(None, home.now)
    answer = anna.passkey.get(asked.options)
    for come_in in (
        lambda: house.pending(anna),
        lambda: house.signon.prove_totp(pending.step, house.code(anna), anna.visit(), home.now),
        lambda: house.signon.prove_passkey(asked.step, answer, anna.visit(), home.now),
        lambda: house.signon.identified(linked, anna.visit(), home.now, second_factor=True),
        lambda: house.accounts.check_credential("anna", new.client_secret or "", home.now),
    ):
        with pytest.raises(Unauthenticated):
            come_in()
    told = [e.body.get("reason") for e in house.audit.tail(20) if e.outcome == "failure"]
    assert told.count("suspended") == 5
    assert house.events("session.started") == []


def test_the_alarmed_person_neither_closes_the_alarm_nor_lets_themselves_in(
    home: Alarmed,
) -> None:
    """An administrator who touched a canary, by session, by credential, at the console, and through an accomplice."""
    mallory = home.person("mallory", administers=True)
    olga = home.person("olga", administers=True)
    accomplice = home.person("nina")
    home.touch(mallory.principal)
    (alarm,) = home.look()
    acting, investigations = home.alarms.acting, home.alarms.investigations
    faces = [replace(mallory, auth=auth) for auth in AuthMethod]
    for who in (*faces, accomplice):
        with pytest.raises(Denied):
            investigations.close(alarm.id, Disposition.BENIGN, who, home.now)
        with pytest.raises(Denied):
            investigations.assign(alarm.id, "mallory", who, home.now)
        with pytest.raises(Denied):
            acting.lift("mallory", who, home.now)
    # Nor does another administrator make it theirs.
    with pytest.raises(Denied):
        investigations.assign(alarm.id, "mallory", olga, home.now)
    assert [row.name for row in acting.suspended(home.now + timedelta(days=400))] == ["mallory"]
    assert home.opened()[0].owner == olga.principal


def test_a_suspended_administrator_lets_nobody_else_in(home: Alarmed) -> None:
    """Two who help each other: the one that is suspended lifts nothing, whatever their session still shows."""
    one, two = (home.person(name, administers=True) for name in ("olga", "igor"))
    home.person("pavel", administers=True)
    for who in (one, two):
        home.touch(who.principal)
    home.look()
    for who, other in ((one, "igor"), (two, "olga")):
        with pytest.raises(Denied):
            home.alarms.acting.lift(other, who, home.now)


def test_a_flood_buries_no_alarm_and_escapes_no_suspension(home: Alarmed) -> None:
    home.person("olga", administers=True)
    loud = home.app("label-printer", "olga")
    home.refuse(loud, 3000)
    home.touch(loud)
    kinds = {alarm.kind.value: alarm.count for alarm in home.look()}
    assert kinds == {"unauthorized_calls": 2998, "canary_touched": 1}
    assert [row.name for row in home.alarms.acting.suspended(home.now)] == ["label-printer"]
