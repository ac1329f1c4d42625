"""Cosignatures of checkpoints, against a vector that OpenSSL made, and in every way that they are not one."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.audit import offline
from strongroom.crypto.cosignature import Cosigner, Witness
from strongroom.crypto.note import Signer, checkpoint_text
from strongroom.errors import Malformed, Tampered

VECTOR = json.loads((Path(__file__).parents[1] / "vectors/cosignature.json").read_text())
TEXT: str = VECTOR["text"]
COSIGNER = Cosigner(VECTOR["name"], bytes.fromhex(VECTOR["seed"]))
WITNESS = Witness(VECTOR["vkey"])
LINE: str = VECTOR["line"].rstrip("\n")


def test_the_vector_is_made_and_verified() -> None:
    assert COSIGNER.vkey == VECTOR["vkey"]
    assert COSIGNER.cosign(TEXT, VECTOR["time"]) == VECTOR["line"]
    assert WITNESS.verify(TEXT, [LINE]).timestamp == VECTOR["time"]
    note = f"{TEXT}\n{VECTOR['line']}"
    key = offline.parse_key(VECTOR["vkey"], b"\x04")
    assert offline.check_cosignature(note, key, "it") == "2023-03-20T12:25:47+00:00"


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**60), st.binary(min_size=32, max_size=32))
def test_what_is_cosigned_verifies_and_nothing_else_does(time: int, size: int, root: bytes) -> None:
    text = checkpoint_text("log.example/orders", size, root)
    line = COSIGNER.cosign(text, time)
    assert WITNESS.verify(text, [line[:-1]]).timestamp == time
    with pytest.raises(Tampered):
        WITNESS.verify(checkpoint_text("log.example/orders", size + 1, root), [line[:-1]])


def test_lines_of_others_are_left_alone_and_one_of_its_own_must_be_there() -> None:
    other = Cosigner(VECTOR["name"], bytes(32)).cosign(TEXT, 1)[:-1]
    named = Cosigner("witness.example/w2", bytes.fromhex(VECTOR["seed"])).cosign(TEXT, 1)[:-1]
    plain = Signer(VECTOR["name"], bytes.fromhex(VECTOR["seed"])).sign(TEXT).splitlines()[-1]
    assert WITNESS.verify(TEXT, [other, named, plain, LINE]).line == VECTOR["line"]
    with pytest.raises(Malformed):
        WITNESS.verify(TEXT, [other, named, plain])
    for bad in ("", "no line", f"{LINE}=", LINE.replace("— ", "- ")):
        with pytest.raises(Malformed):
            WITNESS.verify(TEXT, [bad])


def test_a_line_of_another_length_or_time_is_refused() -> None:
    blob = base64.b64decode(LINE.split()[2])

    def line(raw: bytes) -> str:
        return f"— {VECTOR['name']} {base64.b64encode(raw).decode()}"

    for raw in (blob[:-1], blob + b"\0", blob[:4] + b"\xff" * 8 + blob[12:]):
        with pytest.raises(Malformed):
            WITNESS.verify(TEXT, [line(raw)])
    with pytest.raises(Tampered):
        WITNESS.verify(TEXT, [line(blob[:11] + bytes([blob[11] ^ 1]) + blob[12:])])


def test_a_key_of_another_kind_is_none() -> None:
    for vkey in (
        "",
        "a+b",
        Signer("a", bytes(32)).vkey,
        VECTOR["vkey"][:-4] + "AAA=",
        "x" + VECTOR["vkey"],
    ):
        with pytest.raises(Malformed):
            Witness(vkey)


def test_a_cosigner_shows_and_gives_away_nothing() -> None:
    assert repr(COSIGNER) == "<cosigner witness.example/w1>"
    for act in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            act(COSIGNER)
