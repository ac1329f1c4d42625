"""What the door writes into the log [2.6]: record numbers, categories, purposes and reasons, never a value."""

from collections.abc import Mapping, Sequence

from strongroom.audit.entry import MAX_RECORDS, Event, EventType, ObjKind, Outcome, Reason
from strongroom.policy.catalogue.slots import FIXED, spec_of
from strongroom.policy.grants import Allow, Decision, Deny
from strongroom.policy.sighting import Sighting
from strongroom.terms import Caller, Category, Purpose, RecordNumber, SellerId
from strongroom.vault.batch import Batch
from strongroom.vault.store import RecordState, Row


def put_events(
    batch: Batch,
    sightings: Sequence[Sighting],
    caller: Caller,
    op: str,
    seller: SellerId,
    drift: Sequence[tuple[str, str]],
    req: str | None,
    src_ip: str | None,
) -> list[Event]:
    """Return what happened in one document's merge: the response itself, keys made for it, and drift."""
    keys = set().union(*(sighting.slots for sighting in sightings)) if sightings else set()
    categories = {
        FIXED[key].category if isinstance(key, int) else spec_of(key).category for key in keys
    }
    events = [
        Event(
            EventType.GATEWAY_RESPONSE_SEALED,
            Outcome.SUCCESS,
            caller,
            op=op,
            pii=tuple(sorted(categories)),
            n=len(sightings),
            records=tuple(batch.touched[:MAX_RECORDS]),
            seller=seller,
            req=req,
            src_ip=src_ip,
        )
    ]
    events.extend(
        Event(
            EventType.PERIOD_KEY_CREATED,
            Outcome.SUCCESS,
            caller,
            obj_kind=ObjKind.PERIOD,
            obj_ref=str(period.id),
            seller=seller,
        )
        for period in batch.made_periods
    )
    if drift:
        events.append(
            Event(
                EventType.CATALOGUE_DRIFT_SEEN,
                Outcome.FAILURE,
                caller,
                reason=Reason.UNCLASSIFIED,
                op=op,
                n=len(drift),
                seller=seller,
                req=req,
            )
        )
    return events


def reveal_event(
    caller: Caller,
    row: Row,
    decision: Decision,
    purpose: Purpose,
    categories: tuple[Category, ...],
    req: str | None,
    *,
    gone: bool,
) -> Event:
    """Return the event of one record being asked for, however it was decided."""
    if isinstance(decision, Deny):
        outcome, reason = Outcome.DENIED, Reason(decision.reason.value)
    elif gone:
        erased = row.state == RecordState.ERASED
        outcome, reason = Outcome.FAILURE, Reason.ERASED if erased else Reason.PAST_DUE
    else:
        outcome, reason = Outcome.SUCCESS, None
    return Event(
        EventType.RECORD_REVEALED,
        outcome,
        caller,
        reason=reason,
        obj_kind=ObjKind.RECORD,
        obj_ref=str(row.number),
        purpose=purpose,
        pii=categories,
        n=1,
        decision=decision.grant if isinstance(decision, Allow) else None,
        seller=row.seller,
        req=req,
    )


def reveal_events(
    caller: Caller,
    row: Row,
    decisions: Mapping[Category, Decision],
    purpose: Purpose,
    req: str | None,
    *,
    gone: bool,
) -> list[Event]:
    """Return one event for each grant under which an order is read, with the categories it let out."""
    by_grant: dict[int, list[Category]] = {}
    for category, decision in decisions.items():
        if isinstance(decision, Allow):
            by_grant.setdefault(decision.grant, []).append(category)
    return [
        reveal_event(caller, row, Allow(grant), purpose, tuple(categories), req, gone=gone)
        for grant, categories in by_grant.items()
    ]


def search_events(
    caller: Caller,
    decision: Decision | None,
    used: Mapping[int, Sequence[RecordNumber]],
    purpose: Purpose,
    category: Category | None,
    req: str | None,
) -> list[Event]:
    """Return the events of a search: one for each grant that allowed a part of it, naming the records it gave."""
    pii = () if category is None else (category,)
    if not isinstance(decision, Allow):
        why = None if decision is None else Reason(decision.reason.value)
        return [
            Event(
                EventType.RECORD_SEARCHED,
                Outcome.DENIED,
                caller,
                reason=why,
                purpose=purpose,
                pii=pii,
                n=0,
                req=req,
            )
        ]
    return [
        Event(
            EventType.RECORD_SEARCHED,
            Outcome.SUCCESS,
            caller,
            purpose=purpose,
            pii=pii,
            n=len(numbers),
            decision=grant,
            records=tuple(sorted(numbers)),
            req=req,
        )
        for grant, numbers in used.items()
    ]
