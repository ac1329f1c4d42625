"""Two people open a listener for an office on the command line, and close it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("1.1", "1.3")


def test_two_people_open_a_listener_and_close_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    home = Offline.make(tmp_path / "made", one_person=False)
    boris = tmp_path / "boris.json"
    boris.touch(mode=0o600)
    boris.write_text(json.dumps(home.command("user", "add", "boris")))
    proof = ("--as", "boris", "--credential-file", str(boris))

    asked = home.command("network", "allow", "--listener", "gateway", "10.20.0.0/16")
    assert (asked["state"], asked["this_machine"]) == ("pending", False)
    assert state_of_lists(home) == "warning", "something waits"
    made = home.command("network", "approve", str(asked["id"]), *proof)
    assert (made["state"], made["approved_by"]) == ("active", "boris")
    here = home.command("network", "allow", "--listener", "gateway", "127.0.0.1", *proof)
    assert (here["cidr"], here["this_machine"], here["requested_by"]) == (
        "127.0.0.1/32",
        True,
        "boris",
    )
    home.command("network", "approve", str(here["id"]))
    assert state_of_lists(home) == "ok"

    leaving = home.command("network", "remove", str(asked["id"]))
    assert leaving["state"] == "leaving"
    kept = home.command("network", "reject", str(asked["id"]), *proof)
    assert kept["state"] == "active"
    home.command("network", "remove", str(asked["id"]))
    gone = home.command("network", "approve", str(asked["id"]), *proof)
    assert (gone["state"], gone["removed_by"]) == ("removed", "boris")
    assert [row["cidr"] for row in home.command("network", "list")["networks"]] == ["127.0.0.1/32"]
    assert len(home.command("network", "list", "--all")["networks"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("--listener", "gateway", "0.0.0.0/0"), 2, "Malformed"),
        (("--listener", "gateway", "10.20.0.1/16"), 2, "Malformed"),
        (("--listener", "gateway", "fe80::1%eth0"), 2, "Malformed"),
        (("--listener", "control", "10.20.0.0/16"), 2, "Malformed"),
        (("10.20.0.0/16",), 2, "Malformed"),
        (("--listener", "api", "--principal", "erp", "10.20.0.0/16"), 2, "Malformed"),
        (("--principal", "nobody", "10.20.0.0/16"), 1, "NotFound"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words_that_do_not_repeat_it(
    offline: Offline, arguments: tuple[str, ...], code: int, kind: str
) -> None:
    exit_code, _result, error = offline.attempt("network", "allow", *arguments)
    assert (exit_code, error["error"]["kind"]) == (code, kind)
    assert arguments[-1] not in json.dumps(error)


def state_of_lists(home: Offline) -> Any:
    checks = home.attempt("doctor")[1]["checks"]
    return next(check["state"] for check in checks if check["id"] == "network.lists")
