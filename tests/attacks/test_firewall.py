"""Strangers connect to a machine, and something on it calls out, before and after its own rules are loaded.

The rules are those of a home: the command writes them, the kernel of this machine judges packets by them.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import botocore.validate
import pytest
from tests.attacks.conftest import Offline
from tests.support import wired

from strongroom.opening import open_system
from strongroom.posture import State, Surroundings
from strongroom.posture.firewall import firewall
from strongroom.posture.reach import plan

pytestmark = pytest.mark.clause("1.1")

AS_ROOT = () if os.geteuid() == 0 else ("--user", "--map-root-user")
"""Who is not root is root of a user namespace: namespaces of the network are then theirs to make."""

INWARD = [
    ("client", "10.20.0.9", "10.20.0.1", 8443),
    ("client", "fd00:20::9", "fd00:20::1", 8443),
    ("client", "10.30.0.9", "10.30.0.1", 22),
]
STRANGERS = [
    ("client", "10.30.0.9", "10.20.0.1", 8443),
    ("client", "10.30.0.9", "10.30.0.1", 8443),
    ("client", "10.20.0.9", "10.20.0.1", 8444),
    ("client", "10.20.0.9", "10.20.0.1", 8446),
    ("client", "10.20.0.9", "10.20.0.1", 22),
    ("client", "fd00:20::9", "fd00:20::1", 8444),
]
OUTWARD = [
    ("server", "10.20.0.1", "10.20.0.9", 9443),
    ("server", "10.20.0.1", "10.20.0.9", 587),
    ("server", "10.20.0.1", "10.30.0.9", 123),
    ("server", "127.0.0.1", "127.0.0.1", 8444),
]
AWAY = [
    ("server", "10.20.0.1", "10.20.0.9", 443),
    ("server", "10.20.0.1", "10.30.0.9", 9443),
    ("server", "fd00:20::1", "fd00:20::9", 9443),
]


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateway and API have addresses that others can reach."""
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    monkeypatch.setenv("STRONGROOM_GATEWAY__HOST", "::")
    monkeypatch.setenv("STRONGROOM_API__HOST", "::")


@pytest.fixture(scope="module")
def home(made_home: Offline, tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """A home with a list for its gateway, and a selling partner and a mail server at fixed addresses."""
    directory = tmp_path_factory.mktemp("firewall")
    shutil.copytree(made_home.path, directory / "home")
    home = Offline(directory / "home")
    secret = directory / "secret"
    secret.touch(mode=0o600)
    secret.write_text("a secret that nobody uses, 42")
    home.command(
        "seller", "add", "acme", "--region", "eu", "--marketplace", "A1PA6795UKMFR9",
        "--endpoint", "https://10.20.0.9:9443", "--lwa-url", "https://10.20.0.9:9443/auth/o2/token",
        "--client-id", "amzn1.application-oa2-client.1", "--client-secret-file", str(secret),
        "--refresh-token-file", str(secret),
    )  # fmt: skip
    home.command(
        "alarm", "channel", "add", "ops", "--smtp", "10.20.0.9:587",
        "--from", "a@example.com", "--to", "b@example.com",
    )  # fmt: skip
    for network in ("10.20.0.0/16", "fd00:20::/48"):
        home.command("network", "allow", "--listener", "gateway", network)
    return home


def rules(home: Offline, *more: str) -> str:
    text: str = home.command("network", "firewall", "--nftables", *more)["nftables"]
    return text


def judged(directory: Path, text: str, probes: list[tuple[str, str, str, int]]) -> dict[str, Any]:
    (directory / "rules").write_text(text)
    (directory / "probes").write_text(json.dumps(probes))
    said = subprocess.run(
        [
            *("unshare", *AS_ROOT, "--net", "--mount", "--propagation", "private", sys.executable),
            *(wired.__file__, str(directory / "rules"), str(directory / "probes")),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_only_allowed_networks_connect_and_only_known_places_are_reached(
    home: Offline, tmp_path: Path
) -> None:
    text = rules(home, "--admin", "10.30.0.0/16", "--out", "10.30.0.9:123")
    probes = [*INWARD, *OUTWARD, *STRANGERS, *AWAY]
    found = judged(tmp_path, text, probes)
    assert found["before"] == [True] * len(probes), "a probe that never arrives proves nothing"
    good = len(INWARD) + len(OUTWARD)
    told = dict(zip(probes, found["after"], strict=True))
    assert found["after"] == [True] * good + [False] * (len(probes) - good), told

    # What looks at the machine's firewall is content with what we wrote, as the kernel has it.
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "printed").write_text(found["ruleset"])
    (commands / "nft").write_text(f"#!/bin/sh\n/bin/cat '{commands}/printed'\n")
    (commands / "nft").chmod(0o700)
    seen = firewall(Surroundings(tmp_path, str(commands)), exposed=True)
    assert (seen.state, seen.seen) == (State.OK, "nftables denies by default")


def test_the_ways_out_are_the_account_s_alone_where_one_is_named(
    home: Offline, tmp_path: Path
) -> None:
    text = rules(home, "--account", "nobody", "--out", "10.30.0.9:123")
    assert judged(tmp_path, text, OUTWARD)["after"] == [False, False, True, True]


def test_a_row_that_was_edited_opens_nothing(home: Offline, tmp_path: Path) -> None:
    home = Offline(Path(shutil.copytree(home.path, tmp_path / "home")))
    with sqlite3.connect(home.path / "vault.db") as database:
        database.execute("UPDATE network_range SET cidr = '10.0.0.0/8'")
    database.close()
    system = open_system(home.path)
    try:
        assert plan(system).openings == ()
    finally:
        system.close()


def test_a_listener_without_a_list_is_opened_to_nobody(home: Offline) -> None:
    """The API has an address that others can reach, and no list."""
    found = home.command("network", "firewall", "--security-group", "ingress")["permissions"]
    assert [one["FromPort"] for one in found] == [8443]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_aws_takes_the_rules_as_they_are(home: Offline, direction: str) -> None:
    """The shape that AWS publishes of its call, as its own clients check it."""
    said = home.command(
        "network", "firewall", "--security-group", direction, "--prefix-list", "pl-6da54004",
        "--admin", "192.0.2.0/28", "--out", "192.0.2.7:123/udp",
    )["permissions"]  # fmt: skip
    service = botocore.session.get_session().get_service_model("ec2")
    call = service.operation_model(f"AuthorizeSecurityGroup{direction.title()}")
    report = botocore.validate.ParamValidator().validate(
        {"GroupId": "sg-0123456789abcdef0", "IpPermissions": said}, call.input_shape
    )
    assert not report.has_errors(), report.generate_report()
    assert len(said) == (2 if direction == "ingress" else 4)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--nftables", "--security-group", "egress"),
        ("--nftables", "--admin", "0.0.0.0/0"),
        ("--nftables", "--out", "mark"),
        ("--nftables", "--out", "a:70000"),
        ("--nftables", "--account", 'x" accept'),
        ("--security-group", "egress", "--prefix-list", "mark"),
    ],
)
def test_what_is_typed_wrongly_writes_no_rule(home: Offline, arguments: tuple[str, ...]) -> None:
    code, result, error = home.attempt("network", "firewall", *arguments)
    assert (code, result) == (2, None)
    assert "mark" not in json.dumps(error)


def test_a_host_without_an_address_stops_the_writing(home: Offline) -> None:
    """Rules without it would shut the place out, from a timer, at night."""
    code, result, error = home.attempt(
        "network", "firewall", "--nftables", "--out", "nowhere.invalid:1"
    )
    assert (code, result, error["error"]["kind"]) == (1, None, "Unavailable")


def test_a_port_that_changes_at_each_start_is_not_guessed(
    home: Offline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRONGROOM_GATEWAY__PORT", "0")
    code, _, error = home.attempt("network", "firewall", "--nftables")
    assert (code, error["error"]["kind"]) == (1, "Conflict")
