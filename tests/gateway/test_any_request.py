"""The whole door under generated requests and answers: it answers each in its own words and lets nobody's data out."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.policy.catalogue import Catalogue
from strongroom.simulator import Fault
from tests.gateway.conftest import ORDERS, RECENT, Response, Shop, unshipped

pytestmark = pytest.mark.clause("1.3", "2.2", "2.6")

MARK = "Zyxmark Quv"
"""What may come back out in no answer, header or event."""

_FUZZ = settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

_paths = sorted(
    {one.template.replace("{", "").replace("}", "") for one in Catalogue.load().operations.values()}
)
_piece = st.one_of(
    st.sampled_from(
        [
            "..",
            ".",
            "%2e%2e",
            "%00",
            "%2F",
            "orders",
            "v0",
            "",
            "ST0000000000000000AA",
            "%FF",
            ";",
            "a@b",
        ]
    ),
    st.just(MARK.replace(" ", "%20")),
    st.text("aZ9-_.~%!$&'()*+,=:@", max_size=8),
)
_path = st.one_of(
    st.sampled_from(_paths), st.lists(_piece, max_size=6).map(lambda parts: "/" + "/".join(parts))
)
_query = st.lists(
    st.tuples(
        st.sampled_from(
            ["MarketplaceIds", "NextToken", "CreatedAfter", "dataElements", "x", "%", "a[0]"]
        ),
        _piece,
    ).map("=".join),
    max_size=4,
).map("&".join)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats()
    | st.text(max_size=6)
    | st.just(MARK),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["Name", "payload", "Orders", "orders", "restrictedResources", "path", "Novel Key"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=14,
)
_body = st.one_of(
    st.binary(max_size=60), st.just(b"{" * 3000), st.just(MARK.encode()), _json.map(orjson.dumps)
)
_personal = st.sampled_from(
    [
        "Name",
        "AddressLine1",
        "City",
        "BuyerEmail",
        "ShippingAddress",
        "buyer",
        "recipient",
        "name",
        "Novel Key",
    ]
)
"""Members of an answer in which no string is business as usual."""

_headers = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json", "text/plain", "application/xml", "", MARK]),
        "accept-encoding": st.sampled_from(["gzip", "br, zstd", MARK]),
        "x-strongroom-purpose": st.sampled_from(["fulfilment", "tax", MARK]),
        "content-encoding": st.sampled_from(["gzip", "identity"]),
        "host": st.sampled_from(["sellingpartnerapi-eu.amazon.com", "elsewhere.example", ""]),
    },
)  # fmt: skip


def said(shop: Shop, answer: Response, since: int) -> str:
    """Return all that an answer and its events tell."""
    told = answer.body.decode("utf-8", "replace") + repr(answer.headers)
    return told + repr(shop.door.events(since))


def test_any_request_gets_an_answer_of_ours_and_repeats_nothing(shop: Shop) -> None:
    token = shop.door.token(shop.app)

    @_FUZZ
    @given(
        method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "get"]),
        path=_path,
        query=_query,
        headers=_headers,
        body=_body,
        shown=st.sampled_from([token, token[:-1], MARK, None]),
    )
    def ask(
        method: str, path: str, query: str, headers: dict[str, str], body: bytes, shown: str | None
    ) -> None:
        before = shop.door.count()
        presented = {} if shown is None else {"x-amz-access-token": shown}
        answer = shop.door.call(method, f"{path}?{query}", headers | presented, body)
        assert answer.status != 500
        assert answer.headers["content-type"].startswith("application/json")
        told = said(shop, answer, before)
        assert MARK not in told
        assert MARK.replace(" ", "%20") not in told
        assert "system.error" not in told

    ask()
    assert shop.door.get(shop.app, RECENT).status == 200


@pytest.mark.parametrize("view", ["order", "address", "order of 2026"])
def test_any_answer_of_amazons_is_sealed_or_refused(shop: Shop, view: str) -> None:
    order = unshipped(shop)
    path = f"{ORDERS}/{order}"
    if view == "order of 2026":
        target, token = f"/orders/2026-01-01/orders/{order}", shop.door.token(shop.app)
    elif view == "address":
        target, token = f"{path}/address", shop.door.rdt(shop.app, f"{ORDERS}/{{orderId}}/address")
    else:
        target, token = path, shop.door.rdt(shop.app, path, "buyerInfo", "shippingAddress")
    good = shop.door.get(shop.app, target, token)
    assert good.status == 200

    @_FUZZ
    @given(
        document=_json,
        places=st.lists(st.tuples(st.integers(0, 99), _personal), min_size=1, max_size=4),
    )
    def answer(document: object, places: list[tuple[int, str]]) -> None:
        spoiled = orjson.loads(good.body)
        for place, key in places:
            holders = list(_holders(spoiled))
            holder = holders[place % len(holders)]
            bad = orjson.loads(orjson.dumps(document))
            if isinstance(holder, dict):
                holder[key] = bad
            elif any(isinstance(one, dict) for one in holder):
                # A list of words, as of programs, is business as usual.
                holder.append(bad)
        shop.simulator.clear_faults()
        shop.simulator.add_fault(Fault("body", body=orjson.dumps(spoiled)))
        before = shop.door.count()
        got = shop.door.get(shop.app, target, token)
        assert got.status in (200, 502)
        assert MARK not in said(shop, got, before)

    answer()
    shop.simulator.clear_faults()
    assert shop.door.get(shop.app, target, token).status == 200


def _holders(value: object):  # type: ignore[no-untyped-def] # of any JSON
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _holders(inner)
