"""A sync over a real gateway and vault, with the simulator as Amazon; pauses are noted, not waited."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.gateway.inside import Inside
from strongroom.simulator import Simulator
from strongroom.sync import Run, Sync, Wanted
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
    )
    return Pulling(door, simulator, shop.app, shop.other, sync)
