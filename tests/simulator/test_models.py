"""Every view validates against Amazon's own models, where a folder of them is at hand.

STRONGROOM_MODELS_DIR names the folder. Without one, the views are held against the member
names below, so that a slip of the pen still fails.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.simulator.conftest import ALL_TIME, EVERY_DATASET, MARKETPLACES, Client, Start

ROOT = Path(__file__).parents[2]
V0 = "/orders/v0/orders"
V2026 = "/orders/2026-01-01/orders"

# Response definition -> members it must have here, when no models are at hand.
REDUCED = {
    "GetOrdersResponse": {"payload"},
    "GetOrderResponse": {"payload"},
    "GetOrderBuyerInfoResponse": {"payload"},
    "GetOrderAddressResponse": {"payload"},
    "GetOrderItemsResponse": {"payload"},
    "GetOrderItemsBuyerInfoResponse": {"payload"},
    "GetOrderRegulatedInfoResponse": {"payload"},
    "SearchOrdersResponse": {"orders", "createdBefore"},
    "GetOrderResponse2026": {"order"},
    "GetMarketplaceParticipationsResponse": {"payload"},
    "CreateRestrictedDataTokenResponse": {"restrictedDataToken", "expiresIn"},
    "ErrorList": {"errors"},
}
LEAF_TYPES = (str, int, float, bool)


def _models_directory() -> Path | None:
    named = os.environ.get("STRONGROOM_MODELS_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "spapi" / "models"
    return folder if folder.is_dir() else None


def _strict(value: Any) -> Any:
    """Return a Swagger schema as JSON schema that bars members the model does not have."""
    if isinstance(value, list):
        return [_strict(member) for member in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _strict(member) for name, member in value.items()}
    if isinstance(changed.get("properties"), dict) and changed.get("type") == "object":
        changed.setdefault("additionalProperties", False)
    return changed


def _check(models: Path | None, model: str, definition: str, document: dict[str, Any]) -> None:
    if models is None:
        known = REDUCED[
            definition + ("2026" if "2026" in model and definition == "GetOrderResponse" else "")
        ]
        assert known <= document.keys()
        assert all(leaf is not None and isinstance(leaf, LEAF_TYPES) for leaf in _leaves(document))
        return
    definitions = _strict(json.loads((models / model).read_bytes())["definitions"])
    schema = {"$ref": f"#/definitions/{definition}", "definitions": definitions}
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    jsonschema.Draft7Validator(schema, format_checker=checker).validate(document)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from _leaves(member)
    else:
        yield value


@pytest.fixture(params=["models", "reduced"])
def models(request: pytest.FixtureRequest) -> Path | None:
    """The folder of Amazon's models; absent for the reduced check, which always runs."""
    found = _models_directory() if request.param == "models" else None
    if request.param == "models" and found is None:
        pytest.skip("no folder of Amazon's models; the reduced check stands in")
    return found


@pytest.mark.parametrize("markers", [False, True])
def test_every_view_is_as_amazons_models_say(
    start: Start, models: Path | None, markers: bool
) -> None:
    simulator = start(orders=360, markers=markers)
    client = Client(simulator, simulator.seller("alpha"))
    query = {"MarketplaceIds": MARKETPLACES, "CreatedAfter": ALL_TIME}
    elements = ("buyerInfo", "shippingAddress", "buyerTaxInformation")
    lists = client.get(V0, client.restricted_token(V0, *elements), **query).json()
    _check(models, "ordersV0.json", "GetOrdersResponse", lists)
    search = client.get(V2026, createdAfter=ALL_TIME, includedData=EVERY_DATASET)
    _check(models, "orders_2026-01-01.json", "SearchOrdersResponse", search.json())

    # Newest and oldest: every status, and regulated orders among them.
    chosen = [order.order_id for order in client.simulator.orders("alpha")[:25]]
    chosen += [o.order_id for o in client.simulator.orders("alpha") if o.regulated][:3]
    generic = V0 + "/{orderId}"
    views = {
        "": ("GetOrderResponse", elements),
        "/orderItems": ("GetOrderItemsResponse", elements[:1]),
        "/address": ("GetOrderAddressResponse", ()),
        "/buyerInfo": ("GetOrderBuyerInfoResponse", ()),
        "/orderItems/buyerInfo": ("GetOrderItemsBuyerInfoResponse", ()),
        "/regulatedInfo": ("GetOrderRegulatedInfoResponse", ()),
    }
    for view, (definition, wanted) in views.items():
        token = client.restricted_token(generic + view, *wanted)
        for order_id in chosen:
            document = client.get(f"{V0}/{order_id}{view}", token).json()
            _check(models, "ordersV0.json", definition, document)


def test_small_answers_and_errors_are_as_amazons_models_say(
    start: Start, models: Path | None
) -> None:
    simulator = start()
    client = Client(simulator, simulator.seller("alpha"))
    participations = client.get("/sellers/v1/marketplaceParticipations").json()
    _check(models, "sellers.json", "GetMarketplaceParticipationsResponse", participations)
    token = client.restrict({"method": "GET", "path": V0 + "/{orderId}/address"}).json()
    _check(models, "tokens_2021-03-01.json", "CreateRestrictedDataTokenResponse", token)
    error = client.get(V0).json()
    _check(models, "tokens_2021-03-01.json", "ErrorList", error)
    for order in simulator.orders("alpha")[:25]:
        document = client.get(f"{V2026}/{order.order_id}", includedData=EVERY_DATASET).json()
        _check(models, "orders_2026-01-01.json", "GetOrderResponse", document)
