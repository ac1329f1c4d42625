"""The cookies of the desk: four that hold a secret, one a word of a closed list, one a path of ours [1.2, 1.5].

Every name begins with `__Host-`: a browser takes it only over TLS, from this very host and for the whole of it
(RFC 6265bis section 4.1.3.2), so that no neighbour under the same domain can plant one. None is readable by a script
and none is sent with a request that another site caused. Pure.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from strongroom.policy.limits import DEVICE_LIFETIME, LOGIN_STEP_LIFETIME


class Cookie(StrEnum):
    """What the desk keeps in a browser."""

    SESSION = "__Host-session"
    """Stands for a signed-on person; gone with the browser's own session."""
    DEVICE = "__Host-device"
    """Lets a browser be known again; opens nothing by itself."""
    STEP = "__Host-step"
    """A sign-on or a change of factors that is under way."""
    FORM = "__Host-form"
    """Binds the forms of somebody who is not signed on to this browser."""
    SAID = "__Host-said"
    """What the next page says first, by its name in `said.py`."""
    ASKED = "__Host-asked"
    """Which page somebody asked for who was sent to sign on; a hint, which opens nothing."""


_BY_NAME: Final = {cookie.value: cookie for cookie in Cookie}
_LIFETIME: Final = {
    Cookie.DEVICE: DEVICE_LIFETIME,
    Cookie.STEP: LOGIN_STEP_LIFETIME,
    Cookie.SAID: timedelta(minutes=1),
    Cookie.ASKED: LOGIN_STEP_LIFETIME,
}
_VALUE: Final = re.compile(r"[A-Za-z0-9_.~-]{1,2048}")
_PATH: Final = re.compile(r"(?:~[a-z0-9][a-z0-9.-]{0,63}){1,6}")
_COMMON: Final = "Path=/; Secure; HttpOnly; SameSite=Strict"


def shown(header: str) -> dict[Cookie, str]:
    """Return the cookies of a request's header; one that stands there twice, or has another form, counts as absent."""
    found: dict[Cookie, str] = {}
    spoilt = set()
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        cookie = _BY_NAME.get(name)
        if not equals or cookie is None:
            continue
        if cookie in found or not _VALUE.fullmatch(value):
            spoilt.add(cookie)
        found[cookie] = value
    return {cookie: value for cookie, value in found.items() if cookie not in spoilt}


def kept(changed: Mapping[Cookie, str | None]) -> list[bytes]:
    """Return one Set-Cookie header for each cookie that changed; None takes it away."""
    headers = []
    for cookie, value in changed.items():
        if value is None:
            headers.append(f"{cookie.value}=; Max-Age=0; {_COMMON}")
            continue
        if not _VALUE.fullmatch(value):
            raise ValueError(f"no value for {cookie.value}")
        life = _LIFETIME.get(cookie)
        age = "" if life is None else f"Max-Age={int(life.total_seconds())}; "
        headers.append(f"{cookie.value}={value}; {age}{_COMMON}")
    return [header.encode() for header in headers]


def of_path(path: str) -> str | None:
    """Return a path of ours as a cookie's value; None for one that is not kept."""
    value = path.replace("/", "~")
    return value if _PATH.fullmatch(value) else None


def path_of(value: str) -> str | None:
    """Return the path in a cookie's value, which leads into our own pages; None where there is none in it."""
    return value.replace("~", "/") if _PATH.fullmatch(value) else None
