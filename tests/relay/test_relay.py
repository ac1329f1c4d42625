"""What a carrier gets and what an app gets back, over real TLS."""

from __future__ import annotations

import base64
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import orjson
import pytest
from tests.relay.conftest import PLAIN, VALUES, Depot
from tests.support.carrier import Reply
from tests.vault.conftest import CITY, CONSOLE, EMAIL, LINE_1, NAME, NOW, PHONE

from strongroom.feeds.parties import Answers
from strongroom.terms import Action, Category, Purpose, RecordNumber, SellerId

pytestmark = pytest.mark.clause("1.3", "1.5", "2.2")

TEXT = {8: "name", 9: "address", 12: "address", 15: "phone", 16: "email"}


def test_a_json_request_carries_values_and_its_echo_comes_back_as_the_same_tokens(
    depot: Depot,
) -> None:
    tokens = depot.odd
    sent = {"to": {"name": tokens[NAME], "lines": [tokens[LINE_1], tokens[CITY]]}, "weight": 1.5}
    answer = depot.post(orjson.dumps(sent))
    assert answer.status == 200, answer.body
    (got,) = depot.carrier.got
    assert (got.path, got.headers["content-type"]) == ("/v2/labels", "application/json")
    assert orjson.loads(got.body) == {
        "to": {"name": VALUES[NAME], "lines": [VALUES[LINE_1], VALUES[CITY]]},
        "weight": 1.5,
    }
    assert answer.json == sent
    assert answer.headers["x-strongroom-relayed"] == "parcels"


def test_values_cannot_leave_their_place_in_xml(depot: Depot) -> None:
    tokens = depot.odd
    body = (
        f'<?xml version="1.0"?><s:Ship xmlns:s="urn:x"><Name kind="{tokens[CITY]}">{tokens[NAME]}</Name>'
        f"<Street><![CDATA[{tokens[LINE_1]}]]></Street><!-- {tokens[NAME]} --></s:Ship>"
    ).encode()
    answer = depot.post(body, "text/xml; charset=utf-8")
    assert answer.status == 200, answer.body
    root = ET.fromstring(depot.carrier.got[0].body)  # noqa: S314 - written by us
    name, street = root
    assert (name.text, name.get("kind"), street.text) == (
        VALUES[NAME],
        VALUES[CITY],
        VALUES[LINE_1],
    )
    back = ET.fromstring(answer.body)  # noqa: S314 - written by us
    assert [back[0].text, back[0].get("kind"), back[1].text] == [
        tokens[NAME],
        tokens[CITY],
        tokens[LINE_1],
    ]


def test_forms_carry_values_in_their_own_escapes(depot: Depot) -> None:
    tokens = depot.odd
    body = f"name={tokens[NAME]}&ref=4711&note=for+{tokens[CITY]}".encode()
    path = "labels?copies=a+b"
    answer = depot.post(body, "application/x-www-form-urlencoded", path=path)
    assert answer.status == 200, answer.body
    (got,) = depot.carrier.got
    assert dict(parse_qsl(got.body.decode())) == {
        "name": VALUES[NAME],
        "ref": "4711",
        "note": "for Köln",
    }
    assert got.path == "/v2/labels?copies=a%20b"
    assert dict(parse_qsl(answer.body.decode()))["name"] == tokens[NAME]


ECHOES = [
    "JÜRGEN GROSS",
    "  Jürgen   Groß ",
    "Jurgen Gross",
    "JUERGEN GROSS",
    "J%C3%BCrgen+Gro%C3%9F",
    "J%25C3%25BCrgen%2520Gro%25C3%259F",
    "J&uuml;rgen Gro&szlig;",
    "J&#252;rgen Gro&#xDF;",
    "J\\u00fcrgen Gro\\u00df",
    "Groß",
    "Herr Jürgen Groß, bitte",
    base64.b64encode("Jürgen Groß".encode()).decode(),
    "Ju\u0308rgen Groß",
]


def test_an_echo_in_any_spelling_is_the_token_again(depot: Depot) -> None:
    token = depot.plain[NAME]
    for echoed in ECHOES:
        reply = {"note": echoed, "status": "booked", "id": "JJD000390007882823410"}
        depot.carrier.answer = lambda _got, reply=reply: Reply(orjson.dumps(reply))  # type: ignore[misc]
        answer = depot.post(orjson.dumps({"name": token})).json
        assert token in answer["note"], echoed
        left = answer["note"].replace(token, "").lower()
        assert not any(part in left for part in ("gro", "rgen", "j")), echoed
        assert (answer["status"], answer["id"]) == ("booked", "JJD000390007882823410")


def test_a_phone_number_comes_back_as_its_token_however_it_is_written(depot: Depot) -> None:
    token = depot.plain[PHONE]
    for echoed in ("0221/4710815", "00492214710815", 492214710815, "+49-221-4710815"):
        reply = Reply(orjson.dumps({"contact": echoed}))
        depot.carrier.answer = lambda _got, reply=reply: reply  # type: ignore[misc]
        assert token in depot.post(orjson.dumps({"phone": token})).json["contact"], echoed


def test_what_is_new_and_personal_is_sealed_and_what_is_neither_passes(depot: Depot) -> None:
    depot.carrier.answer = lambda _got: Reply(
        orjson.dumps(
            {
                "signedBy": "H. Nachbar",
                "hint": "ask lena@depot-koeln.de",
                "depot": {"phone": "+49 2203 5550199", "code": "CGN3"},
                "tracking": "00340434161094042557",
                "pieces": 2,
            }
        )
    )
    answer = depot.post(orjson.dumps({"name": depot.plain[NAME]})).json
    assert (answer["tracking"], answer["pieces"], answer["depot"]["code"]) == (
        "00340434161094042557",
        2,
        "CGN3",
    )
    world = depot.door.world
    world.grant(CONSOLE, categories=frozenset({Category.UNCLASSIFIED}))
    read = [
        world.read(token, caller=CONSOLE)
        for token in (answer["signedBy"], answer["hint"], answer["depot"]["phone"])
    ]
    assert read == ["H. Nachbar", "ask lena@depot-koeln.de", "+49 2203 5550199"]


PDF = b"%PDF-1.7\n" + bytes(range(256)) * 4


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("application/pdf", PDF),
        ("image/png", b"\x89PNG\r\n\x1a\n" + bytes(300)),
        ("application/zpl", b"^XA^FO50,50^FDJuergen Gross^FS^XZ"),
    ],
)
def test_a_label_is_kept_whole_and_a_token_is_given(depot: Depot, kind: str, label: bytes) -> None:
    depot.carrier.answer = lambda _got: Reply(label, kind)
    answer = depot.post(orjson.dumps({"name": depot.plain[NAME]}))
    assert answer.headers["content-type"] == "application/json"
    shown = answer.json
    assert (shown["content_type"], shown["bytes"]) == (kind, len(label))
    depot.door.world.grant(CONSOLE, categories=frozenset({Category.DOCUMENT}))
    kept = depot.door.world.read(shown["document"], caller=CONSOLE)
    assert base64.b64decode(str(kept)) == label


def test_a_label_inside_an_answer_is_kept_too(depot: Depot) -> None:
    text = base64.b64encode(PDF).decode()
    zpl = "^XA^FO50,50^FDsomebody^FS^XZ"
    depot.carrier.answer = lambda _got: Reply(
        orjson.dumps({"label": text, "zpl": zpl, "shipment": "A-17"})
    )
    answer = depot.post(orjson.dumps({"name": depot.plain[NAME]})).json
    depot.door.world.grant(CONSOLE, categories=frozenset({Category.DOCUMENT}))
    assert depot.door.world.read(answer["label"], caller=CONSOLE) == text
    assert depot.door.world.read(answer["zpl"], caller=CONSOLE) == zpl
    assert answer["shipment"] == "A-17"


@pytest.mark.clause("2.1")
def test_what_an_answer_brings_ends_no_later_than_the_data_it_answers_to(depot: Depot) -> None:
    depot.carrier.answer = lambda _got: Reply(PDF, "application/pdf")
    shown = depot.post(orjson.dumps({"name": depot.plain[NAME]})).json
    world = depot.door.world
    world.grant(CONSOLE, categories=frozenset(Category))
    found = world.vault.reveal(CONSOLE, shown["document"], purpose=Purpose.FULFILMENT, now=NOW)
    assert found.due_at is not None
    assert 0 < found.due_at - NOW.timestamp() <= 30 * 86_400


@pytest.mark.clause("1.6", "2.6")
def test_each_disclosure_is_recorded_by_field_before_and_by_outcome_after(depot: Depot) -> None:
    before = depot.count()
    sent = orjson.dumps({"a": depot.plain[NAME], "b": depot.plain[CITY], "c": depot.odd[NAME]})
    assert depot.post(sent).status == 200
    events = [event[0] for event in depot.since(before)]
    assert events == [*["vault.record.revealed"] * 3, "relay.disclosed", "egress.delivered"]
    entries = list(depot.door.world.audit.events())[before:]
    disclosed, delivered = entries[-2].body, entries[-1].body
    assert disclosed["obj"] == {"kind": "destination", "ref": "1"}
    assert (disclosed["n"], disclosed["pii"]) == (3, ["address", "name"])
    assert (delivered["op"], delivered["n"], delivered["outcome"]) == (
        "relay.parcels",
        2,
        "success",
    )
    assert len({entry.body["req"] for entry in entries}) == 1
    rows = depot.door.disclosures.of_destination(1)
    assert sorted((row.fields, row.categories) for row in rows) == [
        (("recipient.city", "recipient.name"), (Category.ADDRESS, Category.NAME)),
        (("recipient.name",), (Category.NAME,)),
    ]
    of_one = depot.door.disclosures.of_record(SellerId(1), RecordNumber(disclosed["records"][0]))
    assert [row.principal for row in of_one] == [depot.app.principal]


def test_the_carriers_own_errors_pass_as_tokens_with_their_status(depot: Depot) -> None:
    depot.carrier.answer = lambda _got: Reply(
        orjson.dumps({"error": "no such street: HAUPTSTRASSE 5"}),
        status=422,
        headers={"retry-after": "7"},
    )
    answer = depot.post(orjson.dumps({"street": depot.plain[LINE_1]}))
    assert (answer.status, answer.headers["retry-after"]) == (422, "7")
    assert answer.json["error"] == f"no such street: {depot.plain[LINE_1]}"
    depot.carrier.answer = lambda _got: Reply(b"<p>Jurgen</p>", "text/html", status=500)
    answer = depot.post(orjson.dumps({"street": depot.plain[LINE_1]}))
    assert (answer.status, answer.body) == (500, b"")


def test_a_strict_destination_gives_no_text_but_tokens_and_a_silent_one_its_status(
    depot: Depot,
) -> None:
    depot.add("strict", answers=Answers.STRICT)
    depot.add("silent", answers=Answers.NONE)
    body = orjson.dumps({"name": depot.plain[NAME], "product": "parcel", "pieces": 2})
    answer = depot.post(body, to="strict").json
    assert answer["pieces"] == 2
    # Not even the token that was sent: its place would tell what stands there.
    assert len({depot.plain[NAME], answer["name"], answer["product"]}) == 3
    assert all(answer[member].startswith("ST") for member in ("name", "product"))
    silent = depot.post(body, to="silent")
    assert (silent.status, silent.body) == (200, b"")


def test_headers_that_begin_so_go_on_and_no_others(depot: Depot) -> None:
    body = orjson.dumps({"name": depot.plain[NAME]})
    depot.post(body, x_relay_authorization="Basic a2V5", x_relay_x_site="7", x_other="mine")
    headers = depot.carrier.got[0].headers
    assert (headers["authorization"], headers["x-site"]) == ("Basic a2V5", "7")
    assert "x-other" not in headers
    assert "x-strongroom-purpose" not in headers


@pytest.mark.clause("1.3", "2.6")
def test_records_that_are_relayed_count_as_read(depot: Depot) -> None:
    depot.door.restart(records_per_day=1)
    assert depot.post(orjson.dumps({"name": depot.plain[NAME]})).status == 200
    assert depot.post(orjson.dumps({"city": depot.plain[CITY]})).status == 200
    assert depot.post(orjson.dumps({"name": depot.odd[NAME]})).status == 429
    assert len(depot.carrier.got) == 2


def test_a_mail_token_is_put_back_from_its_rendering(depot: Depot) -> None:
    rendered = f"{depot.plain[EMAIL].lower()}@token.invalid"
    answer = depot.post(orjson.dumps({"mail": rendered}))
    assert orjson.loads(depot.carrier.got[0].body) == {"mail": PLAIN[EMAIL]}
    assert answer.json == {"mail": depot.plain[EMAIL]}


def test_tokens_within_a_text_are_put_back_with_their_whole_rendering(depot: Depot) -> None:
    name, mail = depot.plain[NAME], depot.plain[EMAIL].lower()
    text = f"{name} <{mail}@token.invalid>, {name}; x{name} https://token.invalid/{name}"
    answer = depot.post(orjson.dumps({"t": text}))
    assert orjson.loads(depot.carrier.got[0].body) == {
        "t": f"{PLAIN[NAME]} <{PLAIN[EMAIL]}>, {PLAIN[NAME]}; x{name} {PLAIN[NAME]}"
    }
    assert PLAIN[EMAIL] not in answer.body.decode()


def test_a_grant_to_reveal_is_no_grant_to_relay(depot: Depot) -> None:
    other = depot.door.add_app("reader")
    depot.door.grant(other, Action.REVEAL)
    depot.bearer = f"Bearer {depot.door.token(other)}"
    answer = depot.post(orjson.dumps({"name": depot.plain[NAME]}))
    assert (answer.status, answer.kind, depot.carrier.got) == (403, "denied", [])
