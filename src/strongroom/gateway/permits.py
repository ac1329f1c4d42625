"""What Amazon wants to see with a call: access tokens and Restricted Data Tokens, fetched once and shared.

The selling partner's real client secret and refresh token leave the vault for one request to Login with Amazon and
nothing else. A Restricted Data Token is asked for with no more elements than the selling partner's roles allow: one
missing role makes Amazon refuse all of them.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from strongroom.audit.entry import Reason
from strongroom.gateway.answers import Refusal, denied, upstream_failed
from strongroom.gateway.upstream import Line, Reply
from strongroom.policy.catalogue import Operation
from strongroom.terms import SellerId
from strongroom.vault.sellers import SellerStore

RESTRICTED_TOKEN_PATH: Final = "/tokens/2021-03-01/restrictedDataToken"  # noqa: S105 - a path

_EARLY_SECONDS: Final = 60.0
"""A token is renewed this long before it ends."""

_REFUSED_SECONDS: Final = 600.0
"""How long a refused element is not asked for again: a role granted at Amazon works within this."""

_TOKEN: Final = re.compile(r"[!-~]{1,4096}")
_EXPIRED: Final = re.compile(rb"access token you provided (has expired|is revoked)", re.IGNORECASE)
_NOTIFICATIONS: Final = "sellingpartnerapi::notifications"
"""The one scope that is asked for without a selling partner's grant."""

_FORM: Final = "application/x-www-form-urlencoded;charset=UTF-8"


_BY_PATH: Final = frozenset({"reports_2021-06-30.getReportDocument"})
"""Operations whose Restricted Data Tokens Amazon gives for one resource only."""


class RoleMissing(Exception):
    """Amazon refuses a Restricted Data Token for lack of a role."""


@dataclass(slots=True)
class _Permit:
    token: str = field(repr=False)
    ends_at: float
    """On the event loop's clock."""


@dataclass(slots=True)
class _Wallet:
    """What one line holds; replaced with the line when the selling partner's entry changes."""

    line: Line
    access: _Permit | None = None
    grantless: _Permit | None = None
    restricted: dict[tuple[str, frozenset[str]], _Permit] = field(default_factory=dict)
    refused: dict[str, float] = field(default_factory=dict)
    """Element, or operation id, and until when it is not asked for."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    attempts: int = 0
    failure: Refusal | None = None


class Permits:
    """The tokens of every line. Belongs to one event loop."""

    def __init__(
        self, sellers: SellerStore, elements: frozenset[str], clock: Callable[[], datetime]
    ) -> None:
        self._sellers = sellers
        self._elements = elements
        self._clock = clock
        self._wallets: dict[SellerId, _Wallet] = {}

    async def access(self, line: Line) -> str:
        """Return an access token; however many ask at once, Login with Amazon is asked once.

        Raises:
            Refusal: it gave none.

        """
        wallet = self._wallet(line)
        if wallet.access is not None and wallet.access.ends_at > _now():
            return wallet.access.token
        attempt = wallet.attempts
        async with wallet.lock:
            if wallet.access is not None and wallet.access.ends_at > _now():
                return wallet.access.token
            if wallet.attempts != attempt and wallet.failure is not None:
                # Somebody asked while we waited, and failed: asking again at once would only queue up.
                raise wallet.failure
            try:
                wallet.access = await fetch_access(line)
            except Refusal as refusal:
                wallet.failure = refusal
                raise
            else:
                wallet.failure = None
            finally:
                wallet.attempts += 1
            return wallet.access.token

    async def restricted(
        self, line: Line, operation: Operation, elements: frozenset[str], path: str
    ) -> tuple[str, frozenset[str]]:
        """Return a Restricted Data Token for any resource of an operation, and the elements it holds for.

        Of an operation in `_BY_PATH` it holds for this `path` alone.

        Elements without their role are left out; with none left, or an operation without elements and without its
        role, the request ends.

        Raises:
            Refusal: Amazon's 403, or its side failed.

        """
        wallet = self._wallet(line)
        now = _now()
        wanted = frozenset(e for e in elements if wallet.refused.get(e, 0.0) <= now)
        nothing_left = elements and not wanted
        if nothing_left or wallet.refused.get(operation.id, 0.0) > now:
            raise _no_role()
        try:
            return await self._restricted(wallet, operation, wanted, path), wanted
        except RoleMissing:
            pass
        if operation.id in _BY_PATH:
            raise _no_role()
        if not elements:
            wallet.refused[operation.id] = _now() + _REFUSED_SECONDS
            raise _no_role()
        allowed = await self._probe(wallet, operation)
        wanted &= allowed
        if not wanted:
            raise _no_role()
        try:
            return await self._restricted(wallet, operation, wanted, path), wanted
        except RoleMissing:
            raise _no_role() from None

    async def grantless(self, line: Line) -> str:
        """Return the application's own token for notifications, which is no selling partner's. Raises: Refusal."""
        wallet = self._wallet(line)
        known = wallet.grantless
        # Not under the lock: two that ask at once cost one call too many, not a wrong answer.
        if known is None or known.ends_at <= _now():
            form = {"grant_type": "client_credentials", "scope": _NOTIFICATIONS}
            known = wallet.grantless = await _fetch(line, form)
        return known.token

    def forget_access(self, line: Line, token: str) -> None:
        """Drop an access token that Amazon calls expired, unless somebody has renewed it already."""
        wallet = self._wallet(line)
        if wallet.access is not None and wallet.access.token == token:
            wallet.access = None
        if wallet.grantless is not None and wallet.grantless.token == token:
            wallet.grantless = None

    def forget_restricted(
        self, line: Line, operation: Operation, elements: frozenset[str], token: str
    ) -> None:
        """Drop a Restricted Data Token that Amazon calls expired."""
        permits = self._wallet(line).restricted
        known = permits.get((operation.id, elements))
        if known is not None and known.token == token:
            del permits[operation.id, elements]

    def forget(self, seller_id: SellerId) -> None:
        """Drop everything of one selling partner."""
        self._wallets.pop(seller_id, None)

    def _wallet(self, line: Line) -> _Wallet:
        wallet = self._wallets.get(line.seller.id)
        if wallet is None or wallet.line is not line:
            wallet = self._wallets[line.seller.id] = _Wallet(line)
            learned = line.seller.rdt_elements
            if learned is not None:
                until = _now() + _REFUSED_SECONDS
                wallet.refused = dict.fromkeys(self._elements - frozenset(learned), until)
        return wallet

    async def _probe(self, wallet: _Wallet, operation: Operation) -> frozenset[str]:
        """Ask for each element alone, and remember which the roles allow."""
        allowed = set()
        for element in sorted(operation.rdt_elements):
            try:
                await self._restricted(wallet, operation, frozenset({element}), "")
            except RoleMissing:
                wallet.refused[element] = _now() + _REFUSED_SECONDS
            else:
                allowed.add(element)
                wallet.refused.pop(element, None)
        # Only an operation that takes all elements tells the whole truth about the roles.
        if operation.rdt_elements >= self._elements:
            self._sellers.learn_elements(wallet.line.seller.id, frozenset(allowed), self._clock())
        return frozenset(allowed)

    async def _restricted(
        self, wallet: _Wallet, operation: Operation, elements: frozenset[str], path: str
    ) -> str:
        if operation.id in _BY_PATH and path:
            # One document, fetched once or twice: not worth keeping.
            reply = await self._ask(wallet.line, operation, elements, path)
            if reply.status == HTTPStatus.FORBIDDEN:
                raise RoleMissing
            return _parse(reply, "restrictedDataToken", "expiresIn").token
        key = operation.id, elements
        known = wallet.restricted.get(key)
        if known is not None and known.ends_at > _now():
            return known.token
        # Not under the lock: two that ask at once cost one call too many, not a wrong answer.
        reply = await self._ask(wallet.line, operation, elements, operation.template)
        if reply.status == HTTPStatus.FORBIDDEN:
            raise RoleMissing
        permit = _parse(reply, "restrictedDataToken", "expiresIn")
        wallet.restricted[key] = permit
        return permit.token

    async def _ask(
        self, line: Line, operation: Operation, elements: frozenset[str], path: str
    ) -> Reply:
        resource: dict[str, object] = {"method": operation.method, "path": path}
        if elements:
            resource["dataElements"] = sorted(elements)
        body = orjson.dumps({"restrictedResources": [resource]})
        url = line.endpoint + RESTRICTED_TOKEN_PATH
        for last in (False, True):
            token = await self.access(line)
            headers = {"x-amz-access-token": token, "content-type": "application/json"}
            reply = await line.send("POST", url, headers=headers, body=body)
            if last or not says_expired(reply):
                break
            self.forget_access(line, token)
        if reply.status in (200, 403):
            return reply
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise upstream_failed(
                429, "You exceeded your quota for the requested resource.", Reason.RATE_LIMITED
            )
        raise upstream_failed(502, "Amazon gave no Restricted Data Token.", Reason.UPSTREAM_ERROR)


def says_expired(reply: Reply) -> bool:
    """Tell whether Amazon refused a call because its token has ended."""
    return reply.status == HTTPStatus.FORBIDDEN and _EXPIRED.search(reply.body) is not None


async def fetch_access(line: Line, refresh_token: str | None = None) -> _Permit:
    """Return a new access token for a line's selling partner, or by another refresh token. Raises: Refusal."""
    credentials = line.seller.credentials
    if refresh_token is not None:
        credentials = replace(credentials, refresh_token=refresh_token)
    if not credentials.refresh_token:
        raise upstream_failed(
            502, "The selling partner has not consented yet.", Reason.WRONG_CREDENTIAL
        )
    form = {"grant_type": "refresh_token", "refresh_token": credentials.refresh_token}
    return await _fetch(line, form)


async def _fetch(line: Line, form: Mapping[str, str]) -> _Permit:
    """Return the access token that Login with Amazon gives for a form and the application's secret. Raises: Refusal."""
    credentials = line.seller.credentials
    whole = {
        **form,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    headers = {"content-type": _FORM}
    body = urlencode(whole).encode()
    reply = await line.send("POST", line.seller.lwa_url, headers=headers, body=body)
    if reply.status in (400, 401, 403):
        raise upstream_failed(
            502,
            "Login with Amazon refuses the selling partner's credentials.",
            Reason.WRONG_CREDENTIAL,
        )
    return _parse(reply, "access_token", "expires_in")


def _parse(reply: Reply, token_name: str, life_name: str) -> _Permit:
    """Return the token of an answer. Nothing of a wrong one is repeated."""
    fault = upstream_failed(502, "Amazon gave no usable token.", Reason.MALFORMED_UPSTREAM)
    if reply.status != HTTPStatus.OK:
        status = 503 if reply.status in (429, 503) else 502
        raise upstream_failed(status, "Amazon gave no token.", Reason.UPSTREAM_ERROR)
    try:
        document: Any = orjson.loads(reply.body)
        token, life = document[token_name], document[life_name]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        raise fault from None
    usable = isinstance(token, str) and _TOKEN.fullmatch(token) is not None
    if not usable or isinstance(life, bool) or not isinstance(life, int | float) or life <= 0:
        raise fault
    return _Permit(token, _now() + max(life - _EARLY_SECONDS, 0.0))


def _no_role() -> Refusal:
    return denied(
        "The selling partner's roles do not allow the requested resource or data elements.",
        Reason.UPSTREAM_ERROR,
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
