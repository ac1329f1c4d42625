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
    EventType.ASSESSMENT_OPENED: Described("3", "an audit that Amazon announced was opened", "obj"),
    EventType.ASSESSMENT_RECORDED: Described(
        "3",
        "a step of a request or finding (`n`) of an audit, or somebody was refused; `op` says which",
        "op obj n",
    ),
    EventType.ASSESSMENT_CLOSED: Described(
        "3", "an audit was closed, or refused because an approval is missing", "obj"
    ),
    EventType.AUDITOR_ADMITTED: Described("3", "a person (`n`) may look as an auditor", "obj n"),
    EventType.AUDITOR_ENDED: Described("3", "an auditor (`n`) is let in no more", "obj n"),
    EventType.AUDITOR_VIEWED: Described("3", "an auditor was shown the page `op`", "op obj"),
    EventType.SUPPLIER_CHANGED: Described(
        "3",
        "a subcontractor or facility was written down, bound, assessed or ended, as `op` says, or somebody was refused",
        "op obj",
    ),
    EventType.STAFF_RECORDED: Described(
        "1.2", "a training of a person, or a step of joining or leaving, as `op` says", "op obj"
    ),
    EventType.QUESTIONNAIRE_CHANGED: Described(
        "3",
        "an answer to Amazon's questionnaire was written, approved, refused or exported",
        "op obj",
    ),
    EventType.PACK_BUILT: Described(
        "3", "a pack of evidence with `n` files was built and checked, or refused", "obj n"
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
