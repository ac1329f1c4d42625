"""Takes away once more what was taken away before a home was restored: ids that the log of the lost time names [1.2].

An older database knows them as good. What it does not know at all was given and taken since; there is nothing of it.
"""

from collections.abc import Collection

import sqlalchemy as sa

from strongroom.accounts.changes import Changes
from strongroom.accounts.kept import end_kept
from strongroom.accounts.registered import revoke_certificates
from strongroom.audit import EventType, ObjKind
from strongroom.db.schema import authorization, client_certificate, credential, principal

_HELD = (
    (credential, ObjKind.CREDENTIAL, EventType.CREDENTIAL_REVOKED),
    (authorization, ObjKind.AUTHORIZATION, EventType.AUTHORIZATION_REVOKED),
)


def take_away(change: Changes, taken: Collection[tuple[ObjKind, int]]) -> None:
    """End those principals, credentials, certificates and authorizations that are good, with an event each."""
    for table, kind, type_ in _HELD:
        ids = _named(taken, kind)
        rows = table.c.id.in_(ids) & table.c.revoked_at.is_(None)
        query = table.update().where(rows).values(revoked_at=change.now).returning(table.c.id)
        for (id_,) in change.tx.execute(query).all():
            change.record(type_, kind, id_)
    shown = client_certificate.c.id.in_(_named(taken, ObjKind.CERTIFICATE))
    good = sa.select(client_certificate.c.id).where(
        shown, client_certificate.c.revoked_at.is_(None)
    )
    revoke_certificates(change, [row.id for row in change.tx.execute(good)])
    alive = principal.c.ended_at.is_(None) | (principal.c.ended_at > change.now)
    query = (
        principal.update()
        .where(principal.c.id.in_(_named(taken, ObjKind.PRINCIPAL)), alive)
        .values(ended_at=change.now)
        .returning(principal.c.id)
    )
    for (id_,) in change.tx.execute(query).all():
        end_kept(change, id_)
        change.record(EventType.PRINCIPAL_ENDED, ObjKind.PRINCIPAL, id_)


def _named(taken: Collection[tuple[ObjKind, int]], kind: ObjKind) -> list[int]:
    return sorted(id_ for of, id_ in taken if of is kind)
