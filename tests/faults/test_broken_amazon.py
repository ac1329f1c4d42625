"""A served home before an Amazon that answers nonsense: in time, small in memory, nothing leaks, others go on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.faults.pulling import TWO_YEARS_BACK, Shop, open_shop

from strongroom.leaks import Needles
from strongroom.simulator import Fault, FaultKind

SOON = 5.0
MOST_RESIDENT_KB = 400 * 1024
UNREADABLE = (
    FaultKind.DEEP,
    FaultKind.HUGE,
    FaultKind.INVALID_UTF8,
    FaultKind.TRUNCATED,
    FaultKind.HTML,
    FaultKind.WRONG_CONTENT_TYPE,
    FaultKind.RESET,
    FaultKind.RESET_MID_BODY,
)
TOKENIZED = (FaultKind.WRONG_TYPES, FaultKind.UNKNOWN_PII)
"""What a document may hold that its model does not: shut out leaf by leaf, and counted as drift."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with ExitStack() as stack:
        shop = open_shop(tmp_path_factory.mktemp("broken"), stack, sellers=2, orders_each=60)
        shop.home.start()
        yield shop


@pytest.mark.clause("2.6")
@pytest.mark.parametrize("kind", [*UNREADABLE, *TOKENIZED])
def test_nonsense_ends_in_time_leaks_nothing_and_costs_nobody_else(
    shop: Shop, kind: FaultKind
) -> None:
    broken, sound = shop.apps
    fault = shop.simulator.add_fault(Fault(kind, seller=broken))
    planted = [fault.text] if fault.text and len(fault.text) >= 12 else []
    try:
        with shop.client(broken) as client, shop.client(sound) as other:
            began = time.monotonic()
            answer = client.get(
                "/orders/v0/orders",
                MarketplaceIds="ATVPDKIKX0DER,A1PA6795UKMFR9,A1VC38T7YXB528",
                CreatedAfter=TWO_YEARS_BACK,
            )
            took = time.monotonic() - began
            page = next(other.pages(restricted=False, CreatedAfter=TWO_YEARS_BACK))
    finally:
        shop.simulator.clear_faults()

    assert took < SOON
    assert answer.status in ((502,) if kind in UNREADABLE else (200, 502))
    assert not Needles([*shop.simulator.markers(), *planted]).search(answer.content)
    assert page.status == 200
    assert _peak_kilobytes(shop.home.pid) < MOST_RESIDENT_KB


def _peak_kilobytes(pid: int) -> int:
    """Return the most memory that the serving process ever held."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1])
