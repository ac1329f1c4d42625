"""A bundle is edited, cut, mixed, forged or held back: its verifier names what is wrong, and where."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support import tables
from tests.support.audit import NOW, ORIGIN, Bench

from strongroom.audit import Event, EventType, ObjKind, Outcome, offline
from strongroom.audit.export import finish, settle, write
from strongroom.audit.offline import leaf_hash, perfect_root
from strongroom.crypto.note import Signer, checkpoint_text
from strongroom.db.engine import Database
from strongroom.terms import SYSTEM

pytestmark = pytest.mark.clause("1.6", "2.6")

SIZE = 600
THIEF = Signer(ORIGIN, bytes(32))
SIGNER = Signer(ORIGIN, bytes(range(32)))
"""The real key, which the bench signs with."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a bundle of 600 entries once."""
    path = tmp_path_factory.mktemp("evidence")
    database = Database(tables.copy_to(path / "vault.db"))
    bench = Bench(database, path / "checkpoint")
    log = bench.start()
    for size in (300, SIZE - 300):
        bench.fill(log, size)
        log.checkpoint(NOW)
    with log.prover() as prover:
        stretch = settle(prover, path / "bundle", 0, SIZE, [7])
    digest = write(log.prover, path / "bundle", stretch, lambda _done, _total: None)
    event = Event(
        EventType.LOG_EXPORTED, Outcome.SUCCESS, SYSTEM, obj_kind=ObjKind.LOG, obj_ref=digest
    )
    with database.write() as tx:
        log.append(tx, event, now=NOW)
    with log.prover() as prover:
        finish(path / "bundle", SIZE, prover, [SIZE])
    database.close()
    return path / "bundle"


@pytest.fixture
def bundle(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "bundle")
    return tmp_path / "bundle"


def relist(bundle: Path) -> None:
    """Make the manifest agree with the files, as whoever changes them can."""
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    manifest["files"] = {
        name: sha256((bundle / name).read_bytes()).hexdigest()
        for name in manifest["files"]
        if (bundle / name).exists()
    }
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n"
    (bundle / "manifest.json").write_text(text)


def entries(path: Path) -> list[bytes]:
    raw, found = path.read_bytes(), []
    while raw:
        end = 2 + int.from_bytes(raw[:2], "big")
        found.append(raw[2:end])
        raw = raw[end:]
    return found


def put(path: Path, found: list[bytes]) -> None:
    path.write_bytes(b"".join(len(entry).to_bytes(2, "big") + entry for entry in found))


def hashes(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    return [raw[at : at + 32] for at in range(0, len(raw), 32)]


def edit_entry(bundle: Path) -> None:
    path = bundle / "tile/entries/000"
    found = entries(path)
    found[17] = found[17].replace(b"fulfilment", b"tax")
    put(path, found)


def edit_entry_of_the_open_tile(bundle: Path) -> None:
    path = bundle / "tile/entries/002.p/88"
    found = entries(path)
    found[5] = found[5].replace(b"fulfilment", b"tax")
    put(path, found)


def edit_entry_and_tile(bundle: Path) -> None:
    edit_entry(bundle)
    leaves = map(leaf_hash, entries(bundle / "tile/entries/000"))
    (bundle / "tile/0/000").write_bytes(b"".join(leaves))


def edit_entry_and_every_tile(bundle: Path) -> None:
    edit_entry_and_tile(bundle)
    roots = [perfect_root(hashes(bundle / f"tile/0/00{n}")) for n in (0, 1)]
    (bundle / "tile/1/000.p/2").write_bytes(b"".join(roots))


def delete_entry(bundle: Path) -> None:
    path = bundle / "tile/entries/000"
    put(path, entries(path)[:-1])


def insert_entry(bundle: Path) -> None:
    path = bundle / "tile/entries/000"
    found = entries(path)
    put(path, [*found[:17], found[3], *found[17:]])


def exchange_entries(bundle: Path) -> None:
    path = bundle / "tile/entries/001"
    found = entries(path)
    found[1], found[2] = found[2], found[1]
    put(path, found)


def cut_entries_file(bundle: Path) -> None:
    path = bundle / "tile/entries/001"
    path.write_bytes(path.read_bytes()[:-9])


def lose_entries(bundle: Path) -> None:
    (bundle / "tile/entries/001").unlink()


def swap_tiles(bundle: Path) -> None:
    one, two = bundle / "tile/0/000", bundle / "tile/0/001"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def flip_tile(bundle: Path) -> None:
    flip(bundle / "tile/0/001")


def flip_upper_tile(bundle: Path) -> None:
    flip(bundle / "tile/1/000.p/2")


def flip_open_tile(bundle: Path) -> None:
    flip(bundle / "tile/0/002.p/88")


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[40] ^= 1
    path.write_bytes(raw)


def shorten_tile(bundle: Path) -> None:
    path = bundle / "tile/0/001"
    path.write_bytes(path.read_bytes()[:-32])


def lose_tile(bundle: Path) -> None:
    (bundle / "tile/0/001").unlink()


def sign_with_another_key(bundle: Path) -> None:
    text = checkpoint_text(ORIGIN, SIZE, bytes(32))
    (bundle / "checkpoint").write_text(THIEF.sign(text))


def change_the_root(bundle: Path) -> None:
    path = bundle / "checkpoint"
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2], "A" * 43 + "=", *lines[3:]]))


def put_own_key(bundle: Path) -> None:
    sign_with_another_key(bundle)
    (bundle / "key").write_text(THIEF.vkey + "\n")


def truncate_with_an_older_checkpoint(bundle: Path) -> None:
    """Sound in itself, were it not for what the export's own event says of the manifest."""
    older = json.loads((bundle / "checkpoints.jsonl").read_text().splitlines()[0])["note"]
    (bundle / "checkpoint").write_text(older)


def forge_an_older_checkpoint(bundle: Path) -> None:
    line = {"note": THIEF.sign(checkpoint_text(ORIGIN, 300, bytes(32)))}
    (bundle / "checkpoints.jsonl").write_text(json.dumps(line) + "\n")


def sign_another_past(bundle: Path) -> None:
    """With the real key: whoever stole it."""
    line = {"note": SIGNER.sign(checkpoint_text(ORIGIN, 300, bytes(32)))}
    (bundle / "checkpoints.jsonl").write_text(json.dumps(line) + "\n")


def edit_proof(bundle: Path) -> None:
    path = bundle / "proofs/7.tlog-proof"
    path.write_text(path.read_text().replace("index 7\n", "index 8\n"))


def edit_proved_entry(bundle: Path) -> None:
    path = bundle / "proofs/7.entry"
    path.write_bytes(path.read_bytes().replace(b"fulfilment", b"tax"))


def edit_custody(bundle: Path) -> None:
    path = bundle / "custody.jsonl"
    path.write_text(path.read_text().replace('\\"id\\":0', '\\"id\\":9').replace("system", "user"))


def lose_custody(bundle: Path) -> None:
    (bundle / "custody.jsonl").write_text("")


def add_a_file(bundle: Path) -> None:
    (bundle / "readme.txt").write_text("trust me")


def link_elsewhere(bundle: Path) -> None:
    (bundle / "tile/0/001").unlink()
    (bundle / "tile/0/001").symlink_to("/dev/null")


MATRIX: list[tuple[Callable[[Path], None], str]] = [
    (edit_entry, "entry.changed: entry 17 in tile/entries/000 is not the one recorded"),
    (edit_entry_of_the_open_tile, "entry.changed: entry 517 in tile/entries/002.p/88"),
    (edit_entry_and_tile, "tile.damaged: tile/0/000 does not lead to the hash above it, and"),
    (edit_entry_and_every_tile, "checkpoint.root: tiles and entries do not lead to the signed"),
    (delete_entry, "entry.missing: entry 255 is not in tile/entries/000"),
    (insert_entry, "entry.changed: entry 17 "),
    (exchange_entries, "entry.changed: entry 257 "),
    (cut_entries_file, "entry.form: tile/entries/001 does not end where entry 511 does"),
    (lose_entries, "file.missing: tile/entries/001"),
    (swap_tiles, "tile.damaged: tile/0/000 does not lead to the hash above it"),
    (flip_tile, "tile.damaged: tile/0/001 does not lead to the hash above it"),
    (flip_upper_tile, "tile.damaged: tile/1/000.p/2 does not lead to the signed root"),
    (flip_open_tile, "tile.damaged: tile/0/002.p/88 does not lead to the signed root"),
    (shorten_tile, "tile.form: tile/0/001 does not hold 256 hashes"),
    (lose_tile, "file.missing: tile/0/001"),
    (sign_with_another_key, "checkpoint.forged: checkpoint is not signed by"),
    (change_the_root, "checkpoint.forged: checkpoint: its signature does not verify"),
    (put_own_key, "checkpoint.forged: checkpoint is not signed by"),
    (truncate_with_an_older_checkpoint, "manifest.other"),
    (forge_an_older_checkpoint, "checkpoint.forged: checkpoint 1 of checkpoints.jsonl"),
    (sign_another_past, "checkpoint.root: checkpoint 1 of checkpoints.jsonl does not agree"),
    (edit_proof, "proof.wrong: proofs/7.tlog-proof"),
    (edit_proved_entry, "proof.wrong: proofs/7.tlog-proof"),
    (edit_custody, "proof.wrong: line 1 of custody.jsonl"),
    (lose_custody, "custody.missing"),
    (add_a_file, "file.extra: readme.txt"),
    (link_elsewhere, "file.extra: tile/0/001"),
]


@pytest.mark.parametrize(("tamper", "fault"), MATRIX, ids=lambda v: getattr(v, "__name__", ""))
@pytest.mark.parametrize("thorough", [False, True], ids=["", "and the manifest"])
def test_a_changed_bundle_is_named(
    bundle: Path,
    tamper: Callable[[Path], None],
    fault: str,
    thorough: bool,
) -> None:
    tamper(bundle)
    if thorough:
        relist(bundle)
    report = offline.check(bundle, SIGNER.vkey)
    assert any(told.startswith(fault) for told in report.faults), report.faults[:5]


@pytest.mark.parametrize(
    "tamper", [edit_entry, exchange_entries, flip_tile, flip_upper_tile, flip_open_tile, edit_proof]
)
def test_one_change_drowns_in_nothing(bundle: Path, tamper: Callable[[Path], None]) -> None:
    """Told are the file, what is wrong in it, and the manifest that custody no longer knows."""
    tamper(bundle)
    kinds = {told.partition(":")[0] for told in offline.check(bundle, SIGNER.vkey).faults}
    assert kinds <= {"file.changed", "entry.changed", "tile.damaged", "proof.wrong"}, kinds
    assert len(kinds) == 2


def test_a_manifest_made_anew_is_not_the_one_the_log_knows(bundle: Path) -> None:
    (bundle / "key").touch()
    text = (bundle / "manifest.json").read_text().replace(',"format"', ', "format"')
    (bundle / "manifest.json").write_text(text)
    (fault,) = offline.check(bundle, SIGNER.vkey).faults
    assert fault.startswith("custody.missing")


def test_a_checkpoint_kept_elsewhere_shows_a_history_rewritten_with_the_stolen_key(
    bundle: Path,
) -> None:
    """Against the key's thief only what left the machine earlier helps; the verifier takes it."""
    honest = SIGNER.sign(checkpoint_text(ORIGIN, 450, bytes(32)))
    longer = SIGNER.sign(checkpoint_text(ORIGIN, 700, bytes(32)))
    report = offline.check(bundle, SIGNER.vkey, kept=[honest, longer])
    changed, ahead = sorted(report.faults, reverse=True)
    assert changed.startswith("checkpoint.root: kept checkpoint 1 does not agree")
    assert ahead.startswith("checkpoint.ahead: kept checkpoint 2 covers 700 entries")


def test_the_copy_in_the_bundle_verifies_it_alone(bundle: Path, tmp_path: Path) -> None:
    """Without Strongroom on the path: only the standard library and `cryptography` are asked for."""
    key = tmp_path / "vkey"
    key.write_text(SIGNER.vkey)
    block = (
        "import sys, runpy; sys.modules['strongroom'] = None;"
        " sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )

    def verify(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", block, str(bundle / "verify.py"), str(bundle), *more],
            check=False,
            capture_output=True,
            text=True,
        )

    done = verify("--key", str(key))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "sound"), done.stdout
    assert verify().returncode == 2
    edit_entry(bundle)
    done = verify("--key", str(key))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "NOT sound")
    assert "entry.changed: entry 17 in tile/entries/000" in done.stdout
    key.write_text("no key")
    done = verify("--key", str(key))
    assert (done.returncode, done.stdout.splitlines()[0].partition(":")[0]) == (1, "key.form")


@pytest.mark.parametrize(
    "name", ["manifest.json", "checkpoint", "checkpoints.jsonl", "key", "custody.jsonl"]
)
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"[]\n", b"{}\n", b"null\n"])
def test_whatever_stands_in_a_file_ends_in_a_fault(
    bundle: Path, name: str, content: bytes | None
) -> None:
    (bundle / name).unlink()
    if content is not None:
        (bundle / name).write_bytes(content)
    assert offline.check(bundle, SIGNER.vkey).faults


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a//b", "a/../b", ".", ""])
def test_a_manifest_leads_nowhere_else(bundle: Path, path: str) -> None:
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    manifest["files"][path] = "0" * 64
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    (fault,) = offline.check(bundle, SIGNER.vkey).faults
    assert fault.startswith("manifest.form")
