"""What a client's certificate adds to its request: it stands for an app or node, and holds tokens to itself [1.2, 1.5].

RFC 8705: a token that was asked for over a certificate is good with that certificate only (3), told by its SHA-256
thumbprint inside the token. A certificate is what the listener saw in the TLS handshake; no header ever stands for one.
"""

from collections.abc import Mapping
from typing import Any, Final

from strongroom.accounts import Certificates, Shown
from strongroom.api.exchange import Exchange
from strongroom.api.problems import Problem, Refused
from strongroom.audit.entry import Reason
from strongroom.crypto.certificate import confirmation
from strongroom.errors import Unauthenticated
from strongroom.terms import Caller, PrincipalKind

NODE_PATHS: Final = frozenset({"/v1/principal"})
"""What a node may call, beside what anybody may."""

_BOUND: Final = "x"


def shown_by(certificates: Certificates, exchange: Exchange) -> Shown | None:
    """Return whose certificate a request came with; None where it came without.

    Raises:
        CertificateRefused: it came with one that lets nobody in, whatever else it shows.

    """
    if exchange.peer is None:
        return None
    return certificates.check(exchange.peer, exchange.now)


def bind(caller: Caller, shown: Shown | None) -> dict[str, Any]:
    """Return what an access token says: whose it is, and the certificate it is held to."""
    bound = {} if shown is None else {_BOUND: confirmation(shown.thumbprint)}
    return {"p": caller.principal, **bound}


def refuse_unproved(caller: Caller, shown: Shown | None) -> None:
    """Refuse another principal's certificate, and a node without any. Raises: Unauthenticated."""
    if shown is None and caller.kind is PrincipalKind.NODE:
        raise Unauthenticated("a node shows its client certificate")
    if shown is not None and shown.caller.principal != caller.principal:
        raise Unauthenticated("the client certificate is another's")


def refuse_unbound(payload: Mapping[str, Any], shown: Shown | None) -> None:
    """Refuse a bound token without its certificate: then it may be in other hands. Raises: Unauthenticated."""
    bound = payload.get(_BOUND)
    if bound is not None and (shown is None or confirmation(shown.thumbprint) != bound):
        raise Unauthenticated("the access token is bound to a client certificate")


def refuse_beyond_node(caller: Caller, path: str) -> None:
    """Refuse a node everything but to learn who it is [1.3]. Raises: Refused."""
    if caller.kind is PrincipalKind.NODE and path not in NODE_PATHS:
        detail = "this is not allowed to you"
        raise Refused(Problem(403, "denied", detail, Reason.NOT_AUTHORIZED))
