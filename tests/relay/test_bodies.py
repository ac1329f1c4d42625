"""Bodies written anew: any text stays in its place, and what is not understood is refused."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import Malformed
from strongroom.relay.bodies import Kind, kind_of, rewrite

pytestmark = pytest.mark.clause("1.3", "1.5")

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60)
VISIBLE = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=60)
HERE = "ST000001000HB2RG8HFV"


def put(text: str) -> Any:
    return lambda found, name: text if found == HERE and name else found


@given(TEXT)
def test_any_text_stays_in_its_place_in_json(text: str) -> None:
    body = orjson.dumps({"a": {"b": [HERE, 1, None, True]}, "c": "x"})
    written = rewrite(Kind.JSON, body, put(text))
    assert orjson.loads(written) == {"a": {"b": [text, 1, None, True]}, "c": "x"}


@given(VISIBLE)
def test_any_text_stays_in_its_place_in_xml(text: str) -> None:
    body = f'<a k="{HERE}"><b>{HERE}</b><c><![CDATA[{HERE}]]></c>  <d/></a>'.encode()
    root = ET.fromstring(rewrite(Kind.XML, body, put(text)))  # noqa: S314 - what is tested
    shown = "".join(" " if character in "\ufffe\uffff" else character for character in text)
    assert [root[0].text, root[1].text] == [shown, shown]
    assert root.get("k") == shown
    assert [member.tag for member in root] == ["b", "c", "d"]


@given(TEXT)
def test_control_characters_cannot_make_xml_unreadable(text: str) -> None:
    ET.fromstring(rewrite(Kind.XML, f"<a><b>{HERE}</b></a>".encode(), put(text)))  # noqa: S314 - as above


@given(TEXT)
def test_any_text_stays_in_its_place_in_a_form(text: str) -> None:
    written = rewrite(Kind.FORM, f"a={HERE}&b=x+y&c=".encode(), put(text))
    assert parse_qsl(written.decode(), keep_blank_values=True) == [
        ("a", text),
        ("b", "x y"),
        ("c", ""),
    ]


@given(st.sampled_from(list(Kind)), st.binary(max_size=200))
def test_any_bytes_are_written_or_refused(kind: Kind, body: bytes) -> None:
    with contextlib.suppress(Malformed):
        rewrite(kind, body, lambda text, _name: text)


BOMB = '<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "' + "&a;" * 50 + '">]><b>&b;</b>'


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "<a>&undefined;</a>",
        "<a><b></a>",
        "<a/><a/>",
        "",
        "<a>" * 100 + "</a>" * 100,
    ],
)
def test_xml_with_a_document_type_or_a_fault_is_refused(body: str) -> None:
    with pytest.raises(Malformed):
        rewrite(Kind.XML, body.encode(), lambda text, _name: text)


def test_json_that_is_too_deep_or_no_json_is_refused() -> None:
    for body in (b"[" * 80 + b"]" * 80, b"{", b"\xff", b'{"a": NaN}', b""):
        with pytest.raises(Malformed):
            rewrite(Kind.JSON, body, lambda text, _name: text)


def test_a_name_in_place_of_which_something_would_stand_is_refused_in_xml() -> None:
    for body in (f"<{HERE}/>", f'<a {HERE}="x"/>'):
        with pytest.raises(Malformed):
            rewrite(Kind.XML, body.encode(), lambda text, _name: text.replace(HERE, "x"))


def test_what_comments_and_instructions_say_is_left_out() -> None:
    written = rewrite(Kind.XML, b"<a><!--x--><?y z?>t</a>", lambda text, _name: text)
    assert written == b'<?xml version="1.0" encoding="UTF-8"?>\n<a>t</a>'


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json; charset=utf-8", Kind.JSON),
        ("application/problem+json", Kind.JSON),
        ("Text/XML", Kind.XML),
        ("application/soap+xml", Kind.XML),
        ("application/x-www-form-urlencoded", Kind.FORM),
        ("text/plain", None),
        ("multipart/form-data; boundary=x", None),
        ("", None),
    ],
)
def test_a_content_type_says_how_a_body_is_read(content_type: str, kind: Kind | None) -> None:
    assert kind_of(content_type) is kind
