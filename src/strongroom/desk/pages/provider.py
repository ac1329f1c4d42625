"""Signing on through the OpenID Connect provider: there, and back again [1.2].

The provider is another site, and browsers keep our cookies back from what another site causes. So the browser is sent
there by a page and not by a redirect (`form-action` would hold a redirect off), and what it brings back is put into a
form of ours: only that form, sent from our own origin with the cookie of the sign-on that began here, does anything.
An answer for another browser, used before or ten minutes old leads back to the beginning. Who is vouched for has still
to be a living person of this home that somebody linked, and proves our second factor unless the settings trust theirs.
"""

from typing import Final

from strongroom.accounts import Identities
from strongroom.accounts.signon import SignOn
from strongroom.accounts.visits import Pending, SignedOn
from strongroom.audit.entry import Reason
from strongroom.desk.cookies import Cookie
from strongroom.desk.exchange import Answer, Exchange, Route
from strongroom.desk.faults import Refused
from strongroom.desk.idtoken import NotVouched
from strongroom.desk.oidc import Brought, Provider, ProviderFailed
from strongroom.desk.pages.sign_on import continued, form_page
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Throttled, Unauthenticated

ANSWER: Final = "/sign-on/provider/answer"
_BROUGHT: Final = ("code", "state", "iss", "error")
_LONGEST: Final = 2048


def routes(rooms: Rooms) -> list[Route]:
    """Return the pages, where a provider is set up."""
    if rooms.provider is None:
        return []
    pages = _ProviderPages(rooms, rooms.provider)
    return [
        Route("POST", "/sign-on/provider", pages.begin, open=True),
        Route("GET", ANSWER, pages.arrive, open=True, query=frozenset(_BROUGHT)),
        Route("POST", ANSWER, pages.finish, open=True),
    ]


class _ProviderPages:
    def __init__(self, rooms: Rooms, provider: Provider) -> None:
        self._rooms = rooms
        self._signon: SignOn = rooms.signon
        self._identities: Identities = rooms.identities
        self._provider = provider

    @property
    def _redirect_uri(self) -> str:
        return self._signon.site.origin + ANSWER

    def begin(self, exchange: Exchange) -> Answer:
        try:
            begun = self._provider.begin(self._redirect_uri, exchange.now)
        except ProviderFailed as exc:
            raise _unavailable(exc) from None
        except Throttled as exc:
            return form_page(self._rooms, exchange, exc)
        exchange.changed[Cookie.STEP] = self._signon.provider_step(begun.kept, exchange.now)
        return exchange.page("provider_go.html", url=begun.url)

    def arrive(self, exchange: Exchange) -> Answer:
        """Show what was brought as a form of ours; whoever sent it, nothing is done with it yet."""
        if not exchange.query.get("state") or len(exchange.query) < 2:  # noqa: PLR2004 - and a code or an error
            raise Refused(400, Reason.MALFORMED_REQUEST)
        brought = [(name, exchange.query[name]) for name in _BROUGHT if name in exchange.query]
        return exchange.page("provider_answer.html", brought=brought, action=ANSWER)

    def finish(self, exchange: Exchange) -> Answer:
        step = exchange.cookies.get(Cookie.STEP, "")
        try:
            # Each answer costs the provider a request; whose it is shows only after that.
            self._rooms.guard.admit_client(exchange.visit.address, exchange.now)
        except Throttled as exc:
            return form_page(self._rooms, exchange, exc)
        try:
            kept = self._signon.take_provider_step(step, exchange.now)
        except Unauthenticated:
            # The cookie stays: it may be of a link or a password, and any site can bring an answer of its own.
            return exchange.go("/sign-on", Said.STEP_OVER)
        exchange.changed[Cookie.STEP] = None
        brought = Brought(*(exchange.form.text(name, longest=_LONGEST) for name in _BROUGHT))
        try:
            result = self._identified(exchange, brought, kept)
        except NotVouched as exc:
            self._rooms.guard.failed_client(exchange.visit.address, exchange.now)
            self._signon.not_identified(exchange.visit, exchange.now, exc.reason)
            return form_page(self._rooms, exchange, exc)
        except ProviderFailed as exc:
            # Not counted against the browser's address: it is not its fault.
            raise _unavailable(exc) from None
        except Unauthenticated:
            # Locked, or without a second factor: recorded already, and told in the words for everybody.
            return form_page(self._rooms, exchange, NotVouched(Reason.LOCKED))
        except Throttled as exc:
            return form_page(self._rooms, exchange, exc)
        return continued(exchange, result)

    def _identified(
        self, exchange: Exchange, brought: Brought, kept: dict[str, str]
    ) -> Pending | SignedOn:
        vouched = self._provider.finish(brought, kept, self._redirect_uri, exchange.now)
        found = self._identities.who(self._provider.issuer, vouched.subject, exchange.now)
        if isinstance(found, Reason):
            raise NotVouched(found)
        return self._signon.identified(
            found, exchange.visit, exchange.now, second_factor=vouched.second_factor
        )


def _unavailable(exc: ProviderFailed) -> Refused:
    return Refused(503, exc.reason, f"{exc.message}: {exc.hint}")
