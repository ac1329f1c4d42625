"""Amazon's notifications on their way through the vault: personal data sealed, deliveries learnt, tokens in place.

The same plans, records and events as for an answer of the API. A notification tells what was true when it was sent, so
one that waited in a queue never says that an order is open today [2.1]; and whoever can write into the queue tells it,
so that "cancelled" destroys nothing before the Orders API says so. What is no notification that the catalogue
knows is refused; nothing of it is in the refusal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from strongroom.audit.entry import Reason
from strongroom.crypto.token import find_tokens
from strongroom.errors import Malformed, StrongroomError, Tampered, Unavailable
from strongroom.gateway import transform
from strongroom.gateway.extraction import Json
from strongroom.gateway.facts import seconds
from strongroom.gateway.upstream import too_many_containers
from strongroom.policy.catalogue import Catalogue, Operation
from strongroom.policy.retention import DAY, dated, unconfirmed
from strongroom.policy.sighting import OLDEST, Sighting
from strongroom.terms import Caller, SellerId
from strongroom.vault import Vault

LARGEST_BYTES: Final = 1024 * 1024
"""The most that a message of Amazon's queues holds."""

_MOST_CONTAINERS: Final = 50_000
_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_HEX: Final = re.compile(r"[0-9A-Fa-f-]{8,64}")
_TYPE: Final = re.compile(r"[A-Z0-9_]{3,80}")
_MERCHANT: Final = re.compile(r"[A-Za-z0-9]{5,32}")
_OF_MERCHANT: Final = frozenset({"sellerid", "merchantid"})
_HASH_DIGITS: Final = 32


class NotPassed(Malformed):
    """A message that does not pass, and why."""

    def __init__(self, reason: Reason, type_: str | None = None) -> None:
        super().__init__(f"the message does not pass: {reason}")
        self.reason = reason
        self.type = type_
        """The notification's type, where it is one that the catalogue knows."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification as it came, read as far as its envelope."""

    id: str
    type: str
    subscription: str | None
    merchant: str | None
    """Amazon's id of the selling partner, where the payload names one."""
    said_at: int
    """In seconds; 0 where it does not say."""
    document: Json


class Notices:
    """The way of notifications through the vault. Safe between threads."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known = _by_type(Catalogue.notifications())
        self._plans: dict[str, transform.Plan] = {}

    @property
    def types(self) -> frozenset[str]:
        """Return the types whose schema is known."""
        return frozenset(self._known)

    def read(self, body: bytes) -> Notice:
        """Return the notification of a message. Raises: NotPassed."""
        if len(body) > LARGEST_BYTES or too_many_containers(body, _MOST_CONTAINERS):
            raise NotPassed(Reason.MALFORMED_UPSTREAM)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise NotPassed(Reason.MALFORMED_UPSTREAM) from None
        type_ = _member(document, "NotificationType")
        if not isinstance(type_, str) or not _TYPE.fullmatch(type_):
            raise NotPassed(Reason.MALFORMED_UPSTREAM)
        if type_ not in self._known:
            # Its name is whatever the sender wrote, and the log takes no such text.
            raise NotPassed(Reason.UNKNOWN_OPERATION)
        if find_tokens(body.decode()) or find_tokens(orjson.dumps(document).decode()):
            # Amazon has none of ours: whoever reads what we pass on would take them for ours.
            raise NotPassed(Reason.FORGED_TOKEN, type_)
        about = _member(document, "NotificationMetadata")
        subscription, merchant = (
            _member(about, "SubscriptionId"),
            _merchant(_member(document, "Payload")),
        )
        forms = ((subscription, _ID), (merchant, _MERCHANT))
        if not all(v is None or (isinstance(v, str) and f.fullmatch(v)) for v, f in forms):
            raise NotPassed(Reason.MALFORMED_UPSTREAM, type_)
        id_ = _number(_member(about, "NotificationId"), body)
        said_at = seconds(_member(document, "EventTime")) or seconds(_member(about, "PublishTime"))
        return Notice(id_, type_, subscription, merchant, said_at, document)

    def seal(self, notice: Notice, *, seller: SellerId, caller: Caller, now: datetime) -> bytes:
        """Return the notification with tokens in it; what is personal in it and its event are durable by then. Once.

        Raises:
            NotPassed: it has not the form of its type.
            Tampered, Unavailable: the vault can't take it now.

        """
        operation = self._of(notice)
        try:
            found = self._plan(operation).extract(notice.document, transform.Call(notice.id))
            sightings = [_as_of(one, notice.said_at, now) for one in found.sightings]
            placed = self._vault.put(
                seller,
                sightings,
                caller=caller,
                op=operation.id,
                now=now,
                drift=found.drift,
                req=notice.id,
            )
            found.replace(placed)
            return orjson.dumps(found.document)
        except (Tampered, Unavailable):
            raise
        except (
            StrongroomError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            RecursionError,
        ):
            raise NotPassed(Reason.MALFORMED_UPSTREAM, notice.type) from None

    def _of(self, notice: Notice) -> Operation:
        """Return what the notification's type holds; of several versions the one that it names."""
        versions = self._known[notice.type]
        version = _member(notice.document, "PayloadVersion")
        return versions.get(version if isinstance(version, str) else "") or versions[""]

    def _plan(self, operation: Operation) -> transform.Plan:
        plan = self._plans.get(operation.id)
        if plan is None:
            plan = self._plans.setdefault(operation.id, transform.Plan(operation))
        return plan


def _by_type(catalogue: Catalogue) -> Mapping[str, Mapping[str, Operation]]:
    """Return what each type holds, by the version that a model is named for; empty for the one that is not."""
    known: dict[str, dict[str, Operation]] = {}
    for operation in catalogue.operations.values():
        version = operation.model.partition("_")[2]
        known.setdefault(operation.name, {})[version] = operation
    for versions in known.values():
        versions.setdefault("", next(iter(versions.values())))
    return known


def _as_of(sighting: Sighting, said_at: int, now: datetime) -> Sighting:
    """Return a sighting that counts as old as its notification is."""
    present = int(now.timestamp())
    sighting.as_of = min(said_at, present) or OLDEST
    sighting.facts = dated(unconfirmed(sighting.facts), fresh=present - sighting.as_of < DAY)
    return sighting


def _member(document: Json, name: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a member, whose name newer notifications begin with a small letter."""
    if not isinstance(document, dict):
        return None
    found = document.get(name)
    return document.get(name[0].lower() + name[1:]) if found is None else found


def _number(given: Any, body: bytes) -> str:  # noqa: ANN401 - any JSON
    """Return what names a notification in the log and as a file: Amazon's UUID, or else a hash of what stands there."""
    if isinstance(given, str) and _HEX.fullmatch(given):
        return given
    return sha256(given.encode() if isinstance(given, str) else body).hexdigest()[:_HASH_DIGITS]


def _merchant(payload: Json) -> Any:  # noqa: ANN401 - any JSON
    """Return the selling partner that a payload is for; lists in it name others, as competitors of an offer."""
    if not isinstance(payload, dict):
        return None
    named = {
        value
        for holder in (payload, *(v for v in payload.values() if isinstance(v, dict)))
        for name, value in holder.items()
        if name.lower() in _OF_MERCHANT and isinstance(value, str)
    }
    # Two of them are none: the form does not fit.
    return next(iter(named)) if len(named) == 1 else (None if not named else "")
