"""Asks an OpenID Connect provider who somebody is: authorization code flow with PKCE, ID token checked [1.2].

Sources: OpenID Connect Core 1.0 (3.1.2 and 3.1.3) and Discovery 1.0; RFC 7636 (PKCE, S256 alone); RFC 9207 (the answer
names its issuer); RFC 9700 (best current practice); RFC 8725 (JWT). Every address of the provider is HTTPS, verified
against the configured CA or the public roots. What comes back is a subject and nothing else: the access token is
dropped unused, and no other claim of a person is read. No error repeats what the provider or the browser sent.
"""

import base64
import hmac
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import orjson
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from strongroom.audit.entry import Reason
from strongroom.desk.idtoken import ALGORITHMS, Expected, NotVouched, check_id_token, usable_keys
from strongroom.errors import Misconfigured, Throttled, Unavailable
from strongroom.outbound import (
    STEP_SECONDS,
    Fault,
    Outbound,
    Unreachable,
    client_context,
    is_https_url,
)

_CACHED_FOR: Final = timedelta(hours=1)
_KEYS_AGAIN: Final = timedelta(minutes=1)
"""A token under an unknown key has the keys read again, no more often: strangers could ask for it all day."""

_AT_ONCE: Final = 8
_WAIT_SECONDS: Final = 1.0
"""Threads are shared with everything else that is served: a slow provider gets a few of them, and none waits long."""

_MOST_CODE: Final = 2048
_SECRET_BYTES: Final = 16
_VERIFIER_BYTES: Final = 32
_OK: Final = 200
_REASONS: Final = {
    Fault.TLS: Reason.UPSTREAM_TLS,
    Fault.TIMEOUT: Reason.UPSTREAM_TIMEOUT,
    Fault.FAILED: Reason.UPSTREAM_ERROR,
    Fault.TOO_LARGE: Reason.MALFORMED_UPSTREAM,
}


class ProviderFailed(Unavailable):
    """The provider does not answer, or not as one; `reason` says which to the log."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(
            "the sign-on provider can't be used at the moment",
            hint="sign on with your password or passkey, or try again later",
        )
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Client:
    """What the settings say: who we are at which provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    """Empty: a public client, held by PKCE alone."""
    trust_second_factor: bool = False
    ca: str | None = field(default=None, repr=False)
    """PEM; the public roots otherwise."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and what the answer will be held against: keep it sealed, give it back once."""

    url: str = field(repr=False)
    kept: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Brought:
    """What the browser brought back from the provider: all of it a stranger's word."""

    code: str = field(repr=False)
    state: str = field(repr=False)
    iss: str
    error: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for."""

    subject: str = field(repr=False)
    second_factor: bool
    """It says that this person proved a second factor, and the settings trust it."""


@dataclass(frozen=True, slots=True)
class _Metadata:
    authorization: str
    token: str
    keys: str
    names_issuer: bool
    basic: bool
    read_at: datetime


@dataclass(frozen=True, slots=True)
class _Keys:
    found: list[Mapping[str, Any]]
    read_at: datetime


class Provider:
    """One provider. Safe between threads; waits for the network, for bounded time.

    Raises:
        Misconfigured: the CA is no PEM.

    """

    def __init__(
        self,
        client: Client,
        *,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._entropy = entropy
        self._outbound = Outbound(_tls(client.ca), monotonic=monotonic)
        self._lock = threading.Lock()
        self._metadata: _Metadata | None = None
        self._keys: _Keys | None = None
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        # What was begun under other settings is not finished under these.
        self._place = _text(sha256(f"{client.issuer} {client.client_id}".encode()).digest()[:9])

    @property
    def issuer(self) -> str:
        """Whose subjects it vouches for."""
        return self._client.issuer

    def begin(self, redirect_uri: str, now: datetime) -> Begun:
        """Return where to send the browser.

        Raises:
            ProviderFailed: it does not answer, or says nothing we can use.
            Throttled: too many are asking at once.

        """
        metadata = self._known(now)
        kept = {
            "provider": self._place,
            "state": _text(self._entropy(_SECRET_BYTES)),
            "nonce": _text(self._entropy(_SECRET_BYTES)),
            "verifier": _text(self._entropy(_VERIFIER_BYTES)),
        }
        # A second factor that counts was proved no longer ago than anybody stays signed on here.
        age = Expected.LONGEST_AGE_SECONDS if self._client.trust_second_factor else None
        url = prepare_grant_uri(
            metadata.authorization,
            client_id=self._client.client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope="openid",
            state=kept["state"],
            nonce=kept["nonce"],
            code_challenge=create_s256_code_challenge(kept["verifier"]),
            code_challenge_method="S256",
            max_age=age,
        )
        return Begun(url, kept)

    def finish(
        self, brought: Brought, kept: Mapping[str, str], redirect_uri: str, now: datetime
    ) -> Vouched:
        """Return whom the provider vouches for; `kept` is what `begin` gave for this very browser.

        Raises:
            NotVouched: for nobody; `reason` is for the log.
            ProviderFailed, Throttled: as `begin`.

        """
        if kept.get("provider") != self._place:
            raise NotVouched(Reason.MISCONFIGURED)
        if not _same(kept["state"], brought.state):
            raise NotVouched(Reason.CROSS_SITE)
        metadata = self._known(now)
        # Before the code goes anywhere: another provider's answer must not bring its code to this one (RFC 9207).
        if (metadata.names_issuer or brought.iss) and brought.iss != self._client.issuer:
            raise NotVouched(Reason.CROSS_SITE)
        if brought.error:
            raise NotVouched(Reason.NOT_AUTHORIZED)
        if not brought.code or len(brought.code) > _MOST_CODE or not brought.code.isascii():
            raise NotVouched(Reason.MALFORMED_REQUEST)
        token = self._exchange(metadata, brought.code, kept["verifier"], redirect_uri)
        expected = Expected(
            self._client.issuer,
            self._client.client_id,
            kept["nonce"],
            recently=self._client.trust_second_factor,
        )
        claims = check_id_token(
            token, lambda again: self._signers(metadata, now, again=again), expected, now
        )
        amr = claims.get("amr")
        has_second = isinstance(amr, list) and "mfa" in amr
        return Vouched(claims["sub"], self._client.trust_second_factor and has_second)

    # -- what the provider says of itself --------------------------------------------------------

    def _known(self, now: datetime) -> _Metadata:
        with self._lock:
            known = self._metadata
        if known is not None and timedelta(0) <= now - known.read_at < _CACHED_FOR:
            return known
        address = self._client.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = _metadata(self._ask("GET", address), self._client, now)
        with self._lock:
            self._metadata = found
        return found

    def _signers(
        self, metadata: _Metadata, now: datetime, *, again: bool
    ) -> list[Mapping[str, Any]]:
        """Return the keys; `again` where one was missing among them."""
        with self._lock:
            known = self._keys
        limit = _KEYS_AGAIN if again else _CACHED_FOR
        if known is not None and timedelta(0) <= now - known.read_at < limit:
            return known.found
        found = _Keys(usable_keys(self._ask("GET", metadata.keys)), now)
        with self._lock:
            self._keys = found
        return found.found

    def _exchange(self, metadata: _Metadata, code: str, verifier: str, redirect_uri: str) -> str:
        """Give the code for the ID token."""
        client = self._client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if client.client_secret and metadata.basic:
            # RFC 6749 2.3.1: each part is form-encoded before it is joined.
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = client.client_id
            if client.client_secret:
                form["client_secret"] = client.client_secret
        answer = self._ask("POST", metadata.token, form=form, headers=headers)
        if answer.get("error") == "invalid_grant":
            # Used, too old, another client's, or begun without our verifier: the provider doesn't say which.
            raise NotVouched(Reason.WRONG_CREDENTIAL)
        if "error" in answer:
            raise ProviderFailed(Reason.MISCONFIGURED)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderFailed(Reason.MALFORMED_UPSTREAM)
        return token

    # -- the network -----------------------------------------------------------------------------

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._room.acquire(timeout=_WAIT_SECONDS):
            raise Throttled("too many people sign on at once", retry_after=STEP_SECONDS)
        try:
            yield
        finally:
            self._room.release()

    def _ask(
        self,
        method: str,
        address: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object at an address. Raises: ProviderFailed, Throttled."""
        sent = {"accept": "application/json", **(headers or {})}
        if form is not None:
            sent["content-type"] = "application/x-www-form-urlencoded"
        try:
            with self._turn():
                content = None if form is None else urlencode(form).encode()
                answer = self._outbound.send(method, address, content, sent)
        except Unreachable as exc:
            raise ProviderFailed(_REASONS[exc.fault]) from None
        status = answer.status
        try:
            document = orjson.loads(answer.body)
        except ValueError:
            raise ProviderFailed(
                Reason.MALFORMED_UPSTREAM if status == _OK else Reason.UPSTREAM_ERROR
            ) from None
        if not isinstance(document, dict) or (status == _OK) == ("error" in document):
            raise ProviderFailed(Reason.MALFORMED_UPSTREAM)
        return document


def _metadata(document: Mapping[str, Any], client: Client, now: datetime) -> _Metadata:
    """Return what a discovery document says (OpenID Connect Discovery 1.0, section 4.3)."""
    # Exactly: "any provider" behind one address would be a provider for everybody.
    if document.get("issuer") != client.issuer:
        raise ProviderFailed(Reason.MISCONFIGURED)
    signs = document.get("id_token_signing_alg_values_supported", ["RS256"])
    ways = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if (
        not isinstance(signs, list)
        or not isinstance(ways, list)
        or not ALGORITHMS & set(map(str, signs))
    ):
        raise ProviderFailed(Reason.MISCONFIGURED)
    return _Metadata(
        _address(document, "authorization_endpoint"),
        _address(document, "token_endpoint"),
        _address(document, "jwks_uri"),
        document.get("authorization_response_iss_parameter_supported") is True,
        "client_secret_basic" in ways,
        now,
    )


def _address(document: Mapping[str, Any], name: str) -> str:
    address = document.get(name)
    if not isinstance(address, str) or not is_https_url(address, query=True):
        raise ProviderFailed(Reason.MALFORMED_UPSTREAM)
    return address


def _tls(ca: str | None) -> ssl.SSLContext:
    try:
        return client_context(ca)
    except (ssl.SSLError, ValueError) as exc:
        raise Misconfigured("oidc.ca holds no certificate", hint="it takes PEM") from exc


def _same(known: str, shown: str) -> bool:
    return hmac.compare_digest(known.encode(), shown.encode(errors="replace"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
