"""Calls that were refused: of one principal, from one address, against one account, of many things in a row [2.6].

Pure. Counted is what says "you may not" or "you are not who you say"; not what says "later", "gone" or "broken", and
nothing of who is suspended or locked already. Refusals that were told together count as many as they were.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, ClassVar, Final

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.known import Known, Tally, seconds
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.entry import Outcome, Reason
from strongroom.audit.event_types import EventType

_REFUSALS: Final = frozenset(
    {
        EventType.GATEWAY_REQUEST_REFUSED,
        EventType.API_REQUEST_REFUSED,
        EventType.DESK_REQUEST_REFUSED,
        EventType.NETWORK_REFUSED,
        EventType.SESSION_REFUSED,
        EventType.CREDENTIAL_CHECKED,
        EventType.TOKEN_ISSUED,
        EventType.TOKEN_REJECTED,
        EventType.RDT_ISSUED,
        EventType.RECORD_REVEALED,
        EventType.RECORD_SEARCHED,
        EventType.GRANT_REQUESTED,
        EventType.GRANT_APPROVED,
        EventType.NETWORK_CHANGE_REQUESTED,
        EventType.NETWORK_CHANGE_APPROVED,
        EventType.LOG_READ,
    }
)
_UNAUTHORIZED: Final = frozenset(
    {
        Reason.NO_GRANT,
        Reason.GRANT_EXPIRED,
        Reason.GRANT_PENDING,
        Reason.PRINCIPAL_ENDED,
        Reason.NOT_AUTHORIZED,
        Reason.WRONG_ACTION,
        Reason.WRONG_PURPOSE,
        Reason.WRONG_CATEGORY,
        Reason.WRONG_SELLER,
        Reason.UNKNOWN_TOKEN,
        Reason.FORGED_TOKEN,
        Reason.FOREIGN_ENVIRONMENT,
        Reason.NOT_FOUND,
        Reason.UNKNOWN_OPERATION,
        Reason.WRONG_PATH,
        Reason.WRONG_CREDENTIAL,
        Reason.REVOKED,
        Reason.WRONG_ENVIRONMENT,
        Reason.WRONG_NETWORK,
        Reason.WRONG_DEVICE,
        Reason.CROSS_SITE,
        Reason.REPLAYED,
        Reason.TAMPERED,
        Reason.SELF_REVIEW,
    }
)
_LETS_IN: Final = frozenset(
    {EventType.TOKEN_ISSUED, EventType.RECORD_REVEALED, EventType.RECORD_SEARCHED}
)
_ENUMERATED: Final = frozenset({EventType.RECORD_REVEALED, EventType.RECORD_SEARCHED})


class UnauthorizedCalls:
    """Refusals within a sliding span; told at the limit and each time the number doubled."""

    name: ClassVar[str] = "unauthorized_calls"
    kind: ClassVar[AlarmKind] = AlarmKind.UNAUTHORIZED_CALLS
    types: ClassVar[frozenset[EventType] | None] = _REFUSALS | {
        EventType.SESSION_STARTED,
        EventType.GRANT_GLASS_BROKEN,
    }
    PRINCIPAL: ClassVar = Case(
        kind,
        "principal",
        Severity.MEDIUM,
        Response.NOTIFY,
        "`refusals_of_one` refusals of one principal within `refusals_window`",
    )
    MANY: ClassVar = Case(
        kind,
        "many",
        Severity.HIGH,
        Response.THROTTLE,
        "`many_refusals` of them",
    )
    ADDRESS: ClassVar = Case(
        kind,
        "address",
        Severity.MEDIUM,
        Response.NOTIFY,
        "`refusals_of_address` refusals of nobody known from one address within `refusals_window`",
    )
    ACCOUNT: ClassVar = Case(
        kind,
        "account",
        Severity.MEDIUM,
        Response.NOTIFY,
        "`refusals_of_one` wrong credentials for one account within `refusals_window`, whatever the addresses",
    )
    ENUMERATION: ClassVar = Case(
        kind,
        "enumeration",
        Severity.HIGH,
        Response.THROTTLE,
        "`objects_refused` different records refused to one principal within `objects_window`",
    )
    FORGED: ClassVar = Case(
        kind,
        "forged_token",
        Severity.HIGH,
        Response.SUSPEND,
        "`forged_tokens` tokens that were not made here, shown by one principal within `forged_window`",
    )
    SUCCESS: ClassVar = Case(
        kind,
        "success_after",
        Severity.HIGH,
        Response.THROTTLE,
        "after `refusals_of_one` refusals a principal opens something, or after `refusals_of_address` an address is "
        "let in, within `refusals_window`",
    )
    GLASS: ClassVar = Case(
        kind,
        "glass_broken",
        Severity.HIGH,
        Response.NOTIFY,
        "somebody took access in an emergency, without approval",
    )
    cases: ClassVar[tuple[Case, ...]] = (
        GLASS,
        PRINCIPAL,
        MANY,
        ADDRESS,
        ACCOUNT,
        ENUMERATION,
        FORGED,
        SUCCESS,
    )

    def __init__(self, parameters: Parameters) -> None:
        most = parameters.principals_most
        self._parameters = parameters
        self._refused = Known(most, Tally, Tally.of)
        self._objects = Known(most, Tally, Tally.of)
        self._forged = Known(most, Tally, Tally.of)

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Count a refusal, or tell of a success that came after many."""
        if seen.type is EventType.GRANT_GLASS_BROKEN and seen.outcome is Outcome.SUCCESS:
            return (self.GLASS.signal(seen.at, principal=seen.principal, evidence=(seen.seq,)),)
        if seen.outcome is Outcome.SUCCESS:
            return self._after(seen) if seen.type in _LETS_IN or seen.src_ip else ()
        put_off = seen.type is EventType.CREDENTIAL_CHECKED and seen.reason is Reason.RATE_LIMITED
        if seen.reason not in _UNAUTHORIZED and not put_off:
            return ()
        return list(self._count(seen))

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Nothing follows from time alone; what is old is dropped when its key comes again, or by number."""
        del now
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {
            "refused": self._refused.state(Tally.state),
            "objects": self._objects.state(Tally.state),
            "forged": self._forged.state(Tally.state),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._refused.restore(state["refused"])
        self._objects.restore(state["objects"])
        self._forged.restore(state["forged"])

    def _count(self, seen: Seen) -> Iterator[Signal]:
        p, at = self._parameters, seconds(seen.at)
        n = max(seen.n or 1, 1) if seen.type not in _ENUMERATED else 1
        if seen.principal:
            yield from self._of_principal(seen, at, n)
        elif seen.src_ip is not None:
            tally = self._refused.get(f"a{seen.src_ip}")
            count = tally.add(at, p.refusals_window, seen.seq, n)
            if tally.tells(count, p.refusals_of_address):
                yield self._signal(self.ADDRESS, seen, tally, count, seen.src_ip)
        if not seen.principal and seen.obj_kind == "principal" and seen.obj_ref is not None:
            tally = self._refused.get(f"o{seen.obj_ref}")
            count = tally.add(at, p.refusals_window, seen.seq, n)
            if tally.tells(count, p.refusals_of_one):
                yield self._signal(self.ACCOUNT, seen, tally, count, seen.obj_ref)

    def _of_principal(self, seen: Seen, at: int, n: int) -> Iterator[Signal]:
        p, key = self._parameters, f"p{seen.principal}"
        tally = self._refused.get(key)
        count = tally.add(at, p.refusals_window, seen.seq, n)
        if tally.tells(count, p.refusals_of_one):
            case = self.MANY if count >= p.many_refusals else self.PRINCIPAL
            yield self._signal(case, seen, tally, count)
        if seen.type in _ENUMERATED and seen.obj_ref is not None:
            objects = self._objects.get(key)
            objects.add(at, p.objects_window, seen.seq, about=seen.obj_ref)
            if objects.tells_objects(p.objects_refused):
                yield self._signal(self.ENUMERATION, seen, objects, objects.objects)
        if seen.reason is Reason.FORGED_TOKEN:
            forged = self._forged.get(key)
            count = forged.add(at, p.forged_window, seen.seq, n)
            if forged.tells(count, p.forged_tokens):
                yield self._signal(self.FORGED, seen, forged, count)

    def _after(self, seen: Seen) -> Iterable[Signal]:
        p, at = self._parameters, seconds(seen.at)
        of_principal = self._refused.find(f"p{seen.principal}") if seen.type in _LETS_IN else None
        of_address = self._refused.find(f"a{seen.src_ip}") if seen.src_ip else None
        for tally, limit in (
            (of_principal, p.refusals_of_one),
            (of_address, p.refusals_of_address),
        ):
            # `told_objects` marks that this span's success was told.
            if tally is None or tally.told_objects:
                continue
            count = tally.count(at, p.refusals_window)
            if count >= limit:
                tally.told_objects = 1
                tally.evidence.append(seen.seq)
                return (self._signal(self.SUCCESS, seen, tally, count),)
        return ()

    @staticmethod
    def _signal(
        case: Case, seen: Seen, tally: Tally, count: int, target: str | None = None
    ) -> Signal:
        return case.signal(
            seen.at,
            principal=seen.principal,
            target=target or seen.src_ip,
            count=count,
            evidence=tally.evidence,
        )
