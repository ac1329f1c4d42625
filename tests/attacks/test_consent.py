"""Attacks on a consent: codes of others, replayed, too late, by another app; the real refresh token never leaves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.gateway.conftest import App, Door, MakeDoor
from tests.gateway.test_consent import bring, opened, with_seller

from strongroom.db import schema
from strongroom.errors import Denied
from strongroom.simulator import Fault, Simulator
from strongroom.terms import AuthMethod, Caller, PrincipalKind, SellerId

pytestmark = pytest.mark.clause("2.5", "1.2", "1.3")

REFUSED = (400, "invalid_grant")


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


def test_only_a_person_opens(waiting: tuple[Door, SellerId, App]) -> None:
    door, seller, app = waiting
    as_app = Caller(app.principal, PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)
    with pytest.raises(Denied, match="only a person"):
        door.accounts.consents.open("erp", seller, caller=as_app, now=door.clock())
    assert door.events()[-1]["outcome"] == "denied"


@pytest.mark.parametrize("column", ["seller_id", "principal_id", "expires_at", "used_at"])
def test_an_edited_row_lets_nobody_in(
    waiting: tuple[Door, SellerId, App], simulator: Simulator, column: str
) -> None:
    """Another selling partner, another app, a longer life, or unused again, written into the database alone."""
    door, seller, app = waiting
    other = door.add_app("thief", seller)
    consent = opened(door, app, seller)
    values: dict[str, Any] = {
        "seller_id": 1,
        "principal_id": other.principal,
        "expires_at": consent.expires_at + timedelta(days=1),
        "used_at": None,
    }
    if column == "used_at":
        assert bring(door, app, simulator.consent("acme"), consent.state).status == 200
    with door.database.write() as tx:
        tx.execute(sa.update(schema.consent).values({column: values[column]}))
    caller = other if column == "principal_id" else app
    if column == "used_at":
        # The row says that it is unused; Amazon's own code is not good again.
        assert end(door, caller, "ANused", consent.state) == REFUSED
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
