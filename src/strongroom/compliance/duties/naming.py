"""Names of people in rows, of those who have left too."""

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from strongroom.db.engine import Transaction
from strongroom.db.schema import principal as _people
from strongroom.terms import PrincipalId

UNKNOWN: Final = "somebody unknown"
"""For a number that no principal has: only a forged row names one."""


def names_in(tx: Transaction, people: Collection[int | None]) -> dict[PrincipalId, str]:
    """Return the name of each number."""
    wanted = {number for number in people if number is not None}
    query = sa.select(_people.c.id, _people.c.name).where(_people.c.id.in_(wanted))
    known = {row.id: row.name for row in tx.execute(query)} if wanted else {}
    return {PrincipalId(number): known.get(number, UNKNOWN) for number in wanted}
