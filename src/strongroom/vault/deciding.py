"""Decides at the door, and counts the records that each grant brings out on a day [1.3].

All inside the door's own transaction. A record counts once a day, however many of its values are
read. Whoever would be one too many is refused in the transaction that records the refusal, so that
two at once never share the last place.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from strongroom.db.engine import Transaction
from strongroom.db.schema import grant as grants_table
from strongroom.db.schema import grant_use
from strongroom.policy.grants import Allow, Decision, Deny, DenyReason, Grant, decide
from strongroom.policy.retention import DAY
from strongroom.terms import Action, Category, Purpose, RecordNumber, SellerId
from strongroom.vault.restrictions import is_barred


def choose(
    tx: Transaction,
    grants: Sequence[Grant],
    *,
    action: Action,
    purpose: Purpose,
    category: Category | None,
    seller: SellerId,
    now: datetime,
    records: Sequence[RecordNumber] = (),
) -> Decision:
    """Return `decide()`'s answer, and count `records` against the grant that allows them.

    A grant whose budget does not suffice is passed over, as if it were not there. Of a record that is restricted no
    grant lets anything out but for its subject's own request [2.2].
    """
    budgets = {grant.id: grant.budget for grant in grants if grant.budget is not None}
    spent: set[int] = set()
    while True:
        decision = decide(
            grants,
            action=action,
            purpose=purpose,
            category=category,
            seller=seller,
            now=now,
            spent=spent,
        )
        if not isinstance(decision, Allow):
            return decision
        if is_barred(tx, grants[0].principal, records, action, purpose, now):
            return Deny(DenyReason.RESTRICTED)
        if decision.grant not in budgets:
            return decision
        if _spend(tx, decision.grant, budgets[decision.grant], records, now):
            return decision
        spent.add(decision.grant)


def choose_each(
    tx: Transaction,
    grants: Sequence[Grant],
    wanted: Iterable[Category],
    purpose: Purpose,
    seller: SellerId,
    now: datetime,
    *,
    records: Sequence[RecordNumber] = (),
) -> dict[Category, Decision]:
    """Return the decision about revealing each category."""
    return {
        category: choose(
            tx,
            grants,
            action=Action.REVEAL,
            purpose=purpose,
            category=category,
            seller=seller,
            now=now,
            records=records,
        )
        for category in sorted(wanted)
    }


def as_one(decisions: dict[Category, Decision], *, all_of_them: bool) -> Decision:
    """Return the decision about an order: any category suffices, unless each was asked for by name."""
    refused = [d for d in decisions.values() if isinstance(d, Deny)]
    allowed = [d for d in decisions.values() if isinstance(d, Allow)]
    return allowed[0] if allowed and not (all_of_them and refused) else refused[0]


def choose_for_search(
    tx: Transaction,
    grants: Sequence[Grant],
    purpose: Purpose,
    category: Category | None,
    seller: SellerId,
    now: datetime,
    records: Sequence[RecordNumber] = (),
) -> Decision:
    """Decide about a search; an order id, which names no category, also goes with a grant to reveal."""
    found: Decision = Deny(DenyReason.NO_GRANT)
    for action in (Action.SEARCH, Action.REVEAL) if category is None else (Action.SEARCH,):
        found = choose(
            tx,
            grants,
            action=action,
            purpose=purpose,
            category=category,
            seller=seller,
            now=now,
            records=records,
        )
        if isinstance(found, Allow):
            break
    return found


def used(tx: Transaction, grant: int, now: datetime) -> int:
    """Return how many records a grant with a budget has brought out on this UTC day."""
    return tx.execute(
        sa.select(sa.func.count()).where(
            grant_use.c.grant_id == grant, grant_use.c.day == _day(now)
        )
    ).scalar_one()


def _spend(
    tx: Transaction, grant: int, budget: int, records: Sequence[RecordNumber], now: datetime
) -> bool:
    if not records:
        return True
    # PostgreSQL: whoever comes second waits here, and then counts what the first one took. SQLite
    # writes one after the other anyhow.
    tx.execute(sa.select(grants_table.c.id).where(grants_table.c.id == grant).with_for_update())
    before, day = used(tx, grant, now), _day(now)
    known = tx.execute(
        sa.select(grant_use.c.record_number).where(
            grant_use.c.grant_id == grant,
            grant_use.c.day == day,
            grant_use.c.record_number.in_(records),
        )
    ).scalars()
    fresh = set(records) - set(known)
    if before + len(fresh) > budget:
        return False
    if before == 0:
        tx.execute(grant_use.delete().where(grant_use.c.grant_id == grant, grant_use.c.day < day))
    if fresh:
        rows = [{"grant_id": grant, "day": day, "record_number": number} for number in fresh]
        tx.execute(grant_use.insert(), rows)
    return True


def _day(now: datetime) -> int:
    return int(now.timestamp()) // DAY
