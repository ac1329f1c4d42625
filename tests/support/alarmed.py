"""A home with people, a watch over its log, and rules and an outbox that a test can look into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from strongroom.alarms import Alarm, AlarmKind, Alarms, Response, Severity, Signal
from strongroom.alarms.rule import Rule
from strongroom.alarms.seen import Seen
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.db.engine import Database, Transaction
from strongroom.feeds import Notice
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalId, PrincipalKind
from tests.support.people import House


class Touched:
    """A canary freezes whoever touches it."""

    name: ClassVar[str] = "test_touched"
    kind: ClassVar[AlarmKind] = AlarmKind.CANARY_TOUCHED
    types: ClassVar[frozenset[EventType] | None] = frozenset({EventType.CANARY_TOUCHED})

    def feed(self, seen: Seen) -> Iterable[Signal]:
        yield Signal(
            self.kind,
            Severity.CRITICAL,
            Response.FREEZE,
            f"canary:{seen.principal}",
            seen.at,
            principal=seen.principal,
            evidence=(seen.seq,),
        )

    def tick(self, now: datetime) -> Iterable[Signal]:
        del now
        return ()

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        del state


class Refused:
    """The third refusal of a principal is an alarm, the tenth a graver one; counted over restarts."""

    name: ClassVar[str] = "test_refused"
    kind: ClassVar[AlarmKind] = AlarmKind.UNAUTHORIZED_CALLS
    types: ClassVar[frozenset[EventType] | None] = frozenset({EventType.API_REQUEST_REFUSED})

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def feed(self, seen: Seen) -> Iterable[Signal]:
        self.counts[seen.principal] += 1
        count = self.counts[seen.principal]
        if count < 3:
            return
        yield Signal(
            self.kind,
            Severity.HIGH if count >= 10 else Severity.MEDIUM,
            Response.THROTTLE if count >= 10 else Response.NOTIFY,
            f"refused:{seen.principal}",
            seen.at,
            principal=seen.principal,
            evidence=(seen.seq,),
        )

    def tick(self, now: datetime) -> Iterable[Signal]:
        del now
        return ()

    def state(self) -> dict[str, Any]:
        return {str(principal): count for principal, count in self.counts.items()}

    def restore(self, state: dict[str, Any]) -> None:
        self.counts = Counter({int(principal): count for principal, count in state.items()})


class Silent:
    """Three minutes without a heartbeat are an alarm."""

    name: ClassVar[str] = "test_silent"
    kind: ClassVar[AlarmKind] = AlarmKind.LOG_SILENT
    types: ClassVar[frozenset[EventType] | None] = frozenset({EventType.LOG_HEARTBEAT})

    def __init__(self) -> None:
        self.last: datetime | None = None

    def feed(self, seen: Seen) -> Iterable[Signal]:
        self.last = seen.at
        return ()

    def tick(self, now: datetime) -> Iterable[Signal]:
        if self.last is not None and now - self.last > timedelta(minutes=3):
            yield Signal(self.kind, Severity.HIGH, Response.NOTIFY, "silent", now)

    def state(self) -> dict[str, Any]:
        return {"last": None if self.last is None else self.last.isoformat()}

    def restore(self, state: dict[str, Any]) -> None:
        self.last = None if state["last"] is None else datetime.fromisoformat(state["last"])


class Echo:
    """Makes an alarm of every entry it sees, under a key of its own each time: the worst neighbour of a watch."""

    name: ClassVar[str] = "test_echo"
    kind: ClassVar[AlarmKind] = AlarmKind.REQUEST_RATE
    types: ClassVar[frozenset[EventType] | None] = None

    def feed(self, seen: Seen) -> Iterable[Signal]:
        yield Signal(self.kind, Severity.LOW, Response.NOTIFY, f"echo:{seen.seq}", seen.at)

    def tick(self, now: datetime) -> Iterable[Signal]:
        del now
        return ()

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        del state


class Attentive:
    """Says something about the last entry of any drill: the way is tried, not a rule."""

    types = None

    def __init__(self, kind: AlarmKind) -> None:
        self.kind = kind
        self.name = f"test_{kind.value}"
        self._last: Seen | None = None

    def feed(self, seen: Seen) -> Iterable[Signal]:
        self._last = seen
        return ()

    def tick(self, now: datetime) -> Iterable[Signal]:
        if self._last is not None and now > self._last.at:
            yield Signal(
                self.kind,
                Severity.HIGH,
                Response.FREEZE,
                f"{self.kind.value}:{self._last.principal}",
                now,
                principal=self._last.principal,
                evidence=(self._last.seq,),
            )

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        del state


class Failing(Touched):
    """Fails at every entry it is shown."""

    name: ClassVar[str] = "test_failing"

    def feed(self, seen: Seen) -> Iterable[Signal]:
        raise ValueError(f"entry {seen.seq}")


def rules() -> Sequence[Rule]:
    """Return new instances of the rules that most tests want."""
    return (Touched(), Refused(), Silent())


@dataclass
class Outbox:
    """Keeps what it is handed, once the transaction is durable or not."""

    notices: list[Notice] = field(default_factory=list)

    def enqueue(self, tx: Transaction, notice: Notice, now: datetime) -> None:
        del tx, now
        self.notices.append(notice)


@dataclass
class Alarmed:
    """One home, as one process of it has it."""

    house: House
    alarms: Alarms
    outbox: Outbox
    told: list[Signal] = field(default_factory=list)
    direct: list[Notice] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.house.now

    def restarted(
        self,
        *,
        made: Callable[[], Sequence[Rule]] = rules,
        holder: str = "process-1",
        one_person: bool = False,
        stopped: bool = True,
    ) -> Alarmed:
        """Return the home as another process has it: nothing in memory. `stopped`: this one ended in order."""
        if stopped:
            self.alarms.watch.release(self.now)
        return wired(self.house, self.outbox, made=made, holder=holder, one_person=one_person)

    def person(self, name: str, *, administers: bool = False) -> Caller:
        """Return a new person, signed on."""
        added = self.house.accounts.add_person(name, caller=SYSTEM, now=self.now).person
        if administers:
            self.house.administrators.add(added.id)
        return Caller(added.id, PrincipalKind.PERSON, added.name, AuthMethod.SESSION)

    def app(self, name: str, owner: str) -> PrincipalId:
        """Return a new app's number."""
        return self.house.accounts.add_app(name, owner, caller=SYSTEM, now=self.now).app.id

    def record(self, *events: Event) -> None:
        """Have something recorded now."""
        with self.house.database.write() as tx:
            self.house.audit.append(tx, *events, now=self.now)

    def touch(self, principal: PrincipalId) -> None:
        """Have a principal touch a canary."""
        self.record(
            Event(
                EventType.CANARY_TOUCHED,
                Outcome.DENIED,
                Caller(principal, PrincipalKind.APP, "it", AuthMethod.ACCESS_TOKEN),
                reason=Reason.CANARY,
                obj_kind=ObjKind.CANARY,
                obj_ref="1",
            )
        )

    def refuse(self, principal: PrincipalId, times: int = 1) -> None:
        """Have requests of a principal refused."""
        who = Caller(principal, PrincipalKind.APP, "it", AuthMethod.ACCESS_TOKEN)
        event = Event(EventType.API_REQUEST_REFUSED, Outcome.DENIED, who, reason=Reason.NO_GRANT)
        self.record(*[event] * times)

    def beat(self) -> None:
        self.record(Event(EventType.LOG_HEARTBEAT, Outcome.SUCCESS, SYSTEM))

    def look(self) -> list[Alarm]:
        """Have the watch see everything; return the open alarms."""
        self.alarms.watch.run(lambda: self.now)
        return self.opened()

    def opened(self) -> list[Alarm]:
        return self.alarms.investigations.listed()

    def types(self, prefix: str) -> list[str]:
        """Return the types of what was recorded, of those that begin so."""
        return [e.type for e in self.house.audit.events() if e.type.startswith(prefix)]


def wired(
    house: House,
    outbox: Outbox,
    *,
    made: Callable[[], Sequence[Rule]] = rules,
    holder: str = "process-1",
    one_person: bool = False,
) -> Alarmed:
    """Return the alarms of a home, as a process that starts has them."""
    told: list[Signal] = []
    direct: list[Notice] = []
    alarms = Alarms.wired(
        house.database,
        house.audit,
        administrators=lambda _now: house.administrators,
        end_sessions=house.signon.end_all,
        one_person=one_person,
        rules=made,
        outboxes=(outbox,),
        channels=(direct.append,),
        tell=told.append,
        holder=holder,
    )
    return Alarmed(house, alarms, outbox, told, direct)


@contextmanager
def alarmed(
    url: str,
    directory: Path,
    *,
    made: Callable[[], Sequence[Rule]] = rules,
    begun: bool = True,
    one_person: bool = False,
) -> Iterator[Alarmed]:
    """Give an empty home; `begun`: watched from its first entry on."""
    database = Database(url)
    try:
        home = wired(House.make(database, directory), Outbox(), made=made, one_person=one_person)
        if begun:
            home.alarms.watch.begin(home.now)
        yield home
    finally:
        database.close()
