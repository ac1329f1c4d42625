"""What a law requires goes into an archive before its key is destroyed; nothing else is kept, nothing is readable."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from strongroom.errors import Conflict, Denied, Gone, Malformed
from strongroom.policy.limits import ARCHIVE_DRILL, HOLD_GRACE, HOLD_REVIEW
from strongroom.policy.retention import Progress
from strongroom.terms import Category, SellerId
from strongroom.vault import PeriodKind
from strongroom.vault.agreed import ChangeKind
from strongroom.vault.holds import Scope
from strongroom.vault.large import LARGE
from tests.support.archived import DUE, UNTIL, YEAR, Cold
from tests.vault.conftest import (
    CITY,
    CONSOLE,
    EMAIL,
    LINE_1,
    NAME,
    NOW,
    PHONE,
    REVIEWER,
    World,
    order,
)

SHIPPED = Progress.SHIPPED
LABEL = 1
ORDER = "902-1000001-0000001"

pytestmark = pytest.mark.clause("2.1")


@pytest.fixture
def cold(world: World) -> Cold:
    return Cold(world)


@pytest.fixture
def two(make_world: Callable[[str], World]) -> Cold:
    """A home of several people."""
    found = make_world("two")
    found.one_person = False
    found.reopen()
    return Cold(found)


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def values(content: bytes) -> dict[str, Any]:
    return {line["slot"]: line["value"] for line in lines(content) if "slot" in line}


def sold(id_: str = ORDER, **slots: str) -> Any:
    given = {NAME: "Jürgen Groß", LINE_1: "Hauptstraße 5", CITY: "Köln", PHONE: "+49 171 555"}
    given[EMAIL] = slots.get("email", "j@x.example")
    return order(id_, given, status=SHIPPED, purchased=NOW)


def failures(cold: Cold) -> list[tuple[str, str]]:
    return [
        (entry.body["op"], entry.body["reason"])
        for entry in cold.world.audit.events()
        if entry.type == "archive.failed"
    ]


def test_held_data_is_archived_on_its_day_and_destroyed_live_as_always(
    world: World, cold: Cold
) -> None:
    world.grant(days=90)
    cold.set_recipients()
    hold = cold.hold()
    label = "P" * (LARGE + 1)
    seen = sold()
    seen.slots[LABEL] = label
    (token,) = world.put(seen)

    world.vault.sweep(DUE - timedelta(hours=1))
    assert cold.files() == []
    report = world.vault.sweep(DUE)

    assert (report.destroyed_periods, report.purged) == (1, 1)
    assert world.keystore.periods(live=True) == []
    with pytest.raises(Gone):
        world.read(token, now=DUE)
    (file,) = cold.files()
    content, digest = cold.open(file)
    head, about, *_rest = lines(content)
    assert (head["law"], head["hold"], head["reference"]) == ("DE-USTG-14B", hold.id, "14b.1")
    assert about["subject"] == ORDER
    assert values(content) == {
        "recipient.name": "Jürgen Groß",
        "recipient.address_line_1": "Hauptstraße 5",
        "recipient.city": "Köln",
        "order.shipping_label": label,
    }
    assert cold.archive.verify() == []
    assert cold.archive.drill(file.stem, digest, CONSOLE, DUE)
    assert world.audit.verify().ok
    assert failures(cold) == []


def test_a_second_sweep_writes_nothing_more(world: World, cold: Cold) -> None:
    cold.set_recipients()
    cold.hold()
    world.put(sold())
    world.vault.sweep(DUE)
    before = cold.everything()
    world.vault.sweep(DUE + timedelta(hours=1))
    assert cold.everything() == before
    assert len(before) == 2


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        (Scope(), {1, 2, 3}),
        (Scope(sellers=(SellerId(2),)), {3}),
        (Scope(countries=("FR",)), set()),
        (Scope(countries=("DE",)), {1, 2, 3}),
        (Scope(order=ORDER), {1}),
        (Scope(email="K@x.example "), {2}),
    ],
    ids=["all", "seller", "other-country", "country", "order", "buyer"],
)
def test_a_hold_is_of_its_scope_and_of_nothing_else(
    sqlite_world: World, scope: Scope, kept: set[int]
) -> None:
    world, cold = sqlite_world, Cold(sqlite_world)
    cold.set_recipients()
    cold.hold(scope)
    orders = {1: ORDER, 2: "902-1000001-0000002", 3: "902-1000001-0000003"}
    world.put(sold(orders[1]), sold(orders[2], email="k@x.example"))
    world.put(sold(orders[3]), seller=2)
    # Cancelled before it shipped: nothing was sold, so no law asks for it.
    world.put(order("902-1000001-0000004", status=Progress.CANCELLED))
    world.vault.sweep(DUE)

    found = [line for file in cold.files() for line in lines(cold.open(file)[0])]
    assert {one["subject"] for one in found if "subject" in one} == {orders[n] for n in kept}
    assert world.keystore.periods(live=True) == []


def test_only_the_categories_and_the_purchases_that_a_hold_names_are_kept(
    sqlite_world: World,
) -> None:
    world, cold = sqlite_world, Cold(sqlite_world)
    cold.set_recipients()
    cold.hold(categories=(Category.NAME,))
    cold.hold(purchased=(date(2025, 1, 1), date(2025, 12, 31)), until=date(2033, 12, 31))
    world.put(sold())
    world.vault.sweep(DUE)
    (file,) = cold.files()
    assert values(cold.open(file)[0]) == {"recipient.name": "Jürgen Groß"}


def test_what_becomes_due_between_two_sweeps_waits_for_the_next_one_unreadable(
    sqlite_world: World,
) -> None:
    world, cold = sqlite_world, Cold(sqlite_world)
    world.grant(days=90)
    cold.set_recipients()
    cold.hold()
    (token,) = world.put(sold())
    early = DUE + timedelta(minutes=1)
    world.put(sold(), now=early)
    with pytest.raises(Gone):
        world.read(token, now=early)
    world.vault.sweep(early)
    (file,) = cold.files()
    assert values(cold.open(file)[0])["recipient.name"] == "Jürgen Groß"
    assert world.keystore.periods(live=True) == []


def test_what_is_cancelled_goes_at_once_whatever_is_held(sqlite_world: World) -> None:
    world, cold = sqlite_world, Cold(sqlite_world)
    cold.set_recipients()
    cold.hold()
    world.put(sold())
    world.put(order(slots={NAME: "Jürgen Groß"}, status=Progress.CANCELLED))
    world.vault.sweep(DUE)
    assert cold.everything() == []


def test_without_recipients_it_waits_open_to_nobody_and_its_day_key_is_destroyed(
    world: World, cold: Cold
) -> None:
    world.grant(days=90)
    cold.hold()
    (token,) = world.put(sold())
    world.vault.sweep(DUE - timedelta(days=1))
    assert failures(cold) == [("unready", "unavailable")]

    world.vault.sweep(DUE)

    (held,) = world.keystore.periods(live=True)
    assert held.kind is PeriodKind.HELD
    with pytest.raises(Gone):
        world.read(token, now=DUE)
    assert cold.archive.standing(DUE).waiting == 1
    cold.set_recipients(DUE)
    world.vault.sweep(DUE + timedelta(hours=1))
    assert world.keystore.periods(live=True) == []
    assert len(cold.files()) == 1
    assert cold.archive.standing(DUE).faults() == []


def test_what_waits_is_destroyed_when_its_grace_is_over_and_that_is_said(
    world: World, cold: Cold
) -> None:
    cold.hold()
    world.put(sold())
    world.vault.sweep(DUE)
    world.vault.sweep(DUE + HOLD_GRACE - timedelta(seconds=1))
    assert len(world.keystore.periods(live=True)) == 1
    world.vault.sweep(DUE + HOLD_GRACE)
    assert world.keystore.periods(live=True) == []
    assert ("lost", "misconfigured") in failures(cold)
    assert cold.archive.standing(DUE + HOLD_GRACE).waiting == 0


def test_two_holds_over_one_order_make_an_archive_each(sqlite_world: World) -> None:
    world, cold = sqlite_world, Cold(sqlite_world)
    cold.set_recipients()
    cold.hold(categories=(Category.NAME,))
    cold.hold(categories=(Category.ADDRESS,))
    world.put(sold())
    world.vault.sweep(DUE)
    kept = [values(cold.open(file)[0]).keys() for file in cold.files()]
    assert kept == [
        {"recipient.name"},
        {"recipient.address_line_1", "recipient.city"},
    ]


def test_canaries_are_in_no_archive(sqlite_world: World) -> None:
    world, cold = sqlite_world, Cold(sqlite_world)
    cold.set_recipients()
    cold.hold(purchased=(date(2025, 12, 1), date(2026, 11, 30)))
    world.vault.plant(CONSOLE, SellerId(1), 3, NOW)
    world.put(sold())
    world.vault.sweep(DUE + timedelta(days=40))
    found = [line for file in cold.files() for line in lines(cold.open(file)[0])]
    assert [one["subject"] for one in found if "subject" in one] == [ORDER]


def test_archives_are_destroyed_when_their_hold_is_over_and_copies_are_answered_for(
    world: World, cold: Cold
) -> None:
    cold.set_recipients()
    cold.hold(until=date(2026, 12, 31))
    world.put(sold())
    world.vault.sweep(DUE)
    (file,) = cold.files()
    over = DUE.replace(year=2027, month=1, day=1)
    world.vault.sweep(over - timedelta(seconds=1))
    assert file.exists()

    world.vault.sweep(over)

    assert cold.everything() == []
    assert ("hold.expired", "success", None) in world.events()
    assert cold.archive.standing(over).copies == (file.stem,)
    assert cold.archive.attest(file.stem, 2, CONSOLE, over).copies_destroyed == 2
    assert cold.archive.standing(over).copies == ()
    assert cold.archive.verify() == []
    with pytest.raises(Conflict):
        cold.archive.attest(file.stem, 1, CONSOLE, over)


def test_a_release_takes_two_people_and_destroys_the_archives(two: Cold) -> None:
    two.set_recipients()
    hold = two.hold()
    two.world.put(sold())
    two.world.vault.sweep(DUE)
    change = two.archive.holds.release(hold.id, CONSOLE, DUE)
    two.world.vault.sweep(DUE)
    assert len(two.files()) == 1
    two.approve(change.id, DUE)
    two.world.vault.sweep(DUE)
    assert two.everything() == []
    assert not two.archive.holds.one(hold.id).in_effect(DUE)


def test_an_extension_goes_as_far_as_the_law_and_keeps_the_archives(two: Cold) -> None:
    hold = two.hold(until=date(2027, 12, 31))
    holds = two.archive.holds
    with pytest.raises(Malformed, match="until 2034-12-31 at most"):
        holds.extend(hold.id, date(2035, 1, 1), CONSOLE, NOW)
    change = holds.extend(hold.id, UNTIL, CONSOLE, NOW)
    assert holds.one(hold.id).until == date(2027, 12, 31)
    two.approve(change.id)
    assert holds.one(hold.id).until == UNTIL


def test_a_hold_says_nothing_that_its_law_does_not(two: Cold) -> None:
    for wrong in (
        {"until": date(2035, 1, 1)},
        {"until": date(2026, 1, 1)},
        {"categories": (Category.PHONE,)},
        {"categories": ()},
        {"purchased": (date(2025, 1, 1), date(2026, 12, 31))},
    ):
        with pytest.raises(Malformed):
            two.hold(**wrong)
    assert two.archive.holds.all() == []


def test_reviews_and_drills_fall_due_and_are_said(sqlite_world: World) -> None:
    world, cold = sqlite_world, Cold(sqlite_world)
    cold.set_recipients()
    hold = cold.hold()
    world.put(sold())
    world.vault.sweep(DUE)
    (file,) = cold.files()
    digest = cold.open(file)[1]
    late = DUE + ARCHIVE_DRILL
    world.vault.sweep(late)
    assert failures(cold) == [("drill", "overdue")]
    assert not cold.archive.drill(file.stem, "0" * 64, CONSOLE, late)
    assert cold.archive.standing(late).late(late)
    assert cold.archive.drill(file.stem, digest, CONSOLE, late)
    assert cold.archive.standing(late).late(late) == []
    later = NOW + HOLD_REVIEW
    assert f"hold {hold.id} is to be reviewed" in cold.archive.standing(later).late(later)
    cold.archive.holds.review(hold.id, REVIEWER, later)
    assert cold.archive.standing(later).reviews == ()


def test_what_was_asked_for_is_approved_by_another_under_its_terms(two: Cold) -> None:
    change = two.archive.set_recipients([two.recipient], CONSOLE, NOW)
    terms = two.archive.holds.shown(change)
    with pytest.raises(Denied, match="another person"):
        two.archive.approve_recipients(change.id, terms, CONSOLE, NOW)
    with pytest.raises(Conflict, match="not what was shown"):
        two.archive.approve_recipients(change.id, "0" * 16, REVIEWER, NOW)
    assert two.archive.recipients() == ()
    two.archive.approve_recipients(change.id, terms, REVIEWER, NOW)
    assert two.archive.recipients() == (two.recipient,)
    assert change.kind is ChangeKind.RECIPIENTS
    assert two.archive.waiting_recipients() == []


def test_a_rejected_hold_holds_nothing(two: Cold) -> None:
    holds = two.archive.holds
    two.set_recipients()
    two.hold(purchased=YEAR)
    other = holds.release(1 + 1, CONSOLE, NOW)
    holds.reject(other.id, REVIEWER, NOW)
    assert len(holds.in_effect(NOW)) == 1
    with pytest.raises(Conflict, match="is rejected"):
        holds.approve(other.id, holds.shown(other), REVIEWER, NOW)
