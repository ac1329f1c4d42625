"""Letters: every kind and outcome of every law has its words, and no person's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from strongroom.policy.laws import Law, Outcome, RequestKind, laws
from strongroom.subjects import letter, lifting_letter

pytestmark = pytest.mark.clause("2.2")

NOW = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize("law", laws().values(), ids=lambda law: law.name)
def test_every_answer_has_its_words_by_the_law_it_was_asked_by(law: Law) -> None:
    for kind, part in law.rights.items():
        for outcome in Outcome:
            text = letter(3, kind, law, outcome, received_at=NOW, now=NOW, records=2, told=1)
            assert part in text
            assert law.title in text
            assert law.authority in text
            assert "[Name]" in text
            assert "{" not in text


def test_a_letter_says_that_others_were_told_where_the_law_wants_it() -> None:
    said = {
        law.name: letter(
            3, RequestKind.ERASE, law, Outcome.GRANTED, received_at=NOW, now=NOW, records=2, told=1
        )
        for law in laws().values()
    }
    assert "Article 19" in said["gdpr"]
    assert "were told" not in said["pipeda"]


def test_the_end_of_a_restriction_is_told_beforehand() -> None:
    text = lifting_letter(3, laws()["gdpr"], received_at=NOW, now=NOW)
    assert "before we do so" in text
    assert "2026-03-10 (our number 3)" in text
    assert "{" not in text
