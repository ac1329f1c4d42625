"""What the door writes into the log [2.6]: record numbers, categories, purposes and reasons, never a value."""

from collections.abc import Collection, Mapping, Sequence

from strongroom.audit.entry import MAX_RECORDS, Change, Event, Field, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.policy.catalogue.slots import FIXED, spec_of
from strongroom.policy.grants import Allow, Decision, Deny
from strongroom.policy.sighting import SlotKey
from strongroom.terms import Caller, Category, Purpose, RecordNumber, SellerId
from strongroom.vault.batch import Batch
from strongroom.vault.store import RecordState, Row


def put_events(  # noqa: PLR0913, PLR0917 - all that one event tells
    batch: Batch,
    keys: Collection[SlotKey],
    caller: Caller,
    op: str,
    seller: SellerId,
    drift: Sequence[tuple[str, str]],
    req: str | None,
    src_ip: str | None,
    n: int,
) -> list[Event]:
    """Return what happened in one document's merge: the response itself, keys made for it, and drift.

    `keys` are the slots that it showed; `n` is how many subjects the event speaks of.
    """
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
            n=n,
            records=tuple(batch.touched[:MAX_RECORDS]),
            seller=seller,
            req=req,
            src_ip=src_ip,
        )
    ]
    events += period_events(batch, caller, seller)
    if batch.trimmed:
        trimmed = tuple(batch.trimmed)
        events.append(
            Event(
                EventType.RECORD_TRIMMED,
                Outcome.SUCCESS,
                caller,
                op=op,
                n=len(trimmed),
                records=trimmed[:MAX_RECORDS],
                seller=seller,
                req=req,
            )
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


def period_events(batch: Batch, caller: Caller, seller: SellerId) -> list[Event]:
    """Return the events of the period keys that were made for a batch."""
    return [
        Event(
            EventType.PERIOD_KEY_CREATED,
            Outcome.SUCCESS,
            caller,
            obj_kind=ObjKind.PERIOD,
            obj_ref=str(period.id),
            seller=seller,
        )
        for period in batch.made_periods
    ]


def reveal_event(
    caller: Caller,
    row: Row,
    decision: Decision,
    purpose: Purpose,
    categories: tuple[Category, ...],
    req: str | None,
    why: str | None,
    *,
    gone: bool,
) -> Event:
    """Return the event of one record being asked for, however it was decided; `why` is a stated reason's pseudonym."""
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
        changes=_stated(why),
    )


def reveal_events(
    caller: Caller,
    row: Row,
    decisions: Mapping[Category, Decision],
    purpose: Purpose,
    req: str | None,
    why: str | None,
    *,
    gone: bool,
) -> list[Event]:
    """Return one event for each grant under which an order is read, with the categories it let out."""
    by_grant: dict[int, list[Category]] = {}
    for category, decision in decisions.items():
        if isinstance(decision, Allow):
            by_grant.setdefault(decision.grant, []).append(category)
    return [
        reveal_event(caller, row, Allow(grant), purpose, tuple(categories), req, why, gone=gone)
        for grant, categories in by_grant.items()
    ]


def unknown_token_event(
    caller: Caller, number: RecordNumber, purpose: Purpose, req: str | None
) -> Event:
    """Return the event of a token of ours that stands for nothing."""
    return Event(
        EventType.RECORD_REVEALED,
        Outcome.FAILURE,
        caller,
        reason=Reason.UNKNOWN_TOKEN,
        obj_kind=ObjKind.RECORD,
        obj_ref=str(number),
        purpose=purpose,
        req=req,
    )


def unknown_order_event(
    caller: Caller, decision: Decision, seller: SellerId, purpose: Purpose, req: str | None
) -> Event:
    """Return the event of an order being asked for that nobody knows."""
    return Event(
        EventType.RECORD_REVEALED,
        Outcome.FAILURE if isinstance(decision, Allow) else Outcome.DENIED,
        caller,
        reason=Reason.NOT_FOUND,
        seller=seller,
        purpose=purpose,
        req=req,
    )


def tampered_event(caller: Caller, row: Row) -> Event:
    """Return the event of a record that does not open."""
    return Event(
        EventType.RECORD_TAMPERED,
        Outcome.ERROR,
        caller,
        reason=Reason.TAMPERED,
        obj_kind=ObjKind.RECORD,
        obj_ref=str(row.number),
        seller=row.seller,
    )


def search_events(
    caller: Caller,
    decision: Decision | None,
    used: Mapping[int, Sequence[RecordNumber]],
    purpose: Purpose,
    category: Category | None,
    req: str | None,
    why: str | None,
) -> list[Event]:
    """Return the events of a search: one for each grant that allowed a part of it, naming the records it gave."""
    pii = () if category is None else (category,)
    if not isinstance(decision, Allow):
        refused = None if decision is None else Reason(decision.reason.value)
        return [
            Event(
                EventType.RECORD_SEARCHED,
                Outcome.DENIED,
                caller,
                reason=refused,
                purpose=purpose,
                pii=pii,
                n=0,
                req=req,
                changes=_stated(why),
            )
        ]
    return [
        Event(
            EventType.RECORD_SEARCHED,
            Outcome.SUCCESS,
            caller,
            purpose=purpose,
            pii=pii,
            n=len(part),
            decision=grant,
            records=tuple(part),
            req=req,
            changes=_stated(why),
        )
        for grant, numbers in used.items()
        for part in _parts(sorted(numbers))
    ]


def _parts(numbers: Sequence[RecordNumber]) -> list[Sequence[RecordNumber]]:
    """Return them in parts that one event may name; nothing is one part."""
    return [numbers[at : at + MAX_RECORDS] for at in range(0, len(numbers), MAX_RECORDS)] or [()]


def _stated(why: str | None) -> tuple[Change, ...]:
    return () if why is None else (Change(Field.REASON, after=why),)


def rejected_event(caller: Caller, reason: Reason, purpose: Purpose, req: str | None) -> Event:
    """Return what is recorded of a token that is none, or another's."""
    return Event(
        EventType.TOKEN_REJECTED, Outcome.DENIED, caller, reason=reason, purpose=purpose, req=req
    )
