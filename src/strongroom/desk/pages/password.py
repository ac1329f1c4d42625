"""Changing the password: the old one, the new one twice, and the rules beside it [1.4].

Who has a second factor proves that first: a session that somebody found, and the password, are not enough.
"""

from strongroom.accounts.visits import NotProvedLately
from strongroom.desk.exchange import Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.words import WRONG_PASSWORD, in_words
from strongroom.errors import Conflict, Malformed, StrongroomError, Throttled, Unauthenticated
from strongroom.policy.limits import LONGEST_PASSWORD

_PROVE = "/prove/password"
LONGEST = LONGEST_PASSWORD * 4
"""Characters a form may send: the rules name the limit, so that somebody who passed it hears of it."""


def routes(rooms: Rooms) -> list[Route]:
    """Return the page; it is all that an old password opens."""
    pages = _PasswordPages(rooms)
    return [
        Route("GET", "/password", pages.show, old_password=True),
        Route("POST", "/password", pages.change, old_password=True),
    ]


class _PasswordPages:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def show(self, exchange: Exchange) -> Answer:
        # Not the route's `proved`: without a second factor the old password is the proof, whatever its age.
        session = exchange.person
        if not session.proved_lately(exchange.now) and self._rooms.signon.proofs(session):
            return exchange.go(_PROVE)
        return self._page(exchange)

    def change(self, exchange: Exchange) -> Answer:
        form = exchange.form
        old, new = (form.text(name, longest=LONGEST) for name in ("old", "new"))
        if new != form.text("again", longest=LONGEST):
            return self._page(exchange, Malformed("the two new passwords differ"), wrong="new")
        try:
            done = self._rooms.signon.change_password(
                exchange.person, old, new, exchange.visit, exchange.now
            )
        except NotProvedLately:
            return exchange.go(_PROVE)
        except (Unauthenticated, Throttled) as exc:
            return self._page(exchange, in_words(exc, WRONG_PASSWORD), wrong="old")
        except (Malformed, Conflict) as exc:
            return self._page(exchange, exc, wrong="new")
        exchange.signed_on(done)
        return exchange.go("/profile", Said.PASSWORD_CHANGED)

    def _page(
        self, exchange: Exchange, exc: StrongroomError | None = None, *, wrong: str = ""
    ) -> Answer:
        return exchange.form_page(
            "password.html",
            exc,
            wrong=wrong,
            rules=self._rooms.passwords.rules(),
            due_at=self._rooms.passwords.due_at(exchange.person.caller.principal),
        )
