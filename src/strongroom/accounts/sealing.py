"""What is stored of a sign-on: keyed digests of whatever lets its holder in, and sealed secrets [1.2, 2.4].

Whose a row is goes into its digest, or into what its seal vouches for: a copy of the database lets nobody in, and a
row that is edited to be another person's fits nobody. The digested values are random and long, so nothing is
stretched; those of a recovery code have 128 bits. Pure but for nonces.
"""

import base64
import hmac
import os
from typing import Final

from strongroom.accounts.shown import message, plain
from strongroom.crypto.derive import aad, derive
from strongroom.crypto.envelope import Entropy, open_, seal
from strongroom.errors import Tampered, Unauthenticated
from strongroom.terms import Environment, PrincipalId

TOKEN_BYTES: Final = 32

_RECOVERY_BYTES: Final = 16
"""Below 112 bits a salted password hash would be asked for in place of a keyed digest: ADR 0107."""

_RECOVERY_GROUP: Final = 4
_MISREAD: Final = str.maketrans({"0": "O", "1": "I", "8": "B", "-": "", " ": ""})
"""Digits that Base32 does not have, by the letters they are mistaken for."""


class Sealing:
    """The keys of one home's sign-ons."""

    def __init__(
        self, key: bytes, environment: Environment, *, entropy: Entropy = os.urandom
    ) -> None:
        self._environment = environment
        self._entropy = entropy
        self._digest_key = derive(key, "strongroom/signon-digest/v1", environment)
        self._step_key = derive(key, "strongroom/signon-step/v1", environment)
        self._factor_key = derive(key, "strongroom/second-factor/v1", environment)
        self._handle_key = derive(key, "strongroom/passkey-handle/v1", environment)

    def __repr__(self) -> str:
        return "<sealing>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")

    def token(self) -> str:
        """Return a new value for a cookie or a step: 32 random bytes as 43 characters."""
        return base64.urlsafe_b64encode(self._entropy(TOKEN_BYTES)).rstrip(b"=").decode()

    def random(self, count: int) -> bytes:
        """Return so many unpredictable bytes."""
        return self._entropy(count)

    # -- digests ---------------------------------------------------------------------------------

    def of_session(self, principal: PrincipalId, secret: str) -> bytes:
        """Return what is stored of a session's cookie."""
        return self._digest("session", str(principal), secret)

    def of_device(self, principal: PrincipalId, cookie: str) -> bytes:
        """Return what is stored of a device's cookie."""
        return self._digest("device", str(principal), cookie)

    def of_step(self, kind: str, code: str) -> bytes:
        """Return what is stored of a step's code."""
        return self._digest("step", kind, code)

    def of_recovery(self, principal: PrincipalId, code: str) -> bytes:
        """Return what is stored of a recovery code; spaces, dashes, case and misread digits do not count."""
        return self._digest("recovery", str(principal), plain(code).upper().translate(_MISREAD))

    def handle(self, name: str) -> bytes:
        """Return what an authenticator files a passkey under: it says nothing of the person."""
        return hmac.digest(self._handle_key, message(name), "sha256")

    def recovery_code(self) -> str:
        """Return a new recovery code: 128 bits as `ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ`."""
        text = base64.b32encode(self._entropy(_RECOVERY_BYTES)).decode().rstrip("=")
        step = _RECOVERY_GROUP
        return "-".join(text[at : at + step] for at in range(0, len(text), step))

    # -- seals -----------------------------------------------------------------------------------

    def seal_step(self, kind: str, place: bytes, content: bytes) -> bytes:
        """Return a step's content, sealed for its kind and place."""
        context = aad("strongroom/signon-step/v1", self._environment, kind, place)
        return seal(self._step_key, content, context=context, entropy=self._entropy)

    def open_step(self, kind: str, place: bytes, sealed: bytes) -> bytes:
        """Return what `seal_step` sealed. Raises: Tampered."""
        context = aad("strongroom/signon-step/v1", self._environment, kind, place)
        return open_(self._step_key, sealed, context=context, name="a step of a sign-on")

    def ticket(self, kind: str, content: bytes) -> str:
        """Return content sealed as text, for whoever has proved nothing: nothing of it is stored."""
        sealed = self.seal_step(kind, b"", content)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open_ticket(self, kind: str, text: str) -> bytes:
        """Return what `ticket` sealed. Raises: Unauthenticated."""
        try:
            raw = base64.b64decode(
                text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
            )
            return self.open_step(kind, b"", raw)
        except (ValueError, Tampered):
            raise Unauthenticated("the step is not valid") from None

    def seal_secret(self, principal: PrincipalId, secret: bytes) -> bytes:
        """Return a TOTP secret, sealed for its owner."""
        return seal(
            self._factor_key,
            secret,
            context=aad("strongroom/totp/v1", self._environment, principal),
            entropy=self._entropy,
        )

    def open_secret(self, principal: PrincipalId, sealed: bytes) -> bytes:
        """Return the TOTP secret. Raises: Tampered: altered, or another person's."""
        context = aad("strongroom/totp/v1", self._environment, principal)
        return open_(self._factor_key, sealed, context=context, name="a second factor")

    def vouch(self, principal: PrincipalId, credential_id: bytes, public_key: bytes) -> bytes:
        """Return what holds a passkey's row to its owner: a seal around nothing."""
        return seal(
            self._factor_key,
            b"",
            context=self._passkey(principal, credential_id, public_key),
            entropy=self._entropy,
        )

    def refuse_swapped(
        self, principal: PrincipalId, credential_id: bytes, public_key: bytes, vouched: bytes
    ) -> None:
        """Refuse a passkey's row that `vouch` did not make for this person. Raises: Tampered."""
        context = self._passkey(principal, credential_id, public_key)
        open_(self._factor_key, vouched, context=context, name="a passkey")

    def _passkey(self, principal: PrincipalId, credential_id: bytes, public_key: bytes) -> bytes:
        return aad("strongroom/passkey/v1", self._environment, principal, credential_id, public_key)

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self._digest_key, message(*parts), "sha256")
