"""Every format gives the bytes of `tests/vectors`, which other implementations can read as well.

The vectors were computed apart from the code, from the pages in `docs/formats`; a change here is a
new version of a format, never a correction of a vector.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.crypto import envelope, index, note, root, token
from strongroom.crypto.derive import aad, derive
from strongroom.crypto.ticket import TicketBox
from strongroom.errors import Tampered
from strongroom.terms import Environment

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str, section: str) -> list[Any]:
    vectors: list[Any] = json.loads((VECTORS / f"{name}.json").read_text())[section]
    assert vectors
    return vectors


def given(*chunks: bytes) -> Callable[[int], bytes]:
    """Return entropy that gives these bytes and no others."""
    left = b"".join(chunks)

    def entropy(size: int) -> bytes:
        nonlocal left
        taken, left = left[:size], left[size:]
        assert len(taken) == size
        return taken

    return entropy


def _parts(listed: list[Any]) -> list[Any]:
    return [bytes.fromhex(part["hex"]) if isinstance(part, dict) else part for part in listed]


def _bytes(vector: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


@pytest.mark.parametrize("vector", load("envelope", "aad"))
def test_aad(vector: dict[str, Any]) -> None:
    assert aad(*_parts(vector["parts"])).hex() == vector["bytes"]


@pytest.mark.parametrize("vector", load("envelope", "derive"))
def test_derive(vector: dict[str, Any]) -> None:
    derived = derive(bytes.fromhex(vector["key"]), *_parts(vector["parts"]))
    assert derived.hex() == vector["derived"]


@pytest.mark.parametrize("vector", load("envelope", "seal"))
def test_seal(vector: dict[str, Any]) -> None:
    key, nonce, plaintext, context, sealed = _bytes(
        vector, "key", "nonce", "plaintext", "context", "sealed"
    )
    assert envelope.seal(key, plaintext, context=context, entropy=given(nonce)) == sealed
    assert envelope.open_(key, sealed, context=context) == plaintext


@pytest.mark.parametrize("vector", load("envelope", "wrap"))
def test_wrap(vector: dict[str, Any]) -> None:
    kek, nonce, key, context, wrapped = _bytes(vector, "kek", "nonce", "key", "context", "wrapped")
    assert envelope.wrap(kek, key, context=context, entropy=given(nonce)) == wrapped
    assert envelope.unwrap(kek, wrapped, context=context) == key


@pytest.mark.parametrize("vector", load("envelope", "record"))
def test_record(vector: dict[str, Any]) -> None:
    dek, nonce, key_nonce, payload, blob, wrapped = _bytes(
        vector, "dek", "nonce", "key_nonce", "payload", "blob", "wrapped_dek"
    )
    number, version, period_id = vector["number"], vector["version"], vector["period"]
    period = envelope.PeriodCipher(bytes.fromhex(vector["period_key"]))

    def sealer(*chunks: bytes) -> envelope.RecordSealer:
        world = Environment(vector["environment"])
        return envelope.RecordSealer(world, vector["seller"], entropy=given(*chunks))

    made = sealer(dek, nonce, key_nonce).seal_new(period, number, period_id, payload, version)
    assert made == (blob, wrapped, dek)
    assert sealer(nonce).seal(dek, number, version, payload) == blob
    assert sealer(key_nonce).wrap(period, number, period_id, dek) == wrapped
    assert sealer().unwrap(period, number, period_id, wrapped) == dek
    assert sealer().open(dek, number, version, blob) == payload


@pytest.mark.parametrize("vector", load("envelope", "ticket"))
def test_ticket(vector: dict[str, Any]) -> None:
    key, nonce = _bytes(vector, "key", "nonce")
    world = Environment(vector["environment"])
    box = TicketBox(key, vector["kind"], world, entropy=given(nonce))
    expires_at = datetime.fromtimestamp(vector["expires_at"], UTC)
    assert box.seal(vector["payload"], expires_at=expires_at) == vector["ticket"]
    opener = TicketBox(key, vector["kind"], world)
    now = datetime.fromtimestamp(vector["expires_at"] - 1, UTC)
    assert opener.open(vector["ticket"], now) == vector["payload"]


@pytest.mark.parametrize("vector", load("envelope", "root_file"))
def test_root_file(vector: dict[str, Any], tmp_path: Path) -> None:
    key, salt, nonce, content = _bytes(vector, "root", "salt", "nonce", "file")
    world, path = Environment(vector["environment"]), tmp_path / "root.key"
    cost = root.Cost(vector["memory_kib"], vector["passes"], vector["lanes"])
    entropy = given(key, salt, nonce)
    root.create_file_root(path, vector["passphrase"], world, cost=cost, entropy=entropy)
    assert path.read_bytes() == content
    opened = root.open_file_root(path, vector["passphrase"], world)
    wrapped, context, wrapped_key = _bytes(vector, "wrapped", "wrapped_context", "wrapped_key")
    assert opened.unwrap(wrapped, context) == wrapped_key


@pytest.mark.parametrize("vector", load("token", "tokens"))
def test_token(vector: dict[str, Any]) -> None:
    key = bytes.fromhex(json.loads((VECTORS / "token.json").read_text())["token_key"])
    mint = token.Mint(key, Environment(vector["environment"]))
    assert mint.record(vector["number"]).token(vector["slot"]) == vector["token"]
    assert token.as_email(vector["token"]) == vector["email"]
    assert token.as_ip(vector["token"]) == vector["ip"]
    for spelling in (vector["token"], vector["token"].lower(), vector["email"], vector["ip"]):
        found = token.Parsed(vector["number"], vector["slot"], vector["token"])
        assert mint.parse(spelling) == found


@pytest.mark.parametrize("vector", load("record", "payloads"))
def test_payload(vector: dict[str, Any]) -> None:
    slots = {number: value for number, value in vector["slots"]}  # noqa: C416 - pairs are lists
    assert envelope.encode_slots(slots).hex() == vector["payload"]
    decoded = envelope.decode_slots(bytes.fromhex(vector["payload"]))
    # repr tells 1 from 1.0 and True, and 0.0 from -0.0, which are equal.
    assert repr(decoded) == repr(slots)


@pytest.mark.parametrize("vector", load("record", "refused"), ids=lambda vector: vector["why"])
def test_payload_of_another_form_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(Tampered):
        envelope.decode_slots(bytes.fromhex(vector["payload"]))


@pytest.mark.parametrize("vector", load("index", "emails"))
def test_normalized_email(vector: dict[str, Any]) -> None:
    assert index.normalize_email(vector["written"]) == vector["normalized"]


@pytest.mark.parametrize("vector", load("index", "phones"))
def test_normalized_phone(vector: dict[str, Any]) -> None:
    assert index.normalize_phone(vector["written"]) == vector["normalized"]


@pytest.mark.parametrize("vector", load("index", "tags"))
def test_tag(vector: dict[str, Any]) -> None:
    vectors = json.loads((VECTORS / "index.json").read_text())
    keys = (
        index.search_key(bytes.fromhex(vectors["period_key"])),
        index.SearchKey(bytes.fromhex(vectors["search_key"])),
    )
    for key in keys:
        assert index.tag(key, vector["field"], vector["normalized"]) == vector["tag"]


@pytest.mark.parametrize("vector", load("index", "subject_refs"))
def test_subject_ref(vector: dict[str, Any]) -> None:
    vectors = json.loads((VECTORS / "index.json").read_text())
    key = index.SubjectKey(bytes.fromhex(vectors["subject_key"]))
    assert index.subject_ref(key, vector["kind"], vector["id"]).hex() == vector["ref"]


@pytest.mark.parametrize("vector", load("note", "checkpoints"))
def test_checkpoint(vector: dict[str, Any]) -> None:
    text = note.checkpoint_text(vector["name"], vector["size"], bytes.fromhex(vector["root"]))
    assert text == vector["text"]
    signer = note.Signer(vector["name"], bytes.fromhex(vector["seed"]))
    assert signer.vkey == vector["vkey"]
    assert signer.sign(text) == vector["note"]
    verified = note.Verifier(vector["vkey"]).verify(vector["note"])
    found = note.Checkpoint(vector["name"], vector["size"], bytes.fromhex(vector["root"]))
    assert note.parse_checkpoint(verified) == found


@pytest.mark.parametrize("vector", load("note", "published"), ids=lambda vector: vector["source"])
def test_published_note(vector: dict[str, Any]) -> None:
    signer = note.Signer(vector["name"], bytes.fromhex(vector["seed"]))
    assert signer.vkey == vector["vkey"]
    assert signer.sign(vector["text"]) == vector["note"]
    assert note.Verifier(vector["vkey"]).verify(vector["note"]) == vector["text"]
