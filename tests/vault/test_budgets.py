"""A grant's daily budget of records: counted at the door, by record, and never overdrawn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from strongroom.errors import Denied, Malformed
from strongroom.policy.sighting import Sighting
from strongroom.terms import Action, Category, Purpose, SellerId
from tests.vault.conftest import (
    APP,
    CITY,
    CONSOLE,
    EMAIL,
    LINE_1,
    NAME,
    NOW,
    World,
    order,
)

pytestmark = pytest.mark.clause("1.3")

DAY = timedelta(days=1)


def grant(
    world: World,
    budget: int | None,
    categories: frozenset[Category] = frozenset(Category),
    action: Action = Action.REVEAL,
) -> int:
    row = world.grants.add(
        CONSOLE,
        principal=APP.principal,
        action=action,
        purpose=Purpose.FULFILMENT,
        categories=categories,
        sellers=None,
        lifetime=timedelta(days=30),
        now=NOW,
        budget=budget,
    )
    return row.grant.id


def orders(count: int) -> list[Sighting]:
    return [order(f"902-1000001-{number:07}") for number in range(count)]


def test_the_record_beyond_the_budget_is_refused_and_recorded(world: World) -> None:
    tokens = world.put(*orders(3))
    grant(world, 2)
    assert [world.read(token) for token in tokens[:2]] == ["Jürgen Groß"] * 2
    with pytest.raises(Denied, match="budget_spent"):
        world.read(tokens[2])
    assert world.events()[-1] == ("vault.record.revealed", "denied", "budget_spent")
    # A record counts once a day, however many of its values are read.
    assert world.read(tokens[0]) == "Jürgen Groß"


def test_the_day_is_utcs(world: World) -> None:
    tokens = world.put(*orders(2))
    grant(world, 1)
    midnight = NOW.replace(hour=0) + DAY
    world.read(tokens[0])
    with pytest.raises(Denied):
        world.read(tokens[1], midnight - timedelta(microseconds=1))
    world.read(tokens[1], midnight)
    with pytest.raises(Denied):
        world.read(tokens[0], midnight)


def test_another_grant_is_used_when_the_first_ones_day_is_spent(world: World) -> None:
    tokens = world.put(*orders(3))
    first, second = grant(world, 1), grant(world, 1)
    world.read(tokens[0])
    world.read(tokens[1])
    with pytest.raises(Denied):
        world.read(tokens[2])
    used = [entry.body.get("dec") for entry in world.audit.events()]
    assert used[-3:] == [first, second, None]


def test_what_is_refused_or_gone_costs_nothing(world: World) -> None:
    kept, other = world.put(*orders(2))
    grant(world, 1, frozenset({Category.NAME}))
    for _ in range(3):
        with pytest.raises(Denied, match="wrong_purpose"):
            world.vault.reveal(APP, other, purpose=Purpose.TAX, now=NOW)
    with pytest.raises(Denied, match="wrong_category"):
        world.vault.reveal_order(
            APP,
            SellerId(1),
            "902-1000001-0000001",
            purpose=Purpose.FULFILMENT,
            categories=frozenset({Category.NAME, Category.ADDRESS}),
            now=NOW,
        )
    assert world.read(kept) == "Jürgen Groß"


def test_a_whole_order_is_one_record_of_each_grant_that_it_needs(world: World) -> None:
    world.put(*(order(f"902-1000001-{n:07}", {NAME: "A", LINE_1: "B", CITY: "C"}) for n in (1, 2)))
    name, address = (grant(world, 1, frozenset({c})) for c in (Category.NAME, Category.ADDRESS))

    def reveal(number: int) -> list[str]:
        found = world.vault.reveal_order(
            APP,
            SellerId(1),
            f"902-1000001-{number:07}",
            purpose=Purpose.FULFILMENT,
            now=NOW,
        )
        return sorted(str(value.value.unwrap()) for value in found)

    assert reveal(1) == reveal(1) == ["A", "B", "C"]
    events = [e.body for e in world.audit.events() if e.type == "vault.record.revealed"]
    assert [(b["dec"], b["pii"]) for b in events[:2]] == [(address, ["address"]), (name, ["name"])]
    with pytest.raises(Denied, match="budget_spent"):
        reveal(2)


def test_a_search_counts_what_it_finds(world: World) -> None:
    world.put(*(order(f"902-1000001-{n:07}", {NAME: "A", EMAIL: "a@example.com"}) for n in (1, 2)))
    grant(world, 1, action=Action.SEARCH)
    with pytest.raises(Denied, match="budget_spent"):
        world.vault.find(
            APP,
            purpose=Purpose.FULFILMENT,
            now=NOW,
            sellers=[SellerId(1)],
            email="a@example.com",
        )
    assert world.events()[-1] == ("vault.record.searched", "denied", "budget_spent")


def test_readers_at_once_never_share_the_last_place(world: World) -> None:
    """Eight threads, twelve records, a budget of five: five are read, seven refused."""
    tokens = world.put(*orders(12))
    grant(world, 5)

    def read(token: str) -> bool:
        try:
            world.read(token)
        except Denied:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(read, tokens))
    assert done.count(True) == 5
    told = [event for event in world.events() if event[0] == "vault.record.revealed"]
    assert sum(outcome == "success" for _, outcome, _ in told) == 5
    assert sum(reason == "budget_spent" for _, _, reason in told) == 7


def test_a_budget_is_a_positive_number(world: World) -> None:
    for budget in (0, -1):
        with pytest.raises(Malformed):
            grant(world, budget)
