"""Stores the tree's inner hashes as tiles of 256, and answers proofs from them.

The layout is that of c2sp.org/tlog-tiles: tile `n` of level 0 holds the leaf hashes of entries
`256 * n` to `256 * n + 255`; an entry of a higher level is the root of a whole tile below. A tile of
level 0 is written once, when it is whole: until then its hashes stand beside the entries. Higher
tiles grow by one hash each time a tile below them is whole.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from strongroom.audit.tree import HASH_BYTES, perfect_root, split
from strongroom.db.engine import Transaction
from strongroom.db.schema import audit_event, audit_tile
from strongroom.errors import Tampered

WIDTH: Final = 256
_LEVELS: Final = 8  # 256 hashes are eight levels of the tree

_LEAVES: Final = (
    sa.select(audit_event.c.leaf_hash)
    .where(audit_event.c.seq >= sa.bindparam("start"), audit_event.c.seq < sa.bindparam("end"))
    .order_by(audit_event.c.seq)
)
_TILE: Final = sa.select(audit_tile.c.hashes).where(
    audit_tile.c.level == sa.bindparam("at_level"), audit_tile.c.n == sa.bindparam("at_n")
)
_ADD: Final = sa.insert(audit_tile)
_GROW: Final = (
    sa.update(audit_tile)
    .where(audit_tile.c.level == sa.bindparam("at_level"), audit_tile.c.n == sa.bindparam("at_n"))
    .values(width=sa.bindparam("width"), hashes=sa.bindparam("hashes"))
)


def store_whole_tiles(tx: Transaction, old: int, new: int) -> None:
    """Write what became whole when the log grew from `old` to `new` entries, which stand in their table.

    Raises:
        Tampered: the hashes already stored are not as many as they must be.

    """
    for n in range(old // WIDTH, new // WIDTH):
        hashes = leaf_hashes(tx, n * WIDTH, (n + 1) * WIDTH)
        if len(hashes) != WIDTH:
            raise Tampered(f"audit log: entries are missing in tile 0/{n}")
        _add(tx, 0, n, hashes)
        _push(tx, 1, n, perfect_root(hashes))


def leaf_hashes(tx: Transaction, start: int, end: int) -> Sequence[bytes]:
    """Return the stored leaf hashes of the entries from `start` to before `end`, in order."""
    return tx.execute(_LEAVES, {"start": start, "end": end}).scalars().all()


class TileReader:
    """Hashes of whole subtrees, read through one transaction and kept: a `tree.Node`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._tiles: dict[tuple[int, int], Sequence[bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Return the hash of the `index`-th whole subtree of `1 << level` leaves.

        Raises:
            Tampered: the tile that has to hold it is missing or too short.

        """
        tile_level, height = divmod(level, _LEVELS)
        n, at = divmod(index << height, WIDTH)
        hashes = self._hashes(tile_level, n)[at : at + (1 << height)]
        if len(hashes) != 1 << height:
            raise Tampered(f"audit log: tile {tile_level}/{n} is missing or too short")
        return perfect_root(hashes)

    def _hashes(self, level: int, n: int) -> Sequence[bytes]:
        found = self._tiles.get((level, n))
        if found is None:
            stored = read_tile(self._tx, level, n)
            if stored is None and level == 0:
                found = leaf_hashes(self._tx, n * WIDTH, (n + 1) * WIDTH)
            else:
                found = split(stored or b"")
            self._tiles[level, n] = found
        return found


def read_tile(tx: Transaction, level: int, n: int) -> bytes | None:
    """Return a stored tile's hashes, one after the other."""
    return tx.execute(_TILE, {"at_level": level, "at_n": n}).scalar_one_or_none()


def _add(tx: Transaction, level: int, n: int, hashes: Sequence[bytes]) -> None:
    tile = {"level": level, "n": n, "width": len(hashes), "hashes": b"".join(hashes)}
    tx.execute(_ADD, tile)


def _push(tx: Transaction, level: int, index: int, root: bytes) -> None:
    n, at = divmod(index, WIDTH)
    if at == 0:
        _add(tx, level, n, [root])
        return
    stored = read_tile(tx, level, n)
    if stored is None or len(stored) != at * HASH_BYTES:
        raise Tampered(f"audit log: tile {level}/{n} does not hold {at} hashes")
    hashes = stored + root
    tx.execute(_GROW, {"at_level": level, "at_n": n, "width": at + 1, "hashes": hashes})
    if at + 1 == WIDTH:
        _push(tx, level + 1, n, perfect_root(split(hashes)))
