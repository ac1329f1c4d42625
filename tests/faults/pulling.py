"""Apps that pull orders from a home that dies under them, and what they were given until then."""

from __future__ import annotations

import http.client
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.client import MARKETPLACES, ORDERS_2026, VIEWS, Answer, Client
from tests.support.home import App, Home
from tests.support.opened import Opened, opened
from tests.support.tokens import tokens_in

from strongroom.errors import Gone, NotFound
from strongroom.policy.catalogue.slots import FIRST_DYNAMIC
from strongroom.policy.dating import is_packed
from strongroom.policy.retention import HANDED_OVER
from strongroom.policy.sighting import Sighting
from strongroom.simulator import Order, SellerAccount, Simulator, SimulatorConfig
from strongroom.terms import Scalar
from strongroom.vault import store

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TWO_YEARS_BACK = (NOW - timedelta(days=730)).strftime("%Y-%m-%dT%H:%M:%SZ")
BROKEN = (OSError, http.client.HTTPException)
# Shown by Amazon and kept, but no part of what the simulator calls the truth of an order.
BESIDE_TRUTH = ("payment:", "buyer.tax_region", "order.payment_methods", "recipient.delivery_")


@dataclass
class Shop:
    """A simulator with many selling partners, the home in front of it, and what its app received."""

    simulator: Simulator
    home: Home
    apps: dict[str, App]
    received: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Order id -> every token of it that came in a whole answer."""
    history: dict[str, set[Scalar]] = field(default_factory=lambda: defaultdict(set))
    """Order id -> every value it ever had at Amazon."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    changes: int = 0

    def client(self, seller: str) -> Client:
        return Client(self.home.endpoint, self.home.tls(), self.apps[seller])

    def live(self, seller: str) -> list[Order]:
        return [order for order in self.simulator.orders(seller) if surely_live(order)]

    def change(self, seller: str) -> None:
        """Give every live order of a seller another name, city and address of mail."""
        for order in self.live(seller):
            self.changes += 1
            mark = f"{self.changes:05d}"
            self.history[order.order_id] |= set(order.slots.values())
            changes = {
                "recipient.name": f"Name {mark}",
                "recipient.city": f"City {mark}",
                "buyer.email": f"mail{mark}@marketplace.amazon.de",
            }
            self.simulator.update_order(order.order_id, changes)

    def keep(self, answer: Answer, order_id: str | None = None) -> None:
        """Remember the tokens of a whole answer."""
        if answer.status != 200:
            raise AssertionError(f"the gateway answered {answer.status}: {answer.content[:300]!r}")
        document = answer.json
        listed = document.get("payload", document)
        orders = listed.get("Orders") or listed.get("orders") if order_id is None else [listed]
        with self.lock:
            for order in orders:
                name = order_id or order.get("AmazonOrderId") or order["orderId"]
                self.received[name] |= tokens_in(order)

    def pull(self, seller: str, client: Client) -> None:
        """Pull everything once, in several views. Raises: one of BROKEN when the home dies."""
        for page in client.pages(restricted=False, CreatedAfter=TWO_YEARS_BACK):
            self.keep(page)
        for order in self.live(seller):
            self.keep(_patient(client.view, "address", order.order_id), order.order_id)
        for page in client.pages(CreatedAfter=TWO_YEARS_BACK, MaxResultsPerPage="25"):
            self.keep(page)
        query = {"createdAfter": TWO_YEARS_BACK, "marketplaceIds": MARKETPLACES}
        self.keep(client.get(ORDERS_2026, **query, includedData="BUYER,RECIPIENT,PACKAGES"))
        for order in self.live(seller):
            for view in VIEWS:
                self.keep(_patient(client.view, view, order.order_id), order.order_id)

    def pull_until_it_dies(self, seller: str) -> bool:
        """Pull and change orders, several times over, until the home is gone; False if it stays."""
        try:
            with self.client(seller) as client:
                for _ in range(4):
                    self.pull(seller, client)
                    self.change(seller)
        except BROKEN:
            return True
        return False


def open_shop(directory: Path, stack: ExitStack, sellers: int, orders_each: int) -> Shop:
    """Make a home that knows all sellers of a new simulator; it is not served."""
    config = SimulatorConfig(
        orders=sellers * orders_each,
        seed=5,
        markers=True,
        clock=lambda: NOW,
        sellers=tuple(SellerAccount(f"seller-{number}") for number in range(sellers)),
    )
    simulator = stack.enter_context(Simulator(config))
    home = stack.enter_context(Home.make(directory, now=NOW))
    home.start()
    names = [account.name for account in simulator.sellers]
    for account in simulator.sellers:
        home.add_seller(simulator, account)
    apps = {app.seller: app for app in home.add_app("erp", *names)}
    home.stop()
    return Shop(simulator, home, apps)


def _patient(view: Callable[[str, str], Answer], name: str, order_id: str) -> Answer:
    """Ask as clients do, who ask again where Amazon was late: a busy machine's simulator is."""
    answer = view(name, order_id)
    for _ in range(2):
        if answer.status != 504:
            break
        answer = view(name, order_id)
    return answer


def faults_of(shop: Shop, *names: str) -> list[str]:
    """Open the dead home and return everything that is wrong with it, or with these sellers' orders.

    Every token that came in a whole answer must stand for a value that the order had, or its order
    for one whose day has come; and the log must verify.
    """
    first = next(iter(shop.apps.values()))
    with opened(shop.home, first) as door:
        sellers = {name: door.system.sellers.by_name(name).id for name in shop.apps}
        faults = list(door.system.audit.verify().faults)
        for name in names or shop.apps:
            at = Opened(door.system, door.caller, sellers[name], door.now)
            for order in shop.simulator.orders(name):
                tokens = shop.received.get(order.order_id)
                if tokens:
                    faults += _order_faults(shop, at, order, tokens)
    return faults


def surely_live(order: Order) -> bool:
    """Tell whether an order's data may be kept by any reading of the rule."""
    if order.status in {"Canceled", "Pending"}:
        return False
    return order.status != "Shipped" or order.created_at > NOW - timedelta(days=27)


def done_with(order: Order, slots: Iterable[str]) -> set[str]:
    """Return the slots of what went into the parcel of an order that was handed over: the vault has them no more."""
    return {slot for slot in slots if order.status == "Shipped" and is_packed(slot)}


def packed_tokens(at: Opened, order_id: str) -> set[str]:
    """Return the tokens of what goes into an order's parcel, which stand for nothing once it was handed over."""
    vault = at.system.vault
    with at.system.database.read() as tx:
        (ref,) = vault._refs(at.seller, [Sighting("order", order_id)])
        row = store.by_subject(tx, at.seller, [ref])[ref]
    tokens = vault._tokens_of(row.number)
    names = enumerate(row.names, FIRST_DYNAMIC)
    handed_over = row.facts.status in HANDED_OVER
    return {tokens.token(slot) for slot, name in names if handed_over and is_packed(name)}


def _order_faults(shop: Shop, at: Opened, order: Order, tokens: set[str]) -> Iterator[str]:
    name = order.order_id
    try:
        revealed = at.order(name)
    except NotFound:
        yield f"{name}: no record, but {len(tokens)} tokens"
        return
    if revealed is None:
        if surely_live(order):
            yield f"{name}: gone before its day"
        try:
            at.value(min(tokens))
        except Gone:
            return
        yield f"{name}: a token of a gone order gives a value"
        return
    known = {one.token: one for one in revealed}
    history = shop.history[name] | set(shop.simulator.truth(name).values())
    nothing = tokens - known.keys()
    for token in nothing - packed_tokens(at, name):
        yield f"{name}: token {token} stands for nothing"
    for token in tokens - nothing:
        slot, value = known[token].slot, known[token].value.unwrap()
        if value not in history and not slot.startswith(BESIDE_TRUTH):
            yield f"{name}: {slot} is a value the order never had"


def missing_of(shop: Shop) -> dict[str, set[str]]:
    """Open the home and return, by order, the slots whose latest value it does not have."""
    first = next(iter(shop.apps.values()))
    missing: dict[str, set[str]] = {}
    with opened(shop.home, first) as door:
        for name in shop.apps:
            seller = door.system.sellers.by_name(name).id
            at = Opened(door.system, door.caller, seller, door.now)
            for order in shop.live(name):
                known: set[Any] = {one.value.unwrap() for one in at.order(order.order_id) or []}
                truth = shop.simulator.truth(order.order_id)
                lost = {slot for slot, value in truth.items() if value not in known}
                lost -= done_with(order, truth)
                if lost:
                    missing[order.order_id] = lost
    return missing
