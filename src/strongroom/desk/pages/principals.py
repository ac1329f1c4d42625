"""People, apps and services: who answers, what they sign on with, what they may, an account's end [1.2, 1.4]."""

from datetime import timedelta
from typing import Final

from strongroom.accounts.rows import Principal
from strongroom.alarms import Suspension
from strongroom.desk.exchange import ADMINISTERS, OVERSEES, Answer, Exchange, Route
from strongroom.desk.paging import PAGE, PAGING, cursor_of, slice_of
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import SECRET_ENDS_SOON
from strongroom.terms import PrincipalId, PrincipalKind
from strongroom.vault.grants_listed import Sought

KINDS: Final = {
    PrincipalKind.PERSON: "People",
    PrincipalKind.APP: "Apps",
    PrincipalKind.SERVICE: "Services",
    PrincipalKind.NODE: "Machines",
}
_SOON: Final = timedelta(days=14)
_MOST_GRANTS: Final = 200


def routes(rooms: Rooms) -> list[Route]:
    """Return the accounts for who oversees; ending one is for who administers."""
    pages = _PrincipalPages(rooms)
    return [
        Route("GET", "/principals", pages.show, needs=OVERSEES, query=PAGING | {"kind"}),
        Route("GET", "/principals/{id}", pages.one, needs=OVERSEES),
        Route("POST", "/principals/{id}/end", pages.end, needs=ADMINISTERS, proved="principals"),
        Route("POST", "/principals/{id}/lift", pages.lift, needs=ADMINISTERS, proved="principals"),
    ]


class _PrincipalPages:
    def __init__(self, rooms: Rooms) -> None:
        self._people = rooms.people
        self._accounts = rooms.accounts
        self._listed = rooms.grants_listed
        self._sellers = rooms.sellers
        self._acting = rooms.alarms.acting
        self._guard = rooms.guard
        self._used = rooms.used

    def show(self, exchange: Exchange) -> Answer:
        now, cursor = exchange.now, cursor_of(exchange.query)
        kind = _kind(exchange.query.get("kind"))
        found = self._people.page(kind, before=cursor.before, after=cursor.after, limit=PAGE + 1)
        page = slice_of(found, cursor, lambda one: one.id)
        ids = [one.id for one in page.rows]
        pending, living, ending = self._listed.totals(now, now + _SOON)
        suspended = self._suspended(exchange)
        return exchange.page(
            "principals.html",
            slice=page,
            chosen=exchange.query,
            kinds=[(one.value, name) for one, name in KINDS.items()],
            grants=self._listed.counts(ids, now),
            sessions=self._people.signed_on(ids, now),
            state=lambda one: _state(one, suspended, exchange),
            pending=pending,
            living=living,
            ending=ending,
            suspended=len(suspended),
        )

    def one(self, exchange: Exchange) -> Answer:
        return self._one(exchange, None)

    def end(self, exchange: Exchange) -> Answer:
        """End an account; the form repeats its name, so that nobody ends another one by a slip."""
        found = self._people.one(PrincipalId(exchange.id))
        try:
            if exchange.form.word("name", longest=64).lower() != found.name:
                raise Malformed("write the name of the account to end it")  # noqa: TRY301 - as the room would
            if found.id == exchange.person.caller.principal:
                raise Denied("your own account is ended by somebody else")  # noqa: TRY301 - as above
            self._accounts.end(found.name, caller=exchange.person.caller, now=exchange.now)
        except (Conflict, Denied, Malformed, NotFound) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/principals/{found.id}", Said.PRINCIPAL_ENDED)

    def lift(self, exchange: Exchange) -> Answer:
        found = self._people.one(PrincipalId(exchange.id))
        try:
            self._acting.lift(found.name, exchange.person.caller, exchange.now)
        except (Conflict, Denied, Malformed) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/principals/{found.id}", Said.PRINCIPAL_LIFTED)

    # -- private ---------------------------------------------------------------------------------

    def _one(self, exchange: Exchange, exc: StrongroomError | None) -> Answer:
        now, id_ = exchange.now, PrincipalId(exchange.id)
        found = self._people.one(id_)
        holdings = self._accounts.holdings(found.name)
        suspended = self._suspended(exchange)
        rows = self._listed.page(
            Sought(principal=id_), now, before=None, after=None, limit=_MOST_GRANTS
        )
        return exchange.form_page(
            "principal.html",
            exc,
            one=found,
            kind=KINDS.get(found.kind, found.kind.value),
            state=_state(found, suspended, exchange),
            suspension=suspended.get(id_),
            locked=self._guard.is_locked(id_, now),
            secrets=[secret for secret in holdings.secrets if secret.works(now)],
            certificates=[one for one in holdings.certificates if one.works(now)],
            factors=[kind for kind, _number, over in holdings.signing_on if not over],
            sellers=self._sellers.names(),
            authorizations=[one for one, revoked in holdings.authorizations if revoked is None],
            sessions=self._people.signed_on([id_], now).get(id_, 0),
            owned=self._people.owned_by(id_),
            rows=rows,
            used=self._used(id_, now),
            soon=now + _SOON,
            secret_soon=now + SECRET_ENDS_SOON,
            administers=bool(exchange.may & ADMINISTERS),
            proved=exchange.person.proved_lately(now),
            is_self=id_ == exchange.person.caller.principal,
        )

    def _suspended(self, exchange: Exchange) -> dict[PrincipalId, Suspension]:
        return {row.principal: row for row in self._acting.suspended(exchange.now)}


def _state(one: Principal, suspended: dict[PrincipalId, Suspension], exchange: Exchange) -> str:
    if has_ended(one.ended_at, exchange.now):
        return "ended"
    row = suspended.get(one.id)
    if row is not None:
        return "frozen" if row.frozen else "suspended"
    return "active"


def _kind(text: str | None) -> PrincipalKind | None:
    if not text:
        return None
    found = next((one for one in KINDS if one.value == text), None)
    if found is None:
        raise Malformed("choose from the list")
    return found
