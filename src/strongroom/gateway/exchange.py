"""One request under way at the gateway, and what its event will say [2.6]."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.accounts import ANONYMOUS
from strongroom.terms import Caller, SellerId

INSIDE: Final = "strongroom.inside"
"""In the scope of a call that this home makes itself; no server puts it there."""

_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?").fullmatch


@dataclass(slots=True)
class Exchange:
    """One request under way, and what its event will say."""

    request_id: str
    now: datetime
    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    version: str = "1.1"
    body: bytes = b""
    address: str = ""
    src_ip: str | None = None
    caller: Caller = ANONYMOUS
    seller: SellerId | None = None
    op: str | None = None
    recorded: bool = False
    inside: bool = False
    """Whether this home's own work asks, and not an app."""

    @property
    def base(self) -> str:
        """Return where the client reached us, as it says; empty where it says nothing usable."""
        host = self.header(b"host") or ""
        return f"https://{host}" if _HOST(host) else ""

    def header(self, name: bytes) -> str | None:
        """Return a header's text, None where there is none."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")
