"""Keeps cases: opened from an alarm or by hand, clocked, worked through, written up, approved by another, closed [1.6].

The clock counts from the earliest of detection, suspicion and alarm, and moves earlier only. Nothing closes that lacks
what clause 1.6 asks for. What people write is sealed; the log has the case's number and what was done.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import orjson

from strongroom.alarms import Investigations
from strongroom.audit import EventType
from strongroom.compliance.evidence import Item
from strongroom.compliance.incidents import clock
from strongroom.compliance.incidents.kinds import IncidentKind, kind_named
from strongroom.compliance.incidents.room import Room, Step, belongs_to, checked
from strongroom.compliance.incidents.scope import Scope, scope_of
from strongroom.compliance.incidents.store import Case, Entry
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.terms import Caller, PrincipalId

TEXTS: Final = ("title", "description", "root_cause", "remediation")
_WAITS: Final = frozenset({"waiting", "sending"})
_LONGEST_TITLE: Final = 160


@dataclass(frozen=True, slots=True)
class Shown:
    """A case with everything that belongs to it."""

    case: Case
    kind: IncidentKind
    entries: tuple[Entry, ...]
    evidence: tuple[Item, ...]
    missing: tuple[str, ...]
    """What it lacks before it may be closed."""

    def of(self, what: str) -> list[Entry]:
        """Return the lines of one sort."""
        return [entry for entry in self.entries if entry.what == what]


class Cases:
    """The cases of one home. What a method changed is durable on return, with its event."""

    def __init__(self, room: Room, investigations: Investigations) -> None:
        self._room = room
        self._investigations = investigations

    # -- reading ---------------------------------------------------------------------------------

    def listed(self, *, every: bool = True) -> list[Case]:
        """Return the last cases, or all that are open, the newest first."""
        with self._room.database.read() as tx:
            return self._room.store.listed(tx, every=every)

    def show(self, number: int) -> Shown:
        """Return a case. Raises: NotFound, Tampered: its rows are not what was kept."""
        with self._room.database.read() as tx:
            case = self._room.store.case(tx, number)
            entries = tuple(self._room.store.entries(tx, number))
        kind = kind_named(case.kind)
        missing = clock.lacks(_standing(case, kind, entries))
        evidence = tuple(reversed(self._room.evidence.listed(belongs_to(number))))
        return Shown(case, kind, entries, evidence, tuple(missing))

    def of_alarm(self, alarm: int) -> int | None:
        """Return the number of the case that was opened from an alarm."""
        with self._room.database.read() as tx:
            return self._room.store.of_alarm(tx, alarm)

    # -- its course ------------------------------------------------------------------------------

    def open(
        self,
        caller: Caller,
        kind: str,
        title: str,
        now: datetime,
        *,
        description: str = "",
        detected_at: datetime | None = None,
        suspected_at: datetime | None = None,
        alarm: int | None = None,
    ) -> Case:
        """Open a case; its 24 hours count from the earliest instant that is known, the alarm's among them.

        Raises:
            Malformed: no such type, no instant, or one to come.
            NotFound: no such alarm.
            Conflict: there is a case of this alarm.
            Denied: the caller keeps no records of compliance.

        """
        self._room.people.refuse_strangers(caller, now)
        found = None if alarm is None else self._investigations.show(alarm)
        if any(at is not None and at > now for at in (detected_at, suspected_at)):
            raise Malformed("what was detected or suspected lies in the past")
        if alarm is None and detected_at is None and suspected_at is None:
            detected_at = now
        texts = {"title": _title(title), "description": checked(description, "it", needed=False)}
        case = Case(
            0,
            kind_named(kind).key,
            alarm,
            detected_at,
            suspected_at,
            clock.clock_of(detected_at, suspected_at, None if found is None else found.first_at),
            caller.principal,
            now,
            caller.principal,
            texts=texts,
        )
        with self._room.database.write() as tx:
            if alarm is not None and (known := self._room.store.of_alarm(tx, alarm)) is not None:
                raise Conflict(f"alarm {alarm} has incident {known} already")
            made = self._room.store.add_case(tx, case)
            step = Step(tx, made, caller, now)
            step.record(EventType.INCIDENT_OPENED, made.kind, n=_seconds(made.clock_at))
            self._room.audit.append(tx, *step.events, now=now)
        return made

    def move_clock(
        self,
        number: int,
        caller: Caller,
        now: datetime,
        *,
        detected_at: datetime | None = None,
        suspected_at: datetime | None = None,
    ) -> Case:
        """Say that it was known earlier. Raises: Conflict: the clock would begin later, or not move."""
        wanted = clock.clock_of(detected_at, suspected_at, None)
        with self._room.changing(caller, number, now) as step:
            if wanted >= step.case.clock_at:
                raise Conflict(
                    "the 24 hours only ever begin earlier", hint="what was known first counts"
                )
            step.case = replace(
                step.case,
                clock_at=wanted,
                detected_at=detected_at or step.case.detected_at,
                suspected_at=suspected_at or step.case.suspected_at,
            )
            self._room.store.save_case(step.tx, step.case)
            step.record(EventType.INCIDENT_CLOCK_MOVED, n=_seconds(wanted))
            return step.case

    def lead(self, number: int, name: str, caller: Caller, now: datetime) -> None:
        """Make an active person the lead. Raises: NotFound, Denied."""
        person = self._room.people.named(name, now)
        with self._room.changing(caller, number, now) as step:
            self._room.store.save_case(step.tx, replace(step.case, lead_id=person))
            step.record(EventType.INCIDENT_CHANGED, "lead", n=person)

    def note(
        self, number: int, text: str, caller: Caller, now: datetime, *, at: datetime | None = None
    ) -> None:
        """Write a line of the timeline; `at` is when it happened. Raises: Malformed."""
        said = {"text": checked(text, "the note"), "at": (at or now).isoformat()}
        if at is not None and at > now:
            raise Malformed("what happened lies in the past")
        with self._room.changing(caller, number, now) as step:
            self._room.store.add_entry(step.tx, step.entry("note", "note", said=said))
            step.record(EventType.INCIDENT_CHANGED, "note")

    def tick(
        self, number: int, key: str, caller: Caller, now: datetime, *, not_for: str | None = None
    ) -> None:
        """Say that a step of the playbook is done, or for what reason it does not apply.

        Raises: NotFound, Malformed: no reason; Conflict: it is settled.
        """
        with self._room.changing(caller, number, now) as step:
            known = {one.key for one in kind_named(step.case.kind).steps}
            if key not in known:
                raise NotFound("the playbook has no such step")
            if key in _settled(self._room.store.entries(step.tx, number)):
                raise Conflict("the step is settled already")
            reason = None if not_for is None else checked(not_for, "the reason")
            state = "done" if reason is None else "not_applicable"
            said = {} if reason is None else {"text": reason}
            self._room.store.add_entry(step.tx, step.entry("step", key, state, said=said))
            step.record(EventType.INCIDENT_CHANGED, f"step.{key}")

    def contained(self, number: int, caller: Caller, now: datetime) -> None:
        """Say that it spreads no further. Raises: Conflict: it was said."""
        with self._room.changing(caller, number, now) as step:
            if step.case.contained_at is not None:
                raise Conflict("it is contained already")
            self._room.store.save_case(step.tx, replace(step.case, contained_at=now))
            step.record(EventType.INCIDENT_CHANGED, "contained")

    def compute_scope(
        self,
        number: int,
        principals: Collection[PrincipalId],
        since: datetime,
        until: datetime,
        caller: Caller,
        now: datetime,
    ) -> Scope:
        """Compute from the log what it concerns, and keep question and answer. Raises: Malformed."""
        if not since < until <= now + timedelta(minutes=1):
            raise Malformed("the window begins before it ends, and ends by now")
        self._room.people.refuse_strangers(caller, now)
        # Before the write begins: it reads as much of the log as the window is long.
        found = scope_of(self._room.audit, principals, since, until)
        with self._room.changing(caller, number, now) as step:
            self._room.store.add_entry(step.tx, step.entry("scope", "scope", said=asdict(found)))
            step.record(EventType.INCIDENT_CHANGED, "scope", n=found.records, content=found.digest)
        return found

    def scope_again(self, number: int, entry: int) -> bool:
        """Put a kept question again and tell whether the log still gives that answer. Raises: NotFound."""
        with self._room.database.read() as tx:
            kept = self._room.store.entry(tx, number, entry, "scope").said
        asked = orjson.loads(kept["query"])
        since, until = (datetime.fromisoformat(asked[name]) for name in ("since", "until"))
        found = scope_of(self._room.audit, asked["principals"], since, until)
        return found.digest == str(kept["digest"])

    # -- its report ------------------------------------------------------------------------------

    def write(self, number: int, texts: dict[str, str], caller: Caller, now: datetime) -> None:
        """Write the post-mortem; whoever approved an earlier version has not approved this one."""
        kept: dict[str, str] = {
            name: checked(texts[name], name, needed=False) for name in TEXTS if name in texts
        }
        if "title" in kept:
            kept["title"] = _title(kept["title"])
        with self._room.changing(caller, number, now) as step:
            step.case = replace(
                step.case,
                texts={**step.case.texts, **kept},
                written_by=caller.principal,
                written_at=now,
                approved_by=None,
                approved_at=None,
            )
            self._room.store.save_case(step.tx, step.case)
            step.record(EventType.INCIDENT_CHANGED, "written")

    def approve(self, number: int, caller: Caller, now: datetime) -> None:
        """Approve the post-mortem that another person wrote.

        Raises: Conflict: nobody wrote it, or it is approved; Denied: the caller wrote it; recorded.
        """
        refused = None
        with self._room.changing(caller, number, now) as step:
            case = step.case
            if case.written_by is None or not case.text("root_cause"):
                raise Conflict("the post-mortem is not written yet")
            if case.approved_at is not None:
                raise Conflict("the post-mortem is approved")
            if self._room.is_another(caller, case.written_by):
                changed = replace(case, approved_by=caller.principal, approved_at=now)
                self._room.store.save_case(step.tx, changed)
                step.record(EventType.INCIDENT_APPROVED)
            else:
                refused = self._room.deny(step, EventType.INCIDENT_APPROVED, "the_post-mortem")
        if refused is not None:
            raise refused

    def control(
        self, number: int, text: str, owner: str, due_at: datetime, caller: Caller, now: datetime
    ) -> None:
        """Name a corrective control, who does it and until when. Raises: Malformed, NotFound, Denied."""
        said = {"text": checked(text, "the control")}
        if due_at <= now:
            raise Malformed("a control is due on a day to come")
        person = self._room.people.named(owner, now)
        with self._room.changing(caller, number, now) as step:
            entry = step.entry(
                "control", "control", "open", owner_id=person, due_at=due_at, said=said
            )
            self._room.store.add_entry(step.tx, entry)
            step.record(EventType.INCIDENT_CHANGED, "control", n=person)

    def control_done(self, number: int, entry: int, caller: Caller, now: datetime) -> None:
        """Say that a control is in place, also after the case was closed. Raises: NotFound, Conflict."""
        with self._room.changing(caller, number, now, closed=True) as step:
            found = self._room.store.entry(step.tx, number, entry, "control")
            if found.state != "open":
                raise Conflict("the control is in place already")
            done = replace(found, state="done", second_id=caller.principal, second_at=now)
            self._room.store.save_entry(step.tx, done)
            step.record(EventType.INCIDENT_CHANGED, "control.done")

    # -- its end ---------------------------------------------------------------------------------

    def doubt(self, number: int, reason: str, caller: Caller, now: datetime) -> None:
        """Say why it was no Security Incident; another person agrees, or nothing comes of it. Raises: Malformed."""
        said = checked(reason, "the reason")
        with self._room.changing(caller, number, now) as step:
            texts = {**step.case.texts, "no_incident": said}
            changed = replace(
                step.case,
                texts=texts,
                doubted_by=caller.principal,
                doubted_at=now,
                cleared_by=None,
                cleared_at=None,
            )
            self._room.store.save_case(step.tx, changed)
            step.record(EventType.INCIDENT_CHANGED, "doubted")

    def clear(self, number: int, reason: str, caller: Caller, now: datetime) -> None:
        """Agree, with reasons of one's own, that it was none.

        Raises: Conflict: nobody said so; Malformed: no reason; Denied: the caller said so; recorded.
        """
        said = checked(reason, "the reason")
        refused = None
        with self._room.changing(caller, number, now) as step:
            case = step.case
            if case.doubted_by is None:
                raise Conflict("nobody said that it was no incident")
            if self._room.is_another(caller, case.doubted_by):
                texts = {**case.texts, "cleared": said}
                changed = replace(case, texts=texts, cleared_by=caller.principal, cleared_at=now)
                self._room.store.save_case(step.tx, changed)
                step.record(EventType.INCIDENT_CHANGED, "cleared")
            else:
                refused = self._room.deny(step, EventType.INCIDENT_CHANGED, "no_incident")
        if refused is not None:
            raise refused

    def close(self, number: int, caller: Caller, now: datetime) -> None:
        """Close a case that lacks nothing; its lead signs by this.

        Raises: Denied: the caller is not its lead; Conflict: something is missing, each named.
        """
        with self._room.changing(caller, number, now) as step:
            case = step.case
            if caller.principal != case.lead_id:
                name = self._room.people.name_of(case.lead_id)
                raise Conflict(f"incident {number} is closed by its lead: {name}")
            entries = self._room.store.entries(step.tx, number)
            missing = clock.lacks(_standing(case, kind_named(case.kind), entries))
            if missing:
                raise Conflict(f"incident {number} lacks: {'; '.join(missing)}")
            self._room.store.save_case(
                step.tx, replace(case, closed_by=caller.principal, closed_at=now)
            )
            op = "none" if case.cleared_at is not None else "incident"
            step.record(EventType.INCIDENT_CLOSED, op)


def _standing(case: Case, kind: IncidentKind, entries: Sequence[Entry]) -> clock.Standing:
    def count(what: str, states: Collection[str] | None = None) -> int:
        return sum(e.what == what and (states is None or e.state in states) for e in entries)

    return clock.Standing(
        [step.key for step in kind.steps],
        _settled(entries),
        case.notified_at is not None,
        case.cleared_at is not None,
        count("note"),
        count("scope"),
        count("control"),
        count("message", _WAITS),
        {name for name, text in case.texts.items() if text},
        case.approved_at is not None,
    )


def _settled(entries: Sequence[Entry]) -> set[str]:
    return {entry.name for entry in entries if entry.what == "step"}


def _title(text: str) -> str:
    title = " ".join(checked(text, "the title").split())
    if len(title) > _LONGEST_TITLE:
        raise Malformed(f"a title has up to {_LONGEST_TITLE} characters")
    return title


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
