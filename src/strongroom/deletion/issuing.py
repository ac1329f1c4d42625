"""Gathers what a certificate says from the facts of a notice, proves each entry it rests on, and signs [1.7]."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from strongroom.audit import AuditLog, EventType
from strongroom.crypto.note import Signer
from strongroom.deletion.certificate import FORMAT, canonical, parts, sign
from strongroom.deletion.notice import Notice
from strongroom.errors import Tampered
from strongroom.paper import draw_statement
from strongroom.terms import PrincipalId

MOST_PROVED: Final = 50
"""Entries of one kind, beside those that decide, that a certificate carries with their proofs."""

_ERASED: Final = (EventType.RECORD_ERASED,)
_KEYS: Final = (EventType.PERIOD_KEY_REPLACED, EventType.PERIOD_KEY_DESTROYED)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is handed out: the document, the page, and the note that signs both."""

    document: bytes = field(repr=False)
    page: bytes = field(repr=False)
    note: str
    key: str
    """The public key it is checked with."""


def issue(
    notice: Notice,
    said: Mapping[str, Any],
    audit: AuditLog,
    signer: Signer,
    name: Callable[[PrincipalId], str],
    now: datetime,
) -> Certificate:
    """Return the certificate of a notice of which nothing is lacking. Raises: Tampered."""
    erased, planned, approved = (
        notice.step("erase"),
        notice.facts["planned", ""],
        notice.approved,
    )
    ended = notice.step("files")
    if erased is None or approved is None or ended is None:
        raise Tampered(f"notice {notice.id} was not run to its end")
    about = {"kind": "notice", "ref": str(notice.id)}
    erasures = [e.seq for e in audit.of_types(_ERASED) if e.body.get("obj") == about]
    keys = [
        e.seq
        for e in audit.of_types(_KEYS)
        if e.body and erasures and erasures[0] < e.seq <= ended.event
    ]
    records = _proving(erasures) + _proving(keys)
    numbers = sorted(
        {fact.event for fact in notice.facts.values() if fact.kind != "certified"} | set(records)
    )
    with audit.prover() as prover:
        size = prover.size
        proved = [prover.event(number) for number in numbers]
        log = {"key": prover.vkey, "size": size, "checkpoint": prover.note(size)}
    content: dict[str, Any] = {
        "format": FORMAT,
        **said,
        "notice": {
            "id": notice.id,
            "reference": notice.reference,
            "asked": notice.asked.value,
            "received_at": notice.received_at.isoformat(),
            "erase_by": notice.clocks.erase_by.isoformat(),
            "live_by": notice.clocks.live_by.isoformat(),
            "event": notice.facts["registered", ""].event,
        },
        "records": {
            "erased": erased.content["records"],
            "held": sum(one["records"] for one in erased.content["held"]),
            "gone_before": planned.content["gone_before"],
            "erasures": len(erasures),
        },
        "run": {
            "planned_by": name(planned.by),
            "planned_event": planned.event,
            "approved_by": name(approved.by),
            "approved_event": approved.event,
            "run_by": name(ended.by),
            "began_at": approved.at.isoformat(),
            "ended_at": ended.at.isoformat(),
            "events": [fact.event for step in notice.steps if (fact := notice.step(step))],
        },
        "stores": [
            _store(notice, one.name, one.holds, one.emptied, one.checked, name)
            for one in notice.stores
        ],
        "exceptions": list(erased.content["held"]),
        "parties": [
            {
                "party": f"{party.name} ({party.about})"
                if party.about != party.name
                else party.name,
                "records": party.records,
                "confirmed_by": None if party.confirmed_by is None else name(party.confirmed_by),
                "confirmed_at": None
                if party.confirmed_at is None
                else party.confirmed_at.isoformat(),
                "event": party.event,
            }
            for party in notice.parties
        ],
        "issued_at": now.isoformat(),
        "log": log,
        "events": [
            {"number": one.seq, "entry": (one.entry or b"").decode(), "proof": one.proof}
            for one in proved
        ],
    }
    document = canonical(content)
    page = draw_statement("Certificate of deletion", parts(content), now).content
    return Certificate(document, page, sign(signer, notice.id, document, page), signer.vkey)


def _store(
    notice: Notice,
    store: str,
    holds: str,
    emptied: str,
    checked: str,
    name: Callable[[PrincipalId], str],
) -> dict[str, Any]:
    found, stated = notice.after_run("verified", store), notice.after_run("stated", store)
    if found is None:
        raise Tampered(f"notice {notice.id}: {store} was not verified")
    events = [found.event, *([] if stated is None else [stated.event])]
    return {
        "store": store,
        "holds": holds,
        "emptied": emptied,
        "checked": checked,
        "method": found.content["method"],
        "verdict": found.content["verdict"],
        "told": found.content["told"],
        "counts": found.content["counts"],
        "stated": None if stated is None else stated.content["words"],
        "stated_by": None if stated is None else name(stated.by),
        "events": events,
    }


def _proving(numbers: list[int]) -> list[int]:
    """Return the first and last of many."""
    half = MOST_PROVED // 2
    return numbers if len(numbers) <= MOST_PROVED else [*numbers[:half], *numbers[-half:]]
