"""The whole life of many orders, day by day: never readable past its date, never gone before it, each date explained.

Checked each day on the live database, on the copies of it that were taken every day, and with the copy of the keystore
that somebody may have kept for its twenty-four hours. When an order has to be gone is worked out by the test itself
(`scripts.due`).
"""

from __future__ import annotations

import json
import random  # noqa: TID251 - seeded
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.crypto.envelope import RecordSealer
from strongroom.crypto.index import subject_key
from strongroom.crypto.root import FileRoot
from strongroom.db.engine import Database
from strongroom.errors import Gone
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.terms import Environment, PeriodId, RecordNumber, SellerId
from strongroom.vault import Keystore, store
from strongroom.vault.box import RecordBox
from strongroom.vault.dates import Dates
from strongroom.vault.large import ValueSealer
from strongroom.vault.store import RecordState
from tests.lifecycle.scripts import COPY, DAY, HOUR, Life, Word, due, last_lawful, lives
from tests.vault.conftest import APP, COPY_LIFETIME, EMAIL, NAME, NOW, ROOT_KEY, World, make_world

__all__ = ["make_world"]
pytestmark = pytest.mark.clause("2.1")

FIRST = int(NOW.timestamp()) // DAY
SELLER = SellerId(1)
GIFT = "item:1.gift_message"
PAGE = 100
HANDED_OVER = {Progress.SHIPPED, Progress.UNDELIVERED, Progress.DELIVERED}
WINDOW = 7 * DAY
"""After so long a copy of an order that moved on is unreadable, whatever it holds."""


def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass
class Watched:
    """One home that lives through the scripts, and what is counted on the way."""

    world: World
    lives: list[Life]
    days: int
    keep_every: int
    explain_every: int
    dates: Dates = field(init=False)
    numbers: dict[str, RecordNumber] = field(default_factory=dict)
    under: dict[PeriodId, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The orders that any copy ever showed wrapped by a period's key: each of them it still opens."""
    kept: dict[int, Path] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    rng: random.Random = field(default_factory=lambda: random.Random(4))

    def __post_init__(self) -> None:
        self.dates = Dates(
            self.world.database,
            self.world.keystore,
            subject_key=self.world.keystore.secret("subject", NOW),
            copy_lifetime=COPY_LIFETIME,
        )
        self.by_day: dict[int, list[tuple[Word, Life]]] = defaultdict(list)
        for life in self.lives:
            for word in life.words:
                self.by_day[word.at // DAY].append((word, life))
        self.heard: dict[int, Life] = {}
        self.by_number: dict[RecordNumber, Life] = {}

    def live_through(self) -> None:
        for day in range(FIRST, FIRST + self.days):
            self.midnight(day)
            self.noon(day)
            self.evening(day)

    # -- one day ------------------------------------------------------------------------------------------------------

    def midnight(self, day: int) -> None:
        """Sweep, and then look at what the live database still opens and at what every copy's keys do."""
        now = day * DAY
        report = self.world.vault.sweep(instant(now))
        self.counts["keys_destroyed"] += report.destroyed_periods
        self.counts["keys_replaced"] += report.replaced_periods
        self.counts["records_purged"] += report.purged
        self.counts["records_moved"] += report.moved
        self.check_live(now)
        for period in self.world.keystore.periods(live=True):
            for number in self.under[period.id]:
                at = due(self.lives[number], now)
                assert at is None or at > now, self.told(
                    number, now, "a live key opens a copy of it"
                )

    def noon(self, day: int) -> None:
        """Hear the day's words, page by page as they would come."""
        pages: dict[tuple[int, str], list[tuple[Word, Life]]] = defaultdict(list)
        for word, life in self.by_day.pop(day, []):
            pages[word.at, word.op].append((word, life))
        for (at, op), page in sorted(pages.items()):
            for start in range(0, len(page), PAGE):
                self.hear(at, op, page[start : start + PAGE])

    def hear(self, at: int, op: str, page: list[tuple[Word, Life]]) -> None:
        placed = self.world.vault.put(
            SELLER, [sighting(*one) for one in page], caller=APP, op=op, now=instant(at)
        )
        self.counts["words"] += len(page)
        for (_, life), record in zip(page, placed, strict=True):
            self.heard[life.number] = life
            self.by_number[record.number] = life

    def evening(self, day: int) -> None:
        """Attack every copy with the keystore as it was yesterday evening; then take today's copies."""
        now = day * DAY + 18 * HOUR
        yesterday = self.world.directory / "keystore-copy.db"
        if yesterday.exists():
            self.attack(yesterday, now - 1)
        backup(self.world.directory / "keys.db", yesterday)
        copy = self.world.directory / f"copy-{day}.db"
        backup(self.world.directory / "vault.db", copy)
        self.counts["copies"] += 1
        with closing(sqlite3.connect(copy)) as database:
            rows = database.execute(
                "SELECT record_number, period_id FROM record_key WHERE period_id IS NOT NULL"
            ).fetchall()
            untagged = database.execute(
                "SELECT count(*) FROM search_tag t JOIN record r ON r.number = t.record_number "
                "WHERE r.state != ?", (int(RecordState.LIVE),)
            ).fetchone()  # fmt: skip
        assert untagged == (0,)
        for number, period in rows:
            life = self.by_number.get(RecordNumber(number))
            if life is not None:
                self.under[PeriodId(period)].add(life.number)
        if day % self.keep_every == 0:
            self.kept[day] = copy
        else:
            copy.unlink()

    # -- what is looked at --------------------------------------------------------------------------------------------

    def check_live(self, now: int) -> None:
        numbers = list(self.by_number)
        with self.world.database.read() as tx:
            rows = {row.number: row for row in store.by_numbers(tx, numbers)}
        box = self.world.vault._box(SELLER)
        for number, life in self.by_number.items():
            row, at = rows[number], due(life, now)
            if at is not None and at <= now:
                assert row.blob is None, self.told(life.number, now, "still stored")
                assert row.state == RecordState.GONE
                continue
            assert row.state == RecordState.LIVE, self.told(life.number, now, "gone too early")
            slots = box.open(row, box.dek(row))
            assert slots[NAME] == life.name
            assert (gift_of(life) in slots.values()) == keeps_gift(life, now)
            self.counts["opened_in_time"] += 1
            if (life.number + now // DAY) % self.explain_every == 0 or at == now + DAY:
                self.check_explained(life, now, at)

    def check_explained(self, life: Life, now: int, at: int | None) -> None:
        if life.kind != "order":
            return
        found = self.dates.of(SELLER, life.id, instant(now))
        assert found is not None
        assert found.dating is not None
        assert found.dating.due_at == at, self.told(life.number, now, found.dating.words)
        assert found.due_at in (at, None)
        assert sum(fact.decides for fact in found.dating.facts) == 1
        assert life.name not in repr(found)
        if at == now + DAY:
            self.rules[found.dating.rule.id] += 1
        self.counts["explained"] += 1

    def attack(self, keys: Path, now: int) -> None:
        """Open what the keys of a keystore's copy open: a whole day later nothing may be past its thirty days."""
        with keystore_of(keys) as keystore:
            for period in keystore.periods(live=True):
                for number in self.under[period.id]:
                    life = self.lives[number]
                    assert is_lawful(life, now), self.told(number, now, "a kept keystore opens it")
            if self.kept:
                day = self.rng.choice(list(self.kept))
                wanted = self.rng.sample(list(self.by_number), min(50, len(self.by_number)))
                self.read_copy(self.kept[day], keystore, wanted, now)

    def read_copy(
        self, copy: Path, keystore: Keystore, wanted: list[RecordNumber], now: int
    ) -> None:
        """Open orders from an old copy for real; what must be gone does not open."""
        data = Database(f"sqlite:///{copy}")
        try:
            with data.read() as tx:
                rows = store.by_numbers(tx, wanted)
        finally:
            data.close()
        box = RecordBox(
            RecordSealer(Environment.TEST, SELLER),
            ValueSealer(Environment.TEST, SELLER),
            keystore,
            subject_key(bytes(32), SELLER),
        )
        for row in rows:
            if row.blob is None:
                continue
            life = self.by_number[row.number]
            try:
                slots = box.open(row, box.dek(row))
            except Gone:
                self.counts["refused_from_copies"] += 1
                continue
            assert is_lawful(life, now), self.told(life.number, now, f"{copy.name} shows it")
            if gift_of(life) in slots.values():
                lately = range(now - WINDOW, now + 1, DAY // 4)
                assert any(keeps_gift(life, at) for at in lately), self.told(
                    life.number, now, "its gift message is in a copy"
                )
            self.counts["opened_from_copies"] += 1

    def at_the_end(self) -> None:
        """Read every copy that was kept with every key that there still is: alive and of the last day's copy."""
        now = (FIRST + self.days - 1) * DAY + 18 * HOUR
        for keys in (self.world.directory / "keystore-copy.db", self.world.directory / "keys.db"):
            with keystore_of(keys) as keystore:
                for copy in self.kept.values():
                    self.read_copy(copy, keystore, list(self.by_number), now)

    def told(self, number: int, now: int, what: str) -> str:
        life = self.lives[number]
        words = [
            (w.at // DAY - FIRST, w.op, w.status.name, w.shipped, w.delivered) for w in life.words
        ]
        at = due(life, now)
        day = None if at is None else at / DAY - FIRST
        return (
            f"{what}: {life.plot} {life.number} on day {now / DAY - FIRST:.2f}, due {day}, {words}"
        )


def sighting(word: Word, life: Life) -> Sighting:
    """Return what a word's view shows of its order."""
    slots: dict[int | str, str] = {}
    orders = word.op.startswith("orders")
    if orders or life.kind != "order":
        slots = {NAME: life.name, EMAIL: f"b{life.number}@example.com"}
        if life.gift and orders:
            slots[GIFT] = gift_of(life)
    if life.kind != "order":
        facts = SightedFacts(word.status, purchased_at=word.delivered)
    else:
        bought = life.purchased if orders else 0
        facts = SightedFacts(word.status, bought, word.shipped, word.updated, word.delivered)
    return Sighting(life.kind, life.id, slots, facts)


def gift_of(life: Life) -> str:
    return f"Alles Gute {life.number}"


def keeps_gift(life: Life, now: int) -> bool:
    """Say whether an order's gift message has still to be packed, as heard by then."""
    if not life.gift or life.kind != "order":
        return False
    state, newest = Progress.UNKNOWN, 0
    shown = False
    for word in life.words:
        if word.at > now:
            break
        behind = bool(word.updated) and word.updated < newest
        newest = max(newest, word.updated)
        impossible = 0 < word.delivered < life.purchased
        if not (behind or impossible or state is Progress.DELIVERED):
            stronger = state is Progress.UNDELIVERED and word.status is Progress.SHIPPED
            state = state if stronger else word.status
        shown = (shown or word.op.startswith("orders")) and state not in HANDED_OVER
    return shown


def is_lawful(life: Life, now: int) -> bool:
    """Say whether whoever kept a copy of everything may still read an order."""
    at = due(life, now)
    return at is None or at > now or last_lawful(life, now) > now


def backup(source: Path, target: Path) -> None:
    """Copy a database as SQLite's own online backup does: consistent, whatever is being written."""
    with closing(sqlite3.connect(source)) as ours, closing(sqlite3.connect(target)) as theirs:
        ours.backup(theirs)


@contextmanager
def keystore_of(path: Path) -> Iterator[Keystore]:
    """Open a copy of the keystore as whoever has the root key, too."""
    database = Database(f"sqlite:///{path}")
    try:
        root = FileRoot("file:root.key", ROOT_KEY, Environment.TEST)
        keystore = Keystore(database, root, Environment.TEST, "home-1")
        keystore.open()
        yield keystore
    finally:
        database.close()


def watched(world: World, count: int, days: int, **every: int) -> Watched:
    """Have so many orders live, and print what was counted."""
    found = Watched(world, list(lives(count, FIRST, days, seed=6)), days, **every)
    found.live_through()
    found.at_the_end()
    counts = {"orders": count, "days": days, "plots": Counter(one.plot for one in found.lives)}
    line = {**counts, **found.counts, "decided_by": found.rules}
    sys.stdout.write(json.dumps(line, sort_keys=True) + "\n")
    return found


@pytest.mark.timeout(120)
def test_three_hundred_orders_are_gone_on_their_day_and_not_before(
    make_world: Callable[[str], World],
) -> None:
    found = watched(make_world("home"), 300, 90, keep_every=15, explain_every=15)
    assert found.counts["records_purged"] > 200
    assert found.counts["keys_replaced"] > 0
    assert {"carrier", "seen_undelivered", "shipped", "purchased"} <= set(found.rules)
    assert COPY_LIFETIME.total_seconds() == COPY


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_ten_thousand_orders_over_a_hundred_and_twenty_days(
    make_world: Callable[[str], World],
) -> None:
    found = watched(make_world("home"), 10_000, 120, keep_every=8, explain_every=3)
    assert found.counts["copies"] == 120
    assert found.counts["records_purged"] > 8_000
