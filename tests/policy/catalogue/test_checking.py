"""The catalogue against models: what the check finds, on a made-up model of ours."""

import copy
import json
import os
from pathlib import Path

import pytest

from strongroom.policy.catalogue import Catalogue
from strongroom.policy.catalogue.checking import Fault, check
from strongroom.policy.catalogue.published import read

ADDRESS = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 50},
        "email": {"type": "string", "maxLength": 64, "pattern": "^[^@]+@[^@]+$"},
        "latitude": {"type": "number"},
    },
}
MODEL = {
    "swagger": "2.0",
    "paths": {
        "/parcels/v1/parcels/{parcelId}": {
            "parameters": [{"in": "path", "name": "parcelId", "type": "string"}],
            "get": {
                "operationId": "getParcel",
                "parameters": [
                    {"in": "query", "name": "marketplaceId", "type": "string"},
                    {"in": "header", "name": "Accept-Language", "type": "string"},
                ],
                "responses": {
                    "200": {"schema": {"$ref": "#/definitions/GetParcelResponse"}},
                    "400": {"schema": {"$ref": "#/definitions/Unseen"}},
                },
            },
            "put": {
                "operationId": "putParcel",
                "parameters": [
                    {"in": "body", "name": "body", "schema": {"$ref": "#/definitions/Parcel"}}
                ],
                "responses": {"204": {"description": "done"}},
            },
        }
    },
    "definitions": {
        "GetParcelResponse": {
            "type": "object",
            "properties": {
                "payload": {"$ref": "#/definitions/Parcel"},
                "errors": {"type": "array", "items": {"$ref": "#/definitions/Error"}},
            },
        },
        "Parcel": {
            "allOf": [
                {"$ref": "#/definitions/Identified"},
                {
                    "properties": {
                        "to": {"$ref": "#/definitions/Address"},
                        "weights": {"type": "array", "items": {"type": "number"}},
                        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                        "inside": {
                            "type": "array",
                            "items": {"$ref": "#/definitions/Part"},
                        },
                        "extra": {"type": "object"},
                    }
                },
            ]
        },
        "Identified": {"type": "object", "properties": {"id": {"type": "string"}}},
        "Part": {
            "type": "object",
            "properties": {
                "sku": {"type": "string"},
                "parts": {"type": "array", "items": {"$ref": "#/definitions/Part"}},
            },
        },
        "Address": ADDRESS,
        "Error": {"type": "object", "properties": {"code": {"type": "string"}}},
    },
}
RULES = {
    "model": "parcels",
    "operations": {
        "getParcel": {
            "method": "GET",
            "path": "/parcels/v1/parcels/{parcelId}",
            "response": "GetParcelResponse",
            "subject": {"kind": "shipment", "at": "payload", "id": "id"},
            "parameters": {"marketplaceId": "public"},
            "path_parameters": {"parcelId": "business"},
            "headers": {"Accept-Language": "business"},
        },
        "putParcel": {
            "method": "PUT",
            "path": "/parcels/v1/parcels/{parcelId}",
            "body": "Parcel/request",
            "path_parameters": {"parcelId": "business"},
        },
    },
    "definitions": {
        "GetParcelResponse": {"payload": "Parcel", "errors": "errors"},
        "Parcel": {
            "id": "business",
            "to": "Address as recipient",
            "weights": "[] business number",
            "labels": "{} business",
            "inside": "[] Part",
            "extra": "business json",
        },
        "Part": {"sku": "business", "parts": "[] Part"},
        "Address": {
            "name": "pii .name",
            "email": "pii .email as email",
            "latitude": "pii .latitude number",
        },
        "Parcel/request": {
            "id": "business",
            "to": "Address/request",
            "weights": "[] business number",
            "labels": "{} business",
            "inside": "[] Part",
            "extra": "business json",
        },
        "Address/request": {
            "name": "pii @name",
            "email": "pii @email",
            "latitude": "pii @geo number",
        },
    },
}


@pytest.fixture
def model():
    return copy.deepcopy(MODEL)


@pytest.fixture
def rules():
    return copy.deepcopy(RULES)


def checked(rules, model, name="parcels"):
    return check(Catalogue.of([rules]).operations.values(), read(name, json.dumps(model)))


def found(rules, model):
    return {(f.fault, f.part, f.path) for f in checked(rules, model).findings}


@pytest.mark.clause("2.2")
def test_a_catalogue_that_says_all_of_a_model_has_no_finding(rules, model):
    result = checked(rules, model)
    assert result.findings == ()
    assert (result.models, result.operations) == (1, 2)
    # Parameters 4, answer and body 8 leaves each, what contains itself once; the list of errors is one more.
    assert result.leaves == 4 + 8 + 8 + 1


@pytest.mark.clause("2.2")
def test_a_leaf_without_a_rule_is_found_in_the_answer_and_not_elsewhere(rules, model):
    del rules["definitions"]["Address"]["email"]
    assert found(rules, model) == {(Fault.UNCLASSIFIED, "answer", "payload.to.email")}


@pytest.mark.clause("2.2")
def test_a_whole_object_without_a_rule_is_found_leaf_by_leaf(rules, model):
    del rules["definitions"]["Parcel"]["inside"]
    assert found(rules, model) == {(Fault.UNCLASSIFIED, "answer", "payload.inside[].sku")}


@pytest.mark.clause("2.2")
def test_a_leaf_of_a_request_without_a_rule_is_found(rules, model):
    del rules["definitions"]["Address/request"]["name"]
    assert found(rules, model) == {(Fault.UNCLASSIFIED, "body", "to.name")}


@pytest.mark.clause("2.2")
@pytest.mark.parametrize(
    ("table", "name", "part"),
    [
        ("parameters", "marketplaceId", "query"),
        ("headers", "Accept-Language", "header"),
    ],
)
def test_a_parameter_without_a_rule_is_found(rules, model, table, name, part):
    del rules["operations"]["getParcel"][table][name]
    ((fault, where, path),) = found(rules, model)
    assert (fault, where, path.lower()) == (Fault.UNCLASSIFIED, part, name.lower())


@pytest.mark.clause("2.2")
def test_a_rule_with_a_wrong_name_is_dead_and_leaves_its_leaf_without(rules, model):
    rules["definitions"]["Address"]["mail"] = rules["definitions"]["Address"].pop("email")
    assert found(rules, model) == {
        (Fault.DEAD, "answer", "payload.to.mail"),
        (Fault.UNCLASSIFIED, "answer", "payload.to.email"),
    }


@pytest.mark.clause("2.2")
def test_a_rule_that_matches_in_one_place_of_two_is_not_dead(rules, model):
    del model["paths"]["/parcels/v1/parcels/{parcelId}"]["put"]["parameters"][0]["schema"]["$ref"]
    model["paths"]["/parcels/v1/parcels/{parcelId}"]["put"]["parameters"][0]["schema"] = {
        "type": "object",
        "properties": {
            "inside": {"type": "array", "items": {"properties": {"sku": {"type": "string"}}}}
        },
    }
    rules["definitions"]["Parcel/request"] = {"inside": "[] Part"}
    del rules["definitions"]["Address/request"]
    assert found(rules, model) == set()


@pytest.mark.clause("2.2")
@pytest.mark.parametrize("name", ["parameters", "headers"])
def test_a_parameter_the_model_does_not_have_is_a_dead_rule(rules, model, name):
    rules["operations"]["getParcel"][name]["unheard"] = "business"
    assert {fault for fault, _, _ in found(rules, model)} == {Fault.DEAD}


@pytest.mark.clause("2.2")
@pytest.mark.parametrize(
    ("member", "rule"),
    [
        ("id", "business integer"),
        ("weights", "business number"),
        ("weights", "[] business"),
        ("labels", "[] business"),
        ("labels", "business"),
        ("inside", "{} Part"),
        ("to", "business"),
        ("id", "business json"),
    ],
)
def test_a_rule_of_another_type_than_the_models_is_found(rules, model, member, rule):
    rules["definitions"]["Parcel"][member] = rule
    if member == "to":
        del rules["definitions"]["Address"]
    assert {fault for fault, _, _ in found(rules, model)} == {Fault.TYPE}


@pytest.mark.clause("2.2")
@pytest.mark.parametrize(
    ("member", "leaf"),
    [("inside", "inside[].sku"), ("labels", "labels{}"), ("weights", "weights[]")],
)
def test_what_the_model_describes_may_not_pass_as_free_of_form(rules, model, member, leaf):
    rules["definitions"]["Parcel"][member] = "business json"
    assert found(rules, model) == {(Fault.UNCLASSIFIED, "answer", f"payload.{leaf}")}


@pytest.mark.clause("2.2")
def test_a_changed_type_in_the_model_is_found(rules, model):
    model["definitions"]["Identified"]["properties"]["id"]["type"] = "integer"
    assert found(rules, model) == {(Fault.TYPE, "answer", "payload.id"), (Fault.TYPE, "body", "id")}


@pytest.mark.clause("2.2")
@pytest.mark.parametrize(
    ("member", "limit"),
    [
        ("name", {"maxLength": 19}),
        ("name", {"pattern": "^[a-z]*$"}),
        ("name", {"enum": ["HOME", "WORK"]}),
        ("name", {"pattern": "("}),
        ("email", {"maxLength": 33}),
        ("email", {"pattern": r"\.[a-z]{2,5}$"}),
    ],
)
def test_a_limit_that_a_token_would_break_is_found(rules, model, member, limit):
    model["definitions"]["Address"]["properties"][member] = {"type": "string", **limit}
    # Requests have the same limit, but there Amazon never sees a token.
    assert found(rules, model) == {(Fault.LENGTH, "answer", f"payload.to.{member}")}


def test_limits_that_hold_a_token_exactly_are_none(rules, model):
    properties = model["definitions"]["Address"]["properties"]
    properties["name"]["maxLength"], properties["email"]["maxLength"] = 20, 34
    assert found(rules, model) == set()


def test_a_constant_fits_where_no_token_does(rules, model):
    model["definitions"]["Address"]["properties"]["name"]["maxLength"] = 14
    rules["definitions"]["Address"]["name"] = "pii .name as -"
    assert found(rules, model) == set()


def test_a_member_left_out_fits_where_it_is_not_required(rules, model):
    model["definitions"]["Address"]["properties"]["email"]["maxLength"] = 3
    rules["definitions"]["Address"]["email"] = "pii .email as omit"
    assert found(rules, model) == set()
    model["definitions"]["Address"]["required"].append("email")
    assert found(rules, model) == {(Fault.REQUIRED, "answer", "payload.to.email")}


@pytest.mark.clause("2.2")
def test_a_member_that_is_required_and_left_out_is_found(rules, model):
    model["definitions"]["Address"]["required"] = ["latitude"]
    assert found(rules, model) == {(Fault.REQUIRED, "answer", "payload.to.latitude")}
    rules["definitions"]["Address"]["latitude"] = "pii .latitude number as 0"
    assert found(rules, model) == set()


@pytest.mark.clause("2.2")
def test_operations_missing_and_too_many_are_found(rules, model):
    methods = model["paths"]["/parcels/v1/parcels/{parcelId}"]
    methods["post"] = methods.pop("put")
    assert {fault for fault, _, _ in found(rules, model)} >= {Fault.MISSING, Fault.EXTRA}


def test_models_that_are_not_given_are_not_missed(rules, model):
    other = copy.deepcopy(rules)
    other["model"] = "others"
    for operation in other["operations"].values():
        operation["path"] = operation["path"].replace("/parcels/v1", "/others/v1")
    assert (
        check(
            Catalogue.of([rules, other]).operations.values(), read("parcels", json.dumps(model))
        ).findings
        == ()
    )


def test_every_shape_of_a_successful_answer_is_compared(rules, model):
    answers = model["paths"]["/parcels/v1/parcels/{parcelId}"]["get"]["responses"]
    answers["202"] = {"schema": {"type": "object", "properties": {"state": {"type": "string"}}}}
    assert found(rules, model) == {(Fault.UNCLASSIFIED, "answer", "state")}


# Amazon's models are not ours to ship: where somebody names a folder of them, they are compared.
if AMAZONS := os.environ.get("STRONGROOM_TEST_MODELS"):

    @pytest.mark.clause("2.2")
    def test_the_catalogue_says_all_of_amazons_models():
        operations = [
            operation
            for file in sorted(Path(AMAZONS).glob("*.json"))
            for operation in read(file.stem, file.read_bytes())
        ]
        result = check(Catalogue.load().operations.values(), operations)
        assert result.findings == ()
        assert (result.models, result.operations) == (66, 370)
