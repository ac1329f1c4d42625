"""A TLS server that sends exactly the bytes a test gives it: what no well-behaved library would."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.simulator.certificates import make_context


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return a whole answer with its length; a JSON content type unless another is given."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    if not any(line.lower().startswith("content-type") for line in headers):
        lines.append("Content-Type: application/json")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


TOKEN_ANSWER = http(b'{"access_token":"Atza|x","token_type":"bearer","expires_in":3600}')


@dataclass
class RawServer:
    """Answers the token endpoint properly and everything else with `answer`."""

    answer: bytes | list[bytes] = b""
    pause: float = 0.0
    repeat: int = 1
    requests: list[bytes] = field(default_factory=list)
    open: list[asyncio.StreamWriter] = field(default_factory=list)
    port: int = 0
    ca: str = ""

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def lwa_url(self) -> str:
        return self.endpoint + "/auth/o2/token"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                await reader.readexactly(length)
                self.requests.append(head)
                if head.startswith(b"POST /auth/o2/token"):
                    writer.write(TOKEN_ANSWER)
                    await writer.drain()
                    continue
                parts = [self.answer] if isinstance(self.answer, bytes) else self.answer
                for _ in range(self.repeat):
                    for part in parts:
                        writer.write(part)
                        await writer.drain()
                        if self.pause:
                            await asyncio.sleep(self.pause)
                break
        writer.close()


@contextmanager
def raw_server(directory: Path, **options: object) -> Iterator[RawServer]:
    """Run a server in a thread of its own."""
    context, ca_path = make_context(directory, "good")
    server = RawServer(**options, ca=ca_path.read_text())  # type: ignore[arg-type]
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
        server.port = listener.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        listener.close()
        for writer in server.open:
            writer.transport.abort()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    ready.wait(5)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()
