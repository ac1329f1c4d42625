"""What every fault test may ask for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.tally import Tally


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """Give the run's counts."""
    return Tally(record_property)
