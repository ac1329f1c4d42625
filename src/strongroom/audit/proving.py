"""Answers, with proof, what stands in the log: from one view of it, for whoever has the verifier key.

Everything given out was held against the signed head first: a proof that would not convince is never
made. Nothing is written; signing an older size states only what the signed head says already.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from strongroom.audit.continuity import HINT, trusted
from strongroom.audit.pruning import minimum_index
from strongroom.audit.tiles import WIDTH, TileReader, leaf_hashes, read_tile
from strongroom.audit.tree import (
    HASH_BYTES,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from strongroom.audit.verify import Head
from strongroom.crypto import note
from strongroom.db.engine import Transaction
from strongroom.db.schema import audit_checkpoint, audit_event
from strongroom.errors import NotFound, Tampered

PROOF_FORMAT: Final = "c2sp.org/tlog-proof@v1"

_BODIES: Final = (
    sa.select(audit_event.c.seq, audit_event.c.body)
    .where(audit_event.c.seq >= sa.bindparam("start"), audit_event.c.seq < sa.bindparam("end"))
    .order_by(audit_event.c.seq)
)


_ONE: Final = sa.select(audit_event.c.body, audit_event.c.leaf_hash).where(
    audit_event.c.seq == sa.bindparam("at")
)


@dataclass(frozen=True, slots=True)
class Proved:
    """An event's own bytes, and the proof that they stand in the log (c2sp.org/tlog-proof)."""

    seq: int
    entry: bytes | None
    """None once it was pruned: its hash is proved alone."""
    leaf: bytes
    proof: str


@dataclass(frozen=True, slots=True)
class Grown:
    """Two checkpoints, and the proof that the newer log continues the older (RFC 9162, 2.1.4)."""

    old: str
    new: str
    proof: tuple[bytes, ...]


class Prover:
    """The log as one transaction sees it.

    Raises:
        Tampered: its head is not signed, or does not lead to the signed root.

    """

    def __init__(
        self, tx: Transaction, head: Head, verifier: note.Verifier, sign: Callable[[str], str]
    ) -> None:
        self._tx = tx
        self._head = head
        self._root = trusted(head, verifier).root()
        self._sign = sign
        self._nodes = TileReader(tx)
        self.origin: Final = verifier.name
        self.vkey: Final = verifier.vkey

    @property
    def minimum(self) -> int:
        """The number below which entries were given up."""
        return minimum_index(self._tx)

    @property
    def size(self) -> int:
        """How many events there are."""
        return self._head.size

    def note(self, size: int) -> str:
        """Return the checkpoint of the first `size` events; equal for equal sizes, ever.

        Raises:
            NotFound: the log has never had that size.
            Tampered: the tiles do not lead from it to the signed head.

        """
        if size == self.size:
            return self._head.note
        root = self.root(size)
        return self._sign(note.checkpoint_text(self.origin, size, root))

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` events. Raises as `note`."""
        if not 0 <= size <= self.size:
            raise NotFound(f"the log has never had {size} events", hint=f"it has {self.size}")
        root = frontier_at(size, self._nodes).root()
        proof = consistency_proof(size, self.size, self._nodes) if size else []
        if not verify_consistency(size, self.size, root, self._root, proof):
            raise Tampered(
                f"audit log: head.root: its first {size} events do not lead to the signed root",
                hint=HINT,
            )
        return root

    def event(self, seq: int, size: int | None = None) -> Proved:
        """Return an event and its proof under the checkpoint of `size` events, else of all.

        Raises:
            NotFound: there is no such event among them.
            Tampered: its bytes are not those recorded.

        """
        size = self.size if size is None else size
        if not 0 <= seq < size:
            raise NotFound(f"the log has no event {seq}", hint=f"the last one is {size - 1}")
        checkpoint, root = self.note(size), self.root(size)
        entry, leaf = self._entry(seq)
        path = inclusion_proof(seq, size, self._nodes)
        if not verify_inclusion(seq, size, leaf, root, path):
            raise Tampered(f"audit log: event.edited: event {seq} is not as recorded", hint=HINT)
        lines = [PROOF_FORMAT, f"index {seq}", *map(_base64, path), "", checkpoint]
        return Proved(seq, entry, leaf, "\n".join(lines))

    def growth(self, old: int, new: int) -> Grown:
        """Return the proof that the log of `new` events continues the log of `old`.

        Raises:
            NotFound: the log has not had these sizes, or the first is the larger.
            Tampered: as `note`.

        """
        if old > new:
            raise NotFound(f"no log of {new} events continues one of {old}")
        proof = consistency_proof(old, new, self._nodes) if old > 0 and new <= self.size else []
        found = Grown(self.note(old), self.note(new), tuple(proof))
        if not verify_consistency(old, new, self.root(old), self.root(new), proof):
            raise Tampered(f"audit log: head.root: {new} events do not continue {old}", hint=HINT)
        return found

    def _entry(self, seq: int) -> tuple[bytes | None, bytes]:
        """Return an entry with its leaf hash; only the hash of one that was given up. Raises: Tampered."""
        if seq < self.minimum:
            row = self._tx.execute(_ONE, {"at": seq}).one_or_none()
            if row is not None and row.body is None:
                return None, row.leaf_hash
        (entry,) = self.entries(seq, seq + 1)
        return entry, leaf_hash(entry)

    def entries(self, start: int, end: int) -> list[bytes]:
        """Return the bytes of the events from `start` to before `end`. Raises: Tampered."""
        found: list[bytes] = []
        for seq, body in self._tx.execute(_BODIES, {"start": start, "end": end}):
            if seq != start + len(found) or type(body) is not bytes:
                break
            found.append(body)
        if len(found) != end - start:
            missing = start + len(found)
            raise Tampered(f"audit log: event.missing: event {missing} has no bytes", hint=HINT)
        return found

    def tile(self, level: int, n: int, width: int) -> bytes:
        """Return a tile as it was when it held `width` hashes. Raises: Tampered."""
        stored = read_tile(self._tx, level, n)
        if stored is None and level == 0:
            start = n * WIDTH
            stored = b"".join(leaf_hashes(self._tx, start, start + width))
        hashes = (stored or b"")[: width * HASH_BYTES]
        if len(hashes) != width * HASH_BYTES:
            raise Tampered(f"audit log: tile.missing: tile {level}/{n} is too short", hint=HINT)
        return hashes

    def checkpoints(self, size: int) -> list[tuple[int, str]]:
        """Return size and note of every checkpoint stored of fewer than `size` events, those of earlier epochs too."""
        query = (
            sa.select(audit_checkpoint.c.size, audit_checkpoint.c.note)
            .where(audit_checkpoint.c.size < size)
            .order_by(audit_checkpoint.c.size)
        )
        return [(row.size, row.note) for row in self._tx.execute(query)]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
