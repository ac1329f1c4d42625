"""A notice of Amazon's, from its arrival to a certificate that somebody else checks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.noticed import (
    ACME,
    ADA,
    BOB,
    DONE,
    GLOBEX,
    NO_COPIES,
    Desk,
    copy,
    fill,
    id_of,
    law,
    save,
)
from tests.vault.conftest import APP, EMAIL, NAME, NOW, World, order

from strongroom.alarms.rules import all_rules
from strongroom.alarms.seen import seen
from strongroom.db import schema
from strongroom.deletion import offline
from strongroom.deletion.stores import Copies
from strongroom.errors import Conflict, Denied, Gone, Malformed, NotFound, Tampered
from strongroom.policy.deletion import Asked, Scope, Selectors
from strongroom.terms import Action, Category, Purpose
from strongroom.vault import store

pytestmark = pytest.mark.clause("1.7")

SCRIPT = Path(offline.__file__)


def checked(directory: Path) -> tuple[int, str]:
    """Check a certificate with the script alone, as whoever got both does."""
    alone = directory.with_name("alone")
    alone.mkdir(exist_ok=True)
    shutil.copy(SCRIPT, alone / "verify.py")
    key = alone / "key"
    key.write_text((directory / "certificate.vkey").read_text())
    done = subprocess.run(
        [sys.executable, "-I", str(alone / "verify.py"), str(directory), "--key", str(key)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def kinds(desk: Desk) -> list[str]:
    return [
        body["type"]
        for body in (entry.body for entry in desk.world.audit.events())
        if body["type"].startswith("deletion.")
    ]


def test_a_notice_ends_with_a_certificate_that_another_process_verifies(
    world: World, tmp_path: Path
) -> None:
    tokens = fill(world, 5)
    kept = fill(world, 2, seller=2)
    world.grant()
    world.read(tokens[0])
    desk = Desk(world)
    number = desk.register()
    planned = desk.agree(number)
    assert planned.plan is not None
    assert planned.plan["records"] == {"1": 5}
    assert {one["party"] for one in planned.plan["parties"]} == {"principal.3"}
    assert len(planned.plan["stores"]) == 9
    ran = desk.run(number)
    assert (ran.state, [party.about for party in ran.parties]) == ("erased", ["erp"])
    for token in tokens:
        with pytest.raises(Gone):
            world.read(token)
    assert world.read(kept[0]) == "Jürgen Groß"
    verified = desk.notices.verify(number, BOB, DONE)
    assert (verified.state, verified.lacks) == ("verified", [])
    with pytest.raises(Conflict, match="has not confirmed"):
        desk.notices.close(number, ADA, DONE)
    desk.notices.confirm(number, "principal.3", "deleted in our shop system", ADA, DONE)
    made = desk.notices.certificate(number, ADA, DONE)
    code, said = checked(save(made, tmp_path / "certificate"))
    assert (code, said.splitlines()[-1]) == (0, "sound"), said
    assert "erased: 5" in said
    assert made.page.startswith(b"%PDF")
    assert desk.notices.close(number, ADA, DONE).state == "closed"
    with world.database.read() as tx:
        assert tx.execute(sa.select(schema.deletion_needle)).all() == []
        assert tx.execute(sa.select(schema.deletion_notice.c.selectors)).scalar() is None
    assert kinds(desk) == [
        "deletion.registered",
        "deletion.planned",
        "deletion.approved",
        "deletion.asked",
        *["deletion.stepped"] * 4,
        *["deletion.verified"] * 9,
        "deletion.confirmed",
        "deletion.certified",
        "deletion.closed",
    ]


def test_what_came_again_after_it_is_not_stored_again(world: World) -> None:
    fill(world, 2)
    desk = Desk(world)
    desk.whole(desk.register())
    (again,) = world.put(order(id_of(1)), now=DONE)
    world.grant()
    with pytest.raises(Gone):
        world.read(again, now=DONE)


def test_a_record_that_a_law_keeps_stays_and_is_named(world: World, tmp_path: Path) -> None:
    tokens = fill(world, 3)
    desk = Desk(world)
    with world.database.read() as tx:
        numbers = list(tx.execute(sa.select(schema.record.c.number).order_by("number")).scalars())
    desk.held[numbers[1]] = law()
    verified = desk.whole(desk.register())
    assert verified.lacks == []
    world.grant()
    assert world.read(tokens[1], now=DONE) == "Jürgen Groß"
    for token in (tokens[0], tokens[2]):
        with pytest.raises(Gone):
            world.read(token, now=DONE)
    made = desk.notices.certificate(verified.id, ADA, DONE)
    assert json.loads(made.document)["exceptions"] == [
        {"law": "DE-AO-147", "until": "2036-12-31", "records": 1}
    ]
    code, said = checked(save(made, tmp_path / "certificate"))
    assert code == 0, said
    assert "kept: 1 records under DE-AO-147 until 2036-12-31" in said


def test_orders_buyers_categories_and_periods_narrow_it(world: World) -> None:
    day = NOW.date()
    world.put(
        order(id_of(1), {NAME: "A", EMAIL: "a@buyers.example"}, purchased=NOW - timedelta(days=5)),
        order(id_of(2), {NAME: "B"}),
        order(id_of(3), {NAME: "C"}),
    )
    desk = Desk(world)
    number = desk.register(Scope(buyers=1), Selectors(emails=("a@buyers.example",)))
    with pytest.raises(Denied, match="may not search"):
        desk.notices.plan(number, (), (), ADA, NOW)
    world.grant(ADA, action=Action.SEARCH, purpose=Purpose.AMAZON_REQUEST)
    cases = (
        (Scope(orders=1), Selectors(orders=(id_of(2),)), 1),
        (Scope(buyers=1), Selectors(emails=("A@buyers.example",)), 1),
        (Scope(categories=(Category.EMAIL,)), Selectors(), 1),
        (Scope(first=day - timedelta(days=1)), Selectors(), 2),
        (Scope(last=day - timedelta(days=2)), Selectors(), 1),
        (Scope(sellers=(GLOBEX,)), Selectors(), 0),
        (Scope(), Selectors(), 3),
    )
    for scope, selectors, wanted in cases:
        number = desk.register(scope, selectors)
        plan = desk.notices.plan(number, (), (), ADA, NOW).plan
        assert plan is not None
        assert sum(plan["records"].values()) == wanted, scope
    desk.whole(desk.register(Scope(buyers=1), Selectors(emails=("A@buyers.example",))))
    with world.database.read() as tx:
        states = tx.execute(sa.select(schema.record.c.state).order_by("number")).scalars().all()
    assert states == [store.RecordState.ERASED, store.RecordState.LIVE, store.RecordState.LIVE]


def test_nothing_runs_that_another_person_did_not_approve_as_it_was_shown(world: World) -> None:
    tokens = fill(world, 1)
    world.grant()
    desk = Desk(world)
    number = desk.register()
    with pytest.raises(Conflict):
        desk.run(number)
    shown = desk.notices.plan(number, (), (), ADA, NOW).terms or ""
    with pytest.raises(Denied):
        desk.notices.approve(number, shown, ADA, NOW)
    with pytest.raises(Denied):
        desk.notices.approve(number, shown, APP, NOW)
    other = desk.notices.plan(number, (), ("tape",), ADA, NOW).terms or ""
    with pytest.raises(Conflict, match="another one by now"):
        desk.notices.approve(number, shown, BOB, NOW)
    desk.notices.approve(number, other, BOB, NOW)
    # Planned again, it has to be approved again.
    desk.notices.plan(number, (), (), ADA, NOW)
    with pytest.raises(Conflict):
        desk.run(number)
    assert world.read(tokens[0]) == "Jürgen Groß"


def test_in_a_home_of_one_person_a_plan_needs_nobody_else(world: World) -> None:
    fill(world, 1)
    desk = Desk(world, one_person=True)
    number = desk.register()
    assert desk.notices.plan(number, (), (), ADA, NOW).state == "approved"
    assert desk.run(number).erased_at is not None


def test_a_store_that_nobody_reads_keeps_back_the_certificate_until_somebody_answers(
    world: World, tmp_path: Path
) -> None:
    fill(world, 1)
    desk = Desk(world, copies=Copies())
    number = desk.register()
    verified = desk.whole(number, declared=["tape-safe"])
    unknown = {"backups", "keystore_copies", "archives", "declared:tape-safe"}
    assert {one.partition(" ")[0] for one in verified.lacks} == unknown
    with pytest.raises(Conflict, match="can't be certified"):
        desk.notices.certificate(number, ADA, DONE)
    with pytest.raises(Conflict, match="records is not one that can't be read"):
        desk.notices.state_store(number, "records", "there is none left", BOB, DONE)
    for name in sorted(unknown):
        desk.notices.state_store(number, name, "there is none left", BOB, DONE)
    made = desk.notices.certificate(number, ADA, DONE)
    code, said = checked(save(made, tmp_path / "certificate"))
    assert code == 0, said
    assert "store.stated: declared:tape-safe was not read; bob answers for it" in said


def test_backups_are_as_good_as_empty_once_no_copy_of_the_keys_is_older(world: World) -> None:
    fill(world, 1)
    backup = copy(NOW - timedelta(days=9))
    desk = Desk(world, copies=Copies(lambda: [backup], lambda: [copy(NOW)], list))
    number = desk.register()
    verified = desk.whole(number)
    assert [one.partition(" ")[0] for one in verified.lacks] == ["backups", "keystore_copies"]
    gone = copy(NOW, destroyed_at=DONE)
    desk.copies = Copies(lambda: [backup], lambda: [gone], list)
    desk.open()
    assert desk.notices.verify(number, BOB, DONE).lacks == []


def test_what_came_after_a_run_is_found_and_a_second_run_takes_it(world: World) -> None:
    fill(world, 1)
    desk = Desk(world)
    number = desk.register()
    desk.agree(number)
    desk.run(number)
    fill(world, 1, first=2)
    assert desk.notices.verify(number, BOB, DONE).lacks == [
        "records still holds some of it",
        "documents still holds some of it",
    ]
    desk.run(number)
    assert desk.notices.verify(number, BOB, DONE).lacks == []


def test_only_who_answers_for_a_party_confirms_for_it(world: World) -> None:
    tokens = fill(world, 1)
    world.grant()
    world.grant(BOB)
    world.read(tokens[0])
    world.read(tokens[0], caller=BOB)
    with world.database.write() as tx:
        people = schema.principal
        tx.execute(people.update().where(people.c.id == APP.principal).values(owner_id=2))
    desk = Desk(world)
    number = desk.register()
    desk.whole(number)
    for party in ("principal.2", "principal.3"):
        with pytest.raises(Denied):
            desk.notices.confirm(number, party, "it is gone there", ADA, DONE)
        desk.notices.confirm(number, party, "it is gone there", BOB, DONE)
        with pytest.raises(Conflict):
            desk.notices.confirm(number, party, "it is gone there", BOB, DONE)
    with pytest.raises(NotFound):
        desk.notices.confirm(number, "principal.4", "it is gone there", BOB, DONE)


def test_what_is_late_is_said(world: World) -> None:
    tokens = fill(world, 1)
    world.grant()
    world.read(tokens[0])
    desk = Desk(world)
    number = desk.register()
    notice = desk.notices.one(number)
    assert notice.clocks.erase_by == NOW + timedelta(hours=72)
    assert notice.clocks.live_by == NOW + timedelta(days=90)
    assert notice.overdue(NOW + timedelta(hours=72)) == []
    assert notice.overdue(NOW + timedelta(hours=73)) == [
        "what it asks for is not gone after 72 hours"
    ]
    done = desk.whole(number)
    assert done.overdue(NOW + timedelta(hours=73)) == ["principal.3 has not confirmed"]
    assert done.overdue(NOW + timedelta(days=91)) == [
        "principal.3 has not confirmed",
        "it is not closed after 90 days",
    ]


@pytest.mark.clause("2.6")
def test_what_is_late_is_an_alarm_of_its_log(world: World) -> None:
    fill(world, 1)
    desk = Desk(world)
    number = desk.register()
    rule = next(rule for rule in all_rules() if rule.name == "notice_overdue")
    for entry in world.audit.events():
        told = seen(entry.seq, entry.body)
        if told is not None and rule.types is not None and told.type in rule.types:
            assert list(rule.feed(told)) == []
    assert list(rule.tick(NOW + timedelta(hours=47))) == []
    (soon,) = rule.tick(NOW + timedelta(hours=49))
    (late,) = rule.tick(NOW + timedelta(hours=73))
    event = desk.notices.one(number).facts["registered", ""].event
    assert [(one.key.split(":")[1], one.target, one.evidence) for one in (soon, late)] == [
        ("soon", f"notice:{number}", (event,)),
        ("late", f"notice:{number}", (event,)),
    ]


def test_a_scope_that_means_nothing_is_refused(world: World) -> None:
    desk = Desk(world)
    day = NOW.date()
    for scope, selectors in (
        (Scope(first=day, last=day - timedelta(days=1)), Selectors()),
        (Scope(sellers=()), Selectors()),
        (Scope(buyers=1), Selectors(phones=("none",))),
        (Scope(orders=1), Selectors(orders=(" ",))),
    ):
        with pytest.raises(Malformed):
            desk.register(scope, selectors)
    with pytest.raises(Malformed):
        desk.notices.register(Asked.DELETION, "a b", Scope(), Selectors(), NOW, ADA, NOW)
    with pytest.raises(Malformed):
        desk.notices.register(Asked.DELETION, "A", Scope(), Selectors(), DONE, ADA, NOW)
    with pytest.raises(Denied):
        desk.notices.register(Asked.DELETION, "A", Scope(), Selectors(), NOW, APP, NOW)


def test_a_fact_that_was_edited_or_taken_away_stops_everything(world: World) -> None:
    fill(world, 1)
    desk = Desk(world, copies=NO_COPIES)
    number = desk.register(Scope(sellers=(ACME,)))
    desk.agree(number)
    facts = schema.deletion_fact
    with world.database.write() as tx:
        plan = tx.execute(sa.select(facts.c.content).where(facts.c.kind == "planned")).scalar()
        edited = json.loads(plan or "") | {"declared": ["nowhere"]}
        change = facts.update().where(facts.c.kind == "planned")
        tx.execute(change.values(content=json.dumps(edited, sort_keys=True)))
    with pytest.raises(Tampered):
        desk.run(number)
    with world.database.write() as tx:
        tx.execute(change.values(content=plan))
        tx.execute(facts.delete().where(facts.c.kind == "approved"))
    with pytest.raises(Tampered):
        desk.run(number)
