"""The log of a real home is edited, cut, lengthened or set back; `audit verify` says so and exits 1."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.attacker import disarm
from tests.support.offline import Offline

from strongroom.audit.tree import leaf_hash
from strongroom.cli.commands import run

pytestmark = pytest.mark.clause("2.6")


@pytest.fixture(scope="module")
def used(made_home: Offline, tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """Give a home whose log holds a dozen events."""
    path = tmp_path_factory.mktemp("used") / "home"
    shutil.copytree(made_home.path, path)
    home = Offline(path)
    for name in ("erp", "reports"):
        home.command("app", "add", name, "--owner", "ada")
    return home


@pytest.fixture
def home(used: Offline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offline:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    shutil.copytree(used.path, tmp_path / "home")
    return Offline(tmp_path / "home")


Edit = Callable[[sqlite3.Connection], object]


def sql(*statements: str) -> Edit:
    def edit(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return edit


def body_and_leaf(connection: sqlite3.Connection) -> None:
    (body,) = connection.execute("SELECT body FROM audit_event WHERE seq = 3").fetchone()
    edited = body.replace(b'"outcome":"success"', b'"outcome":"failure"')
    assert edited != body
    connection.execute(
        "UPDATE audit_event SET body = ?, leaf_hash = ?, outcome = 'failure' WHERE seq = 3",
        (edited, leaf_hash(edited)),
    )


EDITS: dict[str, tuple[Edit, str]] = {
    "a body": (
        sql("UPDATE audit_event SET body = replace(body, 'ada', 'eve') || '' WHERE seq = 3"),
        "event.edited",
    ),
    "a body and its hash": (body_and_leaf, "head."),
    "a column": (sql("UPDATE audit_event SET actor = 99 WHERE seq = 3"), "event.column"),
    "an event deleted": (sql("DELETE FROM audit_event WHERE seq = 3"), "event.missing"),
    "two events exchanged": (
        sql(
            "UPDATE audit_event SET seq = -1 WHERE seq = 3",
            "UPDATE audit_event SET seq = 3 WHERE seq = 4",
            "UPDATE audit_event SET seq = 4 WHERE seq = -1",
        ),
        "event.order",
    ),
    "an event added behind the head": (
        sql(
            "INSERT INTO audit_event SELECT (SELECT max(seq) + 1 FROM audit_event), ts, type,"
            " actor, outcome, obj_ref, body, leaf_hash FROM audit_event WHERE seq = 2"
        ),
        "event.beyond",
    ),
    "an event inserted": (
        sql(
            "UPDATE audit_event SET seq = -seq - 1 WHERE seq >= 3",
            "UPDATE audit_event SET seq = -seq WHERE seq < 0",
            "INSERT INTO audit_event SELECT 3, ts, type, actor, outcome, obj_ref, body, leaf_hash"
            " FROM audit_event WHERE seq = 2",
        ),
        "event.beyond",
    ),
    "the last events cut": (
        sql("DELETE FROM audit_event WHERE seq > (SELECT max(seq) - 2 FROM audit_event)"),
        "event.missing",
    ),
    "the head's note": (
        sql("UPDATE audit_head SET note = replace(note, 'home', 'emoh') || 'x'"),
        "head.forged",
    ),
    "the head's size": (sql("UPDATE audit_head SET size = size - 1"), "head."),
    "the head deleted": (sql("DELETE FROM audit_head"), "head.missing"),
    "a checkpoint forged": (
        sql("UPDATE audit_checkpoint SET note = replace(note, char(10), char(10) || '1')"),
        "checkpoint.forged",
    ),
    "everything emptied": (
        sql("DELETE FROM audit_event", "DELETE FROM audit_head", "DELETE FROM audit_checkpoint"),
        "signer.ahead",
    ),
}


def verified(home: Offline, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    """Return exit code and report of `audit verify`."""
    capsys.readouterr()
    code = run(["audit", "verify", "--json", "--home", str(home.path)])
    return code, json.loads(capsys.readouterr().out)


def test_an_untouched_log_verifies(home: Offline, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = verified(home, capsys)
    assert (code, report["ok"], report["faults"]) == (0, True, [])


@pytest.mark.parametrize("what", EDITS)
def test_an_edited_log_fails_with_its_fault_named(
    home: Offline, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    edit, fault = EDITS[what]
    with closing(sqlite3.connect(home.path / "vault.db")) as connection, connection:
        disarm(connection)
        edit(connection)
    code, report = verified(home, capsys)
    assert (code, report["ok"]) == (1, False)
    assert any(told.startswith(fault) for told in report["faults"]), report["faults"]


def test_a_log_set_back_with_its_head_is_refused_and_named(
    home: Offline, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole vault as it was earlier: properly signed, but the keystore remembers more."""
    earlier = home.path.parent / "earlier.db"
    shutil.copy2(home.path / "vault.db", earlier)
    home.command("app", "add", "billing", "--owner", "ada")
    shutil.copy2(earlier, home.path / "vault.db")
    # Nothing else is done on such a home: what would be recorded could not be believed.
    code = run(["app", "list", "--json", "--home", str(home.path)])
    told = json.loads(capsys.readouterr().err)["error"]
    assert (code, told["kind"]) == (1, "Tampered")
    code, report = verified(home, capsys)
    assert (code, report["ok"]) == (1, False)
    assert any(fault.startswith("signer.ahead") for fault in report["faults"])


def test_a_fork_signed_with_the_real_key_is_found_by_the_memory(
    home: Offline, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two histories of one length: an older copy went on elsewhere, with its keys, and came back."""
    copy = home.path.parent / "copy"
    shutil.copytree(home.path, copy)
    home.command("app", "add", "billing", "--owner", "ada")
    Offline(copy).command("app", "add", "pricing", "--owner", "ada")
    shutil.copy2(copy / "vault.db", home.path / "vault.db")
    code, report = verified(home, capsys)
    assert (code, report["ok"]) == (1, False)
    assert any(fault.startswith("signer.") for fault in report["faults"]), report["faults"]


def test_a_whole_home_set_back_is_a_stated_limit_that_a_kept_checkpoint_shows(
    home: Offline, capsys: pytest.CaptureFixture[str]
) -> None:
    """Vault, keystore and published checkpoint together: only a checkpoint kept elsewhere tells."""
    copy = home.path.parent / "copy"
    shutil.copytree(home.path, copy)
    home.command("app", "add", "billing", "--owner", "ada")
    kept = (home.path / "log" / "checkpoint").read_text()
    shutil.rmtree(home.path)
    shutil.copytree(copy, home.path)
    code, report = verified(home, capsys)
    assert (code, report["ok"]) == (0, True)
    # Its second line is the size, which an auditor holds against what the home now has.
    assert int(kept.splitlines()[1]) > report["size"]


def test_a_log_of_another_home_is_not_taken(
    home: Offline, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The vault database of another home, with that home's own, sound log."""
    other = Offline.make(tmp_path / "other")
    shutil.copy2(other.path / "vault.db", home.path / "vault.db")
    code, report = verified(home, capsys)
    assert (code, report["ok"]) == (1, False)
    assert any(fault.startswith("head.forged") for fault in report["faults"]), report["faults"]
