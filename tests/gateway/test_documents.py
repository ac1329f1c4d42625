"""Report documents through the gateway: our addresses, the same tokens as from the API, and their ends."""

from __future__ import annotations

import gzip
from datetime import timedelta

import pytest

from strongroom.errors import Gone
from strongroom.simulator import Fault, FaultKind
from strongroom.terms import Action, Purpose
from tests.gateway.conftest import CONSOLE, NOW, Shop
from tests.support.downloads import HOST, REPORT, afetch, fetch, link_of, table

REPORTS = "/reports/2021-06-30/reports"
HEADER = ("order-id", "buyer-email", "recipient-name", "ship-city", "purchase-date")
RECENT = "2026-03-01T00:00:00+00:00"


def rows_of(count: int) -> list[tuple[str, ...]]:
    return [
        (f"111-1111111-{n:07d}", f"b{n}@mail.example", f"Buyer {n}", f"Town {n}", RECENT)
        for n in range(count)
    ]


def small(count: int = 3) -> bytes:
    return table([HEADER, *rows_of(count)]).encode()


def reveal(shop: Shop, token: str) -> object:
    found = shop.door.vault.reveal(
        shop.door.accounts.check_client(shop.app.client_id, shop.app.client_secret, NOW),
        token,
        purpose=Purpose.FULFILMENT,
        now=shop.door.clock(),
    )
    return found.value.unwrap()


@pytest.mark.clause("1.3", "2.4")
def test_a_report_comes_with_tokens_under_an_address_of_ours(shop: Shop):
    document = shop.simulator.plant_document("acme", small())
    shop.door.grant(shop.app)
    answer = shop.door.get(shop.app, REPORT + document, host=HOST)
    assert shop.simulator.endpoint.encode() not in answer.body
    assert b"_documents" not in answer.body
    assert b"X-Amz" not in answer.body
    got = fetch(shop.door, link_of(shop.door, shop.app, document))
    assert (got.status, got.whole) == (200, True)
    assert got.headers["content-type"] == "text/plain; charset=UTF-8"
    lines = got.body.decode().splitlines()
    assert lines[0] == "\t".join(HEADER)
    order, email, name, _city, date = lines[1].split("\t")
    assert (order, date) == (rows_of(1)[0][0], RECENT)
    assert email.endswith("@token.invalid")
    assert shop.door.events()[-1]["n"] == 3
    assert reveal(shop, name) == "Buyer 0"
    assert reveal(shop, email) == "b0@mail.example"
    assert shop.door.gateway_events()[-2:] == [
        ("gateway.response.sealed", "success", None),
        ("gateway.document.served", "success", None),
    ]


@pytest.mark.clause("2.2")
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp932"])
def test_an_order_has_the_same_tokens_from_report_and_api(shop: Shop, encoding: str):
    body = {
        "reportType": "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL",
        "reportOptions": {"encoding": encoding},
    }
    token = shop.door.token(shop.app)
    made = shop.door.call("POST", REPORTS, {"x-amz-access-token": token}, body)
    assert made.status == 202, made.body
    report = shop.door.get(shop.app, f"{REPORTS}/{made.json['reportId']}").json
    got = fetch(shop.door, link_of(shop.door, shop.app, report["reportDocumentId"]))
    assert got.whole
    text = got.body.decode(encoding)
    assert [marker for marker in shop.simulator.markers() if marker in text] == []
    head, *rows = [line.split("\t") for line in text.splitlines()]
    assert rows
    seen = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    rdt = shop.door.rdt(shop.app, "/orders/v0/orders/{orderId}/address")
    for order_id, row in list(seen.items())[:3]:
        path = f"/orders/v0/orders/{order_id}/address"
        address = shop.door.get(shop.app, path, rdt).json["payload"]["ShippingAddress"]
        assert address["Name"] == row["recipient-name"]
        assert address["City"] == row["ship-city"]
        assert address["CountryCode"] == row["ship-country"]


@pytest.mark.clause("1.3")
def test_an_address_lasts_five_minutes_and_may_be_used_again_until_then(shop: Shop):
    path = link_of(shop.door, shop.app, shop.simulator.plant_document("acme", small()))
    first = fetch(shop.door, path)
    assert fetch(shop.door, path).body == first.body
    shop.door.clock.advance(minutes=5)
    late = fetch(shop.door, path)
    assert late.status == 403
    assert shop.door.gateway_events()[-1][2] == "expired_credential"


@pytest.mark.clause("1.3")
def test_an_address_ends_with_the_apps_authorization(shop: Shop):
    path = link_of(shop.door, shop.app, shop.simulator.plant_document("acme", small()))
    shop.door.accounts.end("erp", caller=CONSOLE, now=shop.door.clock())
    assert fetch(shop.door, path).status == 403


def test_an_address_that_somebody_altered_opens_nothing(shop: Shop):
    path = link_of(shop.door, shop.app, shop.simulator.plant_document("acme", small()))
    for changed in (path[:-9] + "A" * 9, "/documents/", "/documents/x"):
        assert fetch(shop.door, changed).status == 403
    assert fetch(shop.door, path, method="PUT").status == 405


@pytest.mark.clause("2.1")
def test_an_order_past_its_date_stores_nothing_and_its_tokens_answer_gone(shop: Shop):
    old = (*rows_of(1)[0][:4], "2025-10-01T00:00:00+00:00")
    document = shop.simulator.plant_document(
        "acme",
        table([HEADER, old]).encode(),
        report_type="GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
    )
    shop.door.grant(shop.app)
    got = fetch(shop.door, link_of(shop.door, shop.app, document))
    name = got.body.decode().splitlines()[1].split("\t")[2]
    with pytest.raises(Gone):
        reveal(shop, name)


@pytest.mark.clause("2.1")
def test_dates_of_a_report_set_the_day_of_disposal(shop: Shop):
    document = shop.simulator.plant_document("acme", small(1), report_type="SC_VAT_TAX_REPORT")
    shop.door.get(shop.app, f"{REPORTS}?reportTypes=SC_VAT_TAX_REPORT")
    shop.door.grant(shop.app)
    got = fetch(shop.door, link_of(shop.door, shop.app, document))
    name = got.body.decode().splitlines()[1].split("\t")[2]
    assert reveal(shop, name) == "Buyer 0"
    shop.door.clock.now = NOW + timedelta(days=20)  # bought on 1 March, so past 31 March minus one
    with pytest.raises(Gone):
        reveal(shop, name)


@pytest.mark.clause("2.1")
def test_a_row_without_an_order_has_a_record_of_its_own(shop: Shop):
    content = table([("order-id", "recipient-name"), ("", "Somebody"), ("", "Nobody")]).encode()
    shop.door.grant(shop.app)
    path = link_of(shop.door, shop.app, shop.simulator.plant_document("acme", content))
    got = fetch(shop.door, path)
    tokens = [line.split("\t")[1] for line in got.body.decode().splitlines()[1:]]
    assert [reveal(shop, token) for token in tokens] == ["Somebody", "Nobody"]
    assert fetch(shop.door, path).body == got.body
    shop.door.clock.advance(days=29, hours=13)
    with pytest.raises(Gone):
        reveal(shop, tokens[0])


def test_packed_documents_stay_packed(shop: Shop):
    document = shop.simulator.plant_document("acme", gzip.compress(small(2000)), packed=True)
    answer = shop.door.get(shop.app, REPORT + document, host=HOST)
    assert answer.json["compressionAlgorithm"] == "GZIP"
    got = fetch(shop.door, link_of(shop.door, shop.app, document))
    assert got.whole
    lines = gzip.decompress(got.body).decode().splitlines()
    assert len(lines) == 2001
    assert not [line for line in lines[1:] if "Buyer" in line or "@mail" in line]


@pytest.mark.clause("1.3")
def test_a_document_of_an_unknown_report_is_recognised_by_its_columns(shop: Shop):
    document = shop.simulator.plant_document("acme", small(), report_type="GET_SOMETHING_NEW")
    got = fetch(shop.door, link_of(shop.door, shop.app, document))
    assert "Buyer" not in got.body.decode()
    assert rows_of(1)[0][0] in got.body.decode()


@pytest.mark.clause("2.6")
def test_the_end_of_a_document_is_recorded_before_its_last_bytes(shop: Shop):
    path = link_of(shop.door, shop.app, shop.simulator.plant_document("acme", small(1500)))
    before = shop.door.count()
    got = shop.door.runner.run(afetch(shop.door, path, leave_after=2))
    assert not got.whole
    events = shop.door.gateway_events(before)
    assert events[-1] == ("gateway.document.served", "failure", "unreachable")


@pytest.mark.clause("2.6")
def test_a_connection_that_breaks_in_the_middle_breaks_ours(shop: Shop):
    path = link_of(shop.door, shop.app, shop.simulator.plant_document("acme", small(9000)))
    shop.simulator.add_fault(Fault(FaultKind.RESET_MID_BODY, operation="document"))
    got = fetch(shop.door, path)
    assert not got.whole
    assert "Buyer" not in got.body.decode()
    assert shop.door.gateway_events()[-1] == (
        "gateway.document.served",
        "failure",
        "upstream_error",
    )


def test_a_document_that_does_not_begin_is_an_ordinary_error(shop: Shop):
    path = link_of(
        shop.door, shop.app, shop.simulator.plant_document("acme", b"\xd0\xcf\x11\xe0 x")
    )
    got = fetch(shop.door, path)
    assert (got.status, got.whole) == (502, True)
    assert shop.door.gateway_events()[-1] == ("gateway.upstream.failed", "failure", "unclassified")


def test_a_client_that_could_not_tell_the_end_gets_nothing(shop: Shop):
    path = link_of(shop.door, shop.app, shop.simulator.plant_document("acme", small()))
    got = shop.door.runner.run(afetch(shop.door, path, version="1.0"))
    assert got.status == 400


@pytest.mark.clause("1.3")
def test_a_link_that_nothing_rewrites_ends_the_answer(shop: Shop):
    document = shop.simulator.plant_document("acme", small())
    answer = shop.door.get(shop.app, REPORT + document)  # says no host to lead back to
    assert answer.status == 502
    assert b"_documents" not in answer.body


@pytest.mark.clause("1.3")
def test_unknown_columns_are_tokenized_and_reported(shop: Shop):
    content = table([(*HEADER, "secret-note"), (*rows_of(1)[0], "Loves cats")]).encode()
    got = fetch(
        shop.door,
        link_of(shop.door, shop.app, shop.simulator.plant_document("acme", content)),
    )
    assert "cats" not in got.body.decode()
    assert "catalogue.drift.seen" in [event["type"] for event in shop.door.events()]


@pytest.mark.clause("1.3")
def test_a_feed_goes_up_with_its_tokens_replaced(shop: Shop):
    document = shop.simulator.plant_document("acme", small())
    got = fetch(shop.door, link_of(shop.door, shop.app, document))
    row = got.body.decode().splitlines()[1].split("\t")
    upload, feed = new_feed(shop)
    content = f"order-id\tAddressName\tNotificationEmail\n{row[0]}\t{row[2]}\t{row[1]}\n".encode()
    refused = fetch(shop.door, upload, method="PUT", content=content, content_type="text/plain")
    assert refused.status == 403
    assert shop.simulator.uploaded(feed) == b""
    shop.door.grant(shop.app, action=Action.RELAY)
    sent = fetch(shop.door, upload, method="PUT", content=content, content_type="text/plain")
    assert (sent.status, sent.body) == (200, b"")
    expected = (
        f"order-id\tAddressName\tNotificationEmail\n{row[0]}\tBuyer 0\tb0@mail.example\n".encode()
    )
    assert shop.simulator.uploaded(feed) == expected
    kinds = [event["type"] for event in shop.door.events()]
    assert kinds[-2:] == ["egress.delivered", "gateway.document.uploaded"]


@pytest.mark.clause("1.3")
def test_a_forged_token_in_a_feed_ends_the_upload(shop: Shop):
    shop.door.grant(shop.app, action=Action.RELAY)
    upload, feed = new_feed(shop)
    content = b"AddressName\nST0000000000000000ZZ\n"
    got = fetch(shop.door, upload, method="PUT", content=content, content_type="text/plain")
    assert got.status == 403
    assert shop.simulator.uploaded(feed) == b""


def new_feed(shop: Shop) -> tuple[str, str]:
    token = shop.door.token(shop.app)
    answer = shop.door.call(
        "POST",
        "/feeds/2021-06-30/documents",
        {"x-amz-access-token": token, "host": HOST},
        {"contentType": "text/plain"},
    )
    assert answer.status == 201, answer.body
    assert set(answer.json) == {"feedDocumentId", "url"}
    return answer.json["url"].removeprefix(f"https://{HOST}"), answer.json["feedDocumentId"]
