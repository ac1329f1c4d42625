"""Keys and retention at a glance: what is destroyed when, what is late, which keys there are and how old [2.1, 2.4].

Nothing here opens a value. An order id is typed into a form and stands in no address; it is not shown again.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from strongroom.audit import EventType
from strongroom.compliance.key_ages import LIFETIMES, USES, in_use_since
from strongroom.desk.charts import Bars, Columns, Point, bars, columns
from strongroom.desk.clocks import Clock, clock
from strongroom.desk.counted import Counting
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.errors import Malformed, NotFound, StrongroomError
from strongroom.policy.dating import PARTS
from strongroom.terms import PeriodId, SellerId
from strongroom.vault.dates import Dated
from strongroom.vault.keystore import PeriodKind, PeriodRow

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: Final = 31
_MOST_SELLERS: Final = 20
_MOST_ROWS: Final = 50
_ORDER: Final = 64


def routes(rooms: Rooms) -> list[Route]:
    """Return the page and its question about one order; both are for who oversees."""
    pages = _RetentionPages(rooms)
    return [
        Route("GET", "/retention", pages.show, needs=OVERSEES),
        Route("POST", "/retention", pages.ask, needs=OVERSEES),
    ]


class _RetentionPages:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._counts = Counting(self._count)

    def _count(self) -> dict[PeriodId, int]:
        return self._rooms.dates.per_period()

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def ask(self, exchange: Exchange) -> Answer:
        """Say how one order is dated, and why."""
        form = exchange.form
        try:
            seller = self._rooms.sellers.by_name(form.text("seller"))
            order = form.word("order", longest=_ORDER)
            if not order:
                raise Malformed("type an order id")  # noqa: TRY301 - as the room would
            found = self._rooms.dates.of(seller.id, order, exchange.now)
            if found is None:
                raise NotFound("no such order is known for this seller")  # noqa: TRY301 - as above
        except (Malformed, NotFound) as exc:
            return self._page(exchange, exc)
        return self._page(exchange, dated=found)

    def _page(
        self,
        exchange: Exchange,
        exc: StrongroomError | None = None,
        dated: Dated | None = None,
    ) -> Answer:
        rooms, now = self._rooms, exchange.now
        live = rooms.keystore.periods(live=True)
        swept = rooms.audit.latest(EventType.RETENTION_SWEEP_FINISHED)
        inventory = rooms.keystore.inventory()
        archives = rooms.vault.archive
        names = rooms.sellers.names()
        return exchange.form_page(
            "retention.html",
            exc,
            standing=rooms.dates.standing(now),
            swept_at=None if swept is None or not swept.body else _at(swept.body["t"]),
            withheld=rooms.vault.withheld(),
            counted=self._counts.now(now),
            by_day=self._by_day(live, now),
            by_seller=_by_seller(live, names),
            keys=self._keys(now),
            root=inventory.root,
            roots=len(inventory.roots),
            rotations=list(rooms.audit.of_types([EventType.KEY_ROTATED]))[-5:],
            copies=rooms.copies.listed(),
            longest=int(rooms.copies.lifetime.total_seconds() // 3600),
            backups=rooms.backups.listed()[:10],
            holds=archives.holds.in_effect(now)[:_MOST_ROWS],
            archives=[one for one in archives.files() if one.destroyed_at is None][:_MOST_ROWS],
            archive_faults=archives.standing(now).faults(),
            sellers=rooms.sellers.all(),
            names=names,
            seller=exchange.form.text("seller"),
            dated=dated,
            due=None if dated is None or not dated.due_at else _seconds(dated.due_at),
            parts=[part.says for part in PARTS],
            seconds=_seconds,
        )

    def _by_day(self, live: list[PeriodRow], now: datetime) -> Columns | None:
        """Return how many records are destroyed on each of the next days; None while they are counted."""
        counted = self._counts.now(now)
        if counted is None:
            return None
        today = (now - _EPOCH).days
        days: Counter[int] = Counter()
        for period in live:
            if period.kind is PeriodKind.DAY:
                days[max(period.day, today)] += counted.found.get(period.id, 0)
        points = [
            Point(f"{_EPOCH + timedelta(days=day):%d %b}", days[day])
            for day in range(today, today + _DAYS + 1)
        ]
        total = sum(point.value for point in points)
        most = max(points, key=lambda point: point.value)
        about = f"{total:,} records in the next {_DAYS} days, most on {most.label}: {most.value:,}."
        return columns("Records by the day they are destroyed", about, "records", points)

    def _keys(self, now: datetime) -> list[tuple[str, str, datetime, Clock]]:
        found = []
        for name, lifetime in LIFETIMES.items():
            since = in_use_since(self._rooms.keystore, self._rooms.audit, name)
            due = since + lifetime
            found.append((name, USES[name], since, clock(f"{name} key", since, due, now, None)))
        return found


def _by_seller(live: list[PeriodRow], names: Mapping[SellerId, str]) -> Bars:
    """Return how many live period keys each selling partner has."""
    counts = Counter(period.seller for period in live)
    points = [
        Point(names.get(seller, str(seller)), count)
        for seller, count in counts.most_common(_MOST_SELLERS)
    ]
    about = f"{len(live)} keys of {len(counts)} selling partners."
    return bars("Live period keys by selling partner", about, "keys", points)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _seconds(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
