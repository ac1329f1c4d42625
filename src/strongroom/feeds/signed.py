"""Posts a body to a webhook, signed with the secret that both sides know [1.5, 1.6].

`X-Strongroom-Signature: t=SECONDS,v1=HEX` is HMAC-SHA-256 over the seconds, a dot and the body: a receiver that holds
it against its own computation and its clock takes nothing forged and nothing old.
"""

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Final

from strongroom.errors import Denied
from strongroom.feeds.destinations import Webhook
from strongroom.outbound import Fault, Outbound, Unreachable, client_context

Sender = Callable[[Webhook, bytes, str, str, datetime], None]
"""Posts a body of a content type under an idempotency key, or raises as `post` does."""

HEADER: Final = "X-Strongroom-Signature"


class Rejected(Denied):
    """The other side is there and does not take it; a redirect is a rejection too."""


def post(place: Webhook, body: bytes, content_type: str, key: str, now: datetime) -> None:
    """Post a body. `key` is the same for every try of the same body.

    Raises:
        Unreachable: no connection, no trust, too slow, or too much.
        Rejected: any answer but 2xx.

    """
    headers = {"content-type": content_type, "idempotency-key": key, "user-agent": "strongroom"}
    if place.secret is not None:
        headers[HEADER] = signature(place.secret, body, now)
    try:
        context = client_context(place.ca)
    except (OSError, ValueError):
        raise Unreachable(Fault.TLS) from None
    answer = Outbound(context).send("POST", place.url, body, headers)
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
        raise Rejected("the webhook does not take it")


def signature(secret: str, body: bytes, now: datetime) -> str:
    """Return what stands in the header."""
    seconds = int(now.timestamp())
    mac = hmac.digest(secret.encode(), f"{seconds}.".encode() + body, "sha256")
    return f"t={seconds},v1={mac.hex()}"
