"""A bundle holds its stretch, always in the same bytes; it is resumed, and overwrites nothing."""

import json
import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.audit import NOW, Bench, revealed

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, offline
from strongroom.audit.export import UNFINISHED, Stretch, finish, save_proofs, settle, write
from strongroom.errors import Conflict, Malformed, NotFound, Tampered, Unavailable
from strongroom.terms import SYSTEM

pytestmark = pytest.mark.clause("1.6")


@pytest.fixture
def log(sqlite_bench: Bench) -> AuditLog:
    log = sqlite_bench.start()
    for size in (10, 290, 300):
        sqlite_bench.fill(log, size)
        log.checkpoint(NOW)
    return log


def begin(log: AuditLog, path: Path, first=None, size=None, proofs=()) -> Stretch:
    with log.prover() as prover:
        return settle(prover, path, first, size, proofs)


def export(bench: Bench, log: AuditLog, path: Path, *asked, **options) -> str:
    stretch = begin(log, path, *asked, **options)
    digest = write(log.prover, path, stretch, lambda _done, _total: None)
    event = Event(
        EventType.LOG_EXPORTED, Outcome.SUCCESS, SYSTEM, obj_kind=ObjKind.LOG, obj_ref=digest
    )
    with bench.database.write() as tx:
        log.append(tx, event, now=NOW)
    with log.prover() as prover:
        finish(path, stretch.size, prover, [prover.size - 1])
    return digest


def contents(path: Path) -> dict[str, bytes]:
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize(
    ("first", "size"), [(0, 1), (0, 256), (0, 600), (300, 600), (512, 512 + 17), (0, 511)]
)
def test_any_stretch_verifies(sqlite_bench, log, tmp_path, first, size):
    path = tmp_path / "bundle"
    export(sqlite_bench, log, path, first, size, proofs=[size - 1])
    report = offline.check(path, sqlite_bench.signer.vkey)
    assert report.faults == []
    start = first // 256 * 256
    assert (report.said["first"], report.said["size"]) == (start, size)
    assert report.said["entries"] == size - start
    assert (report.said["proofs"], report.said["custody"]) == (1, 1)
    assert report.said["checkpoints"] == sum(at < size for at in (10, 600))


def test_a_bundle_is_made_on_either_engine(bench, tmp_path):
    log = bench.start()
    bench.fill(log, 300)
    export(bench, log, tmp_path / "bundle")
    assert offline.check(tmp_path / "bundle", bench.signer.vkey).faults == []


def test_three_levels_of_tiles_verify(sqlite_bench, tmp_path):
    log = sqlite_bench.start()
    with sqlite_bench.database.write() as tx:
        for start in range(0, 66_000, 11_000):
            log.append(tx, *map(revealed, range(start, start + 11_000)), now=NOW)
    export(sqlite_bench, log, tmp_path / "bundle", 65_536)
    report = offline.check(tmp_path / "bundle", sqlite_bench.signer.vkey)
    assert (report.faults, report.said["entries"]) == ([], 66_000 - 65_536)
    assert (tmp_path / "bundle/tile/2/000.p/1").stat().st_size == 32


def test_files_lie_where_tiled_logs_have_them(sqlite_bench, log, tmp_path):
    export(sqlite_bench, log, tmp_path / "bundle", proofs=[7])
    assert sorted(contents(tmp_path / "bundle")) == [
        "checkpoint",
        "checkpoints.jsonl",
        "custody.jsonl",
        "key",
        "manifest.json",
        "proofs/7.entry",
        "proofs/7.tlog-proof",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/88",
        "verify.py",
    ]
    assert offline.tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert offline.tile_path("entries", 5, 8) == "tile/entries/005.p/8"


def test_the_same_stretch_has_the_same_bytes_however_late(sqlite_bench, log, tmp_path):
    one = export(sqlite_bench, log, tmp_path / "one", 256, 600)
    sqlite_bench.fill(log, 900)
    log.checkpoint(NOW)
    two = export(sqlite_bench, log, tmp_path / "two", 256, 600)
    ours, theirs = contents(tmp_path / "one"), contents(tmp_path / "two")
    # Who made it, and when, is another story each time.
    del ours["custody.jsonl"], theirs["custody.jsonl"]
    assert (ours, one) == (theirs, two)
    assert sha256(ours["manifest.json"]).hexdigest() == one


def test_all_is_for_the_owner_alone(sqlite_bench, log, tmp_path):
    previous = os.umask(0)
    try:
        export(sqlite_bench, log, tmp_path / "bundle")
    finally:
        os.umask(previous)
    for path in (tmp_path / "bundle", *(tmp_path / "bundle").rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_an_interrupted_bundle_is_resumed_where_it_stood(sqlite_bench, log, tmp_path):
    path = tmp_path / "bundle"
    stretch = begin(log, path, 0, 600)

    def pull_the_plug(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(log.prover, path, stretch, pull_the_plug)
    written = path / "tile/0/000"
    was = written.stat().st_mtime_ns
    assert not (path / "manifest.json").exists()
    sqlite_bench.fill(log, 50)
    # Asked for nothing in particular, it goes on with what was begun, not with the longer log.
    export(sqlite_bench, log, path)
    assert written.stat().st_mtime_ns == was
    report = offline.check(path, sqlite_bench.signer.vkey)
    assert (report.faults, report.said["size"]) == ([], 600)
    with pytest.raises(Conflict, match="not empty"):
        begin(log, path)


def test_nothing_is_overwritten(sqlite_bench, log, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("full", "full/file", "link"):
        with pytest.raises(Conflict):
            begin(log, tmp_path / name)
    export(sqlite_bench, log, tmp_path / "done")
    with pytest.raises(Conflict):
        begin(log, tmp_path / "done")


def test_an_unfinished_bundle_is_not_mixed_with_another_stretch(log, tmp_path):
    path = tmp_path / "bundle"
    path.mkdir()
    begun = {"from": 0, "origin": "strongroom.invalid/audit/test-home/1", "proofs": [], "size": 300}
    (path / UNFINISHED).write_text(json.dumps(begun))
    assert begin(log, path, 0, 300).size == 300
    for first, size in ((256, 300), (0, 301)):
        with pytest.raises(Conflict, match="another stretch"):
            begin(log, path, first, size)
    (path / UNFINISHED).write_text(json.dumps({**begun, "origin": "other"}))
    with pytest.raises(Conflict, match="another stretch"):
        begin(log, path)
    (path / UNFINISHED).write_text("[]")
    with pytest.raises(Conflict, match="damaged"):
        begin(log, path)


def test_what_is_no_stretch_is_refused(log, tmp_path):
    for first, size, proofs, error in (
        (0, 601, (), NotFound),
        (0, 0, (), NotFound),
        (600, 600, (), Malformed),
        (-1, 600, (), Malformed),
        (0, 300, (300,), Malformed),
        (0, 300, (-1,), Malformed),
    ):
        with pytest.raises(error):
            begin(log, tmp_path / "bundle", first, size, proofs)
    assert not (tmp_path / "bundle").exists()


def test_a_resumed_bundle_somebody_changed_meanwhile_is_not_finished(sqlite_bench, log, tmp_path):
    path = tmp_path / "bundle"
    (path / "tile/entries").mkdir(parents=True)
    stretch = begin(log, tmp_path / "other", 0, 600)
    (path / "tile/entries/000").write_bytes(b"\x00\x02{}")
    with pytest.raises(Tampered, match=r"entry\."):
        write(log.prover, path, stretch, lambda _done, _total: None)
    assert (path / UNFINISHED).exists()


def test_a_place_that_cannot_be_written_is_named_as_such(log, tmp_path):
    path = tmp_path / "missing" / "bundle"
    with pytest.raises(Unavailable, match="can't be written"):
        write(log.prover, path, begin(log, path), lambda _done, _total: None)


def test_proofs_are_saved_beside_their_entries_once(sqlite_bench, log, tmp_path):
    path = tmp_path / "proofs"
    with log.prover() as prover:
        proofs = [prover.event(5), prover.event(300)]
    names = ["300.entry", "300.tlog-proof", "5.entry", "5.tlog-proof"]
    assert save_proofs(path, proofs) == names
    for name in names:
        assert stat.S_IMODE((path / name).stat().st_mode) == 0o600
    report = offline.check(path / "5.tlog-proof", sqlite_bench.signer.vkey)
    assert (report.faults, report.said["event"], report.said["size"]) == ([], 5, 600)
    with pytest.raises(Conflict):
        save_proofs(path, proofs[1:])
