"""Whatever is proved convinces whoever has the key; what would not convince is never given out."""

import base64

import pytest
import sqlalchemy as sa
from tests.support.attacker import owning
from tests.support.audit import NOW, Bench

from strongroom.audit import AuditLog, offline
from strongroom.audit.offline import Checkpoint, FaultError
from strongroom.audit.tree import leaf_hash, verify_consistency
from strongroom.db.schema import audit_event, audit_tile
from strongroom.errors import NotFound, Tampered

pytestmark = pytest.mark.clause("1.6")


def filled(bench: Bench, size: int = 600) -> AuditLog:
    log = bench.start()
    bench.fill(log, size)
    log.checkpoint(NOW)
    return log


def test_an_event_is_proved_on_either_engine(bench):
    log, key = filled(bench), offline.parse_key(bench.signer.vkey)
    for seq in (0, 255, 256, 511, 512, 599):
        with log.prover() as prover:
            proved = prover.event(seq)
        index, at = offline.check_proof(proved.proof, proved.entry, key, "it")
        assert (index, at.size, at.root) == (seq, 600, bench.memory.remembered[1])
        with pytest.raises(FaultError, match=r"proof\.wrong"):
            offline.check_proof(proved.proof, proved.entry + b" ", key, "it")


def test_a_proof_is_text_as_its_specification_has_it(sqlite_bench):
    log = filled(sqlite_bench, 3)
    with log.prover() as prover:
        proved, note = prover.event(2), prover.note(3)
    first, index, path, rest = proved.proof.split("\n", 3)
    assert (first, index) == ("c2sp.org/tlog-proof@v1", "index 2")
    assert len(base64.b64decode(path, validate=True)) == 32
    assert rest == "\n" + note


def test_the_checkpoint_of_any_size_is_the_one_signed_then(sqlite_bench):
    log = sqlite_bench.start()
    signed = {}
    for _ in range(5):
        sqlite_bench.fill(log, 130)
        with log.prover() as prover:
            signed[prover.size] = prover.note(prover.size)
    with log.prover() as prover:
        assert {size: prover.note(size) for size in signed} == signed


def test_every_size_is_proved_to_grow_into_every_later_one(sqlite_bench):
    log = filled(sqlite_bench, 20)
    with log.prover() as prover:
        for new in range(21):
            for old in range(new + 1):
                grown = prover.growth(old, new)
                before, after = prover.root(old), prover.root(new)
                assert verify_consistency(old, new, before, after, grown.proof)
                ends = Checkpoint(old, before), Checkpoint(new, after)
                assert offline.grows(*ends, grown.proof)
                if old:
                    assert not offline.grows(Checkpoint(old, bytes(32)), ends[1], grown.proof)
                    assert not offline.grows(ends[0], Checkpoint(new, bytes(32)), grown.proof)
                    assert not offline.grows(*ends, [*grown.proof, bytes(32)])
                if grown.proof:
                    assert not offline.grows(*ends, grown.proof[:-1])


def test_what_there_never_was_is_not_proved(sqlite_bench):
    log = filled(sqlite_bench, 5)
    with log.prover() as prover:
        for ask in (
            lambda: prover.event(5),
            lambda: prover.event(-1),
            lambda: prover.event(3, 3),
            lambda: prover.note(6),
            lambda: prover.growth(2, 6),
            lambda: prover.growth(4, 3),
        ):
            with pytest.raises(NotFound):
                ask()


@pytest.mark.parametrize("what", ["body", "leaf", "gone", "tile"])
def test_nothing_changed_is_proved(bench, what):
    log = filled(bench)
    edited = sa.update(audit_event).where(audit_event.c.seq == 17)
    body = b'{"v":1}'
    with owning(bench.database) as tx:
        if what == "body":
            tx.execute(edited.values(body=body))
        elif what == "leaf":
            tx.execute(edited.values(body=body, leaf_hash=leaf_hash(body)))
        elif what == "gone":
            tx.execute(sa.delete(audit_event).where(audit_event.c.seq == 17))
        else:
            tile = (audit_tile.c.level == 0) & (audit_tile.c.n == 0)
            tx.execute(sa.update(audit_tile).where(tile).values(hashes=bytes(8192)))
    with log.prover() as prover, pytest.raises(Tampered):
        prover.event(17)
