"""Documents made to break the gateway: each is refused or completed, none leaks, none ends half without an error."""

from __future__ import annotations

import gzip
import re
import resource
import zlib

import pytest
from tests.gateway.conftest import Shop, clean_simulator, make_door, shop, simulator
from tests.gateway.test_documents import new_feed, reveal
from tests.support.documents import placed
from tests.support.downloads import Download, fetch, link_of, table
from tests.support.pieces import NOW, REPORTS, Passed, run

from strongroom.errors import Gone, Malformed
from strongroom.gateway.documents.document import Document, Said
from strongroom.gateway.documents.fetching import HOSTS
from strongroom.gateway.documents.packing import Unpacker
from strongroom.gateway.documents.page import Origin
from strongroom.simulator import Fault, FaultKind
from strongroom.terms import Action

__all__ = ["clean_simulator", "make_door", "shop", "simulator"]

pytestmark = pytest.mark.clause("1.3", "2.4")

SECRET = "Zoë Secret"
ROW = ("111-1111111-1111111", SECRET)
HEAD = ("order-id", "buyer-name")
GOOD = table([HEAD, ROW]).encode()


def served(
    shop: Shop, content: bytes, *, packed: bool = False, kind: str = "text/plain"
) -> Download:
    document = shop.simulator.plant_document("acme", content, kind, packed=packed)
    return fetch(shop.door, link_of(shop.door, shop.app, document))


def answering(body: bytes, operation: str = "getReports") -> Fault:
    return Fault(
        FaultKind.BODY,
        operation=operation,
        body=body,
        status=200,
        content_type="application/json",
    )


def bomb(plain: bytes, times: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(plain) for _ in range(times)) + packer.flush()


HOSTILE = {
    "a quote that is never closed": b'"order-id","buyer-name"\n"'
    + SECRET.encode()
    + b'","\nmore' * 9,
    "bytes that are no text": GOOD + b"\0" + GOOD,
    "text of two encodings": GOOD + SECRET.encode("cp1252"),
    "an image": b"\x89PNG\r\n" + GOOD,
    "XML that is not well-formed": b"<a><b>" + SECRET.encode() + b"</a>",
    "XML with a type and an entity": (
        b'<!DOCTYPE a [<!ENTITY x "' + SECRET.encode() + b'">]><a><b>&x;</b></a>'
    ),
    "XML that reaches for a file": (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><b>&x;</b></a>'
    ),
    "XML with a type elsewhere": b'<!DOCTYPE a SYSTEM "https://evil.example/a.dtd"><a/>',
    "XML with an entity nobody declared": b"<a><b>&nbsp;</b></a>",
    "XML of nothing but depth": b"<a>" * 100 + SECRET.encode() + b"</a>" * 100,
    "XML cut off": b"<a><b><c>" + SECRET.encode(),
    "JSON cut off": b'{"a":[{"buyerName":"' + SECRET.encode(),
    "JSON of nothing but depth": b"[" * 5000 + b"]" * 5000,
    "JSON whose keys are people": b'{"' + SECRET.encode() + b'": [1]}',
    "gzip that is none": b"\x1f\x8b\x08\x00" + GOOD,
    "too many columns": table([(*HEAD, *"x" * 900), ROW]).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_report_is_refused(shop: Shop, name: str):
    got = served(shop, HOSTILE[name])
    assert got.status == 502 or not got.whole
    assert SECRET.encode() not in got.body
    assert b"passwd" not in got.body
    event = shop.door.gateway_events()[-1]
    assert event[0] in ("gateway.upstream.failed", "gateway.document.served")
    assert event[1] == "failure"


def test_a_packed_document_of_nothing_is_cut_off_too(shop: Shop):
    assert served(shop, b"", packed=True).status == 502
    assert served(shop, gzip.compress(b""), packed=True).whole


@pytest.mark.parametrize("cut", [1, 12, 40])
def test_a_packed_document_that_is_cut_off_has_no_end(shop: Shop, cut: int):
    got = served(shop, gzip.compress(GOOD * 50)[:-cut], packed=True)
    assert got.status == 502 or not got.whole
    assert SECRET.encode() not in got.body


def test_a_long_document_that_is_cut_off_has_no_end(shop: Shop):
    rows = [(f"111-1111111-{n:07d}", f"Buyer {n} {n * 7919 % 1009}") for n in range(20_000)]
    packed = gzip.compress(table([HEAD, *rows]).encode())
    got = served(shop, packed[:-30], packed=True)
    assert (got.status, got.whole) == (200, False)
    plain = zlib.decompressobj(31)
    assert b"Buyer" not in plain.decompress(got.body)
    assert not plain.eof  # the client's own unpacking tells it as well


def test_a_line_without_an_end_is_refused():
    with pytest.raises(Malformed, match="longer than any"):
        run(b"order-id\tbuyer-name\n" + b"x" * 2_000_000)


def test_a_value_without_an_end_is_refused():
    for content in (b"<a><b>" + b"x" * 2_000_000, b'{"a":["' + b"x" * 2_000_000):
        with pytest.raises(Malformed, match="longer than any"):
            run(content)


def test_a_quote_that_is_not_closed_for_long_is_refused():
    with pytest.raises(Malformed, match="not closed"):
        run(b'"order-id","buyer-name"\n"' + b"line\n" * 400_000)


@pytest.mark.parametrize("form", [b"order-id\tsku\n" + b"\n" * 50, b"[" + b" " * 50])
def test_a_bomb_ends_before_it_is_unpacked(form: bytes):
    packed = bomb(b"\n" * 1_000_000, 40)
    unpacker = Unpacker(packed=True, free_bytes=1_000_000)
    with pytest.raises(Malformed, match=r"tightly|longer"):
        run(gzip.compress(form) + packed, None, Said(packed=True), unpacker=unpacker)
    assert unpacker.seen < 1_500_000


def test_a_table_of_nothing_but_wrong_rows_is_refused():
    with pytest.raises(Malformed, match="other columns"):
        run(b"order-id\tsku\n" + b"x\n" * 5000)


def test_a_document_without_an_end_ends():
    with pytest.raises(Malformed, match="longer than any report"):
        run(b"order-id\tsku\n" * 1000, unpacker=Unpacker(packed=False, most_bytes=5000))


def test_memory_stays_the_same_however_long_a_document_is():
    rows = table((f"111-1111111-{n:07d}", "x" * 200) for n in range(500)).encode()
    run(table([HEAD]).encode() + rows * 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    document = table([HEAD]).encode() + rows * 40
    run(document[: len(document)])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60_000  # KiB; the test itself keeps document, output and sightings


def test_columns_in_the_wrong_place_show_nothing(shop: Shop):
    """A line break within a value, as sellers' tools write it, moves what follows under other columns."""
    content = table([("order-id", "sku", "buyer-name"), (ROW[0], "A\nB", SECRET)]).encode()
    got = served(shop, content)
    assert got.whole
    assert SECRET.encode() not in got.body


def test_attributes_names_and_comments_carry_nobody_out(shop: Shop):
    content = (
        f'<?x {SECRET}?><a b="{SECRET}"><!-- {SECRET} --><c xmlns:d="{SECRET}!">'
        f"<![CDATA[{SECRET}]]></c>{SECRET}</a>{'<!-- x -->'}"
    ).encode()
    got = served(shop, content, kind="text/xml")
    assert got.whole
    assert SECRET.encode() not in got.body
    assert len(re.findall(rb"S[RT][0-9A-Z]{18}", got.body)) >= 4


# -- what is looked at again and again --


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("named", [False, True])
def test_fetching_a_document_again_keeps_nobody_longer(shop: Shop, named: bool):
    """Amazon keeps it for 90 days; who stands in it goes thirty days after it was first asked for."""
    shop.door.grant(shop.app)
    content = table([HEAD, ("", SECRET), (ROW[0], "Anna")]).encode()
    document = shop.simulator.plant_document("acme", content)
    tokens = set()
    for _ in range(5):
        if named:
            shop.door.get(shop.app, "/reports/2021-06-30/reports?reportTypes=SC_VAT_TAX_REPORT")
        got = fetch(shop.door, link_of(shop.door, shop.app, document))
        tokens.add(got.body.decode().splitlines()[1].split("\t")[1])
        shop.door.clock.advance(days=6)
    (token,) = tokens
    shop.door.grant(shop.app)
    for _ in range(2):
        with pytest.raises(Gone):
            reveal(shop, token)
        fetch(shop.door, link_of(shop.door, shop.app, document))


@pytest.mark.clause("2.1")
def test_asking_again_keeps_nobody_longer_whom_only_the_call_identifies(shop: Shop):
    """However the query changes: who polls gives another time each time."""
    listing = "/reports/2021-06-30/reports?reportTypes=SC_VAT_TAX_REPORT&createdSince=2026-03-0"
    tokens = set()
    for n in range(5):
        shop.simulator.add_fault(answering(b'{"reports":[],"note":"%s"}' % SECRET.encode()))
        tokens.add(shop.door.get(shop.app, f"{listing}{n + 1}T00:00:00Z").json["note"])
        shop.door.clock.advance(days=6)
    (token,) = tokens
    shop.simulator.clear_faults()
    shop.simulator.add_fault(answering(b'{"reports":[],"note":"somebody else"}'))
    other = shop.door.get(shop.app, f"{listing}1T00:00:00Z").json["note"]
    shop.door.grant(shop.app)
    assert reveal(shop, other) == "somebody else"
    with pytest.raises(Gone):
        reveal(shop, token)


@pytest.mark.clause("2.1")
def test_an_old_report_of_unknown_age_opens_no_order_again(shop: Shop):
    shop.door.grant(shop.app)
    head, date = (*HEAD, "purchase-date", "order-status"), "2026-03-01T00:00:00Z"
    content = table([head, (*ROW, date, "Unshipped")]).encode()
    document = shop.simulator.plant_document("acme", content)
    for days in (0, 31):
        shop.door.clock.advance(days=days)
        got = fetch(shop.door, link_of(shop.door, shop.app, document))
    shop.door.grant(shop.app)
    with pytest.raises(Gone):
        reveal(shop, got.body.decode().splitlines()[1].split("\t")[1])


# -- feeds: a way for tokens out of the gateway and back as clear text --

FEED_HEAD = "order-id\tAddressName\tNotificationEmail\titem_name"
MISPLACED = {
    "a title": f"{FEED_HEAD}\nx\t\t\tNAME\n",
    "an id of the app's own": "MerchantOrderID\tAddressName\nNAME\tAnna\n",
    "another category's column": f"{FEED_HEAD}\nx\tEMAIL\t\n",
    "the same token in both": f"{FEED_HEAD}\nx\tNAME\tNAME\n",
    "a part of a value": f"{FEED_HEAD}\nx\tMr NAME\t\n",
    "a column too many": f"{FEED_HEAD}\nx\ta\tb\tc\tNAME\n",
    "a header": "AddressName\tNAME\n",
    "below a header of three lines": "TemplateType=Shoes\nAddressName\nitem_name\nNAME\n",
    "behind a cell that opens a quote": f'{FEED_HEAD}\n"x\ty\nz"\tNAME\n',
    "lines that a carriage return ends": f"{FEED_HEAD}\n\rx\tNAME\r\n",
    "a title between commas": "AddressName,item_name\nAnna,NAME\n",
    "a column moved by quotes": 'AddressName,item_name\n"a,b",NAME\n',
    "an element": "<a><DescriptionData><Title>NAME</Title></DescriptionData></a>",
    "an attribute": '<a><AddressFieldOne b="NAME">x</AddressFieldOne></a>',
    "a comment": "<a><DestinationAddress><Name><!-- NAME -->x</Name></DestinationAddress></a>",
    "text beside elements": "<DestinationAddress><Name>NAME<b/>x</Name></DestinationAddress>",
    "an entity": '<!DOCTYPE a [<!ENTITY n "NAME">]><AddressName>&n;</AddressName>',
    "a member": '{"messages": [{"attributes": {"item_name": [{"value": "NAME"}]}}]}',
    "a member's name": '{"NAME": 1}',
    "a member that stands twice": '{"AddressName": "NAME", "AddressName": "x"}',
    "no JSON": '{"AddressName": "NAME"',
}
PLACES = {
    "tabs": f"{FEED_HEAD}\r\nx\tNAME\tEMAIL\tShoe\r\n",
    "a template": f"TemplateType=OrderFulfillment\tVersion=1\n{FEED_HEAD}\nx\tNAME\t\t\n",
    "commas": 'sku,"AddressName"\n"a\n""b""",NAME\n',
    "XML": "<a><DestinationAddress><Name>\n NAME </Name></DestinationAddress></a>",
    "JSON": '{"x": [{"addressName": "NAME", "y": {"notificationEmail": "EMAIL"}}]}',
    "other alphabets": f"{FEED_HEAD}\nx\tNAME\t\t{'👟' * 70_000}\n",
}


def uploaded(shop: Shop, content: str) -> tuple[int, str]:
    """Upload a feed with the tokens of a name and an e-mail address; return the status, and what Amazon got."""
    shop.door.grant(shop.app)
    shop.door.grant(shop.app, action=Action.RELAY)
    report = table(
        [(*HEAD, "buyer-email", "purchase-date"), (*ROW, "z@mail.example", "2026-03-01")]
    )
    document = shop.simulator.plant_document("acme", report.encode())
    cells = fetch(shop.door, link_of(shop.door, shop.app, document)).body.decode().split("\n")[1]
    content = content.replace("NAME", cells.split("\t")[1]).replace("EMAIL", cells.split("\t")[2])
    upload, feed = new_feed(shop)
    got = fetch(
        shop.door, upload, method="PUT", content=content.encode(), content_type="text/plain"
    )
    return got.status, shop.simulator.uploaded(feed).decode()


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("name", MISPLACED)
def test_a_token_where_a_feed_holds_nobody_ends_the_upload(shop: Shop, name: str):
    assert uploaded(shop, MISPLACED[name]) == (400, "")


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("name", PLACES)
def test_a_token_where_a_feed_holds_somebody_is_replaced(shop: Shop, name: str):
    expected = PLACES[name].replace("NAME", SECRET).replace("EMAIL", "z@mail.example")
    assert uploaded(shop, PLACES[name]) == (200, expected)


# -- first lines and rows that are not what they seem --


def first_line(*names: str, row: tuple[str, ...] = (), end: str = "\n") -> Passed:
    return run(table([names, row] if row else [names], end).encode())


@pytest.mark.parametrize("known", [(), ("quantity",)])
def test_a_first_line_that_is_a_row_shows_nothing_and_leaves_no_name_in_findings(
    known: tuple[str, ...],
):
    people = ("John Smith", "12 High St", "jsmith")
    got = first_line(*people, *known, row=("a", "b", "c", *known))
    assert not [name for name in people if name in got.output.decode()]
    assert [drift.path for drift in got.drift][:3] == [f"UNKNOWN/column {n}" for n in (1, 2, 3)]


def test_a_header_with_an_order_or_an_address_in_it_is_a_row():
    got = first_line(ROW[0], "sku", "quantity", "John Smith")
    assert got.output == b"column 1\tcolumn 2\tcolumn 3\tcolumn 4\n"
    got = first_line("order-id", "sku", "12 High St", "Gift note", row=(ROW[0], "A", "x", "y"))
    assert got.output.startswith(b"order-id\tsku\tcolumn 3\tGift note\n")
    assert [drift.path for drift in got.drift] == ["UNKNOWN/column 3", "UNKNOWN/column 4"]


def test_a_header_of_plain_words_stays_though_few_of_them_are_known():
    names = ("item-name", "listing-id", "seller-sku", "price", "asin1")
    assert first_line(*names).output.decode() == "\t".join(names) + "\n"


def test_a_quoted_header_that_is_hidden_stays_quoted():
    got = run(b'"Smith, John","12, High St"\n"a","b"\n')
    assert got.output.startswith(b'"column 1","column 2"\n')


def test_lines_that_end_in_a_carriage_return_alone_are_refused():
    with pytest.raises(Malformed, match="not one line"):
        first_line("order-id", "buyer-name", row=ROW, end="\r")


@pytest.mark.parametrize("name", ["John.Smith", "john-smith"])
def test_a_member_named_like_somebody_goes_and_leaves_no_name_in_findings(name: str):
    got = run(b'[{"sku": "A", "%s": "x"}]' % name.encode())
    assert got.output == b'[{"sku":"A"}]'
    assert name not in str(got.drift)


def test_a_row_that_ends_early_may_have_lost_a_column_in_its_middle():
    head = ("order-id", "recipient-name", "ship-service-level", "buyer-name")
    got = first_line(*head, row=(ROW[0], "Standard", SECRET))
    assert SECRET not in got.output.decode()
    assert ROW[0] in got.output.decode()
    assert [drift.kind for drift in got.drift] == ["wrong_type"]
    (sighting,) = got.sightings
    assert (sighting.id, sorted(sighting.slots.values())) == (ROW[0], ["Standard", SECRET])
    assert not [slot for slot in sighting.slots if isinstance(slot, int)]


@pytest.mark.parametrize("first", ["", ROW[0], "FBA15ABC123"])
def test_a_second_column_of_orders_passes_nothing_but_ids(first: str):
    head = ("order-id", "sku", "Amazon-Order-Id")
    got = first_line(*head, row=(first, "A", SECRET))
    assert SECRET not in got.output.decode()
    assert [value for s in got.sightings for value in s.slots.values()] == [SECRET]
    got = first_line(*head, row=(first, "A", "FBA15ABC124"))
    assert got.output.decode().endswith(f"{first}\tA\tFBA15ABC124\n")


def test_a_row_of_two_orders_is_kept_under_neither():
    head = ("order-id", "amazon-order-id", "buyer-name")
    got = first_line(*head, row=(ROW[0], "222-1111111-1111111", SECRET))
    assert [sighting.kind for sighting in got.sightings] == ["document"]


@pytest.mark.parametrize(
    "name", ["amazon-session-id", "store-chain-store-id", "license-plate-number"]
)
def test_what_leads_to_a_buyer_passes_in_no_column(name: str):
    got = first_line("order-id", name, row=(ROW[0], "ABC-123"))
    assert "ABC-123" not in got.output.decode()


@pytest.mark.parametrize("between", [0, 998, 999])
def test_rows_of_one_order_that_differ_keep_what_each_says(between: int):
    other = [(f"222-1111111-{n:07d}", "Anna", "-") for n in range(between)]
    rows = [*other, (ROW[0], "Anna", "one"), (ROW[0], "Bob", "two"), (ROW[0], "Anna", "one")]
    got = run(table([("order-id", "buyer-name", "strange-note"), *rows]).encode())
    lines = [line.split("\t") for line in got.output.decode().splitlines()[-3:]]
    found = [value for s in got.sightings if s.id == ROW[0] for value in s.slots.values()]
    assert sorted(set(found)) == ["Anna", "Bob", "one", "two"]
    slots: dict[object, set[object]] = {}
    for sighting in got.sightings:
        if sighting.id == ROW[0]:
            for slot, value in sighting.slots.items():
                slots.setdefault(slot, set()).add(value)
    assert [values for values in slots.values() if len(values) > 1] == []
    assert lines[0][1] != lines[1][1]


@pytest.mark.parametrize(
    "attribute",
    ["xsi:Name", "xsi:schemaLocation", "xsi:type", "xsi:nil", "xmlns:a", "xmlns"],
)
def test_attributes_about_the_document_say_nothing_else(attribute: str):
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    got = run(f'<r {xsi}><m {attribute}="John Smith 12 High St">1</m></r>'.encode())
    assert "John" not in got.output.decode()
    assert xsi in got.output.decode()
    kept = f'<r {xsi} xsi:noNamespaceSchemaLocation="amzn-envelope.xsd"></r>'
    assert run(kept.encode()).output.decode().endswith(kept)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://bucket.s3.amazonaws.com/x",
        "https://bucket.s3.amazonaws.com:8443/x",
        "https://user@bucket.s3.amazonaws.com/x",
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://amazonaws.com.evil.example/x",
        "file:///etc/passwd",
    ],
)
def test_amazon_cannot_lead_us_anywhere_else(shop: Shop, url: str):
    body = f'{{"reportDocumentId":"amzn1.x","url":"{url}"}}'.encode()
    shop.simulator.add_fault(answering(body, "getReportDocument"))
    got = fetch(shop.door, link_of(shop.door, shop.app, "amzn1.x"))
    assert got.status == 502
    assert url.encode() not in got.body


def test_a_public_name_with_a_private_address_is_refused(shop: Shop, monkeypatch):
    """DNS that is turned after the check is of no use: what is connected to is what was looked at."""
    import asyncio  # noqa: PLC0415
    import socket  # noqa: PLC0415

    from strongroom.gateway.documents.fetching import _PublicOnly  # noqa: PLC0415

    def inside(*_args, **_more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    resolver = _PublicOnly("")
    with pytest.raises(OSError, match="not public"):
        asyncio.run(resolver.resolve(f"bucket{HOSTS[0]}", 443))


def test_another_apps_address_needs_nothing_and_yet_is_its_own(shop: Shop):
    """A ticket is a bearer secret, like Amazon's; it ends with the authorization it was made under."""
    document = shop.simulator.plant_document("acme", GOOD)
    path = link_of(shop.door, shop.app, document)
    from tests.gateway.conftest import CONSOLE  # noqa: PLC0415

    shop.door.accounts.end("erp", caller=CONSOLE, now=shop.door.clock())
    assert fetch(shop.door, path).status == 403


@pytest.mark.long
@pytest.mark.parametrize("plain", [b"x" * 1_000_000, b"a\tb\n" * 250_000])
def test_a_gigabyte_in_one_line_or_behind_gzip_is_refused_in_little_memory(plain: bytes):
    packed = bomb(plain, 1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    document = Document(Origin(REPORTS.kind(None), "doc-1", NOW, NOW, NOW), Said(packed=True))

    def pass_through() -> None:
        for start in range(0, len(packed), 65_536):
            for page in document.feed(packed[start : start + 65_536]):
                document.write(page, placed(page.sightings))

    with pytest.raises(Malformed):
        pass_through()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
