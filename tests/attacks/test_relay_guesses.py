"""An app that has a third party compare, and a third party that says what it knows in other words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.attacks.test_relay import body, lines, refused
from tests.relay.conftest import Depot, depot, make_door, served_carrier
from tests.support.carrier import Reply, echo
from tests.vault.conftest import CITY, CONSOLE, LINE_1, NAME, NOW, PHONE, make_world

from strongroom.crypto.token import Mint
from strongroom.feeds.parties import Answers
from strongroom.feeds.targets import Role
from strongroom.terms import Category, RecordNumber, SellerId

__all__ = ["depot", "make_door", "make_world", "served_carrier"]

pytestmark = pytest.mark.clause("1.3", "1.5", "2.6")

# -- asking a third party to compare -----------------------------------------------------------------

ZIP = 14
STREET = "Lindenallee 27b"


@pytest.fixture
def parcel(depot: Depot) -> dict[int, str]:
    """Return the tokens of an order with a postal code, a street and a city that others have too."""
    slots = {
        NAME: "Erika Krause",
        LINE_1: STREET,
        CITY: "Bonn",
        ZIP: "10115",
        PHONE: "+49 30 5550147",
    }
    return depot.door.put("902-1000005-0000005", slots=slots)


def answered(depot: Depot, reply: Any, sent: Any, **options: str) -> Any:
    """Return what the app sees of one answer."""
    depot.carrier.answer = lambda _got: Reply(orjson.dumps(reply))
    answer = depot.post(orjson.dumps(sent), **options)
    assert answer.status == 200, answer.body
    return answer.json


def test_a_guess_beside_its_token_is_refused_before_anything_is_sent(
    depot: Depot, parcel: dict[int, str]
) -> None:
    zips = " ".join(str(number) for number in range(10110, 10125))
    token = parcel[ZIP]
    depot.add("strict", answers=Answers.STRICT)
    for guess in (
        {"to": {"zip": token}, "reference": zips},
        {"to": {"zip": token}, "reference": [str(number) for number in range(10110, 10125)]},
        {"to": {"zip": token}, "reference": list(range(10110, 10125))},
        {"to": {"zip": token}, "10115": 1},
        {"to": f"10115 {token}"},
        {"to": parcel[LINE_1], "note": "is it LINDENALLEE 27 B?"},
        {"to": parcel[NAME], "note": "Erika Krause"},
        {"to": parcel[PHONE], "note": "030/5550147"},
    ):
        for to in ("parcels", "strict"):
            before = depot.count()
            refused(depot, depot.post(orjson.dumps(guess), to=to), 400)
            assert ("egress.refused", "denied", "unusual") in depot.since(before), guess
    sent = orjson.dumps({"to": {"zip": token}})
    refused(depot, depot.post(sent, path="labels/10115"), 400)
    refused(depot, depot.post(sent, path="labels?near=10115"), 400)
    refused(depot, depot.post(sent, x_relay_near="10115"), 400)


def test_what_many_texts_hold_refuses_no_request_and_tells_nothing(
    depot: Depot, parcel: dict[int, str]
) -> None:
    """A sender in the buyer's own city, with the buyer's first name."""
    guesses = "Aachen Bonn Celle Erika Klaus"
    sent = {
        "from": {"ort": "Bonn", "von": "Erika"},
        "to": [parcel[CITY], parcel[NAME]],
        "ref": guesses,
    }
    shown = answered(depot, {"ref": guesses, "other": f"ref {guesses}", "x": "Aachen"}, sent)
    assert shown["ref"] == guesses
    assert shown["x"] == "Aachen"
    assert shown["other"].startswith("ST")
    assert not set(shown.values()) & set(parcel.values())


def test_a_list_of_all_there_are_is_no_senders_address(
    depot: Depot, parcel: dict[int, str]
) -> None:
    names = [f"Stadt {chr(97 + n % 26)}{chr(97 + n // 26)}hausen" for n in range(200)]
    for own in ([*names, "Bonn"], [*names, "Erika"], [" ".join(names) + " Krause"]):
        sent = {"to": [parcel[CITY], parcel[NAME]], "near": own}
        refused(depot, depot.post(orjson.dumps(sent)), 400)
    assert answered(depot, {}, {"to": parcel[CITY], "near": names}) == {}


def test_that_two_texts_are_alike_does_not_show(depot: Depot, parcel: dict[int, str]) -> None:
    depot.add("strict", answers=Answers.STRICT)
    sent = {"to": parcel[CITY], "city": ["Aachen", "Bonn", "Celle"]}
    for to in ("parcels", "strict"):
        shown = answered(depot, {"city": ["Bonn", "Bonn", "Aachen"]}, sent, to=to)["city"]
        assert len({*shown, parcel[CITY]}) == 4


# -- a value under another category, or beside another ---------------------------------------------


def opened(depot: Depot, token: str) -> str:
    """Return what stands behind a new token."""
    world = depot.door.world
    world.grant(CONSOLE, categories=frozenset({Category.UNCLASSIFIED, Category.DOCUMENT}))
    return str(world.read(token, caller=CONSOLE))


def test_no_value_is_sealed_under_another_category(depot: Depot, parcel: dict[int, str]) -> None:
    phone = parcel[PHONE]
    for text in (
        f"data: {phone}",
        f"data:a;base64,/{phone}/",
        f"^XA^FD {phone}^FS^XZ",
        f"CT~~ {phone}",
        f"{phone} {'- ' * 9000}",
        f"{'x' * 300}/{phone}/{'x' * 300}",
        f"{phone}, or ask lena@depot-koeln.de",
        "JVBERi0xLjcKJVBERi0xLjcKJVBERi0xLjcKJVBERi0xLjcKJVBERi0xLjcK/" + phone,
    ):
        depot.carrier.answer = echo
        answer = depot.post(orjson.dumps({"reference": text}))
        assert answer.status == 200, text
        shown = answer.json["reference"]
        assert "5550147" not in shown
        if len(shown) == len(phone) and shown != phone:
            assert "5550147" not in opened(depot, shown), text


def test_an_echo_does_not_let_the_rest_of_a_personal_text_pass(
    depot: Depot, parcel: dict[int, str]
) -> None:
    reply = {"receiver": "Erika Krause and Karl Nachbar", "city": "10115 Wilhelmsruh"}
    shown = answered(depot, reply, {"a": parcel[NAME], "b": parcel[ZIP]})
    assert not any(part in str(shown) for part in ("Nachbar", "Wilhelmsruh"))
    assert opened(depot, shown["receiver"]) == f"{parcel[NAME]} and Karl Nachbar"


def test_a_number_is_a_text_too(depot: Depot) -> None:
    slots = {ZIP: "98101", NAME: "0301234", CITY: "Bonn"}
    odd = depot.door.put("902-1000006-0000006", slots=slots)
    reply = {"ref": 98101, "n": 301234, "address": {"n": 7}, "pieces": 2}
    shown = answered(depot, reply, {"a": odd[ZIP], "b": odd[NAME]})
    assert (shown["ref"], shown["n"], shown["pieces"]) == (odd[ZIP], odd[NAME], 2)
    assert str(shown["address"]["n"]).startswith("ST")


def test_people_are_found_under_longer_names_and_below_them(
    depot: Depot, parcel: dict[int, str]
) -> None:
    reply = {
        "name": {"first": "Karla", "more": ["Karla"]},
        "shipToName": "Karla",
        "recipientAddressLine1": "Karla",
        "deliveryAddress": "Karla",
        "signatures": {"Karla Nachbar": 1},
        "productName": "parcel",
    }
    shown = answered(depot, reply, {"to": parcel[NAME]})
    assert "Karla" not in str(shown)
    assert shown["productName"] == "parcel"
    xml = b"<a><name><given>Karla</given></name><b shipToName='Karla'/></a>"
    depot.carrier.answer = lambda _got: Reply(xml, "text/xml")
    seen = depot.post(orjson.dumps({"to": parcel[NAME]})).body
    assert b"given>ST" in seen
    assert b"Karla" not in seen


def test_a_members_name_is_a_text_where_no_text_passes(
    depot: Depot, parcel: dict[int, str]
) -> None:
    depot.add("strict", answers=Answers.STRICT)
    reply = {"signatures": {"Erika Mustermann": 1, "Mustermann, E.": 1, "plain_one": 1}}
    shown = answered(depot, reply, {"to": parcel[NAME]}, to="strict")["signatures"]
    assert "plain_one" in shown
    assert "Mustermann" not in str(shown)


@pytest.mark.clause("2.6")
def test_made_up_tokens_of_a_third_party_freeze_nobody(depot: Depot) -> None:
    """Its answer holds the number of every record, canaries among them, under MACs that are none."""
    world = depot.door.world
    world.vault.plant(CONSOLE, SellerId(1), 3, NOW)
    good = depot.plain[NAME]
    mint = Mint(b"another key of thirty-two bytes!", world.environment)
    made_up = [mint.record(RecordNumber(number)).token(8) for number in range(1024, 1100)]
    assert world.vault.canaries.owners(range(1024, 1100))
    before = depot.count()
    shown = answered(depot, {"refs": made_up}, {"to": good})
    assert shown["refs"] == made_up
    assert "egress.refused" not in {event[0] for event in depot.since(before)}


@pytest.mark.clause("1.2")
def test_a_destination_that_ends_while_it_is_called_is_sent_nothing(depot: Depot) -> None:
    def slowly(_host: str, _port: int) -> list[str]:
        depot.door.targets.request_removal(Role.PARTY, "parcels", CONSOLE, NOW)
        return ["127.0.0.1"]

    lines(depot, slowly)
    refused(depot, depot.post(body(depot)), 404)


@pytest.mark.clause("1.1")
def test_all_of_many_slow_addresses_have_one_deadline(depot: Depot) -> None:
    moments = iter(range(100))
    lines(
        depot,
        lambda _host, _port: ["127.0.0.1"] * 8,
        whole_seconds=0.5,
        monotonic=lambda: float(next(moments)),
    )
    refused(depot, depot.post(body(depot)), 502, "upstream_timeout")
    assert depot.carrier.connections == 0


def test_what_a_third_party_calls_its_answer_does_not_pass(depot: Depot) -> None:
    wait = {"retry-after": "4915112345678"}
    kind = "application/x.juergen.gross+json"
    depot.carrier.answer = lambda _got: Reply(b"{}", kind, status=429, headers=wait)
    answer = depot.post(body(depot))
    assert (answer.status, answer.headers["content-type"]) == (429, "application/json")
    assert "retry-after" not in answer.headers


def test_a_key_that_would_promise_one_posting_is_refused(depot: Depot) -> None:
    answer = depot.post(body(depot), idempotency_key="abc")
    refused(depot, answer, 400)
    assert "x-relay-idempotency-key" in answer.json["detail"]
    assert depot.post(body(depot), x_relay_idempotency_key="abc").status == 200
    assert depot.carrier.got[0].headers["idempotency-key"] == "abc"
