"""Who can read what, and under which grants: every cell asked of the same `decide()` as the door [1.3]."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from strongroom.policy.grants import READING, Allow, Grant, decide
from strongroom.terms import Action, Category, PrincipalId, Purpose, SellerId


@dataclass(frozen=True, slots=True)
class Cell:
    """One principal, selling partner, action and purpose, with what may be read and the grants that let it."""

    principal: PrincipalId
    seller: SellerId
    action: Action
    purpose: Purpose
    categories: tuple[Category, ...]
    grants: tuple[int, ...]


def matrix(
    grants: Mapping[PrincipalId, Sequence[Grant]], sellers: Iterable[SellerId], now: datetime
) -> list[Cell]:
    """Return every cell in which something may be read, by principal, selling partner, action, purpose."""
    sellers = sorted(sellers)
    cells = []
    for principal, rows in sorted(grants.items()):
        asked = sorted({(row.action, row.purpose) for row in rows if row.action in READING})
        for seller in sellers:
            for action, purpose in asked:
                cell = _cell(principal, rows, seller, action, purpose, now)
                if cell is not None:
                    cells.append(cell)
    return cells


def _cell(
    principal: PrincipalId,
    rows: Sequence[Grant],
    seller: SellerId,
    action: Action,
    purpose: Purpose,
    now: datetime,
) -> Cell | None:
    by_grant: dict[Category, int] = {}
    for category in sorted(Category):
        decision = decide(
            rows, action=action, purpose=purpose, category=category, seller=seller, now=now
        )
        if isinstance(decision, Allow):
            by_grant[category] = decision.grant
    if not by_grant:
        return None
    return Cell(
        principal, seller, action, purpose, tuple(by_grant), tuple(sorted(set(by_grant.values())))
    )
