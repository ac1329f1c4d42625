"""The engine: what becomes of a duty by what was seen and said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.compliance.duties import (
    BLOCKING,
    Board,
    Edition,
    Excuse,
    ExcuseKind,
    Kind,
    Statement,
    Status,
    all_duties,
)
from strongroom.compliance.duties.board import judge
from strongroom.compliance.overseen import DutyId, Finding, Verdict
from strongroom.terms import PrincipalId

pytestmark = pytest.mark.clause("1", "2", "3")

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ROLLED = {"0-b", "1-a", "1-c", "2.2-b", "3-a"}
SEEN = [id_ for id_ in all_duties() if id_ not in ROLLED]


def said(duty: str, **changes: object) -> Statement:
    values: dict[str, object] = {
        "id": 7,
        "duty": DutyId(duty),
        "withdraws": False,
        "digest": "ab" * 32,
        "person": PrincipalId(3),
        "name": "ada",
        "active": True,
        "made_at": NOW - DAY,
        "expires_at": NOW + 60 * DAY,
        "sound": True,
    }
    return Statement(**(values | changes))  # type: ignore[arg-type]


def excuse(duty: str, kind: ExcuseKind = ExcuseKind.EXCEPTION, days: int = 10) -> Excuse:
    ada, boris = PrincipalId(3), PrincipalId(4)
    return Excuse(
        5, DutyId(duty), kind, ada, NOW - DAY, NOW + days * DAY, boris, NOW - DAY, None, None,
        "ada", "boris", sound=True, one_person=False,
    )  # fmt: skip


STATED = {id_: said(id_) for id_, duty in all_duties().items() if Kind.ATTEST in duty.parts}
GOOD = {
    id_: [Finding(Verdict.PASS, "seen", ("entry 1",))]
    for id_, duty in all_duties().items()
    if duty.is_checked and id_ not in ROLLED
}


def board(
    findings: Mapping[DutyId, Sequence[Finding]] = GOOD,
    statements: Mapping[DutyId, Statement] = STATED,
    excuses: Mapping[DutyId, Excuse] | None = None,
    now: datetime = NOW,
) -> Board:
    return judge(all_duties().values(), Edition.CURRENT, findings, statements, excuses or {}, now)


def test_with_fresh_evidence_for_every_part_an_audit_passes() -> None:
    found = board()
    assert found.passes
    assert found.counts[Status.PASS] == 99
    assert all(row.why and not row.remedy for row in found.rows)
    assert all(row.proof for row in found.rows if row.duty.id not in ROLLED)


def test_without_anything_nothing_passes_and_each_row_says_what_to_do() -> None:
    found = board({}, {})
    assert found.counts[Status.PASS] == 0
    assert all(row.status in BLOCKING for row in found.rows)
    assert all(row.why and row.remedy for row in found.rows)
    assert {row.duty.id for row in found.rows} - {row.duty.id for row in found.blocking} == {
        "0-b",
        "1-c",
        "2.2-b",
        "3-a",
        "1-a",
    } - {row.duty.id for row in found.rows if Kind.ATTEST in row.duty.parts}


@pytest.mark.parametrize("id_", SEEN)
def test_each_duty_turns_by_what_is_seen_and_back(id_: DutyId) -> None:
    def seen(finding: Finding) -> Status:
        return board({**GOOD, id_: [*GOOD[id_], finding]}).row(id_).status

    assert seen(Finding(Verdict.PASS, "seen")) is Status.PASS
    assert seen(Finding(Verdict.FAIL, "seen")) is Status.FAIL
    assert seen(Finding(Verdict.UNKNOWN, "seen")) is Status.UNKNOWN
    old = NOW - timedelta(days=366)
    assert seen(Finding(Verdict.PASS, "seen", seen_at=old)) is Status.STALE
    assert seen(Finding(Verdict.PASS, "seen", seen_at=NOW + DAY)) is Status.UNKNOWN


@pytest.mark.parametrize("id_", list(STATED))
def test_each_attested_duty_turns_by_what_is_stated(id_: DutyId) -> None:
    def stated(**changes: object) -> Status:
        return board(statements={**STATED, id_: said(id_, **changes)}).row(id_).status

    assert stated() is Status.PASS
    assert stated(expires_at=NOW + 13 * DAY) is Status.DUE_SOON
    assert stated(expires_at=NOW) is Status.STALE
    assert stated(active=False) is Status.STALE
    assert stated(withdraws=True) is Status.FAIL
    assert stated(sound=False) is Status.FAIL
    assert stated(made_at=NOW + DAY) is Status.FAIL
    without = {key: value for key, value in STATED.items() if key != id_}
    assert board(statements=without).row(id_).status is Status.FAIL


def test_an_exception_covers_what_is_not_kept_until_its_end() -> None:
    id_ = DutyId("1.1-b")
    bad = {**GOOD, id_: [Finding(Verdict.FAIL, "a list is empty")]}
    row = board(bad, excuses={id_: excuse(id_)}).row(id_)
    assert row.status is Status.EXCEPTION
    assert "ada, approved by boris" in row.why
    assert "A list is empty." in row.why
    assert board(bad, excuses={id_: excuse(id_)}).passes
    after = board(bad, excuses={id_: excuse(id_, days=0)}).row(id_)
    assert after.status is Status.FAIL


def test_an_exception_hides_nothing_of_what_is_kept() -> None:
    id_ = DutyId("1.1-b")
    assert board(excuses={id_: excuse(id_)}).row(id_).status is Status.PASS


def test_what_does_not_apply_says_who_said_so() -> None:
    id_ = DutyId("2.3-f")
    row = board({}, {}, {id_: excuse(id_, ExcuseKind.NOT_APPLICABLE)}).row(id_)
    assert row.status is Status.NOT_APPLICABLE
    assert "approved by boris" in row.why


def test_duties_that_repeat_others_fall_and_rise_with_them() -> None:
    bad = {**GOOD, DutyId("2.4-a"): [Finding(Verdict.FAIL, "not sealed")]}
    found = board(bad)
    for id_ in ("1-a", "1-c", "2.2-b", "0-b"):
        row = found.row(DutyId(id_))
        assert row.status is Status.FAIL
        assert row.reckoned
    assert "2.4-a" in found.row(DutyId("2.2-b")).why
    # A duty that fails by what was seen has its evidence.
    assert found.row(DutyId("3-a")).status is Status.PASS
    assert [row.duty.id for row in found.blocking] == ["2.4-a"]


def test_books_fail_where_evidence_is_missing_or_old() -> None:
    id_ = DutyId("2.6-e")
    without = {key: value for key, value in GOOD.items() if key != id_}
    assert board(without).row(DutyId("3-a")).status is Status.FAIL
    old = {**GOOD, id_: [Finding(Verdict.PASS, "verified", seen_at=NOW - 3 * DAY)]}
    assert "2.6-e" in board(old).row(DutyId("3-a")).why


def test_a_long_lived_finding_is_told_of_before_it_ends() -> None:
    id_ = DutyId("2.6-i")
    drilled = {**GOOD, id_: [Finding(Verdict.PASS, "it rang", seen_at=NOW - 80 * DAY)]}
    row = board(drilled).row(id_)
    assert row.status is Status.DUE_SOON
    assert row.due_at == NOW + 10 * DAY


findings = st.builds(
    Finding,
    st.sampled_from(Verdict),
    st.just("seen"),
    st.just(("entry 1",)),
    st.just("mend it"),
    st.none() | st.integers(-500, 5).map(lambda days: NOW + days * DAY),
)
statements = st.builds(
    said,
    st.just("1-a"),
    withdraws=st.booleans(),
    active=st.booleans(),
    sound=st.booleans(),
    made_at=st.integers(-400, 5).map(lambda days: NOW + days * DAY),
    expires_at=st.integers(-10, 400).map(lambda days: NOW + days * DAY),
)


@given(
    seen=st.dictionaries(st.sampled_from(SEEN), st.lists(findings, max_size=3)),
    stated=st.dictionaries(st.sampled_from(list(STATED)), statements),
)
def test_nothing_passes_without_fresh_evidence_for_each_part(
    seen: dict[DutyId, list[Finding]], stated: dict[DutyId, Statement]
) -> None:
    for row in board(seen, stated).rows:
        duty = row.duty
        assert row.why
        assert bool(row.remedy) == (row.status is not Status.PASS)
        if row.status in (Status.PASS, Status.DUE_SOON):
            looks = seen.get(duty.id, [])
            assert looks or duty.id in ROLLED
            assert all(one.verdict is Verdict.PASS for one in looks)
            assert all(
                one.seen_at is None or duty.is_fresh(one.seen_at, Edition.CURRENT, NOW)
                for one in looks
            )
            if Kind.ATTEST in duty.parts:
                statement = stated[duty.id]
                assert statement.active
                assert statement.sound
                assert not statement.withdraws
                assert statement.made_at <= NOW < statement.expires_at


@given(seen=st.lists(findings, min_size=1, max_size=4), more=findings)
def test_another_look_never_makes_a_duty_better(seen: list[Finding], more: Finding) -> None:
    id_ = DutyId("2.4-c")
    order = list(Status)
    before = board({id_: seen}).row(id_).status
    after = board({id_: [*seen, more]}).row(id_).status
    assert order.index(after) <= order.index(before)
