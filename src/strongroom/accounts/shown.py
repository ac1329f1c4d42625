"""What a caller shows, bounded and taken apart before anything is compared with it."""

from typing import Final

import orjson

from strongroom.crypto.derive import aad
from strongroom.errors import Malformed

_MAX_SECRET_CHARACTERS: Final = 4096


def message(*parts: str) -> bytes:
    """Return texts as the one message that their digest is made of."""
    return aad(*(plain(part) for part in parts))


def plain(text: str) -> str:
    """Return the text bounded, and without the lone surrogates that a hostile request may hold."""
    return text[:_MAX_SECRET_CHARACTERS].encode(errors="replace").decode()


def parse_credential(text: str) -> tuple[str, str | None]:
    """Return the secret and, from JSON, the client id it belongs to.

    Raises:
        Malformed: it is JSON without a client secret.

    """
    text = text.strip()
    if not text.startswith("{"):
        return text, None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Malformed("the credential file is neither a client secret nor JSON") from None
    secret, client_id = document.get("client_secret"), document.get("client_id")
    if not isinstance(secret, str) or not isinstance(client_id, str | None):
        raise Malformed("the credential file holds no client_secret")
    return secret, client_id
