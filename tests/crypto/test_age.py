"""What is sealed for people elsewhere opens for them, whole and unchanged, and for nobody else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.age import (
    Identities,
    Recipients,
    new_identity,
    read_identities,
    read_recipients,
)
from strongroom.errors import Malformed, Misconfigured, Tampered

pytestmark = pytest.mark.clause("2.4")

IDENTITY, RECIPIENT = new_identity()
PART = 64 * 1024


def sealed(*parts: bytes, to: str = RECIPIENT) -> bytes:
    out = io.BytesIO()
    Recipients([to]).seal_parts(parts, out)
    return out.getvalue()


def opened(content: bytes, identity: str = IDENTITY) -> bytes:
    out = io.BytesIO()
    Identities([identity]).open(io.BytesIO(content), out)
    return out.getvalue()


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_any_parts_come_back_as_one(parts: list[bytes]) -> None:
    assert opened(sealed(*parts)) == b"".join(parts)


def test_a_file_of_many_parts_comes_back() -> None:
    content = bytes(range(256)) * 1024
    out = io.BytesIO()
    Recipients([RECIPIENT]).seal(io.BytesIO(content), out)
    assert opened(out.getvalue()) == content


def test_every_recipient_opens_it_and_nobody_else() -> None:
    other, other_recipient = new_identity()
    stranger, _ = new_identity()
    out = io.BytesIO()
    both = Recipients([RECIPIENT, other_recipient, RECIPIENT])
    assert both.names == (RECIPIENT, other_recipient)
    both.seal_parts([b"kept"], out)
    assert opened(out.getvalue()) == opened(out.getvalue(), other) == b"kept"
    with pytest.raises(Tampered):
        opened(out.getvalue(), stranger)


@pytest.mark.parametrize("cut", [1, 16, PART, PART + 16 + 1])
def test_a_file_without_its_end_is_refused(cut: int) -> None:
    content = sealed(b"x" * (2 * PART + 5))
    with pytest.raises(Tampered):
        opened(content[:-cut])


@pytest.mark.parametrize("place", [0, 30, 120, 200, -1])
def test_a_changed_file_is_refused(place: int) -> None:
    content = bytearray(sealed(b"x" * 100))
    content[place] ^= 1
    with pytest.raises(Tampered):
        opened(bytes(content))


def test_a_failure_while_a_part_is_made_is_told_as_it_is() -> None:
    def parts() -> object:
        yield b"one"
        raise Tampered("the second")

    with pytest.raises(Tampered, match="the second"):
        Recipients([RECIPIENT]).seal_parts(parts(), io.BytesIO())  # type: ignore[arg-type]


def test_keys_are_read_from_the_files_that_age_keygen_writes(tmp_path: Path) -> None:
    path = tmp_path / "identity"
    path.write_text(f"# created: 2026-03-01T00:00:00Z\n# public key: {RECIPIENT}\n{IDENTITY}\n")
    assert read_identities(path).recipients == (RECIPIENT,)
    assert IDENTITY not in repr(read_identities(path))
    path.write_text(f"# the owner\n{RECIPIENT}\n\n")
    assert read_recipients(path).names == (RECIPIENT,)


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "age1nonsense\n", IDENTITY + "\n"],
    ids=["empty", "comment", "nonsense", "identity"],
)
def test_what_is_no_recipient_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipients"
    path.write_text(text)
    with pytest.raises(Malformed) as refused:
        read_recipients(path)
    assert "nonsense" not in str(refused.value)
    assert "SECRET" not in str(refused.value)


def test_a_missing_or_endless_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="can't be read"):
        read_identities(tmp_path / "none")
    path = tmp_path / "long"
    path.write_bytes(b"#" * 70_000)
    with pytest.raises(Malformed, match="too long"):
        read_identities(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Malformed, match="no file of age keys"):
        read_identities(path)
