"""The ASGI application of the desk: it reads, authenticates, holds off other sites, and only then asks a page.

A page needs a session unless its route says `open` [1.2]. A POST needs our own origin and the token of a form of ours;
GET and HEAD change nothing. Every answer forbids scripts and frames of others and is kept in no cache [1.5]. Every
request the desk refuses ends in an event before its answer leaves, strangers' as a number [2.6]; where that can't be
written the answer is 503. No page and no event repeats what was sent. What reads or writes the database runs in
threads, with one hop for each request.
"""

import contextlib
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool

from strongroom import web
from strongroom.accounts import ANONYMOUS
from strongroom.accounts.visits import Session, Visit
from strongroom.audit.entry import Event, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.desk import cookies, faults
from strongroom.desk.agent import agent_of
from strongroom.desk.cookies import Cookie
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.faults import Refused
from strongroom.desk.forms import TOKEN, Form, FormTokens, read_form, read_upload, same
from strongroom.desk.refusals import Refusals
from strongroom.desk.rendering import Pages, Static
from strongroom.desk.said import Said
from strongroom.errors import Malformed, StrongroomError, Unauthenticated
from strongroom.terms import Action, Caller

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SIGN_ON: Final = "/sign-on"
BODY_BYTES: Final = 64 * 1024
_BODY_SECONDS: Final = 10.0
_UPLOAD_SECONDS: Final = 120.0
_UPLOADS_AT_ONCE: Final = 4
_MAX_ADDRESSES: Final = 1024
_OTHER_HOST: Final = 421
_ERROR: Final = 400
_MOST_QUERY: Final = 4096
_ONCE: Final = (
    b"authorization",
    b"content-length",
    b"content-type",
    b"cookie",
    b"host",
    b"origin",
    b"sec-fetch-site",
    b"user-agent",
)

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"strict-transport-security", b"max-age=63072000"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
            b"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
    ),
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms, and the check would be blind. Nobody
    # else ever hears a URL of ours, and none holds a secret.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (
        b"permissions-policy",
        (
            b"publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), "
            b"geolocation=(), microphone=(), payment=(), usb=()"
        ),
    ),
)
"""On every answer of the desk."""

_NO_STORE: Final = (b"cache-control", b"no-store")
_CLEAR: Final = (b"clear-site-data", b'"cache", "storage"')
"""With the end of a session. Cookies are not in it: the browser itself stays known."""

_log = logging.getLogger(__name__)


class Sessions(Protocol):
    """What the door asks of `SignOn`."""

    def check(self, cookie: str, visit: Visit, now: datetime) -> Session:
        """Return a living session. Raises: Unauthenticated."""

    def sign_out(self, session: Session, now: datetime) -> None:
        """End a session."""


Witnessed = Callable[[str, Caller, datetime], AbstractContextManager[None]]
"""Around an administrator's act: where the home asks for it, witnesses see it before and after."""


class Desk:
    """The ASGI callable."""

    def __init__(  # noqa: PLR0913 - the objects that are wired, by name
        self,
        routes: Iterable[Route],
        *,
        sessions: Sessions,
        allowed: Callable[[Caller, datetime], frozenset[Action]],
        in_office: Callable[[Caller, datetime], bool],
        audit: AuditLog,
        clock: Callable[[], datetime],
        origin: Callable[[], str],
        tokens: FormTokens,
        pages: Pages,
        static: Static,
        witnessed: Witnessed,
    ) -> None:
        self._witnessed = witnessed
        self.routes = tuple(routes)
        """Every page there is."""
        self._routes = _Table(self.routes)
        self._sessions = sessions
        self._allowed = allowed
        self._in_office = in_office
        self._audit = audit
        self._clock = clock
        self._origin = origin
        self._tokens = tokens
        self._pages = pages
        self._static = static
        self._refusals = Refusals()
        self._addresses: dict[str, str] = {}
        self._uploads = 0

    @property
    def origin(self) -> str:
        """Where the pages are, as a browser writes it."""
        return self._origin()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            return
        exchange: Exchange | None = None
        try:
            answer = self._static.answer(scope["path"]) if _reads(scope) else None
            if answer is None:
                exchange = self._begin(scope)
                answer = await self._answer(exchange, scope, receive)
        except web.ClientGone:
            return
        except Exception as exc:  # noqa: BLE001 - the last line: all else ends in 500, never in a traceback
            _report(exc)
            answer = faults.unrecorded()
        headers = [
            *HEADERS,
            *answer.headers,
            (b"content-type", answer.media_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
        ]
        if not any(name == b"cache-control" for name, _value in answer.headers):
            headers.append(_NO_STORE)
        if exchange is not None:
            headers.append((b"x-request-id", exchange.request_id.encode()))
            headers += [(b"set-cookie", one) for one in cookies.kept(exchange.changes)]
            if exchange.changes.get(Cookie.SESSION, "") is None:
                headers.append(_CLEAR)
        left = False
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            body = b"" if scope["method"] == "HEAD" else answer.body
            await send({"type": "http.response.body", "body": body})
            left = answer.status < _ERROR
        finally:
            if exchange is not None and exchange.at_door:
                await run_in_threadpool(self._tell_left, exchange, left)

    def _tell_left(self, exchange: Exchange, left: bool) -> None:  # noqa: FBT001 - of the one caller
        """Record whether an answer left that tells of something the vault's door let out [2.6]."""
        event = Event(
            EventType.EGRESS_DELIVERED,
            Outcome.SUCCESS if left else Outcome.FAILURE,
            exchange.person.caller,
            reason=None if left else Reason.UNREACHABLE,
            op=exchange.at_door,
            n=len(exchange.opened) if left else 0,
            req=exchange.request_id,
        )
        self._audit.record(event, now=self._clock())

    def _begin(self, scope: Scope) -> Exchange:
        headers = _headers(scope)
        shown = cookies.shown(headers.get(b"cookie", b"").decode("latin-1"))
        client = scope.get("client")
        address = client[0] if client else ""
        agent = agent_of(headers.get(b"user-agent", b"").decode("latin-1"))
        return Exchange(
            str(uuid.uuid4()),
            self._clock(),
            Visit(address, shown.get(Cookie.DEVICE), agent),
            self._pseudonym(address),
            shown,
            self._pages,
            self._tokens,
            path=scope["path"],
            authorization=headers.get(b"authorization", b"").decode("latin-1"),
            none_match=headers.get(b"if-none-match", b"").decode("latin-1"),
        )

    def _pseudonym(self, address: str) -> str:
        known = self._addresses.get(address)
        if known is None:
            if len(self._addresses) >= _MAX_ADDRESSES:
                self._addresses.clear()
            known = self._addresses[address] = self._audit.pseudonym("ip", address)
        return known

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive) -> Answer:
        """Return the answer to a request, the event of a refusal durable."""
        headers = _headers(scope)
        route: Route | None = None
        try:
            self._refuse_other_host(headers)
            route, exchange.parts = self._routes.find(scope["method"], scope["path"])
            exchange.query = _query(scope.get("query_string", b""), route)
            if route.method == "POST":
                self._refuse_other_sites(headers)
                content_type = headers.get(b"content-type", b"").decode("latin-1")
                if route.upload_bytes:
                    exchange.form = await self._read_upload(
                        exchange, route, headers, receive, content_type
                    )
                else:
                    body = await _read_body(headers, receive)
                    exchange.form = read_form(body, content_type)
                exchange.now = self._clock()
        except (Refused, Malformed) as exc:
            return await run_in_threadpool(self._refuse_unasked, exchange, route, exc)
        return await run_in_threadpool(self._enter, exchange, route, _comes_from_elsewhere(headers))

    async def _read_upload(
        self,
        exchange: Exchange,
        route: Route,
        headers: dict[bytes, bytes],
        receive: Receive,
        content_type: str,
    ) -> Form:
        """Return a form with files; only of somebody signed on, and of few at once, is so much taken into memory."""
        if self._uploads >= _UPLOADS_AT_ONCE:
            raise Refused(503, Reason.RATE_LIMITED)
        self._uploads += 1
        try:
            # What is wrong with the session is told when the page is asked for.
            with contextlib.suppress(StrongroomError):
                await run_in_threadpool(self._identify, exchange)
            if exchange.session is None or (route.needs and not route.needs & exchange.may):
                return read_upload(await _read_body(headers, receive), content_type)
            limit = route.upload_bytes + BODY_BYTES
            body = await _read_body(headers, receive, limit=limit, seconds=_UPLOAD_SECONDS)
            return await run_in_threadpool(read_upload, body, content_type)
        finally:
            self._uploads -= 1

    def _refuse_other_host(self, headers: dict[bytes, bytes]) -> None:
        """Refuse a name that is not ours: a page of ours under another one would belong to that one's owner."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if f"https://{host}" != self._origin():
            raise Refused(_OTHER_HOST, Reason.WRONG_PATH, self._origin())

    def _refuse_other_sites(self, headers: dict[bytes, bytes]) -> None:
        """Refuse a form that another site sent; browsers of the last years say so in two headers."""
        site = headers.get(b"sec-fetch-site")
        origin = headers.get(b"origin")
        if site is None and origin is None:
            raise Refused(403, Reason.CROSS_SITE)
        if site is not None and site != b"same-origin":
            raise Refused(403, Reason.CROSS_SITE)
        if origin is not None and origin.decode("latin-1") != self._origin():
            raise Refused(403, Reason.CROSS_SITE)

    def _enter(self, exchange: Exchange, route: Route, from_elsewhere: bool) -> Answer:  # noqa: FBT001 - of the one caller
        """Find out who asks and give the page the request; one thread from here on."""
        try:
            self._identify(exchange)
            if route.method == "POST":
                self._refuse_foreign_form(exchange, route)
            if exchange.session is None and not route.open:
                return self._to_sign_on(exchange, route, from_elsewhere)
            return self._led_elsewhere(exchange, route) or self._handled(exchange, route)
        except (Refused, StrongroomError) as exc:
            return self._refused(exchange, route, exc)
        except Exception as exc:  # noqa: BLE001 - a fault of ours shows nothing of itself
            _report(exc)
            return self._refused(exchange, route, Refused(500, Reason.INTERNAL))

    def _handled(self, exchange: Exchange, route: Route) -> Answer:
        """Return the page's answer; where it signed somebody on, the session that stood in the browser ends."""
        before = exchange.session
        if before is not None and route.needs and route.method == "POST":
            with self._witnessed(route.op, before.caller, exchange.now):
                answer = route.handler(exchange)
        else:
            answer = route.handler(exchange)
        after = exchange.session
        # Its cookie is overwritten: nobody would ever sign it out.
        if before is not None and after is not None and before.id != after.id:
            self._sessions.sign_out(before, exchange.now)
        return answer

    def _led_elsewhere(self, exchange: Exchange, route: Route) -> Answer | None:
        """Return where a signed-on person has to go first. Raises: Refused for a page that is not for them."""
        session = exchange.session
        if session is None or route.open:
            return None
        if session.must_change_password and not route.old_password:
            return exchange.go("/password")
        if not _is_for(exchange, route):
            raise Refused(403, Reason.NO_GRANT)
        if route.proved is not None and not session.proved_lately(exchange.now):
            if route.method == "POST":
                self._record(exchange, route, Outcome.DENIED, Reason.NOT_PROVED_LATELY)
            return exchange.go(f"/prove/{route.proved.format_map(exchange.parts)}")
        return None

    def _identify(self, exchange: Exchange) -> None:
        cookie = exchange.cookies.get(Cookie.SESSION)
        if cookie is None:
            return
        try:
            exchange.session = self._sessions.check(cookie, exchange.visit, exchange.now)
        except Unauthenticated:
            # The session's own room has recorded why.
            exchange.changed[Cookie.SESSION] = None
            return
        caller = exchange.session.caller
        exchange.may = self._allowed(caller, exchange.now)
        if not exchange.may & OVERSEES:
            exchange.in_office = self._in_office(caller, exchange.now)
        exchange.opens = partial(self._opens, exchange)

    def _opens(self, exchange: Exchange, path: str) -> bool:
        """Tell whether a page of ours is for whoever asks."""
        try:
            route, _parts = self._routes.find("GET", path.partition("?")[0].partition("#")[0])
        except Refused:
            return False
        return _is_for(exchange, route)

    def _refuse_foreign_form(self, exchange: Exchange, route: Route) -> None:
        shown = exchange.form.text(TOKEN)
        good = []
        if exchange.session is not None:
            good.append(self._tokens.of_session(exchange.session.id))
        if route.open and Cookie.FORM in exchange.cookies:
            good.append(self._tokens.of_browser(exchange.cookies[Cookie.FORM]))
        # Who is no longer signed on gets to the sign-on page, not to a lecture: nothing happens either way.
        if not good and not route.open:
            return
        if not any(same(token, shown) for token in good):
            raise Refused(403, Reason.CROSS_SITE)

    def _to_sign_on(self, exchange: Exchange, route: Route, from_elsewhere: bool) -> Answer:  # noqa: FBT001 - as above
        if from_elsewhere and route.method == "GET" and Cookie.SESSION not in exchange.cookies:
            # A link of another site or a mail: the browser kept the session back. Ours asks once more.
            return exchange.page("arrive.html")
        if route.method == "GET" and (asked := cookies.of_path(exchange.path)) is not None:
            exchange.changed[Cookie.ASKED] = asked
        over = Cookie.SESSION in exchange.cookies
        said = Said.SESSION_OVER if over else Said.SIGN_ON_FIRST
        return exchange.go(SIGN_ON, said)

    def _refuse_unasked(
        self, exchange: Exchange, route: Route | None, exc: Refused | StrongroomError
    ) -> Answer:
        """Refuse what no page is asked for; the log hears whose session it came with."""
        try:
            if not isinstance(exc, Refused) or exc.status != _OTHER_HOST:
                self._identify(exchange)
        except StrongroomError as fault:
            exc = fault
        return self._refused(exchange, route, exc)

    def _refused(
        self, exchange: Exchange, route: Route | None, exc: Refused | StrongroomError
    ) -> Answer:
        """Return a refusal's page, its event durable; a plain 503 where that can't be written."""
        refusal = faults.refusal_for(exc)
        try:
            self._record(exchange, route, refusal.outcome, refusal.reason)
        except Exception as fault:  # noqa: BLE001 - whatever it is: no event, no answer
            _report(fault)
            return faults.unrecorded()
        return faults.page(exchange, refusal)

    def _record(
        self, exchange: Exchange, route: Route | None, outcome: Outcome, reason: Reason
    ) -> None:
        count: int | None = None
        if exchange.session is None:
            count = self._refusals.untold(exchange.src_ip, reason.value, exchange.now)
            if count == 0:
                return
        event = Event(
            EventType.DESK_REQUEST_REFUSED,
            outcome,
            ANONYMOUS if exchange.session is None else exchange.session.caller,
            reason=reason,
            op=None if route is None else route.op,
            n=count,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        self._audit.record(event, now=exchange.now)


class _Table:
    """The routes, by path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        patterns: dict[str, dict[str, Route]] = {}
        for route in routes:
            table = patterns if "{" in route.path else self._exact
            methods = table.setdefault(route.path, {})
            if route.method in methods:
                raise ValueError(f"{route.op} is there twice")
            methods[route.method] = route
        self._patterns = [(_pattern(path), methods) for path, methods in patterns.items()]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and what stood in the path. Raises: Refused."""
        methods, parts = self._exact.get(path), {}
        if methods is None:
            for pattern, candidates in self._patterns:
                if match := pattern.fullmatch(path):
                    methods, parts = candidates, match.groupdict()
                    break
        if methods is None:
            raise Refused(404, Reason.WRONG_PATH)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = [*methods, *(["HEAD"] if "GET" in methods else [])]
            raise Refused(405, Reason.WRONG_PATH, ", ".join(sorted(allowed)))
        return route, parts


_FORMS: Final = {"id": "[0-9]{1,12}", "duty": r"[0-9](?:\.[0-9])?-[a-z]"}
"""What may stand in a path where a route has this name; lower-case letters for any other."""


def _pattern(path: str) -> re.Pattern[str]:
    def part(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{_FORMS.get(match[1], '[a-z-]{1,32}')})"

    return re.compile(re.sub(r"\{(\w+)\}", part, path), re.ASCII)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return web.unambiguous(scope["headers"], _ONCE)


def _reads(scope: Scope) -> bool:
    return scope["method"] in ("GET", "HEAD")


def _query(raw: bytes, route: Route) -> dict[str, str]:
    """Return what a route reads of the query; there is nothing else to be there."""
    if not raw:
        return {}
    if not route.query or len(raw) > _MOST_QUERY:
        raise Refused(400, Reason.MALFORMED_REQUEST)
    try:
        pairs = parse_qsl(raw.decode("ascii"), errors="strict", max_num_fields=20)
    except ValueError:
        raise Refused(400, Reason.MALFORMED_REQUEST) from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused(400, Reason.MALFORMED_REQUEST)
    return {name: value for name, value in found.items() if name in route.query}


def _is_for(exchange: Exchange, route: Route) -> bool:
    """Tell whether the person of an exchange may see a page."""
    return (
        not route.needs
        or bool(route.needs & exchange.may)
        or (route.for_offices and exchange.in_office)
    )


def _comes_from_elsewhere(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site")


async def _read_body(
    headers: dict[bytes, bytes],
    receive: Receive,
    *,
    limit: int = BODY_BYTES,
    seconds: float = _BODY_SECONDS,
) -> bytes:
    """Return the whole body. Raises: Refused for one too large or too slow, ClientGone where the client left."""
    length = headers.get(b"content-length", b"")
    try:
        return await web.read_body(receive, length, limit=limit, seconds=seconds)
    except web.BodyTooLarge:
        raise Refused(413, Reason.MALFORMED_REQUEST) from None
    except web.BodyTooSlow:
        raise Refused(408, Reason.MALFORMED_REQUEST) from None


def _report(exc: BaseException) -> None:
    _log.error("a request failed", exc_info=web.loggable(exc))
