"""One request as a page sees it, what a page answers, and how a page says where it is reached.

A page is a function from `Exchange` to `Answer`. When it runs, the door has found out who asks, has held the request
against other sites' forms, and has read the form; GET and HEAD change nothing.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil
from typing import Any, Final, Protocol
from urllib.parse import quote

from strongroom.accounts.visits import Session, SignedOn, Visit
from strongroom.desk import words
from strongroom.desk.cookies import Cookie
from strongroom.desk.forms import NO_FORM, Form, FormTokens
from strongroom.desk.said import Said
from strongroom.errors import NotFound, StrongroomError, Throttled
from strongroom.terms import Action, RecordNumber
from strongroom.web import status_of

HTML: Final = "text/html; charset=utf-8"
_FORM_COOKIE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a page, a redirect, or an error."""

    status: int
    body: bytes = b""
    media_type: str = HTML
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Templates(Protocol):
    """Makes pages from templates; the door's own, and a test's."""

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Return the page."""


@dataclass(slots=True)
class Exchange:
    """Made by the door for each request."""

    request_id: str
    now: datetime
    visit: Visit
    src_ip: str | None
    """The client's address as the log has it."""
    cookies: Mapping[Cookie, str]
    templates: Templates = field(repr=False)
    tokens: FormTokens = field(repr=False)
    path: str = ""
    form: Form = NO_FORM
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the route asked for of the URL's query; empty for almost every page."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """What stood in the path where the route has a name in braces."""
    authorization: str = field(default="", repr=False)
    """The header, for the one page that programs ask for with a password of its own."""
    none_match: str = ""
    """The header `If-None-Match`."""
    session: Session | None = None
    may: frozenset[Action] = frozenset()
    """What the person holds a grant for at the moment, for all selling partners [1.3]."""
    in_office: bool = False
    """Whether the person fills an office at the moment; asked only of who does not oversee anyway."""
    opens: Callable[[str], bool] = field(default=lambda _path: False, repr=False)
    """Whether the door lets this person see a page of ours, so that none is led to a refusal."""
    changed: dict[Cookie, str | None] = field(default_factory=dict, repr=False)
    """Cookies that the answer sets, or takes away."""
    at_door: str = ""
    """What the vault was asked for, as the log calls it; empty where nothing was."""
    opened: set[RecordNumber] = field(default_factory=set)
    """Records of which the answer tells something that the vault's door let out."""

    @property
    def changes(self) -> dict[Cookie, str | None]:
        """Return what becomes of the browser's cookies.

        One that was not shown is not taken away: with a link of another site a browser shows none, and that site
        would end what is under way in another tab.
        """
        return {
            cookie: value
            for cookie, value in self.changed.items()
            if value is not None or cookie in self.cookies
        }

    @property
    def person(self) -> Session:
        """The session of whoever asks, on a page that is for signed-on people only."""
        if self.session is None:
            raise RuntimeError("a page that is open to anybody asked for the session")
        return self.session

    @property
    def id(self) -> int:
        """The number in the path. Raises: NotFound for one that is none."""
        text = self.parts.get("id", "")
        if not text.isdigit():
            raise NotFound("there is no such page")
        return int(text)

    def form_token(self) -> str:
        """Return what each form of the answer has to carry."""
        if self.session is not None:
            return self.tokens.of_session(self.session.id)
        cookie = self.changed.get(Cookie.FORM) or self.cookies.get(Cookie.FORM)
        if cookie is None:
            cookie = secrets.token_urlsafe(_FORM_COOKIE_BYTES)
            self.changed[Cookie.FORM] = cookie
        return self.tokens.of_browser(cookie)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Answer:  # noqa: ANN401 - what the template shows
        """Return a page; every template sees `exchange` and `said` besides its values."""
        said = self.cookies.get(Cookie.SAID)
        if said is not None and Cookie.SAID not in self.changed:
            self.changed[Cookie.SAID] = None
        context = {"exchange": self, "said": said, **values}
        return Answer(status, self.templates.render(template, context).encode())

    def form_page(
        self,
        template: str,
        exc: StrongroomError | None,
        **values: Any,  # noqa: ANN401 - as above
    ) -> Answer:
        """Return a page with a form, and what was wrong with the form that was sent, if any."""
        if exc is None:
            return self.page(template, faults=[], **values)
        answer = self.page(template, status=status_of(exc), faults=words.told(exc), **values)
        return replace(answer, headers=retry_after(exc))

    def file(self, name: str, media_type: str, content: bytes) -> Answer:
        """Return a file for the browser to save under this name, which is one of ours."""
        disposition = f'attachment; filename="{name}"'.encode("ascii")
        return Answer(200, content, media_type, ((b"content-disposition", disposition),))

    def go(self, path: str, said: Said | None = None) -> Answer:
        """Return a redirect to a page of ours, which first says what was done."""
        if not path.startswith("/") or path.startswith(("//", "/\\")):
            raise ValueError("a redirect leads to a page of ours")
        if said is not None:
            self.changed[Cookie.SAID] = said.value
        return Answer(303, headers=((b"location", path.encode("ascii")),))

    def signed_on(self, done: SignedOn) -> None:
        """Remember the session in the browser: a new value each time something was proved."""
        self.session = done.session
        self.changed[Cookie.SESSION] = done.cookie
        self.changed[Cookie.DEVICE] = done.device
        self.changed[Cookie.STEP] = None
        # What forms were bound to before somebody signed on is worth nothing after.
        self.changed[Cookie.FORM] = None
        self.changed[Cookie.ASKED] = None

    def signed_off(self) -> None:
        """Have the browser forget the session; the device stays known."""
        self.session = None
        self.changed[Cookie.SESSION] = None
        self.changed[Cookie.STEP] = None


def attachment(name: str, content: bytes) -> Answer:
    """Return a file that a browser saves and never shows, whatever it is."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    said = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Answer(
        200, content, "application/octet-stream", ((b"content-disposition", said.encode("ascii")),)
    )


def retry_after(exc: StrongroomError) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header that says when to come back, where an error knows it."""
    if not isinstance(exc, Throttled) or exc.retry_after is None:
        return ()
    return ((b"retry-after", str(max(1, ceil(exc.retry_after))).encode()),)


Handler = Callable[[Exchange], Answer]

ADMINISTERS: Final = frozenset({Action.ADMINISTER})
"""For who runs the installation."""

OVERSEES: Final = frozenset({Action.OVERSEE, Action.ADMINISTER})
"""For who keeps the records of compliance; who runs the installation is one of them."""

HANDLES: Final = OVERSEES | {Action.RECTIFY}
"""For who answers what people ask about their own data [2.2]; each request is acted on by one of them alone."""

REVEALS: Final = frozenset({Action.REVEAL})
"""For who may read values of all selling partners; the page asks nobody, the vault decides about each value [1.3]."""

READS_LOG: Final = frozenset({Action.AUDIT})
"""For who may read the log [2.6]."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a page is reached. Unless it says otherwise it is for signed-on people only."""

    method: str
    """GET or POST; HEAD is GET without the body."""
    path: str
    """As `/sessions/{id}/end`; what is in braces is digits for `id`, such as `1.2-a` for `duty`, and lower-case letters
    otherwise."""
    handler: Handler
    open: bool = False
    """Anybody may ask. A person who is signed on is known all the same."""
    proved: str | None = None
    """Who did not prove lately who they are does so first, and comes back to `page` or `page/{id}` of `prove.py`."""
    needs: frozenset[Action] = frozenset()
    """Only for who may do one of these [1.3]."""
    for_offices: bool = False
    """Shown as well to who fills an office, with or without a grant: only a page that is looked at [1.6]."""
    old_password: bool = False
    """Reached too by whoever has to change the password before anything else [1.4]."""
    upload_bytes: int = 0
    """How large a file this POST may bring along, from signed-on people only; 0 for none."""
    query: frozenset[str] = frozenset()
    """Names of the query that are read. Nothing else has any: proxies and histories keep URLs."""

    def __post_init__(self) -> None:
        """Refuse what would let an office change something. Raises: ValueError."""
        if self.for_offices and (self.method != "GET" or not self.needs or self.proved):
            raise ValueError(f"{self.path} cannot be shown to offices")

    @property
    def op(self) -> str:
        """How the log calls it."""
        return f"{self.method}:{self.path.replace('{', '').replace('}', '')}"
