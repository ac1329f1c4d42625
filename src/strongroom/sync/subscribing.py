"""Has Amazon send notifications to a queue, through the gateway (Notifications API v1).

Each step looks first at what is there: whatever cut a run off, the next one goes on, and a second one changes nothing.
A destination is the application's, a subscription the selling partner's. Whose a subscription is, is known from then
on: its notifications are nobody else's [1.3]. No personal data.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Unavailable
from strongroom.sync.asking import Asker
from strongroom.sync.checkpoints import Checkpoints, Subscription
from strongroom.sync.queue import Place
from strongroom.sync.told import Run
from strongroom.terms import SellerId

SUBSCRIPTIONS: Final = "subscriptions"
USUAL: Final = ("ORDER_CHANGE",)
"""What tells of deliveries of the selling partner's own orders."""

_PATH: Final = "/notifications/v1"
_USUAL_VERSION: Final = "1.0"
_TYPE: Final = re.compile(r"([A-Z0-9_]{3,80})(?::([0-9A-Za-z.-]{1,20}))?")
_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")


class Way(StrEnum):
    """What to do about subscriptions."""

    LOOK = "look"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Kind:
    """A notification's type and the version of its payload."""

    type: str
    version: str

    @classmethod
    def parse(cls, text: str, known: frozenset[str]) -> "Kind":
        """Return what `TYPE` or `TYPE:VERSION` names. Raises: Malformed where no such notification would pass."""
        found = _TYPE.fullmatch(text)
        if found is None:
            raise Malformed("a notification's type is of capitals, such as ORDER_CHANGE")
        if found[1] not in known:
            raise Malformed(
                f"no schema of {found[1]} is known, so its notifications would not pass"
            )
        return cls(found[1], found[2] or _USUAL_VERSION)


@dataclass(frozen=True, slots=True)
class Subscribed:
    """One type's subscription, as it is when the run ends."""

    seller: str
    kind: Kind
    state: str
    """`made`, `there`, `elsewhere` (it goes to another destination), `none`, `ended` or `refused`."""
    subscription: str | None = None


@dataclass(slots=True)
class Subscribing:
    """One selling partner's subscriptions to one queue."""

    asker: Asker
    checkpoints: Checkpoints
    database: Database
    seller: SellerId
    place: Place
    kinds: tuple[Kind, ...]
    run: Run
    clock: Callable[[], datetime]
    found: list[Subscribed] = field(default_factory=list)

    def go(self, way: Way, tell: Callable[[], None]) -> None:
        """Do it for each type; what Amazon refuses of one does not end the others.

        Raises:
            StrongroomError: the gateway or Amazon fails; the next run goes on.

        """
        destination = self._destination()
        if destination is None and way is Way.SUBSCRIBE:
            destination = self._made()
        for kind in self.kinds:
            self.run.seen += 1
            try:
                state, id_ = self._one(way, kind, destination)
            except (Denied, Malformed, Conflict) as exc:
                # A role that the application has not, or a type that goes to no queue.
                self.run.notes.append(f"{kind.type}: {exc.message}")
                state, id_ = "refused", None
            self.run.count(f"refused.{state}" if state in _FAILED[way] else state)
            self.found.append(Subscribed(self.run.seller, kind, state, id_))
            tell()

    def _one(self, way: Way, kind: Kind, destination: str | None) -> tuple[str, str | None]:
        there = self._there(kind)
        if there is None:
            if way is not Way.SUBSCRIBE or destination is None:
                return "none", None
            asked = {"payloadVersion": kind.version, "destinationId": destination}
            made = self.asker.post(f"{_PATH}/subscriptions/{kind.type}", asked)
            return "made", self._learnt(_id(_payload(made), "subscriptionId"))
        id_ = _id(there, "subscriptionId")
        if destination is None or there.get("destinationId") != destination:
            if way is Way.SUBSCRIBE:
                self.run.notes.append(
                    f"{kind.type}: it is subscribed to another destination; end that one first"
                )
            return "elsewhere", id_
        if way is Way.UNSUBSCRIBE:
            self.asker.delete(f"{_PATH}/subscriptions/{kind.type}/{id_}")
            return "ended", id_
        return "there", self._learnt(id_)

    def _there(self, kind: Kind) -> Any:  # noqa: ANN401 - any JSON
        path = f"{_PATH}/subscriptions/{kind.type}"
        try:
            found = self.asker.get(path, payloadVersion=kind.version)
        except NotFound:
            return None
        return _payload(found)

    def _learnt(self, id_: str) -> str:
        """Remember whose a subscription is: Amazon says so, and no message has to."""
        with self.database.write() as tx:
            Checkpoints.adopt(tx, Subscription(id_, self.seller, None), self.clock())
        known = self.checkpoints.subscription(id_)
        if known is None or known.seller != self.seller:
            raise Conflict("the subscription is known as another selling partner's")
        return id_

    def _destination(self) -> str | None:
        """Return the destination that is this queue."""
        for one in self._destinations():
            resource = one.get("resource")
            sqs = resource.get("sqs") if isinstance(resource, dict) else None
            if isinstance(sqs, dict) and sqs.get("arn") == self.place.arn:
                return _id(one, "destinationId")
        return None

    def _made(self) -> str:
        """Have the queue made a destination. Raises: Conflict where its name is another queue's."""
        asked = {
            "name": self.place.name,
            "resourceSpecification": {"sqs": {"arn": self.place.arn}},
        }
        try:
            return _id(_payload(self.asker.post(f"{_PATH}/destinations", asked)), "destinationId")
        except Conflict as exc:
            # Another run of ours was quicker, or the name is another queue's.
            there = self._destination()
            if there is None:
                raise Conflict(
                    f"a destination named {self.place.name} is another queue",
                    hint="give the queue another name, or delete that destination at Amazon",
                ) from exc
            return there

    def _destinations(self) -> Iterator[dict[str, Any]]:
        listed = _payload(self.asker.get(f"{_PATH}/destinations"), list)
        return (one for one in listed if isinstance(one, dict))


_FAILED: Final = {
    Way.LOOK: frozenset({"refused"}),
    Way.SUBSCRIBE: frozenset({"elsewhere", "refused"}),
    Way.UNSUBSCRIBE: frozenset({"refused"}),
}


def _payload(document: Any, kind: type = dict) -> Any:  # noqa: ANN401 - any JSON
    found = document.get("payload") if isinstance(document, dict) else None
    if not isinstance(found, kind):
        raise Unavailable("the answer has no payload")
    return found


def _id(document: Any, name: str) -> str:  # noqa: ANN401 - any JSON
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise Unavailable(f"the answer has no {name}")
    return found
