"""Values too long for a record lie beside it, sealed under its key, and share its fate."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from strongroom.db import schema
from strongroom.errors import Gone, Malformed, Tampered
from strongroom.policy.retention import Progress
from strongroom.policy.sighting import Sighting
from strongroom.terms import Action, Category, Purpose, SellerId
from strongroom.vault import large
from strongroom.vault.arrivals import Arrivals
from tests.vault.conftest import APP, CITY, COPY_LIFETIME, EMAIL, NAME, NOW, World, order

LABEL = "shipment:s1.label"
OTHER = "shipment:s2.label"
SHOWN = "JVBERi0" * 100_000
DOCUMENT = frozenset({Category.DOCUMENT})


def stored(world: World) -> list[tuple[int, int, bytes]]:
    table = schema.record_value
    with world.database.read() as tx:
        rows = tx.execute(sa.select(table.c.record_number, table.c.slot, table.c.sealed))
        return [(number, slot, bytes(sealed)) for number, slot, sealed in rows]


def put(world: World, **labels: str) -> list[str]:
    slots = {"s1": LABEL, "s2": OTHER}
    sighting = order(slots={slots[name]: value for name, value in labels.items()})
    (placed,) = world.vault.put(SellerId(1), [sighting], caller=APP, op="test.operation", now=NOW)
    return [placed.token(slots[name]) for name in labels]


@pytest.mark.clause("2.4")
def test_a_label_comes_back_whole_and_does_not_lie_in_the_record(world: World) -> None:
    world.grant(categories=DOCUMENT)
    (token,) = put(world, s1=SHOWN)

    revealed = world.vault.reveal(APP, token, purpose=Purpose.FULFILMENT, now=NOW)

    assert revealed.value.unwrap() == SHOWN
    assert revealed.slot == LABEL
    with world.database.read() as tx:
        (blob,) = tx.execute(sa.select(schema.record.c.blob)).scalars()
    assert len(blob) < 1000
    ((_number, _slot, sealed),) = stored(world)
    assert b"JVBERi0" not in sealed
    assert len(sealed) == len(SHOWN) + 29


def test_another_view_of_the_order_leaves_the_label_as_it_lies(world: World) -> None:
    world.grant()
    put(world, s1=SHOWN)
    before = stored(world)

    world.put(order(slots={NAME: "Jürgen Groß", CITY: "Köln"}))
    (token,) = put(world, s1=SHOWN)

    assert stored(world) == before
    assert world.read(token) == SHOWN


def test_a_newer_label_replaces_the_older_and_a_short_one_too(world: World) -> None:
    world.grant()
    put(world, s1=SHOWN, s2=SHOWN)

    newer, other = put(world, s1=SHOWN + "AAAA", s2="^XA^XZ")

    assert world.read(newer) == SHOWN + "AAAA"
    assert world.read(other) == "^XA^XZ"
    assert len(stored(world)) == 1


def test_a_whole_order_comes_with_its_label(world: World) -> None:
    world.grant()
    put(world, s1=SHOWN)

    found = world.vault.reveal_order(
        APP, SellerId(1), order().id, purpose=Purpose.FULFILMENT, now=NOW, categories=DOCUMENT
    )

    assert [(value.slot, value.value.unwrap()) for value in found] == [(LABEL, SHOWN)]


@pytest.mark.clause("2.1")
def test_a_label_goes_with_its_order(world: World) -> None:
    world.grant()
    (token,) = put(world, s1=SHOWN)
    world.put(order(status=Progress.SHIPPED, shipped=NOW))
    assert world.read(token) == SHOWN

    later = NOW + timedelta(days=31)
    world.grant(now=later)
    with pytest.raises(Gone):
        world.read(token, now=later)
    world.vault.sweep(later)

    assert stored(world) == []
    with pytest.raises(Gone):
        world.read(token, now=later)


@pytest.mark.clause("2.1")
def test_a_cancelled_order_takes_its_label_along_at_once(world: World) -> None:
    put(world, s1=SHOWN)

    world.put(order(status=Progress.CANCELLED))

    assert stored(world) == []


@pytest.mark.clause("2.1")
def test_an_undelivered_order_moves_on_with_its_label(world: World) -> None:
    world.grant()
    (token,) = put(world, s1=SHOWN)
    before = stored(world)

    later = NOW + timedelta(days=8)
    world.vault.sweep(later)
    world.grant(now=later)

    revealed = world.vault.reveal(APP, token, purpose=Purpose.FULFILMENT, now=later)
    assert revealed.value.unwrap() == SHOWN
    assert stored(world) == before


@pytest.mark.clause("2.4")
def test_a_value_put_back_from_an_older_copy_does_not_open(world: World) -> None:
    world.grant()
    put(world, s1=SHOWN)
    ((number, slot, old),) = stored(world)
    (token,) = put(world, s1=SHOWN + "AAAA")

    table = schema.record_value
    with world.database.write() as tx:
        here = sa.and_(table.c.record_number == number, table.c.slot == slot)
        tx.execute(table.update().where(here).values(sealed=old))

    with pytest.raises(Tampered) as caught:
        world.read(token)
    assert "JVBERi0" not in str(caught.value)
    assert world.events()[-1] == ("vault.record.tampered", "error", "tampered")


@pytest.mark.clause("2.4")
@pytest.mark.parametrize("how", ["swapped", "missing"])
def test_a_value_of_another_place_does_not_open(world: World, how: str) -> None:
    world.grant()
    first, second = put(world, s1=SHOWN, s2=SHOWN + "AAAA")

    table = schema.record_value
    with world.database.write() as tx:
        if how == "missing":
            tx.execute(table.delete())
        else:
            for slot, moved in ((128, 999), (129, 128), (999, 129)):
                tx.execute(table.update().where(table.c.slot == slot).values(slot=moved))

    for token in (first, second):
        with pytest.raises(Tampered):
            world.read(token)


def test_a_value_that_looks_like_a_reference_is_only_a_value(world: World) -> None:
    world.grant()
    put(world, s1=SHOWN)
    posing = large.reference(SHOWN)

    (token,) = put(world, s2=posing)

    assert world.read(token) == posing


def test_what_is_too_long_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGEST", 20_000)

    with pytest.raises(Malformed, match="more than 20000 bytes") as caught:
        put(world, s1=SHOWN)

    assert "JVBERi0" not in str(caught.value)
    assert stored(world) == []


def put_many(world: World, *sightings: Sighting) -> list[str]:
    placed = world.vault.put(SellerId(1), sightings, caller=APP, op="test.operation", now=NOW)
    return [place.token(LABEL) for place in placed]


@pytest.mark.parametrize(
    ("first", "last", "beside"),
    [
        (SHOWN, SHOWN + "AAAA", 1),
        ("\0x", "\0y", 1),
        (SHOWN, "^XA^XZ", 0),
        ("^XA^XZ", SHOWN, 1),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_of_an_order_shown_twice_in_one_document_the_last_label_stands(
    world: World, first: str, last: str, beside: int, *, known: bool
) -> None:
    world.grant()
    if known:
        put(world, s1=SHOWN + "BBBB")

    token, _same = put_many(world, order(slots={LABEL: first}), order(slots={LABEL: last}))

    assert world.read(token) == last
    assert len(stored(world)) == beside


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("known", [False, True])
def test_a_label_of_an_order_cancelled_in_the_same_document_is_not_kept(
    world: World, *, known: bool
) -> None:
    if known:
        put(world, s1=SHOWN)

    put_many(
        world,
        order(slots={LABEL: SHOWN + "AAAA"}),
        order(slots={LABEL: SHOWN}, status=Progress.CANCELLED),
    )

    assert stored(world) == []


def test_an_order_that_dies_and_lives_again_in_one_document_keeps_what_came_last(
    world: World,
) -> None:
    world.grant()
    put(world, s1=SHOWN)

    *_, token = put_many(
        world,
        order(slots={LABEL: SHOWN}, status=Progress.CANCELLED),
        order(slots={LABEL: SHOWN + "AAAA"}),
    )

    assert world.read(token) == SHOWN + "AAAA"
    assert len(stored(world)) == 1


def test_an_address_that_changes_twice_in_one_document_is_found_by_the_last(world: World) -> None:
    world.grant(action=Action.SEARCH)
    seen = [order(slots={EMAIL: f"{name}@example.com"}) for name in ("jo", "al", "jo")]
    world.put(*seen)

    found = {
        name: world.vault.find(
            APP,
            purpose=Purpose.FULFILMENT,
            now=NOW,
            sellers=[SellerId(1)],
            email=f"{name}@example.com",
        )
        for name in ("jo", "al")
    }

    assert [len(found["jo"]), len(found["al"])] == [1, 0]


@pytest.mark.clause("2.1")
def test_a_value_whose_record_holds_nothing_goes_with_the_next_sweep(world: World) -> None:
    put(world, s1=SHOWN)
    with world.database.write() as tx:
        tx.execute(schema.record_key.delete())

    world.vault.sweep(NOW)

    assert stored(world) == []


def test_a_label_that_an_app_held_is_confirmed_and_kept_once(world: World) -> None:
    world.grant()
    secret = world.keystore.secret
    arrivals = Arrivals(
        world.database,
        world.keystore,
        world.vault,
        environment=world.environment,
        token_key=secret("token", NOW),
        subject_key=secret("subject", NOW),
        copy_lifetime=COPY_LIFETIME,
    )

    brought = [
        arrivals.bring(APP, SellerId(1), [order(slots={LABEL: label})], NOW)[0].tokens
        for label in (SHOWN, SHOWN, SHOWN + "AAAA")
    ]

    assert brought[0] == brought[1]
    assert [world.read(found[LABEL]) for found in brought[1:]] == [SHOWN, SHOWN + "AAAA"]
    assert len(stored(world)) == 2
