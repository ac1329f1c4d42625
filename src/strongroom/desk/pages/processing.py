"""The record of processing, its confirmation, and how data flows, drawn from real traffic [2.2]."""

from strongroom.compliance.processing import Party, as_csv, as_parts
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, StrongroomError
from strongroom.paper import draw_statement


def routes(rooms: Rooms) -> list[Route]:
    """Return the page, its two files, and the confirmation."""
    pages = _ProcessingPages(rooms)
    return [
        Route("GET", "/processing", pages.show, needs=OVERSEES),
        Route("GET", "/processing/all", pages.show_all, needs=OVERSEES),
        Route("GET", "/processing/csv", pages.csv, needs=OVERSEES),
        Route("GET", "/processing/pdf", pages.pdf, needs=OVERSEES),
        Route("POST", "/processing/confirm", pages.confirm, needs=OVERSEES, proved="processing"),
    ]


class _ProcessingPages:
    def __init__(self, rooms: Rooms) -> None:
        self._processing = rooms.compliance.processing
        self._offices = rooms.compliance.offices
        self._at_once = rooms.compliance.at_once
        self._accounts = rooms.accounts
        self._sellers = rooms.sellers

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def show_all(self, exchange: Exchange) -> Answer:
        return self._page(exchange, every=True)

    def csv(self, exchange: Exchange) -> Answer:
        found = self._processing.record(exchange.now)
        return _file(as_csv(found.rows), "text/csv; charset=utf-8", "csv")

    def pdf(self, exchange: Exchange) -> Answer:
        found = self._processing.record(exchange.now)
        parts = as_parts(found.rows, found.digest)
        drawn = draw_statement("Record of processing", parts, exchange.now)
        return _file(drawn.content, "application/pdf", "pdf")

    def confirm(self, exchange: Exchange) -> Answer:
        digest = exchange.form.word("digest")
        try:
            self._processing.confirm(digest, exchange.person.caller, exchange.now)
        except (Conflict, Denied) as exc:
            return self._page(exchange, exc)
        return exchange.go("/processing", Said.PROCESSING_CONFIRMED)

    def _page(
        self, exchange: Exchange, exc: StrongroomError | None = None, *, every: bool = False
    ) -> Answer:
        with self._at_once():
            return self._shown(exchange, exc, every=every)

    def _shown(self, exchange: Exchange, exc: StrongroomError | None, *, every: bool) -> Answer:
        now = exchange.now
        found = self._processing.record(now)
        by = None if found.confirmed is None else found.confirmed.by
        stores = [
            Party("store", "Backups", "sealed, without keys"),
            Party("store", "Archive", "sealed offline, for a law"),
        ]
        return exchange.form_page(
            "processing.html",
            exc,
            record=found,
            rows=[row for row in found.rows if every or row.is_seen],
            seen=sum(row.is_seen for row in found.rows),
            every=every,
            by=None if by is None else self._accounts.name_of(by),
            due_at=self._processing.confirm_by(now),
            drawing=self._processing.drawing(now, len(self._sellers.all()), stores),
            proved=exchange.person.proved_lately(now),
            may=exchange.person.caller.principal in self._processing.owners(now),
        )


def _file(content: bytes, media_type: str, suffix: str) -> Answer:
    disposition = f'attachment; filename="record-of-processing.{suffix}"'.encode("ascii")
    return Answer(200, content, media_type, ((b"content-disposition", disposition),))
