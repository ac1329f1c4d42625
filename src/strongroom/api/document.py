"""`/openapi.json`: written once from the routes themselves, so that it cannot say anything else than they do."""

from typing import Any, Final

import orjson
from fastapi import FastAPI

from strongroom.api import problems, token
from strongroom.api.models import ProblemDocument
from strongroom.terms import Purpose

PATH: Final = "/openapi.json"
_WITHOUT_TOKEN: Final = frozenset({token.PATH, "/v1/health"})
_SCHEME: Final = "app"
_CERTIFICATE: Final = "certificate"
KEY_PATTERN: Final = r'"?([A-Za-z0-9_-]{1,64})"?'
"""An idempotency key, as a bare or quoted string."""

_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Your name for this request. Sent again with the same request it marks a repetition.",
    "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
}
_BODIES: Final = ("application/json", "application/xml", "application/x-www-form-urlencoded")
RELAY: Final = "/v1/relay/"
"""Where the paths begin that go on to a destination; there a query goes on too."""

RELAY_REQUEST: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "x-strongroom-purpose",
            "in": "header",
            "required": False,
            "description": "What the data is wanted for [2.1]; fulfilment where it is not said.",
            "schema": {"type": "string", "enum": [purpose.value for purpose in Purpose]},
        }
    ],
    "requestBody": {
        "description": "What the destination takes, with tokens where values belong. Headers that begin with "
        "x-relay- go on without these letters: x-relay-authorization becomes authorization. A query goes on, too, "
        "without tokens.",
        "required": True,
        "content": {kind: {"schema": {}} for kind in _BODIES},
    },
}
"""What of the relay no model of ours describes: the request is the third party's."""

RELAY_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The destination's own status and answer, as tokens; also 4xx and 5xx, which then have the "
        "header x-strongroom-relayed. A label comes as JSON: document (a token), content_type, bytes.",
        "content": {kind: {"schema": {}} for kind in _BODIES},
        "headers": {
            "x-strongroom-relayed": {
                "description": "The destination that answered; a problem of ours has no such header.",
                "schema": {"type": "string"},
            }
        },
    },
    "502": {"description": "The destination gave no answer that passes."},
}

_PROBLEMS: Final = {
    "400": "The request has the wrong form.",
    "401": "Neither an access token nor a client certificate that is valid, or the app has ended.",
    "403": "No grant covers it.",
    "404": "Nothing is known of it.",
    "410": "Its data was destroyed on its day.",
    "413": "The request is too large.",
    "429": "Too many requests, or records a day; see Retry-After.",
    "500": "A fault of Strongroom's own.",
    "503": "It can't be recorded now, so it is not answered.",
}


def written(app: FastAPI) -> bytes:
    """Return the OpenAPI 3.1 document as it is served."""
    found: dict[str, Any] = app.openapi()
    components = found["components"]
    schemas = components["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = ProblemDocument.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    schemas["Problem"].pop("$defs", None)
    components["securitySchemes"] = {
        _SCHEME: {
            "type": "oauth2",
            "flows": {"clientCredentials": {"tokenUrl": token.PATH, "scopes": {}}},
        },
        _CERTIFICATE: {"type": "mutualTLS"},
    }
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            with_token = path not in _WITHOUT_TOKEN
            _complete(operation, with_token=with_token)
            # The relay posts a request each time it comes, so it refuses a name that would mark a repetition.
            if with_token and method == "post" and not path.startswith(RELAY):
                _name_requests(operation)
    return orjson.dumps(found)


def _complete(operation: dict[str, Any], *, with_token: bool) -> None:
    responses = operation["responses"]
    # Wrong fields are 400 here, as everything that has the wrong form.
    responses.pop("422", None)
    if "502" in responses:
        content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses["502"]["content"] = content
    wanted = _PROBLEMS if with_token else {"400": _PROBLEMS["400"], "413": _PROBLEMS["413"]}
    for status, description in wanted.items():
        content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        known = responses.setdefault(status, {"description": description})
        known["content"] = {**known.get("content", {}), **content}
    if with_token:
        operation["security"] = [{_SCHEME: []}, {_CERTIFICATE: []}]


def _name_requests(operation: dict[str, Any]) -> None:
    operation.setdefault("parameters", []).append(_KEY)
    operation["responses"]["422"] = {
        "description": "The idempotency key stands for another request.",
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
