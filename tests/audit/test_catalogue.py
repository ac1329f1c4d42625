"""The catalogue of events is closed: what nobody declared does not reach the log, and the page says all of it."""

from __future__ import annotations

import dataclasses
import enum
import re
import typing
from functools import partial
from pathlib import Path

import pytest

from strongroom.audit import entry
from strongroom.audit.catalogue import _MEMBERS, CATALOGUE, page, refuse_undeclared
from strongroom.audit.entry import Change, Event, ObjKind, Outcome
from strongroom.audit.event_types import EventType
from strongroom.errors import Malformed
from strongroom.terms import SYSTEM, Caller

pytestmark = pytest.mark.clause("2.6")

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
FREE = ("Jane Doe, 5 Main Street", "jane@example.com", "two words", "ünïcode", "a\nb", "", "x" * 97)
"""What a person could have typed: no form of an identifier, and no HMAC."""

IDENTIFIERS = {"op", "obj_ref", "req"}
HMACS = {"src_ip", "before", "after"}
"""Every field that is text, by the form it is held to. Another one fails here until somebody says which it is."""


def test_every_type_is_described_once_with_its_clause() -> None:
    assert set(CATALOGUE) == set(EventType)
    for type_, one in CATALOGUE.items():
        assert re.fullmatch(r"[1-3](\.[1-7])?", one.clause), type_
        assert one.says, type_
        assert one.members.split() == [m for m in _MEMBERS if m in one.members.split()], type_


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def text_fields(kind: type) -> set[str]:
    """Fields that can hold a string which is no word of an enumeration."""

    def is_text(hint: object) -> bool:
        if isinstance(hint, type):
            return issubclass(hint, str) and not issubclass(hint, enum.Enum)
        return any(is_text(part) for part in typing.get_args(hint))

    hints = typing.get_type_hints(kind)
    return {field.name for field in dataclasses.fields(kind) if is_text(hints[field.name])}


def test_a_text_is_a_word_an_identifier_or_an_hmac() -> None:
    assert text_fields(Event) | text_fields(Change) == IDENTIFIERS | HMACS
    # A caller's name is the one text beside them, and it is not written.
    assert text_fields(Caller) == {"name"}
    assert set(_MEMBERS.values()) == {field.name for field in dataclasses.fields(Event)} - {
        "type",
        "outcome",
        "actor",
        "reason",
        "obj_kind",
    }


@pytest.mark.parametrize("name", sorted(IDENTIFIERS | HMACS))
@pytest.mark.parametrize("text", FREE)
def test_no_text_field_takes_what_somebody_typed(name: str, text: str) -> None:
    kind = ObjKind.ORDER if name == "obj_ref" else None
    make = (
        partial(Change, entry.Field.NAME)
        if name in ("before", "after")
        else partial(Event, EventType.HOME_OPENED, Outcome.SUCCESS, SYSTEM, obj_kind=kind)
    )
    with pytest.raises(Malformed):
        make(**{name: text})


def test_a_member_that_its_type_does_not_have_is_refused_and_not_repeated() -> None:
    event = Event(EventType.LOG_HEARTBEAT, Outcome.SUCCESS, SYSTEM, op="ada.lovelace")
    with pytest.raises(Malformed, match=r"a log\.heartbeat event has no op") as refusal:
        refuse_undeclared(event)
    assert "ada" not in str(refusal.value)
    refuse_undeclared(dataclasses.replace(event, op=None))


@pytest.mark.parametrize("type_", EventType)
def test_every_declared_member_is_taken(type_: EventType) -> None:
    values: dict[str, object] = {
        "op": "op",
        "obj_ref": "1",
        "purpose": entry.Purpose.TAX,
        "pii": (entry.Category.NAME,),
        "n": 1,
        "bytes_": 1,
        "changes": (Change(entry.Field.NAME, "0" * 32),),
        "decision": 1,
        "req": "1",
        "records": (1,),
        "seller": 1,
        "src_ip": "0" * 32,
    }
    given = {_MEMBERS[m]: values[_MEMBERS[m]] for m in CATALOGUE[type_].members.split()}
    kind = ObjKind.ORDER if "obj_ref" in given else None
    refuse_undeclared(Event(type_, Outcome.SUCCESS, SYSTEM, obj_kind=kind, **given))  # type: ignore[arg-type]
