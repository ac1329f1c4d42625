"""Tries a selling partner's credentials at Login with Amazon before anything relies on them [1.4, 2.5].

One request over verified TLS, as the gateway's own; the token that comes back is dropped unread.
"""

import asyncio
from http import HTTPStatus
from typing import Final

from strongroom.audit.entry import Reason
from strongroom.errors import Denied, Unavailable
from strongroom.gateway.answers import Refusal
from strongroom.gateway.permits import fetch_access
from strongroom.gateway.upstream import Deadline, Line, UpstreamLimits
from strongroom.outbound import client_context, is_https_url
from strongroom.vault.sellers import Seller

_LIMITS: Final = UpstreamLimits(connections=1)


def try_credentials(seller: Seller) -> None:
    """Ask Login with Amazon for a token with these credentials. Not for a thread that runs an event loop.

    Raises:
        Denied: it refuses them.
        Unavailable: it did not answer, or not as it should.

    """
    if not is_https_url(seller.lwa_url):
        raise Unavailable("the selling partner's LWA URL is not usable")
    try:
        asyncio.run(_try(seller))
    except Refusal as refusal:
        if refusal.reason is Reason.WRONG_CREDENTIAL:
            raise Denied(
                "Login with Amazon refuses these credentials",
                hint="nothing was changed; compare them with Amazon's console",
            ) from None
        raise Unavailable(
            "Login with Amazon could not be asked",
            hint="nothing was changed; try again"
            if refusal.answer.status != HTTPStatus.BAD_GATEWAY
            else "nothing was changed; is its certificate authority the one that was given?",
        ) from None


async def _try(seller: Seller) -> None:
    line = Line(seller, client_context(seller.upstream_ca), _LIMITS)
    try:
        async with Deadline(_LIMITS.total_seconds).enforce():
            await fetch_access(line)
    finally:
        await line.close()
