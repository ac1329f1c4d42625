"""Merkle tree of the audit log: hashes, the frontier that grows it, and proofs about it.

RFC 6962 section 2.1 defines the hashes, RFC 9162 section 2.1 the algorithms that check a proof.
Nothing here reads or stores anything: whoever asks for a proof passes a function that knows the
hashes of whole subtrees.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Self

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""Root of a tree without leaves (RFC 6962 section 2.1)."""

Node = Callable[[int, int], bytes]
"""`node(level, index)` is the hash of the index-th whole subtree of `1 << level` leaves."""

_FRONTIER_VERSION: Final = b"\x01"


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one entry; the prefix keeps a leaf from passing for an inner node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes whose number is a power of two."""
    level = list(hashes)
    if len(level) & (len(level) - 1) or not level:
        raise ValueError("only a power of two has a perfect root")
    while len(level) > 1:
        level = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=True)
        ]
    return level[0]


class Frontier:
    """The roots of the perfect subtrees a tree consists of, largest first: enough to append.

    One node for each bit set in `size`, so a tree of a billion leaves has at most thirty.
    """

    __slots__ = ("nodes", "size")

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(nodes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves does not have {len(nodes)} frontier nodes")
        self.size = size
        self.nodes = list(nodes)

    def append(self, hash_: bytes, level: int = 0) -> None:
        """Add a leaf, or with `level` a whole subtree of `1 << level` leaves.

        Raises:
            ValueError: the tree does not end on a multiple of the subtree's size.

        """
        at, rest = divmod(self.size, 1 << level)
        if rest:
            raise ValueError(f"a subtree of level {level} does not fit a tree of {self.size}")
        nodes = self.nodes
        while at & 1:
            hash_ = sha256(b"\x01" + nodes.pop() + hash_).digest()
            at >>= 1
        nodes.append(hash_)
        self.size += 1 << level

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in self.nodes[-2::-1]:
            root = sha256(b"\x01" + node + root).digest()
        return root

    def copy(self) -> "Frontier":
        """Return a frontier that grows on its own."""
        return Frontier(self.size, self.nodes)

    def serialize(self) -> bytes:
        """Return a version byte and the nodes; the size is kept beside it."""
        return _FRONTIER_VERSION + b"".join(self.nodes)

    @classmethod
    def parse(cls, size: int, data: bytes) -> Self:
        """Return what `serialize` wrote for a tree of this size.

        Raises:
            ValueError: the bytes are no frontier of such a tree.

        """
        if data[:1] != _FRONTIER_VERSION or len(data) % HASH_BYTES != 1:
            raise ValueError("not a frontier of version 1")
        return cls(size, split(data[1:]))


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes that stand one after the other in a tile or frontier."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return the audit path of a leaf, lowest node first (RFC 9162 section 2.1.3.1).

    Raises:
        ValueError: the tree of this size has no such leaf.

    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split_point(end - start)
        if index < middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(start, middle, node))
            start = middle
    path.reverse()
    return path


def consistency_proof(old: int, size: int, node: Node) -> list[bytes]:
    """Return the proof that a tree grew from `old` to `size` leaves (RFC 9162 section 2.1.4.1).

    Raises:
        ValueError: the old tree is empty or the larger one.

    """
    if not 0 < old <= size:
        raise ValueError(f"no consistency proof leads from {old} to {size} leaves")
    proof = []
    start, end, whole = 0, size, True
    while old < end:
        middle = start + _split_point(end - start)
        if old <= middle:
            proof.append(_subtree(middle, end, node))
            end = middle
        else:
            proof.append(_subtree(start, middle, node))
            start, whole = middle, False
    if not whole:
        proof.append(_subtree(start, end, node))
    proof.reverse()
    return proof


def frontier_at(size: int, node: Node) -> Frontier:
    """Return the frontier the tree had when it held `size` leaves."""
    nodes, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            nodes.append(node(level, start >> level))
            start += 1 << level
    return Frontier(size, nodes)


def verify_inclusion(
    index: int, size: int, leaf: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether the proof leads from the leaf hash to the root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether the proof shows that the new tree extends the old (RFC 9162 section 2.1.4.2).

    The empty tree is a prefix of every tree and takes an empty proof.
    """
    if old == size:
        return not proof and old_root == root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if not 0 < old < size:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_found = found = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_found, found = node_hash(sibling, old_found), node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root


def _split_point(width: int) -> int:
    """Return the largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def _subtree(start: int, end: int, node: Node) -> bytes:
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split_point(width)
    return node_hash(_subtree(start, middle, node), _subtree(middle, end, node))
