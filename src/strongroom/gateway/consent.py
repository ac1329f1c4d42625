"""Brings an authorization code to Login with Amazon for an app, and tries the refresh token that comes back [2.5].

The app's own client id and secret are replaced by the selling partner's real ones; no byte of Amazon's answer is part
of ours. Whatever goes wrong is said in Login with Amazon's shape, since that is what the app has asked.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from strongroom.accounts.consents import ConsentBarred
from strongroom.audit.entry import Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.errors import StrongroomError
from strongroom.gateway.answers import Refusal, lwa_error, refusal_for
from strongroom.gateway.lwa import Code
from strongroom.gateway.permits import fetch_access
from strongroom.gateway.upstream import Deadline, Line

_FORM: Final = "application/x-www-form-urlencoded;charset=UTF-8"
_PARTICIPATIONS: Final = "/sellers/v1/marketplaceParticipations"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


async def exchange_code(line: Line, asked: Code, deadline: Deadline) -> str:
    """Return the real refresh token for an authorization code.

    Raises:
        Refusal: Amazon refuses the code, or its side failed.

    """
    credentials = line.seller.credentials
    form = {
        "grant_type": "authorization_code",
        "code": asked.code,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    if asked.redirect_uri:
        form["redirect_uri"] = asked.redirect_uri
    try:
        async with deadline.enforce():
            reply = await line.send(
                "POST",
                line.seller.lwa_url,
                headers={"content-type": _FORM},
                body=urlencode(form).encode(),
            )
    except Refusal as refusal:
        raise _failed(asked, refusal.reason) from None
    if reply.status in (400, 401, 403):
        raise _refused(asked)
    if reply.status != HTTPStatus.OK:
        raise _failed(asked, Reason.UPSTREAM_ERROR)
    try:
        document: Any = orjson.loads(reply.body)
        token = document["refresh_token"]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        raise _failed(asked, Reason.MALFORMED_UPSTREAM) from None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _failed(asked, Reason.MALFORMED_UPSTREAM)
    return token


async def compare_account(line: Line, asked: Code, token: str, deadline: Deadline) -> None:
    """Try a new refresh token, and see that its account sells in all the marketplaces of the entry it is meant for.

    Raises:
        Refusal: it does not, or Amazon's side failed.

    """
    try:
        async with deadline.enforce():
            permit = await fetch_access(line, token)
            reply = await line.send(
                "GET",
                line.endpoint + _PARTICIPATIONS,
                headers={"x-amz-access-token": permit.token},
                repeatable=True,
            )
    except Refusal as refusal:
        raise _failed(asked, refusal.reason) from None
    if reply.status != HTTPStatus.OK:
        raise _failed(asked, Reason.UPSTREAM_ERROR)
    try:
        document: Any = orjson.loads(reply.body)
        sold_in = {
            one["marketplace"]["id"]
            for one in document["payload"]
            if one["participation"]["isParticipating"] is True
        }
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise _failed(asked, Reason.MALFORMED_UPSTREAM) from None
    if not sold_in.issuperset(line.seller.marketplaces):
        raise _refused(asked, Reason.WRONG_SELLER)


@contextmanager
def as_lwa(asked: Code) -> Iterator[None]:
    """Say in Login with Amazon's shape whatever goes wrong."""
    try:
        yield
    except ConsentBarred as exc:
        raise _refused(asked, exc.reason) from None
    except StrongroomError as exc:
        raise _failed(asked, refusal_for(exc).reason) from None
    except Refusal as refusal:
        if refusal.type is EventType.TOKEN_ISSUED:
            raise
        raise _failed(asked, refusal.reason) from None


def _refused(asked: Code, reason: Reason = Reason.WRONG_CREDENTIAL) -> Refusal:
    description = "The request has an invalid grant parameter : code"
    return Refusal(
        lwa_error(400, "invalid_grant", description),
        reason,
        type_=EventType.TOKEN_ISSUED,
        actor=asked.caller,
    )


def _failed(asked: Code, reason: Reason) -> Refusal:
    answer = lwa_error(
        503, "temporarily_unavailable", "Login with Amazon could not be asked: open another consent"
    )
    return Refusal(
        answer,
        reason,
        type_=EventType.TOKEN_ISSUED,
        outcome=Outcome.ERROR,
        actor=asked.caller,
    )
