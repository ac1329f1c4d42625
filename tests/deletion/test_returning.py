"""A return: everything in the scope as a sealed package, under a grant and after its events, and then it is gone."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from hashlib import sha256

import pytest
from tests.support.noticed import ADA, BOB, DONE, NOBODY, Desk, fill, id_of
from tests.vault.conftest import EMAIL, NAME, NOW, World, order

from strongroom.crypto.age import Identities, new_identity
from strongroom.errors import Denied, Gone, Malformed
from strongroom.policy.deletion import Asked
from strongroom.terms import Action, Purpose

pytestmark = pytest.mark.clause("1.7")

LONG = "label " * 5000


def opened(sealed: bytes, identity: str) -> list[dict[str, object]]:
    target = io.BytesIO()
    Identities([identity]).open(io.BytesIO(sealed), target)
    return [json.loads(line) for line in target.getvalue().splitlines()]


def test_a_return_is_a_sealed_package_and_then_a_deletion(world: World) -> None:
    identity, recipient = new_identity()
    world.put(
        order(id_of(1), {NAME: "Ärger", EMAIL: "a@buyers.example", 30: LONG}),
        order(id_of(2)),
    )
    world.vault.plant(ADA, 1, 1, NOW)  # type: ignore[arg-type]
    tokens = fill(world, 1, first=3)
    world.grant()
    world.grant(ADA, action=Action.EXPORT, purpose=Purpose.AMAZON_REQUEST)
    desk = Desk(world)
    number = desk.register(asked=Asked.RETURN)
    desk.agree(number, recipients=[recipient])
    ran = desk.run(number)
    package = world.directory / "returned" / f"notice-{number}.age"
    sealed = package.read_bytes()
    assert package.stat().st_mode & 0o777 == 0o600
    step = ran.step("package")
    assert step is not None
    assert step.content == {
        "sha256": sha256(sealed).hexdigest(),
        "records": 3,
        "bytes": len(sealed),
    }
    lines = opened(sealed, identity)
    assert [line["subject"] for line in lines] == [id_of(n) for n in (1, 2, 3)], "no canary"
    assert lines[0]["values"]["buyer.email"] == "a@buyers.example"  # type: ignore[index]
    assert LONG in lines[0]["values"].values()  # type: ignore[attr-defined]
    with pytest.raises(Gone):
        world.read(tokens[0], now=DONE)
    revealed = [
        entry.body
        for entry in world.audit.events()
        if entry.type == "vault.record.revealed" and entry.body.get("purpose") == "amazon_request"
    ]
    assert [(body["outcome"], body["n"], body["req"]) for body in revealed] == [
        ("success", 3, "run-1")
    ]
    left = [entry.body for entry in world.audit.events() if entry.type == "egress.delivered"]
    assert [(body["n"], body["req"]) for body in left] == [(3, "run-1")]
    verified = desk.notices.verify(number, BOB, DONE)
    assert verified.lacks == ["package can't be read from here, and nobody answers for it"]
    package.unlink()
    assert desk.notices.verify(number, BOB, DONE).lacks == []


@pytest.mark.clause("1.3")
def test_nobody_returns_anything_without_a_grant_to_export_it(world: World) -> None:
    tokens = fill(world, 1)
    world.grant()
    # Another purpose, or another action, is not enough.
    world.grant(ADA, action=Action.EXPORT)
    world.grant(ADA, purpose=Purpose.AMAZON_REQUEST)
    desk = Desk(world)
    number = desk.register(asked=Asked.RETURN)
    desk.agree(number, recipients=[new_identity()[1]])
    with pytest.raises(Denied):
        desk.run(number)
    assert not (world.directory / "returned" / f"notice-{number}.age").exists()
    assert world.read(tokens[0]) == "Jürgen Groß"
    refused = [e.body for e in world.audit.events() if e.type == "vault.record.revealed"][-2:]
    assert refused[0]["reason"] == "wrong_purpose" or refused[0]["outcome"] == "denied"


def test_a_return_names_who_opens_it_and_a_deletion_nobody(world: World) -> None:
    desk = Desk(world)
    returned = desk.register(asked=Asked.RETURN)
    with pytest.raises(Malformed):
        desk.notices.plan(returned, (), (), ADA, NOW)
    with pytest.raises(Malformed):
        desk.notices.plan(returned, ("age1none",), (), ADA, NOW)
    deleted = desk.notices.register(
        Asked.DELETION, "A", desk.notices.one(returned).scope, NOBODY, NOW, ADA, NOW
    )
    with pytest.raises(Malformed):
        desk.notices.plan(deleted.id, (new_identity()[1],), (), ADA, NOW + timedelta(hours=1))
