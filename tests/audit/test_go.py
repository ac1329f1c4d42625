"""Go's transparency log tools accept our bundles, find what was changed in them, and make our vectors.

Collected only where Go and golang.org/x/mod are installed (tests/audit/conftest.py); the vectors they
made are checked everywhere (test_c2sp.py).
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.audit import NOW, Bench

from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.audit.export import finish, settle, write
from strongroom.terms import SYSTEM

GO = Path(__file__).parent / "go"
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
