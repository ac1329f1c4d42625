"""Several subjects in one answer, what identifies each, and every form that a rule gives its values."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from strongroom.errors import Malformed
from strongroom.gateway.transform import Call, Plan
from strongroom.policy.catalogue import Catalogue, spec_of
from tests.support.documents import placed

NAME, SHIP_FROM = 8, 40
CALL = Call("call", {"orderId": "902-1"}, {"page": "2"}, {"shipment": {"id": "s9"}, "n": 7})


def plan(subjects: Any, definitions: dict[str, dict[str, str]], response: str = "Root") -> Plan:
    entry = {"method": "GET", "path": "/x", "response": response, "subjects": subjects}
    model = {"model": "m", "operations": {"get": entry}, "definitions": definitions}
    return Plan(Catalogue.of([model]).operations["m.get"])


def read(
    made: Plan, document: Any, call: Call = CALL
) -> tuple[Any, list[tuple[str, str, Any]], Any]:
    """Return the changed document, (kind, id, slots) of each subject, and the drift."""
    found = made.extract(document, call)
    seen = [(sighting.kind, sighting.id, dict(sighting.slots)) for sighting in found.sightings]
    for _, _, slots in seen:
        assert all(isinstance(key, int) or spec_of(key) for key in slots)
    return made.replace(found, placed(found.sightings)), seen, list(found.drift)


def subject(kind: str, at: str, id_: str) -> dict[str, str]:
    return {"kind": kind, "at": at, "id": id_}


WHO = {"name": "pii recipient.name"}
SHIPMENTS = {
    "Root": {"shipments": "[] Shipment", "note": "business"},
    "Shipment": {"id": "business", "head": "Head", "to": "To", "origin": "Origin"},
    "Head": {"number": "business integer"},
    "To": WHO,
    "Origin": {"name": "pii ship_from.name"},
}


def test_the_innermost_subject_around_a_value_is_its_own() -> None:
    made = plan(
        [
            subject("shipment", "shipments[]", "id"),
            subject("location", "shipments[].origin", "@call"),
        ],
        SHIPMENTS,
    )
    shipments = [
        {"id": f"s{n}", "to": {"name": f"Jane {n}"}, "origin": {"name": f"Shop {n}"}}
        for n in (1, 2)
    ]
    _, seen, drift = read(made, {"shipments": shipments})
    assert seen == [
        ("location", "call-1", {SHIP_FROM: "Shop 1"}),
        ("shipment", "s1", {NAME: "Jane 1"}),
        ("location", "call-2", {SHIP_FROM: "Shop 2"}),
        ("shipment", "s2", {NAME: "Jane 2"}),
    ]
    assert drift == []


@pytest.mark.parametrize(
    ("id_", "found"),
    [
        ("id", "amzn1.ship.a/b"),
        ("head.number", "12"),
        ("{orderId}", "902-1"),
        ("{page}", "2"),
        ("{body.shipment.id}", "s9"),
        ("{body.n}", "7"),
        ("{body.missing.id}", "call-1"),
        ("{missing}", "call-1"),
        ("@self", "self"),
        ("@call", "call-1"),
    ],
)
def test_what_identifies_a_subject(id_: str, found: str) -> None:
    """It is a member, a value of the request, the selling partner, or nothing but the call."""
    definitions = {**SHIPMENTS, "Root": {"one": "Shipment"}}
    made = plan([subject("shipment", "one", id_)], definitions)
    one = {"id": "amzn1.ship.a/b", "head": {"number": 12}, "to": {"name": "Jane"}}
    _, seen, _ = read(made, {"one": one})
    assert seen == [("shipment", found, {NAME: "Jane"})]


@pytest.mark.parametrize("id_", [None, "", 1.5, True, ["x"], {"a": 1}, "a\nb", "x" * 257])
def test_without_a_usable_id_a_subject_stands_by_itself_and_nothing_is_lost(id_: object) -> None:
    made = plan([subject("shipment", "shipments[]", "id")], SHIPMENTS)
    shipments = [{"id": id_, "to": {"name": "Jane"}}, {"to": {"name": "Joe"}}]
    changed, seen, _ = read(made, {"shipments": shipments})
    found = [(kind, ident, slots[NAME]) for kind, ident, slots in seen]
    assert found == [("shipment", "call-1", "Jane"), ("shipment", "call-2", "Joe")]
    assert "Jane" not in repr(changed)


def test_an_order_without_a_valid_id_still_ends_the_request() -> None:
    made = plan([subject("order", "shipments[]", "id")], SHIPMENTS)
    for bad in ({}, {"id": "a b"}, {"id": None}):
        with pytest.raises(Malformed):
            made.extract({"shipments": [bad]}, CALL)
    with pytest.raises(Malformed):
        made.extract({"shipments": {"id": "1"}}, CALL)
    asked = plan([subject("order", "one", "{nobody}")], {**SHIPMENTS, "Root": {"one": "Shipment"}})
    with pytest.raises(Malformed):
        asked.extract({"one": {"to": {}}}, CALL)


def test_subjects_without_personal_values_leave_no_record() -> None:
    made = plan([subject("shipment", "shipments[]", "id")], SHIPMENTS)
    assert read(made, {"shipments": [{"id": "s1"}, {"id": "s2", "to": {"name": ""}}]})[1] == []


def test_unknown_strings_around_the_subjects_are_kept_with_the_call() -> None:
    made = plan([subject("shipment", "shipments[]", "id")], SHIPMENTS)
    changed, seen, drift = read(made, {"news": "Jane", "age": 5, "note": 3, "shipments": []})
    ((kind, ident, slots),) = seen
    assert (kind, ident, list(slots.values())) == ("call", "call-1", ["Jane"])
    assert changed == {"news": changed["news"], "shipments": []}
    assert {found.kind for found in drift} == {"unknown_leaf", "wrong_type"}


@pytest.mark.parametrize(
    ("subjects", "definitions", "why"),
    [
        (
            [subject("shipment", "nowhere", "@call")],
            {"Root": {"a": "business"}},
            "no subject stands",
        ),
        ([subject("shipment", "shipments[]", "missing")], SHIPMENTS, "has no missing"),
        ([subject("shipment", "shipments[]", "head")], SHIPMENTS, "has no head"),
        ([subject("seller", "shipments[]", "@self")], SHIPMENTS, "one fixed slot"),
        ([subject("shipment", "shipments[]", "{orderId}")], SHIPMENTS, "one fixed slot"),
        (
            [subject("seller", "list[]", "@self")],
            {
                "Root": {"list": "[] Part"},
                "Part": {"in": "[] Item as item:{}"},
                "Item": {"g": "pii .gift_message"},
            },
            "positions begin anew",
        ),
        (
            [subject("seller", "", "@self")],
            {"Root": {"in": "[] Root as item:{}", "g": "business"}},
            "positions begin anew",
        ),
        (
            [subject("seller", "in[].in[]", "@self")],
            {"Root": {"in": "[] Root"}},
            "no subject stands at",
        ),
    ],
)
def test_subjects_that_would_mix_values_do_not_compile(
    subjects: Any, definitions: Any, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        plan(subjects, definitions)


# -- forms --


def test_a_root_list_has_a_subject_for_each_element() -> None:
    definitions = {name: rules for name, rules in SHIPMENTS.items() if name != "Root"}
    made = plan([subject("shipment", "[]", "id")], definitions, "[] Shipment")
    shipments = [{"id": "s1", "to": {"name": "Jane"}}, {"id": "s2", "to": {"name": "Joe"}}, "odd"]
    changed, seen, _ = read(made, shipments)
    assert [slots.get(NAME) for _, _, slots in seen] == ["Jane", "Joe", None]
    assert (len(changed), "odd" in changed) == (3, False)
    with pytest.raises(Malformed):
        made.extract({"id": "s1"}, CALL)


@pytest.mark.parametrize(
    ("rule", "document", "changed"),
    [
        ("business", "done", "done"),
        ("[] business", ["a", 5, "b"], ["a", "b"]),
        ("{} business", {"a": "b", "a b": "c", "d": 1}, {"a": "b"}),
        ("[] [] business number", [[1, 2.5], ["x"], 3, []], [[1, 2.5], [None], []]),
        ("business json", {"any thing": [1, {"ä": None}]}, {"any thing": [1, {"ä": None}]}),
    ],
)
def test_values_of_any_form_pass_where_their_rule_says_so(
    rule: str, document: Any, changed: Any
) -> None:
    made = plan([], {}, rule)
    shown, _, drift = read(made, copy.deepcopy(document))
    shown = (
        [[None if isinstance(v, str) else v for v in row] for row in shown]
        if "[] []" in rule
        else shown
    )
    assert shown == changed
    assert bool(drift) is (shown != document)


def test_personal_values_in_lists_and_objects_of_any_keys_have_slots_of_their_own() -> None:
    made = plan(
        [subject("shipment", "", "@call")],
        {
            "Root": {"parcels": "{} Parcel as package_item:{}", "many": "{} [] Item as item:{}"},
            "Parcel": {"codes": "{} [] pii .transparency_code:{}"},
            "Item": {"serials": "{} pii .serial_number:{}"},
        },
    )
    document = {
        "parcels": {
            n: {"codes": {"x": [f"{n}1", f"{n}2"], "y": [f"{n}3"]}} for n in ("one", "two")
        },
        "many": {n: [{"serials": {"a": f"{n}{i}"}} for i in range(2)] for n in ("red", "blue")},
    }
    changed, ((_, _, slots),), drift = read(made, document)
    assert (len(slots), len(set(slots)), drift) == (10, 10, [])
    tokens = [value for value in str(changed).split("'") if value.startswith("ST")]
    assert len(set(tokens)) == 10
    assert list(changed["parcels"]) == ["one", "two"]


# -- definitions that contain themselves --

TREE = {
    "Root": {"id": "business", "branches": "[] Branch as item:{id}"},
    "Branch": {
        "id": "business",
        "amount": "business number",
        "message": "pii .gift_message",
        "branches": "[] Branch as item:*-{}",
        "other": "Leafage",
    },
    "Leafage": {"back": "Branch as item:*"},
}


def test_a_definition_that_contains_itself_is_read_to_its_end() -> None:
    made = plan([subject("transaction", "", "id")], TREE)
    inner = {"message": "c", "branches": [{"message": "d", "new": "e", "amount": "f"}]}
    outer = {"id": "b1", "message": "a", "amount": 1.5, "branches": [{"message": "b"}, inner]}
    changed, ((kind, ident, slots),), drift = read(made, {"id": "t1", "branches": [outer]})
    assert (kind, ident) == ("transaction", "t1")
    assert {str(value) for value in slots.values()} == set("abcde")
    assert slots["item:b1.gift_message"] == "a"
    assert slots["item:b1-1-0.gift_message"] == "d"
    assert "'amount': 1.5" in str(changed)
    # However deep it stands, it is one place of the model.
    assert {found.path for found in drift} == {"branches[].new", "branches[].amount"}


def test_it_is_read_no_deeper_than_a_bound() -> None:
    made = plan([subject("transaction", "", "id")], TREE)
    document: dict[str, Any] = {"message": "x"}
    for _ in range(80):
        document = {"branches": [document]}
    with pytest.raises(Malformed, match="nested too deeply"):
        made.extract(document, CALL)
