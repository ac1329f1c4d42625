"""What somebody tries who wants a commit released that was not scanned: another's report, other files, alone [2.7]."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from tests.desk.conftest import ada, joined, made_for_two
from tests.support.changes import caller_of
from tests.support.pages import Member
from tests.support.policies import overseer
from tests.support.releases import COMMIT, OTHER, Directory, code, committed, scanned, tried

from strongroom.assurance.releases import directory as reading
from strongroom.assurance.releases.gate import Tried
from strongroom.assurance.scans.reading import MOST_BYTES
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.terms import Caller

__all__ = ["ada", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("2.7-e")


@pytest.fixture
def good(tmp_path: Path) -> Directory:
    """Give a directory of a commit that may be released."""
    return Directory(tmp_path / "reports")


@pytest.mark.parametrize(
    "name",
    ["../outside.json", "/etc/passwd", "a/b.json", "..", ".", "", "code.json\0", "-", "link.json"],
)
def test_no_file_outside_the_directory_is_read(good: Directory, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.json").write_bytes((good.path / "code.json").read_bytes())
    (good.path / "link.json").symlink_to(tmp_path / "outside.json")
    good.said["reports"][0]["file"] = name
    good.keep()
    with pytest.raises(Malformed):
        reading.read(good.path, COMMIT, good.at)
    good.said["reports"][0]["file"] = "code.json"
    good.said["tests"] = name
    good.keep()
    with pytest.raises(Malformed):
        reading.read(good.path, COMMIT, good.at)


def test_a_pipe_a_directory_and_a_giant_are_no_reports(good: Directory) -> None:
    (good.path / "code.json").unlink()
    os.mkfifo(good.path / "code.json")
    with pytest.raises(Malformed, match="no plain file"):
        reading.read(good.path, COMMIT, good.at)
    (good.path / "code.json").unlink()
    (good.path / "code.json").mkdir()
    with pytest.raises(Malformed, match="no plain file"):
        reading.read(good.path, COMMIT, good.at)
    (good.path / "code.json").rmdir()
    with (good.path / "code.json").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(Malformed, match="MiB"):
        reading.read(good.path, COMMIT, good.at)
    (good.path / "code.json").write_bytes(b"[" * 100_000)
    with pytest.raises(Malformed):
        reading.read(good.path, COMMIT, good.at)
    with pytest.raises(NotFound):
        reading.read(good.path / "elsewhere", COMMIT, good.at)


def test_reports_of_another_commit_do_not_count(good: Directory) -> None:
    with pytest.raises(Malformed, match="another commit"):
        reading.read(good.path, OTHER, good.at)
    # The list was changed to the commit, and the report says itself of which one it is.
    run = {
        "tool": {"driver": {"name": "semgrep"}},
        "results": [],
        "artifacts": [{}],
        "versionControlProvenance": [{"repositoryUri": "x", "revisionId": OTHER}],
    }
    good.write("code.json", {"version": "2.1.0", "runs": [run]})
    good.said["reports"][0]["scanned_at"] = good.at.isoformat()
    good.keep()
    found = reading.read(good.path, COMMIT, good.at)
    assert found.reports[0].commit == OTHER


@pytest.mark.parametrize("commit", ["main", "0123abc", "--all", "g" * 40, "0" * 41, "0" * 39 + "A"])
def test_a_commit_is_a_full_hash(good: Directory, commit: str) -> None:
    good.said["commit"] = commit
    good.keep()
    with pytest.raises(Malformed):
        reading.read(good.path, commit, good.at)


def test_a_code_report_is_no_report_of_dependencies(good: Directory) -> None:
    good.write("packages.json", code(at=good.at))
    with pytest.raises(Malformed, match="another kind"):
        reading.read(good.path, COMMIT, good.at)


def test_who_records_a_release_does_not_approve_it(ada: Member) -> None:
    home = ada.browser.home
    scanned(ada)
    releases = home.system.assurance.releases
    made = releases.record(
        caller_of(ada), "our app", "1.0", COMMIT, committed(home), tried(home), home.now
    )
    with pytest.raises(Denied, match="another person"):
        releases.approve(caller_of(ada), made.id, home.now)
    assert home.events("release.approved")[-1].outcome == "denied"
    ben = overseer(ada)
    home.system.accounts.end("ben", caller=home.console, now=home.now)
    with pytest.raises(Denied):
        releases.approve(caller_of(ben), made.id, home.now)
    assert releases.show(made.id).state == "pending"


def test_scans_of_another_commit_and_forged_times_release_nothing(ada: Member) -> None:
    home = ada.browser.home
    releases = home.system.assurance.releases
    scanned(ada, commit=OTHER)
    assert not releases.check(COMMIT, committed(home), tried(home), home.now).allowed
    scanned(ada)
    after = home.now + timedelta(minutes=1)
    with pytest.raises(Malformed, match="in the past"):
        releases.check(COMMIT, after, tried(home), home.now)
    judged = releases.check(COMMIT, home.now, tried(home), home.now)
    assert judged.allowed, judged.conditions
    for tests in (
        None,
        Tried(OTHER, home.now, 7, 0),
        Tried(COMMIT, home.now + timedelta(hours=1), 7, 0),
        Tried(COMMIT, home.now, 0, 0),
    ):
        assert not releases.check(COMMIT, home.now, tests, home.now).allowed


def test_a_release_is_approved_once_however_many_try_at_once(ada: Member) -> None:
    home = ada.browser.home
    scanned(ada)
    releases = home.system.assurance.releases
    made = releases.record(
        caller_of(ada), "our app", "1.0", COMMIT, committed(home), tried(home), home.now
    )
    callers = [home.system.accounts.console(name, home.now) for name in ("otto", "paul", "rita")]
    outcomes: list[str] = []

    def approve(caller: Caller) -> None:
        try:
            releases.approve(caller, made.id, home.now)
            outcomes.append("approved")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=approve, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["approved", "conflict", "conflict"]
    with pytest.raises(Conflict, match="on record"):
        releases.record(
            caller_of(ada), "our app", "1.0", COMMIT, committed(home), tried(home), home.now
        )
