"""The demo: the whole path in one go, each promise tried and judged, with an invented Amazon."""

from strongroom.tour.tour import DEFAULT_ORDERS, FEWEST_ORDERS, run
from strongroom.tour.verdict import Summary, as_json, broken_promises

__all__ = ["DEFAULT_ORDERS", "FEWEST_ORDERS", "Summary", "as_json", "broken_promises", "run"]
