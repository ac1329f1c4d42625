"""Each rule on stories that must make it fire and stories that must not; the entries are those the log writes."""

from collections import Counter

import pytest

from strongroom.alarms.kinds import AlarmKind
from strongroom.alarms.rules import CASES, all_rules
from tests.alarms import archived, backed, crossed, noticed, opened, recorded, refused, rooted
from tests.support.story import Fixture, Story

FIXTURES = [
    fixture
    for part in (refused, opened, crossed, recorded, archived, noticed, backed, rooted)
    for fixture in part.BOOK.fixtures
]


@pytest.mark.clause("2.6", "1.2", "1.3")
@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda f: f"{f.kind}-{f.name}")
def test_a_rule_tells_of_what_is_wrong_and_of_nothing_else(fixture: Fixture) -> None:
    story = Story()
    fixture.tell(story)
    rule = next(rule for rule in all_rules() if rule.kind == fixture.kind)
    known = {case.name: case for case in CASES if case.kind == fixture.kind}
    said = story.play(rule)
    assert {signal.key.split(":")[1] for signal in said} == set(fixture.cases)
    for signal in said:
        case = known[signal.key.split(":")[1]]
        assert (signal.severity, signal.response) == (case.severity, case.response)
        assert signal.kind == fixture.kind
        assert 0 < len(signal.evidence) <= 20
        assert signal.count > 0


@pytest.mark.clause("2.6")
@pytest.mark.parametrize("kind", AlarmKind)
def test_every_rule_has_five_stories_of_each_sort(kind: AlarmKind) -> None:
    sorts = Counter(bool(fixture.cases) for fixture in FIXTURES if fixture.kind == kind)
    assert min(sorts[True], sorts[False]) >= 5


@pytest.mark.clause("2.6")
def test_every_case_is_told_in_some_story() -> None:
    told = {(fixture.kind, case) for fixture in FIXTURES for case in fixture.cases}
    assert told == {(case.kind.value, case.name) for case in CASES}
