"""The simulator's own HTTP endpoints under `/_control/`, for tests in another process.

`POST` and `DELETE /_control/faults`; `GET /_control/markers`, `/_control/orders`,
`/_control/requests`, `/_control/truth/{orderId}`; `POST /_control/orders/{orderId}`;
`POST /_control/notifications`: takes what was told since the last time.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson

from strongroom.simulator.book import OrderBook
from strongroom.simulator.config import Fault, ReceivedRequest
from strongroom.simulator.faults import FaultBoard
from strongroom.simulator.marking import Marker
from strongroom.simulator.notices import Notices
from strongroom.simulator.orders import STATUSES
from strongroom.simulator.shapes import Json, instant

_Answer = tuple[int, Json]


class Control:
    """Answers control requests."""

    def __init__(
        self,
        book: OrderBook,
        board: FaultBoard,
        notices: Notices,
        received: Callable[[], list[ReceivedRequest]],
    ) -> None:
        """Act on these parts."""
        self._book = book
        self._board = board
        self._notices = notices
        self._received = received

    def answer(self, method: str, path: str, body: bytes) -> _Answer:
        """Return status and document of a control request."""
        parts = path.removeprefix("/_control/").split("/")
        try:
            return self._route(method, parts, body)
        except (ValueError, TypeError) as exc:
            # JSON and enumeration errors are ValueErrors; an unknown member is a TypeError.
            return 400, {"error": str(exc)}
        except KeyError as exc:
            return 404, {"error": f"unknown: {exc}"}

    def _route(self, method: str, parts: list[str], body: bytes) -> _Answer:
        match (method, *parts):
            case ("GET", *_):
                return self._show(parts)
            case ("POST", "faults"):
                return self._add_faults(orjson.loads(body))
            case ("DELETE", "faults"):
                self._board.clear()
                return 200, {}
            case ("POST", "notifications"):
                told = self._notices.take()
                rows = [{"arn": one.arn, "notification": one.notification} for one in told]
                return 200, {"notifications": rows}
            case ("POST", "orders", order_id):
                return self._update(order_id, orjson.loads(body))
        raise KeyError("/".join(parts))

    def _show(self, parts: list[str]) -> _Answer:
        document: Json
        match parts:
            case ["markers"]:
                found = [*self._book.markers(), *self._board.planted()]
                document = {"markers": marker_rows(found)}
            case ["orders"]:
                document = {"orders": [self._order_row(order_id) for order_id in self._book.ids()]}
            case ["truth", order_id]:
                document = {"order_id": order_id, "slots": self._book.truth(order_id)}
            case ["requests"]:
                rows = [_request_row(received) for received in self._received()]
                document = {"requests": rows}
            case _:
                raise KeyError("/".join(parts))
        return 200, document

    def _add_faults(self, document: Any) -> _Answer:  # noqa: ANN401 - any JSON
        entries = document if isinstance(document, list) else [document]
        added = [self._board.add(_parse_fault(entry)) for entry in entries]
        return 201, {"faults": [{"kind": str(fault.kind), "text": fault.text} for fault in added]}

    def _update(self, order_id: str, document: Any) -> _Answer:  # noqa: ANN401 - any JSON
        if not isinstance(document, dict) or not isinstance(document.get("changes", {}), dict):
            raise TypeError("an object with changes, status, shipped_at or delivered_at is wanted")
        status = document.get("status")
        if status is not None and status not in STATUSES:
            raise ValueError("unknown status")
        self._book.update(
            order_id,
            document.get("changes", {}),
            status=status,
            shipped_at=_parse_instant(document.get("shipped_at")),
            delivered_at=_parse_instant(document.get("delivered_at")),
        )
        return 200, {"order_id": order_id, "slots": self._book.truth(order_id)}

    def _order_row(self, order_id: str) -> Json:
        order = self._book.find(order_id)
        if order is None:
            raise KeyError(order_id)
        return {
            "order_id": order_id,
            "seller": order.outline.seller,
            "status": order.status,
            "marketplace_id": order.marketplace_id,
            "created_at": instant(order.created_at),
            "updated_at": instant(order.updated_at),
            "shipped_at": instant(order.shipped_at) if order.shipped_at else None,
            "delivered_at": instant(order.delivered_at) if order.delivered_at else None,
        }


def marker_rows(markers: Iterable[Marker]) -> list[Json]:
    """Return markers as JSON objects."""
    return [{"marker": m.marker, "order_id": m.order_id, "slot": m.slot} for m in markers]


def _parse_fault(entry: Any) -> Fault:  # noqa: ANN401 - any JSON
    if not isinstance(entry, dict) or "kind" not in entry:
        raise TypeError("a fault is an object with a kind")
    values = dict(entry)
    try:
        encoded = values.pop("body_base64", None)
        if encoded is not None:
            values["body"] = base64.b64decode(encoded, validate=True)
        elif "body" in values:
            values["body"] = str(values["body"]).encode()
    except binascii.Error as exc:
        raise ValueError("body_base64 is not base64") from exc
    return Fault(**values)


def _parse_instant(value: Any) -> datetime | None:  # noqa: ANN401 - any JSON
    return None if value is None else datetime.fromisoformat(value)


def _request_row(received: ReceivedRequest) -> Json:
    return {
        "method": received.method,
        "path": received.path,
        "query": received.query,
        "seller": received.seller,
        "operation": received.operation,
        "at": instant(received.at),
        "status": received.status,
    }
