"""Copies of the log elsewhere: whole, taken up where they were left, compared before they grow, never overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from strongroom.anchors import AnchorKind
from strongroom.audit import offline
from strongroom.crypto.note import Verifier, parse_checkpoint
from strongroom.db.engine import Database
from tests.support import tables
from tests.support.anchors import Bound, answering
from tests.support.audit import NOW, Bench

pytestmark = pytest.mark.clause("1.6", "2.6")

KIND = AnchorKind.COPY


def checked(path: Path, bound: Bound) -> int:
    """Read a copy as anybody would: every entry and tile against its checkpoint; return its size."""
    verifier = Verifier(bound.bench.signer.vkey)
    at = parse_checkpoint(verifier.verify((path / "checkpoint").read_text()))
    leaves: list[bytes] = []
    for n, width in offline.widths(at.size, 0):
        raw, found = (path / offline.tile_path("entries", n, width)).read_bytes(), list[bytes]()
        while raw:
            end = 2 + int.from_bytes(raw[:2], "big")
            found.append(offline.leaf_hash(raw[2:end]))
            raw = raw[end:]
        assert (path / offline.tile_path(0, n, width)).read_bytes() == b"".join(found)
        leaves += found
    assert offline._folded(offline._perfect_parts(leaves)) == at.root
    for level in (1, 2):
        for n, width in offline.widths(at.size, level):
            assert len((path / offline.tile_path(level, n, width)).read_bytes()) == 32 * width
    return at.size


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


def test_a_copy_is_the_log_and_grows_with_it(bound: Bound, place: Path) -> None:
    bound.add(KIND, f"dir:{place}")
    for number in (0, 1, 300, 700):
        bound.grow(number)
        assert bound.fault(KIND) is None
        with bound.log.prover() as prover:
            size = prover.size
        assert checked(place, bound) >= size - 1
    assert bound.told()[0] == ("log.copied", None)
    assert (place / "tile/0/000").stat().st_mode & 0o777 == 0o600


def test_only_what_is_new_is_written(sqlite_bound: Bound, place: Path) -> None:
    sqlite_bound.grow(600)
    sqlite_bound.add(KIND, f"dir:{place}")
    sqlite_bound.ask(KIND)
    times = {path: path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file()}
    sqlite_bound.grow(3)
    sqlite_bound.ask(KIND)
    changed = [
        p.relative_to(place).as_posix() for p, at in times.items() if p.stat().st_mtime_ns != at
    ]
    assert changed == ["checkpoint"]


def test_an_interrupted_copy_is_taken_up(sqlite_bound: Bound, place: Path) -> None:
    sqlite_bound.grow(600)
    sqlite_bound.add(KIND, f"dir:{place}")
    sqlite_bound.ask(KIND)
    (place / "checkpoint").unlink()
    (place / "tile/entries/001").unlink()
    assert sqlite_bound.fault(KIND) is None
    checked(place, sqlite_bound)


def test_a_tile_that_says_something_else_is_left_and_told(sqlite_bound: Bound, place: Path) -> None:
    sqlite_bound.grow(300)
    sqlite_bound.add(KIND, f"dir:{place}")
    sqlite_bound.ask(KIND)
    (place / "checkpoint").unlink()
    tile = place / "tile/entries/000"
    tile.write_bytes(b"other")
    assert sqlite_bound.fault(KIND) == "forked"
    assert tile.read_bytes() == b"other"
    assert sqlite_bound.told()[-1] == ("log.anchor.failed", "forked")


def test_a_foreign_log_is_never_written_over(sqlite_bound: Bound, place: Path) -> None:
    (place / "checkpoint").write_text("another log\n1\nAAAA\n\n— another log AAAAAAAA\n")
    before = (place / "checkpoint").read_bytes()
    sqlite_bound.add(KIND, f"dir:{place}")
    assert sqlite_bound.fault(KIND) == "forked"
    assert [path.name for path in place.iterdir()] == ["checkpoint"]
    assert (place / "checkpoint").read_bytes() == before


def test_a_place_that_is_not_there_is_not_an_empty_one(sqlite_bound: Bound, tmp_path: Path) -> None:
    """Of a disk that is not mounted: a copy would begin anew beside it."""
    sqlite_bound.add(KIND, f"dir:{tmp_path / 'unmounted'}")
    assert sqlite_bound.fault(KIND) == "unreachable"
    assert not (tmp_path / "unmounted").exists()


def restarted(bound: Bound, path: Path) -> Bound:
    """Return a log under the same key with another past, that asks the same anchors."""
    database = Database(tables.copy_to(path))
    found = Bound.of(Bench(database, path.with_suffix(".note"), _draws=iter(range(10**6, 10**9))))
    found.grow(3)
    return found


@pytest.mark.parametrize(("grown", "reason"), [(0, "rolled_back"), (400, "forked")])
def test_a_log_that_began_anew_with_the_real_key_is_found_by_its_copy(
    sqlite_bound: Bound, place: Path, tmp_path: Path, grown: int, reason: str
) -> None:
    sqlite_bound.grow(300)
    sqlite_bound.add(KIND, f"dir:{place}")
    sqlite_bound.ask(KIND)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    anew = restarted(sqlite_bound, tmp_path / "anew.db")
    anew.grow(grown)
    anew.add(KIND, f"dir:{place}")
    assert anew.fault(KIND) == reason
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    anew.bench.database.close()


# -- a server --------------------------------------------------------------------------------------


@dataclass
class Files:
    """A server of files that takes PUT with a token."""

    files: dict[str, bytes] = field(default_factory=dict)
    status: int | None = None
    puts: int = 0

    def __call__(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.status is not None:
            return self.status, {}, b""
        if method == "PUT":
            self.puts += 1
            self.files[path] = body
            return 201, {}, b""
        return (200, {}, self.files[path]) if path in self.files else (404, {}, b"")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Files, str, str]]:
    files = Files()
    with answering(tmp_path / "server", files) as (url, ca):
        yield files, url, ca


def test_a_server_gets_the_same_files(
    sqlite_bound: Bound, server: tuple[Files, str, str], tmp_path: Path
) -> None:
    files, url, ca = server
    sqlite_bound.grow(300)
    sqlite_bound.add(KIND, f"{url}/log", "", ca, secret="a-token")
    assert sqlite_bound.fault(KIND) is None
    for name, content in files.files.items():
        path = tmp_path / "got" / name.removeprefix("/log/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    checked(tmp_path / "got", sqlite_bound)
    written = files.puts
    sqlite_bound.grow(1)
    assert sqlite_bound.fault(KIND) is None
    # Two partial tiles of level 0 (hashes and entries) and the checkpoint; level 1 has not changed.
    assert files.puts == written + 3


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "not_authorized"),
        (403, "not_authorized"),
        (500, "upstream_error"),
        (302, "upstream_error"),
    ],
)
def test_a_server_that_refuses_is_told(
    sqlite_bound: Bound, server: tuple[Files, str, str], status: int, reason: str
) -> None:
    files, url, ca = server
    files.status = status
    sqlite_bound.add(KIND, url, "", ca)
    assert sqlite_bound.fault(KIND) == reason


def test_the_token_is_sealed(sqlite_bound: Bound, server: tuple[Files, str, str]) -> None:
    _, url, ca = server
    sqlite_bound.add(KIND, url, "", ca, secret="very-secret-token")
    with sqlite_bound.bench.database.read() as tx:
        row: Any = tx.exec_driver_sql("SELECT * FROM anchor").fetchone()
    assert not any(b"very-secret" in (v if isinstance(v, bytes) else str(v).encode()) for v in row)
    assert "very-secret" not in repr(sqlite_bound.anchors.listed())
    assert row.added_at == NOW or isinstance(row.added_at, int)
