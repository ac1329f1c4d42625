"""Which records were restricted by whose they are, and who may read them all the same; asked with every decision [2.2].

A restriction keeps the record and its tokens; nothing of it comes out, by whatever way: every way out asks `choose`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.policy.restricting import is_own_request
from strongroom.terms import Action, PrincipalId, Purpose, RecordNumber
from strongroom.vault.store import Row

_r: Final = schema.restriction.c
_p: Final = schema.restriction_permit.c
_CHUNK: Final = 400
_OF: Final = sa.select(_r.record_number, _r.request_id).where(
    _r.record_number.in_(bindparam("numbers", expanding=True))
)
_OF_ONE: Final = sa.select(_r.request_id).where(_r.record_number == bindparam("number"))
_PERMITS: Final = sa.select(_p.request_id).where(
    _p.principal_id == bindparam("principal"),
    _p.request_id.in_(bindparam("requests", expanding=True)),
    _p.approved_at <= bindparam("now"),
    _p.expires_at > bindparam("now"),
    _p.ended_at.is_(None),
)


def restricted(tx: Transaction, records: Sequence[RecordNumber]) -> dict[RecordNumber, set[int]]:
    """Return those of the records that are restricted, each with the requests that it is by."""
    if len(records) == 1:
        # Nearly every decision is about one, and a list of them takes its statement to be made anew.
        by = set(tx.execute(_OF_ONE, {"number": records[0]}).scalars())
        return {records[0]: by} if by else {}
    found: dict[RecordNumber, set[int]] = {}
    for start in range(0, len(records), _CHUNK):
        numbers = list(records[start : start + _CHUNK])
        for number, request in tx.execute(_OF, {"numbers": numbers}):
            found.setdefault(RecordNumber(number), set()).add(request)
    return found


def barred(
    tx: Transaction,
    principal: PrincipalId,
    records: Sequence[RecordNumber],
    action: Action,
    purpose: Purpose,
    now: datetime,
) -> set[RecordNumber]:
    """Return those of the records that a restriction keeps from this principal now."""
    if not records or is_own_request(action, purpose):
        return set()
    found = restricted(tx, records)
    if not found:
        return set()
    requests = sorted(set().union(*found.values()))
    values = {"principal": principal, "requests": requests, "now": now}
    permitted = set(tx.execute(_PERMITS, values).scalars())
    return {number for number, by in found.items() if not by <= permitted}


def is_barred(
    tx: Transaction,
    principal: PrincipalId,
    records: Sequence[RecordNumber],
    action: Action,
    purpose: Purpose,
    now: datetime,
) -> bool:
    """Say whether a restriction keeps any of the records from this principal now."""
    return bool(barred(tx, principal, records, action, purpose, now))


def unbarred(
    tx: Transaction, principal: PrincipalId, rows: Sequence[Row], purpose: Purpose, now: datetime
) -> list[Row]:
    """Return the candidates of a search without those that a restriction keeps from it."""
    kept = barred(tx, principal, [row.number for row in rows], Action.SEARCH, purpose, now)
    return [row for row in rows if row.number not in kept]
