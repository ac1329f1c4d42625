"""Orders come page by page, sealed as an app's are, and go on where they were cut off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from strongroom.errors import Denied, Malformed, NotFound
from strongroom.simulator import Fault, FaultKind
from strongroom.sync import State, Wanted
from strongroom.sync.checkpoints import Checkpoint
from strongroom.sync.orders import OPEN_ORDERS, ORDERS, SETTLING
from strongroom.terms import Action, AuthMethod, Caller, Category, PrincipalKind, Purpose
from strongroom.vault import Wish
from tests.gateway.conftest import CONSOLE, NOW
from tests.sync.conftest import BEGINNING, Pulling


def requests(pulling: Pulling, operation: str = "orders_2026-01-01.searchOrders") -> int:
    return sum(r.operation == operation for r in pulling.simulator.requests)


@pytest.mark.clause("2.4", "4")
def test_orders_come_with_tokens_and_their_values_are_in_the_vault(
    pulling: Pulling, tmp_path: Path
) -> None:
    run = pulling.orders(since=BEGINNING, out=str(tmp_path / "out"))
    assert (run.state, run.seen, run.pages) == (State.DONE, 130, 2)
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert not [m for m in pulling.simulator.markers() if m.encode() in written]
    assert pulling.listed(tmp_path / "out") == set(pulling.simulator.order_ids("acme"))
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}

    order = next(
        o for o in pulling.simulator.orders("acme")
        if o.outline.status == "Unshipped" and o.outline.channel == "MFN"
    )  # fmt: skip
    pulling.door.grant(pulling.app)
    caller = Caller(pulling.app.principal, PrincipalKind.APP, "erp", AuthMethod.ACCESS_TOKEN)
    values = pulling.door.vault.reveal_order(
        caller, pulling.app.seller, order.outline.order_id, purpose=Purpose.FULFILMENT, now=NOW
    )
    assert order.slots["recipient.name"] in {one.value.unwrap() for one in values}


def test_the_next_pull_begins_where_the_last_one_ended(pulling: Pulling) -> None:
    pulling.orders(since=BEGINNING)
    again = pulling.orders()
    assert (again.seen, again.resumed) == (0, False)
    day_before = NOW - timedelta(days=1)
    pulling.sync.checkpoints.put(pulling.app.seller, ORDERS, Checkpoint(day_before), NOW)
    changed = [o for o in pulling.simulator.orders("acme") if o.outline.updated_at >= day_before]
    assert pulling.orders().seen == len(changed) < 130


def test_a_pull_that_was_cut_off_goes_on_with_its_own_window(
    pulling: Pulling, tmp_path: Path
) -> None:
    pulling.sync.steps_left = 2
    cut = pulling.orders(since=BEGINNING, out=str(tmp_path))
    assert (cut.state, cut.pages) == (State.STOPPED, 1)
    place = pulling.sync.checkpoints.of(pulling.app.seller, ORDERS)
    assert place.under_way
    assert place.cursor
    assert place.covered_until is None

    pulling.sync.steps_left = None
    pulling.door.clock.advance(hours=1)
    rest = pulling.orders(out=str(tmp_path))
    assert (rest.state, rest.resumed, rest.seen) == (State.DONE, True, 30)
    assert pulling.listed(tmp_path) == set(pulling.simulator.order_ids("acme"))
    # What changed while it was away comes with the next window, not never.
    assert pulling.sync.checkpoints.of(pulling.app.seller, ORDERS).covered_until == NOW - SETTLING


def test_a_page_that_is_pulled_twice_is_one_page(pulling: Pulling, tmp_path: Path) -> None:
    """Killed between the vault's commit and the checkpoint's: the page is asked for again."""
    pulling.sync.steps_left = 1
    pulling.orders(since=BEGINNING, out=str(tmp_path))
    place = pulling.sync.checkpoints.of(pulling.app.seller, ORDERS)
    pulling.sync.steps_left = 2
    pulling.orders(out=str(tmp_path))
    pulling.sync.checkpoints.put(pulling.app.seller, ORDERS, place, NOW)
    pulling.sync.steps_left = None
    assert pulling.orders(out=str(tmp_path)).state is State.DONE
    assert len(list(tmp_path.glob("*.json"))) == 2
    assert pulling.listed(tmp_path) == set(pulling.simulator.order_ids("acme"))


def test_a_place_in_the_list_that_has_expired_begins_the_window_again(pulling: Pulling) -> None:
    pulling.sync.steps_left = 2
    pulling.orders(since=BEGINNING)
    pulling.sync.steps_left = None
    pulling.door.clock.advance(hours=25)
    run = pulling.orders()
    assert (run.state, run.restarted, run.seen) == (State.DONE, True, 130)


def test_a_place_in_the_list_that_amazon_keeps_refusing_ends_the_run(pulling: Pulling) -> None:
    """It answers each first page and refuses each second one: the window is begun anew once, and then it fails."""
    simulator = pulling.simulator
    body = b'{"errors":[{"code":"InvalidInput","message":"no"}]}'
    refusal = Fault(
        FaultKind.BODY, operation="searchOrders", body=body, content_type="application/json",
        status=400,
    )  # fmt: skip

    def turn(_done: int, _total: int | None) -> None:
        simulator.clear_faults()
        if simulator.requests[-1].status == HTTPStatus.OK:
            simulator.add_fault(refusal)

    pulling.sync.steps_left = 50
    (run,) = pulling.sync.orders(pulling.wanted(since=BEGINNING), CONSOLE, turn)
    simulator.clear_faults()
    assert (run.state, run.restarted, run.pages) == (State.FAILED, True, 2)
    pulling.sync.steps_left = None
    assert pulling.orders().state is State.DONE


def test_a_later_since_skips_nothing(pulling: Pulling) -> None:
    """The next run without one begins where the last one without one ended."""
    checkpoints, seller = pulling.sync.checkpoints, pulling.app.seller
    yesterday = NOW - timedelta(days=1)
    # Nothing is covered yet, and a first pull would go further back.
    assert pulling.orders(since=yesterday).state is State.DONE
    assert checkpoints.of(seller, ORDERS) == Checkpoint()
    for covered in (NOW - timedelta(days=25), yesterday):
        checkpoints.put(seller, ORDERS, Checkpoint(covered), NOW)
        assert pulling.orders(since=yesterday).state is State.DONE
        moved = covered if covered < yesterday else NOW - SETTLING
        assert checkpoints.of(seller, ORDERS) == Checkpoint(moved)


def test_a_later_since_does_not_drop_a_window_under_way(pulling: Pulling) -> None:
    pulling.sync.steps_left = 2
    pulling.orders(since=BEGINNING)
    pulling.sync.steps_left = None
    place = pulling.sync.checkpoints.of(pulling.app.seller, ORDERS)
    run = pulling.orders(since=NOW - timedelta(days=1))
    assert (run.state, run.fault) == (
        State.FAILED,
        (
            "a window from 2024-01-01T00:00:00Z on is under way: "
            "run it to its end first, without --since"
        ),
    )
    assert pulling.sync.checkpoints.of(pulling.app.seller, ORDERS) == place
    assert pulling.orders(since=BEGINNING).seen == 130


def test_a_spent_usage_plan_is_waited_for_as_long_as_it_says(pulling: Pulling) -> None:
    pulling.simulator.add_fault(Fault(FaultKind.THROTTLED, operation="searchOrders", count=3))
    run = pulling.orders(since=BEGINNING)
    assert run.state is State.DONE
    assert [p for p in pulling.sync.pauses if p][:3] == sorted(p for p in pulling.sync.pauses if p)
    assert len([p for p in pulling.sync.pauses if p]) == 3


def test_what_fails_in_passing_is_tried_again_and_what_stays_ends_the_run(
    pulling: Pulling,
) -> None:
    pulling.simulator.add_fault(Fault(FaultKind.RESET, operation="searchOrders", count=4))
    assert pulling.orders(since=BEGINNING).state is State.DONE
    pulling.simulator.add_fault(Fault(FaultKind.TRUNCATED, operation="searchOrders"))
    run = pulling.orders(since=BEGINNING)
    assert (run.state, run.seen) == (State.FAILED, 0)
    assert run.fault == "Amazon did not answer: status 502"
    pulling.simulator.clear_faults()
    assert (pulling.orders().resumed, pulling.orders().state) == (True, State.DONE)


def test_what_ends_one_selling_partner_does_not_end_the_others(pulling: Pulling) -> None:
    pulling.door.accounts.authorize("erp", pulling.other.seller, caller=CONSOLE, now=NOW)
    pulling.door.grants.add(
        CONSOLE, principal=pulling.app.principal, action=Action.SYNC, purpose=Purpose.TAX,
        categories=frozenset(Category), sellers=None, lifetime=timedelta(days=1), now=NOW,
    )  # fmt: skip
    pulling.simulator.add_fault(Fault(FaultKind.HTML, seller="acme", operation="searchOrders"))
    wanted = Wanted("erp", since=BEGINNING)
    runs = pulling.sync.orders(wanted, CONSOLE, lambda *_: None)
    assert [(r.seller, r.state) for r in runs] == [
        ("acme", State.FAILED),
        ("globex", State.DONE),
    ]


@pytest.mark.clause("1.3")
def test_who_started_it_and_the_app_it_ran_as_are_recorded(pulling: Pulling) -> None:
    pulling.orders(since=BEGINNING)
    events = pulling.door.events()
    started = next(e for e in events if e["type"] == "sync.started")
    assert (started["actor"]["id"], started["obj"]["ref"]) == (1, str(pulling.app.principal))
    sealed = next(e for e in events if e["type"] == "gateway.response.sealed")
    assert sealed["actor"]["id"] == pulling.app.principal
    finished = next(e for e in events if e["type"] == "sync.finished")
    assert (finished["n"], finished["req"]) == (130, started["req"])


@pytest.mark.clause("1.3")
def test_without_a_grant_to_sync_nothing_is_asked(pulling: Pulling) -> None:
    pulling.door.add_app("bare", pulling.app.seller)
    before = len(pulling.simulator.requests)
    wanted = Wanted("bare", (pulling.app.seller,))
    (run,) = pulling.sync.orders(wanted, CONSOLE, lambda *_: None)
    assert run.state is State.REFUSED
    assert len(pulling.simulator.requests) == before
    assert pulling.events("sync.started") == [("sync.started", "denied", "no_grant")]


@pytest.mark.clause("1.3")
def test_a_grant_that_is_revoked_ends_a_run_at_its_next_page(pulling: Pulling) -> None:
    grant = next(g for g in pulling.door.grants.all(pulling.app.principal))

    def revoke(done: int, total: int | None) -> None:
        pulling.door.grants.revoke(CONSOLE, grant.grant.id, NOW)

    (run,) = pulling.sync.orders(pulling.wanted(since=BEGINNING), CONSOLE, revoke)
    assert (run.state, run.pages) == (State.REFUSED, 1)


@pytest.mark.clause("1.3")
def test_a_grant_without_addresses_asks_amazon_for_none(pulling: Pulling) -> None:
    pulling.door.add_app("narrow", pulling.app.seller)
    narrow = pulling.door.accounts.find("narrow").id
    wish = Wish(
        narrow, Action.SYNC, Purpose.FULFILMENT, frozenset({Category.EMAIL}), None,
        timedelta(days=1),
    )  # fmt: skip
    pulling.door.grants.request(CONSOLE, [wish], NOW)
    (run,) = pulling.sync.orders(
        Wanted("narrow", (pulling.app.seller,), BEGINNING), CONSOLE, lambda *_: None
    )
    assert run.state is State.DONE
    asked = pulling.simulator.requests[-1].query
    assert "BUYER" in asked
    assert "RECIPIENT" not in asked


@pytest.mark.clause("2.1")
def test_open_orders_are_looked_at_again_without_asking_for_anybodys_data(
    pulling: Pulling,
) -> None:
    (run,) = pulling.sync.orders(pulling.wanted(), CONSOLE, lambda *_: None, open_only=True)
    still_open = [
        o for o in pulling.simulator.orders("acme")
        if o.outline.status in ("Pending", "PendingAvailability", "Unshipped", "PartiallyShipped")
        and o.outline.created_at > NOW - timedelta(days=90)
    ]  # fmt: skip
    assert run.seen == len(still_open) > 0
    assert "includedData=FULFILLMENT,PACKAGES" in pulling.simulator.requests[-1].query.replace(
        "%2C", ","
    )
    # The pull by changes has a place of its own.
    assert pulling.sync.checkpoints.of(pulling.app.seller, OPEN_ORDERS).covered_until is None
    assert not pulling.sync.checkpoints.of(pulling.app.seller, ORDERS).under_way


def test_wrong_wishes_are_refused_before_anything_is_asked(
    pulling: Pulling, tmp_path: Path
) -> None:
    wanted = pulling.wanted()
    with pytest.raises(NotFound):
        pulling.sync.orders(replace(wanted, app="nobody"), CONSOLE, lambda *_: None)
    with pytest.raises(Denied):
        pulling.sync.orders(replace(wanted, app="ada"), CONSOLE, lambda *_: None)
    (tmp_path / "home").mkdir(exist_ok=True)
    with pytest.raises(Malformed, match="inside the home"):
        pulling.orders(out=str(tmp_path / "home" / "out"))
    with pytest.raises(Malformed, match="whole path"):
        pulling.orders(out="out")
    run = pulling.orders(since=NOW - timedelta(seconds=30))
    assert (run.state, run.fault) == (State.FAILED, "the window to pull is empty")


def test_two_at_once_of_one_stream_are_one(pulling: Pulling) -> None:
    with pulling.sync._alone(pulling.app.seller, ORDERS):
        run = pulling.orders(since=BEGINNING)
        assert (run.state, run.fault) == (State.FAILED, "this sync is under way already")
        assert pulling.orders(pulling.other, since=BEGINNING).state is State.DONE
    assert pulling.orders(since=BEGINNING).state is State.DONE


def test_progress_counts_what_came(pulling: Pulling) -> None:
    told: list[int] = []
    pulling.sync.orders(
        pulling.wanted(since=BEGINNING), CONSOLE, lambda done, _total: told.append(done)
    )
    assert told == [100, 130]
