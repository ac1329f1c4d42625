"""The peer of the gateway: forwards a request and its answer as they are, by the same server and the same client.

What the gateway costs beyond it is Strongroom's own work. With `parse` it also reads the answer's JSON and writes it
again, as any gateway must that replaces a value. A process of its own.
"""

import asyncio
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvicorn
import uvloop
from yarl import URL

from strongroom.home import certificates, layout
from strongroom.home.transport import server_context
from strongroom.outbound import client_context
from strongroom.serve import tune_memory

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class PassThrough:
    """The ASGI application."""

    def __init__(self, session: aiohttp.ClientSession, upstream: str, *, parse: bool) -> None:
        self._session = session
        self._upstream = upstream
        self._parse = parse

    async def __call__(self, scope: MutableMapping[str, Any], receive: object, send: Send) -> None:
        """Forward one request."""
        del receive
        url = f"{self._upstream}{scope['path']}?{scope['query_string'].decode()}"
        async with self._session.get(URL(url, encoded=True), allow_redirects=False) as answer:
            body = await answer.read()
        if self._parse:
            body = orjson.dumps(orjson.loads(body))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _serve(home: Path, upstream: str, *, parse: bool) -> None:
    files = layout(home)
    tls = client_context(certificates.certificates(files).authority.read_text())
    connector = aiohttp.TCPConnector(ssl=tls, keepalive_timeout=55)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=256 * 1024,
        skip_auto_headers=("content-type", "accept", "accept-encoding", "user-agent"),
    ) as session:
        server = uvicorn.Server(_config(PassThrough(session, upstream, parse=parse), files.root))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server.serve(sockets=[listener]))
                sys.stdout.write(f"{listener.getsockname()[1]}\n")
                sys.stdout.flush()
                # Whoever started this process ends it by closing its standard input.
                await asyncio.to_thread(sys.stdin.read)
                server.should_exit = True


def _config(app: PassThrough, home: Path) -> uvicorn.Config:
    context: ssl.SSLContext = server_context(layout(home))
    return uvicorn.Config(
        app,
        lifespan="off",
        interface="asgi3",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_context_factory=lambda _config, _default: context,
    )


if __name__ == "__main__":
    tune_memory()
    uvloop.run(_serve(Path(sys.argv[1]), sys.argv[2], parse=sys.argv[3] == "parse"))
