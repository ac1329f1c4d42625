"""How people come in: the first administrator by the link that `init` printed, everybody else by invitation [1.2].

No account has a default, shared or provisional secret: whoever has a link chooses a password and enrols a second
factor, and all of it is one transaction together with the link's use. The first administrator comes to be once in a
home's life; what the log remembers of anybody's sign-on counts, not only what the tables say. ADR 0091 and 0092 say
why.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from strongroom.accounts import entries, lock_rows, names
from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.factors import Enrolment
from strongroom.accounts.guard import Guard
from strongroom.accounts.links import Link, LinkRefused, Links, NewLink
from strongroom.accounts.networks import WrongNetwork
from strongroom.accounts.passwords import Passwords, Prepared
from strongroom.accounts.principals import ANONYMOUS
from strongroom.accounts.rows import Principal
from strongroom.accounts.signon import SignOn
from strongroom.accounts.visits import SignedOn, Visit
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db.engine import Database
from strongroom.db.suspensions import is_frozen
from strongroom.errors import Conflict, Denied, Malformed, Unauthenticated
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind
from strongroom.vault import GrantStore

_SIGNED_ON: Final = (
    EventType.SIGNON_LINK_USED,
    EventType.PASSWORD_CHANGED,
    EventType.SIGNON_SUCCEEDED,
)
"""Events that nobody leaves who never signed on."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the holder of a link is asked for."""

    first: bool
    """Whoever it is becomes the first administrator, under a name of their own."""
    name: str | None
    """Whom the link is for; None for the first administrator's."""
    expires_at: datetime
    rules: tuple[str, ...]
    """What the password must be."""
    second_factor: bool
    """Whether one must be enrolled."""


@dataclass(frozen=True, slots=True)
class Invited:
    """A person with their link. `made`: they became known with it."""

    principal: Principal
    made: bool
    link: NewLink


@dataclass(frozen=True, slots=True)
class Joined:
    """Who came in. `signed_on` None: the account is locked, which no link lifts."""

    principal: Principal
    signed_on: SignedOn | None
    recovery_codes: tuple[str, ...] = field(repr=False)
    """Shown this once; none where no second factor was enrolled."""
    grant: int | None
    """The first administrator's."""


class Joining:
    """Links and what they lead to, in one home. Safe between threads; durable on return."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        *,
        links: Links,
        passwords: Passwords,
        grants: GrantStore,
        guard: Guard,
        signon: SignOn,
        administrators: Callable[[datetime], Collection[PrincipalId]],
    ) -> None:
        self._database = database
        self._audit = audit
        self._links = links
        self._passwords = passwords
        self._factors = signon.second_factors
        self._grants = grants
        self._guard = guard
        self._signon = signon
        self._administrators = administrators

    def __repr__(self) -> str:
        return "<joining>"

    # -- links -----------------------------------------------------------------------------------

    def first_link(self, caller: Caller, now: datetime) -> NewLink:
        """Return a new link for the first administrator; earlier ones end.

        Raises:
            Denied: it is not the console that asks; recorded.
            Conflict: the home has, or had, an administrator, or somebody has signed on.

        """
        refused = caller.auth not in {AuthMethod.CONSOLE, AuthMethod.SYSTEM}
        with changing(self._database, self._audit, caller, now) as change:
            if refused:
                change.events.append(_denied(caller, None))
            else:
                self._refuse_second(change)
                return self._links.issue(change, None)
        raise Denied("the first administrator's link is made at the console only")

    def invite(self, name: str, caller: Caller, now: datetime) -> Invited:
        """Return a link for a person, who becomes known where they are not: for the first sign-on, or after a loss.

        Raises:
            Malformed, Denied: the name, as for every person.
            Denied: the caller is neither at the console nor another person who may administer, or is locked; recorded.
            Conflict: the account has ended, or is an app's.

        """
        name = names.canonical(name)
        at_console = caller.auth is AuthMethod.CONSOLE
        may = at_console or (
            caller.kind is PrincipalKind.PERSON and caller.principal in self._administrators(now)
        )
        with changing(self._database, self._audit, caller, now) as change:
            known = entries.find(change.tx, name)
            lock = lock_rows.of_person(change.tx, caller.principal)
            is_locked = lock is not None and lock.holds(now)
            is_own = known is not None and known.id == caller.principal
            # A locked one could come in as whom they invite, and lift their own lock.
            if not may or ((is_own or is_locked) and not at_console):
                change.events.append(_denied(caller, known))
            else:
                if known is None:
                    person = entries.add(change, name, PrincipalKind.PERSON, None)
                else:
                    person = entries.living(change, name, PrincipalKind.PERSON)
                link = self._links.issue(change, person.id)
                return Invited(person, known is None, link)
        raise Denied(
            "another person who may administer invites, or the console",
            hint="on the machine itself: strongroom user invite NAME",
        )

    # -- coming in -------------------------------------------------------------------------------

    def open(self, code: str, visit: Visit, now: datetime) -> Welcome:
        """Return what the holder of this link is asked for. The link stays unused.

        Raises:
            LinkRefused: it is not good; recorded.
            Throttled: too many wrong ones from this address.

        """
        link = self._opened(code, visit, now)
        return Welcome(
            link.principal is None,
            link.name,
            link.expires_at,
            tuple(self._passwords.rules()),
            self._passwords.profile.second_factor,
        )

    def check_name(self, name: str) -> str:
        """Return the first administrator's name in the form that is kept, for a page that asks for it by itself.

        Raises:
            Malformed: its form.
            Denied: a generic name.
            Conflict: it is somebody's.

        """
        name = names.canonical(name)
        with self._database.read() as tx:
            self._refuse_taken(entries.find(tx, name), self._links.first_made_by(tx))
        return name

    def finish(
        self,
        code: str,
        *,
        name: str | None,
        password: str,
        factor: Enrolment | None,
        visit: Visit,
        now: datetime,
    ) -> Joined:
        """Let the holder of a link in with what they chose, in one transaction.

        It ends the person's earlier password, factors, recovery codes and sessions, and lifts nothing else. `name` is
        the first administrator's, and ignored for everybody else. `factor` was proved to work, by
        `SignOn.joining_totp` or `joining_passkey`, and is stored here.

        Raises:
            LinkRefused: the link is not good, or not any more; recorded.
            Malformed: the name, all that is wrong with the password, or a missing second factor.
            Denied: a generic name.
            Conflict: the name is taken, or the home has an administrator.
            Unauthenticated: the factor was stored before, or is too old; or the person may not act from there.
            Throttled: too many at once; try again.

        """
        link = self._opened(code, visit, now)
        if factor is None and self._passwords.profile.second_factor:
            raise Malformed("a second factor is needed", hint="enrol an app for codes or a passkey")
        claimed = names.canonical(name or "") if link.name is None else link.name
        # Slow on purpose, so before the transaction; `store` refuses it if anything moved meanwhile.
        prepared = self._prepare(link, claimed, password, now)
        try:
            with changing(self._database, self._audit, ANONYMOUS, now) as change:
                return self._join(change, code, prepared, factor, visit)
        except LinkRefused as exc:
            # Somebody was faster with it.
            self._record_refusal(exc.reason, exc.id, visit, now)
            raise
        except WrongNetwork:
            self._record_refusal(Reason.WRONG_NETWORK, link.id, visit, now)
            raise
        except Unauthenticated:
            self._record_refusal(Reason.REPLAYED, link.id, visit, now)
            raise

    # -- private ---------------------------------------------------------------------------------

    def _opened(self, code: str, visit: Visit, now: datetime) -> Link:
        self._guard.admit_client(visit.address, now)
        try:
            with self._database.read() as tx:
                return self._links.open(tx, code, now)
        except LinkRefused as exc:
            self._record_refusal(exc.reason, exc.id, visit, now)
            raise

    def _prepare(self, link: Link, name: str, password: str, now: datetime) -> Prepared:
        """Judge and hash the password, before the transaction: it takes long."""
        owner = link.principal
        if owner is None:
            with self._database.read() as tx:
                known = entries.find(tx, name)
            owner = None if known is None else known.id
        return self._passwords.prepare(owner, password, name=name, now=now, by_link=True)

    def _join(
        self,
        change: Changes,
        code: str,
        prepared: Prepared,
        factor: Enrolment | None,
        visit: Visit,
    ) -> Joined:
        link = self._links.open(change.tx, code, change.now)
        made = False
        if link.name is None:
            self._refuse_second(change)
            person, made = self._first(change, link, prepared.name)
        else:
            person = entries.living(change, link.name, PrincipalKind.PERSON)
        entries.hold(change.tx, person.id)
        # It is they who act from here on: nobody else holds the link and what they chose.
        change.caller = Caller(person.id, person.kind, person.name, AuthMethod.SESSION)
        if not self._signon.may_come(change.caller, visit):
            raise WrongNetwork("the link does not hold from this address")
        self._links.use(change, code)
        if made:
            change.record(EventType.PRINCIPAL_ADDED, ObjKind.PRINCIPAL, person.id)
        self._signon.forget(change, person.id)
        self._factors.end_all(change, person.id)
        self._passwords.store(change, person.id, prepared)
        codes: list[str] = []
        if factor is not None:
            self._factors.store(change, person.id, factor)
            codes = self._factors.issue_recovery(change, person.id)
        grant = None
        if link.name is None:
            row = self._grants.first_administrator(change.tx, person.id, change.now)
            grant = row.grant.id
        lock = lock_rows.of_person(change.tx, person.id)
        is_locked = lock is not None and lock.holds(change.now)
        is_kept_out = is_locked or is_frozen(change.tx, person.id, change.now)
        signed_on = None if is_kept_out else self._signon.joined(change, person.id, factor, visit)
        return Joined(person, signed_on, tuple(codes), grant)

    def _first(self, change: Changes, link: Link, name: str) -> tuple[Principal, bool]:
        """Return who becomes the first administrator, and whether they became known by it."""
        known = entries.find(change.tx, name)
        if known is None:
            made = entries.insert(change.tx, name, PrincipalKind.PERSON, None, change.now)
            return made, True
        self._refuse_taken(known, link.created_by)
        return entries.living(change, name, PrincipalKind.PERSON), False

    @staticmethod
    def _refuse_taken(known: Principal | None, made_by: PrincipalId | None) -> None:
        """Refuse a name that is somebody's; whoever made the link at the console proved there to be who they are."""
        if known is not None and known.id != made_by:
            raise Conflict("the name is taken", hint="a name is never used twice [1.2]")

    def _refuse_second(self, change: Changes) -> None:
        """Refuse another first administrator, whatever somebody removed from the tables."""
        self._links.hold_first(change.tx)
        if (
            self._grants.ever_administered(change.tx)
            or self._passwords.any_ever(change.tx)
            or next(self._audit.of_types(_SIGNED_ON), None) is not None
        ):
            raise Conflict(
                "the home has had somebody sign on, or an administrator",
                hint="strongroom user invite NAME",
            )

    def _record_refusal(
        self, reason: Reason, link: int | None, visit: Visit, now: datetime
    ) -> None:
        self._guard.failed_client(visit.address, now)
        event = Event(
            EventType.SIGNON_FAILED,
            Outcome.FAILURE,
            ANONYMOUS,
            op="link",
            reason=reason,
            obj_kind=None if link is None else ObjKind.LINK,
            obj_ref=None if link is None else str(link),
            src_ip=self._audit.pseudonym("ip", visit.address),
        )
        self._audit.record(event, now=now)


def _denied(caller: Caller, about: Principal | None) -> Event:
    return Event(
        EventType.SIGNON_LINK_ISSUED,
        Outcome.DENIED,
        caller,
        reason=Reason.NOT_AUTHORIZED,
        obj_kind=None if about is None else ObjKind.PRINCIPAL,
        obj_ref=None if about is None else str(about.id),
    )
