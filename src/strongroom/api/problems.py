"""Errors of the API as `application/problem+json` (RFC 9457).

A problem is fixed sentences of ours, names of our own fields and kinds of error. Nothing of the request is in it, not
even the name of a field that we do not know: that too can be somebody's e-mail address [2.6].
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from typing import Any, Final

import orjson

from strongroom.accounts import CertificateRefused, Suspended, WrongNetwork
from strongroom.audit.entry import Outcome, Reason
from strongroom.errors import (
    Conflict,
    Denied,
    Gone,
    Malformed,
    NotFound,
    StrongroomError,
    Tampered,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from strongroom.policy.grants import NotGranted
from strongroom.relay import Failed
from strongroom.vault import TooLong
from strongroom.web import status_of

MEDIA_TYPE: Final = "application/problem+json"
_SERVER_ERROR: Final = 500
_MOST_ERRORS: Final = 20
_BEARER: Final = (b"www-authenticate", b'Bearer realm="strongroom"')

_DETAILS: Final[dict[type[StrongroomError], tuple[str, str, Reason]]] = {
    Malformed: ("malformed", "the request has the wrong form", Reason.MALFORMED_REQUEST),
    TooLong: (
        "too-long",
        "too long for an answer with other values: ask for it alone, or for the file at /v1/documents",
        Reason.MALFORMED_REQUEST,
    ),
    Unauthenticated: (
        "unauthenticated",
        "the access token is missing, wrong or expired",
        Reason.WRONG_CREDENTIAL,
    ),
    Denied: ("denied", "this is not allowed to you", Reason.NO_GRANT),
    NotFound: ("not-found", "nothing is known of it", Reason.NOT_FOUND),
    Conflict: ("conflict", "its state forbids this now", Reason.CONFLICT),
    Gone: ("gone", "its data was destroyed on its day", Reason.PAST_DUE),
    Throttled: ("throttled", "too many requests or records", Reason.RATE_LIMITED),
    Tampered: ("internal", "this could not be answered", Reason.TAMPERED),
    Unavailable: ("unavailable", "this cannot be answered now", Reason.UNAVAILABLE),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as the client sees it, and what the log says of it."""

    status: int
    kind: str
    detail: str
    reason: Reason
    outcome: Outcome = Outcome.DENIED
    headers: tuple[tuple[bytes, bytes], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the members of RFC 9457."""
        return {
            "type": f"urn:strongroom:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }

    def body(self) -> bytes:
        """Return the document as it is sent."""
        return orjson.dumps(self.document())


class Refused(StrongroomError):
    """Ends a request with this very problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.kind)
        self.problem = problem


def problem_for(error: StrongroomError) -> Problem:
    """Return how an error of a lower room looks outside. Its message stays inside: it may name the token."""
    if isinstance(error, Refused):
        return error.problem
    status = status_of(error)
    known = next((k for k in type(error).__mro__ if k in _DETAILS), None)
    if known is None:
        return internal()
    kind, detail, reason = _DETAILS[known]
    headers: tuple[tuple[bytes, bytes], ...] = ()
    extra: dict[str, Any] = {}
    outcome = Outcome.ERROR if status >= _SERVER_ERROR else Outcome.DENIED
    if isinstance(error, NotGranted):
        # Which part of a grant is missing is what its owner has to ask for.
        extra["reason"] = error.reason.value
    elif isinstance(error, Unauthenticated):
        headers, outcome = (_BEARER,), Outcome.FAILURE
        if error.message.endswith("has expired"):
            reason = Reason.EXPIRED_CREDENTIAL
        elif isinstance(error, WrongNetwork):
            reason = Reason.WRONG_NETWORK
        elif isinstance(error, CertificateRefused | Suspended):
            reason = error.reason
    elif isinstance(error, Throttled):
        headers = retry_after(error.retry_after or 1)
    elif isinstance(error, Failed):
        return _no_answer(error)
    return Problem(status, kind, detail, reason, outcome, headers, extra)


def _no_answer(error: Failed) -> Problem:
    """Return the problem of a third party that gave no answer: what was wrong with it, not what it said."""
    return Problem(
        502,
        "no-answer",
        "the destination gave no answer that passes",
        error.reason,
        Outcome.FAILURE,
        extra={"reason": error.reason.value},
    )


def retry_after(seconds: float) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header that says when to come back, in whole seconds and at least one."""
    return ((b"retry-after", str(max(int(seconds) + 1, 1)).encode()),)


def internal() -> Problem:
    """Return the problem of a fault of ours."""
    detail = "this could not be answered"
    return Problem(500, "internal", detail, Reason.INTERNAL, Outcome.ERROR)


def unrecorded() -> Problem:
    """Return the problem of a request that the log could not take: it gets no other answer."""
    detail = "this request can't be recorded now, so it is not answered"
    return Problem(503, "unavailable", detail, Reason.UNAVAILABLE, Outcome.ERROR)


def malformed(errors: Iterable[Mapping[str, Any]], known: frozenset[str]) -> Problem:
    """Return the problem of a request with wrong fields: where, and what kind of wrong, and not what was there.

    `errors` are pydantic's; of a place only the names in `known` and numbers are told, and of the places the first 20:
    a small body can have thousands of faults.
    """
    faults = []
    for error in islice(errors, _MOST_ERRORS):
        parts = [p for p in error["loc"] if isinstance(p, int) or p in known]
        path = "".join(f"/{part}" for part in parts if part != "body")
        faults.append({"path": path, "kind": error["type"]})
    return Problem(
        400,
        "malformed",
        "the request has the wrong form",
        Reason.MALFORMED_REQUEST,
        extra={"errors": faults},
    )


def of_status(status: int, headers: Mapping[str, str] | None) -> Problem:
    """Return the problem of what the router refuses: a path, a method, a body that is no JSON."""
    allow = (headers or {}).get("Allow")
    kept = ((b"allow", allow.encode()),) if allow else ()
    kinds = {
        404: ("not-found", "there is no such path", Reason.WRONG_PATH),
        405: ("method-not-allowed", "the path has other methods", Reason.WRONG_PATH),
        408: ("timeout", "the request took too long", Reason.MALFORMED_REQUEST),
        413: ("too-large", "the request is too large", Reason.MALFORMED_REQUEST),
    }
    kind, detail, reason = kinds.get(
        status, ("malformed", "the request has the wrong form", Reason.MALFORMED_REQUEST)
    )
    return Problem(status if status in kinds else 400, kind, detail, reason, headers=kept)


def key_reused() -> Refused:
    """Return the refusal of an idempotency key that stands for another request."""
    return Refused(
        Problem(
            422,
            "key-reused",
            "this idempotency key stands for another request: give each request its own",
            Reason.CONFLICT,
        )
    )


def no_key_here() -> Refused:
    """Return the refusal of an idempotency key where a request is posted on each time."""
    return Refused(
        Problem(
            400,
            "malformed",
            "the relay posts a request each time: give the destination's own key as x-relay-idempotency-key",
            Reason.MALFORMED_REQUEST,
        )
    )


def unsealed() -> Refused:
    """Return the refusal of personal data that somebody on the way could read [1.5]."""
    return Refused(
        Problem(
            403,
            "unsealed",
            "this app is behind somebody else's TLS: register a public key, and search by order id only",
            Reason.UNSEALED,
        )
    )
