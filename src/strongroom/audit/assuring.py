"""The events of assets, scans, releases, suppliers and audits: a part of the catalogue [2.3, 2.5, 2.7, 3]. Pure."""

from collections.abc import Mapping
from typing import Final

from strongroom.audit.event_types import EventType
from strongroom.audit.overseeing import Described

ASSURING: Final[Mapping[EventType, Described]] = {
    EventType.SCAN_IMPORTED: Described(
        "2.7",
        "a scan was imported; `op` is its kind and what it is worth, `n` what it found, `chg` its SHA-256",
        "op obj n bytes chg",
    ),
    EventType.SCAN_TARGET_CHANGED: Described(
        "2.7", "something was declared to be scanned, or taken off that list", "op obj"
    ),
    EventType.VULNERABILITY_EXCUSE_REQUESTED: Described(
        "2.7",
        "a person asked that a finding's risk is accepted, or said that it is none; `op` says which",
        "op obj n chg",
    ),
    EventType.VULNERABILITY_EXCUSE_APPROVED: Described(
        "2.7", "another person approved it; in a home of one person the same", "op obj n chg"
    ),
    EventType.VULNERABILITY_EXCUSE_ENDED: Described(
        "2.7", "it was rejected, or ended before its day", "op obj n chg"
    ),
}
