"""What the log promises about appending, numbering, checkpoints and reading."""

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.attacker import owning
from tests.support.audit import NOW, ORIGIN, Bench, revealed

from strongroom.audit import AuditLog, Event, EventType, Outcome
from strongroom.audit.tiles import TileReader
from strongroom.audit.tree import (
    frontier_at,
    inclusion_proof,
    leaf_hash,
    verify_inclusion,
)
from strongroom.crypto.note import Signer, Verifier, parse_checkpoint
from strongroom.db.engine import Database
from strongroom.db.schema import (
    audit_checkpoint,
    audit_event,
    audit_head,
    audit_tile,
    period_replacement,
)
from strongroom.errors import Malformed, Tampered
from strongroom.terms import SYSTEM

HEARTBEAT = Event(EventType.LOG_HEARTBEAT, Outcome.SUCCESS, SYSTEM)
ROOT = Path(__file__).parents[2]


class Undone(Exception):
    """Ends a transaction without a commit."""


def append_and_undo(bench: Bench, log: AuditLog, *events: Event) -> None:
    """Append each by itself in one transaction, which then fails."""
    with bench.database.write() as tx:
        tx.execute(sa.insert(period_replacement), {"period_id": 1, "replace_by": 2})
        for event in events:
            log.append(tx, event, now=NOW)
        raise Undone


def head_of(bench: Bench) -> sa.Row:
    with bench.database.read() as tx:
        return tx.execute(sa.select(audit_head)).one()


def numbers(log: AuditLog) -> list[tuple[int, str, int]]:
    return [(entry.seq, entry.body["boot"], entry.body["nseq"]) for entry in log.events()]


@pytest.mark.clause("2.6")
def test_events_are_numbered_without_gaps_and_their_head_is_signed(bench):
    log = bench.start()
    bench.fill(log, 3)
    bench.fill(log, 2, start=3)
    assert numbers(log) == [(n, "boot-1", n) for n in range(5)]
    head = head_of(bench)
    checkpoint = parse_checkpoint(Verifier(bench.signer.vkey).verify(head.note))
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, 5)
    assert log.verify().faults == []


def test_appending_nothing_changes_nothing(bench):
    log = bench.start()
    with bench.database.write() as tx:
        log.append(tx, now=NOW)
    assert log.tail(10) == []
    assert log.verify().ok


@pytest.mark.clause("2.6")
def test_an_undone_change_takes_its_event_with_it_and_leaves_no_gap(bench):
    log = bench.start()
    bench.fill(log, 2)
    with pytest.raises(Undone):
        append_and_undo(bench, log, revealed(90), revealed(91))
    bench.fill(log, 2, start=2)
    assert numbers(log) == [(n, "boot-1", n) for n in range(4)]
    assert [entry.body["obj"]["ref"] for entry in log.events()] == ["0", "1", "2", "3"]
    with bench.database.read() as tx:
        assert tx.execute(sa.select(period_replacement)).all() == []
    assert log.verify().faults == []


def test_a_savepoint_that_is_undone_takes_only_its_own_events(bench):
    log = bench.start()
    with bench.database.write() as tx:
        log.append(tx, revealed(0), now=NOW)
        savepoint = tx.begin_nested()
        log.append(tx, revealed(90), now=NOW)
        savepoint.rollback()
        log.append(tx, revealed(1), now=NOW)
    assert [entry.body["obj"]["ref"] for entry in log.events()] == ["0", "1"]
    assert numbers(log) == [(0, "boot-1", 0), (1, "boot-1", 1)]
    assert log.verify().faults == []


def test_an_undone_first_event_leaves_an_empty_log(bench):
    log = bench.start()
    with pytest.raises(Undone):
        append_and_undo(bench, log, revealed())
    assert log.verify().ok
    bench.fill(log, 1)
    assert numbers(log) == [(0, "boot-1", 0)]


def test_every_run_of_a_process_counts_its_own_events_from_zero(bench):
    first = bench.start("boot-1")
    bench.fill(first, 2)
    second = bench.start("boot-2")
    bench.fill(second, 2, start=2)
    assert numbers(second) == [
        (0, "boot-1", 0),
        (1, "boot-1", 1),
        (2, "boot-2", 0),
        (3, "boot-2", 1),
    ]
    assert second.verify().faults == []


def test_nodes_that_take_turns_keep_their_own_numbers(bench):
    one, two = bench.start(node="one"), bench.start(node="two")
    for turn in range(3):
        bench.fill(one, 1)
        bench.fill(two, 100, start=turn)
    with pytest.raises(Undone):
        append_and_undo(bench, one, revealed())
    bench.fill(one, 1)
    assert one.verify().faults == []
    assert [e.body["nseq"] for e in one.events() if e.body["node"] == "one"] == [0, 1, 2, 3]


def test_threads_share_one_log(bench):
    log = bench.start()

    def work(start: int) -> None:
        for number in range(start, start + 20):
            bench.fill(log, 1, start=number)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(log) == [(n, "boot-1", n) for n in range(80)]
    assert log.verify().faults == []


@pytest.mark.parametrize("batches", [[255, 1], [256], [257], [1, 700, 3], [100] * 6])
def test_tiles_are_stored_when_they_are_whole(bench, batches):
    log = bench.start()
    for at, batch in enumerate(batches):
        bench.fill(log, batch, start=1000 * at)
    size = sum(batches)
    with bench.database.read() as tx:
        stored = tx.execute(sa.select(audit_tile).order_by(audit_tile.c.level, audit_tile.c.n))
        tiles = {(tile.level, tile.n): tile for tile in stored}
        leaves = tx.execute(sa.select(audit_event.c.leaf_hash).order_by(audit_event.c.seq))
        hashes = list(leaves.scalars())
    assert {key: tile.width for key, tile in tiles.items()} == {
        **{(0, n): 256 for n in range(size // 256)},
        **({(1, 0): size // 256} if size >= 256 else {}),
    }
    for n in range(size // 256):
        assert tiles[0, n].hashes == b"".join(hashes[256 * n : 256 * (n + 1)])
    assert log.verify().faults == []


@pytest.mark.long
def test_a_tile_of_the_second_level_fills_up(sqlite_bench):
    log = sqlite_bench.start()
    for at in range(67):
        sqlite_bench.fill(log, 1000, start=1000 * at)
    with sqlite_bench.database.read() as tx:
        widths = sa.select(audit_tile.c.level, audit_tile.c.n, audit_tile.c.width)
        tiles = {(row.level, row.n): row.width for row in tx.execute(widths)}
        assert frontier_at(67000, TileReader(tx)).serialize() == head_of(sqlite_bench).frontier
    assert tiles[1, 0] == 256
    assert tiles[1, 1] == 67000 // 256 - 256
    assert tiles[2, 0] == 1
    assert log.verify().faults == []


def test_an_event_can_be_proven_to_someone_who_has_only_the_checkpoint(bench):
    log = bench.start()
    bench.fill(log, 600)
    note = log.checkpoint(NOW)
    checkpoint = parse_checkpoint(Verifier(bench.signer.vkey).verify(note))
    with bench.database.read() as tx:
        for seq in (0, 255, 256, 511, 599):
            body = tx.execute(sa.select(audit_event.c.body).where(audit_event.c.seq == seq))
            proof = inclusion_proof(seq, checkpoint.size, TileReader(tx))
            leaf = leaf_hash(body.scalar_one())
            assert verify_inclusion(seq, checkpoint.size, leaf, checkpoint.root, proof)


@pytest.mark.clause("2.6")
def test_a_checkpoint_is_stored_published_and_remembered(bench):
    log = bench.start()
    bench.fill(log, 10)
    note = log.checkpoint(NOW)
    assert bench.checkpoint_path.read_text() == note
    assert [path.name for path in bench.checkpoint_path.parent.iterdir()] == ["checkpoint"]
    assert bench.memory.remembered is not None
    assert bench.memory.remembered[0] == 10
    assert log.checkpoint(NOW) == note, "an unchanged log keeps its checkpoint"
    bench.fill(log, 300)
    later = log.checkpoint(NOW + timedelta(minutes=1))
    assert later != note
    assert stored_checkpoints(bench) == [(10, note), (310, later)]
    assert log.verify().faults == []


def stored_checkpoints(bench: Bench) -> list[tuple[int, str]]:
    with bench.database.read() as tx:
        stored = tx.execute(sa.select(audit_checkpoint).order_by(audit_checkpoint.c.size))
        return [(row.size, row.note) for row in stored]


def test_of_the_checkpoints_of_a_minute_one_is_stored(bench):
    """Each is published and remembered; a row a second would cost more to verify than the events."""
    log = bench.start()
    for seconds in (0, 1, 59, 60, 61, 30, 31):  # the clock is set back once
        bench.fill(log, 1)
        note = log.checkpoint(NOW + timedelta(seconds=seconds))
        assert bench.checkpoint_path.read_text() == note
    assert [size for size, _ in stored_checkpoints(bench)] == [1, 4, 6]
    assert bench.memory.remembered is not None
    assert bench.memory.remembered[0] == 7
    assert log.verify().faults == []


def test_a_log_that_was_never_written_has_no_checkpoint(bench):
    with pytest.raises(Tampered, match="no head"):
        bench.start().checkpoint(NOW)


@pytest.mark.clause("2.6")
def test_what_is_published_was_read_back_from_storage_first(bench):
    """A hash kept in memory would vouch for bytes that never reached the disk as they were."""
    log = bench.start()
    bench.fill(log, 300)
    with owning(bench.database) as tx:
        changed = sa.update(audit_event).where(audit_event.c.seq == 299).values(body=b"{}")
        tx.execute(changed)
    with pytest.raises(Tampered, match="events 0 to 299 changed"):
        log.checkpoint(NOW)
    assert bench.memory.remembered is None
    assert not bench.checkpoint_path.exists()


@pytest.mark.clause("2.6")
def test_a_log_set_back_to_an_older_state_is_neither_written_nor_published(bench):
    log = bench.start()
    bench.fill(log, 5)
    older = head_of(bench)
    bench.fill(log, 5, start=5)
    log.checkpoint(NOW)
    with owning(bench.database) as tx:
        tx.execute(sa.delete(audit_event).where(audit_event.c.seq >= 5))
        tx.execute(sa.update(audit_head).values(**older._mapping))
    for process in (log, bench.start("boot-2")):
        with pytest.raises(Tampered, match="signer vouched for 10 events, the log has 5"):
            process.checkpoint(NOW)
    restarted = bench.start("boot-3")
    with pytest.raises(Tampered, match="cut or set back"):
        bench.fill(restarted, 1)
    (fault,) = restarted.verify(full=False).faults
    assert "signer.ahead" in fault


@pytest.mark.clause("2.6")
def test_a_log_grown_again_from_an_older_state_is_refused(bench):
    """As many events as the signer remembers, signed with the right key, but others."""
    log = bench.start()
    bench.fill(log, 5)
    older = head_of(bench)
    bench.fill(log, 5, start=5)
    log.checkpoint(NOW)
    with owning(bench.database) as tx:
        tx.execute(sa.delete(audit_event).where(audit_event.c.seq >= 5))
        tx.execute(sa.update(audit_head).values(**older._mapping))
    bench.fill(log, 7, start=70)  # a thief of the running process would get so far
    with pytest.raises(Tampered, match="its first 10 events changed"):
        log.checkpoint(NOW)
    with pytest.raises(Tampered, match="its first 10 events changed"):
        bench.fill(bench.start("boot-2"), 1)


def test_a_head_signed_by_another_key_is_not_continued(bench):
    bench.fill(bench.start(), 3)
    other = Signer(ORIGIN, bytes(32))
    with owning(bench.database) as tx:
        note = head_of_tx(tx)
        text = Verifier(bench.signer.vkey).verify(note)
        tx.execute(sa.update(audit_head).values(note=other.sign(text)))
    with pytest.raises(Tampered, match=r"head\.forged"):
        bench.fill(bench.start("boot-2"), 1)


def head_of_tx(tx) -> str:
    return tx.execute(sa.select(audit_head.c.note)).scalar_one()


def test_events_without_a_head_are_not_continued(bench):
    bench.fill(bench.start(), 3)
    with owning(bench.database) as tx:
        tx.execute(sa.delete(audit_head))
    with pytest.raises(Tampered, match="events but no head"):
        bench.fill(bench.start("boot-2"), 1)


def test_the_log_reads_back_what_was_recorded(bench):
    log = bench.start()
    bench.fill(log, 1205)
    with bench.database.write() as tx:
        log.append(tx, HEARTBEAT, now=NOW)
    (last,) = log.tail(1)
    assert (last.seq, last.type, last.outcome) == (1205, "log.heartbeat", "success")
    assert last.body["actor"] == {"kind": "system", "id": 0, "auth": "system"}
    assert [entry.seq for entry in log.tail(3)] == [1203, 1204, 1205]
    assert [entry.seq for entry in log.events()] == list(range(1206))
    assert [entry.seq for entry in log.events(since=1204)] == [1204, 1205]
    assert list(log.events(since=1206)) == []


@pytest.mark.clause("2.6")
def test_pseudonyms_tell_values_apart_and_never_show_them(sqlite_bench):
    log = sqlite_bench.start()
    pseudonym = log.pseudonym("ip", "192.0.2.1")
    assert len(pseudonym) == 32
    assert pseudonym == log.pseudonym("ip", "192.0.2.1")
    assert pseudonym != log.pseudonym("ip", "192.0.2.2")
    assert log.pseudonym("a", "bc") != log.pseudonym("ab", "c")


@pytest.mark.parametrize("name", ["", "two words", 'quote"', "x" * 65])
def test_nodes_and_boots_are_identifiers(sqlite_bench, name):
    with pytest.raises(Malformed, match="no identifier"):
        sqlite_bench.start(boot=name)


WRITER = """
import sys
from strongroom.db.engine import Database
from tests.support.audit import Bench
bench = Bench(Database(sys.argv[1]), None)
log = bench.start(sys.argv[2])
number = 0
while True:
    bench.fill(log, 3, start=number)
    number += 3
    print(number, flush=True)
"""


@pytest.mark.clause("2.6")
def test_a_killed_process_leaves_every_acknowledged_event_and_no_gap(bench, database_url):
    for boot in ("boot-1", "boot-2"):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, database_url, boot],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        acknowledged = 0
        for line in process.stdout:
            acknowledged = int(line)
            if acknowledged >= 60:
                process.send_signal(signal.SIGKILL)
                break
        acknowledged = max([acknowledged, *map(int, process.stdout)])
        process.stdout.close()
        process.wait()
        log = bench.start("reader")
        kept = [entry for entry in log.events() if entry.body["boot"] == boot]
        assert len(kept) >= acknowledged
        assert [entry.body["nseq"] for entry in kept] == list(range(len(kept)))
        assert log.verify().faults == []
    bench.fill(log, 1)
    assert log.verify().faults == []


def test_bodies_are_stored_as_they_were_hashed(bench):
    log = bench.start()
    bench.fill(log, 2)
    with bench.database.read() as tx:
        for row in tx.execute(sa.select(audit_event)):
            assert leaf_hash(row.body) == row.leaf_hash
            assert json.loads(row.body)["type"] == row.type


def test_verification_tells_its_progress(sqlite_bench):
    log = sqlite_bench.start()
    for at in range(17):
        sqlite_bench.fill(log, 1000, start=1000 * at)
    told = []
    log.verify(progress=lambda done, size: told.append((done, size)))
    assert told[-1] == (17000, 17000)
    assert len(told) > 1
    assert told == sorted(told)


def test_another_database_is_another_log(tmp_path, sqlite_bench):
    """The memory belongs to one log: a new, empty database under an old keystore is refused."""
    sqlite_bench.fill(sqlite_bench.start(), 3)
    sqlite_bench.start().checkpoint(NOW)
    database = Database(f"sqlite:///{tmp_path / 'other.db'}")
    with database.write() as tx:
        audit_event.metadata.create_all(tx)
    other = Bench(database, tmp_path / "other", memory=sqlite_bench.memory)
    with pytest.raises(Tampered, match="the log has 0"):
        other.fill(other.start("boot-2"), 1)
    assert other.start().verify().faults[0].startswith("signer.ahead")
    database.close()
