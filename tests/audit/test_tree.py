"""The tree against the published vectors of RFC 6962's reference implementation, and against itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    node_hash,
    perfect_root,
    verify_consistency,
    verify_inclusion,
)

# github.com/google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
N96 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
N5F = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
N6B = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
NBC = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
NCA = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
N0E = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"


def node_of(leaves):
    def node(level: int, index: int) -> bytes:
        hashes = leaves[index << level : (index + 1) << level]
        assert len(hashes) == 1 << level, "only whole subtrees are asked for"
        return perfect_root(hashes)

    return node


def root_of(leaves) -> bytes:
    """Return the root by the recursive definition of RFC 6962 section 2.1."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(root_of(leaves[:middle]), root_of(leaves[middle:]))


LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def test_roots_are_those_published():
    frontier = Frontier()
    assert frontier.root().hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        frontier.append(leaf)
        assert frontier.root().hex() == root


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (0, 8, [N96, N5F, N6B]),
        (5, 8, [NBC, NCA, ROOTS[3]]),
        (2, 3, [ROOTS[1]]),
        (1, 5, [ROOTS[0], N5F, NBC]),
    ],
)
def test_inclusion_proofs_are_those_published(index, size, path):
    proof = inclusion_proof(index, size, node_of(LEAVES[:size]))
    assert [node.hex() for node in proof] == path
    assert verify_inclusion(index, size, LEAVES[index], bytes.fromhex(ROOTS[size - 1]), proof)


@pytest.mark.parametrize(
    ("old", "size", "path"),
    [
        (1, 1, []),
        (1, 8, [N96, N5F, N6B]),
        (6, 8, [N0E, NCA, ROOTS[3]]),
        (2, 5, [N5F, NBC]),
    ],
)
def test_consistency_proofs_are_those_published(old, size, path):
    proof = consistency_proof(old, size, node_of(LEAVES[:size]))
    assert [node.hex() for node in proof] == path
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[size - 1])
    assert verify_consistency(old, size, *roots, proof)


SIZES = st.integers(1, 300)


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


@given(SIZES, st.data())
def test_every_leaf_can_be_proven_and_no_other(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    root = root_of(leaves)
    proof = inclusion_proof(index, size, node_of(leaves))
    assert verify_inclusion(index, size, leaves[index], root, proof)
    assert not verify_inclusion(index, size, leaf_hash(b"another"), root, proof)
    assert not verify_inclusion(index, size, leaves[index], root, [*proof, root])
    if proof:
        assert not verify_inclusion(index, size, leaves[index], root, proof[:-1])


@given(SIZES, st.data())
def test_growth_can_be_proven_and_change_cannot(size, data):
    old = data.draw(st.integers(1, size))
    leaves = leaves_of(size)
    old_root, root = root_of(leaves[:old]), root_of(leaves)
    proof = consistency_proof(old, size, node_of(leaves))
    assert verify_consistency(old, size, old_root, root, proof)

    at = data.draw(st.integers(0, old - 1))
    leaves[at] = leaf_hash(b"changed")
    changed = consistency_proof(old, size, node_of(leaves))
    assert not verify_consistency(old, size, old_root, root_of(leaves), changed)


@given(SIZES)
def test_a_frontier_grows_like_the_tree_and_survives_storage(size):
    leaves = leaves_of(size)
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert frontier.root() == root_of(leaves)
    stored = Frontier.parse(size, frontier.serialize())
    assert (stored.size, stored.nodes) == (frontier.size, frontier.nodes)
    assert frontier_at(size, node_of(leaves)).nodes == frontier.nodes


def test_a_whole_subtree_is_appended_at_once():
    leaves = leaves_of(300)
    one_by_one = Frontier()
    for leaf in leaves:
        one_by_one.append(leaf)
    at_once = Frontier()
    at_once.append(perfect_root(leaves[:256]), 8)
    for leaf in leaves[256:]:
        at_once.append(leaf)
    assert at_once.root() == one_by_one.root()
    with pytest.raises(ValueError, match="does not fit"):
        at_once.append(leaves[0], 8)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x01" + bytes(31), b"\x01" + bytes(64), b"\x02"])
def test_bytes_that_are_no_frontier_of_that_size_are_refused(data):
    with pytest.raises(ValueError, match="frontier"):
        Frontier.parse(4, data)


def test_proofs_about_leaves_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="no leaf 8"):
        inclusion_proof(8, 8, node_of(LEAVES))
    for old in (0, 9):
        with pytest.raises(ValueError, match="no consistency proof"):
            consistency_proof(old, 8, node_of(LEAVES))
    assert not verify_inclusion(8, 8, LEAVES[0], bytes(32), [])
    assert not verify_consistency(9, 8, bytes(32), bytes(32), [])
    assert not verify_consistency(3, 8, bytes(32), bytes(32), [])


def test_the_empty_tree_is_a_prefix_of_every_tree():
    root = bytes.fromhex(ROOTS[7])
    assert verify_consistency(0, 8, EMPTY_ROOT, root, [])
    assert not verify_consistency(0, 8, root, root, [])
    assert not verify_consistency(0, 8, EMPTY_ROOT, root, [root])
