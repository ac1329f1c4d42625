"""Canary records: how they come, who they stop, and whom they leave alone."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
import sqlalchemy as sa

from strongroom.audit.event_types import EventType
from strongroom.db import schema
from strongroom.db.suspensions import lift
from strongroom.errors import Denied, Gone, NotFound
from strongroom.policy.limits import FEWEST_CANARIES
from strongroom.policy.retention import Progress
from strongroom.policy.sighting import Sighting
from strongroom.terms import (
    SYSTEM,
    Action,
    AuthMethod,
    Caller,
    PrincipalId,
    PrincipalKind,
    Purpose,
    RecordNumber,
    SellerId,
)
from strongroom.vault import store
from strongroom.vault.canaries import CHECKER, Canaries
from strongroom.vault.canary_check import check_canary, last_checked
from strongroom.vault.flock import Flock
from strongroom.vault.invented import Inventor
from tests.support import nested
from tests.vault.conftest import (
    APP,
    CITY,
    CONSOLE,
    EMAIL,
    LINE_1,
    NAME,
    NOW,
    OTHER_APP,
    PHONE,
    World,
    order,
)

pytestmark = pytest.mark.clause("2.6")

SELLER = SellerId(1)
PAGE = 40
_numbers = itertools.count(1)


def page(count: int = PAGE, *, status: Progress = Progress.UNSHIPPED) -> list[Sighting]:
    """A page of new orders, each of somebody else."""
    found = []
    for _ in range(count):
        n = next(_numbers)
        slots = {
            NAME: f"Buyer {n} of Number",
            LINE_1: f"Long Street {n}",
            CITY: "Köln",
            PHONE: f"+49 151 {20000000 + n}",
            EMAIL: f"a{n:06d}b@marketplace.amazon.de",
        }
        found.append(order(f"902-{n:07d}-1000000", slots, status=status))
    return found


def fill(world: World, pages: int = 4) -> None:
    for _ in range(pages):
        world.put(*page())


def flock(world: World) -> Flock:
    with world.database.read() as tx:
        return world.vault.canaries._flock(tx, SELLER)


def alive(world: World) -> list[RecordNumber]:
    return [canary.record for canary in flock(world).alive.values()]


def token(world: World, number: RecordNumber, slot: int = NAME) -> str:
    return world.vault._mint.record(number).token(slot)


def suspensions(world: World) -> list[tuple[int, bool, bool]]:
    table = schema.principal_suspension.c
    with world.database.read() as tx:
        query = sa.select(table.principal_id, table.frozen, table.lifted_at).order_by(table.id)
        return [(row[0], row[1], row[2] is not None) for row in tx.execute(query)]


def touched(world: World) -> list[dict[str, object]]:
    return [entry.body for entry in world.audit.of_types((EventType.CANARY_TOUCHED,))]


# -- how they come ---------------------------------------------------------------------------------


def test_they_come_with_documents_of_real_orders(world: World) -> None:
    fill(world)

    (standing, _other) = world.vault.canaries.standings(NOW)
    assert FEWEST_CANARIES <= standing.unburnt <= FEWEST_CANARIES + 2
    assert standing.live == 4 * PAGE + standing.unburnt
    with world.database.read() as tx:
        rows = store.by_numbers(tx, alive(world))
    assert {row.facts.status for row in rows} == {Progress.UNSHIPPED}
    assert all(row.blob and row.wrapped and row.period for row in rows)


def test_every_hundredth_order_brings_one(sqlite_world: World) -> None:
    fill(sqlite_world, 30)

    (standing, _other) = sqlite_world.vault.canaries.standings(NOW)
    assert 0.6 * standing.wanted <= standing.unburnt <= 1.6 * standing.wanted


def test_a_document_of_one_order_brings_none(world: World) -> None:
    for sighting in page(60):
        world.put(sighting)

    assert alive(world) == []


def test_the_app_gets_no_token_of_a_canary(world: World) -> None:
    sightings = page(60)
    placed = world.vault.put(SELLER, sightings, caller=APP, op="ordersV0.getOrders", now=NOW)

    assert len(placed) == len(sightings)
    assert len(alive(world)) == 1
    assert not {place.number for place in placed} & set(alive(world))


def test_another_process_knows_the_same_ones(world: World) -> None:
    fill(world)
    before = sorted(alive(world))

    world.reopen()

    assert before
    assert sorted(alive(world)) == before


def test_a_canary_learns_what_its_order_learns(world: World) -> None:
    sightings = page(60)
    world.put(*sightings)
    (record,) = alive(world)
    later = NOW + timedelta(days=1)

    for sighting in sightings:
        # Each address comes by itself, as from getOrderAddress.
        world.put(order(sighting.id, {13: "NRW"}, status=Progress.UNKNOWN), now=later)
    shipped = [order(s.id, dict(s.slots), status=Progress.SHIPPED) for s in sightings[:30]]
    shipped += [order(s.id, dict(s.slots), status=Progress.SHIPPED) for s in sightings[30:]]
    world.put(*shipped, now=later)
    world.put(*shipped, now=later + timedelta(hours=1))

    with world.database.read() as tx:
        (row,) = store.by_numbers(tx, [record])
    assert row.version == 2
    assert row.facts.status is Progress.SHIPPED
    assert row.due_at is not None


def test_one_whose_order_is_forgotten_ships_by_itself(world: World) -> None:
    world.put(*page(60))
    (record,) = alive(world)
    world.reopen()

    for hours in (60, 61):
        world.put(*page(2), now=NOW + timedelta(hours=hours))

    with world.database.read() as tx:
        (row,) = store.by_numbers(tx, [record])
    assert row.facts.status is Progress.SHIPPED


@pytest.mark.clause("2.1")
def test_its_day_comes_as_any_record_s(world: World) -> None:
    world.put(*page(60, status=Progress.SHIPPED))
    (record,) = alive(world)
    world.grant(days=90)

    world.vault.sweep(NOW + timedelta(days=40))

    with pytest.raises(Gone):
        world.read(token(world, record), now=NOW + timedelta(days=40))
    assert touched(world) == []
    (standing, _other) = world.vault.canaries.standings(NOW + timedelta(days=40))
    assert (standing.unburnt, standing.missing) == (0, 0)


def test_planted_at_once_they_are_named_by_the_next_document(world: World) -> None:
    planted = world.vault.plant(CONSOLE, SELLER, 3, NOW)
    numbers = set(alive(world))

    world.put(*page(2))

    assert planted == len(numbers) == 3
    (told,) = [
        body
        for body in (entry.body for entry in world.audit.events())
        if body["type"] == "gateway.response.sealed"
    ]
    assert numbers < set(told["records"])
    assert told["n"] >= len(told["records"]) == len(set(told["records"])) == 5


def test_the_log_tells_how_many_came_and_never_with_which_document(world: World) -> None:
    fill(world)
    count = len(alive(world))
    before = [entry[0] for entry in world.events()]

    world.vault.canaries.record(NOW)
    world.vault.canaries.record(NOW)

    assert "canary.planted" not in before
    (planted,) = [entry.body for entry in world.audit.of_types((EventType.CANARY_PLANTED,))]
    assert (planted["n"], planted["seller"]) == (count, SELLER)
    assert "records" not in planted
    assert "obj" not in planted


def test_rotated_ones_count_no_more_and_still_tell(world: World) -> None:
    fill(world)
    old = alive(world)
    world.grant()
    with world.database.write() as tx:
        event = world.vault.canaries.rotate(tx, CONSOLE, SELLER)
        world.audit.append(tx, event, now=NOW)
    world.vault.plant(CONSOLE, SELLER, 3, NOW)
    world.reopen()

    (standing, _other) = world.vault.canaries.standings(NOW)
    assert (standing.unburnt, standing.burnt) == (3, len(old))
    world.read(token(world, old[0]))
    assert len(touched(world)) == 1


# -- whom they stop --------------------------------------------------------------------------------


def test_the_first_touch_is_told_and_freezes_and_the_answer_is_as_any_other(world: World) -> None:
    fill(world)
    world.grant()
    record = alive(world)[0]

    value = world.read(token(world, record))

    assert isinstance(value, str)
    assert len(value.split()) == 2
    (told,) = touched(world)
    assert told["actor"]["id"] == APP.principal  # type: ignore[index]
    assert (told["reason"], told["records"], told["seller"]) == ("canary", [record], SELLER)
    assert suspensions(world) == [(APP.principal, True, False)]
    assert [entry[0] for entry in world.events()][-3:] == [
        "vault.record.revealed",
        "canary.touched",
        "principal.suspended",
    ]
    (standing, _other) = world.vault.canaries.standings(NOW)
    assert standing.burnt == 1


def test_whoever_has_no_grant_is_refused_as_ever_and_frozen_too(world: World) -> None:
    """Nobody honest has the token of a canary."""
    fill(world)

    with pytest.raises(Denied, match="no_grant"):
        world.read(token(world, alive(world)[0]), caller=OTHER_APP)

    assert suspensions(world) == [(OTHER_APP.principal, True, False)]


def test_an_order_read_whole_and_each_search_is_a_touch(world: World) -> None:
    fill(world)
    world.grant()
    world.grant(action=Action.SEARCH)
    known = flock(world)
    (canary, *_) = known.alive.values()
    inventor, number = known.inventor, canary.number
    wanted = {
        "email": inventor.email(number).upper(),
        "phone": inventor.phone(number).replace(" ", ""),
        "order": inventor.order(number),
    }

    for kind, value in wanted.items():
        before = len(touched(world))
        (found,) = world.vault.find(
            APP,
            purpose=Purpose.FULFILMENT,
            now=NOW,
            sellers=[SELLER],
            **{kind: value},  # type: ignore[arg-type]
        )
        assert (found.record, found.order) == (canary.record, wanted["order"])
        assert len(touched(world)) == before + 1
        # It suspends, and somebody lifts it.
        with world.database.write() as tx:
            lift(tx, [APP.principal], SYSTEM.principal, NOW)
    values = world.vault.reveal_order(
        APP, SELLER, wanted["order"], purpose=Purpose.FULFILMENT, now=NOW
    )
    assert {value.slot for value in values} >= {"recipient.name", "buyer.email"}
    assert len(touched(world)) == 4
    # Three were lifted; whoever comes back to what they touched themselves is suspended again.
    assert suspensions(world) == [(APP.principal, True, True)] * 3 + [(APP.principal, True, False)]


# -- whom they leave alone -------------------------------------------------------------------------


def test_real_records_freeze_nobody(world: World) -> None:
    sightings = page(60)
    tokens = world.put(*sightings)
    world.grant()
    world.grant(action=Action.SEARCH)

    for one in tokens[:5]:
        world.read(one)
    world.vault.find(
        APP, purpose=Purpose.FULFILMENT, now=NOW, sellers=[SELLER], order=sightings[0].id
    )
    with pytest.raises(NotFound):
        world.read(token(world, RecordNumber(2**39)))

    assert touched(world) == []
    assert suspensions(world) == []


def test_a_search_that_only_shares_a_tag_or_the_seller_s_own_number_freezes_nobody(
    world: World,
) -> None:
    """Nine last digits make a tag; and what is the selling partner's own stands in its canaries as well."""
    shop = "+49 30 9999999"
    sightings = [
        Sighting(s.kind, s.id, {**s.slots, 47: shop}, s.facts)  # ship_from.phone
        for s in page(60)
    ]
    world.put(*sightings)
    world.grant(action=Action.SEARCH)
    known = flock(world)
    (canary,) = known.alive.values()
    digits = "".join(filter(str.isdigit, known.inventor.phone(canary.number)))

    for phone in (shop, f"+1 7{digits[-9:]}"):
        found = world.vault.find(
            APP, purpose=Purpose.FULFILMENT, now=NOW, sellers=[SELLER], phone=phone
        )
        assert canary.record not in {one.record for one in found}

    assert touched(world) == []


def test_sweeps_moves_and_descriptions_are_no_touch(world: World) -> None:
    fill(world)
    world.grant()
    record = alive(world)[0]

    world.vault.sweep(NOW + timedelta(days=6))
    described = world.vault.describe(APP, record, now=NOW)

    assert described.state == "live"
    assert touched(world) == []


# -- the self-test ---------------------------------------------------------------------------------


def checker(world: World) -> Caller:
    with world.database.write() as tx:
        tx.execute(
            schema.principal.insert().values(
                id=99, name=CHECKER, kind=PrincipalKind.SERVICE, created_at=NOW
            )
        )
    return Caller(PrincipalId(99), PrincipalKind.SERVICE, CHECKER, AuthMethod.SYSTEM)


@pytest.mark.parametrize("planted", [True, False])
def test_the_check_proves_the_whole_way_and_freezes_nobody_real(
    world: World, planted: bool
) -> None:
    if planted:
        fill(world)
    by = checker(world)

    proved = check_canary(
        world.vault,
        world.database,
        world.audit,
        caller=CONSOLE,
        checker=by,
        seller=SELLER,
        now=NOW,
    )

    assert proved
    assert suspensions(world) == [(99, True, True)]
    (told,) = touched(world)
    assert told["op"] == "canary.check"
    assert last_checked(world.audit) == NOW
    assert [entry[0] for entry in world.events()][-2:] == ["principal.restored", "canary.checked"]


# -- the people ------------------------------------------------------------------------------------


def test_values_follow_from_the_key_alone() -> None:
    first, again, other = (
        Inventor(bytes(32), "eu"),
        Inventor(bytes(32), "eu"),
        Inventor(b"x" * 32, "eu"),
    )
    like = {
        NAME: "",
        LINE_1: "",
        CITY: "",
        PHONE: "",
        EMAIL: "",
        33: 1.0,
        "item:12345678901234.gift_message": "",
    }

    assert first.slots(7, like, 0) == again.slots(7, like, 0)  # type: ignore[arg-type]
    assert first.order(7) != other.order(7)
    assert {type(value) for value in first.slots(7, {33: 1.0}, 0).values()} == {float}


@pytest.mark.parametrize("region", ["na", "eu", "fe", ""])
def test_values_are_plausible_and_of_nobody(region: str) -> None:
    """Order ids and addresses never repeat; phone numbers are of ranges kept free for fiction."""
    inventor = Inventor(bytes(32), region)

    orders = {inventor.order(n) for n in range(2000)}
    emails = {inventor.email(n) for n in range(2000)}
    phones = {inventor.phone(n) for n in range(2000)}

    assert len(orders) == len(emails) == 2000
    assert all([len(part) for part in one.split("-")] == [3, 7, 7] for one in orders)
    assert all(one.split("@")[1].startswith("marketplace.amazon.") for one in emails)
    fiction = ("555-01", "23125", "4710", "90009", "66969", "99998", "496 0", "7946 0", "2018 0")
    assert all(
        any(part in one for part in (*fiction, "7700 900", "5550", "7010")) for one in phones
    )


def anew(world: World) -> Canaries:
    """What a process that has just started knows of canaries."""
    key = world.vault.canaries._subject_key
    return Canaries(world.database, world.audit, subject_key=key)


def test_a_look_at_the_log_that_failed_is_taken_again(world: World) -> None:
    """Else the process believes until its end that nothing was touched, and offers what everybody knows as a trap."""
    world.grant()
    fill(world)
    touched = alive(world)[0]
    world.read(token(world, touched))
    canaries = anew(world)
    with world.database.read() as ended:
        pass
    with pytest.raises(sa.exc.ResourceClosedError):
        canaries._burnt(ended, SELLER)
    with world.database.read() as tx:
        assert canaries._burnt(tx, SELLER)[0] == {touched}


def test_the_first_put_of_a_process_needs_one_connection(world: World) -> None:
    """Each put that wanted a second one would hold its first until there is one: all of them, for ever."""
    world.grant()
    fill(world)
    touched = alive(world)[0]
    world.vault.canaries = anew(world)
    with nested.refused(world.database):
        fill(world, 1)
        world.vault.canaries = anew(world)
        world.read(token(world, touched))
        with pytest.raises(Denied):
            world.read(token(world, touched), caller=OTHER_APP)
