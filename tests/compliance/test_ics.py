"""A calendar file is read back as it was written, whatever stands in a title: RFC 5545."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.compliance.ics import Entry, write

pytestmark = pytest.mark.clause("1.6")
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def entry(title: str, uid: str = "u1") -> Entry:
    return Entry(uid, title, "Serves clause 1.6-b.", "https://desk/today", NOW, timedelta(days=1))


def read(content: bytes) -> list[tuple[str, str]]:
    """Read content lines back as another program does: unfold, then take names and values apart."""
    lines = re.sub(rb"\r\n ", b"", content).decode("utf-8").split("\r\n")
    assert lines.pop() == ""
    pairs = []
    for line in lines:
        name, colon, value = line.partition(":")
        assert colon, line
        pairs.append((name, re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], value)))
    return pairs


@given(st.text(max_size=300))
def test_a_title_is_one_property_whatever_it_holds(title: str) -> None:
    content = write("Strongroom", [entry(title), entry("Next", "u2")], host="h.invalid", stamp=NOW)
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    pairs = read(content)
    assert [value for name, value in pairs if name == "BEGIN"] == [
        "VCALENDAR",
        *["VEVENT", "VALARM"] * 2,
    ]
    shown = title.replace("\r\n", "\n").replace("\r", "\n")
    shown = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]", "", shown)
    assert [value for name, value in pairs if name == "SUMMARY"] == [shown, "Next"]
    assert [value for name, value in pairs if name == "UID"] == ["u1@h.invalid", "u2@h.invalid"]


def test_instants_are_in_utc_and_an_alarm_comes_before() -> None:
    pairs = dict(read(write("S", [entry("x")], host="h", stamp=NOW)))
    assert pairs["DTSTART"] == "20260310T120000Z"
    assert pairs["DTEND"] == "20260310T123000Z"
    assert pairs["TRIGGER"] == "-PT1440M"
