"""Channels and feeds on the command line, and in a home that is served."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.collectors import PASSWORD, USER, MailServer, Receiver
from tests.support.home import Home
from tests.support.offline import Offline, audit_grant

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("1.6", "2.6")


def file(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def checks(home: Offline) -> dict[str, str]:
    return {c["id"]: c["state"] for c in home.attempt("doctor")[1]["checks"]}


def eventually(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 40
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.1)


@pytest.mark.clause("1.3")
def test_two_people_add_a_channel_and_a_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    home = Offline.make(tmp_path / "made", one_person=False)
    boris = file(tmp_path / "boris.json", json.dumps(home.command("user", "add", "boris")))
    proof = ("--as", "boris", "--credential-file", boris)
    assert checks(home)["alarm.channels"] == "warning", "no alarm reaches anybody"
    target = tmp_path / "log.jsonl"
    adding = ("feed", "add", "disk", "--jsonl", str(target), "--format", "native")
    assert home.attempt(*adding)[0] == 1, "who may not read the log has nobody else read it"
    grant = home.command("grant", "add", *audit_grant())
    for one in grant["grants"]:
        home.command("grant", "approve", str(one["id"]), *proof)
    asked = home.command(*adding)
    assert (asked["state"], asked["format"]) == ("pending", "native")
    code, _, error = home.attempt("feed", "test", "disk")
    assert (code, error["error"]["kind"]) == (1, "Conflict")
    approve = ("feed", "approve", "disk", "--terms")
    assert home.attempt(*approve, asked["terms"])[0] == 1, "who asked does not approve"
    (listed,) = home.command("feed", "list")["feeds"]
    assert home.command(*approve, listed["terms"], *proof)["state"] == "active"
    sent = home.command("feed", "test", "disk")["sent"]
    assert json.loads(target.read_text())["seq"] == sent
    home.command("feed", "pause", "disk")
    assert checks(home)["log.feeds"] == "warning"
    home.command("feed", "resume", "disk")
    home.command("feed", "remove", "disk")
    assert home.command("feed", "reject", "disk", *proof)["state"] == "active"


@pytest.mark.clause("1.3")
def test_an_approval_of_a_feed_or_channel_holds_for_the_terms_that_were_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked thinks again after boris has looked: another collector under the same name."""
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    home = Offline.make(tmp_path / "made", one_person=False)
    boris = file(tmp_path / "boris.json", json.dumps(home.command("user", "add", "boris")))
    proof = ("--as", "boris", "--credential-file", boris)
    for one in home.command("grant", "add", *audit_grant())["grants"]:
        home.command("grant", "approve", str(one["id"]), *proof)
    for noun, rows in ((("feed",), "feeds"), (("alarm", "channel"), "channels")):
        add = (*noun, "add", "out", "--webhook")
        home.command(*add, "https://collector.example/log")
        (shown,) = home.command(*noun, "list")[rows]
        home.command(*noun, "reject", "out", *proof)
        other = home.command(*add, "https://mark.example/log")["terms"]
        assert other != shown["terms"]
        code, _, error = home.attempt(*noun, "approve", "out", "--terms", shown["terms"], *proof)
        assert (code, error["error"]["kind"]) == (1, "Conflict")
        assert " ".join(noun) + " list" in error["error"]["hint"]
        assert home.attempt(*noun, "approve", "out", *proof)[0] == 2, "no terms, no approval"
        assert home.command(*noun, "approve", "out", "--terms", other, *proof)["state"] == "active"


@pytest.mark.clause("1.4", "2.5")
def test_a_mail_password_ages_is_rotated_and_never_shown(offline: Offline, tmp_path: Path) -> None:
    with MailServer(tmp_path / "m") as server:
        ca = file(tmp_path / "ca.pem", server.ca)
        first = file(tmp_path / "first", PASSWORD)
        printed = [offline.command(
            "alarm", "channel", "add", "Ops", "--smtp", f"localhost:{server.port}", "--from", "a@example.com",
            "--to", "b@example.com", "--user", USER, "--password-file", first, "--ca", ca)]  # fmt: skip
        assert offline.command("alarm", "channel", "test", "ops")["reached"] == 1
        listed = {s["name"]: s for s in offline.command("secret", "list")["secrets"]}
        assert (listed["smtp:ops"]["age_days"], listed["smtp:ops"]["limit_days"]) == (0, 90)
        second = file(tmp_path / "second", "the-next-password-mark")
        rotate = ("secret", "rotate", "smtp:ops", "--password-file")
        code, _, error = offline.attempt(*rotate, second)
        assert (code, error["error"]["kind"]) == (1, "Denied"), "the server does not know it yet"
        server.passwords = {"the-next-password-mark"}
        printed.append(offline.command(*rotate, second))
        assert offline.command("alarm", "channel", "test", "ops")["reached"] == 1
        assert server.shown[-1] == b"the-next-password-mark"
        assert offline.attempt(*rotate, first)[2]["error"]["kind"] == "Conflict", "used before"
        printed.append(offline.command("alarm", "channel", "list"))
        offline.read_log()
        printed.append(offline.command("audit", "tail", "--lines", "200"))
        assert "mark" not in json.dumps([printed, error])
        offline.command("alarm", "channel", "remove", "ops")
        assert "smtp:ops" not in {s["name"] for s in offline.command("secret", "list")["secrets"]}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("alarm", "channel", "add", "a"), 2),
        (("alarm", "channel", "add", "a", "--webhook", "http://example.com/mark"), 2),
        (("alarm", "channel", "add", "a", "--webhook", "https://u:mark@example.com/"), 2),
        (("alarm", "channel", "add", "a", "--smtp", "mark", "--from", "a@b.c", "--to", "d@e.f"), 2),
        (("alarm", "channel", "add", "a", "--smtp", "h:25", "--from", "mark", "--to", "d@e.f"), 2),
        (
            (
                "alarm",
                "channel",
                "add",
                "a",
                "--smtp",
                "h:25",
                "--from",
                "a@b.c",
                "--to",
                "d@e.f",
                "--plain",
            ),
            2,
        ),
        (
            (
                "alarm",
                "channel",
                "add",
                "a",
                "--smtp",
                "h:25",
                "--from",
                "a@b.c",
                "--to",
                "d@e.f",
                "--user",
                "mark",
            ),
            2,
        ),
        (("feed", "add", "a"), 2),
        (("feed", "add", "a", "--jsonl", "/tmp/mark", "--syslog", "mark:1"), 2),
        (("feed", "add", "a", "--jsonl", "/tmp/x", "--format", "mark"), 2),
        (("feed", "add", "mark mark", "--jsonl", "/tmp/x"), 2),
        (("feed", "test", "mark"), 1),
    ],
)
def test_what_makes_no_sense_is_refused_in_words_that_do_not_repeat_it(
    offline: Offline, arguments: tuple[str, ...], code: int
) -> None:
    if arguments[:2] == ("feed", "add"):
        offline.read_log()
    found, _, error = offline.attempt(*arguments)
    assert found == code
    assert "mark" not in json.dumps(error)


def test_a_feed_writes_into_no_file_of_the_home(offline: Offline) -> None:
    for name in ("vault.db", "log/checkpoint", "strongroom.toml"):
        code, _, _ = offline.attempt("feed", "add", "a", "--jsonl", str(offline.path / name))
        assert code == 2


def test_a_served_home_tells_people_and_feeds_its_log_by_itself(tmp_path: Path) -> None:
    target = tmp_path / "log.jsonl"
    with Receiver(tmp_path / "r") as receiver, Home.make(tmp_path) as home:
        home.start()
        home.read_log()
        home.ask("channel.add.webhook", name="hook", url=receiver.url, ca=receiver.ca)
        home.ask("feed.add.jsonl", name="disk", path=str(target), format="ocsf")
        home.ask("feed.add.webhook", name="dead", url="https://localhost:1/x", format="native")
        eventually(lambda: any(b"heartbeat" in p.body for p in receiver.posted))
        eventually(lambda: any(b"feed disk" in p.body for p in receiver.posted))

        def caught_up() -> Any:
            rows = {row["name"]: row for row in home.ask("feed.list")["feeds"]}
            return rows["disk"]["lag"] == 0 and rows["dead"]["fault"] == "failed"

        eventually(caught_up)
        assert home.stop() == 0
        told = [json.loads(line) for line in target.read_text().splitlines()]
        numbers = [event["metadata"]["sequence"] for event in told]
        assert numbers == list(range(len(numbers)))
        # What came after the stop goes after the next start.
        home.start()
        eventually(lambda: '"home.closed"' in target.read_text())
        home.kill()
        home.start()
        eventually(lambda: target.read_text().count('"home.opened"') >= 3)
        seen = {
            json.loads(line)["metadata"]["sequence"] for line in target.read_text().splitlines()
        }
        assert seen == set(range(len(seen)))
        assert home.stop() == 0
