"""Every route of `/v1`, asked by an app for what is another's: by number, token, order, partner, cursor, request key.

Insecure direct object references (OWASP API1) and confused deputies: what an app knows of a thing gives it nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import pytest
from tests.api.conftest import VALUES, WHY, App, Door, Response, Shop, open_shop
from tests.support.certificates import make
from tests.vault.conftest import CONSOLE, EMAIL, NAME, NOW, World

from strongroom.api import ApiLimits
from strongroom.terms import Action

pytestmark = pytest.mark.clause("1.2", "1.3")


@dataclass(frozen=True)
class Things:
    """What can be named of one record."""

    token: str
    order: str
    seller: str
    record: int
    email: str = VALUES[EMAIL]


NOTHING = Things("ST000001000800000000", "902-0000000-0000000", "nobody", 2**40 - 1, "x@y.example")

Asked = tuple[str, str, dict[str, Any]]

BY_NAME: dict[tuple[str, str], Callable[[Things], list[Asked]]] = {
    ("POST", "/v1/reveal"): lambda of: [("POST", "/v1/reveal", {"token": of.token})],
    ("POST", "/v1/reveal/batch"): lambda of: [("POST", "/v1/reveal/batch", {"tokens": [of.token]})],
    ("POST", "/v1/orders/reveal"): lambda of: [
        ("POST", "/v1/orders/reveal", {"order": of.order, "seller": of.seller, **more})
        for more in ({}, {"categories": ["name"]})
    ],
    ("POST", "/v1/search"): lambda of: [
        ("POST", "/v1/search", {"by": by, "value": value, **where})
        for by, value in (("order", of.order), ("email", of.email))
        for where in ({}, {"sellers": [of.seller]})
    ],
    ("GET", "/v1/records/{number}"): lambda of: [("GET", f"/v1/records/{of.record}", {})],
}
"""How each route is asked for a thing by what names it."""

OWN = {("GET", "/v1/grants"), ("GET", "/v1/principal")}
"""Routes that take no name of anything: they answer about who asks."""

OPEN = {("POST", "/v1/token"), ("GET", "/v1/health")}

ELSEWHERE = {("POST", "/v1/relay/{destination}/{path}")}
"""What goes on to a third party, which `test_relay.py` has."""

PRINTED = {("POST", f"/v1/{path}") for path in ("documents", "paper/slips", "paper/labels")}
"""What answers with a file, which `test_labels.py` has."""


@pytest.fixture
def api(make_world: Callable[[str], World]) -> Iterator[Shop]:
    door = Door(make_world("api"), ApiLimits())
    yield open_shop(door)
    door.close()


def ask(door: Door, app: App, asked: Asked, key: str | None = None) -> Response:
    method, path, body = asked
    headers = {"authorization": f"Bearer {door.token(app)}", "content-type": "application/json"}
    if key is not None:
        headers["idempotency-key"] = key
    return door.call(method, path, headers, {**body, **WHY} if method == "POST" else b"")


def things(shop: Shop) -> Things:
    """Return every name of the record that the first app may open."""
    door, token = shop.door, shop.tokens[NAME]
    found = door.post(shop.erp, "/v1/reveal", token=token, **WHY)
    return Things(token, "902-1000001-0000001", "acme", found.json["record"])


def shape(answer: Response, of: Things) -> tuple[int, bytes]:
    """Return an answer without the request's own words in it, which a batch repeats."""
    return answer.status, answer.body.replace(of.token.encode(), b"TOKEN")


def opened(answer: Response, mine: Things) -> bool:
    """Tell whether an answer holds a value, or a token that the request did not have."""
    text = answer.body.decode()
    return any(value in text for value in VALUES.values()) or f'"record":{mine.record}' in text


def test_every_route_is_among_those_that_are_attacked(api: Shop) -> None:
    document = orjson.loads(api.door.call("GET", "/openapi.json").body)
    served = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert served == BY_NAME.keys() | OWN | OPEN | ELSEWHERE | PRINTED


@pytest.mark.parametrize("route", BY_NAME, ids=lambda route: route[1])
def test_another_apps_record_is_as_one_that_never_was(api: Shop, route: tuple[str, str]) -> None:
    """An app of the same partner with every grant but the one it takes: each name of the record is worth nothing."""
    mine = things(api)
    other = api.other
    # Enough to be heard on every route, and for another partner.
    for action in (Action.REVEAL, Action.SEARCH):
        api.door.grant(other, action, seller=2)
    for asked, missing in zip(BY_NAME[route](mine), BY_NAME[route](NOTHING), strict=True):
        # The first app shows that the request is one that opens something.
        assert opened(ask(api.door, api.erp, asked), mine)
        before = len(api.door.events())
        answer = ask(api.door, other, asked)
        assert not opened(answer, mine)
        assert len(api.door.events()) > before
        # Of a token's own MAC it may learn that it is one: it holds it already.
        if "reveal" not in route[1] or route[1].startswith("/v1/orders"):
            assert shape(answer, mine) == shape(ask(api.door, other, missing), NOTHING)


@pytest.mark.parametrize("route", sorted(OWN))
def test_what_a_route_says_of_the_caller_is_of_no_other(api: Shop, route: tuple[str, str]) -> None:
    method, path = route
    answer = ask(api.door, api.other, (method, path, {}))
    assert answer.status == 200
    assert api.erp.name not in answer.body.decode()
    # No header, query or body names somebody else to act for.
    headers = {
        "authorization": f"Bearer {api.door.token(api.other)}",
        "x-principal": api.erp.name,
        "x-on-behalf-of": str(api.erp.principal),
    }
    assert api.door.call(method, path, headers).body == answer.body
    assert api.door.call(method, f"{path}?principal={api.erp.principal}", headers).status == 400


@pytest.mark.parametrize("route", BY_NAME, ids=lambda route: route[1])
def test_anothers_request_key_repeats_nothing_of_its_answer(
    api: Shop, route: tuple[str, str]
) -> None:
    mine = things(api)
    for number, asked in enumerate(BY_NAME[route](mine)):
        assert opened(ask(api.door, api.erp, asked, f"key-{number}"), mine)
        answer = ask(api.door, api.other, asked, f"key-{number}")
        assert "idempotency-replayed" not in answer.headers
        assert not opened(answer, mine)


@pytest.mark.parametrize("how", ["expired", "revoked", "ended", "certificate"])
@pytest.mark.parametrize("route", BY_NAME, ids=lambda route: route[1])
def test_what_was_allowed_before_is_refused_with_a_living_token(
    make_world: Callable[[str], World], route: tuple[str, str], how: str
) -> None:
    """A grant that ran out or was revoked, an app that ended, a certificate that was revoked: the token still lives."""
    door = Door(make_world("api"), ApiLimits())
    erp = door.add_app("label-printer")
    grants = [door.grant(erp, action, days=1) for action in (Action.REVEAL, Action.SEARCH)]
    shop = Shop(door, erp, erp, door.put())
    made = make()
    number = door.certificates.register(erp.name, made.pem, caller=CONSOLE, now=NOW).id
    door.now = NOW + timedelta(days=1) - timedelta(seconds=1)
    mine = things(shop)
    if how == "certificate":
        door.peer = made.der
    headers = {"authorization": f"Bearer {door.token(erp)}", "content-type": "application/json"}

    def answers() -> list[Response]:
        return [
            door.call(method, path, headers, {**body, **WHY} if method == "POST" else b"")
            for method, path, body in BY_NAME[route](mine)
        ]

    assert all(opened(answer, mine) for answer in answers())
    if how == "expired":
        door.now = NOW + timedelta(days=1)
    elif how == "revoked":
        for grant in grants:
            door.world.grants.revoke(CONSOLE, grant, door.now)
    elif how == "ended":
        door.accounts.end(erp.name, caller=CONSOLE, now=door.now)
    else:
        door.certificates.revoke(erp.name, number, caller=CONSOLE, now=door.now)
    refused = answers()
    assert not any(opened(answer, mine) for answer in refused)
    if how in ("ended", "certificate"):
        assert {answer.status for answer in refused} == {401}
    door.close()


def test_a_grant_cannot_be_widened_or_approved_by_an_app(api: Shop) -> None:
    """There is no route that changes a grant, a role, a network or an account, whatever method is tried."""
    paths = ("/v1/grants", "/v1/grants/1", "/v1/grants/1/approve", "/v1/roles", "/v1/networks")
    bearer = {"authorization": f"Bearer {api.door.token(api.erp)}"}
    before = [row.grant for row in api.door.world.grants.all(api.erp.principal)]
    for path in (*paths, "/v1/principal", "/v1/records/1024"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = api.door.call(method, path, {**bearer, "x-http-method-override": "PUT"}, b"{}")
            assert answer.status in (404, 405), (method, path)
    assert [row.grant for row in api.door.world.grants.all(api.erp.principal)] == before
