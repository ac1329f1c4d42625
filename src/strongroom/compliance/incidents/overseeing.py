"""What this room tells of the duties of clause 1.6 and of alarms, and what falls due [1.6, 2.6].

What the log has counts, not what a row says: a case is notified, and its clock begun, by its events.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from strongroom.alarms import AlarmKind, Investigations
from strongroom.alarms.clocks import REPORT_WITHIN
from strongroom.audit import EventType
from strongroom.compliance.incidents import clock, kinds
from strongroom.compliance.incidents.practice import Practice, Practices, alarm_digest
from strongroom.compliance.incidents.room import Room
from strongroom.compliance.incidents.store import Case, Entry, Practised
from strongroom.compliance.incidents.telling import GUARDED
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.errors import Tampered
from strongroom.terms import PrincipalId

DUTIES: Final = (*(f"1.6-{letter}" for letter in "cdefghijlm"), "2.6-m", "2.6-n")
_PRACTICE: Final = "/incidents/practice"
_CLOCKED: Final = (EventType.INCIDENT_OPENED, EventType.INCIDENT_CLOCK_MOVED)
_BAD, _GOOD, _UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN


class Overseeing:
    """Findings and dues of one home's incidents. `speakers` are those who have an office at an instant."""

    def __init__(
        self,
        room: Room,
        practices: Practices,
        investigations: Investigations,
        *,
        address: str,
        can_send: Callable[[], bool],
        speakers: Callable[[datetime], Mapping[PrincipalId, str]],
    ) -> None:
        self._room = room
        self._practices = practices
        self._investigations = investigations
        self._address = address
        self._can_send = can_send
        self._speakers = speakers

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what is seen of each duty this room has a part in."""
        try:
            return self._found(now)
        except Tampered as exc:
            # Somebody wrote to the database: nothing of this room can be believed until it is restored.
            bad = Finding(_BAD, exc.message, remedy="restore the database, and open an incident")
            return dict.fromkeys(map(DutyId, DUTIES), bad)

    def _found(self, now: datetime) -> Mapping[DutyId, Finding]:
        cases, lines = self._read()
        found = {
            "1.6-c": self._types(now),
            "1.6-d": self._playbooks(now),
            "1.6-e": self._path(now),
            "1.6-f": self._reviewed(now),
            "1.6-g": self._changed(now),
            "1.6-h": self._told(cases, now),
            "1.6-i": _investigated(cases, lines),
            "1.6-j": _documented(cases, lines, now),
            "1.6-l": self._packs(now),
            "1.6-m": self._silent(lines, now),
            "2.6-m": self._alarms(now),
            "2.6-n": self._rules(now),
        }
        return {DutyId(duty): finding for duty, finding in found.items()}

    def dues(self, now: datetime) -> Iterator[Due]:
        """Return the clocks that run, and what is to be done again."""
        try:
            cases, lines = self._read()
        except Tampered:
            return
        for case in cases:
            path = f"/incidents/{case.id}"
            if case.closed_at is None:
                yield from _clocks(case, path)
            for entry in lines[case.id]:
                if entry.what == "control" and entry.state == "open" and entry.due_at is not None:
                    yield Due(
                        f"Corrective control of incident {case.id}",
                        path,
                        entry.due_at,
                        person=entry.owner_id,
                        duty=DutyId("1.6-j"),
                    )
        lead = Office.INCIDENT_LEAD
        for kind, what, duty in (
            (Practice.REVIEW, "Review the incident plan", "1.6-f"),
            (Practice.EXERCISE, "Play an incident at a table", "1.6-d"),
            (Practice.TYPES, "Confirm types and playbooks of incidents", "1.6-c"),
            (Practice.PATH, "Try the escalation path with a test message", "1.6-e"),
            (Practice.ADDRESS, "Confirm Amazon's address for incidents", "1.6-e"),
            (Practice.PACK, "Put a case's documentation together and check it", "1.6-l"),
        ):
            last = self._practices.last(kind)
            due_at = now if last is None else last.at + clock.EVERY_HALF_YEAR
            yield Due(what, _PRACTICE, due_at, office=lead, duty=DutyId(duty))
        for change in self._practices.changes_open():
            yield Due(
                "Review the incident plan after a major change",
                _PRACTICE,
                change.at + clock.AFTER_CHANGE,
                office=lead,
                duty=DutyId("1.6-g"),
                began_at=change.at,
            )
        for person, at in self._unacknowledged(now):
            yield Due(
                "Acknowledge that nobody speaks for Amazon",
                _PRACTICE,
                at,
                person=person,
                duty=DutyId("1.6-m"),
            )

    def _read(self) -> tuple[list[Case], dict[int, list[Entry]]]:
        with self._room.database.read() as tx:
            cases = self._room.store.listed(tx)
            return cases, {case.id: self._room.store.entries(tx, case.id) for case in cases}

    # -- the plan --------------------------------------------------------------------------------

    def _types(self, now: datetime) -> Finding:
        last = self._practices.last(Practice.TYPES)
        names = f"{len(kinds.kinds())} types of incidents"
        if last is None or last.digest != kinds.digest():
            why = (
                "confirmed by nobody" if last is None else "confirmed as they were, not as they are"
            )
            return Finding(
                _BAD, f"{names} are {why}", remedy=f"read and confirm them at {_PRACTICE}"
            )
        return self._fresh(last, now, f"{names} are confirmed", "read and confirm the types again")

    def _playbooks(self, now: datetime) -> Finding:
        hollow = kinds.hollow()
        if hollow:
            return Finding(_BAD, f"playbooks say nothing of: {', '.join(hollow)}")
        last = self._practices.last(Practice.EXERCISE)
        said = "every type has a playbook of seven parts, and one was played at a table"
        return self._fresh(last, now, said, "play a scenario at a table and record it")

    def _path(self, now: datetime) -> Finding:
        last = self._practices.last(Practice.ADDRESS)
        if last is None or last.digest != self._room.audit.pseudonym("address", self._address):
            return Finding(
                _BAD,
                "nobody confirmed the address at which Amazon hears of incidents",
                remedy=f"check it against Amazon's word and confirm it at {_PRACTICE}",
            )
        if not self._can_send():
            return Finding(
                _BAD,
                "there is no mail channel to send a notification by",
                remedy="add one: `strongroom alarm channel add`",
            )
        confirmed = self._fresh(last, now, "the address is confirmed", "confirm the address again")
        if confirmed.verdict is not _GOOD:
            return confirmed
        tried = self._practices.last(Practice.PATH)
        said = "Amazon's address is confirmed and the way there was tried"
        return self._fresh(tried, now, said, "send the test message")

    def _reviewed(self, now: datetime) -> Finding:
        review = self._practices.last(Practice.REVIEW)
        found = self._fresh(review, now, "the plan was reviewed", "review the plan")
        if found.verdict is not _GOOD:
            return found
        played = self._practices.last(Practice.EXERCISE)
        said = "the plan was reviewed, and verified by an exercise"
        return self._fresh(played, now, said, "verify the plan: play a scenario at a table")

    def _changed(self, now: datetime) -> Finding:
        waiting = self._practices.changes_open()
        late = [one for one in waiting if now - one.at > clock.AFTER_CHANGE]
        if late:
            return Finding(
                _BAD,
                f"{len(late)} major changes have had no review of the plan within two weeks",
                tuple(f"change {one.id} of {one.at:%Y-%m-%d}" for one in late),
                f"review the plan and record it at {_PRACTICE}",
            )
        if waiting:
            return Finding(
                _GOOD, f"{len(waiting)} major changes wait for a review, none for too long"
            )
        return Finding(_GOOD, "every major change was followed by a review of the plan")

    def _rules(self, now: datetime) -> Finding:
        review = self._practices.last(Practice.REVIEW)
        remedy = "review the plan: its part about alarms lists the rules as they are"
        if review is not None and review.digest != alarm_digest():
            return Finding(_BAD, "there are other alarms than at the last review", remedy=remedy)
        said = f"the plan was reviewed with the {len(AlarmKind)} kinds of alarms there are"
        return self._fresh(review, now, said, remedy)

    def _fresh(self, last: Practised | None, now: datetime, said: str, remedy: str) -> Finding:
        """Return pass for a record of the last half year."""
        if last is None:
            return Finding(_BAD, "there is no record of it yet", remedy=f"{remedy}: {_PRACTICE}")
        proof = (f"record {last.id} of {last.at:%Y-%m-%d}",)
        if now - last.at > clock.EVERY_HALF_YEAR:
            why = f"the last record of it is of {last.at:%Y-%m-%d}: more than six months ago"
            return Finding(_BAD, why, proof, f"{remedy}: {_PRACTICE}", last.at)
        return Finding(_GOOD, said, proof, seen_at=None)

    # -- cases -----------------------------------------------------------------------------------

    def _told(self, cases: list[Case], now: datetime) -> Finding:
        late, running, altered = [], [], []
        for case in cases:
            events = self._room.audit.about((*_CLOCKED, EventType.INCIDENT_NOTIFIED), str(case.id))
            clocks = [e.body["n"] for e in events if e.type != EventType.INCIDENT_NOTIFIED.value]
            told = [e for e in events if e.type == EventType.INCIDENT_NOTIFIED.value]
            if not clocks or min(clocks) != int(case.clock_at.timestamp()):
                altered.append(case.id)
            if case.notified_at is not None and not told:
                altered.append(case.id)
            if case.cleared_at is not None and not told:
                continue
            if told:
                sent_at = case.notified_at or now
                if sent_at - case.clock_at > REPORT_WITHIN:
                    late.append(case.id)
            elif now - case.clock_at >= REPORT_WITHIN:
                late.append(case.id)
            else:
                running.append(case.id)
        if altered:
            return Finding(_BAD, f"incidents {_list(altered)} are not what was recorded of them")
        if late:
            return Finding(
                _BAD,
                f"Amazon was not told of incidents {_list(late)} within 24 hours",
                remedy="tell Amazon now, and say in the report why it took longer",
            )
        if running:
            return Finding(_GOOD, f"the 24 hours of incidents {_list(running)} are running")
        return Finding(_GOOD, f"Amazon was told of each of {len(cases)} incidents in time")

    def _packs(self, now: datetime) -> Finding:
        last = self._practices.last(Practice.PACK)
        said = "a case's documentation was put together and verified"
        return self._fresh(last, now, said, "export the pack of a case, such as a drill's")

    def _silent(self, lines: Mapping[int, list[Entry]], now: datetime) -> Finding:
        for number, entries in lines.items():
            for entry in entries:
                guarded = entry.what == "message" and entry.name in GUARDED
                if not guarded or entry.state != "sent":
                    continue
                has = entry.said.get("law") or entry.said.get("permission")
                if not has or entry.second_id is None:
                    why = f"incident {number} has a word to an authority or customer without a right to it"
                    return Finding(_BAD, why)
        missing = [person for person, at in self._unacknowledged(now) if at <= now]
        if missing:
            return Finding(
                _BAD,
                f"{len(missing)} people with an office have not acknowledged this year that nobody speaks for Amazon",
                remedy=f"each acknowledges it at {_PRACTICE}",
            )
        if not self._speakers(now):
            return Finding(
                _UNKNOWN, "nobody has an office yet", remedy="fill the offices: /offices"
            )
        return Finding(_GOOD, "every word that went out has its right, and all know the rule")

    def _unacknowledged(self, now: datetime) -> Iterator[tuple[PrincipalId, datetime]]:
        """Give whoever has an office and by when they acknowledge the rule."""
        last: dict[PrincipalId, datetime] = {}
        for one in self._practices.listed(Practice.SILENCE):
            last.setdefault(one.by_id, one.at)
        # Of a day, not of the instant somebody looks: a calendar would move it with every look.
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for person in self._speakers(now):
            at = last.get(person)
            yield person, today if at is None else at + clock.EVERY_YEAR

    def _alarms(self, now: datetime) -> Finding:
        late = [
            alarm.id
            for alarm in self._investigations.listed()
            if now - alarm.opened_at > clock.ALARM_WITHIN
        ]
        if late:
            return Finding(
                _BAD,
                f"{len(late)} alarms are open for more than a day",
                tuple(f"alarm {number}" for number in late[:20]),
                "look into each and say what it was: /alarms",
            )
        return Finding(_GOOD, "no alarm is open for more than a day")


def _clocks(case: Case, path: str) -> Iterator[Due]:
    if case.notified_at is None and case.cleared_at is None:
        yield Due(
            f"Tell Amazon of incident {case.id}",
            f"{path}/notify",
            case.clock_at + REPORT_WITHIN,
            person=case.lead_id,
            duty=DutyId("1.6-h"),
            began_at=case.clock_at,
        )
    if case.contained_at is not None and case.approved_at is None:
        yield Due(
            f"Approved report of incident {case.id}",
            f"{path}/report",
            case.contained_at + clock.WRITTEN_WITHIN,
            person=case.lead_id,
            duty=DutyId("1.6-j"),
            began_at=case.contained_at,
        )


def _investigated(cases: list[Case], lines: Mapping[int, list[Entry]]) -> Finding:
    bare = []
    for case in cases:
        whats = {entry.what for entry in lines[case.id]}
        needs = case.closed_at is not None and case.cleared_at is None
        if needs and not ({"note", "scope"} <= whats and case.text("root_cause")):
            bare.append(case.id)
    if bare:
        return Finding(
            _BAD, f"incidents {_list(bare)} were closed without timeline, scope or cause"
        )
    return Finding(_GOOD, "no incident was closed without timeline, scope and root cause")


def _documented(cases: list[Case], lines: Mapping[int, list[Entry]], now: datetime) -> Finding:
    late = [
        f"control {entry.id} of incident {number}"
        for number, entries in lines.items()
        for entry in entries
        if entry.what == "control"
        and entry.state == "open"
        and entry.due_at is not None
        and entry.due_at < now
    ]
    unwritten = [
        f"report of incident {case.id}"
        for case in cases
        if case.contained_at is not None
        and case.approved_at is None
        and case.cleared_at is None
        and now - case.contained_at > clock.WRITTEN_WITHIN
    ]
    if late or unwritten:
        return Finding(
            _BAD,
            f"{len(late) + len(unwritten)} parts of incidents' documentation are overdue",
            tuple((late + unwritten)[:20]),
            "put the control in place, or have the report approved",
        )
    return Finding(_GOOD, "each incident has its report, and no corrective control is overdue")


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, sorted(set(numbers))[:10]))
