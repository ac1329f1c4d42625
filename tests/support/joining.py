"""The rooms that let people in, on one empty database, with a hasher that costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
import sqlalchemy as sa
from argon2 import PasswordHasher

from strongroom.accounts import Accounts
from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.factors import Enrolment
from strongroom.accounts.guard import Guard
from strongroom.accounts.links import Links
from strongroom.accounts.passwords import Passwords
from strongroom.accounts.signon import SignOn
from strongroom.accounts.visits import Site, Visit
from strongroom.audit import AuditLog
from strongroom.compliance import administrators
from strongroom.compliance.joining import Joined, Joining
from strongroom.db.engine import Database
from strongroom.policy.limits import CURRENT, PasswordProfile
from strongroom.terms import SYSTEM, AuthMethod, Caller, Environment, PrincipalId, PrincipalKind
from strongroom.vault import GrantStore
from tests.support.anywhere import Anywhere
from tests.support.audit import Bench

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = bytes(range(32))
GOOD = "Nine Owls read 7 maps"
BETTER = "Ten Crows read 8 books"
VISIT = Visit("192.0.2.7", None, "Firefox on Linux")
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Entrance:
    """All there is of a home for who comes in."""

    database: Database
    audit: AuditLog
    accounts: Accounts
    passwords: Passwords
    links: Links
    guard: Guard
    grants: GrantStore
    signon: SignOn
    joining: Joining
    console: Caller

    def change(self, now: datetime = NOW, caller: Caller = SYSTEM) -> Any:
        """Give a transaction with its events."""
        return changing(self.database, self.audit, caller, now)

    def person(self, name: str = "maria", now: datetime = NOW) -> PrincipalId:
        """Make a person and return their number."""
        return self.accounts.add_person(name, caller=SYSTEM, now=now).person.id

    def with_password(
        self, name: str = "maria", password: str = GOOD, now: datetime = NOW
    ) -> PrincipalId:
        """Make a person with a password."""
        id_ = self.person(name, now)
        prepared = self.passwords.prepare(id_, password, name=name, now=now)
        with self.change(now) as change:
            self.passwords.store(change, id_, prepared)
        return id_

    def totp(self, code: str, name: str = "maria", now: datetime = NOW) -> Enrolment:
        """Enrol an authenticator app for who holds this link, as its person would."""
        offer = self.signon.joining_totp_offer(code, name, now)
        shown = pyotp.TOTP(offer.secret).at(now)
        return self.signon.joining_totp(code, offer.step, "phone", shown, now)

    def first(self, name: str = "maria", now: datetime = NOW) -> Joined:
        """Let the first administrator in."""
        code = self.joining.first_link(self.console, now).code
        return self.finish(code, name=name, now=now)

    def finish(
        self,
        code: str,
        *,
        name: str | None = None,
        password: str = GOOD,
        now: datetime = NOW,
        factor: Enrolment | None = None,
    ) -> Joined:
        """Use a link as its holder would."""
        enrolled = factor or self.totp(code, name or "somebody", now)
        return self.joining.finish(
            code, name=name, password=password, factor=enrolled, visit=VISIT, now=now
        )

    def caller(self, joined: Joined) -> Caller:
        """Return who joined, as a session shows them."""
        assert joined.signed_on is not None
        return joined.signed_on.session.caller

    def events(self) -> list[tuple[str, str, str | None]]:
        """Return type, outcome and reason of every event, oldest first."""
        return [(e.type, e.outcome, e.body.get("reason")) for e in self.audit.events()]

    def rows(self, table: sa.Table) -> list[Any]:
        """Return a table's rows by number."""
        with self.database.read() as tx:
            return list(tx.execute(sa.select(table).order_by(table.c.id)))

    def run(self, statement: sa.Executable) -> None:
        """Change the database behind everybody's back."""
        with self.database.write() as tx:
            tx.execute(statement)


@contextmanager
def entrance(url: str, directory: Path, profile: PasswordProfile = CURRENT) -> Iterator[Entrance]:
    """Make the tables and the rooms."""
    database = Database(url)
    audit = Bench(database, directory / "checkpoint").start()
    accounts = Accounts(database, KEY, audit, Environment.TEST)
    passwords = Passwords(database, audit, KEY, Environment.TEST, profile, hasher=CHEAP)
    grants = GrantStore(database, audit, one_person=False)
    links = Links(KEY, Environment.TEST)

    def administering(now: datetime) -> frozenset[PrincipalId]:
        return administrators(accounts, grants, now)

    guard = Guard(database, audit, administrators=administering)
    site = Site("https://localhost:8445", "localhost")
    signon = SignOn(
        database,
        audit,
        KEY,
        Environment.TEST,
        passwords=passwords,
        guard=guard,
        networks=Anywhere(database, audit, one_person=False),
        site=site,
    )
    joining = Joining(
        database,
        audit,
        links=links,
        passwords=passwords,
        grants=grants,
        guard=guard,
        signon=signon,
        administrators=administering,
    )
    console = accounts.console("root", NOW)
    assert console.auth is AuthMethod.CONSOLE
    assert console.kind is PrincipalKind.PERSON
    try:
        yield Entrance(
            database, audit, accounts, passwords, links, guard, grants, signon, joining, console
        )
    finally:
        database.close()


__all__ = ["BETTER", "CHEAP", "GOOD", "KEY", "NOW", "VISIT", "Changes", "Entrance", "entrance"]
