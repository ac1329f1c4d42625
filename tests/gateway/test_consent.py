"""A selling partner's consent runs through the gateway: the app gets tokens of ours, Amazon's stay here."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.accounts.consents import NewConsent
from strongroom.gateway import try_credentials
from strongroom.simulator import Fault, Simulator
from strongroom.terms import SellerId
from strongroom.vault import LwaCredentials
from tests.gateway.conftest import CONSOLE, SEARCH, App, Door, MakeDoor, Response

pytestmark = pytest.mark.clause("2.5", "1.3")

URI = "https://erp.example/callback"


def opened(door: Door, app: App, seller: SellerId) -> NewConsent:
    return door.accounts.consents.open(app.name, seller, caller=CONSOLE, now=door.clock())


def bring(door: Door, app: App, code: str, state: str | None, **more: str) -> Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        **({} if state is None else {"state": state}),
        **more,
    }
    return door.call("POST", "/auth/o2/token", {"content-type": "application/json"}, form)


def with_seller(
    make_door: MakeDoor, simulator: Simulator, **changes: Any
) -> tuple[Door, SellerId, App]:
    """A selling partner that waits for its consent, and an app that is authorized for another one."""
    door = make_door()
    other = door.add_seller(simulator, simulator.seller("globex"))
    app = door.add_app("erp", other)
    account = simulator.seller("acme")
    waiting = LwaCredentials(account.client_id, account.client_secret, "")
    seller = door.add_seller(simulator, account, credentials=waiting, **changes)
    return door, seller, app


def test_a_code_becomes_tokens_of_ours(make_door: MakeDoor, simulator: Simulator) -> None:
    """With the redirect's address; afterwards the app works as any other, and the seller's token is sealed here."""
    door, seller, app = with_seller(make_door, simulator)
    consent = opened(door, app, seller)
    before = door.count()
    answer = bring(door, app, simulator.consent("acme", URI), consent.state, redirect_uri=URI)
    assert answer.status == 200, answer.body
    assert sorted(answer.json) == ["access_token", "expires_in", "refresh_token", "token_type"]
    real = door.sellers.get(seller).credentials.refresh_token
    assert real.startswith("Atzr|")
    assert real.encode() not in answer.body
    assert [event["type"] for event in door.events(before)] == [
        "consent.used",
        "seller.changed",
        "authorization.issued",
        "token.issued",
    ]
    assert all(event["seller"] == seller for event in door.events(before))
    assert door.get(app, SEARCH, answer.json["access_token"]).status == 200
    mine = App(
        "erp", app.principal, seller, app.client_id, app.client_secret, answer.json["refresh_token"]
    )
    assert door.get(mine, SEARCH).status == 200


def test_a_client_without_a_place_for_the_state_takes_it_before_the_code(
    make_door: MakeDoor, simulator: Simulator
) -> None:
    door, seller, app = with_seller(make_door, simulator)
    state = opened(door, app, seller).state
    answer = bring(door, app, f"{state}.{simulator.consent('acme')}", None)
    assert answer.status == 200, answer.body


def test_a_seller_renews_its_consent(make_door: MakeDoor, simulator: Simulator) -> None:
    """Once a person approves it: the client secret stays, the app's token before ends, other apps go on working."""
    door = make_door()
    account = simulator.seller("acme")
    seller = door.add_seller(simulator, account)
    app, other = door.add_app("erp", seller), door.add_app("wms", seller)
    assert door.get(other, SEARCH).status == 200
    consent = opened(door, app, seller)
    assert bring(door, app, simulator.consent("acme"), consent.state).status == 200
    assert door.sellers.get(seller).credentials.refresh_token == account.refresh_token
    assert door.get(other, SEARCH).status == 200
    candidate = door.sellers.held(seller, consent.id, door.clock())
    try_credentials(candidate)
    door.sellers.approve(CONSOLE, candidate, consent.id, door.clock(), one_person=True)
    after = door.sellers.get(seller).credentials
    assert door.sellers.get(seller).held is None
    assert after.client_secret == account.client_secret
    assert after.refresh_token != account.refresh_token
    old = door.call("POST", "/auth/o2/token", {"content-type": "application/json"}, app.form)
    assert (old.status, old.json["error"]) == (400, "invalid_grant")
    assert door.get(other, SEARCH).status == 200


def test_a_seller_that_has_not_consented_is_not_asked_for(
    make_door: MakeDoor, simulator: Simulator
) -> None:
    door, seller, _app = with_seller(make_door, simulator)
    asked = len(simulator.requests)
    answer = door.get(door.add_app("wms", seller), SEARCH)
    assert (answer.status, len(simulator.requests)) == (502, asked)
    assert b"has not consented yet" in answer.body


def test_amazons_refusal_is_login_with_amazons_own(
    make_door: MakeDoor, simulator: Simulator
) -> None:
    door, seller, app = with_seller(make_door, simulator)
    answer = bring(door, app, "ANnotACode", opened(door, app, seller).state)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    assert door.gateway_events()[-1] == ("token.issued", "denied", "wrong_credential")
    wrong = simulator.consent("acme", URI)
    answer = bring(door, app, wrong, opened(door, app, seller).state, redirect_uri=URI + "/x")
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_a_failing_amazon_costs_the_consent_and_nothing_else(
    make_door: MakeDoor, clean_simulator: Simulator
) -> None:
    door, seller, app = with_seller(make_door, clean_simulator)
    state = opened(door, app, seller).state
    code = clean_simulator.consent("acme")
    clean_simulator.add_fault(Fault("error", operation="lwa.token", status=503, count=1))
    answer = bring(door, app, code, state)
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
    assert bring(door, app, code, state).json["error"] == "invalid_grant"
    code = clean_simulator.consent("acme")
    assert bring(door, app, code, opened(door, app, seller).state).status == 200
