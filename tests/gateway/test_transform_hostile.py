"""Whatever Amazon's side sends, an app gets business of its declared type, tokens, or nothing."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import Malformed
from strongroom.gateway.transform import Plan
from strongroom.policy.catalogue import Branch, Catalogue, Class, Leaf, Type, spec_of
from tests.support import models
from tests.support.documents import full_document, placed

CATALOGUE = Catalogue.load()
FACTS = models.known_facts()
READS = sorted(name for name, parts in FACTS.items() if parts["response"])
PLANS = {name: Plan(CATALOGUE.operations[name]) for name in READS}


def tokenize(name, document):
    found = PLANS[name].extract(document)
    return PLANS[name].replace(found, placed(found.sightings)), found


LEAK = "LEAK"
hostile_text = st.text(max_size=8).map(lambda text: LEAK + text)
hostile_number = st.integers(10**12, 10**13) | st.floats(1e12, 1e13)
hostile_key = st.sampled_from(
    ["Name", "ShippingAddress", "Novelty", "Jane Doe", "a@b", "payload", "orderId", "OrderItems"]
)
hostile = st.recursive(
    st.none() | hostile_text | hostile_number | st.booleans() | st.just(""),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(hostile_key, inner, max_size=4),
    max_leaves=12,
)
# An answer whose strings are all business as usual, to be spoiled in some places.
GOOD = {name: full_document(FACTS[name]["response"]) for name in READS}


def containers(value):
    if isinstance(value, (dict, list)):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


@st.composite
def spoiled(draw):
    name = draw(st.sampled_from(READS))
    document = copy.deepcopy(GOOD[name])
    for _ in range(draw(st.integers(1, 6))):
        places = list(containers(document))
        holder = places[draw(st.integers(0, len(places) - 1))]
        bad = draw(hostile)
        if isinstance(holder, dict):
            key = draw(st.sampled_from(sorted(holder)) if holder else hostile_key)
            holder[draw(st.just(key) | hostile_key)] = bad
        elif holder:
            holder[draw(st.integers(0, len(holder) - 1))] = bad
        else:
            holder.append(bad)
    return name, document


def assert_clean(value, rule, path=""):
    """Check without the plan's help: all that is left is business of its own type, a token, or nothing."""
    if isinstance(rule, Branch) and rule.wraps and isinstance(value, list):
        for element in value:
            assert_clean(element, Branch(rule.node), f"{path}[]")
    elif isinstance(rule, Branch) and not rule.wraps and isinstance(value, dict):
        for key, inner in value.items():
            assert_clean(inner, rule.node.members.get(key), f"{path}.{key}")
    elif isinstance(rule, Leaf) and rule.wraps and isinstance(value, list):
        for element in value:
            assert_clean(element, Leaf(rule.class_, rule.type), f"{path}[]")
    elif isinstance(rule, Leaf) and rule.class_ in (Class.PUBLIC, Class.BUSINESS, Class.CURSOR):
        allowed = {
            Type.STRING: (str,),
            Type.INTEGER: (int,),
            Type.NUMBER: (int, float),
            Type.BOOLEAN: (bool,),
        }[rule.type]
        assert value is None or type(value) in allowed or is_shut(value), path
    elif isinstance(rule, Leaf) and rule.class_ is Class.ERRORS:
        assert LEAK not in json.dumps(value), path
    else:
        assert is_shut(value) or (isinstance(rule, Leaf) and rule.clear and value == "DE"), path


def is_shut(value):
    """Say whether a value holds tokens, nulls and plain keys only."""
    if isinstance(value, dict):
        return all(key.isidentifier() and key.isascii() and is_shut(v) for key, v in value.items())
    if isinstance(value, list):
        return all(map(is_shut, value))
    if not isinstance(value, str):
        return value is None
    token = value.removeprefix("https://token.invalid/").removesuffix("@token.invalid").upper()
    return value == "" or (len(token) == 20 and token.startswith("ST"))


@pytest.mark.clause("2.2")
@given(spoiled())
def test_whatever_amazon_sends_nothing_unknown_passes(case):
    name, document = case
    try:
        changed, found = tokenize(name, document)
    except Malformed:
        return
    assert_clean(changed, CATALOGUE.operations[name].response)
    for sighting in found.sightings:
        assert all(isinstance(key, int) or spec_of(key) for key in sighting.slots)
    assert LEAK not in repr(found.drift)


@given(st.sampled_from(READS), hostile)
def test_any_json_is_shut_or_malformed(name, document):
    try:
        changed, _ = tokenize(name, document)
    except Malformed:
        return
    assert_clean(changed, CATALOGUE.operations[name].response)
