"""How long a restore takes and how much is lost: printed, and recorded where a drill says so [2.1]."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.restored import ADA, NOW, Shop

from strongroom.crypto.age import Identities
from strongroom.restoring import drill

pytestmark = pytest.mark.clause("2.1")

HOUR = timedelta(hours=1)
PAGE = 500


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("orders", [1_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_rto_and_rpo_are_printed(
    any_shop: Shop, orders: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with any_shop.open(NOW) as system:
        for first in range(0, orders, PAGE):
            any_shop.put(system, NOW, first, PAGE)
        began = time.monotonic()
        taken = any_shop.backup(system, NOW)
        seconds = time.monotonic() - began
        path = system.backups.path_of(taken)
        now = NOW + 24 * HOUR
        drilled = drill(system, Identities([any_shop.identity]), ADA, now, lambda *_: None)
        copy = any_shop.copy_keys(system, NOW)
    assert drilled.lost_ms == 24 * 3600 * 1000
    done = any_shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), since=(any_shop.lost,))
    assert done.rows == taken.rows
    megabytes = taken.bytes_ / 1e6
    engine = "postgresql" if any_shop.environ else "sqlite"
    with capsys.disabled():
        sys.stdout.write(
            f"\n{engine}: {orders} orders, {taken.rows} rows, {megabytes:.1f} MB;"
            f" backup and copy {seconds:.1f} s ({megabytes / seconds:.0f} MB/s);"
            f" RTO {done.seconds:.1f} s ({megabytes / done.seconds:.0f} MB/s),"
            f" drill {drilled.recovery_ms / 1000:.1f} s; RPO {drilled.lost_ms / 3_600_000:.0f} h\n"
        )
