"""Client certificates of apps and nodes: registered by thumbprint, two at most, a quarter each [1.2, 1.4, 1.5].

A certificate stands for exactly one principal because its row says so under a key of the keystore: the names in it
prove nothing, and a row that is added, given to somebody else, dated anew or revived lets nobody in. Whoever shows one
has proved, in the TLS handshake, to hold its key. Nothing here decides what a principal may do.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts import entries
from strongroom.accounts.changes import Changes
from strongroom.accounts.digests import Digests
from strongroom.accounts.principals import Accounts
from strongroom.accounts.registered import (
    Certificate,
    certificate_of,
    certificates_of,
    revoke_certificates,
)
from strongroom.accounts.rows import Principal
from strongroom.audit import EventType, ObjKind, Reason
from strongroom.crypto.certificate import (
    key_of,
    parse_client_certificate,
    thumbprint,
    thumbprint_of,
)
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, NotFound, Unauthenticated
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import CERTIFICATES_AT_ONCE
from strongroom.terms import AuthMethod, Caller, Environment, PrincipalId, PrincipalKind

_table: Final = schema.client_certificate
_people: Final = schema.principal
_HOLDERS: Final = frozenset({PrincipalKind.APP, PrincipalKind.NODE})


class CertificateRefused(Unauthenticated):
    """A client certificate that lets nobody in; `reason` is for the log alone."""

    def __init__(self, reason: Reason) -> None:
        super().__init__("the client certificate is not valid")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate that a client showed: whose it is, and its thumbprint."""

    caller: Caller
    thumbprint: bytes
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the API's listener trusts: PEM texts, and a number that is another one after every change."""

    generation: int
    pems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    certificate: Certificate
    caller: Caller
    pem: str
    holder_ends_at: datetime | None
    is_sound: bool


class Certificates:
    """The client certificates of one home. Changes are durable on return, with their event. Safe between threads."""

    def __init__(
        self, database: Database, key: bytes, accounts: Accounts, environment: Environment
    ) -> None:
        self._database = database
        self._digests = Digests(key, environment)
        self._accounts = accounts
        self._book: tuple[int, dict[bytes, _Entry]] | None = None

    def __repr__(self) -> str:
        return "<certificates>"

    # -- changes ---------------------------------------------------------------------------------

    def register(self, name: str, pem: str, *, caller: Caller, now: datetime) -> Certificate:
        """Let the holder of a certificate's key act as this app or node, beside at most one other certificate.

        Raises:
            Malformed: it is no certificate fit for a client, or that of a certificate authority.
            NotFound: no such app or node.
            Conflict: the account has ended, two certificates work already, or this certificate or its key was ever
                registered.

        """
        with self._accounts.changes(caller, now) as change:
            return self.add(change, _holder(change, name), pem)

    def add(self, change: Changes, principal: Principal, pem: str) -> Certificate:
        """Do what `register` does, in the caller's transaction."""
        parsed = parse_client_certificate(pem, change.now)
        live = [c for c in certificates_of(change.tx, principal.id) if c.works(change.now)]
        if len(live) >= CERTIFICATES_AT_ONCE:
            raise Conflict(
                f"{principal.name} has two certificates already",
                hint="revoke one, or wait for the older one to end",
            )
        _refuse_known(change.tx, parsed.thumbprint, parsed.key)
        id_: int = change.tx.execute(
            _table.insert()
            .values(
                principal_id=principal.id,
                thumbprint=parsed.thumbprint,
                bound=self._digests.of_certificate(parsed.thumbprint, principal.id, change.now),
                certificate=parsed.pem,
                not_after=parsed.not_after,
                created_at=change.now,
            )
            .returning(_table.c.id)
        ).scalar_one()
        change.record(EventType.CERTIFICATE_REGISTERED, ObjKind.CERTIFICATE, id_)
        return Certificate(
            id_, parsed.thumbprint.hex(), parsed.not_after, change.now, revoked_at=None
        )

    def revoke(self, name: str, id_: int, *, caller: Caller, now: datetime) -> Certificate:
        """End one certificate of an app or node at once, on connections that are open as well.

        Raises:
            NotFound: no such app or node, or it has no such certificate.
            Conflict: it was revoked already.

        """
        with self._accounts.changes(caller, now) as change:
            principal = entries.find(change.tx, name.lower())
            if principal is None or principal.kind not in _HOLDERS:
                raise NotFound("no app or node of this name")
            found = next((c for c in certificates_of(change.tx, principal.id) if c.id == id_), None)
            if found is None:
                raise NotFound(f"{principal.name} has no certificate {id_}")
            if found.revoked_at is not None:
                raise Conflict(f"certificate {id_} was revoked already")
            revoke_certificates(change, [id_])
        return Certificate(
            found.id, found.thumbprint, found.not_after, found.created_at, revoked_at=now
        )

    def listed(self, name: str) -> list[Certificate]:
        """Return the certificates of an app or node, oldest first, dead ones too. Raises: NotFound."""
        principal = self._accounts.find(name)
        with self._database.read() as tx:
            return certificates_of(tx, principal.id)

    # -- checks ----------------------------------------------------------------------------------

    def find(self, der: bytes, now: datetime) -> Caller | None:
        """Return whom a certificate stands for; None where it lets nobody in."""
        try:
            return self.check(der, now).caller
        except CertificateRefused:
            return None

    def check(self, der: bytes, now: datetime) -> Shown:
        """Return whom a certificate, shown in the handshake, stands for; mostly from memory.

        Raises:
            CertificateRefused: it is not registered, revoked or too old, its account has ended or is frozen, or its
                row is not the one that was written; record it with the refused request.

        """
        print_ = thumbprint(der)
        entry = self._entries()[1].get(print_)
        if entry is None:
            raise CertificateRefused(Reason.WRONG_CREDENTIAL)
        if entry.certificate.revoked_at is not None:
            raise CertificateRefused(Reason.REVOKED)
        if not entry.is_sound:
            raise CertificateRefused(Reason.TAMPERED)
        if has_ended(entry.holder_ends_at, now):
            raise CertificateRefused(Reason.REVOKED)
        if not entry.certificate.works(now):
            raise CertificateRefused(Reason.EXPIRED_CREDENTIAL)
        if self._accounts.standing.is_frozen(entry.caller.principal, now):
            raise CertificateRefused(Reason.SUSPENDED)
        return Shown(entry.caller, print_, entry.certificate.ends_at)

    def anchors(self, now: datetime) -> Anchors:
        """Return what a handshake may be finished with; `check` is asked again for each request."""
        generation, book = self._entries()
        return Anchors(
            generation,
            tuple(
                entry.pem
                for entry in book.values()
                if entry.is_sound
                and entry.certificate.works(now)
                and not has_ended(entry.holder_ends_at, now)
            ),
        )

    @property
    def generation(self) -> int:
        """Another number after every change of accounts or certificates: then ask for `anchors` again."""
        return self._accounts.generation

    # -- private ---------------------------------------------------------------------------------

    def _entries(self) -> tuple[int, dict[bytes, _Entry]]:
        # Before the read: what changes meanwhile makes it stale at once.
        generation = self._accounts.generation
        book = self._book
        if book is None or book[0] != generation:
            book = self._book = generation, self._read()
        return book

    def _read(self) -> dict[bytes, _Entry]:
        query = sa.select(
            _table, _people.c.name, _people.c.kind, _people.c.ended_at.label("holder_ends_at")
        ).join(_people, _people.c.id == _table.c.principal_id)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return {bytes(row.thumbprint): self._entry(row) for row in rows}

    def _entry(self, row: sa.Row[tuple[object, ...]]) -> _Entry:
        owner, kind = PrincipalId(row.principal_id), PrincipalKind(row.kind)
        print_ = bytes(row.thumbprint)
        bound = self._digests.of_certificate(print_, owner, row.created_at)
        is_sound = (
            kind in _HOLDERS
            and hmac.compare_digest(bound, bytes(row.bound))
            # What a handshake would trust is the PEM beside it.
            and hmac.compare_digest(print_, thumbprint_of(row.certificate))
        )
        caller = Caller(owner, kind, row.name, AuthMethod.CERTIFICATE)
        return _Entry(certificate_of(row), caller, row.certificate, row.holder_ends_at, is_sound)


def _holder(change: Changes, name: str) -> Principal:
    found = entries.living(change, name, None)
    if found.kind not in _HOLDERS:
        raise NotFound("no app or node of this name")
    return found


def _refuse_known(tx: Transaction, print_: bytes, key: bytes) -> None:
    """Refuse a key that has stood for anybody before: what is renewed is the key, not its date."""
    for row in tx.execute(sa.select(_table.c.thumbprint, _table.c.certificate)):
        if bytes(row.thumbprint) == print_ or key_of(row.certificate) == key:
            raise Conflict(
                "this certificate or its key was registered before",
                hint="make a new key, and a certificate for it",
            )
