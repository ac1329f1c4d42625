"""Tokens in, values out: what the API answers, and what the log has of it before it does."""

from __future__ import annotations

import base64
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from tests.api.conftest import FORM, ORDER, VALUES, WHY, MakeDoor, Shop, open_shop
from tests.vault.conftest import CONSOLE, EMAIL, NAME, PHONE

from strongroom.crypto.token import as_email
from strongroom.terms import Action, Category

REVEALED = "vault.record.revealed"
REFUSED = "api.request.refused"


def test_a_token_is_good_for_an_hour_and_for_no_cache(shop: Shop) -> None:
    answer = shop.door.login(shop.erp)
    assert (answer.status, answer.json["token_type"], answer.json["expires_in"]) == (
        200,
        "Bearer",
        3600,
    )
    assert answer.headers["cache-control"] == "no-store"
    assert shop.door.world.events()[-1] == ("token.issued", "success", None)


def test_credentials_may_come_as_http_basic(shop: Shop) -> None:
    pair = f"{shop.erp.client_id}:{shop.erp.client_secret}".encode()
    headers = {
        "content-type": FORM,
        "authorization": "Basic " + base64.b64encode(pair).decode(),
    }
    answer = shop.door.call("POST", "/v1/token", headers, b"grant_type=client_credentials")
    assert answer.status == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "scope": "all"}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials", "more": "x"}, 400, "invalid_request"),
        (
            {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"},
            401,
            "invalid_client",
        ),
    ],
)
def test_a_wrong_token_request_is_refused_as_oauth_says_and_recorded(
    shop: Shop, form: dict[str, str], status: int, error: str
) -> None:
    before = len(shop.door.world.events())
    answer = shop.door.call("POST", "/v1/token", {"content-type": FORM}, urlencode(form).encode())
    assert (answer.status, answer.json) == (status, {"error": error})
    assert len(shop.door.world.events()) == before + 1


@pytest.mark.clause("1.3", "2.6")
def test_a_value_comes_out_with_its_event_before_it(shop: Shop) -> None:
    answer = shop.door.post(shop.erp, "/v1/reveal", token=shop.tokens[NAME], **WHY)
    assert answer.status == 200, answer.body
    assert answer.json["value"] == VALUES[NAME]
    assert (answer.json["slot"], answer.json["seller"]) == ("recipient.name", "acme")
    entry, left = shop.door.world.audit.tail(2)
    assert (entry.type, entry.outcome) == (REVEALED, "success")
    assert entry.body["actor"]["id"] == shop.erp.principal
    why = shop.door.world.audit.pseudonym("reason", WHY["reason"])
    assert entry.body["chg"] == [{"field": "reason", "after": why}]
    assert (left.type, left.outcome) == ("api.request.answered", "success")
    assert entry.body["req"] == left.body["req"] == answer.headers["x-request-id"]


@pytest.mark.clause("1.3", "2.6")
def test_without_a_grant_there_is_no_value_and_an_event(shop: Shop) -> None:
    answer = shop.door.post(shop.other, "/v1/reveal", token=shop.tokens[NAME], **WHY)
    assert (answer.status, answer.kind, answer.json["reason"]) == (403, "denied", "no_grant")
    assert shop.door.events()[-1] == (REVEALED, "denied", "no_grant")
    answer = shop.door.post(
        shop.erp, "/v1/reveal", token=shop.tokens[NAME], purpose="tax", reason="tax return"
    )
    assert (answer.status, answer.json["reason"]) == (403, "wrong_purpose")


def test_each_token_of_a_batch_has_an_outcome_of_its_own(shop: Shop) -> None:
    forged = shop.tokens[NAME][:-8] + "00000000"
    foreign = shop.door.put("902-2", seller=2)[NAME]
    before = len(shop.door.events())
    tokens = [shop.tokens[NAME], "no token", forged, foreign, shop.tokens[EMAIL]]
    answer = shop.door.post(shop.erp, "/v1/reveal/batch", tokens=tokens, **WHY)
    assert answer.status == 200
    results = answer.json["results"]
    assert [one["token"] for one in results] == tokens
    assert [one.get("value", {}).get("value") for one in results] == [
        VALUES[NAME],
        None,
        None,
        None,
        VALUES[EMAIL],
    ]
    kinds = [one.get("problem", {}).get("type", "").rpartition(":")[2] for one in results]
    assert kinds == ["", "malformed", "denied", "denied", ""]
    assert shop.door.events()[before:] == [
        (REVEALED, "success", None),
        ("vault.token.rejected", "denied", "forged_token"),
        (REVEALED, "denied", "wrong_seller"),
        (REVEALED, "success", None),
        (REFUSED, "denied", "malformed_request"),
        ("api.request.answered", "success", None),
    ]


def test_an_order_shows_what_the_grants_cover(shop: Shop) -> None:
    narrow = shop.door.add_app("packing-slip")
    shop.door.grant(narrow, categories=frozenset({Category.NAME}))
    answer = shop.door.post(narrow, "/v1/orders/reveal", order=ORDER, seller="acme", **WHY)
    assert [one["value"] for one in answer.json["values"]] == [VALUES[NAME]]
    answer = shop.door.post(
        narrow, "/v1/orders/reveal", order=ORDER, seller="acme", categories=["email"], **WHY
    )
    assert (answer.status, answer.json["reason"]) == (403, "wrong_category")
    answer = shop.door.post(shop.erp, "/v1/orders/reveal", order="902-9", seller="acme", **WHY)
    assert (answer.status, answer.kind) == (404, "not-found")


def test_search_gives_tokens_page_by_page(shop: Shop) -> None:
    for number in range(4):
        shop.door.put(f"902-300-{number}")
    seen = []
    cursor = {}
    while True:
        answer = shop.door.post(
            shop.erp,
            "/v1/search",
            by="email",
            value=VALUES[EMAIL].upper(),
            limit=2,
            **WHY,
            **cursor,
        )
        assert answer.status == 200, answer.body
        seen += answer.json["records"]
        if answer.json["cursor"] is None:
            break
        cursor = {"cursor": answer.json["cursor"]}
    assert len({one["record"] for one in seen}) == len(seen) == 5
    assert all(one["tokens"]["recipient.name"] for one in seen)
    assert VALUES[NAME] not in str(seen)
    found = shop.door.post(shop.erp, "/v1/search", by="phone", value="0221 4710815", **WHY)
    assert found.status == 200
    found = shop.door.post(shop.erp, "/v1/search", by="order", value=ORDER, **WHY).json
    assert found["records"][0]["tokens"]["recipient.name"] == shop.tokens[NAME]


def test_a_record_is_described_without_its_values(shop: Shop) -> None:
    number = shop.door.post(shop.erp, "/v1/reveal", token=shop.tokens[NAME], **WHY).json["record"]
    answer = shop.door.get(shop.erp, f"/v1/records/{number}")
    assert answer.json == {
        "record": number,
        "seller": "acme",
        "state": "live",
        "due_at": None,
        "tokens": {
            "recipient.name": shop.tokens[NAME],
            "recipient.phone": shop.tokens[PHONE],
            "buyer.email": shop.tokens[EMAIL],
        },
    }
    assert shop.door.events()[-2:] == [
        ("vault.record.searched", "success", None),
        ("api.request.answered", "success", None),
    ]


@pytest.mark.clause("1.2")
def test_an_app_sees_its_own_grants(shop: Shop) -> None:
    found = shop.door.get(shop.erp, "/v1/grants").json["grants"]
    assert [(one["action"], one["sellers"], one["state"]) for one in found] == [
        ("reveal", ["acme"], "active"),
        ("search", ["acme"], "active"),
    ]
    assert shop.door.get(shop.other, "/v1/grants").json == {"grants": []}
    assert shop.door.events()[-1] == ("api.request.answered", "success", None)


def test_health_answers_anybody(shop: Shop) -> None:
    answer = shop.door.call("GET", "/v1/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert answer.headers["strict-transport-security"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_document_is_openapi_31_and_needs_nothing_else(shop: Shop) -> None:
    answer = shop.door.call("GET", "/openapi.json")
    found = answer.json
    assert found["openapi"].startswith("3.1")
    assert set(found["paths"]) == {
        "/v1/token",
        "/v1/reveal",
        "/v1/reveal/batch",
        "/v1/orders/reveal",
        "/v1/search",
        "/v1/documents",
        "/v1/paper/slips",
        "/v1/paper/labels",
        "/v1/records/{number}",
        "/v1/relay/{destination}/{path}",
        "/v1/grants",
        "/v1/principal",
        "/v1/health",
    }
    assert b"ValidationError" not in answer.body
    assert found["paths"]["/v1/reveal"]["post"]["security"]
    assert shop.door.call("GET", "/docs").status == 401


def test_an_end_of_life_is_gone(shop: Shop) -> None:
    shop.door.now += timedelta(days=60)
    shop.door.world.vault.sweep(shop.door.now)
    shop.door.world.grant(shop.erp, now=shop.door.now)  # type: ignore[arg-type] - it has a principal
    answer = shop.door.post(shop.erp, "/v1/reveal", token=shop.tokens[NAME], **WHY)
    assert (answer.status, answer.kind) == (410, "gone")


@pytest.mark.clause("1.3", "2.6")
def test_a_flood_is_held_back_and_recorded_once_a_second(make_door: MakeDoor) -> None:
    shop = open_shop(make_door(requests_per_second=1, burst=3))
    before = len(shop.door.events())
    answers = [shop.door.get(shop.erp, "/v1/grants") for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 3 + [429] * 5
    assert answers[-1].kind == "throttled"
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert shop.door.events()[before + 3 :] == [(REFUSED, "denied", "rate_limited")]
    # Another app's bucket is its own; and time refills.
    assert shop.door.get(shop.other, "/v1/grants").status == 200
    shop.door.now += timedelta(seconds=1)
    assert shop.door.get(shop.erp, "/v1/grants").status == 200
    assert shop.door.get(shop.erp, "/v1/grants").status == 429
    entry = shop.door.world.audit.tail(1)[0]
    assert (entry.type, entry.body["n"]) == (REFUSED, 5)


@pytest.mark.clause("1.3", "2.6")
def test_a_day_has_so_many_records_and_a_restart_forgives_none(make_door: MakeDoor) -> None:
    shop = open_shop(make_door(records_per_day=2))
    tokens = [shop.tokens] + [shop.door.put(f"902-400-{n}") for n in range(2)]

    def reveal(number: int) -> int:
        return shop.door.post(shop.erp, "/v1/reveal", token=tokens[number][NAME], **WHY).status

    # The same record again costs nothing: a request may be repeated.
    assert [reveal(0), reveal(0), reveal(1), reveal(2)] == [200, 200, 200, 429]
    assert shop.door.events()[-1] == (REFUSED, "denied", "volume_limited")
    shop.door.restart()
    answer = shop.door.post(shop.erp, "/v1/orders/reveal", order="902-400-1", seller="acme", **WHY)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) == 12 * 3600 + 1
    shop.door.now += timedelta(hours=12)
    assert reveal(2) == 200


@pytest.mark.clause("1.3", "2.6")
def test_a_record_that_counted_is_told_again_when_the_day_is_spent(make_door: MakeDoor) -> None:
    shop = open_shop(make_door(records_per_day=1))
    door, erp = shop.door, shop.erp
    late = door.put("902-401")

    def reveal(token: str) -> int:
        return door.post(erp, "/v1/reveal", token=token, **WHY).status

    def reveal_order(order: str) -> int:
        return door.post(erp, "/v1/orders/reveal", order=order, seller="acme", **WHY).status

    assert [reveal_order(ORDER), reveal_order(ORDER), reveal_order("902-401")] == [200, 200, 429]
    forged = shop.tokens[NAME][:-8] + "00000000"
    for _ in range(2):
        tokens = (shop.tokens[NAME], as_email(shop.tokens[EMAIL]), forged, late[NAME])
        assert [reveal(token) for token in tokens] == [200, 200, 403, 429]
        door.restart()


@pytest.mark.clause("1.1")
def test_the_loop_never_waits_for_the_database(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"authorization": f"Bearer {shop.door.token(shop.erp)}"}
    seen: list[tuple[str, bool]] = []
    world = shop.door.world

    def note(holder: Any, name: str) -> None:
        true = getattr(holder, name)

        def noting(*args: Any, **options: Any) -> Any:
            seen.append((name, threading.current_thread() is threading.main_thread()))
            return true(*args, **options)

        monkeypatch.setattr(holder, name, noting)

    note(shop.door.channels, "check")
    note(world.database, "write")
    note(world.audit, "_append")
    assert shop.door.call("GET", "/v1/grants", headers).status == 200
    assert shop.door.call("GET", "/v1/nothing", headers).status == 404
    assert shop.door.call("GET", "/v1/grants").status == 401
    assert {name for name, _ in seen} == {"check", "write", "_append"}
    assert not any(in_loop for _, in_loop in seen)


def test_an_unknown_path_or_method_is_a_problem(shop: Shop) -> None:
    answer = shop.door.get(shop.erp, "/v1/nothing")
    assert (answer.status, answer.kind) == (404, "not-found")
    answer = shop.door.get(shop.erp, "/v1/reveal")
    assert (answer.status, answer.kind, answer.headers["allow"]) == (
        405,
        "method-not-allowed",
        "POST",
    )
    assert shop.door.events()[-1] == (REFUSED, "denied", "wrong_path")


@pytest.mark.clause("2.6")
def test_what_cannot_be_recorded_is_not_answered(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = shop.door.token(shop.erp)

    def broken(*_args: object, **_options: object) -> None:
        raise OSError(5, "jane@example.com")

    monkeypatch.setattr(shop.door.world.audit, "_append", broken)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    body = {"token": shop.tokens[NAME], **WHY}
    for answer in (
        shop.door.call("POST", "/v1/reveal", headers, body),
        shop.door.call("GET", "/v1/grants", headers),
        shop.door.call("GET", "/v1/nothing"),
    ):
        assert (answer.status, answer.kind) == (503, "unavailable")
        assert b"jane" not in answer.body


def test_an_app_that_ended_is_out_at_once(shop: Shop) -> None:
    token = shop.door.token(shop.erp)
    headers = {"authorization": f"Bearer {token}"}
    assert shop.door.call("GET", "/v1/grants", headers).status == 200
    shop.door.accounts.end(shop.erp.name, caller=CONSOLE, now=shop.door.now)
    assert shop.door.call("GET", "/v1/grants", headers).status == 401


def test_a_reason_and_a_purpose_are_asked_for_by_name(shop: Shop) -> None:
    answer = shop.door.post(shop.erp, "/v1/search", by="order", value=ORDER)
    assert answer.json["errors"] == [
        {"path": "/purpose", "kind": "missing"},
        {"path": "/reason", "kind": "missing"},
    ]
    assert orjson.loads(answer.body)["type"] == "urn:strongroom:problem:malformed"


def test_a_search_grant_alone_opens_nothing(shop: Shop) -> None:
    app = shop.door.add_app("crm")
    shop.door.grant(app, Action.SEARCH)
    answer = shop.door.post(app, "/v1/reveal", token=shop.tokens[NAME], **WHY)
    assert (answer.status, answer.json["reason"]) == (403, "wrong_action")
