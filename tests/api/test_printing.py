"""Paper through `/v1`: documents behind tokens, packing slips, address labels."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest
from joserfc import jwe
from tests.api.conftest import ORDER, VALUES, WHY, Response, Shop
from tests.api.test_sealed import KINDS, private_pem, public_pem, register
from tests.vault.conftest import CONSOLE, LINE_1, NAME, NOW, order

from strongroom.crypto.message import ALGORITHMS
from strongroom.errors import Unavailable
from strongroom.paper import Ask, Paper
from strongroom.terms import Action, Category, Purpose, SellerId

pytestmark = pytest.mark.clause("2.3")

PDF = b"%PDF-1.4\n<< /Type /Page >>\n" + b"label of Zoe Secret\n" * 2000
LABEL = "shipment:s1.label"
LINES = [{"item": "i1", "sku": "SKU-1", "quantity": 2, "title": "A lamp"}]
COUNTRY, CITY, CODE = 25, 12, 14


def with_label(shop: Shop, content: bytes = PDF, *, seller: int = 1) -> str:
    """Put a label into an order's record; return its token."""
    sighting = order(
        ORDER,
        {
            NAME: "Jürgen Groß",
            LINE_1: "Hauptstraße 5",
            CITY: "Köln",
            CODE: "50667",
            COUNTRY: "DE",
            "item:i1.gift_message": "Happy birthday",
            LABEL: base64.b64encode(content).decode(),
        },
    )
    (placed,) = shop.door.world.vault.put(
        SellerId(seller), [sighting], caller=CONSOLE, op="merchantFulfillmentV0.x", now=NOW
    )
    return placed.token(LABEL)


def printed(shop: Shop) -> list[dict[str, Any]]:
    return [e.body for e in shop.door.world.audit.events() if e.type == "paper.printed"]


def pdf(answer: Response) -> bytes:
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.body.startswith(b"%PDF-")
    return answer.body


@pytest.mark.parametrize("packed", [False, True])
def test_a_label_is_handed_out_as_it_was_made(shop: Shop, packed: bool) -> None:
    token = with_label(shop, gzip.compress(PDF) if packed else PDF)

    answer = shop.door.post(
        shop.erp, "/v1/documents", token=token, purpose="fulfilment", reason="print"
    )

    assert pdf(answer) == PDF
    assert answer.headers["content-disposition"] == 'attachment; filename="document.pdf"'
    assert answer.headers["x-strongroom-pages"] == "1"
    (event,) = printed(shop)
    assert (event["n"], event["bytes"], event["op"]) == (1, len(PDF), "paper.document")
    assert event["purpose"] == "fulfilment"
    types = [e.type for e in shop.door.world.audit.events()]
    assert types[-3:] == ["vault.record.revealed", "paper.printed", "api.request.answered"]


def test_a_packing_slip_has_the_address_and_the_gift_message(shop: Shop) -> None:
    with_label(shop)

    answer = shop.door.post(
        shop.erp,
        "/v1/paper/slips",
        order=ORDER,
        seller="acme",
        lines=LINES,
        ordered_on="2026-03-09",
        reason="a parcel",
    )

    pdf(answer)
    assert answer.headers["x-strongroom-pages"] == "1"
    assert "Groß" not in str(answer.headers)
    (event,) = printed(shop)
    assert (event["op"], event["n"]) == ("paper.slip", 1)
    assert "seller" in event


def test_an_address_label_is_one_page(shop: Shop) -> None:
    with_label(shop)

    pdf(shop.door.post(shop.erp, "/v1/paper/labels", order=ORDER, seller="acme", reason="a parcel"))

    assert [(e["op"], e["n"]) for e in printed(shop)] == [("paper.label", 1)]


def test_letters_without_a_form_are_counted(shop: Shop) -> None:
    shop.door.put(slots={**VALUES, NAME: "محمد", LINE_1: "1 Main St"})

    answer = shop.door.post(
        shop.erp, "/v1/paper/labels", order=ORDER, seller="acme", reason="a parcel"
    )

    pdf(answer)
    assert answer.headers["x-strongroom-marks"] == "4"


def test_without_a_grant_for_gift_messages_a_slip_goes_without_them(shop: Shop) -> None:
    with_label(shop)
    shop.door.grant(shop.other, categories=frozenset({Category.NAME, Category.ADDRESS}))
    asked = {"order": ORDER, "seller": "acme", "lines": LINES, "reason": "a parcel"}

    refused = shop.door.post(shop.other, "/v1/paper/slips", **asked)
    without = shop.door.post(shop.other, "/v1/paper/slips", gift_messages=False, **asked)

    assert refused.status == 403
    pdf(without)


@pytest.mark.parametrize("path", ["/v1/paper/slips", "/v1/paper/labels"])
def test_an_order_without_an_address_is_not_printed(shop: Shop, path: str) -> None:
    shop.door.put("902-0000000-0000001", slots={NAME: "Jürgen Groß"})
    asked: dict[str, Any] = {"order": "902-0000000-0000001", "seller": "acme", "reason": "a parcel"}
    if path.endswith("slips"):
        asked["lines"] = LINES

    answer = shop.door.post(shop.erp, path, **asked)

    assert answer.status == 404
    assert printed(shop) == []


@pytest.mark.parametrize(
    "change",
    [
        {"lines": []},
        {"lines": [{"item": "i1", "sku": "S", "quantity": 0}]},
        {"lines": [{"item": "i1", "sku": "S", "quantity": True}]},
        {"lines": [{**LINES[0], "price": 5}]},
        {"size": "poster"},
        {"ordered_on": "yesterday"},
        {"purpose": "tax"},
    ],
)
def test_what_is_no_slip_is_refused_before_anything_is_opened(
    shop: Shop, change: dict[str, Any]
) -> None:
    with_label(shop)
    asked = {"order": ORDER, "seller": "acme", "lines": LINES, "reason": "a parcel", **change}

    assert shop.door.post(shop.erp, "/v1/paper/slips", **asked).status == 400
    assert "vault.record.revealed" not in [e.type for e in shop.door.world.audit.events()]


def test_while_too_many_pages_are_drawn_nothing_is_opened(shop: Shop) -> None:
    with_label(shop)
    world = shop.door.world
    busy = Paper(world.vault, world.audit, at_once=0)

    with pytest.raises(Unavailable):
        busy.label(Ask(CONSOLE, NOW), SellerId(1), ORDER)

    assert "vault.record.revealed" not in [e.type for e in world.audit.events()]


def test_a_grant_for_another_purpose_prints_an_invoice_but_no_slip(shop: Shop) -> None:
    token = with_label(shop)
    shop.door.grant(shop.other, Action.REVEAL, purpose=Purpose.INVOICING)

    invoice = shop.door.post(
        shop.other, "/v1/documents", token=token, purpose="invoicing", reason="an invoice"
    )
    slip = shop.door.post(
        shop.other, "/v1/paper/labels", order=ORDER, seller="acme", reason="a parcel"
    )

    assert pdf(invoice) == PDF
    assert slip.status == 403


def test_the_value_of_a_label_still_comes_whole_by_its_token(shop: Shop) -> None:
    token = with_label(shop)

    answer = shop.door.post(shop.erp, "/v1/reveal", token=token, **WHY)

    assert base64.b64decode(answer.json["value"]) == PDF


@pytest.mark.clause("1.5")
def test_an_app_with_a_key_gets_a_label_that_it_alone_can_open(shop: Shop) -> None:
    make, importer = KINDS["p256"]
    key = make()
    register(shop, shop.erp, public_pem(key))

    answer = shop.door.post(
        shop.erp, "/v1/documents", token=with_label(shop), purpose="fulfilment", reason="print"
    )

    assert answer.headers["content-type"] == "application/jose"
    assert answer.headers["x-strongroom-content-type"] == "application/pdf"
    assert b"Secret" not in answer.body
    private = importer.import_key(private_pem(key))
    assert jwe.decrypt_compact(answer.body, private, algorithms=ALGORITHMS).plaintext == PDF
