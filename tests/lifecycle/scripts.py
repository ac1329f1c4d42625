"""What becomes of an order, written down as who says what when; and, apart from our code, when it has to be gone.

Everything here is of the test: `due` reads a script's words by the sentences of the policy and shares nothing with
`strongroom.policy.retention`.
"""

from __future__ import annotations

import random  # noqa: TID251 - seeded: the same lives in every run
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from strongroom.policy.retention import Progress

HOUR, DAY = 3_600, 86_400
LAW, COPY = 30 * DAY, 24 * HOUR
UNSEEN = 5 * DAY
OPEN = {Progress.PENDING, Progress.UNSHIPPED, Progress.PARTIAL, Progress.UNDELIVERED}

V0, V2026 = "ordersV0.getOrders", "orders_2026-01-01.searchOrders"
CHANGED = "OrderChangeNotification.ORDER_CHANGE"
EASY_SHIP = "easyShip_2022-03-23.getScheduledPackage"
TRACKING = "shippingV2.getTracking"
MCF = "fulfillmentOutbound_2020-07-01.getPackageTrackingDetails"


@dataclass(frozen=True)
class Word:
    """What somebody says of one order; instants in seconds, 0 where nothing is said."""

    at: int
    op: str
    status: Progress
    shipped: int = 0
    updated: int = 0
    delivered: int = 0


@dataclass
class Life:
    """One order's script. `plot` names what it is an example of."""

    number: int
    plot: str
    purchased: int
    words: list[Word] = field(default_factory=list)
    gift: bool = False

    @property
    def id(self) -> str:
        return f"902-{self.number:07d}-{self.number * 7919 % 10_000_000:07d}"

    @property
    def kind(self) -> str:
        return "fulfillment_order" if self.plot == "mcf" else "order"

    @property
    def name(self) -> str:
        return f"Buyer Number {self.number:07d}"

    def say(self, at: int, op: str, status: Progress, **told: int) -> None:
        self.words.append(Word(at, op, status, **told))

    def daily(self, first: int, last: int, op: str, status: Progress, **told: int) -> None:
        """Have one view say the same on each of these days, at noon."""
        for day in range(first, last + 1):
            self.say(day * DAY + 12 * HOUR, op, status, **told)


# -- when it has to be gone, from the words alone ---------------------------------------------------------------------


def basis(life: Life, now: int) -> tuple[str, int | None]:
    """Return the rule and the instant from which the thirty days of an order count, as known at `now`."""
    heard = [word for word in life.words if word.at <= now]
    if life.kind != "order":
        first = min([heard[0].at, *(w.delivered for w in heard if w.delivered)])
        return "first_seen", first
    if any(word.status is Progress.CANCELLED for word in heard):
        return "cancelled", 0
    bought = min(life.purchased, heard[0].at)
    arrivals = [min(w.delivered, w.at) for w in heard if w.delivered >= max(bought, 1)]
    if arrivals:
        return "carrier", min(arrivals)
    state, seen_open, newest = Progress.UNKNOWN, 0, 0
    for word in heard:
        is_behind = bool(word.updated) and word.updated < newest
        newest = max(newest, word.updated)
        ends_more = state is Progress.DELIVERED or (
            state is Progress.UNDELIVERED and word.status is Progress.SHIPPED
        )
        impossible = bool(word.delivered)
        if is_behind or ends_more or impossible or word.status is Progress.UNKNOWN:
            continue
        state = word.status
        if state in OPEN:
            seen_open = word.at // DAY * DAY
    if state in OPEN and now - seen_open < UNSEEN:
        return "open", None
    shipped = max(min(word.shipped, word.at) for word in heard)
    latest = max(bought, shipped, seen_open)
    rule = {bought: "purchased", seen_open: "seen_undelivered", shipped: "shipped"}[latest]
    return rule, latest


def due(life: Life, now: int) -> int | None:
    """Return the instant at which it is destroyed, as known at `now`; None while that is open; 0: at once."""
    rule, start = basis(life, now)
    if rule == "cancelled":
        return 0
    return None if start is None else (start + LAW - COPY) // DAY * DAY


def last_lawful(life: Life, now: int) -> int:
    """Return until when somebody who kept yesterday's keystore may read an old copy of it.

    Thirty days after delivery; where that became known too late for it, a sweep and a copy's life after it was told.
    """
    rule, start = basis(life, now)
    if start is None:
        return now
    by_law = 0 if rule == "cancelled" else start + LAW
    for word in life.words:
        if word.at <= now and due(life, word.at) == due(life, now):
            return max(by_law, (word.at // DAY + 1) * DAY + COPY)
    return by_law


# -- the plots --------------------------------------------------------------------------------------------------------


def ordinary(life: Life, day: int, rng: random.Random) -> None:
    """Seen unshipped each day, then shipped; nobody tells an arrival."""
    ships = day + rng.randint(0, 6)
    life.daily(day, ships - 1, V0, Progress.UNSHIPPED)
    life.daily(ships, ships + 3, V0, Progress.SHIPPED)


def late(life: Life, day: int, rng: random.Random) -> None:
    """Shipped weeks after it was bought, by a view that tells when."""
    ships = day + rng.randint(15, 34)
    life.daily(day, ships, V2026, Progress.UNSHIPPED)
    told = ships * DAY + 9 * HOUR
    life.daily(ships + 1, ships + 2, V2026, Progress.SHIPPED, shipped=told)


def carried(life: Life, day: int, rng: random.Random) -> None:
    """A carrier has it, and says when it arrived, sooner or later."""
    ships = day + rng.randint(1, 3)
    arrives = ships + rng.randint(1, 9)
    at = arrives * DAY + rng.randint(0, DAY - 1)
    life.daily(day, ships, V2026, Progress.UNSHIPPED)
    life.daily(ships + 1, arrives, EASY_SHIP, Progress.UNDELIVERED)
    told = arrives + rng.randint(1, 4)
    life.say(told * DAY + 12 * HOUR, TRACKING, Progress.DELIVERED, delivered=at)


def told_late(life: Life, day: int, rng: random.Random) -> None:
    """The arrival is told when most of its thirty days are over: an earlier date, and a key to replace."""
    life.daily(day, day + 8, V0, Progress.UNSHIPPED)
    life.daily(day + 9, day + 10, V0, Progress.SHIPPED)
    at = (day + rng.randint(1, 6)) * DAY + 7 * HOUR
    life.say(
        (day + rng.randint(20, 30)) * DAY + 12 * HOUR, TRACKING, Progress.DELIVERED, delivered=at
    )


def cancelled(life: Life, day: int, rng: random.Random) -> None:
    """Cancelled on one of its first days; a list that is behind shows it unshipped afterwards."""
    ends = day + rng.randint(1, 8)
    life.daily(day, ends - 1, V0, Progress.UNSHIPPED)
    life.say(ends * DAY + 12 * HOUR, V0, Progress.CANCELLED)
    life.say((ends + 1) * DAY + 12 * HOUR, V0, Progress.CANCELLED)


def returned(life: Life, day: int, rng: random.Random) -> None:
    """It arrives, and comes back: what is on its way back was delivered all the same."""
    arrives = day + rng.randint(3, 6)
    life.daily(day, arrives - 1, V2026, Progress.UNSHIPPED)
    at = arrives * DAY + 8 * HOUR
    life.say(arrives * DAY + 12 * HOUR, TRACKING, Progress.DELIVERED, delivered=at)
    life.daily(arrives + 5, arrives + 9, EASY_SHIP, Progress.SHIPPED)


def contradictory(life: Life, day: int, rng: random.Random) -> None:
    """Two carriers tell two arrivals, and lists go on showing it unshipped."""
    life.daily(day, day + 2, V0, Progress.UNSHIPPED)
    first = (day + 3) * DAY + rng.randint(0, DAY // 3)
    words = [first, first + rng.randint(1, 3) * DAY]
    rng.shuffle(words)
    life.say((day + 7) * DAY + 12 * HOUR, TRACKING, Progress.DELIVERED, delivered=words[0])
    life.daily(day + 8, day + 11, V0, Progress.UNSHIPPED)
    life.say((day + 12) * DAY + 12 * HOUR, MCF, Progress.DELIVERED, delivered=words[1])
    life.daily(day + 13, day + 14, CHANGED, Progress.UNSHIPPED)


def behind(life: Life, day: int, rng: random.Random) -> None:
    """A view that is older than what is known does not open it again."""
    ships = day + rng.randint(2, 5)
    life.daily(day, ships - 1, V2026, Progress.UNSHIPPED, updated=day * DAY + HOUR)
    new = ships * DAY + HOUR
    life.daily(ships, ships, V2026, Progress.SHIPPED, updated=new, shipped=new)
    life.daily(ships + 1, ships + 6, V2026, Progress.UNSHIPPED, updated=day * DAY + HOUR)


def anothers(life: Life, day: int, rng: random.Random) -> None:
    """The carrier used the number before: that arrival is another parcel's."""
    ships = day + rng.randint(1, 4)
    life.daily(day, ships, V0, Progress.UNSHIPPED)
    before = (day - rng.randint(20, 60)) * DAY
    life.say((ships + 1) * DAY + 12 * HOUR, TRACKING, Progress.DELIVERED, delivered=before)
    life.daily(ships + 2, ships + 3, V0, Progress.SHIPPED)


def never(life: Life, day: int, rng: random.Random) -> None:
    """Lost on its way: seen under way for a while, and then nobody says anything but that it was shipped."""
    lost = day + rng.randint(8, 20)
    life.daily(day, day + 1, V0, Progress.UNSHIPPED)
    life.daily(day + 2, lost, EASY_SHIP, Progress.UNDELIVERED)
    life.daily(lost + 1, lost + 12, V0, Progress.SHIPPED)


def silent(life: Life, day: int, rng: random.Random) -> None:
    """Nobody looks again after the first days."""
    life.daily(day, day + rng.randint(0, 2), V0, Progress.UNSHIPPED)


def promised(life: Life, day: int, rng: random.Random) -> None:
    """Instants still to come are told as if they had been: they postpone nothing."""
    ahead = (day + rng.randint(40, 90)) * DAY
    life.daily(day, day + 1, V2026, Progress.UNSHIPPED)
    life.say((day + 2) * DAY + 12 * HOUR, V2026, Progress.SHIPPED, shipped=ahead)
    if rng.random() < 0.5:
        told = (day + 3) * DAY + 12 * HOUR
        life.say(told, TRACKING, Progress.DELIVERED, delivered=ahead)


def old(life: Life, day: int, rng: random.Random) -> None:
    """Part of a history pull: it arrived, or was bought, more than thirty days ago, or soon will have been."""
    life.purchased = (day - rng.randint(20, 60)) * DAY + 5 * HOUR
    life.daily(day, day + 1, V0, Progress.SHIPPED)


def mcf(life: Life, day: int, rng: random.Random) -> None:
    """An order of MCF under the seller's own id: from when it was first seen, or its arrival if that was earlier."""
    life.daily(day, day + 5, MCF.replace("PackageTrackingDetails", "FulfillmentOrder"),
               Progress.FIRST_SEEN)  # fmt: skip
    if rng.random() < 0.5:
        at = (day - rng.randint(1, 10)) * DAY
        life.say((day + 6) * DAY + 12 * HOUR, MCF, Progress.FIRST_SEEN, delivered=at)


PLOTS: tuple[tuple[Callable[[Life, int, random.Random], None], int], ...] = (
    (ordinary, 25),
    (late, 8),
    (carried, 20),
    (told_late, 5),
    (cancelled, 8),
    (returned, 5),
    (contradictory, 5),
    (behind, 4),
    (anothers, 3),
    (never, 5),
    (silent, 4),
    (promised, 3),
    (old, 3),
    (mcf, 2),
)


def lives(count: int, first_day: int, days: int, seed: int) -> Iterator[Life]:
    """Return the scripts of so many orders, bought over the first part of the time."""
    rng = random.Random(seed)
    plots, weights = zip(*PLOTS, strict=True)
    for number in range(count):
        # Every plot at least once, whatever the number.
        plot = plots[number] if number < len(plots) else rng.choices(plots, weights)[0]
        day = first_day + rng.randrange(max(1, days - 70))
        life = Life(number, plot.__name__, day * DAY + rng.randint(0, 11 * HOUR))
        life.gift = rng.random() < 0.2
        plot(life, day, rng)
        life.words.sort(key=lambda word: word.at)
        yield life
