"""What is wrong, who looks into it and until when; rules, drills, mutes, and the ways to people [1.6, 2.6]."""

import math
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final, get_type_hints

from strongroom.alarms import DRILL_EVERY, Alarm, AlarmKind, Disposition
from strongroom.alarms.mutes import MUTABLE
from strongroom.alarms.rules import CASES, Parameters
from strongroom.alarms.rules.parameters import Why
from strongroom.audit.event_types import EventType
from strongroom.desk.exchange import ADMINISTERS, OVERSEES, READS_LOG, Answer, Exchange, Route
from strongroom.desk.paging import PAGE, PAGING, cursor_of, slice_of
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.words import span
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError
from strongroom.feeds.destinations import kind_of
from strongroom.feeds.targets import Role
from strongroom.policy.limits import LONGEST_MUTE

_NAME: Final = 64
_NOTE: Final = 200

DISPOSITIONS: Final = {
    Disposition.TRUE_POSITIVE: "It happened: an incident, or nearly one",
    Disposition.BENIGN: "It happened, and was allowed",
    Disposition.FALSE_POSITIVE: "It did not happen: the rule was wrong",
    Disposition.DUPLICATE: "Another alarm is about the same",
}

_KINDS: Final = {kind: (AlarmKind[kind.name].value.replace("_", " ")) for kind in AlarmKind}


@dataclass(frozen=True, slots=True)
class Number:
    """One number that the rules go by."""

    name: str
    value: str
    why: Why


def routes(rooms: Rooms) -> list[Route]:
    """Return the alarms for who oversees; what silences or tries them is for who administers."""
    pages = _AlarmPages(rooms)
    return [
        Route("GET", "/alarms", pages.show, needs=OVERSEES),
        Route("GET", "/alarms/all", pages.show_all, needs=OVERSEES, query=PAGING),
        Route("GET", "/alarms/rules", pages.rules, needs=OVERSEES),
        Route("GET", "/alarms/ways", pages.ways, needs=OVERSEES),
        Route("GET", "/alarms/{id}", pages.one, needs=OVERSEES),
        Route("POST", "/alarms/{id}/take", pages.take, needs=OVERSEES),
        Route("POST", "/alarms/{id}/assign", pages.assign, needs=OVERSEES),
        Route("POST", "/alarms/{id}/close", pages.close, needs=OVERSEES, proved="alarms"),
        Route("POST", "/alarms/lift", pages.lift, needs=ADMINISTERS, proved="alarms"),
        Route("POST", "/alarms/mute", pages.mute, needs=ADMINISTERS, proved="alarms"),
        Route("POST", "/alarms/unmute", pages.unmute, needs=ADMINISTERS),
        Route("POST", "/alarms/drill", pages.drill, needs=ADMINISTERS),
    ]


class _AlarmPages:
    def __init__(self, rooms: Rooms) -> None:
        self._alarms = rooms.alarms
        self._accounts = rooms.accounts
        self._targets = rooms.targets
        self._outbox = rooms.outbox
        self._audit = rooms.audit

    def show(self, exchange: Exchange) -> Answer:
        return self._open(exchange, None)

    def show_all(self, exchange: Exchange) -> Answer:
        cursor = cursor_of(exchange.query)
        found = self._alarms.investigations.page(
            before=cursor.before, after=cursor.after, limit=PAGE + 1
        )
        return exchange.page(
            "alarms_all.html",
            slice=slice_of(found, cursor, lambda alarm: alarm.id),
            state=lambda alarm: _state(alarm, exchange.now),
        )

    def one(self, exchange: Exchange) -> Answer:
        return self._one(exchange, None)

    def take(self, exchange: Exchange) -> Answer:
        """Make the caller the owner, who has thereby taken it up."""
        return self._assign(exchange, exchange.person.caller.name, Said.ALARM_TAKEN)

    def assign(self, exchange: Exchange) -> Answer:
        return self._assign(exchange, exchange.form.word("to", longest=_NAME), Said.ALARM_GIVEN)

    def close(self, exchange: Exchange) -> Answer:
        form = exchange.form
        given = next((one for one in DISPOSITIONS if one.value == form.text("disposition")), None)
        note = form.text("note", longest=_NOTE).strip() or None
        try:
            if given is None:
                raise Malformed("say what it was")  # noqa: TRY301 - as the room would
            self._alarms.investigations.close(
                exchange.id, given, exchange.person.caller, exchange.now, note=note
            )
        except (Conflict, Denied, Malformed) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/alarms/{exchange.id}", Said.ALARM_CLOSED)

    def lift(self, exchange: Exchange) -> Answer:
        name = exchange.form.word("name", longest=_NAME)
        try:
            self._alarms.acting.lift(name, exchange.person.caller, exchange.now)
        except (Conflict, Denied, Malformed, NotFound) as exc:
            return self._open(exchange, exc)
        return exchange.go("/alarms", Said.PRINCIPAL_LIFTED)

    def rules(self, exchange: Exchange) -> Answer:
        return self._rules(exchange, None)

    def mute(self, exchange: Exchange) -> Answer:
        form, now = exchange.form, exchange.now
        try:
            days = form.word("days", longest=2)
            until = now + timedelta(days=int(days) if days.isascii() and days.isdigit() else 0)
            self._alarms.mutes.mute(
                _kind(exchange), until, form.text("reason").strip(), exchange.person.caller, now
            )
        except (Conflict, Denied, Malformed) as exc:
            return self._rules(exchange, exc)
        return exchange.go("/alarms/rules", Said.ALARM_MUTED)

    def unmute(self, exchange: Exchange) -> Answer:
        try:
            self._alarms.mutes.unmute(_kind(exchange), exchange.person.caller, exchange.now)
        except (Conflict, Denied, Malformed) as exc:
            return self._rules(exchange, exc)
        return exchange.go("/alarms/rules", Said.ALARM_UNMUTED)

    def drill(self, exchange: Exchange) -> Answer:
        """Try one kind: each takes a moment, and a page waits for it."""
        try:
            self._alarms.drills.run(
                [_kind(exchange)], exchange.person.caller, exchange.now, lambda _done, _all: None
            )
        except (Denied, Malformed) as exc:
            return self._rules(exchange, exc)
        return exchange.go("/alarms/rules", Said.ALARM_TRIED)

    def ways(self, exchange: Exchange) -> Answer:
        channels = self._targets.listed(Role.CHANNEL)
        checked = self._audit.latest(EventType.CANARY_CHECKED)
        return exchange.page(
            "alarms_ways.html",
            channels=[
                (channel, kind_of(channel.destination), self._outbox.state(channel, exchange.now))
                for channel in channels
            ],
            canaries_checked_at=None
            if checked is None
            else datetime.fromisoformat(checked.body["t"]),
        )

    # -- private ---------------------------------------------------------------------------------

    def _assign(self, exchange: Exchange, to: str, said: Said) -> Answer:
        try:
            self._alarms.investigations.assign(
                exchange.id, to, exchange.person.caller, exchange.now
            )
        except (Conflict, Denied, Malformed) as exc:
            return self._one(exchange, exc)
        except NotFound as exc:
            # Of the person; an alarm that is none has no page to say it on.
            self._alarms.investigations.show(exchange.id)
            return self._one(exchange, exc)
        return exchange.go(f"/alarms/{exchange.id}", said)

    def _open(self, exchange: Exchange, exc: StrongroomError | None) -> Answer:
        now = exchange.now
        alarms = self._alarms.investigations.listed()
        standing = self._alarms.watch.standing()
        # The most urgent first: what is late, then what is due next.
        alarms.sort(key=_due)
        return exchange.form_page(
            "alarms.html",
            exc,
            alarms=alarms,
            state=lambda alarm: _state(alarm, now),
            due=_due,
            suspended=self._alarms.acting.suspended(now),
            muted=self._alarms.mutes.listed(now),
            overdue=sum(alarm.is_overdue(now) for alarm in alarms),
            behind=standing.behind,
            stepped_at=standing.stepped_at,
            administers=bool(exchange.may & ADMINISTERS),
            proved=exchange.person.proved_lately(now),
        )

    def _one(self, exchange: Exchange, exc: StrongroomError | None) -> Answer:
        now, investigations = exchange.now, self._alarms.investigations
        alarm = investigations.show(exchange.id)
        case = next((one for one in CASES if alarm.key.startswith(f"{one.kind}:{one.name}")), None)
        return exchange.form_page(
            "alarm.html",
            exc,
            alarm=alarm,
            state=_state(alarm, now),
            when=None if case is None else case.when.replace("`", ""),
            asked=sorted(investigations.called(alarm, now).values()),
            dispositions=DISPOSITIONS,
            reads_log=bool(exchange.may & READS_LOG),
            proved=exchange.person.proved_lately(now),
            due=_due(alarm),
        )

    def _rules(self, exchange: Exchange, exc: StrongroomError | None) -> Answer:
        now = exchange.now
        drilled = {one.kind: one for one in self._alarms.drills.last()}
        return exchange.form_page(
            "alarms_rules.html",
            exc,
            kinds=_KINDS,
            cases={kind: [case for case in CASES if case.kind is kind] for kind in AlarmKind},
            drilled=drilled,
            late={
                kind
                for kind in AlarmKind
                if kind not in drilled or now - drilled[kind].at > DRILL_EVERY
            },
            muted={mute.kind: mute for mute in self._alarms.mutes.listed(now)},
            mutable=[kind for kind in AlarmKind if kind in MUTABLE],
            numbers=_numbers(),
            longest=LONGEST_MUTE.days,
            administers=bool(exchange.may & ADMINISTERS),
            proved=exchange.person.proved_lately(now),
        )


def _kind(exchange: Exchange) -> AlarmKind:
    """Return the kind of alarm that the form names. Raises: Malformed."""
    text = exchange.form.word("kind", longest=_NAME)
    found = next((kind for kind in AlarmKind if kind.value == text), None)
    if found is None:
        raise Malformed("choose a kind of alarm")
    return found


def _state(alarm: Alarm, now: datetime) -> str:
    if alarm.closed_at is not None:
        return "closed"
    if alarm.is_overdue(now):
        return "overdue"
    return "open" if alarm.taken_at is None else "taken"


def _due(alarm: Alarm) -> datetime:
    """Return until when the next thing has to be done about an alarm."""
    return alarm.clock.look_by if alarm.taken_at is None else alarm.clock.close_by


def _numbers() -> list[Number]:
    hints = get_type_hints(Parameters, include_extras=True)
    standard = Parameters()
    return [
        Number(
            one.name.replace("_", " "),
            _plain(getattr(standard, one.name)),
            next(note for note in hints[one.name].__metadata__ if isinstance(note, Why)),
        )
        for one in fields(Parameters)
    ]


def _plain(value: object) -> str:
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return str(value)
