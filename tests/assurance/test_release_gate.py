"""The gate on a directory of reports: each condition red for its own reason, and green when that is mended."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.cli.commands import run
from tests.support.releases import COMMIT, Directory, code, packages, said_of_tests

pytestmark = pytest.mark.clause("2.7-e")


def check(
    directory: Directory, capsys: pytest.CaptureFixture[str], *more: str, commit: str = COMMIT
) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code, and each condition's verdict and reason."""
    committed = (directory.at - timedelta(minutes=1)).isoformat()
    code_ = run(
        [
            *("release", "check", "--commit", commit, "--committed", committed, "--json"),
            *("--reports", str(directory.path), *more),
        ]
    )
    said = capsys.readouterr().out
    conditions = json.loads(said)["conditions"] if said else []
    return code_, {c["condition"]: (c["verdict"], c["why"]) for c in conditions}


@pytest.fixture
def good(tmp_path: Path) -> Directory:
    """Give a directory of a commit that may be released."""
    return Directory(tmp_path / "reports")


def test_a_commit_with_all_its_reports_may_be_released(
    good: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    done, conditions = check(good, capsys)
    assert done == 0, conditions
    assert set(conditions) == {"code", "dependencies", "secrets", "blockers", "tests"}
    assert {verdict for verdict, _ in conditions.values()} == {"pass"}


def _no_code(d: Directory) -> None:
    del d.said["reports"][0]


def _skipped(d: Directory) -> None:
    d.write("packages.json", packages(skipped=True))


def _stale(d: Directory) -> None:
    d.said["reports"][1]["advisories_at"] = (d.at - timedelta(days=3)).isoformat()


def _unknown_advisories(d: Directory) -> None:
    del d.said["reports"][1]["advisories_at"]


def _failed_scanner(d: Directory) -> None:
    d.said["reports"][2]["failed"] = "the scanner ended with 2"


def _looked_at_nothing(d: Directory) -> None:
    d.said["reports"][2]["looked_at"] = 0


def _older_than_the_commit(d: Directory) -> None:
    d.write("code.json", code(at=d.at - timedelta(hours=1)))


def _from_the_future(d: Directory) -> None:
    d.write("code.json", code(at=d.at + timedelta(hours=1)))


def _high(d: Directory) -> None:
    d.write("code.json", code(("HIGH", "B602", "src/a.py"), at=d.at))


def _secret(d: Directory) -> None:
    result = {"ruleId": "key", "level": "note", "message": {"text": "a key"}}
    run_ = {"tool": {"driver": {"name": "gitleaks"}}, "results": [result]}
    d.write("secrets.sarif", {"version": "2.1.0", "runs": [run_]})


def _no_tests(d: Directory) -> None:
    del d.said["tests"]


def _failed_test(d: Directory) -> None:
    d.write("tests.json", said_of_tests(d.at, failed=1))


def _old_tests(d: Directory) -> None:
    d.write("tests.json", said_of_tests(d.at - timedelta(hours=1)))


@pytest.mark.parametrize(
    ("spoil", "condition", "verdict", "why"),
    [
        (_no_code, "code", "fail", "no report"),
        (_skipped, "dependencies", "unknown", "1 of 1 packages were skipped"),
        (_stale, "dependencies", "unknown", "stale"),
        (_unknown_advisories, "dependencies", "unknown", "nobody knows"),
        (_failed_scanner, "secrets", "unknown", "ended with 2"),
        (_looked_at_nothing, "secrets", "unknown", "looked at nothing"),
        (_older_than_the_commit, "code", "fail", "older than the commit"),
        (_from_the_future, "code", "fail", "from the future"),
        (_high, "blockers", "fail", "bandit B602 src/a.py"),
        (_secret, "blockers", "fail", "gitleaks key"),
        (_no_tests, "tests", "fail", "no report of tests"),
        (_failed_test, "tests", "fail", "1 failed"),
        (_old_tests, "tests", "fail", "older than the commit"),
    ],
)
def test_each_condition_is_refused_for_its_own_reason(
    good: Directory,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Directory], None],
    condition: str,
    verdict: str,
    why: str,
) -> None:
    spoil(good)
    good.keep()
    done, conditions = check(good, capsys)
    assert done == 1
    assert conditions[condition][0] == verdict
    assert why in conditions[condition][1]
    assert {v for name, (v, _) in conditions.items() if name != condition} == {"pass"}


def test_an_accepted_risk_holds_for_its_finding_until_its_day(
    good: Directory, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _high(good)
    entry = {
        "tool": "bandit",
        "rule": "B602",
        "where": "src/a.py",
        "reason": "the command is a constant",
        "approver": "the development lead",
    }
    file = tmp_path / "accepted.toml"

    def accepted(days: int, **changes: str) -> int:
        until = (good.at + timedelta(days=days)).date()
        lines = "".join(f'{k} = "{v}"\n' for k, v in (entry | changes).items())
        file.write_text(f"[[accepted]]\n{lines}until = {until}\n")
        return check(good, capsys, "--accepted", str(file))[0]

    assert accepted(30) == 0
    assert accepted(-1) == 1
    assert accepted(500) == 1, "nothing is accepted for good"
    assert accepted(30, where="src/b.py") == 1
    assert accepted(30, approver=" ") == 2
    file.write_text("[[accepted]]\ntool = 'bandit'\n")
    assert check(good, capsys, "--accepted", str(file))[0] == 2


def test_the_commit_is_asked_of_git_where_nobody_says_when_it_was_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    directory = Directory(tmp_path / "reports")
    arguments = ["release", "check", "--commit", COMMIT, "--reports", str(directory.path)]
    assert run(arguments) == 2
    assert "git knows no such commit here" in capsys.readouterr().err
