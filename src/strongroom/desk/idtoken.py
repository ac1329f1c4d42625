"""Checks an ID token: signature, issuer, audience, times, nonce [1.2].

The steps of OpenID Connect Core 1.0, 3.1.3.7, with what RFC 8725 asks of any JWT: algorithms of a closed list of ours;
the key from the provider's own set, of the kind the algorithm wants; nothing that the token's header points to is
fetched or believed. The algorithms are joserfc's. Pure: `now` and the keys are given.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError

from strongroom.audit.entry import Reason
from strongroom.errors import Unauthenticated
from strongroom.policy.limits import LOGIN_STEP_LIFETIME, PROVIDER_CLOCK_SKEW, SESSION_LONGEST

ALGORITHMS: Final = frozenset({"RS256", "ES256", "EdDSA"})
"""What an ID token may be signed by. Never `none`, and no HMAC: a public key would do as its secret."""

_KINDS: Final = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
_SHORTEST_RSA_BITS: Final = 2048
_MOST_KEYS: Final = 64
_LONGEST_SUBJECT: Final = 255

Keys = Callable[[bool], list[Mapping[str, Any]]]
"""Gives the provider's public keys; True where one was missing among those it gave before."""


class NotVouched(Unauthenticated):
    """The provider vouches for nobody here; `reason` is for the log, the words are the same for all."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(
            "you could not be signed on through the provider",
            hint="begin again; if it stays so, ask an administrator",
        )
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token must say."""

    issuer: str
    client_id: str
    nonce: str
    recently: bool
    """Whether the person must have proved themselves to the provider within `SESSION_LONGEST`."""

    LONGEST_AGE_SECONDS: ClassVar[int] = int(SESSION_LONGEST.total_seconds())


class _Registry(jws.JWSRegistry):
    """Our list in place of joserfc's recommendations, which warn of the name `EdDSA` (RFC 9864) that providers use."""

    max_header_length = 8 * 1024  # some providers send their certificates along; nobody reads them

    def get_alg(self, name: str) -> Any:  # noqa: ANN401 - joserfc does not export the type
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError("not of our list")
        return self.algorithms[name]


_REGISTRY: Final = _Registry(strict_check_header=False)


def usable_keys(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the keys of a provider's set that may sign an ID token (RFC 7517); others are passed over."""
    keys = document.get("keys")
    if not isinstance(keys, list):
        return []
    return [
        key for key in keys[:_MOST_KEYS] if isinstance(key, dict) and key.get("use", "sig") == "sig"
    ]


def check_id_token(token: str, keys: Keys, expected: Expected, now: datetime) -> dict[str, Any]:
    """Return the claims of a token that is good to the end.

    Raises:
        NotVouched: it is not.

    """
    try:
        claims = _verified(token, keys)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        # A hostile key or header makes a library stumble in many ways: all of them are no.
        raise NotVouched(Reason.FORGED_TOKEN) from None
    _check_addresses(claims, expected)
    _check_times(claims, expected, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(errors="replace"), expected.nonce.encode()
    ):
        raise NotVouched(Reason.REPLAYED)
    # `at_hash` guards the access token, which nobody here uses.
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise NotVouched(Reason.MALFORMED_UPSTREAM)
    return claims


def _verified(token: str, keys: Keys) -> dict[str, Any]:
    header = jws.extract_compact(token.encode(), registry=_REGISTRY).headers()
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise NotVouched(Reason.FORGED_TOKEN)
    for again in (False, True):
        fitting = [key for key in keys(again) if _fits(key, algorithm, kid)]
        # Without a name there must be no choice: trying keys until one fits is how forgeries get through.
        if len(fitting) == 1:
            key = jwk.import_key(dict(fitting[0]))
            return jwt.decode(token, key, registry=_REGISTRY).claims
    raise NotVouched(Reason.FORGED_TOKEN)


def _fits(key: Mapping[str, Any], algorithm: str, kid: object) -> bool:
    kind, curve = _KINDS[algorithm]
    return (
        key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("alg", algorithm) == algorithm
        and (kid is None or key.get("kid") == kid)
        and (kind != "RSA" or _is_long(key.get("n")))
    )


def _is_long(modulus: object) -> bool:
    """Return whether an RSA modulus has 2048 bits or more; shorter ones can be factored (RFC 7518 3.3)."""
    if not isinstance(modulus, str):
        return False
    number = int.from_bytes(base64.urlsafe_b64decode(modulus + "=="), "big")
    return number.bit_length() >= _SHORTEST_RSA_BITS


def _check_addresses(claims: Mapping[str, Any], expected: Expected) -> None:
    """Steps 2 to 5: who it is from, and that it is for us and for nobody else besides."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != expected.issuer:
        raise NotVouched(Reason.FORGED_TOKEN)
    party = claims.get("azp", expected.client_id if len(audiences) == 1 else None)
    if audiences.count(expected.client_id) != 1 or party != expected.client_id:
        raise NotVouched(Reason.FORGED_TOKEN)


def _check_times(claims: Mapping[str, Any], expected: Expected, now: datetime) -> None:
    """Steps 9, 10 and 12: not too old, not from the future."""
    at, skew = now.timestamp(), PROVIDER_CLOCK_SKEW.total_seconds()
    ends, issued = _number(claims.get("exp")), _number(claims.get("iat"))
    begins = claims.get("nbf")
    if ends is None or issued is None or ends <= at - skew:
        raise NotVouched(Reason.TOO_OLD)
    if not at - LOGIN_STEP_LIFETIME.total_seconds() - skew <= issued <= at + skew:
        raise NotVouched(Reason.TOO_OLD)
    if begins is not None and ((first := _number(begins)) is None or first > at + skew):
        raise NotVouched(Reason.TOO_OLD)
    if expected.recently:
        proved = _number(claims.get("auth_time"))
        if proved is None or not at - Expected.LONGEST_AGE_SECONDS - skew <= proved <= at + skew:
            raise NotVouched(Reason.TOO_OLD)


def _number(value: object) -> float | None:
    """Return a NumericDate (RFC 7519 2); None for anything else, a bool among it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1 << 53 else None
