"""One home's destinations over an empty database, without the rest of a home."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support import tables
from tests.support.audit import NOW, Bench

from strongroom.audit import AuditLog
from strongroom.db.engine import Database
from strongroom.feeds.courier import Courier
from strongroom.feeds.destinations import Destination
from strongroom.feeds.outbox import NoticeOutbox
from strongroom.feeds.pump import Pump
from strongroom.feeds.targets import Role, Target, Targets
from strongroom.terms import AuthMethod, Caller, Environment, PrincipalId, PrincipalKind

ANNA = Caller(PrincipalId(1), PrincipalKind.PERSON, "anna", AuthMethod.CONSOLE)
BORIS = Caller(PrincipalId(2), PrincipalKind.PERSON, "boris", AuthMethod.CREDENTIAL)
ERP = Caller(PrincipalId(3), PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)


@dataclass
class Post:
    """What delivers, with a clock that the test holds."""

    database: Database
    bench: Bench
    audit: AuditLog
    one_person: bool
    now: datetime = NOW
    errors: list[BaseException] = field(default_factory=list)
    draws: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self, **pump: Any) -> None:
        """Be the next process: nothing in memory."""
        self.targets = Targets(
            self.database, bytes(32), self.audit, Environment.TEST, one_person=self.one_person
        )
        self.outbox = NoticeOutbox(
            self.database,
            self.audit,
            self.targets,
            entropy=lambda size: next(self.draws).to_bytes(size, "big"),
            heartbeat=timedelta(days=1),
        )
        self.courier = Courier(
            self.outbox, self.targets, "testhome", lambda: self.now, self.errors.append
        )
        self.pump = Pump(
            self.database,
            self.audit,
            self.targets,
            home="testhome",
            product="1.2.3",
            clock=lambda: self.now,
            failed=self.errors.append,
            **pump,
        )

    def add(
        self, role: Role, name: str, destination: Destination, password: str | None = None
    ) -> Target:
        """Return a destination that is in effect."""
        target = self.targets.request_add(
            role, name, destination, ANNA, self.now, password=password
        )
        if not self.one_person:
            target = self.targets.approve(role, name, BORIS, self.now)
        return target

    def fill(self, number: int) -> None:
        """Append so many events."""
        self.bench.fill(self.audit, number)

    def deliver(self, after: timedelta = timedelta()) -> None:
        """Let time pass and deliver what is due then."""
        self.now += after
        self.courier.tick()
        assert self.courier.wait(60)
        assert self.errors == []

    def feed(self, after: timedelta = timedelta()) -> None:
        """Let time pass and send what there is then."""
        self.now += after
        self.pump.tick()
        assert self.pump.wait(60)
        assert self.errors == []

    def events(self, prefix: str) -> list[tuple[str, str, str | None]]:
        """Return type, outcome and op of what the log has."""
        return [
            (e.type, e.outcome, e.body.get("op"))
            for e in self.audit.tail(1000)
            if e.type.startswith(prefix)
        ]


@contextmanager
def posted(url: str, directory: Path, *, one_person: bool = True) -> Iterator[Post]:
    """Give what delivers, over an empty database."""
    database = Database(url)
    bench = Bench(database, directory / "checkpoint")
    post = Post(database, bench, bench.start(), one_person)
    try:
        yield post
    finally:
        post.courier.stop()
        post.pump.stop()
        database.close()


@pytest.fixture
def post(database_url: str, tmp_path: Path) -> Iterator[Post]:
    """A home of one person, on each engine."""
    with posted(database_url, tmp_path) as found:
        yield found


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Post]:
    """A home of one person on SQLite, for what no engine makes different."""
    with posted(tables.copy_to(tmp_path / "quick.db"), tmp_path) as found:
        yield found
