"""What leaves the house about a case: the notification to Amazon, and every other word, registered [1.6].

A person writes, looks and presses send; nothing here sends by itself. The bytes are evidence before they leave, so
that a crash between the two leaves a mail nobody knows the fate of, never one without proof. Nobody speaks for Amazon:
what goes to an authority or a customer needs Amazon's written request or a law, and a second person.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

from strongroom.audit import EventType
from strongroom.compliance.incidents.cases import Shown
from strongroom.compliance.incidents.room import Room, Step, belongs_to, checked
from strongroom.compliance.incidents.sending import Sending
from strongroom.compliance.incidents.store import Entry
from strongroom.errors import Conflict, Malformed, StrongroomError
from strongroom.terms import Caller

RULE: Final = (
    "We write for ourselves alone. We do not represent Amazon and do not speak on its behalf."
)
_EML: Final = "message/rfc822"


class Recipient(StrEnum):
    """Whom something is told."""

    AMAZON = "amazon"
    AUTHORITY = "authority"
    CUSTOMER = "customer"
    SELLER = "seller"
    POLICE = "police"
    INSURER = "insurer"
    PROVIDER = "provider"
    OTHER = "other"


GUARDED: Final = frozenset({Recipient.AUTHORITY, Recipient.CUSTOMER, Recipient.POLICE})
"""Those to whom nobody may speak on Amazon's behalf: regulatory authorities, whoever acts as one, and customers."""


class Attached(NamedTuple):
    """A file that a person brought: its bytes, and what they say of its name and type."""

    content: bytes
    name: str
    media_type: str


class Telling:
    """The words of one home's cases. What a method changed is durable on return, with its event."""

    def __init__(self, room: Room, sending: Sending, address: str) -> None:
        self._room = room
        self._sending = sending
        self.address = address

    @property
    def can_send(self) -> bool:
        """Whether there is a mail channel to send by."""
        return self._sending.is_there

    def draft(self, shown: Shown, now: datetime) -> tuple[str, str]:
        """Return subject and text of a notification for a person to look at and change; it names nobody."""
        case = shown.case
        scopes = shown.of("scope")
        lines = [
            "To Amazon Security,",
            "",
            "we report a suspected or actual Security Incident under clause 1.6 of the Data Protection Policy.",
            "",
            f"Our case: {case.id}",
            f"Type: {shown.kind.name}",
            f"First suspected or detected: {case.clock_at:%Y-%m-%d %H:%M} UTC",
            f"Contained: {_when(case.contained_at)}",
        ]
        if scopes:
            said = scopes[-1].said
            lines += [
                f"Records concerned, as far as we know: {said['records']:,}",
                f"Selling partners concerned: {len(said['sellers'])}",
            ]
        else:
            lines.append("Records and selling partners concerned: still being computed")
        done = sorted({entry.name for entry in shown.of("measure")})
        lines += [
            f"Done so far: {', '.join(done).replace('_', ' ') if done else 'being decided'}",
            "",
            "What happened: …",
            "What we do next: …",
            "Whom you reach at any hour: …",
            "",
            "We will write again as soon as we know more.",
            "",
            f"Written on {now:%Y-%m-%d %H:%M} UTC.",
        ]
        return f"Security Incident {case.id}: {shown.kind.name.lower()}", "\n".join(lines)

    def send(self, number: int, subject: str, text: str, caller: Caller, now: datetime) -> Entry:
        """Send the notification to Amazon by the home's mail channel, because a person pressed send.

        Raises:
            Malformed: there is no subject or text, or places are left to fill in.
            Conflict: one is on its way, or there is no mail channel.
            Unavailable, Denied: the mail server cannot be used, or says no; the case says so.

        """
        text = checked(text, "the text")
        if "…" in text:
            raise Malformed("the text has places marked … that are still to be filled in")
        to = (self.address,)
        id_, content = self._sending.compose(to, subject, text, now)
        with self._room.changing(caller, number, now) as step:
            entries = self._room.store.entries(step.tx, number)
            if any(e.what == "message" and e.state == "sending" for e in entries):
                raise Conflict("a mail is on its way, or nobody said whether it arrived")
            entry = self._keep(
                step,
                Recipient.AMAZON,
                "sending",
                Attached(content, "notification.eml", _EML),
                {"message_id": id_},
            )
            step.record(EventType.INCIDENT_TOLD, "amazon.sending", content=entry.said["sha256"])
        try:
            self._sending.deliver(to, content)
        except StrongroomError:
            self._settle(number, entry.id, "failed", caller, now)
            raise
        return self._settle(number, entry.id, "sent", caller, now)

    def sent_otherwise(
        self,
        number: int,
        attached: Attached,
        sent_at: datetime,
        caller: Caller,
        now: datetime,
    ) -> Entry:
        """Record that a person told Amazon another way, with the bytes that prove it.

        Raises: Malformed: no file, or an instant to come or before the clock began.
        """
        with self._room.changing(caller, number, now) as step:
            if not step.case.clock_at <= sent_at <= now:
                raise Malformed("it was sent after the clock began, and not in the future")
            entry = self._keep(step, Recipient.AMAZON, "sent", attached, {})
            self._notified(step, entry, sent_at, "otherwise")
        return entry

    def settle(
        self, number: int, entry: int, caller: Caller, now: datetime, *, sent: bool
    ) -> Entry:
        """Say of a mail whose fate nobody recorded whether it was sent. Raises: NotFound, Conflict."""
        return self._settle(number, entry, "sent" if sent else "failed", caller, now)

    def register(
        self,
        number: int,
        recipient: Recipient,
        channel: str,
        attached: Attached,
        caller: Caller,
        now: datetime,
        *,
        law: str = "",
        permission: Attached | None = None,
    ) -> Entry:
        """Register what is to be told; `permission` is Amazon's written request.

        Raises:
            Malformed: to an authority or customer without Amazon's request and without a law; or a part is missing.

        """
        guarded = recipient in GUARDED
        law, channel = checked(law, "the law", needed=False), checked(channel, "the way")
        if guarded and not law and permission is None:
            raise Malformed(
                "nobody speaks for Amazon: upload its written request, or name the law that makes you speak"
            )
        with self._room.changing(caller, number, now) as step:
            allowed = None
            if permission is not None:
                allowed = self._room.evidence.put_in(
                    step.tx,
                    *permission,
                    belongs_to(number),
                    caller,
                    now,
                    said="Amazon's written request",
                ).id
            state = "waiting" if guarded else "sent"
            more: dict[str, object] = {"law": law, "channel": channel, "permission": allowed}
            entry = self._keep(step, recipient, state, attached, more)
            step.record(
                EventType.INCIDENT_TOLD,
                f"{recipient.value}.{state}",
                n=entry.id,
                content=entry.said["sha256"],
            )
        return entry

    def approve(self, number: int, entry: int, caller: Caller, now: datetime) -> Entry:
        """Agree that a word goes to an authority or customer. Raises: Conflict; Denied: one's own; recorded."""
        refused = None
        with self._room.changing(caller, number, now) as step:
            found = self._waiting(step, entry)
            if self._room.is_another(caller, found.by_id):
                found = replace(found, state="sent", second_id=caller.principal, second_at=now)
                self._room.store.save_entry(step.tx, found)
                step.record(EventType.INCIDENT_TOLD, f"{found.name}.sent", n=entry)
            else:
                refused = self._room.deny(step, EventType.INCIDENT_TOLD, "a_message")
        if refused is not None:
            raise refused
        return found

    def withdraw(self, number: int, entry: int, caller: Caller, now: datetime) -> None:
        """Say that a word is not told. Raises: Conflict: it does not wait."""
        with self._room.changing(caller, number, now) as step:
            found = self._waiting(step, entry)
            self._room.store.save_entry(step.tx, replace(found, state="withdrawn"))
            step.record(EventType.INCIDENT_TOLD, f"{found.name}.withdrawn", n=entry)

    # -- private ---------------------------------------------------------------------------------

    def _waiting(self, step: Step, entry: int) -> Entry:
        found = self._room.store.entry(step.tx, step.case.id, entry, "message")
        if found.state != "waiting":
            raise Conflict("the message waits for nobody")
        return found

    def _keep(
        self,
        step: Step,
        recipient: Recipient,
        state: str,
        attached: Attached,
        more: dict[str, object],
    ) -> Entry:
        item = self._room.evidence.put_in(
            step.tx,
            *attached,
            belongs_to(step.case.id),
            step.caller,
            step.now,
            said=f"told to: {recipient.value}",
        )
        said = {"sha256": sha256(attached.content).hexdigest(), **more}
        entry = step.entry("message", recipient.value, state, evidence_id=item.id, said=said)
        return self._room.store.add_entry(step.tx, entry)

    def _settle(self, number: int, entry: int, state: str, caller: Caller, now: datetime) -> Entry:
        with self._room.changing(caller, number, now) as step:
            found = self._room.store.entry(step.tx, number, entry, "message")
            if found.state != "sending":
                raise Conflict("it is known what became of this mail")
            found = replace(found, state=state)
            self._room.store.save_entry(step.tx, found)
            if state == "sent":
                self._notified(step, found, found.at, "sent")
            else:
                step.record(EventType.INCIDENT_TOLD, "amazon.failed", n=entry)
        return found

    def _notified(self, step: Step, entry: Entry, sent_at: datetime, how: str) -> None:
        first = step.case.notified_at
        at = sent_at if first is None else min(first, sent_at)
        self._room.store.save_case(step.tx, replace(step.case, notified_at=at))
        took = int((sent_at - step.case.clock_at).total_seconds())
        step.record(EventType.INCIDENT_NOTIFIED, how, n=max(took, 0), content=entry.said["sha256"])


def _when(at: datetime | None) -> str:
    return "not yet" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
