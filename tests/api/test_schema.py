"""What `/openapi.json` promises, held against what the API answers to generated requests, good and bad."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from tests.api.conftest import Door, Shop, open_shop
from tests.vault.conftest import World, make_world

from strongroom.api import ApiLimits

__all__ = ["make_world"]

OPERATIONS = [
    ("POST", "/v1/token"),
    ("POST", "/v1/reveal"),
    ("POST", "/v1/reveal/batch"),
    ("POST", "/v1/orders/reveal"),
    ("POST", "/v1/search"),
    ("GET", "/v1/records/{number}"),
    ("POST", "/v1/documents"),
    ("POST", "/v1/paper/slips"),
    ("POST", "/v1/paper/labels"),
    ("POST", "/v1/relay/{destination}/{path}"),
    ("GET", "/v1/grants"),
    ("GET", "/v1/principal"),
    ("GET", "/v1/health"),
]
TAKE_NOTHING = {"/v1/grants", "/v1/principal", "/v1/health"}
CASES = [
    pytest.param(method, path, mode, id=f"{method} {path} {mode.value}")
    for method, path in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or path not in TAKE_NOTHING
]
FEW, MANY = 12, 200

load_all_checks()
CHECKED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    ]
)
"""Left out: `positive_data_acceptance`, because a made-up token has the right form and is refused all the same."""


@dataclass
class Tried:
    shop: Shop
    bearer: str
    schema: Any

    def operation(self, method: str, path: str) -> APIOperation[Any, Any, Any, Any]:
        found: APIOperation[Any, Any, Any, Any] = self.schema[path][method]
        return found

    def check(self, case: schemathesis.Case) -> int:
        """Send one request and hold the answer against the document."""
        arguments = case.as_transport_kwargs(base_url="https://127.0.0.1:8444")
        arguments["headers"]["authorization"] = self.bearer
        if case.path == "/v1/token":
            del arguments["headers"]["authorization"]
        keep = ("method", "url", "headers", "data", "json", "params", "cookies")
        request = requests.Request(**{k: arguments[k] for k in keep if k in arguments}).prepare()
        parts = urlsplit(str(request.url))
        body = request.body or b""
        answer = self.shop.door.call(
            str(request.method),
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            {str(name): _text(value) for name, value in request.headers.items()},
            body.encode() if isinstance(body, str) else body,
        )
        headers = {name: [value] for name, value in answer.headers.items()}
        response = Response(
            answer.status, headers, answer.body, request, elapsed=0.0, verify=True, encoding="utf-8"
        )
        case.validate_response(response, checks=CHECKED)
        return answer.status


@pytest.fixture
def tried(make_world: Callable[[str], World]) -> Iterator[Tried]:
    door = Door(make_world("api"), ApiLimits(requests_per_second=1e6, burst=1_000_000))
    shop = open_shop(door)
    document = door.call("GET", "/openapi.json").json
    yield Tried(shop, f"Bearer {door.token(shop.erp)}", schemathesis.openapi.from_dict(document))
    door.close()


def test_every_operation_is_tried(tried: Tried) -> None:
    named = {
        (method.upper(), path)
        for path, methods in tried.schema.raw_schema["paths"].items()
        for method in methods
    }
    assert named == set(OPERATIONS)


@pytest.mark.clause("2.6")
@pytest.mark.parametrize(("method", "path", "mode"), CASES)
@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_answers_are_what_the_document_says(
    tried: Tried, method: str, path: str, mode: GenerationMode, examples: int
) -> None:
    operation = tried.operation(method, path)
    seen: list[int] = []

    @hypothesis.settings(
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def attempt(case: schemathesis.Case) -> None:
        seen.append(tried.check(case))

    attempt()
    assert seen
    assert not any(status >= 500 for status in seen)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
