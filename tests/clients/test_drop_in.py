"""Two unmodified clients pull the same orders in every way there is, and nothing is lost.

The yardstick is Amazon's own answer: what a client got through the gateway, each token replaced by
the value the vault gives for it, must be what the same client gets from Amazon. The tests build on
each other: the first ones pull, the last ones open the home and look.
"""

from __future__ import annotations

import json
import os
import random  # noqa: TID251 - seeded orders of calls, the same in every run
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from tests.clients.conftest import CLIENTS, NOW, TWO_YEARS_BACK, Shop
from tests.clients.views import ONE_ORDER_VIEWS, CommunityClient
from tests.faults.pulling import done_with
from tests.support.opened import Opened, opened
from tests.support.tokens import (
    differences,
    leaves,
    plain_path,
    record_of,
    restored,
    token_of,
    tokens_in,
)

from strongroom.errors import Gone
from strongroom.simulator import Order

# Personal data that is no text has no token: it is left out of answers and kept under its slot.
LEFT_OUT = {
    "PaymentMethodDetails[]",
    "ShippingAddress.ExtendedFields.GeoCoordinates.Latitude",
    "ShippingAddress.ExtendedFields.GeoCoordinates.Longitude",
}
LEFT_OUT_WHOLE = (
    "DeliveryPreferences.PreferredDeliveryTime.",
    "recipient.deliveryPreference.deliveryTime.",
)
PACKED = re.compile(r"(?i)gift(Wrap|Option|Message)")
# What two versions of Orders tell of one thing in two slots.
TWICE = {
    "recipient.county",
    "recipient.district",
    "ship_from.name",
    "ship_from.address_line_1",
    "ship_from.city",
    "ship_from.state",
    "ship_from.postal_code",
    "buyer.tax_legal_name",
    "buyer.tax_registration_id",
    "buyer.tax_business_address",
    "buyer.tax_office",
}


def surely_live(order: Order) -> bool:
    """Tell whether an order's data may be kept by any reading of the rule."""
    if order.status in {"Canceled", "Pending"}:
        return False
    return order.status != "Shipped" or order.created_at > NOW - timedelta(days=27)


def surely_gone(order: Order) -> bool:
    """Tell whether an order's data may not be kept by any reading of the rule."""
    long_ago = NOW - timedelta(days=33)
    return order.status == "Canceled" or (
        order.status == "Shipped" and order.shipped_at is not None and order.shipped_at < long_ago
    )


def live_orders(shop: Shop, seller: str) -> list[str]:
    return [order.order_id for order in shop.simulator.orders(seller) if surely_live(order)]


@pytest.mark.parametrize("restricted", [False, True], ids=["plain", "rdt"])
@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.name)
def test_a_history_of_two_years_comes_whole(shop: Shop, kind: Any, restricted: bool) -> None:
    """Every page to the last one, as Amazon gives it, in Amazon's order."""
    for seller in shop.apps:
        client = shop.client(kind, seller)
        pulled = [
            order
            for page in client.pages(restricted=restricted, CreatedAfter=TWO_YEARS_BACK)
            for order in page
        ]
        wanted = [order.order_id for order in reversed(shop.simulator.orders(seller))]
        got = [order["AmazonOrderId"] for order in pulled]
        assert sorted(got) == sorted(wanted)
        for order in pulled:
            view = "orders_rdt" if restricted else "orders"
            shop.keep(client, view, order["AmazonOrderId"], order)


@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.name)
def test_the_same_history_comes_by_orders_2026(shop: Shop, kind: Any) -> None:
    for seller in shop.apps:
        client = shop.client(kind, seller)
        pulled = [
            order
            for page in client.pages_2026(createdAfter=TWO_YEARS_BACK, maxResultsPerPage=50)
            for order in page
        ]
        assert {order["orderId"] for order in pulled} == set(shop.simulator.order_ids(seller))
        for order in pulled:
            shop.keep(client, "order_2026", order["orderId"], order)


def test_each_order_shows_its_views_in_an_order_of_its_own(shop: Shop) -> None:
    """Permutations of all views, each by one of the two clients."""
    rng = random.Random(1)
    clients = [shop.client(kind, "alpha") for kind in CLIENTS]
    for order_id in live_orders(shop, "alpha"):
        for view in rng.sample(ONE_ORDER_VIEWS, len(ONE_ORDER_VIEWS)):
            client = rng.choice(clients)
            shop.keep(client, view, order_id, client.view(view, order_id))


def test_several_clients_pull_at_once_while_orders_change(shop: Shop) -> None:
    """Four clients, each half of all views of all orders in an order of its own."""
    live = live_orders(shop, "beta")
    # Made before the threads start: the clients' caches are not made for them.
    clients = [shop.client(CLIENTS[number % len(CLIENTS)], "beta") for number in range(4)]

    def pull(number: int) -> int:
        rng = random.Random(number)
        work = [(order_id, view) for order_id in live for view in ONE_ORDER_VIEWS]
        chosen = rng.sample(work, len(work) // 2)
        # Not kept: an order may change between this answer and the last look.
        return len([view for order_id, view in chosen if clients[number].view(view, order_id)])

    with ThreadPoolExecutor(len(clients)) as pool:
        pulls = [pool.submit(pull, number) for number in range(len(clients))]
        for number, order_id in enumerate(live):
            changes = {
                "recipient.name": f"Zq moved {number:04d}QXWV",
                "recipient.city": f"Neustadt QJX{number:03d}",
            }
            shop.simulator.update_order(order_id, changes)
            time.sleep(0.03)
        assert sum(pull.result() for pull in pulls) == 4 * (len(live) * len(ONE_ORDER_VIEWS) // 2)
    for order_id in live:
        shop.keep(clients[0], "address", order_id, clients[0].view("address", order_id))


def test_changed_orders_are_pulled_again(shop: Shop) -> None:
    """The latest value is what each token stands for, whichever view brought it."""
    live = live_orders(shop, "alpha")
    for number, order_id in enumerate(live[::2]):
        changes = {
            "recipient.name": f"Zq renamed {number:04d}QXWV",
            "buyer.email": f"zqnew{number:04d}qxwv@marketplace.amazon.de",
        }
        shop.simulator.update_order(order_id, changes)
    client = shop.client(CommunityClient, "alpha")
    for order_id in live[::2]:
        for view in ("order_rdt", "address", "order_2026"):
            shop.keep(client, view, order_id, client.view(view, order_id))


def test_a_script_needs_other_credentials_and_nothing_else(shop: Shop) -> None:
    """A program of its own: endpoint, credentials, and SSL_CERT_FILE in its environment."""
    app = shop.apps["gamma"]
    script = """
import json, sys
from types import SimpleNamespace
from sp_api.api import Orders
from sp_api.auth import AccessTokenClient

endpoint, client_id, client_secret, refresh_token, after, marketplaces = sys.argv[1:]
AccessTokenClient.host = endpoint.removeprefix("https://")
orders = Orders(
    SimpleNamespace(endpoint=endpoint, marketplace_id="A1PA6795UKMFR9", region="eu-west-1"),
    refresh_token=refresh_token,
    credentials={"lwa_app_id": client_id, "lwa_client_secret": client_secret},
)
print(json.dumps(orders.get_orders(CreatedAfter=after, MarketplaceIds=marketplaces).payload))
"""
    arguments = [shop.home.endpoint, app.client_id, app.client_secret, app.refresh_token]
    marketplaces = ",".join(shop.simulator.seller("gamma").marketplace_ids)
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments, TWO_YEARS_BACK, marketplaces],
        check=True,
        capture_output=True,
        env=os.environ | {"SSL_CERT_FILE": str(shop.home.ca_path)},
        timeout=60,
    )
    found = json.loads(done.stdout)["Orders"]
    assert len(found) == 100
    assert tokens_in(found)


def test_the_commands_reveal_and_find_what_was_pulled(shop: Shop) -> None:
    app = shop.apps["alpha"]
    order_id = live_orders(shop, "alpha")[0]
    truth = shop.simulator.truth(order_id)
    (record,) = shop.home.find(app, email=str(truth["buyer.email"]))
    assert record["order"] == order_id
    revealed = shop.home.reveal(record["tokens"]["recipient.name"], app)
    assert revealed["value"] == truth["recipient.name"]


@pytest.fixture(scope="module")
def door(shop: Shop) -> Iterator[dict[str, Opened]]:
    """Stop the home and open it, as its app sees each seller. Nothing is pulled after this."""
    began = time.monotonic()
    assert shop.home.stop() == 0
    # The clients keep their connections open; a stop does not wait for them.
    assert time.monotonic() - began < 10
    with opened(shop.home, shop.apps["alpha"]) as alpha:
        system = alpha.system
        yield {
            seller: Opened(system, alpha.caller, system.sellers.by_name(seller).id, alpha.now)
            for seller in shop.apps
        }


@pytest.fixture(scope="module")
def values(shop: Shop, door: dict[str, Opened]) -> dict[str, Any]:
    """Give every token there is, and its value."""
    found: dict[str, Any] = {}
    for seller, at in door.items():
        found |= at.values(shop.simulator.order_ids(seller))
    return found


def test_every_answer_with_its_values_put_back_is_amazons(
    shop: Shop, values: dict[str, Any]
) -> None:
    """Leaf by leaf, view by view, by both clients."""
    gone = {o.order_id for o in shop.simulator.orders() if not surely_live(o)}
    latest = {(s.client, s.view, s.order_id): s for s in shop.seen if s.order_id not in gone}
    changed = set(live_orders(shop, "alpha")[::2]) | set(live_orders(shop, "beta"))
    amazons = _amazons_views(shop, {(s.view, s.order_id) for s in latest.values()})
    shipped = {o.order_id for o in shop.simulator.orders() if o.status == "Shipped"}
    faults = defaultdict(int)
    compared = 0
    for (client, view, order_id), seen in latest.items():
        ours = restored(seen.document, values)
        compared += 1
        for fault in differences(ours, amazons[view, order_id]):
            path = plain_path(fault[1:])
            hidden = path in LEFT_OUT or path.startswith(LEFT_OUT_WHOLE)
            # Amazon's clock of changes has moved on since the order was last pulled this way.
            late = order_id in changed and "pdate" in path
            # What went into the parcel is gone with it: its token stands for nothing.
            packed = order_id in shipped and PACKED.search(path)
            if not (fault[0] == "-" and hidden) and not late and not packed:
                faults[client, view, path] += 1
    assert dict(faults) == {}
    assert compared > 300


def test_a_value_has_one_token_whatever_the_view_and_the_client(
    shop: Shop, values: dict[str, Any]
) -> None:
    """Marked values are all different, so each has the one slot that the simulator names."""
    for seller in shop.apps:
        for order_id in live_orders(shop, seller):
            truth = shop.simulator.truth(order_id)
            slots = {value: slot for slot, value in truth.items()}
            tokens: dict[str, set[str]] = defaultdict(set)
            documents = [s.document for s in shop.seen if s.order_id == order_id]
            for token in set().union(*map(tokens_in, documents)):
                if values.get(token) in slots:
                    tokens[slots[values[token]]].add(token)
            assert len({record_of(t) for found in tokens.values() for t in found}) == 1
            assert {slot for slot, found in tokens.items() if len(found) > 1} <= TWICE


def test_nothing_is_lost(shop: Shop, door: dict[str, Opened]) -> None:
    """Of an order of which every view was shown, the vault has the latest of every value."""
    for seller in ("alpha", "beta"):
        for order_id in live_orders(shop, seller):
            known = {one.value.unwrap() for one in door[seller].order(order_id) or []}
            truth = shop.simulator.truth(order_id)
            missing = {s for s, v in truth.items() if v not in known}
            assert missing == done_with(shop.simulator.order(order_id), missing)


@pytest.mark.clause("2.1")
def test_orders_past_their_day_are_not_stored(shop: Shop, door: dict[str, Opened]) -> None:
    """No value, no key: their tokens, the same in every view, answer that the data is gone."""
    asked = 0
    past = {o.order_id: o.outline.seller for o in shop.simulator.orders() if surely_gone(o)}
    assert len(past) > 200
    tokens: dict[str, set[str]] = defaultdict(set)
    for seen in shop.seen:
        if seen.order_id in past:
            tokens[seen.order_id] |= tokens_in(seen.document)
    for order_id, seller in past.items():
        assert door[seller].order(order_id) is None
        assert len({record_of(token) for token in tokens[order_id]}) <= 1
        for token in sorted(tokens[order_id])[:1]:
            with pytest.raises(Gone):
                door[seller].value(token)
            asked += 1
    assert asked > 200


@pytest.mark.clause("2.1")
def test_no_key_is_made_for_a_day_that_has_come(door: dict[str, Opened]) -> None:
    today = int(NOW.timestamp()) // 86_400
    periods = door["alpha"].system.keystore.periods()
    assert periods
    assert [period for period in periods if period.kind == "day" and period.day <= today] == []


def test_the_log_of_it_all_verifies(door: dict[str, Opened]) -> None:
    report = door["alpha"].system.audit.verify()
    assert report.faults == []


def test_no_token_stands_where_amazon_shows_none(shop: Shop) -> None:
    """Ids, dates, amounts and the country pass as they are."""
    clear = {
        "AmazonOrderId",
        "orderId",
        "PurchaseDate",
        "createdTime",
        "CountryCode",
        "countryCode",
    }
    for seen in shop.seen:
        for path, leaf in leaves(seen.document):
            if path.rpartition(".")[2] in clear:
                assert token_of(leaf) is None


def _amazons_views(shop: Shop, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """Return Amazon's own answers as they are now."""
    found: dict[tuple[str, str], Any] = {}
    for seller in shop.apps:
        client = shop.amazon(seller)
        mine = set(shop.simulator.order_ids(seller))
        for view, restricted in (("orders", False), ("orders_rdt", True)):
            for page in client.pages(restricted=restricted, CreatedAfter=TWO_YEARS_BACK):
                found |= {(view, order["AmazonOrderId"]): order for order in page}
        for view, order_id in wanted:
            if order_id in mine and not view.startswith("orders"):
                found[view, order_id] = client.view(view, order_id)
    return found
