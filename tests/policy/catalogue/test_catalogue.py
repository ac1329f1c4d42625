"""Finding operations, and model files that make no sense."""

import copy

import pytest

from strongroom.policy.catalogue import Catalogue, Class, Render, Type
from strongroom.policy.catalogue.rules import leaf

CATALOGUE = Catalogue.load()

MODEL = {
    "model": "m",
    "operations": {
        "getThing": {
            "method": "GET",
            "path": "/things/{id}",
            "response": "Thing",
            "path_parameters": {"id": "business"},
        }
    },
    "definitions": {
        "Thing": {"id": "business", "part": "Part"},
        "Part": {"size": "business number"},
    },
}


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/orders/v0/orders", "ordersV0.getOrders"),
        ("GET", "/orders/v0/orders/123-1234567-1234567", "ordersV0.getOrder"),
        ("GET", "/orders/v0/orders/1-2/orderItems/buyerInfo", "ordersV0.getOrderItemsBuyerInfo"),
        ("PATCH", "/orders/v0/orders/1-2/regulatedInfo", "ordersV0.updateVerificationStatus"),
        ("POST", "/orders/v0/orders/1-2/shipmentConfirmation", "ordersV0.confirmShipment"),
        ("GET", "/orders/2026-01-01/orders", "orders_2026-01-01.searchOrders"),
        ("GET", "/orders/2026-01-01/orders/1-2", "orders_2026-01-01.getOrder"),
    ],
)
def test_a_request_line_names_its_operation(method, path, operation):
    assert CATALOGUE.match(method, path).operation.id == operation


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/orders/v0/orders"),
        ("GET", "/orders/v0/orders/"),
        ("GET", "/orders/v0/orders/../orders"),
        ("GET", "/orders/v0/orders/1%2F2"),
        ("GET", "/orders/v0/orders/1-2\n"),
        ("GET", "/orders/v0/orders/jane@example.com"),
        ("GET", f"/orders/v0/orders/{'1' * 65}"),
        ("GET", "/Orders/v0/orders"),
        ("GET", "/orders/v0/orders?x=1"),
        ("GET", "/orders/v1/orders"),
    ],
)
def test_what_is_not_exactly_an_operation_is_none(method, path):
    assert CATALOGUE.match(method, path) is None


def test_path_parameters_come_with_the_match():
    match = CATALOGUE.match("GET", "/orders/v0/orders/902-1-2/address")
    assert match.path_parameters == {"orderId": "902-1-2"}


def test_restricted_operations_and_their_elements():
    restricted = {o.id for o in CATALOGUE.operations.values() if o.restricted}
    reads = {o.id for o in CATALOGUE.operations.values() if o.read_only}
    orders = {name for name in reads if name.startswith("ordersV0.")}
    assert restricted == orders | {"reports_2021-06-30.getReportDocument"}
    assert not CATALOGUE.operations["orders_2026-01-01.getOrder"].restricted
    assert CATALOGUE.operations["ordersV0.getOrderItems"].rdt_elements == {"buyerInfo"}
    assert not CATALOGUE.operations["ordersV0.confirmShipment"].read_only


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: m["definitions"]["Thing"].update(id="busines"),
        lambda m: m["definitions"]["Thing"].update(id="business text"),
        lambda m: m["definitions"]["Thing"].update(id="pii recipient.nmae"),
        lambda m: m["definitions"]["Thing"].update(id="pii .name"),
        lambda m: m["definitions"]["Thing"].update(id="pii recipient.name clear"),
        lambda m: m["definitions"]["Thing"].update(id="[] pii recipient.name"),
        lambda m: m["definitions"]["Thing"].update(id="business json"),
        lambda m: m["definitions"]["Thing"].update(part="Missing"),
        lambda m: m["definitions"]["Thing"].update(part="Thing"),
        lambda m: m["definitions"]["Thing"].update(part="Part as item:Id"),
        lambda m: m["definitions"]["Thing"].update({"a b": "business"}),
        lambda m: m["definitions"].update(Unused={"a": "business"}),
        lambda m: m["operations"]["getThing"].update(methd="GET"),
        lambda m: m["operations"]["getThing"].update(method="HEAD"),
        lambda m: m["operations"]["getThing"].update(path="/things/{other}"),
        lambda m: m["operations"]["getThing"].update(parameters={"e": "pii buyer.email"}),
    ],
)
def test_a_rule_that_makes_no_sense_does_not_load(spoil):
    assert Catalogue.of([MODEL]).operations
    model = copy.deepcopy(MODEL)
    spoil(model)
    with pytest.raises(ValueError, match="m"):
        Catalogue.of([model])


def test_a_number_that_must_be_there_gets_a_neutral_value():
    rule = leaf("x", "pii .latitude number as 0", "recipient")
    assert (rule.render, rule.constant, rule.type) == (Render.CONSTANT, 0, Type.NUMBER)
    rule = leaf("x", "pii recipient.name as OTHER")
    assert (rule.render, rule.constant, rule.class_) == (Render.CONSTANT, "OTHER", Class.PII)
