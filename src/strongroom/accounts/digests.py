"""What is stored of a secret: an HMAC under a key of the keystore, bound to whose it is [1.2, 2.5].

A row that is edited to be another app's, or to lead to another selling partner, lets nobody in.
ADR 0041 says why nothing is stretched. Pure.
"""

import hmac
from datetime import UTC, datetime
from typing import Final

from strongroom.accounts.shown import message
from strongroom.crypto.derive import derive
from strongroom.terms import Environment, PrincipalId, SellerId

PLACE_BYTES: Final = 16


class Digests:
    """The digests of one home."""

    def __init__(self, key: bytes, environment: Environment) -> None:
        self._secret_key = derive(key, "strongroom/client-secret/v1", environment)
        self._refresh_key = derive(key, "strongroom/refresh-token/v1", environment)
        self._certificate_key = derive(key, "strongroom/client-certificate/v1", environment)

    def __repr__(self) -> str:
        return "<digests>"

    def of_secret(self, client_id: str, owner: PrincipalId, secret: str) -> bytes:
        """Return what is stored of a client secret: 32 bytes."""
        return _hmac(self._secret_key, client_id, str(owner), secret)

    def of_refresh_token(self, token: str, owner: PrincipalId, seller: SellerId) -> bytes:
        """Return what is stored of a refresh token: `place`, then 16 bytes that hold it to its owner."""
        bound = _hmac(self._refresh_key, "bound", token, str(owner), str(seller))
        return self.place(token) + bound[:PLACE_BYTES]

    def place(self, token: str) -> bytes:
        """Return the 16 bytes by which a refresh token's row is found, whoever it belongs to."""
        return _hmac(self._refresh_key, "place", token)[:PLACE_BYTES]

    def of_certificate(
        self, thumbprint: bytes, owner: PrincipalId, registered_at: datetime
    ) -> bytes:
        """Return what holds a client certificate to its principal, and to the day it counts from: 32 bytes."""
        instant = registered_at.astimezone(UTC).isoformat(timespec="microseconds")
        return _hmac(self._certificate_key, thumbprint.hex(), str(owner), instant)


def _hmac(key: bytes, *parts: str) -> bytes:
    return hmac.digest(key, message(*parts), "sha256")
