"""The review of who has access, every 90 days: what each grant allows, what was really read, and a decision [1.2].

Nobody decides about access of their own, except to give it up. A row that nobody decides about counts no more from day
91: leaving it is a decision too, and the page says so.
"""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from strongroom.compliance import Campaign, Item, Narrowing
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.paging import PAGING, cursor_of, slice_of
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import chosen
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError, Tampered
from strongroom.policy.limits import REVIEW_EVERY
from strongroom.policy.reviews import Verdict
from strongroom.terms import Category

_PAGE: Final = 25
_FAULTS: Final = (Conflict, Denied, Malformed, NotFound, Tampered)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS: Final = (
    "item", "grant", "principal", "kind", "owner", "action", "purpose", "categories", "sellers",
    "marks", "reads", "last_read_at", "due_at", "decision", "decided_by", "decided_at",
)  # fmt: skip


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, one campaign, and what is decided; all of it is for who oversees."""
    pages = _ReviewPages(rooms)
    one = "/reviews/{id}"
    return [
        Route("GET", "/reviews", pages.show_all, needs=OVERSEES),
        Route("POST", "/reviews", pages.start, needs=OVERSEES),
        Route("GET", one, pages.show, needs=OVERSEES, query=PAGING),
        Route("GET", f"{one}/all", pages.show_every, needs=OVERSEES, query=PAGING),
        Route("GET", f"{one}/csv", pages.table, needs=OVERSEES),
        Route("POST", f"{one}/decide", pages.decide, needs=OVERSEES, proved="reviews/{id}"),
        Route("POST", f"{one}/close", pages.close, needs=OVERSEES, proved="reviews/{id}"),
    ]


class _ReviewPages:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def show_all(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def start(self, exchange: Exchange) -> Answer:
        try:
            made = self._rooms.reviews.start(exchange.person.caller, exchange.now)
        except _FAULTS as exc:
            return self._list(exchange, exc)
        return exchange.go(f"/reviews/{made.id}", Said.REVIEW_STARTED)

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def show_every(self, exchange: Exchange) -> Answer:
        return self._page(exchange, every=True)

    def decide(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            item = form.word("item")
            if not item.isdigit():
                raise NotFound("there is no such item")
            verdict = chosen(Verdict, form.text("verdict"), "what becomes of it")
            days, budget = _number(form.word("days")), _number(form.word("budget"))
            lifetime = None if days is None else timedelta(days=days)
            kinds = frozenset(one for one in Category if form.text(f"category-{one.value}"))
            narrowing = Narrowing(kinds or None, None, budget, lifetime)
            self._rooms.reviews.decide(
                exchange.person.caller,
                int(item),
                verdict,
                exchange.now,
                lifetime=lifetime if verdict is Verdict.KEEP else None,
                narrowing=narrowing if verdict is Verdict.CHANGE else None,
            )

        return self._acted(exchange, act, Said.REVIEW_DECIDED)

    def close(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._rooms.reviews.close(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.REVIEW_CLOSED)

    def table(self, exchange: Exchange) -> Answer:
        """Return the population with what was decided, for other programs."""
        _campaign, items = self._rooms.reviews.show(exchange.id)
        name = self._rooms.accounts.name_of
        target = io.StringIO(newline="")
        writer = csv.writer(target)
        writer.writerow(_COLUMNS)
        for one in items:
            terms = one.content["terms"]
            writer.writerow(
                _cell(part)
                for part in (
                    one.id, one.grant.grant.id, one.content["principal"], one.content["kind"],
                    one.content["owner"], terms["action"], terms["purpose"],
                    " ".join(terms["categories"]),
                    "every" if terms["sellers"] is None else " ".join(map(str, terms["sellers"])),
                    " ".join(one.marks), one.reads, one.last_read_at, one.due_at,
                    None if one.decision is None else one.decision.value,
                    None if one.decided_by is None else name(one.decided_by), one.decided_at,
                )
            )  # fmt: skip
        content = target.getvalue().encode()
        return exchange.file(f"review-{exchange.id}.csv", "text/csv; charset=utf-8", content)

    # -- private ---------------------------------------------------------------------------------------------------

    def _acted(self, exchange: Exchange, act: Callable[[], None], said: Said) -> Answer:
        try:
            act()
        except _FAULTS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/reviews/{exchange.id}", said)

    def _list(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        found = self._rooms.reviews.all()
        last = found[-1] if found else None
        return exchange.form_page(
            "reviews.html",
            exc,
            open=last if last is not None and last.closed_at is None else None,
            closed=[one for one in reversed(found) if one.closed_at is not None][:50],
            due_at=None if last is None else last.started_at + REVIEW_EVERY,
            last=last,
            glass=self._rooms.reviews.broken_glass(),
            name=self._rooms.accounts.name_of,
        )

    def _page(
        self, exchange: Exchange, exc: StrongroomError | None = None, *, every: bool = False
    ) -> Answer:
        cursor = cursor_of(exchange.query)
        campaign, items, counts = self._rooms.reviews.part(
            exchange.id, waiting=not every, before=cursor.before, after=cursor.after, most=_PAGE + 1
        )
        slice_ = slice_of(items, cursor, lambda one: one.id, _PAGE)
        return exchange.form_page(
            "review.html",
            exc,
            campaign=campaign,
            rows=[(one, self._own(exchange, one)) for one in slice_.rows],
            slice=slice_,
            here=f"/reviews/{campaign.id}/all" if every else f"/reviews/{campaign.id}",
            every=every,
            counts=counts,
            waiting=counts.get("", 0),
            days_left=_days_left(campaign, exchange),
            sellers=self._rooms.sellers.names(),
            name=self._rooms.accounts.name_of,
            proved=exchange.person.proved_lately(exchange.now),
        )

    def _own(self, exchange: Exchange, item: Item) -> bool:
        """Say whether it is access of whoever looks; the room asks again."""
        mine = {item.content["principal"], item.content["owner"]}
        return exchange.person.caller.name in mine and not self._rooms.grants.one_person


def _days_left(campaign: Campaign, exchange: Exchange) -> int:
    return (campaign.started_at + REVIEW_EVERY - exchange.now).days


def _number(text: str) -> int | None:
    """Return a number; None for nothing typed. Raises: Malformed."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:  # noqa: PLR2004 - as a column holds
        raise Malformed("days and budgets are whole numbers")
    return int(text)


def _cell(part: object) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = "" if part is None else str(part)
    return f"'{text}" if text.startswith(_FORMULA) else text
