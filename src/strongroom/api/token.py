"""The token endpoint: OAuth 2.0 client credentials (RFC 6749, 4.4) with the credentials of an app [1.2, 1.3].

It answers as the RFC says, errors too (5.2), so that any OAuth client can use it. There are no scopes: what a token may
do is what the app's grants say at the time of each request.
A token asked for over a client certificate is bound to it (RFC 8705, 3); a node gets none without.
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

import orjson
from fastapi import APIRouter, Request, Response

from strongroom.accounts import (
    ANONYMOUS,
    Accounts,
    CertificateRefused,
    Certificates,
    ClientGuard,
    Networks,
    Shown,
    WrongNetwork,
)
from strongroom.api import proof
from strongroom.api.exchange import Exchange
from strongroom.api.models import TokenAnswer, TokenError
from strongroom.api.problems import retry_after
from strongroom.audit.entry import Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.ticket import TicketBox
from strongroom.errors import Throttled, Unauthenticated
from strongroom.policy.limits import ACCESS_TOKEN_LIFETIME
from strongroom.terms import Caller, PrincipalKind

PATH: Final = "/v1/token"
_FORM: Final = "application/x-www-form-urlencoded"
_FORM_FIELDS: Final = 16
_FIELDS: Final = ("grant_type", "client_id", "client_secret", "scope")
_OP: Final = "api.token"
_KINDS: Final = frozenset({PrincipalKind.APP, PrincipalKind.NODE})
_BASIC: Final = {"www-authenticate": 'Basic realm="strongroom", charset="UTF-8"'}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"const": "client_credentials", "type": "string"},
                        "client_id": {"type": "string", "maxLength": 256},
                        "client_secret": {"type": "string", "maxLength": 256},
                    },
                }
            }
        },
    }
}


class _Refusal(Exception):
    def __init__(
        self,
        error: str,
        status: int = 400,
        reason: Reason = Reason.MALFORMED_REQUEST,
        caller: Caller = ANONYMOUS,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.reason = reason
        self.caller = caller


def router(
    accounts: Accounts,
    networks: Networks,
    guard: ClientGuard,
    certificates: Certificates,
    audit: AuditLog,
    tickets: TicketBox,
) -> APIRouter:
    """Return the one route."""
    found = APIRouter()

    def issue_token(request: Request) -> Response:
        """Exchange an app's client id and secret, in the form or as HTTP Basic, for a token of one hour."""
        exchange: Exchange = request.state.exchange
        exchange.op = _OP
        client_id: str | None = None
        try:
            client_id, secret = _shown_by(exchange, guard)
            shown = _shown(certificates, exchange)
            caller = accounts.check_client(client_id, secret, exchange.now, kinds=_KINDS)
            _admit(networks, caller, exchange.address)
            _prove(caller, shown)
        except Unauthenticated:
            exchange.recorded = True  # by accounts, which knows whose credential it was
            guard.failed(exchange.address, exchange.now, client=client_id)
            return _error(_Refusal("invalid_client", 401))
        except Throttled as exc:
            exchange.recorded = True  # by the guard, as one of many
            return _slowed(exc)
        except _Refusal as refusal:
            # The right secret in the wrong place too: that it is never slowed would tell which one it is.
            guard.failed(exchange.address, exchange.now, client=client_id)
            event = Event(
                EventType.TOKEN_ISSUED,
                Outcome.DENIED,
                refusal.caller,
                reason=refusal.reason,
                op=_OP,
                req=exchange.request_id,
                src_ip=exchange.src_ip,
            )
            audit.record(event, now=exchange.now)
            exchange.recorded = True
            return _error(refusal)
        ticket = tickets.seal(
            proof.bind(caller, shown), expires_at=exchange.now + ACCESS_TOKEN_LIFETIME
        )
        event = Event(
            EventType.TOKEN_ISSUED,
            Outcome.SUCCESS,
            caller,
            op=_OP,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(caller.principal),
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        audit.record(event, now=exchange.now)
        exchange.recorded = True
        document = {
            "access_token": ticket,
            "token_type": "Bearer",
            "expires_in": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
        }
        return Response(
            orjson.dumps(document), media_type="application/json", headers={"pragma": "no-cache"}
        )

    found.add_api_route(
        PATH,
        issue_token,
        methods=["POST"],
        response_class=Response,
        response_model=None,
        responses={
            200: {"model": TokenAnswer},
            400: {"model": TokenError},
            401: {"model": TokenError},
            429: {"model": TokenError},
        },
        operation_id="token",
        openapi_extra=_BODY,
    )
    return found


def _admit(networks: Networks, caller: Caller, address: str) -> None:
    try:
        networks.admit(caller, address)
    except WrongNetwork:
        # As a wrong secret: nobody learns from elsewhere that it is the right one.
        raise _Refusal("invalid_client", 401, Reason.WRONG_NETWORK, caller) from None


def _shown(certificates: Certificates, exchange: Exchange) -> Shown | None:
    try:
        return proof.shown_by(certificates, exchange)
    except CertificateRefused as exc:
        raise _Refusal("invalid_client", 401, exc.reason) from None


def _prove(caller: Caller, shown: Shown | None) -> None:
    try:
        proof.refuse_unproved(caller, shown)
    except Unauthenticated:
        # As a wrong secret: nobody learns without the certificate that it is the right one.
        raise _Refusal("invalid_client", 401, Reason.WRONG_CREDENTIAL, caller) from None


def _shown_by(exchange: Exchange, guard: ClientGuard) -> tuple[str, str]:
    """Return client id and secret. Raises: _Refusal; Throttled where too many were wrong from this address."""
    try:
        client_id, secret = _credentials(exchange)
    except _Refusal:
        guard.admit(exchange.address, exchange.now)
        raise
    guard.admit(exchange.address, exchange.now, client=client_id)
    return client_id, secret


def _slowed(error: Throttled) -> Response:
    headers = {name.decode(): value.decode() for name, value in retry_after(error.retry_after or 1)}
    body = orjson.dumps({"error": "slow_down"})
    return Response(body, 429, media_type="application/json", headers=headers)


def _error(refusal: _Refusal) -> Response:
    return Response(
        orjson.dumps({"error": refusal.error}),
        refusal.status,
        media_type="application/json",
        headers=_BASIC if refusal.status == 401 else None,  # noqa: PLR2004 - HTTP
    )


def _credentials(exchange: Exchange) -> tuple[str, str]:
    """Return client id and secret of a well-formed request for a token.

    Raises:
        _Refusal: it is none, or shows its credentials twice (RFC 6749, 2.3).

    """
    form = _form(exchange)
    grant = form.get("grant_type")
    if not grant:
        raise _Refusal("invalid_request")
    if grant != "client_credentials":
        raise _Refusal("unsupported_grant_type")
    if form.get("scope"):
        raise _Refusal("invalid_scope")
    basic = _basic(exchange.header(b"authorization"))
    in_form = form.get("client_id"), form.get("client_secret")
    if basic is not None:
        if in_form[1] is not None or in_form[0] not in (None, basic[0]):
            raise _Refusal("invalid_request")
        return basic
    client_id, secret = in_form
    if not client_id or not secret:
        raise _Refusal("invalid_client", 401)
    return client_id, secret


def _form(exchange: Exchange) -> dict[str, str]:
    if exchange.header(b"content-type").partition(";")[0].strip().lower() != _FORM:
        raise _Refusal("invalid_request")
    try:
        pairs = parse_qsl(
            exchange.body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_FORM_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise _Refusal("invalid_request") from None
    form = dict(pairs)
    if len(form) != len(pairs) or form.keys() - set(_FIELDS):
        raise _Refusal("invalid_request")
    return form


def _basic(header: str) -> tuple[str, str] | None:
    """Return the credentials of an Authorization header; None where there is none."""
    if not header:
        return None
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise _Refusal("invalid_client", 401)
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _Refusal("invalid_client", 401) from None
    client_id, colon, secret = text.partition(":")
    if not colon or not client_id or not secret:
        raise _Refusal("invalid_client", 401)
    return unquote_plus(client_id), unquote_plus(secret)
