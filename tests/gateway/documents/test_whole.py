"""Documents in which nothing can be replaced are kept whole; the app gets a token."""

from __future__ import annotations

import base64
import gzip
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from tests.gateway.conftest import NOW, Shop
from tests.support.downloads import HOST, fetch, link_of

from strongroom.errors import Gone
from strongroom.paper import Ask, Paper
from strongroom.terms import Purpose

PDF = b"%PDF-1.7\n1 0 obj << /Type /Page >> endobj\n" + b"Zo\xeb Secret" * 4000
INVOICES = "/tax/invoices/2024-06-19/documents/"


def invoice(shop: Shop, content: bytes) -> str:
    """Return the path of our address of an invoice."""
    document = shop.simulator.plant_document("acme", content, "application/pdf")
    answer = shop.door.get(shop.app, INVOICES + document, host=HOST)
    assert answer.status == 200, answer.body
    assert shop.simulator.endpoint.encode() not in answer.body
    url: str = answer.json["invoicesDocument"]["invoicesDocumentUrl"]
    return urlsplit(url).path


def printed(shop: Shop, token: str, now: Any = NOW) -> bytes:
    app = shop.app
    caller = shop.door.accounts.check_client(app.client_id, app.client_secret, NOW)
    paper = Paper(shop.door.vault, shop.door.audit)
    return paper.document(Ask(caller, now), token, Purpose.FULFILMENT).file.content


@pytest.mark.clause("1.3", "2.4")
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (PDF, "application/pdf"),
        (gzip.compress(PDF), "application/pdf"),
        (b"^XA^FDZoe Secret^FS^XZ" * 2000, "application/zpl"),
        (b"PK\x03\x04" + b"Zoe Secret" * 3000, "application/zip"),
        (b"no form that is known, of Zoe Secret", "application/octet-stream"),
    ],
)
def test_an_invoice_is_a_token_until_it_is_printed(shop: Shop, content: bytes, content_type: str):
    shop.door.grant(shop.app)
    got = fetch(shop.door, invoice(shop, content))

    assert (got.status, got.whole) == (200, True)
    assert got.headers["content-type"] == "application/json"
    assert b"Secret" not in got.body
    said = orjson.loads(got.body)
    assert (said["content_type"], said["bytes"]) == (content_type, len(content))
    opened = printed(shop, said["document"])
    assert opened == (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    events = [event for event in shop.door.events() if event["type"] == "gateway.document.served"]
    assert (events[-1]["n"], events[-1]["bytes"]) == (1, len(content))


@pytest.mark.clause("1.3")
def test_a_report_that_is_a_picture_is_kept_whole_too(shop: Shop):
    document = shop.simulator.plant_document("acme", PDF)
    path = link_of(shop.door, shop.app, document)
    first, second = fetch(shop.door, path), fetch(shop.door, path)

    assert first.body == second.body
    assert b"Secret" not in first.body
    assert base64.b64encode(b"Secret")[:6] not in first.body


@pytest.mark.clause("2.1")
def test_a_document_is_gone_after_its_day(shop: Shop):
    shop.door.grant(shop.app)
    said = orjson.loads(fetch(shop.door, invoice(shop, PDF)).body)

    with pytest.raises(Gone):
        printed(shop, said["document"], NOW + timedelta(days=29, hours=6))


def test_what_is_empty_or_too_large_is_an_error(shop: Shop):
    assert fetch(shop.door, invoice(shop, b"")).status == 502
    large = fetch(shop.door, invoice(shop, b"%PDF-" + bytes(16 * 1024 * 1024)))
    assert large.status == 502
    assert shop.door.gateway_events()[-1][1] == "failure"
