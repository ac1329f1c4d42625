"""Syncs as an operator has them: by command, with and without `serve`, by schedule, and killed in the middle."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.errors import Denied, Malformed, NotFound
from strongroom.simulator import Fault, FaultKind, SellerAccount, Simulator, SimulatorConfig
from tests.support.home import Home

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SINCE = "2024-01-01T00:00:00Z"
_SECONDS = 30.0


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    began = time.monotonic()
    config = SimulatorConfig(
        orders=330,
        seed=11,
        # Ahead of the home's, which begins anew each time that is served.
        clock=lambda: NOW + timedelta(minutes=30, seconds=time.monotonic() - began),
        markers=True,
        sellers=(SellerAccount("acme"),),
    )
    with Simulator(config) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Home]:
    with Home.make(tmp_path_factory.mktemp("sync"), now=NOW) as made:
        made.start()
        made.add_seller(simulator, simulator.seller("acme"))
        made.add_app("nightly", "acme", grants=False)
        made.add_grant("nightly", "acme", "sync")
        # The grant of then must not lie in the future when it is served again.
        made.now = NOW + timedelta(minutes=10)
        yield made


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def searched(simulator: Simulator) -> int:
    return sum(r.operation == "orders_2026-01-01.searchOrders" for r in simulator.requests)


def rows(home: Home, query: str) -> list[Any]:
    with closing(sqlite3.connect(home.path / "vault.db")) as database:
        return database.execute(query).fetchall()


def test_a_process_that_is_killed_in_a_pull_loses_nothing_and_doubles_nothing(
    home: Home, simulator: Simulator, tmp_path: Path
) -> None:
    command = ("sync", "orders", "--app", "nightly", "--out", str(tmp_path / "out"))
    simulator.add_fault(Fault(FaultKind.SLOW, operation="searchOrders", seconds=0.4))
    before = searched(simulator)
    pulling = threading.Thread(target=home.try_run, args=(*command, "--since", SINCE))
    pulling.start()
    until(lambda: searched(simulator) >= before + 3)
    home.kill()
    pulling.join(_SECONDS)
    simulator.clear_faults()
    under_way = rows(home, "SELECT pages, until_at FROM sync_checkpoint")
    assert under_way[0][0] in (1, 2)
    assert under_way[0][1] is not None

    home.start()
    (run,) = home.run(*command)["runs"]
    assert (run["state"], run["resumed"]) == ("done", True)
    assert run["seen"] < 330
    pages = [json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json")]
    listed = [order["orderId"] for page in pages for order in page["orders"]]
    ((covered,),) = rows(home, "SELECT covered_until FROM sync_checkpoint")
    end = datetime.fromtimestamp(covered / 1e6, UTC)
    wanted = {o.order_id for o in simulator.orders("acme") if o.outline.updated_at < end}
    assert len(listed) == len(set(listed)) > 300
    assert set(listed) == wanted
    ((records, subjects),) = rows(home, "SELECT count(*), count(DISTINCT subject_ref) FROM record")
    assert records == subjects
    text = "".join(path.read_text() for path in (tmp_path / "out").glob("*"))
    assert not [marker for marker in simulator.markers() if marker in text]
    told = b"".join(home.outputs).decode()
    assert not [marker for marker in simulator.markers() if marker in told]


def test_a_command_ends_with_one_where_something_did_not_come(home: Home) -> None:
    home.add_app("bare", "acme", grants=False)
    found = home.run("sync", "orders", "--app", "bare", code=1)
    assert [run["state"] for run in found["runs"]] == ["refused"]


def test_the_date_of_an_order_is_explained_to_people(home: Home, simulator: Simulator) -> None:
    home.run("sync", "orders", "--app", "nightly", "--since", SINCE)
    before = NOW - timedelta(hours=1)
    order = next(
        o for o in simulator.orders("acme")
        if o.outline.status == "Unshipped" and o.outline.updated_at < before
    )  # fmt: skip
    show = ("retention", "show", order.outline.order_id, "--seller", "acme")
    found = home.run(*show)
    assert (found["state"], found["rule"]["id"], found["due_at"]) == ("live", "open", None)
    assert [fact["what"] for fact in found["facts"] if fact["decides"]] == ["seen_undelivered"]
    assert not [marker for marker in simulator.markers() if marker in json.dumps(found)]
    listed = home.run("retention", "show", "--open")["open"]
    assert "unshipped" in {row["status"] for row in listed}
    (app,) = home.add_app("asking", "acme", grants=False)
    with pytest.raises(Denied):
        home.ask("retention.show", as_=app, order=order.outline.order_id, seller="acme")


QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/q"


@pytest.mark.parametrize(
    ("what", "wish", "kind"),
    [
        ("orders", {}, Malformed),
        ("orders", {"app": "nightly", "since": "2031-01-01T00:00:00Z"}, Malformed),
        ("orders", {"app": "nightly", "since": "yesterday"}, Malformed),
        ("orders", {"app": "nobody"}, NotFound),
        ("reports", {"app": "nightly", "type": "no type"}, Malformed),
        ("notifications", {"app": "nightly", "queue": QUEUE}, Malformed),
        ("notifications", {"app": "nightly", "queue": "http://q", "sealed_only": True}, Malformed),
        (
            "notifications",
            {"app": "nightly", "queue": QUEUE, "sealed_only": True, "to_queue": QUEUE},
            Malformed,
        ),
    ],
)
def test_a_wish_of_the_wrong_form_is_refused(
    home: Home, what: str, wish: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        home.ask(f"sync.{what}", **wish)


def test_without_serve_a_command_pulls_by_itself_and_with_a_schedule_serve_does(
    home: Home, simulator: Simulator
) -> None:
    home.stop()
    before = searched(simulator)
    at = (NOW + timedelta(minutes=20)).isoformat()
    found = home.run("sync", "reports", "--type", "GET_ORDER_REPORT_DATA_SHIPPING",
                     "--app", "nightly", "--now", at)  # fmt: skip
    assert found["ok"]
    assert found["runs"][0]["seen"] == 1
    home.start(extra={"STRONGROOM_SYNC__APP": "nightly", "STRONGROOM_SYNC__ORDERS_EVERY": "2h"})
    # Changed orders, and those that are still open.
    until(lambda: searched(simulator) >= before + 2)
    started = time.monotonic()
    assert home.stop() == 0
    assert time.monotonic() - started < 30
