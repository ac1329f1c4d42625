"""The model files against Amazon's models: nothing forgotten, nothing that matches nothing."""

import pytest
from tests.support import models

from strongroom.policy.catalogue import (
    FIXED,
    Branch,
    Catalogue,
    Class,
    Leaf,
    Node,
    Operation,
    Type,
    number_of,
)
from strongroom.policy.catalogue.reports import Reports
from strongroom.terms import Category

CATALOGUE = Catalogue.load()
FACTS = models.known_facts()
OPERATIONS = sorted(FACTS)


def leaves(
    rule: Leaf | Branch | None, path: str = "", within: tuple[Node, ...] = ()
) -> dict[str, Leaf]:
    """Return the rule of every leaf the catalogue states, by model path; what contains itself is entered once."""
    if rule is None or (isinstance(rule, Branch) and rule.node in within):
        return {}
    path += "[]" * len(rule.wraps)
    if isinstance(rule, Leaf):
        return {path: rule}
    found: dict[str, Leaf] = {}
    for name, member in rule.node.members.items():
        found |= leaves(member, f"{path}.{name}" if path else name, (*within, rule.node))
    return found


def rule_for(path: str, rules: dict[str, Leaf]) -> Leaf | None:
    """Return the rule that covers a leaf, one that covers all below it included."""
    if path in rules:
        return rules[path]
    for covering, rule in rules.items():
        whole = rule.type is Type.JSON or rule.class_ is Class.ERRORS
        if whole and path.startswith((f"{covering}.", f"{covering}[]")):
            return rule
    return None


def stated(operation: Operation) -> dict[str, dict[str, Leaf]]:
    def flat(rules):
        return {name + "[]" * len(rule.wraps): rule for name, rule in rules.items()}

    return {
        "query": flat(operation.parameters),
        "path": flat(operation.path_parameters),
        "body": leaves(operation.body),
        "response": leaves(operation.response),
    }


def test_the_checked_in_facts_are_those_of_the_models():
    folder = models.models_dir()
    if folder is None:
        pytest.skip("no models here; the facts of the last time stand")
    assert models.facts_of(folder) == FACTS


def test_every_operation_of_both_models_is_known():
    assert set(FACTS) <= set(CATALOGUE.operations)


@pytest.mark.clause("2.2")
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_leaf_has_a_rule_and_every_rule_a_leaf(name):
    rules = stated(CATALOGUE.operations[name])
    for part, expected in FACTS[name].items():
        missing = [path for path in expected if rule_for(path, rules[part]) is None]
        assert missing == []
        used = {id(rule_for(path, rules[part])) for path in expected}
        dead = [path for path, rule in rules[part].items() if id(rule) not in used]
        assert dead == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_rule_states_the_type_of_its_leaf(name):
    rules = stated(CATALOGUE.operations[name])
    for part, expected in FACTS[name].items():
        for path, type_ in expected.items():
            rule = rules[part].get(path)
            if rule is not None:
                assert rule.type.value == type_.partition(":")[0], path


@pytest.mark.clause("2.2")
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_two_leaves_of_a_view_share_a_slot(name):
    seen = {}
    for path, rule in leaves(CATALOGUE.operations[name].response).items():
        if rule.slot is not None:
            assert seen.setdefault(rule.slot.spec.name, path) == path


@pytest.mark.clause("2.2")
@pytest.mark.parametrize(
    ("operation", "path", "category"),
    [
        ("ordersV0.getOrders", "payload.Orders[].BuyerInfo.BuyerEmail", Category.EMAIL),
        ("ordersV0.getOrders", "payload.Orders[].BuyerInfo.BuyerName", Category.NAME),
        ("ordersV0.getOrders", "payload.Orders[].ShippingAddress.PostalCode", Category.ADDRESS),
        ("ordersV0.getOrders", "payload.Orders[].ShippingAddress.Phone", Category.PHONE),
        ("ordersV0.getOrders", "payload.Orders[].SellerDisplayName", Category.NAME),
        (
            "ordersV0.getOrders",
            "payload.Orders[].DefaultShipFromLocationAddress.Name",
            Category.NAME,
        ),
        ("ordersV0.getOrders", "payload.Orders[].PaymentMethodDetails", Category.PAYMENT),
        (
            "ordersV0.getOrderAddress",
            "payload.ShippingAddress.ExtendedFields.GeoCoordinates.Latitude",
            Category.GEO,
        ),
        ("ordersV0.getOrderItems", "payload.OrderItems[].SerialNumbers[]", Category.DEVICE),
        (
            "ordersV0.getOrderItems",
            "payload.OrderItems[].BuyerInfo.GiftMessageText",
            Category.FREE_TEXT,
        ),
        ("orders_2026-01-01.getOrder", "order.packages[].trackingNumber", Category.TRACKING),
        (
            "orders_2026-01-01.getOrder",
            "order.tax.taxRegistrations[].taxRegistrationNumber",
            Category.TAX_ID,
        ),
    ],
)
def test_what_clause_4_names_is_personal(operation, path, category):
    rule = leaves(CATALOGUE.operations[operation].response)[path]
    assert (rule.class_, rule.category) == (Class.PII, category)


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("ordersV0.getOrders", "payload.Orders[].BuyerInfo.BuyerTaxInfo.TaxClassifications[].Name"),
        ("ordersV0.getOrderItems", "payload.OrderItems[].SerialNumberRequired"),
        (
            "ordersV0.getOrderItems",
            "payload.OrderItems[].ShippingConstraints.SignatureConfirmation",
        ),
        ("ordersV0.getOrderItems", "payload.OrderItems[].BuyerInfo.GiftWrapLevel"),
    ],
)
def test_what_only_sounds_personal_passes(operation, path):
    assert leaves(CATALOGUE.operations[operation].response)[path].class_ is Class.BUSINESS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ShippingAddress.Name", "recipient.deliveryAddress.name"),
        ("ShippingAddress.AddressLine1", "recipient.deliveryAddress.addressLine1"),
        ("ShippingAddress.City", "recipient.deliveryAddress.city"),
        ("ShippingAddress.Phone", "recipient.deliveryAddress.phone"),
        ("BuyerInfo.BuyerEmail", "buyer.buyerEmail"),
        ("BuyerInfo.PurchaseOrderNumber", "buyer.buyerPurchaseOrderNumber"),
    ],
)
def test_one_datum_has_one_slot_in_both_versions(old, new):
    v0 = leaves(CATALOGUE.operations["ordersV0.getOrder"].response)[f"payload.{old}"]
    v2026 = leaves(CATALOGUE.operations["orders_2026-01-01.getOrder"].response)[f"order.{new}"]
    assert v0.slot.number == v2026.slot.number is not None


def test_pages_are_opaque_and_a_buyers_email_in_a_query_is_personal():
    query = CATALOGUE.operations["ordersV0.getOrders"].parameters
    assert query["NextToken"].class_ is Class.CURSOR
    assert query["BuyerEmail"].category is Category.EMAIL
    search = CATALOGUE.operations["orders_2026-01-01.searchOrders"]
    assert search.parameters["paginationToken"].class_ is Class.CURSOR
    assert leaves(search.response)["pagination.nextToken"].class_ is Class.CURSOR


def test_every_fixed_slot_is_filled_by_some_view():
    used = {
        rule.slot.number
        for operation in CATALOGUE.operations.values()
        for rule in leaves(operation.response).values()
        if rule.slot is not None
    }
    kinds = Reports.load().kinds.values()
    used |= {column.number for kind in kinds for column in kind.columns.values()}
    assert set(FIXED) - used == set()
    assert number_of("recipient.name") == 8
