"""Login with Amazon and Restricted Data Tokens: who may call what, and see which elements.

Rules follow the Tokens API 2021-03-01: an RDT holds for listed methods and paths only, and one
data element without its role refuses the whole request.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.simulator.config import Role, SellerAccount, random_text
from strongroom.simulator.errors import LwaError, SpApiError, invalid_input, unauthorized
from strongroom.simulator.operations import Operation, find_operation, template_pattern
from strongroom.simulator.shapes import Json
from strongroom.simulator.views_2026 import TAX_ROLES
from strongroom.simulator.views_v0 import (
    BUYER_INFO,
    BUYER_TAX_INFORMATION,
    DATA_ELEMENTS,
    SHIPPING_ADDRESS,
)

LIFETIME = timedelta(hours=1)
MOST_RESOURCES = 50
CODE_LIFETIME = timedelta(minutes=5)

NOTIFICATIONS: Final = "sellingpartnerapi::notifications"
_SCOPES = frozenset(
    {
        NOTIFICATIONS,
        "sellingpartnerapi::migration",
        "sellingpartnerapi::client_credential:rotation",
    }
)
_SHIPPING = frozenset({Role.DIRECT_TO_CONSUMER_SHIPPING})
_ELEMENT_ROLES: Final[dict[str, frozenset[Role]]] = {
    BUYER_INFO: TAX_ROLES,
    SHIPPING_ADDRESS: _SHIPPING,
    BUYER_TAX_INFORMATION: TAX_ROLES,
}
_WITH_ELEMENTS = frozenset({"ordersV0.getOrders", "ordersV0.getOrder", "ordersV0.getOrderItems"})
_OPERATION_ROLES: Final[dict[str, frozenset[Role]]] = {
    "ordersV0.getOrderBuyerInfo": TAX_ROLES,
    "ordersV0.getOrderAddress": _SHIPPING,
    "ordersV0.getOrderItemsBuyerInfo": TAX_ROLES,
    "ordersV0.getOrderRegulatedInfo": _SHIPPING,
}
# Restricted without elements and without a role of its own. A report document takes a specific path only.
_ELSEWHERE = (
    ("GET", template_pattern("/mfn/v0/shipments/{shipmentId}")),
    ("DELETE", template_pattern("/mfn/v0/shipments/{shipmentId}")),
    ("POST", template_pattern("/mfn/v0/shipments")),
    ("POST", template_pattern("/easyShip/2022-03-23/packages/bulk")),
    ("GET", re.compile(r"/reports/2021-06-30/documents/[^/{}]+")),
)
_METHODS = frozenset({"GET", "PUT", "POST", "DELETE"})


@dataclass(frozen=True, slots=True)
class Resource:
    """One method and path an RDT opens, and the elements it shows."""

    method: str
    path: str
    elements: frozenset[str]

    def covers(self, method: str, path: str) -> bool:
        """Tell whether a request falls under this resource."""
        return self.method == method and template_pattern(self.path).fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token stands for; `resources` is set for an RDT; a grantless one is its application's."""

    account: SellerAccount
    expires_at: datetime
    resources: tuple[Resource, ...] | None = None
    scopes: frozenset[str] = frozenset()
    """Of a grantless token, whose `account` is any of its application's."""


class TokenOffice:
    """Issues and recognises tokens. Used from one event loop only."""

    def __init__(
        self, accounts: tuple[SellerAccount, ...], seed: int, clock: Callable[[], datetime]
    ) -> None:
        """Serve these accounts; token texts follow from the seed."""
        self._accounts = accounts
        self._clock = clock
        self._rng = random.Random(f"{seed}/tokens")  # noqa: S311 - synthetic tokens
        self._callers: dict[str, Caller] = {}
        self._codes: dict[str, tuple[SellerAccount, str, datetime]] = {}
        self._refreshed: dict[str, SellerAccount] = {}
        """What consents gave, beside the tokens that accounts began with."""

    def consent(self, account: SellerAccount, redirect_uri: str) -> str:
        """Authorize the application as its page does, and return the code that the page sends back."""
        code = self._text()[:20]
        self._codes[code] = account, redirect_uri, self._clock() + CODE_LIFETIME
        return code

    def grant(self, form: Mapping[str, object]) -> tuple[Json, SellerAccount | None]:
        """Return the answer of the token endpoint and the seller it concerns. Raises: LwaError."""
        grant_type = _required(form, "grant_type")
        if grant_type not in {"refresh_token", "client_credentials", "authorization_code"}:
            text = "The authorization grant type is not supported by the authorization server"
            raise LwaError(400, "unsupported_grant_type", text)
        client, secret = _required(form, "client_id"), _required(form, "client_secret")
        mine = [a for a in self._accounts if (a.client_id, a.client_secret) == (client, secret)]
        if not mine:
            raise LwaError(401, "invalid_client", "Client authentication failed")
        if grant_type == "client_credentials":
            scope = _required(form, "scope")
            if not set(scope.split()) <= _SCOPES:
                raise LwaError(
                    400, "invalid_scope", "The requested scope is invalid, unknown, or malformed"
                )
            return self._access_token(mine[0], frozenset(scope.split())), None
        if grant_type == "authorization_code":
            return self._redeem(form, mine)
        refresh = _required(form, "refresh_token")
        account = next((a for a in mine if a.refresh_token == refresh), None)
        if account is None and self._refreshed.get(refresh) in mine:
            account = self._refreshed[refresh]
        if account is None:
            raise LwaError(
                400, "invalid_grant", "The request has an invalid grant parameter : refresh_token"
            )
        return {**self._access_token(account), "refresh_token": refresh}, account

    def authenticate(self, token: str | None) -> Caller:
        """Return the caller of a request's token. Raises: SpApiError 403."""
        if not token:
            raise unauthorized("Access token is missing in the request header.")
        caller = self._callers.get(token)
        if caller is None:
            raise unauthorized("The access token you provided is revoked, malformed or invalid.")
        if caller.expires_at <= self._clock():
            raise unauthorized("The access token you provided has expired.")
        return caller

    def authorize(
        self, caller: Caller, operation: Operation, path: str
    ) -> tuple[SellerAccount, frozenset[str]]:
        """Return the seller and the data elements the caller may see. Raises: SpApiError 403."""
        account = caller.account
        needed = frozenset({NOTIFICATIONS}) if operation.grantless else frozenset[str]()
        if not needed <= caller.scopes or bool(needed) != bool(caller.scopes):
            raise unauthorized()
        if caller.resources is None:
            if operation.restricted:
                raise unauthorized()
            return account, frozenset()
        covering = [r for r in caller.resources if r.covers(operation.method, path)]
        if not covering:
            raise unauthorized()
        return account, frozenset[str]().union(*(r.elements for r in covering))

    def restrict(self, account: SellerAccount, request: object) -> Json:
        """Return the answer of createRestrictedDataToken. Raises: SpApiError 400 or 403."""
        entries = request.get("restrictedResources") if isinstance(request, dict) else None
        if not isinstance(entries, list) or not entries:
            raise invalid_input("Request is missing required field: restrictedResources")
        if len(entries) > MOST_RESOURCES:
            raise invalid_input(
                f"The number of restrictedResources must not exceed {MOST_RESOURCES}"
            )
        resources = tuple(_parse_resource(entry) for entry in entries)
        missing = sorted(
            {e for r in resources for e in r.elements if not _ELEMENT_ROLES[e] & account.roles}
        )
        if missing:
            text = "Application does not have access to one or more requested data elements: "
            raise SpApiError(403, "Unauthorized", f"{text}[{', '.join(missing)}]")
        for resource in resources:
            found = find_operation(resource.method, resource.path)
            needed = _OPERATION_ROLES.get(found[0].id) if found else None
            if needed and not needed & account.roles:
                raise SpApiError(
                    403,
                    "Unauthorized",
                    "Application do not have access to some or all requested resource",
                )
        token = "Atz.sprdt|" + self._text()
        self._callers[token] = Caller(account, self._clock() + LIFETIME, resources)
        return {"restrictedDataToken": token, "expiresIn": int(LIFETIME.total_seconds())}

    def _redeem(
        self, form: Mapping[str, object], mine: list[SellerAccount]
    ) -> tuple[Json, SellerAccount]:
        """Return the tokens of a code, which is good once, for its own application."""
        account, uri, ends_at = self._codes.pop(_required(form, "code"), (None, "", None))
        given = form.get("redirect_uri", uri)
        if account not in mine or ends_at is None or ends_at <= self._clock() or given != uri:
            raise LwaError(
                400, "invalid_grant", "The request has an invalid grant parameter : code"
            )
        refresh = "Atzr|" + self._text()
        self._refreshed[refresh] = account
        return {**self._access_token(account), "refresh_token": refresh}, account

    def _access_token(self, account: SellerAccount, scopes: frozenset[str] = frozenset()) -> Json:
        token = "Atza|" + self._text()
        self._callers[token] = Caller(account, self._clock() + LIFETIME, None, scopes)
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": int(LIFETIME.total_seconds()),
        }

    def _text(self) -> str:
        return random_text(self._rng, 240, string.ascii_letters + string.digits + "-_")


def _required(form: Mapping[str, object], name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value:
        raise LwaError(
            400, "invalid_request", f"The request is missing a required parameter : {name}"
        )
    return value


def _parse_resource(entry: object) -> Resource:
    if not isinstance(entry, dict):
        raise invalid_input("restrictedResources must be a list of objects")
    method, path, elements = entry.get("method"), entry.get("path"), entry.get("dataElements")
    if method not in _METHODS:
        raise invalid_input("Invalid method in restrictedResources")
    if not isinstance(path, str) or not path.startswith("/"):
        raise invalid_input("Invalid path in restrictedResources")
    if elements is None:
        elements = []
    if not isinstance(elements, list) or not all(
        e in DATA_ELEMENTS for e in elements if isinstance(e, str)
    ):
        raise invalid_input("Invalid dataElements in restrictedResources")
    if not all(isinstance(element, str) for element in elements):
        raise invalid_input("Invalid dataElements in restrictedResources")
    found = find_operation(method, path)
    operation = found[0].id if found else ""
    known = (
        operation in _WITH_ELEMENTS
        or operation in _OPERATION_ROLES
        # A vendor's paths are restricted one by one and all together.
        or (operation.startswith("vendor") and found is not None and found[0].restricted)
    )
    if not known and not any(m == method and p.fullmatch(path) for m, p in _ELSEWHERE):
        raise invalid_input("Application do not have access to some or all requested resource")
    if bool(elements) != (operation in _WITH_ELEMENTS):
        raise invalid_input(
            "dataElements go with getOrders, getOrder and getOrderItems, and only with these"
        )
    return Resource(method, path, frozenset(elements))
