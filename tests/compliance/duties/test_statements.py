"""What people state, through the room: green, old, withdrawn; and exceptions with two people."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import pytest
from tests.compliance.duties.conftest import DAY, DORA, EMIL, FAY, BoardHome
from tests.support import tables
from tests.vault.conftest import NOW, World, created

from strongroom.compliance.duties import ExcuseKind, Item, Kind, Status, all_duties
from strongroom.compliance.duties.board import Row
from strongroom.compliance.overseen import DutyId, Finding, Verdict
from strongroom.errors import Conflict, Malformed, NotFound

pytestmark = pytest.mark.clause("1", "2", "3")

ATTESTED = [id_ for id_, duty in all_duties().items() if Kind.ATTEST in duty.parts]
REPORT = Item("rules.txt", "ab" * 32)


Lives = dict[str, dict[DutyId, Row]]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    """Let every attested duty live through one life, all at once, and return its rows at each station."""
    place = tmp_path_factory.mktemp("board")
    vault, keys = (tables.copy_to(place / name) for name in ("vault.db", "keys.db"))
    world = created(World(place, vault, keys))
    home = BoardHome(world)
    found: Lives = {}

    def look(station: str, only: Collection[DutyId] = ATTESTED) -> None:
        rows = found.setdefault(station, {})
        rows |= {r.duty.id: r for r in home.duties.board(home.now).rows if r.duty.id in only}

    look("before")
    home.state_all()
    look("stated")
    ends: dict[datetime, list[DutyId]] = {}
    for id_, statement in home.duties.statements.last(NOW).items():
        ends.setdefault(statement.expires_at, []).append(id_)
    for end, only in sorted(ends.items()):
        home.now = end - DAY
        look("soon", only)
        home.now = end
        look("old", only)
    home.state_all()
    look("again")
    for id_ in ATTESTED:
        home.duties.statements.withdraw(EMIL, all_duties()[id_], home.now)
    look("withdrawn")
    home.state_all()
    look("once more")
    world.close()
    return found


@pytest.mark.parametrize("id_", ATTESTED)
def test_a_statement_makes_its_duty_green_age_turns_it_stale_and_withdrawal_red(
    lives: Lives, id_: DutyId
) -> None:
    found = {station: rows[id_] for station, rows in lives.items()}
    assert found["before"].status is Status.FAIL
    assert "Nobody has stated it yet." in found["before"].why
    assert found["stated"].status is Status.PASS
    assert "emil on 2026-" in found["stated"].why or all_duties()[id_].rolls_up
    assert any("statement" in one and "emil" in one for one in found["stated"].proof)
    for station in ("again", "once more"):
        assert found[station].status is Status.PASS
    # What is reckoned from others has fallen with them by then.
    others_fell = bool(all_duties()[id_].rolls_up)
    assert found["soon"].status is Status.DUE_SOON or others_fell
    assert found["old"].status is Status.STALE or others_fell
    assert "ended on" in found["old"].why
    assert found["withdrawn"].status is Status.FAIL
    assert "withdrawn by emil" in found["withdrawn"].why


def test_notes_and_evidence_come_back_to_who_looks_and_lie_sealed(home: BoardHome) -> None:
    home.state("1.1-a", note="rack 7 was seen by Jane Roe", evidence=(REPORT,))
    (shown,) = home.duties.statements.history(DutyId("1.1-a"), NOW)
    assert shown.note == "rack 7 was seen by Jane Roe"
    assert shown.evidence == (REPORT,)
    assert shown.name == "emil"
    assert home.duties.statements.last(NOW)[DutyId("1.1-a")].note == ""


def test_each_statement_is_an_event_with_its_duty(home: BoardHome) -> None:
    made = home.state("1.1-a", evidence=(REPORT,))
    home.duties.statements.withdraw(DORA, all_duties()[DutyId("1.1-a")], NOW)
    entries = [e for e in home.audit.events() if e.type.startswith("duty.")]
    assert [(e.type, e.body["op"], e.body["actor"]["id"]) for e in entries] == [
        ("duty.stated", "1.1-a", EMIL.principal),
        ("duty.withdrawn", "1.1-a", DORA.principal),
    ]
    assert entries[0].body["obj"] == {"kind": "statement", "ref": str(made.id)}
    assert entries[0].body["n"] == 1


def test_a_statement_is_of_the_text_that_was_shown(lone: BoardHome) -> None:
    duty = all_duties()[DutyId("1.1-a")]
    with pytest.raises(Conflict, match="reads otherwise"):
        lone.duties.statements.make(EMIL, duty, "0" * 64, NOW)
    with pytest.raises(Conflict, match="not stated by people"):
        lone.state("1.1-b")
    with pytest.raises(Conflict, match="nothing is stated"):
        lone.duties.statements.withdraw(EMIL, duty, NOW)


@pytest.mark.parametrize(
    "evidence",
    [
        (Item("a", "xy"),),
        (Item("", "ab" * 32),),
        (Item("n" * 201, "ab" * 32),),
        (Item("a", "AB" * 32),),
        (REPORT,) * 21,
    ],
)
def test_evidence_is_named_by_name_and_digest(lone: BoardHome, evidence: tuple[Item, ...]) -> None:
    with pytest.raises(Malformed):
        lone.state("1.1-a", evidence=evidence)


def test_an_exception_takes_two_people_and_ends_by_itself(home: BoardHome) -> None:
    home.eyes.but["1.1-b"] = Finding(Verdict.FAIL, "a list is empty")
    duty, excuses = all_duties()[DutyId("1.1-b")], home.duties.excuses
    asked = excuses.ask(EMIL, duty, ExcuseKind.EXCEPTION, "the hall moves", 30 * DAY, NOW)
    assert home.status("1.1-b") is Status.FAIL
    assert [one.id for one in excuses.waiting(NOW)] == [asked.id]
    given = excuses.approve(DORA, asked.id, excuses.terms(asked.id), NOW)
    assert (given.asker, given.approver, given.reason) == ("emil", "dora", "the hall moves")
    assert home.status("1.1-b") is Status.EXCEPTION
    home.now += 30 * DAY
    assert home.status("1.1-b") is Status.FAIL
    assert excuses.of(DutyId("1.1-b"))[0].state(home.now) == "expired"


def test_an_exception_is_rejected_or_ended_before_its_day(home: BoardHome) -> None:
    duty, excuses = all_duties()[DutyId("2.3-f")], home.duties.excuses
    first = excuses.ask(EMIL, duty, ExcuseKind.NOT_APPLICABLE, "nothing is printed", DAY, NOW)
    with pytest.raises(Conflict):
        excuses.ask(EMIL, duty, ExcuseKind.EXCEPTION, "again", DAY, NOW)
    assert excuses.end(DORA, first.id, NOW).state(NOW) == "rejected"
    again = excuses.ask(EMIL, duty, ExcuseKind.NOT_APPLICABLE, "nothing is printed", DAY, NOW)
    excuses.approve(DORA, again.id, excuses.terms(again.id), NOW)
    assert home.status("2.3-f") is Status.NOT_APPLICABLE
    assert excuses.end(EMIL, again.id, NOW).state(NOW) == "ended"
    assert home.status("2.3-f") is Status.FAIL
    with pytest.raises(Conflict):
        excuses.end(EMIL, again.id, NOW)
    with pytest.raises(NotFound):
        excuses.end(EMIL, 99, NOW)


@pytest.mark.parametrize(
    ("reason", "lifetime"),
    [("", DAY), ("  ", DAY), ("x" * 2001, DAY), ("x", 366 * DAY), ("x", timedelta(0))],
)
def test_an_exception_has_a_reason_and_an_end_within_a_year(
    lone: BoardHome, reason: str, lifetime: timedelta
) -> None:
    with pytest.raises(Malformed):
        lone.duties.excuses.ask(
            EMIL, all_duties()[DutyId("1.1-b")], ExcuseKind.EXCEPTION, reason, lifetime, NOW
        )


def test_in_a_home_of_one_person_an_exception_says_so(sqlite_world: World) -> None:
    home = BoardHome(sqlite_world, one_person=True)
    duty = all_duties()[DutyId("1.1-c")]
    home.duties.excuses.ask(DORA, duty, ExcuseKind.EXCEPTION, "alone", DAY, NOW)
    home.eyes.but["1.1-c"] = Finding(Verdict.UNKNOWN, "no device reports")
    assert home.status("1.1-c") is Status.EXCEPTION
    assert "in a home of one person" in home.row("1.1-c").why


def test_what_ends_is_due_beforehand(home: BoardHome) -> None:
    made = home.state("1.1-a")
    duty, excuses = all_duties()[DutyId("1.1-b")], home.duties.excuses
    asked = excuses.ask(EMIL, duty, ExcuseKind.EXCEPTION, "the hall moves", 30 * DAY, NOW)
    assert {(due.duty, due.due_at, due.path) for due in home.duties.dues(NOW)} == {
        ("1.1-a", made.expires_at - 14 * DAY, "/clauses/1.1-a"),
        ("1.1-b", NOW + 7 * DAY, "/clauses/1.1-b"),
    }
    excuses.approve(DORA, asked.id, excuses.terms(asked.id), NOW)
    home.duties.statements.withdraw(EMIL, all_duties()[DutyId("1.1-a")], NOW)
    assert {(due.duty, due.due_at) for due in home.duties.dues(NOW)} == {
        ("1.1-a", NOW),
        ("1.1-b", NOW + 30 * DAY),
    }


def test_with_all_stated_and_seen_the_board_passes(lone: BoardHome) -> None:
    assert not lone.duties.board(NOW).passes
    lone.state_all()
    board = lone.duties.board(NOW)
    assert board.passes, [(row.duty.id, row.why) for row in board.blocking]
    lone.eyes.but["2.4-a"] = Finding(Verdict.FAIL, "not sealed")
    assert [row.duty.id for row in lone.duties.board(NOW).blocking] == ["2.4-a"]
    assert FAY.name not in str(board)
