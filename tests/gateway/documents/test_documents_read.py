"""Tables, XML and JSON: what passes, what becomes whose record, and what is written in its place."""

from __future__ import annotations

import gzip
from contextlib import suppress
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.downloads import table
from tests.support.pieces import NOW, Passed, run

from strongroom.errors import Malformed
from strongroom.gateway.documents.document import Said
from strongroom.policy.retention import Progress, SightedFacts

ORDER = "111-1111111-1111111"
OTHER = "111-1111111-1111112"
ALL_ORDERS = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
SIZES = [1, 7, 100_000]


def tsv(*rows: tuple[str, ...], end: str = "\n") -> bytes:
    return table(rows, end).encode()


def cells(output: bytes, row: int = 1, encoding: str = "utf-8") -> list[str]:
    return output.decode(encoding).splitlines()[row].split("\t")


# -- tables --


@pytest.mark.parametrize("size", SIZES)
def test_a_table_keeps_its_form_and_gives_up_its_people(size: int):
    content = tsv(
        ("order-id", "sku", "recipient-name", "ship-country"),
        (ORDER, 'A "quoted" sku', "Zoë", "DE"),
        end="\r\n",
    )
    got = run(content, size=size)
    assert got.output == content.replace("Zoë".encode(), cells(got.output)[2].encode())
    assert [(s.kind, s.id, s.slots) for s in got.sightings] == [
        ("order", ORDER, {8: "Zoë", 25: "DE"})
    ]


def test_headers_count_without_case_and_stray_spaces():
    got = run(tsv(("Order ID ", " RECIPIENT_NAME", "buyer-citizen-id "), (ORDER, "a", "b")))
    assert got.sightings[0].slots == {8: "a", 107: "b"}
    assert got.drift == []
    assert got.output.startswith(b"Order ID \t RECIPIENT_NAME\tbuyer-citizen-id \n")


def test_a_line_before_the_header_is_kept():
    got = run(b"\n" + tsv(("order-id", "recipient-name"), (ORDER, "Zo")))
    assert got.output.startswith(b"\norder-id\t")
    assert b"Zo" not in got.output


def test_columns_come_in_any_order_and_number():
    got = run(tsv(("recipient-name", "order-id"), ("a", ORDER)))
    assert got.sightings[0].slots == {8: "a"}
    assert run(tsv(("sku",), ("A",))).sightings == []


@pytest.mark.clause("2.4")
def test_a_second_column_of_one_name_loses_nothing():
    got = run(tsv(("order-id", "buyer-name", "buyer-name"), (ORDER, "a", "b"), (OTHER, "c", "c")))
    assert sorted(got.sightings[0].slots.values()) == ["a", "b"]
    assert got.sightings[1].slots == {17: "c"}
    assert b"b" not in got.output.split(b"\n")[1].split(b"\t")
    assert cells(got.output, 2)[1] == cells(got.output, 2)[2]


def test_several_rows_of_an_order_are_one_record():
    head = ("order-id", "order-item-id", "buyer-name", "gift-message-text")
    got = run(tsv(head, (ORDER, "1", "a", "hi"), (ORDER, "2", "a", "ho")))
    assert [s.slots for s in got.sightings] == [
        {17: "a", "item:1.gift_message": "hi", "item:2.gift_message": "ho"}
    ]


def test_unknown_columns_of_two_items_have_two_places():
    head = ("order-id", "order-item-id", "what-is-this")
    got = run(tsv(head, (ORDER, "1", "x"), (ORDER, "2", "y")))
    assert sorted(got.sightings[0].slots.values()) == ["x", "y"]
    assert [drift.path for drift in got.drift] == ["UNKNOWN/what-is-this"]


@pytest.mark.clause("1.3")
def test_a_row_that_is_too_long_or_cut_in_two_passes_nothing():
    head = ("order-id", "sku", "gift-message-text")
    got = run(tsv(head, (ORDER, "A", "one", "two"), ("and a secret", "tail"), ("secret",)))
    assert "secret" not in got.output.decode()
    assert "two" not in got.output.decode()
    assert ORDER not in got.output.decode()
    assert [s.kind for s in got.sightings] == ["document"] * 3
    assert [drift.kind for drift in got.drift] == ["wrong_type"]


def test_a_row_that_ends_early_keeps_its_order():
    got = run(tsv(("order-id", "buyer-name", "sku"), (ORDER, "Zo")))
    assert cells(got.output)[0] == ORDER
    assert got.sightings[0].id == ORDER


@pytest.mark.clause("1.3")
def test_what_is_no_order_id_does_not_pass_in_its_column():
    got = run(tsv(("order-id", "sku"), ("Zoë Miller", "A"), ("FBA15ABC123", "B")))
    assert "Zoë" not in got.output.decode()
    assert "FBA15ABC123" in got.output.decode()


def test_a_table_without_any_known_column_shows_none_of_its_header():
    got = run(tsv(("Zoë Miller", "Elm Street 1"), ("Bob", "Oak")))
    assert got.output.startswith(b"column 1\tcolumn 2\n")
    assert not {"Zoë", "Elm", "Bob", "Oak"} & set(got.output.decode().replace("\t", " ").split())


@pytest.mark.parametrize("size", SIZES)
def test_comma_separated_values_are_quoted_again(size: int):
    content = b'"Order ID","SKU","Buyer Name"\n"' + ORDER.encode() + b'","a, b","A ""B""\nC"\n'
    got = run(content, size=size)
    assert got.sightings[0].slots == {17: 'A "B"\nC'}
    assert got.output.decode().splitlines()[1].startswith(f'"{ORDER}","a, b","ST')


def test_dates_and_states_feed_the_day_of_disposal():
    head = ("amazon-order-id", "purchase-date", "last-updated-date", "order-status", "cpf")
    row = (ORDER, "2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00Z", "Shipped", "1")
    facts = run(tsv(head, row), ALL_ORDERS).sightings[0].facts
    assert facts == SightedFacts(Progress.SHIPPED, 1_772_323_200, 0, 1_772_409_600)


@pytest.mark.clause("2.1")
def test_an_old_report_does_not_say_that_an_order_is_still_open():
    kind = "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING"
    content = tsv(("order-id", "buyer-name"), (ORDER, "a"))
    assert run(content, kind).sightings[0].facts.status is Progress.UNSHIPPED
    old = run(content, kind, made_at=NOW - 90_000).sightings[0]
    assert (old.facts.status, old.as_of) == (Progress.UNKNOWN, NOW - 90_000)


# -- XML --

XML = """<?xml version="1.0" encoding="UTF-8"?>
<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<Header><DocumentVersion>1.01</DocumentVersion></Header><MessageType>OrderReport</MessageType>
<Message><MessageID>1</MessageID><OrderReport><AmazonOrderID>{order}</AmazonOrderID>
<BillingData><BuyerName>Zoë &amp; Co</BuyerName><Extra kind="x">secret</Extra></BillingData>
<!-- a comment about somebody --><Item><AmazonOrderItemCode>7</AmazonOrderItemCode>
<SKU>A&lt;B</SKU></Item></OrderReport></Message>
</AmazonEnvelope>"""


@pytest.mark.parametrize("size", SIZES)
def test_xml_keeps_its_elements_and_gives_up_its_people(size: int):
    got = run(XML.format(order=ORDER).encode(), size=size)
    text = got.output.decode()
    assert not any(part in text for part in ("Zoë", "secret", "comment"))
    assert f"<AmazonOrderID>{ORDER}</AmazonOrderID>" in text
    assert "<SKU>A&lt;B</SKU>" in text
    assert [(s.kind, s.id) for s in got.sightings] == [("order", ORDER)]
    assert got.sightings[0].slots[17] == "Zoë & Co"
    assert sorted(d.path for d in got.drift) == [
        "UNKNOWN/AmazonEnvelope/Message/OrderReport/BillingData/Extra",
        "UNKNOWN/AmazonEnvelope/Message/OrderReport/BillingData/Extra/@kind",
    ]


@pytest.mark.clause("2.4")
def test_a_record_of_two_orders_is_kept_under_neither():
    two = f"<r><m><AmazonOrderID>{ORDER}</AmazonOrderID><AmazonOrderID>{OTHER}</AmazonOrderID>"
    got = run(f"{two}<BillingData><BuyerName>Zo</BuyerName></BillingData></m></r>".encode())
    assert [s.kind for s in got.sightings] == ["document"]


@pytest.mark.clause("2.4")
@pytest.mark.parametrize("form", ["xml", "json"])
def test_what_belongs_to_an_item_may_stand_before_the_items_id(form: str):
    if form == "xml":
        items = "".join(
            f"<Item><GiftMessageText>{text}</GiftMessageText>"
            f"<AmazonOrderItemCode>{id_}</AmazonOrderItemCode></Item>"
            for text, id_ in (("hi", 7), ("ho", 8))
        )
        content = f"<r><m><AmazonOrderID>{ORDER}</AmazonOrderID>{items}</m></r>".encode()
    else:
        items = [{"giftMessageText": "hi", "x": {"orderItemId": "9"}, "orderItemId": "7"}]
        items.append({"giftMessageText": "ho", "orderItemId": "8"})
        content = orjson.dumps([{"orderId": ORDER, "items": items}])
    (sighting,) = run(content).sightings
    assert sighting.slots == {"item:7.gift_message": "hi", "item:8.gift_message": "ho"}


# -- JSON --


@pytest.mark.parametrize("size", SIZES)
def test_json_keeps_its_members_and_gives_up_its_people(size: int):
    content = orjson.dumps(
        {
            "header": {"sellerId": "S", "surprise": 5},
            "issues": [
                {"message": 'hey "you" \\', "sku": "1"},
                {"message": "x\u2028", "code": "9"},
            ],
            "e": [],
            "summary": {"errors": 2},
        }
    )
    got = run(content, "FEED_RESULT", size=size)
    document = orjson.loads(got.output)
    assert document["header"] == {"sellerId": "S"}
    assert document["summary"] == {"errors": 2}
    assert [issue.get("sku") for issue in document["issues"]] == ["1", None]
    assert all(issue["message"].startswith("ST") for issue in document["issues"])
    assert [s.slots[115] for s in got.sightings if 115 in s.slots] == ['hey "you" \\', "x\u2028"]


def test_figures_of_a_known_report_pass_with_their_types():
    report = {
        "reportSpecification": {"reportType": "GET_SALES_AND_TRAFFIC_REPORT", "marketplaceIds": ["A1"]},
        "salesAndTrafficByAsin": [
            {
                "parentAsin": "B0TEST",
                "salesByAsin": {"unitsOrdered": 3, "orderedProductSales": {"amount": 9.5}},
                "told": "Zo Berg",
            }
        ],
    }  # fmt: skip
    got = run(orjson.dumps(report), "GET_SALES_AND_TRAFFIC_REPORT", Said("application/json"))
    (row,) = orjson.loads(got.output)["salesAndTrafficByAsin"]
    told = row.pop("told")
    assert row == {key: report["salesAndTrafficByAsin"][0][key] for key in row}
    assert "Zo" not in told
    assert [sighting.slots.values() for sighting in got.sightings if sighting.slots]


@pytest.mark.clause("2.1", "2.2")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("first", [True, False])
def test_what_stands_beside_the_only_order_of_an_object_is_that_orders(size: int, first: bool):
    """Its erasure and its day reach them; the order's id may come last."""
    lists = {
        "items": [
            {"orderItemId": "1", "giftMessageText": "hi"},
            {"orderItemId": "2", "giftMessageText": "ho"},
        ],
        "address": {"recipientName": "Zoë"},
    }
    document = {"orderId": ORDER, **lists} if first else {**lists, "orderId": ORDER}
    got = run(orjson.dumps(document), None, Said("application/json"), size)
    (sighting,) = got.sightings
    assert (sighting.kind, sighting.id) == ("order", ORDER)
    assert sighting.slots == {
        8: "Zoë",
        "item:1.gift_message": "hi",
        "item:2.gift_message": "ho",
    }
    written = orjson.loads(got.output)
    assert written["orderId"] == ORDER
    assert len({item["giftMessageText"] for item in written["items"]} & {"hi", "ho"}) == 0


@pytest.mark.clause("2.2")
@pytest.mark.parametrize(
    "document",
    [
        # Another order in a list; the only one in a list; none that is one; more than a record holds.
        {"orderId": ORDER, "rows": [{"orderId": OTHER}, {"recipientName": "Zoë"}]},
        {"rows": [{"orderId": ORDER}, {"recipientName": "Zoë"}]},
        [{"orderId": ORDER}, {"recipientName": "Zoë"}],
        {"orderId": "no order", "rows": [{"recipientName": "Zoë"}]},
        {"orderId": ORDER, "rows": [{"recipientName": f"Zoë {n}"} for n in range(900)]},
    ],
)
def test_nobodys_data_is_kept_under_an_order_that_may_be_somebody_elses(document):
    got = run(orjson.dumps(document), None, Said("application/json"))
    holders = {s.kind for s in got.sightings if any("Zo" in str(v) for v in s.slots.values())}
    assert holders == {"document"}


@pytest.mark.parametrize("size", SIZES)
def test_json_lines_are_records(size: int):
    lines = [{"orderId": ORDER, "buyerName": "Zo"}, {"orderId": OTHER, "sku": "A", "age": 4}]
    content = b"\n".join(map(orjson.dumps, lines)) + b"\n"
    got = run(content, None, Said(lines=True), size)
    assert [orjson.loads(line) for line in got.output.splitlines()][1] == {
        "orderId": OTHER,
        "sku": "A",
    }
    assert got.sightings[0].slots == {17: "Zo"}
    assert got.content_type == "application/jsonl; charset=UTF-8"


@pytest.mark.parametrize(
    "content", [b"[1", b'{"a":', b'{"a" 1}', b'{"a":1,}', b"[1]]", b'{"a":tru}', b'["', b"{,}"]
)
def test_json_that_is_none_ends(content: bytes):
    with pytest.raises(Malformed):
        run(content)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.from_regex(r"[a-z]{1,4}", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(document=_json.filter(lambda v: isinstance(v, dict | list)), size=st.integers(1, 9))
def test_any_json_document_comes_out_whole_and_without_its_strings(document, size: int):
    got = run(orjson.dumps(document), None, Said("application/json"), size)
    if got.content_type.startswith("application/json;"):
        orjson.loads(got.output)
    strings = {v for s in got.sightings for v in s.slots.values() if isinstance(v, str)}
    assert not [text for text in strings if len(text) > 4 and text in got.output.decode()]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(st.text("aé日\"'< ,;\r", max_size=5), max_size=5), max_size=6),
    size=st.integers(1, 50),
)
def test_any_table_comes_out_with_as_many_lines(rows: list[list[str]], size: int):
    content = tsv(("order-id", "buyer-name", "sku"), *map(tuple, rows))
    got = run(content, size=size)
    assert got.output.count(b"\n") == content.count(b"\n")


MARK = "Mb%cfz"  # of letters and signs that no markup has
_said = st.text("aé日\"'< &;\r\n]>", max_size=4).map(lambda text: MARK + text)


@st.composite
def _markup(draw: st.DrawFn, depth: int = 0) -> str:
    """An element with people in texts, attributes, beside other elements, in sections and comments."""
    name = draw(st.sampled_from(["Order", "AmazonOrderID", "Name", "City", "x:y", "Item"]))
    attributes = "".join(
        f" {key}={quoteattr(draw(_said))}"
        for key in draw(st.lists(st.sampled_from(["a", "xsi:type", "status"]), unique=True))
    )
    inside = draw(
        st.lists(
            st.one_of(
                _said.map(escape),
                st.just(ORDER),
                _said.filter(lambda text: "]]>" not in text).map("<![CDATA[{}]]>".format),
                st.just(f"<!--{MARK}-->"),
                st.just(f"<?{'p'} {MARK}?>"),
                *([_markup(depth + 1)] if depth < 3 else []),
            ),
            max_size=3,
        )
    )
    return f"<{name}{attributes}>{''.join(inside)}</{name}>"


def tags(content: str | bytes) -> list[str]:
    return [element.tag for element in ET.fromstring(content).iter()]  # noqa: S314 - written here


@settings(max_examples=150, deadline=None)
@given(records=st.lists(_markup(), max_size=3), size=st.integers(1, 40))
def test_any_xml_comes_out_well_formed_and_without_its_people(records: list[str], size: int):
    content = f"<R xmlns:x='http://x.example' xmlns:xsi='http://x.example/i'>{''.join(records)}</R>"
    got = run(content.encode(), size=size)
    assert MARK not in got.output.decode()
    assert tags(got.output) == tags(content)


@settings(max_examples=150, deadline=None)
@given(
    content=st.lists(
        st.sampled_from(
            [b"<", b">", b"</", b"/>", b"<R>", b"</R>", b"<!DOCTYPE R [", b"<!ENTITY e '", b"&e;", b"]>", b"?>",
             b"<?xml version='1.0'", b"<![CDATA[", b"]]>", b"&#0;", b"\xff", b"\0", b"\xef\xbb\xbf", MARK.encode()]
        ),
        max_size=12,
    ).map(b"".join),
    size=st.integers(1, 9),
)  # fmt: skip
def test_pieces_of_markup_in_any_order_are_refused_or_let_nobody_out(content: bytes, size: int):
    got = Passed()
    with suppress(Malformed):
        run(b"<R>" + content, size=size, into=got)
    assert MARK.encode() not in got.output


# -- how it is packed and written --


def test_packed_documents_are_packed_again():
    content = tsv(("order-id", "buyer-name"), (ORDER, "Zo"))
    got = run(gzip.compress(content[:10]) + gzip.compress(content[10:]), None, Said(packed=True))
    assert gzip.decompress(got.output).startswith(b"order-id\tbuyer-name\n")


@pytest.mark.parametrize(
    ("encoding", "header", "told"),
    [
        ("utf-8", "", "UTF-8"),
        ("utf-8-sig", "", "UTF-8"),
        ("utf-8", "charset=Cp1252", "UTF-8"),
        ("cp1252", "charset=UTF-8", "windows-1252"),
        ("cp1252", "", "windows-1252"),
        ("cp932", "charset=Windows-31J", "windows-31j"),
        ("utf-16", "", "UTF-16LE"),
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_a_document_keeps_its_own_encoding_whatever_its_header_says(
    encoding: str, header: str, told: str, size: int
):
    name = "山田" if encoding == "cp932" else "Zoë"
    text = table([("order-id", "sku", "buyer-name"), (ORDER, f"{name}-1", name)])
    got = run(text.encode(encoding), None, Said(f"text/plain; {header}"), size)
    back = got.output.decode(encoding)
    assert back.splitlines()[1].split("\t")[:2] == [ORDER, f"{name}-1"]
    assert got.sightings[0].slots[17] == name
    assert got.content_type == f"text/plain; charset={told}"
    if encoding == "utf-8-sig":
        assert got.output.startswith(b"\xef\xbb\xbf")


def test_japanese_is_read_as_such_where_the_seller_sells_there():
    text = table([("order-id", "buyer-name"), (ORDER, "山田")])
    got = run(text.encode("cp932"), None, Said("text/plain", local="cp932"))
    assert got.sightings[0].slots[17] == "山田"


@pytest.mark.clause("2.4")
def test_text_that_changes_its_encoding_ends_the_document():
    rows = table([("order-id", "buyer-name"), (ORDER, "Zoë")]).encode()
    for size in SIZES:
        with pytest.raises(Malformed, match=r"all through|in two"):
            run(rows + table([(ORDER, "Zoë")]).encode("cp1252"), size=size)


def test_nothing_is_a_document_too():
    assert run(b"").output == b""
    assert run(b"\n").output == b"\n"
