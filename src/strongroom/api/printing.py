"""The paths of `/v1` that answer with paper: a document behind a token, a packing slip, an address label [2.3].

The answer is the file itself; where the app has a public key, a JWE of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from strongroom.api.asking import JOSE, exchange_of, recorded_by_vault, refuse_unsealed
from strongroom.api.exchange import Exchange
from strongroom.api.limits import Allowances
from strongroom.api.models import LabelRequest, PrintRequest, SlipRequest
from strongroom.audit.log import AuditLog
from strongroom.crypto.message import seal_message
from strongroom.crypto.token import number_in
from strongroom.errors import Malformed, NotFound, Unavailable
from strongroom.paper import Ask, Line, Paper, Printed
from strongroom.paper.forms import FORMS
from strongroom.terms import SellerId
from strongroom.vault import SellerStore

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_HEADERS: Final = {
    "content-disposition": {
        "description": "An attachment: no browser shows it by itself.",
        "schema": {"type": "string"},
    },
    "x-strongroom-pages": {
        "description": "How many pages it has; missing where its form does not tell.",
        "schema": {"type": "integer"},
    },
    "x-strongroom-marks": {
        "description": "Letters that could not be printed and show as a mark.",
        "schema": {"type": "integer"},
    },
    "x-strongroom-content-type": {
        "description": "Of a sealed answer: what is in it.",
        "schema": {"type": "string"},
    },
}


def paper_router(
    paper: Paper, sellers: SellerStore, audit: AuditLog, allowances: Allowances
) -> APIRouter:
    """Return the routes."""
    routes = _Printing(paper, sellers, audit, allowances)
    found = APIRouter()
    for path, route, kinds in (
        ("/documents", routes.document, FORMS),
        ("/paper/slips", routes.slip, ("application/pdf",)),
        ("/paper/labels", routes.label, ("application/pdf",)),
    ):
        answers: dict[int | str, dict[str, Any]] = {
            200: {
                "description": "The file, for printing.",
                "content": dict.fromkeys((*kinds, JOSE), _BINARY),
                "headers": _HEADERS,
            }
        }
        found.add_api_route(
            path,
            route,
            methods=["POST"],
            responses=answers,
            response_class=Response,
            response_model=None,
            operation_id=f"print_{route.__name__}",
        )
    return found


class _Printing:
    def __init__(
        self, paper: Paper, sellers: SellerStore, audit: AuditLog, allowances: Allowances
    ) -> None:
        self._paper = paper
        self._sellers = sellers
        self._audit = audit
        self._allowances = allowances

    def document(self, request: Request, asked: PrintRequest) -> Response:
        """Hand out the label, slip or invoice behind a token, as Amazon made it."""
        exchange = exchange_of(request, "api.documents")
        refuse_unsealed(exchange)
        with self._counted(exchange, number=number_in(asked.token)) as printed:
            ask = self._ask(exchange, asked.reason)
            printed.append(self._paper.document(ask, asked.token, asked.purpose))
        return _file(exchange, printed[0], "document")

    def slip(self, request: Request, asked: SlipRequest) -> Response:
        """Make a packing slip: address and gift messages of the vault, items of the caller."""
        exchange = exchange_of(request, "api.paper.slips")
        refuse_unsealed(exchange)
        self._allowances.draw(exchange.caller.principal, exchange.now)
        seller = self._seller(asked.seller)
        lines = [(line.item, Line(line.sku, line.quantity, line.title)) for line in asked.lines]
        with self._counted(exchange, order=self._order(seller, asked.order)) as printed:
            printed.append(
                self._paper.slip(
                    self._ask(exchange, asked.reason),
                    seller,
                    asked.order,
                    lines=lines,
                    ordered_on=asked.ordered_on,
                    gift_messages=asked.gift_messages,
                    size=asked.size,
                )
            )
        return _file(exchange, printed[0], "packing-slip")

    def label(self, request: Request, asked: LabelRequest) -> Response:
        """Make an address label."""
        exchange = exchange_of(request, "api.paper.labels")
        refuse_unsealed(exchange)
        self._allowances.draw(exchange.caller.principal, exchange.now)
        seller = self._seller(asked.seller)
        with self._counted(exchange, order=self._order(seller, asked.order)) as printed:
            ask = self._ask(exchange, asked.reason)
            printed.append(self._paper.label(ask, seller, asked.order, size=asked.size))
        return _file(exchange, printed[0], "label")

    # -- private --

    @contextmanager
    def _counted(
        self, exchange: Exchange, *, number: int | None = None, order: str | None = None
    ) -> Iterator[list[Printed]]:
        """Count the record that is printed, as any that is revealed, and note that the vault recorded it."""
        printed: list[Printed] = []
        room = self._allowances.reveal(
            exchange.caller.principal, exchange.now, number=number, order=order
        )
        with room as count:
            try:
                with recorded_by_vault(exchange):
                    yield printed
            except (Malformed, Unavailable):
                # Its form, or that it can't be drawn, showed only after it was opened: that is recorded.
                exchange.at_door = True
                raise
            count(printed[0].record)
            exchange.opened.add(printed[0].record)

    def _ask(self, exchange: Exchange, reason: str) -> Ask:
        return Ask(
            exchange.caller,
            exchange.now,
            exchange.request_id,
            self._audit.pseudonym("reason", reason),
            exchange.src_ip,
        )

    def _order(self, seller: SellerId, order: str) -> str:
        return self._audit.pseudonym("order", f"{seller}/{order}")

    def _seller(self, name: str) -> SellerId:
        try:
            return self._sellers.by_name(name).id
        except NotFound:
            return SellerId(0)


def _file(exchange: Exchange, printed: Printed, name: str) -> Response:
    file = printed.file
    # The name says what it is and not whose.
    headers = {"content-disposition": f'attachment; filename="{name}.{file.suffix}"'}
    if file.pages is not None:
        headers["x-strongroom-pages"] = str(file.pages)
    if printed.marks:
        headers["x-strongroom-marks"] = str(printed.marks)
    key = None if exchange.channel is None else exchange.channel.public_key
    if key is not None:
        headers["x-strongroom-content-type"] = file.content_type
        return Response(seal_message(key, file.content), headers=headers, media_type=JOSE)
    return Response(file.content, headers=headers, media_type=file.content_type)
