"""From where listeners and principals may be reached, and the second person's word on each change [1.1]."""

from strongroom.desk.exchange import ADMINISTERS, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError
from strongroom.policy.network import LISTENERS, NetworkScope

_TEXT = 64


def routes(rooms: Rooms) -> list[Route]:
    """Return the lists and what changes them; all of it is for who may administer."""
    pages = _NetworkPages(rooms)
    return [
        Route("GET", "/network", pages.show, needs=ADMINISTERS),
        *(
            Route("POST", path, handler, needs=ADMINISTERS, proved="network")
            for path, handler in (
                ("/network", pages.ask),
                ("/network/{id}/approve", pages.approve),
                ("/network/{id}/reject", pages.reject),
                ("/network/{id}/remove", pages.remove),
            )
        ),
    ]


class _NetworkPages:
    def __init__(self, rooms: Rooms) -> None:
        self._networks = rooms.networks
        self._accounts = rooms.accounts

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def ask(self, exchange: Exchange) -> Answer:
        """Ask for a line: the form's `where` is a listener, or says that `principal` names whom it is for."""
        form, who, now = exchange.form, exchange.person.caller, exchange.now
        where = form.text("where")
        scope = NetworkScope.LISTENER if where in LISTENERS else NetworkScope.PRINCIPAL
        target = where if where in LISTENERS else form.word("principal", longest=_TEXT)
        cidr = form.word("cidr", longest=_TEXT)
        try:
            row = self._networks.request_add(scope, target, cidr, who, now)
        except (Malformed, NotFound, Conflict, Denied) as exc:
            return self._page(exchange, exc)
        said = Said.NETWORK_ASKED if row.state == "pending" else Said.NETWORK_APPROVED
        return exchange.go("/network", said)

    def remove(self, exchange: Exchange) -> Answer:
        try:
            row = self._networks.request_removal(exchange.id, exchange.person.caller, exchange.now)
        except (Conflict, Denied) as exc:
            return self._page(exchange, exc)
        said = Said.NETWORK_ASKED if row.in_effect else Said.NETWORK_APPROVED
        return exchange.go("/network", said)

    def approve(self, exchange: Exchange) -> Answer:
        try:
            self._networks.approve(exchange.id, exchange.person.caller, exchange.now)
        except (Conflict, Denied) as exc:
            return self._page(exchange, exc)
        return exchange.go("/network", Said.NETWORK_APPROVED)

    def reject(self, exchange: Exchange) -> Answer:
        try:
            self._networks.reject(exchange.id, exchange.person.caller, exchange.now)
        except (Conflict, Denied) as exc:
            return self._page(exchange, exc)
        return exchange.go("/network", Said.NETWORK_REJECTED)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        rows = self._networks.listed()
        people = {id_ for row in rows for id_ in (row.requested_by, row.removal_by) if id_}
        return exchange.form_page(
            "network.html",
            exc,
            waiting=[row for row in rows if row.state in ("pending", "leaving")],
            active=[row for row in rows if row.in_effect],
            names={id_: self._accounts.name_of(id_) for id_ in people},
            listeners=LISTENERS,
            where=exchange.form.text("where") or "desk",
            principal=exchange.form.text("principal"),
            cidr=exchange.form.text("cidr"),
            proved=exchange.person.proved_lately(exchange.now),
        )
