"""A home's people and their sign-ons, with hashes that cost nothing and a clock that the test moves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
from argon2 import PasswordHasher

from strongroom.accounts import (
    Accounts,
    Guard,
    Identities,
    Networks,
    Passwords,
    Session,
    SignOn,
    Site,
    Visit,
)
from strongroom.accounts.changes import changing
from strongroom.accounts.identities import Linked
from strongroom.accounts.visits import Pending, SignedOn
from strongroom.audit import AuditLog, Reason
from strongroom.db.engine import Database
from strongroom.policy.limits import CURRENT, PasswordProfile
from strongroom.terms import SYSTEM, AuthMethod, Caller, Environment, PrincipalId, PrincipalKind
from tests.support.anywhere import Anywhere
from tests.support.audit import Bench
from tests.support.authenticator import ORIGIN, Authenticator

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PASSWORD = "Violet-Harbour-63!"
OTHER_PASSWORD = "Granite+Lantern/82"
HOME = Visit("203.0.113.7", None, "Firefox on Linux")
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

CONSOLE = Caller(PrincipalId(9), PrincipalKind.PERSON, "olga", AuthMethod.CONSOLE)


@dataclass
class Person:
    """Somebody with a password, and what they hold."""

    id: PrincipalId
    name: str
    secret: str = field(repr=False, default="")
    """Of their TOTP; empty: none."""
    passkey: Authenticator | None = None
    recovery: list[str] = field(default_factory=list)
    device: str | None = None
    """The cookie of the browser they signed on from last."""

    def visit(self, address: str = HOME.address, agent: str = HOME.agent) -> Visit:
        """Return a request from the browser they signed on from last."""
        return Visit(address, self.device, agent)


@dataclass
class House:
    """An empty home; `now` is what its next call is told."""

    database: Database
    audit: AuditLog
    profile: PasswordProfile = CURRENT
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.database, bytes(32), self.audit, Environment.TEST)
        self.administrators: set[PrincipalId] = set()
        self.networks: Networks = Anywhere(self.database, self.audit, one_person=False)
        self.start()

    def start(self) -> None:
        """Build what signs people on, as a process that starts does."""
        self.guard = Guard(
            self.database, self.audit, administrators=lambda _now: self.administrators
        )
        self.passwords = Passwords(
            self.database, self.audit, bytes(32), Environment.TEST, self.profile, hasher=CHEAP
        )
        self.signon = SignOn(
            self.database,
            self.audit,
            bytes(range(32)),
            Environment.TEST,
            passwords=self.passwords,
            guard=self.guard,
            networks=self.networks,
            site=Site.of(ORIGIN),
        )
        self.identities = Identities(
            self.database,
            bytes(32),
            self.audit,
            Environment.TEST,
            ended=lambda change, person: self.signon.end_all(change, person, Reason.REVOKED),
        )

    @classmethod
    def make(cls, database: Database, directory: Path, **more: Any) -> "House":
        """Return a home in a database that has its tables."""
        return cls(database, Bench(database, directory / "checkpoint").start(), **more)

    def later(self, **span: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**span)
        return self.now

    # -- people ----------------------------------------------------------------------------------

    def person(self, name: str, *, totp: bool = True, passkey: bool = False) -> Person:
        """Return a new person who has a password, recovery codes and the factors asked for."""
        added = self.accounts.add_person(name, caller=SYSTEM, now=self.now).person
        name = added.name
        person = Person(added.id, name)
        prepared = self.passwords.prepare(added.id, PASSWORD, name=name, now=self.now)
        factors, signon = self.signon.second_factors, self.signon
        with changing(self.database, self.audit, SYSTEM, self.now) as change:
            self.passwords.store(change, added.id, prepared)
        if totp:
            offer = signon.joining_totp_offer("link", name, self.now)
            person.secret = offer.secret
            code = pyotp.TOTP(offer.secret).at(self.now)
            made = signon.joining_totp("link", offer.step, "telephone", code, self.now)
            with changing(self.database, self.audit, SYSTEM, self.now) as change:
                factors.store(change, added.id, made)
        if passkey:
            person.passkey = Authenticator()
            asked = signon.joining_passkey_offer("link", name, self.now)
            answer = person.passkey.create(asked.options)
            made = signon.joining_passkey("link", asked.step, "key ring", answer, self.now)
            with changing(self.database, self.audit, SYSTEM, self.now) as change:
                factors.store(change, added.id, made)
        if totp or passkey:
            with changing(self.database, self.audit, SYSTEM, self.now) as change:
                person.recovery = factors.issue_recovery(change, added.id)
        self.later(minutes=1)
        return person

    def linked(self, person: Person) -> Linked:
        """Return the link of a person to the subject of their name at a provider, made now."""
        made = self.identities.link(
            person.name, "https://login.example.com", person.name, caller=CONSOLE, now=self.now
        )
        return Linked(made.id, person.id)

    def code(self, person: Person) -> str:
        """Return what the person's authenticator app shows now."""
        return pyotp.TOTP(person.secret).at(self.now)

    def pending(self, person: Person, visit: Visit | None = None) -> Pending:
        """Return the step after a right password."""
        found = self.signon.begin(person.name, PASSWORD, visit or person.visit(), self.now)
        assert isinstance(found, Pending)
        return found

    def sign_on(self, person: Person, visit: Visit | None = None) -> SignedOn:
        """Sign a person on, by TOTP or by passkey, and let them keep the device's cookie."""
        self.later(seconds=30)
        where = visit or person.visit()
        step = self.pending(person, where).step
        if person.secret:
            done = self.signon.prove_totp(step, self.code(person), where, self.now)
        else:
            assert person.passkey is not None
            asked = self.signon.passkey_challenge(step, self.now)
            answer = person.passkey.get(asked.options)
            done = self.signon.prove_passkey(asked.step, answer, where, self.now)
        person.device = done.device
        return done

    def check(self, done: SignedOn, visit: Visit | None = None) -> Session:
        """Return the session of a sign-on, as a request of the same browser finds it."""
        where = visit or Visit(HOME.address, done.device, HOME.agent)
        return self.signon.check(done.cookie, where, self.now)

    # -- what is left of it ----------------------------------------------------------------------

    def events(self, *kinds: str) -> list[tuple[str, str, str | None]]:
        """Return the last events of these kinds as type, outcome and reason."""
        return [
            (e.type, e.outcome, e.body.get("reason"))
            for e in self.audit.tail(200)
            if not kinds or e.type in kinds
        ]
