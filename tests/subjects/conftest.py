"""Worlds on both engines with people who answer requests."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.vault.conftest import (
    CONSOLE,
    NOW,
    OTHER_APP,
    REVIEWER,
    World,
    make_world,
    sqlite_world,
    world,
)

from strongroom.policy.laws import IdentityCheck, RequestKind
from strongroom.subjects import Packages, Permits, Requests, SubjectRequest
from strongroom.terms import Action, Caller, Category, PrincipalId, Purpose, SellerId
from strongroom.vault.rights import Sought

__all__ = [
    "CONSOLE",
    "NOW",
    "OTHER_APP",
    "REVIEWER",
    "World",
    "make_world",
    "sqlite_world",
    "world",
]

BUYER_NAME, BUYER_EMAIL = 17, 16
SELLERS = [SellerId(1), SellerId(2)]
EMAIL = "j.gross@example.net"
BY_EMAIL = Sought(email=EMAIL, name="Jürgen Groß")


class Office:
    """Who answers requests, over one world."""

    def __init__(self, world: World, *, one_person: bool = False, most_days: int = 0) -> None:
        self.world = world
        self.requests = Requests(
            world.database,
            world.audit,
            world.vault,
            world.keystore.secret("subject-requests", NOW),
            world.environment,
            administrators=lambda _now: frozenset[PrincipalId](),
            most_days=most_days,
        )
        self.permits = Permits(world.database, world.audit, one_person=one_person)
        self.packages = Packages(world.database, world.vault, self.requests)

    def trust(self, caller: Caller = CONSOLE, now: datetime = NOW) -> None:
        """Give somebody all that answering takes."""
        contacts = frozenset({Category.EMAIL, Category.PHONE})
        for action, categories in (
            (Action.SEARCH, contacts),
            (Action.EXPORT, frozenset(Category)),
            (Action.RECTIFY, frozenset(Category)),
        ):
            self.world.grant(
                caller,
                action=action,
                purpose=Purpose.SUBJECT_REQUEST,
                categories=categories,
                days=90,
                now=now,
            )

    def open(
        self,
        kind: RequestKind,
        sought: Sought = BY_EMAIL,
        *,
        caller: Caller = CONSOLE,
        now: datetime = NOW,
        received_at: datetime | None = None,
    ) -> SubjectRequest:
        """Take a request in by the GDPR."""
        return self.requests.open(
            caller, kind, "gdpr", sought, received_at=received_at or now, now=now
        )

    def found(
        self, kind: RequestKind, sought: Sought = BY_EMAIL, *, now: datetime = NOW
    ) -> tuple[int, list[int]]:
        """Take a request in, have who asked prove it, and find; return its number and its records."""
        number = self.open(kind, sought, now=now).id
        self.requests.verify(CONSOLE, number, IdentityCheck.MESSAGE_ANSWERED, now)
        records = self.requests.find(CONSOLE, number, SELLERS, now)
        return number, [one.record for one in records]


DAY = timedelta(days=1)
