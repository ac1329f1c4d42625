"""The log: each check red and green for the right reason."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.audit import Event, EventType, Outcome
from strongroom.compliance.overseen import Verdict
from strongroom.crypto.age import new_identity
from strongroom.terms import SYSTEM
from tests.checks.looking import House

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


def beat(house: House) -> None:
    """Do what the process that serves does each minute."""
    event = Event(EventType.LOG_HEARTBEAT, Outcome.SUCCESS, SYSTEM)
    house.system.strangers.record([event], house.now)


@pytest.mark.clause("2.6-a")
def test_a_silent_log_is_red_until_the_next_heartbeat(house: House) -> None:
    assert house.verdict("log.heartbeat") is UNKNOWN
    beat(house)
    assert house.verdict("log.heartbeat") is PASS
    house.passes(minutes=61)
    assert house.verdict("log.heartbeat") is FAIL
    beat(house)
    assert house.verdict("log.heartbeat") is PASS


@pytest.mark.clause("2.6-b", "2.6-e")
def test_an_entry_that_was_changed_is_red(house: House) -> None:
    beat(house)
    assert house.verdict("log.form") is PASS
    assert house.verdict("log.whole") is PASS
    assert house.verdict("log.head") is PASS
    house.unguarded("UPDATE audit_event SET outcome = 'denied' WHERE type = 'log.heartbeat'")
    assert house.verdict("log.form") is FAIL
    assert house.verdict("log.whole") is FAIL
    house.unguarded("UPDATE audit_event SET outcome = 'success' WHERE type = 'log.heartbeat'")
    assert house.verdict("log.form") is PASS
    assert house.verdict("log.whole") is PASS


@pytest.mark.clause("2.6-e")
def test_a_head_that_is_not_signed_is_red(house: House) -> None:
    with house.system.database.read() as tx:
        note = tx.exec_driver_sql("SELECT note FROM audit_head").scalar_one()
    house.edit("UPDATE audit_head SET note = replace(note, ?, ?)", "strongroom", "strangeroom")
    assert house.verdict("log.head") is FAIL
    house.edit("UPDATE audit_head SET note = ?", note)
    assert house.verdict("log.head") is PASS


@pytest.mark.clause("2.6-e")
def test_a_copy_outside_that_takes_the_log_no_more_is_red(house: House, tmp_path: Path) -> None:
    assert house.verdict("log.anchored") is PASS
    place = tmp_path / "elsewhere"
    place.mkdir(mode=0o700)
    house.reads_log()
    house.ask("audit.copy.add", place=f"dir:{place}")
    house.ask("audit.copy.now")
    assert house.verdict("log.anchored") is PASS
    house.passes(days=2)
    found = house.look("log.anchored")
    assert (found.verdict, found.why[:6]) == (FAIL, "1 of 1")
    house.system.audit.checkpoint(house.now)
    house.ask("audit.copy.now")
    assert house.verdict("log.anchored") is PASS


@pytest.mark.clause("2.6-d")
def test_a_database_that_lets_entries_be_changed_is_red(house: House) -> None:
    assert house.verdict("log.guarded") is PASS
    with house.system.database.read() as tx:
        query = "SELECT sql FROM sqlite_master WHERE name = 'audit_event_delete'"
        trigger = tx.exec_driver_sql(query).scalar_one()
    before = len(list(house.system.audit.events()))
    house.edit("DROP TRIGGER audit_event_delete")
    found = house.look("log.guarded")
    assert (found.verdict, found.why) == (FAIL, "the database lets entries be removed")
    assert len(list(house.system.audit.events())) == before
    house.edit(trigger)
    assert house.verdict("log.guarded") is PASS


@pytest.mark.clause("2.6-f")
def test_a_canarys_value_in_the_processes_log_is_red(house: House) -> None:
    assert house.verdict("log.clean") is UNKNOWN
    house.ask("canary.plant", seller="acme", count=3)
    assert house.verdict("log.clean") is PASS
    marker = next(iter(house.system.vault.canaries.markers()))
    path = house.system.home.logs / "strongroom.log"
    path.write_text(f'{{"event": "library.spoke", "to": "{marker}@example.net"}}\n')
    found = house.look("log.clean")
    assert (found.verdict, found.proof) == (FAIL, ("strongroom.log",))
    assert marker not in repr(found)
    path.write_text("")
    assert house.verdict("log.clean") is PASS


@pytest.mark.clause("2.6-g", "2.2-e")
def test_entries_that_are_missing_are_red(house: House) -> None:
    assert house.verdict("log.kept") is PASS
    house.edit("CREATE TABLE away AS SELECT * FROM audit_event WHERE seq = 1")
    house.unguarded("DELETE FROM audit_event WHERE seq = 1")
    found = house.look("log.kept")
    assert (found.verdict, found.why[:4]) == (FAIL, "1 of")
    house.unguarded("INSERT INTO audit_event SELECT * FROM away")
    house.edit("DROP TABLE away")
    assert house.verdict("log.kept") is PASS


@pytest.mark.clause("2.2-e", "3-b")
def test_entries_given_up_while_the_agreement_holds_are_red(house: House) -> None:
    assert house.verdict("log.agreed") is PASS
    house.edit("INSERT INTO audit_min (id, min_index, event, done) VALUES (1, 256, 0, 256)")
    found = house.look("log.agreed")
    assert (found.verdict, found.why) == (FAIL, "entries were given up while the agreement holds")
    house.unguarded("DELETE FROM audit_min", table="audit_min")
    assert house.verdict("log.agreed") is PASS


@pytest.mark.clause("3-b", "2.2-e")
def test_books_are_red_until_they_are_backed_up_and_were_read_back(house: House) -> None:
    assert house.verdict("backup.recent") is FAIL
    assert house.verdict("backup.restorable") is FAIL
    identity, recipient = new_identity()
    house.ask("place.add", kind="recipient", value=recipient)
    house.ask("backup.run")
    assert house.verdict("backup.recent") is PASS
    house.ask("backup.drill", identity=identity)
    assert house.verdict("backup.restorable") is PASS
    house.passes(days=3)
    assert house.verdict("backup.recent") is FAIL
    house.now += timedelta(days=370)
    assert house.verdict("backup.restorable") is FAIL
    house.ask("backup.run")
    assert house.verdict("backup.recent") is FAIL  # the drill is late as well
    house.ask("backup.drill", identity=identity)
    assert house.verdict("backup.recent") is PASS
    assert house.verdict("backup.restorable") is PASS
