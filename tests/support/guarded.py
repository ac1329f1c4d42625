"""A guard over one empty home, with people who may administer as the test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strongroom.accounts import Accounts, Guard
from strongroom.accounts.changes import Changes
from strongroom.accounts.guard import Locked
from strongroom.accounts.visits import Visit
from strongroom.audit import AuditLog, Reason
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Throttled
from strongroom.terms import SYSTEM, AuthMethod, Caller, Environment, PrincipalId, PrincipalKind
from tests.support.audit import Bench

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(number: int, device: str | None = None) -> Visit:
    """Return a visit from the address of that number."""
    return Visit(f"198.51.{number // 250}.{number % 250 + 1}", device, "Firefox on Linux")


@dataclass
class Post:
    """One home's guard; `tries` is how often a try was admitted, that is, how often something was compared."""

    database: Database
    audit: AuditLog
    accounts: Accounts
    guard: Guard
    administrators: set[PrincipalId] = field(default_factory=set)
    ended: list[tuple[PrincipalId, Reason]] = field(default_factory=list)
    tries: int = 0

    def restarted(self, *, one_person: bool = False) -> "Post":
        """Return the home as the next process has it: nothing in memory."""
        guard = Guard(
            self.database,
            self.audit,
            administrators=lambda _now: self.administrators,
            one_person=one_person,
        )
        again = Post(self.database, self.audit, self.accounts, guard, self.administrators)
        guard.ends_sessions_with(again.end)
        return again

    def end(self, _change: Changes, principal: PrincipalId, reason: Reason) -> None:
        """Stand in for the sessions of a person."""
        self.ended.append((principal, reason))

    def person(self, name: str, *, administers: bool = False) -> PrincipalId:
        """Return a new person's number."""
        found = self.accounts.add_person(name, caller=SYSTEM, now=NOW).person.id
        with self.database.write() as tx:
            # Nothing here compares it; who has none lifts no lock.
            tx.execute(
                schema.person_password.insert().values(
                    principal_id=found, hash="none", created_at=NOW
                )
            )
        if administers:
            self.administrators.add(found)
        return found

    def wrong(
        self,
        name: str,
        principal: PrincipalId | None,
        visit: Visit,
        now: datetime,
        *,
        factor: bool = False,
        known_device: bool = False,
    ) -> str:
        """Try and fail; return `wrong`, `throttled` or `locked`."""
        try:
            self.guard.admit(name, principal, visit, now, known_device=known_device)
        except Throttled:
            return "throttled"
        except Locked:
            return "locked"
        self.tries += 1
        self.guard.failed(name, principal, visit, now, factor=factor)
        return "wrong"

    def lock(self, name: str, principal: PrincipalId, now: datetime = NOW) -> datetime:
        """Fail until the person is locked; return when they were."""
        for _ in range(40):
            if self.wrong(name, principal, at(900), now, known_device=False) == "locked":
                return now
            now += timedelta(minutes=1)
        raise AssertionError("nothing locked")

    def events(self, prefix: str = "") -> list[tuple[str, str, str | None, str | None]]:
        """Return type, outcome, reason and op of what the log has."""
        return [
            (e.type, e.outcome, e.body.get("reason"), e.body.get("op"))
            for e in self.audit.tail(1000)
            if e.type.startswith(prefix)
        ]


@contextmanager
def posted(url: str, directory: Path, *, one_person: bool = False) -> Iterator[Post]:
    """Give a guard over an empty database."""
    database = Database(url)
    audit = Bench(database, directory / "checkpoint").start()
    accounts = Accounts(database, bytes(32), audit, Environment.TEST)
    guard = Guard(database, audit, administrators=lambda _now: ())
    try:
        yield Post(database, audit, accounts, guard).restarted(one_person=one_person)
    finally:
        database.close()


def caller(principal: PrincipalId, auth: AuthMethod = AuthMethod.SESSION) -> Caller:
    """Return a person, as a door knows them."""
    return Caller(principal, PrincipalKind.PERSON, f"person-{principal}", auth)
