"""`strongroom scan` against a home that holds an order: what is found, told, recorded, and never repeated."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.home import COMMAND, Home
from tests.support.offline import Offline

from strongroom.app import System
from strongroom.opening import open_system
from strongroom.operations import run
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.request import Request
from strongroom.terms import SYSTEM, SellerId
from strongroom.vault import LwaCredentials

pytestmark = pytest.mark.clause("2.6", "2.4")

EMAIL = "q4xv8-anna@marketplace.amazon.de"
PHONE = "+49 151 2345 6789"
ORDER = "902-1000001-0000001"
SLOTS = {8: "Anna Schmidt", 15: PHONE, 16: EMAIL}


def put(system: System) -> None:
    now = system.clock()
    credentials = LwaCredentials("amzn-client-id", "amzn-secret", "Atzr|refresh")
    system.sellers.add(
        SYSTEM,
        name="acme",
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=credentials,
        now=now,
    )
    facts = SightedFacts(Progress.UNSHIPPED, int((now - timedelta(days=1)).timestamp()), 0, 0)
    sighting = Sighting("order", ORDER, dict(SLOTS), facts)
    system.vault.put(SellerId(1), [sighting], caller=SYSTEM, op="ordersV0.getOrders", now=now)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offline:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    made = Offline.make(tmp_path / "made")
    system = open_system(made.path, environ={})
    put(system)
    system.close()
    made.read_log()
    return made


def events(home: Offline) -> list[dict[str, object]]:
    return list(home.command("audit", "tail", "--lines", "200")["events"])


def test_what_leaked_of_the_vault_is_found_and_recorded_and_nothing_is_opened(
    home: Offline, tmp_path: Path
) -> None:
    """Number, address and order in a log, packed; a stranger's data in between is told apart."""
    data = tmp_path / "data"
    data.mkdir()
    lines = (
        f"order {ORDER} of {EMAIL.upper()}, call 0049 151 23456789\nalso maria.rossi@libero.it\n"
    )
    (data / "erp.log.gz").write_bytes(gzip.compress(lines.encode()))
    (data / "clean.txt").write_text("nothing at all")
    sarif = tmp_path / "out.sarif"
    code, result, error = home.attempt("scan", str(data), "--sarif", str(sarif))
    assert (code, error) == (1, None)
    assert result["counts"] == {
        "shape.email": 1,
        "vault.email": 1,
        "vault.order": 1,
        "vault.phone": 1,
    }
    assert result["files"] == 2
    known = [found for found in result["findings"] if found["kind"].startswith("vault.")]
    assert len({record for found in known for record in found["records"]}) == 1
    printed = json.dumps(result) + sarif.read_text()
    for value in (EMAIL, EMAIL.upper(), "23456789", ORDER, "maria"):
        assert value not in printed
    told = events(home)
    kinds = [event["type"] for event in told]
    assert kinds.count("leak.scan.started") == 1
    assert {(e["op"], e["n"]) for e in told if e["type"] == "leak.found"} == {
        ("shape.email", 1),
        ("vault.email", 1),
        ("vault.order", 1),
        ("vault.phone", 1),
    }
    (finished,) = [event for event in told if event["type"] == "leak.scan.finished"]
    assert (finished["outcome"], finished["n"]) == ("failure", 4)
    assert "vault.record.searched" in kinds
    assert "vault.record.revealed" not in kinds
    log = json.dumps(told)
    assert EMAIL not in log
    assert ORDER not in log


def test_a_home_scans_clean(home: Offline) -> None:
    """For personal data, and for credentials: its own TLS keys lie where they have to."""
    result = home.command("scan", str(home.path))
    assert (result["findings"], result["incomplete"]) == ([], [])
    assert result["files"] > 5
    result = home.command("scan", "--secrets", str(home.path))
    assert (result["findings"], result["incomplete"]) == ([], [])


def test_a_credential_issued_here_is_recognised_by_its_digest(
    home: Offline, tmp_path: Path
) -> None:
    issued = home.command("app", "add", "erp", "--owner", "ada")
    issued |= home.command("app", "authorize", "erp", "--seller", "acme")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(issued) + " amzn1.oa2-cs.v1." + "0f1e2d3c4b5a6978" * 4)
    code, result, _error = home.attempt("scan", "--secrets", str(path))
    assert code == 1
    states = sorted((found["kind"], found.get("ours", "-")) for found in result["findings"])
    assert states == [
        ("secret.lwa-client-secret", "-"),
        ("secret.lwa-client-secret", "live"),
        ("secret.lwa-refresh-token", "live"),
    ]


def test_credentials_are_looked_for_without_a_home(
    home: Offline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from strongroom.cli.commands import run as command  # noqa: PLC0415 - what `Offline` adds a home to

    del home
    path = tmp_path / "config"
    path.write_text("AKIA" + "QZ7RWXK3M5NBVC2L")
    monkeypatch.chdir(tmp_path)
    assert command(["scan", "--secrets", "config"]) == 1
    assert "config:1: the id of an AWS access key" in capsys.readouterr().out
    assert command(["scan", "config"]) == 2


def test_what_an_allow_list_covers_is_counted_and_not_told(home: Offline, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "authors").write_text("maria.rossi@libero.it")
    later = datetime.now(UTC).date() + timedelta(days=30)  # noqa: TID251 - dates of the list are the machine's
    (data / ".strongroom-allow.toml").write_text(
        f'[[allow]]\npath = "authors"\nkind = "shape.email"\nreason = "she wrote it"\nexpires = {later}\n'
    )
    result = home.command("scan", str(data))
    assert (result["ok"], result["allowed"]) == (True, 1)


def test_what_could_not_be_read_is_no_clean_bill(home: Offline, tmp_path: Path) -> None:
    (tmp_path / "torn.gz").write_bytes(gzip.compress(os.urandom(4000))[:900])
    code, result, _error = home.attempt("scan", str(tmp_path / "torn.gz"))
    assert code == 1
    assert [one["why"] for one in result["incomplete"]] == ["spoilt"]


def test_a_state_file_is_gone_after_a_whole_scan(home: Offline, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("nothing")
    state = tmp_path / "state"
    home.command("scan", str(tmp_path / "a.txt"), "--state", str(state))
    assert not state.exists()


@pytest.mark.clause("1.3")
def test_only_the_console_may_ask_what_the_vault_knows(home: Offline) -> None:
    issued = home.command("app", "add", "erp", "--owner", "ada")
    system = open_system(home.path, environ={})
    try:
        for operation, arguments in (
            ("leaks.begin", {"mode": "data", "salt": ""}),
            ("leaks.look_up", {"emails": [EMAIL], "phones": [], "orders": [], "tokens": []}),
            ("leaks.credentials", {"client_secrets": ["x"], "refresh_tokens": []}),
        ):
            request = Request(operation, arguments, "erp", issued["client_secret"])
            with pytest.raises(Exception, match="only the console"):
                run(system, request, "root")
        denied = [e.body for e in system.audit.events() if e.body["type"] == "leak.scan.started"]
        assert [body["outcome"] for body in denied] == ["denied"] * 3
    finally:
        system.close()


def test_a_home_that_is_served_answers_the_scan(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("maria.rossi@libero.it")
    (tmp_path / "served").mkdir()
    with Home.make(tmp_path / "served") as served:
        served.start()
        command = [
            str(COMMAND),
            "scan",
            str(tmp_path / "data"),
            "--home",
            str(served.path),
            "--json",
        ]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["counts"] == {"shape.email": 1}
        served.read_log()
        events = served.ask("audit.tail", limit=500)["events"]
        told = {"vault.record.searched", "leak.found", "leak.scan.finished"}
        kinds = [event["type"] for event in events if event["type"] in told]
        assert kinds == ["vault.record.searched", "leak.found", "leak.scan.finished"]
