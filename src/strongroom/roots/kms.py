"""A root key in AWS KMS: wraps by Encrypt, opens by Decrypt, and never leaves Amazon's modules.

The encryption context names environment and home in the clear, so that CloudTrail tells whose call it was and a key
policy can demand it; Decrypt names the key that the settings name, because an answer under whatever key a ciphertext
claims would let a stranger choose our master key. Requests are signed by botocore, with the credentials of its usual
chain, and sent as all others are. API: docs.aws.amazon.com/kms/latest/APIReference.
"""

import base64
import binascii
import hashlib
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import orjson

from strongroom.crypto.derive import KEY_BYTES
from strongroom.errors import Misconfigured, StrongroomError, Tampered, Unavailable
from strongroom.outbound import Outbound, Unreachable, client_context
from strongroom.roots.address import KmsAddress
from strongroom.roots.private import read_authority
from strongroom.roots.wrapped import Kind, pack, unpack
from strongroom.terms import Environment

_STEP_SECONDS: Final = 3.0
_WHOLE_SECONDS: Final = 5.0
_PAUSES: Final = (0.2, 0.8)
"""Seconds before a second and a third try; only of what may pass by itself."""
_ANSWER_BYTES: Final = 64 * 1024

_CHANGED: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_STOPPED: Final = frozenset({"DisabledException", "KMSInvalidStateException"})
_PASSING: Final = frozenset(
    {
        "DependencyTimeoutException",
        "KMSInternalException",
        "KeyUnavailableException",
        "ThrottlingException",
        "LimitExceededException",
    }
)
_CREDENTIALS: Final = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)


class KmsRoot:
    """The root of an `aws-kms:` address. Safe between threads; a call ends within half a minute."""

    def __init__(
        self,
        uri: str,
        address: KmsAddress,
        environment: Environment,
        home_id: str,
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.uri: Final = uri
        self._address = address
        self._environment = environment
        self._home_id = home_id
        self._wait = wait
        self._session: Any = None
        try:
            tls = client_context(read_authority(address.ca_file))
        except (ssl.SSLError, ValueError):
            raise Misconfigured(f"{address.ca_file} holds no certificate") from None
        self._outbound = Outbound(
            tls,
            step_seconds=_STEP_SECONDS,
            whole_seconds=_WHOLE_SECONDS,
            answer_bytes=_ANSWER_BYTES,
        )

    @property
    def key_id(self) -> str:
        """The key's ARN or alias."""
        return self._address.key

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return the key wrapped in KMS.

        Raises:
            Misconfigured: there is no such key, it is switched off, or our credentials may not use it.
            Unavailable: KMS does not answer.

        """
        plain = base64.b64encode(key).decode()
        found = self._ask("Encrypt", {"Plaintext": plain}, context)
        body = _decoded(found.get("CiphertextBlob"))
        return pack(Kind.AWS_KMS, _named(found), body)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key that `wrap` wrapped in the same context.

        Raises:
            Tampered: the bytes or the context are others, or another key wrapped it.
            Misconfigured, Unavailable: as `wrap`.

        """
        held = unpack(Kind.AWS_KMS, wrapped)
        blob = base64.b64encode(held.body).decode()
        found = self._ask("Decrypt", {"CiphertextBlob": blob}, context)
        key = _decoded(found.get("Plaintext"))
        if _named(found) != held.key or len(key) != KEY_BYTES:
            raise Tampered(
                "KMS opened the master key with another key than the one that wrapped it"
            )
        return key

    def __repr__(self) -> str:
        return f"<root in KMS {self.key_id}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")

    # -- private ---------------------------------------------------------------------------------

    def _ask(self, action: str, arguments: dict[str, str], context: bytes) -> dict[str, Any]:
        body = orjson.dumps(
            {
                "KeyId": self._address.key,
                "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                "EncryptionContext": {
                    "strongroom:environment": str(self._environment),
                    "strongroom:home": self._home_id,
                    "strongroom:context": hashlib.sha256(context).hexdigest(),
                },
                **arguments,
            }
        )
        for pause in _PAUSES:
            try:
                return self._once(action, body)
            except Unavailable:
                self._wait(pause)
        return self._once(action, body)

    def _once(self, action: str, body: bytes) -> dict[str, Any]:
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"TrentService.{action}",
        }
        signed = self._signed(body, headers)
        try:
            answer = self._outbound.send("POST", f"{self._address.endpoint}/", body, signed)
        except Unreachable as exc:
            raise Unavailable(f"KMS cannot be reached: {exc.fault.value}") from None
        found = _document(answer.body)
        if answer.status == HTTPStatus.OK and found is not None:
            return found
        word = str((found or {}).get("__type", "")).rpartition("#")[2]
        raise self._fault(word, answer.status)

    def _fault(self, word: str, status: int) -> StrongroomError:
        """Return the error for what KMS said; of its words, those that are listed here alone are repeated."""
        if word in _CHANGED:
            return Tampered("KMS does not know the wrapped master key as its own")
        if word in _STOPPED:
            # Not tried again: somebody meant it.
            return Misconfigured(
                f"KMS key {self.key_id} is disabled or about to be deleted",
                hint="enable it, or cancel its deletion; then start again",
            )
        if word == "NotFoundException":
            return Misconfigured(f"there is no KMS key {self.key_id}")
        if word in _CREDENTIALS:
            return Misconfigured(
                f"KMS does not take our credentials for {self.key_id}",
                hint="the role needs kms:Encrypt and kms:Decrypt on this key (docs/keys.md)",
            )
        if word in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(f"KMS does not serve now: status {status}")
        return Misconfigured(f"KMS refuses the call with status {status}")

    def _signed(self, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        # Only here: it takes a third of a second to load, which only those who have a key there wait for.
        from botocore.auth import SigV4Auth  # noqa: PLC0415
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from botocore.session import Session  # noqa: PLC0415

        try:
            if self._session is None:
                self._session = Session()
            # The session renews what expires.
            keys = self._session.get_credentials()
            frozen = None if keys is None else keys.get_frozen_credentials()
        except BotoCoreError:
            frozen = None
        if frozen is None:
            raise Misconfigured(
                "there are no AWS credentials for the root key",
                hint="give the machine a role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and its secret",
            )
        url = f"{self._address.endpoint}/"
        request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
        SigV4Auth(frozen, "kms", self._address.region).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "!", validate=True)
    except binascii.Error:
        raise Unavailable("KMS gives no answer of its kind") from None


def _named(found: dict[str, Any]) -> str:
    name = found.get("KeyId")
    if not isinstance(name, str) or not name:
        raise Unavailable("KMS gives no answer of its kind")
    return name
