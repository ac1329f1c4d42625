"""A person's second factors: seeing, adding and removing them, and the recovery codes [1.4].

An offered secret and a list of recovery codes are shown in the answer to a POST, this once, and stored in no page that
can be asked for again.
"""

from typing import Final

import segno
from markupsafe import Markup

from strongroom.accounts.visits import Offer
from strongroom.desk.exchange import Answer, Exchange, Route
from strongroom.desk.passkeys import challenge_answer, failed_challenge
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.words import FACTORS, WRONG_CODE, WRONG_PASSKEY
from strongroom.errors import Conflict, Malformed, StrongroomError, Unauthenticated

_CODE: Final = 64
_LABEL: Final = 64
_LONGEST_URI: Final = 512


def routes(rooms: Rooms) -> list[Route]:
    """Return the list, and what changes it."""
    pages = _FactorPages(rooms)
    return [
        Route("GET", "/factors", pages.show),
        Route("POST", "/factors/totp", pages.offer_totp, proved="factors"),
        Route("POST", "/factors/totp/confirm", pages.confirm_totp, proved="factors"),
        Route("POST", "/factors/passkey/challenge", pages.challenge),
        Route("POST", "/factors/passkey", pages.confirm_passkey, proved="factors"),
        Route("POST", "/factors/{id}/remove", pages.remove, proved="factors"),
        Route("POST", "/factors/recovery", pages.recovery, proved="factors"),
    ]


def qr_code(uri: str) -> Markup:
    """Return a text as the SVG of a QR code, black on white in dark pages too: cameras want it so."""
    svg: str = segno.make(uri, error="m", micro=False).svg_inline(
        border=2, dark="#000", light="#fff", omitsize=True, svgclass=None, lineclass=None
    )
    # What segno draws is paths of numbers; the text itself is not in it.
    return Markup(svg)  # noqa: S704 - see above


def offer_from(form_step: str, form_secret: str, form_uri: str) -> Offer | None:
    """Return the offer that a page showed before, so that a mistyped code does not mean scanning anew."""
    if not form_step or not form_uri.startswith("otpauth://totp/") or len(form_uri) > _LONGEST_URI:
        return None
    return Offer(form_step, form_secret, form_uri)


class _FactorPages:
    def __init__(self, rooms: Rooms) -> None:
        self._signon = rooms.signon

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def offer_totp(self, exchange: Exchange) -> Answer:
        return _offered(exchange, self._signon.totp_offer(exchange.person, exchange.now))

    def confirm_totp(self, exchange: Exchange) -> Answer:
        form = exchange.form
        label, code = form.word("label", longest=_LABEL), form.word("code", longest=_CODE)
        step = form.step()
        try:
            self._signon.confirm_totp(exchange.person, step, label, code, exchange.now)
        except (Unauthenticated, Malformed) as exc:
            fault = exc if isinstance(exc, Malformed) else Unauthenticated(WRONG_CODE)
            offer = offer_from(step, form.text("secret"), form.text("uri", longest=_LONGEST_URI))
            return (
                self._page(exchange, fault) if offer is None else _offered(exchange, offer, fault)
            )
        except Conflict as exc:
            return self._page(exchange, exc)
        return exchange.go("/factors", Said.FACTOR_ADDED)

    def challenge(self, exchange: Exchange) -> Answer:
        try:
            return challenge_answer(self._signon.passkey_offer(exchange.person, exchange.now))
        except StrongroomError as exc:
            return failed_challenge(exc)

    def confirm_passkey(self, exchange: Exchange) -> Answer:
        form = exchange.form
        label, step = form.word("label", longest=_LABEL), form.step()
        response = form.text("response", longest=32 * 1024)
        try:
            self._signon.confirm_passkey(exchange.person, step, label, response, exchange.now)
        except Unauthenticated:
            return self._page(exchange, Unauthenticated(WRONG_PASSKEY))
        except (Malformed, Conflict) as exc:
            return self._page(exchange, exc)
        return exchange.go("/factors", Said.FACTOR_ADDED)

    def remove(self, exchange: Exchange) -> Answer:
        try:
            self._signon.remove_factor(exchange.person, exchange.id, exchange.now)
        except Conflict as exc:
            return self._page(exchange, exc)
        return exchange.go("/factors", Said.FACTOR_REMOVED)

    def recovery(self, exchange: Exchange) -> Answer:
        codes = self._signon.recovery_codes(exchange.person, exchange.now)
        return exchange.page("codes.html", codes=codes, back="/factors")

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        return exchange.form_page(
            "factors.html",
            exc,
            factors=self._signon.factors(exchange.person),
            recovery_left=self._signon.recovery_left(exchange.person),
            proved=exchange.person.proved_lately(exchange.now),
            kinds=FACTORS,
        )


def _offered(exchange: Exchange, offer: Offer, exc: StrongroomError | None = None) -> Answer:
    return exchange.form_page(
        "totp.html",
        exc,
        offer=offer,
        qr=qr_code(offer.uri),
        label=exchange.form.text("label"),
    )
