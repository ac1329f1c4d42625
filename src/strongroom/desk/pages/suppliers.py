"""Suppliers and facilities: the register, one of them with its contract and assessments [3]."""

from collections.abc import Callable
from typing import Final

from strongroom.assurance.suppliers import Role
from strongroom.assurance.suppliers.overseeing import AUDITABLE
from strongroom.assurance.suppliers.suppliers import LONGEST_NAME, LONGEST_TEXT
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import chosen, number
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError

_FAULTS: Final = (Conflict, Denied, Malformed, NotFound)
_TEXTS: Final = ("name", "does", "countries", "destinations", "role")


def routes(rooms: Rooms) -> list[Route]:
    """Return the register, one entry, and each step of it."""
    pages = _SupplierPages(rooms)
    one = "/suppliers/{id}"
    steps = (("change", pages.change), ("contract", pages.contract), ("assess", pages.assess))
    return [
        Route("GET", "/suppliers", pages.listed, needs=OVERSEES, for_auditors=True),
        Route("POST", "/suppliers", pages.add, needs=OVERSEES),
        Route("GET", one, pages.show, needs=OVERSEES, for_auditors=True),
        *(Route("POST", f"{one}/{name}", handler, needs=OVERSEES) for name, handler in steps),
        Route("POST", f"{one}/end", pages.end, needs=OVERSEES),
    ]


class _SupplierPages:
    def __init__(self, rooms: Rooms) -> None:
        self._suppliers = rooms.assurance.suppliers
        self._overseen = rooms.assurance.suppliers_overseen
        self._name_of = rooms.accounts.name_of

    def listed(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def add(self, exchange: Exchange) -> Answer:
        form = exchange.form
        try:
            made = self._suppliers.add(
                exchange.person.caller,
                chosen(Role, form.word("role"), "what it is"),
                form.text("name", longest=2 * LONGEST_TEXT),
                form.text("does", longest=2 * LONGEST_TEXT),
                form.text("countries").replace(",", " ").split(),
                exchange.now,
                destinations=form.text("destinations").replace(",", " ").split(),
            )
        except _FAULTS as exc:
            return self._list(exchange, exc)
        return exchange.go(f"/suppliers/{made.id}", Said.SUPPLIER_KEPT)

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def change(self, exchange: Exchange) -> Answer:
        form = exchange.form

        def act() -> None:
            self._suppliers.change(
                exchange.person.caller,
                exchange.id,
                form.text("does", longest=2 * LONGEST_TEXT),
                form.text("countries").replace(",", " ").split(),
                form.text("destinations").replace(",", " ").split(),
                exchange.now,
            )

        return self._acted(exchange, act)

    def contract(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._suppliers.state_contract(
                exchange.person.caller,
                exchange.id,
                number(exchange.form.word("evidence"), "evidence"),
                exchange.now,
                audit_clause=exchange.form.text("audit_clause") == "yes",
            )

        return self._acted(exchange, act)

    def assess(self, exchange: Exchange) -> Answer:
        def act() -> None:
            form = exchange.form
            passed = form.text("passed")
            if passed not in ("yes", "no"):
                raise Malformed("say whether it passed")
            self._suppliers.assess(
                exchange.person.caller,
                exchange.id,
                form.text("note", longest=2 * LONGEST_TEXT),
                exchange.now,
                passed=passed == "yes",
                evidence=number(form.word("evidence"), "evidence")
                if form.word("evidence")
                else None,
            )

        return self._acted(exchange, act)

    def end(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._suppliers.end(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act)

    # -- private ---------------------------------------------------------------------------------

    def _acted(self, exchange: Exchange, act: Callable[[], None]) -> Answer:
        self._suppliers.show(exchange.id)
        try:
            act()
        except _FAULTS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/suppliers/{exchange.id}", Said.SUPPLIER_KEPT)

    def _list(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        form = exchange.form
        return exchange.form_page(
            "suppliers.html",
            exc,
            finding=self._overseen.findings(exchange.now)[AUDITABLE],
            duty=AUDITABLE,
            suppliers=self._suppliers.listed(ended=True),
            unknown=self._unknown(exchange),
            now=exchange.now,
            name=self._name_of,
            roles=[role.value for role in Role],
            texts={name: form.text(name, longest=2 * LONGEST_TEXT) for name in _TEXTS},
            longest=(LONGEST_NAME, LONGEST_TEXT),
        )

    def _unknown(self, exchange: Exchange) -> list[str]:
        """Return the relay's destinations that no entry stands for."""
        known = {name for one in self._suppliers.listed() for name in one.destinations}
        return sorted(set(self._overseen.destinations(exchange.now)) - known)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        one = self._suppliers.show(exchange.id)
        return exchange.form_page(
            "supplier.html",
            exc,
            supplier=one,
            lacks=[] if one.ended else one.faults(exchange.now),
            now=exchange.now,
            name=self._name_of,
            longest=LONGEST_TEXT,
            own=one.added.by == exchange.person.caller.principal and not self._suppliers.one_person,
        )
