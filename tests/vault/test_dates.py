"""Every date is told with the fact and the rule it follows from, and with every fact that did not decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from strongroom.policy.dating import PARTS, RULES, explain, is_packed
from strongroom.policy.limits import RETENTION_AFTER_DELIVERY
from strongroom.policy.retention import DAY, DeliveryFacts, Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.terms import SellerId
from strongroom.vault.dates import Dates
from tests.vault.conftest import APP, COPY_LIFETIME, NAME, NOW, World, order

pytestmark = pytest.mark.clause("2.1")

TRACKING, EASY_SHIP = "shippingV2.getTracking", "easyShip_2022-03-23.getScheduledPackage"
ORDER, SELLER = order().id, SellerId(1)
SPAN = timedelta(days=1)


def dates(world: World) -> Dates:
    return Dates(
        world.database,
        world.keystore,
        subject_key=world.keystore.secret("subject", NOW),
        copy_lifetime=COPY_LIFETIME,
    )


def say(world: World, op: str, facts: SightedFacts, at: datetime = NOW) -> None:
    seen = Sighting("order", ORDER, {}, facts)
    world.vault.put(SELLER, [seen], caller=APP, op=op, now=at)


def arrived(at: datetime) -> SightedFacts:
    return SightedFacts(Progress.DELIVERED, delivered_at=int(at.timestamp()))


def test_the_deciding_fact_is_named_and_why_the_others_did_not(world: World) -> None:
    world.put(order(purchased=NOW - 9 * SPAN))
    say(world, EASY_SHIP, SightedFacts(Progress.UNDELIVERED))
    open_now = dates(world).of(SELLER, ORDER, NOW)
    assert open_now is not None
    assert open_now.dating is not None
    assert (open_now.dating.rule.id, open_now.dating.due_at) == ("open", None)
    assert open_now.dating.words.startswith("No date yet")

    say(world, TRACKING, arrived(NOW - 2 * SPAN))
    say(world, "fulfillmentOutbound_2020-07-01.getPackageTrackingDetails", arrived(NOW - SPAN))
    found = dates(world).of(SELLER, ORDER, NOW)
    assert found is not None
    assert found.dating is not None
    due = (NOW - 2 * SPAN).replace(hour=0) + 29 * SPAN
    assert found.due_at == found.dating.due_at == due.timestamp()
    assert found.dating.rule.id == "carrier"
    assert [fact.origin for fact in found.dating.facts if fact.decides] == [TRACKING]
    told = {(fact.what, fact.origin): fact.why for fact in found.dating.facts}
    assert len(told) == 5
    late = told["arrived", "fulfillmentOutbound_2020-07-01.getPackageTrackingDetails"]
    assert late == "another word of its arrival is earlier"
    assert "2026-03-08T12:00:00Z" in found.dating.words
    assert "24 hours" in found.dating.words
    assert "Jürgen" not in repr(found)


def test_an_arrival_told_later_replaces_the_key_of_the_later_day(world: World) -> None:
    world.put(order(status=Progress.SHIPPED, purchased=NOW))
    say(world, TRACKING, arrived(NOW + SPAN), at=NOW + SPAN)
    first = dates(world).of(SELLER, ORDER, NOW + SPAN)
    say(world, EASY_SHIP, arrived(NOW + timedelta(hours=1)), at=NOW + 2 * SPAN)
    second = dates(world).of(SELLER, ORDER, NOW + 2 * SPAN)
    assert first is not None
    assert second is not None
    assert second.due_at == (first.due_at or 0) - DAY
    due = datetime.fromtimestamp(second.due_at or 0, UTC)
    assert world.vault.sweep(due).replaced_periods == 1


def test_of_what_is_gone_its_facts_are_gone_too(world: World) -> None:
    world.put(order(status=Progress.SHIPPED, purchased=NOW))
    say(world, TRACKING, arrived(NOW))
    world.vault.sweep(NOW + 40 * SPAN)
    say(world, TRACKING, arrived(NOW), at=NOW + 41 * SPAN)
    found = dates(world).of(SELLER, ORDER, NOW + 41 * SPAN)
    assert found is not None
    assert (found.state, found.dating) == ("gone", None)
    assert dates(world).of(SELLER, "902-0", NOW) is None
    assert dates(world).of(SellerId(2), ORDER, NOW) is None


def test_what_is_past_its_date_is_a_number(world: World) -> None:
    world.put(order(status=Progress.SHIPPED, purchased=NOW))
    world.put(order("902-open", {NAME: "Open"}))
    due = NOW.replace(hour=0) + 29 * SPAN
    assert dates(world).standing(due - timedelta(seconds=1)).oldest_past_its_date_days > 0
    world.vault.sweep(due - timedelta(seconds=1))
    standing = dates(world).standing(due - timedelta(seconds=1))
    assert (standing.oldest_past_its_date_days, standing.overdue_keys) == (0, 0)
    late = dates(world).standing(due + timedelta(hours=1))
    assert (late.oldest_past_its_date_days, late.overdue_keys) == (1, 1)
    world.vault.sweep(due + timedelta(hours=1))
    assert dates(world).standing(due + timedelta(hours=1)).oldest_past_its_date_days == 0


def test_open_records_are_listed_without_saying_whose(world: World) -> None:
    world.put(order(), order("902-2", {NAME: "Other"}, status=Progress.SHIPPED))
    (found,) = dates(world).open(10)
    assert (found.status, found.seller) == ("unshipped", 1)
    assert dates(world).open(10, SellerId(2)) == []


def test_rules_are_data_with_their_clauses() -> None:
    spans = {rule.days for rule in RULES.values()} - {None, 0}
    assert spans == {RETENTION_AFTER_DELIVERY.days}
    assert {row.clause for row in (*RULES.values(), *PARTS)} == {"2.1"}
    assert is_packed("item:123.gift_message")
    assert is_packed("item:ab12.gift_message:7")
    assert not is_packed("item:1.serial_number")
    assert not is_packed("recipient.name")


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        (DeliveryFacts(Progress.CANCELLED, 5), "cancelled"),
        (DeliveryFacts(Progress.FIRST_SEEN, 5), "first_seen"),
        (DeliveryFacts(Progress.LAST_SEEN, 5, 0, 9), "last_seen"),
        (DeliveryFacts(Progress.SHIPPED, 5, 9, 7), "shipped"),
        (DeliveryFacts(Progress.SHIPPED, 5, 7, 9), "seen_undelivered"),
        (DeliveryFacts(Progress.SHIPPED, 5), "purchased"),
        (DeliveryFacts(Progress.DELIVERED, 5, 7, 9, 8), "carrier"),
        (DeliveryFacts(Progress.DELIVERED, 5, 7, 9, 4), "seen_undelivered"),
        (DeliveryFacts(Progress.UNSHIPPED, 5), "purchased"),
        (DeliveryFacts(), "unknown"),
    ],
)
def test_each_rule_explains_the_orders_it_dates(facts: DeliveryFacts, rule: str) -> None:
    dating = explain(facts, [], NOW, COPY_LIFETIME)
    assert dating.rule.id == rule
    assert sum(fact.decides for fact in dating.facts) <= 1
    assert dating.words
