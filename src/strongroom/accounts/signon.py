"""The door for people: who signs on, who stays signed on, and what they prove again [1.2, 1.4].

One facade, so that the pages hold no rule. Whatever a method changed is durable when it returns, with its event; a
refusal is recorded before it is answered. A wrong password, an unknown name, a locked or ended account and a person
without a second factor are answered in the same words.
"""

from collections.abc import Mapping
from datetime import datetime

from strongroom.accounts.changes import Changes
from strongroom.accounts.factors import Enrolment
from strongroom.accounts.visits import (
    Challenge,
    Device,
    Factor,
    Notice,
    Offer,
    Pending,
    Session,
    SignedOn,
    Site,
    Visit,
)
from strongroom.audit import Reason
from strongroom.terms import PrincipalId


class SignOn:
    """Signs people on. Safe between threads; slow work is done outside of transactions.

    Methods that take a `Session` take what `check` gave for this request; each looks at the row again and raises
    `Unauthenticated` where the session has ended since. Those that change credentials also raise `NotProvedLately`
    when its person proved nothing within `PROOF_LASTS`: let them prove it by an `again_…` method, set the new cookie,
    and call again. A session with `must_change_password` may only `change_password`, prove again and sign out:
    everything else raises `Denied`.
    """

    site: Site
    """Where the pages are; set it once the listener knows its port. Passkeys are bound to it."""

    # -- signing on ------------------------------------------------------------------------------

    def begin(self, name: str, password: str, visit: Visit, now: datetime) -> Pending | SignedOn:
        """Return what is still to be proved after a right password; or the session, where nothing is.

        Raises:
            Unauthenticated: wrong, unknown, locked, ended or without a second factor: one text.
            Throttled: too many tries; `retry_after` says when.

        """
        raise NotImplementedError

    def identified(
        self, principal: PrincipalId, visit: Visit, now: datetime, *, second_factor: bool
    ) -> Pending | SignedOn:
        """Go on for a person that a provider identified, as `begin` does after a right password.

        `second_factor`: the provider vouches for one, and the settings trust it; then this is the session.

        Raises:
            Unauthenticated, Throttled: as `begin`.

        """
        raise NotImplementedError

    def not_identified(self, visit: Visit, now: datetime, reason: Reason) -> None:
        """Record that a provider's answer identified nobody who may sign on; answer `Unauthenticated` then."""
        raise NotImplementedError

    def provider_step(self, content: Mapping[str, str], now: datetime) -> str:
        """Return a single-use state that keeps `content` sealed for `LOGIN_STEP_LIFETIME`.

        Nothing is stored before it comes back, so that strangers who ask for many fill no table.
        """
        raise NotImplementedError

    def take_provider_step(self, step: str, now: datetime) -> dict[str, str]:
        """Return what `provider_step` kept, once. Raises: Unauthenticated."""
        raise NotImplementedError

    def pending(self, step: str, now: datetime) -> Pending:
        """Return what is still to be proved. Raises: Unauthenticated: used or too old."""
        raise NotImplementedError

    def prove_totp(self, step: str, code: str, visit: Visit, now: datetime) -> SignedOn:
        """Return the session for a right password and a right code; a wrong one may be tried again.

        Raises:
            Unauthenticated: wrong or used code, or the step is used or too old.
            Throttled: too many tries.

        """
        raise NotImplementedError

    def prove_recovery(self, step: str, code: str, visit: Visit, now: datetime) -> SignedOn:
        """Return the session for a right password and an unused recovery code. Raises: as `prove_totp`."""
        raise NotImplementedError

    def passkey_challenge(self, step: str | None, now: datetime) -> Challenge:
        """Return a challenge for the passkeys of a pending sign-on, or, for None, for any passkey of this site.

        Raises:
            Unauthenticated: the step is used or too old, or its person has no passkey.

        """
        raise NotImplementedError

    def prove_passkey(self, step: str, response: str, visit: Visit, now: datetime) -> SignedOn:
        """Return the session for the browser's answer (JSON) to the challenge with this step.

        Raises:
            Unauthenticated: it proves nothing; the challenge is used up.
            Throttled: too many tries.

        """
        raise NotImplementedError

    def joined(
        self, change: Changes, principal: PrincipalId, factor: Enrolment | None, visit: Visit
    ) -> SignedOn:
        """Sign on who has just joined by a link, within the transaction that stored what they proved."""
        raise NotImplementedError

    # -- being signed on -------------------------------------------------------------------------

    def check(self, cookie: str, visit: Visit, now: datetime) -> Session:
        """Return the session of a cookie. Raises: Unauthenticated: nobody's, ended, or from another browser."""
        raise NotImplementedError

    def sign_out(self, session: Session, now: datetime) -> None:
        """End this session. Ending an ended one does nothing."""
        raise NotImplementedError

    def sessions(self, session: Session, now: datetime) -> list[Session]:
        """Return the living sessions of its person, this one as `current`."""
        raise NotImplementedError

    def end_session(self, session: Session, id_: int, now: datetime) -> None:
        """End one of its person's sessions. Raises: NotFound: it is not theirs, or not alive."""
        raise NotImplementedError

    def end_others(self, session: Session, now: datetime) -> int:
        """End every other session of its person; return how many."""
        raise NotImplementedError

    def devices(self, session: Session, now: datetime) -> list[Device]:
        """Return the browsers its person signed on from within `DEVICE_LIFETIME`."""
        raise NotImplementedError

    def notices(self, session: Session, now: datetime) -> list[Notice]:
        """Return what its person should know now."""
        raise NotImplementedError

    def acknowledge(self, session: Session, device: int, now: datetime) -> None:
        """Say that a new device is one's own. Raises: NotFound; Denied: the device speaks for itself."""
        raise NotImplementedError

    def disown(self, session: Session, device: int, now: datetime) -> None:
        """Say "that was not me": its sessions end, and the account is locked for new sign-ons. Raises: NotFound."""
        raise NotImplementedError

    # -- proving again ---------------------------------------------------------------------------

    def again_password(
        self, session: Session, password: str, visit: Visit, now: datetime
    ) -> SignedOn:
        """Return the session proved now, under a new cookie. Raises: Unauthenticated, Throttled."""
        raise NotImplementedError

    def again_totp(self, session: Session, code: str, visit: Visit, now: datetime) -> SignedOn:
        """Return the session proved now, under a new cookie. Raises: Unauthenticated, Throttled."""
        raise NotImplementedError

    def again_passkey_challenge(self, session: Session, now: datetime) -> Challenge:
        """Return a challenge for one's own passkeys. Raises: Conflict: one has none."""
        raise NotImplementedError

    def again_passkey(
        self, session: Session, step: str, response: str, visit: Visit, now: datetime
    ) -> SignedOn:
        """Return the session proved now, under a new cookie. Raises: Unauthenticated, Throttled."""
        raise NotImplementedError

    def change_password(
        self, session: Session, old: str, new: str, visit: Visit, now: datetime
    ) -> SignedOn:
        """Change the password, end the person's other sessions, and return this one under a new cookie.

        Raises:
            Malformed: the new one breaks rules; the message names all of them.
            Conflict: it was changed too lately, or was used before.
            Unauthenticated, Throttled: the old one is wrong.

        """
        raise NotImplementedError

    # -- second factors --------------------------------------------------------------------------

    def factors(self, session: Session) -> list[Factor]:
        """Return its person's second factors."""
        raise NotImplementedError

    def recovery_left(self, session: Session) -> int:
        """Return how many recovery codes its person has left."""
        raise NotImplementedError

    def totp_offer(self, session: Session, now: datetime) -> Offer:
        """Return a new TOTP secret to show; it counts once `confirm_totp` saw a code. Raises: NotProvedLately."""
        raise NotImplementedError

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
        raise NotImplementedError

    def passkey_offer(self, session: Session, now: datetime) -> Challenge:
        """Return what the browser needs to make a passkey. Raises: NotProvedLately."""
        raise NotImplementedError

    def confirm_passkey(
        self, session: Session, step: str, label: str, response: str, now: datetime
    ) -> Factor:
        """Add the passkey the browser made. Raises: as `confirm_totp`; the step is used up either way."""
        raise NotImplementedError

    def remove_factor(self, session: Session, id_: int, now: datetime) -> None:
        """Remove one of one's factors.

        Raises:
            NotFound: it is not one's own.
            Conflict: it is the last one, and the profile asks for one.
            NotProvedLately: see above.

        """
        raise NotImplementedError

    def recovery_codes(self, session: Session, now: datetime) -> list[str]:
        """Return new recovery codes, shown this once; the ones before end. Raises: NotProvedLately."""
        raise NotImplementedError

    # -- joining: before there is a session ------------------------------------------------------

    def joining_totp_offer(self, link: str, name: str, now: datetime) -> Offer:
        """Return a TOTP secret for who joins by this link; `name` is what the authenticator app shows."""
        raise NotImplementedError

    def joining_passkey_offer(self, link: str, name: str, now: datetime) -> Challenge:
        """Return what the browser needs to make a passkey for who joins by this link."""
        raise NotImplementedError

    def joining_totp(self, link: str, step: str, label: str, code: str, now: datetime) -> Enrolment:
        """Return the checked factor, for `Factors.store` in the transaction of joining.

        Raises:
            Unauthenticated: wrong code (it may be tried again), or the offer is of another link, used or too old.
            Malformed: the label's form.

        """
        raise NotImplementedError

    def joining_passkey(
        self, link: str, step: str, label: str, response: str, now: datetime
    ) -> Enrolment:
        """Return the checked factor, for `Factors.store` in the transaction of joining. Raises: as `joining_totp`."""
        raise NotImplementedError
