"""The outermost layer of every listener: whose request it is, and whether that address may come at all [1.1].

Whatever application lies inside sees one client address, which nobody but a trusted proxy can have chosen, and no
header in which somebody else claims another. A stranger gets 403 and nothing else: no path and no body of theirs is
looked at, and the connection ends.
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import datetime
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from strongroom import web
from strongroom.accounts.networks import Networks
from strongroom.accounts.strangers import Strangers
from strongroom.errors import Malformed, Misconfigured
from strongroom.policy.network import client_address, parse_proxies

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_FORWARDED_FOR: Final = b"x-forwarded-for"
_CLAIMS: Final = frozenset(
    {
        b"forwarded",
        b"client-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-original-forwarded-for",
        b"x-real-ip",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"fastly-client-ip",
    }
)
"""Headers that name a client, beside all that begin with `x-forwarded`; none of them passes."""

_PREFIX: Final = b"x-forwarded"
_MAX_KNOWN: Final = 4096

_log = logging.getLogger(__name__)


class Perimeter:
    """An ASGI application around another one, for the listener of that name.

    Raises:
        Misconfigured: a trusted proxy is none, or so many addresses that anybody could be one.

    """

    def __init__(
        self,
        app: Application,
        listener: str,
        networks: Networks,
        strangers: Strangers,
        clock: Callable[[], datetime],
        trusted_proxies: Sequence[str],
    ) -> None:
        self._app = app
        self._listener = listener
        self._networks = networks
        self._strangers = strangers
        self._clock = clock
        try:
            self._trusted = parse_proxies(trusted_proxies)
        except Malformed as exc:
            raise Misconfigured(f"network.trusted_proxies: {exc.message}", hint=exc.hint) from None
        self._peers: dict[str, str] = {}
        # The lists are read with the log beside them: before the first request, not within it.
        networks.permits_listener(listener, "127.0.0.1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request of a permitted client on, and refuse any other."""
        if scope["type"] == "http":
            address = self._client(scope)
            if address is None or not self._networks.permits_listener(self._listener, address):
                await self._refuse(scope, address, send)
                return
            headers = [pair for pair in scope["headers"] if not _claims(pair[0])]
            scope = {**scope, "client": (address, scope["client"][1]), "headers": headers}
        elif scope["type"] != "lifespan":
            return
        await self._app(scope, receive, send)

    def _client(self, scope: Scope) -> str | None:
        """Return the client's address in its one form; None where it has none to be judged by."""
        if not scope.get("client"):
            return None
        peer: str = scope["client"][0]
        if not self._trusted:
            known = self._peers.get(peer)
            if known is not None:
                return known
        values = [v.decode("latin-1") for n, v in scope["headers"] if n == _FORWARDED_FOR]
        try:
            found = str(client_address(peer, values, self._trusted))
        except Malformed:
            return None
        if not self._trusted:
            if len(self._peers) >= _MAX_KNOWN:
                self._peers.clear()
            self._peers[peer] = found
        return found

    async def _refuse(self, scope: Scope, address: str | None, send: Send) -> None:
        now = self._clock()
        # Without a client the proxy itself is who is refused: its operator has to mend it.
        about = address or (scope["client"][0] if scope.get("client") else None)
        try:
            events = self._strangers.refused(self._listener, about, now)
            if events:
                await run_in_threadpool(self._strangers.record, events, now)
        except Exception as exc:  # noqa: BLE001 - refused all the same; the next one is recorded again
            _log.error("a refusal was not recorded", exc_info=web.loggable(exc))
        headers = [*web.SECURITY_HEADERS, (b"content-length", b"0"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _claims(name: bytes) -> bool:
    return name in _CLAIMS or name.startswith(_PREFIX)
