"""A deliberate look at what the vault keeps: by token, for a purpose, with a reason, by whom it should be [1.3, 2.6].

It goes through the vault's door as a call of the API does: grant, purpose, restriction and budget decide, the event is
durable first, a canary fires. The page is kept nowhere, carries the name of who looked, and empties itself. Nothing
keeps a person from copying what they see: the watermark says who it was.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from strongroom.desk.exchange import Answer, Exchange, Route
from strongroom.desk.once import Once
from strongroom.desk.rooms import Rooms
from strongroom.desk.typed import chosen
from strongroom.errors import Conflict, Denied, Gone, NotFound, StrongroomError
from strongroom.policy.catalogue.slots import FIXED
from strongroom.policy.grants import check_reason
from strongroom.policy.purposes import may_serve
from strongroom.terms import Action, Category, Purpose
from strongroom.vault import Revealed

SHOWN_FOR: Final = timedelta(minutes=2)

_TOKEN: Final = 200
_REASON: Final = 120
_CLEARED: Final = (b"clear-site-data", b'"cache"')
_FAULTS: Final = (Conflict, Denied, Gone, NotFound)

PURPOSES: Final = {
    Purpose.FULFILMENT: "To fulfil the order",
    Purpose.TAX: "To charge tax",
    Purpose.INVOICING: "To invoice",
    Purpose.SUBJECT_REQUEST: "To answer the person's own request",
    Purpose.INCIDENT: "To look into an incident",
    Purpose.AMAZON_REQUEST: "To answer Amazon",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """One value as the page shows it; it prints as its name."""

    slot: str
    category: str
    value: str = field(repr=False)


def routes(rooms: Rooms) -> list[Route]:
    """Return the page: for anybody signed on, as the vault decides by their grants."""
    pages = _RevealPages(rooms)
    return [
        Route("GET", "/reveal", pages.show),
        Route("POST", "/reveal", pages.reveal, proved="reveal"),
    ]


class _RevealPages:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._once = Once()

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def reveal(self, exchange: Exchange) -> Answer:
        """Show what stands behind a token. What was not asked for rightly is refused by the door, and recorded."""
        form, caller, now = exchange.form, exchange.person.caller, exchange.now
        if not self._once.take(form.text("mark"), exchange.person.id, now):
            raise Conflict("this form was used already", hint="load the page anew")
        if self._rooms.guard.is_locked(caller.principal, now):
            raise Denied("your account is locked")
        purpose = chosen(Purpose, form.text("purpose"), "what it is for")
        reason = check_reason(form.text("reason", longest=_REASON))
        why = self._rooms.audit.pseudonym("reason", reason)
        exchange.at_door = "desk.reveal"
        try:
            found = [self._one(exchange, form.word("value_of", longest=_TOKEN), purpose, why)]
            if form.text("all") == "yes":
                found += self._others(exchange, found[0], purpose, why)
        except _FAULTS as exc:
            return self._page(exchange, exc)
        answer = exchange.page(
            "revealed.html",
            seen=[_Seen(one.slot, one.category.value, str(one.value.unwrap())) for one in found],
            record=found[0].record,
            seller=self._rooms.sellers.names()[found[0].seller],
            purpose=PURPOSES[purpose],
            seconds=int(SHOWN_FOR.total_seconds()),
        )
        return replace(answer, headers=(*answer.headers, _CLEARED))

    def _one(self, exchange: Exchange, token: str, purpose: Purpose, why: str) -> Revealed:
        found = self._rooms.vault.reveal(
            exchange.person.caller,
            token,
            purpose=purpose,
            now=exchange.now,
            alone=False,
            req=exchange.request_id,
            why=why,
        )
        exchange.opened.add(found.record)
        return found

    def _others(
        self, exchange: Exchange, first: Revealed, purpose: Purpose, why: str
    ) -> list[Revealed]:
        """Return the rest of that record that grants for this purpose cover, each through the door by itself."""
        caller, now = exchange.person.caller, exchange.now
        covered = self._covered(exchange, purpose, first)
        wanted = {
            spec.name
            for spec in FIXED.values()
            if spec.category in covered and may_serve(purpose, spec.category, spec.subject)
        }
        told = self._rooms.vault.describe(caller, first.record, now=now, req=exchange.request_id)
        tokens = [t for slot, t in sorted(told.tokens.items()) if slot in wanted]
        return [
            self._one(exchange, token, purpose, why) for token in tokens if token != first.token
        ]

    def _covered(
        self, exchange: Exchange, purpose: Purpose, first: Revealed
    ) -> frozenset[Category]:
        """Return the categories for which somebody who asks holds a grant: the door decides, here nobody is refused."""
        rows = self._rooms.grants.all(exchange.person.caller.principal)
        return frozenset(
            category
            for row in rows
            if row.state(exchange.now) == "active"
            and row.grant.action is Action.REVEAL
            and row.grant.purpose is purpose
            and (row.grant.sellers is None or first.seller in row.grant.sellers)
            for category in row.grant.categories
        )

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        now, principal = exchange.now, exchange.person.caller.principal
        held = {
            row.grant.purpose
            for row in self._rooms.grants.all(principal)
            if row.state(now) == "active" and row.grant.action is Action.REVEAL
        }
        return exchange.form_page(
            "reveal.html",
            exc,
            purposes={one: words for one, words in PURPOSES.items() if one in held},
            mark=self._once.give(exchange.person.id, now),
            proved=exchange.person.proved_lately(now),
            minutes=int(SHOWN_FOR.total_seconds() // 60),
        )
