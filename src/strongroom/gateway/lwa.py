"""Our side of Login with Amazon: the tokens our apps get instead of Amazon's [1.2, 2.5].

An app proves itself with the credentials we gave it and gets an access token of ours; a Restricted Data Token is
answered here as well, bound to the app, method, path and elements. Both are tickets nobody else can read or make.
The selling partners' real tokens are never part of an answer.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Never
from urllib.parse import parse_qsl

import orjson

from strongroom.accounts import ANONYMOUS, Accounts, ClientGuard, Networks, Suspended
from strongroom.accounts.consents import STATE_CHARACTERS, Consent, ConsentRefused
from strongroom.audit.entry import Event, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.crypto.ticket import TicketBox, TicketKind
from strongroom.db.engine import Transaction
from strongroom.errors import Throttled, Unauthenticated
from strongroom.gateway.answers import (
    Answer,
    Refusal,
    bad_request,
    denied,
    json_answer,
    lwa_error,
    slowed,
)
from strongroom.policy.catalogue import Catalogue, Operation
from strongroom.policy.limits import ACCESS_TOKEN_LIFETIME, RESTRICTED_TOKEN_LIFETIME
from strongroom.terms import (
    SYSTEM,
    AuthMethod,
    Caller,
    Environment,
    PrincipalId,
    PrincipalKind,
    SellerId,
)

HOUSE: Final = 0
"""Stands where an authorization's number does in tickets of our own work; no authorization has it."""

HOUSE_ASKS: Final = frozenset(
    {"orders_2026-01-01.searchOrders", "easyShip_2022-03-23.getScheduledPackage"}
)
"""What our own work may ask Amazon, without an app: how far orders are [2.1]."""

MAX_RESOURCES: Final = 50
"""Tokens API 2021-03-01: the most resources one request may name."""

_MAX_PATH: Final = 512
_METHODS: Final = frozenset({"GET", "PUT", "POST", "DELETE"})
_FORM_FIELDS: Final = 16
_MAX_URI: Final = 2048
_CODE: Final = re.compile(r"[\x21-\x7e]{1,2048}").fullmatch
_INVALID: Final = "The access token you provided is revoked, malformed or invalid."
_EXPIRED: Final = "The access token you provided has expired."
_MISSING: Final = "Access token is missing in the request header."


@dataclass(frozen=True, slots=True)
class Resource:
    """One entry of a Restricted Data Token: an operation, all its paths or one, and data elements."""

    operation: str
    path: str
    """Empty for every path of the operation."""
    elements: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pass:
    """A request's proven origin; `resources` None for a plain access token."""

    caller: Caller
    seller: SellerId
    authorization: int
    resources: tuple[Resource, ...] | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A token answered to an app, with what the log says of it."""

    answer: Answer
    caller: Caller
    seller: SellerId
    authorization: int


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code that an app may bring, to be exchanged at Amazon once."""

    caller: Caller
    consent: Consent
    code: str = field(repr=False)
    redirect_uri: str = field(repr=False)


class FailedCheck(Exception):
    """A wrong credential: `accounts` has recorded it already, so the gateway does not."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


class Doorman:
    """Issues and recognises our tokens."""

    def __init__(
        self,
        accounts: Accounts,
        networks: Networks,
        guard: ClientGuard,
        key: bytes,
        environment: Environment,
    ) -> None:
        self._accounts = accounts
        self._guard = guard
        self._networks = networks
        self._access = TicketBox(key, TicketKind.ACCESS, environment)
        self._restricted = TicketBox(key, TicketKind.RDT, environment)

    def issue(self, body: bytes, content_type: str, address: str, now: datetime) -> Issued | Code:
        """Answer a request to the token endpoint, in a form or JSON (RFC 6749, 4 to 6), or return the code to exchange.

        Raises:
            FailedCheck: wrong client or refresh token, or too many of them from this address.
            Refusal: anything else is wrong with it; in Login with Amazon's shape.

        """
        client = _client_id(body, content_type)
        try:
            self._guard.admit(address, now, client=client)
        except Throttled as exc:
            raise FailedCheck(slowed(exc, as_lwa=True)) from None
        try:
            return self._issue(body, content_type, address, now)
        except (FailedCheck, Refusal) as end:
            if (
                isinstance(end, FailedCheck)
                or end.actor in (None, ANONYMOUS)
                # The right secret from elsewhere: that it is never slowed would tell which one it is.
                or end.reason is Reason.WRONG_NETWORK
            ):
                self._guard.failed(address, now, client=client)
            raise

    def _issue(self, body: bytes, content_type: str, address: str, now: datetime) -> Issued | Code:
        form = _parse_form(body, content_type)
        grant_type = _required(form, "grant_type")
        if grant_type not in ("refresh_token", "client_credentials", "authorization_code"):
            _refuse(
                "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server",
            )
        client_id, secret = _required(form, "client_id"), _required(form, "client_secret")
        try:
            caller = self._accounts.check_client(client_id, secret, now)
        except Unauthenticated:
            raise FailedCheck(
                lwa_error(401, "invalid_client", "Client authentication failed")
            ) from None
        if not self._networks.permits_principal(caller.principal, caller.name, address):
            # As a wrong secret: nobody learns from elsewhere that it is the right one.
            raise Refusal(
                lwa_error(401, "invalid_client", "Client authentication failed"),
                Reason.WRONG_NETWORK,
                type_=EventType.TOKEN_ISSUED,
                outcome=Outcome.DENIED,
                actor=caller,
            )
        if grant_type == "client_credentials":
            _required(form, "scope", caller)
            _refuse("invalid_scope", "The client may not request this scope", caller)
        if grant_type == "authorization_code":
            return self._code(form, caller, now)
        refresh_token = _required(form, "refresh_token", caller)
        try:
            found = self._accounts.check_refresh(caller, refresh_token, now)
        except Unauthenticated:
            raise FailedCheck(
                lwa_error(
                    400,
                    "invalid_grant",
                    "The request has an invalid grant parameter : refresh_token",
                )
            ) from None
        return self._issued(caller, found.seller, found.id, refresh_token, now)

    def consented(self, asked: Code, keep: Callable[[Transaction], Event], now: datetime) -> Issued:
        """Let an app act for the selling partner whose code it brought, and answer it with tokens of ours.

        Raises:
            ConsentBarred: the app, or who opened the consent, has ended or is suspended since.

        """
        made = self._accounts.consented(asked.caller, asked.consent, keep, now)
        return self._issued(asked.caller, made.seller, made.id, made.refresh_token, now)

    def _code(self, form: Mapping[str, object], caller: Caller, now: datetime) -> Code:
        """Return the code of a request whose consent is open; it is used up with that. Raises: FailedCheck, Refusal."""
        code, uri = _required(form, "code", caller), form.get("redirect_uri", "")
        state = form.get("state")
        if state is None and code[STATE_CHARACTERS : STATE_CHARACTERS + 1] == ".":
            # Clients that have no place for a state take it in front of the code.
            state, code = code[:STATE_CHARACTERS], code[STATE_CHARACTERS + 1 :]
        state = _required({"state": state}, "state", caller)
        if not isinstance(uri, str) or not _CODE(code) or len(uri) > _MAX_URI:
            _refuse("invalid_request", "The request is malformed", caller)
        try:
            consent = self._accounts.consents.use(caller, state, now)
        except ConsentRefused:
            raise FailedCheck(
                lwa_error(400, "invalid_grant", "The request has an invalid grant parameter : code")
            ) from None
        return Code(caller, consent, code, uri)

    def _issued(
        self,
        caller: Caller,
        seller: SellerId,
        authorization: int,
        refresh_token: str,
        now: datetime,
    ) -> Issued:
        token = self.vouch(caller.principal, seller, authorization, now)
        document = {
            "access_token": token,
            "refresh_token": refresh_token,
            "token_type": "bearer",
            "expires_in": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
        }
        answer = json_answer(200, document, ((b"pragma", b"no-cache"),))
        return Issued(answer, caller, seller, authorization)

    def vouch(
        self, principal: PrincipalId, seller: SellerId, authorization: int, now: datetime
    ) -> str:
        """Return an access token for an authorization; `admit` looks whether that lives."""
        return self._access.seal(
            {"p": principal, "s": seller, "a": authorization},
            expires_at=now + ACCESS_TOKEN_LIFETIME,
        )

    def admit(self, presented: str | None, address: str, now: datetime) -> Pass:
        """Return whom a request's `x-amz-access-token` stands for: its authorization lives, the address is permitted.

        Raises:
            Refusal: Amazon's 403.

        """
        if not presented:
            raise denied(_MISSING, Reason.WRONG_CREDENTIAL)
        is_restricted = presented.startswith("Atz.sprdt|")
        box = self._restricted if is_restricted else self._access
        try:
            payload = box.open(presented, now)
        except Unauthenticated as exc:
            if exc.message.endswith("has expired"):
                raise denied(_EXPIRED, Reason.EXPIRED_CREDENTIAL) from None
            raise denied(_INVALID, Reason.WRONG_CREDENTIAL) from None
        principal, seller = PrincipalId(payload["p"]), SellerId(payload["s"])
        caller = self.stand(payload["a"], principal, seller, address, now)
        if not is_restricted:
            return Pass(caller, seller, payload["a"])
        resources = tuple(Resource(o, p, frozenset(e)) for o, p, e in payload["r"])
        return Pass(caller, seller, payload["a"], resources)

    def stand(
        self,
        authorization: int,
        principal: PrincipalId,
        seller: SellerId,
        address: str,
        now: datetime,
    ) -> Caller:
        """Return the app of a ticket of ours: its authorization lives, the address is permitted. Raises: Refusal."""
        if (authorization, principal) == (HOUSE, SYSTEM.principal):
            # Sealed by this process for itself (`inside`), and given to nobody. It holds no grant.
            return SYSTEM
        # We sealed the ticket: whoever shows it has been this app, whatever it may do now. The log takes no name.
        known = Caller(principal, PrincipalKind.APP, "", AuthMethod.ACCESS_TOKEN)
        try:
            caller = self._accounts.check_authorization(authorization, principal, seller, now)
        except Suspended:
            raise denied(_INVALID, Reason.SUSPENDED, actor=known) from None
        except Unauthenticated:
            raise denied(_INVALID, Reason.REVOKED) from None
        except Throttled as exc:
            raise Refusal(slowed(exc, as_lwa=False), Reason.RATE_LIMITED, actor=known) from None
        if not self._networks.permits_principal(caller.principal, caller.name, address):
            raise denied(_INVALID, Reason.WRONG_NETWORK)
        return caller

    def restrict(self, bearer: Pass, resources: tuple[Resource, ...], now: datetime) -> Answer:
        """Return the answer that carries a Restricted Data Token for these resources."""
        token = self._restricted.seal(
            {
                "p": bearer.caller.principal,
                "s": bearer.seller,
                "a": bearer.authorization,
                "r": [[r.operation, r.path, sorted(r.elements)] for r in resources],
            },
            expires_at=now + RESTRICTED_TOKEN_LIFETIME,
        )
        life = int(RESTRICTED_TOKEN_LIFETIME.total_seconds())
        return json_answer(200, {"restrictedDataToken": token, "expiresIn": life})


def hold_to_dates(bearer: Pass, operation: Operation) -> None:
    """Refuse our own work everything but how far orders are. Raises: Refusal."""
    if bearer.caller == SYSTEM and operation.id not in HOUSE_ASKS:
        raise denied("Only an app may ask for this.", Reason.NOT_AUTHORIZED)


def parse_resources(body: bytes, catalogue: Catalogue) -> list[tuple[Operation, Resource]]:
    """Return what a createRestrictedDataToken request names, checked against Amazon's model and the catalogue.

    Members the model doesn't have are ignored, as Amazon does: python-amazon-sp-api adds marketplaces to every body.

    Raises:
        Refusal: 400, naming the rule that was broken.

    """
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad_request("The request body is not valid JSON.") from None
    entries = document.get("restrictedResources") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise bad_request("Request is missing required field: restrictedResources.")
    if len(entries) > MAX_RESOURCES:
        raise bad_request(f"The number of restrictedResources must not exceed {MAX_RESOURCES}.")
    if document.get("targetApplication") is not None:
        raise bad_request("Delegation to a targetApplication is not supported.")
    return [_parse_resource(entry, catalogue) for entry in entries]


def elements_for(bearer: Pass, operation: Operation, path: str) -> frozenset[str] | None:
    """Return the data elements a call may show; None for a plain access token.

    Raises:
        Refusal: the Restricted Data Token was made for other resources.

    """
    if bearer.resources is None:
        return None
    covering = [r for r in bearer.resources if r.operation == operation.id and r.path in ("", path)]
    if not covering:
        raise denied(_INVALID, Reason.WRONG_PATH)
    return frozenset[str]().union(*(r.elements for r in covering))


def _parse_resource(entry: object, catalogue: Catalogue) -> tuple[Operation, Resource]:
    if not isinstance(entry, dict):
        raise bad_request("restrictedResources must be a list of objects.")
    method, path, elements = entry.get("method"), entry.get("path"), entry.get("dataElements")
    if method not in _METHODS:
        raise bad_request("Invalid method in restrictedResources.")
    if not isinstance(path, str) or not path.startswith("/") or len(path) > _MAX_PATH:
        raise bad_request("Invalid path in restrictedResources.")
    if elements is None:
        elements = []
    if not isinstance(elements, list) or not all(isinstance(e, str) for e in elements):
        raise bad_request("Invalid dataElements in restrictedResources.")
    operation = _restricted_operation(method, path, catalogue)
    generic = path == operation.template and bool(operation.path_parameters)
    if bool(elements) != bool(operation.rdt_elements):
        raise bad_request(
            "dataElements must be given for operations that have them, and only for these."
        )
    if not operation.rdt_elements.issuperset(elements):
        raise bad_request("Invalid dataElements in restrictedResources.")
    return operation, Resource(operation.id, "" if generic else path, frozenset(elements))


def _restricted_operation(method: str, path: str, catalogue: Catalogue) -> Operation:
    """Return the operation of a path, or of the template itself: `…/orders/{orderId}` stands for all of them."""
    match = catalogue.match(method, path)
    found = match.operation if match else None
    if found is None and "{" in path:
        operations = catalogue.operations.values()
        found = next((o for o in operations if (o.method, o.template) == (method, path)), None)
    if found is None or not found.restricted:
        raise bad_request(
            "A path in restrictedResources is not a restricted operation.",
            Reason.UNKNOWN_OPERATION,
        )
    return found


def _client_id(body: bytes, content_type: str) -> str | None:
    """Return the client id that a request shows, if it shows one."""
    try:
        shown = _parse_form(body, content_type).get("client_id")
    except Refusal:
        return None
    return shown if isinstance(shown, str) else None


def _parse_form(body: bytes, content_type: str) -> Mapping[str, object]:
    if content_type.partition(";")[0].strip().lower() == "application/json":
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            _refuse("invalid_request", "The request body is not valid JSON")
        return document
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_FORM_FIELDS,
            errors="strict",
        )
    except ValueError:
        _refuse("invalid_request", "The request is malformed")
    form = dict(pairs)
    if len(form) != len(pairs):
        # RFC 6749, 3.2: a parameter must not be given twice.
        _refuse("invalid_request", "The request has a repeated parameter")
    return form


def _required(form: Mapping[str, object], name: str, caller: Caller = ANONYMOUS) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value:
        _refuse("invalid_request", f"The request is missing a required parameter : {name}", caller)
    return value


def _refuse(error: str, description: str, caller: Caller = ANONYMOUS) -> Never:
    raise Refusal(
        lwa_error(400, error, description),
        Reason.MALFORMED_REQUEST,
        type_=EventType.TOKEN_ISSUED,
        outcome=Outcome.DENIED,
        actor=caller,
    )
