"""Client secrets: made, succeeded by the next one, and revoked; shown once and kept as a digest [1.2, 1.4, 2.5]."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.changes import Changes
from strongroom.accounts.digests import Digests
from strongroom.accounts.rows import Principal, ends_at, secrets_of
from strongroom.audit import EventType, ObjKind, Reason
from strongroom.db import schema
from strongroom.errors import Conflict, Malformed
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import APP_SECRET_OVERLAP

_table: Final = schema.credential


class Credentials:
    """Writes the credentials of one home, in the caller's transaction."""

    def __init__(self, digests: Digests, entropy: Callable[[int], bytes]) -> None:
        self._digests = digests
        self._entropy = entropy

    def __repr__(self) -> str:
        return "<credentials>"

    def issue(self, change: Changes, principal: Principal) -> tuple[str, str]:
        """Return a new client id and secret; this is the only time that the secret is seen."""
        client_id = "amzn1.application-oa2-client." + self._entropy(16).hex()
        secret = "amzn1.oa2-cs.v1." + self._entropy(32).hex()
        id_ = change.tx.execute(
            _table.insert()
            .values(
                principal_id=principal.id,
                client_id=client_id,
                secret_hash=self._digests.of_secret(client_id, principal.id, secret),
                created_at=change.now,
            )
            .returning(_table.c.id)
        ).scalar_one()
        change.record(EventType.CREDENTIAL_ISSUED, ObjKind.CREDENTIAL, id_)
        return client_id, secret

    def succeed(self, change: Changes, principal: Principal, overlap: timedelta) -> tuple[str, str]:
        """Return a second client id and secret; the one before stays good for `overlap` [1.4].

        Raises:
            Malformed: the overlap is longer than a week.
            Conflict: two secrets are good already.

        """
        if not timedelta(0) <= overlap <= APP_SECRET_OVERLAP:
            raise Malformed(f"the old secret stays good for 0 to {APP_SECRET_OVERLAP.days} days")
        live = [s for s in secrets_of(change.tx, principal.id) if s.works(change.now)]
        if len(live) > 1:
            raise Conflict(
                f"{principal.name} has two secrets already",
                hint=f"the older one ends at {live[0].ends_at:%Y-%m-%d %H:%M} UTC",
            )
        change.tx.execute(
            _table.update()
            .where(_table.c.id.in_([secret.id for secret in live]))
            .values(expires_at=change.now + overlap)
        )
        return self.issue(change, principal)


def revoke_credentials(change: Changes, principal: Principal) -> None:
    """Revoke every credential that is not revoked yet, with an event each."""
    revoked = change.tx.execute(
        _table.update()
        .where(_table.c.principal_id == principal.id, _table.c.revoked_at.is_(None))
        .values(revoked_at=change.now)
        .returning(_table.c.id)
    ).all()
    for row in revoked:
        change.record(EventType.CREDENTIAL_REVOKED, ObjKind.CREDENTIAL, row.id)


def dead(row: sa.Row[tuple[object, ...]], now: datetime) -> Reason | None:
    """Return why a credential that matched is good no more."""
    if has_ended(row.ended_at, now) or has_ended(row.revoked_at, now):
        return Reason.REVOKED
    return Reason.EXPIRED_CREDENTIAL if has_ended(ends_at(row), now) else None
