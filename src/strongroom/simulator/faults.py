"""Faults in force, and what each does to an answer's document and bytes.

The server applies them in this order: waits and resets, whole answers, changed documents,
changed bytes, manner of sending.
"""

from __future__ import annotations

import dataclasses
import random
import threading
from collections.abc import Callable
from typing import Any, Final

import orjson

from strongroom.simulator.config import Fault, FaultKind
from strongroom.simulator.marking import Marker, fresh_marker
from strongroom.simulator.shapes import Json

TOKEN_OPERATION = "lwa.token"  # noqa: S105 - the name of an operation

_STRINGS: Final = frozenset(
    {
        "Name",
        "AddressLine1",
        "City",
        "BuyerEmail",
        "BuyerName",
        "GiftMessageText",
        "name",
        "addressLine1",
        "city",
    }
    | {"buyerEmail", "buyerName", "giftMessage"}
)
_OBJECTS: Final = frozenset(
    {"BuyerTaxInfo", "ExtendedFields", "BuyerCustomizedInfo", "extendedFields", "giftOption"}
)
_CARRIERS_OF_PII: Final = frozenset(
    {
        "City",
        "AmazonOrderId",
        "OrderItemId",
        "BuyerEmail",
        "city",
        "orderId",
        "orderItemId",
        "buyerEmail",
    }
)
_WHOLE: Final = frozenset(
    {FaultKind.BODY, FaultKind.HTML, FaultKind.THROTTLED, FaultKind.ERROR, FaultKind.ECHO_PII}
)
_HTML: Final = (
    b"<html><head><title>Service Unavailable</title></head><body><h1>Try later</h1></body></html>"
)


class FaultBoard:
    """The faults in force. Thread-safe."""

    def __init__(self, seed: int) -> None:
        """Start without faults."""
        self._rng = random.Random(f"{seed}/faults")  # noqa: S311 - synthetic markers
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._planted: list[Marker] = []

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force and return it, its planted text filled in."""
        with self._lock:
            if fault.kind == FaultKind.UNKNOWN_PII:
                fault = dataclasses.replace(fault, text=fault.text or fresh_marker(self._rng))
                self._planted.append(Marker(fault.text, "", "fault.unknown_pii"))
            self._faults.append(fault)
            return fault

    def clear(self) -> None:
        """End every fault."""
        with self._lock:
            self._faults.clear()

    def planted(self) -> list[Marker]:
        """Return the markers of values planted under unknown keys."""
        with self._lock:
            return list(self._planted)

    def take(self, operation: str, seller: str) -> list[Fault]:
        """Return the faults that hit this request, and count them down."""
        with self._lock:
            hits = [fault for fault in self._faults if _selects(fault, operation, seller)]
            kept = []
            for fault in self._faults:
                if fault not in hits or fault.count is None:
                    kept.append(fault)
                elif fault.count > 1:
                    kept.append(dataclasses.replace(fault, count=fault.count - 1))
            self._faults = kept
            return hits


def replaces_answer(faults: list[Fault]) -> bool:
    """Tell whether a fault answers by itself, so that the real answer need not be made."""
    return any(fault.kind in _WHOLE for fault in faults)


def whole_answer(faults: list[Fault], echo: Callable[[], str]) -> tuple[int, bytes, str] | None:
    """Return status, body and content type if a fault replaces the answer; `echo` gives PII."""
    for fault in faults:
        kind = FaultKind(fault.kind)
        if kind is FaultKind.BODY:
            return fault.status or 200, fault.body, fault.content_type or "application/json"
        if kind is FaultKind.HTML:
            return fault.status or 200, fault.body or _HTML, fault.content_type or "text/html"
        if kind is FaultKind.THROTTLED:
            text = "You exceeded your quota for the requested resource."
            return _error(429, fault.code or "QuotaExceeded", fault.message or text, fault.details)
        if kind is FaultKind.ERROR:
            message = fault.message or "We encountered an internal error. Please try again."
            return _error(
                fault.status or 500, fault.code or "InternalFailure", message, fault.details
            )
        if kind is FaultKind.ECHO_PII:
            text = echo()
            return _error(
                fault.status or 400,
                fault.code or "InvalidInput",
                f"Invalid value: {text}",
                f"Got {text}",
            )
    return None


def change_document(faults: list[Fault], document: Json) -> Json:
    """Return the document with changed types, unknown members or many more orders."""
    for fault in faults:
        kind = FaultKind(fault.kind)
        if kind is FaultKind.WRONG_TYPES:
            document = _confuse(document)
        elif kind is FaultKind.UNKNOWN_PII:
            document = _plant(document, fault.text)
            document |= {
                "SecretNote": fault.text,
                "SecretContact": {"Email": fault.text, "Notes": [fault.text]},
            }
        elif kind is FaultKind.HUGE:
            document = _inflate(document, fault.size_bytes)
    return document


def change_bytes(faults: list[Fault], body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return the body cut, spoiled or nested, and the content type to claim."""
    for fault in faults:
        kind = FaultKind(fault.kind)
        if kind is FaultKind.TRUNCATED:
            body = body[: len(body) // 2]
        elif kind is FaultKind.INVALID_UTF8:
            body = body.replace(b'":"', b'":"\xff\xc3(', 1)
        elif kind is FaultKind.WRONG_CONTENT_TYPE:
            content_type = fault.content_type or "text/plain"
        elif kind is FaultKind.DEEP:
            nested = b'{"a":' * fault.depth + b"1" + b"}" * fault.depth
            body = body[:-1] + b',"Nested":' + nested + b"}"
    return body, content_type


def seconds_of(faults: list[Fault], kind: FaultKind) -> float:
    """Return the longest time any fault of this kind asks for."""
    return max((fault.seconds for fault in faults if fault.kind == kind), default=0.0)


def has(faults: list[Fault], kind: FaultKind) -> bool:
    """Tell whether a fault of this kind hit."""
    return any(fault.kind == kind for fault in faults)


def _selects(fault: Fault, operation: str, seller: str) -> bool:
    if fault.seller not in (None, seller):
        return False
    if fault.operation is None:
        # A fault of "everything" would also stop clients from getting a token at all.
        return operation != TOKEN_OPERATION
    return fault.operation in (operation, operation.rpartition(".")[2]) or (
        operation == TOKEN_OPERATION and fault.operation == "token"
    )


def _error(status: int, code: str, message: str, details: str) -> tuple[int, bytes, str]:
    body = orjson.dumps({"errors": [{"code": code, "message": message, "details": details}]})
    return status, body, "application/json"


def _confuse(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_confuse(member) for member in value]
    if not isinstance(value, dict):
        return value
    changed: Json = {}
    for name, member in value.items():
        if name in _STRINGS and isinstance(member, str):
            changed[name] = {"Value": member, "Parts": [member]}
        elif name in _OBJECTS and isinstance(member, dict):
            changed[name] = orjson.dumps(member).decode()
        else:
            changed[name] = _confuse(member)
    return changed


def _plant(value: Any, text: str) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_plant(member, text) for member in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _plant(member, text) for name, member in value.items()}
    if _CARRIERS_OF_PII & value.keys():
        changed["SecretNote"] = text
    return changed


def _inflate(document: Json, size_bytes: int) -> Json:
    page = document.get("payload", document)
    for name in ("Orders", "orders", "OrderItems"):
        members = page.get(name) if isinstance(page, dict) else None
        if members:
            times = size_bytes // len(orjson.dumps(members)) + 1
            larger = {**page, name: members * times}
            return {**document, "payload": larger} if "payload" in document else larger
    return {**document, "Padding": "x" * size_bytes}
