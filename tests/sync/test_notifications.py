"""Notifications are sealed, delivered with tokens, and only then deleted; over the wire of SQS."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from strongroom.db import schema
from strongroom.errors import Malformed, Misconfigured, NotFound, Unavailable
from strongroom.policy.retention import Progress
from strongroom.sync import State
from strongroom.sync.queue import Message, Place, Queue, keys_of_this_machine
from strongroom.terms import Action, Category, Purpose
from tests.gateway.conftest import CONSOLE, NOW
from tests.support.queues import Keys
from tests.sync.conftest import BEGINNING, Emptying, order_change

ORDER = "902-1845936-5435065"


def facts(emptying: Emptying) -> list[tuple[int, int | None]]:
    """Return status and due instant of every record."""
    with emptying.pulling.door.database.read() as tx:
        rows = tx.execute(schema.record_key.select()).all()
    return [(row.status, row.due_at) for row in rows]


@pytest.mark.clause("2.4", "4")
def test_a_notification_goes_on_with_tokens_and_leaves_its_queue(
    emptying: Emptying, tmp_path: Path
) -> None:
    sent = order_change(ORDER)
    emptying.send(sent)
    run = emptying.run(out=str(tmp_path / "out"))
    assert (run.state, run.counts, run.fault) == (State.DONE, {"delivered": 1}, None)
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == f"{sent['NotificationMetadata']['NotificationId']}.json"
    told = orjson.loads(path.read_bytes())
    summary = told["Payload"]["OrderChangeNotification"]["Summary"]
    assert summary.pop("DestinationPostalCode") != "10115"
    sent["Payload"]["OrderChangeNotification"]["Summary"].pop("DestinationPostalCode")
    assert told == sent
    assert emptying.left == 0
    # Still open on the day it was told: pending.
    assert facts(emptying) == [(Progress.UNSHIPPED, None)]
    assert not run.notes


def test_another_queue_gets_them_as_amazons_queue_had_them(emptying: Emptying) -> None:
    to = emptying.queues.make(f"{emptying.url.rpartition('/')[2]}-clean")
    emptying.send(order_change(ORDER))
    assert emptying.run(to=to).counts == {"delivered": 1}
    (body,) = emptying.queues.taken(to)
    assert orjson.loads(body)["NotificationType"] == "ORDER_CHANGE"
    assert "10115" not in body


def test_what_was_delivered_before_is_known_by_its_number(
    emptying: Emptying, tmp_path: Path
) -> None:
    sent = order_change(ORDER)
    emptying.send(sent)
    emptying.send(sent)
    run = emptying.run(out=str(tmp_path / "out"))
    assert run.counts == {"delivered": 1, "repeated": 1}
    emptying.send(sent)
    assert emptying.run(out=str(tmp_path / "out")).counts == {"repeated": 1}
    assert emptying.left == 0
    # No queue keeps a message for longer.
    emptying.pulling.door.clock.advance(days=16)
    emptying.run(out=str(tmp_path / "out"))
    with emptying.pulling.door.database.read() as tx:
        assert tx.execute(schema.sync_notification.select()).first() is None


def test_what_could_not_be_delivered_stays_in_the_queue(emptying: Emptying, tmp_path: Path) -> None:
    emptying.pulling.sync.hidden_seconds = 0
    emptying.send(order_change(ORDER))
    gone = f"{emptying.url}-gone"
    run = emptying.run(to=gone)
    assert (run.state, run.fault) == (State.FAILED, "there is no such queue")
    assert emptying.left == 1
    assert emptying.run(out=str(tmp_path / "out")).counts == {"delivered": 1}


@pytest.mark.clause("2.1")
def test_a_cancelled_order_goes_when_the_orders_api_says_so_too(emptying: Emptying) -> None:
    """A queue's word alone destroys nothing; Amazon's answer to the next pull does."""
    pulling = emptying.pulling
    ended = next(o for o in pulling.simulator.orders("acme") if o.outline.status == "Canceled")
    for status, hours in (("Unshipped", 2), ("Canceled", 1)):
        at = f"{ended.outline.updated_at - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
        told = order_change(ended.outline.order_id, summary={"OrderStatus": status}, at=at)
        told["Payload"]["OrderChangeNotification"]["OrderChangeTrigger"] = {"TimeOfOrderChange": at}
        emptying.send(told)
        assert emptying.run().counts == {"delivered": 1}
        assert first_blob(emptying) is not None
    assert pulling.orders(since=BEGINNING).state is State.DONE
    assert first_blob(emptying) is None


def first_blob(emptying: Emptying) -> bytes | None:
    """Return what the vault holds of its first order; nothing once it is destroyed."""
    door = emptying.pulling.door
    with door.database.read() as tx:
        rows = tx.execute(schema.record.select().order_by(schema.record.c.number)).all()
    blob: bytes | None = rows[0].blob
    return blob


@pytest.mark.clause("2.1")
def test_a_promise_of_delivery_never_postpones(emptying: Emptying) -> None:
    promise = {"OrderStatus": "Shipped", "LatestDeliveryDate": "2027-01-01T00:00:00Z"}
    emptying.send(order_change(ORDER, summary=promise))
    emptying.run()
    ((status, due),) = facts(emptying)
    assert status == Progress.SHIPPED
    bought = int((NOW - timedelta(days=2, hours=2)).timestamp())
    assert due is not None
    assert due <= bought + 30 * 86_400


@pytest.mark.clause("2.1")
def test_a_notification_that_waited_does_not_say_that_an_order_is_open_today(
    emptying: Emptying,
) -> None:
    emptying.send(
        order_change(
            ORDER, at="2026-03-05T11:00:00Z", summary={"PurchaseDate": "2026-03-01T00:00:00Z"}
        )
    )
    emptying.run()
    ((status, due),) = facts(emptying)
    assert status == Progress.UNKNOWN
    assert due is not None


def test_a_subscription_says_whose_a_notification_is(emptying: Emptying, tmp_path: Path) -> None:
    """One queue for two selling partners: each is learnt from a queue of its own, or named once."""
    pulling = emptying.pulling
    pulling.door.accounts.authorize("erp", pulling.other.seller, caller=CONSOLE, now=NOW)
    pulling.door.grants.add(
        CONSOLE, **wide(pulling.app.principal), now=NOW,
    )  # fmt: skip
    both = (pulling.app.seller, pulling.other.seller)
    emptying.send(order_change(ORDER))
    assert emptying.run(sellers=both).counts == {"refused.wrong_seller": 1}
    emptying.send(order_change(ORDER))
    emptying.run(sellers=(pulling.app.seller,))
    emptying.send(order_change(ORDER))
    assert emptying.run(sellers=both).counts == {"delivered": 1}


def wide(principal: int) -> dict[str, object]:
    return {
        "principal": principal, "action": Action.SYNC, "purpose": Purpose.TAX,
        "categories": frozenset(Category), "sellers": None, "lifetime": timedelta(days=1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("http://sqs.eu-west-1.amazonaws.com/123456789012/q", {}),
        ("https://sqs.eu-west-1.amazonaws.com/q", {}),
        ("https://user@sqs.eu-west-1.amazonaws.com/123456789012/q", {}),
        ("https://queue.example.com/123456789012/q", {}),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/q", {"endpoint": "http://vpce"}),
    ],
)
def test_a_queue_is_named_by_https_and_its_region(url: str, more: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        Place.parse(url, **more)


def test_a_queues_region_is_its_hosts_and_an_endpoint_is_asked_in_its_place() -> None:
    place = Place.parse(
        "https://sqs.eu-west-1.amazonaws.com/123456789012/q",
        endpoint="https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/",
    )
    assert place.region == "eu-west-1"
    assert place.endpoint == "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com"


def test_a_queue_that_is_not_there_or_not_trusted_says_so(emptying: Emptying) -> None:
    with pytest.raises(NotFound):
        Queue(emptying.place(f"{emptying.url}-none"), Keys).receive(0)
    with pytest.raises(Unavailable):
        Queue(Place.parse(emptying.url, region="eu-central-1"), Keys).receive(0)
    with pytest.raises(Malformed, match="delivered to itself"):
        emptying.run(to=emptying.url)


@pytest.mark.clause("1.3")
def test_what_always_fails_is_set_aside_by_the_queue_and_holds_up_nobody(
    emptying: Emptying, tmp_path: Path
) -> None:
    emptying.pulling.sync.hidden_seconds = 0
    emptying.send(order_change(ORDER, type="SOMETHING_NEW"))
    emptying.send("no JSON")
    emptying.send(order_change(ORDER))
    for _ in range(3):
        run = emptying.run(out=str(tmp_path / "out"))
    assert len(list((tmp_path / "out").iterdir())) == 1
    assert (run.seen, run.ok, emptying.left) == (0, True, 0)
    assert emptying.queues.left(emptying.dead) == 2
    refused = [e for e in emptying.pulling.door.events() if e["type"] == "notification.refused"]
    assert {(e["op"], e["reason"]) for e in refused} == {
        ("notifications", "unknown_operation"),
        ("notifications", "malformed_upstream"),
    }


def test_a_queue_that_sets_nothing_aside_is_told_of(emptying: Emptying) -> None:
    plain = emptying.queues.make(f"{emptying.url.rpartition('/')[2]}-plain")
    emptying.url = plain
    (note,) = emptying.run().notes
    assert "no redrive policy" in note
    assert repr(Message("1", "receipt", b"body")) == "Message(id='1')"


def test_credentials_come_from_the_environment_and_from_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = file\naws_secret_access_key = file\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(Misconfigured):
        keys_of_this_machine()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    with pytest.raises(Misconfigured):
        keys_of_this_machine()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "two")
    found = keys_of_this_machine()
    assert (found.access_key, found.secret_key, found.token) == ("one", "two", None)


@pytest.mark.clause("2.1")
def test_a_schedule_empties_the_queue_and_says_when_it_cannot(
    emptying: Emptying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = emptying.pulling.sync
    place = emptying.place()
    monkeypatch.setattr(Place, "parse", lambda url, **_: replace(place, url=url))
    # Whose the queue is, a schedule does not say: that is learnt from a run that names the partner.
    emptying.send(order_change(ORDER))
    sync.emptied("erp", emptying.url, str(tmp_path / "out"), None)
    assert not list((tmp_path / "out").iterdir())
    emptying.send(order_change(ORDER))
    assert "delivered" in emptying.run().counts
    emptying.send(order_change(ORDER))
    sync.emptied("erp", emptying.url, str(tmp_path / "out"), None)
    assert len(list((tmp_path / "out").iterdir())) == 1
    with pytest.raises(Unavailable, match="1 of 1"):
        sync.emptied("erp", f"{emptying.url}-gone", "", None)
    # What is refused is for the queue's owner to look at.
    emptying.send("no JSON")
    sync.emptied("erp", emptying.url, "", None)
    finished = [e for e in emptying.pulling.door.events() if e["type"] == "sync.finished"]
    assert [e["outcome"] for e in finished] == [
        "success",
        "success",
        "success",
        "failure",
        "success",
    ]


@pytest.mark.clause("2.1")
def test_a_schedule_looks_at_open_orders_once_a_day(emptying: Emptying) -> None:
    pulling = emptying.pulling
    pulling.sync.scheduled("erp")
    pulling.sync.scheduled("erp")
    begun = [e["op"] for e in pulling.door.events() if e["type"] == "sync.started"]
    assert begun == ["sync.orders", "sync.orders.open", "sync.orders"]
    pulling.door.grants.revoke(
        CONSOLE, pulling.door.grants.all(pulling.app.principal)[0].grant.id, NOW
    )
    with pytest.raises(Unavailable):
        pulling.sync.scheduled("erp")
