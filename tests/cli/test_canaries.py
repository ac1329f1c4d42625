"""`strongroom canary` and what commands say of what left, in a home that nobody serves and in one that is served."""

from __future__ import annotations

import json
import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.home import Home
from tests.support.offline import Offline

from strongroom.app import System
from strongroom.audit.deliveries import reconcile_since_last
from strongroom.audit.reconciling import Reconciled
from strongroom.control import ask
from strongroom.doctor import State, open_checks
from strongroom.errors import Denied
from strongroom.home import layout
from strongroom.opening import open_system
from strongroom.operations import run
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.request import Request
from strongroom.terms import SYSTEM, SellerId
from strongroom.vault import LwaCredentials

pytestmark = pytest.mark.clause("2.6")

ORDER = "902-1000001-0000001"


def fill(system: System) -> None:
    now = system.clock()
    system.sellers.add(
        SYSTEM,
        name="acme",
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials("amzn-client-id", "amzn-secret", "Atzr|refresh"),
        now=now,
    )
    facts = SightedFacts(Progress.UNSHIPPED, int((now - timedelta(days=1)).timestamp()), 0, 0)
    sighting = Sighting("order", ORDER, {8: "Anna Schmidt"}, facts)
    system.vault.put(SellerId(1), [sighting], caller=SYSTEM, op="ordersV0.getOrder", now=now)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offline:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    made = Offline.make(tmp_path / "made")
    system = open_system(made.path, environ={})
    fill(system)
    system.close()
    made.read_log()
    return made


def events(home: Offline, *types: str) -> list[dict[str, Any]]:
    told = home.command("audit", "tail", "--lines", "300")["events"]
    return [event for event in told if event["type"] in types]


def markers(home: Offline) -> dict[str, SellerId]:
    system = open_system(home.path, environ={})
    try:
        return system.vault.canaries.markers()
    finally:
        system.close()


def checks(home: Offline) -> dict[str, State]:
    system = open_system(home.path, environ={})
    try:
        return {check.id: check.state for check in open_checks(system, system.clock())}
    finally:
        system.close()


def test_they_are_planted_counted_rotated_and_never_named(home: Offline) -> None:
    assert home.attempt("canary", "status")[0] == 1
    assert checks(home)["canary.records"] is State.WARNING

    assert home.command("canary", "plant") == {"planted": {"acme": 3}}
    assert home.command("canary", "plant") == {"planted": {"acme": 0}}
    assert home.command("canary", "plant", "--seller", "acme", "--count", "2") == {
        "planted": {"acme": 2}
    }
    (row,) = home.command("canary", "list")["canaries"]
    assert (row["seller"], row["wanted"], row["untouched"], row["missing"]) == ("acme", 3, 5, 0)
    assert home.command("canary", "rotate") == {"planted": {"acme": 3}}
    (row,) = home.command("canary", "list")["canaries"]
    assert (row["untouched"], row["touched"]) == (3, 5)

    assert [event["n"] for event in events(home, "canary.planted")] == [3, 2, 3]
    assert checks(home)["canary.records"] is State.OK
    printed = json.dumps([home.command("canary", "list"), home.command("audit", "tail")])
    assert not [text for text in markers(home) if text in printed]


def test_the_monthly_check_and_what_doctor_says_of_it(home: Offline) -> None:
    assert checks(home)["canary.checked"] is State.WARNING

    assert home.command("canary", "check")["ok"] is True

    assert checks(home)["canary.checked"] is State.OK
    told = events(
        home, "canary.touched", "principal.suspended", "principal.restored", "canary.checked"
    )
    assert [event["type"] for event in told] == [
        "canary.touched",
        "principal.suspended",
        "principal.restored",
        "canary.checked",
    ]
    home.command("canary", "plant")
    assert home.command("canary", "status")["ok"] is True


def test_only_the_console_may(home: Offline) -> None:
    added = home.command("app", "add", "erp", "--owner", "ada")
    secret = home.path.parent / "secret"
    secret.touch(mode=0o600)
    secret.write_text(added["client_secret"])
    system = open_system(home.path, environ={})
    try:
        for name in (
            "canary.list",
            "canary.status",
            "canary.plant",
            "canary.rotate",
            "canary.check",
        ):
            request = Request(name, {}, "erp", added["client_secret"])
            with pytest.raises(Denied):
                run(system, request, "root")
    finally:
        system.close()
    denied = events(home, "canary.checked")
    assert {(event["outcome"], event["reason"]) for event in denied} == {
        ("denied", "not_authorized")
    }


def test_a_scan_knows_canaries_wherever_they_lie(home: Offline, tmp_path: Path) -> None:
    home.command("canary", "plant")
    data = tmp_path / "data"
    data.mkdir()
    email, order = list(markers(home))[:2]
    (data / "dump.txt").write_text(f"mail {email}@marketplace.amazon.de\norder {order}\n")
    sarif = tmp_path / "out.sarif"

    code, result, _error = home.attempt("scan", str(data), "--sarif", str(sarif))

    assert code == 1
    found = [one for one in result["findings"] if one["kind"] == "vault.canary"]
    assert found
    assert {one["seller"] for one in found} == {1}
    ranked = [
        one
        for one in json.loads(sarif.read_text())["runs"][0]["results"]
        if one["ruleId"] == "vault.canary"
    ]
    assert {(one["level"], one["rank"]) for one in ranked} == {("error", 100.0)}
    assert "a canary of selling partner 1" in ranked[0]["message"]["text"]
    assert order not in json.dumps(result) + sarif.read_text()
    assert events(home, "canary.touched") == []


def grant(home: Offline) -> tuple[str, ...]:
    added = home.command("app", "add", "erp", "--owner", "ada")
    home.command(
        *("grant", "add", "--principal", "erp", "--action", "reveal", "--purpose", "fulfilment"),
        *("--categories", "name", "--seller", "acme", "--days", "30"),
    )
    secret = home.path.parent / "secret"
    secret.touch(mode=0o600)
    secret.write_text(added["client_secret"])
    return ("--as", "erp", "--credential-file", str(secret))


def reconciled(home: Offline) -> Reconciled:
    system = open_system(home.path, environ={})
    try:
        later = system.clock() + timedelta(hours=1)
        return reconcile_since_last(system.audit, system.database, later)
    finally:
        system.close()


def test_what_a_command_reads_without_serve_is_told_as_delivered(home: Offline) -> None:
    who = grant(home)
    why = ("--purpose", "fulfilment", "--reason", "label 4711")
    home.command("reveal", "--order", ORDER, "--seller", "acme", *why, *who)
    (found,) = home.command("find", "--order", ORDER, *why, *who)["records"]
    token = found["tokens"]["recipient.name"]
    assert home.command("reveal", token, *why, *who)["value"] == "Anna Schmidt"

    told = events(home, "egress.delivered")
    assert [(one["op"], one["n"]) for one in told] == [
        ("command.reveal.order", 1),
        ("command.find", 1),
        ("command.reveal.token", 1),
    ]
    opened = events(home, "vault.record.revealed", "vault.record.searched")
    assert [one["req"] for one in opened] == [one["req"] for one in told]
    assert {one["chg"][0]["field"] for one in opened} == {"reason"}
    assert reconciled(home) == Reconciled(3, 3)
    assert checks(home)["egress.reconciled"] is State.OK


def test_a_served_home_tells_whether_a_command_was_still_there(tmp_path: Path) -> None:
    """One takes its answer; another asks and is gone before it comes."""
    with Home.make(tmp_path) as home:
        system = open_system(home.path, environ=home.environment())
        fill(system)
        system.close()
        home.start()
        home.read_log()
        added = home.ask("app.add", name="erp", owner="ada")
        home.add_grant("erp", "acme", "reveal", categories="name")
        arguments = {"order": ORDER, "seller": "acme", "purpose": "fulfilment"}
        request = Request("reveal.order", arguments, "erp", added["client_secret"])
        answer = ask(layout(home.path), request, lambda *_: None)
        assert answer is not None
        assert answer["values"][0]["value"] == "Anna Schmidt"
        _ask_and_go(home.path, request)
        deadline = datetime.now().astimezone() + timedelta(seconds=20)  # noqa: TID251 - a real process
        while True:
            told = [
                event
                for event in home.ask("audit.tail", limit=200)["events"]
                if event["type"] == "egress.delivered" and event["op"] == "command.reveal.order"
            ]
            if len(told) == 2 or datetime.now().astimezone() > deadline:  # noqa: TID251 - as above
                break
        home.stop()
    assert [event["outcome"] for event in told] == ["success", "failure"]
    assert told[1]["reason"] == "unreachable"


def _ask_and_go(home: Path, request: Request) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(layout(home).control))
        line = {
            "operation": request.operation,
            "arguments": dict(request.arguments),
            "as_name": request.as_name,
            "credential": request.credential,
            "now": None,
        }
        connection.sendall(json.dumps(line).encode() + b"\n")


def test_an_address_that_a_command_opened_and_could_not_print_is_told_as_not_left(
    home: Offline,
) -> None:
    who = grant(home)
    system = open_system(home.path, environ={})
    try:
        facts = SightedFacts(Progress.UNSHIPPED, int(system.clock().timestamp()), 0, 0)
        long = {8: "Anna Schmidt", 9: "a street " * 500}
        sighting = Sighting("order", "902-1000001-0000002", long, facts)
        system.vault.put(
            SellerId(1), [sighting], caller=SYSTEM, op="ordersV0.getOrder", now=system.clock()
        )
    finally:
        system.close()
    home.command(
        *("grant", "add", "--principal", "erp", "--action", "reveal", "--purpose", "fulfilment"),
        *("--categories", "address", "--seller", "acme", "--days", "30"),
    )

    code, _result, _error = home.attempt(
        *("label", "print", "--order", "902-1000001-0000002", "--seller", "acme"),
        *("--out", str(home.path.parent / "label.pdf"), *who),
    )

    assert code != 0
    (told,) = events(home, "egress.delivered")
    assert (told["outcome"], told["op"]) == ("failure", "command.label.print")
    assert reconciled(home) == Reconciled(1, 0, 1)
