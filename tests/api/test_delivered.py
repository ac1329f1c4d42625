"""Of every answer that the vault's door took part in, the log says whether it left, under the request's own id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.api.conftest import EMAIL, NAME, ORDER, WHY, Shop
from tests.vault.conftest import PHONE

from strongroom.audit.deliveries import last_reconciled, reconcile_since_last
from strongroom.audit.reconciling import Reconciled
from strongroom.errors import Unavailable

pytestmark = pytest.mark.clause("2.6")

ANSWERED = "api.request.answered"


def told(shop: Shop) -> list[dict[str, Any]]:
    """What the door opened and what was said to have left."""
    wanted = {"vault.record.revealed", "vault.record.searched", ANSWERED}
    return [e.body for e in shop.door.world.audit.events() if e.type in wanted]


def reconciled(shop: Shop) -> Reconciled:
    """Hold all of it together, once none of it is under way any more."""
    later = shop.now + timedelta(hours=1)
    return reconcile_since_last(shop.door.world.audit, shop.door.world.database, later)


@pytest.mark.parametrize(
    ("path", "body", "records"),
    [
        ("/v1/reveal", {"token": NAME}, 1),
        ("/v1/reveal/batch", {"tokens": [NAME, EMAIL, PHONE]}, 1),
        ("/v1/orders/reveal", {"order": ORDER, "seller": "acme"}, 1),
        ("/v1/search", {"by": "order", "value": ORDER}, 1),
        ("/v1/search", {"by": "email", "value": "nobody@mail.example"}, 0),
    ],
)
def test_each_way_of_asking_says_how_many_records_left(
    shop: Shop, path: str, body: dict[str, Any], records: int
) -> None:
    if "token" in body:
        body = {"token": shop.tokens[body["token"]]}
    if "tokens" in body:
        body = {"tokens": [shop.tokens[one] for one in body["tokens"]]}

    answer = shop.door.post(shop.erp, path, **body, **WHY)

    assert answer.status == 200, answer.body
    *opened, left = told(shop)
    assert (left["type"], left["outcome"], left["n"]) == (ANSWERED, "success", records)
    assert left["bytes"] == len(answer.body)
    assert {one["req"] for one in opened} == {left["req"]} == {answer.headers["x-request-id"]}
    assert reconciled(shop) == Reconciled(records, records)


def test_a_described_record_is_told_of_too(shop: Shop) -> None:
    (found,) = shop.door.post(shop.erp, "/v1/search", by="order", value=ORDER, **WHY).json[
        "records"
    ]
    answer = shop.door.get(shop.erp, f"/v1/records/{found['record']}")

    assert answer.status == 200
    opened, left = told(shop)[-2:]
    assert (opened["req"], left["n"]) == (left["req"], 1)
    assert reconciled(shop) == Reconciled(2, 2)


def test_a_refusal_opens_nothing_and_leaves_nothing_to_tell(shop: Shop) -> None:
    assert shop.door.post(shop.other, "/v1/reveal", token=shop.tokens[NAME], **WHY).status == 403

    assert [one["outcome"] for one in told(shop)] == ["denied"]
    assert reconciled(shop) == Reconciled()


def test_a_client_that_went_away_did_not_get_it(shop: Shop) -> None:
    headers = {
        "authorization": f"Bearer {shop.door.token(shop.erp)}",
        "content-type": "application/json",
    }
    shop.door.gone_after = 1
    shop.door.call("POST", "/v1/reveal", headers, {"token": shop.tokens[NAME], **WHY})

    *_, left = told(shop)
    assert (left["outcome"], left["reason"]) == ("failure", "unreachable")
    assert reconciled(shop) == Reconciled(1, 0, 1)


def test_what_was_opened_before_a_fault_is_told_as_not_left(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second token of a batch can't be recorded: the answer is 503, and the first one's value is not in it."""
    reveal, calls = shop.door.world.vault.reveal, []

    def full(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            raise Unavailable("database: disk is full")
        return reveal(*args, **kwargs)

    monkeypatch.setattr(shop.door.world.vault, "reveal", full)
    tokens = [shop.tokens[NAME], shop.tokens[EMAIL]]
    answer = shop.door.post(shop.erp, "/v1/reveal/batch", tokens=tokens, **WHY)

    assert answer.status == 503
    *_, left = told(shop)
    assert (left["type"], left["outcome"], left["n"]) == (ANSWERED, "failure", 0)
    assert reconciled(shop) == Reconciled(1, 0, 1)


def test_a_process_killed_in_between_leaves_it_unmatched(shop: Shop) -> None:
    """The door's event is durable, and nobody is left to say more."""
    shop.door.world.grant()
    shop.door.world.read(shop.tokens[NAME])

    assert reconciled(shop) == Reconciled(1, 0, 0, 1)
    found = [e.body for e in shop.door.world.audit.events() if e.type == "egress.reconciled"]
    assert [(one["op"], one["n"], one["outcome"]) for one in found] == [
        ("egress.opened", 1, "success"),
        ("egress.delivered", 0, "success"),
        ("egress.undelivered", 0, "success"),
        ("egress.unmatched", 1, "failure"),
    ]
    last = last_reconciled(shop.door.world.audit)
    assert last is not None
    assert last[1] == 1


def test_what_is_reconciled_is_not_counted_again(shop: Shop) -> None:
    shop.door.post(shop.erp, "/v1/reveal", token=shop.tokens[NAME], **WHY)

    assert reconciled(shop) == Reconciled(1, 1)
    again = reconcile_since_last(
        shop.door.world.audit, shop.door.world.database, shop.now + timedelta(days=1)
    )
    assert again == Reconciled()
