"""Personal data that was opened and not delivered, or was found where it may not be; and new ways out [2.6]. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from strongroom.alarms.kinds import MUTE_OP, AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.known import Known, Tally, at_second, seconds
from strongroom.alarms.rules.opened import OPENED, opened
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Field, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.terms import PrincipalId

_DELIVERIES: Final = frozenset({EventType.API_REQUEST_ANSWERED, EventType.EGRESS_DELIVERED})
_IN_THE_VAULT: Final = "vault."
_MOST_WAYS: Final = 1024
_A_DAY: Final = timedelta(days=1)


class BoundaryCrossed:
    """What was opened under a request, beside what was delivered under it; and what egress or a scan found."""

    name: ClassVar[str] = "boundary_crossed"
    kind: ClassVar[AlarmKind] = AlarmKind.BOUNDARY_CROSSED
    types: ClassVar[frozenset[EventType] | None] = (
        OPENED
        | _DELIVERIES
        | {
            EventType.EGRESS_REFUSED,
            EventType.EGRESS_RECONCILED,
            EventType.LEAK_FOUND,
            EventType.KEY_COMPROMISED,
        }
    )
    UNDELIVERED: ClassVar = Case(
        kind,
        "undelivered",
        Severity.MEDIUM,
        Response.NOTIFY,
        "of one principal `undelivered_records` in a day were opened, and no delivery of that request was recorded "
        "within `delivered_within`",
    )
    MANY: ClassVar = Case(
        kind,
        "undelivered_many",
        Severity.HIGH,
        Response.SUSPEND,
        "`undelivered_many` of them in a day",
    )
    REFUSED: ClassVar = Case(
        kind,
        "egress_refused",
        Severity.HIGH,
        Response.SUSPEND,
        "a marker of personal data was found in a body on its way out",
    )
    CANARY: ClassVar = Case(
        kind,
        "canary_in_egress",
        Severity.CRITICAL,
        Response.FREEZE,
        "the marker of a canary was found in a body on its way out",
    )
    ELSEWHERE: ClassVar = Case(
        kind,
        "elsewhere",
        Severity.MEDIUM,
        Response.NOTIFY,
        "a program asked the proxy to lead to a host that is none of Amazon's",
    )
    GUESS: ClassVar = Case(
        kind,
        "guess",
        Severity.MEDIUM,
        Response.NOTIFY,
        "a request to the relay held a value in clear beside its token: a guess, or a sender at the buyer's own place",
    )
    UNRECONCILED: ClassVar = Case(
        kind,
        "unreconciled",
        Severity.HIGH,
        Response.NOTIFY,
        "a reconciliation (`egress.reconciled`) did not come out even",
    )
    LEAK: ClassVar = Case(
        kind,
        "leak_found",
        Severity.HIGH,
        Response.NOTIFY,
        "a scan found values of the vault outside of it (`leak.found`)",
    )
    LEAKED_CANARY: ClassVar = Case(
        kind,
        "canary_outside",
        Severity.CRITICAL,
        Response.NOTIFY,
        "a scan found a canary outside of the vault",
    )
    KEY: ClassVar = Case(
        kind,
        "key_compromised",
        Severity.CRITICAL,
        Response.NOTIFY,
        "somebody declared a key compromised (`key.compromised`)",
    )
    cases: ClassVar[tuple[Case, ...]] = (
        UNDELIVERED,
        MANY,
        REFUSED,
        CANARY,
        ELSEWHERE,
        GUESS,
        UNRECONCILED,
        LEAK,
        LEAKED_CANARY,
        KEY,
    )
    _OF_REASON: ClassVar = {
        Reason.CANARY: CANARY,
        Reason.WRONG_NETWORK: ELSEWHERE,
        Reason.UNUSUAL: GUESS,
    }

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._pending: dict[str, tuple[int, int, int]] = {}
        """When, which entry and how many records, by principal and request; oldest first."""
        self._lost = Known(parameters.principals_most, Tally, Tally.of)

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Take an opening, a delivery, or a finding."""
        if seen.type in OPENED:
            return self._opened(seen)
        if seen.type in _DELIVERIES:
            # Failed ones too: what is known not to have left is counted at night, and is no sign of theft.
            self._pending.pop(_request(seen), None)
            return ()
        if seen.type is EventType.LEAK_FOUND:
            return self._found(seen)
        if seen.type is EventType.KEY_COMPROMISED:
            return () if seen.outcome is Outcome.DENIED else (self._signal(self.KEY, seen),)
        if seen.type is EventType.EGRESS_RECONCILED:
            uneven = seen.outcome is not Outcome.SUCCESS
            return (self._signal(self.UNRECONCILED, seen),) if uneven else ()
        case = self.REFUSED
        if seen.reason is not None:
            case = self._OF_REASON.get(seen.reason, case)
        return (self._signal(case, seen),)

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Tell of what was opened long enough ago and never delivered."""
        return list(self._overdue(seconds(now)))

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        pending = [[key, *waiting] for key, waiting in self._pending.items()]
        return {"pending": pending, "lost": self._lost.state(Tally.state)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._pending = {key: (at, seq, n) for key, at, seq, n in state["pending"]}
        self._lost.restore(state["lost"])

    def _opened(self, seen: Seen) -> Iterable[Signal]:
        n, _ = opened(seen)
        if not n:
            return ()
        key, at = _request(seen), seconds(seen.at)
        waiting = self._pending.get(key)
        if waiting is None:
            self._pending[key] = (at, seen.seq, n)
        else:
            self._pending[key] = (waiting[0], waiting[1], waiting[2] + n)
        if len(self._pending) > self._parameters.pending_most:
            return list(self._lose(next(iter(self._pending)), at))
        return ()

    def _overdue(self, now: int) -> Iterator[Signal]:
        oldest = now - int(self._parameters.delivered_within.total_seconds())
        while self._pending:
            key = next(iter(self._pending))
            if self._pending[key][0] > oldest:
                return
            yield from self._lose(key, now)

    def _lose(self, key: str, now: int) -> Iterator[Signal]:
        p = self._parameters
        _, seq, n = self._pending.pop(key)
        principal = key.partition("/")[0]
        tally = self._lost.get(principal)
        before = tally.told
        count = tally.add(now, _A_DAY, seq, n)
        # The number that makes them many is told, whatever was told before.
        if before < p.undelivered_many <= count:
            tally.told = 0
        if tally.tells(count, p.undelivered_records):
            case = self.MANY if count >= p.undelivered_many else self.UNDELIVERED
            yield case.signal(
                at_second(now),
                principal=PrincipalId(int(principal)),
                count=count,
                evidence=tally.evidence,
            )

    def _found(self, seen: Seen) -> Iterable[Signal]:
        what = seen.op or ""
        if "canary" in what or seen.reason is Reason.CANARY:
            return (self._signal(self.LEAKED_CANARY, seen),)
        return (self._signal(self.LEAK, seen),) if what.startswith(_IN_THE_VAULT) else ()

    def _signal(self, case: Case, seen: Seen) -> Signal:
        # Whoever scanned, or reconciled, did nothing wrong.
        concerned = case.response in (Response.SUSPEND, Response.FREEZE)
        return case.signal(
            seen.at,
            principal=seen.principal if concerned else None,
            target=seen.obj_ref or seen.op,
            count=seen.n or 1,
            evidence=(seen.seq,),
        )


class NewDestination:
    """Whatever changes where personal data, the log, or alarms go."""

    name: ClassVar[str] = "new_destination"
    kind: ClassVar[AlarmKind] = AlarmKind.NEW_DESTINATION
    types: ClassVar[frozenset[EventType] | None] = frozenset(
        {
            EventType.SELLER_ADDED,
            EventType.SELLER_CHANGED,
            EventType.DESTINATION_CHANGED,
            EventType.ALARM_CHANGED,
            EventType.LOG_ANCHOR_CHANGED,
            EventType.LOG_EXPORT_STARTED,
            EventType.LOG_WITNESSED,
            EventType.LOG_TIMESTAMPED,
            EventType.LOG_COPIED,
            EventType.NOTICE_DELIVERED,
            EventType.FEED_RESUMED,
            EventType.EGRESS_DELIVERED,
        }
    )
    ADDRESS: ClassVar = Case(
        kind,
        "address_changed",
        Severity.HIGH,
        Response.NOTIFY,
        "the endpoint, the LWA address or the CA of a selling partner was changed, or a destination of the relay was "
        "asked for, approved or ended",
    )
    SELLER: ClassVar = Case(
        kind,
        "seller_added",
        Severity.LOW,
        Response.NOTIFY,
        "a selling partner was added, and with it where its calls go",
    )
    ALARMS: ClassVar = Case(
        kind,
        "alarms_changed",
        Severity.MEDIUM,
        Response.NOTIFY,
        "channels, feeds, or who binds the log elsewhere were changed, or a kind of alarm is told again",
    )
    MUTED: ClassVar = Case(
        kind,
        "alarms_muted",
        Severity.HIGH,
        Response.NOTIFY,
        "a kind of alarm was muted: each time is an alarm of its own",
    )
    EXPORT: ClassVar = Case(
        kind, "log_export", Severity.LOW, Response.NOTIFY, "the log is exported to a directory"
    )
    WAY: ClassVar = Case(
        kind,
        "new_way",
        Severity.MEDIUM,
        Response.NOTIFY,
        "data, the log or a notice goes to a place or in a form that was not used before, more than `learned_after` "
        "after the first one",
    )
    cases: ClassVar[tuple[Case, ...]] = (ADDRESS, SELLER, ALARMS, MUTED, EXPORT, WAY)
    _ALWAYS: ClassVar = {
        EventType.SELLER_ADDED: SELLER,
        EventType.DESTINATION_CHANGED: ADDRESS,
        EventType.ALARM_CHANGED: ALARMS,
        EventType.LOG_ANCHOR_CHANGED: ALARMS,
        EventType.LOG_EXPORT_STARTED: EXPORT,
    }
    _ADDRESSES: ClassVar = frozenset({Field.ENDPOINT, Field.LWA_URL, Field.UPSTREAM_CA})
    _PLACES: ClassVar = frozenset({"witness", "anchor", "channel", "feed", "seller", "network"})

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._first: int | None = None
        self._ways: dict[str, None] = {}

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Tell of a change, or of a way that was not used before."""
        if seen.outcome is not Outcome.SUCCESS:
            return ()
        if seen.type is EventType.ALARM_CHANGED and seen.op == MUTE_OP:
            # Never counted with another one, of which nobody would be told.
            muted = self._signal(self.MUTED, seen)
            return (replace(muted, key=f"{muted.key}:{seen.seq}"),)
        told = self._ALWAYS.get(seen.type)
        if told is not None:
            return (self._signal(told, seen),)
        if seen.type is EventType.SELLER_CHANGED:
            moved = not self._ADDRESSES.isdisjoint(seen.fields)
            return (self._signal(self.ADDRESS, seen),) if moved else ()
        return self._way(seen)

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"first": self._first, "ways": list(self._ways)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._first = state["first"]
        self._ways = dict.fromkeys(state["ways"])

    def _way(self, seen: Seen) -> Iterable[Signal]:
        place = seen.obj_ref if seen.obj_kind in self._PLACES else None
        way = " ".join((seen.type, seen.op or "-", place or "-"))
        at = seconds(seen.at)
        if self._first is None:
            self._first = at
        if way in self._ways:
            return ()
        self._ways[way] = None
        if len(self._ways) > _MOST_WAYS:
            del self._ways[next(iter(self._ways))]
        learned = at - self._first > self._parameters.learned_after.total_seconds()
        return (self._signal(self.WAY, seen),) if learned else ()

    @staticmethod
    def _signal(case: Case, seen: Seen) -> Signal:
        return case.signal(
            seen.at,
            principal=seen.principal,
            target=seen.obj_ref or seen.op,
            evidence=(seen.seq,),
        )


def _request(seen: Seen) -> str:
    return f"{seen.principal}/{seen.req or '-'}"
