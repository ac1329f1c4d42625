"""Go's transparency log tools accept our bundles, find what was changed in them, and make our vectors.

Collected only where Go and golang.org/x/mod are installed (tests/audit/conftest.py); the vectors they
made are checked everywhere (test_c2sp.py).
"""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.audit import NOW, Bench

from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.audit.export import finish, settle, write
from strongroom.crypto.cosignature import Cosigner
from strongroom.crypto.note import Signer, checkpoint_text
from strongroom.terms import SYSTEM

GO = Path(__file__).parent / "go"
ORIGIN = "strongroom.invalid/audit/go/1"
COSIGNED = Path(__file__).parents[1] / "vectors/cosignature.json"
VECTORS = Path(__file__).parents[1] / "vectors/audit-c2sp.json"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the program of ./go, out of what Debian installs and without any network."""
    made = tmp_path_factory.mktemp("go")
    settings = {
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(made / "cache"),
        "GOFLAGS": "",
    }
    subprocess.run(
        ["go", "build", "-o", str(made / "main"), "main.go"],
        cwd=GO,
        env=os.environ | settings,
        check=True,
        timeout=300,
    )
    return made / "main"


def asked(program: Path, *arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [str(program), *map(str, arguments)], check=False, capture_output=True, text=True
    )
    return done.returncode, done.stdout


def test_go_makes_the_committed_vectors(program):
    code, made = asked(program, "vectors")
    assert (code, json.loads(made)) == (0, json.loads(VECTORS.read_text()))


@pytest.mark.clause("1.6")
@pytest.mark.parametrize(("first", "size"), [(0, 600), (256, 512), (512, 700), (0, 1)])
def test_go_accepts_our_bundles_and_nothing_changed(
    sqlite_bench: Bench, program, tmp_path, first, size
):
    log, path = sqlite_bench.start(), tmp_path / "bundle"
    for number in (100, 400, 250):
        sqlite_bench.fill(log, number)
        log.checkpoint(NOW)
    with log.prover() as prover:
        stretch = settle(prover, path, first, size, [0, size // 2, size - 1])
    digest = write(log.prover, path, stretch, lambda _done, _total: None)
    event = Event(
        EventType.LOG_EXPORTED, Outcome.SUCCESS, SYSTEM, obj_kind=ObjKind.LOG, obj_ref=digest
    )
    with sqlite_bench.database.write() as tx:
        log.append(tx, event, now=NOW)
    with log.prover() as prover:
        finish(path, size, prover, [prover.size - 1])
    vkey = sqlite_bench.signer.vkey
    assert asked(program, "check", path, vkey) == (0, "sound\n")
    files = [file for file in path.rglob("*") if file.is_file()]
    changed = 0
    for file in files:
        if file.name in {"key", "verify.py", "manifest.json", "custody.jsonl"}:
            continue  # custody has several parts, taken apart below
        if not (raw := file.read_bytes()):
            continue
        file.write_bytes(raw[:-8] + bytes([raw[-8] ^ 1]) + raw[-7:])
        assert asked(program, "check", path, vkey)[0] == 1, file
        file.write_bytes(raw)
        changed += 1
    assert changed >= 3
    line = json.loads((path / "custody.jsonl").read_text())
    for name, wrong in (("entry", line["entry"] + " "), ("consistency", line["consistency"][1:])):
        if line[name] != wrong:
            (path / "custody.jsonl").write_text(json.dumps(line | {name: wrong}) + "\n")
            assert asked(program, "check", path, vkey)[0] == 1, name
    shutil.rmtree(path)


@pytest.mark.clause("2.6")
def test_go_accepts_what_our_witness_cosigned_and_no_other_time(program, tmp_path):
    log, witness = Signer(ORIGIN, bytes(32)), Cosigner("witness.example/w1", bytes(range(32)))
    text = checkpoint_text(ORIGIN, 3, bytes(range(32)))
    path = tmp_path / "checkpoint"
    path.write_text(log.sign(text) + witness.cosign(text, 1679315147))
    assert asked(program, "cosigned", path, log.vkey, witness.vkey) == (0, "sound\n")

    head, _, blob = witness.cosign(text, 1679315147).strip().rpartition(" ")
    later = bytearray(base64.b64decode(blob))
    later[11] ^= 1  # the last byte of the time
    path.write_text(log.sign(text) + f"{head} {base64.b64encode(later).decode()}\n")
    assert asked(program, "cosigned", path, log.vkey, witness.vkey)[0] == 1

    vector = json.loads(COSIGNED.read_text())
    path.write_text(Signer("log.example/orders", bytes(32)).sign(vector["text"]) + vector["line"])
    key = Signer("log.example/orders", bytes(32)).vkey
    assert asked(program, "cosigned", path, key, vector["vkey"]) == (0, "sound\n")
