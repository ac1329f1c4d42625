"""The log is kept for as long as it has to be, and given up by two people and no sooner."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support import nested
from tests.support.audit import NOW, Bench, revealed
from tests.support.keeping import ANNA, BORIS, LAST_DAY, LATER, WHY, Archive

from strongroom.audit import EventType, offline
from strongroom.audit.export import finish, save_proofs, settle, write
from strongroom.compliance.keeping import ChangeKind
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, Gone, Malformed, NotFound

pytestmark = pytest.mark.clause("3")


@pytest.fixture
def archive(database_url: str, tmp_path: Path) -> Iterator[Archive]:
    """A log of 600 old events on each engine, published."""
    database = Database(database_url)
    (tmp_path / "log").mkdir()
    made = Archive(Bench(database, tmp_path / "log" / "checkpoint"))
    made.fill(600)
    yield made
    database.close()


def bodies(archive: Archive) -> list[int]:
    event = schema.audit_event
    with archive.bench.database.read() as tx:
        query = sa.select(event.c.seq).where(event.c.body.is_not(None)).order_by(event.c.seq)
        return list(tx.execute(query).scalars())


def test_an_end_of_the_agreement_takes_two_people_and_can_be_taken_back(archive):
    keeping = archive.keeping
    assert keeping.agreement(LATER).prunable_before is None
    asked = keeping.request_end(LAST_DAY, WHY, ANNA, NOW)
    assert keeping.agreement(LATER).ends_on is None
    assert [change.id for change in keeping.agreement(LATER).waiting] == [asked.id]
    archive.both(asked, NOW)
    assert keeping.agreement(LATER).ends_on == LAST_DAY
    assert keeping.agreement(LATER).prunable_before == LATER - timedelta(days=90)
    back = keeping.request_reopening(WHY, BORIS, NOW)
    keeping.approve(back.id, [ChangeKind.REOPEN], ANNA, NOW)
    assert keeping.agreement(LATER).ends_on is None
    with pytest.raises(Conflict):
        keeping.request_reopening(WHY, ANNA, NOW)
    types = [entry.type for entry in archive.log.tail(4)]
    assert types == [
        "agreement.change.requested",
        "agreement.ended",
        "agreement.change.requested",
        "agreement.reopened",
    ]


def test_in_a_home_of_one_person_it_takes_effect_at_once(archive):
    alone = Archive(archive.bench, one_person=True)
    alone.keeping.request_end(LAST_DAY, WHY, ANNA, NOW)
    assert alone.keeping.agreement(NOW).ends_on == LAST_DAY


@pytest.mark.clause("2.6", "3")
def test_what_is_old_enough_is_given_up_and_everything_still_verifies(archive):
    archive.end_agreement()
    before = [archive.log.checkpoint(NOW)]
    with archive.log.prover() as prover:
        old = prover.event(17)
    archive.fill(100, LATER)
    before.append(archive.log.checkpoint(LATER))
    done = archive.prune()
    # 602 events are old; two whole tiles of them.
    assert (done.minimum, done.done, done.gone, done.anchored) == (512, 512, 512, True)
    assert bodies(archive)[0] == 512
    report = archive.log.verify()
    assert (report.faults, report.minimum) == ([], 512)
    # What somebody kept is as good as ever.
    key = offline.parse_key(archive.bench.signer.vkey)
    assert old.entry is not None
    assert offline.check_proof(old.proof, old.entry, key, "17")[0] == 17
    for note in before:
        offline.check_note(note, key, "kept")
    # The log goes on, in this process and the next one.
    archive.fill(300, LATER)
    again = Archive(Bench(archive.bench.database, archive.bench.checkpoint_path))
    again.bench.memory = archive.bench.memory
    again.log = again.bench.start("boot-2")
    with again.bench.database.write() as tx:
        again.log.append(tx, revealed(1), now=LATER)
    assert archive.faults() == []


def test_what_is_pruned_is_proved_by_its_hash_alone(archive, tmp_path):
    archive.end_agreement()
    with archive.log.prover() as prover:
        leaf = prover.event(17).leaf
    archive.prune()
    with archive.log.prover() as prover:
        proved = prover.event(17)
        assert (proved.entry, proved.leaf) == (None, leaf)
        assert prover.event(515).entry is not None
        names = save_proofs(tmp_path / "proofs", [proved])
    assert names == ["17.leaf", "17.tlog-proof"]
    assert (tmp_path / "proofs" / "17.leaf").read_text() == leaf.hex() + "\n"


def test_a_bundle_begins_at_the_minimum_index_and_verifies(archive, tmp_path):
    archive.end_agreement()
    archive.prune()
    log = archive.log
    with log.prover() as prover:
        for first, proofs in ((0, ()), (256, ()), (None, (17,))):
            with pytest.raises(Gone):
                settle(prover, tmp_path / "none", first, None, proofs)
        stretch = settle(prover, tmp_path / "bundle", None, None, (514,))
    assert stretch.first == 512
    write(log.prover, tmp_path / "bundle", stretch, lambda *_: None)
    with log.prover() as prover:
        finish(tmp_path / "bundle", stretch.size, prover, [3])
    report = offline.check(tmp_path / "bundle", archive.bench.signer.vkey, custody=False)
    assert (report.faults, report.said["entries"]) == ([], stretch.size - 512)


def test_readers_of_the_log_cope_with_what_was_given_up(archive):
    archive.end_agreement()
    archive.prune()
    log = archive.log
    assert log.tail(1000)[0].body == {}
    assert sum(not entry.body for entry in log.events()) == 512
    assert next(log.of_types([EventType.RECORD_REVEALED])).body == {}
    assert log.last_active()[7] == NOW
    assert log.objects(EventType.RECORD_REVEALED, 7, NOW) >= {"0", "599"}


def test_what_the_homes_state_is_held_against_stays(archive):
    archive.end_agreement()
    archive.fill(500, NOW)
    done = archive.prune()
    # The two events of the agreement's end were numbers 600 and 601.
    assert (done.minimum, done.gone) == (1024, 1022)
    assert bodies(archive)[:2] == [600, 601]
    assert archive.keeping.agreement(LATER).ends_on == LAST_DAY
    assert archive.faults() == []


def test_giving_up_goes_on_from_the_last_minimum_index(archive):
    archive.end_agreement()
    assert archive.prune(end=256).minimum == 256
    assert archive.faults() == []
    assert archive.prune().minimum == 512
    assert archive.faults() == []
    with pytest.raises(Denied):
        archive.keeping.request_prune(None, WHY, ANNA, LATER)
    with pytest.raises(Conflict):
        archive.keeping.request_prune(256, WHY, ANNA, LATER)


def test_nothing_goes_before_the_event_that_says_so_is_anchored(archive):
    archive.end_agreement()
    archive.anchored = False
    done = archive.prune()
    assert (done.declared, done.minimum, done.gone, done.anchored) == (512, 0, 0, False)
    assert bodies(archive)[0] == 0
    assert archive.faults() == []
    archive.anchored = True
    assert archive.keeping.run(LATER).minimum == 512
    assert archive.faults() == []


def test_who_is_interrupted_goes_on(archive):
    """Every batch is durable, and between two of them the log verifies."""
    archive.end_agreement()
    archive.fill(8000, NOW)
    archive.both(archive.keeping.request_prune(None, WHY, ANNA, LATER))
    archive.log.checkpoint(LATER)

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.keeping.run(LATER, stop)
    assert 0 < bodies(archive)[2] < 8192
    assert archive.faults() == []
    told: list[tuple[int, int]] = []
    done = archive.keeping.run(LATER, lambda *at: told.append(at))
    assert (done.minimum, done.done, told[-1]) == (8448, 8448, (8448, 8448))
    assert archive.faults() == []


def test_what_was_interrupted_is_finished_by_whoever_starts_next(archive):
    archive.end_agreement()
    archive.fill(8000, NOW)
    assert archive.keeping.resume() == 0
    archive.both(archive.keeping.request_prune(None, WHY, ANNA, LATER))
    archive.log.checkpoint(LATER)
    assert archive.keeping.resume() == 0  # nobody has begun

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.keeping.run(LATER, stop)
    left = bodies(archive)[2]
    assert archive.keeping.resume() > 0
    assert bodies(archive)[2] > left
    assert archive.keeping.resume() == 0
    assert archive.keeping.run(LATER).done == 8448
    assert archive.faults() == []


def test_the_bytes_are_gone_from_every_file(archive):
    """On PostgreSQL the files keep old rows until they are used again: docs/keeping.md says so."""
    archive.end_agreement()
    database = archive.bench.database
    with archive.log.prover() as prover:
        salts = [entry[entry.index(b'"salt":"') + 8 :][:32] for entry in prover.entries(0, 512)]
    files = dict(database.raw_bytes())
    if database.is_sqlite:
        assert all(any(salt in content for content in files.values()) for salt in salts)
    archive.prune()
    for name, content in database.raw_bytes():
        assert not [salt for salt in salts if salt in content], name


def test_a_hold_ends_by_two_people_and_then_its_entries_go(archive):
    keeping = archive.keeping
    archive.end_agreement()
    held = keeping.set_hold(300, 301, None, WHY, ANNA, NOW)
    assert archive.prune().minimum == 256
    archive.both(keeping.request_lift(held.hold.id, WHY, ANNA, LATER))
    assert [found.lifted for found in keeping.holds()] == [True]
    with pytest.raises(NotFound):
        keeping.request_lift(held.hold.id, WHY, ANNA, LATER)
    assert archive.prune().minimum == 512
    assert archive.faults() == []


def test_a_hold_set_after_the_approval_still_holds(archive):
    archive.end_agreement()
    archive.both(archive.keeping.request_prune(None, WHY, ANNA, LATER))
    archive.keeping.set_hold(0, 1, LATER + timedelta(days=9), WHY, BORIS, LATER)
    archive.log.checkpoint(LATER)
    with pytest.raises(Denied):
        archive.keeping.run(LATER)
    assert bodies(archive)[0] == 0
    assert archive.keeping.run(LATER + timedelta(days=9)).minimum == 512


def test_forms_are_checked(archive):
    keeping = archive.keeping
    archive.end_agreement()
    with pytest.raises(Malformed):
        keeping.request_prune(255, WHY, ANNA, LATER)
    with pytest.raises(Malformed):
        keeping.set_hold(5, 5, None, WHY, ANNA, NOW)
    with pytest.raises(Malformed):
        keeping.set_hold(5, 6, NOW, WHY, ANNA, NOW)
    with pytest.raises(Malformed):
        keeping.request_end(LAST_DAY, "of jane@example.com", ANNA, NOW)
    with pytest.raises(NotFound):
        keeping.approve(99, list(ChangeKind), BORIS, NOW)


@pytest.mark.clause("2.6")
def test_while_it_keeps_everybody_from_the_log_it_needs_no_second_connection(archive):
    """All the others may be held by those who wait for it."""
    archive.end_agreement()
    with nested.refused(archive.bench.database):
        assert archive.prune().minimum == 512
