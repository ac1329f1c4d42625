"""What a value may serve: by its category and whose it is [2.1]."""

from __future__ import annotations

import pytest

from strongroom.policy.catalogue import Catalogue
from strongroom.policy.catalogue.listing import listed
from strongroom.policy.purposes import may_serve, serves
from strongroom.terms import Category, Purpose

pytestmark = pytest.mark.clause("2.1", "2.2")

CATALOGUE = Catalogue.load()
OPEN = {Purpose.FULFILMENT, Purpose.TAX, Purpose.INVOICING}


@pytest.mark.parametrize("category", list(Category))
def test_every_category_serves_none_but_the_three_purposes(category: Category) -> None:
    assert serves(category, "buyer") <= OPEN
    assert serves(category, "carrier") <= serves(category, "buyer")
    assert serves(category, "unknown") == set()


def test_a_phone_is_for_the_parcel_and_a_device_for_nothing() -> None:
    assert serves(Category.TAX_ID, "buyer") == OPEN, "customs ask for it too"
    assert serves(Category.PHONE, "recipient") == {Purpose.FULFILMENT}
    assert serves(Category.UNCLASSIFIED, "buyer") == serves(Category.NETWORK, "buyer") == set()


@pytest.mark.parametrize("category", list(Category))
def test_what_the_policy_itself_asks_for_reaches_everything(category: Category) -> None:
    for purpose in set(Purpose) - OPEN:
        assert may_serve(purpose, category, "carrier")
    for purpose in OPEN:
        unclassified = category is Category.UNCLASSIFIED
        assert may_serve(purpose, category) is (unclassified or purpose in serves(category, ""))


def test_every_leaf_of_every_operation_is_listed_with_what_it_may_serve() -> None:
    for operation in CATALOGUE.operations.values():
        for leaf in listed(operation):
            # One answer is a bare string.
            assert leaf.path or leaf.part == "answer"
            assert (leaf.class_ == "pii") is (leaf.category is not None)
            if leaf.part == "answer" and leaf.class_ == "pii":
                assert leaf.person
                assert leaf.slot
    leaves = {
        (one.part, one.path): one for one in listed(CATALOGUE.operations["ordersV0.getOrders"])
    }
    email = leaves["answer", "payload.Orders[].BuyerInfo.BuyerEmail"]
    assert (email.person, email.slot) == ("buyer", "buyer.email")
    assert email.purposes == (Purpose.FULFILMENT, Purpose.INVOICING)
    assert leaves["query", "BuyerEmail"].category is Category.EMAIL


def test_a_definition_within_itself_is_listed_once() -> None:
    model = {
        "model": "m",
        "operations": {"get": {"method": "GET", "path": "/x", "response": "{} [] Tree"}},
        "definitions": {"Tree": {"n": "business", "tree": "[] Tree"}},
    }
    (operation,) = Catalogue.of([model]).operations.values()
    assert [leaf.path for leaf in listed(operation)] == ["{}[].n"]
