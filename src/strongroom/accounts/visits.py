"""What the rooms that sign people on hand each other: where a request comes from, and who it is for [1.2, 1.4].

Values only. A field that lets its holder in (a cookie, a step, a secret) prints as nothing; addresses and device
cookies are stored and recorded as keyed HMACs only.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

from strongroom.errors import Denied, Misconfigured
from strongroom.policy.limits import PROOF_LASTS
from strongroom.terms import Caller


class NotProvedLately(Denied):
    """The session is good, but this needs a fresh proof of who is asking: ask for it, then let them go on."""


class PasswordProvesNothing(Denied):
    """The person has a second factor: only that is a fresh proof."""


class MustChangePassword(Denied):
    """The session is good, but its password is older than a quarter [1.4]: have it changed first."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a person's request comes from."""

    address: str = field(repr=False)
    """The client's address in canonical text, proxies already resolved."""
    device: str | None = field(repr=False)
    """The device cookie's value; None where none was shown."""
    agent: str
    """Browser and system of a closed list, such as "Firefox on Linux"; never the raw header."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-on person, as `SignOn.check` found them; `caller.auth` is `session`."""

    id: int
    caller: Caller
    device_id: int
    method: str
    """How they proved who they are: `password.totp`, `passkey`, `oidc.passkey` …"""
    agent: str
    created_at: datetime
    seen_at: datetime
    proved_at: datetime
    current: bool = False
    """In a list: whether it is the one that asked for the list."""
    must_change_password: bool = False
    """The password is older than a quarter [1.4]: little but `change_password` and `sign_out` is open to it."""

    def proved_lately(self, now: datetime) -> bool:
        """Tell whether its person proved who they are within `PROOF_LASTS`."""
        # Both ways: a clock that was ahead and was set right proves nothing for longer.
        return abs(now - self.proved_at) < PROOF_LASTS


class NoticeKind(StrEnum):
    """What a signed-on person should know."""

    NEW_DEVICE = "new_device"
    """A browser signed on for the first time: `device`. Acknowledge it from another one, or disown it."""
    PASSWORD_ENDS = "password_ends"  # noqa: S105 - a name
    """The password has to be changed by `at`."""
    PASSWORD_ENDED = "password_ended"  # noqa: S105 - a name
    """The password has to be changed before anything else."""
    FEW_RECOVERY_CODES = "few_recovery_codes"
    """`n` recovery codes are left."""


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that somebody signed on from."""

    id: int
    agent: str
    first_seen_at: datetime
    last_seen_at: datetime
    current: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing a signed-on person should know; only the fields its kind names are set."""

    kind: NoticeKind
    device: Device | None = None
    at: datetime | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class SignedOn:
    """A session, and what the browser gets: two cookies, each replacing the one it may have."""

    session: Session
    cookie: str = field(repr=False)
    device: str = field(repr=False)
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """The first proof was right; the second factor is missing. Which kinds this person has."""

    step: str = field(repr=False)
    totp: bool
    passkey: bool
    recovery: bool


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a browser's passkey dialogue takes: `options` is the JSON of WebAuthn; `step` comes back with the answer."""

    step: str = field(repr=False)
    options: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """A TOTP secret that is not in use yet, as text and as the `otpauth:` URI of a QR code; shown this once."""

    step: str = field(repr=False)
    secret: str = field(repr=False)
    uri: str = field(repr=False)


class FactorKind(StrEnum):
    """Second factors."""

    TOTP = "totp"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor as its owner sees it; never what it proves."""

    id: int
    kind: FactorKind
    label: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pages are: `origin` as browsers write it, `host` is what passkeys are bound to (the RP id)."""

    origin: str
    host: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the site of an `https://host[:port]` URL, in the form in which browsers write an origin.

        Raises:
            Misconfigured: it has another form.

        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme != "https" or not host or parts.path.strip("/") or "@" in parts.netloc:
            raise Misconfigured("the desk's address has the wrong form", hint="https://HOST[:PORT]")
        shown = f"[{host}]" if ":" in host else host
        return cls(f"https://{shown}" + ("" if port in (None, 443) else f":{port}"), host)
