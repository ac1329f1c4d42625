"""Pulls orders by when Amazon last changed them, page by page (Orders API 2026-01-01).

Each page is sealed by the gateway before it is seen here; then its checkpoint is kept. Of its open orders, a second
pass asks whether they still are: what nobody looks at gets its date from the last time somebody did [2.1].
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from strongroom.errors import Malformed, Unavailable
from strongroom.policy.limits import RETENTION_AFTER_DELIVERY
from strongroom.sync.asking import Asker
from strongroom.sync.checkpoints import Checkpoint, Checkpoints
from strongroom.sync.files import Folder
from strongroom.sync.told import Run
from strongroom.terms import Category
from strongroom.vault.sellers import Seller

PATH: Final = "/orders/2026-01-01/orders"
ORDERS: Final = "orders"
OPEN_ORDERS: Final = "orders.open"

FIRST_PULL: Final = RETENTION_AFTER_DELIVERY
"""How far back a first pull goes: what was delivered before is past its day."""

OPEN_FOR: Final = timedelta(days=90)
"""How long ago an order that is still open may have been made."""

SETTLING: Final = timedelta(minutes=3)
"""Windows end so long before the present: Amazon's two minutes, and one in which clocks may differ."""

FIRST_WINDOW: Final = FIRST_PULL - SETTLING

_OVERLAP: Final = timedelta(seconds=1)
_PER_PAGE: Final = "100"
_MOST_PAGES: Final = 50_000
_OPEN: Final = "PENDING_AVAILABILITY,PENDING,UNSHIPPED,PARTIALLY_SHIPPED"
_DATES: Final = ("FULFILLMENT", "PACKAGES")


@dataclass(slots=True)
class OrdersPull:
    """One selling partner's pull."""

    asker: Asker
    checkpoints: Checkpoints
    seller: Seller
    categories: frozenset[Category]
    run: Run
    out: Folder | None = None
    open_only: bool = False
    seen: Callable[[list[Any]], None] | None = None
    """Hears of each page's orders."""

    def begin(self, since: datetime | None, now: datetime) -> Checkpoint:
        """Return the window to pull: the one that was begun, unless `since` names another, or the next."""
        known = self.checkpoints.of(self.seller.id, self.run.stream)
        if known.under_way and since is None:
            self.run.resumed = True
            return known
        if since is not None:
            known.refuse_narrower(since)
        until = now - SETTLING
        if self.open_only:
            since = now - OPEN_FOR
        elif since is None and known.covered_until is not None:
            since = known.covered_until - _OVERLAP
        since = since or now - FIRST_PULL
        if since >= until:
            raise Malformed("the window to pull is empty", hint="it ends three minutes ago")
        place = Checkpoint(known.covered_until, since, until)
        self.checkpoints.put(self.seller.id, self.run.stream, place, now)
        return place

    def page(self, place: Checkpoint, now: datetime) -> Checkpoint:
        """Pull the next page of a window and return where that leads; a window that ended has no `until`.

        Raises:
            Unavailable: the answer is not one.
            Malformed: Amazon refuses a place in its list again, after the window was begun anew.
            StrongroomError: as the asker.

        """
        try:
            found = self.asker.get(PATH, **self._query(place))
        except Malformed:
            if place.cursor is None or self.run.restarted:
                raise
            # Amazon's places in lists live for a day, and ours are bound to the app that asked.
            self.run.restarted = True
            return self._keep(replace(place, cursor=None, pages=0), now)
        orders = found.get("orders") if isinstance(found, dict) else None
        if not isinstance(orders, list):
            raise Unavailable("the answer has no orders in it")
        if self.out is not None and orders:
            self.out.write(self._name(place), orjson.dumps({"orders": orders}))
        if self.seen is not None:
            self.seen(orders)
        self.run.seen += len(orders)
        self.run.pages += 1
        cursor = _cursor(found)
        if cursor is not None and place.pages >= _MOST_PAGES:
            raise Unavailable("the list does not end")
        if cursor is None:
            ended = Checkpoint(place.covered_until) if self.open_only else place.ended(FIRST_WINDOW)
            return self._keep(ended, now)
        return self._keep(replace(place, cursor=cursor, pages=place.pages + 1), now)

    def _keep(self, place: Checkpoint, now: datetime) -> Checkpoint:
        self.checkpoints.put(self.seller.id, self.run.stream, place, now)
        return place

    def _query(self, place: Checkpoint) -> dict[str, str]:
        since, until = place.since, place.until
        if since is None or until is None:
            raise Unavailable("there is no window to pull")
        asked = {
            "marketplaceIds": ",".join(self.seller.marketplaces),
            "includedData": ",".join(self._datasets()),
            "maxResultsPerPage": _PER_PAGE,
        }
        if self.open_only:
            asked |= {"createdAfter": _instant(since), "createdBefore": _instant(until)}
            asked["fulfillmentStatuses"] = _OPEN
        else:
            asked |= {"lastUpdatedAfter": _instant(since), "lastUpdatedBefore": _instant(until)}
        if place.cursor is not None:
            asked["paginationToken"] = place.cursor
        return asked

    def _datasets(self) -> list[str]:
        """Return what to ask for: dates always, and of personal data no more than the grant names [1.3]."""
        wanted = list(_DATES)
        if self.open_only:
            return wanted
        if self.categories & {Category.NAME, Category.EMAIL, Category.TAX_ID}:
            wanted.append("BUYER")
        if Category.ADDRESS in self.categories:
            wanted.append("RECIPIENT")
        return sorted(wanted)

    def _name(self, place: Checkpoint) -> str:
        until = "" if place.until is None else place.until.strftime("%Y%m%dT%H%M%SZ")
        return f"{self.run.stream}-{self.seller.name}-{until}-{place.pages:05d}.json"


def _cursor(found: dict[str, Any]) -> str | None:
    pagination = found.get("pagination")
    cursor = pagination.get("nextToken") if isinstance(pagination, dict) else None
    return cursor if isinstance(cursor, str) and cursor else None


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
