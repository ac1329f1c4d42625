"""Holds a log against what its signer remembers: a log set back or changed is never continued.

The signer's memory stands in another database, so that restoring an old copy of this one cannot make
both agree. Everything here reads, and raises `Tampered` in the same words verification uses.
"""

from typing import Final

import sqlalchemy as sa

from strongroom.audit.tiles import TileReader
from strongroom.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    frontier_at,
    leaf_hash,
    verify_consistency,
)
from strongroom.audit.verify import Head, trusted_frontier
from strongroom.crypto import note
from strongroom.db.engine import Transaction
from strongroom.db.schema import audit_event
from strongroom.errors import Tampered

HINT: Final = "stop, keep a copy of every file, and run `strongroom audit verify`"
_PAGE: Final = 1000

Remembered = tuple[int, bytes]
"""Size and root of a tree the signer vouched for."""


def trusted(head: Head, verifier: note.Verifier) -> Frontier:
    """Return the head's frontier once its signature and form are verified."""
    try:
        return trusted_frontier(head, verifier)
    except ValueError as exc:
        raise Tampered(f"audit log: {exc}", hint=HINT) from None


def prove_growth(tx: Transaction, last: Remembered | None, size: int, root: bytes) -> None:
    """Prove from the tiles that the tree with this root continues the remembered one."""
    old, old_root = last or (0, EMPTY_ROOT)
    _refuse_shorter(old, size)
    proof = consistency_proof(old, size, TileReader(tx)) if old else []
    if not verify_consistency(old, size, old_root, root, proof):
        raise Tampered(f"audit log: signer.root: its first {old} events changed", hint=HINT)


def reread_growth(tx: Transaction, last: Remembered | None, size: int, root: bytes) -> None:
    """Prove it from the events themselves: read back and hash again all that were added since."""
    old, old_root = last or (0, EMPTY_ROOT)
    _refuse_shorter(old, size)
    frontier = frontier_at(old, TileReader(tx))
    if frontier.root() != old_root:
        raise Tampered(f"audit log: signer.root: its first {old} events changed", hint=HINT)
    query = (
        sa.select(audit_event.c.seq, audit_event.c.body)
        .where(audit_event.c.seq >= old, audit_event.c.seq < size)
        .order_by(audit_event.c.seq)
        .execution_options(yield_per=_PAGE)
    )
    for seq, body in tx.execute(query):
        if body is None or seq != frontier.size:
            raise Tampered(f"audit log: event.missing: {frontier.size} is gone", hint=HINT)
        frontier.append(leaf_hash(body))
    if frontier.root() != root:
        raise Tampered(f"audit log: head.root: events {old} to {size - 1} changed", hint=HINT)


def _refuse_shorter(remembered: int, size: int) -> None:
    if remembered > size:
        raise Tampered(
            f"audit log: signer.ahead: the signer vouched for {remembered} events, the log has {size}:"
            " it was cut or set back",
            hint=HINT,
        )
