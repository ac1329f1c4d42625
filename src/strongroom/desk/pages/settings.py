"""How this installation is set up, what the doctor says of it, what its listeners show; no secret [1.1, 2.5]."""

from strongroom.desk.exchange import ADMINISTERS, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms


def routes(rooms: Rooms) -> list[Route]:
    """Return the pages, for who administers."""
    pages = _SettingPages(rooms)
    return [
        Route("GET", "/settings", pages.show, needs=ADMINISTERS),
        Route("GET", "/settings/checks", pages.checks, needs=ADMINISTERS),
    ]


class _SettingPages:
    def __init__(self, rooms: Rooms) -> None:
        self._installation = rooms.installation

    def show(self, exchange: Exchange) -> Answer:
        found = self._installation
        return exchange.page(
            "settings.html",
            version=found.version,
            home_id=found.home_id,
            environment_name=found.environment,
            settings=found.settings(),
            listeners=sorted(found.listeners().items()),
            certificate=found.certificate(),
        )

    def checks(self, exchange: Exchange) -> Answer:
        """Run the doctor's checks; some of them take a moment."""
        found = self._installation.checks(exchange.now)
        order = {"failed": 0, "warning": 1}
        return exchange.page(
            "settings_checks.html", checks=sorted(found, key=lambda one: order.get(one.state, 2))
        )
