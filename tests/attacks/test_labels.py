"""Attacks on labels: to get one without a right to it, to get it later, and to have one do harm."""

from __future__ import annotations

import base64
import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from tests.api.conftest import ORDER, VALUES, WHY, Door, Response, open_shop
from tests.api.conftest import Shop as ApiShop
from tests.api.test_printing import LABEL, LINES, PDF, printed, with_label
from tests.gateway.conftest import Shop
from tests.support.downloads import HOST, fetch
from tests.vault.conftest import CITY, CONSOLE, LINE_1, NAME, NOW, World, order

from strongroom.api import ApiLimits
from strongroom.db import schema
from strongroom.gateway.documents.links import LINK_PATH
from strongroom.gateway.documents.whole import Volume, document_id
from strongroom.paper import pages
from strongroom.policy.retention import Progress
from strongroom.simulator import Fault, FaultKind
from strongroom.terms import Action, Category, Purpose, SellerId
from strongroom.vault import Vault, large

pytestmark = pytest.mark.clause("1.3", "2.3", "2.4")

SECRET = b"Zoe Secret"
INVOICES = "/tax/invoices/2024-06-19/documents/"


@pytest.fixture
def api(make_world: Callable[[str], World]) -> Iterator[ApiShop]:
    door = Door(make_world("api"), ApiLimits())
    yield open_shop(door)
    door.close()


def ask(shop: ApiShop, token: str, app: Any = None, purpose: str = "fulfilment") -> Response:
    return shop.door.post(
        app or shop.erp, "/v1/documents", token=token, purpose=purpose, reason="a parcel"
    )


def refused(shop: ApiShop, answer: Response, status: int) -> None:
    """Check that nothing of a label came, and that nothing was recorded as printed."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    for needle in (SECRET, b"%PDF", base64.b64encode(SECRET)[:10]):
        assert needle not in answer.body
    assert printed(shop) == []


def test_an_app_without_a_grant_gets_no_label(api: ApiShop) -> None:
    refused(api, ask(api, with_label(api), api.other), 403)
    assert ("vault.record.revealed", "denied", "no_grant") in api.door.events()


@pytest.mark.parametrize("path", ["/v1/paper/slips", "/v1/paper/labels"])
def test_an_app_without_a_grant_prints_no_order_and_learns_of_none(api: ApiShop, path: str) -> None:
    more = {"lines": LINES} if path.endswith("slips") else {}
    answers = []
    for named in (ORDER, "902-0000000-0000000"):
        answer = api.door.post(
            api.other, path, order=named, seller="acme", reason="a parcel", **more
        )
        refused(api, answer, 403)
        answers.append(answer.body)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("purpose", ["tax", "invoicing", "incident"])
def test_a_grant_serves_its_own_purpose_alone(api: ApiShop, purpose: str) -> None:
    refused(api, ask(api, with_label(api), purpose=purpose), 403)


def test_a_grant_for_addresses_gets_no_label(api: ApiShop) -> None:
    api.door.grant(api.other, categories=frozenset(Category) - {Category.DOCUMENT})
    refused(api, ask(api, with_label(api), api.other), 403)


def test_another_selling_partners_token_is_refused(api: ApiShop) -> None:
    refused(api, ask(api, with_label(api, seller=2)), 403)


def test_the_token_of_a_name_is_no_label(api: ApiShop) -> None:
    """It would come out as a file, past the event that says what was revealed."""
    token = api.tokens[NAME]
    refused(api, ask(api, token), 403)
    assert api.door.events()[-1][2] == "wrong_category"


def test_a_forged_token_is_refused(api: ApiShop) -> None:
    token = with_label(api)
    refused(api, ask(api, token[:-1] + ("A" if token[-1] != "A" else "B")), 403)


def test_after_its_day_a_label_is_gone_and_so_are_its_bytes(api: ApiShop) -> None:
    token = with_label(api)
    world = api.door.world
    world.put(order(ORDER, shipped=NOW, status=Progress.SHIPPED))

    later = NOW + timedelta(days=31)
    world.vault.sweep(later)

    with world.database.read() as tx:
        assert tx.execute(sa.select(schema.record_value)).all() == []
    api.door.now = later
    api.door.world.grants.add(
        CONSOLE,
        principal=api.erp.principal,
        action=Action.REVEAL,
        purpose=Purpose.FULFILMENT,
        categories=frozenset(Category),
        sellers=frozenset({SellerId(1)}),
        lifetime=timedelta(days=30),
        now=later,
    )
    refused(api, ask(api, token), 410)


def test_a_hundred_times_the_same_label_is_no_answer_of_gigabytes(api: ApiShop) -> None:
    token, name = with_label(api), api.tokens[NAME]

    answer = api.door.post(api.erp, "/v1/reveal/batch", tokens=[token] * 99 + [name], **WHY)

    assert answer.status == 200
    *refusals, last = answer.json["results"]
    assert {one["problem"]["type"] for one in refusals} == {"urn:strongroom:problem:too-long"}
    assert "/v1/documents" in refusals[0]["problem"]["detail"]
    assert last["value"]["value"] == VALUES[NAME]
    assert base64.b64encode(PDF)[:20] not in answer.body


def test_an_order_with_many_long_labels_is_no_answer_without_end(
    api: ApiShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_label(api)
    asked = {"order": ORDER, "seller": "acme", **WHY}
    assert api.door.post(api.erp, "/v1/orders/reveal", **asked).status == 200

    monkeypatch.setattr(large, "MOST_TOGETHER", len(PDF))
    answer = api.door.post(api.erp, "/v1/orders/reveal", **asked)

    assert (answer.status, answer.kind) == (400, "too-long")
    # What was opened and did not leave is told as that.
    assert [one[:2] for one in api.door.events()[-2:]] == [
        ("vault.record.revealed", "success"),
        ("api.request.answered", "failure"),
    ]
    some = api.door.post(api.erp, "/v1/orders/reveal", categories=["name"], **asked)
    assert [one["value"] for one in some.json["values"]] == [VALUES[NAME]]


def test_a_label_that_is_a_page_of_script_is_only_bytes(api: ApiShop) -> None:
    """It claims nothing: no browser shows it, and none runs it."""
    answer = ask(api, with_label(api, b"<html><script>alert(1)</script>" + bytes(30_000)))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_label_that_is_a_bomb_is_not_unpacked(api: ApiShop) -> None:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()

    refused(api, ask(api, with_label(api, bomb)), 400)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(PDF) + b"and a page that is not packed",
        gzip.compress(PDF) + gzip.compress(SECRET)[:-9],
        gzip.compress(PDF) + gzip.compress(b"") * 5000,
    ],
    ids=["loose", "cut", "many"],
)
def test_half_a_label_is_not_handed_out_as_the_whole(api: ApiShop, content: bytes) -> None:
    refused(api, ask(api, with_label(api, content)), 400)


def test_a_label_packed_in_two_parts_is_both(api: ApiShop) -> None:
    answer = ask(api, with_label(api, gzip.compress(PDF) + gzip.compress(SECRET)))

    assert answer.body == PDF + SECRET


def test_one_app_that_draws_without_pause_is_slowed(api: ApiShop) -> None:
    with_label(api)
    api.door.restart(drawing_burst=2, drawings_per_second=1)
    asked = {"order": ORDER, "seller": "acme", "reason": "a parcel"}

    statuses = [api.door.post(api.erp, "/v1/paper/labels", **asked).status for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert len(printed(api)) == 2
    assert api.door.post(api.other, "/v1/paper/labels", **asked).status == 403
    api.door.now += timedelta(seconds=1)
    assert api.door.post(api.erp, "/v1/paper/labels", **asked).status == 200


@pytest.mark.parametrize(("fault", "status"), [("too long", 400), ("not drawn", 503)])
def test_an_address_that_was_opened_and_not_printed_is_told_as_not_left(
    api: ApiShop, monkeypatch: pytest.MonkeyPatch, fault: str, status: int
) -> None:
    lines = "a street " * 500 if fault == "too long" else "Hauptstraße 5"
    api.door.world.put(order(ORDER, {NAME: "Jürgen Groß", LINE_1: lines, CITY: "Köln"}))
    if fault == "not drawn":

        def draw(*_given: Any) -> None:
            raise KeyError("Hauptstraße 5")

        monkeypatch.setattr(pages, "draw_label", draw)

    answer = api.door.post(
        api.erp, "/v1/paper/labels", order=ORDER, seller="acme", reason="a parcel"
    )

    refused(api, answer, status)
    told = [event for event in api.door.events() if event[0] == "api.request.answered"]
    assert [event[1] for event in told] == ["failure"]


def test_a_label_put_in_the_place_of_another_does_not_open(api: ApiShop) -> None:
    token = with_label(api)
    table = schema.record_value
    sighting = order("902-0000000-0000002", {LABEL: base64.b64encode(PDF + b"other").decode()})
    world = api.door.world
    world.put(sighting)
    with world.database.write() as tx:
        rows = tx.execute(sa.select(table).order_by(table.c.record_number)).all()
        for row, other in (rows, rows[::-1]):
            here = table.c.record_number == row.record_number
            tx.execute(table.update().where(here).values(sealed=other.sealed))

    refused(api, ask(api, token), 500)
    assert ("vault.record.tampered", "error", "tampered") in api.door.events()


def test_a_label_of_fifty_megabytes_is_refused_and_kept_nowhere(shop: Shop) -> None:
    """Inline, it is more than an answer of Amazon's may have; as a document, more than is kept."""
    shop.simulator.add_fault(
        Fault(
            FaultKind.BODY,
            operation="getOrder",
            body=orjson.dumps({"payload": {"AmazonOrderId": "A" * 50_000_000}}),
            status=200,
            content_type="application/json",
        )
    )
    order_id = shop.simulator.order_ids("acme")[0]
    assert shop.door.get(shop.app, f"/orders/v0/orders/{order_id}").status == 502

    large = shop.simulator.plant_document("acme", b"%PDF-" + SECRET + bytes(50_000_000))
    url = shop.door.get(shop.app, INVOICES + large, host=HOST).json
    path = url["invoicesDocument"]["invoicesDocumentUrl"].partition(HOST)[2]
    got = fetch(shop.door, path)
    assert got.status == 502
    assert SECRET not in got.body
    with shop.door.database.read() as tx:
        assert tx.execute(sa.select(schema.record_value)).all() == []


def test_a_long_document_holds_nobody_else_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealing and writing megabytes is not for the one thread that serves everybody."""
    wrote: list[bool] = []
    put = Vault.put

    def watched(self: Vault, *given: Any, **named: Any) -> Any:
        wrote.append(threading.current_thread() is threading.main_thread())
        return put(self, *given, **named)

    document = shop.simulator.plant_document("acme", PDF + bytes(2**20))
    answer = shop.door.get(shop.app, INVOICES + document, host=HOST)
    path = answer.json["invoicesDocument"]["invoicesDocumentUrl"].partition(HOST)[2]
    monkeypatch.setattr(Vault, "put", watched)

    assert fetch(shop.door, path).status == 200
    assert wrote == [False]


def test_documents_without_end_do_not_fill_the_disk(shop: Shop) -> None:
    shop.door.gateway._documents._volume = Volume(len(PDF) + 100)
    document = shop.simulator.plant_document("acme", PDF)

    def kept() -> Any:
        answer = shop.door.get(shop.app, INVOICES + document, host=HOST)
        url = answer.json["invoicesDocument"]["invoicesDocumentUrl"]
        return fetch(shop.door, url.partition(HOST)[2])

    assert kept().status == 200
    refusal = kept()

    assert refusal.status == 429
    assert 0 < int(refusal.headers["retry-after"]) <= 86_400
    (last,) = shop.door.audit.tail(1)
    assert (last.outcome, last.body["reason"]) == ("denied", "volume_limited")


def test_the_day_of_what_is_kept_is_each_selling_partners_own() -> None:
    volume = Volume(100)
    assert [volume.take(SellerId(1), size, NOW) for size in (60, 60, 40)] == [0, 43_200, 0]
    assert volume.take(SellerId(2), 100, NOW) == 0
    assert volume.take(SellerId(1), 100, NOW + timedelta(hours=12)) == 0


def test_two_documents_of_one_path_are_not_one_record() -> None:
    """Else one buyer's token would open the other's label."""
    base = "https://bucket.s3.amazonaws.com/label"
    signed = "X-Amz-Signature={0}&X-Amz-Date={0}&Expires={0}&Signature={0}&Key-Pair-Id=k&Policy={0}"
    first = document_id(f"{base}?shipment=1&{signed.format('a')}")

    assert document_id(f"{base}?shipment=2&{signed.format('a')}") != first
    assert document_id(f"{base}?{signed.format('a')}") != first
    # Signed anew it is the same, and keeps its day.
    assert document_id(f"{base}?{signed.format('b')}&shipment=1") == first
    assert document_id(f"{base}?{signed.format('a')}") == document_id(base)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/label.pdf",
        "http://bucket.s3.amazonaws.com/label.pdf",
        "https://bucket.s3.amazonaws.com.evil.example/label.pdf",
        "https://127.0.0.1:1/label.pdf",
        "https://bucket.s3.amazonaws.com@evil.example/label.pdf",
        "file:///etc/passwd",
    ],
)
def test_a_link_elsewhere_is_not_followed(shop: Shop, url: str) -> None:
    shop.simulator.add_fault(
        Fault(
            FaultKind.BODY,
            operation="getInvoicesDocument",
            body=orjson.dumps(
                {"invoicesDocument": {"invoicesDocumentId": "i", "invoicesDocumentUrl": url}}
            ),
            status=200,
            content_type="application/json",
        )
    )
    document = shop.simulator.plant_document("acme", PDF)
    answer = shop.door.get(shop.app, INVOICES + document, host=HOST)
    assert url.encode() not in answer.body
    if answer.status == 200:
        path = answer.json["invoicesDocument"]["invoicesDocumentUrl"].partition(HOST)[2]
        assert path.startswith(LINK_PATH)
        assert fetch(shop.door, path).status == 502


def test_anothers_address_of_a_document_gives_a_token_and_no_more(shop: Shop) -> None:
    """Who finds an address in a log has a token: without a grant it opens nothing."""
    document = shop.simulator.plant_document("acme", gzip.compress(PDF))
    answer = shop.door.get(shop.app, INVOICES + document, host=HOST)
    path = answer.json["invoicesDocument"]["invoicesDocumentUrl"].partition(HOST)[2]

    got = fetch(shop.door, path)

    assert got.status == 200
    assert set(orjson.loads(got.body)) == {"document", "content_type", "bytes"}
    assert SECRET not in got.body
