"""Attacks on `/v1` by an app that has a token of its own, and by one that has somebody else's."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.api.conftest import ORDER, VALUES, WHY, Door, Response, Shop, open_shop
from tests.vault.conftest import CONSOLE, EMAIL, NAME, NOW, World

from strongroom.api import ApiLimits
from strongroom.api.document import RELAY
from strongroom.crypto.ticket import TicketBox, TicketKind
from strongroom.terms import Action, Environment, SellerId

MARK = "jane.roe+mark@example.com"
ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/reveal", {"token": "ST000001000800000000"}),
    ("POST", "/v1/reveal/batch", {"tokens": ["ST000001000800000000"]}),
    ("POST", "/v1/orders/reveal", {"order": ORDER, "seller": "acme"}),
    ("POST", "/v1/search", {"by": "order", "value": ORDER}),
    ("POST", "/v1/documents", {"token": "ST000001000800000000"}),
    ("POST", "/v1/paper/labels", {"order": ORDER, "seller": "acme"}),
    ("GET", "/v1/records/1024", {}),
    ("GET", "/v1/grants", {}),
]


@pytest.fixture
def api(make_world: Callable[[str], World]) -> Any:
    door = Door(make_world("api"), ApiLimits())
    yield open_shop(door)
    door.close()


def changed(ticket: str) -> str:
    """Return a ticket with another character in its middle."""
    middle = len(ticket) // 2
    return ticket[:middle] + ("A" if ticket[middle] != "A" else "B") + ticket[middle + 1 :]


def send(shop: Shop, bearer: str | None, method: str, path: str, body: dict[str, Any]) -> Response:
    headers = {"content-type": "application/json"}
    if bearer is not None:
        headers["authorization"] = bearer
    content = {**body, **WHY} if method == "POST" else b""
    return shop.door.call(method, path, headers, content)


@pytest.mark.clause("1.1", "1.2")
@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=lambda v: str(v)[:20])
def test_no_route_answers_without_a_living_token(
    api: Shop, method: str, path: str, body: dict[str, Any]
) -> None:
    good = api.door.token(api.erp)
    key = api.door.world.keystore.secret("api-tickets", NOW)
    payload, later = {"p": api.erp.principal}, NOW + timedelta(hours=1)
    bearers = {
        "none": None,
        "empty": "Bearer ",
        "no scheme": good,
        "basic": f"Basic {good}",
        "noise": "Bearer srapi_" + "A" * 80,
        "long": "Bearer srapi_" + "A" * 60_000,
        "cut": f"Bearer {good[:-1]}",
        "changed": f"Bearer {changed(good)}",
        "another kind": "Bearer "
        + TicketBox(key, TicketKind.CURSOR, Environment.TEST).seal(payload, expires_at=later),
        "the gateway's": "Bearer "
        + TicketBox(key, TicketKind.ACCESS, Environment.TEST).seal(payload, expires_at=later),
        "another world's": "Bearer "
        + TicketBox(key, TicketKind.API, Environment.PRODUCTION).seal(payload, expires_at=later),
        "another key's": "Bearer "
        + TicketBox(b"k" * 32, TicketKind.API, Environment.TEST).seal(payload, expires_at=later),
        "a person's": "Bearer "
        + TicketBox(key, TicketKind.API, Environment.TEST).seal(
            {"p": CONSOLE.principal}, expires_at=later
        ),
        "nobody's": "Bearer "
        + TicketBox(key, TicketKind.API, Environment.TEST).seal({"p": 999}, expires_at=later),
    }
    before = len(api.door.events())
    for what, bearer in bearers.items():
        answer = send(api, bearer, method, path, body)
        assert (what, answer.status, answer.kind) == (what, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "srapi_" not in answer.body.decode()
    refused = ("api.request.refused", "failure", "wrong_credential")
    assert api.door.events()[before:] == [refused] * len(bearers)
    # The same for the true one, once its hour is over or its app has ended.
    api.door.now += timedelta(hours=1)
    assert send(api, f"Bearer {good}", method, path, body).status == 401
    assert api.door.events()[-1][2] == "expired_credential"
    fresh = api.door.token(api.erp)
    api.door.accounts.end(api.erp.name, caller=CONSOLE, now=api.door.now)
    assert send(api, f"Bearer {fresh}", method, path, body).status == 401


@pytest.mark.clause("1.1")
def test_a_credential_shown_twice_counts_as_none(api: Shop) -> None:
    """Whoever checked the request before us may have looked at the other one."""
    good = f"Bearer {api.door.token(api.erp)}".encode()
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/grants",
        "query_string": b"",
        "headers": [(b"authorization", good), (b"authorization", good)],
    }
    api.door.runner.run(api.door.api(scope, receive, keep))
    assert sent[0]["status"] == 401


@pytest.mark.clause("1.3")
def test_another_partners_data_is_out_of_reach_by_every_route(api: Shop) -> None:
    """An app of one selling partner knows everything there is to know of a record of another's."""
    tokens = api.door.put("902-777", seller=2)
    rival = api.door.add_app("rival-erp")
    for action in (Action.REVEAL, Action.SEARCH):
        api.door.grant(rival, action, seller=2)
    theirs = api.door.post(rival, "/v1/reveal", token=tokens[NAME], **WHY)
    assert theirs.status == 200
    number = theirs.json["record"]
    post, erp = api.door.post, api.erp
    assert post(erp, "/v1/reveal", token=tokens[NAME], **WHY).status == 403
    batch = post(erp, "/v1/reveal/batch", tokens=list(tokens.values()), **WHY)
    assert all("value" not in one for one in batch.json["results"])
    answers = {
        name: post(erp, "/v1/orders/reveal", order="902-777", seller=name, **WHY)
        for name in ("globex", "nobody")
    }
    # Whether there is such a partner is not told either.
    assert answers["globex"].status == 403
    assert answers["globex"].body == answers["nobody"].body
    found = post(erp, "/v1/search", by="order", value="902-777", **WHY)
    assert found.json == {"records": [], "cursor": None}
    named = [
        post(erp, "/v1/search", by="order", value="902-777", sellers=[name], **WHY)
        for name in ("globex", "nobody")
    ]
    assert [one.status for one in named] == [403, 403]
    assert named[0].body == named[1].body
    hidden, missing = (api.door.get(erp, f"/v1/records/{n}") for n in (number, 2**40 - 1))
    assert (hidden.status, hidden.body) == (404, missing.body)
    assert tokens[NAME] not in str([found.body, hidden.body, *(a.body for a in named)])
    grants = api.door.get(rival, "/v1/grants").json["grants"]
    assert {tuple(one["sellers"]) for one in grants} == {("globex",)}


@pytest.mark.clause("1.3")
def test_a_cursor_serves_its_own_app_and_search_only(api: Shop) -> None:
    for number in range(3):
        api.door.put(f"902-30-{number}")
    asked = {"by": "email", "value": VALUES[EMAIL], "limit": 1, **WHY}
    cursor = api.door.post(api.erp, "/v1/search", **asked).json["cursor"]
    rival = api.door.add_app("rival-erp")
    api.door.grant(rival, Action.SEARCH)
    bad = [
        api.door.post(rival, "/v1/search", **asked, cursor=cursor),
        api.door.post(api.erp, "/v1/search", **{**asked, "value": MARK}, cursor=cursor),
        api.door.post(api.erp, "/v1/search", **{**asked, "sellers": ["acme"]}, cursor=cursor),
        api.door.post(api.erp, "/v1/search", **asked, cursor=changed(cursor)),
        api.door.post(api.erp, "/v1/search", **asked, cursor=api.door.token(api.erp)),
    ]
    assert [(one.status, one.kind) for one in bad] == [(400, "malformed")] * 5
    api.door.now += timedelta(hours=1)
    assert api.door.post(api.erp, "/v1/search", **asked, cursor=cursor).status == 400


@pytest.mark.clause("1.3", "2.1")
@pytest.mark.parametrize(
    "path", ["/v1/reveal", "/v1/reveal/batch", "/v1/orders/reveal", "/v1/search"]
)
@pytest.mark.parametrize(
    "why",
    [
        {},
        {"purpose": "fulfilment"},
        {"reason": "because of it"},
        {"purpose": "curiosity", "reason": "because of it"},
        {"purpose": "fulfilment", "reason": ""},
        {"purpose": "fulfilment", "reason": "   "},
        {"purpose": "fulfilment", "reason": "x" * 201},
        {"purpose": None, "reason": None},
    ],
)
def test_without_purpose_and_reason_nothing_is_opened(
    api: Shop, path: str, why: dict[str, Any]
) -> None:
    body = {
        "/v1/reveal": {"token": api.tokens[NAME]},
        "/v1/reveal/batch": {"tokens": [api.tokens[NAME]]},
        "/v1/orders/reveal": {"order": ORDER, "seller": "acme"},
        "/v1/search": {"by": "order", "value": ORDER},
    }[path]
    before = len(api.door.events())
    answer = api.door.post(api.erp, path, **body, **why)
    assert (answer.status, answer.kind) == (400, "malformed")
    assert api.door.events()[before:] == [("api.request.refused", "denied", "malformed_request")]


@pytest.mark.clause("2.6")
@pytest.mark.parametrize(
    "body",
    [
        {MARK: MARK},
        {"token": MARK, **WHY},
        {"token": [MARK], **WHY},
        {"token": {MARK: MARK}, **WHY},
        {"token": MARK * 9, "purpose": MARK, "reason": MARK * 9},
        {"token": "ST000001000800000000", **WHY, MARK: 1, "extra": {MARK: [MARK]}},
        [MARK],
        MARK,
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/reveal", "/v1/search", "/v1/orders/reveal", "/v1/reveal/batch"]
)
def test_no_problem_and_no_log_repeats_what_was_sent(
    api: Shop, path: str, body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {
        "authorization": f"Bearer {api.door.token(api.erp)}",
        "content-type": "application/json",
    }
    answer = api.door.call("POST", path, headers, json.dumps(body).encode())
    assert answer.status in (400, 403)
    told = answer.body.decode() + str(answer.headers) + caplog.text
    told += "".join(str(entry.body) for entry in api.door.world.audit.events())
    assert "jane.roe" not in told


@pytest.mark.clause("2.6")
def test_nothing_is_read_from_a_url(api: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """What stands in a URL stands in the log of every proxy on the way, so there is no use of one."""
    caplog.set_level(logging.DEBUG)
    for path in (f"/v1/grants?email={MARK}", f"/v1/records/{MARK}", f"/v1/{MARK}"):
        answer = api.door.get(api.erp, path)
        assert answer.status in (400, 404)
        assert "jane" not in answer.body.decode() + caplog.text
    document = api.door.call("GET", "/openapi.json").json
    for path, operations in document["paths"].items():
        for operation in operations.values():
            read = {(p["in"], p["name"]) for p in operation.get("parameters", [])}
            known = {("path", "number"), ("header", "Idempotency-Key")}
            if path.startswith(RELAY):
                # A place of a third party, in which a token is refused, and what the data is for: a word of a list.
                known = {
                    ("path", "destination"),
                    ("path", "path"),
                    ("header", "x-strongroom-purpose"),
                }
            assert read <= known


@pytest.mark.clause("2.6")
def test_the_framework_reports_to_nobody(api: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left alone, FastAPI sends URLs and messages of exceptions to wherever the environment says."""
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example")
    api.door.restart()
    assert not api.door.api._inner._native_telemetry.enabled()
    assert api.door.get(api.erp, "/v1/grants").status == 200


@pytest.mark.clause("2.6")
def test_a_batch_is_bounded(api: Shop) -> None:
    for tokens in ([], [api.tokens[NAME]] * 101):
        answer = api.door.post(api.erp, "/v1/reveal/batch", tokens=tokens, **WHY)
        assert answer.status == 400
    whole = api.door.post(api.erp, "/v1/reveal/batch", tokens=[api.tokens[NAME]] * 100, **WHY)
    assert len(whole.json["results"]) == 100


@pytest.mark.clause("1.2", "1.3", "2.6")
@pytest.mark.parametrize("what", ["grant", "app"])
def test_a_slow_body_outlives_neither_its_grant_nor_its_app(api: Shop, what: str) -> None:
    """Who begins a request and holds its last byte back has begun before the revocation."""
    door = api.door
    headers = [
        (b"authorization", f"Bearer {door.token(api.erp)}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/reveal",
        "query_string": b"",
        "headers": headers,
        "client": (door.address, 40000),
    }
    sent: list[Any] = []

    async def slowly() -> Any:
        door.now += timedelta(seconds=9)
        if what == "app":
            door.accounts.end(api.erp.name, caller=CONSOLE, now=door.now)
        for row in door.world.grants.all(api.erp.principal) if what == "grant" else ():
            door.world.grants.revoke(CONSOLE, row.grant.id, door.now)
        body = json.dumps({"token": api.tokens[NAME], **WHY}).encode()
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(message: Any) -> None:
        sent.append(message)

    door.runner.run(door.api(scope, slowly, keep))
    assert sent[0]["status"] == {"grant": 403, "app": 401}[what]
    assert VALUES[NAME].encode() not in sent[1]["body"]
    ended, refused = door.world.audit.tail(2)
    assert refused.body["t"] >= ended.body["t"]


@pytest.mark.clause("2.6")
def test_a_problem_is_bounded_whatever_the_number_of_faults(api: Shop) -> None:
    fields = {f"x{number}": 1 for number in range(4000)}
    answer = api.door.post(api.erp, "/v1/reveal", token=api.tokens[NAME], **WHY, **fields)
    assert (answer.status, answer.kind) == (400, "malformed")
    assert len(answer.json["errors"]) == 20
    assert len(answer.body) < 4096


def test_a_body_is_bounded(api: Shop) -> None:
    token = api.door.token(api.erp)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    answer = api.door.call("POST", "/v1/reveal", headers, b" " * 70_000)
    assert (answer.status, answer.kind) == (413, "too-large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"token":"\\ud800"}',
        b'{"token":"ST000001000800000000","purpose":"tax","reason":"NaN","x":NaN}',
        b"a=b",
    ],
)
def test_what_is_no_request_is_a_problem_and_no_crash(api: Shop, body: bytes) -> None:
    headers = {
        "authorization": f"Bearer {api.door.token(api.erp)}",
        "content-type": "application/json",
    }
    answer = api.door.call("POST", "/v1/reveal", headers, body)
    assert (answer.status, answer.kind) == (400, "malformed")
    assert api.door.events()[-1] == ("api.request.refused", "denied", "malformed_request")


@pytest.mark.clause("1.3", "2.6")
def test_a_forged_token_is_denied_and_the_log_says_which_it_was(api: Shop) -> None:
    true = api.tokens[NAME]
    forged = true[:12] + ("0" if true[12] != "0" else "1") + true[13:]
    answers = [
        api.door.post(api.other, "/v1/reveal", token=token, **WHY) for token in (true, forged)
    ]
    assert [one.status for one in answers] == [403, 403]
    assert api.door.events()[-2:] == [
        ("vault.record.revealed", "denied", "no_grant"),
        ("vault.token.rejected", "denied", "forged_token"),
    ]


def test_a_batch_of_forged_tokens_tells_nobody_which_records_are_canaries(api: Shop) -> None:
    world = api.door.world
    world.vault.plant(CONSOLE, SellerId(1), 1, NOW)
    with world.database.read() as tx:
        (canary, *_) = world.vault.canaries._flock(tx, SellerId(1)).alive.values()
    tokens = (api.tokens[NAME], world.vault._mint.record(canary.record).token(NAME))
    answers = []
    for token in tokens:
        forged = token[:-8] + "00000000"
        answer = api.door.post(api.erp, "/v1/reveal/batch", tokens=[forged], **WHY)
        answers.append((answer.status, answer.body.replace(forged.encode(), b"")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 200
