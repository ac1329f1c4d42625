"""Requests on their way out, with a catalogue made for the purpose and a vault that knows three tokens."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.audit.entry import Reason
from strongroom.errors import Denied, Gone, NotFound, Unavailable
from strongroom.gateway.answers import Refusal
from strongroom.gateway.lwa import Pass, parse_resources
from strongroom.gateway.outgoing import (
    Asking,
    Outgoing,
    dated_views,
    holds_token,
    purpose_of,
)
from strongroom.policy.catalogue import Catalogue, Operation
from strongroom.terms import (
    Action,
    AuthMethod,
    Caller,
    Category,
    Environment,
    Plaintext,
    PrincipalId,
    PrincipalKind,
    Purpose,
    RecordNumber,
    SellerId,
)
from strongroom.vault import Revealed

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
APP = Caller(PrincipalId(3), PrincipalKind.APP, "erp", AuthMethod.ACCESS_TOKEN)
NAME, EMAIL, FOREIGN = "ST0000000000AAAAAAAA", "ST0000000000BBBBBBBB", "ST0000000000CCCCCCCC"
GONE, SECRET = "ST0000000000DDDDDDDD", "ST0000000000EEEEEEEE"

MODEL: dict[str, Any] = {
    "model": "ship",
    "operations": {
        "buy": {
            "method": "POST",
            "path": "/ship/{shipmentId}/buy",
            "path_parameters": {"shipmentId": "business"},
            "body": "Buy",
            "response": "Bought",
            "parameters": {"next": "cursor", "email": "pii @email", "note": "business"},
        },
        "cancel": {"method": "DELETE", "path": "/ship/cancel", "response": "Bought"},
        "batch": {
            "method": "POST",
            "path": "/ship/batch",
            "body": "[] Address",
            "headers": {"X-Amzn-Key": "business", "x-signature": "business"},
            "response": "Bought",
        },
        "form": {"method": "POST", "path": "/ship/form", "body": "Form", "response": "Bought"},
        "list": {
            "method": "GET",
            "path": "/ship/{shipmentId}/secret",
            "path_parameters": {"shipmentId": "business"},
            "restricted": True,
            "response": "Bought",
        },
    },
    "definitions": {
        "Buy": {"to": "Address", "parcels": "[] Parcel", "service": "business"},
        "Address": {"name": "pii @name", "email": "pii @email", "city": "pii @address"},
        "Parcel": {"labels": "[] business", "contact": "Address"},
        "Bought": {"id": "business"},
        "Form": {
            "inputs": "pii @name json",
            "contacts": "{} Address",
            "names": "{} pii @name",
            "attributes": "business json",
        },
    },
}
CATALOGUE = Catalogue.of([MODEL])
BUY = CATALOGUE.operations["ship.buy"]


class FakeVault:
    """Reveals by a table, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Purpose, Action]] = []

    def reveal(
        self,
        caller: Caller,
        token: str,
        *,
        purpose: Purpose,
        now: datetime,
        action: Action,
        seller: SellerId,
        req: str,
    ) -> Revealed:
        assert (caller, now, req) == (APP, NOW, "r-1")
        self.asked.append((token, purpose, action))
        bare = token.partition("@")[0].upper()
        if bare == GONE:
            raise Gone(f"token {token} is gone")
        if bare == SECRET:
            raise Denied(f"no grant for {token}")
        if bare.endswith("FFFFFFFF"):
            raise Unavailable("database: disk is full")
        category, owner, value = {
            NAME: (Category.NAME, 1, "Anna Berg"),
            EMAIL: (Category.EMAIL, 1, "anna@example.org"),
            FOREIGN: (Category.NAME, 2, "Otto Tal"),
        }.get(bare, (None, 0, ""))
        if category is None:
            raise NotFound("no such token")
        if owner != seller:
            raise Denied("another selling partner's")
        return Revealed(bare, "x", category, SellerId(owner), RecordNumber(1), Plaintext(value))


@pytest.fixture
def vault() -> FakeVault:
    return FakeVault()


@pytest.fixture
def outgoing(vault: FakeVault) -> Outgoing:
    return Outgoing(vault, bytes(32), Environment.TEST)  # type: ignore[arg-type]


def asking(operation: Operation = BUY, seller: int = 1, now: datetime = NOW) -> Asking:
    """Make a call by the app."""
    return Asking(Pass(APP, SellerId(seller), 1), operation, Purpose.TAX, now, "r-1")


def body(outgoing: Outgoing, document: object) -> Any:
    """Return what Amazon gets for this document."""
    sent = outgoing.body(asking(), orjson.dumps(document))
    return None if sent is None else orjson.loads(sent)


@pytest.mark.clause("1.3")
def test_tokens_in_personal_leaves_of_a_body_are_put_back(
    outgoing: Outgoing, vault: FakeVault
) -> None:
    document = {
        "to": {"name": NAME, "email": f"{EMAIL.lower()}@token.invalid", "city": "Ulm"},
        "parcels": [{"labels": ["a"], "contact": {"name": NAME}}],
        "service": "std",
        "MarketplaceIds": ["A1PA6795UKMFR9"],
        "weight": 3,
    }
    assert body(outgoing, document) == {
        "to": {"name": "Anna Berg", "email": "anna@example.org", "city": "Ulm"},
        "parcels": [{"labels": ["a"], "contact": {"name": "Anna Berg"}}],
        "service": "std",
        "MarketplaceIds": ["A1PA6795UKMFR9"],
        "weight": 3,
    }
    assert {(purpose, action) for _, purpose, action in vault.asked} == {
        (Purpose.TAX, Action.RELAY)
    }


@pytest.mark.clause("1.3")
def test_tokens_in_lists_maps_and_free_forms_are_put_back(outgoing: Outgoing) -> None:
    batch, form = CATALOGUE.operations["ship.batch"], CATALOGUE.operations["ship.form"]
    sent = outgoing.body(asking(batch), orjson.dumps([{"name": NAME}, {"city": "Ulm"}]))
    assert sent == orjson.dumps([{"name": "Anna Berg"}, {"city": "Ulm"}])
    with pytest.raises(Refusal):
        outgoing.body(asking(batch), b"{}")
    document = {
        "inputs": {"any key": [{"deep": NAME}, 5]},
        "contacts": {"a": {"name": NAME}},
        "names": {"x": NAME},
        "attributes": {"free": ["x"]},
    }
    sent = outgoing.body(asking(form), orjson.dumps(document))
    assert sent == orjson.dumps(document).replace(NAME.encode(), b"Anna Berg")
    for wrong in (
        {"inputs": {"a": EMAIL}},
        {"inputs": {NAME: 1}},
        {"contacts": {"a": NAME}},
        {"contacts": {NAME: {}}},
        {"names": {"x": {"y": NAME}}},
        {"attributes": {"free": [NAME]}},
    ):
        with pytest.raises(Refusal):
            outgoing.body(asking(form), orjson.dumps(wrong))


@pytest.mark.clause("1.3")
def test_the_headers_an_operation_has_pass_and_no_others(outgoing: Outgoing) -> None:
    batch = asking(CATALOGUE.operations["ship.batch"])
    given = {b"x-amzn-key": b"k 1", b"cookie": b"c", b"x-amz-access-token": b"Atza|x"}
    assert outgoing.headers(batch, given) == {"x-amzn-key": "k 1"}
    for value in (NAME.encode(), b"", b"a\r\nb", b" a", "ä".encode(), b"x" * 3000):
        with pytest.raises(Refusal):
            outgoing.headers(batch, {b"x-signature": value})
    assert outgoing.headers(asking(), given) == {}


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(
    "document",
    [
        {"service": NAME},
        {"service": f"for {NAME}"},
        {"parcels": [{"labels": [NAME]}]},
        {"unknown": NAME},
        {"unknown": {"deep": [{"er": NAME}]}},
        {NAME: 1},
        {"to": {NAME: 1}},
        {"to": NAME},
        {"to": [{"name": {"first": NAME}}]},
        {"to": {"name": f"Mrs {NAME}"}},
        {"to": {"name": EMAIL}},
        {"to": {"name": f"{NAME} {NAME}"}},
    ],
)
def test_a_token_elsewhere_in_a_body_is_refused(outgoing: Outgoing, document: object) -> None:
    with pytest.raises(Refusal) as caught:
        body(outgoing, document)
    assert caught.value.answer.status == 400
    assert caught.value.reason is Reason.UNCLASSIFIED
    assert NAME.encode() not in caught.value.answer.body


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("token", [FOREIGN, GONE, SECRET, "ST0000000000ZZZZZZZZ"])
def test_a_token_that_may_not_be_used_looks_the_same_whatever_the_cause(
    outgoing: Outgoing, token: str
) -> None:
    with pytest.raises(Refusal) as caught:
        body(outgoing, {"to": {"name": token}})
    assert caught.value.answer.status == 403
    assert b"may not be used by this application" in caught.value.answer.body
    assert token.encode() not in caught.value.answer.body


def test_a_vault_that_does_not_answer_is_no_refusal(outgoing: Outgoing) -> None:
    with pytest.raises(Unavailable):
        body(outgoing, {"to": {"name": "ST0000000000FFFFFFFF"}})


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"a"', b"\xff", b"[" * 2000])
def test_a_body_that_is_no_json_object_is_refused(outgoing: Outgoing, raw: bytes) -> None:
    with pytest.raises(Refusal):
        outgoing.body(asking(), raw)


def test_a_body_nested_without_end_is_refused(outgoing: Outgoing) -> None:
    with pytest.raises(Refusal):
        outgoing.body(asking(), b'{"a":' * 500 + b"1" + b"}" * 500)


def test_an_operation_without_a_body_sends_none(outgoing: Outgoing) -> None:
    cancel = CATALOGUE.operations["ship.cancel"]
    assert outgoing.body(asking(cancel), b'{"name":"Anna"}') is None
    assert outgoing.body(asking(), b"") is None


def test_a_cursor_opens_for_its_own_call_only(outgoing: Outgoing) -> None:
    ticket = outgoing.wrap_cursor(asking(), "amazon's / place=")
    assert "amazon" not in ticket
    query = f"next={ticket}".encode()
    assert outgoing.query(asking(), query) == "next=amazon%27s%20%2F%20place%3D"
    later = asking(now=NOW + timedelta(hours=25))
    for other in (asking(seller=2), later):
        with pytest.raises(Refusal) as caught:
            outgoing.query(other, query)
        assert caught.value.answer.status == 400


def test_a_query_keeps_order_repetition_and_meaning(outgoing: Outgoing) -> None:
    sent = outgoing.query(asking(), b"note=a%20b&note=c%26d,e&email=x%2By@example.org&note=")
    assert sent == "note=a%20b&note=c%26d,e&email=x%2By%40example.org&note="


@given(st.text(max_size=60), st.binary(max_size=60))
def test_no_query_makes_it_fail_in_another_way_than_by_refusal(value: str, raw: bytes) -> None:
    outgoing = Outgoing(FakeVault(), bytes(32), Environment.TEST)  # type: ignore[arg-type]
    for query in (raw, b"note=" + raw, value.encode(), b"email=" + value.encode()):
        with suppress(Refusal):
            outgoing.query(asking(), query)


@pytest.mark.parametrize("path", [f"/ship/{NAME}/buy", f"/ship/{NAME.lower()}/buy"])
def test_a_token_in_the_path_of_no_operation_is_seen(path: str) -> None:
    assert holds_token(path)
    assert holds_token(path.replace("S", "%53").replace("s", "%73"))
    assert not holds_token("/ship/902-1234567-1234567/buy")


def test_a_purpose_is_one_of_those_there_are() -> None:
    assert purpose_of(None) is Purpose.FULFILMENT
    assert purpose_of("invoicing") is Purpose.INVOICING
    with pytest.raises(Refusal) as caught:
        purpose_of("Anna Berg")
    assert b"Anna" not in caught.value.answer.body


def test_dates_are_asked_for_by_order_or_by_the_same_page() -> None:
    orders = frozenset({"902-1", "902-2"})
    calls = dated_views(BUY, "/ship/1/buy", "a=1", orders)
    assert calls == [("/orders/v0/orders/902-1", ""), ("/orders/v0/orders/902-2", "")]
    search = Catalogue.load().operations["orders_2026-01-01.searchOrders"]
    (call,) = dated_views(search, "/p", "createdAfter=x&includedData=BUYER", orders)
    assert call == ("/p", "createdAfter=x&includedData=FULFILLMENT,PACKAGES")


def test_a_template_stands_for_all_paths_and_only_where_it_is_whole() -> None:
    def ask(path: str) -> str:
        entry = {"method": "GET", "path": path}
        raw = orjson.dumps({"restrictedResources": [entry], "MarketplaceIds": ["A"]})
        ((_, resource),) = parse_resources(raw, CATALOGUE)
        return resource.path

    assert ask("/ship/{shipmentId}/secret") == ""
    assert ask("/ship/902-1/secret") == "/ship/902-1/secret"
    for path in ("/ship/{}/secret", "/ship/{shipmentid}/secret", "/ship/a%2Fb/secret"):
        with pytest.raises(Refusal):
            ask(path)
