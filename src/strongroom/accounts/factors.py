"""Second factors: what a person proves besides the password [1.4].

TOTP (RFC 6238, as every authenticator app has it), passkeys, and recovery codes for who lost both. Each proof is used
once: a TOTP step and a passkey's counter only rise, by compare-and-set; a recovery code is ended as it is used. TOTP
secrets lie sealed, recovery codes as keyed digests, and a passkey's row carries a seal that holds it to its owner.
"""

import base64
import hmac
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pyotp
import sqlalchemy as sa

from strongroom.accounts import passkeys
from strongroom.accounts.changes import Changes
from strongroom.accounts.sealing import Sealing
from strongroom.accounts.steps import Step, StepKind, Steps
from strongroom.accounts.visits import Challenge, Factor, FactorKind, Offer, Site
from strongroom.audit import EventType, ObjKind, Reason
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import Conflict, Malformed, NotFound, Unauthenticated
from strongroom.policy.limits import FACTORS_PER_PERSON, RECOVERY_CODES, PasswordProfile
from strongroom.terms import PrincipalId

TOTP_SECONDS: Final = 30
TOTP_DIGITS: Final = 6

_TOTP_SECRET_BYTES: Final = 20  # RFC 4226, section 4: as long as SHA-1's output
_LONGEST_LABEL: Final = 64

_table: Final = schema.second_factor
_codes: Final = schema.recovery_code
_people: Final = schema.principal


class Unproved(Unauthenticated):
    """A factor proved nothing; `reason` is for the log, never for who tried."""

    def __init__(self, reason: Reason) -> None:
        super().__init__("the proof is not valid")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a new factor will be: a person, or whoever joins by a link that nobody knows yet."""

    place: str = field(repr=False)
    """What binds an offer to its owner."""
    name: str
    """What an authenticator shows."""

    @classmethod
    def person(cls, principal: PrincipalId, name: str) -> "Owner":
        """Return a known person."""
        return cls(f"person:{principal}", name)

    @classmethod
    def link(cls, code: str, name: str) -> "Owner":
        """Return whoever joins by the one-time link with this code."""
        return cls(f"link:{code}", name)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A factor that was proved to work and is not stored yet; `Factors.store` stores it once."""

    kind: FactorKind
    label: str
    step: str = field(repr=False)
    counter: int
    secret: bytes | None = field(repr=False, default=None)
    credential_id: bytes | None = None
    public_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Kinds:
    """What a person can prove; `recovery` is how many codes are left."""

    totp: bool
    passkey: bool
    recovery: int

    def __bool__(self) -> bool:
        """Tell whether there is a second factor; recovery codes alone are none."""
        return self.totp or self.passkey


class Factors:
    """The second factors of one home. Safe between threads; durable with the caller's transaction.

    Methods that prove something raise `Unproved` and change nothing where it does not hold.
    """

    def __init__(self, sealing: Sealing, steps: Steps, profile: PasswordProfile) -> None:
        self._sealing = sealing
        self._steps = steps
        self._profile = profile

    # -- what there is ---------------------------------------------------------------------------

    def kinds(self, tx: Transaction, principal: PrincipalId) -> Kinds:
        """Return what this person can prove."""
        found = {row.kind for row in tx.execute(_living(principal))}
        left = sa.select(sa.func.count()).select_from(_codes).where(*_unused(principal))
        return Kinds(
            FactorKind.TOTP in found, FactorKind.PASSKEY in found, tx.execute(left).scalar_one()
        )

    def listed(self, tx: Transaction, principal: PrincipalId) -> list[Factor]:
        """Return this person's factors, oldest first."""
        return [_factor(row) for row in tx.execute(_living(principal).order_by(_table.c.id))]

    # -- proving ---------------------------------------------------------------------------------

    def prove_totp(self, tx: Transaction, principal: PrincipalId, code: str, now: datetime) -> int:
        """Use up a TOTP code; return the factor's id. A code of a step before the last one used counts as replayed."""
        reason = Reason.WRONG_FACTOR
        for row in tx.execute(_living(principal, FactorKind.TOTP)).all():
            step = _step_of(self._sealing.open_secret(principal, row.secret), code, now)
            if step is None:
                continue
            used = tx.execute(
                _table.update()
                .where(_table.c.id == row.id, _table.c.counter < step, _table.c.ended_at.is_(None))
                .values(counter=step, used_at=now)
            )
            if used.rowcount == 1:
                id_: int = row.id
                return id_
            reason = Reason.REPLAYED
        raise Unproved(reason)

    def prove_recovery(self, change: Changes, principal: PrincipalId, code: str) -> None:
        """Use up a recovery code."""
        used = change.tx.execute(
            _codes.update()
            .where(
                _codes.c.digest == self._sealing.of_recovery(principal, code), *_unused(principal)
            )
            .values(used_at=change.now)
            .returning(_codes.c.id)
        ).first()
        if used is None:
            raise Unproved(Reason.WRONG_FACTOR)
        change.record(EventType.RECOVERY_CODE_USED, ObjKind.FACTOR, used.id)

    def passkey_challenge(
        self, tx: Transaction, site: Site, principal: PrincipalId, about: str, now: datetime
    ) -> Challenge | None:
        """Return a challenge for this person's passkeys, bound to what it is `about`; None where they have none."""
        known = self._passkeys(tx, principal)
        if not known:
            return None
        challenge = self._sealing.random(passkeys.CHALLENGE_BYTES)
        content = {"challenge": challenge.hex(), "person": principal, "about": about}
        step = self._steps.ticket(StepKind.ASSERTION, content, now)
        return Challenge(step, passkeys.assertion_options(site, challenge, known))

    def open_challenge(self, site: Site, now: datetime) -> Challenge:
        """Return a challenge for whoever has a passkey of this site."""
        challenge = self._sealing.random(passkeys.CHALLENGE_BYTES)
        step = self._steps.ticket(StepKind.OPEN_ASSERTION, {"challenge": challenge.hex()}, now)
        return Challenge(step, passkeys.assertion_options(site, challenge, []))

    def claimed(self, tx: Transaction, response: str) -> PrincipalId | None:
        """Return whose passkey an answer claims to be of: nothing is proved by that."""
        row = self._claimed(tx, response)
        return None if row is None else PrincipalId(row.principal_id)

    def prove_passkey(
        self, tx: Transaction, site: Site, step: Step, response: str, now: datetime
    ) -> PrincipalId:
        """Use up a passkey's answer to the challenge of a step; return whose it is."""
        row = self._claimed(tx, response)
        if row is None or step.content.get("person", row.principal_id) != row.principal_id:
            raise Unproved(Reason.WRONG_FACTOR)
        owner, key = PrincipalId(row.principal_id), bytes(row.public_key)
        self._sealing.refuse_swapped(owner, bytes(row.credential_id), key, bytes(row.secret))
        challenge = bytes.fromhex(step.content["challenge"])
        try:
            counter = passkeys.asserted(site, challenge, response, key)
        except Unauthenticated:
            raise Unproved(Reason.WRONG_FACTOR) from None
        # Authenticators without a counter always say 0. One that stands still or falls is a copy's.
        if counter <= row.counter and (counter, row.counter) != (0, 0):
            raise Unproved(Reason.REPLAYED)
        used = tx.execute(
            _table.update()
            .where(
                _table.c.id == row.id,
                _table.c.counter == row.counter,
                _table.c.ended_at.is_(None),
            )
            .values(counter=counter, used_at=now)
        )
        if used.rowcount != 1:
            raise Unproved(Reason.REPLAYED)
        return owner

    # -- adding ----------------------------------------------------------------------------------

    def offer_totp(self, owner: Owner, site: Site, now: datetime) -> Offer:
        """Return a new secret to show; it counts once a code of it was seen. Nothing is stored before that."""
        raw = self._sealing.random(_TOTP_SECRET_BYTES)
        secret = base64.b32encode(raw).decode()
        uri = pyotp.TOTP(secret).provisioning_uri(
            name=owner.name, issuer_name=f"Strongroom {site.host}"
        )
        content = {"secret": raw.hex(), "owner": self._bound(owner)}
        return Offer(self._steps.ticket(StepKind.TOTP, content, now), secret, uri)

    def checked_totp(
        self, owner: Owner, step: str, label: str, code: str, now: datetime
    ) -> Enrolment:
        """Return the offered secret as a factor to store, after a right code of it. A wrong one may be tried again."""
        content = self._offered(StepKind.TOTP, owner, step, now)
        raw = bytes.fromhex(content["secret"])
        counter = _step_of(raw, code, now)
        if counter is None:
            raise Unproved(Reason.WRONG_FACTOR)
        return Enrolment(FactorKind.TOTP, _label(label), step, counter, secret=raw)

    def offer_passkey(
        self,
        tx: Transaction,
        owner: Owner,
        principal: PrincipalId | None,
        site: Site,
        now: datetime,
    ) -> Challenge:
        """Return what a browser needs to make a passkey; it is asked to make none where one is already."""
        challenge = self._sealing.random(passkeys.CHALLENGE_BYTES)
        content = {"challenge": challenge.hex(), "owner": self._bound(owner)}
        options = passkeys.registration_options(
            site,
            name=owner.name,
            handle=self._sealing.handle(owner.place),
            challenge=challenge,
            known=[] if principal is None else self._passkeys(tx, principal),
        )
        return Challenge(self._steps.ticket(StepKind.REGISTRATION, content, now), options)

    def checked_passkey(
        self, owner: Owner, site: Site, step: str, label: str, response: str, now: datetime
    ) -> Enrolment:
        """Return the passkey a browser made as a factor to store."""
        content = self._offered(StepKind.REGISTRATION, owner, step, now)
        try:
            made = passkeys.registered(site, bytes.fromhex(content["challenge"]), response)
        except Unauthenticated:
            raise Unproved(Reason.WRONG_FACTOR) from None
        return Enrolment(
            FactorKind.PASSKEY,
            _label(label),
            step,
            made.counter,
            credential_id=made.credential_id,
            public_key=made.public_key,
        )

    def store(self, change: Changes, principal: PrincipalId, enrolment: Enrolment) -> int:
        """Store a checked factor as this person's; return its id.

        Raises:
            Unauthenticated: the enrolment was stored before, or is too old.
            Conflict: the person has too many factors, or the passkey is known.

        """
        tx, is_totp = change.tx, enrolment.kind is FactorKind.TOTP
        kind = StepKind.TOTP if is_totp else StepKind.REGISTRATION
        self._steps.spend(tx, kind, enrolment.step, change.now)
        _lock(tx, principal)
        if len(tx.execute(_living(principal)).all()) >= FACTORS_PER_PERSON:
            raise Conflict(
                f"a person has at most {FACTORS_PER_PERSON} factors", hint="remove one first"
            )
        if enrolment.secret is not None:
            sealed = self._sealing.seal_secret(principal, enrolment.secret)
        else:
            credential_id, key = enrolment.credential_id or b"", enrolment.public_key or b""
            if tx.execute(_passkey(credential_id, living=False)).first() is not None:
                raise Conflict("this passkey is known already")
            sealed = self._sealing.vouch(principal, credential_id, key)
        id_: int = tx.execute(
            _table.insert()
            .values(
                principal_id=principal,
                kind=enrolment.kind,
                label=enrolment.label,
                secret=sealed,
                credential_id=enrolment.credential_id,
                public_key=enrolment.public_key,
                counter=enrolment.counter,
                created_at=change.now,
                confirmed_at=change.now,
            )
            .returning(_table.c.id)
        ).scalar_one()
        change.record(EventType.FACTOR_ADDED, ObjKind.FACTOR, id_, op=enrolment.kind.value)
        return id_

    def issue_recovery(self, change: Changes, principal: PrincipalId) -> list[str]:
        """Return new recovery codes, shown this once; the person's earlier ones end."""
        _lock(change.tx, principal)
        self._end_recovery(change, principal)
        codes = [self._sealing.recovery_code() for _ in range(RECOVERY_CODES)]
        rows = [
            {
                "principal_id": principal,
                "digest": self._sealing.of_recovery(principal, code),
                "created_at": change.now,
            }
            for code in codes
        ]
        change.tx.execute(_codes.insert(), rows)
        change.record(EventType.RECOVERY_CODES_ISSUED, ObjKind.PRINCIPAL, principal)
        return codes

    # -- ending ----------------------------------------------------------------------------------

    def remove(self, change: Changes, principal: PrincipalId, id_: int) -> None:
        """End one of this person's factors.

        Raises:
            NotFound: it is not theirs, or not alive.
            Conflict: it is the last one, and the profile asks for one.

        """
        # Of two removals at once the second must see the first: else both leave "one more".
        _lock(change.tx, principal)
        living = {row.id: row.kind for row in change.tx.execute(_living(principal))}
        if id_ not in living:
            raise NotFound("no such factor")
        if len(living) == 1:
            if self._profile.second_factor:
                raise Conflict("the last second factor stays [1.4]", hint="add another one first")
            # They stand in for a factor, and there is none any more.
            self._end_recovery(change, principal)
        self._end(change, id_, living[id_])

    def end_all(self, change: Changes, principal: PrincipalId) -> None:
        """End every factor and recovery code of this person."""
        _lock(change.tx, principal)
        for row in change.tx.execute(_living(principal)).all():
            self._end(change, row.id, row.kind)
        self._end_recovery(change, principal)

    # -- private ---------------------------------------------------------------------------------

    def _end(self, change: Changes, id_: int, kind: str) -> None:
        change.tx.execute(_table.update().where(_table.c.id == id_).values(ended_at=change.now))
        change.record(EventType.FACTOR_REMOVED, ObjKind.FACTOR, id_, op=FactorKind(kind).value)

    def _end_recovery(self, change: Changes, principal: PrincipalId) -> None:
        change.tx.execute(_codes.update().where(*_unused(principal)).values(ended_at=change.now))

    def _claimed(self, tx: Transaction, response: str) -> sa.Row[tuple[object, ...]] | None:
        try:
            claimed = passkeys.claimed(response)
        except Unauthenticated:
            return None
        return tx.execute(_passkey(claimed)).first()

    def _passkeys(self, tx: Transaction, principal: PrincipalId) -> list[bytes]:
        rows = tx.execute(_living(principal, FactorKind.PASSKEY))
        return [bytes(row.credential_id) for row in rows]

    def _bound(self, owner: Owner) -> str:
        return self._sealing.of_step("owner", owner.place).hex()

    def _offered(self, kind: StepKind, owner: Owner, step: str, now: datetime) -> dict[str, str]:
        content = self._steps.peek(kind, step, now).content
        if not hmac.compare_digest(content["owner"], self._bound(owner)):
            raise Unproved(Reason.WRONG_FACTOR)
        return content


def _living(
    principal: PrincipalId, kind: FactorKind | None = None
) -> sa.Select[tuple[object, ...]]:
    query = sa.select(_table).where(
        _table.c.principal_id == principal,
        _table.c.confirmed_at.is_not(None),
        _table.c.ended_at.is_(None),
    )
    return query if kind is None else query.where(_table.c.kind == kind)


def _passkey(credential_id: bytes, *, living: bool = True) -> sa.Select[tuple[object, ...]]:
    query = sa.select(_table).where(_table.c.credential_id == credential_id)
    return query.where(_table.c.ended_at.is_(None)) if living else query


def _unused(principal: PrincipalId) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _codes.c.principal_id == principal,
        _codes.c.used_at.is_(None),
        _codes.c.ended_at.is_(None),
    )


def _lock(tx: Transaction, principal: PrincipalId) -> None:
    """Let one transaction at a time change what this person has; SQLite has one writer anyway."""
    tx.execute(sa.select(_people.c.id).where(_people.c.id == principal).with_for_update())


def _factor(row: sa.Row[tuple[object, ...]]) -> Factor:
    return Factor(row.id, FactorKind(row.kind), row.label, row.created_at, row.used_at)


def _step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """Return which 30 seconds a code is of: the present ones, or those right before or after; else None."""
    typed = "".join(code[:32].split())
    if len(typed) != TOTP_DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    totp = pyotp.TOTP(base64.b32encode(secret).decode(), digits=TOTP_DIGITS, interval=TOTP_SECONDS)
    present = int(now.timestamp()) // TOTP_SECONDS
    matched = None
    for step in (present - 1, present, present + 1):
        if hmac.compare_digest(totp.at(step * TOTP_SECONDS), typed):
            matched = step
    return matched


def _label(text: str) -> str:
    label = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(label) <= _LONGEST_LABEL or not label.isprintable():
        raise Malformed(f"a label is 1 to {_LONGEST_LABEL} printable characters")
    return label
