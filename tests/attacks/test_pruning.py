"""Nobody gives up entries of the log alone, too early, from inside a hold, or without an event that says so [2.6]."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.attacker import owning
from tests.support.audit import APP, NOW, Bench
from tests.support.home import Home
from tests.support.keeping import ANNA, BORIS, LAST_DAY, LATER, WHY, Archive

from strongroom.audit import Change, Event, EventType, Field, Outcome
from strongroom.audit.approvals import ONE_PERSON
from strongroom.compliance import keeping
from strongroom.compliance.keeping import ChangeKind, Keeping
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, Gone, Tampered, Unavailable
from strongroom.terms import SYSTEM

pytestmark = pytest.mark.clause("2.6", "3")

KINDS = list(ChangeKind)


@pytest.fixture
def archive(database_url: str, tmp_path: Path) -> Iterator[Archive]:
    """A log of 600 old events on each engine, whose agreement has ended."""
    database = Database(database_url)
    (tmp_path / "log").mkdir()
    made = Archive(Bench(database, tmp_path / "log" / "checkpoint"))
    made.fill(600)
    made.end_agreement()
    yield made
    database.close()


def untouched(archive: Archive) -> bool:
    event = schema.audit_event
    with archive.bench.database.read() as tx:
        gone = tx.execute(sa.select(event.c.seq).where(event.c.body.is_(None))).first()
    return gone is None and archive.faults() == []


def last(archive: Archive) -> tuple[str, str, str | None]:
    entry = archive.log.tail(1)[0]
    return entry.type, entry.outcome, entry.body.get("reason")


def names_another(archive: Archive, seq: int) -> None:
    """Make an event of Anna's one of Boris's or the other way round, body and column."""
    event = schema.audit_event
    with archive.bench.database.read() as tx:
        body = tx.execute(sa.select(event.c.body).where(event.c.seq == seq)).scalar_one()
    entry = json.loads(body)
    other = {ANNA.principal: BORIS, BORIS.principal: ANNA}[entry["actor"]["id"]].principal
    entry["actor"]["id"] = other
    edited = json.dumps(entry, separators=(",", ":"), sort_keys=True).encode()
    with owning(archive.bench.database) as tx:
        change = event.update().where(event.c.seq == seq)
        tx.execute(change.values(actor=other, body=edited))


def test_nothing_goes_without_an_approval(archive):
    asked = archive.keeping.request_prune(None, WHY, ANNA, LATER)
    archive.log.checkpoint(LATER)
    assert archive.keeping.run(LATER).gone == 0
    with pytest.raises(Denied):
        archive.keeping.approve(asked.id, KINDS, ANNA, LATER)
    assert last(archive) == ("log.pruned", "denied", "not_authorized")
    with pytest.raises(Denied):
        archive.keeping.approve(asked.id, KINDS, APP, LATER)
    archive.log.checkpoint(LATER)
    assert archive.keeping.run(LATER).gone == 0
    assert untouched(archive)


def test_a_row_that_says_approved_is_no_approval(archive):
    archive.keeping.request_prune(None, WHY, ANNA, LATER)
    with archive.bench.database.write() as tx:
        row = schema.keeping_change.update().values(approved_by=BORIS.principal, approved_at=LATER)
        tx.execute(row)
    archive.log.checkpoint(LATER)
    assert archive.keeping.run(LATER).gone == 0
    assert untouched(archive)


def test_a_request_whose_row_was_edited_is_not_approved(archive):
    asked = archive.keeping.request_prune(256, WHY, ANNA, LATER)
    with archive.bench.database.write() as tx:
        terms = sa.func.replace(schema.keeping_change.c.terms, '"end": 256', '"end": 512')
        tx.execute(schema.keeping_change.update().values(terms=terms))
    with pytest.raises(Tampered):
        archive.keeping.approve(asked.id, KINDS, BORIS, LATER)
    assert last(archive) == ("log.pruned", "denied", "tampered")
    # Nor does a row that names somebody else make the requester another person.
    asked = archive.keeping.request_prune(256, WHY, ANNA, LATER)
    with archive.bench.database.write() as tx:
        tx.execute(schema.keeping_change.update().values(requested_by=BORIS.principal))
    with pytest.raises(Denied):
        archive.keeping.approve(asked.id, KINDS, ANNA, LATER)
    assert untouched(archive)


@pytest.mark.parametrize("kind", ["end", "lift"])
def test_an_approval_is_not_replayed(archive, kind):
    """A row set back to pending was approved once, says the log."""
    keeping = archive.keeping
    held = keeping.set_hold(0, 1, None, WHY, ANNA, NOW)
    asked = (
        keeping.request_end(LAST_DAY + timedelta(days=9), WHY, ANNA, NOW)
        if kind == "end"
        else keeping.request_lift(held.hold.id, WHY, ANNA, NOW)
    )
    archive.both(asked, NOW)
    with pytest.raises(Conflict):
        archive.both(asked, NOW)
    if kind == "end":
        archive.both(keeping.request_end(LAST_DAY, WHY, ANNA, NOW), NOW)
    changes = schema.keeping_change
    with archive.bench.database.write() as tx:
        tx.execute(changes.update().values(approved_by=None, approved_at=None))
    with pytest.raises(Tampered):
        archive.both(asked, NOW)
    assert last(archive)[1:] == ("denied", "tampered")


def test_it_is_too_early_before_the_agreement_ended_and_twelve_months_after(archive):
    back = archive.keeping.request_reopening(WHY, ANNA, NOW)
    archive.both(back, NOW)
    for now in (LATER, NOW + timedelta(days=364)):
        with pytest.raises(Denied):
            archive.keeping.request_prune(256, WHY, ANNA, now)
        assert last(archive) == ("log.prune.requested", "denied", "too_early")
        archive.end_agreement()
    assert untouched(archive)


def test_it_is_too_early_for_what_is_younger_than_90_days(archive):
    archive.fill(600, LATER - timedelta(days=89))
    with pytest.raises(Denied):
        archive.keeping.request_prune(768, WHY, ANNA, LATER)
    assert archive.prune().minimum == 512


def test_a_younger_entry_is_not_made_old_by_editing_its_column(archive):
    archive.fill(600, LATER - timedelta(days=89))
    with owning(archive.bench.database) as tx:
        tx.execute(sa.text("UPDATE audit_event SET ts = 1"))
    with pytest.raises(Tampered):
        archive.keeping.request_prune(768, WHY, ANNA, LATER)


def test_an_agreement_reopened_after_the_approval_ends_it(archive):
    archive.both(archive.keeping.request_prune(None, WHY, ANNA, LATER))
    archive.both(archive.keeping.request_reopening(WHY, ANNA, LATER))
    archive.log.checkpoint(LATER)
    with pytest.raises(Denied):
        archive.keeping.run(LATER)
    assert untouched(archive)


def test_a_hold_keeps_its_entries_whatever_the_rows_say(archive):
    held = archive.keeping.set_hold(10, 20, None, WHY, ANNA, NOW)
    with archive.bench.database.write() as tx:
        tx.execute(schema.log_hold.delete())
    with pytest.raises(Denied):
        archive.keeping.request_prune(256, WHY, ANNA, LATER)
    assert last(archive) == ("log.prune.requested", "denied", "held")
    lift = archive.keeping.request_lift(held.hold.id, WHY, ANNA, LATER)
    with pytest.raises(Denied):
        archive.keeping.approve(lift.id, KINDS, ANNA, LATER)
    with pytest.raises(Denied):
        archive.keeping.request_prune(256, WHY, ANNA, LATER)
    assert untouched(archive)


def test_an_edit_is_not_hidden_by_giving_it_up(archive):
    with owning(archive.bench.database) as tx:
        tx.execute(
            sa.text("UPDATE audit_event SET body = :body WHERE seq = 3"),
            {"body": b'{"t":"2026","type":"x"}'},
        )
    with pytest.raises(Tampered):
        archive.keeping.request_prune(None, WHY, ANNA, LATER)
    assert any("event.edited" in fault for fault in archive.faults())


def test_a_hold_set_while_the_log_is_read_again_keeps_its_entries(archive, monkeypatch):
    """Reading a long log takes minutes, in which somebody learns that they need it."""
    archive.both(archive.keeping.request_prune(None, WHY, ANNA, LATER))
    archive.log.checkpoint(LATER)
    read = keeping.survey

    def reads_slowly(tx, end, before):
        found = read(tx, end, before)
        held.append(end)
        return found

    def sees_the_gap(self, end, now):
        found = surveys(self, end, now)
        self.set_hold(10, 20, None, WHY, BORIS, now)
        return found

    held: list[int] = []
    surveys = Keeping._survey
    monkeypatch.setattr(keeping, "survey", reads_slowly)
    monkeypatch.setattr(Keeping, "_survey", sees_the_gap)
    with pytest.raises(Denied):
        archive.keeping.run(LATER)
    assert held == [512]
    assert last(archive) == ("log.pruned", "denied", "held")
    assert untouched(archive)


def test_who_edits_the_event_of_the_request_does_not_become_another_person(archive):
    """Row and event both name Boris now; the tree knows that Anna asked."""
    asked = archive.keeping.request_prune(256, WHY, ANNA, LATER)
    with owning(archive.bench.database) as tx:
        tx.execute(schema.keeping_change.update().values(requested_by=BORIS.principal))
    names_another(archive, archive.log.tail(1)[0].seq)
    with pytest.raises(Tampered):
        archive.keeping.approve(asked.id, KINDS, ANNA, LATER)
    assert archive.keeping.run(LATER).gone == 0


def test_a_second_pruning_does_not_launder_an_edit_of_what_stayed(archive):
    """What stays below the minimum index is held against its leaf hash each time."""
    archive.fill(500)
    archive.prune()
    archive.fill(600)
    names_another(archive, 601)
    with pytest.raises(Tampered):
        archive.keeping.request_prune(None, WHY, ANNA, LATER + timedelta(days=91))
    assert any("event.edited: the body of event 601" in fault for fault in archive.faults())


def test_an_edit_after_the_approval_is_not_given_up_either(archive):
    archive.both(archive.keeping.request_prune(None, WHY, ANNA, LATER))
    archive.log.checkpoint(LATER)
    with owning(archive.bench.database) as tx:
        tx.execute(sa.text("UPDATE audit_event SET body = 'x' WHERE seq = 3"))
    with pytest.raises(Tampered):
        archive.keeping.run(LATER)


def test_who_may_write_does_not_take_bodies_away(archive):
    """The database itself refuses, until an event moved the minimum index."""
    database = archive.bench.database
    take = sa.text("UPDATE audit_event SET body = NULL WHERE seq = 3")
    with pytest.raises(Unavailable), database.write() as tx:
        tx.execute(take)
    archive.prune(end=256)
    refused = (
        "UPDATE audit_event SET body = NULL WHERE seq = 256",
        "UPDATE audit_event SET body = NULL, outcome = 'denied' WHERE seq = 3",
        "UPDATE audit_event SET body = leaf_hash WHERE seq = 3",
        "DELETE FROM audit_event WHERE seq = 3",
        "UPDATE audit_min SET min_index = 0",
        "UPDATE audit_min SET min_index = 300",
        "DELETE FROM audit_min",
    )
    for statement in refused:
        with pytest.raises(Unavailable), database.write() as tx:
            tx.execute(sa.text(statement))
    assert archive.faults() == []


@pytest.mark.parametrize("pruned", [False, True])
def test_a_minimum_index_that_no_event_declares_is_found(archive, pruned):
    if pruned:
        archive.prune(end=256)
    with owning(archive.bench.database) as tx:
        tx.execute(sa.text("DELETE FROM audit_min"))
        tx.execute(sa.insert(schema.audit_min).values(id=1, min_index=512, event=601, done=512))
        tx.execute(sa.text("UPDATE audit_event SET body = NULL WHERE seq < 512"))
    expected = "min.forged: no event says that the entries below 512 were given up"
    assert archive.faults() == [expected]


def test_a_minimum_index_set_back_shows_every_body_that_is_gone(archive):
    archive.prune()
    with owning(archive.bench.database) as tx:
        tx.execute(sa.text("UPDATE audit_min SET min_index = 256"))
    faults = archive.faults()
    assert "min.forged: no event says that the entries below 256 were given up" in faults
    assert "event.bodyless: event 256 has lost its body" in faults


def test_an_entry_that_had_to_stay_is_missed(archive):
    archive.fill(500)
    archive.prune()
    with archive.bench.database.write() as tx:
        # Below the minimum index the database lets anybody do it: 601 set the agreement's end.
        tx.execute(sa.text("UPDATE audit_event SET body = NULL WHERE seq = 601"))
    assert archive.faults() == ["min.kept: an entry below 1024 that had to stay has no body"]


def test_a_bodyless_entry_above_the_minimum_index_is_a_fault(archive):
    archive.prune()
    with owning(archive.bench.database) as tx:
        tx.execute(sa.text("UPDATE audit_event SET body = NULL WHERE seq = 512"))
    assert "event.bodyless: event 512 has lost its body" in archive.faults()


def test_a_row_that_says_how_far_does_not_have_the_rest_taken_away(archive):
    """Whoever edits it before a start would have the home itself erase what nobody approved."""
    archive.prune(end=256)
    with archive.bench.database.read() as tx:
        event = tx.execute(sa.select(schema.audit_min.c.event)).scalar_one()
    for forged in (event, event - 1, 0):
        with owning(archive.bench.database) as tx:
            row = schema.audit_min.update().values(min_index=512, event=forged, done=256)
            tx.execute(row)
        for take in (archive.keeping.resume, lambda: archive.keeping.run(LATER)):
            with pytest.raises((Tampered, Gone)):
                take()
    with archive.bench.database.read() as tx:
        bodies = sa.select(schema.audit_event.c.body).where(schema.audit_event.c.seq >= 256)
        assert None not in list(tx.execute(bodies).scalars())


@pytest.mark.parametrize("made_for_one", [True, False])
def test_whoever_gave_up_alone_is_named(database_url, tmp_path, made_for_one):
    """Settings that say `one_person`, or another program, in a home that was made for several."""
    database = Database(database_url)
    (tmp_path / "log").mkdir()
    archive = Archive(Bench(database, tmp_path / "log" / "checkpoint"))
    mode = ONE_PERSON if made_for_one else None
    made = Event(EventType.HOME_INITIALIZED, Outcome.SUCCESS, SYSTEM, op=mode)
    archive.log.record(made, now=NOW)
    archive.fill(600)
    archive.end_agreement()
    archive.prune(end=256)
    assert (archive.faults(), archive.log.verify().notices) == ([], ())

    archive.keeping._one_person = True
    archive.keeping.request_prune(512, WHY, ANNA, LATER)
    archive.log.checkpoint(LATER)
    if made_for_one:
        assert archive.keeping.run(LATER).done == 512
    else:
        with pytest.raises(Tampered, match="approved by who asked"):
            archive.keeping.run(LATER)
    report = archive.log.verify()
    (said,) = report.notices if made_for_one else report.faults
    number = archive.log.of_types([EventType.LOG_PRUNED])
    assert (
        said == f"prune.alone: event {[e.seq for e in number][-1]} was approved by who asked for it"
    )
    assert report.ok is made_for_one
    database.close()


def test_a_giving_up_that_nobody_asked_for_is_named(archive):
    made = Event(EventType.HOME_INITIALIZED, Outcome.SUCCESS, SYSTEM)
    archive.log.record(made, now=LATER)
    asked = archive.keeping.request_prune(256, WHY, ANNA, LATER)
    event = archive.keeping._event({ChangeKind.PRUNE: EventType.LOG_PRUNED}, asked, BORIS)
    other = Change(Field.TERMS, after="0" * 32)
    archive.log.record(replace(event, changes=(other, event.changes[1])), now=LATER)
    (fault,) = archive.faults()
    assert fault.startswith("prune.alone: event")
    assert fault.endswith("gives up what nobody asked for")


@pytest.mark.long
def test_serving_goes_on_with_what_was_begun_and_tells_of_a_row_that_was_edited(tmp_path):
    with Home.make(tmp_path) as home:
        database = Database(f"sqlite:///{home.path / 'vault.db'}")
        with database.write() as tx:
            row = {"id": 1, "min_index": 256, "event": 0, "done": 0}
            tx.execute(schema.audit_min.insert().values(row))
        home.start()
        told = sa.select(schema.audit_event.c.body).where(
            schema.audit_event.c.type == "system.error"
        )
        deadline, found = time.monotonic() + 10, ""
        while "task.pruning" not in found:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            with database.read() as tx:
                found = str(tx.execute(told).scalars().all())
        database.close()
        assert "tampered" in found
        home.stop()
        with database.read() as tx:
            gone = sa.select(schema.audit_event.c.seq).where(schema.audit_event.c.body.is_(None))
            assert tx.execute(gone).first() is None
        database.close()
