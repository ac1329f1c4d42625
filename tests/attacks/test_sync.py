"""Whoever can put messages into a queue, or answers in Amazon's place, gets nothing through and stops nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.gateway.conftest import CONSOLE, NOW, MakeDoor
from tests.support.offline import Offline
from tests.support.queues import Queues, serving
from tests.sync.conftest import (
    BEGINNING,
    Emptying,
    Pulling,
    emptying_of,
    order_change,
    pulling_of,
)

from strongroom.db import schema
from strongroom.errors import Denied, Malformed
from strongroom.gateway.notices import LARGEST_BYTES, Notices, NotPassed
from strongroom.opening import open_system
from strongroom.operations import run
from strongroom.policy.retention import Progress
from strongroom.request import Json, Request
from strongroom.simulator import Fault, FaultKind, Simulator
from strongroom.sync import State, Wanted
from strongroom.sync import notifications as taking
from strongroom.sync.queue import Place
from strongroom.sync.subscribing import Way
from strongroom.terms import AuthMethod, Caller, PrincipalKind

ORDER = "902-1845936-5435065"
NAME = "Zoë Hiddenby-Leak"


@pytest.fixture
def pulling(make_door: MakeDoor, clean_simulator: Simulator, tmp_path: Path) -> Pulling:
    return pulling_of(make_door(), clean_simulator, tmp_path)


@pytest.fixture(scope="module")
def queues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queues]:
    with serving(tmp_path_factory.mktemp("queues")) as running:
        yield running


@pytest.fixture
def emptying(pulling: Pulling, queues: Queues, request: pytest.FixtureRequest) -> Emptying:
    return emptying_of(pulling, queues, f"attack {request.node.name}")


@pytest.mark.clause("1.3")
def test_a_message_that_names_another_selling_partner_reaches_neither(
    emptying: Emptying, tmp_path: Path
) -> None:
    pulling = emptying.pulling
    emptying.send(order_change(ORDER, merchant="A1ACME", subscription="aaaaaaaa-0001"))
    assert emptying.run().counts == {"delivered": 1}
    emptying.send(order_change(ORDER, merchant="A2GLOBEX", subscription="bbbbbbbb-0001"))
    assert emptying.run(pulling.other).counts == {"delivered": 1}
    forged = (
        # By acme's subscription, for globex; by one nobody knows, for globex; by globex's, for acme.
        order_change(ORDER, merchant="A2GLOBEX", subscription="aaaaaaaa-0001"),
        order_change(ORDER, merchant="A2GLOBEX", subscription="cccccccc-0001"),
        order_change(ORDER, merchant="A1ACME", subscription="bbbbbbbb-0001"),
        # A third merchant in acme's name, and two at once.
        order_change(ORDER, merchant="A3OTHER", subscription="aaaaaaaa-0001"),
        {**order_change(ORDER, merchant="A1ACME"), "SellerId": "ignored"}
        | {"Payload": {"SellerId": "A2GLOBEX", **order_change(ORDER)["Payload"]}},
    )
    for message in forged:
        emptying.send(message)
    run = emptying.run(out=str(tmp_path / "out"))
    assert sum(run.counts.values()) == len(forged)
    assert all(name.startswith("refused") for name in run.counts)
    assert not list((tmp_path / "out").iterdir())
    assert emptying.left == len(forged)


@pytest.mark.clause("1.3")
def test_a_first_message_that_lies_about_its_selling_partner_is_corrected_by_stating_it(
    emptying: Emptying, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptying.send(order_change(ORDER, merchant="A9LIAR", subscription="aaaaaaaa-0009"))
    assert emptying.run().counts == {"delivered": 1}
    emptying.send(order_change(ORDER, merchant="A1ACME", subscription="aaaaaaaa-0001"))
    assert emptying.run().counts == {"refused.wrong_seller": 1}
    emptying.merchant = "A1ACME"
    emptying.send(order_change(ORDER, merchant="A1ACME", subscription="aaaaaaaa-0001"))
    assert emptying.run().counts == {"delivered": 1}
    emptying.merchant = None
    emptying.send(order_change(ORDER, merchant="A9LIAR", subscription="aaaaaaaa-0009"))
    emptying.send(order_change(ORDER, merchant="A1ACME", subscription="aaaaaaaa-0001"))
    assert emptying.run().counts == {"refused.wrong_seller": 1, "delivered": 1}
    # Nor does anybody fill the table with subscriptions.
    monkeypatch.setattr(taking, "MOST_SUBSCRIPTIONS", 2)
    emptying.send(order_change(ORDER, merchant="A1ACME", subscription="aaaaaaaa-0002"))
    assert "refused.wrong_seller" in emptying.run().counts


@pytest.mark.clause("1.3")
def test_that_one_partner_alone_is_admitted_does_not_make_a_shared_queue_theirs(
    emptying: Emptying,
) -> None:
    """One app for two partners, of whom one's grant has ended; and a schedule, for an app that has lost one."""
    pulling = emptying.pulling
    accounts = pulling.door.accounts
    accounts.authorize("erp", pulling.other.seller, caller=CONSOLE, now=NOW)
    emptying.send(order_change(ORDER, merchant="A2GLOBEX", subscription="bbbbbbbb-0001"))
    both = (pulling.app.seller, pulling.other.seller)
    for sellers in (both, ()):
        run = emptying.run(sellers=sellers)
        assert (run.seller, run.counts) == ("acme", {"refused.wrong_seller": 1})
        emptying.send(order_change(ORDER, merchant="A2GLOBEX", subscription="bbbbbbbb-0001"))
    emptying.merchant = "A1ACME"
    with pytest.raises(Malformed, match="one selling partner's"):
        emptying.run(sellers=())
    with pulling.door.database.read() as tx:
        assert not tx.execute(schema.sync_subscription.select()).all()
        assert not tx.execute(schema.record_key.select()).all()


@pytest.mark.clause("2.1")
def test_a_forged_cancellation_destroys_nothing(emptying: Emptying) -> None:
    """Whoever can put a message into the queue would else take a buyer's address from under a parcel."""
    pulling = emptying.pulling
    pulling.orders(since=BEGINNING)
    with pulling.door.database.read() as tx:
        held = tx.execute(sa.select(sa.func.count(schema.record.c.blob))).scalar_one()
    for order in pulling.simulator.order_ids("acme")[:40]:
        emptying.send(order_change(order, summary={"OrderStatus": "Canceled"}))
    assert emptying.run().counts == {"delivered": 40}
    with pulling.door.database.read() as tx:
        left = tx.execute(sa.select(sa.func.count(schema.record.c.blob))).scalar_one()
    assert left >= held > 0


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "2026-03-10T12:10:00Z"])
def test_a_forged_change_in_the_future_makes_no_later_answer_look_old(
    emptying: Emptying, at: str
) -> None:
    """Else one message would keep an order open for ever: nothing that Amazon says of it would count any more."""
    pulling = emptying.pulling
    shipped = next(
        order
        for order in pulling.simulator.orders("acme")
        if order.status == "Shipped" and (NOW - order.created_at) < timedelta(days=20)
    )
    told = order_change(shipped.order_id)
    told["Payload"]["OrderChangeNotification"]["OrderChangeTrigger"] = {"TimeOfOrderChange": at}
    emptying.send(told)
    assert emptying.run().counts == {"delivered": 1}
    present = int(NOW.timestamp())
    with pulling.door.database.read() as tx:
        (record,) = tx.execute(schema.record.select()).all()
        (fact,) = tx.execute(schema.delivery_fact.select()).all()
    assert record.source_updated <= present
    assert fact.said_at <= present
    assert pulling.orders(since=NOW - timedelta(days=25)).state is State.DONE
    with pulling.door.database.read() as tx:
        query = schema.record_key.select().where(schema.record_key.c.record_number == record.number)
        key = tx.execute(query).one()
    assert key.status in (Progress.SHIPPED, Progress.DELIVERED, Progress.UNDELIVERED)


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("escaped", [False, True])
def test_a_message_with_tokens_in_it_is_not_passed_on(
    emptying: Emptying, tmp_path: Path, escaped: bool
) -> None:
    """An app would take them for ours and have them put into its next label."""
    pulling = emptying.pulling
    pulling.orders(since=BEGINNING, out=str(tmp_path / "orders"))
    page = next((tmp_path / "orders").iterdir()).read_text()
    token = json.loads(page)["orders"][0]["recipient"]["deliveryAddress"]["name"]
    message = json.dumps(order_change(ORDER, summary={"OrderItems": [{"SellerSKU": token}]}))
    if escaped:
        message = message.replace(token, "".join(f"\\u{ord(c):04x}" for c in token))
    emptying.send(message)
    run = emptying.run(out=str(tmp_path / "out"))
    assert run.counts == {"refused.forged_token": 1}
    assert not list((tmp_path / "out").iterdir())


HUGE = {
    "bytes": lambda: order_change(ORDER, summary={"OrderType": "x" * LARGEST_BYTES}),
    "objects": lambda: order_change(ORDER, summary={"OrderItems": [{}] * 120_000}),
    "lists": lambda: '{"NotificationType":' + "[" * 2000 + "]" * 2000 + "}",
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_message_without_end_is_refused_before_it_is_read(emptying: Emptying, kind: str) -> None:
    made: Any = HUGE[kind]()
    body = made if isinstance(made, str) else json.dumps(made)
    with pytest.raises(NotPassed):
        Notices(emptying.pulling.door.vault).read(body.encode())


@pytest.mark.clause("2.2", "4")
def test_what_no_schema_knows_is_tokenized_and_counted(emptying: Emptying, tmp_path: Path) -> None:
    emptying.send(order_change(ORDER, summary={"BuyerName": NAME, "Nested": {"deep": [NAME]}}))
    assert emptying.run(out=str(tmp_path / "out")).counts == {"delivered": 1}
    (path,) = (tmp_path / "out").iterdir()
    assert NAME.encode() not in path.read_bytes()
    assert b"Hiddenby" not in path.read_bytes()
    seen = [e for e in emptying.pulling.door.events() if e["type"] == "catalogue.drift.seen"]
    assert seen[0]["op"] == "OrderChangeNotification.ORDER_CHANGE"


@pytest.mark.clause("4")
def test_a_message_of_the_wrong_form_leaves_nothing_behind(
    emptying: Emptying, tmp_path: Path
) -> None:
    wrong = order_change(ORDER)
    wrong["Payload"]["OrderChangeNotification"] = [NAME]
    emptying.send(wrong)
    emptying.send({**order_change(ORDER), "NotificationMetadata": {"NotificationId": "../../x"}})
    run = emptying.run(out=str(tmp_path / "out"))
    assert not run.ok
    written = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not any(NAME in text for text in written)
    assert not (tmp_path / "x.json").exists()
    assert {path.parent for path in tmp_path.rglob("*.json")} <= {tmp_path / "out"}


def test_a_queue_that_never_ends_ends_the_run(
    emptying: Emptying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MOST_MESSAGES", 20)
    monkeypatch.setattr(taking, "MOST_REFUSED", 15)
    for number in range(30):
        emptying.send(f"junk {number}")
    run = emptying.run()
    assert run.seen <= 20
    assert "more than one run takes" in " ".join(run.notes)
    assert run.state is State.DONE


def test_a_queue_that_shows_the_same_messages_for_ever_ends_the_run(emptying: Emptying) -> None:
    emptying.pulling.sync.hidden_seconds = 0
    for number in range(3):
        emptying.send(f"junk {number}")
    run = emptying.run()
    assert run.seen <= 6


@pytest.mark.clause("2.6")
def test_nothing_personal_gets_into_the_process_log_or_a_report(
    emptying: Emptying, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = order_change(ORDER, summary={"BuyerName": NAME})
    wrong["Payload"]["OrderChangeNotification"]["OrderChangeTrigger"] = NAME
    emptying.send(wrong)
    emptying.send(NAME)
    emptying.send(order_change(ORDER, type="ZOE_HIDDENBY_LEAK"))
    emptying.send(order_change(ORDER, id="ZoeHiddenbyLeak"))
    run = emptying.run(to=f"{emptying.url}-gone")
    pulling = emptying.pulling
    pulling.simulator.add_fault(Fault(FaultKind.ECHO_PII, operation="searchOrders"))
    failed = pulling.orders(since=BEGINNING)
    assert failed.state is not State.DONE
    said = caplog.text + repr(run) + repr(failed) + json.dumps(pulling.door.events(), default=str)
    assert "hiddenby" not in said.lower()
    assert not [marker for marker in pulling.simulator.markers() if marker in said]


@pytest.mark.clause("1.3")
def test_no_other_program_starts_a_sync_as_an_app(pulling: Pulling) -> None:
    other = Caller(pulling.other.principal, PrincipalKind.APP, "billing", AuthMethod.CREDENTIAL)
    run = pulling.orders(caller=other, since=BEGINNING)
    assert (run.state, run.seen) == (State.REFUSED, 0)
    assert pulling.events("sync.started") == [("sync.started", "denied", "not_authorized")]


QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/acme"


@pytest.mark.clause("1.3")
def test_only_the_console_names_a_queue_that_the_settings_do_not(tmp_path: Path) -> None:
    """An app may start its own sync; what a queue says counts as Amazon's word, and is not the app's to choose."""
    home = Offline.make(tmp_path / "made")
    issued = home.command("app", "add", "choosing", "--owner", "ada")
    system = open_system(home.path, environ={"STRONGROOM_SYNC__QUEUE": QUEUE})

    def ask(secret: str | None = issued["client_secret"], **changes: Any) -> None:
        wish = {"app": "choosing", "queue": QUEUE, "sealed_only": True} | changes
        request = Request(
            "sync.notifications", wish, None if secret is None else "choosing", secret
        )
        run(system, request, "root")

    try:
        # Those of the settings, and anybody's at the console, go on to whom the app is authorized for.
        for allowed in ({}, {"secret": None, "queue": f"{QUEUE}-2", "merchant": "A1ACME"}):
            with pytest.raises(Denied, match="for no selling partner"):
                ask(**allowed)
        before = len(list(system.audit.events()))
        forbidden: tuple[Json, ...] = (
            {"queue": f"{QUEUE}-2"},
            {"endpoint": "https://203.0.113.9"},
            {"ca": "-----BEGIN CERTIFICATE-----"},
            {"region": "us-east-1"},
            {"merchant": "A9LIAR"},
            {"sealed_only": False, "to_queue": f"{QUEUE}-2"},
        )
        for changes in forbidden:
            with pytest.raises(Denied, match="only the console names another queue"):
                ask(**changes)
        told = [event.body for event in system.audit.events()][before:]
        refused = [one for one in told if one["type"] == "sync.started"]
        assert [one["outcome"] for one in refused] == ["denied"] * len(forbidden)
    finally:
        system.close()


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("way", ["look", "subscribe", "unsubscribe"])
def test_only_the_console_says_where_amazon_sends_notifications(tmp_path: Path, way: str) -> None:
    """Not even for the queue of the settings: who unsubscribes keeps the vault from hearing of deliveries."""
    home = Offline.make(tmp_path / "made")
    issued = home.command("app", "add", "choosing", "--owner", "ada")
    system = open_system(home.path, environ={"STRONGROOM_SYNC__QUEUE": QUEUE})
    wish = {"app": "choosing", "queue": QUEUE, "way": way}
    try:
        request = Request("sync.subscriptions", wish, "choosing", issued["client_secret"])
        with pytest.raises(Denied, match="only the console subscribes"):
            run(system, request, "root")
        told = list(system.audit.events())[-1].body
        assert (told["type"], told["outcome"]) == ("sync.started", "denied")
        assert told["op"] == "sync.subscriptions"
        # At the console it goes on to whom the app is authorized for.
        with pytest.raises(Denied, match="for no selling partner"):
            run(system, Request("sync.subscriptions", wish, None, None), "root")
    finally:
        system.close()


@pytest.mark.clause("1.3", "2.6")
@pytest.mark.parametrize(
    ("answer", "states"),
    [
        (b"{}", []),
        (b'{"payload": []}', []),
        (b'{"payload": {"subscriptionId": "../../x"}}', []),
        (b'{"payload": {"subscriptionId": "aaaaaaaa-0001"}}', ["made", "refused"]),
    ],
)
def test_an_amazon_that_lies_about_subscriptions_gives_no_partner_anothers(
    pulling: Pulling, answer: bytes, states: list[str]
) -> None:
    """One subscription is named to two partners: the second does not get what comes by it; no text is repeated."""
    place = Place.parse("https://sqs.eu-central-1.amazonaws.com/123456789012/lied-about")
    faults = (
        Fault(FaultKind.ERROR, operation="notifications.getSubscription", status=404),
        Fault(
            FaultKind.BODY,
            operation="notifications.createSubscription",
            status=200,
            body=answer,
            content_type="application/json",
        ),
    )
    for fault in faults:
        pulling.simulator.add_fault(fault)
    told, found = [], []
    for app in (pulling.app, pulling.other):
        runs, subscribed = pulling.sync.subscriptions(
            pulling.wanted(app), place, (), Way.SUBSCRIBE, CONSOLE, lambda *_: None
        )
        told += runs
        found += [one.state for one in subscribed]
    assert found == states
    assert not told[-1].ok
    with pulling.door.database.read() as tx:
        rows = tx.execute(schema.sync_subscription.select()).all()
    assert [row.seller_id for row in rows] == ([pulling.app.seller] if states else [])
    assert "../../x" not in str(told)


@pytest.mark.clause("1.3")
def test_an_app_syncs_for_no_selling_partner_it_is_not_authorized_for(pulling: Pulling) -> None:
    wanted = Wanted("erp", (pulling.other.seller,), BEGINNING)
    before = [one.seller for one in pulling.simulator.requests].count("globex")
    (run,) = pulling.sync.orders(wanted, CONSOLE, lambda *_: None)
    assert run.state is State.REFUSED
    assert [one.seller for one in pulling.simulator.requests].count("globex") == before


@pytest.mark.clause("2.6")
def test_a_suspended_app_syncs_nothing(pulling: Pulling) -> None:
    with pulling.door.database.write() as tx:
        tx.execute(
            schema.principal_suspension.insert().values(
                principal_id=pulling.app.principal,
                frozen=False,
                why="unusual_volume",
                since=NOW - timedelta(hours=1),
            )
        )
    assert pulling.orders(since=BEGINNING).state is State.REFUSED
    assert pulling.events("sync.started") == [("sync.started", "denied", "suspended")]
