"""What scripts rely on: options, JSON, exit codes, and a process that serves while others ask."""

import contextlib
import io
import json
import os
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from tests.support.attacker import disarm
from tests.support.home import COMMAND, PASSPHRASE, Home
from tests.support.offline import audit_grant

from strongroom.audit import offline
from strongroom.cli.commands import run

PII = "jane.doe@example.com"


def error(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the one line of JSON on standard error; nothing else may be printed."""
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    described: dict[str, Any] = json.loads(line)["error"]
    return described


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as it stands."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STRONGROOM_")}
    return subprocess.run(
        [str(COMMAND), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=kept | variables,
        timeout=60,
    )


def add_seller(home: Home, name: str = "acme") -> Any:
    return home.run(
        "seller",
        "add",
        name,
        "--region",
        "eu",
        "--marketplace",
        "A1PA6795UKMFR9",
        "--client-id",
        "amzn1.application-oa2-client.0",
        "--client-secret-file",
        str(home.secret("lwa-secret")),
        "--refresh-token-file",
        str(home.secret("lwa-refresh")),
    )


class InProcess(Home):
    """A home whose commands run in this process: the same code without half a second of imports."""

    def try_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        given = ["--home", str(self.path), *arguments, "--json"]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(given)
        return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home that is served, with one selling partner."""
    with Home.make(tmp_path_factory.mktemp("served")) as home:
        home.start(wrapper=[str(COMMAND)])
        add_seller(home)
        home.read_log()
        yield home


@pytest.fixture(scope="module")
def resting(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of two persons that nobody serves."""
    directory = tmp_path_factory.mktemp("resting")
    (directory / "secrets").mkdir()
    home = InProcess(directory / "home", directory / "secrets")
    path = home.secret(PASSPHRASE)
    made = home.run("init", "--environment", "test", "--passphrase-file", str(path))
    assert set(made) == {
        "home",
        "environment",
        "home_id",
        "one_person",
        "ca",
        "ca_bundle",
        "first_sign_on",
    }
    assert (made["environment"], made["one_person"]) == ("test", False)
    assert Path(made["ca"]).read_text().startswith("-----BEGIN CERTIFICATE")
    with (home.path / "strongroom.toml").open("a") as settings:
        settings.write("[gateway]\nport = 0\n[health]\nport = 0\n")
    _let_read_log(home, Path(directory))
    return home


def _let_read_log(home: Home, directory: Path) -> None:
    """Have another person approve that the console reads the log."""
    clara = directory / "clara.json"
    clara.write_text(json.dumps(home.run("user", "add", "clara")))
    (asked,) = home.run("grant", "add", *audit_grant())["grants"]
    assert asked["state"] == "pending"
    home.run(
        *("grant", "approve", str(asked["id"]), "--as", "clara", "--credential-file", str(clara))
    )


# -- without serve ---------------------------------------------------------------------------------


def test_init_refuses_a_second_time(resting: Home) -> None:
    path = str(resting.secret(PASSPHRASE))
    done = resting.try_run("init", "--environment", "test", "--passphrase-file", path)
    assert done.returncode == 1
    assert error(done)["kind"] == "Conflict"


@pytest.mark.clause("1.3", "1.2")
def test_a_grant_is_pending_until_another_person_approves_it(resting: Home, tmp_path: Path) -> None:
    seller = add_seller(resting)
    assert (seller["id"], seller["name"]) == (1, "acme")
    assert "lwa-secret" not in json.dumps(seller)
    app = resting.run("app", "add", "erp", "--owner", "anna")
    assert app["owner_registered"] is True
    assert app["client_id"].startswith("amzn1.application-oa2-client.")
    permit = resting.run("app", "authorize", "erp", "--seller", "acme")
    assert permit["refresh_token"].startswith("Atzr|")
    grant = resting.add_grant("erp", "acme", "reveal", categories="name,address,phone")
    assert (grant["state"], grant["sellers"]) == ("pending", ["acme"])
    assert grant["categories"] == ["address", "name", "phone"]

    done = resting.try_run("grant", "approve", str(grant["id"]))
    assert done.returncode == 1
    assert error(done)["kind"] == "Denied"

    boris = resting.run("user", "add", "boris")
    shown = tmp_path / "boris.json"
    shown.write_text(json.dumps(boris))
    proof = ["--as", "boris", "--credential-file", str(shown)]
    approved = resting.run("grant", "approve", str(grant["id"]), *proof)
    assert (approved["state"], approved["approved_by"]) == ("active", "boris")
    listed = resting.run("grant", "list", "--principal", "erp")["grants"]
    assert [row["state"] for row in listed] == ["active"]

    shown.write_text("wrong")
    done = resting.try_run("grant", "revoke", str(grant["id"]), *proof)
    assert done.returncode == 1
    assert error(done)["kind"] == "Unauthenticated"
    assert resting.run("grant", "revoke", str(grant["id"]))["state"] == "revoked"

    assert [row["name"] for row in resting.run("app", "list")["apps"]] == ["erp"]
    assert {row["name"] for row in resting.run("user", "list")["users"]} >= {"anna", "boris"}
    assert resting.try_run("app", "end", "erp").returncode == 2
    assert resting.run("app", "end", "erp", "--yes")["ended_at"] is not None


@pytest.mark.clause("1.2")
def test_a_generic_name_is_refused(resting: Home) -> None:
    done = resting.try_run("user", "add", "shared")
    assert done.returncode == 1
    assert error(done)["kind"] == "Denied"


def test_nobody_reads_without_a_grant(resting: Home) -> None:
    forged = "ST" + "0" * 18
    done = resting.try_run("reveal", forged, "--purpose", "fulfilment", "--reason", PII)
    assert done.returncode in {1, 2}
    assert PII not in done.stderr
    done = resting.try_run("find", "--email", PII, "--purpose", "fulfilment")
    assert done.returncode == 1
    assert error(done)["kind"] == "Denied"
    assert PII not in done.stderr


def test_evidence_verbs(resting: Home) -> None:
    swept = resting.run("retention", "sweep")
    assert swept["destroyed_periods"] == 0
    assert resting.run("retention", "show") == {"periods": []}
    assert resting.run("keys", "list")["periods"] == []
    assert resting.run("catalogue", "drift") == {"drift": []}
    known = resting.run("catalogue", "show", "ordersV0.getOrders")["operations"]
    assert [row["path"] for row in known] == ["/orders/v0/orders"]
    leaves = {leaf["path"]: leaf for leaf in known[0]["leaves"]}
    name = leaves["payload.Orders[].ShippingAddress.Name"]
    assert (name["category"], name["person"]) == ("name", "recipient")
    assert name["purposes"] == ["fulfilment", "invoicing", "tax"]
    assert error(resting.try_run("catalogue", "show", "getNothing"))["kind"] == "NotFound"
    report = resting.run("audit", "verify")
    assert (report["ok"], report["faults"]) == (True, [])
    tail = resting.run("audit", "tail", "--lines", "3")["events"]
    assert [event["seq"] for event in tail] == list(range(tail[0]["seq"], tail[0]["seq"] + 3))
    assert {event["type"] for event in tail} >= {"home.opened"}


def test_doctor_names_each_check_and_fails_with_1(resting: Home) -> None:
    told = resting.run("doctor")
    ids = [check["id"] for check in told["checks"]]
    assert len(ids) == len(set(ids))
    assert {"home.modes", "keys.separate", "tls.certificate", "log.head", "home.opens"} <= set(ids)
    resting.path.chmod(0o750)
    try:
        told = resting.run("doctor", code=1)
    finally:
        resting.path.chmod(0o700)
    failed = {check["id"]: check["hint"] for check in told["checks"] if check["state"] == "failed"}
    assert failed["home.modes"] == f"chmod 700 {resting.path}"
    assert told["ok"] is False


def test_what_is_misconfigured_exits_with_78(resting: Home, tmp_path: Path) -> None:
    done = command("seller", "list", "--json", "--home", str(tmp_path))
    assert done.returncode == 78
    assert error(done)["kind"] == "Misconfigured"
    (resting.path / "root.key").chmod(0o644)
    try:
        done = resting.try_run("seller", "list")
    finally:
        (resting.path / "root.key").chmod(0o600)
    assert done.returncode == 78
    assert "chmod 600" in error(done)["hint"]
    wrong = str(resting.secret("another passphrase"))
    done = command(
        "serve",
        "--json",
        STRONGROOM_HOME=str(resting.path),
        STRONGROOM_KEYSTORE__PASSPHRASE_FILE=wrong,
    )
    assert done.returncode == 78
    assert json.loads(done.stderr.splitlines()[-1])["error"]["kind"] == "Misconfigured"


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(
    "line", ["GET /orders/v0/orders", "GET /orders/v0/orders/{x}", "GET /a//b"]
)
def test_no_line_of_settings_weakens_what_the_catalogue_knows(resting: Home, line: str) -> None:
    done = command(
        "serve",
        "--json",
        STRONGROOM_HOME=str(resting.path),
        STRONGROOM_GATEWAY__ALLOW_UNKNOWN=json.dumps([line]),
    )
    assert done.returncode == 78
    assert "allow_unknown" in json.loads(done.stderr.splitlines()[-1])["error"]["message"]


def test_common_options_stand_before_or_behind(resting: Home) -> None:
    home = str(resting.path)
    before = command("--home", home, "--json", "seller", "list")
    behind = command("seller", "list", "--home", home, "--json")
    variable = command("--json", "seller", "list", STRONGROOM_HOME=home)
    assert before.stdout == behind.stdout == variable.stdout
    assert "sellers" in json.loads(before.stdout)
    plain = command("seller", "list", STRONGROOM_HOME=home)
    assert plain.returncode == 0
    assert "{" not in plain.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["find", "--purpose", "fulfilment", "--emial", PII],
        ["find", "--purpose", "fulfilment", "--email", PII, PII],
        ["find", "--purpose", PII, "--email", PII],
        ["reveal", PII, "--purpose", "fulfilment"],
        ["reveal", "--purpose"],
        ["grant", "add", "--days", PII],
        ["grant", "approve", PII],
        ["seller", "show"],
        [PII],
        ["seller", PII],
        [f"--{PII}"],
        ["user", "add", PII],
        ["audit", "tail", "--now", PII],
        ["find", "--email", PII, "--phone", PII, "--purpose", "tax"],
    ],
)
@pytest.mark.clause("2.6")
def test_wrong_usage_exits_with_2_and_repeats_nothing(
    resting: Home, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(resting.path)]
    assert run([*home, *arguments, "--json"]) == 2
    out, line = capsys.readouterr()
    assert PII not in out + line
    assert json.loads(line)["error"]["message"]
    assert run([*home, *arguments]) == 2
    out, line = capsys.readouterr()
    assert out == ""
    assert line.startswith("strongroom: ")
    assert len(line.splitlines()) == 1


def test_without_a_home_nothing_is_guessed() -> None:
    done = command("seller", "list", "--json")
    assert done.returncode == 2
    assert "STRONGROOM_HOME" in error(done)["hint"]


def test_secrets_come_from_files_that_are_named_when_they_are_missing(resting: Home) -> None:
    done = resting.try_run("init", "--environment", "test", "--passphrase-file", "/nonexistent")
    assert done.returncode == 2
    assert "--passphrase-file" in error(done)["message"]


def test_now_is_for_homes_made_for_tests(resting: Home, tmp_path: Path) -> None:
    resting.run("audit", "verify", "--now", "2026-01-31T12:00:00Z")
    tail = resting.run("audit", "tail", "--lines", "3")["events"]
    assert any(event["t"].startswith("2026-01-31T12:00:0") for event in tail)

    (tmp_path / "s").mkdir()
    production = Home(tmp_path / "h", tmp_path / "s")
    path = str(production.secret(PASSPHRASE))
    start = ["init", "--environment", "production", "--passphrase-file", path]
    assert production.try_run(*start, "--now", "2026-01-31").returncode == 1
    production.run(*start)
    done = production.try_run("audit", "verify", "--now", "2026-01-31T12:00:00Z")
    assert done.returncode == 1
    assert error(done)["kind"] == "Denied"


@pytest.mark.clause("2.6")
@pytest.mark.parametrize("attack", ["change", "cut", "set back"])
def test_a_log_that_was_tampered_with_fails_verification(tmp_path: Path, attack: str) -> None:
    home = InProcess.make(tmp_path)
    database = home.path / "vault.db"
    earlier = database.read_bytes()
    home.run("user", "add", "boris")
    if attack == "set back":
        database.write_bytes(earlier)
    else:
        with sqlite3.connect(database) as raw:
            disarm(raw)
            if attack == "change":
                (body,) = raw.execute("SELECT body FROM audit_event WHERE seq = 1").fetchone()
                body = body.replace(b'"success"', b'"failure"')
                raw.execute("UPDATE audit_event SET body = ? WHERE seq = 1", (body,))
            else:
                raw.execute("DELETE FROM audit_event WHERE seq >= 3")
                raw.execute("DELETE FROM audit_head")
        raw.close()
    report = home.run("audit", "verify", code=1)
    assert report["ok"] is False
    assert report["faults"]


def test_the_simulator_tells_where_it_is_and_stops() -> None:
    with subprocess.Popen(
        [str(COMMAND), "simulator", "--port", "0", "--orders", "5", "--seed", "1", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert {"endpoint", "lwa_url", "ca", "sellers"} <= set(told)


def test_every_command_takes_the_common_options_and_shows_an_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def shown(*path: str) -> str:
        assert run([*path, "--help"]) == 0
        return capsys.readouterr().out

    def listed(text: str) -> list[str]:
        lines = text.partition("\nCommands:\n")[2].splitlines()
        return [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]

    def commands(*path: str) -> list[tuple[str, ...]]:
        inner = listed(shown(*path))
        return [found for name in inner for found in commands(*path, name)] if inner else [path]

    found = commands()
    assert {"seller", "serve", "init", "reveal"} <= {path[0] for path in found}
    for path in found:
        text = shown(*path)
        for wanted in ("--home", "--json", "--now", "--help"):
            assert wanted in text, path
        assert f"Example:\n    strongroom {' '.join(path)}" in text, path


# -- while it is served ----------------------------------------------------------------------------


def test_serve_announces_addresses_that_answer_over_tls(served: Home) -> None:
    ready = served.ready
    assert set(ready) == {"gateway", "token_endpoint", "api", "desk", "health", "ca", "pid"}
    assert ready["token_endpoint"] == ready["gateway"] + "/auth/o2/token"
    assert ready["pid"] == served.pid
    with urllib.request.urlopen(ready["health"], context=served.tls()) as answer:
        assert (answer.status, answer.read()) == (200, b"ok\n")
        assert answer.headers["server"] is None
    metrics = ready["health"].replace("/health", "/metrics")
    with urllib.request.urlopen(metrics, context=served.tls()) as answer:
        assert b"strongroom_up 1" in answer.read()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(ready["health"] + "/x", context=served.tls())
    assert caught.value.code == 404
    caught.value.close()


@pytest.mark.clause("1.5")
def test_nothing_is_served_below_tls_1_2(served: Home) -> None:
    host, port = served.endpoint.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not raw.recv(64).startswith(b"HTTP")
    old = served.tls()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((host, int(port)), timeout=10) as raw,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        old.wrap_socket(raw, server_hostname=host).close()


@pytest.mark.clause("1.6")
def test_evidence_is_written_by_the_process_that_serves(served: Home, tmp_path: Path) -> None:
    told = served.run("audit", "export", str(tmp_path / "bundle"), "--proof", "0")
    report = offline.check(tmp_path / "bundle", told["key"])
    assert (report.faults, report.said["size"]) == ([], told["size"])
    assert stat.S_IMODE((tmp_path / "bundle").stat().st_mode) == 0o700


def test_commands_speak_to_the_process_that_serves(served: Home) -> None:
    app = served.run("app", "add", "erp", "--owner", "anna")
    assert app["client_secret"]
    assert served.add_grant("erp", "acme", "reveal")["state"] == "active"
    # No opening of the home lies between: the process that serves did it.
    tail = served.run("audit", "tail", "--lines", "4")["events"]
    assert [event["type"] for event in tail][-2:] == ["grant.requested", "grant.approved"]
    assert served.run("audit", "verify")["ok"] is True
    assert served.run("doctor")["ok"] is True
    done = served.try_run("seller", "show", "nobody-here")
    assert (done.returncode, error(done)["kind"]) == (1, "NotFound")
    done = served.try_run("user", "add", "erp")
    assert (done.returncode, error(done)["kind"]) == (1, "Conflict")


def test_a_second_serve_exits_with_78(served: Home) -> None:
    done = served.try_run("serve")
    assert done.returncode == 78
    assert f"in use by process {served.pid}" in error(done)["message"]


def test_the_control_socket_is_the_owners_and_takes_no_nonsense(served: Home) -> None:
    path = served.path / "control.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for nonsense in (
        b"GET / HTTP/1.1\n",
        b"{}\n",
        b"[1]\n",
        b'{"operation": "x", "arguments": {}}\n',
        b'{"operation": "seller.show", "arguments": {"name": 5}}\n',
        b'{"operation": "seller.show", "arguments": {"nobody": "x"}}\n',
        b'{"operation": "seller.show", "arguments": []}\n',
    ):
        answer = _control(path, nonsense)
        assert json.loads(answer)["error"]["kind"] == "Malformed", nonsense
    assert _control(path, b"x" * 2_000_000 + b"\n") == b""
    assert served.run("seller", "list")["sellers"]


def _control(path: Path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        try:
            connection.sendall(request)
            return connection.makefile("rb").readline()
        except (BrokenPipeError, ConnectionResetError):
            return b""


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
@pytest.mark.clause("1.1")
def test_the_control_socket_answers_its_owner_only(served: Home) -> None:
    """Even where somebody opened the modes, the kernel's word on the peer counts."""
    program = f"""
import os, socket
os.setgid(65534)
os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(20)
connection.connect({str(served.path / "control.sock")!r})
try:
    connection.sendall(b'{{"operation": "seller.list", "arguments": {{}}}}\\n')
    print(connection.recv(1000))
except OSError:
    print(b"")
"""
    above = takewhile(lambda path: path.stat().st_uid == os.geteuid(), served.path.parents)
    own = [path for path in above if path.stat().st_mode & 0o077 == 0]
    opened = [*own, served.path, served.path / "control.sock"]
    modes = {path: path.stat().st_mode for path in opened}
    try:
        for path in opened:
            path.chmod(0o777)
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        )
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.stdout.strip() == "b''"


def test_a_clean_stop_leaves_a_published_log_and_no_socket(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.start(wrapper=[str(COMMAND)])
    home.read_log()
    home.run("user", "add", "boris")
    deadline = time.monotonic() + 20
    while home.serving and _published(home) < 6 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _published(home) >= 6
    assert home.stop() == 0
    assert not (home.path / "control.sock").exists()
    report = home.run("audit", "verify")
    assert report["ok"] is True
    tail = home.run("audit", "tail", "--lines", "20")["events"]
    assert "home.closed" in [event["type"] for event in tail]
    assert all(json.loads(line)["event"] for line in home.outputs[-1].splitlines())


def _published(home: Home) -> int:
    return int((home.path / "log/checkpoint").read_text().splitlines()[1])


def test_a_killed_serve_is_started_again(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.start()
    home.kill()
    assert (home.path / "control.sock").exists()
    assert home.run("seller", "list") == {"sellers": []}
    home.start()
    assert home.stop() == 0


def test_a_home_may_lie_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with Home.make(deep) as home:
        home.start()
        assert home.run("seller", "list") == {"sellers": []}
        assert home.stop() == 0
