"""How often one principal asks, beside what it does at this hour of the week [2.6]. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from strongroom.alarms.baselines import Hourly
from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.hourly import HOUR, Rate
from strongroom.alarms.rules.known import Known, seconds
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.seen import Seen
from strongroom.audit.event_types import EventType


class RequestRate:
    """Requests of an hour beyond what that hour of the week has seen; the entries of one request are one."""

    name: ClassVar[str] = "request_rate"
    kind: ClassVar[AlarmKind] = AlarmKind.REQUEST_RATE
    types: ClassVar[frozenset[EventType] | None] = frozenset(
        {
            EventType.TOKEN_ISSUED,
            EventType.RDT_ISSUED,
            EventType.GATEWAY_RESPONSE_SEALED,
            EventType.GATEWAY_REQUEST_FORWARDED,
            EventType.GATEWAY_REQUEST_REFUSED,
            EventType.GATEWAY_UPSTREAM_FAILED,
            EventType.GATEWAY_DOCUMENT_SERVED,
            EventType.GATEWAY_DOCUMENT_UPLOADED,
            EventType.API_REQUEST_ANSWERED,
            EventType.API_REQUEST_REFUSED,
            EventType.API_REQUEST_REPEATED,
            EventType.DESK_REQUEST_REFUSED,
            EventType.RECORD_REVEALED,
            EventType.RECORD_SEARCHED,
        }
    )
    RATE: ClassVar = Case(
        kind,
        "rate",
        Severity.MEDIUM,
        Response.THROTTLE,
        "requests of an hour are above the median of that hour of the week by `rate_z` deviations (or above "
        "`rate_never_over` times the principal's hour in a hundred), by `rate_floor`, and above `rate_over_busy` times "
        "the hour in a hundred",
    )
    FIRST: ClassVar = Case(
        kind,
        "first_days",
        Severity.LOW,
        Response.NOTIFY,
        "a principal without `least_days` of history makes more than `first_rate` requests in an hour",
    )
    cases: ClassVar[tuple[Case, ...]] = (RATE, FIRST)

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._baseline = Hourly(
            weeks=parameters.weeks,
            least_days=parameters.least_days,
            z=parameters.rate_z,
            floor=parameters.rate_floor,
            over_busy=parameters.rate_over_busy,
            never_over=parameters.rate_never_over,
            relative=parameters.rate_relative,
        )
        self._known = Known(parameters.principals_most, Rate, Rate.of)

    def feed(self, seen: Seen) -> Iterable[Signal]:
        """Count one request of who proved who they are; strangers are for `UnauthorizedCalls`."""
        if not seen.principal:
            return ()
        rate = self._known.get(str(seen.principal))
        if seen.req is not None:
            if seen.req == rate.last:
                return ()
            rate.last = seen.req
        # Refusals that came too fast are told together.
        n = seen.n if seen.type is EventType.API_REQUEST_REFUSED and seen.n else 1
        if rate.add(seconds(seen.at) // HOUR, n, seen.seq, self._baseline):
            return (self._signal(self.RATE, seen, rate),)
        if rate.is_first(self._parameters.first_rate, self._baseline):
            return (self._signal(self.FIRST, seen, rate),)
        return ()

    def tick(self, now: datetime) -> Iterable[Signal]:
        """Forget who is gone."""
        self._known.forget_until(
            lambda rate: rate.step * HOUR, seconds(now - self._parameters.forget_after)
        )
        return ()

    def state(self) -> dict[str, Any]:
        """Return what has to be kept."""
        return {"known": self._known.state(Rate.state)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from it."""
        self._known.restore(state["known"])

    @staticmethod
    def _signal(case: Case, seen: Seen, rate: Rate) -> Signal:
        return case.signal(
            seen.at, principal=seen.principal, count=rate.count, evidence=rate.evidence
        )
