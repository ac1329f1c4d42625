"""Where notices, the log and what the relay sends may go, as somebody asked: checked, sealed and shown [1.5, 2.6].

Pure. An address is an operator's decision that a second person approves, so private and loopback addresses are
allowed; an unverified or unencrypted connection is not, but to this very machine and only when asked for.
"""

import json
import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from strongroom.errors import Malformed
from strongroom.feeds.parties import Answers, Party
from strongroom.feeds.templates import parse
from strongroom.terms import Category, Purpose

MAX_RECIPIENTS: Final = 20
SHORTEST_SECRET: Final = 16

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,251}", re.ASCII)
_SECRET: Final = re.compile(r"[!-~]{16,1024}", re.ASCII)
_USER: Final = re.compile(r"[!-~]{1,320}", re.ASCII)
_URL: Final = re.compile(r"https://[!-~]{1,1500}", re.ASCII)


class Security(StrEnum):
    """How a connection to a mail server is kept private."""

    STARTTLS = "starttls"
    TLS = "tls"
    PLAIN = "plain"
    """To a loopback address, and only there."""


class Format(StrEnum):
    """How an entry of the log is written for a collector."""

    OCSF = "ocsf"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server. The password is kept apart, because it changes without anybody's approval."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    security: Security
    user: str | None = None
    ca: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.recipients or len(self.recipients) > MAX_RECIPIENTS:
            raise Malformed(f"a mail goes to 1 to {MAX_RECIPIENTS} addresses")
        if not all(map(_ADDRESS.fullmatch, (self.sender, *self.recipients))):
            raise Malformed("a mail address has another form")
        if self.user is not None and not _USER.fullmatch(self.user):
            raise Malformed("the mail server's user has another form")
        if self.security is Security.PLAIN and not _is_loopback(self.host):
            raise Malformed(
                "a mail server is spoken to over TLS", hint="plain only to 127.0.0.1 or [::1]"
            )
        if self.security is Security.PLAIN and self.user is not None:
            raise Malformed("a password is shown over TLS only")


@dataclass(frozen=True, slots=True)
class Webhook:
    """An HTTPS address. The address itself is a secret at many services; `host` is what is shown of it."""

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    template: str | None = field(default=None, repr=False)
    ca: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = _split(self.url)
        if not _URL.fullmatch(self.url) or parts is None:
            raise Malformed("a webhook is an https:// address without credentials or fragment")
        if self.secret is not None and not _SECRET.fullmatch(self.secret):
            raise Malformed(f"a signing secret has {SHORTEST_SECRET} to 1024 printable characters")
        if self.key is not None and not _USER.fullmatch(self.key):
            raise Malformed("the key of the template has another form")
        if self.template is not None:
            wanted = parse(self.template).wanted
            if ("key" in wanted) != (self.key is not None):
                raise Malformed("{{key}} in the template and --key-file go together")

    @property
    def host(self) -> str:
        """Return the host and, where one is named, the port."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True)
class Syslog:
    """A collector that speaks syslog over TLS (RFC 5425). Certificate and key of ours are files of the operator."""

    host: str
    port: int
    format: Format
    ca: str | None = field(default=None, repr=False)
    certificate: str | None = None
    certificate_key: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.certificate_key is None):
            raise Malformed("a client certificate and its key go together")
        for path in (self.certificate, self.certificate_key):
            if path is not None and not PurePosixPath(path).is_absolute():
                raise Malformed("a file is named by its whole path")


@dataclass(frozen=True, slots=True)
class Lines:
    """A file of JSON lines on this machine."""

    path: str
    format: Format

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if not path.is_absolute() or ".." in path.parts or not self.path.isprintable():
            raise Malformed("a file is named by its whole path")


@dataclass(frozen=True, slots=True)
class Posted:
    """A collector that takes batches of NDJSON over HTTPS."""

    webhook: Webhook
    format: Format


Destination = Mail | Webhook | Syslog | Lines | Posted | Party
ChannelPlace = Mail | Webhook
FeedPlace = Syslog | Lines | Posted

_KINDS: Final[dict[str, type[Any]]] = {
    "smtp": Mail,
    "webhook": Webhook,
    "syslog": Syslog,
    "jsonl": Lines,
    "post": Posted,
    "party": Party,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def kind_of(destination: Destination) -> str:
    """Return the word for what kind of destination it is."""
    return _NAMES[type(destination)]


def place_of(destination: Destination) -> str:
    """Return what may be shown of where it is."""
    match destination:
        case Mail() | Syslog():
            return f"{destination.host}:{destination.port}"
        case Webhook():
            return destination.host
        case Posted():
            return destination.webhook.host
        case Lines():
            return destination.path
        case Party():
            return destination.authority + destination.prefix


def dump(destination: Destination) -> bytes:
    """Return what is sealed of a destination: always the same bytes for the same one."""
    document = {"kind": kind_of(destination), **asdict(destination)}
    return json.dumps(document, sort_keys=True).encode()


def load(content: bytes) -> Destination:
    """Return the destination that `dump` wrote."""
    document = json.loads(content)
    kind = _KINDS[document.pop("kind")]
    if kind is Mail:
        document["recipients"] = tuple(document["recipients"])
        document["security"] = Security(document["security"])
    if kind is Posted:
        document["webhook"] = Webhook(**document["webhook"])
    if kind is Party:
        for name in ("sellers", "pins", "networks"):
            document[name] = None if document[name] is None else tuple(document[name])
        document["categories"] = tuple(map(Category, document["categories"]))
        document["purposes"] = tuple(map(Purpose, document["purposes"]))
        document["answers"] = Answers(document["answers"])
    if "format" in document:
        document["format"] = Format(document["format"])
    found: Destination = kind(**document)
    return found


def host_and_port(text: str) -> tuple[str, int]:
    """Return both parts of `HOST:PORT`; an IPv6 address stands in brackets. Raises: Malformed."""
    host, colon, port = text.rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0  # noqa: PLR2004 - 65535
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        known = _address(host)
    else:
        known = _HOST.fullmatch(host) is not None
    if not colon or not known or not 0 < number < 2**16:
        raise Malformed("a server is named as HOST:PORT")
    return host, number


def _address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_loopback(host: str) -> bool:
    return _address(host) and ip_address(host).is_loopback


def _split(url: str) -> Any:  # noqa: ANN401 - urllib's own, or None
    try:
        parts = urlsplit(url)
        sound = parts.port is None or parts.port > 0
    except ValueError:
        return None
    plain = parts.username is None and parts.password is None and not parts.fragment
    return parts if sound and plain and parts.scheme == "https" and parts.hostname else None
