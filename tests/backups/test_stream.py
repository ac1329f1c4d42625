"""What goes into a backup comes out of it, row for row; vectors of docs/formats/backup.md [2.1]."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.backups.stream import Contents, Header, Reading, Row, Table, lines, sealer
from strongroom.errors import Tampered

pytestmark = pytest.mark.clause("2.1")

HEADER = Header(
    "vault", "7", "home1234", "test", "2026-03-10T12:00:00+00:00", "0.1.0", "0017", "sqlite"
)
SEAL = sealer(bytes(range(32)), "home1234", "vault")
VECTOR = Path(__file__).parents[1] / "vectors" / "backup.jsonl"
ROWS: list[Row] = [(1, b"\x00\xff", "name", None), (2, None, "ü\n", -5)]


def written(rows: list[Row]) -> list[bytes]:
    table = Table("record", ("number", "blob", "slot_names", "due_at"), (1,), [rows])
    return list(lines(HEADER, [table], SEAL, Contents()))


def read(content: bytes, step: int) -> list[Row]:
    found: list[Row] = []
    reading = Reading(header=lambda _h: None, table=lambda _n, _c: None, rows=found.extend)
    for at in range(0, len(content), step):
        reading.write(content[at : at + step])
    reading.finish(SEAL)
    return found


VALUE = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.text(st.characters(codec="utf-8"))
)


@given(
    rows=st.lists(st.tuples(VALUE, st.one_of(st.none(), st.binary()), VALUE, VALUE)),
    step=st.integers(1, 200),
)
def test_rows_come_back_however_the_bytes_arrive(rows: list[Row], step: int) -> None:
    assert read(b"".join(written(rows)), step) == [list(row) for row in rows]


def test_the_form_is_that_of_the_vector() -> None:
    assert b"".join(written(ROWS)) == VECTOR.read_bytes()
    assert read(VECTOR.read_bytes(), 50) == [list(row) for row in ROWS]


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_line_that_is_left_out_or_changed_shows(line: int) -> None:
    whole = written(ROWS)
    left_out = b"".join(part for place, part in enumerate(whole) if place != line)
    with pytest.raises(Exception, match="backup"):
        read(left_out, 1000)
    document = json.loads(whole[2])
    document[0][0] = 99
    with pytest.raises(Tampered, match="changed"):
        read(b"".join([*whole[:2], json.dumps(document).encode() + b"\n", *whole[3:]]), 1000)
    with pytest.raises(Tampered, match="behind its end"):
        read(b"".join([*whole, whole[1]]), 1000)
    with pytest.raises(Tampered, match="end is missing"):
        read(b"".join(whole[:-1]), 1000)
