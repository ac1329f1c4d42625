"""Made-up entries of the log for a drill of each kind of alarm: what a rule of that kind must not overlook [2.6].

Pure. They are real entries in everything but that nobody recorded them: made by the code that makes the log's own, of
a node and principals that no home has.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from strongroom.alarms.kinds import AlarmKind
from strongroom.alarms.seen import Seen, seen
from strongroom.audit.catalogue import refuse_undeclared
from strongroom.audit.entry import ENTROPY_BYTES, Event, ObjKind, Outcome, Reason, Stamp, canonical
from strongroom.audit.event_types import EventType
from strongroom.terms import (
    SYSTEM,
    AuthMethod,
    Caller,
    Category,
    PrincipalId,
    PrincipalKind,
    Purpose,
    SellerId,
)

DRILLED: Final = PrincipalId(2**52)
"""The app that every drill is about; no home has so many principals."""

_APP: Final = Caller(DRILLED, PrincipalKind.APP, "drill", AuthMethod.ACCESS_TOKEN)
_PERSON: Final = Caller(PrincipalId(DRILLED + 1), PrincipalKind.PERSON, "drill", AuthMethod.SESSION)
_NOBODY: Final = Caller(PrincipalId(0), PrincipalKind.SERVICE, "unknown", AuthMethod.CREDENTIAL)
_SELLER: Final = SellerId(2**31 - 1)
_ADDRESS: Final = "d" * 32
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MOST_RECORDS: Final = 2**40


class _Story:
    """Entries in the order in which they are told, numbered as one run of one node numbers them."""

    def __init__(self, starts_at: datetime) -> None:
        self._starts_at = starts_at
        self._nseq = 0
        self.entries: list[Seen] = []
        self.say(starts_at, EventType.HOME_OPENED, SYSTEM)

    def say(
        self,
        at: datetime,
        type_: EventType,
        actor: Caller = _APP,
        outcome: Outcome = Outcome.SUCCESS,
        *,
        mono_at: datetime | None = None,
        skip: int = 0,
        **fields: Any,  # noqa: ANN401 - an event's own
    ) -> None:
        """Add one entry; `mono_at` is the instant by the clock nobody sets, `skip` how many numbers are missing."""
        self._nseq += skip
        elapsed = (mono_at or at) - self._starts_at
        stamp = Stamp(
            at,
            "drill",
            "drill",
            int(elapsed.total_seconds() * 1_000_000_000),
            self._nseq,
            self._nseq.to_bytes(ENTROPY_BYTES, "big"),
        )
        self._nseq += 1
        event = Event(type_, outcome, actor, **fields)
        refuse_undeclared(event)
        body = orjson.loads(canonical(event, stamp))
        found = seen(len(self.entries), body)
        if found is not None:
            self.entries.append(found)

    def reveal(self, at: datetime, number: int) -> None:
        """Add the reading of one record."""
        record = number % _MOST_RECORDS
        self.say(
            at,
            EventType.RECORD_REVEALED,
            obj_kind=ObjKind.RECORD,
            obj_ref=str(record),
            purpose=Purpose.FULFILMENT,
            pii=(Category.NAME, Category.ADDRESS),
            n=1,
            decision=1,
            records=(record,),
            seller=_SELLER,
        )

    def ask(self, at: datetime) -> None:
        """Add one request to the API."""
        self.say(at, EventType.API_REQUEST_ANSWERED, op="reveal", src_ip=_ADDRESS)


def drill_entries(kind: AlarmKind, now: datetime) -> list[Seen]:
    """Return entries up to about `now` of which a rule of this kind has to make an alarm."""
    return _STORIES[kind](now).entries


def _unauthorized_calls(now: datetime) -> _Story:
    """Two minutes of refusals, each about another record."""
    story = _Story(now - _HOUR)
    for number in range(120):
        at = now - (120 - number) * _SECOND
        story.say(
            at,
            EventType.RECORD_REVEALED,
            outcome=Outcome.DENIED,
            reason=Reason.NO_GRANT,
            obj_kind=ObjKind.RECORD,
            obj_ref=str(number),
            purpose=Purpose.FULFILMENT,
            seller=_SELLER,
        )
        story.say(
            at,
            EventType.API_REQUEST_REFUSED,
            outcome=Outcome.DENIED,
            reason=Reason.NO_GRANT,
            op="reveal",
            src_ip=_ADDRESS,
        )
    return story


def _request_rate(now: datetime) -> _Story:
    """Eight weeks of a few requests an hour, and a minute of thousands."""
    story = _Story(now - 57 * _DAY)
    for at in _hours(now, 56):
        for number in range(4):
            story.ask(at + number * 10 * _MINUTE)
    for number in range(4000):
        story.ask(now - _HOUR + number * (_HOUR / 4000))
    return story


def _retrieval_volume(now: datetime) -> _Story:
    """Eight weeks of a few records an hour, and an hour of thousands."""
    story = _Story(now - 57 * _DAY)
    number = 0
    for at in _hours(now, 56):
        for part in range(3):
            number += 1
            story.reveal(at + part * 10 * _MINUTE, number)
    for part in range(3000):
        number += 1
        story.reveal(now - _HOUR + part * (_HOUR / 3000), number)
    return story


def _slow_drain(now: datetime) -> _Story:
    """Eight weeks of forty records a day, and three weeks of five times as many."""
    story = _Story(now - 78 * _DAY)
    number = 0
    for day in range(77, 0, -1):
        many = 40 if day > 21 else 200  # noqa: PLR2004 - the three weeks
        for part in range(many):
            number += 1
            story.reveal(now - day * _DAY + part * (_DAY / many), number)
    return story


def _budget_spent(now: datetime) -> _Story:
    """A budget that refuses, three times."""
    story = _Story(now - _HOUR)
    for number in range(3):
        story.say(
            now - (3 - number) * _SECOND,
            EventType.RECORD_REVEALED,
            outcome=Outcome.DENIED,
            reason=Reason.BUDGET_SPENT,
            obj_kind=ObjKind.RECORD,
            obj_ref=str(number),
            purpose=Purpose.FULFILMENT,
            seller=_SELLER,
        )
    return story


def _canary_touched(now: datetime) -> _Story:
    """A record that nobody has a reason to open was asked for."""
    story = _Story(now - _HOUR)
    story.say(
        now,
        EventType.CANARY_TOUCHED,
        outcome=Outcome.DENIED,
        reason=Reason.CANARY,
        obj_kind=ObjKind.CANARY,
        obj_ref="1",
        seller=_SELLER,
    )
    return story


def _boundary_crossed(now: datetime) -> _Story:
    """More was opened than arrived, and something was stopped on its way out."""
    story = _Story(now - _HOUR)
    for number in range(50):
        story.reveal(now - 30 * _MINUTE + number * _SECOND, number)
    story.say(
        now - _MINUTE,
        EventType.EGRESS_RECONCILED,
        SYSTEM,
        Outcome.FAILURE,
        reason=Reason.UNRECONCILED,
        n=50,
    )
    story.say(
        now,
        EventType.EGRESS_REFUSED,
        outcome=Outcome.DENIED,
        reason=Reason.CANARY,
        op="orders.getOrders",
        n=1,
        seller=_SELLER,
    )
    return story


def _new_destination(now: datetime) -> _Story:
    """A collector that nobody sent the log to before."""
    story = _Story(now - _HOUR)
    story.say(
        now,
        EventType.ALARM_CHANGED,
        op="feed.add.approved",
        obj_kind=ObjKind.FEED,
        obj_ref="1",
    )
    return story


def _sign_on_anomaly(now: datetime) -> _Story:
    """One address guesses at many names, and is shut out; somebody's factor is asked for again and again."""
    story = _Story(now - _HOUR)
    for number in range(40):
        story.say(
            now - (60 - number) * _SECOND,
            EventType.SIGNON_FAILED,
            _NOBODY,
            Outcome.FAILURE,
            reason=Reason.WRONG_CREDENTIAL,
            op="password",
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=f"{number:032x}",
            src_ip=_ADDRESS,
        )
    for reason, about in ((Reason.SPRAYING, 1), (Reason.FACTOR_FATIGUE, 2)):
        story.say(
            now - _SECOND,
            EventType.LOCK_SET,
            SYSTEM,
            reason=reason,
            obj_kind=ObjKind.LOCK,
            obj_ref=str(about),
            src_ip=_ADDRESS,
        )
    return story


def _log_tampered(now: datetime) -> _Story:
    """A verification of the log that found it changed, and a record that does not open."""
    story = _Story(now - _HOUR)
    story.say(
        now - _SECOND,
        EventType.LOG_VERIFIED,
        SYSTEM,
        Outcome.FAILURE,
        reason=Reason.TAMPERED,
        obj_kind=ObjKind.LOG,
        obj_ref="1",
        n=1,
    )
    story.say(
        now,
        EventType.RECORD_TAMPERED,
        SYSTEM,
        Outcome.FAILURE,
        reason=Reason.TAMPERED,
        obj_kind=ObjKind.RECORD,
        obj_ref="1",
    )
    return story


def _log_silent(now: datetime) -> _Story:
    """A number that is missing, and half an hour without a heartbeat."""
    story = _Story(now - _HOUR)
    for minute in range(59, 30, -1):
        story.say(now - minute * _MINUTE, EventType.LOG_HEARTBEAT, SYSTEM)
    story.say(now - 30 * _MINUTE, EventType.LOG_HEARTBEAT, SYSTEM, skip=1)
    return story


def _clock_jumped(now: datetime) -> _Story:
    """The clock goes a day ahead within what was a minute."""
    story = _Story(now - 2 * _DAY)
    before = now - _DAY
    for minute in range(10, 0, -1):
        story.say(before - minute * _MINUTE, EventType.LOG_HEARTBEAT, SYSTEM)
    story.say(now, EventType.LOG_HEARTBEAT, SYSTEM, mono_at=before)
    story.say(
        now,
        EventType.CLOCK_JUMPED,
        SYSTEM,
        Outcome.FAILURE,
        mono_at=before,
        reason=Reason.CLOCK_JUMP,
        n=86400,
    )
    return story


def _sweep_late(now: datetime) -> _Story:
    """A sweep that fails, and hours without another one."""
    story = _Story(now - 6 * _HOUR)
    story.say(now - 5 * _HOUR, EventType.RETENTION_SWEEP_FINISHED, SYSTEM, n=0)
    story.say(
        now - 4 * _HOUR,
        EventType.SYSTEM_ERROR,
        SYSTEM,
        Outcome.ERROR,
        reason=Reason.UNAVAILABLE,
        op="task.sweep",
    )
    return story


def _witness_refused(now: datetime) -> _Story:
    """A witness that says that the log does not continue what it saw."""
    story = _Story(now - _HOUR)
    for number in range(3):
        story.say(
            now - (3 - number) * _MINUTE,
            EventType.LOG_ANCHOR_FAILED,
            SYSTEM,
            Outcome.DENIED,
            reason=Reason.FORKED,
            obj_kind=ObjKind.WITNESS,
            obj_ref="1",
        )
    return story


def _channel_down(now: datetime) -> _Story:
    """Notices that one channel does not take."""
    story = _Story(now - _HOUR)
    for number in range(10):
        story.say(
            now - (10 - number) * _MINUTE,
            EventType.NOTICE_FAILED,
            SYSTEM,
            Outcome.FAILURE,
            reason=Reason.UNREACHABLE,
            obj_kind=ObjKind.CHANNEL,
            obj_ref="1",
        )
    return story


def _backup_missing(now: datetime) -> _Story:
    """A copy of the keystore that nobody could destroy."""
    story = _Story(now - _HOUR)
    story.say(
        now - _MINUTE,
        EventType.KEYSTORE_COPY_DESTROYED,
        SYSTEM,
        Outcome.FAILURE,
        reason=Reason.OVERDUE,
        obj_kind=ObjKind.KEY_COPY,
        obj_ref="1",
    )
    return story


def _request_due(now: datetime) -> _Story:
    """A request whose day went by."""
    story = _Story(now - _HOUR)
    story.say(
        now - _MINUTE,
        EventType.REQUEST_DUE,
        SYSTEM,
        Outcome.FAILURE,
        reason=Reason.OVERDUE,
        op="over",
        obj_kind=ObjKind.REQUEST,
        obj_ref="1",
    )
    return story


def _archive_at_risk(now: datetime) -> _Story:
    """Held data that nobody could archive in time."""
    story = _Story(now - _HOUR)
    story.say(
        now - _MINUTE,
        EventType.ARCHIVE_FAILED,
        SYSTEM,
        Outcome.FAILURE,
        reason=Reason.UNAVAILABLE,
        op="lost",
        obj_kind=ObjKind.PERIOD,
        obj_ref="1",
        n=1,
    )
    return story


def _notice_overdue(now: datetime) -> _Story:
    """A notice that came 73 hours ago, of which nothing was done."""
    received_at = now - 73 * _HOUR
    story = _Story(received_at)
    story.say(
        received_at,
        EventType.DELETION_REGISTERED,
        _PERSON,
        obj_kind=ObjKind.NOTICE,
        obj_ref="1",
        n=int(received_at.timestamp()),
    )
    story.say(now, EventType.LOG_HEARTBEAT, SYSTEM)
    return story


def _root_unreachable(now: datetime) -> _Story:
    """A provider that does not answer, until keys are put away."""
    story = _Story(now - 6 * _HOUR)
    for hours, op in ((5, "unreachable"), (1, "shut")):
        story.say(
            now - hours * _HOUR,
            EventType.ROOT_PROBED,
            SYSTEM,
            Outcome.FAILURE,
            reason=Reason.UNREACHABLE,
            op=op,
            obj_kind=ObjKind.KEY,
            obj_ref="root",
            n=60,
        )
    return story


_STORIES: Final[dict[AlarmKind, Callable[[datetime], _Story]]] = {
    AlarmKind.UNAUTHORIZED_CALLS: _unauthorized_calls,
    AlarmKind.REQUEST_RATE: _request_rate,
    AlarmKind.RETRIEVAL_VOLUME: _retrieval_volume,
    AlarmKind.SLOW_DRAIN: _slow_drain,
    AlarmKind.BUDGET_SPENT: _budget_spent,
    AlarmKind.CANARY_TOUCHED: _canary_touched,
    AlarmKind.BOUNDARY_CROSSED: _boundary_crossed,
    AlarmKind.NEW_DESTINATION: _new_destination,
    AlarmKind.SIGN_ON_ANOMALY: _sign_on_anomaly,
    AlarmKind.LOG_TAMPERED: _log_tampered,
    AlarmKind.LOG_SILENT: _log_silent,
    AlarmKind.CLOCK_JUMPED: _clock_jumped,
    AlarmKind.SWEEP_LATE: _sweep_late,
    AlarmKind.WITNESS_REFUSED: _witness_refused,
    AlarmKind.CHANNEL_DOWN: _channel_down,
    AlarmKind.BACKUP_MISSING: _backup_missing,
    AlarmKind.ARCHIVE_AT_RISK: _archive_at_risk,
    AlarmKind.REQUEST_DUE: _request_due,
    AlarmKind.NOTICE_OVERDUE: _notice_overdue,
    AlarmKind.ROOT_UNREACHABLE: _root_unreachable,
}


def _hours(now: datetime, days: int) -> Iterator[datetime]:
    """Give every hour of so many days, the last one two hours before `now`."""
    for hour in range(days * 24, 1, -1):
        yield now - hour * _HOUR
