"""What others said of the log, in a bundle: taken away, forged or exchanged, its verifier says so."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from tests.attacks.test_evidence_edited import SIGNER, bundle, sound
from tests.support.anchors import Authority

from strongroom.audit import offline
from strongroom.crypto.cosignature import Cosigner, Witness, policy_text
from strongroom.crypto.note import parse_note
from strongroom.errors import Malformed

__all__ = ["bundle", "sound"]
pytestmark = pytest.mark.clause("1.6", "2.6")

WITNESS = Cosigner("witness.example/w1", bytes([9]) * 32)
THIEF = Cosigner("witness.example/w1", bytes(32))
AT = 1_772_368_215


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "authority")


@pytest.fixture
def said(bundle: Path, authority: Authority, tmp_path: Path) -> Path:
    """Give a bundle with a cosigned checkpoint of 300 entries, and one that was stamped."""
    lines = (bundle / "checkpoints.jsonl").read_text().splitlines()
    note = json.loads(lines[0])["note"]
    line = WITNESS.cosign(parse_note(note).text, AT)
    (bundle / "cosigned").write_text(note + line)
    (bundle / "policy").write_text(policy_text(SIGNER.vkey, [Witness(WITNESS.vkey)], 1))
    (bundle / "timestamp.note").write_text(note)
    (bundle / "timestamp.tsr").write_bytes(stamp(authority, tmp_path, note))
    return bundle


def stamp(authority: Authority, directory: Path, text: str) -> bytes:
    (directory / "data").write_text(text)
    query = subprocess.run(
        ["openssl", "ts", "-query", "-data", str(directory / "data"), "-sha256", "-cert"],
        check=True, capture_output=True,
    )  # fmt: skip
    return authority.reply(query.stdout)


def found(path: Path, *witnesses: str) -> list[str]:
    report = offline.check(path, SIGNER.vkey, witnesses=witnesses or (WITNESS.vkey,))
    return report.faults


def test_what_was_said_is_told(said: Path) -> None:
    report = offline.check(said, SIGNER.vkey, witnesses=[WITNESS.vkey])
    assert report.faults == []
    assert report.said["witnesses"] == ["witness.example/w1 at 2026-03-01T12:30:15+00:00"]
    assert (report.said["cosigned"], report.said["timestamp"]) == (300, 300)
    assert report.said["stamped_at"].endswith("+00:00")
    # The verifier as it lies in the bundle, alone.
    (said.parent / "key").write_text(SIGNER.vkey)
    done = subprocess.run(
        [sys.executable, "-I", str(said / "verify.py"), str(said), "--key", str(said.parent / "key"),
         "--witness", WITNESS.vkey],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, "witness.example/w1 at 2026" in done.stdout) == (0, True), done.stdout


def lose_cosigned(bundle: Path) -> None:
    (bundle / "cosigned").unlink()


def forge_cosignature(bundle: Path) -> None:
    note, line = cosigned(bundle)
    blob = base64.b64decode(line.split()[2])
    false = base64.b64decode(THIEF.cosign(parse_note(note).text, AT).split()[2])
    put(bundle, note, base64.b64encode(blob[:4] + false[4:]).decode())


def change_the_time(bundle: Path) -> None:
    note, line = cosigned(bundle)
    blob = bytearray(base64.b64decode(line.split()[2]))
    blob[11] ^= 1
    put(bundle, note, base64.b64encode(blob).decode())


def cosign_with_another_key(bundle: Path) -> None:
    note, _ = cosigned(bundle)
    (bundle / "cosigned").write_text(note + THIEF.cosign(parse_note(note).text, AT))


def move_to_another_checkpoint(bundle: Path) -> None:
    _, line = cosigned(bundle)
    (bundle / "cosigned").write_text((bundle / "checkpoint").read_text() + line + "\n")


def cosign_another_past(bundle: Path) -> None:
    """With the log's stolen key: a witness that was shown something else."""
    lines = cosigned(bundle)[0].splitlines()
    root = base64.b64encode(sha256(b"other").digest()).decode()
    text = f"{lines[0]}\n{lines[1]}\n{root}\n"
    (bundle / "cosigned").write_text(SIGNER.sign(text) + WITNESS.cosign(text, AT))


def exchange_timestamp(bundle: Path) -> None:
    (bundle / "timestamp.note").write_text((bundle / "checkpoint").read_text())


def break_timestamp(bundle: Path) -> None:
    path = bundle / "timestamp.tsr"
    path.write_bytes(path.read_bytes()[:60])


def lose_timestamp(bundle: Path) -> None:
    (bundle / "timestamp.tsr").unlink()


def cosigned(bundle: Path) -> tuple[str, str]:
    note, _, line = (bundle / "cosigned").read_text()[:-1].rpartition("\n")
    return f"{note}\n", line


def put(bundle: Path, note: str, blob: str) -> None:
    (bundle / "cosigned").write_text(f"{note}— {WITNESS.name} {blob}\n")


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (lose_cosigned, "witness.missing"),
        (forge_cosignature, "witness.forged"),
        (change_the_time, "witness.forged"),
        (cosign_with_another_key, "witness.missing"),
        (move_to_another_checkpoint, "witness.forged"),
        (cosign_another_past, "checkpoint.root"),
        (exchange_timestamp, "timestamp.other"),
        (break_timestamp, "timestamp.form"),
        (lose_timestamp, "file.missing"),
    ],
)
def test_what_was_said_cannot_be_changed(
    said: Path, tamper: Callable[[Path], None], fault: str
) -> None:
    tamper(said)
    assert [told.partition(":")[0] for told in found(said)] == [fault]


def test_each_witness_that_is_asked_for_has_to_have_signed(said: Path) -> None:
    other = Cosigner("witness.example/w2", bytes([3]) * 32)
    (told,) = found(said, WITNESS.vkey, other.vkey)
    assert told.startswith("witness.missing")
    (told,) = found(said, SIGNER.vkey)
    assert told.startswith("key.form")


def test_a_policy_asks_for_no_more_than_it_knows() -> None:
    witness = Witness(WITNESS.vkey)
    assert policy_text("L", [witness, witness], 1).count("witness ") == 1
    with pytest.raises(Malformed):
        policy_text("L", [witness, witness], 2)
