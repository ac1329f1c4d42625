"""What commands ask of the calendar: sweeps, dates and how they came about. Nothing here opens a value [2.1]."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

from strongroom.audit import Event, EventType, Outcome, Reason
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.operations.registry import Call, iso, operation
from strongroom.policy.dating import PARTS, RULES, Dating, Fact
from strongroom.request import Json
from strongroom.terms import PrincipalKind
from strongroom.vault.clockwatch import CONFIRM

_CHOSEN: Final = timedelta(minutes=1)
"""A test home's caller who names a time so far from the clock's means that time."""

_MOST_OPEN: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@operation("retention.sweep")
def _retention_sweep(call: Call, *, confirm_clock: bool = False) -> Json:
    """Destroy what is due; `confirm_clock`: a person looked at the clock, and it is right.

    A clock that is implausibly ahead takes two people's word, unless the home was made for one.
    """
    system = call.system
    clock = system.clock()
    withheld = system.watch.look(clock)
    if confirm_clock and withheld:
        if not system.watch.confirm(call.caller, clock):
            return {"asked": True, "clock": clock.isoformat(), "waits_for": "another person"}
    elif withheld and abs(call.now - clock) < _CHOSEN:
        raise Conflict(
            "the clock is implausibly ahead, so nothing is destroyed by it", hint=CONFIRM
        )
    report = system.vault.sweep(call.now, progress=lambda done: call.progress(done, None))
    return asdict(report)


@operation("retention.show")
def _retention_show(
    call: Call, *, order: str | None = None, seller: str | None = None, open_: bool = False
) -> Json:
    """Return the live periods; or of one order its facts, the rule and the date; or what is undelivered."""
    if order is not None:
        return _shown(call, order, seller)
    if open_:
        return {"open": _open(call, seller)}
    return {"periods": listed_periods(call, live=True)}


@operation("retention.rules")
def _retention_rules(call: Call) -> Json:
    """Return the rules of disposal, as they are data."""
    del call
    return {
        "rules": [asdict(rule) for rule in RULES.values()],
        "parts": [{**asdict(part), "slots": list(part.slots)} for part in PARTS],
    }


@operation("retention.status")
def _retention_status(call: Call) -> Json:
    """Return how disposal stands: `oldest_past_its_date_days` is 0, or a sweep is late."""
    return asdict(call.system.dates.standing(call.now))


def listed_periods(call: Call, *, live: bool | None) -> list[Json]:
    """Return period keys as listed, never a key; `live` as `Keystore.periods` takes it."""
    sellers = {seller.id: seller.name for seller in call.system.sellers.all()}
    return [
        {
            "id": period.id,
            "seller": sellers.get(period.seller),
            "kind": period.kind.value,
            "day": (_EPOCH + timedelta(days=period.day)).date().isoformat(),
            "generation": period.generation,
            "created_at": period.created_at.isoformat(),
            "destroyed_at": iso(period.destroyed_at),
        }
        for period in call.system.keystore.periods(live=live)
    ]


def _shown(call: Call, order: str, seller: str | None) -> Json:
    if seller is None:
        raise Malformed("an order is one selling partner's", hint="give --seller")
    if call.caller.kind not in (PrincipalKind.PERSON, PrincipalKind.SERVICE):
        event = Event(
            EventType.RECORD_SEARCHED,
            Outcome.DENIED,
            call.caller,
            reason=Reason.NOT_AUTHORIZED,
            op="retention.show",
            n=0,
        )
        call.system.audit.record(event, now=call.now)
        raise Denied(f"{call.caller.name} may not ask how an order is dated", hint="people do")
    found = call.system.dates.of(call.system.sellers.by_name(seller).id, order, call.now)
    if found is None:
        raise NotFound("no such order is known for this seller")
    shown: Json = {
        "record": found.record,
        "state": found.state,
        "due_at": _instant(found.due_at),
        "rule": None,
        "facts": [],
        "words": "It is gone: its facts went with it. The log tells when its day's key was destroyed.",
        "parts": [part.says for part in PARTS],
    }
    return shown if found.dating is None else shown | _dating(found.dating)


def _dating(dating: Dating) -> Json:
    return {
        "rule": asdict(dating.rule),
        "facts": [_fact(fact) for fact in dating.facts],
        "words": dating.words,
    }


def _fact(fact: Fact) -> Json:
    return {
        "what": fact.what,
        "origin": fact.origin,
        "at": _instant(fact.at),
        "heard_at": iso(fact.heard_at),
        "decides": fact.decides,
        "why": fact.why,
    }


def _open(call: Call, seller: str | None) -> list[Json]:
    """Return the records whose delivery is unknown: numbers and instants."""
    wanted = None if seller is None else call.system.sellers.by_name(seller).id
    sellers = {one.id: one.name for one in call.system.sellers.all()}
    return [
        {
            "record": row.record,
            "seller": sellers.get(row.seller),
            "status": row.status,
            "purchased_at": _instant(row.purchased_at),
            "last_seen_undelivered": (_instant(row.seen_open_at) or "")[:10] or None,
            "pending_until": (_EPOCH + timedelta(seconds=row.pending_until)).date().isoformat(),
        }
        for row in call.system.dates.open(_MOST_OPEN, wanted)
    ]


def _instant(seconds: int | None) -> str | None:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat() if seconds else None
