"""The process is killed at every step of a pull, and at random: no token that came back is lost.

SIGKILL stands for whatever ends a process between two instructions. Durability through a loss of
power is SQLite's, with synchronous=FULL.
"""

from __future__ import annotations

import random  # noqa: TID251 - seeded instants, the same in every run
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.faults.pulling import Shop, faults_of, missing_of, open_shop
from tests.support import dying

ROOT = Path(__file__).parents[2]
CHOSEN = (
    ("keystore.period.after", 2),
    ("changes.write.after", 3),
    ("audit.append.after", 6),
    ("vault.db.commit.before", 7),
    ("vault.db.commit.after", 8),
    ("answer.send.headers", 5),
)
"""Where every run of the tests kills, and how often the point was reached by then: in the midst of
merging, mostly. The long slice kills at all points, several times."""


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """Give a shop with the number of sellers that the test asks for."""
    with ExitStack() as stack:
        yield open_shop(tmp_path, stack, sellers=request.param, orders_each=40)


def kill_at(shop: Shop, seller: str, point: str, times: int) -> list[str]:
    """Let the home die at a point while a seller's orders are pulled, and say what was lost."""
    shop.home.start(
        wrapper=[sys.executable, dying.__file__],
        extra={
            "STRONGROOM_TEST_POINT": point,
            "STRONGROOM_TEST_TIMES": str(times),
            "PYTHONPATH": str(ROOT),
        },
    )
    died = shop.pull_until_it_dies(seller)
    if died:
        assert shop.home.wait() == -signal.SIGKILL
    else:
        shop.home.kill()
        # The only way to survive: the point is reached less often than asked for.
        assert times > len(CHOSEN) * 2
    return faults_of(shop, seller)


def pull_all(shop: Shop) -> None:
    """Serve the home as usual, pull everything once more, and stop."""
    shop.home.start()
    for seller in shop.apps:
        with shop.client(seller) as client:
            shop.pull(seller, client)
    assert shop.home.stop() == 0


@pytest.mark.timeout(240)
@pytest.mark.parametrize("shop", [len(CHOSEN)], indirect=True)
def test_no_token_is_lost_when_a_step_of_the_pull_is_its_last(shop: Shop) -> None:
    """Each step kills the pull of a selling partner of its own, in one home that goes on."""
    for seller, (point, times) in zip(shop.apps, CHOSEN, strict=True):
        assert kill_at(shop, seller, point, times) == [], point
    assert sum(map(len, shop.received.values())) > 1000
    pull_all(shop)
    assert faults_of(shop) == []
    assert missing_of(shop) == {}


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("times", [1, 2, 5, 20])
@pytest.mark.parametrize("shop", [len(dying.POINTS)], indirect=True)
def test_no_token_is_lost_at_any_step(shop: Shop, times: int) -> None:
    for seller, point in zip(shop.apps, dying.POINTS, strict=True):
        assert kill_at(shop, seller, point, times) == [], point
    pull_all(shop)
    assert faults_of(shop) == []
    assert missing_of(shop) == {}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("shop", "kills"), [(3, 5), pytest.param(3, 50, marks=pytest.mark.long)], indirect=["shop"]
)
def test_no_token_is_lost_in_random_kills_of_concurrent_pulls(shop: Shop, kills: int) -> None:
    """Three apps pull and orders change; the process is killed at an instant between."""
    rng = random.Random(9)
    for number in range(kills):
        shop.home.start()
        with ThreadPoolExecutor(len(shop.apps)) as pool:
            pulls = [pool.submit(shop.pull_until_it_dies, seller) for seller in shop.apps]
            time.sleep(rng.uniform(0.05, 1.0))
            shop.home.kill()
            assert [pull.exception() for pull in pulls] == [None] * len(pulls)
        assert faults_of(shop) == [], f"kill {number}"
    assert sum(map(len, shop.received.values())) > 1000
    pull_all(shop)
    assert missing_of(shop) == {}


@pytest.mark.parametrize("shop", [2], indirect=True)
def test_a_stop_in_the_middle_of_pulls_is_orderly(shop: Shop) -> None:
    """Requests that were begun get whole answers or none, and the log ends with its last checkpoint."""
    shop.home.start()
    with ThreadPoolExecutor(len(shop.apps)) as pool:
        pulls = [pool.submit(shop.pull_until_it_dies, seller) for seller in shop.apps]
        time.sleep(0.6)
        began = time.monotonic()
        assert shop.home.stop() == 0
        assert time.monotonic() - began < 10
        assert [pull.exception() for pull in pulls] == [None] * len(pulls)
    assert sum(map(len, shop.received.values())) > 100
    assert faults_of(shop) == []
    # The yardstick itself notices a token that nobody was given.
    pulled = [order.order_id for seller in shop.apps for order in shop.live(seller)]
    order_id = next(order_id for order_id in pulled if shop.received.get(order_id))
    shop.received[order_id].add("ST" + "0" * 18)
    assert faults_of(shop) == [f"{order_id}: token {'ST' + '0' * 18} stands for nothing"]
