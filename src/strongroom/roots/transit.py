"""A root key in the transit engine of OpenBao or HashiCorp Vault: wraps by `encrypt`, opens by `decrypt`, over TLS.

The key must be derived and not exportable: a derived key makes one key for each context, so that the context of one
home opens nothing of another, and the same bytes go along as associated data. The token is read from its file whenever
it changed, as an agent renews it. API: openbao.org/api-docs/secret/transit, the same as Vault's.
"""

import base64
import binascii
import re
import ssl
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import orjson

from strongroom.crypto.derive import KEY_BYTES, aad
from strongroom.errors import Misconfigured, StrongroomError, Tampered, Unavailable
from strongroom.outbound import Answer, Outbound, Unreachable, client_context
from strongroom.roots.address import TransitAddress
from strongroom.roots.private import read_authority, read_private
from strongroom.roots.wrapped import Kind, pack, unpack

_LABEL: Final = "strongroom/root/transit/v1"
_STEP_SECONDS: Final = 3.0
_WHOLE_SECONDS: Final = 5.0
_PAUSES: Final = (0.2, 0.8)
_ANSWER_BYTES: Final = 64 * 1024
_CIPHERTEXT: Final = re.compile(r"vault:v([1-9][0-9]{0,8}):[A-Za-z0-9+/=]{16,4096}")
_CHANGED: Final = (b"message authentication failed", b"invalid ciphertext")
_AEAD: Final = frozenset({"aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"})
_STANDBY: Final = frozenset({429, 472, 473})


class TransitRoot:
    """The root of a `transit:` address. Safe between threads; a call ends within half a minute."""

    def __init__(
        self, uri: str, address: TransitAddress, *, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.uri: Final = uri
        self._address = address
        self._wait = wait
        self._lock = threading.Lock()
        self._token = ""
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
        """The mount and the key in it."""
        return f"{self._address.mount}/{self._address.key}"

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return the key wrapped by the newest version of the transit key.

        Raises:
            Misconfigured: there is no such key, it is not one for this, or our token may not use it.
            Unavailable: the server does not answer, or is sealed.

        """
        self._refuse_soft()
        plain = base64.b64encode(key).decode()
        found = self._ask("encrypt", {"plaintext": plain}, context)
        text = found.get("ciphertext")
        match = _CIPHERTEXT.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise Unavailable("the transit engine gives no answer of its kind")
        return pack(Kind.TRANSIT, f"{self.key_id}:v{match[1]}", match[0].encode())

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key that `wrap` wrapped in the same context.

        Raises:
            Tampered: the bytes or the context are others, or another key wrapped it.
            Misconfigured, Unavailable: as `wrap`.

        """
        held = unpack(Kind.TRANSIT, wrapped)
        text = held.body.decode(errors="replace")
        match = _CIPHERTEXT.fullmatch(text)
        if match is None or held.key != f"{self.key_id}:v{match[1]}":
            raise Tampered("the wrapped master key is not one of this transit key")
        found = self._ask("decrypt", {"ciphertext": text}, context)
        try:
            key = base64.b64decode(str(found.get("plaintext", "!")), validate=True)
        except binascii.Error:
            raise Unavailable("the transit engine gives no answer of its kind") from None
        if len(key) != KEY_BYTES:
            raise Tampered("the transit engine gives another key than the one it wrapped")
        return key

    def __repr__(self) -> str:
        return f"<root in transit {self.key_id}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")

    # -- private ---------------------------------------------------------------------------------

    def _refuse_soft(self) -> None:
        """Refuse a key that can be read out, or that would take any context for the same. Raises: Misconfigured."""
        found = self._data(self._answered("GET", f"keys/{self._address.key}", None))
        opens = found.get("exportable") or found.get("allow_plaintext_backup")
        if opens or not found.get("derived") or found.get("type") not in _AEAD:
            raise Misconfigured(
                f"transit key {self.key_id} is not derived, can be exported, or is of another type",
                hint="bao write -f MOUNT/keys/KEY type=aes256-gcm96 derived=true",
            )

    def _ask(self, action: str, arguments: dict[str, str], context: bytes) -> dict[str, Any]:
        bound = base64.b64encode(aad(_LABEL, context)).decode()
        body = orjson.dumps({"context": bound, "associated_data": bound, **arguments})
        return self._data(self._answered("POST", f"{action}/{self._address.key}", body))

    def _answered(self, method: str, path: str, body: bytes | None) -> Answer:
        for pause in _PAUSES:
            try:
                return self._allowed(method, path, body)
            except Unavailable:
                self._wait(pause)
        return self._allowed(method, path, body)

    def _allowed(self, method: str, path: str, body: bytes | None) -> Answer:
        """Return an answer that is good; a token that is refused is read again, and tried once where it is another."""
        token = self._token_at_hand()
        answer = self._sent(method, path, body, token)
        if answer.status == HTTPStatus.FORBIDDEN:
            fresh = self._token_at_hand(again=True)
            if fresh != token:
                answer = self._sent(method, path, body, fresh)
        if answer.status != HTTPStatus.OK:
            raise self._fault(answer)
        return answer

    def _sent(self, method: str, path: str, body: bytes | None, token: str) -> Answer:
        place = self._address
        headers = {"x-vault-token": token, "x-vault-request": "true"}
        if body is not None:
            headers["content-type"] = "application/json"
        if place.namespace is not None:
            headers["x-vault-namespace"] = place.namespace
        try:
            url = f"{place.base}/v1/{place.mount}/{path}"
            return self._outbound.send(method, url, body, headers)
        except Unreachable as exc:
            raise Unavailable(f"the transit engine cannot be reached: {exc.fault.value}") from None

    def _token_at_hand(self, *, again: bool = False) -> str:
        with self._lock:
            if again or not self._token:
                self._token = read_private(self._address.token_file, "the transit engine's token")
            return self._token

    def _fault(self, answer: Answer) -> StrongroomError:
        """Return the error for an answer; none of its text is repeated."""
        status = answer.status
        if status in _STANDBY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(f"the transit engine does not serve now: status {status}")
        if status == HTTPStatus.FORBIDDEN:
            return Misconfigured(
                f"the transit engine refuses the token in {self._address.token_file}",
                hint="is it expired? its policy needs encrypt, decrypt and keys/KEY (docs/keys.md)",
            )
        if status == HTTPStatus.NOT_FOUND:
            return Misconfigured(f"there is no transit key {self.key_id}")
        if any(word in answer.body for word in _CHANGED):
            return Tampered("the key under the root is not what the transit engine wrapped")
        return Misconfigured(f"the transit engine refuses the call with status {status}")

    @staticmethod
    def _data(answer: Answer) -> dict[str, Any]:
        try:
            found = orjson.loads(answer.body)["data"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            found = None
        if not isinstance(found, dict):
            raise Unavailable("the transit engine gives no answer of its kind")
        return found
