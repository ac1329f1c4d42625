"""Grants: asked for by one person, approved by another; who can read what; and roles as bundles of them [1.2, 1.3]."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final, TypeVar

from strongroom.desk.exchange import ADMINISTERS, OVERSEES, Answer, Exchange, Route
from strongroom.desk.paging import PAGE, PAGING, cursor_of, slice_of
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError
from strongroom.policy.grants import terms
from strongroom.policy.leaving import has_ended
from strongroom.terms import Action, Category, PrincipalId, PrincipalKind, Purpose, SellerId
from strongroom.vault import GrantRow, Wish
from strongroom.vault.grants_listed import STATES, Sought

_M = TypeVar("_M", bound=StrEnum)

_DIGITS: Final = 12
_NAME: Final = 64
_TERMS_DIGITS: Final = 16
_SOON: Final = timedelta(days=14)

ACTIONS: Final[Mapping[Action, str]] = {
    Action.REVEAL: "Read values",
    Action.SEARCH: "Find records by a value",
    Action.RELAY: "Have values sent to a third party",
    Action.EXPORT: "Export values",
    Action.SYNC: "Bring data in",
    Action.ERASE: "Have records erased",
    Action.RECTIFY: "Correct and restrict",
    Action.OVERSEE: "Keep the records of compliance",
    Action.AUDIT: "Read the log",
    Action.ADMINISTER: "Administer",
}


def routes(rooms: Rooms) -> list[Route]:
    """Return the grants for who oversees; deciding about one is for who administers."""
    pages = _GrantPages(rooms)
    return [
        Route(
            "GET", "/grants", pages.show, needs=OVERSEES, query=PAGING | {"state", "who", "ends"}
        ),
        Route("GET", "/grants/readers", pages.readers, needs=OVERSEES, query=PAGING | {"category"}),
        Route("GET", "/grants/roles", pages.roles, needs=OVERSEES),
        Route("GET", "/grants/ask", pages.ask_form, needs=OVERSEES),
        Route("POST", "/grants/ask", pages.ask, needs=OVERSEES, proved="principals"),
        Route("POST", "/grants/ask/role", pages.ask_role, needs=OVERSEES, proved="principals"),
        Route("GET", "/grants/{id}", pages.one, needs=OVERSEES),
        *(
            Route("POST", f"/grants/{{id}}/{name}", handler, needs=ADMINISTERS, proved="principals")
            for name, handler in (
                ("approve", pages.approve),
                ("reject", pages.reject),
                ("revoke", pages.revoke),
            )
        ),
    ]


class _GrantPages:
    def __init__(self, rooms: Rooms) -> None:
        self._grants = rooms.grants
        self._listed = rooms.grants_listed
        self._accounts = rooms.accounts
        self._sellers = rooms.sellers
        self._roles = rooms.roles

    def show(self, exchange: Exchange) -> Answer:
        now, query, cursor = exchange.now, exchange.query, cursor_of(exchange.query)
        state = query.get("state") or None
        if state is not None and state not in STATES:
            raise Malformed("choose from the list")
        sought = Sought(
            state,
            _who(query.get("who")),
            ends_before=now + _SOON if query.get("ends") == "soon" else None,
        )
        found = self._listed.page(
            sought, now, before=cursor.before, after=cursor.after, limit=PAGE + 1
        )
        pending, living, ending = self._listed.totals(now, now + _SOON)
        return exchange.page(
            "grants.html",
            slice=slice_of(found, cursor, lambda row: row.grant.id),
            chosen=query,
            states=[(one, one) for one in STATES],
            sellers=self._sellers.names(),
            pending=pending,
            living=living,
            ending=ending,
            actions=ACTIONS,
        )

    def readers(self, exchange: Exchange) -> Answer:
        """Who can read one category: each grant that lets it out, as the rule at the vault's door has it."""
        query, cursor = exchange.query, cursor_of(exchange.query)
        category = _member(Category, query.get("category") or Category.PHONE.value, "category")
        found = self._listed.page(
            Sought("active", category=category),
            exchange.now,
            before=cursor.before,
            after=cursor.after,
            limit=PAGE + 1,
        )
        return exchange.page(
            "grants_readers.html",
            slice=slice_of(found, cursor, lambda row: row.grant.id),
            chosen={**query, "category": category.value},
            category=category.value,
            categories=[(one.value, one.value.replace("_", " ")) for one in Category],
            sellers=self._sellers.names(),
            actions=ACTIONS,
        )

    def roles(self, exchange: Exchange) -> Answer:
        return exchange.page(
            "grants_roles.html", roles=list(self._roles.all().values()), actions=ACTIONS
        )

    def one(self, exchange: Exchange) -> Answer:
        return self._one(exchange, None)

    def ask_form(self, exchange: Exchange) -> Answer:
        return self._form(exchange, None)

    def ask(self, exchange: Exchange) -> Answer:
        form = exchange.form
        try:
            action = _member(Action, form.text("action"), "action")
            wish = Wish(
                self._holder(exchange, action),
                action,
                _member(Purpose, form.text("purpose"), "purpose"),
                frozenset(one for one in Category if form.text(f"category-{one.value}")),
                self._partners(exchange),
                timedelta(days=_number(exchange, "days")),
                budget=_number(exchange, "budget") if form.word("budget") else None,
                reason=form.text("reason").strip() or None,
            )
            self._grants.request(exchange.person.caller, [wish], exchange.now)
        except (Conflict, Denied, Malformed, NotFound) as exc:
            return self._form(exchange, exc)
        return exchange.go("/grants", Said.GRANT_ASKED)

    def ask_role(self, exchange: Exchange) -> Answer:
        """Ask for every line of a role, as it stands now, as a grant of its own."""
        form = exchange.form
        try:
            role = self._roles.get(form.text("role")).role
            holder = self._holder(exchange, *(line.action for line in role.lines))
            wishes = [
                Wish(
                    holder,
                    line.action,
                    line.purpose,
                    line.categories,
                    self._partners(exchange),
                    timedelta(days=_number(exchange, "days")),
                    budget=line.budget,
                    reason=form.text("reason").strip() or None,
                    role=role.stamp,
                )
                for line in role.lines
            ]
            self._grants.request(exchange.person.caller, wishes, exchange.now)
        except (Conflict, Denied, Malformed, NotFound) as exc:
            return self._form(exchange, exc)
        return exchange.go("/grants", Said.GRANT_ASKED)

    def approve(self, exchange: Exchange) -> Answer:
        """Approve what was shown: the form carries the digest of all that the grant said on the page."""
        try:
            row = self._listed.one(exchange.id)
            if exchange.form.text("terms") != shown_terms(row):
                raise Conflict(  # noqa: TRY301 - as the room would
                    "the grant says something else than the page did", hint="look at it once more"
                )
            self._grants.approve(exchange.person.caller, exchange.id, exchange.now)
        except (Conflict, Denied) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/grants/{exchange.id}", Said.GRANT_APPROVED)

    def reject(self, exchange: Exchange) -> Answer:
        try:
            self._grants.reject(exchange.person.caller, exchange.id, exchange.now)
        except (Conflict, Denied) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/grants/{exchange.id}", Said.GRANT_REJECTED)

    def revoke(self, exchange: Exchange) -> Answer:
        self._grants.revoke(exchange.person.caller, exchange.id, exchange.now)
        return exchange.go(f"/grants/{exchange.id}", Said.GRANT_REVOKED)

    # -- private ---------------------------------------------------------------------------------

    def _one(self, exchange: Exchange, exc: StrongroomError | None) -> Answer:
        row = self._listed.one(exchange.id)
        grant, caller = row.grant, exchange.person.caller
        sellers = self._sellers.names()
        return exchange.form_page(
            "grant.html",
            exc,
            row=row,
            state=row.state(exchange.now),
            action=ACTIONS[grant.action],
            sellers=None
            if grant.sellers is None
            else ", ".join(sorted(sellers[one] for one in grant.sellers)),
            asked_by=self._accounts.name_of(row.requested_by),
            approved_by=None
            if row.approved_by is None
            else self._accounts.name_of(row.approved_by),
            terms=shown_terms(row),
            own=caller.principal in (row.requested_by, grant.principal),
            administers=bool(exchange.may & ADMINISTERS),
            proved=exchange.person.proved_lately(exchange.now),
        )

    def _form(self, exchange: Exchange, exc: StrongroomError | None) -> Answer:
        return exchange.form_page(
            "grants_ask.html",
            exc,
            actions=[(one.value, words) for one, words in ACTIONS.items()],
            purposes=[(one.value, one.value.replace("_", " ")) for one in Purpose],
            categories=[(one.value, one.value.replace("_", " ")) for one in Category],
            roles=[(name, found.role.title) for name, found in sorted(self._roles.all().items())],
            form=exchange.form,
            proved=exchange.person.proved_lately(exchange.now),
        )

    def _holder(self, exchange: Exchange, *actions: Action) -> PrincipalId:
        """Return whom the form names. Raises: NotFound, Malformed, Denied."""
        found = self._accounts.find(exchange.form.word("principal", longest=_NAME))
        if has_ended(found.ended_at, exchange.now):
            raise Malformed("that account has ended")
        if found.kind is PrincipalKind.NODE:
            raise Denied(
                "a machine holds no grant", hint="an app asks for data, a machine does not"
            )
        if Action.AUDIT in actions and found.kind is not PrincipalKind.PERSON:
            raise Denied("people read the log, programs do not", hint="grant it to its owner")
        return found.id

    def _partners(self, exchange: Exchange) -> frozenset[SellerId] | None:
        """Return the selling partners that the form names; None for all. Raises: NotFound."""
        names = [one.strip() for one in exchange.form.text("sellers").split(",") if one.strip()]
        if not names:
            return None
        return frozenset(self._sellers.by_name(name).id for name in names)


def shown_terms(row: GrantRow) -> str:
    """Return what names all that a grant says, for the form that approves it."""
    return sha256(terms(row.grant).encode()).hexdigest()[:_TERMS_DIGITS]


def _member(enum: type[_M], text: str, what: str) -> _M:
    found = next((one for one in enum if one.value == text), None)
    if found is None:
        raise Malformed(f"choose the {what} from the list")
    return found


def _number(exchange: Exchange, name: str) -> int:
    text = exchange.form.word(name, longest=6)
    if not (text.isascii() and text.isdigit()):
        raise Malformed(f"write {name} as a number")
    return int(text)


def _who(text: str | None) -> PrincipalId | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        raise Malformed("a person or app is asked for by number")
    return PrincipalId(int(text))
