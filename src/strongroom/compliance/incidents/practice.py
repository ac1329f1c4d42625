"""What keeps the plan alive: reviews, exercises, a tried escalation path, confirmations, major changes [1.6].

A record is made by whoever did it, at that instant; none is made for the past.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from strongroom.alarms import AlarmKind
from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.compliance.incidents import kinds
from strongroom.compliance.incidents.room import Room, checked
from strongroom.compliance.incidents.sending import Sending
from strongroom.compliance.incidents.store import Practised
from strongroom.errors import Malformed
from strongroom.terms import Caller


class Practice(StrEnum):
    """What can be recorded."""

    REVIEW = "review"
    """The plan was looked at, with what was found or that nothing changes."""
    EXERCISE = "exercise"
    """A scenario was played at a table."""
    TYPES = "types"
    """The types and playbooks were read and confirmed as they are."""
    ADDRESS = "address"
    """Amazon's address was checked against what Amazon says."""
    PATH = "path"
    """A test message went the way a notification would, to an address of our own."""
    SILENCE = "silence"
    """Somebody acknowledged that nobody speaks for Amazon."""
    CHANGE = "change"
    """A major change of systems, controls, risk or supply chain; the plan is reviewed after it."""
    PACK = "pack"
    """A case's documentation was put together as Amazon would get it, and checked."""


class Practices:
    """The practice of one home."""

    def __init__(self, room: Room, sending: Sending, address: str) -> None:
        self._room = room
        self._sending = sending
        self._address = address

    def listed(self, kind: Practice | None = None) -> list[Practised]:
        """Return what was recorded, the newest first."""
        with self._room.database.read() as tx:
            return self._room.store.practised(tx, None if kind is None else kind.value)

    def last(self, kind: Practice) -> Practised | None:
        """Return the last record of a kind."""
        found = self.listed(kind)
        return found[0] if found else None

    def review(self, text: str, caller: Caller, now: datetime) -> None:
        """Record that the plan was reviewed: findings, or that nothing changes. Raises: Malformed, Denied."""
        said = {"text": checked(text, "what the review found")}
        self._record(Practice.REVIEW, said, caller, now, digest=alarm_digest())

    def exercise(
        self, scenario: str, participants: str, findings: str, caller: Caller, now: datetime
    ) -> None:
        """Record a tabletop exercise. Raises: Malformed, Denied."""
        said = {
            "scenario": checked(scenario, "the scenario"),
            "participants": checked(participants, "who took part"),
            "findings": checked(findings, "what was found"),
        }
        self._record(Practice.EXERCISE, said, caller, now)

    def record_major_change(self, reason: str, caller: Caller, now: datetime) -> None:
        """Record a major change; a review of the plan is due within two weeks. Raises: Malformed, Denied."""
        self._record(Practice.CHANGE, {"text": checked(reason, "what changed")}, caller, now)

    def confirm_types(self, caller: Caller, now: datetime) -> None:
        """Confirm types and playbooks as they are."""
        self._record(Practice.TYPES, {}, caller, now, digest=kinds.digest())

    def confirm_address(self, address: str, caller: Caller, now: datetime) -> None:
        """Confirm Amazon's address by typing it. Raises: Malformed: it is another one than the setting's."""
        if address.strip().lower() != self._address.lower():
            raise Malformed(
                "that is not the address in the settings", hint="notices.amazon_address holds it"
            )
        digest = self._room.audit.pseudonym("address", self._address)
        self._record(Practice.ADDRESS, {}, caller, now, digest=digest)

    def acknowledge(self, caller: Caller, now: datetime) -> None:
        """Acknowledge that nobody speaks for Amazon."""
        self._record(Practice.SILENCE, {}, caller, now)

    def try_path(self, caller: Caller, now: datetime) -> str:
        """Send a test to the channel's own addresses the way a notification goes; return the message's id.

        Raises: Conflict: no mail channel; Unavailable, Denied: it does not work.
        """
        self._room.people.refuse_strangers(caller, now)
        inside = self._sending.inside
        text = (
            "This is a test of the way by which Amazon is told of a Security Incident. Nothing happened.\n\n"
            f"A notification would go to {self._address}.\n"
        )
        id_, content = self._sending.compose(inside, "Test of the escalation path", text, now)
        self._sending.deliver(inside, content)
        self._record(Practice.PATH, {"message_id": id_}, caller, now)
        return id_

    def packed(self, digest: str, case: int, caller: Caller, now: datetime) -> None:
        """Record that a case's documentation was put together and its parts verified."""
        self._record(Practice.PACK, {"case": str(case)}, caller, now, digest=digest)

    def changes_open(self) -> Sequence[Practised]:
        """Return the major changes that no review of the plan followed."""
        last = self.last(Practice.REVIEW)
        return [one for one in self.listed(Practice.CHANGE) if last is None or one.at >= last.at]

    def _record(
        self,
        kind: Practice,
        said: dict[str, str],
        caller: Caller,
        now: datetime,
        *,
        digest: str | None = None,
    ) -> None:
        self._room.people.refuse_strangers(caller, now)
        with self._room.database.write() as tx:
            made = Practised(0, kind.value, now, caller.principal, digest, said)
            id_ = self._room.store.add_practice(tx, made)
            event = Event(
                EventType.INCIDENT_PRACTISED,
                Outcome.SUCCESS,
                caller,
                op=kind.value,
                obj_kind=ObjKind.INCIDENT,
                obj_ref=f"practice/{id_}",
            )
            self._room.audit.append(tx, event, now=now)


def alarm_digest() -> str:
    """Return what the plan says of alarms, as a digest: which kinds there are when it is reviewed [2.6]."""
    return kinds.digest_of(one.value for one in AlarmKind)
