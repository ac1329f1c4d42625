"""Amazon's errors without what Amazon put into them: a message may repeat the request, an address included [2.6]."""

import re
from typing import Any, Final

import orjson

from strongroom.gateway.extraction import Json

MAX_ERRORS: Final = 20
"""Errors of one answer that are passed on; clients read the first."""

_MAX_ERROR_BYTES: Final = 256 * 1024
_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}").fullmatch

_SENTENCES: Final = {
    400: "Request has missing or invalid parameters and cannot be parsed.",
    401: "Access to requested resource is denied.",
    403: "Access to requested resource is denied.",
    404: "The resource specified does not exist.",
    409: "The request conflicts with the current state of the resource.",
    413: "The request size exceeded the maximum accepted size.",
    415: "The request payload is in an unsupported format.",
    429: "You exceeded your quota for the requested resource.",
    500: "We encountered an internal error. Please try again.",
    503: "Temporary overloading or maintenance of the server.",
}
_CODES: Final = {
    400: "InvalidInput",
    401: "Unauthorized",
    403: "Unauthorized",
    404: "NotFound",
    429: "QuotaExceeded",
    503: "ServiceUnavailable",
}

# Sentences of Amazon's that clients look for, whole: python-amazon-sp-api and operators tell an expired token from a
# missing role by them.
_STANDARD: Final = frozenset(
    {
        *_SENTENCES.values(),
        "Access to requested resource is denied",
        "Access token is missing in the request header.",
        "The access token you provided has expired.",
        "The access token you provided is revoked, malformed or invalid.",
        "Application does not have access to one or more requested data elements: [buyerInfo]",
        "Application does not have access to one or more requested data elements: [shippingAddress]",
        "Application does not have access to one or more requested data elements: [buyerTaxInformation]",
        "Resource not found",
        "We encountered an internal error. Please try again.",
        "Your request has been throttled.",
    }
)


def error_document(body: bytes) -> Json:
    """Return an error's body as far as it can be read; only its codes are of use."""
    if len(body) > _MAX_ERROR_BYTES:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def neutral_errors(body: Json, status: int) -> dict[str, Any]:
    """Return an error body in Amazon's shape that holds codes of Amazon's and sentences of ours.

    A code passes if it is one word; a message only if it is word for word one of Amazon's standard sentences.
    """
    listed = body.get("errors") if isinstance(body, dict) else None
    entries = (
        [entry for entry in listed[:MAX_ERRORS] if isinstance(entry, dict)]
        if isinstance(listed, list)
        else []
    )
    return {"errors": [_neutral(entry, status) for entry in entries or [{}]]}


def neutral_list() -> list[dict[str, str]]:
    """Return what stands for the errors inside an otherwise successful answer."""
    return [_neutral({}, 500)]


def _neutral(entry: dict[str, Json], status: int) -> dict[str, str]:
    code, message = entry.get("code"), entry.get("message")
    fallback = "InternalFailure" if status >= 500 else "InvalidInput"  # noqa: PLR2004
    return {
        "code": code if isinstance(code, str) and _CODE(code) else _CODES.get(status, fallback),
        "message": message
        if isinstance(message, str) and message in _STANDARD
        else _SENTENCES.get(status, "The request could not be completed."),
        "details": "",
    }
