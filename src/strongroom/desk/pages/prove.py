"""Proving again who one is, before something that a stolen session must not do [1.2].

Who has a second factor proves it with that: the password alone is worth nothing then, a thief may have it too.

Where it leads afterwards is one of a closed list that stands in the path: there is no address to be tampered with.
"""

from typing import Final

from strongroom.accounts.visits import FactorKind
from strongroom.desk.exchange import Answer, Exchange, Route
from strongroom.desk.passkeys import challenge_answer, failed_challenge
from strongroom.desk.rooms import Rooms
from strongroom.desk.words import WRONG_CODE, WRONG_PASSKEY, WRONG_PASSWORD, in_words
from strongroom.errors import NotFound, StrongroomError, Throttled, Unauthenticated
from strongroom.policy.limits import LONGEST_PASSWORD

BACK: Final = {
    "alarms": "/alarms",
    "destinations": "/destinations",
    "principals": "/principals",
    "calendar": "/calendar",
    "audit-room": "/audit-room",
    "changes": "/changes",
    "documents": "/documents",
    "exceptions": "/clauses/exceptions",
    "processing": "/processing",
    "factors": "/factors",
    "incidents": "/incidents",
    "locks": "/locks",
    "network": "/network",
    "notices": "/notices",
    "offices": "/offices",
    "password": "/password",
    "profile": "/profile",
    "releases": "/releases",
    "requests": "/requests",
    "reveal": "/reveal",
    "reviews": "/reviews",
    "sessions": "/sessions",
}
"""Where one comes from and goes back to; of those in `NUMBERED` to one of its pages, by number."""

NUMBERED: Final = frozenset({"audit-room", "changes", "notices", "releases", "requests", "reviews"})

_CODE: Final = 64


def routes(rooms: Rooms) -> list[Route]:
    """Return the page and its three ways; who has to change the password proves it first, too."""
    pages = _ProvePages(rooms)
    return [
        Route(method, path + more, handler, old_password=True)
        for path in ("/prove/{page}", "/prove/{page}/{id}")
        for method, more, handler in (
            ("GET", "", pages.show),
            ("POST", "", pages.prove),
            ("POST", "/passkey", pages.passkey),
            ("POST", "/passkey/challenge", pages.challenge),
        )
    ]


class _ProvePages:
    def __init__(self, rooms: Rooms) -> None:
        self._signon = rooms.signon

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def prove(self, exchange: Exchange) -> Answer:
        _back(exchange)
        form, session, visit, now = exchange.form, exchange.person, exchange.visit, exchange.now
        field, wrong = ("code", WRONG_CODE) if form.text("code") else ("password", WRONG_PASSWORD)
        try:
            if form.text("code"):
                done = self._signon.again_totp(
                    session, form.word("code", longest=_CODE), visit, now
                )
            else:
                password = form.text("password", longest=64 * 1024)[: LONGEST_PASSWORD + 1]
                done = self._signon.again_password(session, password, visit, now)
        except (Unauthenticated, Throttled) as exc:
            return self._page(exchange, in_words(exc, wrong), wrong=field)
        exchange.signed_on(done)
        return exchange.go(_back(exchange))

    def challenge(self, exchange: Exchange) -> Answer:
        try:
            return challenge_answer(
                self._signon.again_passkey_challenge(exchange.person, exchange.now)
            )
        except StrongroomError as exc:
            return failed_challenge(exc)

    def passkey(self, exchange: Exchange) -> Answer:
        _back(exchange)
        form = exchange.form
        step, response = form.step(), form.text("response", longest=32 * 1024)
        try:
            done = self._signon.again_passkey(
                exchange.person, step, response, exchange.visit, exchange.now
            )
        except (Unauthenticated, Throttled) as exc:
            return self._page(exchange, in_words(exc, WRONG_PASSKEY))
        exchange.signed_on(done)
        return exchange.go(_back(exchange))

    def _page(
        self, exchange: Exchange, exc: StrongroomError | None = None, *, wrong: str = ""
    ) -> Answer:
        kinds = self._signon.proofs(exchange.person)
        return exchange.form_page(
            "prove.html",
            exc,
            back=_back(exchange),
            here=f"/prove/{'/'.join(exchange.parts.values())}",
            totp=FactorKind.TOTP in kinds,
            passkey=FactorKind.PASSKEY in kinds,
            wrong=wrong,
        )


def _back(exchange: Exchange) -> str:
    """Return where this leads. Raises: NotFound."""
    page = exchange.parts["page"]
    path = BACK.get(page)
    if path is None or ("id" in exchange.parts and page not in NUMBERED):
        raise NotFound("there is no such page")
    return f"{path}/{exchange.id}" if "id" in exchange.parts else path
