"""The gateway as this home's own work asks it: the same door, without a socket.

A sync is an app like any other. It is admitted by its authorization, held to Amazon's usage plans, and what it asks for
is sealed and recorded before it sees a byte [1.3, 2.4]. Nothing here reads or stores personal data.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import orjson

from strongroom.errors import Unavailable
from strongroom.gateway.exchange import INSIDE
from strongroom.gateway.proxy import Gateway
from strongroom.terms import PrincipalId, SellerId

_T = TypeVar("_T")
_HOST: Final = "inside.invalid"
_ADDRESS: Final = "127.0.0.1"
_CLOSING_SECONDS: Final = 10.0

Work = Callable[[Gateway], Coroutine[Any, Any, _T]]


@dataclass(frozen=True, slots=True)
class Standing:
    """An app and its living authorization for one selling partner."""

    principal: PrincipalId
    seller: SellerId
    authorization: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What the gateway answered: header names in lower case; the body holds tokens and no personal data."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def document(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the answer's JSON. Raises: ValueError."""
        return orjson.loads(self.body)


class Inside:
    """Gives the gateway to code in threads: the one that is served, or one of its own where none is.

    Through the served one, its buckets count our calls and those of apps alike.
    """

    def __init__(self, make: Callable[[], Gateway]) -> None:
        self._make = make
        self._served: tuple[Gateway, asyncio.AbstractEventLoop] | None = None

    def serve(self, gateway: Gateway, loop: asyncio.AbstractEventLoop) -> None:
        """Use this gateway from now on; it lives in `loop`."""
        self._served = gateway, loop

    @contextmanager
    def opened(self) -> Iterator["Line"]:
        """Give a line to the gateway for the block. Not for a thread that runs an event loop."""
        if self._served is not None:
            yield Line(*self._served)
            return
        gateway, loop = self._make(), asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="gateway-inside", daemon=True)
        thread.start()
        line = Line(gateway, loop)
        try:
            yield line
        finally:
            line.close()
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_CLOSING_SECONDS)
            loop.close()


class Line:
    """Asks the gateway; each call blocks until its answer is whole, its event durable."""

    def __init__(self, gateway: Gateway, loop: asyncio.AbstractEventLoop) -> None:
        self._gateway = gateway
        self._loop = loop

    def ask(
        self,
        who: Standing,
        method: str,
        path: str,
        query: str = "",
        document: object = None,
    ) -> Heard:
        """Return the gateway's answer to one request, whatever its status. Raises: Unavailable where none came."""
        body = b"" if document is None else orjson.dumps(document)
        pieces: list[bytes] = []
        status, headers = self._run(self._call(who, method, path, query, body, pieces.append))
        return Heard(status, headers, b"".join(pieces))

    def fetch(self, who: Standing, address: str, take: Callable[[bytes], object]) -> Heard:
        """Hand a document under one of our own addresses to `take`, piece by piece.

        `take` gets the body of a refusal, too: look at the answer's status before anything is made of it.

        Raises:
            Unavailable: the document did not come to its end.

        """
        path = address.removeprefix(f"https://{_HOST}")
        status, headers = self._run(self._call(who, "GET", path, "", b"", take))
        return Heard(status, headers, b"")

    def close(self) -> None:
        """Close the connections of a gateway that nobody serves."""
        self._run(self._gateway.shutdown())

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except (concurrent.futures.CancelledError, RuntimeError):
            work.close()
            raise Unavailable("the gateway is stopping", hint="run it again") from None

    async def _call(
        self,
        who: Standing,
        method: str,
        path: str,
        query: str,
        body: bytes,
        take: Callable[[bytes], object],
    ) -> tuple[int, dict[str, str]]:
        ticket = self._gateway.admit_inside(who.principal, who.seller, who.authorization)
        headers = [(b"host", _HOST.encode()), (b"x-amz-access-token", ticket.encode())]
        if body:
            headers += [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": headers,
            "client": (_ADDRESS, 0),
            INSIDE: True,
        }
        heard = _Hearing(body, take)
        await self._gateway(scope, heard.receive, heard.send)
        if not heard.whole:
            raise Unavailable("the gateway's answer broke off", hint="run it again")
        return heard.status, heard.headers


class _Hearing:
    """The client's side of one ASGI exchange."""

    def __init__(self, body: bytes, take: Callable[[bytes], object]) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.whole = False
        self._body: bytes | None = body
        self._take = take

    async def receive(self) -> MutableMapping[str, Any]:
        """Give the request's body, and then nothing more: this client does not go away."""
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take the answer's start, or a piece of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            pairs = message["headers"]
            self.headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in pairs}
            return
        if message.get("body"):
            self._take(message["body"])
        self.whole = not message.get("more_body", False)
