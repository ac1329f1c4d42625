"""Reading models as Amazon publishes them; their files are foreign input."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy.catalogue.checking import check
from strongroom.policy.catalogue.published import Free, Many, Object, Scalar, read


def one(schema, definitions=None, **operation):
    document = {
        "paths": {
            "/x": {
                "get": {
                    "operationId": "getX",
                    "responses": {"200": {"schema": schema}},
                    **operation,
                }
            }
        },
        "definitions": definitions or {},
    }
    (made,) = read("model", json.dumps(document))
    return made


def shape(schema, definitions=None):
    (made,) = one(schema, definitions).responses
    return made


def test_a_scalar_tells_its_limits():
    made = shape({"type": "string", "enum": ["A", "B"], "maxLength": 3, "pattern": "^[A-Z]$"})
    assert made == Scalar("string", ("A", "B"), 3, "^[A-Z]$")


def test_an_enumeration_without_a_type_is_a_string():
    assert shape({"enum": ["A"]}) == Scalar("string", ("A",))


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": {}},
        {"type": "object", "properties": {}},
    ],
)
def test_a_schema_that_says_nothing_is_free(schema):
    assert shape(schema) == Free()


def test_a_map_says_what_its_values_are():
    made = shape({"type": "object", "additionalProperties": {"type": "integer"}})
    assert (made.members, made.others) == ({}, [Scalar("integer")])


def test_parts_of_an_object_become_one():
    made = shape(
        {
            "allOf": [
                {"$ref": "#/definitions/A"},
                {"properties": {"b": {"type": "string"}}, "required": ["b"]},
            ]
        },
        {"A": {"$ref": "#/definitions/B"}, "B": {"properties": {"a": {"type": "boolean"}}}},
    )
    assert made.members == {"a": Scalar("boolean"), "b": Scalar("string")}
    assert made.required == {"b"}


def test_what_contains_itself_is_one_object():
    made = shape(
        {"$ref": "#/definitions/Tree"},
        {
            "Tree": {
                "properties": {"below": {"type": "array", "items": {"$ref": "#/definitions/Tree"}}}
            }
        },
    )
    assert isinstance(made, Object)
    assert isinstance(made.members["below"], Many)
    assert made.members["below"].items is made


def test_parameters_of_a_path_belong_to_each_of_its_operations():
    document = {
        "paths": {
            "/x/{id}": {
                "parameters": [{"in": "path", "name": "id", "type": "string"}],
                "get": {"operationId": "getX", "responses": {}},
                "delete": {"operationId": "deleteX", "responses": {}},
                "x-note": {"operationId": "none"},
            }
        }
    }
    made = read("model", json.dumps(document))
    assert [operation.id for operation in made] == ["model.getX", "model.deleteX"]
    assert all(operation.path_parameters == {"id": Scalar("string")} for operation in made)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b"{}",
        b'{"paths": []}',
        b'{"paths": {"/x": []}}',
        b'{"paths": {"/x": {"get": {}}}}',
        b'{"paths": {"/x": {"get": {"operationId": "x", "responses": []}}}}',
        b'{"paths": {"/x": {"get": {"operationId": "x", "responses": {}, "parameters": [3]}}}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_model_is_refused_by_name(text):
    with pytest.raises(ValueError, match=r"^model: no ") as caught:
        read("model", text)
    assert len(str(caught.value)) < 80


@pytest.mark.parametrize(
    "definitions",
    [
        {"A": {"$ref": "#/definitions/A"}},
        {"A": {"$ref": "#/definitions/B"}, "B": {"$ref": "#/definitions/A"}},
        {"A": {"allOf": [{"$ref": "#/definitions/A"}]}},
        {"A": {"type": "array", "items": {"$ref": "#/definitions/A"}}},
        {},
    ],
)
def test_a_definition_that_leads_nowhere_is_refused(definitions):
    with pytest.raises(ValueError, match=r"^[A-Za-z. ]+(\[\])*: "):
        shape({"$ref": "#/definitions/A"}, definitions)


def test_a_schema_nested_beyond_reason_is_refused():
    schema = {"type": "string"}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    with pytest.raises(ValueError, match="nested too deeply"):
        shape(schema)


_KEYS = st.sampled_from(
    [
        "$ref",
        "#ref",
        "type",
        "properties",
        "items",
        "allOf",
        "anyOf",
        "additionalProperties",
        "enum",
        "required",
        "maxLength",
        "A",
    ]
) | st.text(max_size=3)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=4)
    | st.sampled_from(["#/definitions/A", "object", "array", "string", "null"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(schema=_JSON, definitions=_JSON, parameters=_JSON)
def test_whatever_a_file_says_is_read_or_refused(schema, definitions, parameters):
    document = {
        "paths": {
            "/x": {
                "get": {
                    "operationId": "getX",
                    "parameters": parameters,
                    "responses": {"200": {"schema": schema}},
                }
            }
        },
        "definitions": definitions,
    }
    try:
        published = read("model", json.dumps(document))
    except ValueError:
        return
    # A rule file that knows nothing of it: found, never a crash.
    assert check((), published).operations == 1
