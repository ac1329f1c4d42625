"""Requests that are sent again under the name their app gave them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.api.conftest import Response, Shop
from tests.vault.conftest import NAME

ANSWERED = ("api.request.answered", "success", None)
REPEATED = ("api.request.repeated", "success", None)
REVEALED = ("vault.record.revealed", "success", None)
WHY = {"purpose": "fulfilment", "reason": "label 4711"}


def send(shop: Shop, key: str, app: str = "erp", **changed: str) -> Response:
    headers = {
        "authorization": f"Bearer {shop.door.token(getattr(shop, app))}",
        "content-type": "application/json",
        "idempotency-key": key,
    }
    body = {"token": shop.tokens[NAME], **WHY, **changed}
    return shop.door.call("POST", "/v1/reveal", headers, body)


@pytest.mark.clause("2.6")
def test_a_repetition_is_opened_again_and_recorded_as_one(shop: Shop) -> None:
    first = send(shop, "lot-12")
    before = len(shop.door.world.events())
    second = send(shop, '"lot-12"')  # as RFC 9651 writes a string
    assert first.json == second.json
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert shop.door.events(before) == [REPEATED, REVEALED, ANSWERED]


@pytest.mark.clause("1.3", "2.6")
def test_a_key_stands_for_one_request(shop: Shop) -> None:
    send(shop, "lot-12")
    answer = send(shop, "lot-12", reason="label 4712")
    assert (answer.status, answer.kind) == (422, "key-reused")
    assert shop.door.events()[-1] == ("api.request.refused", "denied", "conflict")


def test_a_key_is_its_apps_own_and_lasts_a_day(shop: Shop) -> None:
    send(shop, "lot-12")
    other = send(shop, "lot-12", app="other")
    assert (other.status, other.kind) == (403, "denied")
    shop.door.now += timedelta(days=1)
    answer = send(shop, "lot-12", reason="label 4712")
    assert answer.status == 200
    assert "idempotency-replayed" not in answer.headers


@pytest.mark.parametrize("key", ["", "a b", "x" * 65, '"', "ann@example.com"])
def test_a_key_of_another_form_is_refused_and_not_repeated(shop: Shop, key: str) -> None:
    answer = send(shop, key)
    assert (answer.status, answer.kind) == (400, "malformed")
    assert not key or key.encode() not in answer.body.replace(b'"', b"")


@pytest.mark.clause("2.6")
def test_neither_key_nor_request_can_be_read_from_the_database(shop: Shop) -> None:
    send(shop, "lot-12-of-tuesday")
    raw = b"".join(content for _name, content in shop.door.world.database.raw_bytes())
    assert b"request_key" in raw
    assert b"lot-12-of-tuesday" not in raw
