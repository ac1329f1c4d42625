"""The events of assets, scans, releases, suppliers and audits: a part of the catalogue [2.3, 2.5, 2.7, 3]. Pure."""

from collections.abc import Mapping
from typing import Final

from strongroom.audit.event_types import EventType
from strongroom.audit.overseeing import Described

ASSURING: Final[Mapping[EventType, Described]] = {
    EventType.ASSET_ADDED: Described(
        "2.3", "an asset came into the inventory; `op` says how", "op obj chg"
    ),
    EventType.ASSET_CHANGED: Described("2.3", "a person wrote an asset anew", "obj chg"),
    EventType.ASSET_CONFIRMED: Described("2.3", "a person confirmed an asset", "obj"),
    EventType.ASSET_RETIRED: Described(
        "2.3",
        "an asset left; `op` says how the data on it was destroyed, `chg` has the SHA-256 of the proof",
        "op obj chg",
    ),
    EventType.ASSET_STATED: Described(
        "2.3", "a person stated how a device without a feed stands, in `n` points", "obj n chg"
    ),
    EventType.ASSET_BOM_ATTACHED: Described(
        "2.3", "a bill of materials with `n` components was attached to an asset", "obj n chg"
    ),
    EventType.ASSET_IMPORTED: Described(
        "2.3", "an export of another tool was applied; `n` counts its assets", "op obj n chg"
    ),
    EventType.ASSET_EXPORTED: Described("2.3", "the inventory left as a file", "op n"),
    EventType.ASSET_CAMPAIGN_STARTED: Described(
        "2.3", "the inventory of `n` assets was frozen for a quarter's review", "obj n chg"
    ),
    EventType.ASSET_CAMPAIGN_CLOSED: Described(
        "2.3", "the IT administrator signed the inventory, or somebody was refused", "obj n chg"
    ),
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
