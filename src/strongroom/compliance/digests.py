"""Tells people once a day by mail what is due and theirs, through the mail servers that carry the notices [1.6].

A mail has titles, days and clauses: nothing that somebody wrote, and nothing of a buyer. Who has nothing due gets none.
A server that does not take it is asked again an hour later.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.compliance.agenda import Item
from strongroom.compliance.cadence import Stage
from strongroom.compliance.compliance import Compliance
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.feeds import mail
from strongroom.feeds.destinations import Mail
from strongroom.feeds.targets import Role, Target, Targets
from strongroom.terms import SYSTEM, PrincipalId

FIRST_HOUR: Final = 6
"""UTC, before which no mail goes out."""

MOST: Final = 40
"""Lines of one mail."""

_contacts: Final = schema.office_contact


class Digests:
    """The daily mails of one home; one thread sends them."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        *,
        rooms: Compliance,
        targets: Targets,
        home: str,
        origin: Callable[[], str],
    ) -> None:
        self._database = database
        self._audit = audit
        self._rooms = rooms
        self._targets = targets
        self._home = home
        self._origin = origin

    def send(self, now: datetime) -> int:
        """Mail everybody who has something due and got no mail today; return how many got one.

        Raises:
            Unreachable, Refused: the mail server did not take one; those before it are recorded.

        """
        channel = self._channel()
        if channel is None or now.hour < FIRST_HOUR:
            return 0
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        with self._database.read() as tx:
            rows = tx.execute(sa.select(_contacts.c.person_id, _contacts.c.mailed_at)).all()
        active = self._rooms.people.active(now)
        # A clock that was set back must not end the mails.
        waiting = [
            PrincipalId(row.person_id)
            for row in rows
            if row.person_id in active
            and (row.mailed_at is None or row.mailed_at < today or row.mailed_at > now)
        ]
        items = self._rooms.agenda.items(now) if waiting else []
        sent = 0
        for person in waiting:
            theirs = [item for item in items if person in item.hears]
            address = self._rooms.offices.address_of(person)
            if theirs and address is not None:
                self._mail(channel, person, address, theirs, now)
                sent += 1
        return sent

    def _channel(self) -> Target | None:
        for target in self._targets.in_effect(Role.CHANNEL):
            if isinstance(target.destination, Mail):
                return target
        return None

    def _mail(
        self,
        channel: Target,
        person: PrincipalId,
        address: str,
        items: Sequence[Item],
        now: datetime,
    ) -> None:
        assert isinstance(channel.destination, Mail)  # noqa: S101 - chosen so
        place = replace(channel.destination, recipients=(address,))
        late = sum(item.stage in (Stage.OVERDUE, Stage.ESCALATED) for item in items)
        subject = f"Strongroom: {len(items)} due" + (f", {late} late" if late else "")
        # The same for every try of a day, so that a reader shows it once.
        message = hashlib.sha256(f"{person}|{now:%Y-%m-%d}".encode()).hexdigest()[:32]
        content = mail.compose(
            place,
            subject=subject,
            text=self._text(items),
            message=message,
            home=self._home,
            at=now,
        )
        mail.deliver(place, channel.password, content)
        event = Event(
            EventType.DIGEST_MAILED,
            Outcome.SUCCESS,
            SYSTEM,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(person),
            n=len(items),
        )
        with self._database.write() as tx:
            where = _contacts.c.person_id == person
            tx.execute(_contacts.update().where(where).values(mailed_at=now))
            self._audit.append(tx, event, now=now)

    def _text(self, items: Sequence[Item]) -> str:
        lines = ["What is due and yours, or has come to you because it is late:", ""]
        for item in items[:MOST]:
            due = item.due
            late = " (late)" if item.stage in (Stage.OVERDUE, Stage.ESCALATED) else ""
            clause = "" if due.duty is None else f" [{due.duty}]"
            lines.append(f"{due.due_at:%Y-%m-%d}{late}  {_plain(due.what)}{clause}")
        if len(items) > MOST:
            lines.append(f"and {len(items) - MOST} more")
        lines += ["", f"{self._origin()}/today", ""]
        return "\n".join(lines)


def _plain(text: str) -> str:
    """Return a title as one line of ASCII."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown.encode("ascii", "replace").decode("ascii")[:200]
