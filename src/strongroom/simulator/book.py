"""All orders of a simulator: made from the seed, searched by time, changed by tests.

Only outlines are held; details are built on demand and the recent ones cached. Methods may
be called from any thread.
"""

from __future__ import annotations

import dataclasses
import heapq
import random
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

from strongroom.simulator.config import (
    MARKETPLACE_DE,
    MARKETPLACE_JP,
    SellerAccount,
    SimulatorConfig,
)
from strongroom.simulator.details import build_order, build_ship_from
from strongroom.simulator.marking import MARKER_CHARACTERS, Marker
from strongroom.simulator.orders import Order, Outline, Slots, Status

_HISTORY = timedelta(days=730)
_RECENT = timedelta(days=30)
_RECENT_SHARE = 0.13
# Amazon's lists end two minutes before now; younger orders would be in no list.
_YOUNGEST = timedelta(minutes=10)
_CACHED_ORDERS = 2_000
_GOLDEN = 0.6180339887498949
_PREFIXES: Final = {MARKETPLACE_DE: "302", MARKETPLACE_JP: "250"}

SortKey = Literal["created", "updated"]
Position = tuple[datetime, str]


class OrderBook:
    """The orders of every seller. Thread-safe."""

    def __init__(self, config: SimulatorConfig, accounts: tuple[SellerAccount, ...]) -> None:
        """Make the outlines of all orders as of the clock's present instant."""
        self._config = config
        self._lock = threading.RLock()
        self.changed: Callable[[str], None] = _nobody
        """Hears the id of each order that is changed."""
        self._changes: dict[str, dict[str, str | float]] = {}
        self._retired: list[Marker] = []
        self._cache: OrderedDict[str, Order] = OrderedDict()
        self._ship_from = {
            account.name: build_ship_from(account.name, config.seed, markers=config.markers)
            for account in accounts
        }
        made = _make_outlines(config, accounts)
        self._outlines: dict[str, Outline] = {outline.order_id: outline for outline in made}
        self._sorted: dict[tuple[str, SortKey], list[Position]] = {}
        now = config.clock()
        self._under_way = [
            (o.delivered_at, o.order_id)
            for o in made
            if o.delivered_at is not None and o.delivered_at > now
        ]
        heapq.heapify(self._under_way)

    def __len__(self) -> int:
        """Return how many orders there are."""
        return len(self._outlines)

    def ids(self, seller: str | None = None) -> list[str]:
        """Return the order ids of one seller, or of all, oldest last."""
        with self._lock:
            return [o.order_id for o in self._outlines.values() if seller in (None, o.seller)]

    def find(self, order_id: str, seller: str | None = None) -> Order | None:
        """Return the order as it stands now, or nothing if unknown or another seller's."""
        with self._lock:
            self._deliver()
            outline = self._outlines.get(order_id)
            if outline is None or seller not in (None, outline.seller):
                return None
            cached = self._cache.get(order_id)
            if cached is None:
                cached = self._build(outline)
                self._cache[order_id] = cached
                if len(self._cache) > _CACHED_ORDERS:
                    self._cache.popitem(last=False)
            return cached

    def ship_from(self, seller: str) -> Slots:
        """Return the slots of the seller's own warehouse."""
        return self._ship_from[seller][0]

    def select(
        self, seller: str, key: SortKey, after: datetime, before: datetime, beyond: Position | None
    ) -> Iterator[Outline]:
        """Yield outlines with `after <= instant <= before`, in order, past a page's last one."""
        with self._lock:
            self._deliver()
            positions = self._positions(seller, key)
            start = bisect_left(positions, (after, ""))
            if beyond is not None:
                start = max(start, bisect_right(positions, beyond))
            # "~" sorts after every order id.
            stop = bisect_right(positions, (before, "~"))
        # Lazily, for a page needs few of them; the list is replaced on change, never changed.
        for index in range(start, stop):
            yield self._outlines[positions[index][1]]

    def update(
        self,
        order_id: str,
        changes: Mapping[str, str | float],
        *,
        status: Status | None,
        shipped_at: datetime | None,
        delivered_at: datetime | None,
    ) -> None:
        """Change an order's slots or progress and bump its last update.

        Raises: KeyError for an order that does not exist.
        """
        with self._lock:
            outline = self._outlines[order_id]
            self._retired += self._markers_of(outline)
            self._changes.setdefault(order_id, {}).update(changes)
            now = self._config.clock()
            self._outlines[order_id] = dataclasses.replace(
                outline,
                status=status or outline.status,
                # Instants strictly grow, so that a frozen clock still shows a change.
                updated_at=max(now, outline.updated_at + timedelta(seconds=1)),
                shipped_at=shipped_at
                or outline.shipped_at
                or (now if status == "Shipped" else None),
                delivered_at=delivered_at or outline.delivered_at,
            )
            if delivered_at is not None:
                heapq.heappush(self._under_way, (delivered_at, order_id))
            self._forget(outline)
        self.changed(order_id)

    def truth(self, order_id: str) -> dict[str, str | float]:
        """Return every personal value Amazon would show of the order. Raises: KeyError."""
        order = self.find(order_id)
        if order is None:
            raise KeyError(order_id)
        slots = dict(order.slots)
        if slots and order.outline.channel == "MFN":
            slots.update(self.ship_from(order.outline.seller))
        return slots

    def markers(self) -> list[Marker]:
        """Return every marker any answer may have carried; empty unless markers are on."""
        if not self._config.markers:
            return []
        with self._lock:
            found = dict.fromkeys(self._retired)
            for outline in self._outlines.values():
                found.update(dict.fromkeys(self._markers_of(outline)))
            for _, marks in self._ship_from.values():
                found.update(dict.fromkeys(Marker(text, "", slot) for slot, text in marks.items()))
            return list(found)

    def _deliver(self) -> None:
        """Let parcels arrive whose time has come since the last look."""
        now = self._config.clock()
        while self._under_way and self._under_way[0][0] <= now:
            instant, order_id = heapq.heappop(self._under_way)
            outline = self._outlines[order_id]
            if outline.delivered_at == instant:
                updated = max(outline.updated_at, instant)
                self._outlines[order_id] = dataclasses.replace(outline, updated_at=updated)
                self._forget(outline)

    def _forget(self, outline: Outline) -> None:
        self._cache.pop(outline.order_id, None)
        self._sorted.pop((outline.seller, "updated"), None)

    def _positions(self, seller: str, key: SortKey) -> list[Position]:
        cached = self._sorted.get((seller, key))
        if cached is None:
            mine = (o for o in self._outlines.values() if o.seller == seller)
            cached = sorted(
                (o.created_at if key == "created" else o.updated_at, o.order_id) for o in mine
            )
            self._sorted[(seller, key)] = cached
        return cached

    def _build(self, outline: Outline) -> Order:
        built = build_order(
            outline, self._config.seed, self._config.clock(), markers=self._config.markers
        )
        slots: Slots = {}
        if _shows_personal_data(outline):
            slots = {**built.order.slots, **self._changes.get(outline.order_id, {})}
        return dataclasses.replace(built.order, slots=slots)

    def _markers_of(self, outline: Outline) -> list[Marker]:
        if not (self._config.markers and _shows_personal_data(outline)):
            return []
        built = build_order(outline, self._config.seed, self._config.clock(), markers=True)
        changes = self._changes.get(outline.order_id, {}).items()
        # A short value would be found everywhere and prove nothing.
        marks = {
            **built.marks,
            **{slot: str(v) for slot, v in changes if len(str(v)) >= MARKER_CHARACTERS},
        }
        return [Marker(text, outline.order_id, slot) for slot, text in marks.items()]


def _nobody(_order_id: str) -> None:
    """Hear nothing."""


def _shows_personal_data(outline: Outline) -> bool:
    """Tell whether Amazon knows the buyer: not while pending, nor if cancelled before payment."""
    if outline.status == "Canceled":
        return outline.order_id[-1] in "02468"
    return outline.status != "Pending"


def _make_outlines(config: SimulatorConfig, accounts: tuple[SellerAccount, ...]) -> list[Outline]:
    rng = random.Random(f"{config.seed}/outlines")  # noqa: S311 - synthetic data
    now = config.clock().replace(microsecond=0)
    outlines = []
    for number in range(config.orders):
        account = accounts[number % len(accounts)]
        marketplace = rng.choice(account.marketplace_ids)
        age = _age((number + rng.random()) / config.orders)
        # Multiples of the golden ratio spread evenly, so that few orders show every status.
        draw = (number * _GOLDEN) % 1.0
        created = now - age
        status = _status(age, draw)
        shipped = delivered = None
        updated = created + min(age / 2, timedelta(hours=rng.randint(1, 20)))
        if status in {"Shipped", "PartiallyShipped"}:
            shipped = created + min(age * 0.7, timedelta(hours=rng.randint(6, 60)))
            updated = shipped
        if shipped is not None and status == "Shipped" and draw < 0.98:
            delivered = shipped + timedelta(hours=rng.randint(20, 140))
            updated = delivered if delivered <= now else shipped
        first = _PREFIXES.get(marketplace, "113")
        # 7919 is prime, so consecutive numbers give different, unordered ids.
        last = (number * 7919 + 1234567) % 10**7
        outlines.append(
            Outline(
                order_id=f"{first}-{rng.randint(10**6, 10**7 - 1)}-{last:07d}",
                seller=account.name,
                marketplace_id=marketplace,
                status=status,
                channel="MFN" if rng.random() < 0.75 else "AFN",
                created_at=created.replace(microsecond=0),
                updated_at=updated.replace(microsecond=0),
                shipped_at=shipped and shipped.replace(microsecond=0),
                delivered_at=delivered and delivered.replace(microsecond=0),
                split=status == "PartiallyShipped",
            )
        )
    return outlines


def _age(position: float) -> timedelta:
    """Return how old the order at this position (0 newest, 1 oldest) is."""
    if position < _RECENT_SHARE:
        # Squared: within the last month, the last days hold most of what is still open.
        return _YOUNGEST + (_RECENT - _YOUNGEST) * (position / _RECENT_SHARE) ** 2
    return _RECENT + (_HISTORY - _RECENT) * ((position - _RECENT_SHARE) / (1 - _RECENT_SHARE))


def _status(age: timedelta, draw: float) -> Status:
    """Return the status an order of this age has, `draw` deciding among the likely ones."""
    shares: tuple[tuple[Status, float], ...]
    if age < timedelta(days=2):
        shares = (
            ("Pending", 0.2),
            ("Unshipped", 0.75),
            ("PartiallyShipped", 0.8),
            ("Canceled", 0.86),
        )
    elif age < timedelta(days=7):
        shares = (("Unshipped", 0.2), ("PartiallyShipped", 0.3), ("Canceled", 0.35))
    else:
        shares = (
            ("Canceled", 0.05),
            ("PartiallyShipped", 0.06 if age < timedelta(days=60) else 0.05),
        )
    return next((status for status, limit in shares if draw < limit), "Shipped")
