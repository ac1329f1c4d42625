"""Signing on: name and password, then the second factor; or a passkey, which is both [1.2, 1.4].

What is under way is kept by the server; the browser holds a single-use reference to it in a cookie. A wrong password,
an unknown name, a locked account and one without a second factor get the same words.
"""

from typing import Final

from strongroom.accounts.visits import Pending, SignedOn
from strongroom.desk.cookies import Cookie, path_of
from strongroom.desk.exchange import Answer, Exchange, Route
from strongroom.desk.passkeys import challenge_answer, failed_challenge
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.words import (
    WRONG_CODE,
    WRONG_PASSKEY,
    WRONG_RECOVERY,
    WRONG_SIGN_ON,
    in_words,
)
from strongroom.errors import StrongroomError, Throttled, Unauthenticated
from strongroom.policy.limits import LONGEST_PASSWORD

HOME: Final = "/today"
"""Where somebody comes who asked for no other page."""

_NAME: Final = 64
_CODE: Final = 64


def routes(rooms: Rooms) -> list[Route]:
    """Return the pages on which people sign on and out."""
    pages = _SignOnPages(rooms)
    return [
        Route("GET", "/", pages.start, open=True),
        Route("GET", "/sign-on", pages.form, open=True),
        Route("POST", "/sign-on", pages.begin, open=True),
        Route("POST", "/sign-on/passkey", pages.passkey, open=True),
        Route("POST", "/sign-on/passkey/challenge", pages.challenge, open=True),
        Route("GET", "/sign-on/second", pages.second, open=True),
        Route("POST", "/sign-on/second", pages.prove_totp, open=True),
        Route("GET", "/sign-on/recovery", pages.recovery, open=True),
        Route("POST", "/sign-on/recovery", pages.prove_recovery, open=True),
        Route("POST", "/sign-out", pages.sign_out, old_password=True),
        Route(
            "POST",
            "/sign-out/everywhere",
            pages.sign_out_everywhere,
            old_password=True,
            proved="sessions",
        ),
    ]


def continued(exchange: Exchange, result: Pending | SignedOn) -> Answer:
    """Return where a sign-on goes on after its first proof: to the second one, or to the page that was asked for."""
    if isinstance(result, SignedOn):
        asked = path_of(exchange.cookies.get(Cookie.ASKED, ""))
        exchange.signed_on(result)
        return exchange.go("/password" if result.session.must_change_password else asked or HOME)
    exchange.changed[Cookie.STEP] = result.step
    return exchange.go("/sign-on/second")


class _SignOnPages:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._signon = rooms.signon

    def start(self, exchange: Exchange) -> Answer:
        return exchange.go("/sign-on" if exchange.session is None else HOME)

    def form(self, exchange: Exchange) -> Answer:
        if exchange.session is not None:
            return exchange.go(HOME)
        return form_page(self._rooms, exchange)

    def begin(self, exchange: Exchange) -> Answer:
        name = exchange.form.word("name", longest=_NAME)
        # Any length: one that is too long is as wrong as any other, and the room says so in the same words.
        password = exchange.form.text("password", longest=64 * 1024)[: LONGEST_PASSWORD + 1]
        try:
            result = self._signon.begin(name, password, exchange.visit, exchange.now)
        except (Unauthenticated, Throttled) as exc:
            return form_page(self._rooms, exchange, in_words(exc, WRONG_SIGN_ON), name=name)
        return continued(exchange, result)

    def challenge(self, exchange: Exchange) -> Answer:
        """Give the browser what its passkey dialogue takes: for a sign-on under way, or for none."""
        step = exchange.cookies.get(Cookie.STEP) if exchange.form.text("for") == "second" else None
        try:
            challenge = self._signon.passkey_challenge(step, exchange.now)
        except StrongroomError as exc:
            return failed_challenge(exc)
        return challenge_answer(challenge)

    def passkey(self, exchange: Exchange) -> Answer:
        form = exchange.form
        step, response = form.step(), form.text("response", longest=32 * 1024)
        try:
            done = self._signon.prove_passkey(step, response, exchange.visit, exchange.now)
        except (Unauthenticated, Throttled) as exc:
            return form_page(self._rooms, exchange, in_words(exc, WRONG_PASSKEY))
        return continued(exchange, done)

    def second(self, exchange: Exchange) -> Answer:
        return self._second(exchange, "second.html")

    def prove_totp(self, exchange: Exchange) -> Answer:
        code = exchange.form.word("code", longest=_CODE)
        step = exchange.cookies.get(Cookie.STEP, "")
        try:
            done = self._signon.prove_totp(step, code, exchange.visit, exchange.now)
        except (Unauthenticated, Throttled) as exc:
            return self._second(exchange, "second.html", in_words(exc, WRONG_CODE))
        return continued(exchange, done)

    def recovery(self, exchange: Exchange) -> Answer:
        return self._second(exchange, "recovery.html")

    def prove_recovery(self, exchange: Exchange) -> Answer:
        code = exchange.form.word("code", longest=_CODE)
        step = exchange.cookies.get(Cookie.STEP, "")
        try:
            done = self._signon.prove_recovery(step, code, exchange.visit, exchange.now)
        except (Unauthenticated, Throttled) as exc:
            return self._second(exchange, "recovery.html", in_words(exc, WRONG_RECOVERY))
        return continued(exchange, done)

    def sign_out(self, exchange: Exchange) -> Answer:
        self._signon.sign_out(exchange.person, exchange.now)
        exchange.signed_off()
        return exchange.go("/sign-on", Said.SIGNED_OUT)

    def sign_out_everywhere(self, exchange: Exchange) -> Answer:
        self._signon.end_others(exchange.person, exchange.now)
        return self.sign_out(exchange)

    def _second(
        self, exchange: Exchange, template: str, exc: StrongroomError | None = None
    ) -> Answer:
        """Return the page of a second proof; or the beginning, where there is none to give any more."""
        try:
            pending = self._signon.pending(exchange.cookies.get(Cookie.STEP, ""), exchange.now)
        except Unauthenticated:
            exchange.changed[Cookie.STEP] = None
            return exchange.go("/sign-on", Said.STEP_OVER)
        return exchange.form_page(template, exc, pending=pending)


def form_page(
    rooms: Rooms, exchange: Exchange, exc: StrongroomError | None = None, name: str = ""
) -> Answer:
    """Return the page on which people sign on, and what was wrong with the last try."""
    return exchange.form_page(
        "sign_on.html",
        exc,
        name=name,
        wrong=bool(name) and isinstance(exc, Unauthenticated),
        has_provider=rooms.provider is not None,
    )
