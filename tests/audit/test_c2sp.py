"""What Go's transparency log tools make is what we make, to the byte, and is accepted by both our verifiers.

tests/vectors/audit-c2sp.json is made by tests/audit/go with golang.org/x/mod/sumdb, which shares no code
with ours. Equal bytes are accepted there as its own are: this half needs no Go.
"""

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest

from strongroom.audit import offline
from strongroom.audit.offline import Checkpoint, tile_path, widths
from strongroom.audit.tree import (
    Node,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    perfect_root,
    verify_consistency,
    verify_inclusion,
)
from strongroom.crypto.note import Signer, Verifier, checkpoint_text, parse_checkpoint

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/audit-c2sp.json").read_text())
ROOTS = {tree["size"]: bytes.fromhex(tree["root"]) for tree in VECTORS["trees"]}
SIZE = max(ROOTS)
LEAVES = [leaf_hash(f"entry {number}".encode()) for number in range(SIZE)]


def node(level: int, index: int) -> bytes:
    return perfect_root(LEAVES[index << level : (index + 1) << level])


NODE: Node = node


def decoded(proof: list[str]) -> list[bytes]:
    return [base64.b64decode(hash_, validate=True) for hash_ in proof]


@pytest.mark.parametrize("tree", VECTORS["trees"], ids=lambda tree: tree["size"])
def test_trees_and_notes_are_those_of_go(tree):
    verifier = Verifier(VECTORS["vkey"])
    signer = Signer(verifier.name, bytes.fromhex(VECTORS["signing_seed"]))
    assert signer.vkey == VECTORS["vkey"]
    size, root = tree["size"], frontier_at(tree["size"], NODE).root()
    assert root.hex() == tree["root"]
    assert signer.sign(checkpoint_text(verifier.name, size, root)) == tree["note"]
    assert parse_checkpoint(verifier.verify(tree["note"])).root == root
    key = offline.parse_key(VECTORS["vkey"])
    assert offline.check_note(tree["note"], key, "it") == Checkpoint(size, root)


def test_a_note_that_others_signed_too_is_accepted():
    verifier, key = Verifier(VECTORS["vkey"]), offline.parse_key(VECTORS["vkey"])
    assert VECTORS["cosigned"].count("\N{EM DASH} ") == 2
    assert parse_checkpoint(verifier.verify(VECTORS["cosigned"])).root == ROOTS[SIZE]
    assert offline.check_note(VECTORS["cosigned"], key, "it").size == SIZE


@pytest.mark.parametrize(
    "vector", VECTORS["inclusion"], ids=lambda vector: f"{vector['index']}-{vector['size']}"
)
def test_inclusion_proofs_are_those_of_go(vector):
    index, size, proof = vector["index"], vector["size"], decoded(vector["proof"])
    assert inclusion_proof(index, size, NODE) == proof
    assert verify_inclusion(index, size, LEAVES[index], ROOTS[size], proof)
    assert offline.inclusion_root(index, size, LEAVES[index], proof) == ROOTS[size]
    for wrong in ([*proof, bytes(32)], proof[:-1] if proof else [bytes(32)]):
        assert not verify_inclusion(index, size, LEAVES[index], ROOTS[size], wrong)
        assert offline.inclusion_root(index, size, LEAVES[index], wrong) != ROOTS[size]


@pytest.mark.parametrize(
    "vector", VECTORS["consistency"], ids=lambda vector: f"{vector['old']}-{vector['size']}"
)
def test_consistency_proofs_are_those_of_go(vector):
    old, size, proof = vector["old"], vector["size"], decoded(vector["proof"])
    assert consistency_proof(old, size, NODE) == proof
    assert verify_consistency(old, size, ROOTS[old], ROOTS[size], proof)
    ends = Checkpoint(old, ROOTS[old]), Checkpoint(size, ROOTS[size])
    assert offline.grows(*ends, proof)
    assert not offline.grows(*ends, [*proof, bytes(32)])


def test_tiles_are_those_of_go():
    ours = {}
    for level in (0, 1):
        hashes = [node(8 * level, index) for index in range(SIZE >> 8 * level)]
        for n, width in widths(SIZE, level):
            tile = b"".join(hashes[256 * n : 256 * n + width])
            ours[tile_path(level, n, width)] = sha256(tile).hexdigest()
    assert ours == {tile["path"]: tile["sha256"] for tile in VECTORS["tiles"]}
