"""What commands print: a document behind a token, a packing slip, an address label [2.3]."""

import base64
from datetime import date

from strongroom.errors import Malformed
from strongroom.operations.registry import Call, member, operation, reason_of
from strongroom.paper import Ask, Line, Printed
from strongroom.request import Json
from strongroom.terms import Purpose


@operation("label.get")
def _label_get(
    call: Call, *, token: str, purpose: str = Purpose.FULFILMENT, reason: str | None = None
) -> Json:
    asked = member(Purpose, purpose, "purpose")
    return _printed(call, call.system.paper.document(_ask(call, reason), token, asked))


@operation("label.print")
def _label_print(
    call: Call, *, order: str, seller: str, size: str = "4x6", reason: str | None = None
) -> Json:
    found = call.system.sellers.by_name(seller).id
    return _printed(call, call.system.paper.label(_ask(call, reason), found, order, size=size))


@operation("slip.print")
def _slip_print(
    call: Call,
    *,
    order: str,
    seller: str,
    lines: list[dict],  # type: ignore[type-arg]
    ordered_on: str | None = None,
    gift_messages: bool = True,
    size: str = "a4",
    reason: str | None = None,
) -> Json:
    try:
        day = None if ordered_on is None else date.fromisoformat(ordered_on)
    except ValueError:
        raise Malformed("the day of the order is no date", hint="2026-03-10, say") from None
    printed = call.system.paper.slip(
        _ask(call, reason),
        call.system.sellers.by_name(seller).id,
        order,
        lines=[_line(line) for line in lines],
        ordered_on=day,
        gift_messages=gift_messages,
        size=size,
    )
    return _printed(call, printed)


def _ask(call: Call, reason: str | None) -> Ask:
    call.leaving.at_door = True
    return Ask(call.caller, call.now, call.leaving.req, reason_of(call, reason))


def _line(told: Json) -> tuple[str, Line]:
    match told:
        case {"item": str(item), "sku": str(sku), "quantity": int(quantity), **rest}:
            title = rest.pop("title", "")
            if not rest and isinstance(title, str) and quantity > 0 and quantity is not True:
                return item, Line(sku, quantity, title)
    raise Malformed("a line has item, sku, quantity and, at will, title")


def _printed(call: Call, printed: Printed) -> Json:
    call.leaving.opened.add(printed.record)
    file = printed.file
    return {
        "record": printed.record,
        "content_type": file.content_type,
        "bytes": len(file.content),
        "pages": file.pages,
        "marks": printed.marks,
        # Here it leaves the vault's process: toward the socket or the file of who asked.
        "file": base64.b64encode(file.content).decode("ascii"),
    }
