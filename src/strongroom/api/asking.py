"""What routes have in common: whose request it is, what the vault recorded of it, and how it is answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from fastapi import Request, Response

from strongroom.api.exchange import Exchange
from strongroom.api.problems import unsealed
from strongroom.crypto.message import seal_message
from strongroom.errors import (
    Denied,
    Malformed,
    NotFound,
    StrongroomError,
    Tampered,
    Unavailable,
)
from strongroom.vault import TooLong

JSON: Final = "application/json"
JOSE: Final = "application/jose"


@contextmanager
def recorded_by_vault(exchange: Exchange) -> Iterator[None]:
    """Note that the vault records what it decides; a form it does not take, or cannot keep, it does not record."""
    try:
        yield
    except TooLong:
        # It shows only once the record is open.
        exchange.recorded = exchange.at_door = True
        raise
    except (Malformed, Unavailable):
        raise
    except StrongroomError as exc:
        exchange.recorded = True
        exchange.at_door |= isinstance(exc, NotFound | Tampered)
        raise
    exchange.recorded = exchange.at_door = True


def exchange_of(request: Request, op: str) -> Exchange:
    """Return whose request a route is answering, and how the log calls what it does."""
    exchange: Exchange = request.state.exchange
    exchange.op = op
    return exchange


def refuse_unsealed(exchange: Exchange, search: str = "order") -> None:
    """Refuse personal data over a channel that somebody else could read [1.5].

    Raises:
        Denied: the app is behind somebody's TLS and has no key; or it would send an address or a number over it.

    """
    channel = exchange.channel
    if channel is None:
        raise Denied("nobody asks")
    if channel.behind_proxy and (channel.public_key is None or search != "order"):
        raise unsealed()


def answer(exchange: Exchange, document: dict[str, Any], *, personal: bool = True) -> Response:
    """Return an answer in JSON; one with personal data is sealed for an app that has a key."""
    body = orjson.dumps(document)
    key = None if exchange.channel is None else exchange.channel.public_key
    if personal and key is not None:
        return Response(seal_message(key, body), media_type=JOSE)
    return Response(body, media_type=JSON)
