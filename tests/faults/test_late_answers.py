"""An answer that Amazon gave before a change and that arrives after the changed one is not the latest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.faults.pulling import Shop, open_shop

from strongroom.simulator import Fault, FaultKind


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with ExitStack() as stack:
        shop = open_shop(tmp_path_factory.mktemp("late"), stack, sellers=1, orders_each=40)
        shop.home.start()
        yield shop


@pytest.mark.parametrize("view", ["order", "order_2026", "address"])
def test_a_late_answer_does_not_take_back_a_change(shop: Shop, view: str) -> None:
    (seller,) = shop.apps
    order_id = shop.live(seller)[0].order_id
    with shop.client(seller) as slow, shop.client(seller) as quick:
        slow.view(view, order_id)
        quick.view(view, order_id)
        shop.simulator.add_fault(Fault(FaultKind.SLOW, seconds=2.0, count=1))
        before = len(shop.simulator.requests)
        late = threading.Thread(target=slow.view, args=(view, order_id))
        late.start()
        while len(shop.simulator.requests) == before:
            assert late.is_alive()
            time.sleep(0.01)
        shop.simulator.update_order(order_id, {"recipient.name": f"Newest by {view}"})
        assert quick.view(view, order_id).status == 200
        late.join()
    asked = {"order": order_id, "seller": seller, "purpose": "fulfilment"}
    values = shop.home.ask("reveal.order", as_=shop.apps[seller], **asked)["values"]
    names = [value["value"] for value in values if value["slot"] == "recipient.name"]
    assert names == [f"Newest by {view}"]
