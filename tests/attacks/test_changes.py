"""What somebody tries who wants storage changed unseen: unnamed, alone, twice at once, or in the rows [2.7]."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from tests.desk.conftest import ada, joined, made_for_two
from tests.support.changes import caller_of, evidence, facts_of, named
from tests.support.pages import DeskHome, Member
from tests.support.policies import overseer

from strongroom.assurance.changes import Change, Kind
from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Malformed, Tampered
from strongroom.terms import Caller

__all__ = ["ada", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("2.7-f", "2.7-g")


def opened(home: DeskHome, caller: Caller, kind: Kind = Kind.STORAGE_VOLUME) -> Change:
    return home.system.assurance.changes.open(
        caller,
        kind,
        "A disk",
        home.now,
        what="It is replaced.",
        back_out="The old one.",
        risk="None.",
    )


def tried(home: DeskHome, caller: Caller, kind: Kind = Kind.STORAGE_VOLUME) -> Change:
    change = opened(home, caller, kind)
    return home.system.assurance.changes.test(
        caller, change.id, home.now, passed=True, result="It works.", evidence=evidence(home)
    )


def test_a_person_who_is_not_named_opens_and_closes_no_change_of_storage(ada: Member) -> None:
    home = ada.browser.home
    facts_of(home)
    changes = home.system.assurance.changes
    with pytest.raises(Denied, match="named for it"):
        opened(home, caller_of(ada))
    assert home.events("change.opened")[-1].outcome == "denied"
    with pytest.raises(Denied, match="named for it"):
        changes.record_storage(caller_of(ada), home.now)

    ben = overseer(ada)
    named(ada, ben, "ben")
    change = tried(home, caller_of(ben))
    changes.verify(home.console, change.id, home.now)
    changes.approve(home.console, change.id, home.now)
    with pytest.raises(Denied, match="named for it"):
        changes.close(caller_of(ada), change.id, home.now, major=False, reason="mine")
    ada.prove("changes")
    page = ada.browser.post(
        f"/changes/{change.id}/close",
        ada.browser.form_fields("/changes") | {"major": "no", "reason": "mine"},
    )
    assert "people who are named for it" in page.text
    assert changes.show(change.id).state == "close"
    home.system.accounts.end("ben", caller=home.console, now=home.now)
    with pytest.raises(Denied):
        changes.close(caller_of(ben), change.id, home.now, major=False, reason="gone")


def test_nobody_names_themself_nor_approves_whom_they_asked_for(ada: Member) -> None:
    home = ada.browser.home
    ben = overseer(ada)
    administrators = home.system.assurance.changes.administrators
    place = administrators.name(caller_of(ada), "ada", home.now)
    with pytest.raises(Denied, match="another person"):
        administrators.approve(caller_of(ada), place.id, home.now)
    other = administrators.name(caller_of(ada), "ben", home.now)
    for caller in (caller_of(ada), caller_of(ben)):
        with pytest.raises(Denied, match="another person"):
            administrators.approve(caller, other.id, home.now)
    assert not administrators.allowed(place.person, home.now)
    administrators.approve(home.console, place.id, home.now)
    with pytest.raises(Conflict, match="nobody on the list but you"):
        administrators.review(caller_of(ada), home.now)


def test_who_asked_or_tested_neither_verifies_nor_approves(ada: Member) -> None:
    home = ada.browser.home
    ben = overseer(ada)
    changes = home.system.assurance.changes
    change = opened(home, caller_of(ada), Kind.SYSTEM)
    changes.test(caller_of(ben), change.id, home.now, passed=True, result="It works.")
    for caller in (caller_of(ada), caller_of(ben)):
        with pytest.raises(Denied, match="another person"):
            changes.verify(caller, change.id, home.now)
    assert home.events("change.verified")[-1].outcome == "denied"
    with pytest.raises(Conflict, match="waits for: verify"):
        changes.approve(home.console, change.id, home.now)
    changes.verify(home.console, change.id, home.now)
    with pytest.raises(Denied, match="another person"):
        changes.approve(caller_of(ben), change.id, home.now)
    with pytest.raises(Conflict, match="is verified"):
        changes.test(caller_of(ben), change.id, home.now, passed=True, result="Another.")
    changes.approve(home.console, change.id, home.now)
    for done_at in (home.now.replace(year=2020), home.now.replace(year=2031)):
        with pytest.raises(Malformed, match="after its approval"):
            changes.close(
                caller_of(ada), change.id, home.now, major=False, reason="so", done_at=done_at
            )


def test_a_change_is_approved_once_however_many_try_at_once(ada: Member) -> None:
    home = ada.browser.home
    changes = home.system.assurance.changes
    change = opened(home, caller_of(ada), Kind.SYSTEM)
    changes.test(caller_of(ada), change.id, home.now, passed=True, result="It works.")
    callers = [home.system.accounts.console(name, home.now) for name in ("otto", "paul", "rita")]
    changes.verify(callers[0], change.id, home.now)
    outcomes: list[str] = []

    def approve(caller: Caller) -> None:
        try:
            changes.approve(caller, change.id, home.now)
            outcomes.append("approved")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=approve, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["approved", "conflict", "conflict"]
    done = [e for e in home.events("change.approved") if e.outcome == "success"]
    assert len(done) == 1


def test_rows_that_somebody_edits_or_moves_count_no_more(ada: Member) -> None:
    home = ada.browser.home
    ben = overseer(ada)
    facts_of(home)
    named(ada, ben, "ada")
    changes, table = home.system.assurance.changes, schema.change_record
    first, second = tried(home, caller_of(ada)), opened(home, caller_of(ada))
    with home.system.database.write() as tx:
        content = tx.execute(sa.select(table.c.content).where(table.c.id == first.id)).scalar_one()
        tx.execute(table.update().where(table.c.id == second.id).values(content=content))
    with pytest.raises(Tampered):
        changes.show(second.id)
    with home.system.database.write() as tx:
        tx.execute(table.update().where(table.c.id == first.id).values(ended_at=home.now))
    with pytest.raises(Tampered, match="not what was kept"):
        changes.show(first.id)


def test_what_is_written_lies_sealed_and_stands_in_no_event(ada: Member) -> None:
    home = ada.browser.home
    marker = "zq-marker-5511"
    home.system.assurance.changes.open(
        caller_of(ada), Kind.SYSTEM, marker, home.now, what=marker, back_out=marker, risk=marker
    )
    with home.system.database.read() as tx:
        (content,) = tx.execute(sa.select(schema.change_record.c.content)).scalars()
    assert marker.encode() not in bytes(content)
    assert all(marker not in str(event.body) for event in home.events())
