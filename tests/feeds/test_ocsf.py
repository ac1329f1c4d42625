"""Every event as OCSF has it, held against the published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.support.audit import NOW
from tests.support.collectors import frames, parsed

from strongroom.audit import Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.audit.entry import Stamp, canonical
from strongroom.feeds import ocsf
from strongroom.feeds.destinations import Format
from strongroom.feeds.lines import framed, line, syslog
from strongroom.terms import AuthMethod, Caller, Category, PrincipalId, PrincipalKind, Purpose

pytestmark = pytest.mark.clause("2.6")

SCHEMA = json.loads((Path(__file__).parents[1] / "vectors/ocsf.json").read_text())
VALIDATORS = {
    int(uid): Draft202012Validator({"$defs": SCHEMA["$defs"], **schema})
    for uid, schema in SCHEMA["classes"].items()
}
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
IDS = st.text("abcXYZ019_.:/-", min_size=1, max_size=64)


TYPES = st.sampled_from(EventType)


@st.composite
def entries(draw: st.DrawFn, types: st.SearchStrategy[EventType] = TYPES) -> Any:
    """Any entry that the log can hold."""
    outcome = draw(st.sampled_from(Outcome))
    has_object = draw(st.booleans())
    event = Event(
        draw(types),
        outcome,
        Caller(
            PrincipalId(draw(st.integers(0, 2**40))),
            draw(st.sampled_from(PrincipalKind)),
            "name",
            draw(st.sampled_from(AuthMethod)),
        ),
        reason=draw(st.none() | st.sampled_from(Reason)),
        op=draw(st.none() | IDS),
        obj_kind=draw(st.sampled_from(ObjKind)) if has_object else None,
        obj_ref=draw(IDS) if has_object else None,
        purpose=draw(st.none() | st.sampled_from(Purpose)),
        pii=tuple(draw(st.lists(st.sampled_from(Category), max_size=3))),
        n=draw(st.none() | st.integers(0, 2**53 - 1)),
        changes=tuple(
            Change(draw(st.sampled_from(Field)), after=draw(HEX))
            for _ in range(draw(st.integers(0, 2)))
        ),
        req=draw(st.none() | IDS),
        records=tuple(draw(st.lists(st.integers(0, 2**40 - 1), max_size=5))),
        src_ip=draw(st.none() | HEX),
    )
    stamp = Stamp(
        NOW,
        draw(IDS),
        draw(IDS),
        draw(st.integers(0, 2**63)),
        7,
        draw(st.binary(min_size=26, max_size=26)),
    )
    return canonical(event, stamp)


def faults(event: dict[str, Any]) -> list[str]:
    return [e.message for e in VALIDATORS[event["class_uid"]].iter_errors(event)]


def test_the_table_has_every_event_and_the_schema_is_the_version_that_is_claimed() -> None:
    assert set(ocsf.TABLE) == set(EventType)
    assert SCHEMA["version"] == ocsf.VERSION
    for class_, captions in ocsf.CAPTIONS.items():
        known = SCHEMA["activities"][str(int(class_))]
        assert {str(n): caption for n, caption in captions.items()}.items() <= known.items()


@pytest.mark.parametrize("type_", EventType, ids=lambda t: t.value)
@settings(max_examples=4)
@given(data=st.data())
def test_every_entry_is_valid_ocsf(type_: EventType, data: st.DataObject) -> None:
    body = json.loads(data.draw(entries(st.just(type_))))
    event = ocsf.event(12, body, product="1.2.3")
    assert faults(event) == []
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["unmapped"] == body
    assert event["severity_id"] >= (1 if body["outcome"] == "success" else 3)


def test_a_wrong_event_is_found_by_the_schema() -> None:
    """The schema refuses what it must: otherwise the test above shows nothing."""
    actor = Caller(PrincipalId(1), PrincipalKind.APP, "a", AuthMethod.CREDENTIAL)
    stamp = Stamp(NOW, "n", "b", 1, 0, bytes(26))
    event = Event(EventType.RECORD_REVEALED, Outcome.SUCCESS, actor)
    body = json.loads(canonical(event, stamp))
    sound = ocsf.event(1, body, product="1")
    assert faults(sound) == []
    for wrong in (
        {k: v for k, v in sound.items() if k != "actor"},
        {**sound, "activity_id": 77},
        {**sound, "severity_id": "1"},
        {**sound, "invented": 1},
        {**sound, "metadata": {"version": "1.8.0"}},
    ):
        assert faults(wrong)


def test_an_entry_of_a_newer_version_is_sent_all_the_same() -> None:
    body = {
        "v": 1, "id": "x", "t": "2026-03-01T12:30:15.123456Z", "type": "invented.later", "outcome": "success",
        "actor": {"kind": "alien", "id": 4, "auth": "later"}, "node": "n", "boot": "b",
    }  # fmt: skip
    event = ocsf.event(3, body, product="1")
    assert faults(event) == []
    assert event["activity_name"] == "invented.later"


@given(entry=entries(), seq=st.integers(0, 2**53), format_=st.sampled_from(Format))
def test_any_entry_comes_back_out_of_its_syslog_line(
    entry: bytes, seq: int, format_: Format
) -> None:
    body = json.loads(entry)
    one = line(seq, body, format_, product="1.2.3")
    assert b"\n" not in one.content
    (message,) = frames(framed(syslog(one)))
    parts = parsed(message)
    assert parts["id"].decode() == body["type"]
    assert parts["time"].decode() == body["t"]
    assert int(parts["pri"]) // 8 == 13
    told = json.loads(parts["content"])
    kept = (
        told["unmapped"]
        if format_ is Format.OCSF
        else {k: v for k, v in told.items() if k != "seq"}
    )
    assert kept == body


@given(entry=entries())
def test_our_own_format_gives_the_leafs_own_bytes_back(entry: bytes) -> None:
    """Without `seq`, and written as RFC 8785 has it, a line is what the log's tree was built over."""
    told = json.loads(line(5, json.loads(entry), Format.NATIVE, product="1").content)
    assert told.pop("seq") == 5
    assert json.dumps(told, sort_keys=True, separators=(",", ":")).encode() == entry


@pytest.mark.parametrize(
    ("type_", "outcome", "severity"),
    [
        (EventType.RECORD_REVEALED, Outcome.SUCCESS, 6),
        (EventType.RECORD_REVEALED, Outcome.DENIED, 4),
        (EventType.SIGNON_FAILED, Outcome.FAILURE, 4),
        (EventType.SYSTEM_ERROR, Outcome.ERROR, 3),
        (EventType.CANARY_TOUCHED, Outcome.SUCCESS, 1),
    ],
)
def test_syslogs_severity_follows_the_outcome(
    type_: EventType, outcome: Outcome, severity: int
) -> None:
    actor = Caller(PrincipalId(1), PrincipalKind.APP, "a", AuthMethod.CREDENTIAL)
    entry = canonical(Event(type_, outcome, actor), Stamp(NOW, "n", "b", 1, 0, bytes(26)))
    message = syslog(line(0, json.loads(entry), Format.NATIVE, product="1"))
    assert int(parsed(message)["pri"]) % 8 == severity
