"""Programs that guess secrets and tokens, and floods of strangers: the address waits, the app it names does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.api.conftest import Door as ApiDoor
from tests.api.conftest import Shop as ApiShop
from tests.api.conftest import open_shop
from tests.gateway.conftest import SEARCH, Response, Shop
from tests.support.certificates import make
from tests.vault.conftest import CONSOLE, World

from strongroom.api import ApiLimits

pytestmark = pytest.mark.clause("1.2", "2.6")

FORM = {"content-type": "application/json"}
ELSEWHERE = "127.0.0.2"
ABROAD, FURTHER = "203.0.113.9", "198.51.100.9"


@pytest.fixture
def api(make_world: Callable[[str], World]) -> Any:
    door = ApiDoor(make_world("api"), ApiLimits())
    yield open_shop(door)
    door.close()


def issue(shop: Shop, **changes: str) -> Response:
    return shop.door.call("POST", "/auth/o2/token", FORM, {**shop.app.form, **changes})


def wrong(number: int) -> str:
    return f"amzn1.oa2-cs.v1.{number:064x}"


def waits(answer: Any) -> int:
    """Check that an answer says when to come back, and return the seconds."""
    assert answer.status == 429
    seconds = int(answer.headers["retry-after"])
    assert 0 < seconds <= 17 * 60
    return seconds


# -- the gateway -----------------------------------------------------------------------------------


def test_wrong_secrets_of_an_app_slow_their_address_and_never_the_app(shop: Shop) -> None:
    for number in range(10):
        assert issue(shop, client_secret=wrong(number)).status == 401
    answer = issue(shop, client_secret=wrong(11))
    assert answer.json["error"] == "slow_down"
    # The right one would have to be tried there to be known: it waits as well.
    assert waits(issue(shop)) > 0
    home, shop.door.address = shop.door.address, ELSEWHERE
    assert issue(shop).status == 200
    shop.door.address = home
    shop.door.clock.advance(seconds=waits(answer))
    assert issue(shop).status == 200


def test_one_broken_program_does_not_stop_its_neighbours_on_the_machine(shop: Shop) -> None:
    for number in range(50):
        issue(shop, client_secret=wrong(number))
    other = shop.door.call("POST", "/auth/o2/token", FORM, shop.other.form)
    assert other.status == 200


def test_guessing_client_ids_too_spends_the_addresss_tries(shop: Shop) -> None:
    before = shop.door.count()
    for number in range(100):
        issue(shop, client_id=f"amzn1.application-oa2-client.{number:032x}")
    checked = [e for e in shop.door.events(before) if e["type"] == "credential.checked"]
    tried = [e for e in checked if e.get("reason") != "rate_limited"]
    assert len(tried) == 30
    # The other seventy are one event at first, and a number later.
    assert len(checked) == 31
    assert waits(issue(shop))


def test_floods_of_nonsense_at_the_token_endpoint_fill_no_log(shop: Shop) -> None:
    before = shop.door.count()
    for body in (b"", b"x" * 100, b"grant_type=", b"\xff\xfe"):
        for method in ("POST", "GET"):
            for _ in range(20):
                shop.door.call(method, "/auth/o2/token", {"content-type": "text/plain"}, body)
    assert shop.door.count() - before <= 62


def test_a_flood_of_wrong_tokens_fills_no_log_and_slows_no_right_one(shop: Shop) -> None:
    good = shop.door.token(shop.app)
    before = shop.door.count()
    told = [shop.door.get(shop.app, SEARCH, f"Atza|{n}").status for n in range(100)]
    assert told == [403] * 30 + [429] * 70
    assert shop.door.count() - before == 31
    assert shop.door.get(shop.app, SEARCH, good).status == 200
    # Nor does it keep an app from getting its next token.
    assert issue(shop).status == 200
    shop.door.clock.advance(minutes=1)
    assert waits(shop.door.get(shop.app, SEARCH, "Atza|wrong"))
    last = shop.door.events(before)[-1]
    assert (last["reason"], last["n"]) == ("rate_limited", 70)


@pytest.mark.clause("1.1")
def test_a_secret_from_elsewhere_is_slowed_as_a_wrong_one(shop: Shop) -> None:
    """Right or wrong, it gets as many tries there: how often it is refused tells nobody which it is."""
    shop.door.address = ABROAD
    before = shop.door.count()
    right = [issue(shop).status for _ in range(20)]
    other = {"client_id": shop.other.form["client_id"], "client_secret": wrong(1)}
    shop.door.address = FURTHER
    assert [issue(shop, **other).status for _ in range(20)] == right == [401] * 10 + [429] * 10
    assert shop.door.count() - before == 22
    shop.door.address = "127.0.0.1"
    assert issue(shop).status == 200


def test_expired_tokens_are_a_number_in_the_log_and_slow_nobody(shop: Shop) -> None:
    good = shop.door.token(shop.app)
    shop.door.clock.advance(hours=1)
    before = shop.door.count()
    assert {shop.door.get(shop.app, SEARCH, good).status for _ in range(60)} == {403}
    (event,) = shop.door.events(before)
    assert event["reason"] == "expired_credential"
    assert shop.door.get(shop.app, SEARCH).status == 200


# -- the API ---------------------------------------------------------------------------------------


def test_the_apis_token_endpoint_slows_the_address_alone(api: ApiShop) -> None:
    guesser = replace(api.erp, client_secret=wrong(1))
    assert [api.door.login(guesser).status for _ in range(12)] == [401] * 10 + [429] * 2
    answer = api.door.login(guesser)
    assert (answer.json, waits(answer) > 0) == ({"error": "slow_down"}, True)
    assert api.door.login(api.other).status == 200
    home, api.door.address = api.door.address, ELSEWHERE
    assert api.door.login(api.erp).status == 200
    api.door.address = home
    api.door.restart()
    # A restart forgives nothing.
    assert waits(api.door.login(api.erp))
    api.door.now += timedelta(seconds=waits(api.door.login(api.erp)))
    assert api.door.login(api.erp).status == 200


def test_wrong_bearers_of_one_address_are_put_off_and_right_ones_go_on(api: ApiShop) -> None:
    good = api.door.token(api.erp)
    before = len(api.door.world.events())
    told = []
    for number in range(80):
        bearer = {"authorization": f"Bearer nothing-{number}"}
        told.append(api.door.call("GET", "/v1/grants", bearer))
    assert [answer.status for answer in told] == [401] * 30 + [429] * 50
    assert told[-1].kind == "throttled"
    assert waits(told[-1])
    assert len(api.door.world.events()) - before == 31
    right = {"authorization": f"Bearer {good}"}
    assert api.door.call("GET", "/v1/grants", right).status == 200
    assert api.door.login(api.erp).status == 200


def test_requests_without_a_token_are_bounded_in_the_log(api: ApiShop) -> None:
    before = len(api.door.world.events())
    for path in ("/v1/grants", "/v1/search", "/v1/nothing", "/v1/token", "/v1/health"):
        for method in ("DELETE", "GET", "POST"):
            for _ in range(10):
                api.door.call(method, path)
    assert len(api.door.world.events()) - before <= 62


@pytest.mark.clause("1.1")
@pytest.mark.parametrize("lacks", ["network", "certificate"])
def test_a_stolen_token_that_lacks_the_rest_fills_no_log_and_is_slowed_as_a_wrong_one(
    api: ApiShop, lacks: str
) -> None:
    """Bound to a certificate, or taken elsewhere: whose it is earns it no more tries than nonsense gets."""
    if lacks == "certificate":
        made = make()
        api.door.certificates.register(api.erp.name, made.pem, caller=CONSOLE, now=api.door.now)
        api.door.peer = made.der
    good = {"authorization": f"Bearer {api.door.token(api.erp)}"}
    der, api.door.peer = api.door.peer, None
    home = api.door.address
    if lacks == "network":
        api.door.address = ABROAD
    before = len(api.door.world.events())
    told = [api.door.call("GET", "/v1/grants", good).status for _ in range(80)]
    assert told == [401] * 30 + [429] * 50
    entry = api.door.world.audit.tail(2)[0].body
    assert entry["actor"]["id"] == api.erp.principal
    assert len(api.door.world.events()) - before == 31
    api.door.peer, api.door.address = der, home
    assert api.door.call("GET", "/v1/grants", good).status == 200


@pytest.mark.clause("1.1")
@pytest.mark.parametrize("lacks", ["network", "certificate"])
def test_a_right_secret_that_lacks_the_rest_gets_the_tries_of_a_wrong_one(
    api: ApiShop, lacks: str
) -> None:
    if lacks == "network":
        api.door.address = ABROAD
    else:
        made = make()
        api.door.certificates.register(api.other.name, made.pem, caller=CONSOLE, now=api.door.now)
        api.door.peer = made.der
    assert [api.door.login(api.erp).status for _ in range(12)] == [401] * 10 + [429] * 2
    api.door.peer, api.door.address = None, ELSEWHERE
    assert api.door.login(api.erp).status == 200


@pytest.mark.clause("1.3")
def test_a_node_that_asks_for_what_it_may_not_is_counted_as_anybody(api: ApiShop) -> None:
    """Each refusal is a write to the disk: a node gets no more of them a second than an app gets answers."""
    made = make()
    api.door.nodes.add("depot-1", "ada", made.pem, caller=CONSOLE, now=api.door.now)
    api.door.restart(requests_per_second=1, burst=5)
    api.door.peer = made.der
    before = len(api.door.events())
    told = [api.door.call("GET", "/v1/grants").status for _ in range(20)]
    assert told == [403] * 5 + [429] * 15
    assert len(api.door.events()) - before == 6


def test_a_flood_from_everywhere_holds_no_address_that_failed_nothing(api: ApiShop) -> None:
    """When everybody's tries are spent, an app that never failed still gets its token."""
    guard = api.door.api._guard
    for number in range(300):
        address = f"198.51.{number // 250}.{number % 250 + 1}"
        guard.failed(address, api.door.now)
    assert api.door.login(api.erp).status == 200
    api.door.address = "198.51.0.1"
    assert math.isfinite(waits(api.door.login(api.erp)))
