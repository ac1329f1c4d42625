"""Every change of a stored log is found and named, whatever part of it was changed along."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.support.attacker import owning
from tests.support.audit import NOW, ORIGIN, Bench, revealed

from strongroom.audit import AuditLog, VerifyReport, export, offline
from strongroom.audit.tree import Frontier, leaf_hash, perfect_root, split
from strongroom.audit.verify import MAX_FAULTS, Head, check
from strongroom.crypto.note import Signer, Verifier, checkpoint_text
from strongroom.db.engine import Transaction
from strongroom.db.schema import audit_checkpoint, audit_event, audit_head, audit_tile

SIZE = 600  # two whole tiles and a part of one
THIEF = Signer(ORIGIN, bytes(32))

Tampering = Callable[[Transaction], None]


def kinds(report: VerifyReport) -> list[str]:
    return list(dict.fromkeys(fault.partition(":")[0] for fault in report.faults))


@pytest.fixture
def log(sqlite_bench: Bench) -> AuditLog:
    """A log of 600 events with checkpoints at 10, 300 and 600."""
    return filled(sqlite_bench)


def filled(bench: Bench) -> AuditLog:
    log = bench.start()
    for start, number in ((0, 10), (10, 290), (300, 300)):
        bench.fill(log, number, start=start)
        log.checkpoint(NOW + start * timedelta(minutes=1))
    return log


def edit(tx: Transaction, seq: int, *, leaf: bool) -> bytes:
    """Change an event's purpose, and with `leaf` the hash beside it."""
    query = sa.select(audit_event.c.body).where(audit_event.c.seq == seq)
    body = tx.execute(query).scalar_one().replace(b"fulfilment", b"tax")
    change = {"body": body, "leaf_hash": leaf_hash(body)} if leaf else {"body": body}
    tx.execute(sa.update(audit_event).where(audit_event.c.seq == seq).values(**change))
    return leaf_hash(body)


def rehash(tx: Transaction, *, upper: bool) -> None:
    """Make the tiles of level 0, and with `upper` those above, agree with the stored leaves."""
    query = sa.select(audit_event.c.leaf_hash).order_by(audit_event.c.seq)
    leaves = tx.execute(query).scalars().all()
    roots = []
    for n in range(len(leaves) // 256):
        hashes = leaves[256 * n : 256 * (n + 1)]
        set_tile(tx, 0, n, b"".join(hashes))
        roots.append(perfect_root(hashes))
    if upper:
        set_tile(tx, 1, 0, b"".join(roots))


def set_tile(tx: Transaction, level: int, n: int, hashes: bytes) -> None:
    where = (audit_tile.c.level == level) & (audit_tile.c.n == n)
    tx.execute(sa.update(audit_tile).where(where).values(hashes=hashes))


def frontier_of(tx: Transaction) -> Frontier:
    frontier = Frontier()
    query = sa.select(audit_event.c.leaf_hash).order_by(audit_event.c.seq)
    for leaf in tx.execute(query).scalars():
        frontier.append(leaf)
    return frontier


def set_head(tx: Transaction, frontier: Frontier, signer: Signer) -> None:
    text = checkpoint_text(ORIGIN, frontier.size, frontier.root())
    values = {"size": frontier.size, "frontier": frontier.serialize(), "note": signer.sign(text)}
    tx.execute(sa.update(audit_head).values(**values))


def move(tx: Transaction, old: int, new: int) -> None:
    tx.execute(sa.update(audit_event).where(audit_event.c.seq == old).values(seq=new))


def edit_body(tx: Transaction) -> None:
    edit(tx, 17, leaf=False)


def edit_body_and_leaf(tx: Transaction) -> None:
    edit(tx, 17, leaf=True)


def edit_body_leaf_and_tile(tx: Transaction) -> None:
    edit(tx, 17, leaf=True)
    rehash(tx, upper=False)


def edit_body_leaf_and_all_tiles(tx: Transaction) -> None:
    edit(tx, 17, leaf=True)
    rehash(tx, upper=True)


def edit_everything_but_the_note(tx: Transaction) -> None:
    edit(tx, 17, leaf=True)
    rehash(tx, upper=True)
    tx.execute(sa.update(audit_head).values(frontier=frontier_of(tx).serialize()))


def edit_everything_and_sign_with_another_key(tx: Transaction) -> None:
    edit(tx, 17, leaf=True)
    rehash(tx, upper=True)
    set_head(tx, frontier_of(tx), THIEF)


def edit_body_and_leaf_in_the_open_tile(tx: Transaction) -> None:
    edit(tx, 590, leaf=True)


def delete_event(tx: Transaction) -> None:
    tx.execute(sa.delete(audit_event).where(audit_event.c.seq == 17))


def delete_event_in_the_open_tile(tx: Transaction) -> None:
    tx.execute(sa.delete(audit_event).where(audit_event.c.seq == 590))


def delete_event_and_close_the_gap(tx: Transaction) -> None:
    delete_event(tx)
    for seq in range(18, SIZE):
        move(tx, seq, seq - 1)


def delete_last_events(tx: Transaction) -> None:
    tx.execute(sa.delete(audit_event).where(audit_event.c.seq >= 598))


def delete_body(tx: Transaction) -> None:
    tx.execute(sa.update(audit_event).where(audit_event.c.seq == 17).values(body=None))


def insert_behind_the_head(tx: Transaction) -> None:
    columns = [column for column in audit_event.c if column.name != "seq"]
    row = sa.select(sa.literal(SIZE), *columns).where(audit_event.c.seq == SIZE - 1)
    tx.execute(sa.insert(audit_event).from_select(["seq", *(c.name for c in columns)], row))


def insert_in_between(tx: Transaction) -> None:
    for seq in range(SIZE - 1, 16, -1):
        move(tx, seq, seq + 1)
    columns = [column for column in audit_event.c if column.name != "seq"]
    row = sa.select(sa.literal(17), *columns).where(audit_event.c.seq == 3)
    tx.execute(sa.insert(audit_event).from_select(["seq", *(c.name for c in columns)], row))


def swap_two_events(tx: Transaction) -> None:
    move(tx, 17, -1)
    move(tx, 18, 17)
    move(tx, -1, 18)


def swap_two_events_in_the_open_tile(tx: Transaction) -> None:
    move(tx, 590, -1)
    move(tx, 591, 590)
    move(tx, -1, 591)


def edit_a_column(tx: Transaction) -> None:
    where = audit_event.c.seq == 17
    tx.execute(sa.update(audit_event).where(where).values(outcome="denied"))


def swap_two_tiles(tx: Transaction) -> None:
    query = sa.select(audit_tile.c.hashes).where(audit_tile.c.level == 0)
    one, two = tx.execute(query.order_by(audit_tile.c.n)).scalars()
    set_tile(tx, 0, 0, two)
    set_tile(tx, 0, 1, one)


def flip_a_bit_of_a_tile(tx: Transaction) -> None:
    query = sa.select(audit_tile.c.hashes).where(audit_tile.c.level == 0, audit_tile.c.n == 1)
    hashes = bytearray(tx.execute(query).scalar_one())
    hashes[100] ^= 1
    set_tile(tx, 0, 1, bytes(hashes))


def flip_a_bit_of_an_upper_tile(tx: Transaction) -> None:
    query = sa.select(audit_tile.c.hashes).where(audit_tile.c.level == 1)
    hashes = bytearray(tx.execute(query).scalar_one())
    hashes[1] ^= 1
    set_tile(tx, 1, 0, bytes(hashes))


def delete_a_tile(tx: Transaction) -> None:
    tx.execute(sa.delete(audit_tile).where(audit_tile.c.level == 0, audit_tile.c.n == 1))


def delete_an_upper_tile(tx: Transaction) -> None:
    tx.execute(sa.delete(audit_tile).where(audit_tile.c.level == 1))


def add_a_tile(tx: Transaction) -> None:
    tile = {"level": 0, "n": 2, "width": 256, "hashes": bytes(8192)}
    tx.execute(sa.insert(audit_tile), tile)


def state_another_width(tx: Transaction) -> None:
    tx.execute(sa.update(audit_tile).where(audit_tile.c.level == 1).values(width=9))


def forge_the_head(tx: Transaction) -> None:
    set_head(tx, frontier_of(tx), THIEF)


def damage_the_head_note(tx: Transaction) -> None:
    tx.execute(sa.update(audit_head).values(note="not a note"))


def keep_an_older_head_note(tx: Transaction) -> None:
    older = sa.select(audit_checkpoint.c.note).where(audit_checkpoint.c.size == 300)
    tx.execute(sa.update(audit_head).values(note=tx.execute(older).scalar_one()))


def inflate_the_head(tx: Transaction) -> None:
    tx.execute(sa.update(audit_head).values(size=2**62))


def damage_the_frontier(tx: Transaction) -> None:
    tx.execute(sa.update(audit_head).values(frontier=b"\x01" + bytes(32 * SIZE.bit_count())))


def delete_the_head(tx: Transaction) -> None:
    tx.execute(sa.delete(audit_head))


def forge_a_checkpoint(tx: Transaction) -> None:
    note = THIEF.sign(checkpoint_text(ORIGIN, 300, bytes(32)))
    tx.execute(sa.update(audit_checkpoint).where(audit_checkpoint.c.size == 300).values(note=note))


def file_a_checkpoint_under_another_size(tx: Transaction) -> None:
    where = audit_checkpoint.c.size == 300
    tx.execute(sa.update(audit_checkpoint).where(where).values(size=299))


def delete_everything(tx: Transaction) -> None:
    for table in (audit_event, audit_tile, audit_head, audit_checkpoint):
        tx.execute(sa.delete(table))


@pytest.mark.clause("2.6")
@pytest.mark.parametrize(
    ("tamper", "named", "told"),
    [
        (edit_body, ["event.edited"], "event 17 "),
        (edit_body_and_leaf, ["event.replaced"], "event 17 "),
        (edit_body_leaf_and_tile, ["tile.damaged", "checkpoint.root", "head.root"], "events 0 to"),
        (
            edit_body_leaf_and_all_tiles,
            ["checkpoint.root", "signer.root", "head.root"],
            "first 300 events",
        ),
        (
            edit_everything_but_the_note,
            ["head.frontier", "checkpoint.root", "signer.root"],
            "first 300 events",
        ),
        (
            edit_everything_and_sign_with_another_key,
            ["head.forged", "checkpoint.root", "signer.root"],
            "the head's note does not verify",
        ),
        (
            edit_body_and_leaf_in_the_open_tile,
            ["checkpoint.root", "signer.root", "head.root"],
            "events 576 to 591 are",
        ),
        (delete_event, ["event.missing"], "event 17 "),
        (delete_event_in_the_open_tile, ["event.missing"], "event 590 "),
        (
            delete_event_and_close_the_gap,
            ["event.order", "event.replaced"],
            "event 17 is number 18",
        ),
        (delete_last_events, ["event.missing"], "event 599 "),
        (delete_body, ["event.bodyless"], "event 17 "),
        (insert_behind_the_head, ["event.beyond"], "event 600 "),
        (insert_in_between, ["event.order", "event.replaced"], "event 17 is number 3 "),
        (swap_two_events, ["event.order", "event.replaced"], "event 18 "),
        (swap_two_events_in_the_open_tile, ["event.order", "head.root"], "event 590 is number 591"),
        (edit_a_column, ["event.column"], "event 17 "),
        (swap_two_tiles, ["tile.damaged"], "tile 0/0 "),
        (flip_a_bit_of_a_tile, ["tile.damaged"], "tile 0/1 "),
        (flip_a_bit_of_an_upper_tile, ["tile.damaged"], "tile 1/0 "),
        (delete_a_tile, ["tile.missing"], "tile 0/1 "),
        (delete_an_upper_tile, ["tile.missing"], "tile 1/0 "),
        (add_a_tile, ["tile.extra"], "tile 0/2 "),
        (state_another_width, ["tile.damaged"], "tile 1/0 states"),
        (forge_the_head, ["head.forged"], "head's note does not verify"),
        (damage_the_head_note, ["head.forged"], "head's note does not verify"),
        (keep_an_older_head_note, ["head.forged"], "another log or size"),
        (inflate_the_head, ["head.forged", "event.missing"], "another log or size"),
        (damage_the_frontier, ["head.frontier"], "does not lead to the signed root"),
        (delete_the_head, ["head.missing", "signer.ahead"], "signer vouched for 600"),
        (forge_a_checkpoint, ["checkpoint.forged"], "checkpoint 300 does not verify"),
        (file_a_checkpoint_under_another_size, ["checkpoint.forged"], "checkpoint 299 "),
        (delete_everything, ["signer.ahead", "head.missing"], "the log has 0"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_tampering_is_found_and_named(sqlite_bench, log, tamper, named, told):
    assert log.verify().faults == []
    with owning(sqlite_bench.database) as tx:
        tamper(tx)
    report = sqlite_bench.start("auditor").verify()
    assert not report.ok
    assert set(named) <= set(kinds(report)), report.faults[:5]
    assert any(told in fault for fault in report.faults), report.faults[:5]


@pytest.mark.clause("2.6")
@pytest.mark.parametrize(
    "tamper",
    [edit_body, edit_body_and_leaf, delete_event, delete_body, edit_a_column, flip_a_bit_of_a_tile],
)
def test_one_change_is_one_fault(sqlite_bench, log, tamper):
    """What else is wrong must not drown in what follows from it."""
    with owning(sqlite_bench.database) as tx:
        tamper(tx)
    assert len(log.verify().faults) == 1


@pytest.mark.clause("2.6")
def test_tampering_is_found_on_either_engine(bench):
    log = filled(bench)
    assert log.verify().faults == []
    with owning(bench.database) as tx:
        edit_body(tx)
        delete_a_tile(tx)
        delete_event_in_the_open_tile(tx)
    assert kinds(log.verify()) == ["event.edited", "tile.missing", "event.missing"]


@pytest.mark.clause("2.6")
def test_a_log_cut_back_to_an_earlier_signed_state_is_found(bench):
    """Every signature is right; only the signer's own memory knows that there was more."""
    log = bench.start()
    bench.fill(log, 300)
    with bench.database.read() as tx:
        head = dict(tx.execute(sa.select(audit_head)).one()._mapping)
        tiles = {(t.level, t.n): dict(t._mapping) for t in tx.execute(sa.select(audit_tile))}
    bench.fill(log, 300, start=300)
    log.checkpoint(NOW)
    with owning(bench.database) as tx:
        tx.execute(sa.delete(audit_event).where(audit_event.c.seq >= 300))
        tx.execute(sa.delete(audit_tile))
        tx.execute(sa.insert(audit_tile), list(tiles.values()))
        tx.execute(sa.delete(audit_checkpoint))
        tx.execute(sa.update(audit_head).values(**head))
    report = bench.start("auditor").verify()
    assert report.faults == [
        "signer.ahead: the signer vouched for 600 events, the log has 300: it was cut or set back"
    ]


def rewrite_with_the_stolen_key(tx: Transaction, signer: Signer) -> Frontier:
    edit(tx, 17, leaf=True)
    rehash(tx, upper=True)
    frontier = frontier_of(tx)
    set_head(tx, frontier, signer)
    return frontier


@pytest.mark.clause("2.6")
def test_a_history_rewritten_with_the_stolen_key_is_found(sqlite_bench, log):
    with owning(sqlite_bench.database) as tx:
        rewrite_with_the_stolen_key(tx, sqlite_bench.signer)
    report = sqlite_bench.start("auditor").verify()
    assert set(kinds(report)) == {"checkpoint.root", "signer.root"}


@pytest.mark.clause("2.6")
def test_only_a_kept_checkpoint_shows_a_history_rewritten_with_key_and_memory(
    sqlite_bench, log, tmp_path
):
    """Whoever has the key, both databases and all that lies on the machine: a stated limit."""
    with log.prover() as prover:
        kept = prover.note(300)
    with owning(sqlite_bench.database) as tx:
        frontier = rewrite_with_the_stolen_key(tx, sqlite_bench.signer)
        tx.execute(sa.delete(audit_checkpoint))
    sqlite_bench.memory.remember(SIZE, frontier.root())
    thief = sqlite_bench.start("thief")
    assert thief.verify().faults == []
    bundle = tmp_path / "bundle"
    with thief.prover() as prover:
        stretch = export.settle(prover, bundle, 0, SIZE, [])
    export.write(thief.prover, bundle, stretch, lambda _done, _total: None)
    (bundle / export.UNFINISHED).unlink()
    key = sqlite_bench.signer.vkey
    assert offline.check(bundle, key, custody=False).faults == []
    (fault,) = offline.check(bundle, key, custody=False, kept=[kept]).faults
    assert fault.startswith("checkpoint.root: kept checkpoint 1 does not agree")


@pytest.mark.clause("2.6")
def test_a_checkpoint_ahead_of_the_log_shows_that_it_was_cut(sqlite_bench, log):
    note = sqlite_bench.signer.sign(checkpoint_text(ORIGIN, 700, bytes(32)))
    with owning(sqlite_bench.database) as tx:
        row = {"size": 700, "note": note, "stored_at": NOW}
        tx.execute(sa.insert(audit_checkpoint), row)
    (fault,) = log.verify().faults
    assert fault.startswith("checkpoint.ahead: checkpoint 700 ")


@pytest.mark.clause("2.6")
def test_a_signer_that_vouched_for_other_events_is_heard(sqlite_bench, log):
    sqlite_bench.memory.remember(256, bytes(32))
    (fault,) = log.verify().faults
    assert fault == "signer.root: the signer vouched for other 256 events"


def test_the_quick_verification_checks_head_and_memory_only(sqlite_bench, log):
    assert log.verify(full=False).faults == []
    with owning(sqlite_bench.database) as tx:
        edit_body(tx)
    assert log.verify(full=False).faults == []
    with owning(sqlite_bench.database) as tx:
        forge_the_head(tx)
    (fault,) = log.verify(full=False).faults
    assert "head.forged" in fault


def test_faults_are_listed_up_to_a_bound(sqlite_bench):
    log = sqlite_bench.start()
    for start in range(0, 3000, 1000):
        sqlite_bench.fill(log, 1000, start=start)
    with owning(sqlite_bench.database) as tx:
        tx.execute(sa.update(audit_event).values(outcome="error"))
    report = log.verify()
    assert len(report.faults) == MAX_FAULTS + 1
    assert report.faults[-1].startswith("more:")


def test_the_report_gives_the_root_that_was_signed(sqlite_bench, log):
    report = log.verify()
    assert (report.events, report.size) == (SIZE, SIZE)
    assert sqlite_bench.memory.remembered == (SIZE, report.root)


def test_an_export_is_verified_without_a_database(sqlite_bench, log):
    """`check` takes plain values: what an auditor has on paper, so to speak."""
    with sqlite_bench.database.read() as tx:
        rows = tx.execute(sa.select(audit_event).order_by(audit_event.c.seq)).all()
        head = tx.execute(sa.select(audit_head)).one()
        tiles = {(t.level, t.n): t.hashes for t in tx.execute(sa.select(audit_tile))}
    exported = [
        (r.seq, r.body, r.leaf_hash, r.ts, r.type, r.actor, r.outcome, r.obj_ref) for r in rows
    ]

    def verify(events) -> VerifyReport:
        return check(
            events,
            head=Head(head.size, head.frontier, head.note),
            checkpoints=[],
            tiles={key: len(split(hashes)) for key, hashes in tiles.items()},
            tile=lambda level, n: tiles.get((level, n)),
            verifier=Verifier(sqlite_bench.signer.vkey),
            memory=None,
        )

    assert verify(exported).ok
    assert kinds(verify([*exported[:40], exported[39], *exported[40:]])) == ["event.twice"]
    assert kinds(verify(exported[:-3])) == ["event.missing"]
    odd = {**json.loads(exported[0][1]), "note": "free text"}
    body = json.dumps(odd, sort_keys=True, separators=(",", ":")).encode()
    changed = (0, body, leaf_hash(body), *exported[0][3:])
    assert "event.form" in kinds(verify([changed, *exported[1:]]))


def test_an_event_of_a_wrong_instant_contradicts_its_column(sqlite_bench):
    log = sqlite_bench.start()
    sqlite_bench.fill(log, 1)
    with owning(sqlite_bench.database) as tx:
        log.append(tx, revealed(1), now=NOW)
        tx.execute(sa.update(audit_event).where(audit_event.c.seq == 1).values(ts=1))
    (fault,) = log.verify().faults
    assert fault.startswith("event.column: a column of event 1 ")
