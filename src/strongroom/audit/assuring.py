"""The events of assets, scans, releases, suppliers and audits: a part of the catalogue [2.3, 2.5, 2.7, 3]. Pure."""

from collections.abc import Mapping
from typing import Final

from strongroom.audit.event_types import EventType
from strongroom.audit.overseeing import Described

ASSURING: Final[Mapping[EventType, Described]] = {
    EventType.CHANGE_OPENED: Described(
        "2.7", "a change was asked for, or somebody was refused; `op` is what is changed", "op obj"
    ),
    EventType.CHANGE_TESTED: Described(
        "2.7", "it was tested; `op` says how that went, `n` is an item of evidence", "op obj n"
    ),
    EventType.CHANGE_VERIFIED: Described(
        "2.7", "another person verified the test, or was refused", "op obj"
    ),
    EventType.CHANGE_APPROVED: Described(
        "2.7", "another person approved it, or was refused", "op obj"
    ),
    EventType.CHANGE_REJECTED: Described("2.7", "it will not be done", "op obj"),
    EventType.CHANGE_CLOSED: Described(
        "1.6", "it is done; `op` says whether it was major, or what somebody was refused", "op obj"
    ),
    EventType.STORAGE_ADMINISTRATORS_CHANGED: Described(
        "2.7",
        "who may change storage: a person (`n`) was named, approved, reviewed or taken off, as `op` says",
        "op obj n",
    ),
    EventType.STORAGE_RECORDED: Described(
        "2.7",
        "what this installation lies on was recorded; `n` is the change it came by, `chg` has its SHA-256",
        "op obj n chg",
    ),
    EventType.RELEASE_RECORDED: Described(
        "2.7",
        "a release was put before another person; `chg` has the SHA-256 of its commit",
        "obj chg",
    ),
    EventType.RELEASE_APPROVED: Described(
        "2.7", "another person approved it, or was refused", "op obj chg"
    ),
    EventType.RELEASE_WITHDRAWN: Described("2.7", "it does not count any more", "obj"),
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
