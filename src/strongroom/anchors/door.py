"""The witness's listener: `add-checkpoint` of c2sp.org/tlog-witness over HTTPS, and nothing else.

There is no authentication: what counts is the signature inside the checkpoint. A body is read up to its bound, and a
request that is none costs neither a transaction nor a signature.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from strongroom.anchors.asking import MAX_BODY_BYTES, PATH
from strongroom.anchors.following import Following, Reply

_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class WitnessDoor:
    """An ASGI application."""

    def __init__(self, following: Following, clock: Callable[[], datetime]) -> None:
        self._following = following
        self._clock = clock

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer one request."""
        if scope["type"] != "http":
            return
        reply = await self._reply(scope, receive)
        headers = [
            *_HEADERS,
            (b"content-type", reply.content_type.encode()),
            (b"content-length", str(len(reply.body)).encode()),
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, scope: Any, receive: Any) -> Reply:  # noqa: ANN401 - ASGI
        if scope["path"] != PATH:
            return Reply(404)
        if scope["method"] != "POST":
            return Reply(405)
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return Reply(400)
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY_BYTES:
                return Reply(413)
        return await run_in_threadpool(self._following.add_checkpoint, body, self._clock())
