"""A client of Strongroom's API, `Client` for threads and `AsyncClient` for asyncio, in one file without dependencies.

It renews its access token by itself, repeats what is safe to repeat once, and keeps values out of its errors and of
every `repr`. Answers that come sealed (JWE) are opened with the app's private key; that alone needs `joserfc`. With
such a key a plain answer is refused where a sealed one is due, and a value of another token than was asked for always.
"""

import asyncio
import http.client
import json
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import AddressValueError, IPv6Address
from types import TracebackType
from typing import Any, Final, Self, TypeVar

Scalar = str | int | float | bool
_T = TypeVar("_T")

_RENEW_BEFORE: Final = 60.0
_MAX_IDLE: Final = 8
_PLAIN: Final = ("/v1/token", "/v1/grants", "/v1/principal", "/v1/health")
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TOKEN_URL: Final = "https://token.invalid/"  # noqa: S105 - a rendering of tokens
_ALGORITHMS: Final = ["ECDH-ES+A256KW", "A256GCM"]
_UNAUTHENTICATED: Final = 401
_SUCCESS: Final = 200
_RELAY_SECONDS: Final = 45.0
"""A third party may take half a minute."""


class ApiError(Exception):
    """A refusal, by its kind: `denied`, `gone`, `not-found`, `malformed`, `throttled`, `unsealed` and so on."""

    def __init__(
        self,
        kind: str,
        status: int,
        detail: str,
        *,
        reason: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(f"{kind}: {detail}" + (f" ({reason})" if reason else ""))
        self.kind = kind
        self.status = status
        self.reason = reason
        """Of `denied`: how the nearest grant falls short, such as `wrong_purpose`."""
        self.errors = list(errors)
        """Of `malformed`: where the request is wrong, and how."""
        self.retry_after = retry_after
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Value:
    """A value that left the vault; prints without it."""

    token: str
    slot: str
    category: str
    seller: str
    record: int
    value: Scalar = field(repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as tokens; `due_at` where it was described, `order` where it was found."""

    record: int
    seller: str
    state: str
    tokens: Mapping[str, str]
    order: str | None = field(default=None, repr=False)
    due_at: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant of this app's own; `sellers` None means all."""

    id: int
    action: str
    purpose: str
    categories: Sequence[str]
    sellers: Sequence[str] | None
    state: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who this client is to Strongroom, and how it proved that: by `access_token` or `certificate`."""

    id: int
    name: str
    kind: str
    owner: str | None
    auth: str
    certificate: Mapping[str, str] | None
    """Of the certificate it showed: `thumbprint` (SHA-256) and `ends_at`."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """What a destination of the relay answered, with tokens in it; its own status, whatever that is."""

    status: int
    content_type: str
    body: bytes = field(repr=False)

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Return the answer's document. Raises: ValueError where it is none."""
        return json.loads(self.body)


class Client:
    """Calls one Strongroom as one app or node. Safe between threads; each call holds a connection of its own.

    `ca_file` is the home's `tls/ca.pem`; without it the system's roots count. `private_key` is the PEM or JWK text of
    the key whose public half was registered with `strongroom app key`. `client_certificate` names the PEM files of a
    registered certificate and of its key: alone it stands for the app; with client id and secret the access token is
    good together with it only (RFC 8705).
    """

    def __init__(
        self,
        url: str,
        client_id: str = "",
        client_secret: str = "",
        *,
        ca_file: str | None = None,
        private_key: str | None = None,
        client_certificate: tuple[str, str] | None = None,
        timeout: float = 15.0,
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError("the API is reached over https")
        self._host, self._port = parts.hostname, parts.port
        self._timeout = timeout
        self._trust = ssl.create_default_context(cafile=ca_file)
        if client_certificate is not None:
            # Without a password of ours, OpenSSL would ask a terminal for an encrypted key's.
            self._trust.load_cert_chain(*client_certificate, password="")
        elif not client_secret:
            raise ValueError("give client_id and client_secret, or a client_certificate")
        self._needs_token = bool(client_secret)
        self._form = urllib.parse.urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": client_secret,
            }
        ).encode()
        self._open = None if private_key is None else _opener(private_key)
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPSConnection] = []
        self._access, self._good_until = "", 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<strongroom client of {self._host}>"

    def close(self) -> None:
        """Close the idle connections. A later call opens new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def reveal(self, token: str, *, purpose: str, reason: str, key: str | None = None) -> Value:
        """Return the value behind a token. Raises: ApiError.

        `key` is your name for this request, of letters, digits, `-` and `_`: sent again with it, the log tells the
        repetition from another disclosure. Likewise in the two calls below.
        """
        body = {"token": token, "purpose": purpose, "reason": reason}
        return _asked_for(token, self._call("POST", "/v1/reveal", body, key))

    def reveal_batch(
        self, tokens: Sequence[str], *, purpose: str, reason: str, key: str | None = None
    ) -> list[Value | ApiError]:
        """Return for each of up to 100 tokens its value, or why there is none. Raises: ApiError."""
        body = {"tokens": list(tokens), "purpose": purpose, "reason": reason}
        results = self._call("POST", "/v1/reveal/batch", body, key)["results"]
        if [one["token"] for one in results] != body["tokens"]:
            raise _swapped()
        return [
            _asked_for(one["token"], one["value"])
            if one.get("value")
            else _error(one["problem"], {})
            for one in results
        ]

    def reveal_order(
        self,
        order: str,
        *,
        seller: str,
        purpose: str,
        reason: str,
        categories: Sequence[str] | None = None,
        key: str | None = None,
    ) -> list[Value]:
        """Return an order's values: all that the grants cover, or these categories. Raises: ApiError."""
        body: dict[str, Any] = {
            "order": order,
            "seller": seller,
            "purpose": purpose,
            "reason": reason,
        }
        if categories is not None:
            body["categories"] = list(categories)
        found = self._call("POST", "/v1/orders/reveal", body, key)["values"]
        return [Value(**one) for one in found]

    def search(
        self,
        *,
        purpose: str,
        reason: str,
        email: str | None = None,
        phone: str | None = None,
        order: str | None = None,
        sellers: Sequence[str] | None = None,
    ) -> Iterator[Record]:
        """Yield the records of one e-mail address, phone number or order, page by page. Raises: ApiError."""
        given = [
            (by, value)
            for by, value in (("email", email), ("phone", phone), ("order", order))
            if value is not None
        ]
        if len(given) != 1:
            raise ValueError("look for one of email, phone and order")
        ((by, value),) = given
        body: dict[str, Any] = {"by": by, "value": value, "purpose": purpose, "reason": reason}
        if sellers is not None:
            body["sellers"] = list(sellers)
        while True:
            page = self._call("POST", "/v1/search", body)
            yield from (Record(**one) for one in page["records"])
            if page["cursor"] is None:
                return
            body["cursor"] = page["cursor"]

    def record(self, number: int) -> Record:
        """Return a record's state, due date and tokens. Raises: ApiError."""
        return Record(**self._call("GET", f"/v1/records/{number}"))

    def grants(self) -> list[Grant]:
        """Return this app's own grants. Raises: ApiError."""
        return [Grant(**one) for one in self._call("GET", "/v1/grants")["grants"]]

    def principal(self) -> Principal:
        """Return who this client is to Strongroom. Raises: ApiError."""
        return Principal(**self._call("GET", "/v1/principal"))

    def relay(
        self,
        destination: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | bytes,
        *,
        purpose: str,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Relayed:
        """Post tokens to a destination, which gets values; its answer comes as tokens. Raises: ApiError.

        A body that is no bytes is sent as JSON. `headers` go on as they are: the destination's own API key, for one.
        Nothing is repeated by itself: it may have arrived.
        """
        target = f"/v1/relay/{destination}/{path.lstrip('/')}"
        if query:
            target += "?" + urllib.parse.urlencode(query)
        given = {"Content-Type": content_type, "x-strongroom-purpose": purpose}
        given |= {f"x-relay-{name}": value for name, value in (headers or {}).items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        for last in (False, True):
            if self._needs_token:
                given["Authorization"] = f"Bearer {self._token(renew=last)}"
            status, answered, answer = self._once(
                "POST", target, content, given, max(self._timeout, _RELAY_SECONDS)
            )
            relayed = "x-strongroom-relayed" in answered
            if relayed or status != _UNAUTHENTICATED or last or not self._needs_token:
                break
        if relayed:
            return Relayed(status, answered.get("content-type", ""), answer)
        try:
            problem = json.loads(answer)
        except ValueError:
            raise ApiError("internal", status, "the answer is no JSON") from None
        raise _error(problem, answered)

    # -- private ---------------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        content = None if body is None else json.dumps(body).encode()
        for last in (False, True):
            headers = {} if key is None else {"Idempotency-Key": key}
            if self._needs_token:
                headers["Authorization"] = f"Bearer {self._token(renew=last)}"
            if content is not None:
                headers["Content-Type"] = "application/json"
            status, answered, answer = self._send(method, path, content, headers)
            if status != _UNAUTHENTICATED or last or not self._needs_token:
                break
        sealed = self._open is not None and path not in _PLAIN
        return self._read(status, answered, answer, sealed=sealed)

    def _token(self, *, renew: bool) -> str:
        with self._lock:
            access, good_until = self._access, self._good_until
        if access and not renew and time.monotonic() < good_until:
            return access
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, _answered, answer = self._send("POST", "/v1/token", self._form, headers)
        if status != _SUCCESS:
            raise ApiError("unauthenticated", status, "the token endpoint refused the credentials")
        document = json.loads(answer)
        with self._lock:
            self._access = document["access_token"]
            self._good_until = time.monotonic() + document["expires_in"] - _RENEW_BEFORE
            return self._access

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        if idle is not None:
            try:
                return self._exchange(idle, method, path, body, headers)
            except (http.client.HTTPException, ConnectionError, ssl.SSLError):
                # The server closes what was idle for a minute; every call here may be repeated.
                idle.close()
        return self._once(method, path, body, headers, self._timeout)

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request over a connection of its own, and never again."""
        fresh = http.client.HTTPSConnection(
            self._host, self._port, timeout=timeout, context=self._trust
        )
        return self._exchange(fresh, method, path, body, headers)

    def _exchange(
        self,
        connection: http.client.HTTPSConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> tuple[int, Mapping[str, str], bytes]:
        try:
            connection.request(method, path, body, dict(headers))
            with connection.getresponse() as response:
                answer = response.read()
                found = {name.lower(): value for name, value in response.getheaders()}
                closing = response.will_close
        except BaseException:
            connection.close()
            raise
        with self._lock:
            keep = not closing and len(self._idle) < _MAX_IDLE
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()
        return response.status, found, answer

    def _read(self, status: int, headers: Mapping[str, str], answer: bytes, *, sealed: bool) -> Any:  # noqa: ANN401 - JSON
        if headers.get("content-type") == "application/jose":
            if self._open is None:
                raise ApiError(
                    "sealed", status, "the answer is sealed, and there is no private_key"
                )
            answer = self._open(answer)
        elif sealed and status == _SUCCESS:
            raise ApiError("plain", status, "the answer is not sealed, and there is a private_key")
        try:
            document = json.loads(answer)
        except ValueError:
            raise ApiError("internal", status, "the answer is no JSON") from None
        if status != _SUCCESS:
            raise _error(document, headers)
        return document


class AsyncClient:
    """The same calls for asyncio, each in a thread of the loop's pool; search returns a list."""

    def __init__(
        self,
        url: str,
        client_id: str = "",
        client_secret: str = "",
        **options: Any,  # noqa: ANN401 - as Client
    ) -> None:
        self._client = Client(url, client_id, client_secret, **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the idle connections."""
        await self._run(self._client.close)

    async def reveal(
        self, token: str, *, purpose: str, reason: str, key: str | None = None
    ) -> Value:
        """Return the value behind a token. Raises: ApiError."""
        call = partial(self._client.reveal, token, purpose=purpose, reason=reason, key=key)
        return await self._run(call)

    async def reveal_batch(
        self, tokens: Sequence[str], *, purpose: str, reason: str, key: str | None = None
    ) -> list[Value | ApiError]:
        """Return for each of up to 100 tokens its value, or why there is none. Raises: ApiError."""
        call = partial(self._client.reveal_batch, tokens, purpose=purpose, reason=reason, key=key)
        return await self._run(call)

    async def reveal_order(
        self,
        order: str,
        *,
        seller: str,
        purpose: str,
        reason: str,
        categories: Sequence[str] | None = None,
        key: str | None = None,
    ) -> list[Value]:
        """Return an order's values. Raises: ApiError."""
        return await self._run(
            partial(
                self._client.reveal_order,
                order,
                seller=seller,
                purpose=purpose,
                reason=reason,
                categories=categories,
                key=key,
            )
        )

    async def search(self, *, purpose: str, reason: str, **wanted: Any) -> list[Record]:  # noqa: ANN401 - as Client
        """Return every record that is found. Raises: ApiError."""
        call = partial(self._client.search, purpose=purpose, reason=reason, **wanted)
        return await self._run(lambda: list(call()))

    async def record(self, number: int) -> Record:
        """Return a record's state, due date and tokens. Raises: ApiError."""
        return await self._run(partial(self._client.record, number))

    async def grants(self) -> list[Grant]:
        """Return this app's own grants. Raises: ApiError."""
        return await self._run(self._client.grants)

    async def principal(self) -> Principal:
        """Return who this client is to Strongroom. Raises: ApiError."""
        return await self._run(self._client.principal)

    async def relay(
        self,
        destination: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | bytes,
        **options: Any,  # noqa: ANN401 - as Client
    ) -> Relayed:
        """Post tokens to a destination; its answer comes as tokens. Raises: ApiError."""
        return await self._run(partial(self._client.relay, destination, path, body, **options))

    async def _run(self, call: Callable[[], _T]) -> _T:
        return await asyncio.to_thread(call)


def _asked_for(token: str, found: Mapping[str, Any]) -> Value:
    """Return a value of this token. Raises: ApiError where it is another's: it would be somebody else's label."""
    value = Value(**found)
    if _canonical(value.token) != _canonical(token):
        raise _swapped()
    return value


def _canonical(token: str) -> str:
    """Return a token as the API names it: it may have been asked for as e-mail, web or IPv6 address."""
    try:
        bits = int(IPv6Address(token))
    except AddressValueError:
        return token.removeprefix(_TOKEN_URL).partition("@")[0].upper()
    return "".join(_CROCKFORD[bits >> shift & 31] for shift in range(95, -1, -5))


def _swapped() -> ApiError:
    return ApiError("internal", _SUCCESS, "the answer is of another token than was asked for")


def _error(document: Mapping[str, Any], headers: Mapping[str, str]) -> ApiError:
    wait = headers.get("retry-after", "")
    return ApiError(
        str(document.get("type", "")).rpartition(":")[2] or "unknown",
        int(document.get("status", 500)),
        str(document.get("detail", "")),
        reason=document.get("reason"),
        errors=document.get("errors") or (),
        retry_after=int(wait) if wait.isdigit() else None,
        request_id=headers.get("x-request-id"),
    )


def _opener(private_key: str) -> Callable[[bytes], bytes]:
    # Here and not above: whoever gets plain answers needs nothing but Python.
    from joserfc import jwe  # noqa: PLC0415 - optional
    from joserfc.errors import JoseError  # noqa: PLC0415 - optional
    from joserfc.jwk import ECKey, OKPKey  # noqa: PLC0415 - optional

    text = private_key.strip()
    document: Any = json.loads(text) if text.startswith("{") else text
    keys: list[ECKey | OKPKey] = []
    for kind in (ECKey, OKPKey):
        try:
            keys.append(kind.import_key(document))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not keys:
        raise ValueError("the private key is neither P-256 nor X25519")
    key = keys[0]

    def open_(sealed: bytes) -> bytes:
        found = jwe.decrypt_compact(sealed, key, algorithms=_ALGORITHMS).plaintext
        if found is None:
            raise ApiError("internal", 200, "the sealed answer is empty")
        return found

    return open_
