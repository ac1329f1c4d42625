"""Attacks on a consent: codes of others, replayed, too late, by another app; the real refresh token never leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.gateway.conftest import CONSOLE, SEARCH, App, Door, MakeDoor
from tests.gateway.test_consent import bring, opened, with_seller

from strongroom.db import schema
from strongroom.db.suspensions import suspend
from strongroom.errors import Conflict, Denied
from strongroom.gateway.upstream import Line
from strongroom.policy.limits import HELD_CONSENT_LIFETIME
from strongroom.simulator import Fault, SellerAccount, Simulator, SimulatorConfig
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind, SellerId
from strongroom.vault import LwaCredentials

pytestmark = pytest.mark.clause("2.5", "1.2", "1.3")

REFUSED = (400, "invalid_grant")
MINUTE = timedelta(minutes=1)
PARTICIPATIONS = "sellers.getMarketplaceParticipations"


@pytest.fixture
def waiting(make_door: MakeDoor, simulator: Simulator) -> tuple[Door, SellerId, App]:
    return with_seller(make_door, simulator)


def end(door: Door, app: App, code: str, state: str | None) -> tuple[int, str]:
    """Bring a code that must not be taken; nothing reaches the seller's entry."""
    answer = bring(door, app, code, state)
    return answer.status, answer.json["error"]


def test_a_code_without_a_state_or_with_a_guessed_one_is_no_use(
    waiting: tuple[Door, SellerId, App], simulator: Simulator
) -> None:
    """Somebody sends the app a code of a selling partner of their own: it would become this seller's."""
    door, seller, app = waiting
    opened(door, app, seller)
    asked = len(simulator.requests)
    code = simulator.consent("globex")
    assert end(door, app, code, None) == (400, "invalid_request")
    for state in ("", "x", "A" * 43, "A" * 10_000, "ä" * 43):
        assert end(door, app, code, state)[0] == 400
    assert len(simulator.requests) == asked
    assert door.sellers.get(seller).credentials.refresh_token == ""


def test_no_code_and_no_state_is_used_twice(
    waiting: tuple[Door, SellerId, App], simulator: Simulator
) -> None:
    door, seller, app = waiting
    code, state = simulator.consent("acme"), opened(door, app, seller).state
    assert bring(door, app, code, state).status == 200
    asked = len(simulator.requests)
    assert end(door, app, code, state) == REFUSED
    assert end(door, app, simulator.consent("acme"), state) == REFUSED
    assert len(simulator.requests) == asked
    reasons = [e.get("reason") for e in door.events() if e["type"] == "consent.used"]
    assert reasons == [None, "replayed", "replayed"]


def test_two_requests_at_once_use_a_state_once(
    waiting: tuple[Door, SellerId, App], simulator: Simulator
) -> None:

    door, seller, app = waiting
    state = opened(door, app, seller).state
    code = simulator.consent("acme")
    form = {**app.form, "grant_type": "authorization_code", "code": code, "state": state}

    async def both() -> list[int]:
        kind = {"content-type": "application/json"}
        calls = [door.acall("POST", "/auth/o2/token", kind, form) for _ in range(4)]
        return sorted(answer.status for answer in await asyncio.gather(*calls))

    assert door.runner.run(both()) == [200, 400, 400, 400]


def test_another_app_may_not_redeem(
    waiting: tuple[Door, SellerId, App], simulator: Simulator
) -> None:
    """Not even one that is authorized for the same selling partner; the right app still may."""
    door, seller, app = waiting
    thief = door.add_app("thief", seller)
    state, code = opened(door, app, seller).state, simulator.consent("acme")
    assert end(door, thief, code, state) == REFUSED
    assert bring(door, app, code, state).status == 200


def test_a_state_ends_after_minutes_and_with_the_next_one(
    waiting: tuple[Door, SellerId, App], simulator: Simulator
) -> None:
    door, seller, app = waiting
    first = opened(door, app, seller).state
    second = opened(door, app, seller)
    assert end(door, app, simulator.consent("acme"), first) == REFUSED
    door.clock.now = second.expires_at
    assert end(door, app, simulator.consent("acme"), second.state) == REFUSED
    assert second.expires_at - door.clock() <= timedelta(0)


@pytest.mark.parametrize("cleared", ["ended_at", "row"])
def test_a_consent_that_another_replaced_is_not_brought_back_by_an_edit(
    waiting: tuple[Door, SellerId, App], simulator: Simulator, cleared: str
) -> None:
    """The row says that it never ended, or the one that replaced it is gone; the log knows of that one."""
    door, seller, app = waiting
    first, second = opened(door, app, seller), opened(door, app, seller)
    with door.database.write() as tx:
        tx.execute(sa.update(schema.consent).values(ended_at=None))
        if cleared == "row":
            tx.execute(sa.delete(schema.consent).where(schema.consent.c.id == second.id))
    assert end(door, app, simulator.consent("acme"), first.state) == REFUSED
    assert door.events()[-1]["reason"] == "revoked"


def test_another_apps_later_consent_ends_nothing(
    waiting: tuple[Door, SellerId, App], simulator: Simulator
) -> None:
    door, seller, app = waiting
    state = opened(door, app, seller).state
    opened(door, door.add_app("other", seller), seller)
    assert bring(door, app, simulator.consent("acme"), state).status == 200


def test_only_a_person_opens(waiting: tuple[Door, SellerId, App]) -> None:
    door, seller, app = waiting
    as_app = Caller(app.principal, PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)
    with pytest.raises(Denied, match="only a person"):
        door.accounts.consents.open("erp", seller, caller=as_app, now=door.clock())
    assert door.events()[-1]["outcome"] == "denied"


@pytest.mark.parametrize(
    "column", ["seller_id", "principal_id", "created_by", "expires_at", "used_at"]
)
def test_an_edited_row_lets_nobody_in(
    waiting: tuple[Door, SellerId, App], simulator: Simulator, column: str
) -> None:
    """Another selling partner, app or person, a longer life, or unused again, written into the database alone."""
    door, seller, app = waiting
    other = door.add_app("thief", seller)
    consent = opened(door, app, seller)
    values: dict[str, Any] = {
        "seller_id": 1,
        "principal_id": other.principal,
        "created_by": door.accounts.add_person("eve", caller=CONSOLE, now=door.clock()).person.id,
        "expires_at": consent.expires_at + timedelta(days=1),
        "used_at": None,
    }
    if column == "used_at":
        assert bring(door, app, simulator.consent("acme"), consent.state).status == 200
    with door.database.write() as tx:
        tx.execute(sa.update(schema.consent).values({column: values[column]}))
    caller = other if column == "principal_id" else app
    if column == "used_at":
        # The row says that it is unused; the log knows better.
        asked = len(simulator.requests)
        assert end(door, caller, simulator.consent("acme"), consent.state) == REFUSED
        assert len(simulator.requests) == asked
        return
    assert end(door, caller, simulator.consent("acme"), consent.state) == REFUSED


def test_the_real_refresh_token_is_in_no_answer_event_or_page_of_the_database(
    waiting: tuple[Door, SellerId, App], simulator: Simulator, tmp_path: Path
) -> None:
    door, seller, app = waiting
    answers = []
    state, code = opened(door, app, seller).state, simulator.consent("acme")
    answers.append(bring(door, app, code, state).body)
    answers.append(bring(door, app, code, state).body)
    real = door.sellers.get(seller).credentials
    told = b"".join(answers) + repr(door.events()).encode()
    for secret in (real.refresh_token, real.client_secret, real.client_id, code, state):
        assert secret.encode() not in told
        for path in tmp_path.rglob("*.db*"):
            assert secret.encode() not in path.read_bytes()
    assert real.refresh_token not in repr(door.sellers.get(seller))


def test_a_hostile_amazon_gives_no_token_through(
    waiting: tuple[Door, SellerId, App], clean_simulator: Simulator
) -> None:
    """Whatever the answer is, no byte of it is part of ours."""
    door, seller, app = waiting

    for body in (
        b"{",
        b"[]",
        b'{"refresh_token": 1}',
        b'{"refresh_token": ""}',
        b'{"refresh_token": "a\\nb"}',
    ):
        clean_simulator.add_fault(Fault("body", operation="lwa.token", body=body, count=1))
        state = opened(door, app, seller).state
        answer = bring(door, app, clean_simulator.consent("acme"), state)
        assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
        clean_simulator.clear_faults()
    assert door.sellers.get(seller).credentials.refresh_token == ""


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    """Amazon for a public application: all its selling partners come with one client id."""
    ours, secret = "amzn1.application-oa2-client.ours", "amzn1.oa2-cs.v1.ours"
    one = SellerAccount("acme", client_id=ours, client_secret=secret)
    accounts = (
        one,
        replace(one, name="mallory"),
        replace(one, name="abroad", marketplace_ids=("ATVPDKIKX0DER",)),
    )
    with Simulator(SimulatorConfig(orders=30, seed=7, sellers=accounts)) as running:
        yield running


@pytest.fixture
def working(make_door: MakeDoor, shared: Simulator) -> tuple[Door, SellerId, App]:
    """A selling partner with a consent in force, and an app that means ill and has a state for it."""
    door = make_door()
    seller = door.add_seller(shared, shared.seller("acme"))
    return door, seller, door.add_app("erp", seller)


def test_the_code_of_an_account_of_ones_own_takes_no_seller_over(
    working: tuple[Door, SellerId, App], shared: Simulator
) -> None:
    """The app logs on at Amazon itself: every app of the seller would read and write at the attacker's."""
    door, seller, app = working
    other = door.add_app("wms", seller)
    before = door.sellers.get(seller).credentials
    consent = opened(door, app, seller)
    assert bring(door, app, shared.consent("mallory"), consent.state).status == 200
    assert door.sellers.get(seller).credentials == before
    asked = len(shared.requests)
    assert door.get(other, SEARCH).status == 200
    assert {request.seller for request in shared.requests[asked:]} <= {"acme", ""}
    assert door.events()[-1]["seller"] == seller
    held = door.sellers.get(seller).held
    assert held is not None
    assert (held.consent, held.app, held.opened_by) == (consent.id, app.principal, 1)
    assert held.refresh_token not in repr(held) + repr(door.sellers.get(seller))

    # Not by who opened it, not by a program, not by somebody suspended, not under another number, not too late.
    candidate = door.sellers.held(seller, consent.id, door.clock())
    ben = door.accounts.add_person("ben", caller=CONSOLE, now=door.clock()).person.id
    second = Caller(ben, PrincipalKind.PERSON, "ben", AuthMethod.CONSOLE)
    program = Caller(other.principal, PrincipalKind.APP, "wms", AuthMethod.CREDENTIAL)
    with door.database.write() as tx:
        suspend(tx, ben, why="test", frozen=False, now=door.clock(), until=door.clock.now + MINUTE)
    for caller in (CONSOLE, program, second):
        with pytest.raises(Denied, match="another person"):
            door.sellers.approve(caller, candidate, consent.id, door.clock(), one_person=False)
        last = door.events()[-1]
        assert (last["type"], last["outcome"]) == ("consent.approved", "denied")
    with pytest.raises(Denied):
        door.sellers.approve(program, candidate, consent.id, door.clock(), one_person=True)
    with pytest.raises(Denied):
        door.sellers.reject(program, seller, consent.id, door.clock())
    door.clock.now += MINUTE
    with pytest.raises(Conflict, match="holds nothing"):
        door.sellers.approve(second, candidate, 99, door.clock(), one_person=False)
    late = door.clock.now + HELD_CONSENT_LIFETIME
    with pytest.raises(Conflict, match="holds nothing"):
        door.sellers.approve(second, candidate, consent.id, late, one_person=False)
    assert door.sellers.get(seller).credentials == before
    door.sellers.reject(CONSOLE, seller, consent.id, door.clock())
    with pytest.raises(Conflict, match="holds nothing"):
        door.sellers.approve(second, candidate, consent.id, door.clock(), one_person=False)
    assert door.sellers.get(seller).credentials == before


def test_what_is_approved_is_what_was_shown(
    working: tuple[Door, SellerId, App], shared: Simulator
) -> None:
    """A second code that comes between showing and approving has another number."""
    door, seller, app = working
    before = door.sellers.get(seller).credentials
    good = opened(door, app, seller)
    assert bring(door, app, shared.consent("acme"), good.state).status == 200
    shown = door.sellers.held(seller, good.id, door.clock())
    bad = opened(door, app, seller)
    assert bring(door, app, shared.consent("mallory"), bad.state).status == 200
    for number in (good.id, bad.id):
        with pytest.raises(Conflict):
            door.sellers.approve(CONSOLE, shown, number, door.clock(), one_person=True)
    assert door.sellers.get(seller).credentials == before


def test_an_account_that_does_not_sell_where_the_seller_does_is_not_taken(
    make_door: MakeDoor, shared: Simulator
) -> None:
    door = make_door()
    account = shared.seller("acme")
    waiting = LwaCredentials(account.client_id, account.client_secret, "")
    seller = door.add_seller(shared, account, credentials=waiting)
    app = door.add_app("erp", seller)
    state = opened(door, app, seller).state
    assert end(door, app, shared.consent("abroad"), state) == REFUSED
    assert door.gateway_events()[-1] == ("token.issued", "denied", "wrong_seller")
    assert door.sellers.get(seller).credentials.refresh_token == ""
    # Amazon does not say where: nothing is taken either.
    for fault in (
        Fault("error", operation=PARTICIPATIONS, status=403, count=1),
        Fault("body", operation=PARTICIPATIONS, body=b'{"payload": [1]}', count=1),
    ):
        shared.add_fault(fault)
        state = opened(door, app, seller).state
        assert end(door, app, shared.consent("acme"), state) == (503, "temporarily_unavailable")
        shared.clear_faults()
    assert door.sellers.get(seller).credentials.refresh_token == ""


@pytest.mark.parametrize("who", ["app", "person"])
@pytest.mark.parametrize("how", ["ended", "suspended"])
def test_who_ends_while_amazon_is_asked_gives_no_seller_a_token(
    waiting: tuple[Door, SellerId, App],
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    who: str,
    how: str,
) -> None:
    door, seller, app = waiting
    anna = door.accounts.add_person("anna", caller=CONSOLE, now=door.clock()).person.id
    opener = Caller(anna, PrincipalKind.PERSON, "anna", AuthMethod.CONSOLE)
    state = door.accounts.consents.open(app.name, seller, caller=opener, now=door.clock()).state
    leaving = app.principal if who == "app" else anna
    asking = Line.send

    async def meanwhile(line: Line, *args: Any, **named: Any) -> Any:
        reply = await asking(line, *args, **named)
        if "marketplaceParticipations" in args[1]:
            leave(door, "erp" if who == "app" else "anna", leaving, how)
        return reply

    monkeypatch.setattr(Line, "send", meanwhile)
    before = door.count()
    assert end(door, app, simulator.consent("acme"), state) == REFUSED
    reason = "principal_ended" if how == "ended" else "suspended"
    assert door.gateway_events(before) == [("token.issued", "denied", reason)]
    assert door.sellers.get(seller).credentials.refresh_token == ""
    types = [event["type"] for event in door.events(before)]
    assert not {"seller.changed", "authorization.issued", "system.error"} & set(types)


def leave(door: Door, name: str, principal: PrincipalId, how: str) -> None:
    if how == "ended":
        door.accounts.end(name, caller=CONSOLE, now=door.clock())
        return
    with door.database.write() as tx:
        suspend(tx, principal, why="test", frozen=False, now=door.clock())
