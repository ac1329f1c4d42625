"""Operations asked for in ways they are not meant for: paths that climb, tokens where none belongs, answers of others.

The catalogue here is made for the purpose; Amazon is a server that keeps every byte it was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import sqlalchemy as sa
from tests.gateway.conftest import CONSOLE, NOW, App, Door, MakeDoor, Response
from tests.gateway.raw_server import RawServer, http, raw_server

from strongroom.db import schema
from strongroom.policy.catalogue import Catalogue
from strongroom.terms import Action
from strongroom.vault import LwaCredentials

pytestmark = pytest.mark.clause("1.3")

SHIPMENT = {"kind": "shipment", "at": "shipments[]", "id": "shipmentId"}
MODEL: dict[str, Any] = {
    "model": "ship",
    "operations": {
        "list": {
            "method": "GET",
            "path": "/ship/shipments",
            "response": "List",
            "subject": SHIPMENT,
        },
        "track": {
            "method": "GET",
            "path": "/ship/tracking/{trackingId}",
            "path_parameters": {"trackingId": "pii @tracking"},
            "response": "List",
            "subject": SHIPMENT,
        },
        "item": {
            "method": "GET",
            "path": "/items/{sku}",
            "path_parameters": {"sku": "business as sku"},
            "response": "Item",
        },
        "buy": {
            "method": "POST",
            "path": "/ship/orders",
            "response": "Order",
            "subject": {"kind": "order", "at": "", "id": "orderId"},
        },
        "bought": {
            "method": "GET",
            "path": "/ship/orders",
            "response": "Order",
            "subject": {"kind": "order", "at": "", "id": "orderId"},
        },
        "secret": {"method": "POST", "path": "/ship/secret", "closed": True, "response": "Item"},
        "tree": {
            "method": "GET",
            "path": "/tree",
            "response": "Tree",
            "subject": {"kind": "transaction", "at": "", "id": "id"},
        },
    },
    "definitions": {
        "List": {"shipments": "[] Shipment"},
        "Shipment": {"shipmentId": "business", "parcel": "Parcel as package:{id}"},
        "Parcel": {"id": "business", "number": "pii .tracking_number"},
        "Item": {"name": "business"},
        "Order": {"orderId": "business", "label": "business", "to": "pii recipient.name"},
        "Tree": {"id": "business", "inner": "[] Branch"},
        "Branch": {"amount": "business number", "inner": "[] Branch"},
    },
}


@dataclass
class Yard:
    """A gateway with two selling partners behind one server, and an app for each."""

    door: Door
    server: RawServer
    app: App
    other: App

    def get(self, target: str, app: App | None = None) -> Response:
        return self.door.get(app or self.app, target)

    def sent(self) -> list[str]:
        """Return the paths that reached Amazon's side, those for tokens excepted."""
        lines = [head.partition(b"\r\n")[0].decode() for head in self.server.requests]
        return [line.split()[1] for line in lines if "/auth/" not in line]

    def answer(self, document: Any) -> None:
        self.server.answer = http(orjson.dumps(document))

    def shows(self, number: str, app: App | None = None, shipment: str = "s1") -> str:
        """Let a selling partner's list show one parcel; return the token of its number."""
        parcel = {"id": "p1", "number": number}
        self.answer({"shipments": [{"shipmentId": shipment, "parcel": parcel}]})
        shown = self.get("/ship/shipments", app).json["shipments"][0]["parcel"]["number"]
        assert number not in shown
        return str(shown)


@pytest.fixture
def yard(tmp_path: Path, make_door: MakeDoor) -> Iterator[Yard]:
    with raw_server(tmp_path / "raw") as server:
        door = make_door(Catalogue.of([MODEL]).allowing(["GET /new/things/{thingId}"]))
        apps = []
        for name in ("acme", "globex"):
            seller = door.sellers.add(
                CONSOLE,
                name=name,
                region="eu",
                marketplaces=("A1PA6795UKMFR9",),
                credentials=LwaCredentials("client", "secret", "refresh"),
                now=NOW,
                endpoint=server.endpoint,
                lwa_url=server.lwa_url,
                upstream_ca=server.ca,
            )
            apps.append(door.add_app(f"{name}-erp", seller.id))
        server.answer = http(b'{"name":"x"}')
        yield Yard(door, server, *apps)


CLIMBING = (
    "/items/..",
    "/items/.",
    "/items/%2e%2e",
    "/items/%2E%2E%2Fship%2Fsecret",
    "/items/..%2fship%2fsecret",
    "/items/a%2f..%2f..%2fship%2fsecret",
    "/items/%252e%252e%252fship%252fsecret",
    "/items/%25252e%25252e%25252fship",
    "/items/..%5cship%5csecret",
    "/items/%2fship",
    "/items/a%2f%2fb",
    "/items/a%00b",
    "/items/a%0d%0aHost:%20x",
    "/items/%ff%fe",
    "/items/a%2",
    "/items/a b",
    "/items/a?b/../c",
    "/items/a#b",
    f"/items/{'x' * 201}",
    "/items//",
    "/items/",
    "//items/a",
    "/ship/tracking/..%2fsecret",
    "/ship/tracking/a%2fb",
    "/ship%2fsecret",
    "/ship/./secret",
)


def test_no_encoded_parameter_climbs_out_of_its_place(yard: Yard) -> None:
    for path in CLIMBING:
        # What follows a question mark is a query, whose parameter the operation does not have.
        assert yard.get(path).status == (400 if "?" in path else 403), path
    assert yard.sent() == []


def test_what_a_sku_may_hold_reaches_amazon_as_one_segment(yard: Yard) -> None:
    for sku in ("A b/c", "Größe 5%", "ключ", "x%2e", "a+b&c=d", "~!:"):
        yard.server.requests.clear()
        assert yard.get(f"/items/{quote(sku, safe='')}").status == 200, sku
        (path,) = yard.sent()
        assert path.removeprefix("/items/") == quote(sku, safe="~!:"), sku


@pytest.mark.parametrize("encode", [False, True])
def test_a_token_in_a_path_it_does_not_belong_to_stays_here(yard: Yard, *, encode: bool) -> None:
    token = yard.shows("1Z999")
    yard.door.grant(yard.app, Action.RELAY)
    yard.server.requests.clear()
    shown = "".join(f"%{ord(c):02x}" for c in token) if encode else token

    for path in (f"/items/{shown}", f"/items/a%20{shown}", f"/nowhere/{shown}"):
        assert yard.get(path).status == 400
    assert yard.sent() == []


def test_a_token_goes_out_in_its_own_path_under_a_grant_alone(yard: Yard) -> None:
    token = yard.shows("1Z 999")
    plain = yard.shows("1Z999", shipment="s2")
    yard.server.requests.clear()
    assert yard.get(f"/ship/tracking/{plain}").status == 403
    assert yard.sent() == []

    yard.door.grant(yard.app, Action.RELAY)
    answer = yard.get(f"/ship/tracking/{plain}")
    assert answer.status == 200
    assert yard.sent() == ["/ship/tracking/1Z999"]
    # What Amazon says again is the same token again.
    assert answer.json["shipments"][0]["parcel"]["number"] == plain

    refused = yard.get(f"/ship/tracking/{token}")
    assert (refused.status, "1Z" in refused.body.decode()) == (400, False)
    assert len(yard.sent()) == 1


def test_a_value_behind_a_token_does_not_climb_either(yard: Yard) -> None:
    yard.door.grant(yard.app, Action.RELAY)
    for value in ("../secret", "..", ".", "a/../../secret", "%2e%2e", "a\nb"):
        token = yard.shows(value)
        yard.server.requests.clear()
        assert yard.get(f"/ship/tracking/{token}").status == 400, value
        assert yard.sent() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ship/nothing"),
        ("DELETE", "/ship/shipments"),
        ("GET", "/new/things"),
        ("POST", "/new/things/1"),
    ],
)
def test_an_operation_nobody_knows_is_refused_and_recorded(
    yard: Yard, method: str, path: str
) -> None:
    token = yard.door.token(yard.app)
    before = yard.door.count()
    answer = yard.door.call(method, path, {"x-amz-access-token": token})
    assert (answer.status, yard.sent()) == (403, [])
    assert yard.door.gateway_events(before) == [
        ("gateway.request.refused", "denied", "unknown_operation")
    ]


def test_a_closed_operation_is_open_to_no_app(yard: Yard) -> None:
    token = yard.door.token(yard.app)
    answer = yard.door.call("POST", "/ship/secret", {"x-amz-access-token": token}, b"{}")
    assert (answer.status, yard.sent()) == (403, [])


@pytest.mark.clause("2.2")
def test_an_allowed_operation_shows_no_string_and_takes_no_token(yard: Yard) -> None:
    token = yard.shows("1Z999")
    yard.door.grant(yard.app, Action.RELAY)
    yard.answer(
        {"who": "Anna Berg", "n": 5, "ok": True, "list": ["Köln", None], "a b": "Ada", "e": ""}
    )

    before = yard.door.count()
    shown = yard.get("/new/things/1?name=x").json
    assert yard.sent()[-1] == "/new/things/1?name=x"
    assert yard.door.gateway_events(before)[-1][:2] == ("gateway.response.sealed", "success")
    assert {"n": 5, "ok": True, "e": ""}.items() <= shown.items()
    assert "a b" not in shown
    assert not any(word in repr(shown) for word in ("Anna", "Köln", "Ada"))
    assert shown["who"] != shown["list"][0]
    # Asked for again, it is the same record, which is kept no longer for that; another path is another one.
    assert yard.get("/new/things/1").json["who"] == shown["who"]
    assert yard.get("/new/things/2").json["who"] != shown["who"]

    sent = len(yard.sent())
    for target in (f"/new/things/{token}", f"/new/things/1?name={token}"):
        assert yard.get(target).status == 400
    assert len(yard.sent()) == sent


@pytest.mark.clause("2.1")
def test_what_was_done_is_answered_and_an_order_without_a_date_is_not_kept(yard: Yard) -> None:
    """Nobody here tells the order's dates. A purchase must not be lost for that, nor a name be kept."""
    yard.door.grant(yard.app)
    yard.answer({"orderId": "902-1", "label": "L1", "to": "Anna Berg"})
    token = yard.door.token(yard.app)
    # What can be asked for again is asked for again.
    assert yard.get("/ship/orders").status == 500

    done = yard.door.call("POST", "/ship/orders", {"x-amz-access-token": token})

    assert (done.status, done.json["label"], "Anna" in done.body.decode()) == (200, "L1", False)
    with yard.door.database.read() as tx:
        assert tx.execute(sa.select(schema.record.c.blob)).scalars().all() == [None]


def test_a_definition_within_itself_is_no_way_to_exhaust_us(yard: Yard) -> None:
    deep = b'{"id":"t","inner":[' + b'{"inner":[' * 400 + b"]}" * 400 + b"]}"
    yard.server.answer = http(deep)
    assert yard.get("/tree").status == 502
    wide: dict[str, Any] = {"id": "t", "inner": [{"amount": 1, "inner": [{"amount": 2.5}]}] * 2000}
    yard.answer(wide)
    assert yard.get("/tree").json == wide
    strange = b'{"id":"t","inner":[' + b",".join([b'{"inner":[{"x":["y"]}]}'] * 70_000) + b"]}"
    yard.server.answer = http(strange)
    assert yard.get("/tree").status == 502


@pytest.mark.clause("1.2")
def test_an_answer_that_names_another_sellers_subject_shows_and_changes_nothing_of_it(
    yard: Yard,
) -> None:
    """A shipment's id is the selling partner's own: the same id at another one is another record."""
    yard.door.grant(yard.app, Action.RELAY)
    yard.door.grant(yard.other, Action.RELAY)
    ours = yard.shows("1Z-OURS")
    theirs = yard.shows("1Z-THEIRS", yard.other)

    assert ours != theirs
    yard.server.requests.clear()
    assert yard.get(f"/ship/tracking/{ours}", yard.other).status == 403
    assert yard.get(f"/ship/tracking/{theirs}").status == 403
    assert yard.sent() == []
    yard.get(f"/ship/tracking/{ours}")
    assert yard.sent() == ["/ship/tracking/1Z-OURS"]
