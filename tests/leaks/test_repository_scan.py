"""Credentials by their forms, in files and in every object of a git history; nothing staged brings one in."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from strongroom.errors import Conflict, Malformed
from strongroom.leaks import (
    Finding,
    Scan,
    install_hook,
    parse_allowances,
    scan_path,
    scan_staged,
    sift,
)
from strongroom.leaks.targets import scan_history

pytestmark = pytest.mark.clause("2.5")

ROOT = Path(__file__).parents[2]
LETTERS = base64.b64encode(bytes(range(40, 100))).decode()
# Put together here, so that this file holds none.
PLANTED = {
    "lwa-client-secret": "amzn1.oa2-cs.v1." + "0f1e2d3c4b5a6978" * 4,
    "lwa-refresh-token": "Atzr|" + LETTERS[:60],
    "aws-access-key": "AKIA" + "QZ7RWXK3M5NBVC2L",
    "aws-secret-key": "aws_secret_access_key = " + LETTERS[:40],
    "database-url": "postgresql://joe" + ":Kx81-qpl@db.corp/shop",
    "private-key": "-----BEGIN PRIVATE" + " KEY-----\n" + LETTERS[:64] + "\n",
}


def git(
    repository: Path, *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.com",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    environment.pop("STRONGROOM_HOME", None)
    return subprocess.run(
        ["git", "-C", str(repository), *arguments],
        env=environment,
        check=check,
        capture_output=True,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    return path


def commit(repository: Path, name: str, text: str) -> str:
    (repository / name).write_text(text)
    git(repository, "add", name)
    git(repository, "commit", "-qm", f"about {name}")
    return git(repository, "rev-parse", "HEAD").stdout.decode().strip()


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize(
    "encode", [str.encode, lambda text: base64.b64encode(b"x=" + text.encode())]
)
def test_a_credential_is_found_by_its_form(kind: str, encode: Callable[[str], bytes]) -> None:
    scan = Scan(None, secrets=True)
    scan.stream(Finding("", "f"), [b"key: " + encode(PLANTED[kind]) + b"\n"])
    scan.flush()
    assert {found.kind for found in scan.findings()} == {f"secret.{kind}"}
    shown = str([found.to_json() for found in scan.findings()])
    assert PLANTED[kind][16:40] not in shown


def test_examples_are_no_credentials() -> None:
    text = """
        postgresql://user:password@host/db  postgresql://joe:${PASSWORD}@db/x  mysql://root:root@localhost
        AKIAIOSFODNN7EXAMPLE  aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
        -----BEGIN PRIVATE KEY-----  client_secret = 0000000000000000000000000000000000000000000000000000000000000000
        sha256 = 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  Atzr|...
    """
    scan = Scan(None, secrets=True)
    scan.stream(Finding("", "f"), [text.encode()])
    scan.flush()
    assert scan.findings() == []


def test_a_credential_in_an_old_commit_is_found_with_the_commit_that_brought_it(
    repository: Path,
) -> None:
    """Also packed, and also where no branch leads any more."""
    commit(repository, "readme", "hello")
    brought = commit(repository, "config.ini", f"token = {PLANTED['lwa-refresh-token']}\n")
    commit(repository, "config.ini", "token = from the environment\n")
    git(repository, "checkout", "-q", "-b", "side")
    commit(repository, "key.pem", PLANTED["private-key"])
    git(repository, "checkout", "-q", "main")
    git(repository, "branch", "-qD", "side")
    git(repository, "repack", "-qad")
    scan = Scan(None, secrets=True)
    scan_path(scan, repository, lambda _size: None, None, lambda _path: False)
    scan.flush()
    found = {found.member: found for found in scan.findings()}
    assert set(found) == {"config.ini", "key.pem"}
    assert found["config.ini"].commit == brought
    assert found["config.ini"].kind == "secret.lwa-refresh-token"


def test_the_hook_stops_a_commit_that_brings_a_credential(repository: Path) -> None:
    commit(repository, "readme", "hello")
    hook = install_hook(repository, str(Path(sys.executable).parent / "strongroom"))
    assert hook == install_hook(repository, str(Path(sys.executable).parent / "strongroom"))
    (repository / "settings.py").write_text(PLANTED["database-url"])
    git(repository, "add", "settings.py")
    refused = git(repository, "commit", "-qm", "x", check=False)
    assert refused.returncode != 0
    told = refused.stdout + refused.stderr
    assert b"settings.py:1: the address of a database with its password" in told
    assert b"Kx81" not in told
    (repository / "settings.py").write_text("URL = from_environment()")
    git(repository, "add", "settings.py")
    git(repository, "commit", "-qm", "x")


def test_only_what_is_staged_counts(repository: Path) -> None:
    """Before the first commit as well; what lies in the tree and is not staged is not meant."""
    (repository / "staged").write_text(PLANTED["aws-access-key"])
    git(repository, "add", "staged")
    (repository / "staged").write_text("changed since")
    (repository / "other").write_text(PLANTED["private-key"])
    scan = Scan(None, secrets=True)
    scan_staged(scan, repository)
    scan.flush()
    assert [(found.file, found.kind) for found in scan.findings()] == [
        ("staged", "secret.aws-access-key")
    ]


def test_a_hook_of_somebody_elses_is_left_alone(repository: Path, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nmake lint\n")
    with pytest.raises(Conflict):
        install_hook(repository, "strongroom")
    assert hook.read_text() == "#!/bin/sh\nmake lint\n"
    with pytest.raises(Malformed):
        install_hook(tmp_path, "strongroom")


def test_this_repository_holds_no_credential() -> None:
    """Its files, and its history where it has one; what it may hold is listed with a reason."""
    scan = Scan(None, secrets=True)
    for name in ("src", "docs", "tests", "scripts", "requirements"):
        scan_path(
            scan, ROOT / name, lambda _size: None, None, lambda path: "__pycache__" in path.parts
        )
    if (ROOT / ".git").exists():
        scan_history(scan, ROOT)
    scan.flush()
    entries = parse_allowances((ROOT / ".strongroom-allow.toml").read_text(), date(2026, 11, 23))
    stand, _allowed, late = sift(scan.findings(), entries, date(2026, 11, 23))
    assert [found.where for found in stand] == []
    assert late == []
