"""One request under way: who asks, when, and whether the log has it already."""

from dataclasses import dataclass, field
from datetime import datetime

from strongroom.accounts import ANONYMOUS, Channel, Shown
from strongroom.terms import Caller, RecordNumber


@dataclass(slots=True)
class Exchange:
    """Made by the door, handed to the route with the request."""

    request_id: str
    now: datetime
    headers: dict[bytes, bytes]
    address: str
    """The client's; empty where the connection has none."""
    src_ip: str | None
    peer: bytes | None = None
    """DER of the certificate that the client showed in the TLS handshake."""
    body: bytes = b""
    channel: Channel | None = None
    shown: Shown | None = None
    """Whose certificate it is, once it was checked."""
    proved: bool = False
    """All that the caller had to show was right; `channel` alone says no more than whose token it is."""
    repeated: bool = False
    """The app sent this request before, under the same idempotency key."""
    recorded: bool = False
    opened: set[RecordNumber] = field(default_factory=set)
    """The records that the answer tells of."""
    at_door: bool = False
    """The vault was asked, and may have opened what did not become part of the answer."""
    op: str | None = None

    @property
    def caller(self) -> Caller:
        """Who asks, as far as it is proven."""
        return ANONYMOUS if self.channel is None else self.channel.caller

    def header(self, name: bytes) -> str:
        """Return a header, empty where there is none."""
        return self.headers.get(name, b"").decode("latin-1")
