"""What a plan takes out of a document, what it leaves, and what it does with what nobody knows."""

import copy
import json
from types import SimpleNamespace

import orjson
import pytest
from spapi.api_client import ApiClient

from strongroom.errors import Malformed
from strongroom.gateway.shapes import MANY_SLOTS, MAX_DEPTH
from strongroom.gateway.transform import Plan
from strongroom.policy.catalogue import Branch, Catalogue, Class, spec_of
from strongroom.policy.catalogue.slots import FIXED
from strongroom.terms import Category
from tests.support import models
from tests.support.documents import full_document, placed, walk

CATALOGUE = Catalogue.load()
FACTS = models.known_facts()
READS = sorted(name for name, parts in FACTS.items() if parts["response"])
PLANS = {name: Plan(CATALOGUE.operations[name]) for name in FACTS}
GET_ORDERS, GET_ITEMS, GET_2026 = (
    "ordersV0.getOrders",
    "ordersV0.getOrderItems",
    "orders_2026-01-01.getOrder",
)


def order(**members):
    return {"AmazonOrderId": "902-1-2", **members}


def v0(*orders):
    return {"payload": {"Orders": list(orders)}}


def tokenize(name, document):
    """Return the document an app would get, and what was found in it."""
    found = PLANS[name].extract(document)
    return PLANS[name].replace(found, placed(found.sightings)), found


def one(document, name=GET_ORDERS):
    """Return the only order of a tokenized document, its sighting and the findings."""
    changed, found = tokenize(name, document)
    payload = changed["payload"]
    (sighting,) = found.sightings
    return payload.get("Orders", [payload])[0], sighting, found.drift


def rule_at(name, place):
    """Return the rule that covers a place of a document, None where there is none."""
    rule = CATALOGUE.operations[name].response
    for step in place:
        if isinstance(step, int):
            continue
        if not isinstance(rule, Branch):
            return rule
        rule = rule.node.members.get(step)
    return rule


def unique(value):
    return not isinstance(value, bool) and (not isinstance(value, str) or "mark-" in value)


# -- documents as they should be --


@pytest.mark.clause("2.2")
@pytest.mark.parametrize("name", READS)
def test_exactly_the_personal_leaves_are_gone(name):
    original = full_document(FACTS[name]["response"])
    changed, found = tokenize(name, copy.deepcopy(original))
    text = json.dumps(changed)
    left = dict(walk(changed))
    for place, value in walk(original):
        rule = rule_at(name, place)
        if rule.class_ is Class.ERRORS or rule.clear:
            continue
        if rule.class_ is Class.PII:
            assert left.get(place) != value, place
            # Values of enumerations, and true, are not told apart from one another.
            assert str(value) not in text or not unique(value), place
        else:
            assert left[place] == value, place
    assert found.drift == []


@pytest.mark.parametrize("name", READS)
def test_every_personal_value_is_in_a_slot_of_its_own_order(name):
    original = full_document(FACTS[name]["response"])
    _, found = tokenize(name, copy.deepcopy(original))
    kept = json.dumps([list(sighting.slots.values()) for sighting in found.sightings])
    for place, value in walk(original):
        if rule_at(name, place).class_ is Class.PII:
            assert str(value).lower() in kept.lower(), place
    for sighting in found.sightings:
        for key in sighting.slots:
            assert FIXED[key] if isinstance(key, int) else spec_of(key)


@pytest.mark.parametrize("name", READS)
def test_a_layout_seen_before_gives_the_same(name):
    original = full_document(FACTS[name]["response"])
    results = [tokenize(name, copy.deepcopy(original)) for _ in range(3)]
    for changed, found in results[1:]:
        assert changed == results[0][0]
        assert [s.slots for s in found.sightings] == [s.slots for s in results[0][1].sightings]


@pytest.mark.parametrize("name", READS)
def test_reading_changes_nothing(name):
    original = full_document(FACTS[name]["response"])
    document = copy.deepcopy(original)
    PLANS[name].extract(document)
    assert document == original


@pytest.mark.parametrize("name", READS)
def test_amazons_own_client_reads_what_is_left(name):
    """Its models check required members, enumerations, numbers and dates."""
    changed, _ = tokenize(name, full_document(FACTS[name]["response"]))
    client = ApiClient.__new__(ApiClient)
    client._pool = None
    model = name.partition(".")[0].replace("ordersV0", "orders_v0")
    client.api_models_module = (
        f"spapi.models.{model.replace('orders_2026-', 'orders_v2026_').replace('-', '_')}"
    )
    read = client.deserialize(
        SimpleNamespace(data=json.dumps(changed)),
        CATALOGUE.operations[name].response.node.definition,
    )
    root, _, _ = next(iter(FACTS[name]["response"])).partition(".")
    assert getattr(read, root.removesuffix("[]")) is not None


def test_renderings_keep_what_a_client_checks():
    changed, sighting, drift = one(
        v0(
            order(
                BuyerInfo={"BuyerEmail": "x@marketplace.amazon.com", "BuyerName": "Jane"},
                ShippingAddress={
                    "Name": "Jane",
                    "CountryCode": "US",
                    "ExtendedFields": {"GeoCoordinates": {"Latitude": 1.5, "Longitude": 2}},
                },
                PaymentMethodDetails=["Standard"],
            )
        )
    )
    assert changed["BuyerInfo"]["BuyerEmail"].endswith("@token.invalid")
    assert changed["BuyerInfo"]["BuyerEmail"].islower()
    assert len(changed["BuyerInfo"]["BuyerName"]) == 20
    assert changed["ShippingAddress"]["CountryCode"] == "US"
    assert changed["ShippingAddress"]["ExtendedFields"] == {"GeoCoordinates": {}}
    assert "PaymentMethodDetails" not in changed
    slots = {FIXED[key].name: value for key, value in sighting.slots.items()}
    assert slots["recipient.latitude"] == 1.5
    assert slots["recipient.longitude"] == 2
    assert slots["recipient.country_code"] == "US"
    assert slots["order.payment_methods"] == '["Standard"]'
    assert drift == []


def test_items_have_slots_by_their_ids():
    changed, found = tokenize(
        GET_ITEMS,
        {
            "payload": order(
                OrderItems=[
                    {
                        "OrderItemId": "11",
                        "SerialNumbers": ["a", "b"],
                        "BuyerInfo": {
                            "GiftMessageText": "Love",
                            "BuyerCustomizedInfo": {"CustomizedURL": "https://x.example/z.zip"},
                        },
                    },
                    {"OrderItemId": "Jane Doe", "BuyerInfo": {"GiftMessageText": "Hugs"}},
                    {"BuyerInfo": {"GiftMessageText": "Kisses"}},
                ]
            )
        },
    )
    slots = found.sightings[0].slots
    assert slots["item:11.serial_number:1"] == "b"
    assert slots["item:11.gift_message"] == "Love"
    hashed = next(key for key, value in slots.items() if value == "Hugs")
    assert "Jane" not in hashed
    assert spec_of(hashed).category is Category.FREE_TEXT
    assert slots["item:n2.gift_message"] == "Kisses"
    first = changed["payload"]["OrderItems"][0]
    url = first["BuyerInfo"]["BuyerCustomizedInfo"]["CustomizedURL"]
    assert url.startswith("https://token.invalid/ST")
    assert all(len(serial) == 20 for serial in first["SerialNumbers"])


def test_packages_and_registrations_have_slots_by_place():
    _, found = tokenize(
        GET_2026,
        {
            "order": {
                "orderId": "902-1-2",
                "packages": [
                    {
                        "packageReferenceId": "7",
                        "trackingNumber": "1Z",
                        "shipFromAddress": {"name": "Depot"},
                        "packageItems": [{"orderItemId": "1", "transparencyCodes": ["AZ:1"]}],
                    }
                ],
                "tax": {
                    "taxRegistrations": [
                        {
                            "taxRegistrationNumber": "DE1",
                            "taxRegistrationAddress": {"city": "Ulm"},
                            "taxRegistrationAttributes": [{"key": "TAX_OFFICE", "value": "Ulm II"}],
                        }
                    ]
                },
            }
        },
    )
    assert found.sightings[0].slots == {
        "package:7.tracking_number": "1Z",
        "package_origin:7.name": "Depot",
        "package_item:7-0.transparency_code:0": "AZ:1",
        "tax_registration:0.number": "DE1",
        "tax_address:0.city": "Ulm",
        "tax_attribute:0-0.value": "Ulm II",
    }


def test_an_empty_string_is_about_nobody():
    changed, sighting, _ = one(
        v0(
            order(
                ShippingAddress={"Name": "Jane", "AddressLine2": ""}, BuyerInfo={"BuyerEmail": ""}
            )
        )
    )
    assert changed["ShippingAddress"]["AddressLine2"] == ""
    assert changed["BuyerInfo"]["BuyerEmail"] == ""
    assert list(sighting.slots.values()) == ["Jane"]


def test_null_passes_everywhere():
    document = v0(order(ShippingAddress=None, BuyerInfo={"BuyerName": None}, Novelty=None))
    changed, sighting, drift = one(document)
    assert changed["ShippingAddress"] is None
    assert changed["BuyerInfo"] == {"BuyerName": None}
    assert sighting.slots == {}
    assert drift == [("payload.Orders[].Novelty", "unknown_leaf")]


def test_places_in_a_list_are_left_to_the_gateway():
    document = {"payload": {"Orders": [], "NextToken": "amazon's"}}
    found = PLANS[GET_ORDERS].extract(document)
    (cursor,) = found.cursors
    assert cursor.value == "amazon's"
    cursor.write("ours")
    assert document["payload"]["NextToken"] == "ours"
    assert "amazon" not in repr(cursor)


def test_errors_inside_a_success_are_neutral():
    document = {"payload": order(), "errors": [{"code": "X", "message": "no Jane Doe in Ulm"}]}
    changed, _ = tokenize("ordersV0.getOrder", document)
    assert "Jane" not in json.dumps(changed)
    assert changed["errors"][0]["details"] == ""


def test_a_country_passes_only_in_the_form_of_one():
    address = {"CountryCode": "Jane Doe, 5 Main Street"}
    changed, _, _ = one(v0(order(ShippingAddress=address)))
    assert len(changed["ShippingAddress"]["CountryCode"]) == 20


def test_a_policy_may_hold_countries_back():
    plan = Plan(CATALOGUE.operations[GET_ORDERS], clear=False)
    found = plan.extract(v0(order(ShippingAddress={"CountryCode": "US"})))
    changed = plan.replace(found, placed(found.sightings))
    assert len(changed["payload"]["Orders"][0]["ShippingAddress"]["CountryCode"]) == 20


def test_a_business_string_that_looks_like_a_token_is_untouched():
    changed, _, _ = one(v0(order(SellerOrderId="ST000000000000000000")))
    assert changed["SellerOrderId"] == "ST000000000000000000"


def test_an_answer_without_a_body_holds_nothing():
    plan = PLANS["ordersV0.confirmShipment"]
    found = plan.extract({"Jane": "Doe", "jane@x": 1})
    assert found.sightings == []
    assert plan.replace(found, []) == {}


# -- what the catalogue does not know --


@pytest.mark.clause("2.2")
def test_an_unknown_string_is_tokenized_and_other_scalars_go():
    changed, sighting, drift = one(v0(order(Nickname="Jane", Age=33, Vip=True, Score=1.5)))
    assert len(changed["Nickname"]) == 20
    assert changed.keys() == {"AmazonOrderId", "Nickname"}
    ((key, value),) = sighting.slots.items()
    assert (spec_of(key).category, value) == (Category.UNCLASSIFIED, "Jane")
    assert {path for path, _ in drift} == {
        f"payload.Orders[].{name}" for name in ("Nickname", "Age", "Vip", "Score")
    }


def test_all_strings_of_an_unknown_object_have_slots_of_their_own():
    inner = {"a": ["x", "y", {"b": "z", "n": 1}], "Jane Doe": "w", "c": None}
    changed, sighting, drift = one(v0(order(New=inner)))
    assert sorted(sighting.slots.values()) == ["x", "y", "z"]
    assert len(sighting.slots) == 3
    assert changed["New"].keys() == {"a", "c"}
    assert changed["New"]["a"][2].keys() == {"b"}
    assert set(drift) == {
        ("payload.Orders[].New", "unknown_leaf"),
        ("payload.Orders[].New", "unsafe_key"),
    }


@pytest.mark.parametrize("key", ["jane@example.com", "Jane Doe", "1", "", "é", "a" * 65, "a\n"])
def test_a_key_that_is_no_word_goes_with_its_value(key):
    changed, sighting, drift = one(v0(order(**{key: "x"})))
    assert changed == {"AmazonOrderId": "902-1-2"}
    assert sighting.slots == {}
    assert drift == [("payload.Orders[]", "unsafe_key")]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("IsPrime", "Jane"),
        ("IsPrime", 1),
        ("NumberOfItemsShipped", True),
        ("NumberOfItemsShipped", "1"),
        ("NumberOfItemsShipped", 1.5),
        ("SalesChannel", 5),
        ("OrderStatus", False),
    ],
)
def test_one_scalar_in_place_of_another_is_dropped(member, value):
    changed, sighting, drift = one(v0(order(**{member: value})))
    assert member not in changed
    assert sighting.slots == {}
    assert drift == [(f"payload.Orders[].{member}", "wrong_type")]


def test_a_whole_number_is_a_number():
    measurement = {"Unit": "GRAMS", "Value": 3}
    items = [{"OrderItemId": "1", "Measurement": measurement}]
    changed, _, drift = one({"payload": order(OrderItems=items)}, GET_ITEMS)
    assert changed["OrderItems"][0]["Measurement"] == measurement
    assert drift == []


def test_personal_data_of_the_wrong_kind_is_kept_but_never_shown():
    changed, sighting, drift = one(v0(order(ShippingAddress={"Phone": 4915112345678})))
    assert changed["ShippingAddress"] == {}
    assert sighting.slots == {15: 4915112345678}
    assert drift == [("payload.Orders[].ShippingAddress.Phone", "wrong_type")]


@pytest.mark.parametrize(
    "members",
    [
        {"SalesChannel": {"who": "Jane"}},
        {"SalesChannel": ["Jane"]},
        {"ShippingAddress": "Jane"},
        {"ShippingAddress": ["Jane"]},
        {"ShippingAddress": {"Name": {"first": "Jane"}}},
        {"PaymentExecutionDetail": ["Jane"]},
        {"PaymentExecutionDetail": {"x": "Jane"}},
        {"PaymentMethodDetails": "Jane"},
    ],
)
def test_strings_in_the_wrong_place_are_tokenized(members):
    changed, sighting, drift = one(v0(order(**members)))
    assert "Jane" not in json.dumps(changed)
    assert list(sighting.slots.values()) == ["Jane"]
    assert [kind for _, kind in drift] == ["wrong_type"]


def test_numbers_in_the_wrong_place_go():
    members = {"ShippingAddress": 5, "SalesChannel": [5, {"n": 6}], "PaymentExecutionDetail": [7]}
    changed, sighting, _ = one(v0(order(**members)))
    assert changed == order(SalesChannel=[{}], PaymentExecutionDetail=[])
    assert sighting.slots == {}


def test_a_stray_element_of_a_list_of_strings_goes():
    items = [{"OrderItemId": "1", "PromotionIds": ["P1", 5, None, {"a": "Jane"}, "P2"]}]
    changed, sighting, drift = one({"payload": order(OrderItems=items)}, GET_ITEMS)
    kept = changed["OrderItems"][0]["PromotionIds"]
    assert [kept[0], kept[1], kept[3]] == ["P1", None, "P2"]
    assert list(sighting.slots.values()) == ["Jane"]
    assert drift == [("payload.OrderItems[].PromotionIds[]", "wrong_type")]


def test_around_the_orders_nothing_can_be_kept():
    document = v0(order())
    document["payload"]["Note"] = "Jane"
    document["Also"] = {"x": ["Jane"], "y": 1}
    changed, found = tokenize(GET_ORDERS, document)
    assert "Jane" not in json.dumps(changed)
    assert "Note" not in changed["payload"]
    assert changed["Also"] == {"x": []}
    assert found.sightings[0].slots == {}


def test_one_new_member_in_every_order_is_one_finding():
    orders = [order(AmazonOrderId=f"902-1-{n}", New="x") for n in range(5)]
    _, found = tokenize(GET_ORDERS, v0(*orders))
    assert found.drift == [("payload.Orders[].New", "unknown_leaf")]
    assert len({key for sighting in found.sightings for key in sighting.slots}) == 1


def test_new_members_of_items_keep_their_slot_on_another_page():
    def page(*ids):
        return {"payload": order(OrderItems=[{"OrderItemId": i, "New": f"of {i}"} for i in ids])}

    whole = PLANS[GET_ITEMS].extract(page("1", "2")).sightings[0].slots
    second = PLANS[GET_ITEMS].extract(page("2")).sightings[0].slots
    assert second.items() <= whole.items()


def test_a_record_keeps_only_so_many_unknown_strings():
    changed, sighting, _ = one(v0(order(New=[f"v{n}" for n in range(MANY_SLOTS + 50)])))
    assert len(sighting.slots) == MANY_SLOTS
    assert len(changed["New"]) == MANY_SLOTS


# -- documents that are none --


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "x",
        5,
        {"payload": []},
        {"payload": "Jane"},
        {"payload": {"Orders": {}}},
        {"payload": {"Orders": ["Jane"]}},
        {"payload": {"Orders": [None]}},
        v0({}),
        v0({"AmazonOrderId": None}),
        v0({"AmazonOrderId": 5}),
        v0({"AmazonOrderId": ""}),
        v0({"AmazonOrderId": "jane@example.com"}),
        v0({"AmazonOrderId": "1" * 65}),
        v0({"AmazonOrderId": "1-2\n"}),
    ],
)
def test_an_answer_of_another_shape_is_malformed(document):
    with pytest.raises(Malformed) as caught:
        PLANS[GET_ORDERS].extract(document)
    assert "jane" not in str(caught.value).lower()


@pytest.mark.parametrize("document", [{}, {"payload": None}, {"payload": {}}, v0()])
def test_an_answer_may_hold_no_orders(document):
    changed, found = tokenize(GET_ORDERS, copy.deepcopy(document))
    assert changed == document
    assert found.sightings == []


def test_depth_ends_in_malformed():
    nested: object = "Jane"
    for _ in range(MAX_DEPTH + 2):
        nested = [nested]
    with pytest.raises(Malformed):
        PLANS[GET_ORDERS].extract(v0(order(New=nested)))
    with pytest.raises(Malformed):
        PLANS[GET_ORDERS].extract(
            v0(order(PaymentMethodDetails=orjson.loads("[" * 900 + "]" * 900)))
        )


def test_size_ends_in_malformed():
    with pytest.raises(Malformed):
        PLANS[GET_ORDERS].extract(v0(order(New=[0] * 300_000)))


@pytest.mark.clause("2.6")
def test_nothing_found_shows_in_a_repr():
    document = v0(order(ShippingAddress={"Name": "Jane"}, New="Doe"))
    found = PLANS[GET_ORDERS].extract(document)
    shown = repr(found) + repr(found.sightings) + repr(PLANS[GET_ORDERS]) + repr(found.drift)
    assert "Jane" not in shown
    assert "Doe" not in shown


# -- plans --


def test_the_compiled_code_names_every_personal_leaf():
    source = PLANS[GET_ORDERS].source
    assert "AddressLine1 -> recipient.address_line_1" in source
    assert "BuyerEmail -> buyer.email, email" in source


def test_a_personal_leaf_outside_every_subject_does_not_compile():
    operation = {"method": "GET", "path": "/things", "response": "Thing"}
    model = {"model": "m", "operations": {"get": operation}}
    definitions = {"Thing": {"who": "pii seller.display_name"}}
    with pytest.raises(ValueError, match="without a subject"):
        Plan(Catalogue.of([{**model, "definitions": definitions}]).operations["m.get"])
