"""An app, a carrier, a resolver or a row that wants more from the relay than two people agreed on."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from tests.api.conftest import Response
from tests.relay.conftest import PLAIN, VALUES, Depot, depot, make_door, served_carrier
from tests.support.carrier import Carrier, Reply
from tests.vault.conftest import CITY, CONSOLE, LINE_1, NAME, NOW, make_world, order

from strongroom.accounts import Accounts
from strongroom.db import schema
from strongroom.db.suspensions import suspend
from strongroom.errors import Denied, Tampered
from strongroom.feeds.targets import Role, Targets
from strongroom.policy.retention import Progress
from strongroom.relay import Lines
from strongroom.simulator.config import CertificateKind
from strongroom.terms import Action, Category, Purpose, SellerId

__all__ = ["depot", "make_door", "make_world", "served_carrier"]

pytestmark = pytest.mark.clause("1.3", "1.5", "2.6")

SECRETS = [value.encode() for value in (*PLAIN.values(), *VALUES.values())]


def body(depot: Depot, slot: int = NAME) -> bytes:
    return orjson.dumps({"name": depot.plain[slot]})


def refused(depot: Depot, answer: Response, status: int, reason: str | None = None) -> None:
    """Check that nothing was sent, nothing is told, and that the log has one refusal."""
    assert answer.status == status, answer.body
    assert depot.carrier.got == []
    assert not any(secret in answer.body for secret in SECRETS)
    assert "x-strongroom-relayed" not in answer.headers
    if reason is not None:
        assert answer.json["reason"] == reason


# -- where it goes ---------------------------------------------------------------------------------


def lines(depot: Depot, resolve: Callable[[str, int], list[str]], **options: Any) -> None:
    depot.door.lines = Lines(resolve=resolve, **options)
    depot.door.restart()


@pytest.mark.clause("1.1")
def test_a_second_answer_of_the_resolver_is_never_heard(depot: Depot) -> None:
    """DNS rebinding: public when it is checked, private when it is connected to."""
    asked = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["203.0.113.9"] if len(asked) > 1 else ["127.0.0.1"]

    lines(depot, rebinding)
    assert depot.post(body(depot)).status == 200
    assert asked == ["localhost"]
    (got,) = depot.carrier.got
    assert got.headers["host"] == f"localhost:{depot.carrier.port}"


@pytest.mark.clause("1.1")
def test_one_private_address_among_all_ends_it_before_a_packet(depot: Depot) -> None:
    found: list[str] = []
    lines(depot, lambda _host, _port: found)
    for addresses in (
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:10.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
        ["93.184.216.34", "192.168.0.1"],
    ):
        found[:] = addresses
        refused(depot, depot.post(body(depot)), 502, "wrong_network")
        assert depot.carrier.connections == 0
        assert [event[0] for event in depot.since(depot.count() - 1)] == ["api.request.refused"]


@pytest.mark.clause("1.1")
def test_this_machine_is_private_unless_two_people_said_otherwise(depot: Depot) -> None:
    depot.add("public", networks=())
    refused(depot, depot.post(body(depot), to="public"), 502, "wrong_network")


def test_a_redirect_is_not_followed_and_its_answer_does_not_pass(depot: Depot) -> None:
    where = {"location": f"https://localhost:{depot.carrier.port}/elsewhere"}
    for status in (301, 302, 303, 304, 307, 308):
        depot.carrier.reset()
        reply = Reply(b"", status=status, headers=where)
        depot.carrier.answer = lambda _got, reply=reply: reply  # type: ignore[misc]
        answer = depot.post(body(depot))
        assert (answer.status, answer.json["reason"]) == (502, "malformed_upstream")
        assert "location" not in answer.headers
        assert [got.path for got in depot.carrier.got] == ["/v2/labels"]


BAD: tuple[CertificateKind, ...] = ("wrong_host", "expired", "other_ca", "self_signed")


def test_a_bad_certificate_ends_it_before_a_value_is_opened(depot: Depot, tmp_path: Path) -> None:
    for certificate in BAD:
        name = certificate.replace("_", "-")
        with Carrier(tmp_path / name, certificate) as carrier:
            depot.add(name, port=carrier.port, ca=carrier.ca)
            before = depot.count()
            refused(depot, depot.post(body(depot), to=name), 502, "upstream_tls")
            assert carrier.got == []
        assert [event[0] for event in depot.since(before)] == ["api.request.refused"]


def test_another_key_under_a_good_certificate_is_not_the_pinned_one(depot: Depot) -> None:
    depot.add("pinned", pins=(depot.carrier.pin,))
    depot.add("moved", pins=("00" * 32,))
    assert depot.post(body(depot), to="pinned").status == 200
    depot.carrier.got.clear()
    refused(depot, depot.post(body(depot), to="moved"), 502, "upstream_tls")


def test_without_its_own_ca_only_public_roots_count(depot: Depot) -> None:
    depot.add("rootless", ca=None)
    refused(depot, depot.post(body(depot), to="rootless"), 502, "upstream_tls")


def test_no_path_leads_out_of_the_prefix(depot: Depot) -> None:
    for path in (
        "../admin",
        "a/../../admin",
        "%2e%2e/admin",
        "a%2f..%2fb",
        "a//b",
        "a%0d%0aX: y",
        "a%3Fx=1",
        "a%23",
    ):
        refused(depot, depot.post(body(depot), path=path), 400)


# -- whose, what, what for -------------------------------------------------------------------------


def test_a_value_of_another_selling_partner_does_not_go(depot: Depot) -> None:
    """The app may relay for both partners; the destination is for the first."""
    depot.door.grant(depot.app, Action.RELAY, seller=2)
    foreign = depot.door.put("902-1000009-0000009", seller=2, slots={NAME: "Zoë Other"})
    refused(depot, depot.post(orjson.dumps({"n": foreign[NAME]})), 403, "wrong_seller")
    depot.add("both", sellers=(SellerId(1), SellerId(2)))
    mixed = orjson.dumps({"a": depot.plain[NAME], "b": foreign[NAME]})
    refused(depot, depot.post(mixed, to="both"), 403, "wrong_seller")


def test_another_apps_token_is_worth_nothing_here_too(depot: Depot) -> None:
    """An app with the same grant for another partner; and what comes back tells nothing of the record."""
    other = depot.door.add_app("other")
    depot.door.grant(other, Action.RELAY, seller=2)
    depot.bearer = f"Bearer {depot.door.token(other)}"
    depot.add("all", sellers=None)
    refused(depot, depot.post(body(depot), to="all"), 403, "wrong_seller")


def test_a_category_that_the_destination_is_not_for_does_not_go(depot: Depot) -> None:
    depot.add("names", categories=(Category.NAME,))
    both = orjson.dumps({"a": depot.plain[NAME], "b": depot.plain[CITY]})
    before = depot.count()
    refused(depot, depot.post(both, to="names"), 403, "wrong_category")
    # What was opened for it before is known not to have left.
    assert [event[:2] for event in depot.since(before)] == [
        ("vault.record.revealed", "success"),
        ("vault.record.revealed", "denied"),
        ("egress.delivered", "failure"),
    ]
    assert depot.door.disclosures.of_destination(2) == []


def test_a_purpose_that_the_destination_is_not_for_opens_nothing(depot: Depot) -> None:
    depot.door.grant(depot.app, Action.RELAY, purpose=Purpose.INVOICING)
    before = depot.count()
    refused(depot, depot.post(body(depot), x_strongroom_purpose="invoicing"), 403, "wrong_purpose")
    assert [event[0] for event in depot.since(before)] == ["api.request.refused"]
    refused(depot, depot.post(body(depot), x_strongroom_purpose="curiosity"), 400)


def test_what_no_grant_covers_does_not_go_though_the_destination_may_have_it(depot: Depot) -> None:
    depot.add("wide", categories=tuple(sorted(Category)), sellers=None)
    (placed,) = depot.door.world.vault.put(
        SellerId(1),
        [order("902-1000003-0000003", {1: "label"})],
        caller=CONSOLE,
        op="ordersV0.getOrder",
        now=NOW,
    )
    refused(
        depot, depot.post(orjson.dumps({"l": placed.token(1)}), to="wide"), 403, "wrong_category"
    )


def test_a_forged_token_and_one_of_another_world_open_nothing(depot: Depot) -> None:
    good = depot.plain[NAME]
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")
    foreign = "SR" + good[2:]
    for wrong in (forged, foreign):
        refused(depot, depot.post(orjson.dumps({"n": wrong})), 403)
        refused(depot, depot.post(orjson.dumps({"n": f"to {wrong}, please"})), 403)
    assert {event[0] for event in depot.since(depot.count() - 2)} == {"vault.token.rejected"}


@pytest.mark.clause("1.2")
def test_an_app_that_is_suspended_or_ended_sends_nothing(depot: Depot) -> None:
    app = depot.app.principal
    with depot.door.world.database.write() as tx:
        suspend(tx, app, why="canary_touched", frozen=False, now=NOW)
    refused(depot, depot.post(body(depot)), 403, "suspended")
    accounts: Accounts = depot.door.accounts
    accounts.end("shipping", caller=CONSOLE, now=NOW)
    refused(depot, depot.post(body(depot)), 401)


def test_who_has_no_token_learns_of_no_destination(depot: Depot) -> None:
    depot.bearer = "Bearer nothing"
    answers = [depot.post(body(depot), to=name) for name in ("parcels", "nobody")]
    assert [answer.status for answer in answers] == [401, 401]
    assert depot.carrier.connections == 0


@pytest.mark.clause("2.1")
def test_data_past_its_day_does_not_go(depot: Depot) -> None:
    long_ago = NOW - timedelta(days=27)
    arrived = order(
        "902-1000004-0000004",
        {NAME: "Zoe"},
        status=Progress.DELIVERED,
        shipped=long_ago,
        purchased=long_ago,
    )
    (token,) = depot.door.world.put(arrived)
    gone = orjson.dumps({"name": token})
    assert depot.post(gone).status == 200
    depot.carrier.got.clear()
    depot.door.now = NOW + timedelta(days=2)
    depot.bearer = f"Bearer {depot.door.token(depot.app)}"
    refused(depot, depot.post(gone), 410)


# -- getting out of a value's place ----------------------------------------------------------------


def test_a_token_in_place_of_a_name_is_refused(depot: Depot) -> None:
    for kind, text in (
        ("application/json", '{{"{token}": 1}}'),
        ("application/xml", "<a><{token}/></a>"),
        ("application/xml", '<a {token}="1"/>'),
        ("application/x-www-form-urlencoded", "{token}=1"),
    ):
        refused(depot, depot.post(text.format(token=depot.odd[NAME]).encode(), kind), 400)


def test_a_token_in_path_query_or_header_is_refused(depot: Depot) -> None:
    refused(depot, depot.post(body(depot), path=f"labels?name={depot.plain[NAME]}"), 400)
    refused(depot, depot.post(body(depot), path=f"labels/{depot.plain[NAME]}"), 400)
    refused(depot, depot.post(body(depot), x_relay_to=depot.plain[NAME]), 400)


def test_no_header_says_how_the_request_is_carried_or_makes_two_of_one(depot: Depot) -> None:
    for name, value in (
        ("x_relay_host", "evil.example"),
        ("x_relay_content_length", "0"),
        ("x_relay_transfer_encoding", "chunked"),
        ("x_relay_connection", "keep-alive"),
        ("x_relay_x", "a\r\nx-evil: 1"),
        ("x_relay_x", "a\nb"),
        ("x_relay_x", "caf\u00e9"),
        ("x_relay_x:y", "1"),
        ("x_relay_", "1"),
        ("x_relay_proxy_authorization", "1"),
    ):
        refused(depot, depot.post(body(depot), **{name: value}), 400)


def test_an_entity_or_a_document_type_in_a_request_is_not_read(depot: Depot) -> None:
    token = depot.plain[NAME]
    for text in (
        f'<!DOCTYPE a [<!ENTITY x "{token}">]><a>&x;</a>',
        f'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a>{token}</a>',
    ):
        refused(depot, depot.post(text.encode(), "application/xml"), 400)


def test_bodies_that_cannot_be_read_are_not_sent(depot: Depot) -> None:
    token = depot.plain[NAME].encode()
    for kind, raw in (
        ("text/plain", token),
        ("multipart/form-data; boundary=x", token),
        ("application/json; charset=utf-16", b'{"a": "' + token + b'"}'),
        ("application/json", b'{"a": "' + token),
        ("application/json", b'{"a": 1}'),
        ("application/xml", b"\xff<a>" + token + b"</a>"),
    ):
        refused(depot, depot.post(raw, kind), 400)


# -- a carrier that does not behave ----------------------------------------------------------------


def no_answer(depot: Depot, answer: Response, reason: str) -> None:
    """Check that nothing of an answer passed, and that the log says it was sent or may have been."""
    assert answer.status == 502, answer.body
    assert answer.json["reason"] == reason
    assert not any(secret in answer.body for secret in SECRETS)
    assert "egress.delivered" in {event[0] for event in depot.since(depot.count() - 3)}


def test_a_slow_carrier_is_given_up_and_holds_no_place(depot: Depot) -> None:
    def drip(_got: object, send: Callable[[bytes], object]) -> None:
        for byte in b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" * 20:
            send(bytes([byte]))
            time.sleep(0.05)

    depot.door.lines = Lines(whole_seconds=0.5)
    depot.door.restart()
    depot.carrier.raw = drip
    began = time.monotonic()
    no_answer(depot, depot.post(body(depot)), "upstream_timeout")
    assert time.monotonic() - began < 2
    depot.carrier.raw = None
    assert depot.post(body(depot)).status == 200


def test_an_answer_that_is_too_long_cut_short_packed_or_unknown_does_not_pass(
    depot: Depot,
) -> None:
    depot.add("small", answer_bytes=4096)
    for raw in (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + b'"' + b"x" * 5000 + b'"',
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-7\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\n\r\n<!DOCTYPE a><a/>",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n\r\nJuergen",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nJuergen",
        b"HTTP/1.1 200 OK\r\n\r\nJuergen",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\n\r\n<p>Juergen</p>",
        b"HTTP/1.1 700 OK\r\ncontent-type: application/json\r\n\r\n{}",
        b"SSH-2.0-OpenSSH\r\n",
    ):
        depot.carrier.raw = lambda _got, send, raw=raw: send(raw)  # type: ignore[misc]
        no_answer(depot, depot.post(body(depot), to="small"), "malformed_upstream")


def test_a_carrier_that_hangs_up_gives_no_answer(depot: Depot) -> None:
    depot.carrier.raw = lambda _got, _send: None
    answer = depot.post(body(depot))
    assert answer.status == 502


def test_no_spelling_of_an_echo_brings_the_value_back(depot: Depot) -> None:
    """XML with character references, JSON in a string of JSON, keys, attributes and numbers."""
    name, street = depot.plain[NAME], depot.plain[LINE_1]
    sent = orjson.dumps({"n": name, "s": street})
    inner = orjson.dumps({"who": PLAIN[NAME], "where": PLAIN[LINE_1].upper()}).decode()
    escaped = "".join(f"&#x{ord(character):x};" for character in PLAIN[NAME])
    replies = [
        Reply(orjson.dumps({"debug": inner})),
        Reply(orjson.dumps({PLAIN[NAME]: 1, "b": {"JURGEN GROSS": 2}})),
        Reply(f'<a b="{escaped}">HAUPTSTRASSE&#32;5</a>'.encode(), "application/xml"),
        Reply(
            '<?xml version="1.0" encoding="ISO-8859-1"?><a>Jürgen Groß</a>'.encode("latin-1"),
            "text/xml; charset=ISO-8859-1",
        ),
        Reply(
            b"n=J%C3%BCrgen%20Gro%C3%9F&s=hauptstr%C3%A1sse+5", "application/x-www-form-urlencoded"
        ),
        Reply(b'{"a":"J\\u00fcrgen\\u0020Gro\\u00df","b":["H a u p t s t r a s s e - 5"]}'),
    ]
    for reply in replies:
        depot.carrier.answer = lambda _got, reply=reply: reply  # type: ignore[misc]
        answer = depot.post(sent)
        assert answer.status == 200, answer.body
        shown = answer.body.decode().casefold()
        assert name.casefold() in shown or street.casefold() in shown, shown
        for part in ("rgen", "gro", "hauptstr", "h a u p"):
            assert part not in shown, shown


def test_an_element_named_after_somebody_ends_the_answer(depot: Depot) -> None:
    depot.carrier.answer = lambda _got: Reply("<a><JürgenGroß/></a>".encode(), "application/xml")
    no_answer(depot, depot.post(body(depot)), "malformed_upstream")


def test_an_answer_full_of_addresses_is_not_a_way_to_fill_the_vault(depot: Depot) -> None:
    depot.carrier.answer = lambda _got: Reply(
        orjson.dumps([f"person-{number}@carrier-mail.de" for number in range(500)])
    )
    no_answer(depot, depot.post(body(depot)), "malformed_upstream")


def test_requests_beyond_the_rate_wait_and_open_nothing(depot: Depot) -> None:
    depot.add("slow", per_minute=1)
    assert depot.post(body(depot), to="slow").status == 200
    depot.carrier.got.clear()
    answer = depot.post(body(depot), to="slow")
    refused(depot, answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    depot.door.now = NOW + timedelta(minutes=1)
    assert depot.post(body(depot), to="slow").status == 200


# -- two people, and rows ----------------------------------------------------------------------------


@pytest.fixture
def careful(depot: Depot) -> Depot:
    """Give a home of more than one person."""
    world = depot.door.world
    key = world.keystore.secret("deliveries", NOW)
    depot.door.targets = Targets(
        world.database, key, world.audit, world.environment, one_person=False
    )
    depot.door.restart()
    return depot


def test_a_destination_nobody_else_approved_is_sent_nothing(careful: Depot) -> None:
    careful.add("waiting")
    refused(careful, careful.post(body(careful), to="waiting"), 404)
    with pytest.raises(Denied):
        careful.door.targets.approve(Role.PARTY, "waiting", CONSOLE, NOW)
    refused(careful, careful.post(body(careful), to="waiting"), 404)


def test_an_edited_or_added_row_is_sent_nothing(careful: Depot, depot: Depot) -> None:
    table, world = schema.delivery_target, depot.door.world
    careful.add("waiting")
    edits: list[dict[str, Any]] = [
        {"approved_by": 2, "approved_at": NOW},
        {"name": "parcels"},
        {"settings": b"\x01" + bytes(60)},
    ]
    for edit in edits:
        with world.database.write() as tx:
            tx.execute(table.update().where(table.c.name == "waiting").values(**edit))
        careful.door.targets.forget()
        refused(careful, careful.post(body(careful), to="waiting"), 404)
    assert careful.door.targets.drift() != []
    with world.database.write() as tx:
        tx.execute(sa.update(table).where(table.c.id == 1).values(role="channel"))
    careful.door.targets.forget()
    refused(careful, careful.post(body(careful)), 404)
    with pytest.raises(Tampered):
        careful.door.targets.listed(Role.PARTY)


@pytest.mark.clause("2.6")
def test_what_only_canaries_have_goes_nowhere_and_comes_from_nowhere(depot: Depot) -> None:
    world = depot.door.world
    world.vault.plant(CONSOLE, SellerId(1), 3, NOW)
    mark = next(iter(world.vault.canaries.markers()))
    before = depot.count()
    refused(depot, depot.post(orjson.dumps({"name": depot.plain[NAME], "note": mark})), 403)
    assert ("egress.refused", "denied", "canary") in depot.since(before)
    before = depot.count()
    depot.carrier.answer = lambda _got: Reply(orjson.dumps({"note": f"ref {mark}"}))
    no_answer(depot, depot.post(body(depot)), "malformed_upstream")
    assert ("egress.refused", "denied", "canary") in depot.since(before)
