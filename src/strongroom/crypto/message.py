"""Seals an answer for one app alone: JWE to the public key it registered [1.5].

RFC 7516 compact form, ECDH-ES+A256KW (RFC 7518 section 4.6) with A256GCM, over P-256 or X25519 (RFC 8037). Whoever ends
TLS on the way sees who asked and how much came back, and nothing of it. Only public keys come here: a private one is
refused, because then it has been where it should not be.
"""

from typing import Any, Final

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from strongroom.errors import Malformed

ALGORITHMS: Final = ["ECDH-ES+A256KW", "A256GCM"]
"""The only pair that is used: nothing is negotiated."""

_CURVES: Final = {("EC", "P-256"), ("OKP", "X25519")}
_LONGEST: Final = 16 * 1024
_PUBLIC: Final = ("kty", "crv", "x", "y")

Key = ECKey | OKPKey


def parse_public_key(text: str) -> str:
    """Return the JWK, as JSON with its thumbprint (RFC 7638) as `kid`, of a public key in JWK or PEM.

    Raises:
        Malformed: it is neither, another kind of key, no point of its curve, one that nothing can be sealed for, or a
            private key.

    """
    text = text.strip()
    if len(text) > _LONGEST or not text:
        raise Malformed("the public key is empty or too long")
    if "PRIVATE" in text:
        raise _private()
    key = _from_jwk(text) if text.startswith("{") else _from_pem(text)
    if key.is_private:
        raise _private()
    public: dict[str, Any] = {k: v for k, v in key.as_dict(private=False).items() if k in _PUBLIC}
    if (public.get("kty"), public.get("crv")) not in _CURVES:
        raise Malformed("the public key is neither P-256 nor X25519")
    jwk = orjson.dumps({**public, "kid": key.thumbprint()}, option=orjson.OPT_SORT_KEYS).decode()
    try:
        seal_message(jwk, b"{}")
    except (JoseError, ValueError):
        # A point of small order (RFC 7748, 6.1): the shared secret would be zero, whoever computes it.
        raise Malformed("nothing can be sealed for this public key") from None
    return jwk


def seal_message(jwk: str, content: bytes) -> bytes:
    """Return `content`, a JSON document, as a JWE for the holder of this key; `jwk` is from `parse_public_key`."""
    document = orjson.loads(jwk)
    key = _imported(document)
    header = {
        "alg": ALGORITHMS[0],
        "enc": ALGORITHMS[1],
        "kid": document["kid"],
        "cty": "application/json",
    }
    return jwe.encrypt_compact(header, content, key, algorithms=ALGORITHMS).encode()


def _from_jwk(text: str) -> Key:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Malformed("the public key is neither JWK nor PEM") from None
    if "d" in document:
        raise _private()
    return _imported({name: document[name] for name in _PUBLIC if name in document})


def _imported(document: dict[str, Any]) -> Key:
    kind = OKPKey if document.get("kty") == "OKP" else ECKey
    try:
        key = kind.import_key(document)
        key.raw_value  # noqa: B018 - computes the point, and so refuses what is none
    except (JoseError, ValueError, TypeError, KeyError):
        raise Malformed("the public key is not a P-256 or X25519 key") from None
    return key


def _from_pem(text: str) -> Key:
    for kind in (ECKey, OKPKey):
        try:
            return kind.import_key(text)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    raise Malformed("the public key is neither JWK nor PEM")


def _private() -> Malformed:
    return Malformed(
        "this is a private key", hint="make a new pair and register the public key only"
    )
