"""A sync over a real gateway and vault, with the simulator as Amazon; pauses are noted, not waited."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.gateway.inside import Inside
from strongroom.simulator import Simulator
from strongroom.sync import Run, Sync, Wanted
from strongroom.sync.queue import Place
from strongroom.sync.told import Stopped
from strongroom.terms import Action, Caller
from tests.gateway.conftest import (
    CONSOLE,
    App,
    Door,
    MakeDoor,
    clean_simulator,
    make_door,
    open_shop,
    simulator,
)
from tests.support.queues import Keys, Queues, serving

__all__ = ["clean_simulator", "make_door", "simulator"]

BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class Hurried(Sync):
    """A sync that does not wait; it ends after so many steps where a test says so."""

    pauses: list[float] = field(default_factory=list)
    steps_left: int | None = None

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise Stopped("the sync was stopped")


@dataclass
class Pulling:
    """Two selling partners, an app for each that may sync, and what syncs for them."""

    door: Door
    simulator: Simulator
    app: App
    other: App
    sync: Hurried

    def orders(self, app: App | None = None, caller: Caller = CONSOLE, **wanted: Any) -> Run:
        """Pull the orders of one app's selling partner."""
        (run,) = self.sync.orders(self.wanted(app, **wanted), caller, lambda *_: None)
        return run

    def wanted(self, app: App | None = None, **wanted: Any) -> Wanted:
        wanted.setdefault("sellers", ((app or self.app).seller,))
        return Wanted((app or self.app).name, **wanted)

    def listed(self, folder: Path) -> set[str]:
        """Return the ids of all orders that were written into a folder."""
        pages = [orjson.loads(path.read_bytes()) for path in folder.glob("*.json")]
        return {order["orderId"] for page in pages for order in page["orders"]}

    def events(self, *types: str) -> list[tuple[str, str, str | None]]:
        """Return type, outcome and reason of the events of these types."""
        return [
            (event["type"], event["outcome"], event.get("reason"))
            for event in self.door.events()
            if event["type"] in types
        ]


@dataclass
class Emptying:
    """A queue that is emptied, and the one where what always fails goes."""

    pulling: Pulling
    queues: Queues
    url: str
    dead: str
    merchant: str | None = None

    def place(self, url: str | None = None) -> Place:
        return Place.parse(url or self.url, region="eu-central-1", ca=self.queues.ca)

    def run(self, app: App | None = None, *, to: str | None = None, **wanted: Any) -> Run:
        """Empty the queue for one app's selling partner."""
        sync, target = self.pulling.sync, None if to is None else self.place(to)
        found = sync.notifications(
            self.pulling.wanted(app, **wanted),
            self.place(),
            target,
            CONSOLE,
            lambda *_: None,
            merchant=self.merchant,
            wait_seconds=0,
        )
        return found[0]

    def send(self, body: Any) -> str:
        return self.queues.send(self.url, body)

    @property
    def left(self) -> int:
        return self.queues.left(self.url)


@pytest.fixture
def pulling(make_door: MakeDoor, clean_simulator: Simulator, tmp_path: Path) -> Pulling:
    """Give a sync whose apps hold their grants."""
    door = make_door()
    return pulling_of(door, clean_simulator, tmp_path)


def pulling_of(door: Door, simulator: Simulator, directory: Path) -> Pulling:
    """Return a sync over a gateway that runs in the door's own loop, as where it is served."""
    shop = open_shop(door, simulator)
    for app in (shop.app, shop.other):
        door.grant(app, Action.SYNC)
    inside = Inside(lambda: door.gateway)
    sync = Hurried(
        database=door.database,
        audit=door.audit,
        accounts=door.accounts,
        sellers=door.sellers,
        vault=door.vault,
        inside=inside,
        clock=door.clock,
        home=directory / "home",
        keys=Keys,
    )
    return Pulling(door, simulator, shop.app, shop.other, sync)


@pytest.fixture(scope="module")
def queues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queues]:
    """Give a server of queues, for one file's tests."""
    with serving(tmp_path_factory.mktemp("queues")) as running:
        yield running


@pytest.fixture
def emptying(pulling: Pulling, queues: Queues, request: pytest.FixtureRequest) -> Emptying:
    """Give a queue of its own with another one behind it for what always fails."""
    return emptying_of(pulling, queues, request.node.name)


def emptying_of(pulling: Pulling, queues: Queues, name: str) -> Emptying:
    """Return a queue named for a test."""
    name = hashlib.sha256(name.encode()).hexdigest()[:20]
    dead = queues.make(f"{name}-dead")
    arn = f"arn:aws:sqs:eu-central-1:123456789012:{name}-dead"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
    return Emptying(pulling, queues, queues.make(name, RedrivePolicy=policy), dead)


def order_change(order: str, **changes: Any) -> dict[str, Any]:
    """Return an ORDER_CHANGE notification of an order of acme's."""
    summary = {
        "MarketplaceId": "A1PA6795UKMFR9",
        "OrderStatus": "Unshipped",
        "PurchaseDate": "2026-03-08T10:00:00Z",
        "DestinationPostalCode": "10115",
        "FulfillmentType": "MFN",
        **changes.pop("summary", {}),
    }
    return {
        "NotificationVersion": "1.0",
        "NotificationType": changes.pop("type", "ORDER_CHANGE"),
        "PayloadVersion": "1.0",
        "EventTime": changes.pop("at", "2026-03-10T11:00:00Z"),
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderLevel",
                "SellerId": changes.pop("merchant", "A3ACMEACMEACME"),
                "AmazonOrderId": order,
                "OrderChangeType": "OrderStatusChange",
                "OrderChangeTrigger": {"TimeOfOrderChange": "2026-03-10T10:59:00Z"},
                "Summary": summary,
            }
        },
        "NotificationMetadata": {
            "ApplicationId": "amzn1.sellerapps.app.1",
            "SubscriptionId": changes.pop("subscription", "7d78cc50-95c8-4641-add7-10af4b1fedc9"),
            "PublishTime": "2026-03-10T11:00:01Z",
            "NotificationId": changes.pop("id", str(uuid.uuid4())),
        },
    }
