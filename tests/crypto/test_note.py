"""Notes that other implementations accept, and that nobody else can sign."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.envelope import new_key
from strongroom.crypto.note import (
    Signer,
    Verifier,
    checkpoint_text,
    parse_checkpoint,
    parse_note,
)
from strongroom.errors import Malformed, Tampered

NAME = "strongroom.invalid/audit/home/1"
TEXT = checkpoint_text(NAME, 3, bytes(32))


@pytest.fixture
def signer() -> Signer:
    return Signer(NAME, bytes(range(32)))


@pytest.fixture
def verifier(signer: Signer) -> Verifier:
    return Verifier(signer.vkey)


# RFC 8032 section 7.1, tests 1 to 3: secret and public key.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    ),
]


@pytest.mark.parametrize(("seed", "public"), RFC_8032)
def test_the_key_in_a_vkey_is_that_of_rfc_8032(seed: str, public: str) -> None:
    name, key_id, encoded = Signer("example.com/log", bytes.fromhex(seed)).vkey.split("+", 2)
    assert name == "example.com/log"
    assert len(key_id) == 8
    assert base64.b64decode(encoded).hex() == "01" + public


@pytest.mark.parametrize(
    "vkey",
    [
        # golang.org/x/mod/sumdb: the key of Go's checksum database.
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_published_verifier_keys_are_read(vkey: str) -> None:
    assert Verifier(vkey).key_id.hex() == vkey.split("+")[1]


@pytest.mark.clause("2.6")
def test_what_was_signed_verifies(signer: Signer, verifier: Verifier) -> None:
    assert verifier.verify(signer.sign(TEXT)) == TEXT


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=1))
def test_any_lines_can_be_signed(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    signer = Signer("name", bytes(32))
    signed = signer.sign(text)
    assert Verifier(signer.vkey).verify(signed) == text
    assert parse_note(signed).text == text


@pytest.mark.clause("2.6")
def test_a_changed_text_or_signature_does_not_verify(signer: Signer, verifier: Verifier) -> None:
    signed = signer.sign(TEXT)
    with pytest.raises(Tampered, match="does not verify"):
        verifier.verify(signed.replace("\n3\n", "\n4\n"))
    head, _, encoded = signed.rstrip("\n").rpartition(" ")
    blob = bytearray(base64.b64decode(encoded))
    blob[-1] ^= 1
    with pytest.raises(Tampered, match="does not verify"):
        verifier.verify(f"{head} {base64.b64encode(blob).decode()}\n")


def test_a_note_of_another_name_or_key_is_not_ours(verifier: Verifier) -> None:
    for other in (Signer(NAME, new_key()), Signer("other", bytes(range(32)))):
        with pytest.raises(Tampered, match="is not signed by"):
            verifier.verify(other.sign(TEXT))


def test_signatures_of_others_are_left_alone(signer: Signer, verifier: Verifier) -> None:
    """Witnesses add lines of their own, of kinds not known here."""
    ours = signer.sign(TEXT)
    theirs = "\N{EM DASH} witness.example " + base64.b64encode(b"idid" + bytes(76)).decode() + "\n"
    for signed in (ours + theirs, ours.replace("\n\n", "\n\n" + theirs)):
        assert verifier.verify(signed) == TEXT
        assert {line.name for line in parse_note(signed).signatures} == {NAME, "witness.example"}


@pytest.mark.parametrize("text", ["", "x", "x\n\ty\n", "x\r\n", "x\0\n", "x\ud800\n"], ids=repr)
def test_a_text_that_is_not_plain_lines_is_not_signed(signer: Signer, text: str) -> None:
    with pytest.raises(Malformed):
        signer.sign(text)


SIGNED = Signer(NAME, bytes(range(32))).sign(TEXT)
NOT_NOTES = [
    "",
    "\n\n",
    TEXT,
    SIGNED[:-1],
    SIGNED + "\n",
    SIGNED.replace("\N{EM DASH}", "-"),
    SIGNED.replace("\N{EM DASH} ", "\N{EM DASH}"),
    SIGNED.replace("\n\n", "\n"),
    SIGNED.replace("=\n", "\n"),
    SIGNED.rpartition(" ")[0] + " \n",
    SIGNED.rpartition(" ")[0] + " AAAA\n",
    SIGNED.rpartition(" ")[0] + " A A=\n",
    SIGNED.rpartition(" ")[0] + " \u00e9\n",
    TEXT + "\n" + 101 * (SIGNED.partition("\n\n")[2]),
    "x" * 1_000_000 + SIGNED,
]


@pytest.mark.parametrize("note", NOT_NOTES, ids=range(len(NOT_NOTES)))
def test_anything_else_is_no_note(verifier: Verifier, note: str) -> None:
    with pytest.raises(Malformed):
        verifier.verify(note)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for attempt in (parse_note, parse_checkpoint, Verifier):
        try:
            attempt(text)
        except Malformed:
            continue


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n", "a\u00a0b", "a\ud800"])
def test_a_name_that_signed_note_forbids_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        Signer(name, bytes(32))
    with pytest.raises(Malformed):
        checkpoint_text(name, 0, bytes(32))


def test_a_vkey_with_another_id_or_type_is_refused(signer: Signer) -> None:
    name, key_id, encoded = signer.vkey.split("+", 2)
    other_type = base64.b64encode(b"\x02" + base64.b64decode(encoded)[1:]).decode()
    for vkey in (
        f"{name}+{key_id[::-1]}+{encoded}",
        f"{name}x+{key_id}+{encoded}",
        f"{name}+{key_id.upper()}x+{encoded}",
        f"{name}+{key_id}+{other_type}",
        f"{name}+{key_id}+{encoded[:-4]}",
        f"{name}+{key_id}",
        name,
    ):
        with pytest.raises(Malformed):
            Verifier(vkey)


@given(st.integers(0, 2**62), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_comes_back(size: int, root: bytes) -> None:
    checkpoint = parse_checkpoint(checkpoint_text(NAME, size, root))
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (NAME, size, root)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n3\n", "\n03\n"),
        ("\n3\n", "\n-3\n"),
        ("\n3\n", "\n+3\n"),
        ("\n3\n", "\n3 \n"),
        ("\n3\n", "\n\u0663\n"),
        ("\n3\n", "\n99999999999999999999\n"),
        ("\n3\n", "\n"),
        ("A=\n", "A=\nextension\n"),
        ("A=\n", "A=\n\n"),
        ("A=\n", "B=\n"),
        ("A=\n", "A=="),
        ("AAAA", ""),
        (NAME, ""),
    ],
)
def test_a_checkpoint_has_one_spelling(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(Malformed):
        parse_checkpoint(TEXT.replace(old, new, 1))


@pytest.mark.parametrize(("size", "root"), [(-1, bytes(32)), (0, bytes(31))])
def test_a_checkpoint_of_nothing_is_a_programming_error(size: int, root: bytes) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        checkpoint_text(NAME, size, root)


def test_the_seed_is_not_printed_or_pickled(signer: Signer, verifier: Verifier) -> None:
    assert repr(signer) == f"<signer {NAME}>"
    assert repr(verifier) == f"<verifier {signer.vkey}>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        signer.__reduce__()
