"""The gateway between an app and the simulator, over a real vault."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from strongroom.crypto.token import find_tokens
from strongroom.simulator import Fault, Simulator, SimulatorConfig
from strongroom.terms import Action, Purpose
from tests.gateway.conftest import (
    CONSOLE,
    MARKETPLACES,
    NOW,
    ORDERS,
    RECENT,
    SEARCH,
    SEARCH_2026,
    UUID,
    MakeDoor,
    Response,
    Shop,
    code,
    leaked,
    unshipped,
)

# -- tokens ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/auth/o2/token", "/auth/O2/token"])
@pytest.mark.parametrize("kind", ["json", "form"])
def test_the_token_endpoint_answers_as_login_with_amazon(shop: Shop, path: str, kind: str) -> None:
    form = shop.app.form
    if kind == "json":
        answer = shop.door.call("POST", path, {"content-type": "application/json"}, form)
    else:
        body = "&".join(f"{name}={quote(value)}" for name, value in form.items()).encode()
        content_type = "application/x-www-form-urlencoded;charset=UTF-8"
        answer = shop.door.call("POST", path, {"content-type": content_type}, body)
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert answer.json["access_token"].startswith("Atza|")
    assert answer.json["refresh_token"] == shop.app.refresh_token
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 3600)
    assert UUID.fullmatch(answer.headers["x-amzn-requestid"])
    assert answer.headers["cache-control"] == "no-store"
    assert shop.door.gateway_events()[-1] == ("token.issued", "success", None)


@pytest.mark.clause("1.2", "2.6")
@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"refresh_token": "Atzr|wrong"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 400, "invalid_request"),
        (
            {"grant_type": "client_credentials", "scope": "sellingpartnerapi::notifications"},
            400,
            "invalid_scope",
        ),
        ({"grant_type": "authorization_code", "code": "x"}, 400, "invalid_request"),
    ],
)
def test_a_refused_token_has_amazons_error_and_one_event(
    shop: Shop, changes: dict[str, str], status: int, error: str
) -> None:
    before = shop.door.count()
    form = {**shop.app.form, **changes}
    answer = shop.door.call("POST", "/auth/o2/token", {"content-type": "application/json"}, form)
    assert (answer.status, answer.json["error"]) == (status, error)
    events = shop.door.events(before)
    assert [event["outcome"] in ("denied", "failure") for event in events] == [True]
    assert shop.app.client_secret not in answer.body.decode() + repr(events)
    assert shop.app.refresh_token not in answer.body.decode() + repr(events)


def test_a_refresh_token_of_another_app_is_no_use(shop: Shop) -> None:
    form = {**shop.app.form, "refresh_token": shop.other.refresh_token}
    answer = shop.door.call("POST", "/auth/o2/token", {"content-type": "application/json"}, form)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("body", [b"{", b"[]", b"a=1&a=2", b"\xff\xfe", b"a=%ff"])
def test_a_malformed_token_request_is_an_invalid_request(shop: Shop, body: bytes) -> None:
    kind = "application/json" if body[:1] in b"{[" else "application/x-www-form-urlencoded"
    answer = shop.door.call("POST", "/auth/o2/token", {"content-type": kind}, body)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


@pytest.mark.clause("1.2")
@pytest.mark.parametrize("presented", [None, "", "Atza|x", "Atz.sprdt|x", "nonsense", "é"])
def test_without_a_valid_token_amazons_403(shop: Shop, presented: str | None) -> None:
    before = shop.door.count()
    headers = {} if presented is None else {"x-amz-access-token": presented}
    answer = shop.door.call("GET", SEARCH, headers)
    assert (answer.status, code(answer)) == (403, "Unauthorized")
    assert shop.door.gateway_events(before) == [
        ("gateway.request.refused", "failure", "wrong_credential")
    ]


@pytest.mark.clause("1.2")
def test_an_access_token_ends_after_an_hour(shop: Shop) -> None:
    token = shop.door.token(shop.app)
    shop.door.clock.advance(minutes=59)
    assert shop.door.get(shop.app, RECENT, token).status == 200
    shop.door.clock.advance(minutes=1)
    answer = shop.door.get(shop.app, RECENT, token)
    assert answer.status == 403
    details = answer.json["errors"][0]["details"]
    assert details == "The access token you provided has expired."
    assert shop.door.gateway_events()[-1][2] == "expired_credential"


@pytest.mark.clause("1.2", "1.3")
def test_an_ended_app_is_out_at_once_whatever_its_tokens_say(shop: Shop) -> None:
    token = shop.door.token(shop.app)
    assert shop.door.get(shop.app, RECENT, token).status == 200
    shop.door.accounts.end("erp", caller=CONSOLE, now=NOW)
    assert shop.door.get(shop.app, RECENT, token).status == 403
    assert shop.door.gateway_events()[-1] == ("gateway.request.refused", "failure", "revoked")


# -- the main path ---------------------------------------------------------------------------------


@pytest.mark.clause("1.3", "2.4")
def test_a_page_of_orders_passes_with_tokens_and_without_personal_data(shop: Shop) -> None:
    token = shop.door.rdt(shop.app, ORDERS, "buyerInfo", "shippingAddress")
    before = shop.door.count()
    answer = shop.door.get(shop.app, RECENT, token)
    assert answer.status == 200
    orders = answer.json["payload"]["Orders"]
    assert len(orders) > 5
    assert leaked(shop.simulator, answer) == []
    assert len(find_tokens(answer.body.decode())) > len(orders)
    assert UUID.fullmatch(answer.headers["x-amzn-requestid"])
    assert answer.headers["x-amzn-ratelimit-limit"] == "0.0167"
    assert shop.door.gateway_events(before) == [("gateway.response.sealed", "success", None)]


@pytest.mark.clause("1.3")
def test_what_passed_as_a_token_is_revealed_to_whoever_has_the_grant(shop: Shop) -> None:
    order_id = unshipped(shop)
    shop.door.grant(shop.app)
    rdt = shop.door.rdt(shop.app, f"{ORDERS}/{{orderId}}/address")
    answer = shop.door.get(shop.app, f"{ORDERS}/{order_id}/address", rdt)
    token = answer.json["payload"]["ShippingAddress"]["Name"]
    caller = shop.door.accounts.check_client(shop.app.client_id, shop.app.client_secret, NOW)
    revealed = shop.door.vault.reveal(caller, token, purpose=Purpose.FULFILMENT, now=NOW)
    assert revealed.value.unwrap() == shop.simulator.truth(order_id)["recipient.name"]


def test_all_pages_come_through_by_cursors_of_our_own(shop: Shop) -> None:
    access = shop.door.token(shop.app)
    seen: list[str] = []
    target = SEARCH + "&MaxResultsPerPage=50"
    while True:
        payload = shop.door.get(shop.app, target, access).json["payload"]
        seen += [order["AmazonOrderId"] for order in payload["Orders"]]
        cursor = payload.get("NextToken")
        if cursor is None:
            break
        target = f"{ORDERS}?{MARKETPLACES}&NextToken={quote(cursor, safe='')}"
    expected = [
        order.outline.order_id
        for order in shop.simulator.orders("acme")
        if order.outline.created_at.year >= 2025
    ]
    assert sorted(seen) == sorted(expected)
    assert len(seen) > 60


def test_2026_pages_and_single_orders_come_through(shop: Shop) -> None:
    access = shop.door.token(shop.app)
    included = "includedData=BUYER,RECIPIENT,FULFILLMENT,PACKAGES"
    answer = shop.door.get(shop.app, f"{SEARCH_2026}&{included}&maxResultsPerPage=5", access)
    assert answer.status == 200
    assert leaked(shop.simulator, answer) == []
    cursor = quote(answer.json["pagination"]["nextToken"], safe="")
    more = f"{SEARCH_2026}&{included}&maxResultsPerPage=5&paginationToken={cursor}"
    assert shop.door.get(shop.app, more, access).status == 200
    order_id = answer.json["orders"][0]["orderId"]
    single = shop.door.get(shop.app, f"/orders/2026-01-01/orders/{order_id}?{included}", access)
    assert single.status == 200
    assert leaked(shop.simulator, single) == []


@pytest.mark.parametrize("change", ["garbage", "other_seller", "other_operation", "upstreams_own"])
def test_a_cursor_that_is_not_this_calls_own_is_refused(shop: Shop, change: str) -> None:
    target = SEARCH + "&MaxResultsPerPage=5"
    cursor = shop.door.get(shop.app, target).json["payload"]["NextToken"]
    app, path = shop.app, f"{ORDERS}?{MARKETPLACES}&NextToken="
    if change == "garbage":
        cursor = cursor[:-6] + "AAAAAA"
    elif change == "other_seller":
        app = shop.other
    elif change == "other_operation":
        path = "/orders/2026-01-01/orders?paginationToken="
    else:
        cursor = "eyJhIjoxfQ=="
    sent = len(shop.simulator.requests)
    answer = shop.door.get(app, path + quote(cursor, safe=""))
    assert (answer.status, code(answer)) == (400, "InvalidInput")
    assert len(shop.simulator.requests) == sent


def test_a_view_without_dates_of_an_unknown_order_is_stored_with_its_dates(shop: Shop) -> None:
    shop.door.grant(shop.app)
    order_id = unshipped(shop)
    rdt = shop.door.rdt(shop.app, f"{ORDERS}/{order_id}/buyerInfo")
    sent = len(shop.simulator.requests)
    answer = shop.door.get(shop.app, f"{ORDERS}/{order_id}/buyerInfo", rdt)
    asked = [r.operation for r in shop.simulator.requests[sent:]]
    assert asked.count("ordersV0.getOrder") == 1
    email = answer.json["payload"]["BuyerEmail"]
    caller = shop.door.accounts.check_client(shop.app.client_id, shop.app.client_secret, NOW)
    revealed = shop.door.vault.reveal(caller, email, purpose=Purpose.FULFILMENT, now=NOW)
    assert revealed.value.unwrap() == shop.simulator.truth(order_id)["buyer.email"]
    sent = len(shop.simulator.requests)
    assert shop.door.get(shop.app, f"{ORDERS}/{order_id}/buyerInfo", rdt).status == 200
    asked = [r.operation for r in shop.simulator.requests[sent:]]
    assert "ordersV0.getOrder" not in asked


def test_a_2026_view_without_status_is_dated_by_one_more_call(shop: Shop) -> None:
    shop.door.grant(shop.app)
    sent = len(shop.simulator.requests)
    answer = shop.door.get(shop.app, f"{SEARCH_2026}&includedData=BUYER,RECIPIENT")
    assert answer.status == 200
    asked = [
        r.query for r in shop.simulator.requests[sent:] if r.operation.endswith("searchOrders")
    ]
    assert len(asked) == 2
    assert "FULFILLMENT,PACKAGES" in asked[1].replace("%2C", ",")
    assert all("fulfillment" not in order for order in answer.json["orders"])
    named = [order for order in answer.json["orders"] if "recipient" in order]
    token = find_tokens(orjson.dumps(named).decode())[0]
    caller = shop.door.accounts.check_client(shop.app.client_id, shop.app.client_secret, NOW)
    shop.door.vault.reveal(caller, token, purpose=Purpose.FULFILMENT, now=NOW)


def test_without_the_dates_of_an_unknown_order_the_client_tries_again(shop: Shop) -> None:
    order_id = unshipped(shop)
    rdt = shop.door.rdt(shop.app, f"{ORDERS}/{order_id}/address")
    shop.simulator.add_fault(Fault("throttled", operation="ordersV0.getOrder"))
    answer = shop.door.get(shop.app, f"{ORDERS}/{order_id}/address", rdt)
    assert answer.status == 429
    assert leaked(shop.simulator, answer) == []
    assert find_tokens(answer.body.decode()) == []


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/fba/inventory/v9/summaries"),
        ("GET", "/"),
        ("DELETE", ORDERS),
        ("GET", f"{ORDERS}/../v0/orders"),
        ("GET", f"{ORDERS}/%2e%2e"),
        ("GET", f"{ORDERS}/902-1/address/"),
        ("GET", f"/{ORDERS}"),
        ("HEAD", ORDERS),
        ("GET", "/orders/v0/orders/Zq<script>"),
    ],
)
def test_an_unknown_operation_does_not_pass(shop: Shop, method: str, path: str) -> None:
    sent = len(shop.simulator.requests)
    answer = shop.door.call(method, path, {"x-amz-access-token": shop.door.token(shop.app)})
    assert answer.status == 403
    assert path not in answer.body.decode() or path == "/"
    assert shop.door.gateway_events()[-1] == (
        "gateway.request.refused",
        "denied",
        "unknown_operation",
    )
    assert len(shop.simulator.requests) == sent


def test_an_unknown_parameter_is_named_unless_its_name_could_say_something(shop: Shop) -> None:
    sent = len(shop.simulator.requests)
    answer = shop.door.get(shop.app, SEARCH + "&Color=red")
    assert answer.status == 400
    assert "Color" in answer.body.decode()
    assert "red" not in answer.body.decode()
    answer = shop.door.get(shop.app, SEARCH + "&Anna%20Berg=1")
    assert answer.status == 400
    assert "Anna" not in answer.body.decode()
    assert len(shop.simulator.requests) == sent


def test_the_marketplaces_that_a_client_puts_on_every_call_are_left_out(shop: Shop) -> None:
    order_id = unshipped(shop)
    habits = "MarketplaceId=A&MarketplaceIds=A&marketplace_ids=A&marketplaceIds=A"
    assert shop.door.get(shop.app, f"{ORDERS}/{order_id}?{habits}").status == 200
    assert shop.simulator.requests[-1].query == ""


@pytest.mark.parametrize("query", ["%ff=1", "a=%ff", "a" * 20_000, "&".join(["a=1"] * 300)])
def test_a_malformed_query_gets_400(shop: Shop, query: str) -> None:
    assert shop.door.get(shop.app, f"{ORDERS}?{query}").status == 400


def test_a_body_over_the_limit_gets_413_in_amazons_shape(shop: Shop) -> None:
    answer = shop.door.call("POST", "/auth/o2/token", {}, b"x" * (1024 * 1024 + 1))
    assert (answer.status, code(answer)) == (413, "RequestTooLarge")
    assert shop.door.gateway_events()[-1][2] == "malformed_request"


@pytest.mark.clause("1.3", "2.6")
def test_a_token_in_a_personal_parameter_is_put_back_under_a_relay_grant(shop: Shop) -> None:
    order_id = unshipped(shop)
    rdt = shop.door.rdt(shop.app, f"{ORDERS}/{{orderId}}/buyerInfo")
    info = shop.door.get(shop.app, f"{ORDERS}/{order_id}/buyerInfo", rdt)
    email = info.json["payload"]["BuyerEmail"]
    target = f"{SEARCH}&BuyerEmail={quote(email)}"
    refused = shop.door.get(shop.app, target)
    assert (refused.status, code(refused)) == (403, "Unauthorized")
    assert shop.door.events()[-2]["type"] == "vault.record.revealed"
    assert shop.door.events()[-2]["outcome"] == "denied"

    shop.door.grant(shop.app, Action.RELAY)
    answer = shop.door.get(shop.app, target)
    assert answer.status == 200
    truth = str(shop.simulator.truth(order_id)["buyer.email"])
    assert quote(truth).lower() in shop.simulator.requests[-1].query.lower().replace("@", "%40")
    found = [order["AmazonOrderId"] for order in answer.json["payload"]["Orders"]]
    assert order_id in found
    assert truth not in answer.body.decode()

    wrong = shop.door.get(shop.app, target, x_strongroom_purpose="tax")
    assert wrong.status == 403
    assert shop.door.get(shop.app, target, x_strongroom_purpose="fun").status == 400


@pytest.mark.parametrize(
    "target",
    [
        SEARCH + "&SellerOrderId={token}",
        SEARCH + "&MarketplaceIds={token}",
        ORDERS + "/{token}",
        ORDERS + "/902-{token}",
    ],
)
def test_a_token_where_amazon_expects_no_personal_data_is_refused(shop: Shop, target: str) -> None:
    shop.door.grant(shop.app, Action.RELAY)
    rdt = shop.door.rdt(shop.app, ORDERS, "buyerInfo", "shippingAddress")
    token = find_tokens(shop.door.get(shop.app, RECENT, rdt).body.decode())[0]
    sent = len(shop.simulator.requests)
    assert shop.door.get(shop.app, target.format(token=token)).status == 400
    assert len(shop.simulator.requests) == sent


@pytest.mark.clause("2.6")
def test_a_forged_token_in_a_parameter_is_refused_and_recorded(shop: Shop) -> None:
    shop.door.grant(shop.app, Action.RELAY)
    answer = shop.door.get(shop.app, SEARCH + "&BuyerEmail=st0000000000000000aa@token.invalid")
    assert answer.status == 403
    kinds = [(e["type"], e.get("reason")) for e in shop.door.events()[-2:]]
    assert kinds[0] == ("vault.token.rejected", "forged_token")
    assert kinds[1][0] == "gateway.request.refused"


@pytest.mark.clause("1.3")
def test_a_token_of_another_selling_partners_order_is_refused(shop: Shop) -> None:
    order_id = unshipped(shop, "globex")
    rdt = shop.door.rdt(shop.other, f"{ORDERS}/{{orderId}}/buyerInfo")
    info = shop.door.get(shop.other, f"{ORDERS}/{order_id}/buyerInfo", rdt)
    email = info.json["payload"]["BuyerEmail"]
    shop.door.grant(shop.app, Action.RELAY)
    sent = len(shop.simulator.requests)
    assert shop.door.get(shop.app, f"{SEARCH}&BuyerEmail={quote(email)}").status == 403
    assert len(shop.simulator.requests) == sent


# -- amazon's errors -------------------------------------------------------------------------------


@pytest.mark.clause("2.6")
def test_an_error_of_amazons_passes_without_what_it_repeats(shop: Shop) -> None:
    order_id = unshipped(shop)
    rdt = shop.door.rdt(shop.app, f"{ORDERS}/{{orderId}}/address")
    shop.simulator.add_fault(Fault("echo_pii", count=1))
    answer = shop.door.get(shop.app, f"{ORDERS}/{order_id}/address", rdt)
    assert (answer.status, code(answer)) == (400, "InvalidInput")
    assert leaked(shop.simulator, answer) == []
    assert shop.door.gateway_events()[-1] == (
        "gateway.request.forwarded",
        "failure",
        "upstream_error",
    )


def test_a_429_passes_with_its_rate_limit_and_is_not_retried(shop: Shop) -> None:
    shop.simulator.add_fault(Fault("throttled"))
    sent = len(shop.simulator.requests)
    answer = shop.door.get(shop.app, RECENT)
    assert (answer.status, code(answer)) == (429, "QuotaExceeded")
    assert answer.headers["x-amzn-ratelimit-limit"] == "0.0167"
    assert [r.status for r in shop.simulator.requests[sent:]].count(429) <= 1
    assert shop.door.gateway_events()[-1][2] == "rate_limited"


def test_a_503_is_tried_once_more(shop: Shop) -> None:
    shop.simulator.add_fault(Fault("error", status=503, count=1, operation="getOrders"))
    assert shop.door.get(shop.app, RECENT).status == 200


def test_a_404_stays_a_404(shop: Shop) -> None:
    answer = shop.door.get(shop.app, f"{ORDERS}/902-0000000-0000000")
    assert (answer.status, code(answer)) == (404, "NotFound")


def test_an_access_token_that_amazon_calls_expired_is_renewed_once(make_door: MakeDoor) -> None:
    instant = [NOW]
    config = SimulatorConfig(orders=10, clock=lambda: instant[0])
    with Simulator(config) as simulator:
        door = make_door()
        app = door.add_app("erp", door.add_seller(simulator, simulator.sellers[0]))
        rdt = door.rdt(app, ORDERS, "buyerInfo")
        assert door.get(app, RECENT).status == 200
        # Amazon's clock runs ahead: what we hold has ended there and not here.
        instant[0] = NOW.replace(hour=15)
        assert door.get(app, RECENT).status == 200
        assert door.get(app, RECENT, rdt).status == 200


@pytest.mark.clause("2.5")
def test_wrong_credentials_of_a_selling_partner_are_a_502_that_shows_none(
    shop: Shop, clean_simulator: Simulator
) -> None:
    account = dataclasses.replace(
        clean_simulator.seller("acme"), name="broken", client_secret="x" * 20
    )
    app = shop.door.add_app("broken-app", shop.door.add_seller(clean_simulator, account))
    answer = shop.door.get(app, RECENT)
    assert answer.status == 502
    assert "x" * 20 not in answer.body.decode()
    assert shop.door.gateway_events()[-1] == (
        "gateway.upstream.failed",
        "failure",
        "wrong_credential",
    )


def test_many_calls_at_once_ask_for_one_access_token(shop: Shop) -> None:
    access = shop.door.token(shop.app)
    sent = len(shop.simulator.requests)

    async def many() -> list[Response]:
        headers = {"x-amz-access-token": access}
        return await asyncio.gather(
            *(shop.door.acall("GET", f"{ORDERS}/902-000000{n}-0000000", headers) for n in range(9))
        )

    assert {r.status for r in shop.door.runner.run(many())} == {404}
    asked = [r.operation for r in shop.simulator.requests[sent:]]
    assert asked.count("lwa.token") == 1


# -- what must never happen ------------------------------------------------------------------------


@pytest.mark.clause("2.6")
def test_without_its_event_no_answer_leaves(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    access = shop.door.token(shop.app)

    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(shop.door.audit, "_append", fail)
    for target in (RECENT, f"{ORDERS}/902-0000000-0000000", "/nothing"):
        answer = shop.door.get(shop.app, target, access)
        assert answer.status in (502, 503)
        assert leaked(shop.simulator, answer) == []
        assert b"Orders" not in answer.body
    form = shop.app.form
    issued = shop.door.call("POST", "/auth/o2/token", {"content-type": "application/json"}, form)
    assert issued.status == 503
    assert b"Atza" not in issued.body


@pytest.mark.clause("2.6")
def test_no_order_id_or_secret_reaches_the_process_log(
    shop: Shop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = unshipped(shop)
    account = shop.simulator.seller("acme")

    def fail(*_args: object, **_kwargs: object) -> None:
        raise KeyError(f"Anna Berg {order_id}")

    monkeypatch.setattr(shop.door.vault, "put", fail)
    caplog.set_level(0)
    answer = shop.door.get(shop.app, f"{ORDERS}/{order_id}")
    assert answer.status == 502
    text = caplog.text
    assert "Anna Berg" not in text
    assert order_id not in text
    for secret in (account.client_secret, account.refresh_token, shop.app.client_secret):
        assert secret not in text


@pytest.mark.clause("1.2", "2.6")
def test_a_slow_body_does_not_outlive_its_app(shop: Shop) -> None:
    door = shop.door
    token = door.token(shop.app)
    end = NOW + timedelta(seconds=5)
    door.accounts.end(shop.app.name, caller=CONSOLE, now=NOW, at=end)
    scope = {
        "type": "http",
        "method": "GET",
        "path": ORDERS,
        "query_string": RECENT.partition("?")[2].encode(),
        "headers": [(b"x-amz-access-token", token.encode()), (b"content-length", b"1")],
    }
    sent: list[dict[str, Any]] = []

    async def slowly() -> dict[str, Any]:
        door.clock.advance(seconds=9)
        return {"type": "http.request", "body": b" ", "more_body": False}

    async def keep(message: Any) -> None:
        sent.append(message)

    door.runner.run(door.gateway(scope, slowly, keep))
    assert sent[0]["status"] == 403
    assert door.audit.tail(1)[0].body["t"] >= end.isoformat()[:19]


def test_every_answer_has_a_request_id_and_is_not_to_be_kept(shop: Shop) -> None:
    for target in (RECENT, "/nothing", "/auth/o2/token"):
        answer = shop.door.get(shop.app, target)
        assert UUID.fullmatch(answer.headers["x-amzn-requestid"])
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
