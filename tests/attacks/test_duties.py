"""Making a duty look kept: without an office, after leaving, by a forged row, by approving oneself, past the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.compliance.duties.conftest import DAY, DORA, EMIL, FAY, BoardHome, lone
from tests.vault.conftest import NOW, make_world, sqlite_world

from strongroom.compliance.duties import Excuse, ExcuseKind, Status, all_duties
from strongroom.compliance.overseen import DutyId, Finding, Verdict
from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Tampered
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

__all__ = ["lone", "make_world", "sqlite_world"]

pytestmark = pytest.mark.clause("1.6", "3")

DUTY = all_duties()[DutyId("1.1-a")]
APP = Caller(DORA.principal, PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)
CONSOLE = Caller(FAY.principal, PrincipalKind.PERSON, "fay", AuthMethod.CONSOLE)


def ask(home: BoardHome, caller: Caller = EMIL, days: int = 30) -> Excuse:
    home.eyes.but["1.1-a"] = Finding(Verdict.FAIL, "a port is open")
    return home.duties.excuses.ask(
        caller, DUTY, ExcuseKind.EXCEPTION, "the hall moves", days * DAY, home.now
    )


@pytest.mark.parametrize("caller", [FAY, APP, CONSOLE])
def test_nobody_states_for_an_office_they_do_not_hold(lone: BoardHome, caller: Caller) -> None:
    with pytest.raises(Denied):
        lone.state("1.1-a", caller)
    assert lone.status("1.1-a") is Status.FAIL
    (event,) = [e for e in lone.audit.events() if e.type == "duty.stated"]
    assert (event.outcome, event.body["reason"]) == ("denied", "not_authorized")
    with pytest.raises(Denied):
        ask(lone, caller)


def test_who_has_left_states_nothing_and_what_they_stated_counts_no_more(lone: BoardHome) -> None:
    lone.state("1.1-a")
    assert lone.status("1.1-a") is Status.PASS
    lone.gone.add(EMIL.principal)
    assert lone.status("1.1-a") is Status.STALE
    with pytest.raises(Denied):
        lone.state("1.1-a")


def test_nobody_withdraws_what_is_not_theirs_to_state(lone: BoardHome) -> None:
    lone.state("1.1-a")
    with pytest.raises(Denied):
        lone.duties.statements.withdraw(FAY, DUTY, NOW)
    assert lone.status("1.1-a") is Status.PASS


def _insert(home: BoardHome) -> None:
    with home.database.write() as tx:
        tx.execute(
            schema.duty_statement.insert().values(
                duty="1.1-a",
                withdraws=False,
                digest=DUTY.digest,
                made_by=EMIL.principal,
                made_at=NOW,
                expires_at=NOW + 90 * DAY,
            )
        )


def test_a_forged_statement_counts_for_nothing(lone: BoardHome) -> None:
    _insert(lone)
    assert lone.status("1.1-a") is Status.FAIL
    (shown,) = lone.duties.statements.history(DUTY.id, NOW)
    assert not shown.sound


@pytest.mark.parametrize(
    "values",
    [
        {"expires_at": NOW + timedelta(days=9999)},
        {"made_by": DORA.principal},
        {"made_by": 999},
        {"duty": "1.1-c"},
        {"digest": "0" * 64},
        {"note": b"another"},
        {"evidence": b"another"},
        {"made_at": NOW - DAY},
    ],
)
def test_an_edited_statement_counts_for_nothing(lone: BoardHome, values: dict[str, object]) -> None:
    lone.state("1.1-a", note="as seen")
    lone.edit(schema.duty_statement, **values)
    row = lone.row("1.1-a")
    assert row.status is Status.FAIL
    assert "not what the log recorded" in row.why
    assert lone.status("1.1-c") is Status.FAIL


@pytest.mark.parametrize("forged", [lambda home: None, _insert])
def test_taking_the_withdrawal_away_revives_no_statement(
    lone: BoardHome, forged: Callable[[BoardHome], None]
) -> None:
    lone.state("1.1-a")
    gone = lone.duties.statements.withdraw(EMIL, DUTY, NOW)
    with lone.database.write() as tx:
        tx.execute(schema.duty_statement.delete().where(schema.duty_statement.c.id == gone.id))
    forged(lone)
    assert lone.status("1.1-a") is Status.FAIL


def test_a_sealed_note_moved_to_another_row_is_not_opened(lone: BoardHome) -> None:
    lone.state("1.1-a", note="of the firewall")
    lone.state("1.1-c", note="of devices")
    rows = schema.duty_statement
    with lone.database.write() as tx:
        notes = [bytes(row.note) for row in tx.execute(rows.select().order_by(rows.c.id))]
        tx.execute(rows.update().where(rows.c.duty == "1.1-c").values(note=notes[0]))
    (shown,) = lone.duties.statements.history(DutyId("1.1-c"), NOW)
    assert (shown.sound, shown.note) == (False, "")
    with pytest.raises(Tampered):
        lone.writings.open("duty_statement.note", shown.id, notes[0])


def test_nobody_approves_an_exception_they_asked_for(lone: BoardHome) -> None:
    asked = ask(lone, DORA)
    excuses = lone.duties.excuses
    with pytest.raises(Denied, match="nobody approves"):
        excuses.approve(DORA, asked.id, excuses.terms(asked.id), NOW)
    assert lone.status("1.1-a") is Status.FAIL
    events = [e for e in lone.audit.events() if e.type == "duty.excuse.approved"]
    assert [(e.outcome, e.body["reason"]) for e in events] == [("denied", "self_review")]


@pytest.mark.parametrize("caller", [FAY, APP, CONSOLE])
def test_an_exception_is_approved_by_somebody_who_may(lone: BoardHome, caller: Caller) -> None:
    asked = ask(lone)
    excuses = lone.duties.excuses
    with pytest.raises(Denied):
        excuses.approve(caller, asked.id, excuses.terms(asked.id), NOW)
    with pytest.raises(Denied):
        excuses.end(caller, asked.id, NOW)
    lone.gone.add(DORA.principal)
    with pytest.raises(Denied):
        excuses.approve(DORA, asked.id, excuses.terms(asked.id), NOW)
    assert lone.status("1.1-a") is Status.FAIL


def test_an_exception_is_approved_as_it_was_shown(lone: BoardHome) -> None:
    asked = ask(lone)
    excuses = lone.duties.excuses
    terms = excuses.terms(asked.id)
    lone.edit(schema.duty_excuse, ends_at=NOW + 300 * DAY)
    with pytest.raises(Conflict):
        excuses.approve(DORA, asked.id, terms, NOW)
    # Not even under its new terms: they are not what was asked for.
    with pytest.raises(Conflict):
        excuses.approve(DORA, asked.id, excuses.terms(asked.id), NOW)


def test_an_exception_past_its_end_is_not_green(lone: BoardHome) -> None:
    asked = ask(lone)
    excuses = lone.duties.excuses
    excuses.approve(DORA, asked.id, excuses.terms(asked.id), NOW)
    lone.now = NOW + 30 * DAY
    assert lone.status("1.1-a") is Status.FAIL
    with pytest.raises(Conflict):
        excuses.approve(DORA, asked.id, excuses.terms(asked.id), lone.now)


@pytest.mark.parametrize(
    "values",
    [
        {"ends_at": NOW + timedelta(days=9999)},
        {"approved_by": PrincipalId(22), "approved_at": NOW},
        {"approved_by": PrincipalId(23), "approved_at": NOW},
        {"kind": "not_applicable"},
        {"kind": "anything"},
        {"duty": "1.1-c"},
        {"asked_by": PrincipalId(23)},
        {"reason": b"another"},
    ],
)
def test_an_edited_exception_excuses_nobody(lone: BoardHome, values: dict[str, object]) -> None:
    asked = ask(lone)
    excuses = lone.duties.excuses
    excuses.approve(DORA, asked.id, excuses.terms(asked.id), NOW)
    assert lone.status("1.1-a") is Status.EXCEPTION
    lone.edit(schema.duty_excuse, **values)
    assert lone.status("1.1-a") is Status.FAIL
    assert lone.status("1.1-c") is not Status.EXCEPTION
    assert all(not one.reason for one in excuses.of(DUTY.id))


def test_an_exception_that_was_ended_is_not_revived_by_its_row(lone: BoardHome) -> None:
    asked = ask(lone)
    excuses = lone.duties.excuses
    excuses.approve(DORA, asked.id, excuses.terms(asked.id), NOW)
    excuses.end(DORA, asked.id, NOW)
    lone.edit(schema.duty_excuse, ended_by=None, ended_at=None)
    assert lone.status("1.1-a") is Status.FAIL


def test_a_finding_of_long_ago_is_not_green(lone: BoardHome) -> None:
    lone.state_all()
    lone.eyes.seen_at = NOW - timedelta(days=400)
    board = lone.duties.board(NOW)
    assert {row.status for row in board.rows if not row.duty.rolls_up} == {Status.STALE}
    assert replace(board).passes is False
