"""The duties as data: all of them, each whole."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.compliance.duties import Edition, Kind, Span, all_duties, definitions, revisions
from strongroom.compliance.duties.catalogue import SECTIONS, number
from strongroom.compliance.duties.page import page
from strongroom.compliance.overseen import DutyId, Office
from strongroom.errors import Malformed
from strongroom.policy import limits

pytestmark = pytest.mark.clause("1", "2", "3")

PAGE = Path(__file__).parents[3] / "docs" / "duties.md"
LETTERS = {
    "0": "ab", "1": "abc", "1.1": "abcd", "1.2": "abcdefgh", "1.3": "ab", "1.4": "abcd",
    "1.5": "abc", "1.6": "abcdefghijklm", "1.7": "abcde", "2": "abc", "2.1": "abc",
    "2.2": "abcdefg", "2.3": "abcdef", "2.4": "abc", "2.5": "abc", "2.6": "abcdefghijklmn",
    "2.7": "abcdefg", "3": "abcdefghi",
}  # fmt: skip
IDS = [f"{clause}-{letter}" for clause, letters in LETTERS.items() for letter in letters]
POLICY_SETS = {
    "1.2-d": ("period", "90 days"),
    "1.4-d": ("period", "3 months"),
    "1.6-f": ("period", "6 months"),
    "1.6-h": ("deadline", "24 hours"),
    "1.7-a": ("deadline", "72 hours"),
    "1.7-d": ("deadline", "90 days"),
    "2.1-a": ("deadline", "30 days"),
    "2.3-b": ("period", "3 months"),
    "2.7-d": ("period", "180 days"),
    "3-b": ("deadline", "12 months"),
}


def test_all_99_duties_are_there_in_the_order_of_the_policy() -> None:
    assert list(all_duties()) == IDS
    assert len(IDS) == 99
    assert len(definitions()) == 9


def test_as_many_are_enforced_verified_and_attested_as_the_facts_say() -> None:
    kinds = Counter(duty.kind for duty in all_duties().values())
    assert kinds == {Kind.ENFORCE: 43, Kind.VERIFY: 28, Kind.ATTEST: 28}
    assert sum(Kind.ATTEST in duty.parts for duty in all_duties().values()) == 70
    assert sum(duty.period is not None for duty in all_duties().values()) == 74
    assert sum(duty.deadline is not None for duty in all_duties().values()) == 14


@pytest.mark.parametrize("id_", IDS)
def test_each_duty_has_kind_clock_owner_check_and_evidence(id_: str) -> None:
    duty = all_duties()[DutyId(id_)]
    assert duty.kind in Kind
    assert duty.office in Office
    assert duty.clause in SECTIONS
    assert duty.check.endswith(".")
    assert duty.evidence
    assert duty.remedy.endswith(".")
    assert duty.quote
    # A clock: how often, how long after what, or how long what was seen counts.
    assert duty.fresh_for.after(NOW) > NOW
    assert duty.is_checked
    assert (Kind.ATTEST in duty.parts) == (duty.states is not None) == (duty.renewed is not None)
    assert not duty.also or duty.kind not in duty.also


NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def test_clocks_that_the_policy_sets_are_told_from_ours() -> None:
    found = {
        id_: (name, getattr(duty, name).words)
        for id_, duty in all_duties().items()
        for name in duty.set_by_policy
    }
    assert found == POLICY_SETS


def test_numbers_are_those_that_the_limits_have() -> None:
    def current(duty: str, name: str) -> int | None:
        return number(DutyId(duty), name, Edition.CURRENT)

    def baseline(duty: str, name: str) -> int | None:
        return number(DutyId(duty), name, Edition.BASELINE)

    for edition, profile in ((baseline, limits.BASELINE), (current, limits.CURRENT)):
        assert edition("1.4-b", "shortest") == profile.shortest
        assert edition("1.4-d", "oldest") == profile.lifetime.days
        assert edition("1.4-d", "youngest") == profile.minimum_age.days
        assert edition("1.4-d", "history") == profile.history
    assert current("1.2-g", "failures") == limits.FAILURES_BEFORE_LOCK
    assert baseline("2.6-g", "kept") == limits.LOG_SHORTEST.days
    assert current("2.1-a", "kept") == limits.RETENTION_AFTER_DELIVERY.days
    assert current("1.7-a", "erased") == limits.NOTICE_ERASED_WITHIN / timedelta(hours=1)


@pytest.mark.parametrize(
    ("duty", "name", "before", "after"),
    [
        ("2.6-g", "kept", 90, 365),
        ("2.7-d", "scanned", 180, 30),
        ("2.7-d", "tested", 180, 180),
        ("1.4-d", "oldest", 90, 90),
        ("1.7-a", "erased", 72, 72),
        ("1.2-e", "leavers", None, 24),
    ],
)
def test_the_strictest_number_of_the_revisions_in_force_rules(
    duty: str, name: str, before: int | None, after: int
) -> None:
    assert number(DutyId(duty), name, Edition.BASELINE) == before
    assert number(DutyId(duty), name, Edition.CURRENT) == after


def test_a_scan_is_old_after_30_days_where_later_revisions_are_in_force() -> None:
    duty = all_duties()[DutyId("2.7-d")]
    assert duty.fresh_until(NOW, Edition.CURRENT) == NOW + timedelta(days=30)
    assert duty.fresh_until(NOW, Edition.BASELINE) == NOW + timedelta(days=180)


def test_changes_name_duties_and_revisions_that_exist() -> None:
    known = {one.name for one in revisions()}
    assert [one.name for one in revisions()] == sorted(known, key=lambda n: (n != "baseline", n))
    for duty in all_duties().values():
        assert {one.revision for one in duty.added} <= known
        assert all(set(one.by) <= known for one in duty.numbers)
    assert sum(len(duty.added) for duty in all_duties().values()) == 22
    assert sum(len(duty.numbers) for duty in all_duties().values()) == 16


def test_months_are_those_of_the_calendar() -> None:
    end = datetime(2026, 8, 31, tzinfo=UTC)
    assert Span.parse("P6M").after(end) == datetime(2027, 2, 28, tzinfo=UTC)
    assert Span.parse("PT24H").after(end) == end + timedelta(days=1)


@pytest.mark.parametrize("text", ["", "P", "6M", "P-1D", "P1W", "PT", "P6M\n"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Span.parse(text)


def test_the_page_of_duties_is_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
