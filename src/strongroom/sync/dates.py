"""Looks by itself at how far orders are, for each selling partner with a refresh token: no date needs an app [2.1].

It asks through the gateway as this house, which holds no grant and can reveal nothing: held to the usage plans, sealed
and recorded as any call, and for dates alone, never for buyers or recipients. Each run is bounded and keeps its place.
"""

from typing import Any, Final

from strongroom.errors import Denied, Malformed, NotFound, StrongroomError, Unavailable
from strongroom.gateway.inside import Line, Standing
from strongroom.policy.sighting import Sighting
from strongroom.sync.admission import Admitted
from strongroom.sync.asking import Asker
from strongroom.sync.orders import OrdersPull
from strongroom.sync.parcels import ToAsk, arrival, to_ask
from strongroom.sync.runs import Sync
from strongroom.sync.told import Run, State
from strongroom.terms import SYSTEM, SellerId
from strongroom.vault.sellers import Seller

CHANGED: Final = "dates"
STILL_OPEN: Final = "dates.open"
MOST_PAGES: Final = 40
"""Of one run: a page is a hundred orders, and Amazon's plan gives twenty at once and then one in three minutes."""

MOST_ASKED: Final = 100
"""Carriers asked in one run."""

TRACKING: Final = "shippingV2.getTracking"
_TRACKING_PATH: Final = "/shipping/v2/tracking"
_EASY_SHIP_PATH: Final = "/easyShip/2022-03-23/package"


class Dates:
    """The house's own looks. One at a time for each selling partner; safe between threads."""

    def __init__(self, sync: Sync, app: str = "") -> None:
        """Look through these syncs; carriers that want a tracking number are asked as `app`, under its grant."""
        self._sync = sync
        self._app = app

    def look(self) -> list[Run]:
        """Look at the orders that changed and at those still open; return how each run ended.

        Raises:
            Unavailable: one did not come to its end for another reason than that Amazon refuses it; the next goes on.

        """
        runs: list[Run] = []
        with self._sync.inside.opened() as line:
            for seller in self._sync.sellers.all():
                if seller.credentials.refresh_token:
                    runs += [self._one(line, seller, stream) for stream in (CHANGED, STILL_OPEN)]
        failed = [run for run in runs if run.state is State.FAILED]
        if failed:
            raise Unavailable(f"{len(failed)} of {len(runs)} looks at dates did not come to an end")
        return runs

    def _one(self, line: Line, seller: Seller, stream: str) -> Run:
        run, sync = Run(seller.name, stream), self._sync

        def work(admitted: Admitted) -> None:
            waiting: list[ToAsk] = []
            pull = OrdersPull(
                self._asker(line, admitted.standing),
                sync.checkpoints,
                seller,
                admitted.categories,
                run,
                open_only=stream == STILL_OPEN,
                seen=lambda orders: waiting.extend(to_ask(orders)),
            )
            place = pull.begin(None, sync.clock())
            while place.under_way and run.pages < MOST_PAGES:
                sync.pause(0)
                place = pull.page(place, sync.clock())
            self._ask_carriers(line, admitted, waiting, run)

        sync.admitted(
            run, seller.id, lambda op, req: sync.admission.house(seller.id, op, req), work
        )
        return run

    def _asker(self, line: Line, standing: Standing) -> Asker:
        return Asker(line, standing, lambda: None, self._sync.pause)

    def _ask_carriers(self, line: Line, admitted: Admitted, waiting: list[ToAsk], run: Run) -> None:
        seller = admitted.standing.seller
        house = self._asker(line, admitted.standing)
        standing = self._app_standing(seller)
        app = None if standing is None else self._asker(line, standing)
        for wanted in waiting[:MOST_ASKED]:
            self._sync.pause(0)
            try:
                if wanted.easy_ship:
                    # Its answer is the order's own view: the gateway learns what it says.
                    house.get(
                        _EASY_SHIP_PATH,
                        amazonOrderId=wanted.order,
                        marketplaceId=wanted.marketplace,
                    )
                    run.count("asked")
                if wanted.parcels and app is not None:
                    self._follow(app, seller, wanted)
                    run.count("asked")
            except (Denied, Malformed, NotFound):
                # No role, no grant, or a parcel that nobody knows: its order's other facts date it.
                run.count("unanswered")

    def _follow(self, app: Asker, seller: SellerId, wanted: ToAsk) -> None:
        """Learn when an order's parcels arrived, once all of them have."""
        told = [
            _payload(app.get(_TRACKING_PATH, trackingId=p.tracking, carrierId=p.carrier))
            for p in wanted.parcels
        ]
        facts = arrival(told)
        if facts is not None:
            self._sync.vault.put(
                seller,
                [Sighting("order", wanted.order, {}, facts)],
                caller=SYSTEM,
                op=TRACKING,
                now=self._sync.clock(),
            )

    def _app_standing(self, seller: SellerId) -> Standing | None:
        if not self._app:
            return None
        try:
            return self._sync.admission.standing(self._app, seller)
        except StrongroomError:
            return None


def _payload(answer: Any) -> Any:  # noqa: ANN401 - any JSON
    return answer.get("payload") if isinstance(answer, dict) else None
