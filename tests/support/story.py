"""What happened, as a test tells it to the rules of alarms: entries made by the log's own code, and time passing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from strongroom.alarms.kinds import Signal
from strongroom.alarms.rule import Rule
from strongroom.alarms.seen import Seen, seen
from strongroom.audit.entry import ENTROPY_BYTES, Event, Outcome, Stamp, canonical
from strongroom.audit.event_types import EventType
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalId, PrincipalKind

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
APP = Caller(PrincipalId(7), PrincipalKind.APP, "erp", AuthMethod.ACCESS_TOKEN)
OTHER_APP = Caller(PrincipalId(8), PrincipalKind.APP, "labels", AuthMethod.ACCESS_TOKEN)
PERSON = Caller(PrincipalId(9), PrincipalKind.PERSON, "anna", AuthMethod.SESSION)
STRANGER = Caller(PrincipalId(0), PrincipalKind.SERVICE, "unknown", AuthMethod.CREDENTIAL)


def ref(name: str) -> str:
    """A pseudonym, as the log makes one of an address."""
    return name.encode().hex().ljust(32, "0")[:32]


class Story:
    """Entries and ticks in their order; begins on a Monday at midnight."""

    def __init__(self) -> None:
        self.now = MONDAY
        self.told: list[Seen | datetime] = []
        self.boot = "boot-1"
        self.node = "node-1"
        self.clock = timedelta(0)
        """By how much the clock is ahead of the true time."""
        self._seq = 0
        self._nseq: dict[str, int] = {}

    def wait(self, **span: float) -> None:
        """Let time pass; the watch looks at the clock at its end."""
        self.now += timedelta(**span)
        self.told.append(self.now)

    def record(
        self,
        type_: EventType,
        outcome: Outcome = Outcome.SUCCESS,
        actor: Caller = SYSTEM,
        **fields: object,
    ) -> None:
        """Record one event."""
        nseq = self._nseq.get(self.boot, 0)
        mono = (self.now - MONDAY) // timedelta(microseconds=1) * 1000
        stamp = Stamp(self.now + self.clock, self.node, self.boot, mono, nseq, bytes(ENTROPY_BYTES))
        body = orjson.loads(canonical(Event(type_, outcome, actor, **fields), stamp))  # type: ignore[arg-type]
        entry = seen(self._seq, body)
        assert entry is not None
        self.told.append(entry)
        self._nseq[self.boot] = nseq + 1
        self._seq += 1

    def lose(self, *, number: bool = True, seq: bool = False) -> None:
        """Let a number of the run, or of the log, pass without an entry."""
        if number:
            self._nseq[self.boot] = self._nseq.get(self.boot, 0) + 1
        if seq:
            self._seq += 1

    def play(self, rule: Rule) -> list[Signal]:
        """Return what the rule says of it all."""
        signals: list[Signal] = []
        for told in self.told:
            signals += heard(rule, told)
        return signals


def heard(rule: Rule, told: Seen | datetime) -> Sequence[Signal]:
    """Give a rule one entry, if it wants it, or one tick."""
    if isinstance(told, datetime):
        return list(rule.tick(told))
    return list(rule.feed(told)) if rule.types is None or told.type in rule.types else []


@dataclass(frozen=True)
class Fixture:
    """A story, and the cases that a rule must tell of it; none: it must stay silent."""

    name: str
    kind: str
    tell: Callable[[Story], None]
    cases: tuple[str, ...]


class Book:
    """The fixtures of a file."""

    def __init__(self) -> None:
        self.fixtures: list[Fixture] = []

    def fires(
        self, kind: str, *cases: str
    ) -> Callable[[Callable[[Story], None]], Callable[[Story], None]]:
        """Add a story of which the rule of this kind must tell exactly these cases."""

        def add(tell: Callable[[Story], None]) -> Callable[[Story], None]:
            self.fixtures.append(Fixture(tell.__name__, kind, tell, cases))
            return tell

        return add

    def silent(self, kind: str) -> Callable[[Callable[[Story], None]], Callable[[Story], None]]:
        """Add a story of which it must tell nothing."""
        return self.fires(kind)
