"""Who runs the installation does not read its log; nor does a program, nor who was allowed to once [1.3, 2.6]."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.offline import Offline, audit_grant

from strongroom import logs

pytestmark = pytest.mark.clause("1.3", "2.6")

READING = (
    ("tail",),
    ("prove", "0"),
    ("consistency", "--from", "1", "--to", "2"),
    ("export", "bundle"),
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offline:
    """A home of several people; nobody may read its log yet."""
    monkeypatch.setattr(logs, "harden", lambda **_: None)
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    made = Offline.make(tmp_path / "made", one_person=False)
    for name in ("boris", "clara"):
        (tmp_path / name).write_text(json.dumps(made.command("user", "add", name)))
    return made


def by(name: str) -> tuple[str, ...]:
    return ("--as", name, "--credential-file", str(Path(name).absolute()))


def granted(home: Offline, principal: str, role: str) -> Any:
    """Ask at the console, have Clara approve."""
    told = ("--principal", principal, "--role", role, "--all-sellers", "--days", "90")
    (asked,) = home.command("grant", "add", *told)["grants"]
    return home.command("grant", "approve", str(asked["id"]), *by("clara"))


def refusals(home: Offline) -> list[tuple[str, str | None]]:
    """Return what was refused, as an auditor sees it."""
    if home.attempt("audit", "tail", *by("auditor"))[0]:
        (Path("auditor")).write_text(json.dumps(home.command("user", "add", "auditor")))
        granted(home, "auditor", "auditor")
    events = home.command("audit", "tail", "--lines", "200", *by("auditor"))["events"]
    return [
        (event["op"], event["reason"])
        for event in events
        if event["type"] == "log.read" and event["outcome"] == "denied"
    ]


def test_an_operator_who_only_administers_reads_nothing_of_the_log(home: Offline) -> None:
    granted(home, "boris", "operator")
    for arguments in READING:
        code, result, error = home.attempt("audit", *arguments, *by("boris"))
        assert (code, result, error["error"]["kind"]) == (1, None, "Denied"), arguments
    assert not Path("bundle").exists()
    assert [op for op, _ in refusals(home)][:4] == ["tail", "prove", "consistency", "export"]
    assert {reason for _, reason in refusals(home)[:4]} == {"wrong_action"}


def test_the_console_is_a_principal_like_others(home: Offline) -> None:
    code, _, error = home.attempt("audit", "tail")
    assert (code, error["error"]["kind"]) == (1, "Denied")
    assert "no_grant" in error["error"]["message"]
    assert refusals(home)[0] == ("tail", "no_grant")
    # It verifies all the same, and sees nothing by it.
    report = home.command("audit", "verify")
    assert report["ok"] is True
    assert "events" in report
    assert not isinstance(report["events"], list)


def test_a_grant_that_is_pending_or_revoked_opens_nothing(home: Offline) -> None:
    (asked,) = home.command("grant", "add", *audit_grant())["grants"]
    code, _, error = home.attempt("audit", "tail")
    assert (code, "grant_pending" in error["error"]["message"]) == (1, True)
    home.command("grant", "approve", str(asked["id"]), *by("clara"))
    assert home.command("audit", "tail")["events"]
    home.command("grant", "revoke", str(asked["id"]))
    code, _, error = home.attempt("audit", "tail")
    assert (code, "revoked" in error["error"]["message"]) == (1, True)


def test_a_program_is_given_none(home: Offline) -> None:
    app = home.command("app", "add", "erp", "--owner", "boris")
    Path("erp").write_text(json.dumps(app))
    told = ("--principal", "erp", "--role", "auditor", "--all-sellers", "--days", "9")
    assert home.attempt("grant", "add", *told)[2]["error"]["kind"] == "Denied"
    code, _, error = home.attempt("audit", "tail", *by("erp"))
    assert (code, error["error"]["kind"]) == (1, "Denied")
    assert refusals(home)[0] == ("tail", "not_authorized")


def test_no_grant_reads_the_log_of_one_selling_partner_alone(home: Offline) -> None:
    secret = Path("secret")
    secret.write_text("lwa")
    home.command(
        *("seller", "add", "acme", "--region", "eu", "--marketplace", "A1PA6795UKMFR9"),
        *("--client-id", "amzn1.application-oa2-client.0", "--client-secret-file", str(secret)),
        *("--refresh-token-file", str(secret)),
    )
    told = ("--principal", "boris", "--role", "auditor", "--seller", "acme", "--days", "9")
    assert home.attempt("grant", "add", *told)[2]["error"]["kind"] == "Malformed"


def test_reading_names_the_grant_it_was_allowed_by(home: Offline) -> None:
    boris = granted(home, "boris", "auditor")
    home.command("audit", "tail", *by("boris"))
    read = home.command("audit", "tail", "--lines", "9", *by("boris"))["events"]
    assert [e["dec"] for e in read if e["type"] == "log.read"][-1] == boris["id"]


def test_nobody_has_the_log_written_elsewhere_who_may_not_read_it(
    home: Offline, tmp_path: Path
) -> None:
    for adding in (
        ("audit", "copy", "add", f"dir:{tmp_path / 'copy'}"),
        ("feed", "add", "disk", "--jsonl", str(tmp_path / "lines")),
    ):
        code, _, error = home.attempt(*adding)
        assert (code, error["error"]["kind"]) == (1, "Denied"), adding
    assert [op for op, _ in refusals(home)][:2] == ["copy.add", "feed.add"]
