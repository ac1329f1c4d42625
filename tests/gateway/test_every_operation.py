"""Every operation of every model, from its own rules: exactly what is personal goes, and exactly tokens come back."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
import pytest

from strongroom.crypto.token import looks_like_token
from strongroom.gateway.answers import Refusal
from strongroom.gateway.extraction import Call
from strongroom.gateway.lwa import Pass
from strongroom.gateway.outgoing import Asking, Outgoing
from strongroom.gateway.transform import Plan
from strongroom.policy.catalogue import Catalogue, Class, Leaf, Operation, Render, Type
from strongroom.terms import (
    Action,
    Caller,
    Category,
    Environment,
    Plaintext,
    Purpose,
    RecordNumber,
    SellerId,
)
from strongroom.vault import Revealed
from tests.support import tables
from tests.support.generated import Filled, Maker, at, is_absent, marks, put
from tests.vault.conftest import APP, NOW, World, created

CATALOGUE = Catalogue.load()
MODELS: dict[str, list[Operation]] = defaultdict(list)
for known in CATALOGUE.operations.values():
    MODELS[known.model].append(known)

_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
TOKENS = {
    category: f"ST0000000000{letter * 8}"
    for category, letter in zip(Category, _LETTERS, strict=False)
}
_NO_TOKEN = {Render.CONSTANT, Render.OMIT}
VALUES = {token: f"value-of-{category}" for category, token in TOKENS.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("home")
    made = created(World(home, *(tables.copy_to(home / name) for name in ("vault.db", "keys.db"))))
    yield made
    made.close()


class Table:
    """Stands for the vault on the way out: knows one token of each category."""

    def reveal(
        self,
        caller: Caller,
        token: str,
        *,
        purpose: Purpose,
        now: datetime,
        action: Action,
        seller: SellerId,
        req: str,
    ) -> Revealed:
        assert (caller, purpose, now, action, req) == (APP, Purpose.TAX, NOW, Action.RELAY, "r-1")
        category = next(c for c, known in TOKENS.items() if known == token)
        value = Plaintext(VALUES[token])
        return Revealed(token, "x", category, seller, RecordNumber(1), value)


def asking(operation: Operation) -> Asking:
    return Asking(Pass(APP, SellerId(1), 1), operation, Purpose.TAX, NOW, "r-1")


def shown_to(operation: Operation) -> Call:
    """Make the call that an answer belongs to, with every id its subjects ask for."""
    names = [subject.asked for subject in operation.subjects if subject.asked]
    body: dict[str, Any] = {}
    for name in names:
        holder = body
        *outer, last = name.removeprefix("body.").split(".")
        for step in outer:
            holder = holder.setdefault(step, {})
        holder[last] = "asked-1"
    return Call("call", dict.fromkeys(names, "asked-1"), {}, body)


def sealed(world: World, operation: Operation, document: Any) -> tuple[Any, Any]:
    """Return what an app would get of a document, and what was found in it."""
    plan = Plan(operation)
    found = plan.extract(document, shown_to(operation))
    placed = world.vault.put(
        SellerId(1), found.sightings, caller=APP, op=operation.id, now=NOW, drift=found.drift
    )
    changed = plan.replace(found, placed)
    return orjson.loads(orjson.dumps(changed)), found


def bare(value: str) -> str:
    """Return the token in a rendering of one."""
    return value.removeprefix("https://token.invalid/").partition("@")[0].upper()


@pytest.mark.clause("2.2")
@pytest.mark.parametrize("model", sorted(MODELS))
def test_exactly_the_personal_values_of_every_answer_are_gone(world: World, model: str) -> None:
    for operation in MODELS[model]:
        rule = operation.response
        if rule is None:
            continue
        original, filled = Maker().document(rule)
        changed, found = sealed(world, operation, copy.deepcopy(original))
        left, kept = (
            json.dumps(changed),
            json.dumps([list(s.slots.values()) for s in found.sightings]),
        )
        # Layouts that are known by then give the same.
        again, _ = sealed(world, operation, copy.deepcopy(original))
        assert found.drift == [], operation.id
        for one in filled:
            where = operation.id, one.place
            now = at(changed, one.place)
            if one.rule.class_ is Class.PII:
                check_gone(one, now, left, where)
                assert all(mark in kept for mark in marks(one.value)), where
            elif one.rule.class_ is Class.ERRORS:
                assert not any(mark in left for mark in marks(one.value)), where
            else:
                assert now == one.value, where
                assert type(now) is type(one.value), where
            same = at(again, one.place)
            # What only the call identifies has another record each time.
            assert is_absent(same) == is_absent(now), where
            assert type(same) is type(now), where


def check_gone(one: Filled, now: Any, left: str, where: object) -> None:
    assert not any(f'"{mark}"' in left for mark in marks(one.value)), where
    if one.rule.clear:
        assert now == one.value, where
    elif one.rule.render is Render.CONSTANT:
        assert now == one.rule.constant, where
    elif one.rule.type is Type.STRING and one.rule.render is not Render.OMIT:
        assert looks_like_token(bare(now)) or now.startswith("fd"), where
    else:
        assert is_absent(now), where


@pytest.mark.parametrize("model", sorted(MODELS))
def test_no_two_values_of_an_answer_share_a_token(world: World, model: str) -> None:
    """One slot for two values would lose one of them."""
    for operation in MODELS[model]:
        if operation.response is None:
            continue
        original, filled = Maker().document(operation.response)
        changed, _ = sealed(world, operation, original)
        seen: dict[str, object] = {}
        for one in filled:
            tokens = one.rule.class_ is Class.PII and one.rule.type is Type.STRING
            if tokens and not one.rule.clear and one.rule.render not in _NO_TOKEN:
                token = at(changed, one.place)
                assert token not in seen, (operation.id, one.place, seen[token])
                seen[token] = one.place


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("model", sorted(MODELS))
def test_exactly_the_tokens_of_every_request_are_put_back(model: str) -> None:
    outgoing = Outgoing(Table(), bytes(32), Environment.TEST)  # type: ignore[arg-type]
    for operation in MODELS[model]:
        if operation.body is None:
            continue
        document, filled = Maker().document(operation.body)
        for one in filled:
            if takes_token(one.rule):
                document = put(document, one.place, with_tokens(one))
        sent = outgoing.body(asking(operation), orjson.dumps(document))
        assert sent is not None
        written = orjson.loads(sent)
        for one in filled:
            wanted = one.value
            if takes_token(one.rule) and one.rule.category is not None:
                value = VALUES[TOKENS[one.rule.category]]
                wanted = {"any": [value]} if one.rule.type is Type.JSON else value
            assert at(written, one.place) == wanted, (operation.id, one.place)


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_token_anywhere_else_in_a_request_is_refused(model: str) -> None:
    outgoing = Outgoing(Table(), bytes(32), Environment.TEST)  # type: ignore[arg-type]
    token = TOKENS[Category.NAME]
    tried: set[int] = set()
    for operation in MODELS[model]:
        call = asking(operation)
        if operation.body is not None:
            document, filled = Maker(repeats=1, deepest=1).document(operation.body)
            for one in filled:
                right = one.rule.class_ is Class.PII and one.rule.category is Category.NAME
                # One member of one definition, wherever that stands, is one rule.
                if not right and id(one.rule) not in tried:
                    tried.add(id(one.rule))
                    spoilt = put(document, one.place, token)
                    with pytest.raises(Refusal):
                        outgoing.body(call, orjson.dumps(spoilt))
                    document = put(document, one.place, one.value)
            for unknown in ({"new": token}, {token: "x"}):
                if isinstance(document, dict):
                    with pytest.raises(Refusal):
                        outgoing.body(call, orjson.dumps({**document, **unknown}))
        for name, rule in operation.parameters.items():
            with_token(outgoing, operation, rule, lambda n=name: f"{n}={token}".encode())
        for name, rule in operation.path_parameters.items():
            given = dict.fromkeys(operation.path_parameters, "a") | {name: token}
            if takes_token(rule):
                continue
            with pytest.raises(Refusal):
                outgoing.values(call, given)


def with_token(outgoing: Outgoing, operation: Operation, rule: Leaf, query: Any) -> None:
    if takes_token(rule):
        return
    with pytest.raises(Refusal):
        outgoing.query(asking(operation), query())


def takes_token(rule: Leaf) -> bool:
    return rule.class_ is Class.PII and rule.type in (Type.STRING, Type.JSON)


def with_tokens(one: Filled) -> Any:
    assert one.rule.category is not None
    token = TOKENS[one.rule.category]
    return {"any": [token]} if one.rule.type is Type.JSON else token
