"""How long is kept what is no order: from the day it was first seen, or last [2.1]."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.errors import Gone
from strongroom.policy.kinds import KEPT
from strongroom.policy.retention import Progress
from strongroom.policy.sighting import Sighting
from strongroom.terms import Action, Category, Purpose, SellerId
from tests.vault.conftest import APP, COPY_LIFETIME, EMAIL, NAME, NOW, World, order

pytestmark = pytest.mark.clause("2.1")

KEPT_FOR = timedelta(days=30) - COPY_LIFETIME
DAY = timedelta(days=1)


def seen(kind: str, name: str = "Jürgen Groß", id_: str = "x-1") -> Sighting:
    return Sighting(kind, id_, {NAME: name}, KEPT[kind])


@pytest.mark.parametrize("kind", ["shipment", "call"])
def test_looking_again_does_not_keep_a_recipient_longer(world: World, kind: str) -> None:
    world.grant()
    (token,) = world.put(seen(kind))
    for days in range(5, 29, 6):
        assert world.put(seen(kind), now=NOW + days * DAY) == [token]
    assert world.read(token, NOW + KEPT_FOR - DAY) == "Jürgen Groß"
    with pytest.raises(Gone):
        world.read(token, NOW + KEPT_FOR)


def test_what_was_destroyed_is_not_stored_again(world: World) -> None:
    world.grant(days=89)
    (token,) = world.put(seen("shipment"))
    later = NOW + timedelta(days=31)
    for sweep in (False, True):
        if sweep:
            world.vault.sweep(later)
        (again,) = world.put(seen("shipment", "Anna"), now=later)
        assert again == token
        with pytest.raises(Gone):
            world.read(token, later)


def test_the_partners_own_data_is_kept_while_it_is_of_use(world: World) -> None:
    world.grant(days=89)
    (token,) = world.put(seen("location"))
    for days in (15, 28, 50):
        assert world.put(seen("location"), now=NOW + days * DAY) == [token]
        world.vault.sweep(NOW + days * DAY)
    last = NOW + 50 * DAY
    assert world.read(token, last + KEPT_FOR - DAY) == "Jürgen Groß"
    with pytest.raises(Gone):
        world.read(token, last + timedelta(days=30))
    world.vault.sweep(last + timedelta(days=31))
    # Seen anew, it is of use anew.
    (again,) = world.put(seen("location", "Anna"), now=last + timedelta(days=31))
    assert again == token


def test_the_same_id_of_another_kind_is_another_record(world: World) -> None:
    tokens = {
        world.put(sighting)[0] for sighting in (seen("shipment"), seen("location"), order("x-1"))
    }
    assert len(tokens) == 3


def test_a_search_finds_it_and_calls_it_no_order(world: World) -> None:
    world.grant(action=Action.SEARCH, categories=frozenset({Category.EMAIL}))
    world.put(Sighting("shipment", "x-1", {EMAIL: "anna@example.org"}, KEPT["shipment"]))
    (found,) = world.vault.find(
        APP, purpose=Purpose.FULFILMENT, now=NOW, sellers=[SellerId(1)], email="anna@example.org"
    )
    assert found.order is None


def test_every_kind_has_a_rule() -> None:
    assert {facts.status for facts in KEPT.values()} == {
        Progress.UNKNOWN,
        Progress.FIRST_SEEN,
        Progress.LAST_SEEN,
    }
    assert KEPT["order"].status is Progress.UNKNOWN
    assert (
        KEPT["seller"].status
        is KEPT["staff"].status
        is KEPT["location"].status
        is Progress.LAST_SEEN
    )
