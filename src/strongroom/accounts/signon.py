"""The door for people: who signs on, who stays signed on, and what they prove again [1.2, 1.4].

One facade, so that the pages hold no rule. Whatever a method changed is durable when it returns, with its event; a
refusal is recorded before it is answered. A wrong password, an unknown name, a locked or ended account and a person
without a second factor are answered in the same words, after the same work.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts import entries, lock_rows
from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.factors import Enrolment, Owner, Unproved
from strongroom.accounts.guard import Locked
from strongroom.accounts.identities import Linked, is_linked
from strongroom.accounts.passwords import Verdict
from strongroom.accounts.signed import REFUSED, Signed
from strongroom.accounts.steps import Step, StepKind
from strongroom.accounts.visits import Challenge, Offer, Pending, SignedOn, Visit
from strongroom.audit import EventType, ObjKind, Reason
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.db.suspensions import is_frozen
from strongroom.errors import Unauthenticated
from strongroom.policy import lockout
from strongroom.policy.leaving import has_ended
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

_PASSWORD: Final = "password"  # noqa: S105 - the name of a method
_PASSKEY: Final = "passkey"
_PROVIDER: Final = "oidc"

_NOBODY: Final = PrincipalId(0)

_people: Final = schema.principal

_Proof = Callable[[Changes, Caller, Step], None]
"""Proves a second factor within the transaction, or raises `Unproved`."""


class SignOn(Signed):
    """Signs people on. Safe between threads; slow work is done outside of transactions.

    Methods that take a `Session` take what `check` gave for this request; each looks at the row again and raises
    `Unauthenticated` where the session has ended since. Those that change credentials also raise `NotProvedLately`
    when its person proved nothing within `PROOF_LASTS`: let them prove it by an `again_…` method, set the new cookie,
    and call again. A session with `must_change_password` may `change_password`, prove again, see its notices and sign
    out, everywhere too: everything else raises `MustChangePassword`.

    `site` is where the pages are; set it once the listener knows its port. Passkeys are bound to it.
    """

    # -- signing on ------------------------------------------------------------------------------

    def begin(self, name: str, password: str, visit: Visit, now: datetime) -> Pending | SignedOn:
        """Return what is still to be proved after a right password; or the session, where nothing is.

        Raises:
            Unauthenticated: wrong, unknown, locked, ended or without a second factor: one text.
            Throttled: too many tries; `retry_after` says when.

        """
        typed = lockout.folded(name)
        with self._database.read() as tx:
            # PostgreSQL takes no NUL in a text, and no name has one.
            is_name = typed.isascii() and typed.isprintable()
            person = _person(tx, _people.c.name == typed, now) if is_name else None
            # Asked for nobody too: it takes time.
            row = self.password_row(tx, _NOBODY if person is None else person.principal)
        principal = None if person is None else person.principal
        try:
            self._admit(typed, principal, visit, now)
        except Locked:
            # The work of a wrong password, so that a lock takes as long to answer.
            self._passwords.check(None, password, now)
            self.refuse((typed, principal), visit, now, Reason.LOCKED, op=_PASSWORD)
        verdict = self.judged((typed, principal), password, visit, now)
        if person is None or verdict is Verdict.WRONG:
            self.refuse((typed, principal), visit, now, Reason.WRONG_CREDENTIAL, op=_PASSWORD)
        self._refuse_kept_out(person, visit, now, op=_PASSWORD)
        return self._go_on(person, visit, now, how=_PASSWORD, by=row)

    def identified(
        self, linked: Linked, visit: Visit, now: datetime, *, second_factor: bool
    ) -> Pending | SignedOn:
        """Go on for the person that a provider identified, as `begin` does after a right password.

        `second_factor`: the provider vouches for one, and the settings trust it; then this is the session.

        Raises:
            Unauthenticated, Throttled: as `begin`.

        """
        with self._database.read() as tx:
            person = _person(tx, _people.c.id == linked.principal, now)
        if person is None:
            self.refuse(("", None), visit, now, Reason.PRINCIPAL_ENDED, op=_PROVIDER)
        self._admitted(person, visit, now, op=_PROVIDER)
        if not second_factor:
            return self._go_on(person, visit, now, how=_PROVIDER, by=linked.identity)

        def prove(change: Changes) -> None:
            self._refuse_undone(change.tx, linked.principal, _PROVIDER, linked.identity)

        return self._finish(person, visit, now, _PROVIDER, prove)

    def not_identified(self, visit: Visit, now: datetime, reason: Reason) -> None:
        """Record, and count, that a provider's answer identified nobody who may sign on; then answer that yourself."""
        try:
            self.refuse(("", None), visit, now, reason, op=_PROVIDER)
        except Unauthenticated:
            return

    def provider_step(self, content: Mapping[str, str], now: datetime) -> str:
        """Return a single-use state that keeps `content` sealed for `LOGIN_STEP_LIFETIME`.

        Nothing is stored before it comes back, so that strangers who ask for many fill no table.
        """
        return self._steps.ticket(StepKind.PROVIDER, content, now)

    def take_provider_step(self, step: str, now: datetime) -> dict[str, str]:
        """Return what `provider_step` kept, once. Raises: Unauthenticated."""
        with self._database.write() as tx:
            found: dict[str, str] = self._steps.spend(tx, StepKind.PROVIDER, step, now).content
        return found

    def pending(self, step: str, now: datetime) -> Pending:
        """Return what is still to be proved. Raises: Unauthenticated: used or too old."""
        with self._database.read() as tx:
            principal = _of(self._steps.look(tx, StepKind.SECOND, step, now))
            return self._pending(tx, step, principal)

    def prove_totp(self, step: str, code: str, visit: Visit, now: datetime) -> SignedOn:
        """Return the session for a right password and a right code; a wrong one may be tried again.

        Raises:
            Unauthenticated: wrong or used code, or the step is used or too old.
            Throttled: too many tries.

        """

        def prove(change: Changes, person: Caller, _step: Step) -> None:
            self._factors.prove_totp(change.tx, person.principal, code, now)

        return self._second(step, "totp", visit, now, prove)

    def prove_recovery(self, step: str, code: str, visit: Visit, now: datetime) -> SignedOn:
        """Return the session for a right password and an unused recovery code. Raises: as `prove_totp`."""

        def prove(change: Changes, person: Caller, _step: Step) -> None:
            self._factors.prove_recovery(change, person.principal, code)

        return self._second(step, "recovery", visit, now, prove)

    def passkey_challenge(self, step: str | None, now: datetime) -> Challenge:
        """Return a challenge for the passkeys of a pending sign-on, or, for None, for any passkey of this site.

        Raises:
            Unauthenticated: the step is used or too old, or its person has no passkey.

        """
        if step is None:
            return self._factors.open_challenge(self.site, now)
        with self._database.read() as tx:
            principal = _of(self._steps.look(tx, StepKind.SECOND, step, now))
            found = self._factors.passkey_challenge(tx, self.site, principal, step, now)
        if found is None:
            raise Unauthenticated(REFUSED)
        return found

    def prove_passkey(self, step: str, response: str, visit: Visit, now: datetime) -> SignedOn:
        """Return the session for the browser's answer (JSON) to the challenge with this step.

        Raises:
            Unauthenticated: it proves nothing, or an answer to this challenge was taken before.
            Throttled: too many tries.

        """
        try:
            asked = self._steps.peek(StepKind.ASSERTION, step, now)
        except Unauthenticated:
            return self._by_passkey_alone(step, response, visit, now)

        def prove(change: Changes, person: Caller, _step: Step) -> None:
            challenged = self.spent(change.tx, StepKind.ASSERTION, step, now)
            found = self._factors.prove_passkey(change.tx, self.site, challenged, response, now)
            if found != person.principal:
                raise Unproved(Reason.WRONG_FACTOR)

        return self._second(asked.content["about"], _PASSKEY, visit, now, prove)

    def without_factor(self, now: datetime) -> list[PrincipalId]:
        """Return the living people who have a password and no confirmed second factor, by number."""
        query = (
            sa.select(_people.c.id, _people.c.ended_at)
            .join(schema.person_password, schema.person_password.c.principal_id == _people.c.id)
            .where(
                _people.c.kind == PrincipalKind.PERSON, schema.person_password.c.ended_at.is_(None)
            )
            .order_by(_people.c.id)
        )
        with self._database.read() as tx:
            return [
                PrincipalId(row.id)
                for row in tx.execute(query).all()
                if not has_ended(row.ended_at, now)
                and not self._factors.kinds(tx, PrincipalId(row.id))
            ]

    # -- joining: before there is a session ------------------------------------------------------

    def joining_totp_offer(self, link: str, name: str, now: datetime) -> Offer:
        """Return a TOTP secret for who joins by this link; `name` is what the authenticator app shows."""
        return self._factors.offer_totp(Owner.link(link, name), self.site, now)

    def joining_passkey_offer(self, link: str, name: str, now: datetime) -> Challenge:
        """Return what the browser needs to make a passkey for who joins by this link."""
        with self._database.read() as tx:
            return self._factors.offer_passkey(tx, Owner.link(link, name), None, self.site, now)

    def joining_totp(self, link: str, step: str, label: str, code: str, now: datetime) -> Enrolment:
        """Return the checked factor, for `Factors.store` in the transaction of joining.

        Raises:
            Unauthenticated: wrong code (it may be tried again), or the offer is of another link, used or too old.
            Malformed: the label's form.

        """
        return self._factors.checked_totp(Owner.link(link, ""), step, label, code, now)

    def joining_passkey(
        self, link: str, step: str, label: str, response: str, now: datetime
    ) -> Enrolment:
        """Return the checked factor, for `Factors.store` in the transaction of joining. Raises: as `joining_totp`."""
        owner = Owner.link(link, "")
        return self._factors.checked_passkey(owner, self.site, step, label, response, now)

    def forget(self, change: Changes, principal: PrincipalId) -> None:
        """End the sessions, steps and known browsers of who joins by a link: they may have lost them."""
        self.end_all(change, principal, Reason.REVOKED)
        self._devices.end_all(change, principal)

    def joined(
        self, change: Changes, principal: PrincipalId, factor: Enrolment | None, visit: Visit
    ) -> SignedOn:
        """Sign on who has just joined by a link, within the transaction that stored what they proved.

        Raises:
            Unauthenticated: there is no living person of this number.

        """
        person = _person(change.tx, _people.c.id == principal, change.now)
        if person is None:
            raise Unauthenticated(REFUSED)
        method = "link" if factor is None else f"link.{factor.kind.value}"
        # The link was theirs, and no other browser is left that could be told.
        return self._start(change, person, visit, method, expected=True)

    # -- private ---------------------------------------------------------------------------------

    def _go_on(
        self, person: Caller, visit: Visit, now: datetime, *, how: str, by: int | None
    ) -> Pending | SignedOn:
        """Return what follows a right first proof, by this row: of a password, or of a link to a provider."""
        principal = person.principal

        def prove(change: Changes) -> None:
            self._refuse_undone(change.tx, principal, how, by)

        with self._database.read() as tx:
            kinds = self._factors.kinds(tx, principal)
        if not kinds and self._passwords.profile.second_factor:
            self.refuse((person.name, principal), visit, now, Reason.WRONG_FACTOR, op=how)
        if not kinds:
            return self._finish(person, visit, now, how, prove)
        with self._database.write() as tx:
            content = {"how": how, "by": by}
            step = self._steps.keep(tx, StepKind.SECOND, principal, content, now)
            pending = self._pending(tx, step, principal)
        self._guard.unfinished(principal, visit, now)
        return pending

    def _pending(self, tx: Transaction, step: str, principal: PrincipalId) -> Pending:
        kinds = self._factors.kinds(tx, principal)
        return Pending(step, totp=kinds.totp, passkey=kinds.passkey, recovery=kinds.recovery > 0)

    def _second(
        self, step: str, factor: str, visit: Visit, now: datetime, prove: _Proof
    ) -> SignedOn:
        """Return the session for an open step and a second factor, each used up in one transaction."""
        with self._database.read() as tx:
            opened = self._steps.look(tx, StepKind.SECOND, step, now)
            person = _person(tx, _people.c.id == _of(opened), now)
        how = f"{opened.content['how']}.{factor}"
        if person is None:
            self.refuse(("", opened.principal), visit, now, Reason.PRINCIPAL_ENDED, op=how)
        self._admitted(person, visit, now, op=how, known_device=factor == _PASSKEY)

        def both(change: Changes) -> None:
            taken = self._taken(change.tx, step, now)
            first = taken.content
            self._refuse_undone(change.tx, person.principal, first["how"], first["by"])
            prove(change, person, taken)

        return self._finish(person, visit, now, how, both)

    def _refuse_undone(
        self, tx: Transaction, principal: PrincipalId, how: str, by: int | None
    ) -> None:
        """Refuse a first proof by a password that was changed since, or by a link that ended. Raises: Unproved."""
        if how == _PASSWORD:
            self.refuse_other_password(tx, principal, by)
        elif by is None or not is_linked(tx, by, principal):
            raise Unproved(Reason.NOT_FOUND)

    def _taken(self, tx: Transaction, step: str, now: datetime) -> Step:
        try:
            return self._steps.take(tx, StepKind.SECOND, step, now)
        except Unauthenticated:
            raise Unproved(Reason.REPLAYED) from None  # another request was faster

    def _by_passkey_alone(self, step: str, response: str, visit: Visit, now: datetime) -> SignedOn:
        with self._database.read() as tx:
            self._steps.peek(StepKind.OPEN_ASSERTION, step, now)
            claimed = self._factors.claimed(tx, response)
            person = None if claimed is None else _person(tx, _people.c.id == claimed, now)
        if person is None:
            # Nobody's passkey: only the address is held to it.
            self._admit("", None, visit, now)
            self.refuse(("", None), visit, now, Reason.WRONG_FACTOR, op=_PASSKEY)
        self._admitted(person, visit, now, op=_PASSKEY, known_device=True)

        def prove(change: Changes) -> None:
            asked = self.spent(change.tx, StepKind.OPEN_ASSERTION, step, now)
            found = self._factors.prove_passkey(change.tx, self.site, asked, response, now)
            if found != person.principal:
                raise Unproved(Reason.WRONG_FACTOR)

        return self._finish(person, visit, now, _PASSKEY, prove)

    def _finish(
        self,
        person: Caller,
        visit: Visit,
        now: datetime,
        method: str,
        prove: Callable[[Changes], None],
    ) -> SignedOn:
        """Return the session of a sign-on whose last proof holds; proof and session are one transaction."""
        principal = person.principal
        try:
            with changing(self._database, self._audit, person, now) as change:
                _refuse_late(change, principal)
                prove(change)
                started = self._start(change, person, visit, method)
        except Unproved as exc:
            if exc.reason is Reason.LOCKED:
                # Admitted before the lock, so it was a try; `refuse` counts none of who is locked.
                self._guard.failed(person.name, principal, visit, now, factor=False)
            self.refuse((person.name, principal), visit, now, exc.reason, op=method)
        self._guard.succeeded(person.name, principal, visit, now)
        return self.noticed(started.session, started.cookie, started.device, now)

    def _start(
        self, change: Changes, person: Caller, visit: Visit, method: str, *, expected: bool = False
    ) -> SignedOn:
        src_ip = self._audit.pseudonym("ip", visit.address)
        device, device_cookie = self._devices.recognise(
            change, person.principal, visit, src_ip, expected=expected
        )
        session, cookie = self._sessions.start(
            change, person, device, visit, method=method, address_ref=src_ip
        )
        change.record(
            EventType.SIGNON_SUCCEEDED,
            ObjKind.PRINCIPAL,
            person.principal,
            op=method,
            src_ip=src_ip,
        )
        return SignedOn(replace(session, current=True), cookie, device_cookie)

    def _admit(
        self,
        name: str,
        principal: PrincipalId | None,
        visit: Visit,
        now: datetime,
        *,
        known_device: bool = False,
    ) -> None:
        """Ask the guard. Raises: Throttled, Locked."""
        if not known_device:
            with self._database.read() as tx:
                whose = _NOBODY if principal is None else principal
                known_device = self._devices.is_known(tx, whose, visit.device, now)
        self._guard.admit(name, principal, visit, now, known_device=known_device)

    def _admitted(
        self, person: Caller, visit: Visit, now: datetime, *, op: str, known_device: bool = False
    ) -> None:
        """Ask the guard, and their networks, for somebody known; a refusal is recorded.

        Raises:
            Throttled, Unauthenticated: as `begin`.

        """
        try:
            self._admit(person.name, person.principal, visit, now, known_device=known_device)
        except Locked:
            self.refuse((person.name, person.principal), visit, now, Reason.LOCKED, op=op)
        self._refuse_kept_out(person, visit, now, op=op)

    def _refuse_kept_out(self, person: Caller, visit: Visit, now: datetime, *, op: str) -> None:
        # Counted and answered as a wrong proof: nobody learns from elsewhere that it is the right one.
        if not self.may_come(person, visit):
            self.refuse((person.name, person.principal), visit, now, Reason.WRONG_NETWORK, op=op)
        with self._database.read() as tx:
            frozen = is_frozen(tx, person.principal, now)
        if frozen:
            self.refuse((person.name, person.principal), visit, now, Reason.SUSPENDED, op=op)


def _refuse_late(change: Changes, principal: PrincipalId) -> None:
    """Refuse who was locked or frozen, or has ended, since they were let try: hashing takes long. Raises: Unproved."""
    # Held: what ends sessions of this person ends this one too, or has happened before it began.
    entries.hold(change.tx, principal)
    if _person(change.tx, _people.c.id == principal, change.now) is None:
        raise Unproved(Reason.PRINCIPAL_ENDED)
    lock = lock_rows.of_person(change.tx, principal)
    if lock is not None and lock.holds(change.now):
        raise Unproved(Reason.LOCKED)
    if is_frozen(change.tx, principal, change.now):
        raise Unproved(Reason.SUSPENDED)


def _person(tx: Transaction, which: sa.ColumnElement[bool], now: datetime) -> Caller | None:
    """Return a living person, as they will act once they are signed on."""
    row = tx.execute(
        sa.select(_people.c.id, _people.c.name, _people.c.ended_at).where(
            which, _people.c.kind == PrincipalKind.PERSON
        )
    ).first()
    if row is None or has_ended(row.ended_at, now):
        return None
    return Caller(PrincipalId(row.id), PrincipalKind.PERSON, row.name, AuthMethod.SESSION)


def _of(step: Step) -> PrincipalId:
    if step.principal is None:
        raise Unauthenticated(REFUSED)
    return step.principal
