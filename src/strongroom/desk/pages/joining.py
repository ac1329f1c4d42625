"""Coming in by a one-time link: the code, a password, a second factor, and the recovery codes [1.2, 1.4].

The code stands behind the # of the link, which browsers keep to themselves; a script moves it into the form, or
a person pastes it. It is kept in a cookie that no script reads, and used up together with everything that was chosen.
"""

from typing import Final

from strongroom.accounts.factors import Enrolment
from strongroom.accounts.links import LinkRefused
from strongroom.accounts.visits import Offer
from strongroom.compliance.joining import Joined, Welcome
from strongroom.desk.cookies import Cookie
from strongroom.desk.exchange import Answer, Exchange, Route
from strongroom.desk.pages.factors import offer_from, qr_code
from strongroom.desk.pages.password import LONGEST
from strongroom.desk.pages.sign_on import HOME
from strongroom.desk.passkeys import challenge_answer, failed_challenge
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.words import WRONG_CODE, WRONG_PASSKEY
from strongroom.errors import (
    Conflict,
    Denied,
    Malformed,
    StrongroomError,
    Throttled,
    Unauthenticated,
)
from strongroom.policy.breached import is_breached
from strongroom.policy.passwords import faults

_LINK: Final = 512
_NAME: Final = 64
_CODE: Final = 64
_URI: Final = 512


def routes(rooms: Rooms) -> list[Route]:
    """Return the two pages of a link and what they send."""
    pages = _JoiningPages(rooms)
    return [
        Route("GET", "/welcome", pages.welcome, open=True),
        Route("POST", "/welcome", pages.open, open=True),
        Route("GET", "/join", pages.show, open=True),
        Route("POST", "/join", pages.finish, open=True),
        Route("POST", "/join/name", pages.name, open=True),
        Route("POST", "/join/passkey/challenge", pages.challenge, open=True),
    ]


class _JoiningPages:
    def __init__(self, rooms: Rooms) -> None:
        self._joining = rooms.joining
        self._signon = rooms.signon
        self._passwords = rooms.passwords

    def welcome(self, exchange: Exchange) -> Answer:
        return exchange.form_page("welcome.html", None)

    def open(self, exchange: Exchange) -> Answer:
        """Look at the code; where it is good, the next page asks for the rest."""
        # Who pastes the whole link means its code.
        code = exchange.form.word("code", longest=_LINK).rpartition("#")[2]
        try:
            self._joining.open(code, exchange.visit, exchange.now)
            exchange.changed[Cookie.STEP] = code
        except (Unauthenticated, Throttled) as exc:
            return exchange.form_page("welcome.html", exc)
        return exchange.go("/join")

    def show(self, exchange: Exchange) -> Answer:
        welcome = self._welcome(exchange)
        if isinstance(welcome, Answer):
            return welcome
        if welcome.name is None:
            return exchange.form_page("join_name.html", None, welcome=welcome, name="")
        return self._page(exchange, welcome, welcome.name)

    def name(self, exchange: Exchange) -> Answer:
        """Take the first administrator's name, and ask for the rest under it."""
        welcome = self._welcome(exchange)
        if isinstance(welcome, Answer):
            return welcome
        name = exchange.form.word("name", longest=_NAME)
        try:
            name = welcome.name or self._joining.check_name(name)
        except (Malformed, Denied, Conflict) as exc:
            return exchange.form_page(
                "join_name.html",
                exc,
                welcome=welcome,
                name=name,
            )
        return self._page(exchange, welcome, name)

    def challenge(self, exchange: Exchange) -> Answer:
        """Give the browser what it makes a passkey from, once everything else in the form will do."""
        try:
            welcome = self._opened(exchange)
            link = exchange.cookies[Cookie.STEP]
            name = welcome.name or exchange.form.word("name", longest=_NAME)
            self._password(exchange, name)
            return challenge_answer(self._signon.joining_passkey_offer(link, name, exchange.now))
        except StrongroomError as exc:
            return failed_challenge(exc)

    def finish(self, exchange: Exchange) -> Answer:
        welcome = self._welcome(exchange)
        if isinstance(welcome, Answer):
            return welcome
        name = welcome.name or exchange.form.word("name", longest=_NAME)
        wrong = "password"
        try:
            password = self._password(exchange, name)
            wrong = "code"
            factor = self._factor(exchange, welcome)
            wrong = "password"
            joined = self._joining.finish(
                exchange.cookies.get(Cookie.STEP, ""),
                name=name,
                password=password,
                factor=factor,
                visit=exchange.visit,
                now=exchange.now,
            )
        except LinkRefused:
            return self._over(exchange)
        except (Malformed, Denied, Conflict, Unauthenticated, Throttled) as exc:
            return self._page(exchange, welcome, name, exc, wrong=wrong)
        return _joined(exchange, joined)

    def _password(self, exchange: Exchange, name: str) -> str:
        """Return the password of the form, judged before a factor is used up for it. Raises: Malformed."""
        form = exchange.form
        password = form.text("password", longest=LONGEST)
        if password != form.text("again", longest=LONGEST):
            raise Malformed("the two passwords differ")
        profile = self._passwords.profile
        found = faults(password, name=name, profile=profile, is_common=is_breached)
        if found:
            raise Malformed(f"the password will not do: {'; '.join(found)}")
        return password

    def _factor(self, exchange: Exchange, welcome: Welcome) -> Enrolment | None:
        """Return the second factor that the form proves to work; None where none was begun and none is asked for."""
        form, link, now = exchange.form, exchange.cookies.get(Cookie.STEP, ""), exchange.now
        label = form.word("label", longest=_NAME)
        response = form.text("response", longest=32 * 1024)
        if response:
            try:
                return self._signon.joining_passkey(
                    link, form.step(), label or exchange.visit.agent, response, now
                )
            except Unauthenticated:
                raise Unauthenticated(WRONG_PASSKEY) from None
        code = form.word("code", longest=_CODE)
        if not code and not welcome.second_factor:
            return None
        if not code:
            raise Malformed(
                "a second factor is needed",
                hint="type the code that your app shows, or finish with a passkey",
            )
        try:
            return self._signon.joining_totp(
                link, form.step("offer"), label or "Authenticator app", code, now
            )
        except Unauthenticated:
            raise Unauthenticated(WRONG_CODE) from None

    def _welcome(self, exchange: Exchange) -> Welcome | Answer:
        """Return what the link asks for; or the way back, where there is no link any more."""
        try:
            return self._opened(exchange)
        except Unauthenticated:
            return self._over(exchange)

    def _opened(self, exchange: Exchange) -> Welcome:
        """Return what the link in the cookie asks for. Raises: Unauthenticated, Throttled."""
        link = exchange.cookies.get(Cookie.STEP)
        if link is None:
            # Not a wrong one: pages of other sites could use up the tries of whoever looks at them.
            raise Unauthenticated("there is no link any more", hint="open it again")
        return self._joining.open(link, exchange.visit, exchange.now)

    @staticmethod
    def _over(exchange: Exchange) -> Answer:
        exchange.changed[Cookie.STEP] = None
        return exchange.go("/welcome", Said.LINK_OVER)

    def _page(
        self,
        exchange: Exchange,
        welcome: Welcome,
        name: str,
        exc: StrongroomError | None = None,
        *,
        wrong: str = "",
    ) -> Answer:
        form = exchange.form
        offer: Offer | None = offer_from(
            form.step("offer"), form.text("secret"), form.text("uri", longest=_URI)
        )
        if offer is None:
            link = exchange.cookies.get(Cookie.STEP, "")
            offer = self._signon.joining_totp_offer(link, name, exchange.now)
        return exchange.form_page(
            "join.html",
            exc,
            welcome=welcome,
            name=name,
            offer=offer,
            qr=qr_code(offer.uri),
            label=form.text("label"),
            wrong=wrong,
        )


def _joined(exchange: Exchange, joined: Joined) -> Answer:
    exchange.changed[Cookie.STEP] = None
    if joined.signed_on is None:
        return exchange.page("joined_locked.html", codes=joined.recovery_codes)
    exchange.signed_on(joined.signed_on)
    if not joined.recovery_codes:
        return exchange.go(HOME, Said.WELCOME)
    return exchange.page("codes.html", codes=joined.recovery_codes, back=HOME)
