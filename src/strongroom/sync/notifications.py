"""Takes notifications out of a queue: sealed, delivered with tokens, and only then deleted [2.1, 2.4].

At least once: a message is deleted when the vault has what is personal in it and the other side has the rest. What was
delivered before is known by its number and deleted. What does not pass stays in the queue, which moves it aside after
as many tries as its redrive policy says; it never holds up the others.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from strongroom.audit import AuditLog, Event, EventType, Outcome, Reason
from strongroom.db.engine import Database
from strongroom.gateway.notices import Notice, Notices, NotPassed
from strongroom.sync.admission import Admission, Admitted
from strongroom.sync.asking import Pause
from strongroom.sync.checkpoints import Checkpoints, Subscription
from strongroom.sync.files import Folder
from strongroom.sync.queue import Message, Queue
from strongroom.sync.told import Run
from strongroom.terms import SellerId

STREAM: Final = "notifications"
MOST_MESSAGES: Final = 100_000
"""Taken in one run: a queue that never ends ends the run, and the next one goes on."""

MOST_REFUSED: Final = 1_000
"""Refused in one run: each is an event of the log."""

MOST_SUBSCRIPTIONS: Final = 500
"""Of one selling partner: Amazon has fewer types than that."""

_REQ: Final = re.compile(r"[0-9A-Fa-f-]{8,64}")


class Delivery(Protocol):
    """Where notifications go; durable on return, and the same one again changes nothing or comes twice."""

    def deliver(self, notice: str, content: bytes) -> None:
        """Hand one over. Raises: Unavailable, Denied."""


@dataclass(frozen=True, slots=True)
class IntoFolder:
    """A file for each."""

    folder: Folder

    def deliver(self, notice: str, content: bytes) -> None:
        """Write it under its number. Raises: Unavailable."""
        self.folder.write(f"{notice}.json", content)


@dataclass(frozen=True, slots=True)
class IntoQueue:
    """Another queue, which an app reads as it would have read Amazon's."""

    queue: Queue

    def deliver(self, notice: str, content: bytes) -> None:
        """Send it. Raises: Unavailable, Denied, NotFound."""
        self.queue.send(content, notice)


@dataclass(frozen=True, slots=True)
class SealedOnly:
    """Nowhere: what is personal is sealed and deliveries are learnt, and that is all that was wanted."""

    def deliver(self, notice: str, content: bytes) -> None:
        """Do nothing."""


@dataclass(slots=True)
class NotificationPull:
    """One run over one queue. `admitted` are the selling partners whose notifications may be taken."""

    queue: Queue
    delivery: Delivery
    notices: Notices
    checkpoints: Checkpoints
    admission: Admission
    admitted: Mapping[SellerId, Admitted]
    database: Database
    audit: AuditLog
    clock: Callable[[], datetime]
    pause: Pause
    run: Run
    named: SellerId | None = None
    """The one selling partner that somebody named: only then is the queue theirs, and anything learnt [1.3]."""
    merchant: str | None = None
    """Amazon's id of that partner, as its HMAC, where somebody stated it."""
    taken: dict[SellerId, int] = field(default_factory=dict)
    """Delivered, by selling partner."""
    _left: set[str] = field(default_factory=set)
    """Messages that this run has refused."""
    _refused: int = 0

    def empty(self, wait_seconds: int, tell: Callable[[], None]) -> None:
        """Take messages until the queue shows none, or only those that were refused.

        Raises:
            Stopped: somebody ended the sync.
            StrongroomError: the queue, the vault or the delivery fails; what was not deleted comes again.

        """
        if not self.queue.sets_aside():
            self.run.notes.append(
                "the queue has no redrive policy: what is refused comes back until it expires"
            )
        self.checkpoints.forget_old(self.clock())
        while self.run.seen < MOST_MESSAGES and self._refused < MOST_REFUSED:
            self.pause(0)
            messages = self.queue.receive(wait_seconds)
            fresh = [message for message in messages if message.id not in self._left]
            if not fresh:
                return
            self.run.pages += 1
            for message in fresh:
                self.run.seen += 1
                self._take(message)
            tell()
        self.run.notes.append("the queue had more than one run takes; run it again")

    def _take(self, message: Message) -> None:
        seller: SellerId | None = None
        try:
            notice = self.notices.read(message.body)
            found = self._whose(notice)
            seller = found.seller
            admitted = self.admitted[seller]
            self.admission.still(admitted)
            if self.checkpoints.was_passed(seller, notice.id):
                self.run.count("repeated")
            else:
                content = self.notices.seal(
                    notice, seller=seller, caller=admitted.app, now=self.clock()
                )
                self.delivery.deliver(notice.id, content)
                self._passed(notice, found, admitted)
                self.run.count("delivered")
        except NotPassed as exc:
            self._refuse(message, exc, seller)
            return
        self.queue.delete(message)

    def _whose(self, notice: Notice) -> Subscription:
        """Return whose notification it is. Raises: NotPassed where that is not beyond doubt [1.3]."""
        wrong = NotPassed(Reason.WRONG_SELLER, notice.type)
        known = None
        if notice.subscription is not None:
            known = self.checkpoints.subscription(notice.subscription)
        merchant = None
        if notice.merchant is not None:
            merchant = self.audit.pseudonym("merchant", notice.merchant)
        if known is not None:
            seller = known.seller
        elif self.named is not None:
            # Who names one selling partner says that the queue is theirs. That one alone is admitted says nothing.
            seller = self.named
            if self.checkpoints.subscribed(seller) >= MOST_SUBSCRIPTIONS:
                raise wrong
        else:
            raise wrong
        merchants = self.checkpoints.merchants()
        mine = {ref for ref, owner in merchants.items() if owner == seller}
        if self.merchant is not None:
            mine = {self.merchant}
        is_others = merchants.get(merchant or "", seller) != seller
        is_new = merchant is not None and bool(mine) and merchant not in mine
        if is_others or is_new or seller not in self.admitted:
            raise wrong
        return Subscription(notice.subscription or f"none-{seller}", seller, merchant)

    def _passed(self, notice: Notice, found: Subscription, admitted: Admitted) -> None:
        now = self.clock()
        event = Event(
            EventType.NOTIFICATION_PASSED,
            Outcome.SUCCESS,
            admitted.app,
            op=f"notification.{notice.type}",
            n=1,
            req=notice.id,
            seller=found.seller,
        )
        with self.database.write() as tx:
            if self.named is not None:
                self.checkpoints.adopt(tx, found, now)
            self.checkpoints.passed(tx, found.seller, notice.id, now)
            self.audit.append(tx, event, now=now)
        self.taken[found.seller] = self.taken.get(found.seller, 0) + 1

    def _refuse(self, message: Message, why: NotPassed, seller: SellerId | None) -> None:
        self._left.add(message.id)
        self._refused += 1
        self.run.count(f"refused.{why.reason}")
        anybody = next(iter(self.admitted.values()))
        event = Event(
            EventType.NOTIFICATION_REFUSED,
            Outcome.DENIED,
            anybody.app,
            reason=why.reason,
            op=f"notification.{why.type}" if why.type else STREAM,
            req=message.id if _REQ.fullmatch(message.id) else None,
            seller=seller,
        )
        self.audit.record(event, now=self.clock())
