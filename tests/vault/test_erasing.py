"""Erasure before the day: it is gone, stays gone, and with `final` from every copy; nobody else's goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Gone, Malformed, NotFound, Tampered
from strongroom.policy.retention import Progress
from strongroom.policy.sighting import Sighting
from strongroom.terms import Action, Caller, SellerId
from strongroom.vault import By, PeriodKind, Wanted, store
from strongroom.vault.holds import Scope
from strongroom.vault.store import RecordState
from tests.support.archived import Cold
from tests.vault.conftest import APP, CONSOLE, EMAIL, NAME, NOW, PHONE, REVIEWER, World, order

pytestmark = pytest.mark.clause("1.7")

ACME, GLOBEX = SellerId(1), SellerId(2)
ORDER, OTHER = "902-1000001-0000001", "902-1000001-0000002"


class Killed(BaseException):
    """What a kill is to the code: nothing catches it."""


@contextmanager
def killed_at(place: object, name: str, *, after: bool, nth: int = 1) -> Iterator[None]:
    """Kill the process, as it were, before or after the nth call of a method that makes a step durable."""
    real: Callable[..., object] = getattr(place, name)
    calls = 0

    def dying(*given: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == nth and not after:
            raise Killed
        answer = real(*given, **named)
        if calls == nth:
            raise Killed
        return answer

    setattr(place, name, dying)
    try:
        with pytest.raises(Killed):
            yield
    finally:
        delattr(place, name)


def buyer(id_: str, mail: str = "jo@example.com", phone: str = "+49 171 5550199") -> Sighting:
    return order(id_, {NAME: f"Buyer of {id_}", EMAIL: mail, PHONE: phone})


def of_order(id_: str = ORDER, *sellers: int) -> Wanted:
    return Wanted(By.ORDER, id_, tuple(SellerId(s) for s in sellers or (1,)))


@pytest.fixture
def erasing(world: World) -> World:
    world.grant(days=90)
    world.grant(CONSOLE, action=Action.ERASE)
    return world


def erase(
    world: World, wanted: Wanted, *, final: bool = False, caller: Caller = CONSOLE
) -> tuple[int, int, int, int]:
    done = world.vault.eraser.erase(caller, wanted, final=final, now=NOW)
    return done.records, done.already, done.replaced_periods, done.neighbours


def state_of(world: World, id_: str, seller: SellerId = ACME) -> RecordState:
    with world.database.read() as tx:
        ref = world.vault._ref(seller, "order", id_)
        return RecordState(store.by_subject(tx, seller, [ref])[ref].state)


@pytest.mark.clause("2.1")
def test_what_a_law_keeps_is_not_erased_and_is_counted(erasing: World) -> None:
    cold = Cold(erasing)
    cold.set_recipients()
    tokens = erasing.put(order(), order(OTHER, {NAME: "Other"}))
    cold.hold(Scope(order=ORDER))

    planned = erasing.vault.eraser.plan(CONSOLE, of_order(), final=True, now=NOW)
    assert (planned.records, planned.held) == (0, 1)
    done = erasing.vault.eraser.erase(CONSOLE, of_order(), final=True, now=NOW)
    assert (done.records, done.held) == (0, 1)
    whole = erasing.vault.eraser.erase_seller(CONSOLE, ACME, agreed=None, now=NOW)
    assert (whole.records, whole.held) == (1, 1)

    assert erasing.read(tokens[0]) is not None
    with pytest.raises(Gone):
        erasing.read(tokens[1])
    assert erasing.vault.rights.held([1, 2, 3], NOW).keys() <= {1, 2, 3}
    assert erasing.audit.verify().ok


def test_an_erased_order_is_gone_and_its_neighbour_is_not(erasing: World) -> None:
    token, other = erasing.put(order(), order(OTHER, {NAME: "Other"}))

    assert erase(erasing, of_order()) == (1, 0, 0, 0)

    with pytest.raises(Gone):
        erasing.read(token)
    assert erasing.read(other) == "Other"
    assert ("vault.record.erased", "success", None) in erasing.events()
    assert erasing.audit.verify().ok


@pytest.mark.parametrize("final", [False, True])
def test_an_erased_order_fetched_again_is_not_stored_again(erasing: World, final: bool) -> None:
    (token,) = erasing.put(buyer(ORDER))
    erase(erasing, of_order(), final=final)

    assert erasing.put(buyer(ORDER), now=NOW + timedelta(hours=1)) == [token]
    erasing.put(order(status=Progress.SHIPPED), now=NOW + timedelta(days=1))

    assert state_of(erasing, ORDER) is RecordState.ERASED
    with erasing.database.read() as tx:
        for table in ("record_key", "record_value", "search_tag"):
            assert tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
        assert tx.exec_driver_sql("SELECT slot_names FROM record").scalar() == ""


def test_a_long_value_goes_with_its_record(erasing: World) -> None:
    erasing.put(order(slots={NAME: "x" * 20_000}))
    erase(erasing, of_order())
    with erasing.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM record_value").scalar() == 0


def test_what_was_destroyed_on_its_day_can_still_be_erased(erasing: World) -> None:
    erasing.put(order(status=Progress.SHIPPED))
    erasing.vault.sweep(NOW + timedelta(days=40))
    assert state_of(erasing, ORDER) is RecordState.GONE
    assert erase(erasing, of_order()) == (1, 0, 0, 0)
    assert state_of(erasing, ORDER) is RecordState.ERASED


def test_a_buyer_is_found_by_the_index_and_confirmed(erasing: World) -> None:
    """A phone's tag is of its last digits: another number that ends alike is somebody else's."""
    erasing.put(
        buyer(ORDER),
        buyer(OTHER, "JO@example.com", "+1 212 5550000"),
        buyer("902-3", "someone@example.com"),
    )
    erasing.put(buyer("902-4"), seller=2)

    assert erase(erasing, Wanted(By.EMAIL, "Jo@Example.com", (ACME,))) == (2, 0, 0, 0)
    assert [state_of(erasing, id_).name for id_ in (ORDER, OTHER, "902-3")] == [
        "ERASED",
        "ERASED",
        "LIVE",
    ]
    assert state_of(erasing, "902-4", GLOBEX) is RecordState.LIVE
    assert erase(erasing, Wanted(By.PHONE, "0171 5550199", (ACME, GLOBEX)))[0] == 2


def test_a_dry_run_counts_and_changes_nothing(erasing: World) -> None:
    (token, _) = erasing.put(buyer(ORDER), buyer(OTHER, "b@example.com"))
    wanted = Wanted(By.EMAIL, "jo@example.com", (ACME, GLOBEX))

    planned = erasing.vault.eraser.plan(CONSOLE, wanted, final=True, now=NOW)

    assert (planned.records, planned.replaced_periods, planned.neighbours) == (1, 1, 1)
    assert erasing.read(token) == f"Buyer of {ORDER}"
    assert erase(erasing, wanted, final=True) == (1, 0, 1, 1)


@pytest.mark.clause("1.3")
def test_erasing_takes_a_grant_of_its_own_for_that_selling_partner(world: World) -> None:
    (token,) = world.put(order())
    world.put(order(), seller=2)
    world.grant(days=90)
    world.grant(APP, action=Action.ADMINISTER)
    world.grant(REVIEWER, action=Action.ERASE, sellers=frozenset({GLOBEX}))
    for caller in (APP, REVIEWER):
        with pytest.raises(Denied):
            erase(world, of_order(ORDER, 2, 1), caller=caller)
        with pytest.raises(Denied):
            world.vault.eraser.plan(caller, of_order(), final=False, now=NOW)
        with pytest.raises(Denied):
            world.vault.eraser.erase_seller(caller, ACME, agreed=None, now=NOW)
    assert world.read(token) == "Jürgen Groß"
    denied = [event for event in world.events() if event[:2] == ("erasure.started", "denied")]
    assert len(denied) == 6
    assert erase(world, of_order(ORDER, 2), caller=REVIEWER)[0] == 1


def test_who_may_erase_nowhere_learns_of_no_record(erasing: World) -> None:
    erasing.put(order())
    with pytest.raises(Denied):
        erase(erasing, Wanted(By.RECORD, "12345678"), caller=APP)
    with pytest.raises(NotFound):
        erase(erasing, Wanted(By.RECORD, "12345678"))
    with pytest.raises(Malformed):
        erase(erasing, Wanted(By.RECORD, "12a"))
    with pytest.raises(NotFound):
        erase(erasing, of_order("902-nobody"))
    with pytest.raises(Malformed):
        erase(erasing, Wanted(By.EMAIL, " ", (ACME,)))


def test_a_spoilt_record_can_be_erased(erasing: World) -> None:
    erasing.put(buyer(ORDER))
    with erasing.database.write() as tx:
        tx.exec_driver_sql("UPDATE record_key SET wrapped_dek = blob FROM record")
    erase(erasing, of_order(), final=True)
    assert state_of(erasing, ORDER) is RecordState.ERASED
    with erasing.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM search_tag").scalar() == 0


# -- final ---------------------------------------------------------------------------------------------------------


def test_final_replaces_every_key_that_ever_wrapped_the_record(erasing: World) -> None:
    """It lay in one pending window, then in the next; a neighbour stayed behind in neither."""
    erasing.put(order(), order(OTHER, {NAME: "Other"}))
    for days in (2, 4):
        erasing.put(order(), order(OTHER, {NAME: "Other"}), now=NOW + timedelta(days=days))
    before = {p.id for p in erasing.keystore.periods(live=True)}

    erase(erasing, of_order(), final=True)

    after = {p.id for p in erasing.keystore.periods(live=True)}
    assert before.isdisjoint(after)
    assert {p.kind for p in erasing.keystore.periods(live=True)} == {PeriodKind.PENDING}
    shown = erasing.put(order(OTHER, {NAME: "Other"}))
    assert erasing.read(shown[0]) == "Other"


def test_a_backup_is_made_once_the_neighbours_are_moved_and_before_the_old_keys_go(
    erasing: World,
) -> None:
    erasing.put(order(), order(OTHER))
    (old,) = erasing.keystore.periods(live=True)
    seen = []

    def back_up() -> None:
        with erasing.database.read() as tx:
            wrapped_by = tx.exec_driver_sql("SELECT period_id FROM record_key").scalars().all()
        seen.append((wrapped_by, erasing.keystore.find_period(old.id) is not None))

    erasing.vault.eraser.back_up_with(back_up)
    erase(erasing, of_order(), final=True)

    ((wrapped_by, old_lives),) = seen
    assert old_lives
    assert wrapped_by != [old.id]
    assert erasing.keystore.find_period(old.id) is None


_STEPS = [
    ("database", "truncate_wal", False, 1),
    ("keystore", "replace", False, 1),
    ("keystore", "replace", True, 1),
    ("keystore", "replace", True, 2),
    ("keystore", "destroy", False, 1),
    ("keystore", "destroy", True, 1),
    ("keystore", "prove_clean", False, 1),
]


@pytest.mark.parametrize(("place", "step", "after", "nth"), _STEPS)
def test_what_a_kill_left_of_a_final_erasure_the_next_sweep_finishes(
    make_world: Callable[[str], World], place: str, step: str, after: bool, nth: int
) -> None:
    world = make_world("killed")
    world.grant(days=90)
    world.grant(CONSOLE, action=Action.ERASE)
    token, other = world.put(buyer(ORDER), buyer(OTHER, "b@example.com"))
    old = {p.id for p in world.keystore.periods(live=True)}
    with killed_at(getattr(world, place), step, after=after, nth=nth):
        erase(world, of_order(), final=True)
    world.reopen()

    world.vault.sweep(NOW + timedelta(hours=1))

    assert old.isdisjoint(p.id for p in world.keystore.periods(live=True))
    with pytest.raises(Gone):
        world.read(token)
    assert world.read(other) == f"Buyer of {OTHER}"
    assert world.audit.verify().ok


# -- a whole selling partner -----------------------------------------------------------------------------------------


def test_a_selling_partner_is_erased_whole_and_no_other(erasing: World) -> None:
    erasing.put(*(buyer(f"902-{n}") for n in range(620)))
    (theirs,) = erasing.put(buyer(ORDER), seller=2)
    mine = {p.id for p in erasing.keystore.periods(seller=ACME, live=True)}
    planned = erasing.vault.eraser.plan_seller(CONSOLE, ACME, NOW)

    done = erasing.vault.eraser.erase_seller(CONSOLE, ACME, agreed=None, now=NOW)

    assert done.records == planned.records >= 620
    assert mine.isdisjoint(p.id for p in erasing.keystore.periods(live=True))
    with erasing.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM record_key").scalar() == 1
        assert tx.exec_driver_sql("SELECT count(*) FROM search_tag").scalar() == 2
    assert erasing.read(theirs) == f"Buyer of {ORDER}"


@pytest.mark.clause("1.3")
def test_the_second_person_needs_the_grant_too_and_is_another(erasing: World) -> None:
    erasing.put(order())
    eraser = erasing.vault.eraser
    with pytest.raises(Denied):
        eraser.erase_seller(CONSOLE, ACME, agreed=REVIEWER, now=NOW)
    with pytest.raises(Conflict):
        eraser.erase_seller(CONSOLE, ACME, agreed=CONSOLE, now=NOW)
    erasing.grant(REVIEWER, action=Action.ERASE)
    assert eraser.erase_seller(CONSOLE, ACME, agreed=REVIEWER, now=NOW).records == 1


@pytest.mark.parametrize("nth", [2, 3, 4])
def test_the_next_sweep_goes_on_with_a_selling_partner(
    make_world: Callable[[str], World], nth: int
) -> None:
    """Killed at the transactions in which the first records, the others, and the end are written."""
    world = make_world("killed")
    world.grant(CONSOLE, action=Action.ERASE)
    world.put(*(order(f"902-{n}") for n in range(700)))
    with killed_at(world.audit, "append", after=True, nth=nth):
        world.vault.eraser.erase_seller(CONSOLE, ACME, agreed=None, now=NOW)
    world.reopen()
    with world.database.read() as tx:
        assert store.count_unerased(tx, ACME) > 0 or nth == 4

    world.vault.sweep(NOW + timedelta(hours=1))

    with world.database.read() as tx:
        assert store.count_unerased(tx, ACME) == 0
        assert tx.exec_driver_sql("SELECT count(*) FROM erasing").scalar() == 0
        assert tx.exec_driver_sql("SELECT count(*) FROM search_tag").scalar() == 0
    assert world.audit.verify().ok


@pytest.mark.clause("2.1")
def test_an_erasure_may_be_made_final_later(erasing: World) -> None:
    """Which keys open old copies of it nobody knows any more: all give way."""
    erasing.put(order(), order(OTHER, {NAME: "Other"}))
    live = [period.id for period in erasing.keystore.periods(live=True)]
    assert erase(erasing, of_order()) == (1, 0, 0, 0)

    assert erase(erasing, of_order(), final=True) == (0, 1, len(live), 1)

    assert not {period.id for period in erasing.keystore.periods(live=True)} & set(live)


@pytest.mark.clause("1.3", "2.6")
def test_an_erasure_that_was_written_into_the_database_is_not_done(erasing: World) -> None:
    """Whoever may write rows must not end a selling partner's records in every backup."""
    (token,) = erasing.put(order())
    with erasing.database.write() as tx:
        row = {"seller_id": ACME, "asked_by": CONSOLE.principal, "asked_at": NOW}
        tx.execute(schema.erasing.insert().values(row))

    with pytest.raises(Tampered, match="nobody asked for"):
        erasing.vault.sweep(NOW)

    assert erasing.read(token) is not None


@pytest.mark.clause("1.3")
def test_no_program_agrees_to_an_erasure_and_nobody_is_enough_alone(
    make_world: Callable[[str], World],
) -> None:
    world = make_world("two")
    world.one_person = False
    world.reopen()
    for person in (CONSOLE, APP):
        world.grant(person, action=Action.ERASE)
    world.put(order())
    for agreed in (None, APP):
        with pytest.raises(Denied, match="second person"):
            world.vault.eraser.erase_seller(CONSOLE, ACME, agreed=agreed, now=NOW)
