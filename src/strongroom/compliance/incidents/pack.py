"""Puts a case's documentation together as Amazon asks for it: report, timeline, evidence, the log's proofs [1.6].

Every evidence package in it is checked before the pack leaves; one that does not prove itself stops it.
"""

import io
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from strongroom.audit import EventType
from strongroom.compliance import evidence_offline
from strongroom.compliance.custody import Why
from strongroom.compliance.evidence_package import json_of, packed, proved, sums
from strongroom.compliance.incidents.cases import Shown
from strongroom.compliance.incidents.practice import Practices
from strongroom.compliance.incidents.room import Named, Room
from strongroom.errors import Tampered
from strongroom.terms import Caller

FORMAT = "strongroom/incident-pack/v1"
_EVENTS = tuple(type_ for type_ in EventType if type_.value.startswith("incident."))

Drawn = Callable[[Shown], bytes]
"""Draws the report as a PDF."""


def pack(
    room: Room,
    practices: Practices,
    shown: Shown,
    draw: Drawn,
    names: Named,
    caller: Caller,
    now: datetime,
) -> tuple[str, bytes]:
    """Return the pack's name and bytes; what leaves of the evidence is in its custody. Raises: Tampered, Denied."""
    room.people.refuse_strangers(caller, now)
    number = shown.case.id
    files = {"report.pdf": draw(shown)}
    with room.audit.prover() as prover:
        key = prover.vkey
    for item in shown.evidence:
        if item.disposed_at is not None:
            continue
        name, content = room.evidence.export(item.id, Why.AMAZON_REQUEST, caller, now, names)
        faults = evidence_offline.check(io.BytesIO(content), key).faults
        if faults:
            raise Tampered(f"evidence {item.id} does not prove itself: {faults[0]}")
        files[f"evidence/{name}"] = content
    files["case.json"] = json_of(_told(shown, names))
    files["log.json"] = json_of(proved(room.audit, room.audit.about(_EVENTS, str(number))))
    files["SHA256SUMS"] = sums(files)
    whole = packed(files)
    practices.packed(sha256(whole).hexdigest(), number, caller, now)
    return f"incident-{number}.zip", whole


def _told(shown: Shown, names: Named) -> dict[str, object]:
    case = shown.case
    return {
        "format": FORMAT,
        "incident": case.id,
        "type": shown.kind.key,
        "clock_at": case.clock_at.isoformat(),
        "detected_at": _iso(case.detected_at),
        "suspected_at": _iso(case.suspected_at),
        "contained_at": _iso(case.contained_at),
        "notified_at": _iso(case.notified_at),
        "closed_at": _iso(case.closed_at),
        "lead": names(case.lead_id),
        "texts": dict(case.texts),
        "entries": [
            {
                "number": entry.id,
                "what": entry.what,
                "name": entry.name,
                "at": entry.at.isoformat(),
                "by": names(entry.by_id),
                "state": entry.state,
                "owner": None if entry.owner_id is None else names(entry.owner_id),
                "due_at": _iso(entry.due_at),
                "second": None if entry.second_id is None else names(entry.second_id),
                "evidence": entry.evidence_id,
                "said": dict(entry.said),
            }
            for entry in shown.entries
        ],
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
