"""Payloads: JSON that values cannot leave, checked when it is added."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audit import NOW

from strongroom.errors import Malformed
from strongroom.feeds.courier import BUNDLED, bundled
from strongroom.feeds.notice import Notice, Step
from strongroom.feeds.templates import FIELDS, parse
from strongroom.feeds.wording import pack, subject, text, unpack, values

pytestmark = pytest.mark.clause("1.6")

ALARM = Notice(Step.RAISED, "slow_drain", "high", NOW, alarm=4, principal="erp")


@given(value=st.text(), other=st.text())
def test_no_value_leaves_its_string(value: str, other: str) -> None:
    template = parse('{"a": "x {{text}} y", "b": ["{{text}}", {"c": "{{kind}}{{text}}"}]}')
    filled = json.loads(template.fill({"text": value, "kind": other}))
    assert filled == {"a": f"x {value} y", "b": [value, {"c": other + value}]}


def test_a_placeholder_alone_keeps_the_values_type() -> None:
    text_ = (
        '{"n": "{{count}}", "s": "n={{ count }}", "none": "{{alarm}}", "d": "{{drill}}/{{alarm}}"}'
    )
    filled = json.loads(parse(text_).fill({"count": 3, "alarm": None, "drill": False}))
    assert filled == {"n": 3, "s": "n=3", "none": None, "d": "no/"}


@pytest.mark.parametrize(
    "wrong",
    [
        "not json",
        "[]",
        '"{{text}}"',
        '{"a": "{{password}}"}',
        '{"a": "{{principal.__class__}}"}',
        '{"a": "{{text|safe}}"}',
        '{"a": "{{}}"}',
        '{"{{text}}": 1}',
        '{"\\u007b{text}}": 1}',
        '{"a": "\\u007b\\u007bsecret}}"}',
        '{"a": NaN}',
        '{"a": ' + "[" * 20 + "]" * 20 + "}",
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a": "' + "x" * 20_000 + '"}',
    ],
)
def test_a_template_that_asks_for_more_or_is_no_json_is_refused_without_repeating_it(
    wrong: str,
) -> None:
    with pytest.raises(Malformed) as caught:
        parse(wrong)
    assert "password" not in str(caught.value)
    assert "__class__" not in str(caught.value)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("step", Step)
def test_each_bundled_payload_can_be_filled_for_every_step(name: str, step: Step) -> None:
    notice = Notice(step, "slow_drain", "high", NOW, alarm=4)
    template = parse(bundled(name))
    filled = json.loads(
        template.fill(values(notice, "home", "id", "key" if "key" in template.wanted else None))
    )
    assert filled
    assert "{{" not in json.dumps(filled)


def test_pagerduty_gets_its_words() -> None:
    filled = json.loads(parse(bundled("pagerduty")).fill(values(ALARM, "home", "id", "routing")))
    assert (filled["routing_key"], filled["event_action"]) == ("routing", "trigger")
    assert filled["dedup_key"] == "strongroom/home/4"
    assert filled["payload"]["severity"] == "error"
    closed = Notice(Step.CLOSED, "slow_drain", "high", NOW, alarm=4)
    filled = json.loads(parse(bundled("pagerduty")).fill(values(closed, "home", "id", "routing")))
    assert filled["event_action"] == "resolve"


def test_every_field_that_a_template_may_ask_for_is_told() -> None:
    assert values(ALARM, "home", "id", None).keys() == FIELDS


@given(
    kind=st.text(),
    severity=st.text(),
    principal=st.none() | st.text(),
    target=st.none() | st.text(),
)
def test_a_subject_is_one_line_whatever_a_notice_says(
    kind: str, severity: str, principal: str | None, target: str | None
) -> None:
    notice = Notice(Step.RAISED, kind, severity, NOW, principal=principal, target=target)
    assert unpack(pack(notice)) == notice
    for said in (subject(notice, "home"), *text(notice, "home").splitlines()):
        assert said.isprintable()
        assert said.isascii()


def test_a_drill_says_that_it_is_one() -> None:
    drills = (
        Notice(Step.DRILL, "slow_drain", "high", NOW),
        Notice(Step.RAISED, "slow_drain", "high", NOW, drill=True),
    )
    for notice in drills:
        assert "drill" in subject(notice, "home").lower()
        assert text(notice, "home").startswith("This is a drill")
