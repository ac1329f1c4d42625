"""Answers as values, in the two shapes our clients know: SP-API's error list and Login with Amazon's.

A message here is a fixed sentence of ours: it names things by safe identifiers and repeats neither the request nor
anything Amazon said [2.6].
"""

import math
import re
from dataclasses import dataclass
from typing import Final

import orjson

from strongroom.audit.entry import Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.errors import Misconfigured, StrongroomError, Tampered, Throttled, Unavailable
from strongroom.terms import Caller
from strongroom.web import SECURITY_HEADERS, status_of

Header = tuple[bytes, bytes]

DENIED: Final = "Access to requested resource is denied."
UNUSABLE_TOKEN: Final = "A token in the request may not be used by this application."  # noqa: S105 - a sentence
_JSON: Final[Header] = (b"content-type", b"application/json")
_SERVER_ERROR: Final = 500
_CODES: Final = {
    400: "InvalidInput",
    401: "Unauthorized",
    403: "Unauthorized",
    404: "NotFound",
    408: "RequestTimeout",
    409: "InvalidInput",
    410: "NotFound",
    413: "RequestTooLarge",
    429: "QuotaExceeded",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
_REASONS: Final[dict[type[StrongroomError], Reason]] = {
    Throttled: Reason.RATE_LIMITED,
    Tampered: Reason.TAMPERED,
    Unavailable: Reason.UNAVAILABLE,
    Misconfigured: Reason.MISCONFIGURED,
}

_PROOFS: Final = frozenset({Reason.WRONG_CREDENTIAL, Reason.EXPIRED_CREDENTIAL, Reason.REVOKED})
"""Reasons that say that a proof failed, where the others say what somebody may not do."""

# Amazon's are UUIDs. Anything else could carry what it likes, so it does not pass.
_REQUEST_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RATE_LIMIT: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,12})?")
_RETRY_AFTER: Final = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client, request id and security headers excepted."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()
    request_id: str = ""
    """Amazon's own, where there was one."""


class Refusal(Exception):
    """Ends a request: the answer for the client and what the log says of it."""

    def __init__(
        self,
        answer: Answer,
        reason: Reason,
        *,
        type_: EventType = EventType.GATEWAY_REQUEST_REFUSED,
        outcome: Outcome = Outcome.DENIED,
        actor: Caller | None = None,
    ) -> None:
        super().__init__(f"{answer.status} {reason}")
        self.answer = answer
        self.reason = reason
        self.type = type_
        self.outcome = outcome
        self.actor = actor
        """Who it was, where that is known better than from the request's token."""


def json_answer(status: int, document: object, headers: tuple[Header, ...] = ()) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(status, orjson.dumps(document), (_JSON, *headers))


def amazon_error(
    status: int, message: str, details: str = "", *, headers: tuple[Header, ...] = ()
) -> Answer:
    """Return an error in SP-API's shape."""
    code = _CODES.get(status, "InternalFailure" if status >= _SERVER_ERROR else "InvalidInput")
    entry = {"code": code, "message": message, "details": details}
    return json_answer(status, {"errors": [entry]}, headers)


def lwa_error(status: int, error: str, description: str) -> Answer:
    """Return an error in the shape of Login with Amazon (RFC 6749, 5.2)."""
    document = {"error": error, "error_description": description}
    return json_answer(status, document, ((b"pragma", b"no-cache"),))


def slowed(error: Throttled, *, as_lwa: bool) -> Answer:
    """Return the 429 for an address that failed too often, with when to come back."""
    wait = ((b"retry-after", str(max(math.ceil(error.retry_after or 1), 1)).encode()),)
    message = "Too many failed requests came from this address."
    if as_lwa:
        return json_answer(429, {"error": "slow_down", "error_description": message}, wait)
    return amazon_error(429, message, headers=wait)


def bad_request(message: str, reason: Reason = Reason.MALFORMED_REQUEST) -> Refusal:
    """Return the 400 for a request that has the wrong form."""
    return Refusal(amazon_error(400, message), reason)


def denied(details: str, reason: Reason, *, actor: Caller | None = None) -> Refusal:
    """Return Amazon's 403, which it gives for a bad token as well as for a missing right."""
    outcome = Outcome.FAILURE if reason in _PROOFS else Outcome.DENIED
    return Refusal(amazon_error(403, DENIED, details), reason, outcome=outcome, actor=actor)


def upstream_failed(
    status: int, message: str, reason: Reason, *, outcome: Outcome = Outcome.FAILURE
) -> Refusal:
    """Return the end of a request that Amazon's side spoiled; nothing Amazon sent is in it."""
    return Refusal(
        amazon_error(status, message),
        reason,
        type_=EventType.GATEWAY_UPSTREAM_FAILED,
        outcome=outcome,
    )


def refusal_for(error: StrongroomError) -> Refusal:
    """Return how an error from a lower room ends a request. Our messages name no value, so they may be shown."""
    status = status_of(error)
    reason = _REASONS.get(type(error), Reason.INTERNAL)
    headers: tuple[Header, ...] = ()
    if isinstance(error, Throttled) and error.retry_after is not None:
        headers = ((b"retry-after", str(max(int(error.retry_after), 1)).encode()),)
    if status >= _SERVER_ERROR:
        return our_fault(status, reason)
    if status in (401, 403):
        return Refusal(amazon_error(403, DENIED, error.message), reason)
    return Refusal(amazon_error(status, error.message, headers=headers), reason)


def our_fault(status: int = 500, reason: Reason = Reason.INTERNAL) -> Refusal:
    """Return how a fault of Strongroom's own ends a request."""
    answer = amazon_error(status, "Strongroom could not answer this request.")
    return Refusal(answer, reason, type_=EventType.SYSTEM_ERROR, outcome=Outcome.ERROR)


def passed_headers(headers: dict[str, str]) -> tuple[Header, ...]:
    """Return those of Amazon's headers (names in lower case) that a client needs and that can hold nothing else."""
    kept: list[Header] = []
    limit = headers.get("x-amzn-ratelimit-limit")
    if limit is not None and _RATE_LIMIT.fullmatch(limit):
        kept.append((b"x-amzn-ratelimit-limit", limit.encode()))
    wait = headers.get("retry-after")
    if wait is not None and _RETRY_AFTER.fullmatch(wait):
        kept.append((b"retry-after", wait.encode()))
    return tuple(kept)


def request_id_of(headers: dict[str, str]) -> str:
    """Return Amazon's request id, or nothing where it is not one."""
    given = headers.get("x-amzn-requestid", "")
    return given if _REQUEST_ID.fullmatch(given) else ""


def to_wire(answer: Answer, request_id: str) -> list[Header]:
    """Return the whole header list of an answer."""
    return [
        *answer.headers,
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-amzn-requestid", request_id.encode()),
        *SECURITY_HEADERS,
    ]
