"""Documents through a gateway without sockets: what was sent, and whether it was brought to its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

REPORT = "/reports/2021-06-30/documents/"
HOST = "gateway.test:8443"


@dataclass(frozen=True)
class Download:
    """One answer of the gateway's; `whole` says whether its last piece came."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


def link_of(door: Any, app: Any, document: str, **headers: str) -> str:
    """Return the path of the address that the gateway gives for a report document."""
    answer = door.get(app, REPORT + document, host=HOST, **headers)
    assert answer.status == 200, answer.body
    url: str = answer.json["url"]
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.query) == ("https", HOST, "")
    return parts.path


def fetch(
    door: Any, path: str, *, method: str = "GET", content: bytes = b"", **headers: str
) -> Download:
    """Send one request without a token and return what came."""
    got: Download = door.runner.run(afetch(door, path, method, content, headers))
    return got


async def afetch(
    door: Any,
    path: str,
    method: str = "GET",
    content: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    leave_after: int | None = None,
    version: str = "1.1",
) -> Download:
    """Do what `fetch` does; `leave_after` so many pieces the client goes away."""
    pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in (headers or {}).items()]
    if content:
        pairs.append((b"content-length", str(len(content)).encode()))
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": pairs,
        "http_version": version,
        "client": (door.address, 40000),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        if leave_after is not None and len(sent) > leave_after:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await door.gateway(scope, receive, send)
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    whole = len(sent) > 1 and not sent[-1].get("more_body", False)
    return Download(sent[0]["status"], found, body, whole)


def table(rows: Iterable[Iterable[str]], end: str = "\n") -> str:
    """Return tab-separated text."""
    return "".join("\t".join(row) + end for row in rows)
