"""The published vectors of the log's format, recomputed."""

import json
from pathlib import Path

import pytest

from strongroom.audit.tree import Frontier, leaf_hash
from strongroom.audit.verify import Head, StoredEvent, check
from strongroom.crypto.note import Signer, Verifier, checkpoint_text

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/audit.json").read_text())


def test_entries_lead_to_the_hashes_frontiers_and_notes_of_the_vectors():
    signer = Signer(Verifier(VECTORS["vkey"]).name, bytes.fromhex(VECTORS["signing_seed"]))
    assert signer.vkey == VECTORS["vkey"]
    frontier = Frontier()
    for step in VECTORS["log"]:
        leaf = leaf_hash(step["entry"].encode())
        frontier.append(leaf)
        assert leaf.hex() == step["leaf_hash"]
        assert frontier.size == step["size"]
        assert frontier.serialize().hex() == step["frontier"]
        assert frontier.root().hex() == step["root"]
        assert (
            signer.sign(checkpoint_text(signer.name, frontier.size, frontier.root()))
            == (step["note"])
        )


def test_the_log_of_the_vectors_verifies():
    events = []
    for seq, step in enumerate(VECTORS["log"]):
        body = json.loads(step["entry"])
        events.append(
            StoredEvent(
                seq,
                step["entry"].encode(),
                bytes.fromhex(step["leaf_hash"]),
                1772368215123456,
                body["type"],
                body["actor"]["id"],
                body["outcome"],
                body.get("obj", {}).get("ref"),
            )
        )
    last = VECTORS["log"][-1]
    report = check(
        events,
        head=Head(last["size"], bytes.fromhex(last["frontier"]), last["note"]),
        checkpoints=[(step["size"], step["note"]) for step in VECTORS["log"]],
        tiles={},
        tile=lambda _level, _n: None,
        verifier=Verifier(VECTORS["vkey"]),
        memory=(last["size"], bytes.fromhex(last["root"])),
    )
    assert report.faults == []


@pytest.mark.parametrize("vector", VECTORS["pseudonyms"], ids=lambda vector: vector["kind"])
def test_pseudonyms_are_those_of_the_vectors(sqlite_bench, vector):
    log = sqlite_bench.start(pseudonym_key=bytes.fromhex(vector["log_key"]))
    assert log.pseudonym(vector["kind"], vector["value"]) == vector["pseudonym"]
