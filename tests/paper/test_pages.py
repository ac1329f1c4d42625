"""Slips and labels as they are drawn: every letter right or a mark, and nothing about the machine."""

from __future__ import annotations

import re
import socket
import unicodedata
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.errors import Malformed
from strongroom.paper import SIZES, Line
from strongroom.paper.addresses import lines_of
from strongroom.paper.letters import MARK, printable, runs
from strongroom.paper.pages import draw_label, draw_slip
from strongroom.paper.sheets import Drawn

pytestmark = pytest.mark.clause("2.3")

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ORDER = "302-1234567-1234567"
LINES = [Line("SKU-1", 2, "A lamp")]
NAMES = [
    "Jürgen Groß-Ångström",
    "Łódź Żółć ğüşiöç Đorđe",
    "Ελλάδα Αθήνα",
    "Привет Київ Ґанок",
    "Nguyễn Thị Hường",
]
EASTERN = ["山田 太郎 東京都港区", "ヤマダ ﾔﾏﾀﾞ", "김철수 서울", "王小明 臺北"]
NOT_PRINTED = ["محمد علي", "דוד כהן", "राजेश कुमार", "สมชาย ใจดี", "😀", "Ada \u202eecnirP", "Z\u0335"]


def slip(address: list[str], lines: list[Line] | None = None, size: str = "a4") -> Drawn:
    return draw_slip(size, ORDER, "2026-03-09", address, lines or LINES, NOW)


def texts(drawn: Drawn) -> str:
    """Return what a reader of the PDF gets: each glyph by the map that the file has with its font."""
    content = drawn.content
    streams: dict[int, bytes] = {}
    for found in re.finditer(
        rb"\n(\d+) 0 obj\n<<((?:(?!endobj).)*?)>>\nstream\n(.*?)\nendstream",
        content,
        re.DOTALL,
    ):
        body = found[3]
        if b"FlateDecode" in found[2]:
            body = zlib.decompress(body)
        streams[int(found[1])] = body
    maps: dict[bytes, dict[int, str]] = {}
    for found in re.finditer(rb"/F(\d+) (\d+) 0 R", content):
        font = re.search(rb"\n%b 0 obj\n<<(.*?)>>\nendobj" % found[2], content, re.DOTALL)
        assert font is not None
        where = re.search(rb"/ToUnicode (\d+) 0 R", font[1])
        assert where is not None
        maps[found[1]] = dict(_pairs(streams[int(where[1])]))
    shown = []
    for stream in streams.values():
        current: dict[int, str] = {}
        for part in re.finditer(rb"/F(\d+) [\d.]+ Tf|\((.*?)(?<!\\)\) Tj", stream, re.DOTALL):
            if part[1]:
                current = maps[part[1]]
            elif part[2]:
                raw = re.sub(
                    rb"\\([()\\rn])", lambda m: {b"r": b"\r", b"n": b"\n"}.get(m[1], m[1]), part[2]
                )
                codes = [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]
                shown.append("".join(current.get(code, "?") for code in codes))
    return "\n".join(shown)


def _pairs(table: bytes) -> Any:
    for found in re.finditer(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]{4,})>", table):
        yield int(found[1], 16), bytes.fromhex(found[2].decode()).decode("utf-16-be")


@pytest.mark.parametrize("name", NAMES)
def test_names_of_these_scripts_are_printed_as_they_are(name: str) -> None:
    drawn = slip([name])

    assert drawn.marks == 0
    said = texts(drawn).replace("\n", "")
    assert name.replace(" ", "") in said.replace(" ", "")


def test_names_of_the_east_are_printed_as_they_are() -> None:
    drawn = slip(EASTERN)

    assert drawn.marks == 0
    said = texts(drawn).replace("\n", "").replace(" ", "")
    for name in EASTERN:
        assert name.replace(" ", "") in said, name


@pytest.mark.parametrize("name", NOT_PRINTED)
def test_what_would_come_out_wrong_shows_as_a_mark(name: str) -> None:
    drawn = slip([name])

    assert drawn.marks > 0
    said = texts(drawn)
    assert MARK in said
    assert "can't be printed" in said
    assert not any(
        letter in said for letter in name if ord(letter) > 0x2000 or 0x590 <= ord(letter) < 0x1000
    )


def test_a_slip_says_what_belongs_on_it() -> None:
    lines = [Line("SKU-1", 2, "A lamp"), Line("SKU-2", 1, "A chair", "Happy birthday,\nZoë")]

    drawn = slip(["Jürgen Groß", "Hauptstraße 5", "50667 Köln", "DE"], lines)

    said = texts(drawn)
    for wanted in (
        "Packing slip",
        ORDER,
        "2026-03-09",
        "Jürgen Groß",
        "50667 Köln",
        "SKU-1",
        "A lamp",
        "Happy birthday,",
        "Zoë",
        "Shred this paper",
    ):
        assert wanted in said, wanted
    assert drawn.pages == 1


def test_many_items_go_on_on_the_next_page() -> None:
    drawn = slip(["Ada"], [Line(f"SKU-{n}", 1, "A lamp of many words " * 4) for n in range(100)])

    assert drawn.pages > 2
    assert "SKU-99" in texts(drawn)


def test_what_takes_too_many_pages_is_refused() -> None:
    with pytest.raises(Malformed, match="40 pages"):
        slip(["Ada"], [Line("S", 1, "", "line\n" * 3900)])
    with pytest.raises(Malformed, match="more than 20000 characters"):
        slip(["Ada"], [Line("S", 1, "", "x" * 20_001)])
    with pytest.raises(Malformed, match="1 pages"):
        draw_label("4x6", ORDER, [], ["Ada"] * 60, NOW)


@pytest.mark.parametrize("size", SIZES)
def test_a_label_is_one_page_of_its_size(size: str) -> None:
    drawn = draw_label(size, ORDER, ["Sender 1"], ["Łucja Żak", "Weg 1", "DE"], NOW)

    width, height = (side / 25.4 * 72 for side in SIZES[size])
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", drawn.content)
    assert box is not None
    assert (float(box[1]), float(box[2])) == pytest.approx((width, height), abs=0.1)
    assert drawn.pages == 1
    assert "Łucja Żak" in texts(drawn)


def test_a_page_says_nothing_of_the_machine_or_the_software() -> None:
    content = slip(["Ada"]).content

    assert socket.gethostname().encode() not in content
    for word in (
        b"/Producer",
        b"/Author",
        b"/Creator",
        b"/Title",
        b"fpdf",
        b"/XMP",
        b"/home",
        b"/Lang",
    ):
        assert word not in content
    assert re.findall(rb"/CreationDate \((.*?)\)", content) == [b"D:20260310120000Z"]
    assert content == slip(["Ada"]).content


def test_no_file_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins  # noqa: PLC0415 - what is watched

    opened: list[str] = []
    genuine = builtins.open

    def watching(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if any(letter in mode for letter in "wax+"):
            opened.append(str(file))
        return genuine(file, mode, *rest, **named)

    monkeypatch.setattr(builtins, "open", watching)
    slip(["Łucja Żak"])
    assert opened == []


def test_a_piece_has_one_typeface_and_every_letter_a_form() -> None:
    latin, cjk = frozenset(map(ord, "Ada ")), frozenset(map(ord, "山"))

    assert runs("Ada 山Ω", "plain", latin, cjk) == [
        ("plain", "Ada "),
        ("cjk", "山"),
        ("plain", MARK),
    ]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_nothing_is_ever_printed_that_was_not_written(text: str) -> None:
    """Letter by letter: what stands there is the letter itself, a plain space, or the mark."""
    for line in printable(text):
        for letter in line:
            assert letter in (MARK, " ") or letter in unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        (
            {
                "recipient.name": "Ada",
                "recipient.address_line_1": "1 Main St",
                "recipient.city": "Springfield",
                "recipient.state": "IL",
                "recipient.postal_code": "62701",
                "recipient.country_code": "us",
            },
            ["Ada", "1 Main St", "Springfield, IL 62701", "US"],
        ),
        (
            {
                "recipient.name": "Ada",
                "recipient.company": "Firma",
                "recipient.address_line_1": "Weg 1",
                "recipient.city": "Köln",
                "recipient.postal_code": "50667",
                "recipient.country_code": "DE",
            },
            ["Ada", "Firma", "Weg 1", "50667 Köln", "DE"],
        ),
        (
            {
                "recipient.name": "Ana",
                "recipient.street_name": "Rua A",
                "recipient.street_number": "5",
                "recipient.complement": "ap 2",
                "recipient.neighborhood": "Centro",
                "recipient.city": "Recife",
                "recipient.state": "PE",
                "recipient.postal_code": "50000",
                "recipient.country_code": "BR",
            },
            ["Ana", "Rua A 5", "ap 2", "Centro", "50000 Recife", "PE", "BR"],
        ),
        ({"recipient.name": "Ada"}, []),
    ],
)
def test_an_address_is_written_as_its_country_does(
    values: dict[str, str], lines: list[str]
) -> None:
    assert lines_of(values, "recipient") == lines


def test_the_typefaces_have_the_mark_and_are_the_ones_we_mean() -> None:
    import io  # noqa: PLC0415 - of use here alone

    from strongroom.paper.letters import BOLD, PLAIN, cjk_path, font_bytes  # noqa: PLC0415

    for face in (PLAIN, BOLD):
        with TTFont(io.BytesIO(font_bytes(face)), lazy=True) as font:
            assert ord(MARK) in font.getBestCmap()
    with TTFont(cjk_path(), lazy=True) as font:
        assert font["name"].getDebugName(1) == "Noto Sans CJK JP"
