"""The desk over a real home, asked through its ASGI interface by something that keeps cookies and sends forms.

It behaves as a browser does where the desk relies on it: it keeps `__Host-` cookies, sends `Origin` and
`Sec-Fetch-Site`, follows redirects, and sends a form with all its hidden fields.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import pyotp
from argon2 import PasswordHasher

from strongroom.app import System
from strongroom.desks import desk_of
from strongroom.opening import open_system
from strongroom.terms import Caller

ORIGIN = "https://localhost:8445"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18 Safari/604"
)
PASSWORD = "Wq7!velvet-Harbour"
_CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
_FORM = "application/x-www-form-urlencoded"


@dataclass
class Page:
    """One answer, with its forms."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    path: str
    raw: bytes = b""

    def header(self, name: str) -> str:
        """Return a header, empty where there is none."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def cookies(self) -> dict[str, str]:
        """Every Set-Cookie header by its cookie's name."""
        return {v.partition("=")[0]: v for k, v in self.headers if k == "set-cookie"}

    @property
    def text(self) -> str:
        """What a person reads, in one line."""
        return " ".join(_parsed(self.body).text.split())

    @property
    def h1(self) -> str:
        """The page's heading."""
        return " ".join(_parsed(self.body).headings)

    @property
    def said(self) -> str:
        """The notice on top of the page."""
        found = re.search(r'<p class="notice" role="status">([^<]*)</p>', self.body)
        return "" if found is None else found[1]

    def form(self, action: str) -> dict[str, str]:
        """Return the fields of the form that goes to this path, with what they hold."""
        return _parsed(self.body).forms[action]

    @property
    def actions(self) -> list[str]:
        """Where the page's forms go."""
        return list(_parsed(self.body).forms)


class _Parsed(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.headings: list[str] = []
        self.text = ""
        self._form: dict[str, str] | None = None
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self._tag = tag
        if tag == "form":
            self._form = self.forms.setdefault(found.get("action", ""), {})
        elif tag in ("input", "select") and self._form is not None and "name" in found:
            self._form[found["name"]] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        self._tag = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._tag == "h1":
            self.headings.append(data)


def _parsed(body: str) -> _Parsed:
    parser = _Parsed()
    parser.feed(body)
    return parser


@dataclass
class DeskHome:
    """An open home and its desk; `now` is the desk's clock."""

    system: System
    now: datetime
    desk: Any = None

    @classmethod
    @contextmanager
    def opened(cls, path: Path, now: datetime, **variables: str) -> Iterator[Self]:
        """Open a home for the block."""
        system = open_system(path, starts_at=now, environ=variables)
        try:
            # What is hashed is not the point here: one of the real strength takes a quarter of a second.
            system.passwords._hasher = _CHEAP
            home = cls(system, now)
            home.desk = desk_of(system, lambda: home.now)
            yield home
        finally:
            system.close()

    @property
    def console(self) -> Caller:
        """Whoever sits at the machine."""
        return self.system.accounts.console("olga", self.now)

    def passes(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    def events(self, type_: str | None = None) -> list[Any]:
        """Return what the log has, of one type where one is named."""
        return [e for e in self.system.audit.events() if type_ in (None, e.type)]

    def visitor(self, **changes: Any) -> Visitor:
        """Return a fresh browser."""
        return Visitor(self, **changes)

    def first(self, name: str = "ada") -> Member:
        """Let the first administrator in by the link of `init`, in a browser of their own."""
        link = self.system.joining.first_link(self.console, self.now)
        return self._join(name, link.code, first=True)

    def member(self, name: str) -> Member:
        """Invite a person and let them in, in a browser of their own."""
        invited = self.system.joining.invite(name, self.console, self.now)
        return self._join(name, invited.link.code, first=False)

    def _join(self, name: str, code: str, *, first: bool) -> Member:
        visitor = self.visitor()
        page = visitor.submit(visitor.get("/welcome"), "/welcome", code=code)
        if first:
            page = visitor.submit(page, "/join/name", name=name)
        member = Member(name, visitor, page.form("/join")["secret"])
        page = visitor.submit(
            page, "/join", password=PASSWORD, again=PASSWORD, code=member.code(), label="phone"
        )
        assert page.h1 == "Your recovery codes", page.text
        member.recovery = re.findall(r"<li>([^<]+)</li>", page.body.partition('class="codes"')[2])
        return member


@dataclass
class Member:
    """A person who joined, and what they know."""

    name: str
    browser: Visitor
    secret: str = field(repr=False)
    password: str = field(default=PASSWORD, repr=False)
    recovery: list[str] = field(default_factory=list, repr=False)

    def code(self) -> str:
        """Return what the authenticator app shows now."""
        return pyotp.TOTP(self.secret).at(self.browser.home.now)

    def sign_on(self, browser: Visitor | None = None) -> Page:
        """Sign on with password and code, half a minute later: a code works once."""
        browser = browser or self.browser
        browser.home.passes(seconds=31)
        page = browser.submit(
            browser.get("/sign-on"), "/sign-on", name=self.name, password=self.password
        )
        assert page.path == "/sign-on/second", page.text
        return browser.submit(page, "/sign-on/second", code=self.code())

    def prove(self, back: str) -> Page:
        """Prove again who it is, half a minute later, and come back."""
        self.browser.home.passes(seconds=31)
        page = self.browser.get(f"/prove/{back}")
        return self.browser.submit(page, f"/prove/{back}", code=self.code())


@dataclass
class Visitor:
    """A browser without scripts."""

    home: DeskHome
    agent: str = FIREFOX
    address: str = "127.0.0.1"
    host: str = "localhost:8445"
    cookies: dict[str, str] = field(default_factory=dict, repr=False)

    def get(self, path: str, *, follow: bool = True, **headers: str) -> Page:
        """Ask for a page, as somebody who types its address."""
        return self.send(
            "GET", path, headers={"sec-fetch-site": "none"} | _named(headers), follow=follow
        )

    def post(
        self, path: str, fields: dict[str, str], *, follow: bool = True, **headers: str
    ) -> Page:
        """Send fields from a page of the desk."""
        own = {"origin": ORIGIN, "sec-fetch-site": "same-origin", "content-type": _FORM}
        body = urlencode(fields).encode()
        return self.send("POST", path, headers=own | _named(headers), body=body, follow=follow)

    def form_fields(self, path: str) -> dict[str, str]:
        """Return what every form of a page carries: its token."""
        return {"token": self.get(path).form("/sign-out")["token"]}

    def submit(self, page: Page, action: str, *, follow: bool = True, **fields: str) -> Page:
        """Fill a form of a page in and send it."""
        return self.post(action, page.form(action) | fields, follow=follow)

    def upload(
        self,
        path: str,
        fields: dict[str, str],
        name: str,
        content: bytes,
        *,
        media_type: str = "text/plain",
        follow: bool = True,
        **headers: str,
    ) -> Page:
        """Send a form with a file, as a browser writes one."""
        mark = "----formBoundary7MA4YWxk"
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in fields.items()
        ]
        parts.append(
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        )
        body = "".join(parts).encode() + content + f"\r\n--{mark}--\r\n".encode()
        own = {
            "origin": ORIGIN,
            "sec-fetch-site": "same-origin",
            "content-type": f"multipart/form-data; boundary={mark}",
        }
        return self.send("POST", path, headers=own | _named(headers), body=body, follow=follow)

    def send(
        self,
        method: str,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        follow: bool = False,
    ) -> Page:
        """Send one request; keep the cookies of the answer."""
        path, _, query = target.partition("?")
        sent = {"host": self.host, "user-agent": self.agent} | (headers or {})
        if self.cookies and "cookie" not in sent:
            sent["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if body:
            sent.setdefault("content-length", str(len(body)))
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "https",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in sent.items() if v],
            "client": (self.address, 40000),
        }
        page = asyncio.run(_exchange(self.home.desk, scope, body, path))
        for name, text in page.cookies.items():
            value = text.partition("=")[2].partition(";")[0]
            if "Max-Age=0" in text:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        if follow and page.status == 303:
            return self.send(
                "GET",
                page.header("location"),
                headers={"sec-fetch-site": "same-origin"},
                follow=True,
            )
        return page


async def _exchange(desk: Any, scope: dict[str, Any], body: bytes, path: str) -> Page:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await desk(scope, receive, send)
    headers = [(k.decode(), v.decode()) for k, v in sent[0]["headers"]]
    raw = sent[1]["body"]
    return Page(sent[0]["status"], headers, raw.decode(errors="replace"), path, raw)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
