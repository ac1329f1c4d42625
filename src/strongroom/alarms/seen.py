"""One entry of the log as rules see it: typed, and nothing of a person in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom.audit.entry import Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.terms import PrincipalId, SellerId


@dataclass(frozen=True, slots=True)
class Seen:
    """One recorded event. Members are those of docs/formats/audit-log.md; what does not apply is None or empty."""

    seq: int
    at: datetime
    type: EventType
    outcome: Outcome
    principal: PrincipalId
    actor_kind: str
    auth: str
    node: str
    boot: str
    nseq: int
    mono_ns: int
    reason: Reason | None = None
    op: str | None = None
    obj_kind: str | None = None
    obj_ref: str | None = None
    purpose: str | None = None
    pii: tuple[str, ...] = ()
    n: int | None = None
    bytes_: int | None = None
    decision: int | None = None
    req: str | None = None
    records: tuple[int, ...] = ()
    seller: SellerId | None = None
    src_ip: str | None = None
    fields: tuple[str, ...] = ()
    """Names of the fields that changed."""


def seen(seq: int, body: Mapping[str, Any]) -> Seen | None:
    """Return an entry's body as rules see it; None where a newer version wrote what this one has no word for."""
    try:
        type_, outcome = EventType(body["type"]), Outcome(body["outcome"])
        reason = Reason(body["reason"]) if "reason" in body else None
    except ValueError:
        return None
    actor, obj = body["actor"], body.get("obj", {})
    return Seen(
        seq,
        datetime.fromisoformat(body["t"]),
        type_,
        outcome,
        PrincipalId(actor["id"]),
        actor["kind"],
        actor["auth"],
        body["node"],
        body["boot"],
        body["nseq"],
        int(body["mono_ns"]),
        reason,
        body.get("op"),
        obj.get("kind"),
        obj.get("ref"),
        body.get("purpose"),
        tuple(body.get("pii", ())),
        body.get("n"),
        body.get("bytes"),
        body.get("dec"),
        body.get("req"),
        tuple(body.get("records", ())),
        SellerId(body["seller"]) if "seller" in body else None,
        body.get("src", {}).get("ip"),
        tuple(change["field"] for change in body.get("chg", ())),
    )
