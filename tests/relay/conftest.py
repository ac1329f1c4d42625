"""The relay behind the API, with a carrier over real TLS: one app may use the first selling partner's data there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.api.conftest import App, Door, MakeDoor, Response, make_door
from tests.support.carrier import Carrier
from tests.vault.conftest import CITY, CONSOLE, EMAIL, LINE_1, NAME, NOW, PHONE, make_world

from strongroom.feeds.parties import Party
from strongroom.feeds.targets import Role
from strongroom.terms import Action, Category, Purpose, SellerId

__all__ = ["make_door", "make_world"]

VALUES = {
    NAME: 'Jürgen <Groß> & "Söhne"',
    LINE_1: "Hauptstraße 5 'Hof'",
    CITY: "Köln",
    PHONE: "+49 221 4710815",
    EMAIL: "juergen.gross@mail.example",
}
PLAIN = {
    NAME: "Jürgen Groß",
    LINE_1: "Hauptstraße 5",
    CITY: "Köln",
    PHONE: "+49 221 4710815",
    EMAIL: "juergen.gross@mail.example",
}


@dataclass
class Depot:
    """A door, an app with a grant to relay, a destination `parcels`, and two orders."""

    door: Door
    app: App
    carrier: Carrier
    plain: dict[int, str]
    """Tokens of an order whose values are plain."""
    odd: dict[int, str]
    """Tokens of one whose values have every character that ends something."""
    bearer: str = field(default="", repr=False)

    def post(
        self,
        body: bytes,
        kind: str = "application/json",
        *,
        path: str = "labels",
        to: str = "parcels",
        **headers: str,
    ) -> Response:
        """Send a body through the relay."""
        given = {
            "authorization": self.bearer,
            "content-type": kind,
            "x-strongroom-purpose": "fulfilment",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.door.call("POST", f"/v1/relay/{to}/{path}", given, body)

    def party(self, **changes: Any) -> Party:
        """Describe the carrier as it is trusted here."""
        party = Party(
            "localhost",
            self.carrier.port,
            "/v2",
            (Category.NAME, Category.ADDRESS, Category.PHONE, Category.EMAIL),
            (Purpose.FULFILMENT,),
            (SellerId(1),),
            ca=self.carrier.ca,
            networks=("127.0.0.0/8", "::1/128"),
            per_minute=6000,
        )
        return replace(party, **changes)

    def add(self, name: str, **changes: Any) -> None:
        """Add a destination that differs in something."""
        self.door.targets.request_add(Role.PARTY, name, self.party(**changes), CONSOLE, NOW)

    def last(self) -> dict[str, Any]:
        """Return the newest entry of the log."""
        body: dict[str, Any] = list(self.door.world.audit.events())[-1].body
        return body

    def since(self, count: int) -> list[tuple[str, str, str | None]]:
        """Return what was recorded after so many entries."""
        return self.door.world.events()[count:]

    def count(self) -> int:
        """Return how many entries there are."""
        return len(self.door.world.events())


@pytest.fixture(scope="session")
def served_carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    with Carrier(tmp_path_factory.mktemp("carrier")) as carrier:
        yield carrier


@pytest.fixture
def depot(make_door: MakeDoor, served_carrier: Carrier) -> Depot:
    served_carrier.reset()
    door = make_door()
    app = door.add_app("shipping")
    categories = frozenset({Category.NAME, Category.ADDRESS, Category.PHONE, Category.EMAIL})
    door.grant(app, Action.RELAY, categories=categories)
    made = Depot(
        door,
        app,
        served_carrier,
        door.put("902-1000001-0000001", slots=PLAIN),
        door.put("902-1000002-0000002", slots=VALUES),
    )
    made.add("parcels")
    made.bearer = f"Bearer {door.token(app)}"
    return made
