"""Every file below a directory is searched, and a failure to read is no clean bill."""

import os
import socket
import tracemalloc
from pathlib import Path

import pytest

from strongroom.errors import Unavailable
from strongroom.leaks import FileHit, Hit, Needles, search_tree

MARKER = "Zq7hXw02LmPqRt9K"


def test_a_planted_marker_is_found_in_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    planted = [tmp_path / name for name in ("vault.db", "vault.db-wal", "vault.db-shm", ".hidden")]
    planted.append(tmp_path / "log" / "strongroom.log")
    for path in planted:
        path.write_bytes(os.urandom(5000) + MARKER.encode() + os.urandom(5000))
    (tmp_path / "clean").write_bytes(os.urandom(5000))
    found = search_tree(tmp_path, Needles([MARKER]))
    assert found == [FileHit(path, Hit(0, "raw")) for path in sorted(planted)]


def test_a_value_in_a_files_name_is_found(tmp_path: Path) -> None:
    path = tmp_path / f"{MARKER.lower()}.json"
    path.touch()
    assert search_tree(tmp_path, Needles([MARKER])) == [
        FileHit(path, Hit(0, "lower"), in_name=True)
    ]


def test_large_files_need_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(24 * 1024 * 1024)
        file.seek(-len(MARKER), os.SEEK_END)
        file.write(MARKER.encode())
    needles = Needles([MARKER])
    told: list[int] = []
    tracemalloc.start()
    try:
        found = search_tree(tmp_path, needles, told.append)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [hit.path for hit in found] == [path]
    assert sum(told) == path.stat().st_size
    assert peak < 3 * 1024 * 1024


def test_links_sockets_and_empty_directories_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.write_text(MARKER)
    inside = tmp_path / "inside"
    (inside / "empty").mkdir(parents=True)
    (inside / "link").symlink_to(outside)
    os.mkfifo(inside / "pipe")
    monkeypatch.chdir(inside)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind("control.sock")
        assert search_tree(inside, Needles([MARKER])) == []


def test_a_directory_that_is_not_there_is_not_called_clean(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be searched"):
        search_tree(tmp_path / "missing", Needles([MARKER]))
