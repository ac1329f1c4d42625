"""What somebody who is signed on does with their own sign-on: sessions, browsers, proofs and second factors [1.2, 1.4].

Everything here takes the `Session` that `check` gave for this request and looks at its row again, in the transaction
that changes something. A person reaches what is theirs and nothing else: another's session, device or factor is
answered as one that does not exist.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final, NoReturn

import sqlalchemy as sa

from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.devices import Devices
from strongroom.accounts.factors import Enrolment, Factors, Owner, Unproved
from strongroom.accounts.guard import Guard, Locked
from strongroom.accounts.networks import Networks
from strongroom.accounts.passwords import Passwords, Verdict
from strongroom.accounts.principals import ANONYMOUS
from strongroom.accounts.sealing import Sealing
from strongroom.accounts.sessions import Sessions, end_run_out, end_sessions
from strongroom.accounts.steps import Step, StepKind, Steps
from strongroom.accounts.visits import (
    Challenge,
    Device,
    Factor,
    FactorKind,
    MustChangePassword,
    Notice,
    NoticeKind,
    NotProvedLately,
    Offer,
    PasswordProvesNothing,
    Session,
    SignedOn,
    Site,
    Visit,
)
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.crypto.envelope import Entropy
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Throttled, Unauthenticated
from strongroom.policy.limits import FEW_RECOVERY_CODES, PASSWORD_NOTICE
from strongroom.terms import SYSTEM, Caller, Environment, PrincipalId

REFUSED: Final = "the name or what was shown is not valid"
"""What every refusal of a sign-on says: it tells nobody who has an account, and which proof was wrong."""

_DENIALS: Final = {
    NotProvedLately: Reason.NOT_PROVED_LATELY,
    MustChangePassword: Reason.EXPIRED_CREDENTIAL,
    PasswordProvesNothing: Reason.WRONG_FACTOR,
}

_passwords: Final = schema.person_password


class Signed:
    """The part of `SignOn` for who is signed on already; build that one."""

    def __init__(  # noqa: PLR0913 - wired once, by name
        self,
        database: Database,
        audit: AuditLog,
        key: bytes,
        environment: Environment,
        *,
        passwords: Passwords,
        guard: Guard,
        networks: Networks,
        site: Site,
        entropy: Entropy = os.urandom,
    ) -> None:
        sealing = Sealing(key, environment, entropy=entropy)
        self._database = database
        self._audit = audit
        self._passwords = passwords
        self._guard = guard
        self._networks = networks
        self._steps = Steps(sealing)
        self._factors = Factors(sealing, self._steps, passwords.profile)
        self._devices = Devices(sealing)
        self._sessions = Sessions(sealing, password_lifetime=passwords.profile.lifetime)
        self.site = site
        guard.ends_sessions_with(self.end_all)

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()}>"

    @property
    def second_factors(self) -> Factors:
        """Return the factors, for joining: it stores one in a transaction of its own."""
        return self._factors

    def end_all(self, change: Changes, principal: PrincipalId, why: Reason) -> None:
        """End all of a person's sessions and steps, within a transaction of the caller's."""
        end_sessions(change, principal, why)
        self._steps.end_all(change.tx, principal)

    def may_come(self, person: Caller, visit: Visit) -> bool:
        """Return whether a person's list of networks lets them act from there [1.1]."""
        return self._networks.permits_principal(person.principal, person.name, visit.address)

    # -- being signed on -------------------------------------------------------------------------

    def check(self, cookie: str, visit: Visit, now: datetime) -> Session:
        """Return the session of a cookie.

        Raises:
            Unauthenticated: it is nobody's, it ended, or another browser shows it, or it comes from where its person
                may not act from; either ends the session.

        """
        with self._database.read() as tx:
            row = self._sessions.find(tx, cookie)
        if row is None or row.ended_at is not None:
            raise _signed_off()
        session = self._sessions.session_of(row, now)
        fault = self._sessions.fault(row, visit, now)
        if fault is None and not self.may_come(session.caller, visit):
            fault = Reason.WRONG_NETWORK
        if fault is not None:
            self._end_at_fault(session, fault, visit, now)
        principal = session.caller.principal
        address = self._audit.pseudonym("ip", visit.address)
        if self._sessions.is_due(row, address, now):
            with self._database.write() as tx:
                if not self._sessions.seen(tx, session.id, address, now):
                    raise _signed_off()
            try:
                self._guard.seen(principal, visit, now)
            except Locked:
                raise _signed_off() from None
        return replace(session, seen_at=now, current=True)

    def sign_out(self, session: Session, now: datetime) -> None:
        """End this session. Ending an ended one does nothing."""
        with changing(self._database, self._audit, session.caller, now) as change:
            end_sessions(change, session.caller.principal, Reason.SIGNED_OUT, only=(session.id,))

    def settle(self, now: datetime) -> None:
        """Record the sessions that ended by themselves; call it now and then. Nothing waits for it: `check` asks."""
        with changing(self._database, self._audit, SYSTEM, now) as change:
            end_run_out(change)

    def sessions(self, session: Session, now: datetime) -> list[Session]:
        """Return the living sessions of its person, this one as `current`."""
        _refuse_limited(session)
        with self._database.read() as tx:
            return self._sessions.listed(tx, session.caller.principal, session.id, now)

    def end_session(self, session: Session, id_: int, now: datetime) -> None:
        """End one of its person's sessions. Raises: NotFound: not theirs, or not alive; NotProvedLately."""
        with self._acting(session, now, proved=True) as change:
            self._sessions.end_own(change, session.caller.principal, id_, Reason.SIGNED_OUT)

    def end_others(self, session: Session, now: datetime) -> int:
        """End every other session of its person; return how many. Raises: NotProvedLately."""
        with self._acting(session, now, proved=True, limited=True) as change:
            person = session.caller.principal
            return end_sessions(change, person, Reason.SIGNED_OUT, but=session.id)

    def devices(self, session: Session, now: datetime) -> list[Device]:
        """Return the browsers its person signed on from within `DEVICE_LIFETIME`."""
        _refuse_limited(session)
        with self._database.read() as tx:
            return self._devices.listed(tx, session.caller.principal, session.device_id, now)

    def notices(self, session: Session, now: datetime) -> list[Notice]:
        """Return what its person should know now."""
        person = session.caller.principal
        due_at = self._passwords.due_at(person)
        with self._database.read() as tx:
            kinds = self._factors.kinds(tx, person)
            fresh = self._devices.untold(tx, person, session.device_id, now)
        found = []
        if session.must_change_password:
            found.append(Notice(NoticeKind.PASSWORD_ENDED, at=due_at))
        elif due_at is not None and due_at - now <= PASSWORD_NOTICE:
            found.append(Notice(NoticeKind.PASSWORD_ENDS, at=due_at))
        found += [Notice(NoticeKind.NEW_DEVICE, device=device) for device in fresh]
        if kinds and kinds.recovery <= FEW_RECOVERY_CODES:
            found.append(Notice(NoticeKind.FEW_RECOVERY_CODES, n=kinds.recovery))
        return found

    def acknowledge(self, session: Session, device: int, now: datetime) -> None:
        """Say that a new device is one's own. Raises: NotFound; Denied: the device speaks for itself."""
        with self._acting(session, now) as change:
            person = session.caller.principal
            self._devices.acknowledge(change, person, session.device_id, device)

    def disown(self, session: Session, device: int, now: datetime) -> None:
        """Say "that was not me": the device is forgotten, the account locked, and every session of the person ends.

        This one too: which of two browsers is its person's can't be told from here.

        Raises:
            NotFound: the device is not theirs, or not alive.
            Denied: it is the one that asks.

        """
        with self._acting(session, now) as change:
            if device == session.device_id:
                raise Denied("a device can't disown itself", hint="sign out")
            person = session.caller.principal
            self._devices.end(change, person, device)
            end_sessions(change, person, Reason.WRONG_DEVICE, device=device)
            # Together with the device: it can be named once only.
            self._guard.disowned_in(change, person)

    # -- proving again ---------------------------------------------------------------------------

    def proofs(self, session: Session) -> frozenset[FactorKind]:
        """Return with which of its person's factors a session is proved again; none: with the password."""
        with self._database.read() as tx:
            found = self._factors.listed(tx, session.caller.principal)
        return frozenset(factor.kind for factor in found)

    def again_password(
        self, session: Session, password: str, visit: Visit, now: datetime
    ) -> SignedOn:
        """Return the session of somebody without a second factor proved now, under a new cookie.

        Raises:
            Unauthenticated, Throttled: see above.
            PasswordProvesNothing: its person has a second factor; the password was not looked at.
            MustChangePassword: it is right and older than a quarter: good for nothing but choosing another [1.4].

        """
        if self.proofs(session):
            with self._acting(session, now, limited=True):
                # Before it is tried: who found the session open must not learn whether it is the right one.
                raise PasswordProvesNothing(
                    "a password is no fresh proof for who has a second factor",
                    hint="use a passkey, or the code of your authenticator app",
                )
        row, verdict = self._admitted_password(session, password, visit, now)
        # The session of who came in by a passkey or a provider goes on without it.
        is_old = verdict is Verdict.EXPIRED and not session.must_change_password
        if is_old:
            self._guard.succeeded(session.caller.name, session.caller.principal, visit, now)

        def prove(change: Changes, person: PrincipalId) -> None:
            if is_old:
                _refuse_old_password()
            self.refuse_other_password(change.tx, person, row)

        return self._prove_again(session, visit, now, prove)

    def again_totp(self, session: Session, code: str, visit: Visit, now: datetime) -> SignedOn:
        """Return the session proved now, under a new cookie. Raises: Unauthenticated, Throttled."""
        self._admit_again(session, visit, now)

        def prove(change: Changes, person: PrincipalId) -> None:
            self._factors.prove_totp(change.tx, person, code, now)

        return self._prove_again(session, visit, now, prove)

    def again_passkey_challenge(self, session: Session, now: datetime) -> Challenge:
        """Return a challenge for one's own passkeys. Raises: Conflict: one has none."""
        about = f"session:{session.id}"
        with self._database.read() as tx:
            found = self._factors.passkey_challenge(
                tx, self.site, session.caller.principal, about, now
            )
        if found is None:
            raise Conflict("there is no passkey to prove it with")
        return found

    def again_passkey(
        self, session: Session, step: str, response: str, visit: Visit, now: datetime
    ) -> SignedOn:
        """Return the session proved now, under a new cookie. Raises: Unauthenticated, Throttled."""
        self._admit_again(session, visit, now)

        def prove(change: Changes, person: PrincipalId) -> None:
            asked = self.spent(change.tx, StepKind.ASSERTION, step, now)
            if asked.content["about"] != f"session:{session.id}":
                raise Unproved(Reason.WRONG_FACTOR)
            if self._factors.prove_passkey(change.tx, self.site, asked, response, now) != person:
                raise Unproved(Reason.WRONG_FACTOR)

        return self._prove_again(session, visit, now, prove)

    def change_password(
        self, session: Session, old: str, new: str, visit: Visit, now: datetime
    ) -> SignedOn:
        """Change the password, end the person's other sessions, and return this one under a new cookie.

        Raises:
            NotProvedLately: its person has a second factor; the old password was not looked at.
            Malformed: the new one breaks rules; the message names all of them.
            Conflict: it was changed too lately, or was used before.
            Unauthenticated, Throttled: the old one is wrong.

        """
        proved = bool(self.proofs(session))
        with self._acting(session, now, proved=proved, limited=True):
            pass  # before the old one is tried, as above
        row, _ = self._admitted_password(session, old, visit, now)
        person = session.caller
        self._guard.succeeded(person.name, person.principal, visit, now)
        prepared = self._passwords.prepare(person.principal, new, name=person.name, now=now)
        with self._acting(session, now, proved=proved, limited=True) as change:
            self.refuse_other_password(change.tx, person.principal, row)
            self._passwords.store(change, person.principal, prepared)
            # Whoever else is in came in with the old one.
            end_sessions(change, person.principal, Reason.REVOKED, but=session.id)
            self._steps.end_all(change.tx, person.principal)
            found, cookie = self._sessions.rotate(change, session)
        return self.noticed(found, cookie, visit.device or "", now)

    # -- second factors --------------------------------------------------------------------------

    def factors(self, session: Session) -> list[Factor]:
        """Return its person's second factors."""
        _refuse_limited(session)
        with self._database.read() as tx:
            return self._factors.listed(tx, session.caller.principal)

    def recovery_left(self, session: Session) -> int:
        """Return how many recovery codes its person has left."""
        _refuse_limited(session)
        with self._database.read() as tx:
            return self._factors.kinds(tx, session.caller.principal).recovery

    def totp_offer(self, session: Session, now: datetime) -> Offer:
        """Return a new TOTP secret to show; it counts once `confirm_totp` saw a code. Raises: NotProvedLately."""
        with self._acting(session, now, proved=True):
            return self._factors.offer_totp(_owner(session), self.site, now)

    def confirm_totp(
        self, session: Session, step: str, label: str, code: str, now: datetime
    ) -> Factor:
        """Add the offered TOTP secret as a factor. A wrong code may be tried again, the step stays.

        Raises:
            Unauthenticated: wrong code, or the offer is used or too old.
            Malformed: the label's form.
            Conflict: one has too many factors.
            NotProvedLately: see above.

        """
        return self._added(
            session,
            now,
            lambda: self._factors.checked_totp(_owner(session), step, label, code, now),
        )

    def passkey_offer(self, session: Session, now: datetime) -> Challenge:
        """Return what the browser needs to make a passkey. Raises: NotProvedLately."""
        with self._acting(session, now, proved=True) as change:
            person = session.caller.principal
            return self._factors.offer_passkey(change.tx, _owner(session), person, self.site, now)

    def confirm_passkey(
        self, session: Session, step: str, label: str, response: str, now: datetime
    ) -> Factor:
        """Add the passkey the browser made. Raises: as `confirm_totp`."""
        owner, site = _owner(session), self.site
        return self._added(
            session,
            now,
            lambda: self._factors.checked_passkey(owner, site, step, label, response, now),
        )

    def remove_factor(self, session: Session, id_: int, now: datetime) -> None:
        """Remove one of one's factors.

        Raises:
            NotFound: it is not one's own.
            Conflict: it is the last one, and the profile asks for one.
            NotProvedLately: see above.

        """
        with self._acting(session, now, proved=True) as change:
            self._factors.remove(change, session.caller.principal, id_)

    def recovery_codes(self, session: Session, now: datetime) -> list[str]:
        """Return new recovery codes, shown this once; the ones before end.

        Raises:
            Conflict: there is no second factor that they could stand in for.
            NotProvedLately: see above.

        """
        with self._acting(session, now, proved=True) as change:
            person = session.caller.principal
            if not self._factors.kinds(change.tx, person):
                raise Conflict("recovery codes stand in for a second factor", hint="add one first")
            return self._factors.issue_recovery(change, person)

    # -- shared with the door --------------------------------------------------------------------

    def password_row(self, tx: Transaction, principal: PrincipalId) -> int | None:
        """Return which password holds now: a proof that began with another one counts no more."""
        row = tx.execute(
            sa.select(_passwords.c.id).where(
                _passwords.c.principal_id == principal, _passwords.c.ended_at.is_(None)
            )
        ).first()
        return None if row is None else row.id

    def refuse_other_password(
        self, tx: Transaction, principal: PrincipalId, row: int | None
    ) -> None:
        """Refuse a proof by a password that was changed since. Raises: Unproved."""
        if row is None or self.password_row(tx, principal) != row:
            raise Unproved(Reason.REVOKED)

    def judged(
        self, person: tuple[str, PrincipalId | None], password: str, visit: Visit, now: datetime
    ) -> Verdict:
        """Return what a password is, after the guard let it be tried. Raises: Throttled: nothing was; recorded."""
        name, principal = person
        try:
            return self._passwords.check(principal, password, now).verdict
        except Throttled:
            self._guard.put_off(name, principal, visit, now)
            raise

    def spent(self, tx: Transaction, kind: StepKind, step: str, now: datetime) -> Step:
        """Return what a ticket stands for, and use it up. Raises: Unproved."""
        try:
            return self._steps.spend(tx, kind, step, now)
        except Unauthenticated:
            raise Unproved(Reason.REPLAYED) from None

    def noticed(self, session: Session, cookie: str, device: str, now: datetime) -> SignedOn:
        """Return a session with its cookies and what its person should know."""
        session = replace(session, current=True)
        return SignedOn(session, cookie, device, tuple(self.notices(session, now)))

    def refuse(
        self,
        person: tuple[str, PrincipalId | None],
        visit: Visit,
        now: datetime,
        reason: Reason,
        *,
        op: str,
        actor: Caller = ANONYMOUS,
    ) -> NoReturn:
        """Record a failed proof and count it, unless nothing was tried because of a lock; then answer as always."""
        name, principal = person
        about = None if not name else self._audit.pseudonym("name", name)
        if principal is not None:
            about = str(principal)
        event = Event(
            EventType.SIGNON_FAILED,
            Outcome.FAILURE,
            actor,
            reason=reason,
            op=op,
            obj_kind=None if about is None else ObjKind.PRINCIPAL,
            obj_ref=about,
            src_ip=self._audit.pseudonym("ip", visit.address),
        )
        self._audit.record(event, now=now)
        if reason is not Reason.LOCKED:
            is_factor = reason in {Reason.WRONG_FACTOR, Reason.REPLAYED}
            self._guard.failed(name, principal, visit, now, factor=is_factor)
        raise Unauthenticated(REFUSED)

    # -- private ---------------------------------------------------------------------------------

    @contextmanager
    def _acting(
        self, session: Session, now: datetime, *, proved: bool = False, limited: bool = False
    ) -> Iterator[Changes]:
        """Give a transaction for a session that lives and may do this; its denial is recorded."""
        try:
            with changing(self._database, self._audit, session.caller, now) as change:
                self._sessions.hold(change, session, proved=proved, limited=limited)
                yield change
        except Denied as exc:
            reason = _DENIALS.get(type(exc), Reason.WRONG_DEVICE)
            self._record_session(session, Outcome.DENIED, reason, session.caller, None, now)
            raise

    def _admit_again(self, session: Session, visit: Visit, now: datetime) -> None:
        person = session.caller
        try:
            self._guard.admit(person.name, person.principal, visit, now, known_device=True)
        except Locked:
            self._refuse_again(session, visit, now, Reason.LOCKED)

    def _admitted_password(
        self, session: Session, password: str, visit: Visit, now: datetime
    ) -> tuple[int | None, Verdict]:
        """Return which password was shown, rightly, and whether it is too old. Raises: Unauthenticated, Throttled."""
        self._admit_again(session, visit, now)
        person = session.caller
        with self._database.read() as tx:
            row = self.password_row(tx, person.principal)
        verdict = self.judged((person.name, person.principal), password, visit, now)
        if verdict is Verdict.WRONG:
            self._refuse_again(session, visit, now, Reason.WRONG_CREDENTIAL)
        return row, verdict

    def _prove_again(
        self,
        session: Session,
        visit: Visit,
        now: datetime,
        prove: Callable[[Changes, PrincipalId], None],
    ) -> SignedOn:
        person = session.caller
        try:
            with self._acting(session, now, limited=True) as change:
                prove(change, person.principal)
                found, cookie = self._sessions.rotate(change, session)
        except Unproved as exc:
            self._refuse_again(session, visit, now, exc.reason)
        self._guard.succeeded(person.name, person.principal, visit, now)
        return self.noticed(found, cookie, visit.device or "", now)

    def _refuse_again(
        self, session: Session, visit: Visit, now: datetime, reason: Reason
    ) -> NoReturn:
        person = session.caller.name, session.caller.principal
        self.refuse(person, visit, now, reason, op="again", actor=session.caller)

    def _end_at_fault(
        self, session: Session, fault: Reason, visit: Visit, now: datetime
    ) -> NoReturn:
        """End a session that may not go on; a cookie that comes from another browser or network was copied."""
        with changing(self._database, self._audit, SYSTEM, now) as change:
            end_sessions(change, session.caller.principal, fault, only=(session.id,))
        if fault in {Reason.WRONG_DEVICE, Reason.WRONG_NETWORK}:
            self._record_session(session, Outcome.FAILURE, fault, ANONYMOUS, visit, now)
        raise _signed_off()

    def _record_session(
        self,
        session: Session,
        outcome: Outcome,
        reason: Reason,
        actor: Caller,
        visit: Visit | None,
        now: datetime,
    ) -> None:
        event = Event(
            EventType.SESSION_REFUSED,
            outcome,
            actor,
            reason=reason,
            obj_kind=ObjKind.SESSION,
            obj_ref=str(session.id),
            src_ip=None if visit is None else self._audit.pseudonym("ip", visit.address),
        )
        self._audit.record(event, now=now)

    def _added(self, session: Session, now: datetime, checked: Callable[[], Enrolment]) -> Factor:
        """Add a factor that is proved to work; where it is not, that is recorded."""
        person = session.caller
        try:
            with self._acting(session, now, proved=True) as change:
                id_ = self._factors.store(change, person.principal, checked())
        except Unproved as exc:
            event = Event(
                EventType.FACTOR_ADDED,
                Outcome.FAILURE,
                person,
                reason=exc.reason,
                obj_kind=ObjKind.PRINCIPAL,
                obj_ref=str(person.principal),
            )
            self._audit.record(event, now=now)
            raise
        return next(factor for factor in self.factors(session) if factor.id == id_)


def _owner(session: Session) -> Owner:
    return Owner.person(session.caller.principal, session.caller.name)


def _refuse_limited(session: Session) -> None:
    if session.must_change_password:
        _refuse_old_password()


def _refuse_old_password() -> NoReturn:
    raise MustChangePassword("the password is older than a quarter [1.4]", hint="change it first")


def _signed_off() -> Unauthenticated:
    return Unauthenticated("nobody is signed on with this", hint="sign on")
